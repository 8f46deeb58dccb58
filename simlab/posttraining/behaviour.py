"""How a policy behaves when it is asked: error, abstention, accuracy, score, delta and ECE, as exact sums.

What is asked may be other prompts than were graded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from simlab.corpora import Corpus, Listed, Truth
from simlab.errors import BadInput
from simlab.grading import Rule
from simlab.grading.rules import check_rule
from simlab.inputs import ROUNDING, chances, count, finite, same_length
from simlab.measures import Measures, observe
from simlab.pairs import Pairs, lay_out, tabulate
from simlab.posttraining.climbs import Posttrained, table_of
from simlab.posttraining.enumeration import Responses, restate
from simlab.posttraining.graders import chosen_of, popularity_of, right_of
from simlab.posttraining.policies import Policy
from simlab.seeds import Streams
from simlab.worlds import World

BINS = 10
MOST_BINS = 10**6


@dataclass(frozen=True)
class Behaviour:
    """What a policy does with a question c ~ mu; the shares sum to 1.

    ``accuracy``: right answers; ``abstention``: IDK; ``error``: wrong answers, nonsense included.
    ``accuracy_answered`` = accuracy / (1 - abstention) and ``ece`` (see ``expected_calibration_error``) are NaN where
    nothing is answered, which they do not apply to. ``measures`` are those of Theorem 1, delta among them.
    """

    accuracy: float
    abstention: float
    error: float
    accuracy_answered: float
    confidence: float
    ece: float
    measures: Measures

    @property
    def calibration_gap(self) -> float:
        """delta, at Theorem 1's threshold."""
        return float(self.measures.calibration_gap)

    def score(self, rule: Rule) -> float:
        """The mean score under a rule: accuracy x correct + error x wrong + abstention x abstain."""
        check_rule(rule)
        return self.accuracy * rule.correct + self.error * rule.wrong + self.abstention * rule.abstain

    @property
    def columns(self) -> dict[str, float]:
        """The measures as columns of a table of replicates."""
        names = ("accuracy", "abstention", "accuracy_answered", "confidence", "ece")
        return {name: getattr(self, name) for name in names} | self.measures.columns


def behave(
    truth: World | Truth,
    corpus: Corpus | Listed,
    responses: Responses,
    policy: Float[np.ndarray, "rows columns"] | Posttrained | Policy,
    *,
    streams: Streams,
    prompts: Bool[np.ndarray, " rows"] | None = None,
    bins: int = BINS,
) -> Behaviour:
    """Ask ``prompts`` of a listed corpus (all, unless told), or all prompts of cells, as often as mu says.

    ``policy`` is pi(r|c) of each response, or what post-training returns. Confidence is the policy's own in its best
    answer, given that it answers. Cells of a learner that guesses are taken in the mean over which answer is right, but
    for delta and the measures of Theorem 1, which draw it (stream ``truth``). Raises ``BadInput`` for no prompts, for a
    choice of cells, and for what is no policy over ``responses``.
    """
    policy = table_of(policy, responses)
    right, mu = right_of(truth, corpus, responses), popularity_of(truth, corpus)
    if prompts is not None:
        if isinstance(corpus, Corpus):
            raise BadInput("prompts names some rows of cells: of cells all are asked, or list the corpus")
        mu = mu * chosen_of(prompts, len(mu), "asked")
    if not mu.sum() > 0:
        raise BadInput("prompts names none: give at least one to be asked")
    mu = mu / mu.sum()
    mass = policy * responses.sizes
    accuracy = float((mu * (mass * right).sum(1)).sum())
    abstention = float((mu * mass[:, responses.idk]).sum())
    answers = np.where(responses.is_answer, mass, 0.0)
    each, answered = np.where(responses.is_answer, policy, 0.0), answers.sum(1)
    best = each.argmax(1)
    rows = np.arange(len(best))
    confidence = each[rows, best] / np.where(answered > 0, answered, 1.0)
    weight = mu * answered
    total = float(weight.sum())
    if isinstance(truth, Truth):
        seen = observe(_pairs(truth, responses, policy, mu, right))
    else:
        seen = observe(tabulate(truth, corpus, restate(responses, policy, "policy"), streams))
    return Behaviour(
        accuracy,
        abstention,
        max(0.0, 1.0 - accuracy - abstention),
        accuracy / (1.0 - abstention) if total > 0 else float("nan"),
        float((weight * confidence).sum()) / total if total > 0 else float("nan"),
        expected_calibration_error(confidence, right[rows, best], weight, bins) if total > 0 else float("nan"),
        seen,
    )


def _pairs(
    truth: Truth,
    responses: Responses,
    policy: Float[np.ndarray, "rows columns"],
    mu: Float[np.ndarray, " rows"],
    right: Float[np.ndarray, "rows columns"],
) -> Pairs:
    """The table of pairs of the prompts that are asked."""
    asked, idk = mu > 0, responses.idk
    alpha = truth.world.answer_rate[truth.fact_class][asked]
    exists = responses.sizes[asked, : idk + 1] > 0
    valid = right[asked, : idk + 1] > 0
    p = valid * alpha[:, None]
    p[:, idk], valid[:, idk] = 1.0 - alpha, exists[:, idk]
    nonsense = policy[asked, idk + 1] if responses.fit.nonsense is not None else None
    return lay_out(p, policy[asked, : idk + 1], valid, mu=mu[asked], exists=exists, nonsense=nonsense)


def expected_calibration_error(
    confidence: Float[np.ndarray, " rows"],
    accuracy: Float[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
    bins: int = BINS,
) -> float:
    """ECE: sum over bins of |sum of weight x (accuracy - confidence)| over the sum of the weights.

    ``bins`` of equal width over [0, 1], each closed above. ``accuracy`` is the chance that the best answer is right and
    ``weight`` how often it is given, so that nothing is sampled: it is the value that ``simlab.calibration.ece``
    estimates from answers. Raises ``BadInput`` for arrays of unequal length, for chances outside [0, 1], for weights
    that are negative or 0 everywhere, and for more than 1e6 bins. Source: Guo et al. 2017, arXiv 1706.04599, with
    equal-width bins.
    """
    bins, weight = count("bins", bins, 1, MOST_BINS), finite("weight", weight, least=0.0)
    confidence = chances("confidence", confidence, stray=ROUNDING)
    accuracy = chances("accuracy", accuracy, stray=ROUNDING)
    same_length("accuracy", accuracy, "confidence", confidence)
    same_length("weight", weight, "confidence", confidence)
    if not weight.sum() > 0:
        raise BadInput("weight sums to 0: nothing is answered, and what is not answered has no calibration")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    excess = np.bincount(place, weight * (accuracy - confidence), minlength=bins)
    return float(abs(excess).sum() / weight.sum())
