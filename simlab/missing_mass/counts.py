"""Counts of counts: all that an estimator of the missing mass sees of a corpus, at a cost that no corpus size raises.

f_k facts were seen exactly k times. 1e12 facts are a few thousand pairs (k, f_k); who has one count a fact hands in
those, and they are counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Int

from simlab.errors import BadInput, shown
from simlab.records import brief

MOST = 2**63 - 1
"""The largest number of draws: a 64-bit integer."""

_FORMS = "give a mapping {k: f_k}, or one list with one count a fact"


@brief
@dataclass(frozen=True, eq=False)
class CountsOfCounts:
    """A corpus as its counts of counts: ``facts[i]`` facts were seen exactly ``times[i]`` times.

    ``times`` is increasing and positive, ``facts`` positive. ``idk`` draws stated no fact: they belong to N and to
    no f_k (Definition 2 of arXiv 2509.04664). ``counts_of`` makes one from other forms. Raises ``BadInput`` where one
    of these does not hold, where no fact was seen, and for N above 2^63 - 1.
    """

    times: Int[np.ndarray, " classes"]
    facts: Int[np.ndarray, " classes"]
    idk: int = 0

    def __post_init__(self) -> None:
        for name, array in (("times", self.times), ("facts", self.facts)):
            if type(array) is not np.ndarray or array.ndim != 1 or array.dtype.kind not in "iu":  # no masked one either
                raise BadInput(f"{name} = {shown(array)}: must be one array of whole numbers: counts_of makes one")
            if array.dtype != np.int64:
                object.__setattr__(self, name, array.astype(np.int64))
        if len(self.times) != len(self.facts):
            raise BadInput(
                f"times and facts: have {len(self.times)} and {len(self.facts)} entries: give f_k for each k"
            )
        if not len(self.times):
            raise BadInput("counts = []: no fact was seen: at least one positive count is needed")
        if self.times[0] < 1 or not np.all(self.times[1:] > self.times[:-1]):
            raise BadInput(f"times = {shown(self.times)}: must be positive and increasing: counts_of sorts them")
        if self.facts.min() < 1:
            raise BadInput(f"facts = {shown(self.facts)}: must be positive: counts_of leaves the others out")
        object.__setattr__(self, "idk", whole("idk", self.idk, 0, MOST))
        if self.draws > MOST:
            raise BadInput(f"counts: add up to {self.draws} draws: at most 2^63 - 1 can be counted")

    @cached_property
    def draws(self) -> int:
        """N = sum of k f_k, and the IDK draws."""
        return int(sum(k * f for k, f in zip(self.times.tolist(), self.facts.tolist(), strict=True))) + self.idk

    @cached_property
    def seen(self) -> int:
        """S: the facts seen at all."""
        return int(sum(self.facts.tolist()))

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
    fact; counts of counts hold theirs already. Raises ``BadInput`` for what is none of these forms (a set, which drops
    equal counts, among them), for a number that is no whole number of at least 0, for N above 2^63 - 1, and where no
    fact was seen at all.
    """
    extra = whole("idk", idk, 0, MOST)
    if isinstance(data, CountsOfCounts):
        if extra:
            raise BadInput(f"idk = {extra}: these counts of counts hold their IDK draws, {data.idk}: leave idk out")
        return data
    if isinstance(data, Mapping):
        if any(_exact(k) == 0 and _exact(f) != 0 for k, f in data.items()):
            raise BadInput("f_0 is given: the facts never seen are what is estimated: leave key 0 out")
        times = _whole_array("times seen (key of the counts of counts)", list(data.keys()))
        facts = _whole_array("f_k", list(data.values()))
        order = np.argsort(times)
        times, facts = times[order], facts[order]
    else:
        times, facts = np.unique(_whole_array("count", _listed(data)), return_counts=True)
    keep = (times > 0) & (facts > 0)
    return CountsOfCounts(times[keep], facts[keep].astype(np.int64), extra)


