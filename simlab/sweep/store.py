"""Where results live: one file a block, then three tables collected from them.

A block's file is written whole under a temporary name in the same folder, synced and renamed, so whatever is
killed, a file is either there or not. Its first line is a header (key, columns, row count, SHA-256 of the rows,
provenance), the others are its rows as strict JSON: NaN and the infinities are the texts ``"NaN"``, ``"Infinity"``
and ``"-Infinity"`` (no measure is a text, so nothing is mistaken for them). A file whose rows do not match its
header counts as not there.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simlab.errors import BadInput
from simlab.sweep.blocks import ERROR_COLUMNS, Outcome
from simlab.sweep.loading import Row
from simlab.sweep.plan import Job, Plan, flat
from simlab.terminal.files import write_atomically

Table = dict[str, np.ndarray]
"""A table by columns; missing numbers are NaN, missing texts are None."""

SQL_TYPES = {"bool": "BOOLEAN", "int": "BIGINT", "float": "DOUBLE", "str": "VARCHAR"}


@dataclass(frozen=True)
class Block:
    """The header of a finished block, and where its rows are."""

    path: Path
    key: str
    columns: dict[str, str]
    rows: int
    errors: int
    warnings: tuple[str, ...]
    provenance: dict[str, object]

    def body(self) -> bytes:
        """The rows as JSON lines."""
        return self.path.read_bytes().partition(b"\n")[2]


@dataclass(frozen=True)
class Store:
    """A results folder. ``created`` are the folders that did not exist before, outermost first."""

    folder: Path
    created: tuple[Path, ...] = ()

    @property
    def blocks(self) -> Path:
        """The folder of the block files."""
        return self.folder / "blocks"

    def path(self, key: str) -> Path:
        """The file of the block ``key``."""
        return self.blocks / f"{key}.jsonl"

    def finished(self, jobs: Iterable[Job]) -> dict[str, Block]:
        """The whole blocks among ``jobs`` by key; a missing, truncated or altered file is not among them."""
        found = ((job.key, read_block(self.path(job.key), job.key)) for job in jobs)
        return {key: block for key, block in found if block is not None}

    def strangers(self, jobs: Iterable[Job]) -> int:
        """How many block files belong to other settings, another experiment text or another code version."""
        known = {self.path(job.key).name for job in jobs}
        return sum(path.name not in known for path in self.blocks.glob("*.jsonl"))

    def delete(self, jobs: Iterable[Job]) -> None:
        """Delete the files of these blocks and no others."""
        for job in jobs:
            self.path(job.key).unlink(missing_ok=True)

    def write(self, outcome: Outcome) -> Block:
        """Keep the rows of a block. Raises ``BadInput`` when the disk refuses."""
        job = outcome.job
        settings = flat(job.settings)
        before = {"experiment": job.source.slug, **settings, "seed": job.seed}
        after = {"version": job.version, "key": job.key}
        rows = [before | row | after for row in outcome.rows]
        body = b"".join(_encode(row) for row in rows)
        path, columns = self.path(job.key), _columns(rows)
        provenance = outcome.provenance | {"attempt": outcome.attempt}
        header = {
            "key": job.key,
            "columns": columns,
            "rows": len(rows),
            "sha256": hashlib.sha256(body).hexdigest(),
            "errors": outcome.errors,
            "warnings": outcome.warnings,
            "provenance": provenance,
        }
        with self.refusals():
            write_atomically(path, _encode(header) + body)
        return Block(path, job.key, columns, len(rows), outcome.errors, outcome.warnings, provenance)

    def discard_if_empty(self) -> None:
        """Remove the folders that this store made, where nothing was put into them."""
        for folder in reversed(self.created):
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn the system's refusal to write into a sentence."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(
                f"results folder {str(self.folder)!r} cannot be written ({reason}): "
                "finished blocks are kept; make room or choose another with --out DIR"
            ) from None


def open_store(folder: Path) -> Store:
    """Make the results folder and try it with a file. Raises ``BadInput``, with nothing left behind, if it refuses."""
    target = folder / "blocks"
    missing = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    store = Store(folder, tuple(reversed(missing)))
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target):
            pass
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        store.discard_if_empty()
        reason = error.strerror or str(error)
        raise BadInput(
            f"results folder {str(folder)!r} cannot be written ({reason}): choose another with --out DIR"
        ) from None
    return store


def read_block(path: Path, key: str) -> Block | None:
    """The block in a file, or None where the file is missing or is not what was written."""
    try:
        line, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(line)
        if header["key"] != key or header["sha256"] != hashlib.sha256(body).hexdigest():
            return None
        warnings = tuple(header["warnings"])
        return Block(path, key, header["columns"], header["rows"], header["errors"], warnings, header["provenance"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _encode(row: Mapping[str, object]) -> bytes:
    """One line of strict JSON."""
    strict = {name: _strict(value) for name, value in row.items()}
    return json.dumps(strict, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _strict(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _columns(rows: Sequence[Row]) -> dict[str, str]:
    """Every column of the rows, in order of appearance, with the one type that holds all its values."""
    columns: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            columns[name] = _wider(columns.get(name, ""), _kind(value))
    return columns


def _kind(value: object) -> str:
    """The type of a value; whole numbers beyond 64 bits are kept as floats, since no table holds them."""
    if value is None:
        return ""
    return "float" if type(value) is int and abs(value) >= 2**63 else type(value).__name__


def _wider(one: str, other: str) -> str:
    """The type that holds both: text over float over integer; a truth value among numbers is a float."""
    if one == other or not other:
        return one
    if not one:
        return other
    return "str" if "str" in (one, other) else "float"


def collect(store: Store, plan: Plan, done: Mapping[str, Block]) -> Table:
    """Write ``replicates.parquet`` and ``provenance.csv`` from the blocks, in the plan's order, and return the rows.

    The files are concatenated and read once with every column named: readers that look at the first rows only
    drop columns that come later.
    """
    import duckdb

    found = [done[job.key] for job in plan.jobs if job.key in done]
    types = _merged(found, plan)
    with store.refusals(), tempfile.TemporaryDirectory(dir=store.folder, prefix=".collect.") as scratch:
        lines, parquet = Path(scratch) / "rows.jsonl", Path(scratch) / "replicates.parquet"
        with lines.open("wb") as file:
            file.writelines(block.body() for block in found)
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute(f"SET temp_directory = {_quoted(scratch)}")
            columns = ", ".join(f"{_quoted(name)}: '{kind}'" for name, kind in types.items())
            source = f"read_json({_quoted(lines)}, format = 'newline_delimited', columns = {{{columns}}})"
            target = f"{_quoted(parquet)} (FORMAT parquet, COMPRESSION zstd)"
            try:
                connection.execute(f"COPY (SELECT * FROM {source}) TO {target}")
            except duckdb.IOException as error:  # a full disk
                raise OSError(str(error)) from None
        os.replace(parquet, store.folder / "replicates.parquet")
    provenance = [{"key": block.key, **block.provenance} for block in found]
    write_csv(store, "provenance.csv", provenance)
    return read_table(store.folder / "replicates.parquet")


def _merged(found: Sequence[Block], plan: Plan) -> dict[str, str]:
    """The columns of all blocks: names and settings, then measures, errors, version and key."""
    merged: dict[str, str] = {}
    for block in found:
        for name, kind in block.columns.items():
            merged[name] = _wider(merged.get(name, ""), kind)
    first = ["experiment", *plan.settings, "seed", "replicate", "method"]
    last = ["version", "key"]
    measures = [name for name in merged if name not in (*first, *ERROR_COLUMNS, *last)]
    errors = [name for name in ERROR_COLUMNS if name in merged]
    return {name: SQL_TYPES[merged.get(name) or "str"] for name in (*first, *measures, *errors, *last)}


def _quoted(text: str | Path) -> str:
    """A literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def read_table(path: Path) -> Table:
    """The columns of a Parquet file."""
    import duckdb

    with duckdb.connect() as connection:
        columns: dict[str, Any] = connection.execute(f"SELECT * FROM read_parquet({_quoted(path)})").fetchnumpy()
    return {name: _filled(column) for name, column in columns.items()}


def _filled(column: Any) -> np.ndarray:
    """A column without a mask: missing numbers are NaN, missing texts None."""
    missing, values = np.ma.getmaskarray(column), np.ma.getdata(column)
    if missing.any():
        values = values.astype(object if values.dtype == object else float)
        values[missing] = None if values.dtype == object else np.nan
    return values


def write_csv(store: Store, name: str, rows: Sequence[Row]) -> Path:
    """Write rows as a CSV file, with every column of any row; missing values are empty, NaN is ``nan``."""
    columns = dict.fromkeys(column for row in rows for column in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = store.folder / name
    with store.refusals():
        write_atomically(path, text.getvalue().encode())
    return path
