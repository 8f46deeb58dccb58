"""Scoring rules as records: what an answer earns that is right, one that is wrong, and none at all.

A rule for answers is three numbers, a rule for stated confidences two functions. Neither knows a question or a model:
``simlab.grading.policies`` says what they are worth at a belief, ``simlab.grading.rewards`` what they really reward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.errors import BadInput, shown
from simlab.estimates import check_number
from simlab.inputs import a_kind, chances, count, numbers, outcomes, refuse, same_length

KNVZ = "Kalai, Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1, section 4"


@dataclass(frozen=True, slots=True)
class Rule:
    """Points of one question: ``correct`` and ``wrong`` for an answer, ``abstain`` for none.

    ``stated`` is the confidence above which the rule's own text says to answer, None where it says nothing; whether
    the points agree is ``check_stated``'s question. Raises ``BadInput`` unless the points are finite numbers and a
    right answer earns more than a wrong one.
    """

    name: str
    correct: float
    wrong: float
    abstain: float
    source: str
    stated: float | None = None

    def __post_init__(self) -> None:
        for part in ("correct", "wrong", "abstain"):
            object.__setattr__(self, part, check_number(part, getattr(self, part)))
        if self.correct <= self.wrong:
            raise BadInput(
                f"correct = {self.correct:g} and wrong = {self.wrong:g}: a right answer must earn more than a wrong one"
            )
        if self.stated is not None:
            object.__setattr__(self, "stated", check_target(self.stated, "stated"))

    @property
    def break_even(self) -> float:
        """q* = (abstain - wrong) / (correct - wrong): the belief at which answering earns what abstaining earns.

        Below 0 where even an answer known to be wrong earns more than none, above 1 where no answer earns as much.
        """
        return (self.abstain - self.wrong) / (self.correct - self.wrong)


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """Points of a stated confidence c in [0, 1]: ``right``(c) where the answer is right, ``wrong``(c) where it is not.

    Both take and return arrays; more is better. -inf is a score (the logarithm of a certainty that fails).
    """

    name: str
    right: Callable[[Float[np.ndarray, ...]], Float[np.ndarray, ...]]
    wrong: Callable[[Float[np.ndarray, ...]], Float[np.ndarray, ...]]
    source: str


def binary() -> Rule:
    """One point for a right answer, nothing for a wrong one or for none: what nearly every benchmark does."""
    return Rule("binary", 1.0, 0.0, 0.0, KNVZ)


def confidence_target(t: float) -> Rule:
    """One point for a right answer, -t/(1-t) for a wrong one, 0 for abstaining: answering pays iff q > t.

    t = 0 is binary grading; t = .5, 2/3, .75 and .9 cost 1, 2, 3 and 9 points. Raises ``BadInput`` unless 0 <= t < 1.
    Source: KNVZ 2025, section 4.2 (which prints 2 for .75, a slip).
    """
    t = check_target(t)
    return Rule(f"target_{t:.4g}", 1.0, -penalty_of(t), 0.0, KNVZ, stated=t)


def affine_target(t: float) -> Rule:
    """One point for a right answer, t for abstaining, 0 for a wrong one: ``confidence_target(t)`` times 1 - t, plus t.

    The same break-even and the same ranking, without negative points. Raises ``BadInput`` unless 0 <= t < 1.
    """
    t = check_target(t)
    return Rule(f"affine_{t:.4g}", 1.0, 0.0, t, f"{KNVZ}, up to an affine map", stated=t)


def penalised(penalty: float, stated: float | None = None) -> Rule:
    """One point for a right answer, -``penalty`` for a wrong one, 0 for abstaining; ``stated`` is what its text says.

    Raises ``BadInput`` unless the penalty is a finite number of at least 0 and ``stated``, where given, is a target.
    """
    cost = check_number("penalty", penalty, 0.0)
    return Rule(f"penalty_{cost:.4g}", 1.0, -cost, 0.0, KNVZ, stated=stated)


def negative_marking(choices: int) -> Rule:
    """One point for a right answer, -1/(k-1) for a wrong one of k ``choices``: a blind guess earns nothing in the mean.

    Answering pays iff q > 1/k: it takes the profit out of blind guessing and out of nothing else. Raises ``BadInput``
    for fewer than 2 choices. Source: formula scoring, as in the SAT before 2016 (k = 5).
    """
    k = count("choices", choices, 2)
    return Rule(f"negative_marking_{k}", 1.0, -1.0 / (k - 1), 0.0, "formula scoring, SAT before 2016")


def partial_credit(credit: float) -> Rule:
    """One point for a right answer, ``credit`` for abstaining, nothing for a wrong one: answering pays iff q > credit.

    Raises ``BadInput`` unless the credit is a number from 0 to 1.
    """
    part = check_number("credit", credit, 0.0, 1.0)
    return Rule(f"credit_{part:.4g}", 1.0, 0.0, part, KNVZ)


EXAMS: tuple[Rule, ...] = (
    Rule("sat", 1.0, -0.25, 0.0, "College Board, multiple-choice questions of the SAT before 2016, 5 choices"),
    Rule("gre_subject", 1.0, -0.25, 0.0, "Educational Testing Service, GRE Subject Tests on paper, 5 choices"),
    Rule("jee_main", 4.0, -1.0, 0.0, "National Testing Agency, JEE Main, multiple-choice questions, 4 choices"),
    Rule("amc", 6.0, 0.0, 1.5, "Mathematical Association of America, AMC 10 and 12, 5 choices"),
)
"""Examinations that do not grade in a binary way. Of a blind guess: the SAT makes it a fair bet, the JEE still pays
for it (break-even .2 with 4 choices), the AMC charges for it (.25 with 5)."""


def brier() -> ConfidenceRule:
    """1 - (y - c)^2 of a stated confidence c and y = 1 where right, else 0: proper. Source: Brier 1950."""
    return ConfidenceRule("brier", _brier_right, _brier_wrong, "Brier 1950, Monthly Weather Review 78, 1")


def logarithmic() -> ConfidenceRule:
    """ln c where right, ln(1 - c) where wrong: proper, and -inf for a certainty that fails. Source: Good 1952."""
    return ConfidenceRule("logarithmic", _log_right, _log_wrong, "Good 1952, J. Royal Statistical Society B 14, 107")


def absolute() -> ConfidenceRule:
    """1 - |y - c|: not proper, its optimum states 0 or 1 whatever is believed; the rule to show what properness is."""
    return ConfidenceRule("absolute", _linear_right, _linear_wrong, "Brier 1950's rule without the square")


def _brier_right(c: Any) -> Any:
    return 1.0 - (1.0 - c) ** 2


def _brier_wrong(c: Any) -> Any:
    return 1.0 - c**2


def _log_right(c: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(c)


def _log_wrong(c: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log1p(-c)


def _linear_right(c: Any) -> Any:
    return c


def _linear_wrong(c: Any) -> Any:
    return 1.0 - c


TARGETS = (0.0, 0.5, 2 / 3, 0.75, 0.9)
"""Confidence targets that are in use; their penalties are 0, 1, 2, 3 and 9."""


def penalty_of(t: float) -> float:
    """t/(1-t), what a wrong answer must cost so that answering pays iff q > t, a right one earning 1, none 0."""
    return check_target(t) / (1.0 - t)


def threshold_of(penalty: float) -> float:
    """L/(1+L), the confidence from which on answering pays at a penalty L: the inverse of ``penalty_of``."""
    cost = check_number("penalty", penalty, 0.0)
    return cost / (1.0 + cost)


def check_target(t: Any, name: str = "t") -> float:
    """Return ``t`` as a float. Raises ``BadInput`` unless it is a number with 0 <= t < 1."""
    try:
        found = check_number(name, t, 0.0, 1.0)
    except BadInput:
        found = 1.0
    if found < 1.0:
        return found
    raise BadInput(f"{name} = {shown(t)}: a confidence target must be a number from 0 to below 1, such as 0.75")


def points(
    rule: Rule, correct: Bool[np.ndarray, " rows"], answered: Bool[np.ndarray, " rows"] | None = None
) -> Float[np.ndarray, " rows"]:
    """Return what each row earns: ``correct`` or not where ``answered`` (everywhere, unless told), else abstention.

    ``correct`` is not looked at where a row abstains. Regrading at a target is ``answered = confidence > t``. Raises
    ``BadInput`` where the two differ in length, and for an outcome that is neither 0 nor 1.
    """
    check_rule(rule)
    right = numbers("correct", correct)
    gives = np.ones(len(right), dtype=bool) if answered is None else outcomes("answered", answered)
    same_length("answered", gives, "correct", right)
    refuse("correct", right, gives & ~((right == 0) | (right == 1)), "must be 0 or 1")
    return np.where(gives, np.where(right == 1, rule.correct, rule.wrong), rule.abstain)


def points_of_confidence(
    rule: ConfidenceRule, confidence: Float[np.ndarray, " rows"], correct: Bool[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """Return what each stated confidence earns.

    Raises ``BadInput`` where one is no number from 0 to 1, for an outcome that is neither 0 nor 1, and where the two
    differ in length.
    """
    check_confidence_rule(rule)
    stated, right = chances("confidence", confidence), outcomes("correct", correct)
    same_length("confidence", stated, "correct", right)
    return np.where(right, rule.right(stated), rule.wrong(stated))


def check_rule(rule: Any) -> None:
    """Raise ``BadInput`` unless ``rule`` is a ``Rule``: a name is none."""
    a_kind("rule", rule, Rule, "a Rule, such as binary() or confidence_target(0.75)")


def check_confidence_rule(rule: Any) -> None:
    """Raise ``BadInput`` unless ``rule`` is a ``ConfidenceRule``."""
    a_kind("rule", rule, ConfidenceRule, "a ConfidenceRule, such as brier() or logarithmic()")
