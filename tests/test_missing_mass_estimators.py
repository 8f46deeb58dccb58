"""Masses of every order, Simple Good-Turing and the number of unseen facts: published values, oracles, laws, edges."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from published import BIRDS, BUTTERFLIES, PROSODY, SHAKESPEARE, SHALLOW, SPIDERS, Table, table

from simlab.errors import BadInput
from simlab.estimates import Estimate, normal_quantile
from simlab.missing_mass.counts import counts_of
from simlab.missing_mass.orders import good_mass, score_interval
from simlab.missing_mass.smoothing import SimpleGoodTuring, simple_good_turing
from simlab.missing_mass.unseen import CONVENTIONS, ace, chao1, jackknife, jackknife_weights


def implied_variance(found: Estimate) -> float:
    """The variance behind a log-normal interval."""
    wide = math.log(found.high / found.estimate) / normal_quantile(found.level)
    return found.estimate**2 * math.expm1(wide**2)


# ---- the masses of order k ----


def test_masses_by_hand() -> None:
    data = {1: 12, 2: 4, 4: 1, 6: 2}
    n = 12 + 8 + 4 + 12
    for k, estimate in enumerate([12 / n, 8 / n, 0.0, 4 / n, 0.0, 12 / n, 0.0]):
        assert good_mass(data, k).estimate == estimate
        assert good_mass(counts_of(data, idk=n), np.int64(k)).estimate == estimate / 2
    assert good_mass(SPIDERS).estimate == pytest.approx(0.0714285714, abs=1e-10)
    assert good_mass(SHAKESPEARE).estimate == pytest.approx(0.0162505497, abs=1e-10)


def test_interval_of_order_k_by_hand() -> None:
    """Step k + 1 and spread (k+1)(k+2) f_(k+2)/N in the pure function."""
    z = normal_quantile(0.9)
    for k, step, spread in ((0, 1, 2 * 40), (1, 2, 6 * 24), (2, 3, 12 * 13), (3, 4, 20 * 15)):
        found = good_mass(PROSODY, k, level=0.9)
        ends = score_interval(step * PROSODY[k + 1] / 30902, spread / 30902, 30902, z, step)
        assert (found.low, found.high) == ends


def test_expectation_by_enumeration() -> None:
    """E of (k+1) f_(k+1)/N after N draws is E M_k after N - 1, exactly: Robbins' identity, for every order."""
    law = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 12)]  # the rest states no fact
    chances = [*law, 1 - sum(law)]

    def mean(draws: int, value: Callable[[list[int]], Fraction]) -> Fraction:
        return sum(
            math.prod((chances[i] for i in drawn), start=Fraction(1)) * value([drawn.count(i) for i in range(3)])
            for drawn in itertools.product(range(4), repeat=draws)
        )

    for n in (2, 5):
        for k in range(n):
            estimated = mean(n, lambda seen, k=k, n=n: Fraction((k + 1) * seen.count(k + 1), n))
            true = mean(n - 1, lambda seen, k=k: sum((law[i] for i in range(3) if seen[i] == k), start=Fraction(0)))
            assert estimated == true


@given(
    g=st.fractions(0, 1, max_denominator=1000),
    spread=st.fractions(0, 20, max_denominator=1000),
    draws=st.integers(1, 10**6),
    z=st.floats(0.1, 5),
    step=st.integers(1, 8),
)
def test_score_interval_solves_its_inequality(g: Fraction, spread: Fraction, draws: int, z: float, step: int) -> None:
    """In exact arithmetic: it holds just inside each end, and fails just outside."""
    low, high = score_interval(float(g), float(spread), draws, z, step)
    assert 0 <= low <= g <= high <= 1
    assert low < high

    def slack(m: float) -> Fraction:
        at, mass = Fraction(m), Fraction(float(g))
        return Fraction(z) ** 2 * (step * at + Fraction(float(spread)) - at**2) / draws - (mass - at) ** 2

    width = high - low
    for end, inward in ((low, 1), (high, -1)):
        if 1e-6 < end < 1 - 1e-6:
            assert slack(end + inward * 1e-6 * width) > 0 > slack(end - inward * 1e-6 * width)
    assert low == 0 or slack(0.0) < 0
    assert high == 1 or slack(1.0) < 0


LAWS = {
    "uniform 50": np.full(50, 1 / 50),
    "uniform 100": np.full(100, 1 / 100),
    "uniform 200": np.full(200, 1 / 200),
    "uniform 1000": np.full(1000, 1 / 1000),
    "zipf 1": 1 / np.arange(1, 2001.0) / np.sum(1 / np.arange(1, 2001.0)),
    "zipf 1.5": np.arange(1, 1001.0) ** -1.5 / np.sum(np.arange(1, 1001.0) ** -1.5),
    "geometric": 0.05 * 0.95 ** np.arange(400),
    "two levels": np.r_[np.full(10, 0.05), np.full(1000, 0.0005)],
}


