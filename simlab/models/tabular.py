"""What families share that give one logit to every (prompt, response): p_hat(r|c) = exp z[c, r] / sum_r exp z[c, r].

Responses are columns that all prompts have in common, IDK the last one. The sum over the corpus is taken prompt by
prompt from its counts, so that a full-batch step costs one pass over the table however many draws there are; a batch
gathers the rows of its draws.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from simlab.corpora import Listed
from simlab.errors import BadInput
from simlab.fitting.families import Examples, Family, Params, Tree
from simlab.models.fits import Fit, TableFit


@jax.custom_vjp
def row_surprise(
    logits: Float[Array, "rows columns"],
    counts: Float[Array, "rows columns"],
    sizes: Float[Array, "rows columns"] | None,
) -> Float[Array, " rows"]:
    """n logsumexp(z) - sum of counts x z of each row, n the row's total; ``sizes`` responses share each logit.

    Taken as n log sum exp(z - top) - sum of counts x (z - top): the two terms as they stand would cancel, and of logits
    near 1e16 leave no digit of the loss (in single precision, of 1e7).
    """
    return _row_surprise(logits, counts, sizes)[0]  # type: ignore[no-any-return]


def _row_surprise(logits: Any, counts: Any, sizes: Any) -> Any:
    """Surprise, and its gradient: n p_hat - counts, so that exponentials are taken once."""
    z = logits if sizes is None else jnp.where(sizes > 0, logits, -jnp.inf)
    top = jnp.max(z, axis=1, keepdims=True)
    shifted = z - top
    weight = jnp.exp(shifted)
    weight = weight if sizes is None else sizes * weight
    total = jnp.sum(weight, axis=1, keepdims=True)
    n = jnp.sum(counts, axis=1, keepdims=True)
    stated = counts * shifted if sizes is None else jnp.where(sizes > 0, counts * shifted, 0.0)
    value = (n * jnp.log(total))[:, 0] - jnp.sum(stated, axis=1)
    return value, weight * (n / total) - counts


def _backward(gradient: Any, outer: Any) -> Any:
    return outer[:, None] * gradient, None, None


row_surprise.defvjp(_row_surprise, _backward)


class Tabular(Family):
    """A family that is given by ``logits``."""

    def logits(self, params: Params, prompts: Int[Array, " rows"] | None, given: Tree) -> Float[Array, "rows columns"]:
        """z of the rows of ``prompts``, of all prompts where None."""
        raise NotImplementedError

    def examples(self, corpus: Any) -> Examples:
        """Counts of a listed corpus, and its distinct (prompt, response) with the draws of each."""
        if not isinstance(corpus, Listed):
            raise BadInput(f"{self.name} treats no two facts alike: give it a listed corpus (sample_listed)")
        if corpus.n_strings is not None:
            return layout(np.bincount(corpus.prompt, minlength=corpus.n_strings)[None], None, corpus)
        return layout(corpus.counts, corpus.plausible, corpus)

    def surprise(self, params: Params, rows: Tree, given: Tree) -> Float[Array, " examples"]:
        """-ln p_hat(r|c) of each (prompt, response)."""
        z = _wide(self.logits(params, rows["prompt"], given))
        exists = given.get("sizes")
        if exists is not None:
            z = jnp.where(exists[rows["prompt"]] > 0, z, -jnp.inf)
        return jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, rows["column"][:, None], 1)[:, 0]

    def loss(self, params: Params, rows: Tree, weight: Float[Array, " examples"], given: Tree) -> Float[Array, ""]:  # noqa: ARG002
        """Cross-entropy of the corpus in nats a draw, prompt by prompt."""
        z = _wide(self.logits(params, None, given))
        return jnp.sum(row_surprise(z, given["counts"], given.get("sizes"))) / jnp.sum(weight)

    def scale(self, examples: Examples) -> float:
        """The number of prompts: each has parameters of its own, and one of so many draws."""
        return float(len(examples.given["counts"]))

    def density(self, params: Params, examples: Examples) -> Fit | TableFit:
        """p_hat of every response of every prompt."""
        params, given = jax.tree.map(jnp.asarray, (params, examples.given))
        return TableFit(self.name, np.asarray(_p_hat(self, params, given)))


@partial(jax.jit, static_argnums=0)
def _p_hat(family: Tabular, params: Params, given: Tree) -> Float[Array, "rows columns"]:
    logits = masked(family.logits(params, None, given).astype(float), given)  # in double: rows must sum to 1
    return jax.nn.softmax(logits, axis=1)


def masked(logits: Float[Array, "rows columns"], given: Tree) -> Float[Array, "rows columns"]:
    """Logits, minus infinity where there is no such response."""
    exists = given.get("sizes")
    return logits if exists is None else jnp.where(exists > 0, logits, -jnp.inf)


def _wide(logits: Array) -> Array:
    """At least single precision: sums of exponentials need it."""
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))


def layout(counts: np.ndarray, exists: np.ndarray | None, corpus: Any) -> Examples:
    """Examples from a table of counts; ``exists`` says which columns are responses (None: all are)."""
    prompt, column = np.nonzero(counts)
    given = {"counts": counts.astype(float)}
    if exists is not None and not exists.all():
        given["sizes"] = exists.astype(float)
    rows = {"prompt": prompt.astype(np.int32), "column": column.astype(np.int32)}
    return Examples(rows, counts[prompt, column].astype(float), given, corpus)
