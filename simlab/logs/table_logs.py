"""Logs that are tables, read by DuckDB: plain columns, SimpleQA's gradings, lm-evaluation-harness samples.

A file is read once, row by row and every value as text; grades come to Python as distinct texts, each with the first
row in which it stands, so that a word is judged once and not two million times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simlab.errors import BadInput
from simlab.logs import harness
from simlab.logs.asking import Wanted
from simlab.logs.choosing import recognised_format
from simlab.logs.eval_log import ABSTAINED, CORRECT, MISSING, LogFile, Role
from simlab.logs.grades import grade_of, is_three_way, scheme_of
from simlab.logs.judging import Graded, Sheet, empty_log, judged
from simlab.logs.plans import SAID, Plan, plain_plan
from simlab.tables import Skipped
from simlab.tables.asking import Engine, ask, ask_columns
from simlab.tables.blaming import place_of_row
from simlab.tables.data_files import DataFile
from simlab.tables.hashing import literal
from simlab.tables.scanning import Source, in_order, open_file, relation, scanned
from simlab.tables.skipping import skipped_rows

MOST_WORDS = 5_000
"""More distinct texts than this are no grades."""
MOST_MODELS = 1_000
"""More distinct models than this are no models."""

NUMBER = "TRY_CAST({0} AS DOUBLE)"
PERCENT = r"TRY_CAST(regexp_extract({0}, '^\s*([0-9.]+)\s*%\s*$', 1) AS DOUBLE) / 100"
ABSENT = "(coalesce(lower(trim({0})), '') IN ('', 'nan', 'none', 'null', 'n/a', 'na'))"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file whose rows are in the table ``log``, and a function that says where the row of a number, from 0, stands
    in it."""

    engine: Engine
    file: DataFile
    wanted: Wanted
    place: Callable[[int], str]


def logs_of_table(engine: Engine, path: str, wanted: Wanted) -> list[Graded]:
    """Return the logs in one table: one, or with ``wanted.model`` one for each model.

    Raises ``BadInput`` as the reader of tables does, for a table without rows, without a column of grades, and for the
    first grade or confidence that cannot be read, unless bad rows are to be skipped.
    """
    file = open_file(engine, path, (), wanted.skip)
    format, told_by = recognised_format(file.columns)
    if wanted.format is not None:
        format, told_by = wanted.format, "as told"
    _check_fits(path, format, wanted)
    plan = harness.harness_plan(file, wanted) if format == "lm-eval" else plain_plan(file, wanted)
    file = open_file(engine, path, plan.names, wanted.skip)
    skipped = _load(engine, file, plan, wanted)
    whole = not skipped

    def place(row: int) -> str:
        return place_of_row(file, row + 1) if whole else f"row {row + 1} of those read"

    loaded = Loaded(engine, file, wanted, place)
    mapping = plan.mapping
    if plan.filter is not None:
        mapping = (*mapping, _one_filter(engine, path, wanted))
    if not plan.stated and not ask(engine, "SELECT 1 FROM log WHERE isfinite(confidence::DOUBLE) LIMIT 1"):
        mapping = tuple(role for role in mapping if role.role != "confidence")  # none could be computed
    scheme, three_way, unread = _words(loaded, format)
    if format == "table" and wanted.format is None and three_way:
        format, told_by = "simpleqa", f"what its grades say{' (A, B, C)' if scheme == 'simpleqa' else ''}"
    skipped += unread + _unread_confidences(loaded, plan)
    models = _models(engine, path) if plan.model is not None else [None]
    sheet, code = _sheet(engine, plan, wanted)

    logs = []
    task, model = harness.named(path) if format == "lm-eval" else (None, None)
    for i, name in enumerate(models):
        log = empty_log(LogFile(path, file.size, format, told_by), mapping, skipped, name or model, task)
        logs.append(judged(log, sheet.where(code == i) if len(models) > 1 else sheet, wanted, place))
    return logs


def _check_fits(path: str, format: str, wanted: Wanted) -> None:
    if format == "inspect":
        raise BadInput(f"{path}: is no Inspect AI log, which ends in .eval or .json: leave --format out")
    if wanted.filter is not None and format != "lm-eval":
        raise BadInput(f"{path}: filter = {wanted.filter!r}: only lm-evaluation-harness samples have filters")


