"""Intervals for the missing mass by name, each labelled with what it promises.

``tails`` is the one to quote: it holds for every N and every law, as do ``mcallester_ortiz``, ``knvz`` and ``kv``,
which do not look at the data and are much wider where the missing mass is small. ``score``, ``esty`` and
``bootstrap`` are narrower and hold as N grows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simlab.errors import unknown
from simlab.estimates import Promise, check_level, check_sides, normal_quantile
from simlab.missing_mass.bootstrap import quantile_error, repeatable, resamples
from simlab.missing_mass.concentration import radius_above, radius_below, radius_knvz, radius_kv
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of
from simlab.missing_mass.orders import score_interval
from simlab.missing_mass.tails import missing_mass_above, missing_mass_below

REPLICATES = 999
"""Resamples of the bootstrap: (999 + 1) times the usual tails are whole ranks, which is how quantiles are taken."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of interval: what it promises, where it comes from, and what it is."""

    name: str
    promise: Promise
    source: str
    says: str


KINDS = (
    Kind(
        "tails",
        "finite-sample",
        "derived (simlab.missing_mass.tails; proof in docs/proofs.md)",
        "Chernoff's bound without unknowns, from an exact exponential identity of the counts",
    ),
    Kind(
        "mcallester_ortiz",
        "finite-sample",
        "McAllester & Ortiz 2003 (C1), Berend & Kontorovich 2013 (C3), McDiarmid 1989 (C5)",
        "C1 above and C3 below, each with C5 and the bias bound, the error split at its best",
    ),
    Kind(
        "knvz",
        "finite-sample",
        "Kalai, Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1, Corollary 3 (Lemma 1 with IDK draws)",
        "C6: 1/N + 2.42 sqrt(ln(4/gamma)/N); 4.42 sqrt(ln(5/gamma)/N) with IDK draws",
    ),
    Kind(
        "kv",
        "finite-sample",
        "Kalai & Vempala 2024, arXiv 2311.14648 v3, Corollary 6",
        "C7: 3 sqrt(ln(2/gamma)/N); below, one-sided, sqrt(6 ln(2/gamma)/N)",
    ),
    Kind(
        "score",
        "asymptotic",
        "derived from Esty 1983 (Ann. Statist. 11, 905), solved for the missing mass as Wilson's interval is",
        "(sr - m)^2 <= z^2 (m + 2 f_2/N - m^2)/N solved for m",
    ),
    Kind(
        "esty",
        "asymptotic",
        "Esty 1983, Ann. Statist. 11, 905",
        "sr +- z sqrt((f_1/N (1 - f_1/N) + 2 f_2/N)/N), cut at 0 and 1",
    ),
    Kind(
        "bootstrap",
        "bootstrap",
        "the estimated law of Chao & Jost 2012 (Ecology 93, 2533); basic bootstrap of sr - MM",
        "sr minus the quantiles of sr* - MM* in resamples, cut at 0 and 1",
    ),
)
"""Every kind of interval for the missing mass."""

