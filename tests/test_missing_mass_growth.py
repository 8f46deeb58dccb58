"""New facts in further draws, the frequency exponent, and the draws that a power law asks for."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import BUTTERFLIES, SHAKESPEARE, SHAKESPEARE_TO_100
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import gamma, gammaln

from simlab.corpora import sample
from simlab.errors import BadInput
from simlab.estimates import Estimate
from simlab.missing_mass.counts import CountsOfCounts, counts_of, counts_of_cells
from simlab.missing_mass.exponent import ENDLESS, SMALL_COUNTS, frequency_exponent, power_law_draws_until
from simlab.missing_mass.growth import SMOOTHINGS, good_toulmin, smoothed_good_toulmin
from simlab.worlds import World
from simlab.worlds.laws import geometric, two_level, uniform, zipf

EDGES: dict[str, CountsOfCounts] = {
    "n = 1": counts_of({1: 1}),
    "one species": counts_of({7: 1}),
    "all singletons": counts_of({1: 40}),
    "no singletons": counts_of({2: 3, 5: 4}),
    "no doubletons": counts_of({1: 6, 3: 2}),
    "a lone singleton": counts_of({1: 1, 9: 3}),
    "one huge count": counts_of({10**15: 1}),
    "the largest count": counts_of({2**63 - 1: 1}),
    "1e15 singletons": counts_of({1: 10**15}),
    "N = 1e15": counts_of({1: 10**14, 2: 4 * 10**13, 3: 10**13, 10**10: 79_000}),
    "with IDK": counts_of({1: 10, 2: 4, 6: 3}, idk=40),
    "mostly IDK": counts_of({1: 1}, idk=10**12),
}
TABLES = st.dictionaries(st.integers(1, 40), st.integers(1, 30), min_size=1, max_size=8)


def holds(found: Estimate, least: float, most: float) -> None:
    """What every estimate promises of its own fields."""
    assert least <= found.low <= found.estimate <= found.high <= most
    assert found.low < found.high


def counts_from(world: World, draws: int, rng: np.random.Generator) -> CountsOfCounts:
    corpus = sample(world, draws, rng)
    return counts_of_cells(corpus.times_answered, corpus.facts, int((corpus.times_idk * corpus.facts).sum()))


# ---- Good & Toulmin ----


@pytest.mark.parametrize(("t", "published"), [(0.1, 11.10187), (0.5, 45.17149), (1.0, 75.0)])
def test_good_toulmin_of_the_butterflies(t: float, published: float) -> None:
    """Good & Toulmin 1956 on Fisher's table."""
    assert good_toulmin(BUTTERFLIES, t).estimate == pytest.approx(published, rel=1e-6)


def test_good_toulmin_of_shakespeare() -> None:
    """Efron & Thisted 1976: as much again of him would hold 11,486 words never seen; sd 175.18.

    Of the words used up to 100 times; the paper prints 11,430 +- 178, of an older table. The series of all word types
    also takes in the two classes that stand for the rest in this table: 845 + 1 more at t = 1.
    """
    found = good_toulmin(SHAKESPEARE_TO_100, 1.0)
    assert sum(SHAKESPEARE_TO_100.values()) == 30_688
    assert math.sqrt(sum(SHAKESPEARE_TO_100.values())) == pytest.approx(175.18, abs=0.005)
    assert found.estimate == 11_486
    half = stats.norm.ppf(0.975) * math.sqrt(30_688 + 11_486)  # their variance, and that of the number itself
    assert (found.high - found.estimate, found.estimate - found.low) == (pytest.approx(half), pytest.approx(half))
    more = sum((-1) ** (k + 1) * SHAKESPEARE[k] for k in set(SHAKESPEARE) - set(SHAKESPEARE_TO_100))
    assert good_toulmin(SHAKESPEARE, 1.0).estimate == 11_486 + more


