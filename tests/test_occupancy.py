"""The sampler's law: against enumeration, exact moments and listed draws; wrong samplers fail the same tests.

Every statement is a p-value at a fixed seed: a right sampler stays above ``RIGHT``, a wrong one falls below ``WRONG``.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
import pytest
from scipy import special, stats

from simlab import bounds, worlds
from simlab.occupancy import NO_CAP, binomial, sample_cells, throwing

RIGHT, WRONG = 1e-4, 1e-8
TRILLION = 10**12


@dataclass(frozen=True)
class Case:
    """What is thrown, and the cells that are counted: rectangles (class, answered from-to, IDK from-to)."""

    draws: int
    facts: tuple[int, ...]
    popularity: tuple[float, ...]
    answer_rate: tuple[float, ...]
    cells: tuple[tuple[int, int, int, int, int], ...] = ()
    cap: int | None = None

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.array(self.facts), np.array(self.popularity), np.array(self.answer_rate)


Sampler = Callable[[np.random.Generator, Case], np.ndarray]


def simlab_cells(rng: np.random.Generator, case: Case) -> np.ndarray:
    """The sampler under test, with everything that must hold of each single table."""
    table, error = sample_cells(rng, case.draws, *case.arrays, case.cap)
    check_table(table, case)
    assert 0.0 <= error <= 1e-12 * 2 * len(table)
    return table


def check_table(table: np.ndarray, case: Case) -> None:
    """Rows are sorted, distinct and not empty; no fact and (without a cap) no draw is lost."""
    rows = table.tolist()
    keys = [row[:3] for row in rows]
    assert all(before < after for before, after in itertools.pairwise(keys))
    held, used = [0] * len(case.facts), 0
    for c, told, idk, facts in rows:
        assert facts > 0
        assert min(told, idk) >= 0
        assert case.cap is None or max(told, idk) <= case.cap
        held[c] += facts
        used += (told + idk) * facts
    assert tuple(held) == case.facts
    assert used == case.draws if case.cap is None else used <= case.draws


def grouped(kind: np.ndarray, told: np.ndarray, idk: np.ndarray, cap: int | None) -> np.ndarray:
    """Group listed facts into a table of cells."""
    keys = np.stack([kind, told, idk])
    if cap is not None:
        keys[1:] = np.minimum(keys[1:], cap)
    cells, facts = np.unique(keys, axis=1, return_counts=True)
    return np.vstack([cells, facts]).T


def direct(rng: np.random.Generator, case: Case) -> np.ndarray:
    """The oracle: NumPy's multinomial over listed facts, and a binomial for the IDK draws of each."""
    facts, popularity, rate = (np.repeat(x, case.facts) for x in (np.arange(len(case.facts)), *case.arrays[1:]))
    times = rng.multinomial(case.draws, popularity / popularity.sum())
    told = rng.binomial(times, rate)
    return grouped(facts, told, times - told, case.cap)


def rounds(fault: str = "") -> Sampler:
    """The algorithm of one class again, on listed facts and in NumPy; ``fault`` breaks one of its rules."""

    def sample(rng: np.random.Generator, case: Case) -> np.ndarray:
        (m,), left = case.facts, case.draws
        counts = np.zeros(m, dtype=np.int64)
        if fault == "independent":
            left, counts = 0, rng.poisson(case.draws / m, m)
        while left > 8:
            lam = (left - (fault != "no redo") * 2.0 * math.sqrt(left)) / m
            more = rng.poisson(lam, m)
            if fault == "truncated":
                more = np.minimum(more, 1 + int(lam + 1.5 * math.sqrt(lam)))
            if fault == "merged early":
                more = np.minimum(more, case.cap)
            if more.sum() > left:
                if fault != "no redo":
                    continue
                while more.sum() > left:  # what is too much is taken off the facts drawn most
                    more[more.argmax()] -= 1
            counts += more
            left -= more.sum()
        counts += rng.multinomial(left, np.full(m, 1.0 / m))
        return grouped(np.zeros(m, dtype=np.int64), counts, np.zeros(m, dtype=np.int64), case.cap)

    return sample


