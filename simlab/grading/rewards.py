"""What a rule really rewards, found by search over beliefs and statements and by no formula.

A rule for answers rewards answering from some belief on; a rule for confidences rewards some statement at each belief,
and is proper where that is the belief itself. Where the text of a rule says otherwise a sentence says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simlab.errors import BadInput
from simlab.estimates import check_number
from simlab.grading.policies import expected_score_of_confidence
from simlab.grading.rules import ConfidenceRule, Rule, check_confidence_rule, check_rule, check_target, penalty_of

CLOSE = 1e-9
"""A threshold this near to the stated one is the stated one: rounding of t/(1-t) moves it less."""

BELIEFS = np.linspace(0.0, 1.0, 41)
STATEMENTS = np.linspace(0.0, 1.0, 2_001)


@dataclass(frozen=True, slots=True)
class Properness:
    """Whether stating what one believes is best: ``gap`` is the largest distance found between the two.

    At ``belief`` the best statement is ``statement``; ``proper`` where no belief has its optimum elsewhere.
    """

    proper: bool
    gap: float
    belief: float
    statement: float


@dataclass(frozen=True, slots=True)
class Stated:
    """What the text of a rule states, what its points reward, whether the two agree, and the sentence that says so."""

    stated: float
    rewarded: float
    agrees: bool
    sentence: str


def rewarded_threshold(rule: Rule) -> float:
    """Return the belief from which on answering earns more than abstaining, by bisection on the mean score.

    0 where every answer pays, however unlikely, and 1 where none does. It asks only what the three outcomes earn, so it
    checks ``Rule.break_even`` and t -> t/(1-t) rather than repeating them.
    """
    check_rule(rule)

    def pays(q: float) -> bool:
        return q * rule.correct + (1.0 - q) * rule.wrong > rule.abstain

    if not pays(1.0):
        return 1.0
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if pays(middle) else (middle, high)
        if high < 1e-18:  # every belief above 0 pays
            return 0.0
    return high


def best_statement(rule: ConfidenceRule, belief: float) -> float:
    """Return the confidence whose statement earns most at ``belief``, by a grid that is refined around its best point.

    Accurate to about 1e-8, for scores that have one peak between neighbours of a grid of 2,001 points; of equally good
    statements the one nearest to the belief. Raises ``BadInput`` for a belief outside [0, 1].
    """
    check_confidence_rule(rule)
    belief = check_number("belief", belief, 0.0, 1.0)
    grid = STATEMENTS
    while True:
        worth = expected_score_of_confidence(rule, np.full(len(grid), belief), grid)
        best = np.flatnonzero(worth >= np.max(worth))
        place = int(best[np.abs(grid[best] - belief).argmin()])
        low, high = grid[max(0, place - 1)], grid[min(len(grid) - 1, place + 1)]
        if high - low < 1e-9:
            return float(grid[place])
        grid = np.linspace(low, high, 201)


def properness(rule: ConfidenceRule, tolerance: float = 1e-6) -> Properness:
    """Search 41 beliefs from 0 to 1 for one whose best statement is another number, by more than ``tolerance``.

    Raises ``BadInput`` unless the tolerance is a finite number of at least 0.
    """
    check_number("tolerance", tolerance, 0.0)
    found = [(abs(best_statement(rule, q) - q), q) for q in BELIEFS.tolist()]
    gap, belief = max(found)
    return Properness(gap <= tolerance, gap, belief, best_statement(rule, belief))


def check_stated(rule: Rule, stated: float | None = None) -> Stated:
    """Compare the confidence that a rule's text states (``rule.stated``, or ``stated``) with the one it rewards.

    The penalty of the sentence is in units of what a right answer earns above abstaining. Known slip: a penalty of 2
    at a stated 75 % rewards answering from 2/3 on; 75 % needs 3. Raises ``BadInput`` where nothing is stated.
    """
    check_rule(rule)
    told = rule.stated if stated is None else stated
    if told is None:
        raise BadInput(f"rule {rule.name!r} states no confidence: give stated, such as stated=0.75")
    told, found = check_target(told, "stated"), rewarded_threshold(rule)
    if abs(found - told) <= CLOSE:
        return Stated(told, found, True, f"answering pays above {_share(found)}, as stated")
    needed = f"a target of {_share(told)} needs a penalty of {penalty_of(told):.4g}"
    if rule.correct <= rule.abstain:
        return Stated(told, found, False, f"no answer earns more than abstaining, whatever is stated; {needed}")
    cost = (rule.abstain - rule.wrong) / (rule.correct - rule.abstain)
    says = f"the text states {_share(told)} and "
    says += f"a penalty of {cost:.4g} rewards" if cost > 0 else "no penalty, which rewards"
    return Stated(told, found, False, f"{says} answering from {_share(found)} on: {needed}")


def _share(q: float) -> str:
    """A confidence as a percentage, and as the simple fraction that it is where the percentage is not whole."""
    simple = Fraction(q).limit_denominator(20)
    percent = f"{100 * q:.4g}%"
    return percent if abs(simple - q) > CLOSE or 100 % simple.denominator == 0 else f"{simple} ({percent})"
