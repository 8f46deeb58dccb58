"""Walking a chain depth first: all strings down to a probability, counted by the levels that matter.

Kalai and Vempala's miscalibration is taken over the level sets of p_hat on all strings, false ones included, and a
chain has endlessly many. But since p and p_hat both sum to 1, it is the sum of (p(B) - p_hat(B))_+ over level sets B,
and only those that hold a fact can add to it. So what is needed is how many strings, true or false, share their
probability with some fact. A string with p_hat >= z is reached through prefixes that have at least z too, so there
are at most 1/z of them, and a walk that turns back at z finds them all. What the likeliest end of a string is worth
is known of each context beforehand, so that no way is gone in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.compiling import jit
from simlab.errors import BadInput
from simlab.models.chains.counting import Chain
from simlab.models.chains.indexing import Steps
from simlab.models.chains.levels import LEADING, RELATIVE, coarse_bins, edges, look_up, table_of
from simlab.records import brief


@brief
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
    ``BadInput`` for a value that is NaN, unless floor is above 0 and at most 1, and unless epsilon lies strictly
    between 0 and 1.
    """
    edge = edges(floor, epsilon)
    if np.isnan(values).any():
        raise BadInput(f"value {int(np.isnan(values).argmax())} is NaN: a level is a probability; leave it out")
    order = np.argsort(values, kind="stable")
    order = order[np.searchsorted(values[order], floor) :]
    sorted_values = values[order]
    new = np.append(True, np.diff(sorted_values) > RELATIVE * sorted_values[1:])[: len(order)]
    level = sorted_values[new]
    of = np.full(len(values), -1)
    of[order] = np.cumsum(new) - 1
    at, bins, strings = _walk(
        steps.first, steps.target, chain.start, chain.step, level, floor, edge, *coarse_bins(floor, edge)
    )
    return Walk(floor, level, at, of, bins, float(bins.sum()), strings)


@jit
def _ways(first: Any, target: Any, step: Any) -> tuple[Any, Any, Any]:
    """The steps out of each context that are possible: where they begin, their chance and target."""
    begin = np.zeros(len(first), dtype=np.int64)
    chance, goal = np.empty(len(step)), np.empty(len(step), dtype=np.int64)
    n = 0
    for c in range(len(first) - 1):
        begin[c] = n
        for s in range(first[c], first[c + 1]):
            if step[s] > 0.0:
                chance[n], goal[n] = step[s], target[s]
                n += 1
    begin[len(first) - 1] = n
    return begin, chance[:n], goal[:n]


@jit
def _best(begin: Any, chance: Any, goal: Any) -> Any:
    """The chance of the likeliest way from each context to the end, by improving it until nothing changes."""
    best = np.zeros(len(begin) - 1)
    better = True
    while better:
        better = False
        for c in range(len(best) - 1, -1, -1):
            most = best[c]
            for way in range(begin[c], begin[c + 1]):
                end = chance[way] * (best[goal[way]] if goal[way] >= 0 else 1.0)
                if end > most:
                    most = end
                    better = True
            best[c] = most
    return best


@jit
def _sort_ways(begin: Any, chance: Any, goal: Any, hope: Any) -> None:
    """Put the ways out of each context in the order of ``hope``, largest first."""
    for c in range(len(begin) - 1):
        for way in range(begin[c] + 1, begin[c + 1]):
            place = way
            one, other, mine = chance[way], goal[way], hope[way]
            while place > begin[c] and hope[place - 1] < mine:
                chance[place], goal[place], hope[place] = chance[place - 1], goal[place - 1], hope[place - 1]
                place -= 1
            chance[place], goal[place], hope[place] = one, other, mine


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
    best = _best(begin, chance, goal)
    hope = np.empty(len(goal))  # what a way is worth, with the likeliest end behind it
    for way in range(len(goal)):
        hope[way] = chance[way] * (best[goal[way]] if goal[way] >= 0 else 1.0)
    _sort_ways(begin, chance, goal, hope)
    least = floor * (1.0 - 1e-12)  # hopes are products in another order: no string at the floor may be lost to that
    number = np.empty(1)
    bits = number.view(np.int64)
    cells, held = table_of(level, number, bits)
    at = np.zeros(len(level) + 1, dtype=np.int64)  # the last entry takes the strings at no level
    bins = np.zeros(len(edge))
    stack, upto = np.empty(1024, dtype=np.int64), np.empty(1024)
    strings = 0
    for c in range(len(start)):
        if start[c] < floor:
            continue
        if through[c] >= 0 and start[c] * best[through[c]] < least:
            continue
        here, prefix, top = through[c], start[c], 0
        while True:
            if here >= 0:
                first_way, last_way = begin[here], begin[here + 1]
                if top + last_way - first_way > len(stack):
                    more = len(stack) + last_way - first_way
                    stack, upto = np.append(stack, np.empty(more, dtype=np.int64)), np.append(upto, np.empty(more))
                for way in range(first_way + 1, last_way):
                    if prefix * hope[way] < least:
                        break
                    stack[top], upto[top] = goal[way], prefix * chance[way]
                    top += 1
                here, prefix = goal[first_way], prefix * chance[first_way]
                continue
            if prefix >= floor:  # a string is finished
                strings += 1
                number[0] = prefix
                at[look_up(level, cells, held, prefix, bits)] += 1
                place = coarse[(bits[0] >> LEADING) - low]
                while prefix < edge[place]:
                    place += 1
                bins[place] += prefix
            if top == 0:
                break
            top -= 1
            here, prefix = stack[top], upto[top]
    return at[:-1], bins, strings