def pooled_idk(rng: np.random.Generator, case: Case) -> np.ndarray:
    """Wrong: the IDK draws of a class fall on its facts as if they had nothing to do with popularity."""
    facts, popularity, rate = (np.repeat(x, case.facts) for x in (np.arange(len(case.facts)), *case.arrays[1:]))
    told = rng.multinomial(rng.binomial(case.draws, popularity @ rate), popularity * rate / (popularity @ rate))
    idk = rng.multinomial(case.draws - told.sum(), np.full(len(facts), 1.0 / len(facts)))
    return grouped(facts, told, idk, case.cap)


# ---- Against every outcome there is


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield first, *rest


def enumerated(case: Case) -> dict[bytes, float]:
    """The exact law of the table, by all ways in which the draws fall on (fact, told) and (fact, IDK)."""
    kind, popularity, rate = (np.repeat(x, case.facts) for x in (np.arange(len(case.facts)), *case.arrays[1:]))
    chance = np.concatenate([popularity * rate, popularity * (1 - rate)])
    law: dict[bytes, float] = Counter()
    for outcome in compositions(case.draws, len(chance)):
        times = np.array(outcome)
        ways = math.factorial(case.draws) / math.prod(math.factorial(k) for k in outcome)
        table = grouped(kind, times[: len(kind)], times[len(kind) :], case.cap)
        law[table.tobytes()] += ways * float(np.prod(chance**times))
    return law


def chi_square(seen: Counter[Any], law: dict[Any, float], replicates: int) -> float:
    """P-value of Pearson's test; outcomes expected fewer than 5 times are taken together."""
    assert math.isclose(sum(law.values()), 1.0, rel_tol=1e-9)
    if any(law.get(outcome, 0.0) == 0.0 for outcome in seen):
        return 0.0
    common = [outcome for outcome, chance in law.items() if chance * replicates >= 5]
    expected = np.array([law[outcome] * replicates for outcome in common])
    counts = np.array([seen[outcome] for outcome in common])
    rare = max(0.0, replicates - expected.sum())
    if rare >= 5:
        expected, counts = np.append(expected, rare), np.append(counts, replicates - counts.sum())
    elif replicates - counts.sum() > 30:
        return 0.0
    return float(stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), max(1, len(expected) - 1)))


SMALL = {
    "three facts, IDK, a class never drawn": Case(5, (2, 1, 2), (0.2, 0.6, 0.0), (0.6, 0.5, 0.5)),
    "the same with cap 2": Case(7, (2, 1), (0.2, 0.6), (0.6, 0.5), cap=2),
    "one class, no IDK": Case(6, (4,), (0.25,), (1.0,)),
    "never answered": Case(4, (2, 1), (0.25, 0.5), (0.0, 1.0)),
    "one draw": Case(1, (2, 3), (0.35, 0.1), (0.5, 1.0)),
}
ENUMERATED = 15_000


def enumeration_test(sampler: Sampler, case: Case, replicates: int = ENUMERATED) -> float:
    rng = np.random.default_rng(20_250)
    seen = Counter(sampler(rng, case).astype(np.int64).tobytes() for _ in range(replicates))
    return chi_square(seen, enumerated(case), replicates)


@pytest.mark.parametrize("name", SMALL)
def test_sampler_of_cells_against_every_outcome(name: str) -> None:
    assert enumeration_test(simlab_cells, SMALL[name]) > RIGHT


def test_sampler_of_cells_enumeration_agrees_with_listed_draws_and_rejects_wrong_ones() -> None:
    case = SMALL["three facts, IDK, a class never drawn"]
    assert enumeration_test(direct, case, 4000) > RIGHT
    assert enumeration_test(pooled_idk, case, 4000) < WRONG
    assert enumeration_test(rounds("independent"), SMALL["one class, no IDK"], 4000) < WRONG


def partitions(total: int, most: int) -> Iterator[tuple[int, ...]]:
    if total == 0:
        yield ()
    for first in range(min(total, most), 0, -1):
        for rest in partitions(total - first, first):
            yield first, *rest


