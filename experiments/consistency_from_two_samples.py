"""Does it help to ask twice and abstain where the answers differ, and which models does it help?

Aims: Kalai et al. 2026 (Nature 653:1047-1051) sample two responses and say IDK where they disagree. An answer given
with chance p survives with p^k, k the number of samples, so the rule removes what the model spreads over many answers
and keeps what it stakes on one. To see what that does to a calibrated model, to one that binary grading has sharpened,
to one that a confidence target has taught to abstain, and to one that guesses; in errors avoided and right answers
lost. Data: eight classes of prompts whose right answers have a law, with top probabilities from .15 to .97, i.i.d.
draws of them; half of the prompts are graded, all measures are of the other half. Estimands: error and accuracy after
the rule, exact. Methods: the rule with k samples, k = 1 being the model itself, on four models; beside the exact error
that of the rule as it is run, sampled. Performance: means over worlds with Monte Carlo standard errors, and the bias of
the sampled error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab.bounds import error_from_iiv
from simlab.corpora import Listed, Truth, sample_listed
from simlab.errors import BadInput
from simlab.grading import Rule, binary, confidence_target
from simlab.models import learn
from simlab.posttraining import (
    Responses,
    agreed,
    behave,
    by_class,
    enumerate_responses,
    grader_of,
    posttrain,
    right_of,
    sampled_agreement,
)
from simlab.posttraining.studies import list_by_tops, policy_of
from simlab.seeds import Streams


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    asked: tuple[int, ...] = Field((1, 2, 3, 5), min_length=1, description="k, how often a question is asked")
    facts_per_class: int = Field(200, ge=10, le=10**5, description="prompts of each class")
    draws: int = Field(1_600, ge=1, le=10**6, description="N, the number of training draws")
    answers: int = Field(10, ge=7, le=1_000, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.8, gt=0, lt=1, description="alpha_c, the share of draws that state the answer")
    target: float = Field(0.75, ge=0, lt=1, description="the confidence target of one of the models")
    steps: int = Field(300, ge=1, le=10**5, description="steps of Adam in post-training")
    repeats: int = Field(
        20, ge=1, le=10**4, description="how often the rule is run on each prompt, beside its exact value"
    )


GRID = {"draws": (1_600,)}
REPLICATES = 10
BLOCK = 5
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"draws": (1_600,)}}
ALONG = ("samples",)
SHOWN = {
    "error": "error",
    "accuracy": "right",
    "abstention": "IDK",
    "accuracy_answered": "right, where\nanswered",
    "sampled_error": "error,\nsampled",
    "calibration_gap": "delta",
}
MEASURES = ("confidence", "ece")
PICTURE = "consistency_from_two_samples"


def check(config: Config) -> None:
    """Refuse numbers of samples that do not rise from at least 1."""
    if config.asked[0] < 1 or sorted(set(config.asked)) != list(config.asked):
        raise BadInput(f"asked = {config.asked}: must rise from at least 1")


def models(config: Config, truth: Truth, corpus: Listed, graded: np.ndarray, streams: Streams) -> dict[str, Responses]:
    """Four models of one corpus: calibrated, post-trained by two rules, and one that guesses one unseen answer."""
    base = enumerate_responses(by_class(corpus), corpus)

    def trained(rule: Rule) -> Responses:
        grader = grader_of(truth, corpus, base, rule, prompts=graded)
        done = posttrain(
            policy_of(base), grader, streams=streams, optimizer="adam", learning_rate=0.1, steps=config.steps
        )
        return enumerate_responses(done.density, corpus)

    return {
        "calibrated": base,
        "binary": trained(binary()),
        "target": trained(confidence_target(config.target)),
        "guess_one": enumerate_responses(learn("guess_one", corpus, streams), corpus),
    }


def rows_of(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """The rows of one replicate: one a (model, k)."""
    truth = list_by_tops(config.facts_per_class, config.answers, config.answer_rate, streams.numpy("facts"))
    corpus = sample_listed(truth, config.draws, streams.numpy("corpus"))
    graded = streams.numpy("split").random(len(truth.correct)) < 0.5
    rows = []
    for name, responses in models(config, truth, corpus, graded, streams).items():
        wrong = responses.is_answer & (right_of(truth, corpus, responses) == 0)
        for k in config.asked:
            policy = agreed(responses, k)
            did = behave(truth, corpus, responses, policy, streams=streams, prompts=~graded)
            said = sampled_agreement(responses, k, streams.numpy(f"asked {name} {k}"), config.repeats)
            seen = did.measures
            bound = error_from_iiv(
                seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min
            )
            rows.append(
                {"replicate": streams.replicate, "method": name, "samples": k}
                | did.columns
                | {"sampled_error": float((said * wrong)[~graded].sum(1).mean()), "sampled_error_estimand": seen.error}
                | bound.columns()
            )
    return rows


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a (replicate, model, k)."""
    return [row for one in streams for row in rows_of(config, one)]
