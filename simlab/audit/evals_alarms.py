"""What speaks against the numbers of an evaluation log: a parser that fails, confidences that are none, seen ids.

Where an alarm is a test, logs without that fault raise it in about one of 10,000, or fewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import UInt64

from simlab.audit.evals_notes import (
    certain_and_wrong,
    confidence_missing,
    missing_grades,
    no_ids,
    partial_credit,
    repeated_questions,
)
from simlab.audit.evals_record import Leaderboard, LogAudit
from simlab.audit.finding import Finding
from simlab.calibration import rate
from simlab.grading import Stated
from simlab.logs import ABSTAINED, CORRECT
from simlab.terminal.wording import plural, printable

SURE = 1 - 2e-4
"""The two-sided level of a test: 1 in 10,000 on either side."""
WIDE = 0.2
"""The width of the interval of the accuracy from which on a log is too small for a claim."""
NARROW = 0.1
"""The width for which it is told how many questions that would take."""
FEW_SHARED = 0.9
"""The share of the smallest log's questions that all logs must share."""


def log_findings(audit: LogAudit, train: UInt64[np.ndarray, " ids"] | None, several: bool) -> list[Finding]:
    """Every finding about one log; its name stands in the sentences where there are ``several``."""
    found = [
        below_chance(audit),
        conflicting_grades(audit),
        confidence_outside(audit),
        confidence_constant(audit),
        train_overlap(audit, train),
        no_abstention(audit),
        unfinished(audit),
        too_few_rows(audit),
        missing_grades(audit),
        repeated_questions(audit),
        certain_and_wrong(audit),
        confidence_missing(audit),
        partial_credit(audit),
        no_ids(audit),
    ]
    said = [finding for finding in found if finding is not None]
    if several:
        said = [replace(finding, sentence=f"in {printable(audit.name)}, {finding.sentence}") for finding in said]
    return said


def below_chance(audit: LogAudit) -> Finding | None:
    """Return an alarm where answers to a choice are right less often than a blind guess, by a test that counts
    questions: it is the parser that is to be looked at, not the model."""
    log = audit.log
    rows = (log.outcome != ABSTAINED) & (log.choices > 1)
    if np.unique(log.question[rows]).size < 2:
        return None
    chance = float((1 / log.choices[rows]).mean())
    right = rate(log.outcome[rows] == CORRECT, clusters=log.question[rows], level=SURE)
    if right.high >= chance:
        return None
    return Finding(
        "below_chance",
        "alarm",
        f"{right.estimate:.1%} of the answers are right, where a blind guess among the choices would be in "
        f"{chance:.1%}: answers are read wrongly, or graded against the wrong key",
        {"accuracy": right.estimate, "chance": chance, "answers": int(rows.sum())},
    )


def conflicting_grades(audit: LogAudit) -> Finding | None:
    """Return an alarm where one question, with one answer where answers are known, was graded in two ways."""
    odd = audit.log.odd("contradiction")
    if odd is None:
        return None
    same = "with the same answer" if odd.detail == "answer" else "which may be samples, as their answers are not known"
    return Finding(
        "conflicting_grades",
        "alarm",
        f"{plural(odd.rows, 'question')} stand{'s' * (odd.rows == 1)} with different grades, {same}: the "
        f"first at {odd.first}",
        {"questions": odd.rows},
    )


def confidence_outside(audit: LogAudit) -> Finding | None:
    """Return an alarm where confidences lie outside [0, 1]; they are left out."""
    odd = audit.log.odd("confidence_outside")
    if odd is None:
        return None
    value, _, like = odd.detail.partition(" ")
    hint = "; they look like per cent: --percent divides them by 100" if like else ""
    return Finding(
        "confidence_outside",
        "alarm",
        f"{plural(odd.rows, 'confidence')} lie{'s' * (odd.rows == 1)} outside [0, 1] and "
        f"{'is' if odd.rows == 1 else 'are'} left out, the first, {value}, at {odd.first}{hint}",
        {"rows": odd.rows},
    )


