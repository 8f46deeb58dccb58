"""Coverage against corpus size: what fewer draws would have covered, and what more would cover.

Up to N the curve is rarefaction, unbiased under every law; beyond N it is Chao and Jost's extrapolation, continuous
with it, whose shape rests on the singletons and doubletons alone. The unseen facts may have any shape, so the interval
of a size beyond N promises "spread" and no more: it covers the scatter of the extrapolation and not its bias, which
where popularity varies is larger than the interval is wide once N is in the thousands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, shown
from simlab.estimates import (
    Estimate,
    Promise,
    check_level,
    check_probability,
    normal_quantile,
    strict_fields,
)
from simlab.missing_mass.bands import coverage_band, least_spread, score_band
from simlab.missing_mass.bootstrap import repeatable, resamples, spread_error
from simlab.missing_mass.counts import MOST, Counts, CountsOfCounts, counts_of, turing_split, whole
from simlab.missing_mass.rarefaction import VANISHED, rarefied_facts, rarefied_missing_mass
from simlab.records import brief

SOURCE = "Chao & Jost 2012, Ecology 93, 2533; Chao et al. 2014, Ecological Monographs 84, 45 (bootstrap)"
REPLICATES = 200
"""Resamples behind an interval, unless told otherwise."""


@brief
@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Coverage of a corpus of ``sizes`` draws, and the facts that it is expected to hold.

    ``coverage`` = 1 - expected missing mass lies in [``low``, ``high``] at each size by itself (``level`` is
    pointwise) as the ``promise`` of that size has it: "bootstrap" up to N, "spread" beyond. ``mcse`` holds the Monte
    Carlo standard errors of the two ends. ``facts`` is the expected number of distinct facts.
    """

    sizes: Int[np.ndarray, " sizes"]
    coverage: Float[np.ndarray, " sizes"]
    low: Float[np.ndarray, " sizes"]
    high: Float[np.ndarray, " sizes"]
    mcse: Float[np.ndarray, "sizes ends"]
    facts: Float[np.ndarray, " sizes"]
    level: float
    method: str
    source: str
    promise: tuple[Promise, ...]
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for strict JSON, arrays as lists."""
        return strict_fields(self)


def coverage_curve(
    data: Counts,
    sizes: Iterable[int] | None = None,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    rng: np.random.Generator | None = None,
) -> CoverageCurve:
    """Return the expected coverage and number of facts of corpora of ``sizes`` draws (default: 1 to 2 N).

        m < N:   C(m) = 1 - sum_x f_x (x/N) binom(N-x, m) / binom(N-1, m)
                 S(m) = sum_x f_x (1 - binom(N-x, m) / binom(N, m))
        m >= N:  C(m) = 1 - (f_1/N) A^(m-N+1),   A = (N-1) f_1 / ((N-1) f_1 + 2 f_2)
                 S(m) = S + f_0 (1 - A^(m-N)),   f_0 = ((N-1)/N) f_1^2 / (2 f_2)

    Where f_2 = 0, (f_1 - 1) takes the place of f_1 in A and 2 f_2 becomes 2, so that f_0 is
    ((N-1)/N) f_1 (f_1 - 1) / 2. f_1 = 0, N = 1 or a lone singleton without doubleton: full coverage from N on, with a
    warning.
    N and m count IDK draws, the missing mass is a share of all draws, and IDK is covered from the start: C(N) is 1 less
    Chao and Jost's missing mass, and rarefaction stays unbiased (a fact's count is binomial in all N draws).

    The interval is for the expected coverage. The spread s of the missing mass M over ``replicates`` bootstrap
    resamples gives the score interval with M (1 - M)/s^2 draws (1/s where that is less): it stays in [0, 1] and is
    open where M is 0. s is taken as at least min(m/N, N/m)/N, what one fact as rare as 1/N adds. Without
    ``rng`` the resampling repeats itself (seed 0). Beyond N it covers the scatter of the extrapolation alone, and a
    warning says so: in Zipf and geometric worlds the bias at 2 N leaves it no coverage once N is large.

    Raises ``BadInput`` for a size outside 1 ... 2^63 - 1, fewer than 2 replicates, and a level out of range.
    Source: Chao & Jost 2012, Ecology 93, 2533; the interval's form is this module's.
    """
    counts, level = counts_of(data), check_level(level)
    z = normal_quantile(level)
    at = _default_sizes(counts.draws) if sizes is None else _check_sizes(sizes)
    beyond = 3 + math.ceil(VANISHED * counts.draws / int(at.min()))  # the smallest size cannot miss such counts
    drawn = np.array([_missing_masses(again, at) for again in _redraw(counts, replicates, rng, beyond)])
    mass, floor = _missing_masses(counts, at), least_spread(counts.draws, at)
    spread, error = drawn.std(axis=0, ddof=1), spread_error(drawn)
    low, high = coverage_band(mass, spread, z, floor)
    more, less = (coverage_band(mass, spread * np.maximum(1 + sign * error, 0.0), z, floor) for sign in (1, -1))
    return CoverageCurve(
        at,
        1 - mass,
        np.minimum(low, np.nextafter(high, 0)),
        high,
        (np.abs(more - less) / 2).T,
        np.array([_facts(counts, int(m)) for m in at]),
        level,
        "coverage_curve, bootstrap_score",
        SOURCE,
        tuple("bootstrap" if size <= counts.draws else "spread" for size in at.tolist()),
        _warnings(counts, float(at.max())),
    )


def draws_until(
    data: Counts,
    missing_mass: float,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Return how many further draws bring the expected missing mass down to ``missing_mass``.

    The extrapolation M(N + m) = (f_1/N) A^(m+1) is solved for m: m = ln(N missing_mass / f_1) / ln A - 1, rounded up;
    0 if M(N) is there already, and at N = 1 and for a lone singleton without doubleton, where M(N) is put to 0 (a
    warning says that nothing supports it). The interval inverts the bootstrap band of ``coverage_curve``: the first m
    at which its lower and its upper end reach the target. It is at least one draw wide, and open above where
    f_1 > 0 = f_2, for then nothing speaks against A = 1. ``mcse`` is the larger of the two ends' (the lower one's, if
    that is open).

    The promise is "spread": the interval covers the scatter of the answer and not its bias, and a warning says so. The
    extrapolation falls geometrically, while the missing mass of most worlds falls more slowly, that of a power law much
    more (``simlab.missing_mass.exponent``): the answer is too low then, where the missing mass is to halve by a sixth
    (Zipf .8) to two thirds (an endless Zipf 1.5). A further warning says when it lies beyond 2 N.

    Raises ``BadInput`` for a ``missing_mass`` outside (0, 1), fewer than 2 replicates, a level out of range.
    Source: Chao & Jost 2012, Ecology 93, 2533.
    """
    counts, level, target = counts_of(data), check_level(level), check_probability("missing_mass", missing_mass)
    n, z = counts.draws, normal_quantile(level)
    tails = np.array([_tail(again) for again in _redraw(counts, replicates, rng, 3)])
    single, log_a = _tail(counts)
    further = max(0.0, float(np.ceil(math.log(target / single) / log_a - 1))) if single > target else 0.0

    def reached(end: int, factor: float) -> float:
        """The first m at which this end of the band is at most the target, its spread multiplied by ``factor``."""

        def above(m: float) -> bool:
            drawn = _extrapolated(tails[:, 0], tails[:, 1], m)
            spread = np.array([factor * drawn.std(ddof=1)])
            mass = np.array([float(_extrapolated(single, log_a, m))])
            return bool(score_band(mass, spread, z, least_spread(n, np.array([float(n + m)])))[end][0] > target)

        return _first(above)

    low, high = reached(0, 1.0), reached(1, 1.0)
    share = spread_error(_extrapolated(tails[:, 0], tails[:, 1], further)[:, None])[0]
    errors = [abs(reached(end, 1 + share) - reached(end, max(0.0, 1 - share))) / 2 for end in (0, 1)]
    if high and counts.f(1) and not counts.f(2):
        high, errors = math.inf, errors[:1]
    return Estimate(
        further,
        min(low, further),
        max(high, further + 1),
        level,
        "draws_until, bootstrap_score",
        SOURCE,
        "spread",
        warnings=_warnings(counts, float(n + max(further, 1))),
        mcse=max(errors),
    )