def _load(engine: Engine, file: DataFile, plan: Plan, wanted: Wanted) -> tuple[Skipped, ...]:
    """Read the file into the table ``log``; return what was passed over."""
    source = Source((file,), plan.names, wanted.skip)
    fields = {
        "id": plan.id,
        "grade": f"CAST({plan.grade} AS VARCHAR)",
        "confidence": plan.confidence,
        "answer": plan.answer,
        "silent": plan.silent,
        "choices": plan.choices,
        "model": plan.model,
        "filter": plan.filter,
    }
    chosen_fields = ", ".join(f"{sql or 'NULL::VARCHAR'} AS {name}" for name, sql in fields.items())
    with in_order(engine):
        read = f"SELECT *, {plan.likelihoods or 'NULL'} AS likelihoods FROM ({relation(source, numbered=True)})"
        rows = f"SELECT row, {chosen_fields} FROM ({read})"
        scanned(engine, source, f"CREATE OR REPLACE TEMP TABLE log AS {rows}", f"Reading {file.path}")
    skipped = skipped_rows(engine, source, None) if wanted.skip else ()
    if not ask(engine, "SELECT 1 FROM log LIMIT 1"):
        bad = f"every row is bad, such as {skipped[0].first}: {skipped[0].rule}" if skipped else "has no samples"
        raise BadInput(f"{file.path}: {bad}: an audit needs graded answers")
    return skipped


def _one_filter(engine: Engine, path: str, wanted: Wanted) -> Role:
    """Keep the samples of one filter: ``wanted.filter``, or the one that stands first."""
    found = ask(engine, "SELECT filter, count(*) FROM log GROUP BY filter ORDER BY min(row)")
    names = ["none" if name is None else str(name) for name, _ in found]
    if wanted.filter is not None and wanted.filter not in names:
        raise BadInput(f"{path}: filter {wanted.filter!r} is unknown: choose from {', '.join(names)}")
    kept = names.index(wanted.filter) if wanted.filter is not None else 0
    if len(found) > 1:
        is_it = "filter IS NULL" if found[kept][0] is None else f"filter = {literal(found[kept][0])}"
        ask(engine, f"DELETE FROM log WHERE NOT coalesce({is_it}, false)")
    others = [name for i, name in enumerate(names) if i != kept]
    return Role("filter", names[kept] + (f" ({', '.join(others)} left out)" if others else ""))


def _words(loaded: Loaded, format: str) -> tuple[str | None, bool, tuple[Skipped, ...]]:
    """Put what each grade that is a text means into the table ``words``.

    Returns the scheme of its letters, whether the grades are SimpleQA's, and the rows whose grade was passed over.
    """
    engine, number = loaded.engine, NUMBER.format("grade")
    texts = ask(
        engine,
        f"SELECT grade, min(row), count(*) FROM log WHERE grade IS NOT NULL AND {number} IS NULL "
        f"GROUP BY grade ORDER BY 2 LIMIT {MOST_WORDS}",
    )
    try:
        scheme = scheme_of((text for text, _, _ in texts), format if format == "simpleqa" else None)
    except ValueError as error:
        raise BadInput(
            f"{loaded.file.path}: the grades {error} may mean several things (C is NOT_ATTEMPTED in SimpleQA's "
            "gradings and correct in Inspect's logs): say --format simpleqa, or write words"
        ) from None
    meant = [(text, grade_of(text, scheme)) for text, _, _ in texts]
    ask(engine, "CREATE OR REPLACE TEMP TABLE words (text VARCHAR, score DOUBLE, silent BOOLEAN)")
    values = [f"({literal(text)}, {_score(grade)}, {grade is ABSTAINED})" for text, grade in meant if grade is not None]
    for i in range(0, len(values), 500):
        ask(engine, f"INSERT INTO words VALUES {', '.join(values[i : i + 500])}")
    three_way = is_three_way((text for text, grade in meant if grade is not None), scheme)
    bad = ask(
        engine,
        f"SELECT min(row), count(*), arg_min(grade, row) FROM log LEFT JOIN words ON grade = text "
        f"WHERE grade IS NOT NULL AND {number} IS NULL AND text IS NULL",
    )[0]
    if bad[1] and loaded.wanted.skip:
        ask(
            engine,
            f"DELETE FROM log WHERE grade IS NOT NULL AND {number} IS NULL AND grade NOT IN (SELECT text FROM words)",
        )
    return (
        scheme,
        three_way,
        _passed_over(loaded, bad, "grade", "a word, a letter or a number from 0 to 1"),
    )