def counts_of_cells(times: Int[np.ndarray, " cells"], facts: Int[np.ndarray, " cells"], idk: int = 0) -> CountsOfCounts:
    """Return counts of counts from cells, ``facts[i]`` facts seen ``times[i]`` times each; ``times`` may repeat.

    The form in which corpora and tables hold their facts, exact up to 2^63 - 1. Facts never seen, ``times`` 0, are left
    out. ``idk`` draws stated no fact. Raises ``BadInput`` as ``counts_of`` does.
    """
    levels, place = np.unique(times, return_inverse=True)
    held = np.zeros(len(levels), dtype=np.int64)
    np.add.at(held, place.reshape(-1), facts)
    return counts_of(dict(zip(levels[levels > 0].tolist(), held[levels > 0].tolist(), strict=True)), idk)


def turing_split(counts: CountsOfCounts) -> tuple[int, int]:
    """Return (N-1) f_1 and 2 f_2, or where f_2 = 0 (N-1)(f_1-1) and 2, as exact integers: a and b of r = a/(a + b).

    (f_1/N) r is the missing mass of Chao & Jost 2012 (Ecology 93, 2533), and f_1 a/(N b) is Chao1's f_0. Both are 0
    without singletons, and where a lone singleton stands beside no doubleton.
    """
    n, one, two = counts.draws, counts.f(1), counts.f(2)
    return ((n - 1) * one, 2 * two) if two else ((n - 1) * max(one - 1, 0), 2)


def edge_warnings(counts: CountsOfCounts) -> tuple[str, ...]:
    """Return what the counts themselves warn of: all singletons, or none."""
    if not counts.f(1):
        return ("No fact stands exactly once: the estimate is 0, and only the upper end says what may be missing.",)
    return all_singletons(counts)


def all_singletons(counts: CountsOfCounts) -> tuple[str, ...]:
    """Return the warning that every fact seen stands once, where it does; IDK draws change nothing of it."""
    if counts.f(1) != counts.seen:
        return ()
    each = f"Each of the {counts.seen:,} facts seen" if counts.seen > 1 else "The one fact seen"
    return (f"{each} stands once: a de-duplicated list looks the same.",)


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return ``value`` as an integer; 3.0 counts as whole, a truth value does not.

    Raises ``BadInput`` unless it is a whole number of at least ``least``, and of at most ``most`` if that is given.
    """
    found = _exact(value)
    if found is None or found < least or (most is not None and found > most):
        allowed = f"of at least {least}" if most is None else f"from {least} to {'2^63 - 1' if most == MOST else most}"
        raise BadInput(f"{name} = {shown(value)}: must be a whole number {allowed}")
    return found


def _exact(value: Any) -> int | None:
    """The integer that a number is, exactly; None where it is none."""
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, Real):  # a time span passes for an integer
        return None
    number: Any = value
    try:
        found = int(number)
    except (OverflowError, ValueError):  # infinite, or no number
        return None
    return found if found == value else None


def _listed(data: Any) -> Any:
    """The counts as an array where they come as one, else as a list; no form that has lost some is let in."""
    if isinstance(data, Set):
        raise BadInput(f"counts = {shown(data)}: a set drops equal counts: {_FORMS}")
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise BadInput("counts: some are masked: fill them in, or leave them out")
    if hasattr(data, "__array__"):
        return np.asarray(data)
    if isinstance(data, str | bytes | bytearray | memoryview) or not isinstance(data, Iterable):
        raise BadInput(f"counts = {shown(data)}: must be counts: {_FORMS}")
    return list(data)


def _whole_array(name: str, values: Any) -> Int[np.ndarray, " values"]:
    """Return a list or an array of whole numbers from 0 to 2^63 - 1 as 64-bit integers, none by way of a float."""
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise BadInput(f"{name}: has {values.ndim} dimensions: give one list of whole numbers")
        if values.dtype.kind in "iu" and values.size and values.min() >= 0 and values.max() <= MOST:
            return values.astype(np.int64)
        values = values.tolist() if values.dtype.kind not in "mM" else list(values)  # tolist makes numbers of dates
    if set(map(type, values)) == {int} and min(values) >= 0 and max(values) <= MOST:  # a long list, at NumPy's speed
        return np.array(values, dtype=np.int64)
    return np.array([whole(name, value, 0, MOST) for value in values], dtype=np.int64)
