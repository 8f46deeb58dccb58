"""Where a probability belongs: to a level set, met again within rounding, and to a log bin; both found by its bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.compiling import jit
from simlab.errors import BadInput

RELATIVE = 1e-13
"""Probabilities this near to each other are one level: rounding moves a product by 1e-15."""
LEADING = 45  # what is cut off a number to find its bin: the rest has 7 bits of the fraction, steps of .8 %
_CELL = 12  # a cell of the table of levels spans 2^12 representable numbers: 4.5e-13 to 9.1e-13 of their size


def n_bins(floor: float, epsilon: float) -> int:
    """How many bins ``log_bins`` has. Raises ``BadInput`` for a floor or an epsilon out of range."""
    if not 0.0 < floor <= 1.0:
        raise BadInput(f"floor = {floor}: must be above 0 and at most 1; a chain has endlessly many strings below")
    if not 0.0 < epsilon < 1.0:
        raise BadInput(f"epsilon = {epsilon}: must lie strictly between 0 and 1")
    return 1 + int(math.log(floor) / math.log1p(-epsilon))


def log_bins(values: Float[np.ndarray, " values"], floor: float, epsilon: float = 0.1) -> Int[np.ndarray, " values"]:
    """The bin of each probability: B_i = [(1 - epsilon)^(i + 1), (1 - epsilon)^i) as long as it lies above ``floor``.

    Everything below them, 0 included, is in the last bin, so that a walk down to the floor knows the mass of each.
    These are the bins of Miao & Kearns 2025 (arXiv 2502.08666), whose own floor is about 1e-9. 1 is in the first.
    """
    return np.asarray(np.searchsorted(-edges(floor, epsilon), -values))


def edges(floor: float, epsilon: float) -> Float[np.ndarray, " bins"]:
    """The lower edge of each log bin, decreasing to 0."""
    n = n_bins(floor, epsilon)
    edge = np.asarray(np.exp(math.log1p(-epsilon) * np.arange(1, n + 1)))
    edge[-1] = 0.0
    return edge


def coarse_bins(floor: float, edge: Float[np.ndarray, " bins"]) -> tuple[Int[np.ndarray, " lots"], int]:
    """The bin of the largest number of each lot of numbers with the same leading bits, and the lot of the floor.

    A number is in that bin or in one of the next: that is found faster than a logarithm.
    """
    low, high = (int(np.float64(value).view(np.int64)) >> LEADING for value in (floor, 1.0))
    largest = ((np.arange(low, high + 1, dtype=np.int64) + 1 << LEADING) - 1).view(np.float64)
    return np.searchsorted(-edge, -largest), low


@jit
def _cell(number: Any, bits: Any, value: float) -> tuple[int, int]:
    """The cell of the table in which ``value`` lies, and the nearest other one."""
    number[0] = value
    cell = bits[0] >> _CELL
    return cell, cell + 1 if (bits[0] >> (_CELL - 1)) & 1 else cell - 1


@jit
def _slot(cell: int, size: int) -> int:
    """Where to begin to look for a cell; its high bits count, for levels are often one another's halves."""
    mixed = cell * 0x1E3779B97F4A7C15
    return (mixed ^ (mixed >> 45)) & (size - 1)


@jit
def table_of(level: Any, number: Any, bits: Any) -> tuple[Any, Any]:
    """An open table from cells to levels; a level is entered under its own cell and the nearest other one."""
    size = 16
    while size < 8 * len(level):
        size *= 2
    cells, held = np.zeros(size, dtype=np.int64), np.full(size, -1)
    for i in range(len(level)):
        own, near = _cell(number, bits, level[i])
        for cell in (own, near):
            slot = _slot(cell, size)
            while held[slot] >= 0:
                slot = (slot + 1) & (size - 1)
            cells[slot], held[slot] = cell, i
    return cells, held


@jit
def look_up(level: Any, cells: Any, held: Any, value: float, bits: Any) -> int:
    """The level of a probability, or -1; ``bits`` are those of ``value``."""
    cell = bits[0] >> _CELL
    slot = _slot(cell, len(held))
    while held[slot] >= 0:
        if cells[slot] == cell and abs(level[held[slot]] - value) <= RELATIVE * value:
            return int(held[slot])
        slot = (slot + 1) & (len(held) - 1)
    return -1
