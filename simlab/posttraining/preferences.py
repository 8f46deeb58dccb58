"""Preferences between two responses, and the policy that direct preference optimisation makes of them.

Two responses to a prompt are shown and one is preferred, by Bradley and Terry's law: a to b with chance
sigma(s(c, a) - s(c, b)), s the grader's mean scores. The table that minimises the loss of DPO on all pairs, in their
true shares, is the policy of the KL anchor, p_hat exp(s/beta)/Z, whatever pairs are shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit

from simlab.errors import BadInput
from simlab.fitting.rules import positive
from simlab.inputs import count, generator, numbers
from simlab.posttraining.ascent import check_settings, descend
from simlab.posttraining.climbs import Posttrained, a_policy
from simlab.posttraining.enumeration import Responses
from simlab.posttraining.graders import Grader, check_grader
from simlab.posttraining.objectives import preference_loss
from simlab.posttraining.policies import Policy
from simlab.seeds import Streams

MOST_PAIRS = 5 * 10**7
AT_ONCE = 10**7
"""Numbers of a table that are held at once while pairs are drawn."""


def all_preferences(responses: Responses, grader: Grader) -> Float[np.ndarray, "rows columns columns"]:
    """W[c, a, b]: the share of comparisons in which a is preferred to b, both drawn from the base; W sums to 1.

    W = 2 q(c) p_hat(a|c) p_hat(b|c) sigma(s(c, a) - s(c, b)), for either may be drawn first. Raises ``BadInput`` for
    more than 5e7 pairs. Source: Bradley & Terry 1952, Biometrika 39, 324.
    """
    check_grader(grader, responses)
    _check_size(responses)
    mass, score = responses.mass, grader.mean_scores
    shown = 2.0 * grader.asked[:, None, None] * mass[:, :, None] * mass[:, None, :]
    return np.asarray(shown * expit(score[:, :, None] - score[:, None, :]))


def draw_preferences(
    responses: Responses, grader: Grader, pairs: int, rng: np.random.Generator
) -> Float[np.ndarray, "rows columns columns"]:
    """W as ``all_preferences`` has it, from so many comparisons: shares that were counted.

    Raises ``BadInput`` for more than 5e7 comparisons, and as ``all_preferences`` does.
    """
    check_grader(grader, responses)
    generator(rng)
    _check_size(responses)
    pairs = count("pairs", pairs, 1, MOST_PAIRS)
    rows, columns = responses.base.shape
    row = rng.choice(rows, size=pairs, p=grader.asked)
    upto = np.cumsum(responses.mass, axis=1)
    left, right = (_columns(upto, row, rng.random(pairs)) for _ in range(2))
    score = grader.mean_scores
    prefers_left = rng.random(pairs) < expit(score[row, left] - score[row, right])
    better, worse = np.where(prefers_left, left, right), np.where(prefers_left, right, left)
    flat = np.bincount((row * columns + better) * columns + worse, minlength=rows * columns**2)
    return flat.reshape(rows, columns, columns) / pairs


def prefer(
    policy: Policy,
    grader: Grader,
    preferred: Float[np.ndarray, "rows columns columns"],
    beta: float,
    *,
    streams: Streams,
    optimizer: str = "adam",
    learning_rate: float = 0.1,
    **settings: Any,
) -> Posttrained:
    """DPO: make -sum of W ln sigma(beta (h_a - h_b)) small, h = ln pi - ln p_hat, from the base.

    ``settings`` go to ``simlab.fitting.fit``; L-BFGS is for all policies but a family, whose loss is not convex. Of
    counted pairs a table has no optimum where one response was always preferred to another: its logits run off, slower
    and slower. Raises ``BadInput`` unless beta is positive, and for weights that are no weights. Source: Rafailov et
    al. 2023, arXiv 2305.18290.
    """
    a_policy(policy)
    check_grader(grader, policy.responses)
    check_settings(settings, "beta", "preferred")
    preferred = numbers("preferred", preferred, None)
    shape = (*policy.responses.base.shape, policy.responses.base.shape[1])
    if preferred.shape != shape or not (np.isfinite(preferred).all() and preferred.min() >= 0 and preferred.sum() > 0):
        raise BadInput(f"preferred must hold a weight of at least 0 for each of {shape} comparisons, not all of them 0")
    given = {"preferred": preferred, "beta": np.asarray(positive("beta", beta)), "asked": grader.asked}
    chosen: dict[str, Any] = {
        "optimizer": optimizer,
        **({} if optimizer == "lbfgs" else {"learning_rate": learning_rate}),
    }
    return descend(policy, preference_loss, given, streams=streams, **chosen, **settings)


def _check_size(responses: Responses) -> None:
    rows, columns = responses.base.shape
    if rows * columns**2 > MOST_PAIRS:
        raise BadInput(
            f"{rows} prompts of {columns} responses make more than {MOST_PAIRS} pairs: take fewer prompts or answers"
        )


def _columns(upto: Float[np.ndarray, "rows columns"], row: Int[np.ndarray, " n"], at: Float[np.ndarray, " n"]) -> Any:
    """The column of each draw: how many cumulative masses of its row are at or below its place; a part at a time."""
    last = upto.shape[1] - 1
    step = max(1, AT_ONCE // upto.shape[1])
    parts = [slice(begin, begin + step) for begin in range(0, len(row), step)]
    found = [(at[one, None] * upto[row[one], -1:] >= upto[row[one]]).sum(1) for one in parts]
    return np.minimum(np.concatenate(found), last)
