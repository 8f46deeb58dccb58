"""The capacity-limited table: p_hat(r|c) = softmax over r of U_c . V_r, of rank d.

From rank 2 on it can state any one answer of every prompt (the V_r on a circle, U_c long and towards V of the
answer), but only in the limit of long vectors; at rank 1 the responses lie on a line, and a prompt can prefer only
those at its ends. The loss is not convex. Unlike the table, the fit treats no two facts alike: it exists on listed
corpora.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float, Int

from simlab.corpora import Listed
from simlab.fitting import fit
from simlab.fitting.families import Params, Tree
from simlab.fitting.rules import count
from simlab.models.fits import TableFit
from simlab.models.tabular import Tabular
from simlab.seeds import Streams


@dataclass(frozen=True)
class Bilinear(Tabular):
    """U[prompts, rank] and V[responses, rank]; both start as normal vectors of length about 1. ``rank`` = d."""

    name: ClassVar[str] = "bilinear"
    descent: ClassVar[str] = "blockwise"
    rank: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", count("rank", self.rank, 1))

    def start(self, key: Array, given: Tree) -> Params:
        """Independent normal entries of variance 1/d."""
        prompts, responses = given["counts"].shape
        first, second = jax.random.split(key)
        return {
            "prompts": jax.random.normal(first, (prompts, self.rank), dtype=float) * self.rank**-0.5,
            "responses": jax.random.normal(second, (responses, self.rank), dtype=float) * self.rank**-0.5,
        }

    def logits(self, params: Params, prompts: Int[Array, " rows"] | None, given: Tree) -> Float[Array, "rows columns"]:  # noqa: ARG002
        """U_c . V_r."""
        left = params["prompts"] if prompts is None else params["prompts"][prompts]
        return left @ params["responses"].T  # type: ignore[no-any-return]


def table(corpus: Listed, streams: Streams, *, rank: int = 16, **settings: Any) -> TableFit:
    """Fit to a listed corpus; ``settings`` are ``simlab.models.FITTED``, Adam at rate 0.03 unless they say other."""
    return fit(corpus, Bilinear(rank), streams=streams, **{"learning_rate": 0.03, **settings}).density  # type: ignore[return-value]
