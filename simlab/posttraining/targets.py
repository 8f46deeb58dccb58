"""Questions that state their confidence target, and the audit of a policy at all targets at once.

With the target in the question one policy can serve every t: answer iff the confidence exceeds t. It is behaviourally
calibrated (KNVZ 2025, arXiv 2509.04664, section 4.2) where what is answered at a target t is right at least as often as
t says, and no more is answered the more is asked for. A policy that is not told t can be best at one target alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from simlab.errors import BadInput
from simlab.estimates import check_number
from simlab.inputs import ROUNDING, chances, finite, numbers, refuse
from simlab.models import TableFit
from simlab.posttraining.enumeration import Responses, check_responses
from simlab.posttraining.graders import Grader
from simlab.records import brief


def at_each_target(responses: Responses, graders: Sequence[Grader]) -> tuple[Responses, Grader]:
    """Ask every prompt once a grader: rows of the first grader, then of the second, all graders as likely.

    A policy of the responses returned may tell the graders apart (by features of its rows that state the target) or
    not. Raises ``BadInput`` for no graders, for graders of other prompts, and for cells, which have no rows to repeat.
    """
    check_responses(responses)
    fit, n = responses.fit, len(graders)
    if not isinstance(fit, TableFit):
        raise BadInput("targets are stated in single questions: give the responses of a listed corpus, not of cells")
    if n == 0 or any(one.passed.shape != responses.base.shape for one in graders):
        raise BadInput(f"graders: give at least one, each for the {len(responses.base)} rows of the responses")
    nonsense = None if fit.nonsense is None else np.tile(fit.nonsense, n)
    many = Responses(
        replace(fit, p_hat=np.tile(fit.p_hat, (n, 1)), nonsense=nonsense),
        np.tile(responses.base, (n, 1)),
        np.tile(responses.sizes, (n, 1)),
        np.tile(responses.facts, n),
        responses.idk,
    )
    together = replace(
        graders[0],
        asked=np.concatenate([one.asked for one in graders]) / n,
        passed=np.concatenate([one.passed for one in graders]),
        points=np.concatenate([one.points for one in graders]),
    )
    return many, together


@brief
@dataclass(frozen=True, eq=False)
class TargetAudit:
    """A policy at several confidence targets: how much it answers, and what that and what it withholds is worth.

    ``accuracy_answered``: how often an answer given is right, and ``kept`` whether that is at least the target;
    ``accuracy_withheld``: how often the best answer would have been right where IDK was said, and ``spared`` whether
    that is at most the target. Both are NaN, and the demand is met, where there is nothing of the kind. ``nested``:
    whether no prompt is answered more often at a higher target than at a lower one.
    """

    targets: Float[np.ndarray, " targets"]
    coverage: Float[np.ndarray, " targets"]
    accuracy_answered: Float[np.ndarray, " targets"]
    accuracy_withheld: Float[np.ndarray, " targets"]
    kept: Bool[np.ndarray, " targets"]
    spared: Bool[np.ndarray, " targets"]
    nested: bool

    @property
    def calibrated(self) -> bool:
        """Whether the policy neither bluffs nor holds back at any target, and answers less the more is asked."""
        return bool(self.kept.all() and self.spared.all()) and self.nested


def audit_targets(
    targets: Sequence[float],
    answered: Float[np.ndarray, "targets prompts"],
    right: Float[np.ndarray, "targets prompts"],
    best: Float[np.ndarray, " prompts"],
    weight: Float[np.ndarray, " prompts"],
    *,
    tolerance: float = 1e-9,
) -> TargetAudit:
    """Audit one policy at all ``targets``: the chance that each prompt is ``answered``, and rightly, at each of them.

    ``best``: the chance that the model's best answer to a prompt is right. Over prompts by ``weight``, accuracy among
    the answered is sum of ``right`` / sum of ``answered``, among the withheld sum of (1 - answered) best / sum of (1 -
    answered). What is withheld less often than ``tolerance`` counts as answered, and the reverse. Raises ``BadInput``
    unless the targets rise from at least 0 to below 1, all chances are from 0 to 1, some weight is positive and none
    negative, and the shapes agree. Source: KNVZ 2025, arXiv 2509.04664, section 4.2, which asks for
    accuracy above t; that no more be withheld than t asks for is the other half of "answer iff confidence > t".
    """
    t = numbers("targets", targets)
    refuse("targets", t, ~((t >= 0) & (t < 1)), "a confidence target must be a number from 0 to below 1")
    if len(t) < 2 or not (np.diff(t) > 0).all():
        raise BadInput(f"targets = {list(targets)}: give at least two confidence targets that rise")
    answered, right = chances("answered", answered, 2, ROUNDING), chances("right", right, 2, ROUNDING)
    best, weight = chances("best", best, 1, ROUNDING), finite("weight", weight, least=0.0)
    tolerance = check_number("tolerance", tolerance, 0.0)
    if answered.shape != right.shape or answered.shape != (len(t), len(weight)) or best.shape != weight.shape:
        raise BadInput(f"answered has shape {answered.shape}: give one row a target and one column a prompt")
    refuse("right", right, right > answered + ROUNDING, "must be at most answered, of which it is a part")
    if not weight.sum() > 0:
        raise BadInput("weight sums to 0: at least one prompt must count")
    share = weight / weight.sum()
    coverage, idk = answered @ share, (1.0 - answered) @ share
    among = _ratio(right @ share, coverage, tolerance)
    withheld = _ratio((1.0 - answered) @ (share * best), idk, tolerance)
    return TargetAudit(
        t,
        coverage,
        among,
        withheld,
        np.isnan(among) | (among >= t - tolerance),
        np.isnan(withheld) | (withheld <= t + tolerance),
        bool((np.diff(answered, axis=0) <= tolerance).all()),
    )


def _ratio(part: np.ndarray, whole: np.ndarray, tolerance: float) -> Float[np.ndarray, " targets"]:
    """part / whole, NaN where the whole is nothing."""
    return np.asarray(np.where(whole > tolerance, part / np.where(whole > tolerance, whole, 1.0), np.nan))
