"""L-BFGS for convex families: SciPy's L-BFGS-B over the jitted gradient, to a relative gradient norm.

The coordinates are those of the full model: a parameter that stands for n of them is optimised as sqrt(n) times itself,
whose inner products are those of the n coordinates, so that orbits follow the full model's path here too.

A line search compares losses, and losses that differ by less than rounding look alike: it stalls where the gradient is
about the square root of that, 1e-8. What is missing to the tolerance is made up by Newton steps, which read gradients.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg

from simlab.fitting.families import Params
from simlab.fitting.programs import Data, Program

MEMORY = 20  # pairs that the approximate Hessian is made of
RESTARTS = 20  # the line search may give up short of the tolerance, by rounding; a fresh start often goes on
NEWTON = 5  # steps after the last restart, each of which should leave a hundredth of the gradient
STRIDE = 1e-5  # of the differences of gradients that stand for products with the Hessian


def minimise(
    program: Program, start: Params, data: Data, steps: int, tolerance: float
) -> tuple[Params, list[float], list[float]]:
    """Minimise the loss; return parameters, and loss and gradient norm (absolute) before and after each iteration.

    Stops at a gradient norm of ``tolerance`` times the first, after ``steps`` iterations, or where no progress
    is made, by Newton steps neither. Double precision.
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
        if seen["norm"] <= target or len(norms) > steps:
            raise StopIteration

    if norms[0] > 0 and np.isfinite(norms[0]):
        for _ in range(RESTARTS):
            options = {"maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0, "maxiter": steps, "maxfun": 10**9}
            before = norms[-1]
            found = minimize(both, x, jac=True, method="L-BFGS-B", callback=_named(after), options=options)
            x = found.x
            if norms[-1] <= target or len(norms) > steps or not norms[-1] < before:
                break
        for _ in range(NEWTON):
            if norms[-1] <= target or len(norms) > steps:
                break
            further = _newton(lambda at: both(at)[1], x)
            both(further)
            if not seen["norm"] < norms[-1]:
                break
            x = further
            values.append(seen["value"] / scale)
            norms.append(seen["norm"])
    return _unscaled(unravel(jnp.asarray(x)), root), values, norms


def _newton(slope: Any, x: np.ndarray) -> np.ndarray:
    """One step towards where the slope is 0, by conjugate gradients on differences of slopes along a direction."""
    here = slope(x)

    def curved(direction: np.ndarray) -> np.ndarray:
        stride = STRIDE * (1.0 + np.linalg.norm(x)) / max(np.linalg.norm(direction), np.finfo(float).tiny)
        found = (slope(x + stride * direction) - slope(x - stride * direction)) / (2 * stride)
        return np.asarray(found)

    hessian = LinearOperator((len(x), len(x)), curved, dtype=float)
    return np.asarray(x + cg(hessian, -here, rtol=1e-2, maxiter=100)[0])


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