class Sample:
    """Replicates of N draws from a law, with what each order's estimate and mass came to."""

    def __init__(self, name: str, draws: int, replicates: int) -> None:
        self.draws, self.law = draws, LAWS[name]
        seed = [draws, *name.encode()]
        self.seen = np.random.default_rng(seed).multinomial(draws, self.law / self.law.sum(), size=replicates)

    def f(self, k: int) -> np.ndarray:
        return np.sum(self.seen == k, axis=1)

    def mass(self, k: int) -> np.ndarray:
        return np.sum(self.law * (self.seen == k), axis=1)

    def estimate(self, k: int) -> np.ndarray:
        return (k + 1) * self.f(k + 1) / self.draws

    def spread(self, k: int) -> np.ndarray:
        return (k + 1) * (k + 2) * self.f(k + 2) / self.draws

    def covered(self, k: int, ends: Callable[..., tuple[float, float]]) -> float:
        z = normal_quantile(0.95)
        rows = zip(self.estimate(k).tolist(), self.spread(k).tolist(), self.mass(k).tolist(), strict=True)
        hits = [low <= m <= high for g, b, m in rows for low, high in [ends(g, b, self.draws, z, k + 1)]]
        return float(np.mean(hits))


def wald(g: float, spread: float, draws: int, z: float, step: int) -> tuple[float, float]:
    """Esty's interval as published software has it, at every order: no width without f_(k+1) and f_(k+2)."""
    half = z * math.sqrt((step * g + spread - g * g) / draws)
    return g - half, g + half


@pytest.mark.parametrize("name", LAWS)
def test_spread_of_the_estimate(name: str) -> None:
    """E (estimate - M_k)^2 is E of the variance that the interval uses; without the spread it is not."""
    sample = Sample(name, 200, 6000)
    tried = [k for k in (0, 1, 2) if np.mean(sample.f(k + 1)) >= 3]
    assert tried[:1] == [0]
    assert len(tried) > 1 or name in ("uniform 1000", "two levels")
    for k in tried:
        m = sample.mass(k)
        error = (sample.estimate(k) - m) ** 2
        whole, bare = (((k + 1) * m + part - m**2) / 200 for part in (sample.spread(k), 0.0))
        mcse = np.std(error - whole) / math.sqrt(len(m))
        bias = 2 * (k + 1) / 200**2  # the estimate's bias squared, and fixing N to the next order: O(1/N^2)
        assert abs(np.mean(error - whole)) < 5 * mcse + bias
        if np.mean(sample.spread(k)) > 0.1 * (k + 1):
            assert abs(np.mean(error - bare)) > 5 * mcse + bias


@pytest.mark.parametrize("name", LAWS)
def test_coverage_of_the_score_interval(name: str) -> None:
    """As the docstring of ``good_mass`` has it."""
    sample = Sample(name, 200, 3000)
    tried = 0
    for k in (0, 1, 2, 3):
        if np.mean(sample.f(k + 1)) >= 3:
            assert 0.92 <= sample.covered(k, score_interval) <= 0.97, k
            tried += 1
    assert tried


def test_coverage_notices_a_wrong_interval() -> None:
    """Esty's misses its level as described; so does a score interval without the spread, or where f_3 is rare."""
    assert Sample("two levels", 200, 3000).covered(2, score_interval) < 0.9
    assert Sample("uniform 1000", 100, 3000).covered(0, wald) < 0.88
    assert Sample("uniform 1000", 200, 3000).covered(2, wald) < 0.8
    assert Sample("uniform 100", 200, 3000).covered(1, lambda g, _, *rest: score_interval(g, 0.0, *rest)) < 0.9
    assert Sample("uniform 100", 200, 3000).covered(0, lambda g, b, n, z, s: score_interval(g, b, n, z / 2, s)) < 0.8


