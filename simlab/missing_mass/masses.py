"""The missing mass itself: Good-Turing, Robbins and Chao & Jost, and the certificate that an audit quotes."""

from __future__ import annotations

import math

import numpy as np

from simlab.estimates import Estimate, Sides, check_error, check_level, check_sides
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of, edge_warnings, turing_split
from simlab.missing_mass.intervals import INTERVALS, REPLICATES, interval_ends
from simlab.missing_mass.tails import missing_mass_below

_GOOD = "Good 1953, Biometrika 40, 237"


def good_turing(
    data: Counts,
    *,
    level: float = 0.95,
    interval: str = "tails",
    sides: Sides = "two",
    rng: np.random.Generator | None = None,
    replicates: int = REPLICATES,
) -> Estimate:
    """Estimate the missing mass MM, the chance that the next draw states a fact never seen, by sr = f_1/N.

    E sr - E MM = sum p^2 (1-p)^(N-1) lies in [0, 1/N]. ``interval`` is one of ``INTERVALS``; ``rng`` and
    ``replicates`` are for the bootstrap. No singletons: the estimate is 0, and the interval says what may still be
    missing; all singletons (N = 1 among them): it is 1, with a warning, as de-duplicated lists look like that too.
    Raises ``BadInput`` as ``counts_of`` does, for an unknown interval or side, and for a level out of range.
    Source: Good 1953, Biometrika 40, 237; E sr in arXiv 2509.04664 v1, Appendix B.
    """
    counts = counts_of(data)
    return _with_interval(
        "good_turing",
        _GOOD,
        counts.singleton_rate,
        counts,
        level,
        interval,
        sides,
        rng,
        replicates,
    )


def chao_jost(
    data: Counts,
    *,
    level: float = 0.95,
    interval: str = "tails",
    sides: Sides = "two",
    rng: np.random.Generator | None = None,
    replicates: int = REPLICATES,
) -> Estimate:
    """Estimate the missing mass by 1 - C, C the sample coverage of Chao & Jost: a little below f_1/N.

    1 - C = (f_1/N) r, with r = (N-1) f_1/((N-1) f_1 + 2 f_2); without doubletons
    r = (N-1)(f_1-1)/((N-1)(f_1-1) + 2); 0 without singletons. The interval is that of ``good_turing``, widened to
    contain the estimate where need be. Raises ``BadInput`` as ``good_turing`` does.
    Source: Chao & Jost 2012, Ecology 93, 2533, equation 4a.
    """
    counts = counts_of(data)
    return _with_interval(
        "chao_jost",
        "Chao & Jost 2012, Ecology 93, 2533",
        chao_jost_mass(counts),
        counts,
        level,
        interval,
        sides,
        rng,
        replicates,
    )


def chao_jost_mass(counts: CountsOfCounts) -> float:
    """1 - C of Chao & Jost 2012, as a share of all N draws."""
    part, other = turing_split(counts)
    return counts.f(1) * part / (counts.draws * (part + other))  # exact integers: products pass 2^63


def robbins(data: Counts, *, level: float = 0.95, sides: Sides = "two") -> Estimate:
    """Estimate the missing mass after N - 1 draws by f_1/N, which has no bias at all for it.

    E[f_1(N)]/N = E[MM after N - 1 draws], exactly. The interval is Chebyshev's, f_1/N +- sqrt(1/(N gamma)), one-sided
    Cantelli's sqrt((1 - gamma)/(N gamma)), from E[(MM - f_1/N)^2] < 1/N (docs/proofs.md), so that it holds for every N
    and every law.

    Edges: no singletons give 0 and all singletons 1, each with a warning and with the interval cut there; N = 1 is all
    singletons, and as 1/(N gamma) is then at least 1 two sides say nothing: [0, 1]. The radius looks at N alone: one
    fact seen N times has the upper end of any other corpus without singletons, and IDK draws count in N. Raises
    ``BadInput`` as ``counts_of`` does, and for a level or sides out of range.
    Source: Robbins 1968, Ann. Math. Statist. 39, 256.
    """
    counts = counts_of(data)
    level = check_level(level)
    gamma = 1 - level
    odds = 1 / gamma if check_sides(sides) == "two" else (1 - gamma) / gamma
    half = math.sqrt(odds / counts.draws)
    rate = counts.singleton_rate
    return Estimate(
        estimate=rate,
        low=0.0 if sides == "upper" else max(rate - half, 0.0),
        high=1.0 if sides == "lower" else min(rate + half, 1.0),
        level=level,
        method="robbins, chebyshev",
        source="Robbins 1968, Ann. Math. Statist. 39, 256",
        promise="finite-sample",
        sides=sides,
        warnings=edge_warnings(counts),
    )


def certificate(data: Counts, *, gamma: float = 0.05) -> Estimate:
    """Certify that MM >= ``low`` with confidence 1 - ``gamma``, whatever N and whatever the law of i.i.d. draws.

    The lower one-sided interval of ``good_turing`` with ``interval="tails"``.

    Edges: ``low`` is 0, which certifies nothing, without singletons (one fact seen N times, however large N is) and
    where they are few: at gamma = .05 eleven beside no doubleton do not lift it. All singletons lift it, at gamma = .05
    to .746 at N = 100 and .997 at N = 10^6, with a warning, since a de-duplicated list, to which no interval applies,
    looks the same; at N = 1 it is 0. IDK draws count in N. Raises ``BadInput`` as ``counts_of`` does, and for a gamma
    that is not 1 less a level in range.
    Source: derived, docs/proofs.md; the estimate is Good's, 1953, Biometrika 40, 237.
    """
    counts, error = counts_of(data), check_error(gamma)
    kind = INTERVALS["tails"]
    return Estimate(
        estimate=counts.singleton_rate,
        low=missing_mass_below(counts, error),
        high=1.0,
        level=1 - error,
        method="certificate, tails",
        source=f"{_GOOD}; interval: {kind.source}",
        promise=kind.promise,
        sides="lower",
        warnings=edge_warnings(counts),
    )


def _with_interval(
    name: str,
    source: str,
    estimate: float,
    counts: CountsOfCounts,
    level: float,
    interval: str,
    sides: Sides,
    rng: np.random.Generator | None,
    replicates: int,
) -> Estimate:
    ends = interval_ends(counts, interval, level, sides, rng, replicates)
    return Estimate(
        estimate=estimate,
        low=min(ends.low, estimate),
        high=max(ends.high, estimate),
        level=check_level(level),
        method=f"{name}, {interval}",
        source=f"{source}; interval: {ends.kind.source}",
        promise=ends.kind.promise,
        sides=sides,
        warnings=edge_warnings(counts) + ends.warnings,
        mcse=ends.mcse,
    )
