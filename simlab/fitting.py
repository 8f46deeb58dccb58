"""Cross-entropy minimised by JIT-compiled full-batch gradient steps, on CPU or GPU.

A parameter may stand for an *orbit*: many coordinates that symmetry keeps equal along the whole path. The gradient of
the shared parameter is then the sum over its coordinates, and dividing it by the size of the orbit gives each
coordinate's own, so that a coordinate-wise optimiser (SGD, Adam) follows exactly the path of the full table.
Everything runs in double precision. Losses are scaled so that gradients are of order one whatever the number of
facts: otherwise Adam's epsilon and any absolute tolerance would call a world of 1e10 facts converged at step 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from simlab.errors import BadInput, unknown
from simlab.models.fits import Trace

Params = Any  # a pytree of arrays
Loss = Callable[[Params, Any], jax.Array]

OPTIMISERS = {"adam": optax.adam, "sgd": optax.sgd}


@lru_cache
def optimiser(name: str, learning_rate: float) -> optax.GradientTransformation:
    """Return the optax optimiser; cached, so that equal settings share one compiled program."""
    if name not in OPTIMISERS:
        raise unknown("optimizer", name, OPTIMISERS)
    if not 0.0 < learning_rate < float("inf"):
        raise BadInput(f"learning_rate = {learning_rate:.6g}: must be positive and finite")
    return OPTIMISERS[name](learning_rate)


@partial(jax.jit, static_argnames=("loss", "rule", "steps"))
def _descend(
    loss: Loss, rule: optax.GradientTransformation, steps: int, start: Params, data: Any, sizes: Params, scale: Any
) -> tuple[Params, jax.Array, jax.Array]:
    """``steps`` gradient steps on scale * loss; also the loss and the gradient norm before each and at the end."""

    def own_gradients(params: Params) -> tuple[jax.Array, Params, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(params, data)
        own = jax.tree.map(lambda g, n: jnp.where(n > 0, scale * g / jnp.maximum(n, 1), 0.0), gradient, sizes)
        squares = jax.tree.map(lambda g, n: jnp.sum(n * g * g), own, sizes)
        return value, own, jnp.sqrt(sum(jax.tree.leaves(squares)))

    def step(state: tuple[Params, Any], _: None) -> tuple[tuple[Params, Any], tuple[jax.Array, jax.Array]]:
        params, memory = state
        value, own, norm = own_gradients(params)
        updates, memory = rule.update(own, memory, params)
        return (optax.apply_updates(params, updates), memory), (value, norm)

    (params, _), (values, norms) = jax.lax.scan(step, (start, rule.init(start)), None, length=steps)
    value, _, norm = own_gradients(params)
    return params, jnp.append(values, value), jnp.append(norms, norm)


def descend(
    loss: Loss,
    start: Params,
    data: Any,
    *,
    sizes: Params,
    scale: float = 1.0,
    optimizer: str = "adam",
    learning_rate: float = 0.3,
    steps: int = 300,
    tolerance: float = 1e-3,
) -> tuple[Params, Trace]:
    """Minimise ``loss(params, data)`` from ``start`` by ``steps`` full-batch steps; return parameters and trace.

    ``sizes`` has the shape of the parameters and says how many coordinates each stands for (0: none, it stays).
    ``scale`` multiplies the gradient, not the loss that is reported. The trace has ``steps`` + 1 entries; its
    gradient norm, over all coordinates, is relative to the first. Raises ``BadInput`` for bad settings. A fit
    that did not converge, or whose loss is not finite, says so in its trace.
    """
    if not (math.isfinite(steps) and steps == int(steps) and steps >= 1):
        raise BadInput(f"steps = {steps}: must be a whole number of at least 1")
    if not 0.0 < tolerance < 1.0:
        raise BadInput(f"tolerance = {tolerance:.6g}: must lie strictly between 0 and 1")
    rule = optimiser(optimizer, float(learning_rate))
    with jax.enable_x64(True):
        trees = [jax.tree.map(lambda x: jnp.asarray(x, dtype=float), tree) for tree in (start, data, sizes)]
        params, values, norms = _descend(loss, rule, int(steps), *trees, jnp.asarray(float(scale)))
        params = jax.tree.map(np.asarray, params)
    relative = np.asarray(norms) / max(float(norms[0]), np.finfo(float).tiny)
    return params, Trace(np.asarray(values), relative, tolerance)