INTERVALS = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of an interval for the missing mass, its kind, its warnings, and the MCSE of sampled ends."""

    low: float
    high: float
    kind: Kind
    warnings: tuple[str, ...] = ()
    mcse: float | None = None


def interval_ends(
    data: Counts,
    kind: str = "tails",
    level: float = 0.95,
    sides: str = "two",
    rng: np.random.Generator | None = None,
    replicates: int = REPLICATES,
) -> Ends:
    """Return an interval in [0, 1] for MM at ``level``, around sr = f_1/N, of the ``kind`` of that name.

    Two-sided intervals leave half of the error on each side; "lower" and "upper" leave all of it on one, the other end
    being 1 or 0. The interval contains sr, has low < high, and grows with the level. ``rng`` and ``replicates`` are
    for the bootstrap alone. Without ``rng`` it repeats itself (seed 0). Raises ``BadInput`` for an unknown kind and
    for a level out of range.
    """
    counts = counts_of(data)
    if not isinstance(kind, str) or kind not in INTERVALS:
        raise unknown("interval", kind, INTERVALS)
    level = check_level(level)
    check_sides(sides)
    if kind == "bootstrap":
        return _bootstrap(counts, level, sides, rng, replicates)
    if kind in ("score", "esty"):
        return _asymptotic(counts, kind, level, sides)
    gamma = (1 - level) / (2 if sides == "two" else 1)
    low = 0.0 if sides == "upper" else _BELOW[kind](counts, gamma, sides)
    high = 1.0 if sides == "lower" else _ABOVE[kind](counts, gamma, sides)
    return Ends(max(low, 0.0), min(high, 1.0), INTERVALS[kind])


def _both(radius: Callable[..., float], sides: str, draws: int, gamma: float, **options: bool) -> float:
    """The radius of a two-sided statement: it takes the whole error, and serves one side as it is."""
    return radius(draws, 2 * gamma if sides == "two" else gamma, **options)


_above, _below = lru_cache(maxsize=256)(radius_above), lru_cache(maxsize=256)(radius_below)

_BELOW: dict[str, Callable[[CountsOfCounts, float, str], float]] = {
    "tails": lambda c, gamma, _: missing_mass_below(c, gamma),
    "mcallester_ortiz": lambda c, gamma, _: c.singleton_rate - _below(c.draws, gamma),
    "knvz": lambda c, gamma, sides: c.singleton_rate - _both(radius_knvz, sides, c.draws, gamma, idk=c.idk > 0),
    "kv": lambda c, gamma, sides: c.singleton_rate - _both(radius_kv, sides, c.draws, gamma, below=sides == "lower"),
}
_ABOVE: dict[str, Callable[[CountsOfCounts, float, str], float]] = {
    "tails": lambda c, gamma, _: missing_mass_above(c, gamma),
    "mcallester_ortiz": lambda c, gamma, _: c.singleton_rate + _above(c.draws, gamma),
    "knvz": lambda c, gamma, sides: c.singleton_rate + _both(radius_knvz, sides, c.draws, gamma, idk=c.idk > 0),
    "kv": lambda c, gamma, sides: c.singleton_rate + _both(radius_kv, sides, c.draws, gamma),
}


def _asymptotic(counts: CountsOfCounts, kind: str, level: float, sides: str) -> Ends:
    """Score and Esty; where Esty's has no width the score interval stands in."""
    rate, n = counts.singleton_rate, float(counts.draws)
    z = normal_quantile(level, sides)
    low, high = score_interval(rate, 2 * counts.f(2) / n, counts.draws, z)
    warnings: tuple[str, ...] = ()
    if kind == "esty":
        half = max(z, 0.0) * math.sqrt((rate * (1 - rate) + 2 * counts.f(2) / n) / n)
        ends = max(rate - half, 0.0), min(rate + half, 1.0)
        if ends[0] < ends[1]:
            low, high = ends
        elif 0 < rate < 1:  # a one-sided level under one half asks for nothing beyond the estimate
            low, high = math.nextafter(rate, 0.0), math.nextafter(rate, 1.0)
        else:
            why = "no fact stands once or twice" if rate == 0 else "every draw is a singleton"
            warnings = (f"Esty's interval has no width because {why}: the score interval stands in.",)
    return Ends(0.0 if sides == "upper" else low, 1.0 if sides == "lower" else high, INTERVALS[kind], warnings)


def _bootstrap(
    counts: CountsOfCounts, level: float, sides: str, rng: np.random.Generator | None, replicates: int
) -> Ends:
    """The basic bootstrap of the prediction error sr - MM; where all resamples agree the score interval stands in."""
    drawn = resamples(counts, replicates, repeatable(rng), count_cap=2)
    error = np.array([one.counts.singleton_rate - one.missing_mass for one in drawn])
    tail = (1 - level) / (2 if sides == "two" else 1)
    rate = counts.singleton_rate
    if error.min() == error.max():
        said = ("All resamples agree, so the bootstrap has no width: the score interval stands in.",)
        stand_in = _asymptotic(counts, "score", level, sides)
        return Ends(stand_in.low, stand_in.high, INTERVALS["bootstrap"], said)
    # the estimate lies inside by a step at least, so that no level leaves the interval without width
    least, most = np.quantile(
        error, (tail, 1 - tail), method="weibull"
    ).tolist()  # rank (B + 1) q: one more draw's odds
    low = max(min(rate - most, math.nextafter(rate, 0.0)), 0.0)
    high = min(max(rate - least, math.nextafter(rate, 1.0)), 1.0)
    ends = [quantile_error(error, share) for share, side in ((1 - tail, "upper"), (tail, "lower")) if sides != side]
    few = (replicates + 1) * tail < 1
    return Ends(
        0.0 if sides == "upper" else low,
        1.0 if sides == "lower" else high,
        INTERVALS["bootstrap"],
        (f"{replicates} resamples are too few for this level: the ends are their extremes.",) if few else (),
        max(ends),
    )