def test_edges_of_the_masses() -> None:
    z = normal_quantile(0.95)
    once, never = good_mass([1] * 30), good_mass({5: 6})
    assert (once.low, once.estimate, once.high) == (pytest.approx(30 / (30 + z**2), rel=1e-14), 1, 1)
    assert once.warnings == ("Each of the 30 facts seen stands once: a de-duplicated list looks the same.",)
    assert (never.low, never.estimate, never.high) == (0, 0, pytest.approx(z**2 / (30 + z**2), rel=1e-14))
    assert never.warnings == (
        "No fact stands exactly once: the estimate is 0, and only the upper end says what may be missing.",
    )
    only = good_mass({30: 1}, 29)
    assert (only.low, only.estimate, only.high) == (0, 1, 1)
    assert only.warnings == (
        "No fact stands exactly 29 times, so M_29 is 0 for certain: the estimate, from f_30, is not.",
    )
    assert (good_mass({30: 1}, 30).estimate, good_mass({30: 1}, 30).high) == (0, 1)  # M_30 may be all there is
    assert good_mass({30: 1}, 10**30).estimate == 0
    assert good_mass(PROSODY).warnings == good_mass(PROSODY, 3).warnings == ()
    lower, upper = good_mass(PROSODY, sides="lower"), good_mass(PROSODY, sides="upper")
    assert (upper.low, lower.high) == (0, 1)
    assert (lower.low, upper.high) == score_interval(120 / 30902, 80 / 30902, 30902, normal_quantile(0.95, "lower"))
    assert good_mass(PROSODY, level=0.2, sides="lower").low == math.nextafter(120 / 30902, 0)


def test_huge_counts_keep_their_digits() -> None:
    """Where N passes 2^53 the ends are those of exact arithmetic."""
    n, z = 10**15, normal_quantile(0.95)
    for data, k in (
        ({1: 10**12, 2: 10**11, n - 10**12 - 2 * 10**11: 1}, 0),
        ({1: n - 3, 3: 1}, 0),
        ({1: 7, n - 7: 1}, 0),
    ):
        found, counts = good_mass(data, k), counts_of(data)
        assert counts.draws == n
        g, b, square = Fraction(counts.f(1), n), Fraction(2 * counts.f(2), n), Fraction(z) ** 2
        inside = square * (4 * n * g * (1 - g) + square + 4 * (n + square) * b)
        root = Fraction(math.isqrt(int(inside * 10**60)), 10**30)
        high = (2 * n * g + square + root) / (2 * (n + square))
        low = max((n * g * g - square * b) / (n + square) / high, Fraction(0))
        assert found.low == pytest.approx(float(low), rel=1e-14)
        assert found.high == pytest.approx(float(high), rel=1e-14)
        assert found.low < found.estimate < found.high


# ---- Simple Good-Turing ----


def gale_sampson(data: Table, idk: int = 0) -> tuple[float, float, int, list[float], list[float]]:
    """The paper's procedure, a class at a time: slope, intercept, switch, r* and p_r."""
    rs = sorted(data)
    n = sum(r * data[r] for r in rs) + idk
    xs, ys = [], []
    for i, r in enumerate(rs):
        q = rs[i - 1] if i else 0
        t = rs[i + 1] if i + 1 < len(rs) else 2 * r - q
        xs.append(math.log(r))
        ys.append(math.log(2 * data[r] / (t - q)))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    square = sum((a - x) ** 2 for a in xs)
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / square if square else -1.0
    stars: list[float] = []
    switch = None
    for r in rs:
        line = r * (1 + 1 / r) ** (slope + 1)
        if switch is None:
            above = data.get(r + 1, 0)
            turing = (r + 1) * above / data[r]
            deviation = math.sqrt((r + 1) ** 2 * above / data[r] ** 2 * (1 + above / data[r]))
            if above and abs(turing - line) > 1.96 * deviation:
                stars.append(turing)
                continue
            switch = r
        stars.append(line)
    assert switch is not None
    total = sum(data[r] * star for r, star in zip(rs, stars, strict=True))
    seen = (n - data.get(1, 0) - idk) / n
    return slope, y - slope * x, switch, stars, [seen * star / total for star in stars]


def assert_as_oracle(found: SimpleGoodTuring, data: Table, idk: int = 0) -> None:
    slope, intercept, switch, stars, chances = gale_sampson(data, idk)
    assert (found.slope, found.intercept) == (pytest.approx(slope, abs=1e-9), pytest.approx(intercept, abs=1e-9))
    assert found.switch == switch
    np.testing.assert_allclose(found.adjusted, stars, rtol=1e-9)
    np.testing.assert_allclose(found.probability, chances, rtol=1e-9)


def test_prosody_as_published() -> None:
    found = simple_good_turing(PROSODY)
    assert counts_of(PROSODY).draws == 30902
    assert found.missing_mass.estimate == pytest.approx(0.003883243802990098, rel=1e-15)
    assert found.slope == pytest.approx(-1.3893736518400555, rel=1e-12)
    assert found.intercept == pytest.approx(4.4686, abs=5e-5)
    assert found.switch == 1
    np.testing.assert_allclose(found.adjusted[:5], [0.7635, 1.7079, 2.6821, 3.6671, 4.6574], atol=5e-5)
    np.testing.assert_allclose(found.renormalised[:3], [0.7628, 1.706, 2.68], atol=5e-4)
    np.testing.assert_allclose(
        found.probability[[0, 1, 2, 3, 4, -1]],
        [2.468474e-05, 5.522127e-05, 8.671917e-05, 0.000118568, 0.0001505846, 0.2536696],
        rtol=3e-7,
    )
    assert found.warnings == ()
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert list(said) == [field.name for field in fields(SimpleGoodTuring)]
    assert said["missing_mass"] == found.missing_mass.as_dict()
    assert (said["switch"], said["times"]) == (1, found.times.tolist())
    assert found.missing_mass.method == "simple_good_turing, score"
    assert (found.missing_mass.low, found.missing_mass.high) == (good_mass(PROSODY).low, good_mass(PROSODY).high)


