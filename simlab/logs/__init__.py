"""Evaluation logs: graded samples, whatever harness wrote them, as arrays of outcomes and confidences.

``read_logs`` reads lm-evaluation-harness samples, Inspect AI logs, SimpleQA gradings and plain tables; an ``EvalLog``
says in ``mapping`` where each quantity was read from, and in ``oddities`` what is not as it should be.
"""

from simlab.logs.eval_log import ABSTAINED, CORRECT, FORMATS, WRONG, EvalLog, LogFile, Oddity, Role
from simlab.logs.reading import read_ids, read_logs

__all__ = [
    "ABSTAINED",
    "CORRECT",
    "FORMATS",
    "WRONG",
    "EvalLog",
    "LogFile",
    "Oddity",
    "Role",
    "read_ids",
    "read_logs",
]
