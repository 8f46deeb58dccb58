"""Walking a chain depth first: all strings down to a probability, counted by the levels that matter.

Kalai and Vempala's miscalibration is taken over the level sets of p_hat on all strings, false ones included, and a
chain has endlessly many. But since p and p_hat both sum to 1, it is the sum of (p(B) - p_hat(B))_+ over level sets B,
and only those that hold a fact can add to it. So what is needed is how many strings, true or false, share their
probability with some fact. A string with p_hat >= z is reached through prefixes that have at least z too, so there
are at most 1/z of them, and a walk that turns back at z finds them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput
from simlab.models.chains.counting import Chain
from simlab.models.chains.indexing import Steps, jit

RELATIVE = 1e-13
"""Probabilities this near to each other are one level: rounding moves a product by 1e-15."""
_LEADING = 45  # what is cut off a number to find its bin: the rest has 7 bits of the fraction, steps of .8 %
_CELL = 12  # a cell of the table of levels spans 2^12 representable numbers: 4.5e-13 to 9.1e-13 of their size


@dataclass(frozen=True, eq=False)
class Walk:
    """The strings of probability ``floor`` or more.

    ``level`` holds the distinct probabilities >= floor of the values asked about, increasing, ``at`` how many strings
    have each, and ``of`` the level of each value, -1 where it lies below the floor. ``bins`` holds the mass of all
    strings in each bin of ``log_bins``. ``mass`` is the total probability of the ``strings`` found.
    """

    floor: float
    level: Float[np.ndarray, " levels"]
    at: Int[np.ndarray, " levels"]
    of: Int[np.ndarray, " values"]
    bins: Float[np.ndarray, " bins"]
    mass: float
    strings: int


def walk(steps: Steps, chain: Chain, values: Float[np.ndarray, " values"], floor: float, epsilon: float = 0.1) -> Walk:
    """Find all strings with p_hat >= ``floor``; count those at the levels of ``values`` and weigh each log bin.

    Costs at most some 1/floor steps, and mostly far fewer: contexts with one way out are passed at once. Raises
    ``BadInput`` unless floor is above 0 and at most 1, and epsilon strictly between 0 and 1.
    """
    edge = _edges(floor, epsilon)
    order = np.argsort(values, kind="stable")
    order = order[np.searchsorted(values[order], floor) :]
    sorted_values = values[order]
    new = np.append(True, np.diff(sorted_values) > RELATIVE * sorted_values[1:])[: len(order)]
    level = sorted_values[new]
    of = np.full(len(values), -1)
    of[order] = np.cumsum(new) - 1
    at, bins, strings = _walk(
        steps.first, steps.target, chain.start, chain.step, level, floor, edge, *_coarse_bins(floor, edge)
    )
    return Walk(floor, level, at, of, bins, float(bins.sum()), strings)


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
    return np.asarray(np.searchsorted(-_edges(floor, epsilon), -values))


def _edges(floor: float, epsilon: float) -> Float[np.ndarray, " bins"]:
    """The lower edge of each log bin, decreasing to 0."""
    n = n_bins(floor, epsilon)
    edge = np.asarray(np.exp(math.log1p(-epsilon) * np.arange(1, n + 1)))
    edge[-1] = 0.0
    return edge


def _coarse_bins(floor: float, edge: Float[np.ndarray, " bins"]) -> tuple[Int[np.ndarray, " lots"], int]:
    """The bin of the largest number of each lot of numbers with the same leading bits, and the lot of the floor.

    A number is in that bin or in one of the next: that is found faster than a logarithm.
    """
    low, high = (int(np.float64(value).view(np.int64)) >> _LEADING for value in (floor, 1.0))
    largest = ((np.arange(low, high + 1, dtype=np.int64) + 1 << _LEADING) - 1).view(np.float64)
    return np.searchsorted(-edge, -largest), low


@jit
def _cell(number: Any, bits: Any, value: float) -> tuple[int, int]:
    """The cell of the table in which ``value`` lies, and the nearest other one."""
    number[0] = value
    cell = bits[0] >> _CELL
    return cell, cell + 1 if (bits[0] >> (_CELL - 1)) & 1 else cell - 1


@jit
def _slot(cell: int, size: int) -> int:
    """Where to begin to look for a cell, by Fibonacci hashing."""
    return ((cell * 0x1E3779B97F4A7C15) >> 20) & (size - 1)


@jit
def _table(level: Any, number: Any, bits: Any) -> tuple[Any, Any]:
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
def _ways(first: Any, target: Any, step: Any) -> tuple[Any, Any, Any]:
    """The steps out of each context that are possible, likeliest first: where they begin, their chance and target."""
    begin = np.zeros(len(first), dtype=np.int64)
    chance, goal = np.empty(len(step)), np.empty(len(step), dtype=np.int64)
    n = 0
    for c in range(len(first) - 1):
        begin[c] = n
        for s in range(first[c], first[c + 1]):
            if step[s] > 0.0:
                place = n
                while place > begin[c] and chance[place - 1] < step[s]:
                    chance[place], goal[place] = chance[place - 1], goal[place - 1]
                    place -= 1
                chance[place], goal[place] = step[s], target[s]
                n += 1
    begin[len(first) - 1] = n
    return begin, chance[:n], goal[:n]


@jit
def _through(begin: Any, chance: Any, goal: Any) -> Any:
    """Where each context leads when it is left by certain steps until there is a choice, or the string ends.

    Certain steps cannot run in a circle: every context lies on a string that ended.
    """
    unknown = -2
    end = np.full(len(begin) - 1, unknown)
    for c in range(len(end)):
        here = c
        while here >= 0 and end[here] == unknown:
            if begin[here + 1] - begin[here] != 1 or chance[begin[here]] < 1.0:
                end[here] = here
            else:
                here = goal[begin[here]]
        reached = end[here] if here >= 0 else here
        here = c
        while here >= 0 and end[here] == unknown:
            end[here] = reached
            here = goal[begin[here]]
    return end


@jit
def _look_up(level: Any, cells: Any, held: Any, value: float, bits: Any) -> int:
    """The level of a probability, or -1; ``bits`` are those of ``value``."""
    cell = bits[0] >> _CELL
    slot = _slot(cell, len(held))
    while held[slot] >= 0:
        if cells[slot] == cell and abs(level[held[slot]] - value) <= RELATIVE * value:
            return int(held[slot])
        slot = (slot + 1) & (len(held) - 1)
    return -1


@jit
def _walk(
    first: Any,
    target: Any,
    start: Any,
    step: Any,
    level: Any,
    floor: float,
    edge: Any,
    coarse: Any,
    low: int,
) -> tuple[Any, Any, int]:
    begin, chance, goal = _ways(first, target, step)
    through = _through(begin, chance, goal)
    for way in range(len(goal)):
        if goal[way] >= 0:
            goal[way] = through[goal[way]]
    number = np.empty(1)
    bits = number.view(np.int64)
    cells, held = _table(level, number, bits)
    at = np.zeros(len(level) + 1, dtype=np.int64)  # the last entry takes the strings at no level
    bins = np.zeros(len(edge))
    stack, upto = np.empty(1024, dtype=np.int64), np.empty(1024)
    strings = 0
    for c in range(len(start)):
        if start[c] < floor:
            continue
        stack[0], upto[0] = through[c], start[c]
        top = 1
        while top > 0:
            top -= 1
            here, prefix = stack[top], upto[top]
            if here < 0:  # a string is finished
                strings += 1
                number[0] = prefix
                at[_look_up(level, cells, held, prefix, bits)] += 1
                place = coarse[(bits[0] >> _LEADING) - low]
                while prefix < edge[place]:
                    place += 1
                bins[place] += prefix
                continue
            if top + begin[here + 1] - begin[here] > len(stack):
                more = len(stack) + begin[here + 1] - begin[here]
                stack, upto = np.append(stack, np.empty(more, dtype=np.int64)), np.append(upto, np.empty(more))
            for way in range(begin[here], begin[here + 1]):
                longer = prefix * chance[way]
                if longer < floor:
                    break
                stack[top], upto[top] = goal[way], longer
                top += 1
    return at[:-1], bins, strings