def test_shallow_slope_warns() -> None:
    found = simple_good_turing(SHALLOW)
    assert found.missing_mass.estimate == pytest.approx(0.022727, abs=5e-7)
    assert found.slope == pytest.approx(-0.1042, abs=5e-5)
    published = [0.01764977, 0.02728015, 0.03682263, 0.04633882, 0.05584358]
    published += [0.06534234, 0.07483756, 0.0843305, 0.09382191, 0.1033122]
    np.testing.assert_allclose(found.probability, published, rtol=5e-7)
    assert found.warnings == (
        "The slope -0.104 is above -1, so the line raises counts that Good-Turing must lower: "
        "the probabilities of rare facts are too high.",
    )


tables = st.dictionaries(st.integers(1, 40) | st.integers(1, 10**6), st.integers(1, 10**7), min_size=1, max_size=12)


@given(data=tables, idk=st.integers(0, 1000))
def test_smoothing_as_the_oracle(data: Table, idk: int) -> None:
    found = simple_good_turing(counts_of(data, idk=idk))
    assert_as_oracle(found, data, idk)
    n = counts_of(data).draws + idk
    seen = float(np.sum(found.facts * found.probability))
    assert seen + found.missing_mass.estimate + idk / n == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(found.renormalised, n * found.probability, rtol=1e-12)


def test_turing_estimates_are_kept_where_they_differ() -> None:
    data = {1: 10**12, 2: 10**11, 3: 3 * 10**10, 10**14: 5}
    found = simple_good_turing(data)
    assert found.switch == 3
    np.testing.assert_allclose(found.adjusted[:2], [0.2, 0.9], rtol=1e-14)
    assert_as_oracle(found, data)


@pytest.mark.parametrize(
    ("data", "switch"), [({1: 101, 2: 40, 3: 24, 5: 2, 9: 1}, 2), ({1: 176, 2: 61, 3: 29, 5: 2, 9: 1}, 3)]
)
def test_the_switch_is_at_two_sided_five_percent(data: Table, switch: int) -> None:
    """The Turing estimates of doubletons lie 1.95 to 1.96 and 1.96 to 1.97 standard deviations off the line."""
    found = simple_good_turing(data)
    assert found.switch == switch
    assert_as_oracle(found, data)


def test_smoothed_probabilities_are_those_of_the_world() -> None:
    """Facts seen r times have a mean popularity of p_r, within a tenth; of r/N they are far off."""
    law = np.arange(1, 20_001.0) ** -1.2
    law /= law.sum()
    rng = np.random.default_rng(3)
    samples = [rng.multinomial(5000, law) for _ in range(20)]
    smoothed = np.mean([simple_good_turing(seen).probability[:3] for seen in samples], axis=0)
    true = np.mean([[np.mean(law[seen == r]) for r in (1, 2, 3)] for seen in samples], axis=0)

    def off(estimated: np.ndarray) -> float:
        return float(np.max(np.abs(estimated / true - 1)))

    assert off(smoothed) < 0.1
    assert off(np.array([1, 2, 3]) / 5000) > 1


ONE_CLASS = "All facts seen stand equally often, so no line can be drawn: their counts are left as they are."


@pytest.mark.parametrize("data", [[1], {1: 5}, {7: 1}, {3: 10**12}, {2**62: 1}])
def test_one_class_of_facts(data: Table | list[int]) -> None:
    found, counts = simple_good_turing(data), counts_of(data)
    assert (found.slope, found.switch) == (-1, counts.times[0])
    assert found.adjusted.tolist() == [float(counts.times[0])]
    assert found.probability.tolist() == [0.0 if counts.f(1) else 1 / counts.seen]
    assert found.warnings == (*good_mass(data).warnings, ONE_CLASS)