def _score(grade: int | float) -> str:
    """A grade as SQL for a score: NaN for a missing one, and for an abstention, which has none."""
    if isinstance(grade, float):
        return f"{grade}"
    return {CORRECT: "1.0", MISSING: "'nan'::DOUBLE", ABSTAINED: "0.0"}.get(grade, "0.0")


def _unread_confidences(loaded: Loaded, plan: Plan) -> tuple[Skipped, ...]:
    """The rows whose confidence is no number, passed over; raises for the first of them unless they are skipped."""
    if plan.confidence is None or not plan.stated:
        return ()
    numbers = f"coalesce({NUMBER}, {PERCENT})".format("confidence")
    bad = ask(
        loaded.engine,
        f"SELECT min(row), count(*), arg_min(confidence, row) FROM log WHERE {numbers} IS NULL "
        f"AND NOT {ABSENT.format('confidence')}",
    )[0]
    return _passed_over(loaded, bad, "confidence", "a number from 0 to 1, or one with %")


def _passed_over(loaded: Loaded, bad: Any, what: str, rule: str) -> tuple[Skipped, ...]:
    """What is passed over for want of a grade or a confidence; raises for the first unless bad rows are skipped."""
    first, rows, text = bad
    if not rows:
        return ()
    where = loaded.place(int(first))
    if loaded.wanted.skip:
        return (Skipped(loaded.file.path, f"the {what} cannot be read", int(rows), where),)
    shown = repr(text if len(text) <= 60 else f"{text[:59]}…")
    raise BadInput(f"{loaded.file.path}, {where}: {what} {shown} cannot be read: must be {rule}")


def _models(engine: Engine, path: str) -> list[str | None]:
    """Number the models in the table ``models``, as they come; their names."""
    ask(
        engine,
        "CREATE OR REPLACE TEMP TABLE models AS SELECT coalesce(model, '') AS name, "
        "row_number() OVER (ORDER BY min(row)) - 1 AS code FROM log GROUP BY coalesce(model, '')",
    )
    names = [str(row[0]) or "(no model)" for row in ask(engine, "SELECT name FROM models ORDER BY code")]
    if len(names) > MOST_MODELS:
        raise BadInput(f"{path}: {len(names):,} models: is the column one of models? Name another with --model COL")
    return list(names)


def _sheet(engine: Engine, plan: Plan, wanted: Wanted) -> tuple[Sheet, np.ndarray]:
    """The table ``log`` as arrays, and the number of the model of each row (0 without models)."""
    number, said = NUMBER.format("grade"), SAID.format("answer")
    stated = f"coalesce({NUMBER}, {PERCENT}, 'nan'::DOUBLE)".format("confidence")
    own = "coalesce(confidence::DOUBLE, 'nan'::DOUBLE)"
    idk = ", ".join(SAID.format(literal(text)) for text in wanted.idk)
    silent = ["coalesce(words.silent, false)", "coalesce(lower(log.silent) IN ('true', '1', '1.0', 'yes'), false)"]
    silent += [f"coalesce({said} IN ({idk}), false)"] if idk else []
    count = f"coalesce({NUMBER}, CASE WHEN json_valid(choices) THEN json_array_length(choices) END, 0)"
    fields: dict[str, str] = {
        "row": "row::BIGINT",
        "question": "md5_number_lower(coalesce(id, ''))",
        "unnamed": "coalesce(id, '') = ''",
        "score": f"coalesce({number}, words.score, 'nan'::DOUBLE)",
        "numeric": f"{number} IS NOT NULL",
        "silent": " OR ".join(silent),
        "confidence": stated if plan.stated else own,
        "choices": f"({count.format('choices')})::BIGINT" if plan.choices else "0::BIGINT",
        "answer": f"md5_number_lower(coalesce({said}, ''))" if plan.answer else "0::UBIGINT",
        "code": "models.code::INTEGER" if plan.model else "0::INTEGER",
    }
    joined = "log LEFT JOIN words ON grade = text"
    joined += " LEFT JOIN models ON coalesce(model, '') = models.name" if plan.model else ""
    listed = ", ".join(f"{sql} AS {name}" for name, sql in fields.items())
    found = ask_columns(engine, f"SELECT {listed} FROM {joined} ORDER BY row", stage="Grading")
    arrays: dict[str, Any] = {name: np.asarray(column) for name, column in found.items()}
    if wanted.percent:
        arrays["confidence"] = arrays["confidence"] / 100
    code = arrays.pop("code")
    if not plan.answer:
        arrays["answer"] = None
    return Sheet(**arrays), code
