"""The exact count-of-counts sampler: N i.i.d. draws over up to 1e18 facts, at the cost of its cells.

Facts of one class are exchangeable, so a corpus of N draws is fully described by how many facts were drawn how
often. That table is drawn here directly, without listing a fact:

1. the totals T of the classes are one multinomial;
2. T uniform draws over the m facts of a class are thrown by ``_throw``. The levels of m independent
   Poisson(lambda) facts are one multinomial over levels; given the number S of draws they used, the facts hold a
   uniform multinomial of S draws, whatever lambda is. So a round with S <= T is accepted, a round with S > T is
   redone, and neither biases anything. The T - S draws left are thrown in on top of the levels reached, with
   lambda = (T - 2 sqrt T) / m, until few enough are left to be placed one by one;
3. with an answer rate alpha < 1, T splits into answered ~ Binomial(T, alpha) and IDK draws; the IDK draws fall
   into the rows "answered a times" as a multinomial by the rows' facts, and uniformly inside each row.

This is exact in law. ``cap`` merges counts above it: a class that reaches the cap as a whole, except with a
probability bounded by 1e-12, goes there at once, and the sum of those bounds is returned as the total-variation
error. Levels are merged only after a round's S was counted in full.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.compiling import jit
from simlab.occupancy.variates import binomial

NO_CAP = -1
_PLACE = 96  # draws placed one by one: from here on a round costs more than it saves
_TAIL = 1e-40  # Poisson levels this much rarer than the mode are not visited (facts < 1e19)
_WHOLE = 1e-12  # a class goes to the cap whole when any fact of it stays below with less than this chance

# a table of counts under construction: rows (class, times answered, times IDK, facts)
Table = Int[np.ndarray, "rows 4"]


@jit
def _portion(rng: np.random.Generator, n: int, part: float, after: float) -> int:
    """Draw Binomial(n, part / (part + after)) from whichever side is small, so that neither loses digits."""
    if part <= after:
        return binomial(rng, n, part / (part + after))
    return n - binomial(rng, n, after / (part + after))


@jit
def _poisson_levels(lam: float) -> tuple[int, Any, Any]:
    """Return the first level, the weights of the levels (1 at the mode) and the weight above each level."""
    mode = int(lam)
    low, weight = mode, 1.0
    while low > 0 and weight > _TAIL:
        weight *= low / lam
        low -= 1
    high, weight = mode, 1.0
    while weight > _TAIL:
        high += 1
        weight *= lam / high
    size = high - low + 1
    weights = np.empty(size)
    weights[mode - low] = 1.0
    for k in range(mode, low, -1):
        weights[k - 1 - low] = weights[k - low] * k / lam
    for k in range(mode + 1, high + 1):
        weights[k - low] = weights[k - 1 - low] * lam / k
    above = np.zeros(size)
    for i in range(size - 2, -1, -1):
        above[i] = above[i + 1] + weights[i + 1]
    return low, weights, above


@jit
def _thin(rng: np.random.Generator, held: Any, low: int, weights: Any, above: Any) -> tuple[Any, int]:
    """Raise every fact of ``held[level]`` by its own Poisson count; return the new levels and the draws used."""
    size = len(weights)
    raised = np.zeros(len(held) + low + size - 1, dtype=np.int64)
    used = 0
    for level in range(len(held)):
        rest = held[level]
        for i in range(size):
            if rest == 0:
                break
            here = _portion(rng, rest, weights[i], above[i])
            raised[level + low + i] += here
            used += here * (low + i)
            rest -= here
    return raised, used


@jit
def _merge(held: Any, cap: int) -> Any:
    """Merge all levels above ``cap`` into it, and drop empty levels at the top."""
    top = len(held) - 1
    while top > 0 and held[top] == 0:
        top -= 1
    if cap == NO_CAP or top <= cap:
        return held[: top + 1]
    merged = held[: cap + 1].copy()
    merged[cap] += held[cap + 1 : top + 1].sum()
    return merged


@jit
def _place(rng: np.random.Generator, held: Any, facts: int, draws: int, cap: int) -> Any:
    """Give ``draws`` further draws to uniformly chosen facts, one at a time."""
    grown = np.zeros(len(held) + draws, dtype=np.int64)
    for level in range(len(held)):  # loops compile in a tenth of the time that slice assignments take
        grown[level] = held[level]
    for _ in range(draws):
        chosen = rng.integers(0, facts)
        level = 0
        while chosen >= grown[level]:
            chosen -= grown[level]
            level += 1
        if level != cap:
            grown[level] -= 1
            grown[level + 1] += 1
    return _merge(grown, cap)


@jit
def _one_by_one(rng: np.random.Generator, facts: int, draws: int, cap: int) -> tuple[Any, Any]:
    """Give ``draws`` draws to few facts: each fact's count in turn is a binomial of what is left."""
    counts = np.empty(facts, dtype=np.int64)
    for i in range(facts):
        counts[i] = _portion(rng, draws, 1.0, float(facts - 1 - i))
        draws -= counts[i]
        if cap != NO_CAP and counts[i] > cap:
            counts[i] = cap
    counts.sort()
    levels = np.empty(facts, dtype=np.int64)
    held = np.zeros(facts, dtype=np.int64)
    n = 0
    for i in range(facts):
        if i == 0 or counts[i] != counts[i - 1]:
            levels[n] = counts[i]
            n += 1
        held[n - 1] += 1
    return levels[:n], held[:n]


