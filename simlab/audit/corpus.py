"""The audit of a corpus: the table is read once, and everything else comes from its counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simlab.audit.contents import (
    idk_unused,
    many_conflicts,
    one_answer,
    skipped_rows,
    spelling_variants,
    spellings_left_out,
)
from simlab.audit.finding import Finding
from simlab.audit.floors import Answers, answers_of, floors_of
from simlab.audit.outlook import curve_of, rows_needed
from simlab.audit.premises import deduplicated, deduplicated_pairs, no_singletons, too_few_rows, without_replacement
from simlab.audit.record import Conflicts, CorpusAudit, MissingMass, Question, Singletons, Size
from simlab.audit.runs import clustered
from simlab.errors import BadInput
from simlab.estimates import check_level
from simlab.missing_mass import CountsOfCounts, certificate, chao_jost, good_turing
from simlab.missing_mass.counts import counts_of_cells
from simlab.missing_mass.exponent import frequency_exponent
from simlab.tables import FactTable, read_facts
from simlab.tables.settings import idk_of
from simlab.terminal.interruption import put_off
from simlab.terminal.numerals import count as whole_number
from simlab.terminal.numerals import share
from simlab.worlds import from_facts
from simlab.worlds.world import MOST

EXAMPLES = 10
"""Facts of each kind that are shown."""
SPELLED = 5_000_000
"""The most rows of a table whose spellings are compared unasked."""


def audit_corpus(
    paths: str | Path | Sequence[str | Path],
    *,
    prompt: str | None = None,
    answer: str | None = None,
    count: str | None = None,
    idk: Sequence[str] = (),
    conflicts: str = "majority",
    normalize: str = "none",
    n_answers: int | None = None,
    level: float = 0.95,
    target: float = 0.05,
    skip_bad_rows: bool = False,
    examples: bool = True,
    order_check: bool = True,
    spelling_check: bool | None = None,
    seed: int = 0,
    memory_limit: str | int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> CorpusAudit:
    """Read a table of facts and return what it implies for a model that learns from it, with every premise checked.

    - ``paths``, ``prompt``, ``answer``, ``count``, ``idk``, ``conflicts``, ``normalize``, ``memory_limit``,
      ``skip_bad_rows``, ``progress``: as in ``simlab.tables.read_facts``. Without ``prompt`` and ``answer`` the whole
      row is the fact: there is a missing mass and no floor.
    - ``n_answers``: |R_c|, the plausible answers of a prompt; default: the distinct answers in the table.
    - ``level``: of every interval, and the confidence of the certificate.
    - ``target``: the floor (without answers: the missing mass) for which ``more_rows`` says how many it takes.
    - ``examples``: whether texts of the table are to be in the record at all.
    - ``order_check``: whether to ask if repeats come in runs (never with ``count``, which has no order).
    - ``spelling_check``: whether to compare the rates after normalising, which respells every row and takes longer than
      all else; None does so up to ``SPELLED`` rows, and leaves a note beyond.
    - ``seed``: of the bootstrap behind the coverage curve and ``more_rows``; nothing else is sampled.

    The floors take rows for i.i.d. draws and answers for arbitrary (arXiv 2509.04664 v1, Definition 1); what in the
    rows speaks against that is among the ``findings``. Raises ``BadInput`` for a setting that breaks a rule, before
    anything is read, and as ``read_facts`` does.
    """
    if n_answers is not None and answer is None:
        raise BadInput(f"n_answers = {n_answers} without answer: without answers it has no meaning")
    asked = Question(
        prompt=prompt,
        answer=answer,
        count=count,
        idk=idk_of(idk),
        conflicts=conflicts,
        normalize=normalize,
        n_answers=None if n_answers is None else whole_number("n_answers", n_answers, 2, MOST),
        level=check_level(level),
        target=share("target", target),
        seed=whole_number("seed", seed, 0),
        spelling_check=spelling_check,
    )
    table = read_facts(
        paths,
        prompt=prompt,
        answer=answer,
        count=count,
        idk=asked.idk,
        conflicts=conflicts,
        normalize=normalize,
        memory_limit=memory_limit,
        skip_bad_rows=skip_bad_rows,
        examples=EXAMPLES if examples else 0,
        order=order_check and count is None,
        spellings=SPELLED if spelling_check is None else spelling_check,
        progress=progress,
    )
    if progress is not None:
        progress("Estimating", 0.0)
    with put_off():  # a signal would be lost in what numba compiles; this takes seconds
        return audit_table(table, asked)


def audit_table(table: FactTable, asked: Question) -> CorpusAudit:
    """Return the audit of a table that was read as ``asked`` says."""
    counts = table_counts(table)
    rng = np.random.default_rng(asked.seed)
    mass = MissingMass(
        good_turing=good_turing(counts, level=asked.level),
        score=good_turing(counts, level=asked.level, interval="score"),
        chao_jost=chao_jost(counts, level=asked.level),
        certificate=certificate(counts, gamma=1 - asked.level),
    )
    singletons = Singletons(
        singleton_rate=counts.singleton_rate,
        prompts=table.singleton_rate,
        pairs=table.pair_singleton_rate,
        respelt={one.rule: one.singleton_rate for one in table.spellings or ()},
    )
    conflicts = _conflicts(table, asked.conflicts) if asked.answer else None
    answers = _answers(table, asked)
    fits = frequency_exponent(counts, level=asked.level)
    return CorpusAudit(
        files=table.files,
        asked=asked,
        size=_size(table),
        skipped=table.skipped,
        counts=counts,
        singletons=singletons,
        missing_mass=mass,
        answers=answers,
        floors=None if answers is None else floors_of(counts, answers, mass.certificate),
        conflicts=conflicts,
        coverage=curve_of(counts, asked.level, rng),
        power_law=fits,
        more_rows=rows_needed(counts, answers, fits.fits, asked.target, asked.level, rng),
        order=table.order,
        examples=table.examples,
        findings=_findings(table, asked, counts, singletons, conflicts, answers),
    )


def table_counts(table: FactTable) -> CountsOfCounts:
    """The counts of counts of a table's facts: how many were answered once, twice, ...; IDK rows are draws of none."""
    if not table.answered.any():
        raise BadInput(f"{table.path[0]}: every row says IDK: an audit needs rows that state a fact")
    return counts_of_cells(table.answered, table.multiplicity, table.idk_draws)