def test_smoothing_warns_of_gaps_and_disorder() -> None:
    gap = simple_good_turing({1: 50, 3: 9, 4: 3, 7: 1})
    assert gap.warnings == ("No fact stands exactly twice: the adjusted count of singletons rests on the line alone.",)
    dip = simple_good_turing({1: 1000, 2: 900, 3: 20, 4: 1, 5: 1})
    assert dip.adjusted[0] > dip.adjusted[1]
    assert dip.warnings == (
        "The adjusted counts do not rise with the count: facts seen more often may get less probability.",
    )
    close = simple_good_turing({2**60: 1, 2**60 + 1: 1})  # one number to a float
    assert ONE_CLASS in close.warnings
    assert close.probability.tolist() == [0.5, 0.5]


# ---- the number of unseen facts ----


def test_chao1_as_published() -> None:
    """The software values: scikit-bio 0.7.4 for the two conventions it has, Chao's for the third."""
    for convention, value in (("chao", 43.8928571), ("bias_corrected", 39.2), ("classic", 44.0)):
        assert 26 + chao1(SPIDERS, convention).estimate == pytest.approx(value, abs=5e-8)
    assert 25 + chao1(BIRDS).estimate == pytest.approx(27.2488727, abs=5e-7)
    assert 31_534 + chao1(SHAKESPEARE).estimate == pytest.approx(55327.362, abs=5e-4)
    for data, seen, corrected, classic in (
        (PROSODY, 309, 483.1463414634146, 489.0),
        (SHALLOW, 17, 17.5, 19.0),
        (BUTTERFLIES, 501, 593.04, 595.0810810810811),
    ):
        assert counts_of(data).seen == seen
        assert seen + chao1(data, "bias_corrected").estimate == pytest.approx(corrected, rel=1e-14)
        assert seen + chao1(data, "classic").estimate == pytest.approx(classic, rel=1e-14)


@pytest.mark.parametrize(
    ("data", "richness"),
    [
        (SPIDERS, 48.41522903033908),
        (BUTTERFLIES, 593.2386961955393),
        (PROSODY, 468.67929496670774),
        (SHALLOW, 17.56219888973847),
    ],
)
def test_ace_as_scikit_bio(data: Table | list[int], richness: float) -> None:
    """scikit-bio 0.7.4, ``skbio.diversity.alpha.ace``."""
    assert counts_of(data).seen + ace(data).estimate == pytest.approx(richness, rel=1e-14)


def test_standard_error_as_vegan() -> None:
    """BCI, first plot (S = 93, f1 = 31, f2 = 18): S.chao1 117.473684, se.chao1 11.583785 (vegan, ``estimateR``)."""
    found = chao1(table(448, 93, 31, 18), "bias_corrected")
    assert 93 + found.estimate == pytest.approx(117.473684, abs=5e-7)
    assert math.sqrt(implied_variance(found)) == pytest.approx(11.583785, abs=5e-7)


def test_variances_as_published() -> None:
    """Chao 1987 with the factor of Chao's software, with and without doubletons; Burnham & Overton 1978."""
    a, ratio = 167 / 168, 12 / 4
    published = 4 * (a / 2 * ratio**2 + a**2 * ratio**3 + a**2 / 4 * ratio**4)
    assert implied_variance(chao1(SPIDERS)) == pytest.approx(published, rel=1e-12)
    assert implied_variance(chao1(SPIDERS, "classic")) == pytest.approx(4 * (4.5 + 27 + 81 / 4), rel=1e-12)

    gone = table(1000, 60, 20, 0)
    a, richness = 999 / 1000, 60 + 999 / 1000 * 190
    published = a * 190 + a**2 * 20 * 39**2 / 4 - a**2 * 20**4 / (4 * richness)
    assert implied_variance(chao1(gone)) == pytest.approx(published, rel=1e-12)

    counts = counts_of(SPIDERS)
    for order in (1, 2, 3, 4):
        weights = jackknife_weights(168, order)
        squares = sum((1 + float(weights.get(k, Fraction(0)))) ** 2 * counts.f(k) for k in range(1, 47))
        found = jackknife(SPIDERS, order)
        assert implied_variance(found) == pytest.approx(squares - 26 - found.estimate, rel=1e-10)


def textbook_ace(f: dict[int, float], rare: int = 10) -> float:
    """S_abundant + S_rare/C + (f_1/C) gamma^2, less S: Chao & Lee 1992."""
    few = {k: v for k, v in f.items() if k <= rare}
    facts, draws = sum(few.values()), sum(k * v for k, v in few.items())
    coverage = 1 - f[1] / draws
    gamma = facts / coverage * sum(k * (k - 1) * v for k, v in few.items()) / (draws * (draws - 1)) - 1
    return facts / coverage + f[1] / coverage * max(gamma, 0.0) - facts


