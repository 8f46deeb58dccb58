"""Does the grading decide who leads? Ten benchmarks as they grade, and regraded at a confidence target.

Aims: whoever grades in a binary way pays for guessing (Observation 1 of KNVZ 2025, arXiv 2509.04664); to see how much
of a ranking is then willingness to guess, where selection by a leaderboard takes it, and what a target costs. Data: a
population of models whose competence, overconfidence and threshold to answer are drawn, and ten benchmarks that
differ in scoring, number of questions and of plausible answers; their difficulties are alike. Estimands: the pairs of
models that a target puts the other way round, the errors of the leader, the price of honesty, the chance of being
right from which on models answer after selection, the questions that tell two models apart. Methods: the benchmark's
own scoring, and targets of .5, .75 and .9, on the same models. Performance: means over populations and their Monte
Carlo standard errors; given a population everything but selection and power is an exact sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds
from simlab import leaderboards as boards
from simlab.errors import BadInput
from simlab.grading import Rule, confidence_target
from simlab.leaderboards.benchmarks import Name
from simlab.seeds import Streams


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    benchmark: Name = Field("hle", description="whose scoring, questions and answers")
    models: int = Field(40, ge=2, le=1_000, description="models of a population")
    competence_spread: float = Field(0.5, ge=0, le=5, description="standard deviation of competence, in logits")
    overconfidence: float = Field(0.5, ge=-5, le=5, description="mean of logit confidence less logit chance")
    overconfidence_spread: float = Field(0.5, ge=0, le=5, description="its standard deviation")
    difficulty: float = Field(0.0, ge=-5, le=5, description="mean difficulty, in logits")
    difficulty_spread: float = Field(1.5, ge=0, le=5, description="its standard deviation")
    targets: tuple[float, ...] = Field((0.5, 0.75, 0.9), min_length=1, description="confidence targets")
    honest_at: float = Field(0.75, ge=0, lt=1, description="the honest abstain where confidence is at most this")
    generations: int = Field(40, ge=1, le=1_000, description="generations of selection")
    top: float = Field(0.2, gt=0, le=1, description="share of models that reproduce")
    mutation: float = Field(0.05, ge=0, le=1, description="standard deviation of a threshold's mutation")
    edge: float = Field(0.25, gt=0, le=5, description="competence by which the better of two models is better")


GRID: dict[str, tuple[Any, ...]] = {"benchmark": tuple(one.name for one in boards.BENCHMARKS)}
REPLICATES = 40
BLOCK = 20
SMOKE: dict[str, Any] = {
    "replicates": 4,
    "block": 2,
    "grid": {"benchmark": ("gpqa", "wildbench"), "generations": (10,)},
}
SHOWN = ("reversals", "leader_error", "price_of_honesty", "answers_from_last", "questions_needed", "power")
MEASURES = (
    "error_last",
    "guessing_last",
    "leader_answers_from",
    "power_guesser",
    "questions",
    "questions_needed_guesser",
    "reversals_by_chance",
    "target",
    "tau_competence",
    "tau_willingness",
    "answers_from_#",
)
PICTURE = "rank_from_grading"
POINTS = 10
"""The course of selection is kept at the start and at this many generations."""


def check(config: Config) -> None:
    """Refuse targets that are none, and a top that holds no model, before anything runs."""
    names = [confidence_target(target).name for target in config.targets]
    if len(set(names)) < len(names):
        raise BadInput(f"targets = {config.targets}: must differ in their first four digits")
    if round(config.top * config.models) < 1:
        raise BadInput(f"top = {config.top} of models = {config.models} holds no model: raise either")


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one population a replicate, one row a grading."""
    here = boards.benchmark(config.benchmark)
    questions = boards.normal_questions(
        here.questions, here.answers, mean=config.difficulty, spread=config.difficulty_spread
    )
    rules = {"own": here.rule} | {f"target_{t:.4g}": confidence_target(t) for t in config.targets}
    rows = []
    for one in streams:
        rng = one.numpy("population")
        models = boards.Population(
            rng.normal(0.0, config.competence_spread, config.models),
            rng.normal(config.overconfidence, config.overconfidence_spread, config.models),
            rng.random(config.models),
        )
        own = boards.expected_scores(models, questions, here.rule)
        for method, rule in rules.items():
            row = {"replicate": one.replicate, "method": method}
            row |= ranking(config, models, questions, rule, own, one.numpy(f"run of {method}"))
            row |= selection(config, models, questions, rule, one.numpy(f"selection by {method}"))
            row |= telling(config, questions, rule, one.numpy(f"power of {method}"))
            rows.append(row | bound_columns(models, questions, rule))
    return rows


