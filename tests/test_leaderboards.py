"""Leaderboards: exact sums against runs, selection to the honest threshold, and ranks that keep their promise."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simlab import bounds, grading
from simlab import leaderboards as boards
from simlab.errors import BadInput
from simlab.grading import Rule, binary, confidence_target
from simlab.leaderboards import Population, Questions, telling_apart

RULES = (binary(), confidence_target(0.5), confidence_target(0.75), boards.benchmark("wildbench").rule)
CONTEST = (Population([0.0, 1.0], [0.0, 0.5], [0.0, 0.5]), boards.normal_questions(100, 4))
RNG = np.random.default_rng(0)
A_RULE = "must be a Rule, such as binary() or confidence_target(0.75)"
A_GENERATOR = "must be a random generator, such as numpy.random.default_rng(0)"
by_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def population(seed: int = 0, models: int = 12) -> Population:
    rng = np.random.default_rng(seed)
    return Population(rng.normal(0, 0.7, models), rng.normal(0.4, 0.5, models), rng.random(models))


def listed(models: Population, questions: Questions, rule: Rule, rng: np.random.Generator) -> np.ndarray:
    """The points of one run, question by question: the slow twin of the sums over levels."""
    level = np.repeat(np.arange(len(questions.number)), questions.number)
    q = boards.belief(models, questions)[:, level]
    feels = q / (1 - q) * np.exp(models.overconfidence)[:, None]
    answered = feels / (1 + feels) > models.threshold[:, None]
    right = rng.random(q.shape) < q
    return np.where(answered, np.where(right, rule.correct, rule.wrong), rule.abstain)


# the data


def test_the_ten_benchmarks_of_the_meta_evaluation() -> None:
    assert len(boards.BENCHMARKS) == 10
    assert [one.name for one in boards.BENCHMARKS if not one.binary] == ["wildbench"]
    assert boards.benchmark("swe_bench").questions == 2_294
    assert boards.benchmark("hle").questions == 2_500
    for one in boards.BENCHMARKS:  # no answer is too unlikely to be worth giving, in any of the ten
        assert grading.rewarded_threshold(one.rule) == 0
        assert "arXiv" in one.source
        assert "arXiv" in one.counted or "rows of" in one.counted
    sizes = [448, 12_032, 541, 4_428, 1_024, 6_511, 1_324, 756, 2_294, 2_500]
    assert [one.questions for one in boards.BENCHMARKS] == sizes
    assert boards.benchmark("wildbench").rule.break_even < 0
    with pytest.raises(BadInput, match=r"^benchmark 'gqpa' is unknown: did you mean 'gpqa'\?$"):
        boards.benchmark("gqpa")


def test_lists_are_arrays_and_whole_floats_whole() -> None:
    questions = Questions([0.0, 1.0], [3.0, 0.0], 4.0)
    assert questions.number.dtype == np.int64
    assert (questions.answers, list(questions.share)) == (4, [1.0, 0.0])
    assert boards.belief(Population([0], [0], [0.5]), questions).shape == (1, 2)
    assert boards.rank_correlation([3, 2, 1], [2, 3, 1]) == pytest.approx(1 / 3)


def test_questions_stand_at_the_quantiles_of_a_normal_law() -> None:
    found = boards.normal_questions(1_003, 4, mean=0.5, spread=2.0, levels=50)
    assert found.number.sum() == 1_003
    assert set(found.number) == {20, 21}
    assert float(found.difficulty @ found.share) == pytest.approx(0.5, abs=0.02)
    wide = boards.normal_questions(10**6, 4, spread=2.0, levels=10_000)
    assert math.sqrt(float(wide.difficulty**2 @ wide.share)) == pytest.approx(2, rel=1e-3)


def test_the_chance_of_being_right_is_a_guess_where_nothing_is_known_and_certain_where_all_is() -> None:
    """q = 1/n + (1 - 1/n)/(1 + exp(d - a)): of difficulties far above, at, and far below the competence."""
    models = Population(np.array([0.7, 0.7]), np.array([0.0, 1.0]), np.zeros(2))
    questions = boards.Questions(np.array([60.7, 0.7, -60.0]), np.ones(3, dtype=int), 4)
    np.testing.assert_allclose(boards.belief(models, questions), [[0.25, 0.625, 1.0]] * 2, atol=1e-12)
    sure = boards.confidence(models, questions)
    np.testing.assert_allclose(sure[0], [0.25, 0.625, 1.0], atol=1e-12)
    odds = math.e * np.array([1 / 3, 5 / 3])  # overconfidence of one logit multiplies the odds by e
    np.testing.assert_allclose(sure[1, :2], odds / (1 + odds), atol=1e-12)


# exact sums against runs


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ("x", "points = 'x': must hold an array of points a model"),
        (None, "points = None: must hold an array of points a model"),
        ([1.0, 2.0], "points[0] = 1.0: must be an array of numbers"),
        ([[1.0, 0.0], ["a", "b"]], "points[1] = ['a', 'b']: must be an array of numbers"),
        ([[1.0, 0.0], [1.0, 0.0, 1.0]], "points has 2 to 3 questions: give the same ones of every model"),
    ],
)
def test_points_that_are_none_have_no_ranks(points: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        boards.rank_intervals(points, width=1.0)
    assert str(caught.value) == text


@by_rule
def test_expected_scores_and_their_spread_are_those_of_runs(rule: Rule) -> None:
    models, questions = population(), boards.normal_questions(200, 4, levels=20)
    rng = np.random.default_rng(1)
    slow = np.array([listed(models, questions, rule, rng).mean(axis=1) for _ in range(2_000)])
    fast = np.array([boards.drawn_scores(models, questions, rule, rng) for _ in range(2_000)])
    expected, error = boards.expected_scores(models, questions, rule), boards.score_errors(models, questions, rule)
    for runs in (slow, fast):
        assert (np.abs(runs.mean(axis=0) - expected) < 4.5 * error / math.sqrt(2_000) + 1e-12).all()
        np.testing.assert_allclose(runs.std(axis=0), error, rtol=0.08, atol=1e-12)
    other = boards.expected_scores(replace(models, threshold=models.threshold**2), questions, rule)
    assert (np.abs(slow.mean(axis=0) - other) > 4.5 * error / math.sqrt(2_000)).any()


@by_rule
def test_no_threshold_beats_the_best_score_and_the_honest_one_reaches_it(rule: Rule) -> None:
    models, questions = population(), boards.normal_questions(300, 10)
    best = boards.best_scores(models, questions, rule)
    honest_at = 1 / (1 + np.exp(-models.overconfidence) * (1 / max(rule.break_even, 1e-12) - 1))
    found = boards.expected_scores(replace(models, threshold=honest_at), questions, rule)
    np.testing.assert_allclose(found, best, atol=1e-12)
    for threshold in np.linspace(0, 1, 21):
        scores = boards.expected_scores(replace(models, threshold=np.full(12, threshold)), questions, rule)
        assert (scores <= best + 1e-12).all()
    for one, score in zip(best, boards.expected_scores(models, questions, rule), strict=True):
        assert score <= one + 1e-12
    q = boards.belief(models, questions)
    excess = float(np.maximum(q[0] - rule.break_even, 0) @ questions.share)
    report = bounds.score_from_confidence(float(best[0]), excess, rule.correct, rule.wrong, rule.abstain)
    assert report.slack == pytest.approx(0, abs=1e-12)


def test_the_price_of_honesty_is_a_difference_of_two_scores() -> None:
    models, questions = population(), boards.normal_questions(300, 4)
    for rule in RULES:
        everything = boards.expected_scores(replace(models, threshold=np.zeros(12)), questions, rule)
        honest = boards.expected_scores(replace(models, threshold=np.full(12, 0.75)), questions, rule)
        price = boards.price_of_honesty(models, questions, rule, 0.75)
        np.testing.assert_allclose(price, everything - honest, atol=1e-12)
    assert (boards.price_of_honesty(models, questions, binary(), 0.75) > 0).all()
    assert (boards.price_of_honesty(models, questions, confidence_target(0.9), 0.75) < 0).all()


def test_error_rates_are_those_of_a_rule_that_counts_errors() -> None:
    models, questions = population(), boards.normal_questions(300, 4)
    counts = Rule("errors", 1e-12, -1.0, 0.0, "counts wrong answers")
    np.testing.assert_allclose(
        boards.error_rates(models, questions), -boards.expected_scores(models, questions, counts), atol=1e-11
    )


# orders


def test_reversals_and_rank_correlation_by_hand() -> None:
    one, other = np.array([3.0, 2.0, 1.0]), np.array([2.0, 3.0, 1.0])
    assert boards.reversals(one, other) == pytest.approx(1 / 3)
    assert boards.rank_correlation(one, other) == pytest.approx(1 / 3)
    assert boards.reversals(one, -one) == 1
    assert boards.reversals(one, np.array([1.0, 1.0, 1.0])) == 0
    assert boards.rank_correlation(one, one**3) == 1


def test_a_target_and_its_affine_form_give_one_order() -> None:
    models, questions = population(), boards.normal_questions(300, 4)
    scores = [
        boards.expected_scores(models, questions, rule)
        for rule in (confidence_target(0.75), grading.affine_target(0.75), binary())
    ]
    assert boards.reversals(scores[0], scores[1]) == 0
    assert boards.reversals(scores[0], scores[2]) > 0.2


def test_a_bluffer_leads_under_binary_grading_and_falls_under_a_target() -> None:
    models = Population(np.array([0.5, 0.0]), np.zeros(2), np.array([0.75, 0.0]))  # the better one abstains
    questions = boards.normal_questions(500, 1_000)
    honest, bluffer = boards.expected_scores(models, questions, binary())
    assert bluffer > honest
    honest, bluffer = boards.expected_scores(models, questions, confidence_target(0.75))
    assert honest > bluffer


# telling two models apart


@by_rule
def test_the_variance_of_a_difference_is_that_of_runs(rule: Rule) -> None:
    models, questions = population(3, 2), boards.normal_questions(64, 4, levels=16)
    middle, variance = boards.difference(models, questions, rule)
    rng = np.random.default_rng(4)
    random = replace(questions, number=rng.multinomial(400_000, questions.share))
    points = listed(models, random, rule, rng)
    gap = points[0] - points[1]
    assert gap.mean() == pytest.approx(middle, abs=4.5 * math.sqrt(variance / 400_000))
    assert gap.var() == pytest.approx(variance, rel=0.02)
    apart = points[0].var() + points[1].var()
    assert abs(apart - variance) > 0.02 * variance  # as if the two had not seen the same questions


@by_rule
def test_the_number_of_questions_gives_the_power_it_promises(rule: Rule) -> None:
    models = Population(np.array([0.5, 0.0]), np.zeros(2), np.full(2, max(0.0, rule.break_even)))
    questions = boards.normal_questions(640, 1_000)
    needed = boards.questions_needed(models, questions, rule)
    rng = np.random.default_rng(5)
    found = [boards.drawn_power(models, questions, rule, round(share * needed), rng) for share in (1.0, 0.25)]
    assert found[0] == pytest.approx(0.8, abs=0.06)
    assert found[1] < 0.45
    assert boards.questions_needed(models, questions, rule, power=0.9) > 1.2 * needed


def test_runs_that_are_drawn_in_parts_are_those_that_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rule, found = confidence_target(0.5), []
    for at_once in (10**7, 1_000, 1):
        monkeypatch.setattr(telling_apart, "AT_ONCE", at_once)
        rng = np.random.default_rng(3)
        found.append(boards.drawn_power(population(3, 2), boards.normal_questions(640, 4), rule, 20, rng, runs=300))
    assert 0 < found[0] < 1
    assert found[0] == found[1] == found[2]


def test_equal_models_are_never_told_apart() -> None:
    models = Population(np.zeros(2), np.zeros(2), np.full(2, 0.3))
    assert boards.questions_needed(models, boards.normal_questions(100, 4), binary()) == math.inf


# selection


@pytest.mark.parametrize(("target", "low", "high"), [(0.0, 0.0, 0.12), (0.5, 0.4, 0.6), (0.75, 0.68, 0.82)])
def test_selection_moves_willingness_to_what_the_grading_rewards(target: float, low: float, high: float) -> None:
    """Of all three starts, honest ones included; answering starts at the target, and at about 0 where there is none."""
    questions = boards.normal_questions(2_500, 1_000)
    rng = np.random.default_rng(6)
    for start in (0.1, 0.5, 0.95):
        models = replace(population(7, 40), threshold=np.full(40, start))
        found = boards.generations(models, questions, confidence_target(target), rng, number=60)
        assert len(found) == 61
        last = np.mean([boards.answers_from(one).mean() for one in found[-15:]])
        assert low <= last <= high, (start, last)
        unsure = float(np.nanmean(boards.guessing(found[-1], questions, 0.75)))
        assert unsure > 0.9 if target == 0 else unsure < 0.6


def test_without_selection_thresholds_only_drift() -> None:
    questions = boards.normal_questions(640, 1_000)
    models = replace(population(8, 40), threshold=np.full(40, 0.5))
    last = [
        boards.generations(models, questions, binary(), np.random.default_rng(seed), number=40, top=1.0)[-1]
        for seed in range(10)
    ]
    drifted = np.mean([one.threshold.mean() for one in last])
    chosen = boards.generations(models, questions, binary(), np.random.default_rng(0), number=40)[-1]
    assert abs(drifted - 0.5) < 0.15
    assert chosen.threshold.mean() < 0.2


def test_the_same_generator_gives_the_same_generations() -> None:
    questions = boards.normal_questions(640, 4)
    one, same, other = (
        boards.generations(population(), questions, binary(), np.random.default_rng(seed), number=5, top=0.5)[-1]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one.threshold, same.threshold)
    assert not np.array_equal(one.threshold, other.threshold)
    still = boards.generations(population(), questions, binary(), np.random.default_rng(1), mutation=0.0)
    assert set(still[-1].threshold) <= set(population().threshold)


# ranks


def missed(level: float, logs: int = 8, questions: int = 150, trials: int = 400) -> float:
    """How often some equal model is said to be surely not the best, of models that are all alike in truth."""
    rng, found = np.random.default_rng(5), 0
    for _ in range(trials):
        hard = rng.random(questions)
        means = [(rng.random(questions) < hard).astype(float) for _ in range(logs)]
        found += boards.rank_intervals(means, width=1.0, level=level).low[0] > 1
    return found / trials


def test_the_interval_of_a_rank_keeps_its_level_where_all_are_alike() -> None:
    """1 is the rank of every model; without the correction for the number of comparisons it is missed too often."""
    assert missed(0.95) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    uncorrected = 1 - 0.05 * 7
    assert missed(uncorrected) > 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_rank_intervals_keep_their_level_where_some_are_alike() -> None:
    """Questions of four samples that go together: their means keep the level, samples taken for questions do not."""
    rng = np.random.default_rng(9)
    true = np.array([0.6, 0.55, 0.5, 0.5, 0.4])
    rank_low = 1 + (true[None, :] > true[:, None]).sum(axis=1)
    rank_high = len(true) - (true[None, :] < true[:, None]).sum(axis=1)
    held, careless = np.zeros(5), np.zeros(5)
    for _ in range(200):
        means = (rng.random((5, 100)) < true[:, None]).astype(float)
        for counted, points in ((held, means), (careless, np.repeat(means, 4, axis=1))):
            found = boards.rank_intervals(points, width=1.0)
            counted += (found.low <= rank_low) & (found.high >= rank_high)
    assert held.min() >= 200 * 0.95 - 4 * math.sqrt(200 * 0.95 * 0.05)
    assert careless.min() < 200 * 0.9


def test_pairing_makes_ranks_surer_and_too_few_questions_make_none() -> None:
    rng = np.random.default_rng(2)
    hard, drawn = rng.random(400), rng.random(400)
    means = [(drawn < hard + gain).astype(float) for gain in (0.0, 0.05)]
    for paired, low, high in ((True, [2, 1], [2, 1]), (False, [1, 1], [2, 2])):
        found = boards.rank_intervals(means, width=1.0, paired=paired)
        assert (list(found.low), list(found.high)) == (low, high)
    few = boards.rank_intervals([np.zeros(3), np.ones(3)], width=1.0)  # nothing varies, and three say next to nothing
    assert (list(few.low), list(few.high)) == ([1, 1], [2, 2])
    many = boards.rank_intervals([np.zeros(30), np.ones(30)], width=1.0)
    assert (list(many.low), list(many.high)) == ([2, 1], [2, 1])
    other = boards.rank_intervals([np.zeros(30), np.ones(40)], width=1.0, paired=False)
    assert (list(other.low), list(other.rank)) == ([2, 1], [2, 1])


def test_rank_intervals_narrow_where_models_differ() -> None:
    rng = np.random.default_rng(10)
    points = (rng.random((4, 5_000)) < np.array([[0.9], [0.7], [0.69], [0.2]])).astype(float)
    found = boards.rank_intervals(points, width=1.0)
    assert sorted(found.rank) == [1, 2, 3, 4]
    assert (found.rank[0], found.rank[3]) == (1, 4)
    assert list(found.low) == [1, 2, 2, 4]
    assert list(found.high) == [1, 3, 3, 4]
    twins = boards.rank_intervals(np.vstack([points[:1], points[:1]]), width=1.0)
    assert list(twins.low) == [1, 1]
    assert list(twins.high) == [2, 2]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: boards.rank_intervals([[1.0, 0.0]], width=1.0),
            "points of 1 models: give the points of 2 models or more on 2 questions or more",
        ),
        (
            lambda: boards.rank_intervals([[1.0], [0.0]], width=1.0),
            "points of 2 models: give the points of 2 models or more on 2 questions or more",
        ),
        (
            lambda: boards.rank_intervals([[1.0, 0.0], [1.0, math.nan]], width=1.0),
            "points[1][1] = nan: must be a finite number",
        ),
        (
            lambda: boards.rank_intervals([[1.0, 0.0], [1.0, 0.0, 1.0]], width=1.0),
            "points has 2 to 3 questions: give the same ones of every model",
        ),
        (
            lambda: boards.rank_intervals([[1.0, 0.0], [1.0, 0.0]], width=-1.0),
            "width = -1.0: must be a finite number of at least 0",
        ),
        (lambda: boards.reversals(np.ones(2), np.ones(3)), "scores of 2 and 3 models: give two scores of the same"),
        (lambda: Population(np.ones(2), np.ones(2), np.ones(3)), "population: give one competence, overconfidence"),
        (
            lambda: Population(np.ones(1), np.ones(1), np.array([1.5])),
            "threshold[0] = 1.5: must be a number from 0 to 1",
        ),
        (lambda: Population([0, 0], [0, 0], [0.5, math.nan]), "threshold[1] = nan: must be a number from 0 to 1"),
        (lambda: Population([0, math.nan], [0, 0], [0, 0]), "competence[1] = nan: must be a finite number"),
        (lambda: Population([0, 0], [0, math.inf], [0, 0]), "overconfidence[1] = inf: must be a finite number"),
        (lambda: Population([[0.0]], [[0.0]], [[0.0]]), "competence has 2 dimensions: must be one array of numbers"),
        (lambda: Population("a", [0], [0]), "competence = 'a': must be an array of numbers"),
        (lambda: Questions([math.nan], [3], 4), "difficulty[0] = nan: must be a finite number"),
        (lambda: Questions([0.0], [-3], 4), "number[0] = -3: must be a finite number of at least 0"),
        (lambda: Questions([0.0], [2.5], 4), "number[0] = 2.5: must be a whole number of at least 0"),
        (lambda: Questions([0.0], [0], 4), "number sums to 0: there must be at least one question, and at most 9007"),
        (lambda: Questions([0.0, 1.0], [1], 4), "questions: give one difficulty and one number a level, and at least"),
        (lambda: Questions([0.0], [3], 0), "answers = 0: must be a whole number of at least 2"),
        (lambda: Questions([0.0], [3], math.nan), "answers = nan: must be a whole number of at least 2"),
        (
            lambda: boards.normal_questions(10, 4),
            "number = 10: must be at least levels = 64, for each level has a question",
        ),
        (
            lambda: boards.normal_questions(100, 4, levels=1_000),
            "number = 100: must be at least levels = 1000, for each level has a question",
        ),
        (lambda: boards.normal_questions(100, 4, levels=10**12), "levels = 1000000000000: must be at most 1000000"),
        (lambda: boards.normal_questions(0, 4), "number = 0: must be a whole number of at least 1"),
        (lambda: boards.normal_questions(10**30, 4), "number = 1000000000000000000000000000000: must be at most 9007"),
        (lambda: boards.normal_questions(100.5, 4), "number = 100.5: must be a whole number of at least 1"),
        (lambda: boards.normal_questions(100, 2.5), "answers = 2.5: must be a whole number of at least 2"),
        (lambda: boards.normal_questions(100, 4, levels=2.5), "levels = 2.5: must be a whole number of at least 1"),
        (lambda: boards.normal_questions(100, 4, mean=math.nan), "mean = nan: must be a finite number"),
        (lambda: boards.normal_questions(100, 1), "answers = 1: must be a whole number of at least 2"),
        (lambda: boards.rank_correlation([1, math.nan], [1, 2]), "one[1] = nan: must be a finite number"),
        (lambda: boards.reversals([1, 2], [1, math.nan]), "other[1] = nan: must be a finite number"),
        (lambda: boards.rank_correlation([1, 2], [1]), "scores of 2 and 1 models: give two scores of the same two"),
        (lambda: boards.rank_correlation([1], [1]), "scores of 1 and 1 models: give two scores of the same two models"),
        (lambda: boards.rank_correlation([], []), "scores of 0 and 0 models: give two scores of the same two models"),
        (lambda: boards.expected_scores(*CONTEST, None), f"rule = None: {A_RULE}"),
        (lambda: boards.best_scores(*CONTEST, "binary"), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.score_errors(*CONTEST, "binary"), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.price_of_honesty(*CONTEST, "binary", 0.5), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.generations(*CONTEST, "binary", RNG), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.questions_needed(*CONTEST, "binary"), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.drawn_scores(*CONTEST, "binary", RNG), f"rule = 'binary': {A_RULE}"),
        (lambda: boards.expected_scores(None, CONTEST[1], binary()), "models = None: must be a Population"),
        (lambda: boards.generations(None, CONTEST[1], binary(), RNG), "models = None: must be a Population"),
        (
            lambda: boards.expected_scores(CONTEST[0], 100, binary()),
            "questions = 100: must be Questions, such as normal_questions(1_000, 4)",
        ),
        (lambda: boards.drawn_scores(*CONTEST, binary(), None), f"rng = None: {A_GENERATOR}"),
        (lambda: boards.drawn_power(*CONTEST, binary(), 10, None), f"rng = None: {A_GENERATOR}"),
        (lambda: boards.generations(*CONTEST, binary(), None), f"rng = None: {A_GENERATOR}"),
        (lambda: boards.drawn_power(*CONTEST, binary(), 10, 7), f"rng = 7: {A_GENERATOR}"),
        (
            lambda: boards.generations(*CONTEST, binary(), RNG, number=2.5, top=0.5),
            "number = 2.5: must be a whole number of at least 0",
        ),
        (
            lambda: boards.drawn_power(*CONTEST, binary(), 10, RNG, runs=10**12),
            "runs = 1000000000000: must be at most 100000000",
        ),
        (
            lambda: boards.drawn_power(*CONTEST, binary(), 2.5, RNG),
            "number = 2.5: must be a whole number of at least 2",
        ),
        (
            lambda: boards.generations(
                population(), boards.normal_questions(64, 4), binary(), np.random.default_rng(), top=0.01
            ),
            "top = 0.01: of 12 models no one would be a parent; give at least 0.083",
        ),
        (
            lambda: boards.difference(population(0, 1), boards.normal_questions(64, 4), binary()),
            "models: give two to tell apart",
        ),
    ],
)
def test_mistakes_are_sentences(call: Any, text: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert str(caught.value).startswith(text)


SIGNATURES = """
import beartype
from jaxtyping import TypeCheckError, install_import_hook

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
stations = "grading calibration leaderboards estimates".split()
install_import_hook([f"simlab.{name}" for name in stations], "__main__.check")
import numpy as np
from simlab import calibration, grading
from simlab import leaderboards as boards

