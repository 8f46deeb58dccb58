"""One evaluation log as arrays: a row for each graded sample, and in words where each number was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int8, UInt64

from simlab.records import brief
from simlab.tables import Skipped

MISSING, WRONG, CORRECT, ABSTAINED = -1, 0, 1, 2
"""The outcome of a sample: no grade; answered, and wrong; answered, and right; "I don't know"."""

FORMATS = {
    "lm-eval": "lm-evaluation-harness samples",
    "inspect": "Inspect AI log",
    "simpleqa": "SimpleQA gradings",
    "table": "table of grades",
}
"""The formats by the name that forces them, and in words."""


@dataclass(frozen=True, slots=True)
class Role:
    """Where one quantity was read from: ``confidence`` from the column ``p``, say. ``source`` is in words."""

    role: str
    source: str


@dataclass(frozen=True, slots=True)
class Oddity:
    """Rows of a log that are not as they should be: what they are called, how many, and where the first stands."""

    name: str
    rows: int
    first: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log: its path, its bytes on disk, its format (a key of ``FORMATS``) and how that was told."""

    path: str
    bytes: int
    format: str
    told_by: str


@brief
@dataclass(frozen=True, eq=False)
class EvalLog:
    """The graded samples of one model, in the order of the log; after voting, one row a question.

    Rows without a grade are counted in ``rows`` and ``missing`` and are in no array.
    """

    name: str
    files: tuple[LogFile, ...]
    mapping: tuple[Role, ...]
    rows: int
    """Rows read, those without a grade among them, those skipped as bad not."""
    missing: int
    """Rows left out because they have no grade."""
    question: UInt64[np.ndarray, " rows"]
    """Hashes of the ids: equal for samples of one question, in whatever log (2 of 2e6 ids agree with chance 1e-7)."""
    outcome: Int8[np.ndarray, " rows"]
    """WRONG, CORRECT or ABSTAINED."""
    confidence: Float[np.ndarray, " rows"]
    """The stated confidence or the share of votes, from 0 to 1; NaN where there is none."""
    choices: Int[np.ndarray, " rows"]
    """How many answers there were to choose from; 0 where that is not known."""
    votes: int | None = None
    """Samples that became votes on their questions; None where each row is a sample."""
    penalty: float | None = None
    """Points that a wrong answer cost, where the scores of the log say so; else None."""
    oddities: tuple[Oddity, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    model: str | None = None
    """The model, where the log names it."""
    task: str | None = None

    @property
    def has_confidence(self) -> bool:
        """Whether any row has a confidence."""
        return bool(np.isfinite(self.confidence).any())

    @property
    def sources(self) -> dict[str, str]:
        """Where each quantity was read from, by role; of files that differ in it, all of them."""
        found: dict[str, str] = {}
        for role in self.mapping:
            found[role.role] = f"{found[role.role]} or {role.source}" if role.role in found else role.source
        return found

    def odd(self, name: str) -> Oddity | None:
        """The oddity of that name, or None."""
        return next((one for one in self.oddities if one.name == name), None)