@jit
def _shortfall(facts: int, draws: int, cap: int) -> float:
    """Bound the chance that any of the facts stays below ``cap``: m e^-mu (e mu / x)^x, x = cap - 1 (Chernoff)."""
    mean, x = draws / facts, cap - 1.0
    if mean <= x:
        return 1.0
    exponent = -mean if x == 0.0 else x - mean + x * math.log(mean / x)
    return min(1.0, facts * math.exp(exponent))


@jit
def _throw(rng: np.random.Generator, facts: int, draws: int, cap: int) -> tuple[Any, Any, float]:
    """Throw ``draws`` uniform draws over ``facts`` facts; return (levels, facts at each, total variation)."""
    if cap != NO_CAP and draws >= facts:
        short = _shortfall(facts, draws, cap)
        if short <= _WHOLE:
            return np.full(1, cap, dtype=np.int64), np.full(1, facts, dtype=np.int64), short
    if draws > _PLACE and facts <= 16 + 27 * math.sqrt(draws / facts):
        levels, held = _one_by_one(rng, facts, draws, cap)
        return levels, held, 0.0
    base: Any = np.int64(0)  # without a cap the first level held may lie far from 0
    held = np.full(1, facts, dtype=np.int64)
    while draws > _PLACE:
        low, weights, above = _poisson_levels((draws - 2.0 * math.sqrt(draws)) / facts)
        if base == 0 and len(held) == 1 and cap == NO_CAP:
            used: Any = low * facts
            shift: Any = low
        else:
            used = np.int64(0)
            shift = np.int64(0)
        raised, more = _thin(rng, held, low - shift, weights, above)
        used += more
        if used > draws:
            continue
        held, base = _merge(raised, cap), base + shift
        draws -= used
    held = _place(rng, held, facts, draws, cap)
    levels = np.flatnonzero(held)
    return levels + base, held[levels], 0.0


@jit
def _append(table: Table, size: int, c: int, answered: int, idk: int, facts: int) -> Table:
    """Write row ``size``, doubling the table when it is full."""
    if size == len(table):
        grown = np.empty((2 * size, 4), dtype=np.int64)
        for i in range(size):
            for j in range(4):
                grown[i, j] = table[i, j]
        table = grown
    table[size, 0] = c
    table[size, 1] = answered
    table[size, 2] = idk
    table[size, 3] = facts
    return table


@jit
def _rows(
    rng: np.random.Generator, table: Table, size: int, c: int, facts: int, told: int, idk: int, cap: int
) -> tuple[Table, int, float]:
    """Append the cells of one class: ``told`` answered and ``idk`` IDK draws over ``facts`` facts."""
    levels, held, error = _throw(rng, facts, told, cap)
    if idk == 0:
        for i in range(len(levels)):
            table = _append(table, size, c, levels[i], idk, held[i])
            size += 1
        return table, size, error
    others = facts  # an integer: a float drops facts beyond 2^53
    for i in range(len(levels)):
        others -= held[i]
        share = _portion(rng, idk, float(held[i]), float(others))
        idk -= share
        below, beneath, more = _throw(rng, held[i], share, cap)
        error += more
        for j in range(len(below)):
            table = _append(table, size, c, levels[i], below[j], beneath[j])
            size += 1
    return table, size, error


@jit
def _cells(
    rng: np.random.Generator, draws: int, facts: Any, weights: Any, answer_rate: Any, cap: int
) -> tuple[Table, float]:
    """The whole sampler: class totals, then the cells of each class."""
    classes = len(facts)
    above = np.zeros(classes)
    for c in range(classes - 2, -1, -1):
        above[c] = above[c + 1] + weights[c + 1]
    table = np.empty((4 * classes + 64, 4), dtype=np.int64)
    size: Any = np.int64(0)
    error = 0.0
    for c in range(classes):
        total = 0 if weights[c] == 0.0 else _portion(rng, draws, weights[c], above[c])
        draws -= total
        told = binomial(rng, total, answer_rate[c])
        table, size, more = _rows(rng, table, size, c, facts[c], told, total - told, cap)
        error += more
    return table[:size], error


def sample_cells(
    rng: np.random.Generator,
    draws: int,
    facts: Int[np.ndarray, " classes"],
    popularity: Float[np.ndarray, " classes"],
    answer_rate: Float[np.ndarray, " classes"],
    count_cap: int | None = None,
) -> tuple[Table, float]:
    """Draw the cells of a corpus of ``draws`` i.i.d. draws.

    ``facts``, ``popularity`` (of each fact) and ``answer_rate`` describe the classes; facts * popularity sums to
    one. Returns the cells as rows (class, times answered, times IDK, facts), ordered by the first three, and the
    total-variation error of the law (0.0 without ``count_cap``). The caller has checked its input: counts are
    whole numbers below 9e18, rates lie in [0, 1].
    """
    weights = facts * popularity
    cap = NO_CAP if count_cap is None else count_cap
    return _cells(rng, draws, facts, weights, answer_rate, cap)
