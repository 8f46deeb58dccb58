"""Drawing strings from a chain, and telling which of them are strings of the world and which are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from simlab.compiling import jit
from simlab.models.chains.counting import Chain
from simlab.models.chains.indexing import Steps
from simlab.records import brief
from simlab.rendering.tokens import MOST_STRINGS
from simlab.terminal.numerals import count


@brief
@dataclass(frozen=True, eq=False)
class Generated:
    """Strings drawn from a chain, as contexts and steps of its world: see ``Steps``."""

    start: Int[np.ndarray, " drawn"]
    step: Int[np.ndarray, " taken"]
    offsets: Int[np.ndarray, " drawn_and_1"]


def generate(steps: Steps, chain: Chain, n: int, rng: np.random.Generator) -> Generated:
    """Draw ``n`` i.i.d. strings, each until it ends. Raises ``BadInput`` unless n is a whole number from 1 to 1e8."""
    n = count("n", n, 1, MOST_STRINGS)
    return Generated(*_generate(rng, n, steps.first, steps.target, np.cumsum(chain.start), chain.step))


def number_strings(steps: Steps, generated: Generated) -> Int[np.ndarray, " drawn"]:
    """Number the strings drawn: i < ``steps.n_strings`` is string i of the world, others count on from there.

    Equal strings have equal numbers and others do not: strings are compared whole, hashes only find them.
    """
    start = np.concatenate([steps.start, generated.start])
    step = np.concatenate([steps.step, generated.step])
    offsets = np.concatenate([steps.offsets, steps.offsets[-1] + generated.offsets[1:]])
    return np.asarray(_number(start, step, offsets)[steps.n_strings :])


@jit
def _generate(
    rng: np.random.Generator, n: int, first: Any, target: Any, starts: Any, chances: Any
) -> tuple[Any, Any, Any]:
    upto = chances.copy()  # running sums of each context's chances; they end a rounding error beside 1
    for c in range(len(first) - 1):
        for s in range(first[c] + 1, first[c + 1]):
            upto[s] += upto[s - 1]
    start, offsets = np.empty(n, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
    step = np.empty(16 * n, dtype=np.int64)
    size = 0
    for i in range(n):
        here = _first_beyond(starts, 0, len(starts), rng.random())
        start[i] = here
        while here >= 0:
            chosen = _first_beyond(upto, first[here], first[here + 1], rng.random())
            if size == len(step):
                step = np.append(step, np.empty(len(step), dtype=np.int64))
            step[size] = chosen
            size += 1
            here = target[chosen]
        offsets[i + 1] = size
    return start, step[:size], offsets


@jit
def _first_beyond(upto: Any, low: int, high: int, share: float) -> int:
    """The first place from ``low`` to ``high`` - 1 whose running sum exceeds that share of the last one."""
    wanted = share * upto[high - 1]
    high -= 1
    while low < high:
        middle = (low + high) >> 1
        if upto[middle] > wanted:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def _number(start: Any, step: Any, offsets: Any) -> Any:
    """The number of the first equal string for each string."""
    size = 16
    while size < 2 * len(start):
        size *= 2
    held = np.full(size, -1)
    number = np.empty(len(start), dtype=np.int64)
    for i in range(len(start)):
        low, high = offsets[i], offsets[i + 1]
        mixed = start[i] + 1
        for place in range(low, high):
            mixed = (mixed ^ (mixed >> 29)) * 0x1E3779B97F4A7C15 + step[place]
        slot = (mixed ^ (mixed >> 31)) & (size - 1)
        while held[slot] >= 0:
            j = held[slot]
            same = start[j] == start[i] and offsets[j + 1] - offsets[j] == high - low
            if same:
                for k in range(high - low):
                    if step[low + k] != step[offsets[j] + k]:
                        same = False
                        break
            if same:
                break
            slot = (slot + 1) & (size - 1)
        if held[slot] < 0:
            held[slot] = i
        number[i] = held[slot]
    return number
