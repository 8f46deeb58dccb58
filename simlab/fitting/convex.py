"""L-BFGS for convex families: SciPy's L-BFGS-B over the jitted gradient, to a relative gradient norm.

The coordinates are those of the full model: a parameter that stands for n of them is optimised as sqrt(n) times itself,
whose inner products are those of the n coordinates, so that orbits follow the full model's path here too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

from simlab.fitting.families import Params
from simlab.fitting.programs import Data, Program

MEMORY = 20  # pairs that the approximate Hessian is made of
RESTARTS = 20  # the line search may give up short of the tolerance, by rounding; a fresh start often goes on


def minimise(program: Program, start: Params, data: Data, tolerance: float) -> tuple[Params, list[float], list[float]]:
    """Minimise the loss; return parameters, and loss and gradient norm (absolute) before and after each iteration.

    Stops at a gradient norm of ``tolerance`` times the first, after ``plan.steps`` iterations, or where no progress
    is made. Double precision.
    """
    sizes = jax.tree.map(jnp.ones_like, start) if data.sizes is None else data.sizes
    root = jax.tree.map(lambda n: jnp.sqrt(jnp.maximum(n, 0.0)), sizes)
    flat, unravel = ravel_pytree(jax.tree.map(lambda x, r: r * x, start, root))
    seen: dict[str, Any] = {}

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _value_and_gradient(program, unravel(jnp.asarray(x)), root, data)
        slope = np.concatenate([np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(slope)])
        seen.update(x=x.copy(), value=float(value), norm=float(np.linalg.norm(slope)))
        return seen["value"], slope

    x = np.asarray(flat)
    both(x)
    scale = float(data.scale)
    values, norms = [seen["value"] / scale], [seen["norm"]]
    target = tolerance * norms[0]

    def after(result: Any) -> None:
        if not np.array_equal(result.x, seen["x"]):
            both(result.x)
        values.append(seen["value"] / scale)
        norms.append(seen["norm"])
        if seen["norm"] <= target or len(norms) > program.plan.steps:
            raise StopIteration

    if norms[0] > 0 and np.isfinite(norms[0]):
        for _ in range(RESTARTS):
            options = {"maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0, "maxiter": program.plan.steps, "maxfun": 10**9}
            before = norms[-1]
            found = minimize(both, x, jac=True, method="L-BFGS-B", callback=_named(after), options=options)
            x = found.x
            if norms[-1] <= target or len(norms) > program.plan.steps or not norms[-1] < before:
                break
    return _unscaled(unravel(jnp.asarray(x)), root), values, norms


def _named(after: Any) -> Any:
    """SciPy passes a result only to a callback whose argument has this very name."""

    def callback(intermediate_result: Any) -> None:
        after(intermediate_result)

    return callback


def _unscaled(scaled: Params, root: Params) -> Params:
    """The parameters themselves; 0 where one stands for no coordinate."""
    return jax.tree.map(lambda y, r: jnp.where(r > 0, y / jnp.where(r > 0, r, 1.0), 0.0), scaled, root)


@partial(jax.jit, static_argnames="program")
def _value_and_gradient(program: Program, scaled: Params, root: Params, data: Data) -> tuple[Any, Params]:
    """scale x loss, and its gradient in the scaled parameters."""
    return jax.value_and_grad(lambda y: data.scale * program.objective(_unscaled(y, root), data, None))(scaled)
