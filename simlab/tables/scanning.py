"""Rows of data files as one relation inside DuckDB, read strictly and every value as text.

The columns and the separator are given to DuckDB, which guesses nothing: '01' is not 1, and no sample of a file can
change how the rest of it is read. Files that look alike are read by one scan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from pathlib import Path

from simlab.errors import BadInput
from simlab.tables.asking import Engine, Rows, ask
from simlab.tables.blaming import LONGEST, refused, rejected
from simlab.tables.data_files import DataFile, check_columns, header, recognised
from simlab.tables.hashing import literal

SAMPLED = 1000
"""Lines of a JSON Lines file whose keys are looked at before all of them are."""


@dataclass(frozen=True)
class Source:
    """What is read: the files in order, the columns ``names`` of each, and whether bad rows are passed over."""

    files: tuple[DataFile, ...]
    names: tuple[str, ...]
    skip: bool = False


def open_file(engine: Engine, path: str, wanted: Sequence[str] | None, skip: bool = False) -> DataFile:
    """Return the file at ``path`` with its columns, after checking that the ``wanted`` ones are among them.

    ``wanted = None`` asks for every column. The columns of a JSON Lines file are the keys of its objects. Raises
    ``BadInput`` for a file that is not there, a folder, unreadable, empty, of an unknown format, or without a sound
    header or a wanted column.
    """
    file = recognised(path)
    if file.format == "JSON Lines":
        columns = _keys(engine, file, f"LIMIT {SAMPLED}", skip)
        if wanted is None or not set(wanted) <= set(columns):
            columns = _keys(engine, file, "", skip)
    elif file.format == "Parquet":
        source = f"read_parquet({_path(file)}, hive_partitioning = false)"
        described = scanned(engine, Source((file,), ()), f"DESCRIBE SELECT * FROM {source}")
        columns, types = (tuple(str(row[i]) for row in described) for i in (0, 1))
        file = replace(file, types=types, rows=_rows(engine, file))
    else:
        columns = header(file)
    if not columns:
        raise BadInput(f"{file.path}: no line is a JSON object with keys: write {{...}} on each line")
    file = replace(file, columns=columns)
    check_columns(file, wanted or ())
    if file.format == "JSON Lines":
        _check_distinct(file, columns if wanted is None else wanted)
    return file


def scanned(engine: Engine, source: Source, sql: str, stage: str = "") -> Rows:
    """Return the rows of ``sql``, a query over ``source``; raise ``BadInput`` for the first file that is bad.

    Bad records of CSV files are set aside by DuckDB, in its table ``reject_errors``; the first of them is raised here
    unless the source skips bad rows.
    """
    import duckdb

    ask(engine, "DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    try:
        rows = ask(engine, sql, stage=stage)
    except (duckdb.OutOfMemoryException, duckdb.InternalException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        reason = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", str(error).strip().splitlines()[0])
        if "No space left" in reason:
            raise
        if len(source.files) == 1:
            raise refused(source.files[0], reason) from None
        for file in source.files:
            alone = replace(source, files=(file,))
            all_values = ", ".join(f"max(k{i})" for i in range(len(source.names)))
            scanned(engine, alone, f"SELECT {all_values} FROM ({relation(alone)})")
        raise BadInput(f"{', '.join(file.path for file in source.files)}: cannot be read: {reason}") from None
    if not source.skip:
        _check_rejects(engine, source)
    return rows


def relation(source: Source, numbered: bool = False) -> str:
    """Return a SELECT of the columns of ``source`` as k0, k1, ... (text, '' or NULL where missing), file after file.

    ``numbered`` adds ``row``, the number of the row over all files, from 0; DuckDB must then preserve their order.
    """
    runs = [tuple(run) for _, run in groupby(source.files, _likeness)]
    fields = [_fields(run[0], source.names) for run in runs]
    readers = [_reader(run, source) for run in runs]
    own = {"file_index", "file_row_number"}  # what a scan of Parquet tells without being ordered
    if numbered and all(file.format == "Parquet" and not own & set(file.columns) for file in source.files):
        ends = list(accumulate((file.rows for file in source.files), initial=0))
        starts = accumulate((len(run) for run in runs), initial=0)
        rows = [
            f"{ends[start : start + len(run)]}[file_index::BIGINT + 1] + file_row_number AS row"
            for run, start in zip(runs, starts, strict=False)
        ]
        fields = [f"{names}, {row}" for names, row in zip(fields, rows, strict=True)]
        numbered = False
    rows_of_all = " UNION ALL ".join(f"SELECT {names} FROM {read}" for names, read in zip(fields, readers, strict=True))
    return f"SELECT *, row_number() OVER () - 1 AS row FROM ({rows_of_all})" if numbered else rows_of_all


@contextmanager
def in_order(engine: Engine, wanted: bool = True) -> Iterator[None]:
    """Let the rows keep their order in the body, so that numbering them numbers those of the files."""
    ask(engine, f"SET preserve_insertion_order = {wanted}")
    try:
        yield
    finally:
        ask(engine, "SET preserve_insertion_order = false")


def bad_object(names: Sequence[str]) -> str:
    """Return the condition that a line read as ``json`` is no object in which each of ``names`` stands at most once."""
    asked = f"list_filter(json_keys(json), lambda key: key IN ({', '.join(map(literal, names))}))"
    twice = f"len({asked}) > len(list_distinct({asked}))"
    return f"(json IS NULL OR json_type(json) NOT IN ('OBJECT', 'NULL') OR {twice})"


def objects(files: Sequence[DataFile], skip: bool) -> str:
    """Return the table function that reads lines of JSON as ``json``, NULL for a bad one if ``skip``."""
    return (
        f"read_ndjson_objects({_paths(files)}, compression = '{files[0].packing}', ignore_errors = {skip}, "
        "hive_partitioning = false)"
    )


def rejects(engine: Engine, sql: str) -> Rows:
    """Return the rows of ``sql`` over ``rejects``, the records of CSV files that the last scan set aside.

    Columns: ``path, position`` (of the first byte, from 1), ``place, kind, message, line``.
    """
    # a position is that of the blank lines before the record, if there are any
    position = "line_byte_position + strlen(csv_line) - strlen(ltrim(csv_line, E'\\r\\n'))"
    kept = (
        f"SELECT file_path AS path, {position} AS position, column_idx AS place, error_type::VARCHAR AS kind, "
        "error_message AS message, csv_line AS line FROM reject_errors JOIN reject_scans USING (scan_id, file_id)"
    )
    return ask(engine, f"WITH rejects AS ({kept}) {sql}")


def by_path(files: Sequence[DataFile]) -> dict[str, DataFile]:
    """Return the files by the path under which DuckDB knows them."""
    return {str(Path(file.path).resolve()): file for file in files}


def _check_rejects(engine: Engine, source: Source) -> None:
    """Raise for the first bad record of the first file that has one."""
    files = {path: file for path, file in by_path(source.files).items() if file.separator}
    having = {row[0] for row in rejects(engine, "SELECT DISTINCT path FROM rejects")} if files and source.names else ()
    for path, file in files.items():
        if path in having:
            first = (
                "SELECT position, kind, message FROM rejects WHERE path = $path ORDER BY position, place, kind LIMIT 1"
            )
            raise rejected(file, *rejects(engine, first.replace("$path", literal(path)))[0])


def _likeness(file: DataFile) -> tuple[object, ...]:
    """What files must share to be read by one scan."""
    columns = () if file.format == "JSON Lines" else file.columns
    return file.format, file.separator, file.packing, columns, file.types


def _fields(file: DataFile, names: Sequence[str]) -> str:
    """The columns ``names`` of what ``_reader`` reads, as k0, k1, ..."""
    if file.format == "Parquet":
        fields = [f"CAST({_quoted(name)} AS VARCHAR)" for name in names]
    elif file.format == "JSON Lines":
        fields = [f"object.{_quoted(name)}" for name in names]
    else:
        fields = [f"c{file.columns.index(name)}" for name in names]
    return ", ".join(f"{field} AS k{i}" for i, field in enumerate(fields))


def _reader(files: Sequence[DataFile], source: Source) -> str:
    """What reads ``files``, all alike: a table function, or a SELECT in brackets."""
    first, paths = files[0], _paths(files)
    if first.format == "Parquet":
        return f"read_parquet({paths}, hive_partitioning = false)"
    if first.format == "JSON Lines" and source.skip:
        shape = literal(json.dumps(dict.fromkeys(source.names, "VARCHAR")))
        kept = f"SELECT json FROM {objects(files, True)} WHERE NOT {bad_object(source.names)}"
        return f"(SELECT from_json(json, {shape}) AS object FROM ({kept}))"
    if first.format == "JSON Lines":
        columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in source.names)
        return (
            f"read_json({paths}, format = 'newline_delimited', auto_detect = false, columns = {{{columns}}}, "
            f"compression = '{first.packing}', hive_partitioning = false) AS object"
        )
    # named by position: DuckDB ignores the case of names and knows no empty one, a header may hold both
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(first.columns)))
    return (
        f"read_csv({paths}, auto_detect = false, header = true, delim = '{first.separator}', quote = '\"', "
        f"escape = '\"', columns = {{{columns}}}, strict_mode = true, store_rejects = true, "
        f"max_line_size = {LONGEST}, compression = '{first.packing}', hive_partitioning = false)"
    )


def _keys(engine: Engine, file: DataFile, limit: str, skip: bool) -> tuple[str, ...]:
    """The keys of the objects in a JSON Lines file, sorted; of its first lines if there is a LIMIT."""
    first = f"(SELECT json FROM {objects([file], skip)} {limit})"
    keys = f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM {first} ORDER BY key"
    return tuple(str(row[0]) for row in scanned(engine, Source((file,), ()), keys))


def _rows(engine: Engine, file: DataFile) -> int:
    """The rows of a Parquet file, from its footer."""
    footer = f"SELECT num_rows FROM parquet_file_metadata({_path(file)})"
    return int(scanned(engine, Source((file,), ()), footer)[0][0])


def _check_distinct(file: DataFile, names: Sequence[str]) -> None:
    """Raise for keys that DuckDB cannot tell apart (it ignores case) or cannot name (the empty one)."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name or not name:
            rule = f"differs from {other!r} in case only" if name else "is empty"
            raise BadInput(f"{file.path}: the name of column {name!r} {rule}: rename it")


def _paths(files: Sequence[DataFile]) -> str:
    """The files as an SQL list."""
    return f"[{', '.join(map(_path, files))}]"


def _path(file: DataFile) -> str:
    """The absolute path as an SQL string in which ``*``, ``?`` and ``[`` stand for themselves."""
    return literal(re.sub(r"[*?\[]", r"[\g<0>]", str(Path(file.path).resolve())))


def _quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
