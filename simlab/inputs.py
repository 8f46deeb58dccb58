"""What a user gives, checked once: whole numbers, arrays of numbers, of chances and of outcomes, and records.

Each check returns what was given in the form that is computed with, or raises ``BadInput`` with one sentence that names
it. Nothing is broadcast, and no text, None or NaN becomes a number.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.errors import BadInput, shown

LARGEST = 2**53
"""Whole numbers up to here are floats too, every one of them."""

ROUNDING = 1e-9
"""How far a computed chance may stray from [0, 1]."""


def count(name: str, value: Any, least: int, most: int = LARGEST) -> int:
    """Return ``value`` as an int: 3.0 is a whole number, a truth value is none.

    Raises ``BadInput`` unless it is a whole number from ``least`` to ``most``.
    """
    kind: type[Any] = Real
    real = value if isinstance(value, kind) and not isinstance(value, bool | np.timedelta64) else math.nan
    found = int(real) if -math.inf < real < math.inf else None
    if found is None or found != real or found < least:
        raise BadInput(f"{name} = {shown(value)}: must be a whole number of at least {least}")
    if found > most:
        raise BadInput(f"{name} = {shown(value)}: must be at most {most}")
    return found


def a_kind(name: str, value: Any, kind: type | tuple[type, ...], way: str) -> None:
    """Raise ``BadInput`` unless ``value`` is of a ``kind`` of record; ``way`` says what it must be, and its source."""
    if not isinstance(value, kind):
        raise BadInput(f"{name} = {shown(value)}: must be {way}")


def generator(rng: Any) -> None:
    """Raise ``BadInput`` unless ``rng`` is a random generator of NumPy's."""
    a_kind("rng", rng, np.random.Generator, "a random generator, such as numpy.random.default_rng(0)")


def numbers(name: str, values: Any, ndim: int | None = 1) -> Float[np.ndarray, ...]:
    """Return ``values`` as an array of floats, of ``ndim`` dimensions unless that is None.

    Raises ``BadInput`` where they are none; None, in an array of objects, is NaN.
    """
    if np.ma.is_masked(values):
        raise BadInput(f"{name}: some are masked: leave those rows out")
    try:
        found = np.asarray(values)
        if (found.size and found.dtype.kind not in "biufO") or values is None or (ndim and not found.ndim):
            raise TypeError
        found = found.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"{name} = {shown(values)}: must be an array of numbers") from error
    if ndim is not None and found.ndim != ndim:
        form = "one array of numbers" if ndim == 1 else f"an array of {ndim} dimensions"
        raise BadInput(f"{name} has {found.ndim} dimension{'s' * (found.ndim != 1)}: must be {form}")
    return found


def finite(name: str, values: Any, ndim: int | None = 1, least: float = -math.inf) -> Float[np.ndarray, ...]:
    """Return ``numbers``. Raises ``BadInput`` where one is not finite, or below ``least``."""
    found = numbers(name, values, ndim)
    rule = "must be a finite number" + (f" of at least {least:g}" if least > -math.inf else "")
    refuse(name, found, ~(np.isfinite(found) & (found >= least)), rule)
    return found


def chances(name: str, values: Any, ndim: int | None = 1, stray: float = 0.0) -> Float[np.ndarray, ...]:
    """Return ``numbers``. Raises ``BadInput`` where one lies outside [0, 1] by more than ``stray``, NaN included."""
    found = numbers(name, values, ndim)
    refuse(name, found, ~((found >= -stray) & (found <= 1 + stray)), "must be a number from 0 to 1")
    return found


def outcomes(name: str, values: Any, ndim: int | None = 1) -> Bool[np.ndarray, ...]:
    """Return ``values`` as truths. Raises ``BadInput`` where one is neither 0 nor 1, with its row."""
    found = numbers(name, values, ndim)
    refuse(name, found, ~((found == 0) | (found == 1)), "must be 0 or 1")
    return np.asarray(found == 1, dtype=bool)


def refuse(name: str, values: Float[np.ndarray, ...], bad: Bool[np.ndarray, ...], rule: str) -> None:
    """Raise ``BadInput`` for the first of the ``bad`` entries, if there is one, and say how many more there are."""
    if bad.any():
        at = tuple(int(one) for one in np.unravel_index(int(np.argmax(bad)), bad.shape))
        place = f"[{', '.join(map(str, at))}]" if at else ""
        more = f" (and {int(bad.sum()) - 1:,} more)" if bad.sum() > 1 else ""
        raise BadInput(f"{name}{place} = {values[at]:g}{more}: {rule}")


def same_length(name: str, values: Any, other: str, others: Any) -> None:
    """Raise ``BadInput`` unless the two arrays have one length."""
    if len(values) != len(others):
        raise BadInput(f"{name} has {len(values)} rows and {other} {len(others)}: give one of each a row")


def same_shape(name: str, values: np.ndarray, shape: tuple[int, ...], of: str) -> None:
    """Raise ``BadInput`` unless ``values`` has the ``shape`` of what ``of`` names."""
    if values.shape != shape:
        raise BadInput(f"{name} has shape {values.shape} and {of} {shape}: give one for each")


POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def bytes_of(size: str | int) -> int | None:
    """Return the bytes that ``2GB``, ``1.5GiB``, ``100B`` or a plain number says; None where it says none.

    kB, MB, GB and TB count by 1000, KiB and so on by 1024, in letters of either case.
    """
    if isinstance(size, int) and not isinstance(size, bool):
        return size
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", size.strip().lower()) if isinstance(size, str) else None
    if found is None or (found[3] and not found[2]):
        return None
    return int(Decimal(found[1]) * (1024 if found[3] else 1000) ** POWERS[found[2]])
