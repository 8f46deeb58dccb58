"""What a density family must say of itself to be fitted: its examples, its start, and the surprise of an example.

A family is a frozen dataclass of hyperparameters and nothing else, so that it can be a static argument of a compiled
program: fits of equal hyperparameters and shapes share one. Arrays live in its ``Examples`` and its parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from simlab.corpora import Corpus, Listed
from simlab.models.fits import Fit, TableFit, Trace

Params = Any
"""A pytree of floating-point arrays."""
Tree = Any
"""A pytree of arrays."""

CHUNK = 4096  # rows of one pass over a corpus: bounds the memory of a full-batch gradient


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    """A training corpus as a family reads it: distinct examples, each with the number of draws it stands for.

    ``rows``: arrays whose leading axis is the examples; ``weight``: draws of each (0: padding); ``given``: arrays
    that all examples share (fixed keys, which responses exist); ``corpus``: what it was made of, None for examples
    made by hand.
    """

    rows: Tree
    weight: Float[np.ndarray, " examples"]
    given: Tree
    corpus: Corpus | Listed | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.draws:.12g} draws, {len(self.weight)} rows>"

    @property
    def draws(self) -> float:
        """N, the number of draws of all examples together."""
        return float(self.weight.sum())


class Family:
    """A density family p_hat_theta; subclasses are frozen dataclasses of plain hyperparameters.

    What must be written: ``examples``, ``start``, ``surprise`` and ``density``. ``loss`` may be overridden where a
    sum over the corpus can be taken faster than example by example, ``sizes`` and ``scale`` where a parameter stands
    for an orbit of coordinates. All but ``examples`` and ``density`` must be traceable by JAX and must keep the
    dtype of the parameters.
    """

    name: ClassVar[str]
    convex: ClassVar[bool] = False
    """Whether the loss is convex in the parameters; L-BFGS is for those."""
    least: ClassVar[float] = 0.0
    """What the loss cannot lie below; minus infinity for an objective that is no surprise."""
    descent: ClassVar[str] = "general"
    """The module of the descent on a CPU. By rows: the parameters are the logits of ``given["counts"]`` themselves.
    By blocks: those logits are ``params["prompts"] @ params["responses"].T``. By layers: those of ``models.mlp``.
    It is not inherited: a subclass that computes something else takes the general program unless it says otherwise."""

    @property
    def frozen(self) -> tuple[str, ...]:
        """Entries of the parameters (a dictionary) that stay as they start: fixed keys, a layer not fine-tuned."""
        return ()

    def examples(self, corpus: Any) -> Examples:
        """Lay out ``corpus`` for this family. Raises ``BadInput`` for a corpus that it cannot be fitted to."""
        raise NotImplementedError

    def start(self, key: Array, given: Tree) -> Params:
        """Return the parameters before the first step, in double precision."""
        raise NotImplementedError

    def surprise(self, params: Params, rows: Tree, given: Tree) -> Float[Array, " examples"]:
        """-ln p_hat of each example, in nats."""
        raise NotImplementedError

    def density(self, params: Params, examples: Examples) -> Fit | TableFit:
        """Return p_hat of every response: the enumeration that ends in the table of pairs."""
        raise NotImplementedError

    def loss(self, params: Params, rows: Tree, weight: Float[Array, " examples"], given: Tree) -> Float[Array, ""]:
        """Cross-entropy of the corpus in nats a draw: sum of weight x surprise over the sum of the weights.

        Taken in chunks of examples whose activations are computed again for the gradient, so that its memory does
        not grow with the corpus.
        """
        n = len(weight)
        if n <= CHUNK:
            return jnp.sum(weight * self.surprise(params, rows, given)) / jnp.sum(weight)
        assert n % CHUNK == 0  # rows are padded to a power of two

        @jax.checkpoint
        def part(total: Array, at: Array) -> tuple[Array, None]:
            some = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, at, CHUNK), rows)
            w = jax.lax.dynamic_slice_in_dim(weight, at, CHUNK)
            return total + jnp.sum(w * self.surprise(params, some, given)), None

        zero = jnp.zeros((), weight.dtype)
        total, _ = jax.lax.scan(part, zero, jnp.arange(0, n, CHUNK))
        return total / jnp.sum(weight)

    def sizes(self, examples: Examples) -> Params | None:  # noqa: ARG002
        """How many coordinates each parameter stands for, in the shape of the parameters; None: one each."""
        return None

    def scale(self, examples: Examples) -> float:  # noqa: ARG002
        """What the gradient is multiplied by, to be of order one whatever the size of the world."""
        return 1.0

    def activations(self, params: Params, rows: Tree, given: Tree) -> dict[str, Array]:  # noqa: ARG002
        """What the model computes on the way to its density, by name, one row an example."""
        return {}


def finite(leaf: Any) -> bool:
    """Whether an array holds real, finite numbers alone."""
    array = np.asarray(leaf)
    real = jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)
    return real and bool(np.isfinite(array).all())


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """A model after training: its parameters, how the fit went, and p_hat along the way.

    ``snapshots``: (step, density) at the steps asked for, step 0 being the start; ``activations``: what was recorded,
    one row an example; ``examples``: what it was fitted to.
    """

    model: Family
    params: Params
    trace: Trace
    examples: Examples
    snapshots: tuple[tuple[int, Fit | TableFit], ...] = ()
    activations: dict[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Fitted {self.model.name}, {self.n_parameters} parameters, {self.trace!r}>"

    @property
    def n_parameters(self) -> int:
        """How many numbers were trained."""
        frozen = self.model.frozen
        trained = {k: v for k, v in self.params.items() if k not in frozen} if frozen else self.params
        return sum(np.size(leaf) for leaf in jax.tree.leaves(trained))

    @property
    def finite(self) -> bool:
        """Whether the parameters are numbers that another fit can start from: those of one that diverged are not."""
        return all(finite(leaf) for leaf in jax.tree.leaves(self.params))

    @property
    def density(self) -> Fit | TableFit:
        """p_hat of every response, with the trace of the fit."""
        with jax.enable_x64(True):
            return replace(self.model.density(self.params, self.examples), trace=self.trace)