@pytest.mark.parametrize("data", [dict(Counter(SPIDERS)), PROSODY, {1: 40, 2: 60, 3: 60, 4: 45, 5: 20, 30: 3}])
@pytest.mark.parametrize("rare", [3, 10])
def test_ace_variance_by_differences(data: Table, rare: int) -> None:
    """The delta method with the covariance f_i (1 - f_i/S) and -f_i f_j/S, differentiating numerically."""
    f = {k: float(v) for k, v in data.items()}
    found = ace(data, rare)
    assert found.estimate == pytest.approx(textbook_ace(f, rare), rel=1e-12)
    slopes = {}
    for k in f:
        h = 1e-4
        up, down = {**f, k: f[k] + h}, {**f, k: f[k] - h}
        slopes[k] = 1 + (textbook_ace(up, rare) - textbook_ace(down, rare)) / (2 * h)
    richness = sum(f.values()) + found.estimate
    variance = sum(slopes[k] ** 2 * f[k] for k in f) - sum(slopes[k] * f[k] for k in f) ** 2 / richness
    assert implied_variance(found) == pytest.approx(variance, rel=1e-6)


@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=4), order=st.integers(1, 4))
def test_jackknife_by_leaving_draws_out(counts: list[int], order: int) -> None:
    """Its definition, over all subsets of the draws."""
    drawn = [fact for fact, times in enumerate(counts) for _ in range(times)]
    n = len(drawn)
    assume(order <= n <= 9)
    total = Fraction(0)
    for i in range(order + 1):
        left = [len(set(kept)) for kept in itertools.combinations(drawn, n - i)]
        total += (-1) ** i * math.comb(order, i) * (n - i) ** order * Fraction(sum(left), len(left))
    unseen = total / math.factorial(order) - len(counts)
    found = jackknife(counts, order)
    assert found.estimate == pytest.approx(max(float(unseen), 0.0), abs=1e-12)
    assert any("put to 0" in sentence for sentence in found.warnings) == (unseen < 0)


def test_jackknife_weights_in_closed_form() -> None:
    for n in (5, 168, 10**15):
        assert jackknife_weights(n, 1) == {1: Fraction(n - 1, n)}
        assert jackknife_weights(n, 2) == {1: Fraction(2 * n - 3, n), 2: -Fraction((n - 2) ** 2, n * (n - 1))}
    below = jackknife({1: 3, 2: 10}, 2)
    assert (below.estimate, below.low) == (0, 0)
    assert below.warnings == (
        "The jackknife of order 2 gives -3.107 unseen facts: put to 0.",
        "The estimate is 0: the upper end is Chao's formula at the most singletons that chance allows.",
    )


@pytest.mark.parametrize(
    ("law", "unseen", "found"),
    [(np.full(1000, 1 / 1000), 223, 335), (1 / np.arange(1, 10_001) / np.sum(1 / np.arange(1, 10_001)), 9_294, 554)],
    ids=["equal", "zipf"],
)
def test_the_jackknife_errs_both_ways_as_its_docstring_has_it(law: np.ndarray, unseen: int, found: int) -> None:
    """E f_0 and the mean of ((n-1)/n) f_1 after 1,500 draws, by exact sums."""
    n = 1500
    assert round(float(np.sum((1 - law) ** n))) == unseen
    assert round((n - 1) / n * float(np.sum(n * law * (1 - law) ** (n - 1)))) == found
    words = " ".join((jackknife.__doc__ or "").split())
    assert f"{found} for {unseen:,} " in words


def test_unseen_facts_in_equal_worlds() -> None:
    """Where facts are equally popular: hardly a bias, the spread that the variance says, and the level."""
    samples = np.random.default_rng(11).multinomial(300, np.full(200, 1 / 200), size=800)
    missing = np.sum(samples == 0, axis=1)

    def bias(found: list[Estimate]) -> float:
        return float(np.mean([one.estimate for one in found] - missing) / np.mean(missing))

    def covered(found: list[Estimate], shrink: float) -> float:
        """How often f_0 lies between the ends, the interval drawn in to that power of its width."""
        e, low, high = (np.array([getattr(one, name) for one in found]) for name in ("estimate", "low", "high"))
        return float(np.mean((e * (low / e) ** shrink <= missing) & (missing <= e * (high / e) ** shrink)))

    for estimator in (chao1, ace):
        found = [estimator(sample) for sample in samples]
        assert abs(bias(found)) < 0.1
        spread = np.std([one.estimate for one in found] - missing)  # of S + f_0, as there are 200 facts
        assert spread == pytest.approx(math.sqrt(np.mean([implied_variance(one) for one in found])), rel=0.12)
        assert 0.92 <= covered(found, 1.0) <= 0.97
        assert covered(found, 0.5) < 0.75
    assert bias([jackknife(sample) for sample in samples]) > 0.4


# ---- what holds for every estimator ----

