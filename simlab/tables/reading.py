"""Reading facts from a table: the counts of counts of its prompts, aggregated inside DuckDB.

Memory does not grow with the rows: the table is grouped out of core and only the classes of prompts that look
alike come back. Every number is a sum of integers over classes in sorted order, so neither the order of the rows,
nor how they are spread over files, nor the number of threads can change a result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simlab.errors import BadInput
from simlab.tables.asking import Engine, Progress, opened
from simlab.tables.data_files import DataFile, check_columns
from simlab.tables.examples import examples_of
from simlab.tables.fact_table import FactTable, FileRead
from simlab.tables.grouping import (
    MOST,
    Classes,
    answer_counts,
    count_rows,
    load,
    merge,
    pair_classes,
    prompt_classes,
)
from simlab.tables.naming import meant
from simlab.tables.order import order_of, widths_of
from simlab.tables.scanning import Source, open_file
from simlab.tables.settings import Asked, checked
from simlab.tables.skipping import Skipped, check_counts, skipped_rows
from simlab.tables.variants import spelling_rates


def read_facts(
    paths: str | Path | Sequence[str | Path],
    *,
    prompt: str | None = None,
    answer: str | None = None,
    count: str | None = None,
    idk: Sequence[str] = (),
    conflicts: str = "majority",
    normalize: str = "none",
    memory_limit: str | int | None = None,
    skip_bad_rows: bool = False,
    examples: int = 0,
    order: bool = False,
    spellings: bool | int = False,
    progress: Progress | None = None,
) -> FactTable:
    """Read facts (prompt, answer) from CSV, TSV, JSON Lines or Parquet files and count how often each prompt stands.

    Counts are of prompts, whichever the answer, and N counts IDK rows, which are no appearances (Definition 2 of
    arXiv 2509.04664): sr = #{c answered exactly once} / N.

    - ``paths``: files, and patterns with ``*``, ``?``, ``[`` or ``**``, each file once. The format is told by the
      suffix: .csv, .tsv, .jsonl, .ndjson, all of them also with .gz or .zst, or .parquet; formats may be mixed.
    - ``prompt``, ``answer``: the columns. Without both the whole row, all columns together, is the fact; a row is
      then missing when all of it is empty, and there are neither conflicts nor IDK.
    - ``count``: a column of whole numbers >= 0 for tables that are aggregated already. A row with count 0 states
      nothing: neither a prompt, nor an answer, nor a conflict.
    - ``idk``: the answers that mean IDK, compared after the same normalising.
    - ``conflicts``: "majority", the fact is the prompt's commonest answer, and all rows of the prompt count as its
      appearances (no number here depends on *which* answer wins a tie); "drop", prompts with several answers are
      left out with all their rows; "all-valid", every (prompt, answer) pair is a fact of its own, whose ``valid``
      is the number of its prompt's answers (an IDK row belongs to no single pair, so ``idk`` is refused with it).
    - ``normalize``: "none", "case" (Unicode case folding), "space" (runs of white space become one space, those at
      the ends go), "nfkc", or several joined by commas, applied in the order nfkc, case, space. A text that
      becomes empty is missing.
    - ``memory_limit``: such as "2GB" or "800MiB", or bytes; default ``MEMORY_LIMIT``. Larger tables spill to a
      temporary folder.
    - ``skip_bad_rows``: pass over rows with a wrong number of values or a stray quote, that are not UTF-8, no JSON
      object or have a bad count, and list them in ``skipped``. A damaged file stays an error, and so does a record
      that may hide others (a quote not closed in its line). Without it the first bad row is an error.
    - ``examples``: how many facts of each kind to return (``Examples``); costs one more scan of the files.
    - ``order``: measure how near the rows of one prompt lie (``Order``); refused with ``count``.
    - ``spellings``: compare the rules of ``normalize`` (``Spelling``): True, or the most rows for which to do so, since
      it respells every row in a scan of its own.
    - ``progress``: called now and then with what is done, in words, and the fraction of that which is done.

    Facts are grouped by hashes (``hashing``), which cannot be told from grouping texts up to 1e9 prompts. Raises
    ``BadInput`` for a file, column, value or setting that breaks a rule, naming file and line.
    """
    asked = checked(prompt, answer, count, idk, conflicts, normalize, skip_bad_rows, examples, order, spellings)
    files = meant(paths)
    with opened(memory_limit, progress) as engine:
        return _read(engine, files, asked)


def _read(engine: Engine, paths: Sequence[str], asked: Asked) -> FactTable:
    """Load the files and reduce them to a FactTable."""
    source = _source(engine, paths, asked)
    skipped = _load(engine, source, asked)
    rows, missing = count_rows(engine, "spelt")
    widths = widths_of(rows - missing, rows) if asked.order else ()
    prompts = prompt_classes(engine, "spelt", asked, widths)
    kept = _kept(prompts, asked.conflicts)
    _check_facts(source, asked, skipped, rows, missing, prompts, kept)
    before = _kept(prompt_classes(engine, "raw", asked), asked.conflicts) if asked.rules else kept
    answers, once, commonest = answer_counts(engine, "spelt") if asked.keys else (0, kept.singletons, 0.0)
    facts = int((prompts.answers * prompts.multiplicity).sum())
    answered = int(prompts.multiplicity[prompts.answers > 0].sum())
    classes = pair_classes(engine, "spelt") if asked.conflicts == "all-valid" else _one_answer(kept)
    most = 1 if asked.conflicts == "drop" else MOST
    respelt = spelling_rates(engine, source, asked) if rows <= asked.spellings else None
    return FactTable(
        path=tuple(paths),
        rows=rows,
        missing=missing,
        draws=kept.draws,
        prompts=int(kept.multiplicity.sum()),
        facts=facts,
        distinct_answers=answers,
        commonest_answer=commonest,
        conflicts=int(prompts.multiplicity[prompts.answers > 1].sum()),
        answers_per_prompt=facts / answered if answered else 0.0,
        singleton_rate=kept.singletons / kept.draws,
        singleton_rate_raw=before.singletons / before.draws if before.draws else math.nan,
        # without conflicts a prompt's only pair stands as often as the prompt is answered
        pair_singleton_rate=(kept.singletons if asked.conflicts == "drop" else once) / kept.draws,
        answered=classes.answered,
        idk=classes.idk,
        valid=classes.answers,
        multiplicity=classes.multiplicity,
        prompts_by_answers=_prompts_by_answers(prompts),
        files=tuple(FileRead(f.path, f.size, f.rows if f.format == "Parquet" else None) for f in source.files),
        skipped=skipped,
        examples=examples_of(engine, source, asked, respelt is not None) if asked.examples else None,
        order=order_of(engine, "spelt", widths, rows, kept.draws, most) if asked.order else None,
        spellings=respelt,
    )


def _source(engine: Engine, paths: Sequence[str], asked: Asked) -> Source:
    """The files, opened, with the columns to read."""
    wanted = [*asked.keys, *([] if asked.count is None else [asked.count])]
    files = tuple(open_file(engine, path, wanted if asked.keys else None, asked.skip) for path in paths)
    keys = asked.keys or _whole_row(files, asked.count)
    return Source(files, (*keys, *([] if asked.count is None else [asked.count])), asked.skip)


def _load(engine: Engine, source: Source, asked: Asked) -> tuple[Skipped, ...]:
    """Read the files into DuckDB; return what was passed over."""
    named = source.files[0].path if len(source.files) == 1 else f"{len(source.files)} files"
    load(engine, source, asked, f"Reading {named}")
    skipped: tuple[Skipped, ...] = ()
    if asked.skip:
        skipped = skipped_rows(engine, source, asked.count)
    elif asked.count is not None:
        check_counts(engine, source, asked.count)
    merge(engine, asked, len(source.names) - (asked.count is not None))
    return skipped


def _prompts_by_answers(prompts: Classes) -> tuple[tuple[int, int], ...]:
    """How many prompts have how many distinct answers."""
    answers, where = np.unique(prompts.answers, return_inverse=True)
    found = np.zeros(answers.size, dtype=np.int64)
    np.add.at(found, where.reshape(-1), prompts.multiplicity)
    return tuple(zip(answers.tolist(), found.tolist(), strict=True))


def _whole_row(files: Sequence[DataFile], count: str | None) -> tuple[str, ...]:
    """The columns that together are the fact: all but ``count``, sorted, the same in every file."""
    first = files[0]
    for file in files:
        odd = sorted(set(file.columns) ^ set(first.columns))
        if odd:
            raise BadInput(
                f"{file.path}: column {odd[0]!r} stands in only one of it and {first.path}: "
                "whole rows are facts only of files with the same columns"
            )
    if count is not None:
        check_columns(first, [count])
    columns = tuple(sorted(set(first.columns) - {count}))
    if not columns:
        raise BadInput(f"{first.path}: has no column but the count {count!r}: nothing is left to be the fact")
    return columns


def _kept(prompts: Classes, conflicts: str) -> Classes:
    """The prompts that the conflict rule leaves."""
    return prompts.where(prompts.answers <= (1 if conflicts == "drop" else MOST))


def _one_answer(prompts: Classes) -> Classes:
    """The classes with one valid answer a prompt, whatever the number of distinct ones."""
    alike, where = np.unique(np.stack([prompts.answered, prompts.idk]), axis=1, return_inverse=True)
    multiplicity = np.zeros(alike.shape[1], dtype=np.int64)
    np.add.at(multiplicity, where.reshape(-1), prompts.multiplicity)
    return Classes(alike[0], alike[1], np.ones_like(multiplicity), multiplicity)


def _check_facts(
    source: Source,
    asked: Asked,
    skipped: Sequence[Skipped],
    rows: int,
    missing: int,
    prompts: Classes,
    kept: Classes,
) -> None:
    """Raise unless at least one draw is left."""
    names = ", ".join(file.path for file in source.files)
    if not rows and skipped:
        first = skipped[0]
        raise BadInput(
            f"{names}: every row is bad, such as {first.path}, {first.first}: {first.rule}: correct the file"
        )
    if not rows:
        raise BadInput(f"{names}: holds column names and no rows: name a file with rows")
    if missing == rows:
        lack = "a prompt or an answer" if asked.keys else "any value"
        raise BadInput(f"{names}: every row lacks {lack}: name other columns")
    if not prompts.multiplicity.size:
        raise BadInput(
            f"{names}: no row counts (count {asked.count!r} is 0 in all that are not missing): nothing to learn"
        )
    if not kept.multiplicity.size:
        raise BadInput(
            f"{names}: conflicts = 'drop' leaves no row, every prompt has several answers: "
            "choose from majority, all-valid"
        )
