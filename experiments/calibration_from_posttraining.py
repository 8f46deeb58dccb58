"""What becomes of a calibrated model's calibration when it is post-trained, and does the grading decide that?

Aims: cross-entropy training leaves delta near 0 and confidences that can be believed; GPT-4's ECE on a part of MMLU was
.007 after pretraining and .074 after post-training (OpenAI 2023, arXiv 2303.08774, figure 8, shown by KNVZ 2025, arXiv
2509.04664, as theirs). To see whether following a grader is enough to do that, step by step, and what a confidence
target changes. Data: eight classes of prompts whose right answers have a law, with top probabilities from .15 to .97,
i.i.d. draws of them without errors; half of the prompts are graded, all measures are of the other half. Estimands:
error, abstention, delta, ECE of the best answer (given that one is given), and how often the policy answers against its
own first belief, at each step. Methods: exact policy gradient without an anchor, under binary grading and at two
targets, on two bases: the calibrated algorithm that believes the law of the class, with numbers that depend on its
confidence alone, and an MLP trained on the text, whose weights go on being trained. Performance: means over worlds with
Monte Carlo standard errors; given a world and a policy all are exact sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax
import numpy as np
from pydantic import BaseModel, Field

from simlab.bounds import error_from_iiv
from simlab.corpora import Listed, Truth, sample_listed
from simlab.errors import BadInput
from simlab.fitting import Fitted, fit
from simlab.grading import Rule, binary, confidence_target
from simlab.models import TableFit
from simlab.models.mlp import MLP
from simlab.posttraining import (
    Policy,
    Responses,
    behave,
    by_class,
    confidence_of,
    enumerate_responses,
    grader_of,
    of_family,
    posttrain,
)
from simlab.posttraining.studies import TOPS, list_by_tops, policy_of
from simlab.seeds import Streams

RATES = {"by_class": 0.1, "mlp": 0.01}
"""Learning rates of Adam at which each policy comes to rest within the steps."""


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    base: Literal["by_class", "mlp"] = Field("by_class", description="the model before post-training")
    facts_per_class: int = Field(200, ge=10, le=10**4, description="prompts of each class")
    draws: int = Field(1_600, ge=1, le=10**6, description="N, the number of training draws")
    answers: int = Field(10, ge=7, le=1_000, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.8, gt=0, lt=1, description="alpha_c, the share of draws that state the answer")
    targets: tuple[float, ...] = Field((0.0, 0.5, 0.75), min_length=1, description="confidence targets; 0: binary")
    steps: tuple[int, ...] = Field((0, 1, 3, 10, 30, 100, 300), min_length=2, description="where the policy is seen")
    hidden: int = Field(64, ge=1, le=10**4, description="hidden units of the MLP")
    width: int = Field(32, ge=2, le=10**3, description="coordinates of the MLP's keys and values")
    own: float = Field(0.7, ge=0, le=100, description="length of the prompt's own part of its key; its class's is 1")


GRID = {"base": ("by_class", "mlp")}
REPLICATES = 10
BLOCK = 5
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"base": ("by_class",)}}
ALONG = ("step",)
SHOWN = {
    "error": "error",
    "abstention": "IDK",
    "accuracy_answered": "right, where\nanswered",
    "calibration_gap": "delta",
    "ece": "ECE",
    "misplaced": "against\nits belief",
}
MEASURES = ("accuracy", "confidence", "score")
PICTURE = "calibration_from_posttraining"


def check(config: Config) -> None:
    """Refuse targets that there are not, and steps that do not rise from 0."""
    if not all(0.0 <= t < 1.0 for t in config.targets) or len(set(config.targets)) < len(config.targets):
        raise BadInput(f"targets = {config.targets}: must be different numbers from 0 to below 1")
    if config.steps[0] != 0 or sorted(set(config.steps)) != list(config.steps):
        raise BadInput(f"steps = {config.steps}: must rise from 0")


def rule_of(target: float) -> Rule:
    """The rule of a confidence target, binary grading where it is 0."""
    return confidence_target(target) if target else binary()


def trained_mlp(config: Config, truth: Truth, corpus: Listed, streams: Streams) -> Fitted:
    """Train an MLP on the text until fresh text is told no better.

    The key of a prompt is its class's vector and, shorter, one of its own: it is fixed, as a text is.
    """
    model = MLP(config.hidden, config.width, keys="fixed")
    rng = streams.numpy("keys")
    classes, own = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (rng.normal(size=(n, config.width)) for n in (len(TOPS), len(truth.correct)))
    )
    with jax.enable_x64(True):
        start = jax.tree.map(np.asarray, model.start(streams.jax("mlp"), model.examples(corpus).given))
    keys = classes[truth.fact_class] + config.own * own
    start["keys"] = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    fresh = sample_listed(truth, config.draws, streams.numpy("fresh"))
    return fit(
        corpus,
        model,
        streams=streams,
        init=start,
        learning_rate=0.01,
        steps=400,
        every=10,
        validation=fresh,
        patience=3,
    )


def base_of(config: Config, truth: Truth, corpus: Listed, streams: Streams) -> tuple[Responses, Policy]:
    """The base's responses, and the policy that starts from it."""
    if config.base == "mlp":
        fitted = trained_mlp(config, truth, corpus, streams)
        responses = enumerate_responses(fitted.density, corpus)
        return responses, of_family(responses, fitted)
    responses = enumerate_responses(by_class(corpus), corpus)
    return responses, policy_of(responses)


def rows_of(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """The rows of one replicate: one a (rule, step)."""
    truth = list_by_tops(config.facts_per_class, config.answers, config.answer_rate, streams.numpy("facts"))
    corpus = sample_listed(truth, config.draws, streams.numpy("corpus"))
    responses, policy = base_of(config, truth, corpus, streams)
    belief = confidence_of(responses)
    graded = streams.numpy("split").random(len(belief)) < 0.5
    rows = []
    for target in config.targets:
        rule = rule_of(target)
        grader = grader_of(truth, corpus, responses, rule, prompts=graded)
        done = posttrain(
            policy,
            grader,
            streams=streams,
            optimizer="adam",
            learning_rate=RATES[config.base],
            steps=config.steps[-1],
            every=config.steps,
        )
        for step, look in done.snapshots:
            assert isinstance(look, TableFit)
            did = behave(truth, corpus, responses, look.p_hat, streams=streams, prompts=~graded)
            answered = 1.0 - look.p_hat[~graded, -1]
            seen = did.measures
            bound = error_from_iiv(
                seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min
            )
            rows.append(
                {"replicate": streams.replicate, "method": rule.name, "step": step}
                | {"misplaced": float(abs(answered - (belief[~graded] > target)).mean()), "score": did.score(rule)}
                | did.columns
                | bound.columns()
            )
    return rows


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a (replicate, rule, step)."""
    return [row for one in streams for row in rows_of(config, one)]
