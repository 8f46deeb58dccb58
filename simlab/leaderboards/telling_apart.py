"""How many questions tell two models apart: by the variance of the difference of their points, and by drawing runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.errors import BadInput
from simlab.estimates import check_level, check_probability, normal_quantile
from simlab.grading import Rule
from simlab.inputs import count, generator
from simlab.leaderboards.contests import Population, Questions, answered, belief, moments

MOST_RUNS = 10**8
"""The Monte Carlo standard error of a share of so many runs is below 1e-4."""

AT_ONCE = 10**7
"""Counts that are held at once."""


def difference(models: Population, questions: Questions, rule: Rule) -> tuple[float, float]:
    """Return mean and variance of the difference of the points of the first two models on a question drawn at random.

    Given the question the two answer independently: Var = E_d[v_1 + v_2] + Var_d[m_1 - m_2] over difficulties d, with
    m and v the mean and variance of one's points. Raises ``BadInput`` for fewer than two models.
    """
    mean, variance = moments(models, questions, rule)
    if len(mean) < 2:
        raise BadInput("models: give two to tell apart")
    gap = mean[0] - mean[1]
    middle = float(gap @ questions.share)
    return middle, float((variance[0] + variance[1] + (gap - middle) ** 2) @ questions.share)


def questions_needed(
    models: Population, questions: Questions, rule: Rule, *, level: float = 0.95, power: float = 0.8
) -> float:
    """Return how many questions tell the first two models apart: (z_level + z_power)^2 Var / (difference of means)^2.

    A two-sided z test of the paired differences at 1 - ``level`` then finds it with chance ``power``; infinite where
    the means are equal. Raises ``BadInput`` for a level or power that there is not. Source: Miller 2024, arXiv
    2411.00640, for questions drawn at random.
    """
    middle, variance = difference(models, questions, rule)
    z = normal_quantile(check_level(level)) + normal_quantile(check_probability("power", power, 0.8), "one")
    return z * z * variance / middle**2 if middle else math.inf


def drawn_power(
    models: Population,
    questions: Questions,
    rule: Rule,
    number: int,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    runs: int = 1_000,
) -> float:
    """Return the share s of ``runs`` in which the z test finds the difference: of ``number`` questions drawn at random.

    A run is one multinomial over (level, points of the first, points of the second), which is what its mean and
    variance depend on. The true direction counts alone. The Monte Carlo standard error is sqrt(s (1 - s)/runs). Raises
    ``BadInput`` for fewer than 2 questions or 1 run.
    """
    asked, left = count("number", number, 2), count("runs", runs, 1, MOST_RUNS)
    generator(rng)
    direction = math.copysign(1.0, difference(models, questions, rule)[0])
    value, chance = _outcomes(models, questions, rule)
    z, found = normal_quantile(check_level(level)), 0
    while left:
        some = min(left, max(1, AT_ONCE // len(chance)))  # parts draw what all at once would
        drawn = rng.multinomial(asked, chance, size=some)
        middle = drawn @ value / asked
        variance = (drawn @ value**2 / asked - middle**2) * asked / (asked - 1)
        found += int(np.count_nonzero(direction * middle > z * np.sqrt(np.maximum(variance, 0.0) / asked)))
        left -= some
    return found / runs


def _outcomes(
    models: Population, questions: Questions, rule: Rule
) -> tuple[Float[np.ndarray, " outcomes"], Float[np.ndarray, " outcomes"]]:
    """Return (difference of points, probability) of every outcome of a random question, [levels x 2 x 2] flattened."""
    q, gives = belief(models, questions)[:2], answered(models, questions)[:2]

    def one(i: int) -> tuple[Any, Any]:
        points = np.where(gives[i][:, None], [rule.correct, rule.wrong], rule.abstain)
        return points, np.stack([q[i], 1 - q[i]], axis=1)

    (first, p), (second, r) = one(0), one(1)
    value = first[:, :, None] - second[:, None, :]
    chance = questions.share[:, None, None] * p[:, :, None] * r[:, None, :]
    return value.ravel(), chance.ravel() / chance.sum()