def _size(table: FactTable) -> Size:
    return Size(
        rows=table.rows,
        missing=table.missing,
        skipped=sum(one.rows for one in table.skipped),
        draws=table.draws,
        prompts=table.prompts,
        facts=table.facts,
        distinct_answers=table.distinct_answers,
    )


def _answers(table: FactTable, asked: Question) -> Answers | None:
    """The sizes of the answer sets; None without answers, and where one answer is all there is."""
    if asked.answer is None:
        return None
    if asked.n_answers is None and table.distinct_answers - int(table.valid.max()) < 1:
        return None
    return answers_of(from_facts(table, asked.n_answers), asked.n_answers is not None, table.commonest_answer)


def _conflicts(table: FactTable, rule: str) -> Conflicts:
    """How many prompts have several answers, and their shares; ``rule`` says which prompts are among the classes."""
    one = table.valid == 1 if rule == "all-valid" else table.answered > 0  # an entry of these is a prompt
    several = 0 if rule == "majority" else table.conflicts  # what stands elsewhere, or nowhere
    answered = int(table.multiplicity[one].sum()) + several
    repeated = int(table.multiplicity[one & (table.answered > 1)].sum()) + several
    return Conflicts(
        prompts=table.conflicts,
        rate=table.conflicts / answered,
        rate_of_repeated=table.conflicts / repeated if repeated else 0.0,
        answers_per_prompt=table.answers_per_prompt,
        distribution=dict(table.prompts_by_answers),
    )


def _findings(
    table: FactTable,
    asked: Question,
    counts: CountsOfCounts,
    singletons: Singletons,
    conflicts: Conflicts | None,
    answers: Answers | None,
) -> tuple[Finding, ...]:
    """Every alarm, and after them the notes; runs before the hump in the counts that they make."""
    runs = clustered(table.order, singletons.prompts)
    found = [
        deduplicated(counts) or deduplicated_pairs(table),
        no_singletons(counts),
        runs,
        without_replacement(counts, runs is not None),
        too_few_rows(counts, asked.level),
        spelling_variants(singletons, asked.normalize, counts.draws),
        many_conflicts(conflicts, asked.conflicts) if conflicts else None,
        one_answer(answers, asked),
        idk_unused(counts, asked),
        spellings_left_out(table, asked, SPELLED),
        skipped_rows(table.skipped),
    ]
    said = [finding for finding in found if finding is not None]
    return tuple(sorted(said, key=lambda finding: finding.grade != "alarm"))
