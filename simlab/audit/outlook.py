"""What more rows would bring: the coverage curve, and how many until the floor falls to a target.

Two extrapolations are told side by side. Chao and Jost's falls geometrically and says the least that is needed; a power
law, where one fits, falls slowly. Beyond the table's own N the interval of either is the scatter of the estimate and
not its bias ("spread"), which may be many times as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlab.audit.floors import Answers
from simlab.missing_mass import CountsOfCounts, Estimate
from simlab.missing_mass.counts import MOST
from simlab.missing_mass.curve import CoverageCurve, coverage_curve, draws_until
from simlab.missing_mass.exponent import power_law_draws_until

REACH = 2
"""How many times the rows there are the coverage curve is drawn to, and extrapolated at most by custom (Chao et al.
2014); it may be far off before that."""
REPLICATES = 60
"""Resamples behind a band: its width is then within some 9 % of what more of them would give."""


@dataclass(frozen=True, slots=True)
class MoreRows:
    """How many further rows bring the floor (without answers: the missing mass) down to ``target``.

    ``missing_mass`` is the missing mass at which it is there: target + k/K. ``now`` is what is to fall, and ``there``
    says that it has. ``chao_jost`` is the number by geometric extrapolation, the least to expect, ``power_law`` that by
    a power law, None where none fits; both None where it is there already, and where every fact stands once, so that
    nothing shows how fast the missing mass falls. ``within_twice`` says that the former lies within ``REACH`` times the
    rows there are, None where there is none.
    """

    target: float
    missing_mass: float
    now: float
    there: bool
    chao_jost: Estimate | None
    power_law: Estimate | None
    within_twice: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "target": self.target,
            "missing_mass": self.missing_mass,
            "now": self.now,
            "there": self.there,
            "chao_jost": None if self.chao_jost is None else self.chao_jost.as_dict(),
            "power_law": None if self.power_law is None else self.power_law.as_dict(),
            "within_twice": self.within_twice,
        }


def rows_needed(
    counts: CountsOfCounts,
    answers: Answers | None,
    fits: bool,
    target: float,
    level: float,
    rng: np.random.Generator,
) -> MoreRows:
    """Return how many further rows bring MM - k/K, the floor in expectation, down to ``target``.

    The floor now is the sharp one, sr - 1/N - k/K. Without answers it is the missing mass itself, now sr, that falls
    to ``target``. ``fits`` says that a power law
    fits the counts of counts.
    """
    lost = 0.0 if answers is None else answers.valid_over_errors
    wanted, now = target + lost, counts.singleton_rate - lost - (0 if answers is None else 1 / counts.draws)
    if now <= target:
        return MoreRows(target, wanted, now, True, None, None, None)
    if counts.f(1) == counts.seen:
        return MoreRows(target, wanted, now, False, None, None, None)
    further = draws_until(counts, wanted, level=level, replicates=REPLICATES, rng=rng)
    power_law = power_law_draws_until(counts, wanted, level=level) if fits else None
    return MoreRows(target, wanted, now, False, further, power_law, further.estimate <= (REACH - 1) * counts.draws)


def curve_of(counts: CountsOfCounts, level: float, rng: np.random.Generator) -> CoverageCurve:
    """Return the coverage curve: up to N in steps of N^(1/16), at N/2 and N, and in quarters of N to ``REACH`` N."""
    draws, most = counts.draws, min(REACH * counts.draws, MOST)
    within = {min(max(round(draws ** (i / 16)), 1), draws) for i in range(17)} | {max(draws // 2, 1), draws}
    beyond = {draws + (most - draws) * i // 4 for i in range(5)}
    return coverage_curve(counts, sorted(within | beyond), level=level, replicates=REPLICATES, rng=rng)
