"""What the caller asks of evaluation logs, checked before any file is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simlab.errors import BadInput, unknown
from simlab.logs.eval_log import FORMATS
from simlab.tables.settings import idk_of

MERGES = ("none", "model", "all")
"""Which files are one log: each by itself, those of one model, all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The format, the columns that were named, and the rules."""

    format: str | None = None
    id: str | None = None
    grade: str | None = None
    confidence: str | None = None
    answer: str | None = None
    model: str | None = None
    filter: str | None = None
    idk: tuple[str, ...] = ()
    correct_from: float = 1.0
    percent: bool = False
    choices: int | None = None
    votes: bool = True
    merge: str = "none"
    skip: bool = False


def wanted_of(
    *,
    format: str | None,
    columns: dict[str, str | None],
    idk: Sequence[str],
    correct_from: float,
    percent: bool,
    choices: int | None,
    votes: bool,
    merge: str,
    skip: bool,
) -> Wanted:
    """Return the settings, or raise ``BadInput`` for those that break a rule or cannot stand together."""
    if format is not None and format not in FORMATS:
        raise unknown("format", format, FORMATS)
    given: Any = columns
    for role, name in given.items():
        if name is not None and (not isinstance(name, str) or not name):
            raise BadInput(f"{role} = {name!r}: must be the name of a column, a text")
    for role in ("id", "confidence", "answer", "model"):
        same = next((other for other in columns if other != role and columns[other] == columns[role]), None)
        if columns[role] is not None and same is not None:
            raise BadInput(f"{role} and {same} are both {columns[role]!r}: name two columns")
    if merge not in MERGES:
        raise unknown("merge rule", merge, MERGES)
    if columns["model"] is not None and format not in (None, "table", "simpleqa"):
        raise BadInput(f"model = {columns['model']!r} with format = {format!r}: only a table has a column of models")
    if columns["filter"] is not None and format not in (None, "lm-eval"):
        raise BadInput(f"filter = {columns['filter']!r} with format = {format!r}: only lm-eval samples have filters")
    number: Any = correct_from
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 1:
        raise BadInput(
            f"correct_from = {number!r}: must be a number above 0 and up to 1, the score from which on an "
            "answer is right"
        )
    many: Any = choices
    if many is not None and (isinstance(many, bool) or not isinstance(many, int) or many < 2):
        raise BadInput(f"choices = {many!r}: must be a whole number of at least 2, the answers to choose from")
    return Wanted(
        format=format,
        **columns,
        idk=idk_of(idk),
        correct_from=float(correct_from),
        percent=bool(percent),
        choices=choices,
        votes=bool(votes),
        merge=merge,
        skip=bool(skip),
    )
