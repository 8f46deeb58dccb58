"""What grading rewards: Observation 1 with its size, and the most that any policy can score.

A rule gives ``correct`` points to a right answer, ``wrong`` to a wrong one and ``abstain`` to none. Who believes the
best of n answers has at least 1/n of the probability, so that guessing is worth at least (correct - wrong)/n + wrong.
"""

from __future__ import annotations

from simlab.bounds.domain import finite, whole
from simlab.bounds.report import KNVZ, BoundReport, Theorem

OBSERVATION_1 = Theorem(
    slug="guessing_from_grading",
    name="Observation 1",
    kind="deterministic",
    direction="lower",
    quantity="price_of_abstaining",
    statement="price_of_abstaining >= (correct - wrong)/n + wrong - abstain for n plausible answers, one of which is "
    "right; 1/n under binary grading, so that no abstention is ever a best response",
    source=f"{KNVZ}, Observation 1; its size by counting",
    test="tests/test_grading.py::test_observation_1_and_what_breaks_it",
    experiment="experiments/rank_from_grading.py",
    assumes_iid=False,
)
BEST_POLICY = Theorem(
    slug="score_from_confidence",
    name="Confidence target",
    kind="deterministic",
    direction="upper",
    quantity="score",
    statement="score <= abstain + (correct - wrong) E[(q - q*)+] for every policy, q the chance of being right and q* "
    "the break-even; E[(q - t)+]/(1 - t) under a target t, reached by answering iff q > t",
    source=f"{KNVZ}, section 4.2",
    test="tests/test_grading.py::test_no_policy_beats_the_optimal_value",
    experiment="experiments/rank_from_grading.py",
    assumes_iid=False,
)


def guessing_from_grading(
    price_of_abstaining: float | None, n_answers: int, correct: float = 1.0, wrong: float = 0.0, abstain: float = 0.0
) -> BoundReport:
    """Return Observation 1 with its size: best answer less abstaining >= (correct - wrong)/n + wrong - abstain.

    ``price_of_abstaining`` is the largest expected score of an answer less that of abstaining, for any distribution
    over graders each of which accepts at least one of ``n_answers`` answers; attained where all are equally likely and
    one is accepted. The rule is binary unless told. Raises ``BadInput`` for numbers that are not finite or no count.
    Source: arXiv 2509.04664 v1, Observation 1.
    """
    terms = {"guess": (finite("correct", correct) - finite("wrong", wrong)) / whole("n_answers", n_answers)}
    terms |= {"wrong": wrong, "abstain": finite("abstain", abstain)}
    seen = None if price_of_abstaining is None else finite("price_of_abstaining", price_of_abstaining)
    return OBSERVATION_1.report(terms["guess"] + terms["wrong"] - terms["abstain"], seen, terms)


def score_from_confidence(
    score: float | None, mean_excess: float, correct: float = 1.0, wrong: float = 0.0, abstain: float = 0.0
) -> BoundReport:
    """Return the bound on any policy's expected score: abstain + (correct - wrong) E[(q - q*)+].

    ``mean_excess`` = E[(q - q*)+] with q* = (abstain - wrong)/(correct - wrong), a mean over questions of the chance q
    that the best answer is right. The slack is what a policy loses by answering, or abstaining, where that does not
    pay. Raises ``BadInput`` for numbers that are not finite. Source: arXiv 2509.04664 v1, section 4.2.
    """
    span = finite("correct", correct) - finite("wrong", wrong)
    terms = {"abstain": finite("abstain", abstain), "gain": span * finite("mean_excess", mean_excess)}
    return BEST_POLICY.report(sum(terms.values()), None if score is None else finite("score", score), terms)
