"""Grouping rows inside DuckDB: equal rows into facts, facts into prompts, prompts into classes.

The files are read once, into a table of their distinct rows; all other numbers come from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from simlab.errors import BadInput
from simlab.records import brief
from simlab.tables.asking import Engine, ask, ask_columns
from simlab.tables.hashing import ANSWERED, MISSING, SILENT, hashes, idk_texts, state
from simlab.tables.respelling import prepare, respelt
from simlab.tables.scanning import Source, in_order, relation, scanned
from simlab.tables.settings import Asked

# a whole count as text -> BIGINT, anything else -> NULL; 3.0 and 2e6 are what programs write for 3 and 2000000
WHOLE = r"""CASE
    WHEN regexp_full_match({0}, '\s*\+?[0-9]+(\.0*)?\s*') THEN try_cast(regexp_extract({0}, '[0-9]+') AS BIGINT)
    WHEN regexp_full_match({0}, '\s*\+?[0-9](\.[0-9]+)?[eE]\+?[0-9]+\s*')
        AND try_cast({0} AS DOUBLE) = floor(try_cast({0} AS DOUBLE))
        THEN try_cast(try_cast({0} AS DOUBLE) AS BIGINT) END"""

PRESENT = f"state <> {MISSING} AND draws > 0"
"""The rows that count, in SQL."""

MOST = 2**63 - 1
"""The largest count, and the largest number of draws: both are 64-bit integers."""


@brief
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


def load(engine: Engine, source: Source, asked: Asked, stage: str) -> None:
    """Read ``source`` once, into the table ``read_rows`` of its distinct rows, as hashes.

    ``p, q, a`` stand for prompt and answer as they are written, ``np, nq, na`` for both after ``asked.rules``.
    ``n_rows`` counts rows, ``draws`` adds up the column of counts; a count that cannot be read makes it NULL, unless
    the source skips such rows. ``earliest`` and ``latest`` number the first and the last of the rows from 0. Columns
    that nobody asked for are not there.
    """
    rows, texts, draws = good_rows(source, asked)
    columns = _named(("p", "q", "a"), hashes(texts, asked))
    if asked.rules:
        prepare(engine)
        rows, spelt = respelt(rows, texts, "n", asked.rules)
        columns += _named(("np", "nq", "na"), hashes(spelt, asked))
    columns.append("count(*) AS n_rows")
    if asked.count is not None:
        columns.append(f"{draws} AS draws")
    if asked.order:
        columns += ["min(row) AS earliest", "max(row) AS latest"]
    with in_order(engine, asked.order):
        grouped = f"SELECT {', '.join(columns)} FROM ({rows}) GROUP BY ALL"
        scanned(engine, source, f"CREATE TABLE read_rows AS {grouped}", stage)


def good_rows(source: Source, asked: Asked) -> tuple[str, list[str], str]:
    """Return SQL for the rows of ``source``, the names of the texts in them, and SQL for the draws of a group of rows.

    Rows with a bad count are left out where bad rows are skipped.
    """
    texts = [f"k{i}" for i in range(len(source.names) - (asked.count is not None))]
    rows, whole = relation(source, numbered=asked.order), WHOLE.format(f"k{len(texts)}")
    if asked.count is None:
        return rows, texts, "count(*)"
    if asked.skip:
        return f"SELECT * FROM ({rows}) WHERE {whole} IS NOT NULL", texts, f"sum({whole})"
    # sum() passes over NULL: one bad count must spoil its group
    return rows, texts, f"CASE WHEN count(*) = count({whole}) THEN sum({whole}) END"


def merge(engine: Engine, asked: Asked, width: int) -> None:
    """Create the views ``raw`` and ``spelt`` of ``read_rows``: texts as written, and after ``asked.rules``.

    Both have ``p, q, a, n_rows, draws, state`` and what else was asked for. Raises ``BadInput`` when the counts add up
    to too much.
    """
    total = ask(engine, "SELECT sum(draws)::VARCHAR FROM read_rows")[0][0] if asked.count is not None else 0
    if int(total or 0) > MOST:
        raise BadInput(f"count {asked.count!r}: adds up to {total}: at most 2^63 - 1 draws can be counted")
    draws = "draws" if asked.count is not None else "n_rows"
    order = ", min(earliest) AS earliest, max(latest) AS latest" if asked.order else ""
    answer = "" if asked.keys else ", 0::UBIGINT AS a"
    same = "" if asked.count is not None else ", n_rows AS draws"
    told = state(asked, width, asked.idk)
    ask(engine, f"CREATE VIEW raw AS SELECT *{answer}{same}, {told} AS state FROM read_rows")
    if not asked.rules:
        ask(engine, "CREATE VIEW spelt AS SELECT * FROM raw")
        return
    answer = "na" if asked.keys else "0::UBIGINT"
    sums = f"sum(n_rows)::BIGINT AS n_rows, sum({draws}) AS draws{order}"
    grouped = f"SELECT np AS p, nq AS q, {answer} AS a, {sums} FROM read_rows GROUP BY ALL"
    ask(engine, f"CREATE TABLE merged AS {grouped}", stage="Merging spellings")
    told = state(asked, width, idk_texts(engine, asked, asked.rules))
    ask(engine, f"CREATE VIEW spelt AS SELECT *, {told} AS state FROM merged")


def count_rows(engine: Engine, view: str) -> tuple[int, int]:
    """Return the rows of ``view`` and how many of them are missing."""
    sums = f"coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(n_rows) FILTER (state = {MISSING}), 0)::BIGINT"
    rows, missing = ask(engine, f"SELECT {sums} FROM {view}")[0]
    return int(rows), int(missing)


def prompt_classes(engine: Engine, view: str, asked: Asked, widths: Sequence[int] = ()) -> Classes:
    """Return the classes of prompts in ``view``, each distinct whole row a prompt; create the table ``<view>_classes``.

    Beside ``answered, idk, answers`` and the number ``prompts`` it has, where examples are asked for, ``least``: the
    least hashes of prompts answered once or with several answers; and for each of ``widths`` a column ``within_<i>``:
    how many prompts have all their answers within so many rows.
    """
    if asked.keys:
        known, silent = (f" FILTER (state = {one})" if asked.idk else "" for one in (ANSWERED, SILENT))
        span = f", max(latest){known} - min(earliest){known} AS span" if widths else ""
        idk = f"sum(draws){silent}" if asked.idk else "0"
        each = (
            f"SELECT p, sum(draws){known} AS answered, {idk} AS idk, count(*){known} AS answers{span} "
            f"FROM {view} WHERE {PRESENT} GROUP BY p, q"
        )
    else:
        span = ", latest - earliest AS span" if widths else ""
        each = f"SELECT p, draws AS answered, 0 AS idk, 1 AS answers{span} FROM {view} WHERE {PRESENT}"
    numbers = [f"coalesce({name}, 0)::BIGINT AS {name}" for name in ("answered", "idk", "answers")]
    more = [f"count(*) FILTER (span <= {width}) AS within_{i}" for i, width in enumerate(widths)]
    if asked.examples:
        more.append(f"min(p, {asked.examples}) FILTER (answered = 1 OR answers > 1) AS least")
    grouped = f"SELECT {', '.join([*numbers, 'count(*) AS prompts', *more])} FROM ({each}) GROUP BY ALL"
    ask(engine, f"CREATE TABLE {view}_classes AS {grouped}", stage="Grouping prompts")
    columns = ask_columns(engine, f"SELECT answered, idk, answers, prompts FROM {view}_classes ORDER BY ALL")
    return _classes(columns)


def pair_classes(engine: Engine, view: str) -> Classes:
    """Return the classes of (prompt, answer) pairs in ``view``, with the number of the prompt's answers."""
    answers = f"SELECT p, q, count(*) AS answers FROM {view} WHERE {PRESENT} GROUP BY p, q"
    pairs = f"SELECT draws, answers FROM {view} JOIN ({answers}) USING (p, q) WHERE {PRESENT}"
    numbers = "draws::BIGINT AS answered, 0::BIGINT AS idk, answers, count(*) AS prompts"
    return _classes(
        ask_columns(engine, f"SELECT {numbers} FROM ({pairs}) GROUP BY ALL ORDER BY ALL", stage="Grouping answers")
    )


def answer_counts(engine: Engine, view: str) -> tuple[int, int, float]:
    """Return the distinct answers in ``view``, the (prompt, answer) pairs seen once, and the commonest answer's share.

    IDK is no answer, and its draws are none of those shared.
    """
    stated = f"FROM {view} WHERE {PRESENT} AND state = {ANSWERED}"
    sums = "count(*), coalesce(max(draws), 0)::BIGINT, coalesce(sum(draws), 1)::BIGINT"
    each = f"SELECT a, sum(draws) AS draws {stated} GROUP BY a"
    answers, most, draws = ask(engine, f"SELECT {sums} FROM ({each})", stage="Counting answers")[0]
    once = ask(engine, f"SELECT count(*) {stated} AND draws = 1")[0][0]
    return int(answers), int(once), int(most) / int(draws)


def _named(names: Sequence[str], expressions: Sequence[str]) -> list[str]:
    """SQL that gives the expressions their names, as many as there are."""
    return [f"{expression} AS {name}" for name, expression in zip(names, expressions, strict=False)]


def _classes(columns: dict[str, np.ndarray]) -> Classes:
    return Classes(*(np.asarray(columns[name], dtype=np.int64) for name in ("answered", "idk", "answers", "prompts")))
