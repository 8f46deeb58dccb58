"""The bootstrap's law and resamples, rarefaction, the coverage curve, and the draws until a missing mass."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import SPIDERS

from simlab.errors import BadInput
from simlab.missing_mass.bootstrap import (
    EstimatedLaw,
    _inside,
    estimated_law,
    quantile_error,
    resamples,
    spread_error,
)
from simlab.missing_mass.counts import CountsOfCounts, counts_of
from simlab.missing_mass.curve import CoverageCurve, coverage_curve, draws_until
from simlab.missing_mass.rarefaction import log_missed, rarefied_facts, rarefied_missing_mass

EDGES: dict[str, CountsOfCounts] = {
    "n = 1": counts_of({1: 1}),
    "n = 1 and IDK": counts_of({1: 1}, idk=1),
    "one species": counts_of({7: 1}),
    "all singletons": counts_of({1: 40}),
    "no singletons": counts_of({2: 3, 5: 4}),
    "no doubletons": counts_of({1: 6, 3: 2}),
    "a lone singleton": counts_of({1: 1, 9: 3}),
    "one huge count": counts_of({10**15: 1}),
    "the largest count": counts_of({2**63 - 1: 1}),
    "1e15 singletons": counts_of({1: 10**15}),
    "N = 1e15": counts_of({1: 10**14, 2: 4 * 10**13, 3: 10**13, 10**11: 7_900}),
    "mostly IDK": counts_of({1: 2, 4: 1}, idk=10**18),
}
TABLES = st.dictionaries(st.integers(1, 40), st.integers(1, 30), min_size=1, max_size=6)


# ---- the estimated law ----


def listed_law(counts: list[int]) -> list[float]:
    """The oracle: the recipe of Chao & Jost's bootstrap with every fact listed, seen ones first."""
    n, single, double = sum(counts), counts.count(1), counts.count(2)
    factor = (n - 1) / n
    unseen = factor * single**2 / (2 * double) if double else factor * single * (single - 1) / 2
    missing = single / n * (n * unseen / (n * unseen + single)) if single else 0.0
    if not unseen:
        return [x / n for x in counts]
    w = missing / sum(x / n * (1 - x / n) ** n for x in counts)
    seen = [x / n * (1 - w * (1 - x / n) ** n) for x in counts]
    return [*seen, *math.ceil(unseen) * [missing / math.ceil(unseen)]]


@pytest.mark.parametrize(
    "counts", [SPIDERS, [1] * 12, [1, 1, 1, 4], [5, 3], [1, 9], [1], [2, 1, 1], [7]], ids=lambda c: str(c)[:20]
)
def test_the_estimated_law_against_a_listed_one(counts: list[int]) -> None:
    law, listed = estimated_law(counts), listed_law(counts)
    assert law.unseen == len(listed) - len(counts)
    assert law.missing_mass == pytest.approx(sum(listed[len(counts) :]))
    times = counts_of(counts).times.tolist()
    assert {k: pytest.approx(p) for k, p in zip(times, law.popularity.tolist(), strict=True)} == dict(
        zip(counts, listed, strict=False)
    )


@pytest.mark.parametrize("name", EDGES)
def test_the_estimated_law_sums_to_one(name: str) -> None:
    counts = EDGES[name]
    law = estimated_law(counts)
    assert float(np.sum(law.facts * law.popularity)) + law.missing_mass + law.idk == pytest.approx(1, rel=1e-12)
    assert (law.popularity > 0).all()
    assert law.idk == counts.idk / counts.draws
    assert (law.unseen == 0) == (law.missing_mass == 0)


