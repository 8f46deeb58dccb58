"""From block files to tables: ``replicates.parquet``, ``provenance.csv``, and any rows as CSV.

The Parquet file carries a stamp, a digest of the blocks that it was made from: as long as these are what the run
consists of, it is read and not made again.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simlab.sweep.columns import ERROR_COLUMNS
from simlab.sweep.loading import Row
from simlab.sweep.plan import Plan
from simlab.sweep.store import Block, Store, wider
from simlab.terminal.files import write_atomically, written_whole

Table = dict[str, np.ndarray]
"""A table by columns; missing numbers are NaN, missing texts are None."""

SQL_TYPES = {"bool": "BOOLEAN", "int": "BIGINT", "float": "DOUBLE", "str": "VARCHAR"}
STAMP = "simlab_blocks"
THREADS = 2
REPLICATES, PROVENANCE, SUMMARY = "replicates.parquet", "provenance.csv", "summary.csv"


def collect(store: Store, plan: Plan, done: Mapping[str, Block]) -> Table:
    """Write ``replicates.parquet`` and ``provenance.csv`` from the blocks, in the plan's order, and return the rows.

    Another run may write its own tables into the same folder meanwhile: what is returned are the rows of this one.
    """
    found = [done[job.key] for job in plan.jobs if job.key in done]
    path, stamp = store.folder / REPLICATES, stamp_of(found)
    if stamp_in(path) == stamp:
        with contextlib.suppress(OSError):
            table = read_table(path)
            if stamp_in(path) == stamp:
                return table
    write_csv(store, PROVENANCE, [{"key": block.key, **block.provenance} for block in found])
    with store.refusals():
        return write_parquet(path, plan, found)  # last, for its stamp says that both are made


def write_parquet(path: Path, plan: Plan, found: Sequence[Block]) -> Table:
    """Write the rows of some blocks of a plan to one Parquet file, whole or not at all, and return them.

    The blocks are concatenated and read once with every column named: readers that look at the first rows only drop
    columns that come later. Raises ``OSError`` when the disk refuses.
    """
    import duckdb

    types = _merged(found, plan)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".collect.") as scratch, written_whole(path) as parquet:
        lines = Path(scratch) / "rows.jsonl"
        with lines.open("wb") as file:
            file.writelines(block.body() for block in found)
        with duckdb.connect() as connection:
            connection.execute(f"SET threads = {THREADS}")
            connection.execute(f"SET temp_directory = {_quoted(scratch)}")
            columns = ", ".join(f"{_quoted(name)}: '{kind}'" for name, kind in types.items())
            source = f"read_json({pattern(lines)}, format = 'newline_delimited', columns = {{{columns}}})"
            mark = f"KV_METADATA {{{STAMP}: '{stamp_of(found)}'}}"
            target = f"{_quoted(parquet)} (FORMAT parquet, COMPRESSION zstd, {mark})"
            try:
                connection.execute(f"COPY (SELECT * FROM {source}) TO {target}")
            except duckdb.IOException as error:  # a full disk
                raise OSError(str(error)) from None
        return read_table(parquet)


def stamp_of(blocks: Sequence[Block]) -> str:
    """A digest of blocks: their keys, their rows and when they were computed, in their order."""
    content = [[block.key, block.sha256, block.provenance.get("started")] for block in blocks]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def stamp_in(path: Path) -> str | None:
    """The stamp of a Parquet file, or None for one that is missing, damaged or not ours."""
    import duckdb

    if not path.is_file():
        return None
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT key, value FROM parquet_kv_metadata({pattern(path)})").fetchall()
    except duckdb.Error:
        return None
    found: dict[bytes, bytes] = dict(rows)
    return found[STAMP.encode()].decode() if STAMP.encode() in found else None


def _merged(found: Sequence[Block], plan: Plan) -> dict[str, str]:
    """The columns of all blocks: names, settings and places on curves, then measures, errors, version and key."""
    merged: dict[str, str] = {}
    for block in found:
        for name, kind in block.columns.items():
            merged[name] = wider(merged.get(name, ""), kind)
    first = ["experiment", *plan.settings, "seed", "replicate", "method", *plan.along]
    last = ["version", "key"]
    measures = [name for name in merged if name not in (*first, *ERROR_COLUMNS, *last)]
    errors = [name for name in ERROR_COLUMNS if name in merged]
    return {name: SQL_TYPES[merged.get(name) or "str"] for name in (*first, *measures, *errors, *last)}


def _quoted(text: str | Path) -> str:
    """A literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def pattern(path: Path) -> str:
    """A literal of SQL for reading one file: DuckDB takes names for patterns, in which ``*``, ``?`` and ``[`` match."""
    return _quoted(re.sub(r"([*?\[])", r"[\1]", str(path)))


def read_table(path: Path) -> Table:
    """The columns of a Parquet file."""
    import duckdb

    with duckdb.connect() as connection:
        columns: dict[str, Any] = connection.execute(f"SELECT * FROM read_parquet({pattern(path)})").fetchnumpy()
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
