"""Training a chain by counting, and the exact probability that it gives to each string of its world.

With n_i how often string i was written, the maximum-likelihood chain is

    p_hat(begins with c) = sum of n_i over the strings that begin with c / sum of n_i,
    p_hat(step s | context c) = times s was taken / times c was left,

and the probability of a string is the product over its steps. A string that is probable is one that can be walked:
whole strings are counted, so every context that is reached is left again, and the probabilities of all strings, of
whatever length, sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.compiling import jit
from simlab.errors import BadInput
from simlab.models.chains.indexing import Steps
from simlab.records import brief
from simlab.rendering.tokens import check_weights


@brief
@dataclass(frozen=True, eq=False)
class Chain:
    """What a chain believes: ``start`` = p_hat(begins with c), and ``step`` = p_hat(s | its source)."""

    start: Float[np.ndarray, " contexts"]
    step: Float[np.ndarray, " steps"]


def fit(steps: Steps, weights: Float[np.ndarray, " strings"]) -> Chain:
    """Return the maximum-likelihood chain where string i was written ``weights[i]`` times, fractions allowed.

    Raises ``BadInput`` for weights that are negative, not finite or all 0, or not one a string.
    """
    return _normalised(steps, *_counted(steps, weights))


def overlay(steps: Steps, chain: Chain, weights: Float[np.ndarray, " strings"]) -> Chain:
    """Add counts to probabilities and normalise, as the public code of Miao & Kearns upweights examples.

    p_hat'(begins with c) = (p_hat(begins with c) + b_c) / (1 + k), and, in a context that the old chain leaves,
    p_hat'(s | c) = (p_hat(s | c) + k_s) / (1 + k_c); in one that is new, k_s / k_c. The strings are added ``weights``
    times: k is their sum, b_c of them begin with c, k_s take step s and k_c leave c. The old chain weighs no more than
    one added string does: this is no duplication of examples. Raises ``BadInput`` as ``fit``.
    """
    start, step = _counted(steps, weights)
    return _normalised(steps, chain.start + start, chain.step + step)


def probabilities(steps: Steps, chain: Chain, least: float = 0.0) -> Float[np.ndarray, " strings"]:
    """Return p_hat of every string of the world: p_hat(start) times p_hat of each of its steps, exactly.

    Each factor counts as at least ``least``, which is then no density: public code floors what was never seen.
    """
    if not 0.0 <= least < 1.0:
        raise BadInput(f"least = {least}: a floor of probabilities must be at least 0 and below 1")
    return np.asarray(_products(steps.start, steps.step, steps.offsets, chain.start, chain.step, least))


def _counted(steps: Steps, weights: Float[np.ndarray, " strings"]) -> tuple[Any, Any]:
    """How often each context began a string and each step was taken."""
    weights = check_weights(weights, steps.n_strings)
    begun, taken = _count(steps.start, steps.step, steps.offsets, weights, steps.n_contexts, len(steps.source))
    return begun, taken


def _normalised(steps: Steps, start: Any, step: Any) -> Chain:
    """Divide the starts by their sum and each step by the sum of its context, where that is not 0."""
    left = np.add.reduceat(step, steps.first[:-1])
    left[left == 0.0] = 1.0
    return Chain(start / start.sum(), step / left[steps.source])


@jit
def _count(start: Any, step: Any, offsets: Any, weights: Any, contexts: int, kinds: int) -> tuple[Any, Any]:
    begun, taken = np.zeros(contexts), np.zeros(kinds)
    for i in range(len(start)):
        if weights[i] > 0.0:
            begun[start[i]] += weights[i]
            for place in range(offsets[i], offsets[i + 1]):
                taken[step[place]] += weights[i]
    return begun, taken


@jit
def _products(start: Any, step: Any, offsets: Any, begins: Any, takes: Any, least: float) -> Any:
    whole = np.empty(len(start))
    for i in range(len(start)):
        chance = max(begins[start[i]], least)
        for place in range(offsets[i], offsets[i + 1]):
            if chance == 0.0:
                break
            chance *= max(takes[step[place]], least)
        whole[i] = chance
    return whole
