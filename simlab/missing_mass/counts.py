"""Counts of counts: all that an estimator of the missing mass sees of a corpus, at a cost that no corpus size raises.

f_k facts were seen exactly k times. 1e12 facts are a few thousand pairs (k, f_k); who has one count a fact hands in
those, and they are counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from simlab.errors import BadInput

MOST = 2**63 - 1
"""The largest number of draws: a 64-bit integer."""


@dataclass(frozen=True, eq=False)
class CountsOfCounts:
    """A corpus as its counts of counts: ``facts[i]`` facts were seen exactly ``times[i]`` times.

    ``times`` is increasing and positive, ``facts`` positive. ``idk`` draws stated no fact: they belong to N and to
    no f_k (Definition 2 of arXiv 2509.04664). Make one with ``counts_of``.
    """

    times: Int[np.ndarray, " classes"]
    facts: Int[np.ndarray, " classes"]
    idk: int = 0

    @cached_property
    def draws(self) -> int:
        """N = sum of k f_k, and the IDK draws."""
        return sum(int(k) * int(f) for k, f in zip(self.times, self.facts, strict=True)) + self.idk

    @cached_property
    def seen(self) -> int:
        """S: the facts seen at all."""
        return sum(int(f) for f in self.facts)

    def f(self, k: int) -> int:
        """f_k: how many facts were seen exactly ``k`` >= 1 times."""
        place = int(np.searchsorted(self.times, k))
        return int(self.facts[place]) if place < len(self.times) and self.times[place] == k else 0

    @property
    def singleton_rate(self) -> float:
        """sr = f_1 / N, the Good-Turing estimate of the missing mass."""
        return self.f(1) / self.draws


Counts = CountsOfCounts | Mapping[int, int] | Iterable[int]
"""What every estimator takes: counts of counts, the same as a mapping {k: f_k}, or one count a fact."""


def counts_of(data: Counts, idk: int = 0) -> CountsOfCounts:
    """Return counts of counts from themselves, from a mapping {k: f_k}, or from one count a fact.

    Zeros say nothing (a fact of count 0, or f_k = 0) and are dropped. ``idk`` is the number of draws that stated no
    fact. Raises ``BadInput`` for a number that is no whole number of at least 0, for N above 2^63 - 1, and where no
    fact was seen at all.
    """
    if isinstance(data, CountsOfCounts):
        return data
    extra = int(_whole("idk", [idk])[0])
    if isinstance(data, Mapping):
        times, facts = _whole("times seen (key of the counts of counts)", data.keys()), _whole("f_k", data.values())
        order = np.argsort(times)
        times, facts = times[order], facts[order]
        if np.any((times == 0) & (facts > 0)):
            raise BadInput("f_0 is given: the facts never seen are what is estimated: leave key 0 out")
    else:
        times, facts = np.unique(_whole("count", data), return_counts=True)
    keep = (times > 0) & (facts > 0)
    found = CountsOfCounts(times[keep].astype(np.int64), facts[keep].astype(np.int64), extra)
    if not found.times.size:
        raise BadInput("counts = []: no fact was seen: at least one positive count is needed")
    if found.draws > MOST:
        raise BadInput(f"counts: add up to {found.draws} draws: at most 2^63 - 1 can be counted")
    return found


def edge_warnings(counts: CountsOfCounts) -> tuple[str, ...]:
    """Return what the counts themselves warn of: all singletons, or none."""
    if counts.f(1) == counts.draws:
        return (f"Every one of the {counts.draws:,} draws is a singleton: a de-duplicated list looks the same.",)
    if not counts.f(1):
        return ("No fact stands exactly once: the estimate is 0, and only the upper end says what may be missing.",)
    return ()


def _whole(name: str, values: Iterable[Any]) -> Int[np.ndarray, " values"]:
    """Return the values as 64-bit integers; 3.0 counts as whole."""
    array = values if isinstance(values, np.ndarray) else np.asarray(list(values))
    if array.ndim != 1:
        raise BadInput(f"{name}: has {array.ndim} dimensions: give one list of whole numbers")
    if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() <= MOST:
        return array.astype(np.int64)
    for value in array.tolist():
        if isinstance(value, str | bytes) or value is None or not 0 <= value <= MOST or value != int(value):
            raise BadInput(f"{name} = {value!r}: must be a whole number from 0 to 2^63 - 1")
    return np.asarray([int(value) for value in array.tolist()], dtype=np.int64)
