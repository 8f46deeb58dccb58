"""Each learner against its formula, by hand; and nobody judges an answer never seen better than chance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from simlab import measures
from simlab.corpora import Corpus, Listed, group, list_facts, sample, sample_listed, singleton_rate
from simlab.errors import BadInput
from simlab.measures import missing_mass, observe
from simlab.models import LEARNERS, Fit, Trace, learn
from simlab.models.add_constant import LEAST, MOST
from simlab.pairs import ERROR, VALID, Pairs, tabulate
from simlab.seeds import Streams
from simlab.worlds import World, factoids, two_level, uniform, zipf

STREAMS = Streams(seed=7, point="models")


def unequal_world() -> World:
    """Three unequal classes with IDK draws: popularity, |R_c| and alpha_c all differ."""
    facts = np.array([3, 20, 200])
    popularity = np.array([0.4, 0.3, 0.3]) / facts
    return World("unequal", facts, popularity, np.array([3, 12, 40]), np.array([0.9, 0.6, 1.0]))


def corpus_of(world: World, draws: int, replicate: int = 0, count_cap: int | None = None) -> Corpus:
    return sample(world, draws, Streams(7, "models", replicate).numpy("corpus"), count_cap=count_cap)


def observed(world: World, corpus: Corpus, method: str, **options: Any) -> measures.Measures:
    return observe(tabulate(world, corpus, learn(method, corpus, STREAMS, **options), STREAMS))


def prompted(answers: Sequence[int], idk: Sequence[int], n_answers: int, rate: float = 0.5) -> Corpus:
    """One fact a cell, seen ``answers`` times with its answer and ``idk`` times with IDK."""
    n = len(answers)
    return Corpus(
        int(sum(answers) + sum(idk)),
        np.arange(n),
        np.array(answers),
        np.array(idk),
        np.ones(n, dtype=np.int64),
        np.full(n, n_answers),
        np.full(n, rate),
    )


# calibrated


@pytest.mark.parametrize("replicate", range(5))
def test_calibrated_errs_by_its_formula(replicate: int) -> None:
    world = unequal_world()
    corpus = corpus_of(world, 150, replicate)
    unseen = ~corpus.answered
    mu = world.popularity[corpus.fact_class]
    by_formula = (corpus.facts * mu * corpus.answer_rate * (corpus.answers - 1) / corpus.answers)[unseen].sum()
    found = observed(world, corpus, "calibrated")
    assert by_formula > 0.1
    assert found.error == pytest.approx(by_formula, abs=1e-12)
    assert found.calibration_gap <= 1e-12
    assert found.miscalibration <= 1e-12
    most = int(world.answers.max()) - 1
    assert found.error <= missing_mass(world, corpus) * most / (most + 1)


@pytest.mark.parametrize("method", ["calibrated", "guess_one", "abstain", "add_constant"])
def test_only_the_calibrated_model_has_no_gap_at_any_threshold(method: str) -> None:
    world = unequal_world()
    corpus = corpus_of(world, 150)
    pairs = tabulate(world, corpus, learn(method, corpus, STREAMS), STREAMS)
    levels = np.unique(pairs.p_hat)
    thresholds = np.concatenate([[0.0, 1.0], levels, (levels[1:] + levels[:-1]) / 2])
    worst = max(measures.calibration_gap(pairs, float(z)) for z in thresholds)
    assert len(levels) >= 5
    assert (worst <= 1e-12) == (method == "calibrated")
    assert method == "calibrated" or worst > 0.05  # the same check refuses the others


def test_calibrated_by_hand() -> None:
    corpus = prompted([2, 0], [0, 3], n_answers=4, rate=0.8)
    fit = learn("calibrated", corpus, STREAMS)
    np.testing.assert_allclose(fit.seen, 0.8, rtol=1e-15)
    np.testing.assert_allclose(fit.unseen, [0.0, 0.2], rtol=1e-15)
    np.testing.assert_allclose(fit.idk, 0.2, rtol=1e-15)


def test_conflicting_answers_are_settled_by_number_then_order() -> None:
    draws = [(0, 2), (0, 1), (0, 2), (1, 3), (1, 0), (2, -1)]
    listed = Listed(*np.array(draws).T, np.zeros(3, dtype=int), np.array([4, 4, 3]), np.array([1.0, 0.5, 0.9]))
    p_hat = learn("calibrated", listed, STREAMS).p_hat
    np.testing.assert_allclose(
        p_hat, [[0, 0, 1, 0, 0], [0.5, 0, 0, 0, 0.5], [0.3, 0.3, 0.3, 0, 0.1]], rtol=1e-15, atol=1e-15
    )


# abstain


@pytest.mark.parametrize("abstention", [0.0, 0.3, 1.0])
def test_abstention_trades_errors_for_calibration(abstention: float) -> None:
    world = two_level(5, 300, 0.4, answers=20, answer_rate=0.8)
    corpus = corpus_of(world, 200)
    missed = missing_mass(world, corpus)
    found = observed(world, corpus, "abstain", abstention=abstention)
    assert missed > 0.2
    assert found.error == pytest.approx((1 - abstention) * missed * 19 / 20, abs=1e-12)
    assert found.calibration_gap == pytest.approx(abstention * missed, abs=1e-12)
    assert found.error + found.calibration_gap >= missed - found.valid_over_errors
    if abstention == 0:
        assert found == observed(world, corpus, "calibrated")
    elif abstention == 1:
        assert found.cross_entropy == math.inf


def test_abstaining_below_the_threshold_shows_no_gap() -> None:
    world = uniform(50, answers=3, answer_rate=0.8)  # 1/K = 1/2, above p_hat(IDK|c) = 1 - .8 * .7 = .44
    corpus = corpus_of(world, 40)
    found = observed(world, corpus, "abstain", abstention=0.3)
    assert found.calibration_gap <= 1e-12
    assert found.error == pytest.approx(0.7 * missing_mass(world, corpus) * 2 / 3, abs=1e-12)


@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan])
def test_abstention_must_be_a_share(bad: float) -> None:
    corpus = corpus_of(uniform(5), 3)
    listed = sample_listed(list_facts(uniform(5), STREAMS.numpy("t")), 3, STREAMS.numpy("c"))
    for written in (corpus, listed):
        with pytest.raises(BadInput) as caught:
            learn("abstain", written, STREAMS, abstention=bad)
        assert str(caught.value) == f"abstention = {bad:.6g}: must lie between 0 and 1"


# guess one


def test_guessing_errs_and_is_miscalibrated_by_the_missing_mass() -> None:
    world = zipf(2000, answers=500)
    errors, gaps, missed = [], [], []
    for r in range(50):
        corpus = corpus_of(world, 300, r)
        streams = Streams(7, "guess", r)
        found = observe(tabulate(world, corpus, learn("guess_one", corpus, streams), streams))
        errors.append(found.error)
        gaps.append(found.calibration_gap)
        missed.append(missing_mass(world, corpus))
    assert np.mean(missed) > 0.3
    np.testing.assert_allclose(errors, missed, atol=0.01)  # the lucky 1/500 aside
    np.testing.assert_allclose(gaps, missed, atol=0.01)
    assert np.mean(errors) / np.mean(missed) == pytest.approx(499 / 500, abs=1e-3)


def test_guess_one_by_hand() -> None:
    world = uniform(1, answers=4, answer_rate=0.75)
    corpus = prompted([0], [2], n_answers=4, rate=0.75)
    fit = learn("guess_one", corpus, STREAMS)
    assert (fit.seen[0], fit.unseen[0], fit.idk[0]) == (0.75, 0.0, 0.25)
    assert fit.guess is not None
    assert fit.guess[0] == 0.75
    rates = {observe(tabulate(world, corpus, fit, Streams(0, "hand", r))).error for r in range(40)}
    assert rates == {0.0, 0.75}
    listed = Listed(np.array([0]), np.array([-1]), np.array([0]), np.array([4]), np.array([0.75]))
    p_hat = learn("guess_one", listed, STREAMS).p_hat[0]
    assert sorted(p_hat[:4]) == [0, 0, 0, 0.75]
    picks = {int(learn("guess_one", listed, Streams(0, "hand", r)).p_hat[0, :4].argmax()) for r in range(60)}
    assert picks == {0, 1, 2, 3}


# add constant


def test_add_constant_by_hand() -> None:
    corpus = prompted([3, 0, 1], [1, 0, 0], n_answers=4)
    fit = learn("add_constant", corpus, STREAMS)  # k = 1, five responses: four answers and IDK
    np.testing.assert_allclose(fit.seen[[0, 2]], [4 / 9, 2 / 6], rtol=1e-15)
    np.testing.assert_allclose(fit.unseen, [1 / 9, 1 / 5, 1 / 6], rtol=1e-15)
    np.testing.assert_allclose(fit.idk, [2 / 9, 1 / 5, 1 / 6], rtol=1e-15)
    fit = learn("add_constant", corpus, STREAMS, constant=0.5)
    np.testing.assert_allclose(fit.seen[[0, 2]], [3.5 / 6.5, 1.5 / 3.5], rtol=1e-15)
    np.testing.assert_allclose(fit.unseen, [0.5 / 6.5, 0.5 / 2.5, 0.5 / 3.5], rtol=1e-15)
    world = World("three", np.ones(3, dtype=int), np.array([0.5, 0.3, 0.2]), np.array([4]), np.array([0.5]))
    found = observe(tabulate(world, corpus, learn("add_constant", corpus, STREAMS), STREAMS))
    assert found.error == pytest.approx(0.5 * 3 / 9 + 0.3 * 3 / 5 + 0.2 * 3 / 6, abs=1e-15)
    # 1/K = 1/3: only the first answer lies above; the third, at 2/6, does not
    assert found.calibration_gap == pytest.approx(0.5 * abs(4 / 9 - 0.5), abs=1e-15)


def test_add_constant_without_idk_or_prompts_by_hand() -> None:
    world = uniform(2, answers=3, idk=False)
    draws = np.array([[0, 0], [0, 0]]).T
    listed = Listed(*draws, np.zeros(2, dtype=int), np.array([3, 3]), np.ones(2), idk=False)
    p_hat = learn("add_constant", listed, STREAMS).p_hat
    np.testing.assert_allclose(p_hat, [[3 / 5, 1 / 5, 1 / 5, 0], [1 / 3, 1 / 3, 1 / 3, 0]], rtol=1e-15)
    fit = learn("add_constant", group(listed), STREAMS)
    assert (fit.idk == 0).all()
    assert observe(tabulate(world, group(listed), fit, STREAMS)).error == pytest.approx(0.2 + 1 / 3, abs=1e-15)
    strings = learn("add_constant", memorable(), STREAMS, constant=2.0)  # 4 draws + 2 * 10 strings
    np.testing.assert_allclose(strings.seen[1:], [3 / 24, 5 / 24], rtol=1e-15)
    assert strings.string == pytest.approx(2 / 24, rel=1e-15)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan, 1e308, 1e-320, "a", True])
def test_the_constant_must_leave_the_probabilities_numbers(bad: Any) -> None:
    for corpus in (corpus_of(uniform(5), 3), memorable()):
        with pytest.raises(BadInput) as caught:
            learn("add_constant", corpus, STREAMS, constant=bad)
        assert str(caught.value) == f"constant = {bad!r}: must be a number from 1e-100 to 1e+100"


@pytest.mark.parametrize("constant", [LEAST, MOST])
def test_the_largest_constant_is_the_uniform_law_and_the_least_the_rates(constant: float) -> None:
    for corpus in (corpus_of(uniform(5), 3), memorable()):
        fit = learn("add_constant", corpus, STREAMS, constant=constant)
        assert fit.finite
        seen = fit.seen[corpus.answered]
        if constant == MOST:
            np.testing.assert_allclose(seen, 1 / (corpus.n_strings or 366), rtol=1e-12)
        elif corpus.n_strings:
            np.testing.assert_allclose(seen, corpus.times_answered[corpus.answered] / corpus.draws, rtol=1e-12)


# memorise and spread


def memorable() -> Corpus:
    """Six facts among ten strings: one seen once, one three times, four never."""
    return Corpus(
        4,
        np.zeros(3, dtype=int),
        np.array([0, 1, 3]),
        np.zeros(3, dtype=int),
        np.array([4, 1, 1]),
        np.full(3, 2),
        np.ones(3),
        idk=False,
        n_strings=10,
    )


def test_memorising_by_hand() -> None:
    corpus, world = memorable(), factoids(uniform(6), 4)
    assert singleton_rate(corpus) == 0.25
    fit = learn("memorising", corpus, STREAMS)
    np.testing.assert_allclose(fit.seen[1:], 0.75 / 2, rtol=1e-15)
    assert fit.string == pytest.approx(0.25 / 8, rel=1e-15)
    found = observe(tabulate(world, corpus, fit, STREAMS))
    assert found.error == pytest.approx(0.25 * 4 / 8, abs=1e-15)
    assert found.miscalibration == pytest.approx(abs(4 / 6 - 0.25), abs=1e-15)
    assert (found.n_valid_max, found.n_errors_min) == (6, 4)
    # A: p_hat > 1/4, the two strings seen
    assert found.calibration_gap == pytest.approx(0.75 - 2 / 6, abs=1e-15)
    assert found.iiv_error == pytest.approx(4 / 6 / 2, abs=1e-15)


@pytest.mark.parametrize("replicate", range(3))
def test_memorising_is_off_by_the_good_turing_deviation(replicate: int) -> None:
    world = factoids(zipf(400), 5000)
    corpus = corpus_of(world, 150, replicate)
    found = observed(world, corpus, "memorising")
    rate = singleton_rate(corpus)
    assert found.miscalibration == pytest.approx(abs(missing_mass(world, corpus) - rate), abs=1e-12)
    assert 0 < found.error <= rate
    n_seen = int(corpus.facts[corpus.answered].sum())
    assert found.error == pytest.approx(rate * 5000 / (5400 - n_seen), abs=1e-12)


# softmax table (its training is tested in test_fitting.py)


def test_softmax_table_is_a_density_that_learns() -> None:
    world = unequal_world()
    corpus = corpus_of(world, 150)
    fit = learn("softmax_table", corpus, STREAMS, steps=200)
    pairs = tabulate(world, corpus, fit, STREAMS)
    total = np.zeros(len(corpus.facts))
    np.add.at(total, np.arange(len(pairs.p)) % len(total), pairs.multiplicity * pairs.p_hat)
    np.testing.assert_allclose(total, corpus.facts, rtol=1e-12)
    never = ~corpus.answered & (corpus.times_idk == 0)
    np.testing.assert_allclose(fit.unseen[never], 1 / (corpus.answers[never] + 1), rtol=1e-12)  # never drawn: flat
    often = corpus.times_answered > 5
    assert (fit.seen[often] > 10 * fit.unseen[often]).all()
    assert fit.trace is not None
    assert fit.trace.loss[0] == pytest.approx(
        float((corpus.facts * (corpus.times_answered + corpus.times_idk) * np.log(corpus.answers + 1)).sum()) / 150
    )
    assert fit.trace.loss[-1] < fit.trace.loss[0] / 3


# E[gamma_c] = 1/2


def mean_gamma(n_answers: int, says_valid: Callable[[int], Sequence[bool]]) -> Fraction:
    """Mean over a_c of gamma_c = (I[f(a_c) = -] + sum over r != a_c of I[f(r) = +] / (|R_c| - 1)) / 2."""
    total = Fraction(0)
    for a in range(n_answers):
        valid = says_valid(a)
        total += (Fraction(not valid[a]) + Fraction(sum(valid) - valid[a], n_answers - 1)) / 2
    return total / n_answers


@pytest.mark.parametrize("n_answers", [2, 3, 5, 8])
def test_nobody_judges_an_unseen_answer_better_than_chance(n_answers: int) -> None:
    for valid in itertools.product((False, True), repeat=n_answers):
        assert mean_gamma(n_answers, lambda _, valid=valid: valid) == Fraction(1, 2)
    for peeking in (lambda a: [r == a for r in range(n_answers)], lambda a: [r != a for r in range(n_answers)]):
        assert mean_gamma(n_answers, peeking) in (0, 1)  # whoever knows a_c is not bound by it


@pytest.mark.parametrize("n_answers", [3, 5])
@pytest.mark.parametrize("rate", [Fraction(1), Fraction(2, 3)])
def test_iiv_error_over_all_truths_is_at_least_half_the_answer_rate(n_answers: int, rate: Fraction) -> None:
    parts = n_answers + 2
    zero, one = Fraction(0), Fraction(1)
    idk = rate < 1
    responses = n_answers + idk
    judged = set()
    for weights in itertools.combinations_with_replacement(range(responses), parts):
        p_hat = np.array([Fraction(weights.count(r), parts) for r in range(responses)], dtype=object)
        judged.add(tuple(p_hat[:n_answers] > Fraction(1, n_answers - 1)))
        errors = []
        for a in range(n_answers):
            p = np.array([rate if r == a else zero for r in range(n_answers)] + [1 - rate] * idk, dtype=object)
            kind = np.array([VALID if r in (a, n_answers) else ERROR for r in range(responses)])
            size = np.full(responses, one, dtype=object)
            counts = np.full(responses, 1 + idk), np.full(responses, n_answers - 1)
            errors.append(measures.iiv_error(Pairs(size, size, p, p_hat, kind, *counts)))
        mean = sum(errors, zero) / n_answers
        assert mean >= rate / 2
        assert rate < 1 or mean == Fraction(1, 2)
    assert len(judged) > n_answers  # with and without positives


# what is refused


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    corpus = corpus_of(uniform(5), 3)
    with pytest.raises(BadInput) as caught:
        learn("calibratd", corpus, STREAMS)
    assert str(caught.value) == "method 'calibratd' is unknown: did you mean 'calibrated'?"
    with pytest.raises(BadInput) as caught:
        learn("xyz", corpus, STREAMS)
    names = ", ".join(sorted(LEARNERS))
    assert str(caught.value) == f"method 'xyz' is unknown: choose from {names}"


@pytest.mark.parametrize("method", [name for name, needs in LEARNERS.items() if not needs.listed])
def test_a_cap_is_refused_where_counts_are_needed(method: str) -> None:
    law = uniform(50) if LEARNERS[method].prompted else factoids(uniform(50), 10)
    corpus = corpus_of(law, 60, count_cap=4)
    if LEARNERS[method].needs_counts:
        with pytest.raises(BadInput) as caught:
            learn(method, corpus, STREAMS)
        assert str(caught.value) == (
            f"count_cap = 4: {method} tells counts above any cap apart; leave count_cap out for it"
        )
    else:
        assert isinstance(learn(method, corpus, STREAMS), Fit)
    assert LEARNERS[method].needs_counts == (method in ("add_constant", "softmax_table") or LEARNERS[method].listed)


@pytest.mark.parametrize("method", [name for name, needs in LEARNERS.items() if needs.listed])
def test_a_learner_of_listed_corpora_refuses_cells(method: str) -> None:
    for cap in (None, 4):
        with pytest.raises(BadInput) as caught:
            learn(method, corpus_of(uniform(50), 60, count_cap=cap), STREAMS)
        assert str(caught.value) == (
            f"method {method!r} treats no two facts alike: give it a listed corpus (sample_listed)"
        )


@pytest.mark.parametrize("method", LEARNERS)
@pytest.mark.parametrize("prompts", [True, False], ids=["prompts", "factoids"])
def test_worlds_with_and_without_prompts_have_their_learners(method: str, prompts: bool) -> None:
    law = uniform(9) if prompts else factoids(uniform(9), 10)
    listed = sample_listed(list_facts(law, STREAMS.numpy("truth")), 20, STREAMS.numpy("corpus"))
    gradients = {"bilinear", "mlp", "softmax_table"}
    able = {True: set(LEARNERS) - {"memorising"}, False: {"add_constant", "memorising"} | gradients}
    if method in able[prompts]:
        learn(method, listed if LEARNERS[method].listed else group(listed), STREAMS)
        return
    without = "with" if prompts else "without"
    sentence = f"method {method!r} is not defined in a world {without} prompts; see simlab.models.LEARNERS"
    if method == "abstain":
        sentence = "method 'abstain' answers IDK, which is no response in this world; set idk=True"
    for written in (listed, group(listed)):
        with pytest.raises(BadInput) as caught:
            learn(method, written, STREAMS)
        assert str(caught.value) == sentence


def test_abstaining_needs_idk_among_the_responses() -> None:
    with pytest.raises(BadInput) as caught:
        learn("abstain", corpus_of(uniform(5, idk=False), 3), STREAMS)
    assert str(caught.value) == "method 'abstain' answers IDK, which is no response in this world; set idk=True"


def test_a_trace_says_whether_it_converged() -> None:
    loss = np.array([2.0, 1.0])
    assert Trace(loss, np.array([1.0, 1e-3]), 1e-3).converged
    assert not Trace(loss, np.array([1.0, 2e-3]), 1e-3).converged
    assert not Trace(loss, np.array([1.0, math.nan]), 1e-3).converged
    assert not Trace(np.array([2.0, math.nan]), np.array([1.0, 0.0]), 1e-3).converged
    assert not Trace(np.array([2.0, math.inf]), np.array([1.0, 0.0]), 1e-3).converged
