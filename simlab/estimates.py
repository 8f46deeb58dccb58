"""One result type for every estimator: the estimate, its interval, what the interval promises, and the warnings."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal

import numpy as np

from simlab.errors import BadInput, shown, unknown

Promise = Literal["finite-sample", "asymptotic", "bootstrap", "spread"]
"""What an interval promises: its level for every N and every law of i.i.d. draws; its level as N grows; what
resampling from an estimated law shows; or "spread": it covers the scatter of the estimate and not its bias, so that it
may miss what is estimated at every N."""

Sides = Literal["two", "lower", "upper"]
"""Two-sided; or one-sided with the other end at the end of the range."""

SIDES = ("two", "lower", "upper")

LOWEST, HIGHEST = 1e-6, 1 - 1e-9
"""The levels that there are intervals for: nearer to 0 and 1 the last digits of a float decide what an end is."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its interval [low, high], which contains it and has ``low < high``.

    ``level`` is the probability with which the interval promises to contain the estimated quantity, ``promise`` in
    which sense. ``sides`` "lower" puts all the error on ``low`` (``high`` is then the end of the range). ``method`` is
    "estimator, interval", or "estimator:option, interval", in small letters, digits and underscores. ``warnings`` are
    sentences; ``mcse`` is the Monte Carlo standard error where the ends were sampled, else None.
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
        """Return the fields for strict JSON: an infinite estimate or end is None.

        ``mcse`` stands only where something was sampled.
        """
        said = strict_fields(self)
        if self.mcse is None:
            del said["mcse"]
        return said


def strict_fields(record: Any) -> dict[str, Any]:
    """Return the fields of a record, by name, for strict JSON.

    Estimates in it are nested, arrays and tuples are lists, and a number that is not finite is None.
    """
    return {field.name: _strict(getattr(record, field.name)) for field in fields(record)}


def _strict(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.as_dict()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_probability(name: str, value: Any, example: float = 0.05) -> float:
    """Return ``value`` as a float. Raises ``BadInput`` unless it is a number strictly between 0 and 1."""
    if not _is_number(value):
        raise BadInput(f"{name} = {shown(value)}: must be a number between 0 and 1, such as {example:g}")
    if not (0 < value < 1 and 0 < float(value) < 1):  # a fraction may round to 0 or 1
        raise BadInput(f"{name} = {shown(value)}: must lie between 0 and 1, such as {example:g}")
    return float(value)


def check_level(level: Any) -> float:
    """Return ``level`` as a float. Raises ``BadInput`` unless it is a number from ``LOWEST`` to ``HIGHEST``."""
    return _within("level", level, 0.95, LOWEST, HIGHEST, "from 1e-6 to 1 - 1e-9")


def check_error(gamma: Any) -> float:
    """Return ``gamma`` = 1 - level as a float. Raises ``BadInput`` unless the level is one of ``check_level``'s."""
    return _within("gamma", gamma, 0.05, 1 - HIGHEST, 1 - LOWEST, "from 1e-9 to 1 - 1e-6")


def _within(name: str, value: Any, example: float, least: float, most: float, span: str) -> float:
    if _is_number(value) and least <= value <= most:
        return float(value)
    raise BadInput(f"{name} = {shown(value)}: must be a number {span}, such as {example:g}")


def check_number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """Return ``value`` as a float. Raises ``BadInput`` unless it is a finite number from ``least`` to ``most``."""
    if _is_number(value) and least <= value <= most and abs(value) <= sys.float_info.max:
        return float(value)
    span = "finite number" if least == -math.inf else f"finite number of at least {least:g}"
    rule = span if most == math.inf else f"number from {least:g} to {most:g}"
    raise BadInput(f"{name} = {shown(value)}: must be a {rule}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)


def check_sides(sides: str) -> str:
    """Return ``sides``. Raises ``BadInput`` unless it is one of ``SIDES``."""
    if not isinstance(sides, str) or sides not in SIDES:
        raise unknown("sides", sides, SIDES)
    return sides


def normal_quantile(level: float, sides: str = "two") -> float:
    """z with Pr[|Z| <= z] = level for two sides, Pr[Z <= z] = level for one."""
    from statistics import NormalDist

    tail = 1 - level
    return -NormalDist().inv_cdf(tail / 2 if sides == "two" else tail)
