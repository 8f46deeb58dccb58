"""From what stands in a log to outcomes: grades judged, oddities counted, k samples made votes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from simlab.errors import BadInput
from simlab.logs.asking import Wanted
from simlab.logs.eval_log import ABSTAINED, MISSING, EvalLog, LogFile, Oddity, Role
from simlab.logs.grades import outcomes_of, penalty_of
from simlab.logs.voting import contradictions, counted, mixed, samples_per_question
from simlab.records import brief
from simlab.tables import Skipped

VOTED = "share of the samples of a question that give its commonest answer"
"""Where the confidence comes from, where samples are votes."""


@brief
@dataclass(frozen=True, eq=False, slots=True)
class Sheet:
    """The rows of a log as they stand there. ``row`` numbers them in their file, from 0.

    ``score`` is the grade as a number, NaN without one; ``numeric`` says that it was written as one. ``answer`` is the
    hash of the answer, None where the log has none; ``silent`` says that the row is an abstention, whatever its grade.
    """

    row: Int[np.ndarray, " rows"]
    question: UInt64[np.ndarray, " rows"]
    unnamed: Bool[np.ndarray, " rows"]
    score: Float[np.ndarray, " rows"]
    numeric: Bool[np.ndarray, " rows"]
    silent: Bool[np.ndarray, " rows"]
    confidence: Float[np.ndarray, " rows"]
    choices: Int[np.ndarray, " rows"]
    answer: UInt64[np.ndarray, " rows"] | None

    def where(self, kept: Bool[np.ndarray, " rows"]) -> Sheet:
        """The rows for which ``kept`` is true."""
        cut: dict[str, Any] = {
            field.name: getattr(self, field.name)[kept] for field in fields(self) if field.name != "answer"
        }
        return Sheet(**cut, answer=None if self.answer is None else self.answer[kept])


def key_of(text: str) -> int:
    """The hash of an id or an answer: the lower 64 bits of MD5 as DuckDB's ``md5_number_lower`` has them.

    Half of a pair that stands for one character is hashed as it stands: Inspect AI's JSON may hold one.
    """
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


@brief
@dataclass(frozen=True, eq=False, slots=True)
class Graded:
    """A log before it is asked whether its questions stand several times: with the hashes of the answers, None where
    it has none, and with a function that says where one of its rows stands."""

    log: EvalLog
    answer: UInt64[np.ndarray, " rows"] | None
    place: Callable[[int], str]

    def with_oddities(self, more: tuple[Oddity, ...]) -> Graded:
        """The same log with more oddities."""
        return replace(self, log=replace(self.log, oddities=(*self.log.oddities, *more)))


def empty_log(
    file: LogFile, mapping: tuple[Role, ...], skipped: tuple[Skipped, ...], model: str | None, task: str | None
) -> EvalLog:
    """A log before its rows are judged."""
    none = np.zeros(0)
    return EvalLog(
        name=file.path,
        files=(file,),
        mapping=mapping,
        rows=0,
        missing=0,
        question=none.astype(np.uint64),
        outcome=none.astype(np.int8),
        confidence=none,
        choices=none.astype(np.int64),
        skipped=skipped,
        model=model,
        task=task,
    )


def judged(log: EvalLog, sheet: Sheet, wanted: Wanted, place: Callable[[int], str]) -> Graded:
    """Return ``log``, which has no rows yet, with the rows of the sheet that have a grade.

    ``place`` says where a row of the file stands ("line 7"). Raises ``BadInput`` for an empty log, for one without any
    grade, and for scores that are neither from 0 to 1 nor of the kind 1, 0, -L.
    """
    path = log.files[0].path
    if not sheet.row.size:
        raise BadInput(f"{path}: has no samples: an audit needs graded answers")
    penalty = _penalty(path, sheet, place)
    outcome = outcomes_of(sheet.score, penalty, wanted.correct_from)
    if penalty is not None:  # the words of such a log mean what they say
        outcome = np.where(sheet.numeric, outcome, outcomes_of(sheet.score, None, wanted.correct_from))
    outcome = np.where(sheet.silent, ABSTAINED, outcome).astype(np.int8)
    graded = outcome != MISSING
    if not graded.any():
        raise BadInput(f"{path}: no sample has a grade: name another column with --grade COL")
    odd = [
        _odd("missing_grade", sheet.row, ~graded, place),
        _odd("unnamed", sheet.row, sheet.unnamed & graded, place),
        _odd("partial", sheet.row, (sheet.score > 0) & (sheet.score < 1) & ~sheet.silent, place),
    ]
    kept = sheet.where(graded)
    confidence, outside = _confidence(kept, place)
    lacking = np.isnan(confidence) & (outcome[graded] != ABSTAINED)
    read = any(role.role == "confidence" for role in log.mapping)
    odd += [outside, _odd("confidence_missing", kept.row, lacking & read, place)]
    found = replace(
        log,
        rows=int(sheet.row.size),
        missing=int((~graded).sum()),
        question=_named(path, kept),
        outcome=outcome[graded],
        confidence=confidence,
        choices=np.where(kept.choices > 0, kept.choices, wanted.choices or 0),
        penalty=penalty,
        oddities=tuple(one for one in odd if one is not None),
    )
    return Graded(found, kept.answer, lambda i: place(int(kept.row[i])))


def _penalty(path: str, sheet: Sheet, place: Callable[[int], str]) -> float | None:
    """The penalty that numeric scores show; raises for the first score that cannot be read."""
    scores = sheet.score[sheet.numeric]
    try:
        penalty = penalty_of(scores)
    except ValueError:
        bad, rule = scores < 0, "must be from 0 to 1, or 1, 0 and one number below 0 for right, abstained and wrong"
    else:
        bad, rule = scores > 1, "must be from 0 to 1: is the column a grade?"
        if not bad.any():
            return penalty
    at = int(np.flatnonzero(bad)[0])
    raise BadInput(f"{path}, {place(int(sheet.row[sheet.numeric][at]))}: score {scores[at]:g}: {rule}")


def _confidence(sheet: Sheet, place: Callable[[int], str]) -> tuple[Float[np.ndarray, " rows"], Oddity | None]:
    """The confidences from 0 to 1, NaN for others, and those that lie outside."""
    with np.errstate(invalid="ignore"):
        outside = (sheet.confidence < 0) | (sheet.confidence > 1)
    first = sheet.confidence[outside]
    most = 2 * first.size > np.isfinite(sheet.confidence).sum()
    like = "percent" if most and (first >= 0).all() and (first <= 100).all() else ""
    return np.where(outside, np.nan, sheet.confidence), _odd(
        "confidence_outside", sheet.row, outside, place, f"{first[0]:g} {like}".strip() if first.size else ""
    )


def _named(path: str, sheet: Sheet) -> UInt64[np.ndarray, " rows"]:
    """The questions; a row without an id is a question of its own, known by its file and its number."""
    own = np.uint64(key_of(path)) + sheet.row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # odd: all differ
    return np.where(sheet.unnamed, own, sheet.question)


def settled(graded: Graded, wanted: Wanted) -> EvalLog:
    """Return the log with its questions that stand several times: as votes where that is what they are, told if not."""
    log, answer = graded.log, graded.answer
    several = samples_per_question(log.question) > 1
    if not several.any():
        return log
    odd = list(log.oddities)
    questions, pair = contradictions(log.question, answer, log.outcome)
    if pair is not None:
        first = " and ".join(map(graded.place, pair))
        odd.append(Oddity("contradiction", questions, first, "question" if answer is None else "answer"))
    if wanted.votes and answer is not None and 2 * several.sum() >= several.size and not log.has_confidence:
        votes = counted(log.question, answer, log.outcome)
        return replace(
            log,
            question=log.question[votes.row],
            outcome=votes.outcome,
            confidence=votes.confidence,
            choices=log.choices[votes.row],
            votes=int(log.question.size),
            mapping=(*log.mapping, Role("confidence", VOTED)),
            oddities=tuple(one for one in odd if one.name != "confidence_missing"),
        )
    _, first_rows, counts = np.unique(log.question, return_index=True, return_counts=True)
    first = graded.place(int(first_rows[counts > 1].min()))
    odd.append(Oddity("repeated", int((counts > 1).sum()), first, "copies" if _copies(log, answer) else ""))
    return replace(log, oddities=tuple(odd))


def _copies(log: EvalLog, answer: UInt64[np.ndarray, " rows"] | None) -> bool:
    """Whether every question that stands several times does so with one answer, grade and confidence."""
    columns = [log.outcome.astype(np.uint64), np.nan_to_num(log.confidence, nan=-1.0).view(np.uint64)]
    columns += [] if answer is None else [answer]
    return bool(np.unique(mixed(log.question, *columns)).size == np.unique(log.question).size)


def _odd(
    name: str,
    row: Int[np.ndarray, " rows"],
    which: Bool[np.ndarray, " rows"],
    place: Callable[[int], str],
    detail: str = "",
) -> Oddity | None:
    if not which.any():
        return None
    return Oddity(name, int(which.sum()), place(int(row[np.argmax(which)])), detail)
