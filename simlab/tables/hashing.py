"""Texts as hashes: all of one size and small, where texts are long and their number is not known.

Grouping the texts themselves takes twice the time and, beyond some ten million of them, more memory than there is. A
prompt (or a whole row) is known by two hashes of 64 bits, so that among 5e7 prompts two pass for one with a chance of
4e-24; an answer by one, so that of 5e7 distinct answers |R| counts one too few with a chance of 7e-5. No other number
is touched by that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from simlab.tables.asking import Engine, ask
from simlab.tables.respelling import respelt
from simlab.tables.settings import Asked

ANSWERED, SILENT, MISSING = 0, 1, 2
"""The state of a row: it states a fact; it says IDK; its prompt or answer is missing (all of a whole row is)."""


def hashes(texts: Sequence[str], asked: Asked) -> tuple[str, ...]:
    """Return SQL for the hashes of the SQL ``texts``: two of the prompt and one of the answer, or two of a whole row.

    The second hash is that of the text behind an "x", which shifts it against the words of 64 bits that are hashed.
    """
    if asked.keys:
        prompt, answer = texts
        return f"hash({prompt})", f"hash('x' || {prompt})", f"hash({answer})"
    filled = [f"coalesce({text}, '')" for text in texts]
    shifted = [f"'x' || {text}" for text in filled]
    return f"hash({', '.join(filled)})", f"hash({', '.join(shifted)})"


def state(asked: Asked, width: int, idk: Sequence[str], prompt: str = "p", answer: str = "a") -> str:
    """Return SQL for the state of a row of ``width`` texts, told from the hashes of ``prompt`` and ``answer``.

    ``idk``: the texts that mean IDK, spelt as the answer is.
    """
    if not asked.keys:
        return f"CASE WHEN {prompt} = {hashes([literal('')] * width, asked)[0]} THEN {MISSING} ELSE {ANSWERED} END"
    nothing = "(hash(''), hash(NULL::VARCHAR))"
    silent = f"WHEN {answer} IN ({', '.join(f'hash({literal(text)})' for text in idk)}) THEN {SILENT} " if idk else ""
    return f"CASE WHEN {prompt} IN {nothing} OR {answer} IN {nothing} THEN {MISSING} {silent}ELSE {ANSWERED} END"


def idk_texts(engine: Engine, asked: Asked, rules: Collection[str]) -> list[str]:
    """Return the texts that mean IDK after ``rules``."""
    rows, _ = respelt("SELECT unnest($idk::VARCHAR[]) AS k", ["k"], "s", rules)
    return [
        str(row[0]) for row in ask(engine, f"SELECT DISTINCT s0 FROM ({rows}) ORDER BY s0", {"idk": list(asked.idk)})
    ]


def literal(text: str) -> str:
    """Return ``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