def test_the_standard_error_is_that_of_efron_and_thisted() -> None:
    found = good_toulmin(BUTTERFLIES, 1.0, level=0.9)
    squared = sum(BUTTERFLIES.values()) + 75.0  # theirs at t = 1 is sqrt(sum f_k); 75 new species spread as well
    assert found.high - found.estimate == pytest.approx(stats.norm.ppf(0.95) * math.sqrt(squared))
    assert found.promise == "asymptotic"


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("t", [1.2, 2.0, 4.0])
def test_smoothing_is_the_series_cut_at_a_random_place(smoothing: str, t: float) -> None:
    """The oracle: the plain series cut after L terms, averaged over the law of L."""
    data = {1: 4000, 2: 900, 3: 300, 4: 160, 5: 70, 8: 40, 30: 20}
    n = sum(k * f for k, f in data.items())
    if smoothing == "poisson":
        cut = stats.poisson(math.log(n * (t + 1) ** 2 / (t - 1)) / (2 * t))
    elif smoothing == "binomial":
        cut = stats.binom(math.ceil(0.5 * math.log(n * t * t / (t - 1)) / math.log(3)), 2 / (t + 2))
    else:
        cut = stats.binom(math.ceil(0.5 * math.log2(n * t * t / (t - 1))), 1 / (t + 1))
    series = [-sum((-t) ** k * data.get(k, 0) for k in range(1, last + 1)) for last in range(200)]
    expected = float(np.dot(cut.pmf(np.arange(200)), series))
    assert smoothed_good_toulmin(data, t, smoothing).estimate == pytest.approx(expected, rel=1e-9)


def test_smoothing_is_idle_up_to_doubling() -> None:
    """Only the name of the estimator is its own; beyond doubling the promise is the spread alone."""
    smoothed, plain = smoothed_good_toulmin(BUTTERFLIES, 1.0, "poisson"), good_toulmin(BUTTERFLIES, 1.0)
    assert smoothed.method == "smoothed_good_toulmin:poisson, normal"
    assert replace(smoothed, method=plain.method) == plain
    promises = [smoothed_good_toulmin(BUTTERFLIES, t).promise for t in (0.5, 1.0, 1.01, 3.0)]
    assert promises == ["asymptotic", "asymptotic", "spread", "spread"]


