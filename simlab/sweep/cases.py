"""Whether one grid point and method breaks a bound, as far as its replicates can tell.

A row's slack is >= 0 where the bound holds and NaN where it does not apply. A deterministic bound fails when a
slack is below -1e-9. A bound in expectation fails when, at some grid point and method, the mean slack is below
-4 Monte Carlo standard errors (and below -1e-9). A bound with probability 1 - gamma fails when, at some grid
point and method, the share of violations exceeds gamma by 4 binomial standard deviations. "4 standard deviations"
stands for a tail of 3.2e-5, and is taken exactly where replicates are few: from Student's t, and from the binomial
itself. A bound that could not fail is not judged: a mean of fewer than 5 replicates, a share of so few that all of
them may break it, and fewer than 30 replicates that all give one and the same negative mean slack, which a discrete
slack may do by chance (unless it is infinite).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from simlab.sweep.collecting import Table
from simlab.sweep.loading import Row
from simlab.sweep.summary import Groups, mcse_mean

TOLERANCE = 1e-9
SIGMAS = 4.0
GAMMA = 0.01
FEW = 30
"""Replicates below which equal slacks are no proof that the slack is constant."""
LEAST = 5
"""Replicates below which no mean is judged: Student's t then allows hundreds of standard errors."""
SUFFIX = "_slack"


@runtime_checkable
class Named(Protocol):
    """What is needed of a theorem: ``simlab.bounds.Theorem`` has it."""

    @property
    def slug(self) -> str:
        """The name of its columns."""

    @property
    def name(self) -> str:
        """Its name in prose."""

    @property
    def kind(self) -> Literal["deterministic", "expectation", "probability"]:
        """In what sense it holds."""


@dataclass(frozen=True)
class Case:
    """The slacks of one grid point and method: ``slack`` is what is compared, ``fails`` None if undecidable."""

    settings: Row
    method: str
    point: int
    slack: float
    mcse: float
    n: int
    violations: int
    vacuous: bool
    fails: bool | None


def cases_of(table: Table, groups: Groups, theorem: Named, mode: str) -> list[Case]:
    """The groups of one mode in which the theorem applies to some row."""
    slacks = table[theorem.slug + SUFFIX].astype(float)
    vacuous = table.get(f"{theorem.slug}_vacuous", np.zeros(len(slacks))).astype(float)
    cases = []
    for i, rows in enumerate(groups.rows):
        rows = rows[~np.isnan(slacks[rows])]
        settings = groups.settings[i]
        if len(rows) and settings.get("mode", "iid") == mode:
            cases.append(
                _case(theorem, settings, groups.methods[i], groups.points[i], slacks[rows], vacuous[rows] == 1)
            )
    return cases


def _case(
    theorem: Named,
    settings: Row,
    method: str,
    point: int,
    slacks: Float[np.ndarray, " rows"],
    vacuous: Bool[np.ndarray, " rows"],
) -> Case:
    n, violations = len(slacks), int(np.sum(slacks < -TOLERANCE))
    slack, mcse = float(np.min(slacks)), 0.0
    fails: bool | None = violations > 0
    if theorem.kind == "expectation":
        slack, mcse = _mean(slacks)
        constant = n < FEW and math.isfinite(slack) and mcse <= 1e-12 * abs(slack)
        undecidable = (n < LEAST and math.isfinite(slack)) or (constant and slack < -TOLERANCE)
        fails = None if undecidable else slack < -max(_widened(n) * mcse, TOLERANCE)
    elif theorem.kind == "probability":
        gamma = gamma_of(settings)
        fails = _too_many(violations, n, gamma) if _too_many(n, n, gamma) else None
    return Case(settings, method, point, slack, mcse, n, violations, bool(np.all(vacuous)), fails)


def gamma_of(settings: Mapping[str, object]) -> float:
    """The setting ``gamma``; .01 where there is none, or where it is left open."""
    gamma = settings.get("gamma")
    return float(gamma) if isinstance(gamma, (int, float)) and not math.isnan(gamma) else GAMMA


def _mean(slacks: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """The mean slack and its MCSE; an infinite slack settles the matter without one."""
    if np.any(np.isinf(slacks)):
        return (-math.inf if np.any(slacks == -math.inf) else math.inf), 0.0
    sd = float(np.std(slacks, ddof=1)) if len(slacks) > 1 else math.nan
    return float(np.mean(slacks)), mcse_mean(sd, len(slacks))


def _widened(n: int) -> float:
    """Student's quantile for n replicates with the tail of 4 normal standard deviations: 4.2 at n = 100, 5.1 at 20."""
    from scipy import special

    return float(special.stdtrit(n - 1, special.ndtr(SIGMAS)))


def _too_many(violations: int, n: int, gamma: float) -> bool:
    """Whether so many violations or more would come up, at rate gamma, more rarely than 4 standard deviations."""
    from scipy import special

    return violations > 0 and float(special.bdtrc(violations - 1, n, gamma)) < float(special.ndtr(-SIGMAS))
