"""How many bytes training takes, from shapes alone: for ``memory(config)`` of an experiment."""

from __future__ import annotations

import math
from typing import Any

import jax

from simlab.fitting import Family
from simlab.fitting.families import CHUNK
from simlab.models.transformer.family import Transformer

COPIES = 4
"""Arrays of the size of the parameters: themselves, the gradient and two moments of Adam."""
PARTS = 12
"""More of them where kernels of a family's own sum its gradient in parts."""
TABLES = 6
"""Arrays of facts x responses while a fit is measured: counts, logits, their gradient, p_hat, and what ranks them."""
NUMBER = 8
"""Bytes of a number in double precision, in which every table is."""


def tabular_bytes(family: Family, prompts: int, responses: int, width: int, batch: int, *, looks: int = 1) -> int:
    """Bytes of one fit of a table of logits.

    bytes = 8 (16 parameters + 2 rows (width + responses) + 6 prompts (responses + 1) + prompts width + kept tables),
    with 4 parameters of a table itself, where rows are those of a batch, and ``width`` the numbers that are computed
    for a row on the way to its logits.
    """
    given = {"counts": _of_shape(prompts, responses)}
    activations = 2 * batch * (width + responses) + prompts * width
    tables = (TABLES + looks - 1) * prompts * (responses + 1)
    copies = COPIES + (PARTS if family.descent in ("blockwise", "layerwise") else 0)
    return NUMBER * (copies * _parameters(family, given) + activations + tables)


def transformer_bytes(
    model: Transformer, facts: int, responses: int, vocabulary: int, length: int, batch: int, *, looks: int = 1
) -> int:
    """Bytes of one fit of a transformer on sentences of ``length`` tokens.

    bytes = 8 (4 parameters + 2 rows length each + 6 facts (responses + 1) + kept tables), where rows are those of a
    batch, or of one pass over the corpus where they are more, and each token has 2 vocabulary numbers for its logits
    and layers (10 width + 3 hidden + 3 heads length) on the way to them, twice for the gradient.
    """
    given = {"word": _of_shape(vocabulary), "place": _of_shape(length)}
    hidden = model.hidden or 4 * model.width
    each = 2 * vocabulary + model.layers * (10 * model.width + 3 * hidden + 3 * model.heads * length)
    rows = max(batch, min(CHUNK, facts * model.templates))
    tables = (TABLES + looks - 1) * facts * (responses + 1)
    return NUMBER * (COPIES * _parameters(model, given) + 2 * rows * length * each + tables)


def _of_shape(*shape: int) -> Any:
    """What has the shape of an array, however large, and takes no memory."""
    struct: Any = jax.ShapeDtypeStruct
    return struct(shape, float)


def _parameters(family: Family, given: Any) -> int:
    """Numbers in the parameters of a model, without making them."""
    shapes = jax.eval_shape(lambda: family.start(jax.random.key(0), given))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
