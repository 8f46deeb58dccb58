"""Observation 1 on finite response sets: who grades in a binary way never makes abstaining the best response.

A grader is a row of points, one a response; a distribution over graders says which of them will grade. Everything here
is exact: of fractions, in object arrays, the sums are fractions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from simlab.errors import BadInput
from simlab.inputs import count, finite, numbers, outcomes, refuse, same_length

MOST_ANSWERS = 10_000
"""A table of as many graders takes 0.8 GB."""


def binary_graders(abstains: Bool[np.ndarray, " responses"]) -> Iterator[Int[np.ndarray, " responses"]]:
    """Yield every binary grader of these responses: 0 or 1 each, 0 for each abstention, and at least one 1.

    That is 2^a - 1 graders of a answers, of which, where nobody abstains, the one that says 1 to all is none. Raises
    ``BadInput`` where no response answers.
    """
    abstains = outcomes("abstains", abstains)
    answers = np.flatnonzero(~abstains)
    if not len(answers):
        raise BadInput("abstains: every response abstains, and a binary grader gives 1 to some answer")
    for grades in itertools.product((0, 1), repeat=len(answers)):
        if any(grades) and (abstains.any() or not all(grades)):
            grader = np.zeros(len(abstains), dtype=np.int64)
            grader[answers] = grades
            yield grader


def is_binary(grader: Shaped[np.ndarray, " responses"], abstains: Bool[np.ndarray, " responses"]) -> bool:
    """Whether the points are 0 and 1, both of them given, and 0 for each abstention (KNVZ 2025, section 4.1).

    Raises ``BadInput`` where the two differ in length.
    """
    points, silent = numbers("grader", grader), outcomes("abstains", abstains)
    same_length("grader", points, "abstains", silent)
    return {*points.tolist()} == {0, 1} and not points[silent].any()


def expected_grades(
    weight: Shaped[np.ndarray, " graders"], graders: Shaped[np.ndarray, "graders responses"]
) -> Shaped[np.ndarray, " responses"]:
    """Return E[g(r)] of each response under the distribution ``weight`` over ``graders``.

    Raises ``BadInput`` unless the weights are at least 0 and sum to 1 (within 1e-9), one a grader, and points finite.
    """
    finite("weight", weight, None)
    finite("graders", graders, None)
    weight, graders = np.asarray(weight), np.asarray(graders)
    if graders.ndim != 2 or weight.shape != graders.shape[:1]:
        raise BadInput(f"weight has shape {weight.shape} and graders {graders.shape}: give one weight a grader")
    if not (weight >= 0).all() or not abs(weight.sum() - 1) <= 1e-9:
        raise BadInput(f"weight sums to {float(weight.sum()):.6g}: must be probabilities, one a grader, that sum to 1")
    found: Shaped[np.ndarray, " responses"] = weight @ graders
    return found


def best_responses(grades: Shaped[np.ndarray, " responses"]) -> Bool[np.ndarray, " responses"]:
    """Return which responses have the largest expected grade: the argmax of Observation 1, as a set.

    Raises ``BadInput`` for no responses, and for a grade that is NaN.
    """
    grades = _grades(grades)
    return np.asarray(grades == grades.max(), dtype=bool)


def price_of_abstaining(grades: Shaped[np.ndarray, " responses"], abstains: Bool[np.ndarray, " responses"]) -> Any:
    """Return the expected grade of the best answer less that of the best abstention.

    Under binary graders it is at least 1 / (number of answers): each gives 1 to some answer, so the expected grades of
    the answers sum to at least 1, and those of abstentions are 0. Uniform weights over the graders that accept a single
    answer attain it. A grader that gives abstaining partial credit breaks it. Raises ``BadInput`` unless some response
    abstains and some answers, and for a grade that is NaN. Source: KNVZ 2025, Observation 1; the size is counting.
    """
    grades, abstains = _grades(grades), outcomes("abstains", abstains)
    same_length("grades", grades, "abstains", abstains)
    if abstains.all() or not abstains.any():
        raise BadInput("abstains: some responses must abstain and some must answer")
    return grades[~abstains].max() - grades[abstains].max()


def uniform_right_answer(n_answers: int) -> tuple[Float[np.ndarray, " graders"], Int[np.ndarray, "graders responses"]]:
    """Return the graders that accept one answer each, equally likely, and refuse the others and the abstention (last).

    It is the belief of somebody who knows nothing, and the worst case of Observation 1. Raises ``BadInput`` for fewer
    than 1 answer or more than ``MOST_ANSWERS``.
    """
    n_answers = count("n_answers", n_answers, 1, MOST_ANSWERS)
    accept = np.hstack([np.eye(n_answers, dtype=np.int64), np.zeros((n_answers, 1), dtype=np.int64)])
    return np.full(n_answers, 1.0 / n_answers), accept


def _grades(grades: Any) -> Shaped[np.ndarray, " responses"]:
    """The grades as they are, fractions too. Raises ``BadInput`` where there are none, or one is no number."""
    found = numbers("grades", grades)
    if not found.size:
        raise BadInput("grades is empty: give the grade of at least one response")
    refuse("grades", found, np.isnan(found), "must be a number")
    return np.asarray(grades)
