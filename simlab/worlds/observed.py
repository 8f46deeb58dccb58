"""Worlds of observed facts: popularity = observed frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from simlab.errors import BadInput
from simlab.worlds.laws import birthdays
from simlab.worlds.world import MOST, World, whole

if TYPE_CHECKING:
    from simlab.tables import FactTable


def from_counts(counts: Sequence[int] | Int[np.ndarray, " facts"], **answers: Any) -> World:
    """Popularity = observed frequency: one positive whole count a fact; facts seen equally often are one class."""
    level, facts = np.unique(whole("counts", counts, 1), return_counts=True)
    return from_counts_of_counts(dict(zip(level.tolist(), facts.tolist(), strict=True)), **answers)


def from_counts_of_counts(facts: Mapping[int, int], **answers: Any) -> World:
    """Popularity = observed frequency, from {k: the number of facts seen k times}, one class a count."""
    level, number = whole("times seen", list(facts), 1), whole("facts", list(facts.values()), 1)
    total = float((level.astype(float) * number).sum())
    return World(f"from_counts({int(number.sum())} facts)", number, level / total, **birthdays(answers, len(number)))


def from_facts(table: FactTable, n_answers: int | None = None) -> World:
    """Build the world of a table of facts: popularity = observed frequency, alpha_c = share of answered rows.

    |R_c| is the number of distinct answers in the whole table, or ``n_answers``; of a prompt with several valid
    answers (``conflicts="all-valid"``) the other valid ones are no errors.
    """
    size = table.distinct_answers if n_answers is None else n_answers
    if size > MOST:
        raise BadInput(f"n_answers = {size}: must be a whole number of at most {MOST:.0e}")
    if size - int(table.valid.max()) < 1:
        raise BadInput(
            f"answers = {size}: each prompt needs at least one wrong answer to be mistaken for; "
            "say how many answers are plausible with --n-answers N"
        )
    times = table.answered + table.idk
    return World(
        f"from_table({table.prompts} prompts)",
        table.multiplicity,
        times / table.draws,
        size - (table.valid - 1),
        table.answered / times,
    )


def from_table(paths: Any, prompt: str, answer: str, *, n_answers: int | None = None, **reading: Any) -> World:
    """Build the world of a CSV, JSONL or Parquet file; see ``simlab.tables.read_facts`` for the ``reading`` options."""
    from simlab.tables import read_facts

    return from_facts(read_facts(paths, prompt=prompt, answer=answer, **reading), n_answers)
