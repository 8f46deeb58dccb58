"""Selection by a leaderboard: the top reproduces, its thresholds mutate, and the grading decides where they go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from simlab.errors import BadInput
from simlab.estimates import check_number
from simlab.grading import Rule
from simlab.grading.rules import check_rule
from simlab.inputs import a_kind, count, generator
from simlab.leaderboards.contests import Population, Questions, answered, belief, drawn_scores, felt


def generations(
    models: Population,
    questions: Questions,
    rule: Rule,
    rng: np.random.Generator,
    *,
    number: int = 40,
    top: float = 0.2,
    mutation: float = 0.05,
) -> list[Population]:
    """Return the population of each generation, the first one included: ``number`` + 1 of them.

    A generation takes one run of the questions; the best ``top`` share by score are parents, each equally likely, of
    all models of the next, which inherit everything; the threshold moves by a normal step of size ``mutation``,
    reflected into [0, 1]. Equal scores are ordered at random. Raises ``BadInput`` where the top holds no model.
    """
    check_rule(rule)
    generator(rng)
    a_kind("models", models, Population, "a Population")
    size = len(models.threshold)
    parents = round(check_number("top", top, 0.0, 1.0) * size)
    if parents < 1:
        raise BadInput(f"top = {top}: of {size} models no one would be a parent; give at least {1 / size:.2g}")
    step = check_number("mutation", mutation, 0.0, 1.0)
    found = [models]
    for _ in range(count("number", number, 0)):
        here = found[-1]
        score = drawn_scores(here, questions, rule, rng)
        best = np.lexsort((rng.random(size), -score))[:parents]
        of = best[rng.integers(0, parents, size)]
        moved = np.abs(here.threshold[of] + step * rng.standard_normal(size))
        folded = 1 - np.abs(1 - moved % 2.0)
        found.append(
            replace(here, competence=here.competence[of], overconfidence=here.overconfidence[of], threshold=folded)
        )
    return found


def answers_from(models: Population) -> Float[np.ndarray, " models"]:
    """Return the chance of being right from which on each model answers: its threshold, less its overconfidence.

    Under a target t the optimum is t for every model, however overconfident; under binary grading it is 0.
    """
    return felt(models.threshold, -models.overconfidence)


def guessing(models: Population, questions: Questions, below: float) -> Float[np.ndarray, " models"]:
    """Return the share answered of the questions on which a model is right with a chance of at most ``below``.

    NaN where it has no such question. Raises ``BadInput`` unless 0 <= ``below`` <= 1.
    """
    unsure = belief(models, questions) <= check_number("below", below, 0.0, 1.0)
    held = unsure @ questions.share
    with np.errstate(invalid="ignore"):
        return np.asarray((unsure & answered(models, questions)) @ questions.share / held)
