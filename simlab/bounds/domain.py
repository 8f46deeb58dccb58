"""The domain of the bounds: what a rate, a probability and a count may be, checked in under a microsecond each."""

from __future__ import annotations

import math

from simlab.errors import BadInput

ROUNDING = 1e-9
"""How far a sum of probabilities may stray from [0, 1] by rounding before it is no rate."""


def between(low: float, value: float, high: float) -> bool:
    """Whether low <= value <= high. What is no number lies nowhere."""
    try:
        return bool(low <= value <= high)
    except (TypeError, ValueError):
        return False


def rate(name: str, value: float) -> float:
    """Return ``value`` as a float in [0, 1], up to rounding. Raises ``BadInput`` for anything else, NaN included."""
    if not between(-ROUNDING, value, 1 + ROUNDING):
        raise BadInput(f"{name} = {value}: must be a rate from 0 to 1")
    return float(value)


def observed_rate(name: str, value: float | None) -> float | None:
    """Return ``rate(name, value)``, or None where nothing was observed."""
    return None if value is None else rate(name, value)


def probability(name: str, value: float) -> float:
    """Return ``value`` as a float in (0, 1]. Raises ``BadInput`` for anything else, NaN included."""
    if not between(0, value, 1) or value == 0:
        raise BadInput(f"{name} = {value}: must be a probability above 0 and at most 1")
    return float(value)


def whole(name: str, value: float, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``; 1e6 counts as whole. Raises ``BadInput`` for anything else."""
    if not between(least, value, math.inf) or value == math.inf or value != int(value):
        raise BadInput(f"{name} = {value}: must be a whole number of at least {least}")
    return int(value)


def finite(name: str, value: float) -> float:
    """Return ``value`` as a finite float. Raises ``BadInput`` for NaN and the infinities."""
    if not between(-math.inf, value, math.inf) or abs(value) == math.inf:
        raise BadInput(f"{name} = {value}: must be a finite number")
    return float(value)
