"""What is particular to the samples of lm-evaluation-harness: metrics, filters, and likelihoods of the choices.

A line is one document under one filter. ``filtered_resps`` of a multiple-choice task holds a [log-likelihood, greedy]
pair for each choice, as texts; of a generated answer, the text that is graded. ``resps`` then holds all k texts that
were generated, before any filter, and ``arguments`` of a multiple choice the text of each choice.
"""

from __future__ import annotations

import re
from pathlib import Path

from simlab.errors import BadInput
from simlab.logs.asking import Wanted
from simlab.logs.choosing import chosen_metric
from simlab.logs.eval_log import Role
from simlab.logs.plans import SAID, Plan
from simlab.tables.data_files import DataFile, check_columns

BY_LIKELIHOOD, BY_CHARACTER = "acc", "acc_norm"
"""The metrics whose answer is the choice of the largest log-likelihood, and of the largest one a character."""
TWICE = "acc_mutual_info"
"""Where this metric is, each choice has a second likelihood, that without the question."""

LIKELIHOODS = (
    "CASE WHEN json_valid({0}) THEN list_transform(json_transform({0}, '[[\"VARCHAR\"]]'), "
    "lambda pair: TRY_CAST(pair[1] AS DOUBLE)) END"
)
SEVERAL = "len(likelihoods) > 1 AND list_count(likelihoods) = len(likelihoods)"
A_CHARACTER = (
    "list_transform(likelihoods, lambda one, i: one / nullif(length(ltrim(coalesce("
    "json_extract_string({0}, '$.gen_args_' || (i - 1) || '.arg_1'), "
    "json_extract_string({0}, '$[' || (i - 1) || '][1]')))), 0))"
)
"""The log-likelihoods over the lengths of the choices, which ``arguments`` holds in a later and an earlier form."""
PLACE = "CASE WHEN list_count({0}) = len({0}) THEN list_position({0}, list_max({0})) END"
WEIGHTS = "list_transform(likelihoods, lambda one: exp(one - list_max(likelihoods)))"
SHARE = f"{{0}} / list_sum({WEIGHTS})"

TEXT = "CASE WHEN json_valid({0}) THEN json_extract_string({0}, '$[0]') END"
GENERATED = "CASE WHEN json_valid({0}) THEN json_transform({0}, '[[\"VARCHAR\"]]')[1] END"
ALIKE = f"list_filter({GENERATED}, lambda one: {SAID.format('one')} = {SAID.format('{1}')})"
AGREED = f"CASE WHEN len({GENERATED}) > 1 THEN nullif(len({ALIKE}), 0) / len({GENERATED}) END"
"""The share of the generated answers that are the graded one; none where a filter rewrote it."""


def harness_plan(file: DataFile, wanted: Wanted) -> Plan:
    """What to read of samples: the metric, and how sure the answer is that it grades.

    Of a choice by likelihood that is the share of the likelihood that the chosen answer has; of k > 1 generated answers
    the share of them that are the graded one. The id is ``doc_hash``, which is the same for one document in every log,
    or ``doc_id``. Raises ``BadInput`` where a named column or every known metric is lacking.
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
    chosen_by = metric in (BY_LIKELIHOOD, BY_CHARACTER)
    source = {BY_LIKELIHOOD: None, BY_CHARACTER: "arguments"}.get(metric, "resps")
    source = source if source in there and wanted.confidence is None else None
    named = (key, metric, wanted.confidence, wanted.answer, responses, source, "filter" if "filter" in there else None)
    names = tuple(dict.fromkeys(name for name in named if name is not None))
    at = {name: f"k{i}" for i, name in enumerate(names)}
    mapping = [Role("id", f"field {key!r}"), Role("grade", f"metric {metric!r}")]
    likelihoods = confidence = answer = choices = None
    if responses is not None:
        likelihoods = LIKELIHOODS.format(at[responses])
        likelihoods = f"({likelihoods})[:len({likelihoods}) // 2]" if TWICE in there else likelihoods
        choices = f"CASE WHEN {SEVERAL} THEN len(likelihoods) END"
        place = PLACE.format(A_CHARACTER.format(at[source]) if metric == BY_CHARACTER and source else "likelihoods")
        text = TEXT.format(at[responses])
        answer = f"CASE WHEN {SEVERAL} THEN ({place})::VARCHAR ELSE {text} END"
        mapping.append(Role("answer", f"field {responses!r}"))
    if wanted.answer is not None:
        answer = at[wanted.answer]
        mapping[-1] = Role("answer", f"field {wanted.answer!r}")
    if wanted.confidence is not None:
        confidence = at[wanted.confidence]
        mapping.append(Role("confidence", f"field {wanted.confidence!r}"))
    elif likelihoods is not None and (metric == BY_LIKELIHOOD or (metric == BY_CHARACTER and source)):
        weight = "1" if metric == BY_LIKELIHOOD else f"({WEIGHTS})[{place}]"  # that of the likeliest
        confidence = f"CASE WHEN {SEVERAL} THEN {SHARE.format(weight)} END"
        mapping.append(Role("confidence", f"share of the likelihood that the chosen answer has, from {responses!r}"))
    elif likelihoods is not None and source and not chosen_by:
        confidence = f"CASE WHEN NOT coalesce({SEVERAL}, false) THEN {AGREED.format(at[source], text)} END"
        mapping.append(Role("confidence", f"share of the answers in {source!r} that are the graded one"))
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
