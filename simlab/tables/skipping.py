"""Bad rows: the first of them named, or all of them passed over and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simlab.errors import BadInput
from simlab.tables.asking import Engine, ask
from simlab.tables.blaming import filled_lines, lines_at, place_of_row, rejected
from simlab.tables.data_files import DataFile
from simlab.tables.grouping import WHOLE
from simlab.tables.hashing import literal
from simlab.tables.scanning import Source, bad_object, by_path, in_order, objects, rejects, relation, scanned

NOT_TEXT, QUOTE, VALUES, OBJECT = "not UTF-8 text", "a stray quote", "wrong number of values", "not one JSON object"
"""What can be wrong with a row that is passed over; a count that is no whole number names its column."""

RULES = {"INVALID ENCODING": NOT_TEXT, "UNQUOTED VALUE": QUOTE, "MISSING COLUMNS": VALUES, "TOO MANY COLUMNS": VALUES}
"""DuckDB's name for what is wrong with a record -> ours; the first that applies is the one told."""


@dataclass(frozen=True)
class Skipped:
    """Rows of one file that were passed over for one reason: how many, and where the first stands ("line 7")."""

    path: str
    rule: str
    rows: int
    first: str


def check_counts(engine: Engine, source: Source, count: str) -> None:
    """Raise ``BadInput`` for the first count in ``read_rows`` that is no whole number."""
    if not ask(engine, "SELECT 1 FROM read_rows WHERE draws IS NULL LIMIT 1"):
        return
    for file in source.files:
        rows, text, row = _bad_counts(engine, replace(source, files=(file,)))
        if rows:
            shown = "empty" if text is None else repr(text)
            raise BadInput(
                f"{file.path}, {place_of_row(file, row)}: count {count!r} is {shown}: "
                "must be a whole number from 0 to 2^63 - 1"
            )


def skipped_rows(engine: Engine, source: Source, count: str | None) -> tuple[Skipped, ...]:
    """Return what the scan of ``source`` that was just made passed over, file by file.

    Raises ``BadInput`` for a record that may hide others: one that is too long, or whose quote is not closed in its
    line.
    """
    _check_hiding(engine, source)
    records = {path: _bad_records(engine, path) for path, file in by_path(source.files).items() if file.separator}
    found: list[Skipped] = []
    for path, file in by_path(source.files).items():
        alone = replace(source, files=(file,))
        lines = {rule: _lines(file, bad) for rule, bad in records.get(path, {}).items()}
        if file.format == "JSON Lines":
            lines = {rule: [(line,) for line in bad] for rule, bad in _bad_objects(engine, alone).items()}
        found += [Skipped(file.path, rule, len(bad), f"line {bad[0][0]}") for rule, bad in lines.items()]
        rows, _, row = _bad_counts(engine, alone) if count is not None else (0, None, 0)
        if rows:
            without = {line for bad in lines.values() for record in bad for line in record}
            place = place_of_row(file, row, without)
            found.append(Skipped(file.path, f"count {count!r} is not a whole number", rows, place))
    return tuple(found)


def _lines(file: DataFile, records: Sequence[tuple[int, int]]) -> list[Sequence[int]]:
    """The lines in which records stand, told by the byte at which each starts and the line ends in it."""
    starts = lines_at(file, [position for position, _ in records])
    return [range(line, line + ends + 1) for line, (_, ends) in zip(starts, records, strict=True)]


def _check_hiding(engine: Engine, source: Source) -> None:
    """Raise for the first record that is no single bad line."""
    known = ", ".join(map(literal, RULES))
    several = r"kind = 'UNQUOTED VALUE' AND regexp_matches(trim(line, E'\r\n'), '[\r\n]')"
    files = {path: file for path, file in by_path(source.files).items() if file.separator}
    for path, file in files.items():
        hiding = f"path = {literal(path)} AND (kind NOT IN ({known}) OR {several})"
        sql = f"SELECT position, kind, message FROM rejects WHERE {hiding} ORDER BY position, place, kind LIMIT 1"
        for position, kind, message in rejects(engine, sql):
            raise BadInput(f"{rejected(file, position, kind, message)} (not skipped: it may hide rows behind it)")


def _bad_records(engine: Engine, path: str) -> dict[str, list[tuple[int, int]]]:
    """For each rule that records of a CSV file break: the bytes at which they start, and the line ends in them."""
    names = list(RULES)
    worst = f"min(list_position([{', '.join(map(literal, names))}], kind))"
    ends = r"max(len(regexp_extract_all(trim(line, E'\r\n'), '\r\n|\r|\n')))"
    sql = f"SELECT position, {worst}, {ends} FROM rejects WHERE path = {literal(path)} GROUP BY ALL ORDER BY position"
    found: dict[str, list[tuple[int, int]]] = {}
    for position, rank, inside in rejects(engine, sql):
        found.setdefault(RULES[names[rank - 1]], []).append((position, inside))
    return found


def _bad_objects(engine: Engine, source: Source) -> dict[str, list[int]]:
    """For each rule that lines of a JSON Lines file break, their numbers, in order."""
    numbered = f"SELECT json, row_number() OVER () AS row FROM {objects(source.files, True)}"
    with in_order(engine):
        rows = scanned(engine, source, f"SELECT row FROM ({numbered}) WHERE {bad_object(source.names)} ORDER BY row")
    found: dict[str, list[int]] = {}
    for line, text in filled_lines(source.files[0], [row[0] for row in rows]):
        found.setdefault(OBJECT if text else NOT_TEXT, []).append(line)
    return found


def _bad_counts(engine: Engine, source: Source) -> tuple[int, str | None, int]:
    """How many counts of one file, its last column, are no whole numbers; the text and the row of the first, from 1."""
    columns = [f"k{i}" for i in range(len(source.names))]
    with in_order(engine):
        numbered = f"SELECT *, row_number() OVER () AS row FROM ({relation(source)})"
        bad = f"SELECT * FROM ({numbered}) WHERE {WHOLE.format(columns[-1])} IS NULL"
        # all columns are asked for, as in the first scan: DuckDB passes over a text not UTF-8 where it is not read
        sums = f"nullif(arg_min_null({columns[-1]}, row), ''), coalesce(min(row), 0), max(hash({', '.join(columns)}))"
        rows, text, row, _ = scanned(engine, source, f"SELECT count(*), {sums} FROM ({bad})")[0]
    return rows, text, row
