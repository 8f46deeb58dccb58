"""Facts to look at: the commonest, some that stand once, some conflicts, some spellings of one prompt.

Examples are the first in the order of their hashes: a sample that depends neither on the order of the rows nor on the
number of threads. Their texts are looked up in the files by one more scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simlab.tables.asking import Engine, ask
from simlab.tables.grouping import PRESENT, good_rows
from simlab.tables.hashing import ANSWERED, hashes
from simlab.tables.respelling import respelt
from simlab.tables.scanning import Source, scanned
from simlab.tables.settings import Asked


@dataclass(frozen=True)
class Fact:
    """A fact and how often it stands; without a prompt ``answer`` is a whole row, ``"column=value, column=value"``."""

    prompt: str | None
    answer: str
    count: int


@dataclass(frozen=True)
class Conflict:
    """A prompt with several answers: how many there are, and the commonest of them, each with its count."""

    prompt: str
    answers: int
    commonest: tuple[Fact, ...]


@dataclass(frozen=True)
class Examples:
    """Facts after normalising, at most as many of each kind as were asked for.

    ``commonest`` facts, those that stand most often first; ``singletons``, prompts answered exactly once;
    ``conflicts``; and ``spellings``: for some prompts that all rules of spelling join, the ways in which they are
    written (empty unless spellings were compared).
    """

    commonest: tuple[Fact, ...]
    singletons: tuple[Fact, ...]
    conflicts: tuple[Conflict, ...]
    spellings: tuple[tuple[str, ...], ...]


Key = tuple[int, int]
"""The hashes of a prompt and of an answer."""


def examples_of(engine: Engine, source: Source, asked: Asked, compared: bool) -> Examples:
    """Return examples of what ``prompt_classes`` has counted in ``spelt``, ``spelling_rates`` if ``compared``."""
    n = asked.examples
    stated = f"FROM spelt WHERE {PRESENT} AND state = {ANSWERED}"
    common = ask(engine, f"SELECT p, a, draws::BIGINT {stated} ORDER BY draws DESC, p, q, a LIMIT {n}")
    once = ask(engine, f"SELECT p, a, draws::BIGINT {stated} AND p IN ({_least('answered = 1', n)}) ORDER BY p, a")
    rank = "row_number() OVER (PARTITION BY p ORDER BY draws DESC, a)"
    several = ask(
        engine,
        f"SELECT p, a, draws::BIGINT, count(*) OVER (PARTITION BY p) {stated} "
        f"AND p IN ({_least('answers > 1', n)}) QUALIFY {rank} <= {n} ORDER BY p, draws DESC, a",
    )
    variants = ask(engine, _variants(n)) if compared else []
    keys = [(row[0], row[1]) for row in (*common, *once, *several)]
    raw = _as_written(engine, asked, keys) if asked.rules else {key: key for key in keys}
    written = [(p, a) for _, p, a in variants]
    texts = _texts(engine, source, asked, {*raw.values(), *written})

    def fact(p: int, a: int, count: int) -> Fact:
        *prompt, answer = _shown(texts[raw[p, a]][1], source, asked)
        return Fact(prompt[0] if prompt else None, answer, count)

    conflicts: dict[int, list[tuple[int, int, int, int]]] = {}
    for row in several:
        conflicts.setdefault(row[0], []).append(row)
    joined: dict[int, list[str]] = {}
    for s, p, a in variants:
        joined.setdefault(s, []).append(_shown(texts[p, a][0], source, asked)[0])
    return Examples(
        commonest=tuple(
            sorted((fact(*row) for row in common), key=lambda one: (-one.count, str(one.prompt), one.answer))
        ),
        singletons=tuple(fact(*row) for row in once),
        conflicts=tuple(
            Conflict(str(fact(*rows[0][:3]).prompt), rows[0][3], tuple(fact(*row[:3]) for row in rows))
            for rows in conflicts.values()
        ),
        spellings=tuple(tuple(sorted(ways)) for ways in joined.values()),
    )


def _least(which: str, n: int) -> str:
    """The least ``n`` hashes of the prompts of some classes."""
    return f"SELECT unnest(least) AS p FROM spelt_classes WHERE {which} ORDER BY p LIMIT {n}"


def _variants(n: int) -> str:
    """At most ``n`` ways of writing each of ``n`` prompts that are joined: the joint hash, and hashes of a row."""
    chosen = f"SELECT s FROM joined WHERE several AND s NOT IN (hash(''), hash(NULL::VARCHAR)) ORDER BY s LIMIT {n}"
    ways = f"SELECT s, p, min(a) AS a FROM ways WHERE {PRESENT} AND s IN ({chosen}) GROUP BY s, p"
    return f"{ways} QUALIFY row_number() OVER (PARTITION BY s ORDER BY p) <= {n} ORDER BY s, p"


def _as_written(engine: Engine, asked: Asked, keys: Iterable[Key]) -> dict[Key, Key]:
    """One row, as it was written, for each of the normalised facts ``keys``."""
    listed = ", ".join(str(p) for p in sorted({p for p, _ in keys})) or "NULL"
    answer = "na" if asked.keys else "0::UBIGINT"
    row = "min({'p': p, 'a': a})"
    rows = ask(engine, f"SELECT np, {answer} AS na, {row} FROM raw WHERE np IN ({listed}) GROUP BY ALL")
    return {(p, a): (one["p"], one["a"]) for p, a, one in rows}


def _texts(
    engine: Engine, source: Source, asked: Asked, keys: Iterable[Key]
) -> dict[Key, tuple[Sequence[str | None], Sequence[str | None]]]:
    """The texts of the rows ``keys``, as they are written and after ``asked.rules``."""
    listed = ", ".join(str(p) for p in sorted({p for p, _ in keys}))
    if not listed:
        return {}
    rows, texts, _ = good_rows(source, asked)
    hashed = hashes(texts, asked)
    answer = hashed[2] if asked.keys else "0::UBIGINT"
    rows = f"SELECT *, {hashed[0]} AS p, {answer} AS a FROM ({rows}) WHERE {hashed[0]} IN ({listed})"
    rows, spelt = respelt(rows, texts, "n", asked.rules)
    values = ", ".join(f"min({name})" for name in (*texts, *spelt))
    found = scanned(engine, source, f"SELECT p, a, {values} FROM ({rows}) GROUP BY p, a", "Looking up examples")
    width = len(texts)
    return {(row[0], row[1]): (row[2 : 2 + width], row[2 + width :]) for row in found}


def _shown(texts: Sequence[str | None], source: Source, asked: Asked) -> list[str]:
    """Prompt and answer; or a whole row in one text."""
    if asked.keys:
        return [str(text) for text in texts]
    filled = [f"{name}={text}" for name, text in zip(source.names, texts, strict=False) if text]
    return [", ".join(filled)]