def test_the_smoothed_weights_predict_every_rare_fact_alike() -> None:
    """Under Poisson counts of mean lambda a fact adds sum h_k Pr[k] to U; the truth is e^-lambda (1 - e^(-t lambda)).

    The error per fact is the bias that smoothing pays, and at a fixed t it falls like a power of N.
    """
    t, lam = 2.0, np.linspace(0.05, 8, 40)

    def weights(draws: int) -> list[float]:
        """h_1 ... h_40, read off by single facts beside a filler that keeps N and that no weight reaches."""
        filled = smoothed_good_toulmin({1: 100, 10**6: draws // 10**6}, t).estimate
        found = [filled / 100]
        for k in range(2, 41):
            added = smoothed_good_toulmin({1: 10**4, k: 10, 10**6: draws // 10**6}, t).estimate
            found.append((added - 10**4 * found[0]) / 10)
        return found

    worst = []
    for draws in (10**8, 10**16):
        h = weights(draws)
        mean = sum(h[k - 1] * np.exp(-lam + k * np.log(lam) - gammaln(k + 1)) for k in range(1, 41))
        worst.append(np.abs(mean - np.exp(-lam) * -np.expm1(-t * lam)).max())
    assert worst[0] < 0.01
    assert worst[1] < worst[0] / 100


def predictions(t: float, estimator: str, replicates: int = 300) -> tuple[np.ndarray, float]:
    """(errors, share of intervals that contain the new facts found) over corpora of 400 draws."""
    rng = np.random.default_rng(11)
    law = 1 / np.arange(1, 1501)
    law /= law.sum()
    errors, held = [], 0
    for _ in range(replicates):
        first, then = rng.multinomial(400, law), rng.multinomial(round(400 * t), law)
        new = int(((first == 0) & (then > 0)).sum())
        found = {"plain": good_toulmin, "smoothed": smoothed_good_toulmin}[estimator](first, t)
        errors.append(found.estimate - new)
        held += found.low <= new <= found.high
    return np.array(errors), held / replicates


def test_good_toulmin_predicts_the_new_facts() -> None:
    errors, share = predictions(1.0, "plain")
    mcse = errors.std() / math.sqrt(len(errors))
    assert abs(errors.mean()) < 4 * mcse
    assert share > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 300)
    # the control: the first term alone, f_1 t, is far off by the same measure
    rng = np.random.default_rng(11)
    law = 1 / np.arange(1, 1501) / (1 / np.arange(1, 1501)).sum()
    linear = [(rng.multinomial(400, law) == 1).sum() for _ in range(300)]
    truth = float(np.sum(np.exp(400 * np.log1p(-law)) * -np.expm1(400 * np.log1p(-law))))
    assert abs(np.mean(linear) - truth) > 10 * mcse


def test_smoothing_tames_the_series_beyond_doubling() -> None:
    smoothed, share = predictions(3.0, "smoothed", 100)
    plain, _ = predictions(3.0, "plain", 100)
    assert np.sqrt(np.mean(smoothed**2)) < 60 < np.sqrt(np.mean(plain**2))
    assert share > 0.8


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("t", [0.01, 1.0, 2.5])
def test_edges_of_growth(name: str, t: float) -> None:
    counts = EDGES[name]
    t = min(t, (2**63 - 1) / counts.draws / 2)  # no more than can be counted
    for found in (good_toulmin(counts, t), *(smoothed_good_toulmin(counts, t, kind) for kind in SMOOTHINGS)):
        holds(found, 0, t * counts.draws)


def test_what_the_edges_of_growth_give() -> None:
    assert good_toulmin({1: 10**15}, 0.5).estimate == 5e14
    assert good_toulmin({10**15: 1}, 0.5).estimate == 0
    negative = good_toulmin({2: 5}, 1.0)
    assert negative.estimate == 0
    assert negative.warnings == ("The series sums to -5, outside [0, t N]: cut to 0.",)
    diverging = good_toulmin({1: 1, 10**15: 1}, 3.0)
    assert (diverging.low, diverging.high) == (0, 3 * (10**15 + 1))
    assert diverging.warnings[0] == "The series diverges for t = 3 > 1: use smoothed_good_toulmin."
    far = smoothed_good_toulmin(BUTTERFLIES, 20.0)
    assert far.warnings == (
        "The interval covers the spread of the sample and of the new facts, not the bias of the smoothing.",
        "t = 20 is beyond ln N = 8.1: no estimator predicts so far for every law.",
    )


@settings(max_examples=60, deadline=None)
@given(table=TABLES, t=st.floats(0.01, 6), levels=st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)))
def test_growth_does_not_depend_on_the_form_and_nests(
    table: dict[int, int], t: float, levels: tuple[float, float]
) -> None:
    listed = [times for times, facts in reversed(table.items()) for _ in range(facts)]
    for estimator in (good_toulmin, smoothed_good_toulmin):
        small, large = (estimator(table, t, level=level) for level in sorted(levels))
        assert estimator(listed, t, level=min(levels)) == small
        holds(small, 0, t * counts_of(table).draws)
        assert large.low <= small.low < small.high <= large.high


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: good_toulmin({1: 1}, 0), "t = 0: must be a positive number: t N further draws are looked ahead"),
        (lambda: good_toulmin({1: 1}, -1), "t = -1: must be a positive number: t N further draws are looked ahead"),
        (lambda: good_toulmin({1: 1}, math.nan), "t = nan: must be a finite number"),
        (lambda: good_toulmin({1: 1}, "1"), "t = '1': must be a finite number"),  # type: ignore[arg-type]
        (lambda: good_toulmin({1: 1}, True), "t = True: must be a finite number"),
        (lambda: smoothed_good_toulmin({1: 1}, 10**400), f"t = 1{59 * '0'}...: must be a finite number"),
        (
            lambda: good_toulmin({10**18: 1}, 10),
            "t = 10: t N = 1e+19 further draws: at most 2^63 - 1 can be counted",
        ),
        (
            lambda: smoothed_good_toulmin({1: 1}, 2, "binomal"),
            "smoothing 'binomal' is unknown: did you mean 'binomial'?",
        ),
        (
            lambda: smoothed_good_toulmin({1: 1}, 2, "efron-thisted"),
            "smoothing 'efron-thisted' is unknown: did you mean 'efron_thisted'?",
        ),
        (
            lambda: smoothed_good_toulmin({1: 1}, 2, None),  # type: ignore[arg-type]
            "smoothing None is unknown: choose from binomial, efron_thisted, poisson",
        ),
        (lambda: good_toulmin({1: 1}, 1, level=1), "level = 1: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (
            lambda: power_law_draws_until({1: 1}, 0),
            "missing_mass = 0: must lie between 0 and 1, such as 0.05",
        ),
        (
            lambda: power_law_draws_until({1: 1}, "x"),  # type: ignore[arg-type]
            "missing_mass = 'x': must be a number between 0 and 1, such as 0.05",
        ),
        (
            lambda: frequency_exponent({1: 1}, level=0),
            "level = 0: must be a number from 1e-6 to 1 - 1e-9, such as 0.95",
        ),
    ],
)
def test_mistakes_are_sentences(call: object, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value) == sentence


