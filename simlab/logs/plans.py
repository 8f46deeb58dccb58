"""What is read of a table: SQL over its columns for each quantity of a row."""

from __future__ import annotations

from dataclasses import dataclass

from simlab.logs.asking import Wanted
from simlab.logs.choosing import chosen
from simlab.logs.eval_log import Role
from simlab.tables.data_files import DataFile

SAID = r"rtrim(lower(trim(regexp_replace({0}, '\s+', ' ', 'g'))), ' .')"
"""An answer as it is compared, in SQL: small letters, words one space apart, no stop at its end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """SQL over the columns k0, k1, ... of a file for each quantity of a row, None where the log does not have it."""

    names: tuple[str, ...]
    mapping: tuple[Role, ...]
    grade: str
    id: str | None = None
    confidence: str | None = None
    stated: bool = True
    """Whether the confidence is a text of the file, and not computed from others."""
    answer: str | None = None
    silent: str | None = None
    choices: str | None = None
    model: str | None = None
    filter: str | None = None
    likelihoods: str | None = None
    """SQL for the log-likelihoods of the choices, a list that the others know as ``likelihoods``."""


def plain_plan(file: DataFile, wanted: Wanted) -> Plan:
    """What to read of a plain table: each role from the column that was named, or that has a name for it."""
    columns = chosen(file.path, file.columns, wanted)
    names = columns.columns()

    def at(name: str | None) -> str | None:
        return None if name is None else f"k{names.index(name)}"

    roles = {
        "id": columns.id,
        "grade": columns.grade,
        "confidence": columns.confidence,
        "answer": columns.answer,
        "target": columns.target,
        "abstained": columns.abstained,
        "choices": columns.choices,
        "model": columns.model,
    }
    grade = at(columns.grade)
    assert grade is not None
    return Plan(
        names=names,
        mapping=tuple(Role(role, f"column {name!r}") for role, name in roles.items() if name is not None),
        grade=grade,
        id=at(columns.id),
        confidence=at(columns.confidence),
        answer=at(columns.answer),
        silent=at(columns.abstained),
        choices=at(columns.choices),
        model=at(columns.model),
    )
