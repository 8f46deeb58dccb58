"""Reading a summary table, and refusing one that is broken, before anything is drawn or printed from it.

A summary is regular: each method has the same measures at each of its grid points, once, and a mean wherever anything
was measured. So a row, a cell or a number that was lost is seen, whichever it is.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simlab.errors import BadInput

TAIL = (
    *("method", "measure", "mean", "mcse", "q05", "q50", "q95", "n", "n_errors", "n_not_converged"),
    *("bias", "bias_mcse", "coverage", "coverage_mcse", "seed", "version"),
)
"""The columns of a summary after those of its settings, in their order."""
ERRORS = ("mcse", "bias_mcse", "coverage_mcse")
SAME = ("seed", "version")  # one run wrote the whole table
AGAIN = "run make results"


class Cells(dict[str, Any]):
    """One row of ``table``: {column: number or text}. A column that it lacks is told as a mistake in the table."""

    table = "the table"

    def __missing__(self, column: str) -> Any:
        raise BadInput(f"{self.table} has no column {column}, which is asked of it: {AGAIN}")


def read_table(path: str | Path) -> list[dict[str, Any]]:
    """Read a summary written as CSV, numbers as floats where they are numbers.

    Raises ``BadInput`` where the file is not there, is empty or was cut short, lacks a column, or has a row twice, a
    row missing, or no mean where something was measured.
    """
    here = Path(path)
    if not here.exists():
        raise BadInput(f"there is no {name_of(here)}: {AGAIN}, or name another")
    if not here.is_file():
        raise BadInput(f"{name_of(here)} is a folder and no table: {AGAIN}")
    try:
        text = here.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name_of(here)} is no text in UTF-8 from byte {error.start} on: {AGAIN}") from None
    if not text.strip():
        raise BadInput(f"{name_of(here)} is empty: {AGAIN}")
    try:
        head, *lines = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise BadInput(f"{name_of(here)} is no table: {error}: {AGAIN}") from None
    for column in TAIL:
        if column not in head:
            raise BadInput(f"{name_of(here)} has no column {column}; its columns are {', '.join(head)}: {AGAIN}")
    if tuple(head[-len(TAIL) :]) != TAIL or len(set(head)) != len(head):
        raise BadInput(f"{name_of(here)}: its columns are {', '.join(head)}, in no summary's order: {AGAIN}")
    if not lines:
        raise BadInput(f"{name_of(here)} has a header and no rows: {AGAIN}")
    for at, line in enumerate(lines, start=2):
        if len(line) != len(head):
            raise BadInput(f"line {at} of {name_of(here)} has {len(line)} cells of {len(head)}: {AGAIN}")
    if not text.endswith("\n"):
        raise BadInput(f"the last line of {name_of(here)} is cut short: {AGAIN}")
    named = type("Cells", (Cells,), {"table": name_of(here)})
    rows: list[dict[str, Any]] = [named(zip(head, map(number, line), strict=True)) for line in lines]
    check_rows(name_of(here), head, rows)
    return rows


def check_rows(name: str, head: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Raise ``BadInput`` unless the rows of the table ``name`` are whole and regular."""
    for column in SAME:
        if len(found := {row[column] for row in rows}) > 1:
            raise BadInput(f"{name} has {len(found)} values of {column} where one run has one: {AGAIN}")
    settings = head[: -len(TAIL)]
    measures: dict[Any, dict[tuple[Any, ...], set[Any]]] = {}
    for at, row in enumerate(rows, start=2):
        for column in ("n", "n_errors"):
            if not (isinstance(row[column], float) and row[column] >= 0 and row[column].is_integer()):
                raise BadInput(f"line {at} of {name}: {column} is {shown(row[column])} and not a count: {AGAIN}")
        if row["n"] and not (isinstance(row["mean"], float) and not math.isnan(row["mean"])):
            raise BadInput(f"line {at} of {name}: the mean of {row['measure']} is {shown(row['mean'])}: {AGAIN}")
        for column in ERRORS:
            if isinstance(row[column], float) and row[column] < 0:
                raise BadInput(f"line {at} of {name}: {column} is {shown(row[column])}, below 0: {AGAIN}")
        if row["n"] > 1 and math.isfinite(row["mean"]) and not (isinstance(row["mcse"], float) and row["mcse"] >= 0):
            raise BadInput(f"line {at} of {name}: the mcse of {row['measure']} is {shown(row['mcse'])}: {AGAIN}")
        point = tuple(str(row[column]) for column in settings)
        there = measures.setdefault(row["method"], {}).setdefault(point, set())
        if row["measure"] in there:
            raise BadInput(f"line {at} of {name} has {row['measure']} a second time: {AGAIN}")
        there.add(row["measure"])
    for points in measures.values():
        known = set().union(*points.values())
        for point, there in points.items():
            if there != known:
                where = ", ".join(f"{column} = {value}" for column, value in zip(settings, point, strict=True))
                raise BadInput(f"{name} has no row of {min(known - there)} where {where}: {AGAIN}")


def name_of(path: Path) -> str:
    """The file as a sentence names it: its last three parts."""
    return "/".join(path.parts[-3:])


def shown(value: Any) -> str:
    """A cell as a sentence shows it."""
    return "empty" if value == "" else str(value)


def number(text: str) -> Any:
    """Return the number that ``text`` writes, or the text."""
    try:
        return float(text)
    except ValueError:
        return text
