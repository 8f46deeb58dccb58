"""Scoring rules: closed forms against search, Observation 1 by enumeration and by hypothesis, and what breaks them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from simlab import bounds, grading
from simlab.errors import BadInput
from simlab.grading import Rule, confidence_target

SHARES = st.floats(0, 1)
RULES = (
    grading.binary(),
    confidence_target(0.5),
    confidence_target(0.75),
    grading.affine_target(0.9),
    grading.negative_marking(5),
    grading.partial_credit(0.3),
    grading.penalised(2.0),
    *grading.EXAMS,
    Rule("bluff", 9.5, 5.5, 3.5, "a rubric that pays for any answer"),
    Rule("silence", 1.0, 0.0, 1.5, "a rule that pays for none"),
)
by_name = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


# closed forms


@pytest.mark.parametrize(("t", "penalty"), [(0, 0), (0.5, 1), (2 / 3, 2), (0.75, 3), (0.9, 9)])
def test_the_table_of_penalties(t: float, penalty: float) -> None:
    assert grading.penalty_of(t) == pytest.approx(penalty, rel=1e-14)
    assert grading.threshold_of(penalty) == pytest.approx(t, rel=1e-14)
    assert confidence_target(t).wrong == pytest.approx(-penalty, rel=1e-14)
    assert any(t == one for one in grading.TARGETS)


@given(t=st.floats(0, 0.999), q=SHARES)
def test_answering_at_q_scores_q_less_t_over_1_less_t(t: float, q: float) -> None:
    rule, belief = confidence_target(t), np.array([q])
    worth = float(grading.expected_score(rule, belief)[0])
    assert worth == pytest.approx((q - t) / (1 - t), abs=1e-9)
    assert bool(grading.answers(rule, belief)[0]) == (worth > 0) or abs(q - t) < 1e-9
    affine = grading.affine_target(t)
    assert float(grading.expected_score(affine, belief)[0]) == pytest.approx(t + (1 - t) * worth, abs=1e-9)
    assert affine.break_even == pytest.approx(t, abs=1e-12)


@by_name
def test_the_break_even_is_where_the_mean_score_crosses_abstaining(rule: Rule) -> None:
    """The formula, the bisection, and a root finder on simulated points agree."""
    inside = min(1.0, max(0.0, rule.break_even))
    assert grading.rewarded_threshold(rule) == pytest.approx(inside, abs=1e-12)
    if 0 < rule.break_even < 1:
        root = brentq(lambda q: q * rule.correct + (1 - q) * rule.wrong - rule.abstain, 0, 1)
        assert root == pytest.approx(rule.break_even, abs=1e-10)


@given(t=st.floats(0, 0.99))
def test_a_target_rewards_what_it_states(t: float) -> None:
    assert grading.rewarded_threshold(confidence_target(t)) == pytest.approx(t, abs=1e-12)
    assert grading.check_stated(confidence_target(t)).agrees
    assert grading.check_stated(grading.affine_target(t)).agrees


def test_the_examinations_and_a_blind_guess() -> None:
    worth = {
        rule.name: rule.correct / k + rule.wrong * (1 - 1 / k) - rule.abstain
        for rule, k in zip(grading.EXAMS, (5, 5, 4, 5), strict=True)
    }
    assert worth["sat"] == pytest.approx(0, abs=1e-15)
    assert worth["gre_subject"] == pytest.approx(0, abs=1e-15)
    assert worth["jee_main"] > 0
    assert worth["amc"] < 0
    for choices in (2, 4, 10):
        rule = grading.negative_marking(choices)
        assert rule.break_even == pytest.approx(1 / choices)
        assert float(grading.expected_score(rule, np.array([1 / choices]))[0]) == pytest.approx(0, abs=1e-15)


# optimal policy and value


@by_name
def test_no_policy_beats_the_optimal_value(rule: Rule) -> None:
    """Every policy over five beliefs, by enumeration; the optimal one reaches it, and the bound of the catalogue."""
    belief, weight = np.array([0.02, 0.2, 0.5, 0.7, 0.95]), np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    best = grading.optimal_value(rule, belief, weight)
    excess = float((weight / 8) @ np.maximum(belief - rule.break_even, 0))
    bound = bounds.score_from_confidence(None, excess, rule.correct, rule.wrong, rule.abstain).value
    assert best == pytest.approx(bound, abs=1e-12)
    scores = {}
    for policy in itertools.product((False, True), repeat=5):
        scores[policy] = float((weight / 8) @ grading.expected_score(rule, belief, np.array(policy)))
    assert max(scores.values()) == pytest.approx(best, abs=1e-12)
    chosen = tuple(bool(one) for one in grading.answers(rule, belief))
    assert scores[chosen] == pytest.approx(best, abs=1e-12)
    assert min(scores.values()) < best - 1e-3
    raised = bounds.score_from_confidence(best, 0.9 * excess, rule.correct, rule.wrong, rule.abstain)
    assert raised.slack < -1e-9 or excess == 0  # a smaller constant would be violated


@pytest.mark.parametrize("t", [0.0, 0.5, 0.75, 0.9])
def test_the_optimal_value_of_a_law_of_beliefs_is_its_integral(t: float) -> None:
    """E[(q - t)+]/(1 - t), by quadrature, for beliefs with the density 6 q (1 - q)."""
    exact = quad(lambda q: 6 * q * (1 - q) * max(q - t, 0.0) / (1 - t), t, 1)[0]
    beliefs = (np.arange(200_000) + 0.5) / 200_000
    found = grading.optimal_value(confidence_target(t), beliefs, 6 * beliefs * (1 - beliefs))
    assert found == pytest.approx(exact, abs=1e-8)


def test_one_policy_is_optimal_at_every_target() -> None:
    """Answer iff q > t: accuracy among the answered is at least t, and the answered set shrinks."""
    beliefs = np.random.default_rng(0).beta(2, 2, 10_000)
    answered = [grading.answers(confidence_target(t), beliefs) for t in (0.0, 0.5, 0.75, 0.9)]
    for t, some, more in zip((0.5, 0.75, 0.9), answered[1:], answered[:-1], strict=True):
        assert beliefs[some].mean() > t
        assert (some <= more).all()
        assert some.sum() < more.sum()


def test_points_of_rows() -> None:
    correct, answered = np.array([True, False, True, False]), np.array([True, True, False, False])
    assert list(grading.points(confidence_target(0.75), correct, answered)) == [1, -3, 0, 0]
    assert list(grading.points(grading.affine_target(0.75), correct, answered)) == [1, 0, 0.75, 0.75]
    assert list(grading.points(grading.binary(), correct)) == [1, 0, 1, 0]


def test_mean_points_tend_to_the_expected_score() -> None:
    rng = np.random.default_rng(1)
    belief = rng.random(200_000)
    rule = confidence_target(0.75)
    answered = belief > 0.4
    mean = grading.points(rule, rng.random(200_000) < belief, answered).mean()
    expected = grading.expected_score(rule, belief, answered).mean()
    assert abs(mean - expected) < 4 * 2 / math.sqrt(200_000)
    assert abs(mean - grading.expected_score(rule, belief).mean()) > 0.1


# scores of a stated confidence


@pytest.mark.parametrize("rule", [grading.brier(), grading.logarithmic()], ids=lambda rule: rule.name)
def test_proper_rules_reward_the_belief_itself(rule: grading.ConfidenceRule) -> None:
    found = grading.properness(rule)
    assert found.proper
    assert found.gap < 1e-7
    for q in (0.013, 0.5, 0.77):
        stated = np.linspace(0, 1, 100_001)
        worth = grading.expected_score_of_confidence(rule, np.full(100_001, q), stated)
        assert stated[worth.argmax()] == pytest.approx(q, abs=1e-5)


def test_an_improper_rule_is_found_out() -> None:
    found = grading.properness(grading.absolute())
    assert not found.proper
    assert found.gap > 0.4
    assert found.statement in (0.0, 1.0)
    skewed = grading.ConfidenceRule("skewed", lambda c: 1 - (1 - c) ** 2, lambda c: 1 - 0.9 * c**2, "nine tenths")
    slight = grading.properness(skewed)
    assert not slight.proper
    q = slight.belief
    assert slight.statement == pytest.approx(q / (q + 0.9 * (1 - q)), abs=1e-7)


def test_a_certainty_that_fails_costs_everything_in_logarithms() -> None:
    found = grading.points_of_confidence(
        grading.logarithmic(), np.array([1.0, 1.0, 0.5]), np.array([True, False, True])
    )
    assert list(found) == [0.0, -math.inf, math.log(0.5)]
    assert list(grading.points_of_confidence(grading.brier(), np.array([1.0, 0.5]), np.array([False, True]))) == [
        0,
        0.75,
    ]
    sure = grading.expected_score_of_confidence(grading.logarithmic(), np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert list(sure) == [0.0, 0.0]


# what is stated against what is rewarded


@pytest.mark.parametrize(
    ("rule", "stated", "sentence"),
    [
        (
            grading.penalised(2.0),
            0.75,
            "the text states 75% and a penalty of 2 rewards answering from 2/3 (66.67%) on: "
            "a target of 75% needs a penalty of 3",
        ),
        (
            grading.binary(),
            0.9,
            "the text states 90% and no penalty, which rewards answering from 0% on: "
            "a target of 90% needs a penalty of 9",
        ),
        (
            grading.partial_credit(0.25),
            0.5,
            "the text states 50% and a penalty of 0.3333 rewards answering from 25% on: "
            "a target of 50% needs a penalty of 1",
        ),
        (
            RULES[-1],
            0.5,
            "no answer earns more than abstaining, whatever is stated; a target of 50% needs a penalty of 1",
        ),
    ],
)
def test_a_text_that_disagrees_with_its_penalty_is_named(rule: Rule, stated: float, sentence: str) -> None:
    found = grading.check_stated(rule, stated)
    assert not found.agrees
    assert found.sentence == sentence


def test_the_published_slip_is_found_from_its_rule_alone() -> None:
    slip = grading.penalised(2.0, stated=0.75)
    assert grading.check_stated(slip).rewarded == pytest.approx(2 / 3, abs=1e-12)
    assert not grading.check_stated(slip).agrees
    mended = grading.penalised(3.0, stated=0.75)
    assert grading.check_stated(mended).sentence == "answering pays above 75%, as stated"


# Observation 1


@pytest.mark.parametrize(("answers", "abstentions", "number"), [(1, 1, 1), (2, 1, 3), (3, 2, 7), (3, 0, 6), (4, 1, 15)])
def test_binary_graders_are_all_there(answers: int, abstentions: int, number: int) -> None:
    abstains = np.array([False] * answers + [True] * abstentions)
    found = [tuple(one) for one in grading.binary_graders(abstains)]
    assert len(found) == len(set(found)) == number
    assert all(grading.is_binary(np.array(one), abstains) for one in found)


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_observation_1_by_enumeration(answers: int) -> None:
    """Every distribution with weights in sixths over up to 7 binary graders, in exact fractions."""
    abstains = np.array([False] * answers + [True, True])
    graders = np.array(list(grading.binary_graders(abstains)))
    least = Fraction(1)
    for parts in itertools.product(range(7), repeat=len(graders) - 1):
        if sum(parts) <= 6:
            weight = np.array([Fraction(p, 6) for p in (*parts, 6 - sum(parts))])
            grades = grading.expected_grades(weight, graders)
            assert not (grading.best_responses(grades) & abstains).any()
            least = min(least, grading.price_of_abstaining(grades, abstains))
    assert least == Fraction(1, answers) if 6 % answers == 0 else least >= Fraction(1, answers)


@settings(deadline=None)
@given(data=st.data(), answers=st.integers(1, 6), abstentions=st.integers(1, 3), graders=st.integers(1, 8))
def test_observation_1_and_what_breaks_it(data: st.DataObject, answers: int, abstentions: int, graders: int) -> None:
    abstains = np.array([False] * answers + [True] * abstentions)
    rows = st.lists(st.booleans(), min_size=answers, max_size=answers).filter(any)
    accepted = np.array(data.draw(st.lists(rows, min_size=graders, max_size=graders)), dtype=int)
    table = np.hstack([accepted, np.zeros((graders, abstentions), dtype=int)])
    raw = np.array([Fraction(n) for n in data.draw(st.lists(st.integers(1, 50), min_size=graders, max_size=graders))])
    grades = grading.expected_grades(raw / raw.sum(), table)
    assert not (grading.best_responses(grades) & abstains).any()
    price = grading.price_of_abstaining(grades, abstains)
    assert price >= Fraction(1, answers)
    assert bounds.guessing_from_grading(float(price), answers).slack >= -1e-12
    generous = table + np.where(abstains, Fraction(1), Fraction(0))  # credit for abstaining: no binary grader
    assert not any(grading.is_binary(one, abstains) for one in generous)
    grades = grading.expected_grades(raw / raw.sum(), generous)
    assert (grading.best_responses(grades) & abstains).any()
    assert grading.price_of_abstaining(grades, abstains) <= 0


@pytest.mark.parametrize("answers", [1, 2, 10, 365])
def test_who_knows_nothing_attains_the_size(answers: int) -> None:
    weight, graders = grading.uniform_right_answer(answers)
    grades = grading.expected_grades(weight, graders)
    abstains = np.arange(answers + 1) == answers
    price = float(grading.price_of_abstaining(grades, abstains))
    report = bounds.guessing_from_grading(price, answers)
    assert report.slack == pytest.approx(0, abs=1e-15)
    assert not report.vacuous
    assert bounds.guessing_from_grading(price, answers, correct=1.01).slack < 0  # the constant cannot be better
    rule = confidence_target(0.75)
    scaled = price * (rule.correct - rule.wrong) + rule.wrong
    assert bounds.guessing_from_grading(scaled, answers, rule.correct, rule.wrong, rule.abstain).slack == pytest.approx(
        0, abs=1e-12
    )


# sentences


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: confidence_target(1.0),
            "t = 1.0: a confidence target must be a number from 0 to below 1, such as 0.75",
        ),
        (
            lambda: confidence_target("x"),
            "t = 'x': a confidence target must be a number from 0 to below 1, such as 0.75",
        ),
        (lambda: grading.penalised(-1), "penalty = -1: must be a finite number of at least 0"),
        (lambda: grading.penalised(math.inf), "penalty = inf: must be a finite number of at least 0"),
        (lambda: grading.partial_credit(1.5), "credit = 1.5: must be a number from 0 to 1"),
        (lambda: grading.negative_marking(1), "choices = 1: must be a whole number of at least 2"),
        (
            lambda: Rule("odd", 0.0, 1.0, 0.0, "x"),
            "correct = 0 and wrong = 1: a right answer must earn more than a wrong one",
        ),
        (lambda: Rule("odd", 1.0, math.nan, 0.0, "x"), "wrong = nan: must be a finite number"),
        (
            lambda: grading.check_stated(grading.binary()),
            "rule 'binary' states no confidence: give stated, such as stated=0.75",
        ),
        (
            lambda: grading.answers(grading.binary(), np.array([0.5, 1.2])),
            "belief[1] = 1.2: must be a number from 0 to 1",
        ),
        (lambda: grading.answers(grading.binary(), [math.nan]), "belief[0] = nan: must be a number from 0 to 1"),
        (lambda: grading.answers(grading.binary(), math.nan), "belief = nan: must be a number from 0 to 1"),
        (lambda: grading.answers(grading.binary(), "x"), "belief = 'x': must be an array of numbers"),
        (lambda: grading.answers(grading.binary(), None), "belief = None: must be an array of numbers"),
        (lambda: grading.optimal_value(grading.binary(), np.array([])), "belief has no rows: give at least one"),
        (
            lambda: grading.optimal_value(grading.binary(), np.array([0.5]), np.array([-1.0])),
            "weight[0] = -1: must be a finite number of at least 0",
        ),
        (
            lambda: grading.optimal_value(grading.binary(), [0.5], [0.0]),
            "weight sums to 0: at least one row must count",
        ),
        (
            lambda: grading.optimal_value(grading.binary(), [0.5], [1.0, 2.0]),
            "weight has shape (2,) and belief (1,): give one for each",
        ),
        (lambda: grading.points(grading.binary(), [1, math.nan]), "correct[1] = nan: must be 0 or 1"),
        (lambda: grading.points(grading.binary(), [1, 2]), "correct[1] = 2: must be 0 or 1"),
        (lambda: grading.points(grading.binary(), [1, 2, None]), "correct[1] = 2 (and 1 more): must be 0 or 1"),
        (lambda: grading.points(grading.binary(), ["a"]), "correct = ['a']: must be an array of numbers"),
        (lambda: grading.points(grading.binary(), None), "correct = None: must be an array of numbers"),
        (
            lambda: grading.points(grading.binary(), [[1, 0]]),
            "correct has 2 dimensions: must be one array of numbers",
        ),
        (lambda: grading.points(grading.binary(), [1], [0.5]), "answered[0] = 0.5: must be 0 or 1"),
        (
            lambda: grading.points("binary", [1]),
            "rule = 'binary': must be a Rule, such as binary() or confidence_target(0.75)",
        ),
        (
            lambda: grading.points_of_confidence(grading.binary(), [0.5], [1]),
            "rule = Rule(name='binary', correct=1.0, wrong=0.0, abstain=0.0, sou...: "
            "must be a ConfidenceRule, such as brier() or logarithmic()",
        ),
        (
            lambda: grading.rewarded_threshold("x"),
            "rule = 'x': must be a Rule, such as binary() or confidence_target(0.75)",
        ),
        (
            lambda: grading.check_stated(None),
            "rule = None: must be a Rule, such as binary() or confidence_target(0.75)",
        ),
        (
            lambda: grading.expected_score(grading.binary(), [0.5], [1, 0]),
            "answered has shape (2,) and belief (1,): give one for each",
        ),
        (
            lambda: grading.expected_score_of_confidence(grading.brier(), [0.5, 0.6], [0.1, 0.2, 0.3]),
            "stated has shape (3,) and belief (2,): give one for each",
        ),
        (lambda: grading.points_of_confidence(grading.brier(), [0.5], [3]), "correct[0] = 3: must be 0 or 1"),
        (
            lambda: grading.points_of_confidence(grading.brier(), [0.5, 0.6], [1]),
            "confidence has 2 rows and correct 1: give one of each a row",
        ),
        (lambda: grading.best_responses([math.nan, 1.0]), "grades[0] = nan: must be a number"),
        (lambda: grading.best_responses([]), "grades is empty: give the grade of at least one response"),
        (
            lambda: grading.price_of_abstaining([1.0, 0.0], [True]),
            "grades has 2 rows and abstains 1: give one of each a row",
        ),
        (lambda: grading.is_binary([1, 0], [False]), "grader has 2 rows and abstains 1: give one of each a row"),
        (
            lambda: grading.expected_grades([1.0], [[math.nan, 1.0]]),
            "graders[0, 0] = nan: must be a finite number",
        ),
        (
            lambda: grading.properness(grading.brier(), tolerance=math.nan),
            "tolerance = nan: must be a finite number of at least 0",
        ),
        (
            lambda: grading.properness(grading.brier(), tolerance=-1),
            "tolerance = -1: must be a finite number of at least 0",
        ),
        (lambda: grading.best_statement(grading.brier(), 2), "belief = 2: must be a number from 0 to 1"),
        (lambda: grading.negative_marking(2.5), "choices = 2.5: must be a whole number of at least 2"),
        (lambda: grading.uniform_right_answer(10**9), "n_answers = 1000000000: must be at most 10000"),
        (
            lambda: grading.points(grading.binary(), np.array([True]), np.array([True, False])),
            "answered has 2 rows and correct 1: give one of each a row",
        ),
        (
            lambda: grading.points_of_confidence(grading.brier(), np.array([0.5, 2.0]), np.array([True, True])),
            "confidence[1] = 2: must be a number from 0 to 1",
        ),
        (
            lambda: grading.expected_grades(np.array([0.5, 0.6]), np.eye(2)),
            "weight sums to 1.1: must be probabilities, one a grader, that sum to 1",
        ),
        (
            lambda: grading.expected_grades(np.array([1.0]), np.eye(2)),
            "weight has shape (1,) and graders (2, 2): give one weight a grader",
        ),
        (
            lambda: list(grading.binary_graders(np.array([True]))),
            "abstains: every response abstains, and a binary grader gives 1 to some answer",
        ),
        (
            lambda: grading.price_of_abstaining(np.array([1.0]), np.array([False])),
            "abstains: some responses must abstain and some must answer",
        ),
        (lambda: grading.uniform_right_answer(0), "n_answers = 0: must be a whole number of at least 1"),
        (lambda: bounds.guessing_from_grading(0.5, 0), "n_answers = 0: must be a whole number of at least 1"),
    ],
)
def test_mistakes_are_sentences(call: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert str(caught.value) == text


def test_numbers_beyond_every_float_are_refused_and_whole_floats_are_not() -> None:
    with pytest.raises(BadInput, match=r"^choices = 10{59}\.\.\.: must be at most 9007199254740992$"):
        grading.negative_marking(10**400)
    with pytest.raises(BadInput, match=r"^correct = \[1, 10{55}\.\.\.: must be an array of numbers$"):
        grading.points(grading.binary(), [1, 10**400])
    assert grading.negative_marking(5.0) == grading.negative_marking(5)


def test_what_is_not_known_of_an_abstention_is_not_asked() -> None:
    """An outcome may be missing where nothing was answered, and there alone."""
    rule = confidence_target(0.5)
    assert list(grading.points(rule, [1, None, math.nan, 0], [True, False, False, True])) == [1, 0, 0, -1]
    assert list(grading.points(rule, [True, False])) == [1, -1]
    with pytest.raises(BadInput, match=r"^correct\[1\] = nan: must be 0 or 1$"):
        grading.points(rule, [1, None, math.nan, 0], [True, True, False, True])
