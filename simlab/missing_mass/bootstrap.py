"""The law estimated from a sample, and samples drawn from it: what a bootstrap of rare facts needs.

Resampling the observed counts themselves would never draw an unseen fact. Here the facts never seen share the
estimated missing mass, the facts seen give it up, and a resample is drawn exactly, by classes of equal counts: its
cost does not depend on the number of facts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, shown
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of, turing_split, whole
from simlab.records import brief

MOST_CELLS = 2**62  # what the sampler can number; more unseen facts come in groups of equally many


@brief
@dataclass(frozen=True, eq=False)
class EstimatedLaw:
    """A law of draws by classes: the facts seen, ``unseen`` further facts, and IDK, of total probability 1.

    ``facts[i]`` facts have ``popularity[i]`` each, one class a count; ``unseen`` facts, as many as Python's integers
    hold, share ``missing_mass`` equally; a draw is IDK with probability ``idk``.
    """

    facts: Int[np.ndarray, " classes"]
    popularity: Float[np.ndarray, " classes"]
    unseen: int
    missing_mass: float
    idk: float


@dataclass(frozen=True, eq=False)
class Resample:
    """N draws from an estimated law: their counts, and the mass of the law's facts that are not among them."""

    counts: CountsOfCounts
    missing_mass: float


def estimated_law(data: Counts) -> EstimatedLaw:
    """Return the law that the bootstrap of Chao & Jost draws from.

    With a and b of ``turing_split``, r = a/(a + b): (n-1) f_1 / ((n-1) f_1 + 2 f_2) where f_2 is not 0. The unseen
    facts are ceil of Chao1's f_1 a/(n b) and share the missing mass 1 - C = (f_1/n) r equally. A fact seen X times has

        p = (X/n) (1 - w (1 - X/n)^n),   w = (1 - C) / sum_X f_X (X/n) (1 - X/n)^n

    and IDK its share of the draws, n = N counting them. No unseen facts, w = 0 and p = X/n where f_1 = 0, where the
    only singleton stands beside no doubleton, and at n = 1. All singletons: almost all mass is unseen.

    Source: Chao & Jost 2012 (Ecology 93, 2533), Chao et al. 2014 (Ecological Monographs 84, 45), appendix.
    """
    counts = counts_of(data)
    n, share = counts.draws, counts.times / counts.draws
    unseen, mass, ratio, rest = _unseen(counts)
    idk = counts.idk / n
    if not unseen:
        return EstimatedLaw(counts.facts, share, 0, 0.0, idk)
    with np.errstate(divide="ignore"):  # X = n: log 0
        missed = np.exp(n * np.log1p(-share))
    # 1 - w q_X is a difference of near equals where nearly all are singletons: q_1 (1 - r) is kept apart from the sum
    single = counts.f(1) / n
    others = float((counts.facts * share * missed)[1:].sum())
    kept = single * (missed[0] - ratio * missed) + others
    kept[0] = single * missed[0] * rest + others
    return EstimatedLaw(counts.facts, share * kept / (single * missed[0] + others), unseen, mass, idk)


