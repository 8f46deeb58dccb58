"""Which rows belong together: rows of one cluster may depend on each other, clusters do not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.errors import BadInput
from simlab.inputs import same_length
from simlab.records import brief

FEW = 30
"""Below this many clusters an interval that is right for many of them says so."""


@brief
@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each row, from 0 to ``number`` - 1; ``code`` is None where every row is one of its own."""

    code: Int[np.ndarray, " rows"] | None
    number: int
    rows: int

    def sums(self, values: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " clusters"]:
        """Sum ``values`` over the rows of each cluster."""
        return values if self.code is None else np.bincount(self.code, values, minlength=self.number)

    @cached_property
    def listed(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " ends"]]:
        """The rows, one cluster after another, and where among them each cluster begins and the last one ends."""
        if self.code is None:
            return np.arange(self.rows), np.arange(self.rows + 1)
        held = np.bincount(self.code, minlength=self.number)
        return np.argsort(self.code, kind="stable"), np.concatenate([[0], np.cumsum(held)])

    def holding(self, rows: Bool[np.ndarray, " rows"]) -> int:
        """How many clusters hold at least one of these rows."""
        return int(np.count_nonzero(self.sums(rows.astype(float))))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an interval has to say of few clusters."""
        if self.number >= FEW:
            return ()
        kind = "rows" if self.code is None else "clusters"
        return (f"only {self.number} {kind}: an interval that is right for many may be too narrow",)


def clusters_of(ids: Any, rows: int) -> Clusters:
    """Number the clusters of ``rows`` rows; each row is its own where ``ids`` is None.

    ``ids`` are of any kind that compares equal, or the clusters as this returned them. Raises ``BadInput`` where they
    are not one a row, where one is missing (None or NaN), and for fewer than two clusters: they have no variance to
    see.
    """
    if isinstance(ids, Clusters) and ids.rows == rows:
        return ids
    code, number = (None, rows) if ids is None else _numbered(ids, rows)
    if number < 2:
        kind = "row" if code is None else "cluster"
        raise BadInput(f"the data have {number} {kind}{'' if number else 's'}: an interval needs at least 2")
    return Clusters(None if number == rows else code, number, rows)


def _numbered(ids: Any, rows: int) -> tuple[Int[np.ndarray, " rows"], int]:
    found = ids if hasattr(ids, "__array__") else _as_they_are(list(ids))
    found = np.asarray(found)
    if found.shape != (rows,):
        raise BadInput(f"clusters has shape {found.shape} and the data {rows} rows: give one id a row")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise BadInput(f"clusters[{int(np.argmax(np.isnan(found)))}] is missing: give every row an id")
    if found.dtype.kind != "O":
        held, code = np.unique(found, return_inverse=True)
        return code, len(held)
    number: dict[Any, int] = {}  # ids of several kinds do not sort
    for row, one in enumerate(found.tolist()):
        if one is None or one != one:
            raise BadInput(f"clusters[{row}] is missing: give every row an id")
        number.setdefault(one, len(number))
    return np.fromiter((number[one] for one in found.tolist()), dtype=np.int64, count=rows), len(number)


def _as_they_are(ids: list[Any]) -> Any:
    """Ids of one plain kind as they come, others as objects: NumPy would make 1 and "1" the same text."""
    kinds = {type(one) for one in ids}
    if len(kinds) == 1 and kinds <= {int, str, float}:
        return ids
    found = np.empty(len(ids), dtype=object)
    found[:] = ids
    return found


def rows_of_each(name: str, values: Any, other: str, others: Any) -> None:
    """Raise ``BadInput`` unless the two arrays have one length, and that is not 0."""
    same_length(name, values, other, others)
    if not len(values):
        raise BadInput(f"{name} has no rows: give at least 2")
