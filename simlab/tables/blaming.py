"""The line to blame: where in a file the row stands that DuckDB refused, and what is wrong with it.

These walks are slow, in plain Python, and run only after rows have been refused: DuckDB says that a file is bad at
full speed and on several threads, and the line named here is the first one, whatever their number.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice, tee

from simlab.errors import BadInput
from simlab.tables.data_files import DataFile, not_text, text_lines, unpacked

LONGEST = 2_000_000
"""Bytes in the longest line of a CSV or TSV file."""


def place_of_row(file: DataFile, row: int, without: Collection[int] = ()) -> str:
    """Return ``"line L"`` for the data row numbered ``row`` from 1 (``"row R"`` in Parquet, which has no lines).

    Records in the lines ``without`` have no number.
    """
    if file.format == "Parquet":
        return f"row {row}"
    with text_lines(file, "replace") as lines:
        if file.format == "JSON Lines":
            filled = (number for number, line in enumerate(lines, 1) if line.strip() and number not in without)
            return f"line {next(number for i, number in enumerate(filled, 1) if i == row)}"
        # the reader is not given the lines ``without``: a quote left open in one would join it to the next
        kept, ahead = tee((number, line) for number, line in enumerate(lines, 1) if number not in without)
        reader, begun, seen = csv.reader((line for _, line in kept), delimiter=file.separator), 0, -1  # row 0: header
        try:
            for record in reader:
                seen += bool(record)  # DuckDB skips blank lines, csv.reader does not
                if seen == row:
                    break
                begun = reader.line_num
        except csv.Error:  # a value too long for Python's reader stands before it
            return f"row {row}"
        return f"line {next(islice(ahead, begun, None))[0]}"


def rejected(file: DataFile, position: int, kind: str, message: str) -> BadInput:
    """Return the error for a CSV record that starts at byte ``position`` (from 1) and that DuckDB set aside."""
    found = re.search(r"Found: (\d+)", message)
    if kind == "INVALID ENCODING":
        rule = not_text(file)
    elif kind == "UNQUOTED VALUE":
        rule = 'a quote is not closed, or text follows the closing one: write a quote inside quotes as ""'
    elif found:
        values, columns = int(found[1]), len(file.columns)
        rule = (
            f"{values} value{'s' * (values != 1)}, where the header names "
            f"{columns} column{'s' * (columns != 1)}: correct the line"
        )
    elif "SIZE" in kind:
        rule = (
            f"is longer than {LONGEST:,} bytes: close the quote if one is never closed, or save a table of such long "
            "values as Parquet"
        )
    else:
        rule = message.splitlines()[0]
    return BadInput(f"{file.path}, line {lines_at(file, [position])[0]}: {rule}")


def refused(file: DataFile, reason: str) -> BadInput:
    """Return the error for a file that DuckDB gave up for ``reason``."""
    if file.format == "Parquet":
        return BadInput(f"{file.path}: is damaged or no Parquet file ({reason}): write it again")
    bad = _bad_object(file) if file.format == "JSON Lines" else _bad_line_end(file)
    return bad or BadInput(f"{file.path}: cannot be read as {file.format}: {reason}")


def lines_at(file: DataFile, positions: Iterable[int]) -> list[int]:
    """Return the lines in which bytes stand, numbered from 1 as lines are, in increasing order.

    DuckDB numbers records, not lines.
    """
    found: list[int] = []
    with unpacked(file) as stream:
        block, end, ends = b"", b"", 0
        left = at = 0  # bytes before the block; where in it the last position stood
        for position in positions:
            while left + len(block) < position - 1:
                ends += block.count(end, at) if end else 0
                left, at = left + len(block), 0
                block = stream.read(1 << 20)
                end = end or (b"\n" if b"\n" in block else b"\r")
            ends += block.count(end, at, position - 1 - left) if end else 0
            at = position - 1 - left
            found.append(ends + 1)
    return found


def filled_lines(file: DataFile, rows: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """Yield the number of each line that is one of ``rows``, counting lines that are not blank, and if it is UTF-8."""
    wanted = iter(rows)
    row, seen = next(wanted, 0), 0
    with unpacked(file) as stream:
        for number, line in enumerate(stream, 1):
            seen += bool(line.strip())
            if seen == row and line.strip():
                yield number, _is_text(line)
                row = next(wanted, 0)


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bad_object(file: DataFile) -> BadInput | None:
    """The error for the first line that is not one JSON object, if Python's parser finds one."""
    with unpacked(file) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                value = json.loads(text, object_pairs_hook=_unique) if text else {}
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                half = error.object[error.start].encode("unicode_escape").decode()
                rule = f"holds {half}, half of a pair that stands for one character: write both halves"
                return BadInput(f"{file.path}, line {number}: {rule}")
            except UnicodeError:
                return BadInput(f"{file.path}, line {number}: {not_text(file)}")
            except ValueError as error:
                rule = re.sub(r": line \d+ column (\d+).*", r" at column \1", str(error))
                return BadInput(f"{file.path}, line {number}: is not one JSON object: {rule}: correct the line")
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
    with text_lines(file, "replace") as lines:
        for number, line in enumerate(lines, 1):
            end = line[len(line.rstrip("\r\n")) :]
            first = first or end
            if end not in ("", first):
                rule = f"ends in {end!r}, line 1 in {first!r}: save the file with one kind of line end"
                return BadInput(f"{file.path}, line {number}: {rule}")
    return None