EVERY: dict[str, Callable[..., Estimate]] = {
    "good_mass 0": lambda data, level=0.95: good_mass(data, level=level),
    "good_mass 0, lower": lambda data, level=0.95: good_mass(data, level=level, sides="lower"),
    "good_mass 0, upper": lambda data, level=0.95: good_mass(data, level=level, sides="upper"),
    "good_mass 1": lambda data, level=0.95: good_mass(data, 1, level=level),
    "good_mass 3": lambda data, level=0.95: good_mass(data, 3, level=level),
    "simple_good_turing": lambda data, level=0.95: simple_good_turing(data, level=level).missing_mass,
    **{f"chao1 {c}": lambda data, level=0.95, c=c: chao1(data, c, level=level) for c in CONVENTIONS},
    "ace": lambda data, level=0.95: ace(data, level=level),
    "ace 1": lambda data, level=0.95: ace(data, 1, level=level),
    "jackknife 1": lambda data, level=0.95: jackknife(data, level=level),
    "jackknife 2": lambda data, level=0.95: jackknife(data, min(2, counts_of(data).draws), level=level),
    "jackknife 5": lambda data, level=0.95: jackknife(data, min(5, counts_of(data).draws), level=level),
}
EDGES: dict[str, Table] = {
    "n = 1": {1: 1},
    "one singleton": {1: 1, 9: 4},
    "all singletons": {1: 40},
    "1e12 singletons": {1: 10**12},
    "one species": {17: 1},
    "one huge count": {2**63 - 1: 1},
    "no singletons": {2: 7, 5: 2},
    "no doubletons": {1: 7, 3: 5, 8: 1},
    "neither": {3: 8},
    "no rare facts": {50: 9, 100: 2},
    "one singleton among many": {1: 1, 2: 2**61},
    "1e15 draws": {1: 4 * 10**11, 2: 10**11, 3: 5 * 10**10, 1000: 5 * 10**10, 10**12: 949},
    "1e15 singletons": {1: 10**15 - 2, 2: 1},
    "nine in 1e18": {1: 9, 10**18 - 9: 1},
}


def assert_sound(found: Estimate) -> None:
    assert 0 <= found.low <= found.estimate <= found.high
    assert found.low < found.high < math.inf
    assert found.high <= 1 or "good" not in found.method
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in found.warnings)
    assert len(set(found.warnings)) == len(found.warnings)
    assert math.copysign(1, found.estimate) == 1  # no -0.0


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("level", [1e-6, 0.5, 0.95, 1 - 1e-9])
def test_edges(name: str, edge: str, level: float) -> None:
    assert_sound(EVERY[name](EDGES[edge], level=level))


NO_DOUBLETONS = "No fact stands exactly twice: f_1 (f_1 - 1)/2 stands in for f_1^2/(2 f_2)."
AT_ZERO = "The estimate is 0: the upper end is Chao's formula at the most singletons that chance allows."
NO_SINGLETONS = (
    "No fact stands exactly once, so the estimate is 0: the upper end is Chao's formula at the most singletons that "
    "chance allows."
)


@pytest.mark.parametrize(
    ("found", "estimate", "warnings"),
    [
        (
            chao1([1]),
            0.0,
            (NO_DOUBLETONS, "The one fact seen stands once: a de-duplicated list looks the same.", AT_ZERO),
        ),
        (
            chao1([1, 1]),
            0.5,
            (NO_DOUBLETONS, "Each of the 2 facts seen stands once: a de-duplicated list looks the same."),
        ),
        (chao1({1: 7, 3: 5}), 21 / 22 * 21, (NO_DOUBLETONS,)),
        (chao1({1: 7, 3: 5}, "classic"), 21.0, (NO_DOUBLETONS,)),
        (chao1({1: 7, 3: 5}, "bias_corrected"), 21.0, ()),
        (chao1({2: 7}), 0.0, (NO_SINGLETONS,)),
        (ace({2: 7}), 0.0, (NO_SINGLETONS,)),
        (ace({50: 7}), 0.0, (NO_SINGLETONS,)),
        (
            ace({1: 4, 50: 7}),
            6.0,
            ("All facts seen at most 10 times are singletons: bias-corrected Chao1 stands in for ACE.",),
        ),
        (jackknife({1: 4, 6: 1}), 3.6, ()),
    ],
)
def test_edges_say_what_stands_in(found: Estimate, estimate: float, warnings: tuple[str, ...]) -> None:
    assert found.estimate == pytest.approx(estimate, rel=1e-14, abs=0)
    assert found.warnings == warnings


