"""A data file before DuckDB sees it: its format, its packing, and the names of its columns."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from simlab.errors import BadInput, unknown

FORMATS = {
    ".csv": ("CSV", ","),
    ".tsv": ("TSV", "\t"),
    ".jsonl": ("JSON Lines", ""),
    ".ndjson": ("JSON Lines", ""),
    ".parquet": ("Parquet", ""),
}
"""Suffix -> the format's name and the separator of its columns."""

PACKINGS = {".gz": "gzip", ".zst": "zstd"}
"""Suffix behind that of a text format -> how the text is compressed."""


@dataclass(frozen=True)
class DataFile:
    """One data file: its path as given, format, separator, packing and the names of its columns.

    ``packing`` is "gzip", "zstd" or "uncompressed"; ``types`` are those of the columns of a Parquet file (all others
    hold text) and ``rows`` counts its rows; ``size`` counts bytes on disk.
    """

    path: str
    format: str
    separator: str
    packing: str
    size: int
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    rows: int = 0


def check_name(path: str) -> None:
    """Raise ``BadInput`` for a name that is not UTF-8: DuckDB cannot open it, and no report can hold it."""
    if any("\ud800" <= sign <= "\udfff" for sign in path):
        raise BadInput(f"{path!r}: the name is not UTF-8, which the reader cannot open: rename the file")


def recognised(path: str) -> DataFile:
    """Return the file at ``path``, format told by suffix (a key of ``FORMATS``, text also with one of ``PACKINGS``).

    Raises ``BadInput`` for another suffix, unless the path leads to a file that can be opened and holds a byte, and
    for zstd data that is damaged or cut short, which DuckDB would read up to there without a word.
    """
    if path == "-":
        raise BadInput("-: stdin cannot be read, as a table is read more than once: name a file")
    check_name(path)
    if _is_folder(path):
        raise BadInput(f"{path}: is a folder: name a file in it, or a pattern such as {Path(path) / '*.csv'}")
    name = Path(path).name.lower()
    packed = next((suffix for suffix in PACKINGS if name.endswith(suffix)), "")
    suffix = Path(name.removesuffix(packed)).suffix
    if suffix not in FORMATS or (packed and suffix == ".parquet"):
        known, also = ", ".join(FORMATS), " or ".join(PACKINGS)
        raise BadInput(f"{path}: the format is told by the suffix, one of {known} (text also with {also}): rename it")
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise BadInput(f"{path}: is a device or a pipe: name a file")
        file = DataFile(path, *FORMATS[suffix], PACKINGS.get(packed, "uncompressed"), Path(path).stat().st_size)
        with unpacked(file) as stream:
            first = stream.read(1) if file.size else b""
            while first and file.packing == "zstd" and stream.read(1 << 20):
                pass
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened: {error.strerror}") from None
    if not first:
        raise BadInput(f"{path}: is empty: name a file with rows")
    return file


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # told when it is opened
        return False


def header(file: DataFile) -> tuple[str, ...]:
    """Return the names in the first record of a CSV or TSV file; raises ``BadInput`` unless they can be told apart."""
    with text_lines(file, "surrogateescape") as lines:
        try:
            names = next(csv.reader(lines, delimiter=file.separator, strict=True), None)
        except csv.Error as error:
            raise BadInput(f"{file.path}, line 1: the header is not sound {file.format}: {error}") from None
    if not names:
        raise BadInput(f"{file.path}, line 1: is blank, where the column names should stand: delete it")
    if re.search("[\x00\ud800-\udfff]", "".join(names)):
        raise BadInput(f"{file.path}, line 1: {not_text(file)}")
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


@contextmanager
def unpacked(file: DataFile) -> Iterator[IO[bytes]]:
    """Open the decompressed bytes; raise ``BadInput`` for packed data that is none, damaged or cut short."""
    if file.packing == "zstd":
        zstd: Any = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
        opener, damage = zstd.open, zstd.ZstdError
    else:
        opener, damage = gzip.open, zlib.error
    try:
        with opener(file.path) if file.packing != "uncompressed" else Path(file.path).open("rb") as stream:
            yield cast("IO[bytes]", stream)
    except (EOFError, gzip.BadGzipFile, damage):
        rule = f"the {file.packing} data is damaged or cut short: compress the file again"
        raise BadInput(f"{file.path}: {rule}") from None


@contextmanager
def text_lines(file: DataFile, errors: str) -> Iterator[io.TextIOWrapper]:
    """Open the text with its line ends, without a byte order mark; ``errors``: what becomes of bytes not UTF-8."""
    with unpacked(file) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")


def not_text(file: DataFile) -> str:
    """Say that the file is no UTF-8."""
    return f"is not UTF-8 text: save the file as UTF-8 {file.format}"
