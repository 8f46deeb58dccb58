"""D laid out in full: what an Is-It-Valid judge is asked, prompt by prompt and response by response.

opt(G) depends on D and on the family alone, not on any one density, so it is computed from this and not from a table of
pairs. Each prompt is as often true as false: its true examples weigh mu(c) / 2 together, and so do its false ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.corpora import MOST_ENTRIES, Truth
from simlab.errors import BadInput
from simlab.records import brief


@brief
@dataclass(frozen=True, eq=False)
class Examples:
    """``true`` = mu(c) p(r|c) / 2 on V_c and ``false`` = mu(c) / (2 |E_c|) on E_c, 0 elsewhere.

    ``valid`` says which responses are in V_c, ``exists`` which are in V_c or E_c at all.
    """

    true: Float[np.ndarray, "prompts responses"]
    false: Float[np.ndarray, "prompts responses"]
    valid: Bool[np.ndarray, "prompts responses"]
    exists: Bool[np.ndarray, "prompts responses"]

    @property
    def mu(self) -> Any:
        """mu(c) of each prompt."""
        return self.true.sum(1) + self.false.sum(1)

    @property
    def answer(self) -> Any:
        """The one valid response of each prompt. Raises ``BadInput`` where a prompt has several."""
        several = np.flatnonzero(self.valid.sum(1) != 1)
        if several.size:
            n = int(self.valid[several[0]].sum())
            raise BadInput(
                f"prompt {several[0]} has {n} valid responses: this is known for one valid response a prompt; make "
                "the world with idk=False"
            )
        return self.valid.argmax(1)


def lay_out_examples(
    p: Float[np.ndarray, "prompts responses"],
    valid: Bool[np.ndarray, "prompts responses"],
    *,
    mu: Float[np.ndarray, " prompts"] | None = None,
    exists: Bool[np.ndarray, "prompts responses"] | None = None,
) -> Examples:
    """Lay out D for p(r|c) given in full; the arguments are those of ``simlab.pairs.lay_out``.

    Works in any arithmetic that object arrays carry. Raises ``BadInput`` for arrays of unlike shapes, where a prompt
    has no valid or no erroneous response, and where p puts mass on a response that is not valid.
    """
    exists = np.ones(p.shape, dtype=bool) if exists is None else exists
    for name, given, shape in (("valid", valid, p.shape), ("exists", exists, p.shape), ("mu", mu, p.shape[:1])):
        if given is not None and np.shape(given) != shape:
            raise BadInput(f"{name} has the shape {np.shape(given)} and p {p.shape}: give {name} the shape {shape}")
    one = type(p.flat[0])(1)
    mu = np.full(len(p), one / len(p)) if mu is None else mu
    valid = valid & exists
    errors = exists & ~valid
    lacking = np.flatnonzero(~(valid.any(1) & errors.any(1)))
    if lacking.size:
        raise BadInput(f"prompt {lacking[0]} has no valid or no erroneous response: both must be at least 1")
    if p[~valid].any():
        raise BadInput("p puts mass on responses that are not valid: the theorems assume noiseless training data")
    false = (mu / (2 * errors.sum(1)))[:, None] * np.where(errors, one, 0 * one)
    return Examples(mu[:, None] * p / 2, false, valid, exists)


def examples_of(truth: Truth) -> Examples:
    """Lay out D for listed facts; IDK, where it is a response, is the last column.

    Raises ``BadInput`` for facts without prompts, and for more (fact, response) pairs than can be listed.
    """
    world = truth.world
    if not world.prompted:
        raise BadInput("these facts have no prompts: a family of densities over one prompt has nothing to share")
    answers = world.answers[truth.fact_class]
    width = int(answers.max()) + world.idk
    if width * len(answers) > MOST_ENTRIES:
        raise BadInput(
            f"{len(answers)} facts x {width} responses are more than {MOST_ENTRIES} pairs: take fewer facts or answers"
        )
    column = np.arange(width)
    right, idk = column == truth.correct[:, None], np.full(column.shape, world.idk) & (column == width - 1)
    alpha = world.answer_rate[truth.fact_class][:, None]
    return lay_out_examples(
        right * alpha + idk * (1 - alpha),
        right | idk,
        mu=world.popularity[truth.fact_class],
        exists=(column < answers[:, None]) | idk,
    )