def test_the_number_of_unseen_facts_promises_no_more_than_its_spread() -> None:
    """Where popularity varies the interval misses f_0, and the more surely the larger N is."""
    assert {f(SPIDERS).promise for f in (chao1, ace, jackknife)} == {"spread"}
    law = 1 / np.arange(1, 100_001.0)
    law /= law.sum()
    rng = np.random.default_rng(4)
    for draws in (1_000, 100_000):
        for _ in range(5):
            seen = rng.multinomial(draws, law)
            missing = int(np.sum(seen == 0))
            assert all(estimator(seen).high < missing for estimator in (chao1, ace, jackknife))


def test_the_stand_in_at_zero() -> None:
    """u^2/(2 (f_2+1)), u solving (f_1 - u)^2 = z^2 u."""
    z = normal_quantile(0.9)
    for data, one, two in (({2: 7}, 0, 7), ({1: 1, 3: 4}, 1, 0)):
        high = chao1(data, level=0.9).high
        u = math.sqrt(high * 2 * (two + 1))
        assert (one - u) ** 2 == pytest.approx(z**2 * u, rel=1e-12)
        assert u > one


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(1, 30) | st.integers(1, 10**12), min_size=1, max_size=40),
    order=st.randoms(use_true_random=False),
    levels=st.tuples(st.floats(0.01, 0.999), st.floats(0.01, 0.999)),
)
def test_symmetries_and_levels(counts: list[int], order: object, levels: tuple[float, float]) -> None:
    """The same from facts in any order, with zeros, or merged into counts of counts; wider at a higher level."""
    shuffled = [*counts, 0]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    merged = dict(Counter(counts))
    for name, estimator in EVERY.items():
        found = estimator(counts)
        assert_sound(found)
        assert found == estimator(shuffled) == estimator(merged) == estimator(counts_of(merged)), name
        inner, outer = (estimator(merged, level=level) for level in sorted(levels))
        assert outer.low <= inner.low, name
        assert outer.high >= inner.high, name


def test_idk_draws_are_no_species() -> None:
    """They lower the share of singletons, and leave the numbers of facts as they are."""
    with_idk = counts_of(SPIDERS, idk=168)
    for estimator in (chao1, ace, jackknife):
        assert estimator(with_idk) == estimator(SPIDERS)
    assert good_mass(with_idk).estimate == good_mass(SPIDERS).estimate / 2
    half = simple_good_turing(with_idk)
    np.testing.assert_allclose(half.probability, simple_good_turing(SPIDERS).probability / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: good_mass(SPIDERS, -1), "k = -1: must be a whole number of at least 0"),
        (lambda: good_mass(SPIDERS, True), "k = True: must be a whole number of at least 0"),
        (lambda: good_mass(SPIDERS, 0.5), "k = 0.5: must be a whole number of at least 0"),
        (lambda: good_mass(SPIDERS, "0"), "k = '0': must be a whole number of at least 0"),  # type: ignore[arg-type]
        (lambda: good_mass(SPIDERS, level=1), "level = 1: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (lambda: good_mass(SPIDERS, sides="tow"), "sides 'tow' is unknown: did you mean 'two'?"),
        (
            lambda: simple_good_turing(SPIDERS, level=0),
            "level = 0: must be a number from 1e-6 to 1 - 1e-9, such as 0.95",
        ),
        (lambda: chao1(SPIDERS, "clasic"), "convention 'clasic' is unknown: did you mean 'classic'?"),
        (
            lambda: chao1(SPIDERS, ["chao"]),  # type: ignore[arg-type]
            "convention ['chao'] is unknown: did you mean 'chao'?",
        ),
        (
            lambda: chao1(SPIDERS, np.zeros((2, 1))),  # type: ignore[arg-type]
            "convention array([[0.], [0.]]) is unknown: choose from bias_corrected, chao, classic",
        ),
        (
            lambda: chao1(SPIDERS, None),  # type: ignore[arg-type]
            "convention None is unknown: choose from bias_corrected, chao, classic",
        ),
        (lambda: chao1(SPIDERS, level=2), "level = 2: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (lambda: ace(SPIDERS, 0), "rare = 0: must be a whole number of at least 1"),
        (lambda: ace(SPIDERS, 2.5), "rare = 2.5: must be a whole number of at least 1"),
        (lambda: ace(SPIDERS, True), "rare = True: must be a whole number of at least 1"),
        (lambda: jackknife(SPIDERS, False), "order = False: must be a whole number from 1 to 10"),
        (lambda: jackknife(SPIDERS, 11), "order = 11: must be a whole number from 1 to 10"),
        (
            lambda: jackknife([2], 3),
            "order = 3: that many draws are left out at a time and there are 2: take at most 2",
        ),
        (lambda: ace([]), "counts = []: no fact was seen: at least one positive count is needed"),
    ],
)
def test_mistakes_are_sentences(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(sentence)}$"):
        call()