def _unseen(counts: CountsOfCounts) -> tuple[int, float, float, float]:
    """Return ceil f_0, the missing mass, r and 1 - r, from exact integers: f_1^2 overflows, 1 - r cancels."""
    n, single, (above, below) = counts.draws, counts.f(1), turing_split(counts)
    if not above:
        return 0, 0.0, 0.0, 1.0
    return -(-above * single // (n * below)), single * above / (n * (above + below)), *_shares(above, below)


def _shares(part: int, other: int) -> tuple[float, float]:
    return part / (part + other), other / (part + other)


def resamples(
    data: Counts, replicates: int, rng: np.random.Generator, *, count_cap: int | None = None
) -> Iterator[Resample]:
    """Draw ``replicates`` samples of N draws each from ``estimated_law``, exactly, one at a time.

    ``missing_mass`` of each is the mass of the facts of the law that it missed. With ``count_cap`` >= 2 every fact
    drawn more often counts as drawn ``count_cap`` times, and its surplus draws stand in ``idk``, so that N, S and
    f_k below the cap stay right: for estimators that look no further, at a cost that no count raises. Where a resample
    holds no fact (only IDK) it is drawn again, which is the law given that some fact was seen.

    Raises ``BadInput`` for fewer than 1 replicate, a cap below 2, or no generator.
    """
    counts, number = counts_of(data), whole("replicates", replicates, 1)
    cap = None if count_cap is None else whole("count_cap", count_cap, 2)
    if not isinstance(rng, np.random.Generator):
        raise BadInput(f"rng = {shown(rng)}: must be a NumPy generator, such as np.random.default_rng(0)")
    law, draws = estimated_law(counts), counts.draws
    return (_resample(law, draws, rng, cap) for _ in range(number))


def _resample(law: EstimatedLaw, draws: int, rng: np.random.Generator, cap: int | None) -> Resample:
    """Split the draws over IDK, the unseen and the seen facts, then throw each share."""
    from simlab.occupancy import binomial, sample_cells

    known = float(np.sum(law.facts * law.popularity))
    stated, told = known + law.missing_mass, 0
    while not told:  # the smaller of two shares is the one that keeps its digits
        told = binomial(rng, draws, stated) if stated < law.idk else draws - binomial(rng, draws, law.idk)
    if law.missing_mass < known:
        new = binomial(rng, told, law.missing_mass / stated)
    else:
        new = told - binomial(rng, told, known / stated)
    table, _ = sample_cells(rng, told - new, law.facts, law.popularity, np.ones(len(law.facts)), cap)
    hit = table[:, 1] > 0
    missed = float(np.sum(table[~hit, 3] * law.popularity[table[~hit, 0]]))
    times, facts = table[hit, 1], table[hit, 3]
    if law.unseen:
        fresh, size = _throw_unseen(law.unseen, new, rng)
        missed += law.missing_mass * ((size - sum(fresh.values())) / size)
        times = np.append(times, np.array(list(fresh), dtype=np.int64))
        facts = np.append(facts, np.array(list(fresh.values()), dtype=np.int64))
    levels, place = np.unique(times if cap is None else np.minimum(times, cap), return_inverse=True)
    held = np.zeros(len(levels), dtype=np.int64)
    np.add.at(held, place, facts)
    return Resample(CountsOfCounts(levels, held, draws - int(np.sum(levels * held))), missed)


def _throw_unseen(facts: int, draws: int, rng: np.random.Generator) -> tuple[Counter[int], int]:
    """Throw ``draws`` over equally likely facts; return how many were hit how often, and how many facts there are.

    More facts than the sampler can number are thrown as groups first and then inside the groups that were hit, which
    rounds their number up by less than one part in 2^61.
    """
    from simlab.occupancy import sample_cells

    size = -(-facts // MOST_CELLS)
    groups = -(-facts // size)
    table, _ = sample_cells(rng, draws, np.array([groups]), np.array([1.0 / groups]), np.ones(1))
    held = Counter({level: number for _, level, _, number in table.tolist() if level})
    return (held if size == 1 else _inside(held, size, rng)), groups * size


def _inside(held: Counter[int], size: int, rng: np.random.Generator) -> Counter[int]:
    """Throw the draws of each group over its ``size`` facts: all groups in the same state take a draw together."""
    found: Counter[int] = Counter()
    for level, groups in sorted(held.items()):
        states: Counter[tuple[int, ...]] = Counter({(): groups})  # how often the facts hit so far were hit
        for _ in range(level):
            states = _one_draw(states, size, rng)
        for state, number in states.items():
            for times in state:
                found[times] += number
    return found


def _one_draw(states: Counter[tuple[int, ...]], size: int, rng: np.random.Generator) -> Counter[tuple[int, ...]]:
    """Give every group one more draw: on one of the facts hit before, each with chance 1/size, or on a new one."""
    from simlab.occupancy import binomial

    after: Counter[tuple[int, ...]] = Counter()
    for state, left in sorted(states.items()):
        for i in range(len(state)):
            again = binomial(rng, left, 1 / (size - i))
            after[tuple(sorted((*state[:i], state[i] + 1, *state[i + 1 :])))] += again
            left -= again
        after[tuple(sorted((*state, 1)))] += left
    return +after


def repeatable(rng: np.random.Generator | None) -> np.random.Generator:
    """Return ``rng``, or where there is none a generator that always starts alike (seed 0)."""
    return np.random.default_rng(0) if rng is None else rng


def quantile_error(values: Float[np.ndarray, " replicates"], share: float) -> float:
    """The Monte Carlo standard error of the ``share`` quantile of resampled values, by the order statistics around it.

    In ``replicates`` = B draws the rank of a quantile has standard deviation sqrt(B share (1 - share)); the error is
    half the distance between the values that many ranks below and above.
    """
    ordered = np.sort(values)
    rank, spread = share * (len(values) - 1), math.sqrt(len(values) * share * (1 - share))
    low, high = max(0, math.floor(rank - spread)), min(len(values) - 1, math.ceil(rank + spread))
    return float(ordered[high] - ordered[low]) / 2


def spread_error(drawn: Float[np.ndarray, "replicates sizes"]) -> Float[np.ndarray, " sizes"]:
    """The Monte Carlo standard error of a standard deviation of B replicates, as a share of it.

    It is sqrt((kurtosis - 1) / (4 B)), for each column; 0 where all replicates are alike.
    """
    centred = drawn - drawn.mean(axis=0)
    largest = np.abs(centred).max(axis=0)
    scaled = centred / np.where(largest > 0, largest, 1.0)  # a spread of 1e-300 has no square
    second = (scaled**2).mean(axis=0)
    kurtosis = (scaled**4).mean(axis=0) / np.where(second > 0, second**2, np.inf)  # all alike: nothing is uncertain
    return np.asarray(np.sqrt(np.maximum(kurtosis - 1, 0.0) / (4 * len(drawn))))