rng = np.random.default_rng(0)
confidence = np.round(rng.random(60), 2)
for clusters in (None, np.arange(60) // 3):
    data = calibration.forecasts(confidence, rng.random(60) < confidence, clusters)
    for name in ("ece", "ece_debiased", "smooth_ece", "brier_score", "auroc", "aurc", "e_aurc"):
        getattr(calibration, name)(data)
    calibration.brier_parts(data, binning="mass")
    calibration.reliability_diagram(data)
    calibration.smooth_reliability(data)
    calibration.risk_coverage(data)
    calibration.rate(data.correct, confidence > 0.5, clusters=clusters)
    calibration.mean_score(grading.points(grading.confidence_target(0.5), data.correct, confidence > 0.5))
grading.points_of_confidence(grading.logarithmic(), confidence, data.correct)
grading.properness(grading.brier())
grading.check_stated(grading.penalised(2.0), 0.75)
weight, graders = grading.uniform_right_answer(4)
grades = grading.expected_grades(weight, graders)
grading.price_of_abstaining(grades, np.arange(5) == 4)
models = boards.Population(rng.normal(size=5), rng.normal(size=5), rng.random(5))
questions, rule = boards.normal_questions(100, 4), grading.confidence_target(0.5)
boards.generations(models, questions, rule, rng, number=2)
boards.price_of_honesty(models, questions, rule, 0.5)
boards.drawn_power(models, questions, rule, 100, rng, runs=5)
boards.rank_intervals(rng.random((3, 40)), width=1.0)
print("checked")
try:
    boards.drawn_power(models, questions, rule, "100", rng, runs=5)
except TypeCheckError:
    print("noticed")
"""


def test_signatures_tell_the_truth() -> None:
    """Every annotation of the grading, calibration and leaderboards is checked while all of them run."""
    done = subprocess.run([sys.executable, "-c", SIGNATURES], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["checked", "noticed"], done.stderr[-2000:]
