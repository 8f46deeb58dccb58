"""One result type for every estimator: the estimate, its interval, what the interval promises, and the warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from simlab.errors import BadInput, unknown

Promise = Literal["finite-sample", "asymptotic", "bootstrap"]
"""What an interval promises: its level for every N and every law of i.i.d. draws; its level as N grows; or what
resampling from an estimated law shows."""

Sides = Literal["two", "lower", "upper"]
"""Two-sided; or one-sided with the other end at the end of the range."""

SIDES = ("two", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its interval [low, high], which contains it and has ``low < high``.

    ``level`` is the probability with which the interval promises to contain the estimated quantity, ``promise`` in
    which sense. ``sides`` "lower" puts all the error on ``low`` (``high`` is then the end of the range). ``method``
    names the estimator and, after a comma, the interval. ``warnings`` are sentences; ``mcse`` is the Monte Carlo
    standard error where the ends were sampled, else None.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str
    source: str
    promise: Promise
    sides: Sides = "two"
    warnings: tuple[str, ...] = ()
    mcse: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: an infinite end is None; ``mcse`` stands only where something was sampled."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name not in ("warnings", "mcse")}
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in fields.items()
        }
        sampled = {} if self.mcse is None else {"mcse": self.mcse}
        return finite | {"warnings": list(self.warnings)} | sampled


def check_level(level: float) -> float:
    """Return ``level``, a probability strictly between 0 and 1. Raises ``BadInput`` for anything else."""
    if not 0 < level < 1:
        raise BadInput(f"level = {level}: must lie between 0 and 1, such as 0.95")
    return float(level)


def check_sides(sides: str) -> str:
    """Return ``sides``. Raises ``BadInput`` unless it is one of ``SIDES``."""
    if sides not in SIDES:
        raise unknown("sides", sides, SIDES)
    return sides


def normal_quantile(level: float, sides: str = "two") -> float:
    """z with Pr[|Z| <= z] = level for two sides, Pr[Z <= z] = level for one."""
    from statistics import NormalDist

    tail = min(1 - level, 1 - 2.0**-53)  # the nearest that is below 1: a level under 1e-16 asks for no width
    return -NormalDist().inv_cdf(tail / 2 if sides == "two" else tail)
