"""Embeddings and one hidden layer: a key-value memory, z[c, r] = V_r . (W2 relu(W1 k_c + b1) + b2).

As in the toy model of Zucchet et al. 2025 (arXiv 2503.21676, appendix F.4), where keys and values are fixed random unit
vectors and the memory is the hidden layer; here either may be learned instead. The loss is not convex, and the fit
treats no two facts alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from simlab.corpora import Listed
from simlab.errors import unknown
from simlab.fitting import fit
from simlab.fitting.families import Params, Tree
from simlab.fitting.rules import count
from simlab.models.fits import TableFit
from simlab.models.tabular import Tabular
from simlab.seeds import Streams

VECTORS = ("fixed", "learned")


@dataclass(frozen=True)
class MLP(Tabular):
    """``hidden`` units between keys and values of ``width`` coordinates, each "fixed" or "learned"."""

    name: ClassVar[str] = "mlp"
    descent: ClassVar[str] = "layerwise"
    hidden: int = 256
    width: int = 64
    keys: str = "learned"
    values: str = "learned"

    def __post_init__(self) -> None:
        for field in ("hidden", "width"):
            object.__setattr__(self, field, count(field, getattr(self, field), 1))
        for field in ("keys", "values"):
            if getattr(self, field) not in VECTORS:
                raise unknown(field, getattr(self, field), VECTORS)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Keys and values that are fixed stay as they start."""
        return tuple(name for name in ("keys", "values") if getattr(self, name) == "fixed")

    def start(self, key: Array, given: Tree) -> Params:
        """Unit vectors for keys and values, weights of variance 2/fan-in and 1/fan-in, biases 0.

        The key of a prompt depends on its number and the stream alone, so that a corpus of more prompts keeps them.
        """
        prompts, responses = given["counts"].shape
        first, second, third, fourth = jax.random.split(key, 4)
        return {
            "keys": _units(first, prompts, self.width),
            "inward": jax.random.normal(third, (self.width, self.hidden), dtype=float) * (2 / self.width) ** 0.5,
            "inward_bias": jnp.zeros(self.hidden),
            "outward": jax.random.normal(fourth, (self.hidden, self.width), dtype=float) * self.hidden**-0.5,
            "outward_bias": jnp.zeros(self.width),
            "values": _units(second, responses, self.width),
        }

    def hidden_layer(self, params: Params, prompts: Int[Array, " rows"] | None) -> Float[Array, "rows hidden"]:
        """relu(W1 k_c + b1)."""
        keys = params["keys"] if prompts is None else params["keys"][prompts]
        return jax.nn.relu(keys @ params["inward"] + params["inward_bias"])

    def logits(self, params: Params, prompts: Int[Array, " rows"] | None, given: Tree) -> Float[Array, "rows columns"]:  # noqa: ARG002
        """V_r . (W2 h_c + b2)."""
        read = self.hidden_layer(params, prompts) @ params["outward"] + params["outward_bias"]
        return read @ params["values"].T  # type: ignore[no-any-return]

    def scale(self, examples: Any) -> float:  # noqa: ARG002
        """1: prompts share the weights."""
        return 1.0

    def activations(self, params: Params, rows: Tree, given: Tree) -> dict[str, Array]:  # noqa: ARG002
        """``hidden``: the hidden layer of each example."""
        return {"hidden": self.hidden_layer(params, rows["prompt"])}


def _units(key: Array, rows: int, width: int) -> Float[Array, "rows width"]:
    """Random unit vectors, each from a stream of its own."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(rows))
    vectors = jax.vmap(lambda one: jax.random.normal(one, (width,), dtype=float))(keys)
    return vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)  # type: ignore[no-any-return]


def table(
    corpus: Listed,
    streams: Streams,
    *,
    hidden: int = 256,
    width: int = 64,
    keys: str = "learned",
    values: str = "learned",
    **settings: Any,
) -> TableFit:
    """Fit to a listed corpus; ``settings`` are ``simlab.models.FITTED``, Adam at rate 0.003 unless they say other."""
    model = MLP(hidden, width, keys, values)
    return fit(corpus, model, streams=streams, **{"learning_rate": 0.003, **settings}).density  # type: ignore[return-value]
