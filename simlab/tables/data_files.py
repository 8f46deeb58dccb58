"""A data file before DuckDB sees it: its format, its header, and the line to blame when it turns out to be bad.

The walks that find a line are slow, in plain Python, and run only after a file has been refused: DuckDB says that a
file is bad at full speed and on several threads, and the line named here is the first one, whatever their number.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from simlab.errors import BadInput, unknown

FORMATS = {
    ".csv": ("CSV", ","),
    ".tsv": ("TSV", "\t"),
    ".jsonl": ("JSON Lines", ""),
    ".ndjson": ("JSON Lines", ""),
    ".parquet": ("Parquet", ""),
}
"""Suffix -> the format's name and the separator of its columns."""

LONGEST = 2_000_000
"""Bytes in the longest line of a CSV or TSV file."""


@dataclass(frozen=True)
class DataFile:
    """One data file: its path as given, format, separator, compression and the names of its columns."""

    path: str
    format: str
    separator: str
    gzipped: bool
    columns: tuple[str, ...] = ()


def recognised(path: str) -> DataFile:
    """Return the file at ``path``, format told by suffix (a key of ``FORMATS``; all but .parquet also with .gz).

    Raises ``BadInput`` for another suffix, and unless the path leads to a file that can be opened and holds a byte.
    """
    name = Path(path).name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix not in FORMATS or name.endswith(".parquet.gz"):
        known = ", ".join(FORMATS)
        raise BadInput(f"{path}: the format is told by the suffix, one of {known} (text also with .gz): rename it")
    file = DataFile(path, *FORMATS[suffix], name.endswith(".gz"))
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise BadInput(f"{path}: is a folder or a device: name a file")
        with _bytes(file) as stream:
            first = stream.read(1)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened: {error.strerror}") from None
    if not first:
        raise BadInput(f"{path}: is empty: name a file with rows")
    return file


def header(file: DataFile) -> tuple[str, ...]:
    """Return the names in the first record of a CSV or TSV file; raises ``BadInput`` unless they can be told apart."""
    with _lines(file, "surrogateescape") as lines:
        try:
            names = next(csv.reader(lines, delimiter=file.separator, strict=True), None)
        except csv.Error as error:
            raise BadInput(f"{file.path}, line 1: the header is not sound {file.format}: {error}") from None
    if not names:
        raise BadInput(f"{file.path}, line 1: is blank, where the column names should stand: delete it")
    if re.search("[\x00\ud800-\udfff]", "".join(names)):
        raise BadInput(f"{file.path}, line 1: {_not_text(file)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{file.path}, line 1: the header names column {twice!r} twice: rename one of them")
    return tuple(names)


def check_columns(file: DataFile, wanted: Sequence[str]) -> None:
    """Raise unless all ``wanted`` columns are there, with the nearest name, or the separator that seems to be meant."""
    for name in wanted:
        if name in file.columns:
            continue
        if file.separator and len(file.columns) == 1 and re.search("[,;|\t]", file.columns[0]):
            raise BadInput(
                f"{file.path}: column {name!r} is unknown: the header {file.columns[0]!r} has no {file.separator!r}, "
                f"which separates the columns of {file.format}: save the file with that separator"
            )
        error = str(unknown(f"{file.path}: column", name, file.columns))
        listed = "" if "choose from" in error else f" (columns: {', '.join(sorted(file.columns))})"
        raise BadInput(error + listed)


def place_of_row(file: DataFile, row: int) -> str:
    """Return ``"line L"`` for the data row numbered ``row`` from 1 (``"row R"`` in Parquet, which has no lines)."""
    if file.format == "Parquet":
        return f"row {row}"
    with _lines(file, "replace") as lines:
        if file.format == "JSON Lines":
            filled = (number for number, line in enumerate(lines, 1) if line.strip())
            return f"line {next(number for i, number in enumerate(filled, 1) if i == row)}"
        reader, start, seen = csv.reader(lines, delimiter=file.separator), 0, -1  # row 0 is the header
        try:
            for record in reader:
                seen += bool(record)  # DuckDB skips a blank line, csv.reader returns it empty
                if seen == row:
                    break
                start = reader.line_num
        except csv.Error:  # a value too long for Python's reader stands before it
            return f"row {row}"
    return f"line {start + 1}"


