"""Rejection sampling: n responses are drawn from the base, graded, and the best is kept."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simlab.inputs import count
from simlab.posttraining.enumeration import Responses
from simlab.posttraining.graders import Grader, check_grader


def best_of(responses: Responses, grader: Grader, n: int) -> Float[np.ndarray, "rows columns"]:
    """pi(r|c) of the best of ``n`` draws from the base, ties to the first drawn; the base where nothing is asked.

    Exactly: with F(c, s) the base's mass of scores up to s and F- that below s, the best of n scores s with chance
    F^n - F-^n, and is then distributed as the base is among the responses of that score:
    pi(r|c) = p_hat(r|c) (F^n - F-^n)/(F - F-). The judge's verdict on a response is its mean score here: where it is
    drawn anew for every response (``Grader.false_pass``), take the grader ``decided`` first.
    Its divergence from the base is at most ln n - (n - 1)/n nats (Beirami et al. 2024, arXiv 2401.01879). Raises
    ``BadInput`` unless n is a whole number of at least 1.
    """
    check_grader(grader, responses)
    n = count("n", n, 1)
    mass, score = responses.mass, grader.mean_scores
    order = np.argsort(np.where(mass > 0, score, np.inf), axis=1, kind="stable")
    sorted_mass, sorted_score = np.take_along_axis(mass, order, 1), np.take_along_axis(score, order, 1)
    upto = np.cumsum(sorted_mass, axis=1) / mass.sum(1, keepdims=True)
    new = np.diff(sorted_score, axis=1) > 0
    columns = np.arange(mass.shape[1])
    first = np.maximum.accumulate(np.hstack([np.zeros((len(mass), 1), int), np.where(new, columns[1:], 0)]), axis=1)
    ends = np.hstack([np.where(new, columns[:-1], columns[-1]), np.full((len(mass), 1), columns[-1])])
    last = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    high = np.take_along_axis(upto, last, 1)
    low = np.where(first > 0, np.take_along_axis(upto, np.maximum(first - 1, 0), 1), 0.0)
    gain = np.where(high > low, (high**n - low**n) / np.where(high > low, high - low, 1.0), 0.0)
    spread = np.empty_like(gain)
    np.put_along_axis(spread, order, gain, 1)
    policy = responses.base * spread
    return np.where((grader.asked > 0)[:, None], policy, responses.base)
