"""Which columns of a table mean what: by their names, in a stated order, or as the user says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from simlab.errors import BadInput, unknown
from simlab.logs.asking import Wanted

GRADES = ("grade", "score", "correct", "label", "is_correct", "graded", "verdict", "outcome")
RESPONSES = ("response", "prediction", "predicted_answer", "model_answer", "model_response", "completion", "output")
TARGETS = ("target", "reference", "reference_answer", "gold", "gold_answer", "expected")
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": (
        *("id", "question_id", "qid", "sample_id", "example_id", "doc_id", "prompt_id", "uid", "index", "idx"),
        *("question", "prompt", "problem"),
    ),
    "grade": ("simpleqa_grade", *GRADES),
    "confidence": ("confidence", "probability", "p", "prob", "conf"),
    "answer": ("answer", *RESPONSES),
    "target": TARGETS,
    "abstained": ("abstained", "abstain", "is_not_attempted", "not_attempted"),
    "choices": ("choices", "options", "n_choices"),
}
"""Role -> the names that a column of it may have, the first that is there is taken."""

HARNESS_BOOKKEEPING = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash"}
    | {"target_hash", "task", "task_name", "input", "schema_version"}
)
"""The keys of lm-evaluation-harness samples that are no metrics."""

METRICS = (
    "acc",
    "exact_match",
    "pass@1",
    "em",
    "acc_norm",
    "prompt_level_strict_acc",
    "is_correct",
    "correct",
    "score",
)
"""Metrics that are right or wrong, the first that is there is the grade; acc before acc_norm, since the share of the
likelihood that the chosen answer has is the confidence of the former."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The column of each role, None where there is none."""

    id: str | None
    grade: str
    confidence: str | None
    answer: str | None
    target: str | None
    abstained: str | None
    choices: str | None
    model: str | None

    def columns(self) -> tuple[str, ...]:
        """The columns to read, each once."""
        names = (self.id, self.grade, self.confidence, self.answer, self.abstained, self.choices, self.model)
        return tuple(dict.fromkeys(name for name in names if name is not None))


def recognised_format(columns: Collection[str]) -> tuple[str, str]:
    """The format that columns show, a key of ``FORMATS``, and by what it is told."""
    there = set(columns)
    if "doc_id" in there and there & {"resps", "filtered_resps"}:
        return "lm-eval", f"doc_id and {'filtered_resps' if 'filtered_resps' in there else 'resps'}"
    if "simpleqa_grade" in there:
        return "simpleqa", "simpleqa_grade"
    if {"is_correct", "is_incorrect", "is_not_attempted"} <= there:
        return "simpleqa", "is_correct, is_incorrect, is_not_attempted"
    return "table", "its columns"


def chosen(path: str, columns: Sequence[str], wanted: Wanted) -> Chosen:
    """The columns of a table, those that were named and else the first of ``NAMES``.

    Raises ``BadInput`` for a named column that is not there, and where no column holds grades.
    """
    taken = {name for name in (wanted.id, wanted.grade, wanted.confidence, wanted.answer, wanted.model) if name}

    def find(told: str | None, names: Sequence[str]) -> str | None:
        if told is not None:
            if told not in columns:
                raise _no_column(path, told, columns)
            return told
        lowered = {column.strip().casefold(): column for column in reversed(columns)}
        for name in names:
            column = name if name in columns else lowered.get(name)
            if column is not None and column not in taken:
                taken.add(column)
                return column
        return None

    model = find(wanted.model, ())
    grade = find(wanted.grade, NAMES["grade"])
    if grade is None:
        raise BadInput(
            f"{path}: no column holds grades: name it with --grade COL, or call it grade, score, correct or label "
            f"(columns: {', '.join(sorted(columns))})"
        )
    target = find(None, NAMES["target"])
    asked = NAMES["answer"] if target is not None else (*RESPONSES, "answer")  # "answer" may be the right one
    return Chosen(
        id=find(wanted.id, NAMES["id"]),
        grade=grade,
        confidence=find(wanted.confidence, NAMES["confidence"]),
        answer=find(wanted.answer, asked),
        target=target,
        abstained=find(None, NAMES["abstained"]),
        choices=find(None, NAMES["choices"]),
        model=model,
    )


def chosen_metric(path: str, columns: Sequence[str], told: str | None) -> str:
    """The metric of lm-evaluation-harness samples that is the grade: ``told``, or the first of ``METRICS``.

    Raises ``BadInput`` where the one that was told, or all of them, are not there.
    """
    if told is not None:
        if told not in columns:
            raise _no_column(path, told, columns)
        return told
    found = next((name for name in METRICS if name in columns), None)
    if found is None:
        there = sorted(set(columns) - HARNESS_BOOKKEEPING)
        listed = f"choose from {', '.join(there)}" if there else "the samples have no metric"
        raise BadInput(f"{path}: no metric is known to be right or wrong: name one with --grade METRIC: {listed}")
    return found


def _no_column(path: str, name: str, columns: Sequence[str]) -> BadInput:
    error = str(unknown(f"{path}: column", name, columns))
    listed = "" if "choose from" in error else f" (columns: {', '.join(sorted(columns))})"
    return BadInput(error + listed)