def _first(above: Any) -> float:
    """The first whole m >= 0 that is not ``above``, by doubling and halving: the same steps at every level, so that
    the intervals nest.
    """
    if not above(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while above(high):
        low, high = high, 2 * high
    while high - low > max(1.0, 4e-16 * high):
        middle = float(math.floor((low + high) / 2))
        low, high = (middle, high) if above(middle) else (low, middle)
    return high


def _redraw(
    counts: CountsOfCounts, replicates: int, rng: np.random.Generator | None, count_cap: int
) -> Iterable[CountsOfCounts]:
    """Resamples whose counts are told apart up to ``count_cap``; up to the largest where that is about as cheap."""
    replicates = whole("replicates", replicates, 2)  # a spread needs two
    cap = count_cap if count_cap < min(10**6, int(counts.times[-1])) else None
    return (again.counts for again in resamples(counts, replicates, repeatable(rng), count_cap=cap))


def _default_sizes(draws: int) -> Int[np.ndarray, " sizes"]:
    """Nine sizes a factor of N^(1/8) apart up to N, and eight further ones up to 2 N."""
    most = min(2 * draws, MOST)
    below = [round(draws ** (i / 8)) for i in range(8)]
    return np.array(sorted({*below, *(draws + (most - draws) * i // 8 for i in range(9))}), dtype=np.int64)


def _check_sizes(sizes: Iterable[int]) -> Int[np.ndarray, " sizes"]:
    if isinstance(sizes, str | bytes) or not isinstance(sizes, Iterable):
        raise BadInput(f"sizes = {shown(sizes)}: must be a list of numbers of draws, such as [100, 1000]")
    found = [whole("size", size, 1, MOST) for size in sizes]
    if not found:
        raise BadInput("sizes = []: give at least one number of draws")
    return np.array(found, dtype=np.int64)


def _warnings(counts: CountsOfCounts, most: float) -> tuple[str, ...]:
    """What the sample cannot carry, up to ``most`` draws."""
    said = []
    if not counts.f(1):
        said.append("No fact stands exactly once: the missing mass is estimated as 0 from N on.")
    elif counts.draws == 1:
        said.append(
            "N = 1: one draw does not show whether any fact is unseen: full coverage from N on is a convention."
        )
    elif not turing_split(counts)[0]:
        said.append(
            "A lone singleton beside no doubleton does not show how many facts are unseen: full coverage from N on is "
            "a convention."
        )
    elif not counts.f(2):
        said.append("No fact stands exactly twice: nothing shows how fast the missing mass falls beyond N.")
    if most > counts.draws:
        said.append(
            f"Beyond N = {counts.draws} draws the interval covers the scatter of the extrapolation and not its bias, "
            "which may be larger."
        )
    if most > 2 * counts.draws:
        said.append(f"Beyond 2 N = {2 * counts.draws} draws the extrapolation is not reliable (Chao & Jost 2012).")
    return tuple(said)


# ---- the missing mass at a size ----


def _tail(counts: CountsOfCounts) -> tuple[float, float]:
    """Return f_1/N and ln A; the missing mass after m further draws is (f_1/N) A^(m+1)."""
    above, below = turing_split(counts)
    return counts.singleton_rate, math.log1p(-below / (above + below)) if above else -math.inf


def _extrapolated(single: Any, log_a: Any, further: float) -> Any:
    with np.errstate(under="ignore"):
        return single * np.exp((further + 1) * log_a)


def _missing_masses(counts: CountsOfCounts, sizes: Int[np.ndarray, " sizes"]) -> Float[np.ndarray, " sizes"]:
    """Estimate the expected missing mass at each size: rarefied below N, extrapolated from N on."""
    n, (single, log_a) = counts.draws, _tail(counts)
    found = [
        rarefied_missing_mass(counts, int(m)) if m < n else float(_extrapolated(single, log_a, int(m) - n))
        for m in sizes
    ]
    return np.minimum(found, 1.0)


def _facts(counts: CountsOfCounts, size: int) -> float:
    """The expected number of distinct facts among ``size`` draws."""
    n = counts.draws
    if size < n:
        return rarefied_facts(counts, size)
    single, log_a = _tail(counts)
    missed = -math.expm1(log_a)  # 1 - A, and f_0 = (f_1/N) A / (1 - A)
    unseen = single * math.exp(log_a) / missed
    return counts.seen - unseen * math.expm1((size - n) * log_a) if size > n else float(counts.seen)
