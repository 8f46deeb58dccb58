"""Grouping the rows of data files inside DuckDB: equal rows into facts, facts into prompts, prompts into classes.

Files are read strictly and every value as text. The columns and the separator are given to DuckDB, which guesses
nothing: '01' is not 1, and no sample of a file can change how the rest of it is read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int

from simlab.errors import BadInput
from simlab.tables.data_files import (
    LONGEST,
    DataFile,
    check_columns,
    header,
    place_of_row,
    recognised,
    refused,
    rejected,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLED = 1000
"""Lines of a JSON Lines file whose keys are looked at before all of them are."""

# a whole count as text -> BIGINT, anything else -> NULL; 3.0 and 2e6 are what programs write for 3 and 2000000
WHOLE = r"""CASE
    WHEN regexp_full_match({0}, '\s*\+?[0-9]+(\.0*)?\s*') THEN try_cast(regexp_extract({0}, '[0-9]+') AS BIGINT)
    WHEN regexp_full_match({0}, '\s*\+?[0-9](\.[0-9]+)?[eE]\+?[0-9]+\s*')
        AND try_cast({0} AS DOUBLE) = floor(try_cast({0} AS DOUBLE))
        THEN try_cast(try_cast({0} AS DOUBLE) AS BIGINT) END"""

MOST = 2**63 - 1
"""The largest count, and the largest number of draws: both are 64-bit integers."""

# in the order in which they are applied; ASCII text, for which Unicode's rules are the plain ones, stays in DuckDB
SPELLINGS = {
    "nfkc": "CASE WHEN strlen({0}) = length({0}) THEN {0} ELSE nfkc({0}) END",
    "case": "CASE WHEN strlen({0}) = length({0}) THEN lower({0}) ELSE fold_case({0}) END",
    "space": r"trim(regexp_replace({0}, '[\s\x0b\x1c-\x1f\x{{0085}}\p{{Z}}]+', ' ', 'g'))",
}


@dataclass(frozen=True)
class Classes:
    """Prompts that look alike, one entry a class, sorted: times answered, times IDK, distinct answers, how many."""

    answered: Int[np.ndarray, " classes"]
    idk: Int[np.ndarray, " classes"]
    answers: Int[np.ndarray, " classes"]
    multiplicity: Int[np.ndarray, " classes"]

    def where(self, keep: Bool[np.ndarray, " classes"]) -> Classes:
        """Return the classes that ``keep`` marks."""
        return Classes(self.answered[keep], self.idk[keep], self.answers[keep], self.multiplicity[keep])

    @property
    def draws(self) -> int:
        """N, the draws of all prompts."""
        return int(((self.answered + self.idk) * self.multiplicity).sum())

    @property
    def singletons(self) -> int:
        """The prompts answered exactly once."""
        return int(self.multiplicity[self.answered == 1].sum())


def open_file(con: DuckDBPyConnection, path: str | Path, wanted: Sequence[str] | None) -> DataFile:
    """Return the file at ``path`` with its columns, after checking that the ``wanted`` ones are among them.

    ``wanted = None`` asks for every column. The columns of a JSON Lines file are the keys of its objects. Raises
    ``BadInput`` for a file that is not there, a folder, unreadable, empty, of an unknown format, or without a sound
    header or a wanted column.
    """
    file = recognised(str(path))
    if file.format == "JSON Lines":
        columns = _keys(con, file, f"LIMIT {SAMPLED}")
        if wanted is None or not set(wanted) <= set(columns):
            columns = _keys(con, file, "")
    elif file.format == "Parquet":
        described = scan(con, file, f"DESCRIBE SELECT * FROM read_parquet({_literal(file)}, hive_partitioning = false)")
        columns = tuple(str(row[0]) for row in described)
    else:
        columns = header(file)
    if not columns:
        raise BadInput(f"{file.path}: has no column: a line of JSON Lines is an object with keys")
    file = replace(file, columns=columns)
    check_columns(file, wanted or ())
    if file.format == "JSON Lines":
        _check_distinct(file, columns if wanted is None else wanted)
    return file


def scan(con: DuckDBPyConnection, file: DataFile, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows that ``sql`` reads from ``file``; raise ``BadInput`` naming the first line that is bad."""
    import duckdb

    con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    try:
        result = con.execute(sql).fetchall()
    except (duckdb.OutOfMemoryException, duckdb.InternalException):
        raise
    except duckdb.Error as error:
        reason = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", str(error).strip().splitlines()[0])
        raise refused(file, reason) from None
    if file.separator:  # CSV and TSV, whose bad records are set aside
        first = con.execute(
            "SELECT line_byte_position, error_type, error_message FROM reject_errors "
            "ORDER BY line, column_idx, error_type LIMIT 1"
        ).fetchone()
        if first is not None:
            raise rejected(file, *first)
    return result