# ---- the frequency exponent ----


def log_likelihood(alpha: float, data: dict[int, int]) -> float:
    """The oracle: q_k by gamma functions, and the open cell by what they leave."""
    q = [alpha * gamma(k - alpha) / (gamma(k + 1) * gamma(1 - alpha)) for k in range(1, SMALL_COUNTS + 1)]
    beyond = sum(facts for times, facts in data.items() if times > SMALL_COUNTS)
    return sum(data.get(k, 0) * math.log(q[k - 1]) for k in range(1, SMALL_COUNTS + 1)) + beyond * math.log(1 - sum(q))


@pytest.mark.parametrize(
    "data", [BUTTERFLIES, {1: 60, 2: 11, 3: 6, 40: 12}, {1: 3, 2: 1}, {4: 5, 100: 3}], ids=range(4)
)
def test_the_exponent_maximises_the_likelihood_and_its_interval_inverts_it(data: dict[int, int]) -> None:
    found = frequency_exponent(data, level=0.9).alpha
    best = minimize_scalar(lambda a: -log_likelihood(a, data), bounds=(1e-6, 1 - 1e-6), options={"xatol": 1e-10})
    assert found.estimate == pytest.approx(best.x, abs=1e-6)
    for end in (found.low, found.high):
        lost = 2 * (log_likelihood(found.estimate, data) - log_likelihood(end, data))
        assert lost == pytest.approx(stats.chi2(1).ppf(0.9), rel=1e-6)
    assert frequency_exponent(data).naive == data.get(1, 0) / sum(data.values())


@pytest.mark.parametrize("exponent", [1.25, 1.5, 2.0, 3.0])
def test_zipf_has_the_index_one_over_its_exponent(exponent: float) -> None:
    found = frequency_exponent(counts_from(zipf(10**15, exponent), 10**7, np.random.default_rng(1)))
    assert found.alpha.low <= 1 / exponent <= found.alpha.high
    assert found.fits
    assert found.alpha.warnings == ()
    assert found.alpha.high - found.alpha.low < 0.1
    assert found.naive == pytest.approx(1 / exponent, abs=0.05)


