"""What is known of a table of facts: counts of counts, and what else was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from simlab.records import brief
from simlab.tables.examples import Examples
from simlab.tables.order import Order
from simlab.tables.skipping import Skipped
from simlab.tables.variants import Spelling


@dataclass(frozen=True)
class FileRead:
    """One file that was read: bytes on disk, and rows where the file says it (Parquet), else None."""

    path: str
    bytes: int
    rows: int | None


@brief
@dataclass(frozen=True, eq=False)
class FactTable:
    """What a table says about its facts, as counts of counts.

    ``facts``, ``distinct_answers``, ``commonest_answer``, ``conflicts`` and ``answers_per_prompt`` describe the whole
    table (without the rows left out as missing); ``draws``, ``prompts``, the rates and the classes what is left of it
    after the conflict rule. One entry of the arrays stands for ``multiplicity`` prompts (pairs with "all-valid") that
    look alike; entries are sorted by (answered, idk, valid), and ``sum((answered + idk) * multiplicity) == draws``.
    """

    path: tuple[str, ...]
    """The files, as they were named, those of a pattern one by one."""
    rows: int
    """Rows read, those with a missing prompt or answer included, those skipped as bad not; a row counts once whatever
    its count."""
    missing: int
    """Rows left out because their prompt or answer is NULL or empty (NULL is missing, it is not IDK)."""
    draws: int
    """N: the rows that count, IDK rows included, each weighted by its count."""
    prompts: int
    """Distinct prompts, those answered IDK only included."""
    facts: int
    """Distinct (prompt, answer) pairs, IDK not counted."""
    distinct_answers: int
    """|R|: distinct answers, IDK not counted; 0 where the whole row is the fact."""
    conflicts: int
    """Prompts with more than one distinct answer."""
    answers_per_prompt: float
    """Distinct answers per prompt answered at all, the conflict statistic (it is not |R|); 0 without answers."""
    singleton_rate: float
    """sr = (prompts answered exactly once) / N."""
    singleton_rate_raw: float
    """The sr that ``normalize="none"`` gives (NaN if "drop" then leaves no row)."""
    pair_singleton_rate: float
    """(pairs seen exactly once) / N."""
    answered: Int[np.ndarray, " classes"]
    """Times a prompt of the class was answered (a pair of the class was seen, with "all-valid")."""
    idk: Int[np.ndarray, " classes"]
    """Times it was answered IDK."""
    valid: Int[np.ndarray, " classes"]
    """Distinct valid answers of the prompt: 1 unless conflicts = "all-valid"."""
    multiplicity: Int[np.ndarray, " classes"]
    """Prompts (pairs, with "all-valid") in the class."""
    commonest_answer: float = 0.0
    """The share of the draws of the whole table that state an answer which state the commonest one; 0 where the whole
    row is the fact."""
    prompts_by_answers: tuple[tuple[int, int], ...] = ()
    """(Distinct answers, how many prompts of the whole table have so many), by answers; 0 answers: IDK only."""
    files: tuple[FileRead, ...] = ()
    """The files, with their sizes."""
    skipped: tuple[Skipped, ...] = ()
    """What was passed over as bad, by file and rule; always empty unless ``skip_bad_rows``."""
    examples: Examples | None = None
    """Facts to look at; None unless ``examples`` were asked for."""
    order: Order | None = None
    """How near the rows of one prompt lie; None unless ``order`` was asked for."""
    spellings: tuple[Spelling, ...] | None = None
    """The table with no rule of spelling, with each alone, and with all; None unless ``spellings`` was asked for
    and the table has no more rows than that."""

    @property
    def idk_draws(self) -> int:
        """The draws that say IDK: their share of N is 1 - alpha over all prompts."""
        return int((self.idk * self.multiplicity).sum())
