"""Numbers as an audit prints them: an end of an interval promises no more in print than what was proved."""

from __future__ import annotations

import math

PLACES = 4
"""Decimals of a rate."""
SMALL = 1e-3
"""A rate below this is written to three digits, not to four decimals."""


def rate(value: float) -> str:
    """A rate to four decimals, a tiny one to three digits."""
    return f"{value:.{PLACES}f}" if not 0 < abs(value) < SMALL else f"{value:.2e}"


def at_least(value: float) -> str:
    """A lower end, rounded down."""
    return rate(math.floor(value * 10**PLACES) / 10**PLACES if abs(value) >= SMALL else value)


def at_most(value: float) -> str:
    """An upper end, rounded up."""
    return rate(math.ceil(value * 10**PLACES) / 10**PLACES if abs(value) >= SMALL else value)


def whole(value: float) -> str:
    """A number of rows."""
    if math.isinf(value):
        return "any number"
    return f"{value:,.0f}" if value < 1e15 else f"{value:.3g}"


def about(value: float) -> str:
    """An extrapolated number of rows, to three digits."""
    return whole(float(f"{value:.3g}"))


def percent(value: float) -> str:
    """A share in per cent, to two digits."""
    return f"{value * 100:.2g} %" if value < 0.0995 else f"{value * 100:.3g} %"
