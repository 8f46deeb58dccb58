"""What does a model pay in calibration for each error that it avoids by abstaining, and which way does grading push it?

Aims: KNVZ 2025 (arXiv 2509.04664, section 3.4) note that errors are inevitable only for calibrated models; the exchange
between the two is exact. A learner that moves a share q of the answers to unseen prompts to IDK errs by (1 - q) MM
(|R| - 1)/|R| and has delta = q MM, provided that IDK, at 1 - alpha (1 - q), is above the threshold 1/K. To see the
whole frontier, where the proviso bites, and which way post-training leads from its calibrated end. Data: i.i.d. draws
from a Zipf world, IDK in a fifth of them. Estimands: error and delta of each policy. Methods: abstaining by rule;
the calibrated algorithm post-trained with an anchor, at a confidence target and under binary grading, the anchor chosen
so that the share q comes out; a learner that guesses. Performance: exact sums given a corpus, means over corpora with
Monte Carlo standard errors, and the largest deviation from the closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field

from simlab.corpora import Corpus, sample
from simlab.errors import BadInput
from simlab.grading import Rule, binary, confidence_target
from simlab.measures import observe, threshold
from simlab.models import Fit, learn
from simlab.pairs import tabulate
from simlab.posttraining import behave, enumerate_responses, grader_of, of_table, posttrain
from simlab.seeds import Streams
from simlab.trials import bound_columns, check_methods, missing_mass_row
from simlab.worlds import World, with_singleton_rate


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10**6, ge=1, le=10**15, description="N, the number of training draws")
    target: float = Field(0.2, gt=0, lt=1, description="the exact expected singleton rate of the world")
    answers: int = Field(365, ge=2, le=10**9, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.8, gt=0, lt=1, description="alpha_c, the share of draws that state the answer")
    confidence: float = Field(0.75, ge=0, lt=1, description="the confidence target of post-training")
    shares: tuple[float, ...] = Field(
        (0.0, 0.05, 0.1, 0.15, 0.17, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        min_length=1,
        description="q, the share of unseen answer mass that becomes IDK",
    )
    guesses: tuple[float, ...] = Field(
        (0.02, 0.05, 0.1, 0.15, 0.2, 0.24), description="-q under binary grading, which turns IDK into answers"
    )
    count_cap: int = Field(2, ge=2, le=10**6, description="counts above it share one level")


GRID = {"answers": (4, 365)}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"answers": (365,)}}
ALONG = ("abstained",)
SHOWN = {
    "error": "error",
    "calibration_gap": "delta",
    "frontier_error": "error,\nclosed form",
    "frontier_gap": "delta,\nclosed form",
    "abstention": "IDK",
    "error_from_iiv_slack": "Theorem 1\nslack",
}
MEASURES = ("off_frontier",)
PICTURE = "error_from_abstention"


@lru_cache(maxsize=8)
def world(target: float, draws: int, answers: int, answer_rate: float) -> World:
    """Return the Zipf world whose exact E[sr] at N = draws is the target."""
    return with_singleton_rate(target, draws, "zipf", n_facts=max(draws, 2), answers=answers, answer_rate=answer_rate)


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.target, config.draws, config.answers, config.answer_rate)


def check(config: Config) -> None:
    """Refuse shares that no policy of these methods can have, and a target that an unseen answer meets."""
    check_methods(("abstain", "calibrated", "guess_one"), world_of(config))
    if not all(0.0 <= q <= 1.0 for q in config.shares):
        raise BadInput(f"shares = {config.shares}: each must lie between 0 and 1")
    most = (1.0 - config.answer_rate) / config.answer_rate
    if not all(0.0 < g < most for g in config.guesses):
        raise BadInput(f"guesses = {config.guesses}: each must lie between 0 and (1 - alpha)/alpha = {most:.4g}")
    if config.confidence <= 1.0 / config.answers:
        raise BadInput(
            f"confidence = {config.confidence:.4g}: an unseen answer is right with chance 1/{config.answers}: "
            "give a target above that"
        )


def anchored(config: Config, corpus: Corpus, base: Fit, rule: Rule, q: float, streams: Streams) -> Fit:
    """Post-train the calibrated algorithm with the anchor at which a share q of unseen answers becomes IDK.

    The odds of answering an unseen prompt are alpha/(1 - alpha) times exp(s/beta), s the mean score of one of its
    answers, so beta = s / ln[(1 - q)(1 - alpha)/(1 - alpha (1 - q))]; one natural step of size 1/beta is the optimum.
    """
    alpha = config.answer_rate
    responses = enumerate_responses(base, corpus)
    grader = grader_of(world_of(config), corpus, responses, rule)
    score = rule.wrong + (rule.correct - rule.wrong) / config.answers
    beta = score / math.log((1.0 - q) * (1.0 - alpha) / (1.0 - alpha * (1.0 - q)))
    done = posttrain(
        of_table(responses),
        grader,
        streams=streams,
        beta=beta,
        optimizer="natural",
        learning_rate=1.0 / beta,
        steps=1,
    )
    assert isinstance(done.density, Fit)
    return done.density


def policies(config: Config, corpus: Corpus, streams: Streams) -> list[tuple[str, float, Fit]]:
    """Every policy of one corpus: its method, its share q, and its density."""
    base = learn("calibrated", corpus, streams)
    made = [("abstain", q, learn("abstain", corpus, streams, abstention=q)) for q in config.shares]
    target = confidence_target(config.confidence)
    made += [("target", q, anchored(config, corpus, base, target, q, streams)) for q in config.shares if 0.0 < q < 1.0]
    made.append(("calibrated", 0.0, base))
    made += [("binary", -g, anchored(config, corpus, base, binary(), -g, streams)) for g in config.guesses]
    made.append(("guess_one", 0.0, learn("guess_one", corpus, streams)))
    return made


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a (replicate, method, share q)."""
    rows = []
    here = world_of(config)
    for one in streams:
        corpus = sample(here, config.draws, one.numpy("corpus"), count_cap=config.count_cap)
        shared = missing_mass_row(here, corpus)
        for method, q, fit in policies(config, corpus, one):
            pairs = tabulate(here, corpus, fit, one)
            seen = observe(pairs)
            responses = enumerate_responses(fit, corpus)
            did = behave(here, corpus, responses, responses.base, streams=one)
            row = {"replicate": one.replicate, "method": method, "abstained": q, "abstention": did.abstention} | shared
            if method in ("abstain", "target", "calibrated"):
                above = 1.0 - config.answer_rate * (1.0 - q) > float(threshold(pairs))
                missed = shared["missing_mass"]
                row |= {
                    "frontier_error": (1.0 - q) * missed * (config.answers - 1) / config.answers,
                    "frontier_gap": q * missed if above else 0.0,
                }
                row["off_frontier"] = max(
                    abs(row["frontier_error"] - seen.error), abs(row["frontier_gap"] - seen.calibration_gap)
                )
            rows.append(row | seen.columns | bound_columns(here, corpus, seen, shared, method))
    return rows
