"""How a record of arrays is shown: each array by its type, its shape and its range, and never entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from simlab.errors import shown

FEW = 4
"""Entries of a tuple, a list or a mapping that are shown one by one."""

Record = TypeVar("Record")


def brief(record: type[Record]) -> type[Record]:
    """Give a dataclass a ``repr`` such as ``<Listed: prompt int64[80] from 0 to 11, idk True>``, and nothing else.

    It stands above ``@dataclass``, which writes one of its own.
    """

    def __repr__(self: Any) -> str:
        said = ", ".join(f"{one.name} {brief_of(getattr(self, one.name))}" for one in fields(self) if one.repr)
        return f"<{type(self).__name__}: {said}>"

    record.__repr__ = __repr__  # type: ignore[method-assign]
    return record


def brief_of(value: Any) -> str:
    """An array in a few words, a long list by its length, anything else as ``shown`` shows it."""
    if getattr(value, "ndim", 0) and hasattr(value, "dtype"):
        return f"{value.dtype}[{' x '.join(map(str, value.shape))}]{_span(value)}"
    if isinstance(value, (tuple, list)) and (len(value) > FEW or any(hasattr(one, "dtype") for one in value)):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, Mapping):
        parts = [f"{key}: {brief_of(one)}" for key, one in list(value.items())[:FEW]]
        return "{" + ", ".join(parts + ["..."] * (len(value) > FEW)) + "}"
    return shown(value)


def _span(array: Any) -> str:
    """Where the numbers lie: `` from 0 to 11``; of truths how many are true; nothing of no numbers, and of texts."""
    kind = array.dtype.kind
    if not array.size or kind not in "biuf":
        return ""
    if kind == "b":
        return f", {int(array.sum())} true"
    finite = array if kind != "f" else array[abs(array) < float("inf")]  # NaN is not below it either
    odd = f", {array.size - finite.size} not finite" if finite.size < array.size else ""
    if not finite.size:
        return odd
    low, high = (f"{end:.6g}" if kind == "f" else str(end) for end in (finite.min().item(), finite.max().item()))
    return f" from {low} to {high}{odd}"