@pytest.mark.parametrize("draws", [10**6, 10**9, 10**12])
@pytest.mark.parametrize(
    "world",
    [geometric(10**9, 0.999), geometric(10**9, decay=1e-6), uniform(3 * 10**5), two_level(1000, 10**6, 0.5)],
    ids=["geometric", "slowly geometric", "uniform", "two-level"],
)
def test_what_is_no_power_law_is_said_to_be_none(world: World, draws: int) -> None:
    found = frequency_exponent(counts_from(world, draws, np.random.default_rng(2)))
    assert not found.fits
    assert len(found.alpha.warnings) == 1
    assert found.alpha.warnings[0].startswith(("No power law fits (chi-square test, p", "No fact stands at most 20"))


def test_the_exponent_covers_and_the_test_keeps_its_level() -> None:
    """Facts of one corpus spread less than the multinomial: more than 95 % are covered, less than 1 % rejected."""
    rng, world = np.random.default_rng(3), zipf(10**15, 1.5)
    found = [frequency_exponent(counts_from(world, 10**4, rng)) for _ in range(200)]
    covered = sum(one.alpha.low <= 2 / 3 <= one.alpha.high for one in found)
    assert covered >= 0.95 * 200
    assert sum(not one.fits for one in found) <= 0.01 * 200 + 4 * math.sqrt(0.01 * 200)
    assert abs(np.mean([one.alpha.estimate for one in found]) - 2 / 3) < 0.005
    # the control: the same intervals miss the index of another exponent
    assert sum(one.alpha.low <= 1 / 1.25 <= one.alpha.high for one in found) < 20


def test_the_exponent_needs_a_power_law_without_an_end() -> None:
    """Of 10^15 facts it covers; stopped at N facts the test of fit passes, the interval misses: so "spread" it is."""
    rng, draws = np.random.default_rng(6), 10**6
    endless, ended = zipf(10**15, 1.5), zipf(draws, 1.5)
    target = 3 ** (1 / 1.5 - 1)  # of the missing mass after three times the draws, as a share of that now
    for world, holds_true in ((endless, True), (ended, False)):
        drawn = [counts_from(world, draws, rng) for _ in range(60)]
        found = [frequency_exponent(counts) for counts in drawn]
        assert sum(one.fits for one in found) >= 57
        covered = sum(one.alpha.low <= 1 / 1.5 <= one.alpha.high for one in found)
        assert covered >= 57 if holds_true else covered == 0
        p, facts = world.popularity, world.facts
        now, later = (float(np.sum(facts * p * np.exp(n * np.log1p(-p)))) for n in (draws, 3 * draws))
        assert (later / now == pytest.approx(target, rel=1e-3)) == holds_true
        further = [power_law_draws_until(counts, later) for counts in drawn]
        reached = sum(one.low <= 2 * draws <= one.high for one in further)
        assert reached >= 57 if holds_true else reached < 54
        assert {one.promise for one in further} | {one.alpha.promise for one in found} == {"spread"}
        assert all(ENDLESS in one.warnings for one in further)
        assert ENDLESS not in power_law_draws_until(drawn[0], 0.9).warnings


@pytest.mark.parametrize("name", EDGES)
def test_edges_of_the_exponent(name: str) -> None:
    found = frequency_exponent(EDGES[name])
    holds(found.alpha, 0, 1)
    holds(power_law_draws_until(EDGES[name], 0.01), 0, math.inf)


def test_what_the_edges_of_the_exponent_give() -> None:
    alone = frequency_exponent({1: 1})
    assert (alone.alpha.estimate, alone.alpha.high) == (1, 1)
    assert alone.alpha.low == pytest.approx(math.exp(-stats.chi2(1).ppf(0.95) / 2))  # 2 ln(1/alpha) = 3.84
    assert not alone.fits
    assert alone.p_value is None
    assert alone.alpha.warnings == (
        "S = 1: too few facts, or too few different counts, to tell whether a power law fits.",
    )
    common = frequency_exponent({100: 3})
    assert (common.alpha.estimate, common.alpha.low) == (0, 0)
    assert common.alpha.warnings == ("No fact stands at most 20 times: nothing here is rare, and no power law shows.",)
    many = frequency_exponent({1: 10**18, 2: 1}).alpha
    assert 1 - 1e-15 < many.low < many.high == 1
    sharp = frequency_exponent({1: 1, 30: 10**17}).alpha
    assert 0 < sharp.low < sharp.estimate < sharp.high < 1e-16