def load(con: DuckDBPyConnection, files: Sequence[DataFile], keys: Sequence[str], count: str | None) -> None:
    """Create the table ``raw (k0, k1, ..., n_rows, draws)``: the distinct values of the columns ``keys`` in ``files``.

    ``n_rows`` counts rows, ``draws`` adds up the column ``count`` (without one it equals ``n_rows``); a key is NULL
    where the value is missing or empty. Raises ``BadInput`` for a row that cannot be read, with file and line.
    """
    names = [f"k{i}" for i in range(len(keys))]
    listed = ", ".join(names)
    whole = WHOLE.format(f"k{len(keys)}")
    # sum() passes over NULL: one bad count must spoil its group
    draws = "count(*)" if count is None else f"CASE WHEN count(*) = count({whole}) THEN sum({whole}) END"
    con.execute(f"CREATE TEMP TABLE raw ({' VARCHAR, '.join(names)} VARCHAR, n_rows BIGINT, draws HUGEINT)")
    for file in files:
        rows = _relation(file, keys if count is None else [*keys, count])
        scan(con, file, f"INSERT INTO raw SELECT {listed}, count(*), {draws} FROM ({rows}) GROUP BY {listed}")
        if con.execute("SELECT 1 FROM raw WHERE draws IS NULL LIMIT 1").fetchone():
            raise _bad_count(con, file, str(count))
    if len(files) > 1:
        merged = f"SELECT {listed}, sum(n_rows)::BIGINT AS n_rows, sum(draws) AS draws FROM raw GROUP BY {listed}"
        con.execute(f"CREATE OR REPLACE TEMP TABLE raw AS {merged}")
    total = con.execute("SELECT sum(draws)::VARCHAR FROM raw").fetchall()[0][0]
    if int(total or 0) > MOST:
        raise BadInput(f"count {count!r}: adds up to {total}: at most 2^63 - 1 draws can be counted")


