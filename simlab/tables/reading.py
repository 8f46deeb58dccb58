"""Reading facts from a table: the counts of counts of its prompts, aggregated inside DuckDB.

Memory does not grow with the rows: the table is grouped out of core and only the classes of prompts that look
alike come back. Every number is a sum of integers over classes in sorted order, so neither the order of the rows,
nor how they are spread over files, nor the number of threads can change a result.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from simlab.errors import BadInput, unknown
from simlab.tables.data_files import DataFile, check_columns
from simlab.tables.grouping import (
    MOST,
    SPELLINGS,
    Classes,
    answer_counts,
    count_rows,
    load,
    open_file,
    pair_classes,
    prompt_classes,
    respell,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CONFLICTS = ("majority", "drop", "all-valid")

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold in memory before it spills to the temporary folder, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class FactTable:
    """What a table says about its facts, as counts of counts.

    ``facts``, ``distinct_answers``, ``conflicts`` and ``answers_per_prompt`` describe the whole table (without the
    rows left out as missing); ``draws``, ``prompts``, the rates and the classes what is left of it after the
    conflict rule. One entry of the arrays stands for ``multiplicity`` prompts (pairs with "all-valid") that look
    alike; entries are sorted by (answered, idk, valid), and ``sum((answered + idk) * multiplicity) == draws``.
    """

    path: tuple[str, ...]
    """The files, as they were named."""
    rows: int
    """Rows read, those with a missing prompt or answer included; a row counts once whatever its count."""
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


@dataclass(frozen=True)
class _Asked:
    """What the caller asked for, checked: the columns that make a fact (none: the whole row), and the rules."""

    keys: tuple[str, ...]
    count: str | None
    idk: tuple[str, ...]
    conflicts: str
    spellings: tuple[str, ...]


def read_facts(
    paths: str | Path | Sequence[str | Path],
    *,
    prompt: str | None = None,
    answer: str | None = None,
    count: str | None = None,
    idk: Sequence[str] = (),
    conflicts: str = "majority",
    normalize: str = "none",
    memory_limit: str | None = None,
) -> FactTable:
    """Read facts (prompt, answer) from CSV, TSV, JSON Lines or Parquet files and count how often each prompt stands.

    Counts are of prompts, whichever the answer, and N counts IDK rows, which are no appearances (Definition 2 of
    arXiv 2509.04664): sr = #{c answered exactly once} / N.

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
    - ``memory_limit``: such as "2GB"; default ``MEMORY_LIMIT``. Larger tables spill to a temporary folder.

    Raises ``BadInput`` for a file, column, value or setting that breaks a rule, naming file and line.
    """
    import duckdb

    names = (paths,) if isinstance(paths, str | Path) else tuple(paths)
    asked = _asked(names, prompt, answer, count, idk, conflicts, normalize)
    limit = MEMORY_LIMIT if memory_limit is None else memory_limit
    if not re.fullmatch(r"(?=.*[1-9])\d+(\.\d+)? *[KMGT]i?B", limit):
        raise BadInput(f"memory_limit = {limit!r}: is not a size: write it like '2GB' or '500MB'")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limit,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    with tempfile.TemporaryDirectory(prefix="simlab-") as spill:
        config["temp_directory"] = spill
        try:
            with closing(duckdb.connect(":memory:", config=config)) as con:
                return _read(con, names, asked)
        except duckdb.OutOfMemoryException:
            raise BadInput(f"memory_limit = {limit!r}: is too little to group this table: raise it") from None


def _asked(
    paths: Sequence[str | Path],
    prompt: str | None,
    answer: str | None,
    count: str | None,
    idk: Sequence[str],
    conflicts: str,
    normalize: str,
) -> _Asked:
    """Check the settings against each other, before any file is touched."""
    if not paths:
        raise BadInput("paths = []: at least one file is needed: name it")
    resolved = [Path(path).resolve() for path in paths]
    twice = next((path for path, there in zip(paths, resolved, strict=True) if resolved.count(there) > 1), None)
    if twice is not None:
        raise BadInput(f"{twice}: the file is named twice: its rows would count double, name it once")
    if (prompt is None) != (answer is None):
        given, lacking = ("prompt", "answer") if answer is None else ("answer", "prompt")
        value = answer if prompt is None else prompt
        raise BadInput(f"{given} = {value!r} without {lacking}: name both columns, or neither for whole rows")
    keys = () if prompt is None or answer is None else (prompt, answer)
    roles = {"prompt": prompt, "answer": answer, "count": count}
    for role, name in roles.items():
        same = next((other for other in roles if other != role and roles[other] == name), None)
        if name is not None and same is not None:
            raise BadInput(f"{role} and {same} are both {name!r}: name two columns")
    if conflicts not in CONFLICTS:
        raise unknown("conflicts rule", conflicts, CONFLICTS)
    words = [word for word in normalize.split(",") if word != "none"]
    for word in words:
        if word not in SPELLINGS:
            raise unknown("normalize rule", word, [*SPELLINGS, "none"])
    texts = (idk,) if isinstance(idk, str) else tuple(idk)
    if "" in texts:
        raise BadInput("idk = '': an empty answer is missing, not IDK: name the text that means IDK")
    if texts and (conflicts == "all-valid" or not keys):
        other = "conflicts = 'all-valid'" if keys else "whole rows as facts"
        raise BadInput(f"idk = {texts[0]!r} with {other}: an IDK row belongs to no single fact: leave one out")
    if conflicts != "majority" and not keys:
        raise BadInput(f"conflicts = {conflicts!r} without prompt: whole rows cannot conflict: name prompt and answer")
    return _Asked(keys, count, texts, conflicts, tuple(rule for rule in SPELLINGS if rule in words))


def _read(con: DuckDBPyConnection, paths: Sequence[str | Path], asked: _Asked) -> FactTable:
    """Load the files and reduce them to a FactTable."""
    wanted = [*asked.keys, *([] if asked.count is None else [asked.count])]
    files = [open_file(con, path, wanted if asked.keys else None) for path in paths]
    keys = asked.keys or _whole_row(files, asked.count)
    load(con, files, keys, asked.count)
    table, idk = respell(con, asked.spellings, len(keys), asked.idk)
    rows, missing = count_rows(con, table, asked.keys)
    prompts = prompt_classes(con, table, asked.keys, idk)
    kept = _kept(prompts, asked.conflicts)
    _check_facts(files, asked, rows, missing, prompts, kept)
    before = kept
    if table != "raw":
        count_rows(con, "raw", asked.keys)
        before = _kept(prompt_classes(con, "raw", asked.keys, asked.idk), asked.conflicts)
    answers, once = answer_counts(con, table, idk) if asked.keys else (0, kept.singletons)
    facts = int((prompts.answers * prompts.multiplicity).sum())
    answered = int(prompts.multiplicity[prompts.answers > 0].sum())
    classes = pair_classes(con, table) if asked.conflicts == "all-valid" else _one_answer(kept)
    return FactTable(
        path=tuple(str(path) for path in paths),
        rows=rows,
        missing=missing,
        draws=kept.draws,
        prompts=int(kept.multiplicity.sum()),
        facts=facts,
        distinct_answers=answers,
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
    )


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
    files: Sequence[DataFile], asked: _Asked, rows: int, missing: int, prompts: Classes, kept: Classes
) -> None:
    """Raise unless at least one draw is left."""
    names = ", ".join(file.path for file in files)
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
