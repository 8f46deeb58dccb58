"""What a rule is worth to someone who believes q: answering, abstaining, and the better of the two."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from simlab.errors import BadInput
from simlab.grading.rules import ConfidenceRule, Rule, check_confidence_rule, check_rule
from simlab.inputs import chances, finite, outcomes, same_shape


def expected_score(
    rule: Rule, belief: Float[np.ndarray, " rows"], answered: Bool[np.ndarray, " rows"] | None = None
) -> Float[np.ndarray, " rows"]:
    """Return q correct + (1 - q) wrong of each row that is ``answered`` (all, unless told), else what abstaining earns.

    Under ``confidence_target(t)`` that is (q - t)/(1 - t). ``belief`` q is the probability that the answer is right.
    Raises ``BadInput`` where one is no number from 0 to 1, and where ``answered`` has another shape or holds anything
    but 0 and 1. Source: KNVZ 2025, section 4.2.
    """
    check_rule(rule)
    q = chances("belief", belief, None)
    worth = q * rule.correct + (1.0 - q) * rule.wrong
    if answered is None:
        return worth
    gives = outcomes("answered", answered, None)
    same_shape("answered", gives, q.shape, "belief")
    return np.where(gives, worth, rule.abstain)


def expected_score_of_confidence(
    rule: ConfidenceRule, belief: Float[np.ndarray, " rows"], stated: Float[np.ndarray, " rows"] | float
) -> Float[np.ndarray, " rows"]:
    """Return q right(c) + (1 - q) wrong(c): what stating c earns in the mean at a belief q.

    An outcome of probability 0 counts nothing, even where its score is -inf. Raises ``BadInput`` outside [0, 1], and
    where ``stated`` is neither one number nor of the shape of ``belief``.
    """
    check_confidence_rule(rule)
    q, c = chances("belief", belief, None), chances("stated", stated, None)
    if c.ndim:
        same_shape("stated", c, q.shape, "belief")
    with np.errstate(invalid="ignore"):
        return np.where(q > 0, q * rule.right(c), 0.0) + np.where(q < 1, (1.0 - q) * rule.wrong(c), 0.0)


def answers(rule: Rule, belief: Float[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
    """Return the optimal policy: answer iff that earns strictly more than abstaining, q > ``rule.break_even``.

    Raises ``BadInput`` where a belief is no number from 0 to 1.
    """
    check_rule(rule)
    return chances("belief", belief, None) > rule.break_even


def optimal_value(
    rule: Rule, belief: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"] | None = None
) -> float:
    """Return the mean score of the optimal policy, abstain + (correct - wrong) E[(q - q*)+] with q* the break-even.

    E[(q - t)+]/(1 - t) under ``confidence_target(t)``. Rows count by ``weight``, equally unless told. Raises
    ``BadInput`` for a belief outside [0, 1], and for weights that are negative or sum to 0.
    """
    check_rule(rule)
    gain = np.maximum(chances("belief", belief, None) - rule.break_even, 0.0)
    return rule.abstain + (rule.correct - rule.wrong) * weighted_mean(gain, weight)


def weighted_mean(values: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"] | None) -> float:
    """Return the mean of ``values`` by ``weight``. Raises ``BadInput`` for weights that are no weights, and no rows."""
    if not np.size(values):
        raise BadInput("belief has no rows: give at least one")
    if weight is None:
        return float(np.mean(values))
    w = finite("weight", weight, None, 0.0)
    same_shape("weight", w, np.shape(values), "belief")
    if not w.sum() > 0:
        raise BadInput("weight sums to 0: at least one row must count")
    return float(np.sum(w * values) / np.sum(w))
