"""The consistency rule: sample k responses, answer where they all agree, else say IDK. Nothing is trained.

The mitigation tried by Kalai et al. 2026 (Nature 653:1047-1051, k = 2). It works on what sampling shows of the model's
doubt: a model that spreads its doubt evenly hardly ever agrees with itself on an invention, one that stakes everything
on one guess always does.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simlab.errors import BadInput
from simlab.inputs import count, generator
from simlab.models import Fit, TableFit
from simlab.posttraining.enumeration import Responses, check_responses, restate

MOST_NUMBERS = 10**8
"""Numbers that are held at once: one a row, sample and column."""


def agreed(responses: Responses, samples: int = 2) -> Float[np.ndarray, "rows columns"]:
    """pi(r|c) after the rule on k = ``samples``: p_hat(r|c)^k for each answer, 1 - sum of p_hat^k over answers for IDK.

    Nonsense, which stands for many strings, never agrees with itself. With k = 1 the base. Raises ``BadInput`` unless
    k is a whole number of at least 1.
    """
    check_responses(responses)
    k = count("samples", samples, 1)
    if k == 1:
        return responses.base
    policy = np.where(responses.is_answer, responses.base**k, 0.0)
    policy[:, responses.idk] = 1.0 - (policy * responses.sizes).sum(1)
    return policy


def self_consistent(responses: Responses, samples: int = 2) -> Fit | TableFit:
    """The density model that results where the base is asked ``samples`` times and must agree with itself."""
    return restate(responses, agreed(responses, samples), f"agreed_{samples}")


def sampled_agreement(
    responses: Responses, samples: int, rng: np.random.Generator, repeats: int = 1
) -> Float[np.ndarray, "rows columns"]:
    """How often each column was said when the rule was run ``repeats`` times a row: the slow twin of ``agreed``.

    The share of all answers of a column together; responses that share a column are told apart as they are drawn.
    Raises ``BadInput`` for more samples of all rows than 1e8 numbers hold.
    """
    check_responses(responses)
    generator(rng)
    k, repeats = count("samples", samples, 1), count("repeats", repeats, 1)
    rows, columns = responses.base.shape
    if rows * columns * k > MOST_NUMBERS:
        raise BadInput(
            f"samples = {k}: {rows} rows of {columns} columns make more than {MOST_NUMBERS} numbers: take fewer samples"
        )
    upto = np.cumsum(responses.mass, axis=1)
    said = np.zeros((rows, columns))
    for _ in range(repeats):
        at = rng.random((rows, k)) * upto[:, -1:]
        column = np.minimum((at[:, :, None] >= upto[:, None, :]).sum(2), columns - 1)
        each = np.floor(rng.random((rows, k)) * np.take_along_axis(responses.sizes, column, 1))
        same = ((column == column[:, :1]) & (each == each[:, :1])).all(1)
        final = np.where(same & (column[:, 0] < responses.idk), column[:, 0], responses.idk) if k > 1 else column[:, 0]
        said[np.arange(rows), final] += 1
    return said / repeats
