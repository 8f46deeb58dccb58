"""Numbers as a user writes them: ``1e6`` is a whole number, 1.5 is none."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

from simlab.errors import BadInput


def whole(name: str, text: str, origin: str = "") -> int:
    """Return the integer that ``text`` writes, exactly: ``1e6``, ``10000``, ``2.5e3``. Raises ``BadInput`` for 1.5."""
    try:
        value = Decimal(text)
        if value.is_finite() and value == value.to_integral_value() and value.adjusted() < 400:
            return int(value)
    except (InvalidOperation, OverflowError):
        pass
    raise BadInput(f"{name} = {text}{origin and f' ({origin})'}: must be a whole number, such as 10000 or 1e4")


def count(name: str, value: object, least: int, most: float = math.inf) -> int:
    """Return ``value`` as an int. Raises ``BadInput`` for what is no whole number from ``least`` to ``most``."""
    plain = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if isinstance(plain, int) and not isinstance(plain, bool) and least <= plain <= most:
        return plain
    span = f"of at least {least}" if most == math.inf else f"from {least} to {most:.0e}"
    raise BadInput(f"{name} = {value}: must be a whole number {span}")


def share(name: str, value: object, example: float = 0.05) -> float:
    """Return a number, or the text of one, strictly between 0 and 1. Raises ``BadInput`` for anything else."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < 1:
        raise BadInput(f"{name} = {value}: must be a number between 0 and 1, such as {example:g}")
    return number


LONGEST_S = 1e7
"""Four months: timers overflow on numbers of seconds that are far beyond it."""


def positive(name: str, value: object) -> float | None:
    """Return a number of seconds above 0, or of the text of one; None stays None. Raises ``BadInput`` for any other."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number <= LONGEST_S:
        raise BadInput(f"{name} = {value}: must be a number of seconds above 0 and up to 1e7, such as 30")
    return number


def size(name: str, text: str) -> int:
    """Return the bytes that ``2GB`` or ``1.5GiB`` writes: GB counts by 1000, GiB by 1024. Raises ``BadInput``."""
    from simlab.inputs import bytes_of  # it loads NumPy

    found = bytes_of(text)
    if found is None:
        raise BadInput(f"{name} = {text}: must be a size, such as 2GB or 800MiB")
    return found
