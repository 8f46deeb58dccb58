"""What is particular to the samples of lm-evaluation-harness: metrics, filters, and likelihoods of the choices.

A line is one document under one filter. ``filtered_resps`` of a multiple-choice task holds a [log-likelihood, greedy]
pair for each choice, as texts; of a generated answer, its text.
"""

from __future__ import annotations

import re
from pathlib import Path

from simlab.errors import BadInput
from simlab.logs.asking import Wanted
from simlab.logs.choosing import chosen_metric
from simlab.logs.eval_log import Role
from simlab.logs.plans import Plan
from simlab.tables.data_files import DataFile, check_columns

CHOSEN_BY = "acc"
"""The metric whose answer is the choice of the largest likelihood."""
TWICE = "acc_mutual_info"
"""Where this metric is, each choice has a second likelihood, that without the question."""

LIKELIHOODS = (
    "CASE WHEN json_valid({0}) THEN list_transform(json_transform({0}, '[[\"VARCHAR\"]]'), "
    "lambda pair: TRY_CAST(pair[1] AS DOUBLE)) END"
)
SEVERAL = "len(likelihoods) > 1 AND list_count(likelihoods) = len(likelihoods)"
SHARE = "1 / list_sum(list_transform(likelihoods, lambda one: exp(one - list_max(likelihoods))))"


def harness_plan(file: DataFile, wanted: Wanted) -> Plan:
    """What to read of samples: the metric, and where it is "acc" the share of the likelihood of the chosen answer.

    The id is ``doc_hash``, which is the same for one document in every log, or ``doc_id``. Raises ``BadInput`` where a
    named column or every known metric is lacking.
    """
    check_columns(file, [name for name in (wanted.id, wanted.confidence, wanted.answer) if name is not None])
    metric = chosen_metric(file.path, file.columns, wanted.grade)
    there = file.columns
    key = wanted.id or next((name for name in ("doc_hash", "doc_id") if name in there), None)
    if key is None:
        raise BadInput(
            f"{file.path}: is no samples file of lm-evaluation-harness (it has neither doc_hash nor doc_id): leave "
            "--format out, or name the ids with --id COL"
        )
    responses = next((name for name in ("filtered_resps", "resps") if name in there), None)
    named = (key, metric, wanted.confidence, wanted.answer, responses, "filter" if "filter" in there else None)
    names = tuple(dict.fromkeys(name for name in named if name is not None))
    at = {name: f"k{i}" for i, name in enumerate(names)}
    mapping = [Role("id", f"field {key!r}"), Role("grade", f"metric {metric!r}")]
    likelihoods = confidence = answer = choices = None
    if responses is not None:
        likelihoods = LIKELIHOODS.format(at[responses])
        likelihoods = f"({likelihoods})[:len({likelihoods}) // 2]" if TWICE in there else likelihoods
        choices = f"CASE WHEN {SEVERAL} THEN len(likelihoods) END"
        text = f"CASE WHEN json_valid({at[responses]}) THEN json_extract_string({at[responses]}, '$[0]') END"
        answer = f"CASE WHEN {SEVERAL} THEN list_position(likelihoods, list_max(likelihoods))::VARCHAR ELSE {text} END"
        mapping.append(Role("answer", f"field {responses!r}"))
    if wanted.answer is not None:
        answer = at[wanted.answer]
        mapping[-1] = Role("answer", f"field {wanted.answer!r}")
    if wanted.confidence is not None:
        confidence = at[wanted.confidence]
        mapping.append(Role("confidence", f"field {wanted.confidence!r}"))
    elif likelihoods is not None and metric == CHOSEN_BY:
        confidence = f"CASE WHEN {SEVERAL} THEN {SHARE} END"
        mapping.append(Role("confidence", f"share of the likelihood that the chosen answer has, from {responses!r}"))
    return Plan(
        names=names,
        mapping=tuple(mapping),
        grade=at[metric],
        id=at[key],
        confidence=confidence,
        stated=wanted.confidence is not None,
        answer=answer,
        choices=choices,
        filter=at.get("filter"),
        likelihoods=likelihoods,
    )


def named(path: str) -> tuple[str | None, str | None]:
    """The task and the model that the file's name and folder tell: ``MODEL/samples_TASK_DATE.jsonl``."""
    found = re.match(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl", Path(path).name)
    folder = Path(path).parent.name
    return (found[1] if found else None), (folder or None) if found else None