def test_the_exponent_is_strict_json() -> None:
    found = frequency_exponent(BUTTERFLIES)
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert list(said) == ["alpha", "naive", "fits", "p_value", "chi_square", "cells", "distance"]
    assert said["alpha"] == found.alpha.as_dict()
    assert (said["naive"], said["fits"], said["p_value"]) == (found.naive, found.fits, found.p_value)


@settings(max_examples=60, deadline=None)
@given(table=TABLES, levels=st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), target=st.floats(0.001, 0.9))
def test_the_exponent_does_not_depend_on_the_form_and_nests(
    table: dict[int, int], levels: tuple[float, float], target: float
) -> None:
    listed = [times for times, facts in reversed(table.items()) for _ in range(facts)]
    small, large = (frequency_exponent(table, level=level).alpha for level in sorted(levels))
    assert frequency_exponent(listed, level=min(levels)).alpha == small
    assert frequency_exponent(counts_of(table, idk=7)).alpha == frequency_exponent(table).alpha
    holds(small, 0, 1)
    assert large.low <= small.low < small.high <= large.high
    fewer, more = (power_law_draws_until(table, target, level=level) for level in sorted(levels))
    holds(fewer, 0, math.inf)
    assert more.low <= fewer.low < fewer.high <= more.high


def test_draws_until_under_a_power_law() -> None:
    """Zipf: after three times the draws the exact missing mass has fallen to a third power of 3, N^(alpha - 1)."""
    world, draws, rng = zipf(10**15, 1.5), 10**6, np.random.default_rng(4)

    def missing(n: int) -> float:
        return float(np.sum(world.facts * world.popularity * np.exp(n * np.log1p(-world.popularity))))

    assert missing(3 * draws) / missing(draws) == pytest.approx(3 ** (1 / 1.5 - 1), rel=1e-3)
    found = [power_law_draws_until(counts_from(world, draws, rng), missing(3 * draws)) for _ in range(40)]
    assert np.mean([one.estimate for one in found]) == pytest.approx(2 * draws, rel=0.05)
    assert sum(one.low <= 2 * draws <= one.high for one in found) >= 36
    assert all(one.low <= one.estimate <= one.high for one in found)
    # half the way down takes 2^3 times the draws: a geometric fall would need fewer than two
    data = {1: 2000, 2: 333, 3: 148, 50: 519}
    alpha = frequency_exponent(data).alpha.estimate
    now = 2000 / counts_of(data).draws
    later = power_law_draws_until(data, now / 2).estimate
    assert later == math.ceil(counts_of(data).draws * (2 ** (1 / (1 - alpha)) - 1))


def test_the_limit_law_is_the_mean_of_zipf() -> None:
    """E f_k / E S of a Zipf world at N = 1e7 are q_k(1/a), by exact sums."""
    alpha, draws, world = 0.5, 10**7, zipf(10**15, 2.0)
    p, facts = world.popularity, world.facts
    seen = float(np.sum(facts * -np.expm1(draws * np.log1p(-p))))
    limits = itertools.accumulate([alpha, 1 / 4, 1 / 2, 5 / 8, 7 / 10], lambda q, ratio: q * ratio)
    for k, limit in enumerate(limits, start=1):
        logs = gammaln(draws + 1) - gammaln(k + 1) - gammaln(draws - k + 1) + k * np.log(p)
        mean = float(np.sum(facts * np.exp(logs + (draws - k) * np.log1p(-p))))
        assert mean / seen == pytest.approx(limit, rel=2e-3)
