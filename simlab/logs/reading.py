"""Reading evaluation logs, whatever their format: one log a file, or as the caller wants them merged."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64

from simlab.errors import BadInput
from simlab.logs.asking import Wanted, wanted_of
from simlab.logs.choosing import NAMES
from simlab.logs.documents import SUFFIXES
from simlab.logs.eval_log import EvalLog, Oddity
from simlab.logs.inspect_logs import inspect_log
from simlab.logs.judging import Graded, settled
from simlab.logs.table_logs import logs_of_table
from simlab.tables.asking import Engine, Progress, ask_columns, opened
from simlab.tables.data_files import FORMATS, PACKINGS
from simlab.tables.naming import meant
from simlab.tables.scanning import Source, open_file, relation, scanned


def read_logs(
    paths: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    id: str | None = None,
    grade: str | None = None,
    confidence: str | None = None,
    answer: str | None = None,
    model: str | None = None,
    filter: str | None = None,
    idk: Sequence[str] = (),
    correct_from: float = 1.0,
    percent: bool = False,
    choices: int | None = None,
    votes: bool = True,
    merge: str = "none",
    skip_bad_rows: bool = False,
    memory_limit: str | int | None = None,
    progress: Progress | None = None,
) -> tuple[EvalLog, ...]:
    """Read graded samples from evaluation logs, one log a file.

    - ``paths``: files, and patterns with ``*``, ``?``, ``[`` or ``**``: lm-evaluation-harness ``samples_*.jsonl``,
      Inspect AI's ``.eval`` and ``.json``, SimpleQA gradings and plain tables as CSV, TSV, JSON Lines (these also .gz
      or .zst) or Parquet.
    - ``format``: a key of ``FORMATS`` in ``eval_log``; without it the format is recognised.
    - ``id``, ``grade``, ``confidence``, ``answer``: the columns; of lm-eval samples ``grade`` is a metric, of Inspect
      logs a scorer, or "scorer.key" where its value is a dictionary. Without them ``choosing`` says what is taken.
    - ``model``: a column of a table by which it is split into logs. ``filter``: of lm-eval samples, else the first.
    - ``idk``: answers that are abstentions whatever their grade, in whatever case, white space and final stop aside.
    - ``correct_from``: the score from which an answer counts as right; lower ones are wrong. ``percent``: confidences
      are per cent. ``choices``: the answers to choose from, where the log does not say.
    - ``votes``: let k samples of a question be votes where half of the questions or more have several, their answers
      are known and confidences are not; the confidence is then the share of the commonest answer.
    - ``merge``: "none", each file a log; "model", the files of one model (Inspect: as the log says; lm-eval: the
      folder) are one; "all".
    - ``skip_bad_rows``, ``memory_limit``, ``progress``: as in ``simlab.tables.read_facts``; a grade that cannot be read
      is a bad row.

    A penalty is recognised where scores are 1, 0 and one number below 0. Raises ``BadInput`` for a file, column, value
    or setting that breaks a rule, naming file and line.
    """
    wanted = wanted_of(
        format=format,
        columns={
            "id": id,
            "grade": grade,
            "confidence": confidence,
            "answer": answer,
            "model": model,
            "filter": filter,
        },
        idk=idk,
        correct_from=correct_from,
        percent=percent,
        choices=choices,
        votes=votes,
        merge=merge,
        skip=skip_bad_rows,
    )
    logs: list[Graded] = []
    with opened(memory_limit, progress) as engine:
        for path in meant(paths):
            if is_inspect(path):
                logs.append(inspect_log(path, wanted, progress))
            else:
                _check_suffix(path)
                logs += logs_of_table(engine, path, wanted)
    return _distinct([settled(log, wanted) for log in _merged(logs, wanted)])


def read_ids(
    paths: str | Path | Sequence[str | Path], *, id: str | None = None, memory_limit: str | int | None = None
) -> UInt64[np.ndarray, " ids"]:
    """Return the hashes of the distinct ids in tables, sorted, to be compared with ``EvalLog.question``.

    ``id`` is their column; without it, the first of ``choosing.NAMES["id"]``. Raises ``BadInput`` as the reader of
    tables does, and where there is no such column.
    """
    found = []
    with opened(memory_limit) as engine:
        for path in meant(paths):
            found.append(_ids(engine, path, id))
    return np.unique(np.concatenate(found))


def _ids(engine: Engine, path: str, told: str | None) -> UInt64[np.ndarray, " ids"]:
    columns = open_file(engine, path, ()).columns
    name = told or next((name for name in NAMES["id"] if name in columns), None)
    if name is None:
        raise BadInput(f"{path}: no column holds ids: name it with --id COL (columns: {', '.join(sorted(columns))})")
    source = Source((open_file(engine, path, (name,)),), (name,))
    listed = f"SELECT DISTINCT k0 AS id FROM ({relation(source)}) WHERE coalesce(k0, '') <> ''"
    scanned(engine, source, f"CREATE OR REPLACE TEMP TABLE ids AS {listed}", f"Reading {path}")
    return np.asarray(ask_columns(engine, "SELECT md5_number_lower(id) AS id FROM ids")["id"])


def is_inspect(path: str) -> bool:
    """Whether the suffix is one of Inspect's."""
    return Path(path).suffix.lower() in SUFFIXES