def respell(
    con: DuckDBPyConnection, spellings: Sequence[str], width: int, idk: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Create ``normalised`` from ``raw`` with its ``width`` keys respelt; return its name and ``idk`` respelt.

    ``spellings`` are keys of ``SPELLINGS``, applied in its order. Nothing to respell: ``raw`` itself is named.
    """
    if not spellings:
        return "raw", tuple(idk)
    con.create_function("nfkc", lambda text: unicodedata.normalize("NFKC", text), ["VARCHAR"], "VARCHAR")
    con.create_function("fold_case", lambda text: str(text).casefold(), ["VARCHAR"], "VARCHAR")

    def respelt(text: str) -> str:
        for rule in SPELLINGS:
            text = SPELLINGS[rule].format(text) if rule in spellings else text
        return text

    keys = ", ".join(f"nullif({respelt(f'k{i}')}, '') AS k{i}" for i in range(width))
    listed = ", ".join(f"k{i}" for i in range(width))
    con.execute(
        f"CREATE TEMP TABLE normalised AS SELECT {listed}, sum(n_rows)::BIGINT AS n_rows, sum(draws) AS draws "
        f"FROM (SELECT {keys}, n_rows, draws FROM raw) GROUP BY {listed}"
    )
    rows = con.execute(f"SELECT {respelt('k0')} FROM (SELECT unnest($1::VARCHAR[]) AS k0)", [list(idk)]).fetchall()
    return "normalised", tuple(str(row[0]) for row in rows)


def count_rows(con: DuckDBPyConnection, table: str, keys: Sequence[str]) -> tuple[int, int]:
    """Return the rows of ``table`` and how many of them are missing; create the view ``<table>_facts`` of the others.

    A row of (prompt, answer) is missing when one of them is, a whole row (no ``keys``) when all of its values are.
    """
    columns = [row[0] for row in con.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()]
    present = [f"{name} IS NOT NULL" for name in columns if name.startswith("k")]
    counts = f"({(' AND ' if keys else ' OR ').join(present)})"
    con.execute(f"CREATE TEMP VIEW {table}_facts AS SELECT * FROM {table} WHERE {counts} AND draws > 0")
    sums = (
        f"SELECT coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(n_rows) FILTER (NOT {counts}), 0)::BIGINT FROM {table}"
    )
    rows, missing = con.execute(sums).fetchall()[0]
    return int(rows), int(missing)


def prompt_classes(con: DuckDBPyConnection, table: str, keys: Sequence[str], idk: Sequence[str]) -> Classes:
    """Return the classes of prompts in ``<table>_facts``; without ``keys`` each distinct row is a prompt answered."""
    if not keys:
        return _classes(con, f"SELECT draws AS answered, 0 AS idk, 1 AS answers FROM {table}_facts", idk)
    return _classes(
        con,
        "SELECT sum(draws) FILTER (NOT unknown) AS answered, sum(draws) FILTER (unknown) AS idk, "
        f"count(*) FILTER (NOT unknown) AS answers FROM {_facts(table)} GROUP BY k0",
        idk,
    )


def pair_classes(con: DuckDBPyConnection, table: str) -> Classes:
    """Return the classes of (prompt, answer) pairs in ``<table>_facts``, with the number of the prompt's answers."""
    answers = "count(*) OVER (PARTITION BY k0)"
    return _classes(con, f"SELECT draws AS answered, 0 AS idk, {answers} AS answers FROM {_facts(table)}", ())


def answer_counts(con: DuckDBPyConnection, table: str, idk: Sequence[str]) -> tuple[int, int]:
    """Return the distinct answers in ``<table>_facts`` and the (prompt, answer) pairs seen exactly once, IDK apart."""
    sql = f"SELECT count(DISTINCT k1), count(*) FILTER (draws = 1) FROM {_facts(table)} WHERE NOT unknown"
    answers, once = con.execute(sql, {"idk": list(idk)}).fetchall()[0]
    return int(answers), int(once)


def _facts(table: str) -> str:
    """The facts of ``table``, with whether their answer is one of the texts ``$idk``, which mean IDK."""
    return f"(SELECT k0, k1, draws, list_contains($idk::VARCHAR[], k1) AS unknown FROM {table}_facts)"


def _classes(con: DuckDBPyConnection, prompts: str, idk: Sequence[str]) -> Classes:
    """The classes of the rows of the query ``prompts``: (answered, idk, answers) and how many rows are so."""
    each = f"SELECT coalesce(answered, 0)::BIGINT AS a, coalesce(idk, 0)::BIGINT AS i, answers AS r FROM ({prompts})"
    sql = f"SELECT a, i, r::BIGINT AS r, count(*) AS m FROM ({each}) GROUP BY ALL ORDER BY ALL"
    columns = con.execute(sql, {"idk": list(idk)} if "$idk" in sql else {}).fetchnumpy()
    return Classes(*(np.asarray(columns[name], dtype=np.int64) for name in "airm"))


def _bad_count(con: DuckDBPyConnection, file: DataFile, count: str) -> BadInput:
    """The error for the first row whose count is not a whole number."""
    con.execute("SET threads = 1; SET preserve_insertion_order = true")  # so that rows keep their numbers
    numbered = f"SELECT k0, row_number() OVER () AS row FROM ({_relation(file, [count])})"
    bad = f"SELECT k0, row FROM ({numbered}) WHERE {WHOLE.format('k0')} IS NULL ORDER BY row LIMIT 1"
    text, row = scan(con, file, bad)[0]
    place = place_of_row(file, row)
    shown = "empty" if text is None else repr(text)
    return BadInput(f"{file.path}, {place}: count {count!r} is {shown}: must be a whole number from 0 to 2^63 - 1")


def _relation(file: DataFile, names: Sequence[str]) -> str:
    """A SELECT of the columns ``names`` of ``file`` as k0, k1, ...: text, NULL where missing or empty."""
    packed = "gzip" if file.gzipped else "uncompressed"
    if file.format == "Parquet":
        source = f"read_parquet({_literal(file)}, hive_partitioning = false)"
        fields = [f"CAST({_quoted(name)} AS VARCHAR)" for name in names]
    elif file.format == "JSON Lines":
        columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in names)
        source = (
            f"read_json({_literal(file)}, format = 'newline_delimited', auto_detect = false, "
            f"columns = {{{columns}}}, compression = '{packed}', hive_partitioning = false)"
        )
        fields = [_quoted(name) for name in names]
    else:
        # named by position: DuckDB ignores the case of names and knows no empty one, a header may hold both
        columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(file.columns)))
        source = (
            f"read_csv({_literal(file)}, auto_detect = false, header = true, delim = '{file.separator}', "
            f"quote = '\"', escape = '\"', columns = {{{columns}}}, strict_mode = true, store_rejects = true, "
            f"max_line_size = {LONGEST}, compression = '{packed}', hive_partitioning = false)"
        )
        fields = [f"c{file.columns.index(name)}" for name in names]
    chosen = ", ".join(f"nullif({field}, '') AS k{i}" for i, field in enumerate(fields))
    return f"SELECT {chosen} FROM {source}"


def _keys(con: DuckDBPyConnection, file: DataFile, limit: str) -> tuple[str, ...]:
    """The keys of the objects in a JSON Lines file, sorted; of its first lines if there is a LIMIT."""
    objects = f"read_ndjson_objects({_literal(file)}, compression = '{'gzip' if file.gzipped else 'uncompressed'}')"
    first = f"(SELECT json FROM {objects} {limit})"
    rows = scan(con, file, f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM {first} ORDER BY key")
    return tuple(str(row[0]) for row in rows)


def _check_distinct(file: DataFile, names: Sequence[str]) -> None:
    """Raise for keys that DuckDB cannot tell apart (it ignores case) or cannot name (the empty one)."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name or not name:
            rule = f"differs from {other!r} in case only" if name else "is empty"
            raise BadInput(f"{file.path}: the name of column {name!r} {rule}: rename it")


def _literal(file: DataFile) -> str:
    """The absolute path as an SQL string in which ``*``, ``?`` and ``[`` stand for themselves."""
    path = re.sub(r"[*?\[]", r"[\g<0>]", str(Path(file.path).resolve()))
    return "'" + path.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