def partition_law(facts: int, draws: int, cap: int | None) -> dict[bytes, float]:
    """The exact law of the levels of ``draws`` draws over ``facts`` facts, by partitions of ``draws``."""
    law: dict[bytes, float] = Counter()
    for parts in partitions(draws, draws):
        levels = parts + (0,) * (facts - len(parts))
        if len(levels) > facts:
            continue
        alike = math.prod(math.factorial(k) for k in Counter(levels).values())
        ways = math.factorial(facts) // alike * math.factorial(draws) // math.prod(map(math.factorial, parts))
        zeros = np.zeros(facts, dtype=np.int64)
        law[grouped(zeros, np.array(levels), zeros, cap).tobytes()] += ways / facts**draws
    return law


def partition_test(sampler: Sampler, case: Case, replicates: int = 3000) -> float:
    rng = np.random.default_rng(7)
    seen = Counter(sampler(rng, case).astype(np.int64).tobytes() for _ in range(replicates))
    return chi_square(seen, partition_law(case.facts[0], case.draws, case.cap), replicates)


@pytest.mark.parametrize("cap", [None, 2])
def test_sampler_of_cells_by_rounds_against_every_partition(monkeypatch: pytest.MonkeyPatch, cap: int | None) -> None:
    """With rounds down to 4 draws the law is known outcome by outcome; a fifth of the rounds is redone there."""
    monkeypatch.setattr(throwing, "_PLACE", 4)

    def thrown(rng: np.random.Generator, case: Case) -> np.ndarray:
        levels, held, error = throwing._throw.py_func(rng, case.facts[0], case.draws, NO_CAP if cap is None else cap)
        assert error == 0.0
        table = np.zeros((len(levels), 4), dtype=np.int64)
        table[:, 1], table[:, 3] = levels, held
        check_table(table, case)
        return table

    case = Case(30, (50,), (1 / 50,), (1.0,), cap=cap)
    assert partition_test(thrown, case) > RIGHT
    assert partition_test(rounds(), case, 1000) > RIGHT
    for fault in ("independent", "no redo", "truncated") if cap is None else ("independent", "merged early"):
        assert partition_test(rounds(fault), case, 1500) < WRONG, fault


# ---- Against exact means, variances and covariances of the numbers of facts by cell


def log_chance(case: Case, *events: tuple[int, np.ndarray, np.ndarray]) -> np.ndarray:
    """Log-probability that given facts of classes c were told a and IDK i times, broadcast over the events."""
    left, rest, total = np.array(case.draws), 1.0, special.gammaln(case.draws + 1.0)
    for c, told, idk in events:
        p, rate = case.popularity[c], case.answer_rate[c]
        total = total + special.xlogy(told, p * rate) + special.xlogy(idk, p * (1 - rate))
        total = total - special.gammaln(told + 1.0) - special.gammaln(idk + 1.0)
        left, rest = left - told - idk, rest - p
    possible = np.where(left < 0, 0, left)
    total = total + special.xlogy(possible, max(rest, 0.0)) - special.gammaln(possible + 1.0)
    return np.where(left < 0, -np.inf, total)


