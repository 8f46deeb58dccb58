"""Inspect AI's logs: one JSON document, or a zip (``.eval``) with a document for each sample.

What a sample holds beside its scores, events and messages above all, is dropped as soon as it is parsed: a log of
gigabytes is a table of a few numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from simlab.errors import BadInput, unknown
from simlab.logs.asking import Wanted
from simlab.logs.choosing import NAMES
from simlab.logs.documents import Document, document_of, writable
from simlab.logs.eval_log import ABSTAINED, CORRECT, MISSING, WRONG, LogFile, Oddity, Role
from simlab.logs.grades import grade_of
from simlab.logs.judging import Graded, Sheet, empty_log, judged, key_of
from simlab.tables import Skipped
from simlab.tables.asking import Progress

SCORED = {CORRECT: 1.0, WRONG: 0.0, ABSTAINED: 0.0, MISSING: math.nan}
"""What an outcome is as a score."""
LETTERS = "inspect"


def inspect_log(path: str, wanted: Wanted, progress: Progress | None = None) -> Graded:
    """Return the samples of one Inspect AI log, graded by one of its scorers.

    Samples that ended in an error have no score and are counted as missing. Raises ``BadInput`` for a file that is no
    such log or is damaged, for a log without samples or without the scorer or field that was named, and for the first
    score or confidence that cannot be read, naming the sample.
    """
    if wanted.format not in (None, "inspect"):
        raise BadInput(f"{path}: is no {wanted.format} log, which has another suffix: leave --format out")
    for option, value in (("--model", wanted.model), ("--filter", wanted.filter)):
        if value is not None:
            raise BadInput(f"{path}: {option} {value}: is for tables, an Inspect AI log has one model and no filters")
    document = document_of(path, progress)
    scorer, key, told = _scorer(path, document, wanted.grade)
    confidences, source = _confidences(path, document.samples, scorer, wanted.confidence)
    mapping = [Role("id", f"field {wanted.id or 'id'!r}"), Role("grade", told), Role("answer", "answer of the scorer")]
    mapping += [Role("confidence", source)] if source else []
    mapping = [Role(one.role, writable(one.source)) for one in mapping]
    sheet, skipped = _sheet(path, document, wanted, scorer, key, confidences)
    file = LogFile(path, document.bytes, "inspect", "as told" if wanted.format else document.told_by)
    log = empty_log(file, tuple(mapping), skipped, document.model, document.task)
    graded = judged(log, sheet, wanted, lambda row: document.places[row])
    return graded.with_oddities(_unfinished(document))


def _unfinished(document: Document) -> tuple[Oddity, ...]:
    if document.status in (None, "success"):
        return ()
    return (Oddity("unfinished", len(document.samples), str(document.status), str(document.wanted or "")),)


def _scorer(path: str, document: Document, told: str | None) -> tuple[str, str | None, str]:
    """The scorer, the key of its value where that is a dictionary, and both in words."""
    names = list(dict.fromkeys(name for sample in document.samples for name in _scores(sample)))
    if not names:
        raise BadInput(f"{path}: no sample has a score: {document.status or 'the log'} without scores is no grading")
    if told is None:
        scorer, key = names[0], None
    elif told in names:
        scorer, key = told, None
    else:
        scorer, _, key = told.rpartition(".")
        if scorer not in names:
            raise unknown(f"{path}: scorer", told, names)
    others = [name for name in names if name != scorer]
    left_out = f" ({', '.join(others)} left out)" if others else ""
    return scorer, key, f"scorer {scorer!r}{f', key {key!r}' if key else ''}{left_out}"


def _scores(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    """The scores of a sample by scorer; none where it has none, or not in a dictionary."""
    scores = sample.get("scores")
    if isinstance(scores, Mapping):
        return {name: one for name, one in scores.items() if isinstance(one, Mapping)}
    score = sample.get("score")  # logs of before 2024-05
    return {"score": score} if isinstance(score, Mapping) else {}


def _confidences(
    path: str, samples: Sequence[Mapping[str, Any]], scorer: str, told: str | None
) -> tuple[list[Any], str]:
    """The confidence of each sample, None where it has none, and in words where it was found ("" for nowhere)."""
    for name in NAMES["confidence"] if told is None else (told,):
        for source, values in _places(samples, scorer, name):
            found = list(values)
            if any(value is not None for value in found):
                return found, source
    if told is not None:
        raise BadInput(
            f"{path}: confidence {told!r} is in no sample: looked for it in the value and the metadata of scorer "
            f"{scorer!r}, among the scorers, and in the metadata of the samples"
        )
    return [None] * len(samples), ""


def _places(samples: Sequence[Mapping[str, Any]], scorer: str, name: str) -> Iterator[tuple[str, Iterator[Any]]]:
    """Where a confidence of that name may stand, in words, and what stands there."""

    def table(value: Any) -> Mapping[str, Any]:
        return value if isinstance(value, Mapping) else {}

    def own(sample: Mapping[str, Any]) -> Mapping[str, Any]:
        return table(_scores(sample).get(scorer))

    yield f"metadata {name!r} of the score", (table(own(sample).get("metadata")).get(name) for sample in samples)
    yield f"key {name!r} of the score", (table(own(sample).get("value")).get(name) for sample in samples)
    if name != scorer:
        yield f"scorer {name!r}", (table(_scores(sample).get(name)).get("value") for sample in samples)
    yield f"metadata {name!r} of the sample", (table(sample.get("metadata")).get(name) for sample in samples)


def _sheet(
    path: str, document: Document, wanted: Wanted, scorer: str, key: str | None, confidences: Sequence[Any]
) -> tuple[Sheet, tuple[Skipped, ...]]:
    """The samples as arrays, and what was passed over."""
    idk = {said(text) for text in wanted.idk}
    rows: list[tuple[Any, ...]] = []
    bad: dict[str, list[str]] = {}
    for i, sample in enumerate(document.samples):
        score = _scores(sample).get(scorer, {})
        place = document.places[i]
        grade, numeric = _grade(score.get("value"), key)
        confidence = _number(confidences[i])
        for what, value in (("grade", grade), ("confidence", confidence)):
            if value is None:
                shown = score.get("value") if what == "grade" else confidences[i]
                if not wanted.skip:
                    raise BadInput(f"{path}, {place}: {what} {_shown(shown, what)}")
                bad.setdefault(f"the {what} cannot be read", []).append(place)
        if grade is None:
            continue
        answer = _answer(sample, score, wanted.answer)
        name = _field(sample, wanted.id or "id")
        rows.append(
            (
                i,
                key_of(name),
                not name,
                SCORED[grade] if isinstance(grade, int) else grade,
                numeric,
                grade is ABSTAINED or said(answer) in idk,
                math.nan if confidence is None else confidence / 100 if wanted.percent else confidence,
                len(sample["choices"]) if isinstance(sample.get("choices"), list) else 0,
                key_of(said(answer)),
            )
        )
    skipped = tuple(Skipped(path, rule, len(places), places[0]) for rule, places in bad.items())
    types = (np.int64, np.uint64, np.bool_, np.float64, np.bool_, np.bool_, np.float64, np.int64, np.uint64)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    names = ("row", "question", "unnamed", "score", "numeric", "silent", "confidence", "choices", "answer")
    arrays: dict[str, Any] = {
        name: np.array(column, dtype=type) for name, column, type in zip(names, columns, types, strict=True)
    }
    return Sheet(**arrays), skipped


def said(text: str) -> str:
    """An answer as it is compared: small letters, words one space apart, no stop at its end."""
    return " ".join(text.split()).lower().rstrip(" .")


def _grade(value: Any, key: str | None) -> tuple[int | float | None, bool]:
    """The outcome or the score that a value is, None for neither; and whether it is a number."""
    if key is not None:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, bool):
        return {None: MISSING, True: CORRECT, False: WRONG}[value], False
    if isinstance(value, str):
        grade = grade_of(value, LETTERS)
        number = _number(value) if grade is None else None
        return (grade, False) if number is None else (number, True)
    return (_number(value), True) if isinstance(value, int | float) else (None, False)


def _number(value: Any) -> float | None:
    """The number that a value is or writes, NaN for nothing, None for what is no number."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        try:
            return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1) if text else math.nan
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what a float holds
        return None


def _answer(sample: Mapping[str, Any], score: Mapping[str, Any], told: str | None) -> str:
    """The answer of the scorer, or what the model put out; or the field that was named."""
    if told is not None:
        return _field(sample, told)
    output = sample.get("output")
    answer = score.get("answer")
    if answer is None and isinstance(output, Mapping):
        answer = output.get("completion")
    return "" if answer is None else str(answer)


def _field(sample: Mapping[str, Any], name: str) -> str:
    """A field of the sample, or of its metadata, as text; "" where it has none."""
    metadata = sample.get("metadata")
    value = sample.get(name, metadata.get(name) if isinstance(metadata, Mapping) else None)
    return "" if value is None else str(value)


def _shown(value: Any, what: str) -> str:
    """What is wrong with a grade or a confidence that cannot be read."""
    if isinstance(value, Mapping) and what == "grade":
        keys = ", ".join(map(str, value))
        return f"is a table of {keys}: name one with --grade SCORER.KEY" if keys else "is an empty table"
    text = repr(value)
    rule = "C, I, P, N, a word or a number" if what == "grade" else "a number from 0 to 1, or one with %"
    return f"{text if len(text) <= 60 else text[:59] + '…'} cannot be read: must be {rule}"