def test_all_singletons_leave_the_seen_facts_their_exact_crumb() -> None:
    """1 - r = 2/((n-1)(f_1-1) + 2) is 2e-30 at n = 1e15, where 1 minus the rounded r would be 0."""
    n = 10**15
    law = estimated_law({1: n})
    assert law.unseen == -(-((n - 1) ** 2) // 2)
    assert float(law.popularity[0]) * n == pytest.approx(float(Fraction(2, (n - 1) ** 2 + 2)), rel=1e-9)


# ---- resamples ----


def expectations(law: EstimatedLaw, draws: int) -> np.ndarray:
    """E f_1, E f_2, E missing mass and E idk of ``draws`` draws from ``law``, by exact sums."""
    facts = np.append(law.facts, float(law.unseen))
    p = np.append(law.popularity, law.missing_mass / max(law.unseen, 1))
    return np.array(
        [
            np.sum(facts * draws * p * (1 - p) ** (draws - 1)),
            np.sum(facts * draws * (draws - 1) / 2 * p**2 * (1 - p) ** max(draws - 2, 0)),
            np.sum(facts * p * (1 - p) ** draws),
            draws * law.idk,
        ]
    )


def deviations(counts: CountsOfCounts, law: EstimatedLaw, count_cap: int | None = None) -> np.ndarray:
    """Means over 3,000 resamples of ``counts`` less what ``law`` expects, in standard errors."""
    drawn = []
    for one in resamples(counts, 3000, np.random.default_rng(8), count_cap=count_cap):
        assert one.counts.draws == counts.draws
        drawn.append([one.counts.f(1), one.counts.f(2), one.missing_mass, one.counts.idk])
    values = np.array(drawn, dtype=float)
    return np.asarray((values.mean(0) - expectations(law, counts.draws)) / (values.std(0) / math.sqrt(3000) + 1e-12))


@pytest.mark.parametrize(
    "counts",
    [
        counts_of({1: 20, 2: 8, 3: 4, 7: 2, 30: 1}),
        counts_of({1: 12}),
        counts_of({1: 1, 2: 1}),
        counts_of({1: 3, 4: 2}),
        counts_of({3: 5}),
        counts_of({1: 20, 2: 8, 3: 4, 7: 2}, idk=30),
    ],
    ids=["mixed", "all singletons", "three draws", "no doubletons", "no singletons", "with IDK"],
)
def test_resamples_follow_the_estimated_law(counts: CountsOfCounts) -> None:
    assert np.abs(deviations(counts, estimated_law(counts))).max() < 4.5


def test_a_plug_in_law_is_told_from_the_estimated_one() -> None:
    """The control: the observed shares, without unseen facts, fail the same check."""
    counts = counts_of({1: 20, 2: 8, 3: 4, 7: 2, 30: 1})
    plug_in = EstimatedLaw(counts.facts, counts.times / counts.draws, 0, 0.0, 0.0)
    assert np.abs(deviations(counts, plug_in)).max() > 50


def test_a_cap_keeps_what_lies_below_it() -> None:
    counts = counts_of({1: 20, 2: 8, 3: 4, 7: 2, 30: 1})
    assert np.abs(deviations(counts, estimated_law(counts), count_cap=3)[:3]).max() < 4.5
    capped = next(resamples(counts, 1, np.random.default_rng(0), count_cap=3)).counts
    assert capped.times.max() == 3
    assert capped.idk == counts.draws - sum(k * capped.f(k) for k in (1, 2, 3))


def test_more_facts_than_can_be_numbered_come_in_groups() -> None:
    """Throwing at 8 groups and inside them is throwing at 40 facts; and 1e15 singletons repeat once, not 1e11 times."""
    rng, grouped, direct = np.random.default_rng(5), Counter[int](), Counter[int]()
    for _ in range(3000):
        hits = Counter(np.bincount(rng.integers(0, 8, 20), minlength=8).tolist())
        grouped += _inside(Counter({level: n for level, n in hits.items() if level}), 5, rng)
        direct += Counter(np.bincount(rng.integers(0, 40, 20), minlength=40).tolist())
    for level in (1, 2, 3):
        mean = 3000 * 40 * math.comb(20, level) * 39 ** (20 - level) / 40**20
        assert abs(grouped[level] - mean) < 4.5 * math.sqrt(mean)
        assert abs(direct[level] - mean) < 4.5 * math.sqrt(mean)
    pairs = [one.counts.f(2) for one in resamples({1: 10**15}, 200, np.random.default_rng(6))]
    assert abs(np.mean(pairs) - 1) < 4.5 / math.sqrt(200)


@pytest.mark.parametrize("name", EDGES)
def test_resamples_at_the_edges(name: str) -> None:
    for one in resamples(EDGES[name], 3, np.random.default_rng(1)):
        assert one.counts.draws == EDGES[name].draws
        assert one.counts.seen >= 1
        assert (one.counts.facts > 0).all()
        assert (np.diff(one.counts.times) > 0).all()
        assert 0 <= one.missing_mass <= 1


def test_the_seed_decides() -> None:
    def drawn(seed: int) -> list[float]:
        return [one.missing_mass for one in resamples(SPIDERS, 5, np.random.default_rng(seed))]

    assert drawn(1) == drawn(1) != drawn(2)


def test_the_error_of_a_quantile() -> None:
    """The 90 % quantile of 1,000 normal values varies by sqrt(.09/1000)/density = .054."""
    rng = np.random.default_rng(2)
    samples = rng.normal(size=(400, 1000))
    spread = np.quantile(samples, 0.9, axis=1).std()
    assert np.mean([quantile_error(values, 0.9) for values in samples]) == pytest.approx(spread, rel=0.15)
    assert quantile_error(np.ones(10), 0.5) == 0


# ---- rarefaction ----


def ratio(total: int, taken: int, marked: int) -> Fraction:
    few, many = min(marked, taken), max(marked, taken)
    return math.prod((Fraction(max(total - i - many, 0), total - i) for i in range(few)), start=Fraction(1))


@pytest.mark.parametrize("total", [1, 2, 7, 16, 40, 100, 10**9, 10**15, 2**63 - 2])
def test_the_chance_to_miss_against_fractions(total: int) -> None:
    rng = np.random.default_rng(total % 1000)
    for _ in range(60):
        taken = int(min(total, 10 ** rng.uniform(0, 19)))
        marked = int(min(total - taken if rng.random() < 0.2 else total, 10 ** rng.uniform(-0.2, 2.2)))
        exact, found = ratio(total, taken, marked), float(log_missed(total, taken, np.array([marked]))[0])
        if exact == 0:
            assert found == -math.inf
        elif exact == 1:
            assert found == 0
        elif exact < 0.5:
            assert found == pytest.approx(math.log(exact.numerator) - math.log(exact.denominator), rel=1e-11)
        else:  # 1 less a crumb: the crumb has all its digits
            assert -math.expm1(found) == pytest.approx(float(1 - exact), rel=1e-11)


def outcomes(law: tuple[float, ...], draws: int, last_is_idk: bool) -> Iterator[tuple[float, CountsOfCounts]]:
    """Every corpus with a fact in it, and its chance."""
    for counts in itertools.product(range(draws + 1), repeat=len(law)):
        if sum(counts) == draws:
            chance = math.factorial(draws) * math.prod(
                p**k / math.factorial(k) for p, k in zip(law, counts, strict=True)
            )
            facts, idk = (counts[:-1], counts[-1]) if last_is_idk else (counts, 0)
            if any(facts):
                yield chance, counts_of(facts, idk)


def plug_in_missing_mass(counts: CountsOfCounts, size: int) -> float:
    share = counts.times / counts.draws
    return float(np.sum(counts.facts * share * (1 - share) ** size))


@pytest.mark.parametrize("law", [(0.5, 0.5), (0.6, 0.3, 0.1), (0.4, 0.3, 0.2, 0.1)], ids=str)
@pytest.mark.parametrize("last_is_idk", [False, True])
def test_rarefaction_is_unbiased_by_enumeration(law: tuple[float, ...], last_is_idk: bool) -> None:
    """E of the rarefied missing mass is sum p (1-p)^m for every m < N, and E S(m) is sum 1 - (1-p)^m."""
    facts, draws = law[:-1] if last_is_idk else law, 6
    for size in range(1, draws):
        truth = sum(p * (1 - p) ** size for p in facts)
        seen = list(outcomes(law, draws, last_is_idk))
        found = sum(chance * rarefied_missing_mass(counts, size) for chance, counts in seen)
        assert found == pytest.approx(truth, abs=1e-13)
        # the control: plugging the observed shares in is biased
        biased = sum(chance * plug_in_missing_mass(counts, size) for chance, counts in seen)
        assert abs(biased - truth) > 1e-3 or size == 1
        held = sum(chance * rarefied_facts(counts, size) for chance, counts in seen)
        assert held == pytest.approx(sum(1 - (1 - p) ** size for p in facts), abs=1e-13)


# ---- the curve ----


def contains(curve: CoverageCurve) -> None:
    assert (curve.low < curve.high).all()
    assert ((curve.low <= curve.coverage) & (curve.coverage <= curve.high)).all()
    assert ((curve.low >= 0) & (curve.high <= 1)).all()
    assert (np.diff(curve.coverage) >= -1e-15).all()
    assert (np.diff(curve.facts) >= -1e-9 * curve.facts[1:]).all()


def test_the_curve_of_the_spiders() -> None:
    """C(168) is Chao & Jost's published .9289; the other values by the formulas, term by term."""
    n, a = 168, 167 * 12 / (167 * 12 + 8)
    curve = coverage_curve(SPIDERS, [1, 50, 167, 168, 169, 336])
    rarefied = [
        1 - sum(x / n * math.comb(n - x, m) / math.comb(n - 1, m) for x in SPIDERS if n - x >= m) for m in (1, 50, 167)
    ]
    extrapolated = [1 - 12 / n * a ** (m + 1) for m in (0, 1, 168)]
    assert curve.coverage.tolist() == pytest.approx([*rarefied, *extrapolated], rel=1e-12)
    assert curve.coverage[3] == pytest.approx(0.9288554388)
    assert curve.promise == (*4 * ["bootstrap"], *2 * ["spread"])
    f_0 = 167 / 168 * 12**2 / 8
    held = [sum(1 - math.comb(n - x, m) / math.comb(n, m) for x in SPIDERS) for m in (1, 50, 167)]
    more = [26 + f_0 * (1 - (1 - 12 / (n * f_0 + 12)) ** m) for m in (0, 1, 168)]
    assert curve.facts.tolist() == pytest.approx([*held, *more], rel=1e-12)
    assert curve.warnings == (beyond(168),)
    assert coverage_curve(SPIDERS, [1, 168], replicates=2).warnings == ()
    contains(curve)


@pytest.mark.parametrize("name", EDGES)
def test_edges_of_the_curve(name: str) -> None:
    counts = EDGES[name]
    curve = coverage_curve(counts, replicates=20)
    contains(curve)
    assert counts.draws in curve.sizes
    assert curve.facts[curve.sizes == counts.draws][0] == counts.seen
    found = draws_until(counts, 0.05, replicates=20)
    assert 0 <= found.low <= found.estimate <= found.high
    assert found.low < found.high


def beyond(draws: int) -> str:
    """The warning of every size beyond N."""
    return (
        f"Beyond N = {draws} draws the interval covers the scatter of the extrapolation and not its bias, which may be "
        "larger."
    )


ONE_DRAW = "N = 1: one draw does not show whether any fact is unseen: full coverage from N on is a convention."
LONE = (
    "A lone singleton beside no doubleton does not show how many facts are unseen: full coverage from N on is a "
    "convention."
)


def test_what_the_edges_of_the_curve_give() -> None:
    common = coverage_curve({10: 10}, [100, 201], replicates=20)
    assert common.coverage.tolist() == [1, 1]
    assert common.low[0] > 0.9
    assert common.warnings == (
        "No fact stands exactly once: the missing mass is estimated as 0 from N on.",
        beyond(100),
        "Beyond 2 N = 200 draws the extrapolation is not reliable (Chao & Jost 2012).",
    )
    lone = coverage_curve({1: 1, 9: 3}, [27, 28], replicates=20)
    assert lone.coverage.tolist() == pytest.approx([1 - 1 / 28, 1])
    assert lone.warnings == (LONE,)
    single = coverage_curve({1: 1}, [1])
    assert (single.coverage[0], single.high[0]) == (1, 1)
    assert single.low[0] < 0.25  # one draw knows nothing
    assert single.warnings == (ONE_DRAW,)


def test_idk_draws_are_covered_from_the_start() -> None:
    """The missing mass is a share of all N draws: with half the draws IDK it is half that of the rest, at twice N."""
    with_idk = coverage_curve(counts_of({1: 40, 2: 15, 5: 6, 20: 1}, idk=120), [60, 240, 480], replicates=20)
    n = 240
    a = 239 * 40 / (239 * 40 + 30)
    assert with_idk.coverage[1:].tolist() == pytest.approx([1 - 40 / n * a, 1 - 40 / n * a**241])
    # the mean of the estimate over corpora is the expected coverage, IDK share included
    rng, facts = np.random.default_rng(9), 60
    law = np.append(np.full(facts, 0.6 / facts), 0.4)
    truth = 1 - 0.6 * (1 - 0.01) ** 150
    found = []
    for _ in range(400):
        drawn = rng.multinomial(150, law)
        counts = counts_of(drawn[:-1], int(drawn[-1]))
        single, double = counts.f(1), counts.f(2)
        found.append(1 - single / 150 * 149 * single / (149 * single + 2 * double))
    curve = coverage_curve(counts, [150], replicates=2)
    assert curve.coverage[0] == pytest.approx(found[-1])
    assert abs(np.mean(found) - truth) < 0.01
    # the control: leaving the IDK draws out of N is far off
    assert abs(1 - (1 - np.mean(found)) / 0.6 - truth) > 0.05


def test_the_band_covers_the_expected_coverage() -> None:
    """Uniform and Zipf: near 95 % at N/4, N, 2 N; half the width must cover clearly less."""
    rng, sizes = np.random.default_rng(10), [50, 200, 400]
    for law in (np.full(200, 1 / 200), (1 / np.arange(1, 1001)) / np.sum(1 / np.arange(1, 1001))):
        truth = np.array([1 - np.sum(law * (1 - law) ** m) for m in sizes])
        hits, narrow = np.zeros(3), np.zeros(3)
        for _ in range(80):
            counts = counts_of(rng.multinomial(200, law))
            curve = coverage_curve(counts, sizes, replicates=50, rng=rng)
            hits += (curve.low <= truth) & (truth <= curve.high)
            ends = (curve.low + curve.coverage) / 2, (curve.high + curve.coverage) / 2
            narrow += (ends[0] <= truth) & (truth <= ends[1])
        assert (hits / 80 > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 80)).all()
        assert (narrow / 80 < 0.87).all()