def ranking(
    config: Config,
    models: boards.Population,
    questions: boards.Questions,
    rule: Rule,
    own: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    """How a rule orders the models, who leads, and what honesty costs; one run says what chance adds."""
    score = boards.expected_scores(models, questions, rule)
    leader = int(score.argmax())
    return {
        "questions": float(questions.number.sum()),
        "target": max(0.0, rule.break_even),
        "reversals": boards.reversals(own, score),
        "reversals_by_chance": boards.reversals(score, boards.drawn_scores(models, questions, rule, rng)),
        "tau_willingness": boards.rank_correlation(score, -models.threshold),
        "tau_competence": boards.rank_correlation(score, models.competence),
        "leader_error": float(boards.error_rates(models, questions)[leader]),
        "leader_answers_from": float(boards.answers_from(models)[leader]),
        "price_of_honesty": float(boards.price_of_honesty(models, questions, rule, config.honest_at).mean()),
    }


def selection(
    config: Config, models: boards.Population, questions: boards.Questions, rule: Rule, rng: np.random.Generator
) -> dict[str, float]:
    """The chance of being right from which on models answer, and what they guess, as the top reproduces."""
    course = boards.generations(
        models, questions, rule, rng, number=config.generations, top=config.top, mutation=config.mutation
    )
    kept = np.unique(np.linspace(0, config.generations, POINTS + 1).round().astype(int))
    found = {f"answers_from_{i}": float(boards.answers_from(course[i]).mean()) for i in kept}
    last = course[-1]
    found["answers_from_last"] = float(boards.answers_from(last).mean())
    found["guessing_last"] = float(np.mean(boards.guessing(last, questions, config.honest_at)))
    found["error_last"] = float(boards.error_rates(last, questions).mean())
    return found


def telling(config: Config, questions: boards.Questions, rule: Rule, rng: np.random.Generator) -> dict[str, float]:
    """How many questions tell a better model from a worse one, both as the rule rewards, and a guesser from the honest.

    The guesser answers everything; the honest one is as competent and answers above ``honest_at``. Power is that of
    drawn runs with so many questions.
    """
    threshold = max(0.0, rule.break_even)
    better = boards.Population(np.array([config.edge, 0.0]), np.zeros(2), np.full(2, threshold))
    guesser = replace(better, competence=np.zeros(2), threshold=np.array([config.honest_at, 0.0]))
    found = {}
    for name, pair in (("", better), ("_guesser", guesser)):
        needed = boards.questions_needed(pair, questions, rule)
        found[f"questions_needed{name}"] = needed
        found[f"power{name}"] = boards.drawn_power(
            pair, questions, rule, max(2, round(min(needed, 1e9))), rng, runs=500
        )
    return found


def bound_columns(models: boards.Population, questions: boards.Questions, rule: Rule) -> dict[str, Any]:
    """Observation 1 where a model knows least, and the bound on every policy's score where its slack is smallest."""
    q = boards.belief(models, questions)
    points = (rule.correct, rule.wrong, rule.abstain)
    price = float(q.min()) * (rule.correct - rule.wrong) + rule.wrong - rule.abstain
    score = boards.expected_scores(models, questions, rule)
    tightest = int((boards.best_scores(models, questions, rule) - score).argmin())
    excess = float(np.maximum(q[tightest] - rule.break_even, 0.0) @ questions.share)
    return (
        bounds.guessing_from_grading(price, questions.answers, *points).columns()
        | bounds.score_from_confidence(float(score[tightest]), excess, *points).columns()
    )
