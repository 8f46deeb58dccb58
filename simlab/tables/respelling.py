"""Spellings made one: SQL for a text in its normal form, fast where nothing is to be done.

Each rule first asks whether it could change the text at all, which most texts answer with no at the cost of one pass
over their bytes; only the others go through Python's ``unicodedata``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from simlab.tables.asking import Engine, ask

RULES = ("nfkc", "case", "space")
"""The rules, in the order in which they are applied."""

CONTROLS = (*range(9, 14), *range(28, 32))
"""White space in ASCII but for the plain space."""

WHITE = (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
"""White space beyond ASCII."""

LAST = 0x30000
"""The code points from here on are their own normal forms, or no characters."""

JAMO = {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
"""The letters of Hangul that NFKC joins to the one before."""

SURROGATES = range(0xD800, 0xE000)
"""No characters, and no part of UTF-8."""


ASCII = "strlen({0}) = length({0})"
"""Bytes and characters are as many; the question costs next to nothing."""

SPACED = " OR ".join(
    [
        "contains({0}, '  ')",
        "starts_with({0}, ' ')",
        "ends_with({0}, ' ')",
        *(f"contains({{0}}, chr({code}))" for code in CONTROLS),
        "(strlen({0}) <> length({0}) AND regexp_matches({0}, getvariable('white')))",
    ]
)
"""White space that is not one plain space between words; several short questions are faster than one pattern."""

SQL = {
    "nfkc": f"CASE WHEN {ASCII} OR NOT regexp_matches({{0}}, getvariable('composed')) THEN {{0}} ELSE nfkc({{0}}) END",
    "case": f"CASE WHEN {ASCII} OR NOT regexp_matches({{0}}, getvariable('folded')) THEN lower({{0}}) "
    "ELSE fold_case({0}) END",
    "space": f"CASE WHEN {SPACED} THEN trim(regexp_replace({{0}}, getvariable('spaces'), ' ', 'g')) ELSE {{0}} END",
}
"""Rule -> SQL for a text {0} after it."""


def prepare(engine: Engine) -> None:
    """Give the connection what the SQL of ``respelt`` calls."""
    engine.con.create_function("nfkc", lambda text: unicodedata.normalize("NFKC", text), ["VARCHAR"], "VARCHAR")
    engine.con.create_function("fold_case", lambda text: str(text).casefold(), ["VARCHAR"], "VARCHAR")
    spaces = _class((ord(" "), *CONTROLS, *WHITE)) + "+"
    for name, pattern in {
        "composed": _composed(),
        "folded": _folded(engine),
        "white": _class(WHITE),
        "spaces": spaces,
    }.items():
        ask(engine, f"SET VARIABLE {name} = '{pattern}'")


def respelt(rows: str, texts: Sequence[str], letter: str, rules: Collection[str]) -> tuple[str, list[str]]:
    """Return SQL for the query ``rows`` with its columns ``texts`` once more, respelt, and the names of these columns.

    Their names are ``letter`` and a number from 0. ``rules``: "nfkc" is Unicode's normal form KC, "case" its full case
    folding; "space" makes runs of white space one space and takes those at the ends away. NULL stays NULL. Call
    ``prepare`` first.
    """
    names = [f"{letter}{i}" for i in range(len(texts))]
    sql = f"SELECT *, {', '.join(f'{text} AS {name}' for text, name in zip(texts, names, strict=True))} FROM ({rows})"
    for rule in (rule for rule in RULES if rule in rules):
        # one level a rule, for the text stands several times in it
        sql = f"SELECT * REPLACE ({', '.join(f'{SQL[rule].format(name)} AS {name}' for name in names)}) FROM ({sql})"
    return sql, names


def _folded(engine: Engine) -> str:
    """The characters whose case folding is more than DuckDB's lower()."""
    codes = [code for code in range(128, LAST) if code not in SURROGATES]
    lower = ask(engine, "SELECT lower(chr(code)) FROM (SELECT unnest($codes) AS code)", {"codes": codes})
    return _class(code for code, row in zip(codes, lower, strict=True) if chr(code).casefold() != row[0])


@lru_cache(maxsize=1)
def _composed() -> str:
    """The characters that NFKC may change, by themselves or together with those before them."""
    codes = set(JAMO)
    for code in range(128, LAST):
        char = chr(code)
        if unicodedata.combining(char) or not unicodedata.is_normalized("NFKC", char):
            codes.add(code)
        parts = unicodedata.decomposition(char).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            codes.add(int(parts[1], 16))
    return _class(codes)


def _class(codes: Iterable[int]) -> str:
    """The code points as a class of a regular expression."""
    spans: list[list[int]] = []
    for code in sorted(set(codes) - set(SURROGATES)):
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in spans) + "]"