def moments(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Exact means and covariances of the numbers of facts in ``case.cells``."""
    grids = []
    for c, low, high, idk_low, idk_high in case.cells:
        told, idk = (x.ravel() for x in np.mgrid[low : high + 1, idk_low : idk_high + 1])
        kept = log_chance(case, (c, told, idk)) > math.log(1e-16)
        grids.append((c, told[kept], idk[kept]))
    single = np.array([np.exp(log_chance(case, grid)).sum() for grid in grids])
    many = np.array([case.facts[c] for c, *_ in grids], dtype=float)
    mean = many * single
    second = np.empty((len(grids), len(grids)))
    for x, (c, *at) in enumerate(grids):
        for y, (d, *there) in enumerate(grids):
            both = np.exp(log_chance(case, (c, *(k[:, None] for k in at)), (d, *there))).sum()
            second[x, y] = many[x] * (many[y] - (c == d)) * both
    return mean, second + np.diag(mean) - np.outer(mean, mean)


def counted(table: np.ndarray, case: Case) -> list[int]:
    """The numbers of facts in ``case.cells``."""
    c, told, idk, facts = table.T
    return [
        int(facts[(c == k) & (told >= low) & (told <= high) & (idk >= i) & (idk <= j)].sum())
        for k, low, high, i, j in case.cells
    ]


def moment_test(sampler: Sampler, case: Case, replicates: int = 2000, seed: int = 1) -> float:
    """P-value (Bonferroni) of the means and of all second moments of the whitened counts."""
    rng = np.random.default_rng(seed)
    counts = np.array([counted(sampler(rng, case), case) for _ in range(replicates)])
    mean, covariance = moments(case)
    size, axes = np.linalg.eigh(covariance)
    assert size.min() > 1e-4 * size.max() > 0.0  # what is compared is no linear constraint
    white = (counts - mean) @ axes / np.sqrt(size)
    p_values = [float(stats.chi2.sf(replicates * (white.mean(0) ** 2).sum(), len(size)))]
    for x in range(len(size)):
        for y in range(x, len(size)):
            product = white[:, x] * white[:, y] - (x == y)
            score = product.mean() / (product.std() / math.sqrt(replicates) + 1e-300)
            p_values.append(float(2 * stats.norm.sf(abs(score))))
    return min(1.0, len(p_values) * min(p_values))


def one_class(facts: int, draws: int, edges: Iterable[tuple[int, int]], cap: int | None = None) -> Case:
    return Case(draws, (facts,), (1 / facts,), (1.0,), tuple((0, low, high, 0, 0) for low, high in edges), cap)


PHI_0_1_2 = ((0, 0), (1, 1), (2, 2))
REGIMES = {
    "placed one by one": one_class(200, 90, PHI_0_1_2),
    "rounds, few draws a fact": one_class(20_000, 6000, PHI_0_1_2),
    "rounds, one draw a fact": one_class(400, 400, PHI_0_1_2),
    "rounds, 30 draws a fact": one_class(300, 9000, ((0, 24), (25, 30), (31, 36))),
    "rounds, 1000 draws a fact": one_class(900, 900_000, ((0, 960), (961, 1000), (1001, 1040))),
    "fact by fact": one_class(10, 200, ((0, 15), (16, 20), (21, 25))),
    "fact by fact, 1e6 draws a fact": one_class(3, 3_000_000, ((998_000, 1_000_000),)),
    "cap 2": one_class(400, 900, ((0, 0), (1, 1)), cap=2),
    "cap 32": one_class(400, 12_000, ((0, 24), (25, 28), (29, 31)), cap=32),
    "IDK": Case(900, (500,), (1 / 500,), (0.7,), tuple((0, a, a, i, i) for a in (0, 1, 2) for i in (0, 1))),
    "IDK with cap 2": Case(
        900, (500,), (1 / 500,), (0.4,), tuple((0, a, a, i, i) for a in (0, 1) for i in (0, 1)), cap=2
    ),
    "classes": Case(
        2000,
        (1, 40, 1500, 9, 5),
        (0.3, 0.005, 1 / 3000, 0.0, 0.0),
        (1.0, 0.5, 0.8, 0.3, 1.0),
        ((1, 0, 4, 0, 5), (1, 5, 99, 0, 5), (2, 0, 0, 0, 0), (2, 1, 1, 0, 0), (2, 2, 2, 0, 9)),
    ),
}


@pytest.mark.parametrize("name", REGIMES)
def test_sampler_of_cells_moments_in_every_regime(name: str) -> None:
    assert moment_test(simlab_cells, REGIMES[name]) > RIGHT


@pytest.mark.parametrize("name", ["rounds, one draw a fact", "cap 2", "IDK", "classes"])
def test_the_moment_test_passes_listed_draws(name: str) -> None:
    assert moment_test(direct, REGIMES[name], 1000) > RIGHT


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("rounds, one draw a fact", "independent"),
        ("rounds, one draw a fact", "no redo"),
        ("rounds, one draw a fact", "truncated"),
        ("rounds, 30 draws a fact", "truncated"),
        ("cap 2", "merged early"),
    ],
)
def test_sampler_of_cells_wrong_ones_fail_the_moment_test(name: str, fault: str) -> None:
    assert moment_test(rounds(fault), REGIMES[name], 400) < WRONG
    assert moment_test(rounds(), REGIMES[name], 400) > RIGHT


def test_idk_draws_must_follow_popularity() -> None:
    assert moment_test(pooled_idk, REGIMES["classes"], 300) < WRONG


def test_sampler_of_cells_whole_distributions_against_listed_draws() -> None:
    """Kolmogorov-Smirnov on Phi_0, Phi_1, Phi_2 of two samples, one of them thrown by NumPy."""
    case = REGIMES["rounds, one draw a fact"]

    rng = np.random.default_rng(4)
    theirs = np.array([counted(direct(rng, case), case) for _ in range(2000)])

    def smallest(sampler: Sampler) -> float:
        rng = np.random.default_rng(3)
        ours = np.array([counted(sampler(rng, case), case) for _ in range(2000)])
        return min(stats.ks_2samp(x, y, method="asymp").pvalue for x, y in zip(ours.T, theirs.T, strict=True))

    assert smallest(simlab_cells) > RIGHT
    assert smallest(rounds("independent")) < WRONG


def test_a_class_may_be_split() -> None:
    """Symmetry: facts of one popularity follow the same law however they are dealt to classes."""
    case = REGIMES["rounds, one draw a fact"]
    split = replace(case, facts=(1, 149, 250), popularity=(1 / 400,) * 3, answer_rate=(1.0,) * 3, cells=())

    def pooled(rng: np.random.Generator, _: Case) -> np.ndarray:
        table = simlab_cells(rng, split)
        table[:, 0] = 0
        return table

    assert moment_test(pooled, case) > RIGHT


# ---- Large worlds: E[sr], E[MM] and their spread from the exact moments

WORLDS = {
    "zipf 1e3": worlds.zipf(1000),
    "zipf 1e12": worlds.zipf(TRILLION),
    "steep zipf 1e12": worlds.zipf(TRILLION, 1.6),
    "zipf 1e15, IDK": worlds.zipf(10**15, answer_rate=0.7),
    "uniform 1e3": worlds.uniform(1000),
    "uniform 1e12": worlds.uniform(TRILLION),
    "uniform 1e15, IDK": worlds.uniform(10**15, answer_rate=0.3),
    "two_level": worlds.two_level(10**4, TRILLION, 0.4),
    "two_level, rare never drawn": worlds.two_level(1000, TRILLION, 0.0),
    "two_level, 1e18 rare": worlds.two_level(10**6, 10**18, 0.5, answer_rate=0.8),
}
MANY = 1000.0  # a variance, in facts squared, from which on a count of facts is as good as normal
SIZES = (10, 10_000, 10**6, 10**9, TRILLION, 10**15)


def poissonised(rng: np.random.Generator, draws: int, world: worlds.World) -> np.ndarray:
    """Wrong: each fact's count is Poisson and independent of the others (levels 0, 1 and more)."""
    rate = draws * world.answered_popularity
    zero, one = np.exp(-rate), rate * np.exp(-rate)
    levels = rng.multinomial(world.facts, np.stack([zero, one, np.clip(1 - zero - one, 0, 1)], axis=1))
    kind = np.repeat(np.arange(len(rate)), 3)
    return np.stack([kind, np.tile([0, 1, 2], len(rate)), np.zeros_like(kind), levels.ravel()], axis=1)


def exact(rng: np.random.Generator, draws: int, world: worlds.World) -> np.ndarray:
    return sample_cells(rng, draws, world.facts, world.popularity, world.answer_rate, 2)[0]


def rates_test(
    sampler: Callable[[np.random.Generator, int, worlds.World], np.ndarray], world: worlds.World, draws: int
) -> tuple[float, float]:
    """Return the largest |z| of the means of sr and MM, and a p-value of the spread of sr, MM and sr - MM."""
    replicates = 30 if len(world.facts) > 10 else 300
    rng, mu = np.random.default_rng(draws % 2**32), world.answered_popularity
    pairs = []
    for _ in range(replicates):
        c, told, _, facts = sampler(rng, draws, world).T
        pairs.append((facts[told == 1].sum() / draws, (facts * mu[c])[told == 0].sum()))
    p, m = mu, world.facts
    rate, mass = np.array(pairs).T
    means = bounds.expected_singleton_rate(p, m, draws), bounds.expected_missing_mass(p, m, draws)
    variances = bounds.singleton_rate_variance(p, m, draws), bounds.missing_mass_variance(p, m, draws)
    scores, spread = [0.0], [1.0]
    for sampled, mean, variance in zip((rate, mass), means, variances, strict=True):
        error = math.sqrt(variance / replicates) + 1e-14 * mean  # what is certain is reached to rounding
        scores.append(abs(sampled.mean() - mean) / max(error, 1e-300))
        if draws**2 * variance > MANY:
            spread.append(two_sided(((sampled - mean) ** 2).sum() / variance, replicates))
    risk = bounds.good_turing_mse(p, m, draws)
    if draws**2 * risk > MANY:
        spread.append(two_sided(((rate - mass) ** 2).sum() / risk, replicates))
    return max(scores), len(spread) * min(spread)


def two_sided(chi: float, replicates: int) -> float:
    return 2 * min(stats.chi2.sf(chi, replicates), stats.chi2.cdf(chi, replicates))


@pytest.mark.parametrize("draws", SIZES)
@pytest.mark.parametrize("name", WORLDS)
def test_singleton_rate_and_missing_mass_in_the_mean(name: str, draws: int) -> None:
    score, spread = rates_test(exact, WORLDS[name], draws)
    assert score < 4.0
    assert spread > RIGHT


def test_the_spread_tells_poisson_levels_at_1e12() -> None:
    """The means of independent Poisson levels are right to 1e-12; their spread is not."""
    assert rates_test(exact, WORLDS["uniform 1e12"], TRILLION)[1] > RIGHT
    assert rates_test(poissonised, WORLDS["uniform 1e12"], TRILLION)[1] < WRONG


# ---- Conservation, extremes and the cap

HUGE = {
    "uniform 1e18": Case(10**18, (10**18,), (1e-18,), (1.0,)),
    "uniform 9e18, 9e18 draws": Case(9 * 10**18, (9 * 10**18,), (1 / 9e18,), (1.0,)),
    "ten facts": Case(10**18, (10,), (0.1,), (0.5,)),
    "one fact": Case(9 * 10**18, (1,), (1.0,), (0.25,)),
    "never answered": Case(10**18, (10**17 + 3,), (1 / (10**17 + 3),), (0.0,)),
    "classes": Case(10**18, (1, 1000, 10**17, 7), (0.4, 3e-4, 3e-18, 0.0), (1.0,) * 4),
    "IDK over 1e15 facts": Case(10**15, (10**15,), (1e-15,), (0.5,)),
    "IDK over 1e17 + 3 facts": Case(10**18, (10**17 + 3,), (1 / (10**17 + 3),), (0.5,)),
    "IDK over 9e18 - 1 facts": Case(9 * 10**18, (9 * 10**18 - 1,), (1 / 9e18,), (0.5,)),
}


@pytest.mark.parametrize("name", HUGE)
def test_no_fact_and_no_draw_is_lost(name: str) -> None:
    for seed in range(5):
        simlab_cells(np.random.default_rng(seed), HUGE[name])


def test_one_draw_and_one_fact() -> None:
    table = simlab_cells(np.random.default_rng(0), Case(1, (1,), (1.0,), (1.0,)))
    assert table.tolist() == [[0, 1, 0, 1]]
    table = simlab_cells(np.random.default_rng(0), Case(1, (5,), (0.2,), (0.0,)))
    assert table.tolist() == [[0, 0, 0, 4], [0, 0, 1, 1]]
    table = simlab_cells(np.random.default_rng(0), Case(10**6, (1, 3), (1.0, 0.0), (1.0, 1.0), cap=2))
    assert table.tolist() == [[0, 2, 0, 1], [1, 0, 0, 3]]


def test_a_class_that_is_whole_at_the_cap_reports_its_error() -> None:
    """The reported total variation covers the chance that any fact falls short, and is never above 1e-12 a class."""
    reported = []
    for mean in np.arange(34.0, 200.0, 2.0):
        facts, draws = 100, int(mean * 100)
        table, error = sample_cells(np.random.default_rng(0), draws, *one_class(facts, draws, ()).arrays, 32)
        short = facts * stats.binom.cdf(31, draws, 1 / facts)
        if error > 0.0:
            reported.append(error)
            assert table.tolist() == [[0, 32, 0, facts]]
            assert short <= error <= 1e-12
    assert len(reported) > 10
    once, twice = (
        sample_cells(np.random.default_rng(0), 12_000 * k, np.full(k, 100), np.full(k, 0.01 / k), np.ones(k), 32)[1]
        for k in (1, 2)
    )
    assert 0.0 < once < twice < 1e-12


def test_no_error_without_a_cap() -> None:
    assert sample_cells(np.random.default_rng(0), 10**9, *one_class(3, 1, ()).arrays)[1] == 0.0


# ---- The binomial underneath


@numba.njit
def many_binomials(rng: np.random.Generator, n: int, p: float, replicates: int) -> Any:
    out = np.empty(replicates, dtype=np.int64)
    for i in range(replicates):
        out[i] = binomial(rng, n, p)
    return out


def binomial_test(values: np.ndarray, n: int, p: float) -> float:
    """P-value of a chi-square test of Binomial(n, p) on about 60 bins between 4.5 standard deviations."""
    law = stats.binom(n, min(p, 1 - p))
    drawn = values if p <= 0.5 else n - values  # the small side: 1 - p keeps its digits there
    mean, reach = law.mean(), 4.5 * law.std() + 3
    low, high = max(0, int(mean - reach)), min(n, int(mean + reach))
    edges = np.arange(low, high + 1, max(1, (high - low) // 60))
    expected = np.diff(law.cdf(edges), prepend=0.0, append=1.0) * len(values)
    seen = np.bincount(np.searchsorted(edges, drawn), minlength=len(edges) + 1)
    keep = expected >= 5
    assert (seen[expected == 0.0] == 0).all()
    expected, seen = np.append(expected[keep], expected[~keep].sum()), np.append(seen[keep], seen[~keep].sum())
    used = expected > 1e-9
    chi = ((seen - expected)[used] ** 2 / np.maximum(expected[used], 1.0)).sum()
    return float(stats.chi2.sf(chi, max(1, used.sum() - 1)))


BINOMIALS = [
    (5, 0.3),
    (40, 0.5),
    (97, 0.97),
    (1000, 1e-3),
    (1000, 0.2),
    (10**6, 2.9e-5),
    (10**6, 3.1e-5),
    (10**9, 1 - 1e-9),
    (TRILLION, 5e-12),
    (TRILLION, 1e-9),
    (10**15, 1e-12),
    (10**15, 1 - 2.0**-50),
    (10**15, 0.3),
    (10**17, 1e-14),
    (10**18, 1e-18),
    (10**18, 2.5e-17),
    (10**18, 0.5),
    (10**18, 1 - 1e-9),
    (9 * 10**18, 1e-17),
    (9 * 10**18, 0.5),
]


@pytest.mark.parametrize(("n", "p"), BINOMIALS)
def test_binomial(n: int, p: float) -> None:
    values = many_binomials(np.random.default_rng(11), n, p, 300_000)
    assert values.min() >= 0
    assert values.max() <= n
    assert binomial_test(values, n, p) > RIGHT
    small = values if p <= 0.5 else n - values
    q = min(p, 1 - p)
    spread = math.sqrt(n * q * (1 - q))
    z = (small - np.int64(n * q)) / spread - (n * q - np.int64(n * q)) / spread
    assert abs(z.mean()) * math.sqrt(len(z)) < 4.0
    kurtosis = 2.0 + (1 - 6 * q * (1 - q)) / spread**2
    assert abs((z**2).mean() - 1) / math.sqrt(kurtosis / len(z)) < 4.0


def test_the_binomial_test_tells_a_poisson() -> None:
    values = np.random.default_rng(0).poisson(40 * 0.5, 300_000)
    assert binomial_test(np.minimum(values, 40), 40, 0.5) < WRONG


@pytest.mark.parametrize(
    ("n", "p", "value"),
    [(0, 0.5, 0), (7, 0.0, 0), (7, 1.0, 7), (10**18, 0.0, 0), (10**18, 1.0, 10**18), (3, 1e-300, 0)],
)
def test_binomial_without_chance(n: int, p: float, value: int) -> None:
    assert binomial(np.random.default_rng(0), n, p) == value