def rejected(file: DataFile, position: int, kind: str, message: str) -> BadInput:
    """Return the error for a CSV record that starts at byte ``position`` (from 1) and that DuckDB set aside."""
    found = re.search(r"Found: (\d+)", message)
    if kind == "INVALID ENCODING":
        rule = _not_text(file)
    elif kind == "UNQUOTED VALUE":
        rule = 'a quote is not closed, or text follows the closing one: write a quote inside quotes as ""'
    elif found:
        values, columns = int(found[1]), len(file.columns)
        rule = (
            f"{values} value{'s' * (values != 1)}, where the header names "
            f"{columns} column{'s' * (columns != 1)}: correct the line"
        )
    elif "SIZE" in kind:
        rule = f"is longer than {LONGEST} bytes: is a quote never closed?"
    else:
        rule = message.splitlines()[0]
    return BadInput(f"{file.path}, line {_line_at(file, position)}: {rule}")


def refused(file: DataFile, reason: str) -> BadInput:
    """Return the error for a file that DuckDB gave up for ``reason``."""
    if file.format == "Parquet":
        return BadInput(f"{file.path}: is damaged or no Parquet file ({reason}): write it again")
    bad = _bad_object(file) if file.format == "JSON Lines" else _bad_line_end(file)
    return bad or BadInput(f"{file.path}: cannot be read as {file.format}: {reason}")


@contextmanager
def _bytes(file: DataFile) -> Iterator[IO[bytes]]:
    """The decompressed bytes; raise for gzip data that is none, damaged or cut short."""
    try:
        with gzip.open(file.path) if file.gzipped else Path(file.path).open("rb") as stream:
            yield cast("IO[bytes]", stream)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise BadInput(f"{file.path}: the gzip data is damaged or cut short: compress the file again") from None


@contextmanager
def _lines(file: DataFile, errors: str) -> Iterator[io.TextIOWrapper]:
    """The text with its line ends, without a byte order mark; ``errors``: what becomes of bytes that are no UTF-8."""
    with _bytes(file) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")


def _not_text(file: DataFile) -> str:
    return f"is not UTF-8 text: save the file as UTF-8 {file.format}"


def _line_at(file: DataFile, position: int) -> int:
    """The line in which the byte numbered ``position`` from 1 stands (DuckDB numbers records, not lines)."""
    ends, left = 0, position - 1
    with _bytes(file) as stream:
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            ends += block.count(b"\n") or block.count(b"\r")
            left -= len(block)
    return ends + 1


def _bad_object(file: DataFile) -> BadInput | None:
    """The error for the first line that is not one JSON object, if Python's parser finds one."""
    with _bytes(file) as stream:
        for number, line in enumerate(stream, 1):
            try:
                value = json.loads(line.decode().strip(), object_pairs_hook=_unique) if line.strip() else {}
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeError:
                return BadInput(f"{file.path}, line {number}: {_not_text(file)}")
            except ValueError as error:
                rule = re.sub(r": line \d+ column (\d+).*", r" at column \1", str(error))
                return BadInput(f"{file.path}, line {number}: is not one JSON object: {rule}")
            if not isinstance(value, dict):
                return BadInput(f"{file.path}, line {number}: is not one JSON object: write {{...}} on each line")
    return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The pairs as a dictionary; raise for a key that stands twice."""
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice")
    return dict(pairs)


def _bad_line_end(file: DataFile) -> BadInput | None:
    """The error for the first line that does not end as line 1 does, which DuckDB's strict parser refuses."""
    first = ""
    with _lines(file, "replace") as lines:
        for number, line in enumerate(lines, 1):
            end = line[len(line.rstrip("\r\n")) :]
            first = first or end
            if end not in ("", first):
                rule = f"ends in {end!r}, line 1 in {first!r}: save the file with one kind of line end"
                return BadInput(f"{file.path}, line {number}: {rule}")
    return None
