"""How to read the numbers of an evaluation log: what is left out of them, and what stands in it several times."""

from __future__ import annotations

from simlab.audit.evals_record import LogAudit
from simlab.audit.finding import Finding, Grade
from simlab.logs import ABSTAINED, CORRECT
from simlab.terminal.wording import plural

MANY_MISSING = 0.05
"""The share of samples without a grade from which on that is an alarm."""


def missing_grades(audit: LogAudit) -> Finding | None:
    """Return a note where samples have no grade, an alarm where more than ``MANY_MISSING`` have none."""
    odd, counts = audit.log.odd("missing_grade"), audit.counts
    if odd is None:
        return None
    grade: Grade = "alarm" if odd.rows > MANY_MISSING * counts.samples else "note"
    return Finding(
        "missing_grades",
        grade,
        f"{odd.rows:,} of {counts.samples:,} samples have no grade and are left out, the first at {odd.first}",
        {"missing": odd.rows, "samples": counts.samples},
    )


def repeated_questions(audit: LogAudit) -> Finding | None:
    """Return a note where questions stand several times and are not votes: copies, or samples of one question."""
    odd = audit.log.odd("repeated")
    if odd is None:
        return None
    kind = (
        "with one answer, grade and confidence each time: was the log written twice?"
        if odd.detail
        else "intervals count questions; if the log is of several models, --model COL splits it"
    )
    return Finding(
        "repeated_questions",
        "note",
        f"{odd.rows:,} of {audit.counts.questions:,} questions stand several times, the first at {odd.first}: {kind}",
        {"questions": odd.rows},
    )


def certain_and_wrong(audit: LogAudit) -> Finding | None:
    """Return a note where answers of confidence 1 are wrong: no target below 1 makes a model abstain on them."""
    log = audit.log
    certain = (log.confidence == 1) & (log.outcome != ABSTAINED)
    wrong = int((certain & (log.outcome != CORRECT)).sum())
    if not wrong:
        return None
    return Finding(
        "certain_and_wrong",
        "note",
        f"{wrong:,} of the {int(certain.sum()):,} answers with a confidence of exactly 1 are wrong: they are "
        "given at every target",
        {"wrong": wrong, "certain": int(certain.sum())},
    )


def confidence_missing(audit: LogAudit) -> Finding | None:
    """Return a note where some answers have no confidence: calibration and scores by confidence leave them out."""
    odd = audit.log.odd("confidence_missing")
    if odd is None:
        return None
    return Finding(
        "confidence_missing",
        "note",
        f"{plural(odd.rows, 'answer')} without a confidence, the first at {odd.first}: calibration, selection "
        "and the scores by confidence leave them out",
        {"rows": odd.rows},
    )


def partial_credit(audit: LogAudit) -> Finding | None:
    """Return a note where scores lie between right and wrong."""
    odd = audit.log.odd("partial")
    if odd is None:
        return None
    return Finding(
        "partial_credit",
        "note",
        f"{plural(odd.rows, 'score')} strictly between 0 and 1, the first at {odd.first}: right from "
        "--correct-from on, else wrong",
        {"rows": odd.rows},
    )


def no_ids(audit: LogAudit) -> Finding | None:
    """Return a note where samples have no id, so that each counts as a question of its own."""
    odd = audit.log.odd("unnamed")
    if odd is None:
        return None
    return Finding(
        "no_ids",
        "note",
        f"{plural(odd.rows, 'sample')} without an id: each counts as a question of its own",
        {"rows": odd.rows},
    )