def test_beyond_n_the_band_covers_the_scatter_alone() -> None:
    """Geometric, N = 10,000: at N the band covers; at 2 N the bias leaves it no coverage, and it promises none."""
    rng, n = np.random.default_rng(15), 10_000
    law = 0.001 * 0.999 ** np.arange(12_000)
    sizes = [n // 2, n, 2 * n]
    truth = np.array([1 - np.sum(law * (1 - law) ** m) for m in sizes])
    hits = np.zeros(3)
    for _ in range(40):
        curve = coverage_curve(counts_of(rng.multinomial(n, law / law.sum())), sizes, replicates=40, rng=rng)
        hits += (curve.low <= truth) & (truth <= curve.high)
        assert curve.promise == ("bootstrap", "bootstrap", "spread")
    assert (hits[:2] >= 40 * 0.95 - 4 * math.sqrt(40 * 0.95 * 0.05)).all()
    assert hits[2] < 8


def test_the_mcse_of_the_ends() -> None:
    """The ends move from one set of resamples to the next by about their MCSE."""
    rng = np.random.default_rng(12)
    curves = [coverage_curve(SPIDERS, [40, 168, 300], replicates=60, rng=rng) for _ in range(60)]
    for end, values in enumerate((np.array([c.low for c in curves]), np.array([c.high for c in curves]))):
        claimed = np.mean([c.mcse[:, end] for c in curves], axis=0)
        assert (np.abs(np.log(values.std(axis=0) / claimed)) < 0.4).all()


@settings(max_examples=15, deadline=None)
@given(table=TABLES, idk=st.integers(0, 50), levels=st.tuples(st.floats(0.05, 0.99), st.floats(0.05, 0.99)))
def test_the_curve_does_not_depend_on_the_form_and_nests(
    table: dict[int, int], idk: int, levels: tuple[float, float]
) -> None:
    listed = [times for times, facts in reversed(table.items()) for _ in range(facts)]
    counts = counts_of(table, idk)
    small, large = (coverage_curve(counts, level=level, replicates=10) for level in sorted(levels))
    again = coverage_curve(counts_of(listed, idk), level=min(levels), replicates=10)
    for field in ("sizes", "coverage", "low", "high", "facts", "mcse"):
        assert np.array_equal(getattr(again, field), getattr(small, field))
    contains(small)
    assert ((large.low <= small.low + 1e-15) & (small.high <= large.high + 1e-15)).all()
    fewer, more = (draws_until(counts, 0.02, level=level, replicates=10) for level in sorted(levels))
    assert fewer.low <= fewer.estimate <= fewer.high
    assert fewer.low < fewer.high
    assert more.low <= fewer.low
    assert fewer.high <= more.high


# ---- draws until a missing mass ----


def test_draws_until_inverts_the_extrapolation() -> None:
    found = draws_until(SPIDERS, 0.05)
    m = int(found.estimate)
    reached = coverage_curve(SPIDERS, [168 + m - 1, 168 + m], replicates=2)
    assert reached.coverage[0] < 0.95 <= reached.coverage[1]
    assert (found.promise, found.warnings) == ("spread", (beyond(168),))
    assert found.mcse is not None
    assert 0 < found.mcse < 100
    # the ends are where the band of the curve crosses the target
    ends = coverage_curve(SPIDERS, [168 + int(found.low) - 1, 168 + int(found.low), 168 + int(found.high)])
    assert ends.high[0] < 0.95 <= ends.high[1] or found.low == 0
    assert ends.low[2] >= 0.95


def test_draws_until_when_it_is_there_or_never() -> None:
    there = draws_until(SPIDERS, 0.5)
    assert (there.estimate, there.low, there.high) == (0, 0, 1)
    unbounded = draws_until({1: 40, 3: 2}, 0.05)
    assert math.isfinite(unbounded.estimate)
    assert unbounded.high == math.inf
    assert unbounded.warnings == (
        "No fact stands exactly twice: nothing shows how fast the missing mass falls beyond N.",
        beyond(46),
        "Beyond 2 N = 92 draws the extrapolation is not reliable (Chao & Jost 2012).",
    )
    assert unbounded.as_dict()["high"] is None
    huge = draws_until({1: 10**14, 2: 5 * 10**13, 3: 10**13, 10**9: 10**5}, 0.05, replicates=20)
    assert huge.high - huge.low < 1e-5 * huge.estimate


def test_draws_until_says_when_nothing_shows_what_is_unseen() -> None:
    for counts, sentence in (
        (counts_of({1: 1}), ONE_DRAW),
        (counts_of({1: 1, 9: 3}), LONE),
        (counts_of({1: 1}, idk=9), LONE),
    ):
        found = draws_until(counts, 0.01, replicates=20)
        assert (found.estimate, found.high) == (0, math.inf)
        assert found.warnings == (sentence, beyond(counts.draws))
    assert draws_until({1: 2, 9: 3}, 0.01, replicates=20).estimate > 0


@pytest.mark.parametrize("target", [1e-3, 1e-160, 1e-300, 1e-320])
@pytest.mark.parametrize("level", [1e-6, 0.95, 1 - 1e-9])
def test_masses_whose_squares_are_no_numbers(target: float, level: float) -> None:
    found = draws_until(SPIDERS, target, level=level, replicates=20)
    a = 167 * 12 / (167 * 12 + 8)
    assert found.estimate == math.ceil((math.log(target) - math.log(12 / 168)) / math.log(a) - 1)
    assert found.low <= found.estimate < found.high
    assert found.mcse is not None
    assert math.isfinite(found.mcse)


def test_the_error_of_a_spread() -> None:
    """That of 50 normal values varies by sqrt(1/(2 B)) of itself; at any scale, and by nothing where all are alike."""
    drawn = np.random.default_rng(3).normal(size=(50, 400))
    claimed = spread_error(drawn)
    assert np.mean(claimed) == pytest.approx(np.std(drawn.std(axis=0)), rel=0.15)
    assert np.mean(claimed) == pytest.approx(math.sqrt(1 / 100), rel=0.1)
    for scale in (1e-300, 1e-160, 1e150):
        assert spread_error(scale * drawn) == pytest.approx(claimed)
    assert spread_error(np.ones((50, 2))).tolist() == [0, 0]


def test_the_curve_is_strict_json() -> None:
    curve = coverage_curve(SPIDERS, [50, 168], level=np.float32(0.9), replicates=10)  # type: ignore[arg-type]
    said = json.loads(json.dumps(curve.as_dict(), allow_nan=False))
    assert said["sizes"] == [50, 168]
    assert said["coverage"] == curve.coverage.tolist()
    assert said["mcse"] == curve.mcse.tolist()
    assert (said["level"], said["method"]) == (float(np.float32(0.9)), "coverage_curve, bootstrap_score")
    assert list(said) == [field.name for field in fields(CoverageCurve)]


def test_draws_until_covers_where_the_extrapolation_holds() -> None:
    """A uniform world: the draws to a target within 2 N lie in the interval; a wrong target lies outside."""
    rng, n, k = np.random.default_rng(13), 200, 150
    target = (1 - 1 / k) ** (n + 120)
    held = wrong = 0
    for _ in range(60):
        found = draws_until(rng.multinomial(n, np.full(k, 1 / k)), target, replicates=50, rng=rng)
        held += found.low <= 120 <= found.high
        wrong += found.low <= 0 <= found.high
    assert held >= 60 * (0.95 - 4 * math.sqrt(0.95 * 0.05 / 60))
    assert wrong < 10


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: resamples({1: 1}, 0, np.random.default_rng(0)),
            "replicates = 0: must be a whole number of at least 1",
        ),
        (
            lambda: resamples({1: 1}, 5, np.random.default_rng(0), count_cap=1),
            "count_cap = 1: must be a whole number of at least 2",
        ),
        (
            lambda: resamples({1: 1}, 5, 7),  # type: ignore[arg-type]
            "rng = 7: must be a NumPy generator, such as np.random.default_rng(0)",
        ),
        (
            lambda: coverage_curve({1: 1}, replicates=1),
            "replicates = 1: must be a whole number of at least 2",
        ),
        (lambda: coverage_curve({1: 1}, replicates=True), "replicates = True: must be a whole number of at least 2"),
        (
            lambda: coverage_curve({1: 1}, rng=1),  # type: ignore[arg-type]
            "rng = 1: must be a NumPy generator, such as np.random.default_rng(0)",
        ),
        (
            lambda: coverage_curve({1: 1}, 5),  # type: ignore[arg-type]
            "sizes = 5: must be a list of numbers of draws, such as [100, 1000]",
        ),
        (
            lambda: coverage_curve({1: 1}, "12"),  # type: ignore[arg-type]
            "sizes = '12': must be a list of numbers of draws, such as [100, 1000]",
        ),
        (lambda: coverage_curve({1: 1}, [True]), "size = True: must be a whole number from 1 to 2^63 - 1"),
        (
            lambda: coverage_curve({1: 1}, [[1, 2]]),  # type: ignore[list-item]
            "size = [1, 2]: must be a whole number from 1 to 2^63 - 1",
        ),
        (lambda: coverage_curve({1: 1}, []), "sizes = []: give at least one number of draws"),
        (
            lambda: coverage_curve({1: 1}, [0]),
            "size = 0: must be a whole number from 1 to 2^63 - 1",
        ),
        (
            lambda: coverage_curve({1: 1}, [2.5]),  # type: ignore[list-item]
            "size = 2.5: must be a whole number from 1 to 2^63 - 1",
        ),
        (lambda: coverage_curve({1: 1}, level=2), "level = 2: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (lambda: draws_until({1: 1}, 1), "missing_mass = 1: must lie between 0 and 1, such as 0.05"),
    ],
)
def test_mistakes_are_sentences(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert str(caught.value) == sentence
