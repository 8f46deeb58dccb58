"""Spelling variants: how much of the singleton rate goes when texts are spelt alike.

Only prompts that some rule joins to another are looked at under each rule: the rest have the same counts whatever the
rule. They are found by one grouping of all prompts by their text after all rules, in a scan of its own: respelling
every row takes longer than all else, and only when the rows have been counted is it known whether it is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

from simlab.tables.asking import Engine, ask
from simlab.tables.grouping import PRESENT, good_rows
from simlab.tables.hashing import ANSWERED, MISSING, hashes, idk_texts, state
from simlab.tables.respelling import RULES, prepare, respelt
from simlab.tables.scanning import Source, scanned
from simlab.tables.settings import Asked

SPELLINGS = ((), *((rule,) for rule in RULES), RULES)
"""The rules that are compared: none, each alone, all."""


@dataclass(frozen=True)
class Spelling:
    """The table under one way of spelling, whatever the conflict rule: N, distinct prompts, those answered once."""

    rule: str
    draws: int
    prompts: int
    singletons: int

    @property
    def singleton_rate(self) -> float:
        """Sr = (prompts answered exactly once) / N."""
        return self.singletons / self.draws if self.draws else 0.0


def spelling_rates(engine: Engine, source: Source, asked: Asked) -> tuple[Spelling, ...]:
    """Return what the table is under each of ``SPELLINGS``; create the tables ``ways`` and ``joined``.

    ``ways`` holds the prompts as they are written, ``p``, and after all rules, ``s``, with the row's ``state`` and
    ``s_state``, an answer ``a`` and ``draws``. ``joined`` says of each ``s`` that some rule touches whether it is
    written in ``several`` ways, and counts all others.

    Prompts are known here by one hash of 64 bits: among 5e7 two pass for one with a chance of 7e-5, which moves a
    rate by 4e-8 at most. A rule alone is taken to join no prompts that all rules together keep apart; Unicode knows
    exceptions, such as an iota written below a letter before its accent.
    """
    if not asked.rules:  # else that is done
        prepare(engine)
    _respell(engine, source, asked)
    kept = f"draws > 0 AND (state <> {MISSING} OR s_state <> {MISSING})"
    several = "min(p) < max(p)"
    each = (
        f"SELECT s, coalesce(sum(draws::DOUBLE) FILTER (s_state = {ANSWERED}), 0) AS answered, {several} AS several, "
        f"{several} OR bool_or(state <> s_state) AS touched FROM ways WHERE {kept} GROUP BY s"
    )
    joined = (
        "SELECT CASE WHEN touched THEN s END AS s, several, NOT touched AND answered = 1 AS once, count(*) AS prompts "
        f"FROM ({each}) GROUP BY ALL"
    )
    ask(engine, f"CREATE TABLE joined AS {joined}")
    sums = "coalesce(sum(prompts), 0)::BIGINT, coalesce(sum(prompts) FILTER (once), 0)::BIGINT"
    prompts, singletons = ask(engine, f"SELECT {sums} FROM joined WHERE s IS NULL")[0]
    draws = ask(engine, f"SELECT sum(draws)::BIGINT FROM ways WHERE {PRESENT}")[0][0]
    found = _touched(engine, source, asked)
    return tuple(
        Spelling(",".join(rules) or "none", draws + n - found[0][0], prompts + more, singletons + once)
        for rules, (n, more, once) in zip(SPELLINGS, found, strict=True)
    )


def _respell(engine: Engine, source: Source, asked: Asked) -> None:
    """Create the table ``ways``."""
    rows, texts, draws = good_rows(source, asked)
    rows, spelt = respelt(rows, texts, "s", RULES)
    written, alike = hashes(texts, asked), hashes(spelt, asked)
    columns = (
        f"{written[0]} AS p",
        f"{state(asked, len(texts), asked.idk, written[0], written[-1])} AS state",
        f"{alike[0]} AS s",
        f"{state(asked, len(texts), idk_texts(engine, asked, RULES), alike[0], alike[-1])} AS s_state",
        f"min({written[2]}) AS a" if asked.keys else "0::UBIGINT AS a",
        f"{draws} AS draws",
    )
    grouped = f"SELECT {', '.join(columns)} FROM ({rows}) GROUP BY ALL"
    scanned(engine, source, f"CREATE TABLE ways AS {grouped}", "Comparing spellings")


def _touched(engine: Engine, source: Source, asked: Asked) -> list[tuple[int, int, int]]:
    """N, prompts and singletons under each of ``SPELLINGS`` among the prompts that some rule changes the counts of."""
    chosen = "SELECT DISTINCT p FROM ways WHERE s IN (SELECT s FROM joined WHERE s IS NOT NULL)"
    ask(engine, f"CREATE TABLE touched AS {chosen}")
    if not ask(engine, "SELECT 1 FROM touched LIMIT 1"):
        return [(0, 0, 0)] * len(SPELLINGS)
    rows, texts, draws = good_rows(source, asked)
    rows = f"SELECT * FROM ({rows}) WHERE {hashes(texts, asked)[0]} IN (SELECT p FROM touched)"
    columns = [f"{draws} AS draws"]
    for i, rules in enumerate(SPELLINGS):
        rows, spelt = respelt(rows, texts, "tuvwx"[i], rules)
        hashed = hashes(spelt, asked)
        told = state(asked, len(spelt), idk_texts(engine, asked, rules), hashed[0], hashed[-1])
        columns += [f"{hashed[0]} AS p{i}", f"{told} AS state{i}"]
    stage = "Reading prompts whose spelling varies"
    scanned(engine, source, f"CREATE TABLE variants AS SELECT {', '.join(columns)} FROM ({rows}) GROUP BY ALL", stage)
    found = []
    for i in range(len(SPELLINGS)):
        answered = f"coalesce(sum(draws) FILTER (state{i} = {ANSWERED}), 0) AS answered, sum(draws) AS draws"
        each = f"SELECT {answered} FROM variants WHERE state{i} <> {MISSING} AND draws > 0 GROUP BY p{i}"
        sums = "coalesce(sum(draws), 0)::BIGINT, count(*), count(*) FILTER (answered = 1)"
        found.append(ask(engine, f"SELECT {sums} FROM ({each})")[0])
    return found
