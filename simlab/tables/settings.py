"""What the caller asks of a table, checked before any file is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simlab.errors import BadInput, unknown
from simlab.tables.respelling import RULES

CONFLICTS = ("majority", "drop", "all-valid")

ANY = 2**63 - 1
"""More rows than a table can have."""


@dataclass(frozen=True)
class Asked:
    """The columns that make a fact (none: the whole row), the rules, and what else is to be found out.

    ``spellings`` is the number of rows up to which they are compared, 0 for never.
    """

    keys: tuple[str, ...]
    count: str | None
    idk: tuple[str, ...]
    conflicts: str
    rules: tuple[str, ...]
    skip: bool
    examples: int
    order: bool
    spellings: int


def checked(
    prompt: str | None,
    answer: str | None,
    count: str | None,
    idk: Sequence[str],
    conflicts: str,
    normalize: str,
    skip: bool,
    examples: int,
    order: bool,
    spellings: bool | int,
) -> Asked:
    """Return the settings, or raise ``BadInput`` for those that break a rule or cannot stand together."""
    if (prompt is None) != (answer is None):
        given, lacking = ("prompt", "answer") if answer is None else ("answer", "prompt")
        value = answer if prompt is None else prompt
        raise BadInput(f"{given} = {value!r} without {lacking}: name both columns, or neither for whole rows")
    keys = () if prompt is None or answer is None else (prompt, answer)
    roles = {"prompt": prompt, "answer": answer, "count": count}
    for role, name in roles.items():
        if name is not None and not isinstance(name, str):
            raise BadInput(f"{role} = {name!r}: must be the name of a column, a text")
    for role, name in roles.items():
        same = next((other for other in roles if other != role and roles[other] == name), None)
        if name is not None and same is not None:
            raise BadInput(f"{role} and {same} are both {name!r}: name two columns")
    if conflicts not in CONFLICTS:
        raise unknown("conflicts rule", conflicts, CONFLICTS)
    if not isinstance(normalize, str):
        raise BadInput(f"normalize = {normalize!r}: must be a text, rules with commas such as 'case,space'")
    words = [word for word in normalize.split(",") if word != "none"]
    for word in words:
        if word not in RULES:
            raise unknown("normalize rule", word, [*RULES, "none"])
    texts = idk_of(idk)
    if texts and (conflicts == "all-valid" or not keys):
        other = "conflicts = 'all-valid'" if keys else "whole rows as facts"
        raise BadInput(f"idk = {texts[0]!r} with {other}: an IDK row belongs to no single fact: leave one out")
    if conflicts != "majority" and not keys:
        raise BadInput(f"conflicts = {conflicts!r} without prompt: whole rows cannot conflict: name prompt and answer")
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 0:
        raise BadInput(f"examples = {examples!r}: must be a whole number of at least 0, 10 for ten of each kind")
    if not isinstance(spellings, int) or spellings < 0:
        raise BadInput(
            f"spellings = {spellings!r}: must be True, False, or a whole number of at least 0, the most rows for which "
            "they are compared"
        )
    if order and count is not None:
        raise BadInput(
            f"order = True with count = {count!r}: an aggregated table has lost the order of its draws: leave one out"
        )
    rules = tuple(rule for rule in RULES if rule in words)
    most = ANY if spellings is True else int(spellings)
    return Asked(keys, count, texts, conflicts, rules, skip, examples, order, most)


def idk_of(idk: Sequence[str]) -> tuple[str, ...]:
    """Return the texts that mean IDK. Raises ``BadInput`` for what is no text, an empty one, and one not UTF-8."""
    given: Any = idk  # a caller in Python may pass anything
    if isinstance(given, bytes) or not isinstance(given, str | Sequence):
        raise BadInput(f"idk = {given!r}: must be a text or a list of texts")
    texts = (given,) if isinstance(given, str) else tuple(given)
    for text in texts:
        if not isinstance(text, str):
            raise BadInput(f"idk = {text!r}: must be a text")
        if not text:
            raise BadInput("idk = '': an empty answer is missing, not IDK: name the text that means IDK")
        if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise BadInput(f"idk = {text!r}: is not UTF-8 text, and no answer can be that: write it in UTF-8")
    return texts