def confidence_constant(audit: LogAudit) -> Finding | None:
    """Return an alarm where all confidences are the same: they tell no answer from another."""
    log = audit.log
    known = log.confidence[np.isfinite(log.confidence)]
    if known.size < 2 or (known != known[0]).any():
        return None
    return Finding(
        "confidence_constant",
        "alarm",
        f"all {known.size:,} confidences are {known[0]:g}: they tell no answer from another, and no target "
        "but one changes what is answered",
        {"rows": int(known.size), "confidence": float(known[0])},
    )


def train_overlap(audit: LogAudit, train: UInt64[np.ndarray, " ids"] | None) -> Finding | None:
    """Return an alarm where questions stand among the ids of the training data, with the accuracy on both parts."""
    if train is None:
        return None
    log = audit.log
    seen = np.isin(log.question, train)
    questions = int(np.unique(log.question[seen]).size)
    if not questions:
        return None
    right = log.outcome == CORRECT
    on, off = float(right[seen].mean()), float(right[~seen].mean()) if not seen.all() else math.nan
    beside = f" and {off:.1%} on the others" if not seen.all() else ""
    return Finding(
        "train_overlap",
        "alarm",
        f"{questions:,} of the {audit.counts.questions:,} questions stand in the training data: the accuracy "
        f"on these is {on:.1%}{beside}",
        {"questions": questions, "accuracy_seen": on, "accuracy_unseen": off},
    )


def no_abstention(audit: LogAudit) -> Finding | None:
    """Return an alarm where nothing is an abstention: either the model never says so, or the grades cannot."""
    if audit.counts.abstained:
        return None
    answers = audit.counts.correct + audit.counts.wrong
    return Finding(
        "no_abstention",
        "alarm",
        f"none of the {answers:,} is an abstention: the model always answers, or its grades know only right "
        "and wrong; --idk TEXT names answers that mean I don't know",
        {"answers": answers},
    )


def unfinished(audit: LogAudit) -> Finding | None:
    """Return an alarm where the log says that its evaluation did not come to its end."""
    odd = audit.log.odd("unfinished")
    if odd is None:
        return None
    of = f" of {int(odd.detail):,}" if odd.detail else ""
    return Finding(
        "unfinished",
        "alarm",
        f"the evaluation has the status {printable(odd.first)}, with {odd.rows:,}{of} samples: what is "
        "missing may be what is hard",
        {"samples": odd.rows},
    )


def too_few_rows(audit: LogAudit) -> Finding | None:
    """Return an alarm where the interval of the accuracy is wider than ``WIDE``, and how many questions it takes."""
    accuracy, questions = audit.rates.accuracy, audit.counts.questions
    width = accuracy.high - accuracy.low
    if width <= WIDE:
        return None
    needed = math.ceil(questions * (width / NARROW) ** 2 / 10) * 10
    return Finding(
        "too_few_rows",
        "alarm",
        f"{plural(questions, 'question')} are too few for a claim: the accuracy lies between "
        f"{accuracy.low:.2f} and {accuracy.high:.2f}; it takes about {needed:,} for an interval of width {NARROW:g}",
        {"questions": questions, "width": width, "questions_needed": needed},
    )


def different_questions(audits: Sequence[LogAudit], board: Leaderboard | None) -> Finding | None:
    """Return an alarm where logs that are compared do not share their questions."""
    if board is None:
        return None
    fewest = min(audit.counts.questions for audit in audits)
    if board.questions >= FEW_SHARED * fewest:
        return None
    how = (
        "they are ranked on these"
        if board.paired
        else "each is ranked on its own questions, which may be easier or harder"
    )
    return Finding(
        "different_questions",
        "alarm",
        f"the logs share {plural(board.questions, 'question')}, of {fewest:,} in the smallest of them: {how}",
        {"shared": board.questions, "fewest": fewest},
    )


def penalty_mismatch(stated: Stated | None, penalty: float | None) -> Finding | None:
    """Return an alarm where a penalty rewards answering from another confidence on than the one that is stated."""
    if stated is None or stated.agrees or penalty is None:
        return None
    return Finding(
        "penalty_mismatch",
        "alarm",
        stated.sentence,
        {"stated": stated.stated, "rewarded": stated.rewarded, "penalty": penalty},
    )