def _check_suffix(path: str) -> None:
    name = Path(path).name.lower()
    packed = next((suffix for suffix in PACKINGS if name.endswith(suffix)), "")
    if Path(name.removesuffix(packed)).suffix not in FORMATS and not Path(path).is_dir():
        known = ", ".join([*FORMATS, *SUFFIXES])
        raise BadInput(
            f"{path}: no format is known by this suffix: rename it to one of {known} (text also with .gz or .zst)"
        )


def _merged(logs: Sequence[Graded], wanted: Wanted) -> list[Graded]:
    """The logs as they are to be compared."""
    if wanted.merge == "none":
        return list(logs)
    groups: dict[str | None, list[Graded]] = {}
    for one in logs:
        if wanted.merge == "model" and one.log.model is None:
            raise BadInput(f"{one.log.files[0].path}: does not say of which model it is: leave out --merge model")
        groups.setdefault(one.log.model if wanted.merge == "model" else None, []).append(one)
    return [_joined(group, name) for name, group in groups.items()]


def _joined(parts: Sequence[Graded], name: str | None) -> Graded:
    """Several logs as one. Raises ``BadInput`` where wrong answers cost more in some than in others."""
    logs = [one.log for one in parts]
    first = logs[0]
    if len(logs) == 1:
        return replace(parts[0], log=replace(first, name=name or first.name))
    if len({log.penalty for log in logs}) > 1:
        raise BadInput(f"{first.files[0].path}: wrong answers cost another penalty than in the files it is merged with")
    ends = list(accumulate(log.outcome.size for log in logs))
    names = [Path(log.files[0].path).name for log in logs]

    def place(row: int) -> str:
        i = bisect_right(ends, row)
        return f"{names[i]}, {parts[i].place(row - (ends[i - 1] if i else 0))}"

    def all_of(field: str) -> Any:
        return np.concatenate([getattr(log, field) for log in logs])

    answers = [one.answer for one in parts if one.answer is not None]
    joined = replace(
        first,
        name=name or f"{names[0]} and {len(logs) - 1} more",
        files=tuple(file for log in logs for file in log.files),
        mapping=tuple(dict.fromkeys(role for log in logs for role in log.mapping)),
        rows=sum(log.rows for log in logs),
        missing=sum(log.missing for log in logs),
        **{field: all_of(field) for field in ("question", "outcome", "confidence", "choices")},
        oddities=_summed(
            [
                replace(odd, first=f"{n}, {odd.first}")
                for n, log in zip(names, logs, strict=True)
                for odd in log.oddities
            ]
        ),
        skipped=tuple(one for log in logs for one in log.skipped),
        model=first.model if len({log.model for log in logs}) == 1 else None,
        task=first.task if len({log.task for log in logs}) == 1 else None,
    )
    return Graded(joined, np.concatenate(answers) if len(answers) == len(parts) else None, place)


def _summed(oddities: Sequence[Oddity]) -> tuple[Oddity, ...]:
    """The oddities with those of one name added up: the first of them says where."""
    found: dict[str, Oddity] = {}
    for odd in oddities:
        before = found.get(odd.name)
        found[odd.name] = odd if before is None else replace(before, rows=before.rows + odd.rows)
    return tuple(found.values())


def _distinct(logs: Sequence[EvalLog]) -> tuple[EvalLog, ...]:
    """The logs with names that differ: the model of a split table, or as much of the path's end as it takes."""
    split = [log.files[0].path for log in logs]
    names = []
    for log in logs:
        path = log.name
        if split.count(path) > 1 and log.model is not None:
            names.append(log.model)
        elif path != log.files[0].path:
            names.append(path)
        else:
            names.append(_tail(path, [other.files[0].path for other in logs if other.files[0].path != path]))
    return tuple(
        replace(log, name=name if names.count(name) == 1 else f"{name} ({i + 1})")
        for i, (log, name) in enumerate(zip(logs, names, strict=True))
    )


def _tail(path: str, others: Sequence[str]) -> str:
    """The shortest end of a path that no other path has."""
    parts = Path(path).parts
    for length in range(1, len(parts) + 1):
        end = os.sep.join(parts[-length:])
        if not any(Path(other).parts[-length:] == parts[-length:] for other in others):
            return end
    return path
