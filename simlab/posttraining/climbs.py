"""A policy after its last step, how its climb went, and the check of a policy that is given as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from simlab.errors import BadInput, shown
from simlab.fitting.families import Params
from simlab.inputs import numbers, refuse, same_shape
from simlab.models import Fit, TableFit, Trace
from simlab.posttraining.enumeration import Responses, check_responses, restate
from simlab.posttraining.policies import Policy
from simlab.records import brief

NULL = {"double": 1e-12, "mixed": 1e-5, "single": 1e-5}
"""A gradient below this part of the largest score is rounding, in each precision."""


@dataclass(frozen=True, eq=False)
class Climb(Trace):
    """How a climb went: the losses are those of the objective, -J for scores, and exact at both ends.

    ``rest``: the gradient norm, relative to the first, below which it is 0 but for rounding; ``rounding``: that of a
    loss, relative to the larger of it and 1.
    """

    rest: float = 0.0
    rounding: float = NULL["double"]

    @property
    def converged(self) -> bool:
        """Whether the gradient came to rest, and not at a place worse than the start.

        It rests at ``tolerance`` times its first norm, or where it is null: a climb that starts at the optimum has
        converged. A step too large can end where the gradient is null as well, with a loss above the first.
        """
        rests = self.gradient_norm[-1] <= max(self.tolerance, self.rest)
        allowed = self.loss[0] + self.rounding * max(1.0, abs(self.loss[0]))
        return bool(rests and np.isfinite(self.loss[-1]) and self.loss[-1] <= allowed)


def climb_of(
    losses: Float[np.ndarray, " steps"],
    relative: Float[np.ndarray, " steps"],
    tolerance: float,
    *,
    first: float,
    largest: float,
    precision: str = "double",
) -> Climb:
    """The climb with these ``losses`` and ``relative`` gradient norms, ``first`` being the first norm in full.

    ``largest``: the largest score in absolute value, or whatever the gradient is a difference of.
    """
    null = NULL[precision]
    with np.errstate(over="ignore"):
        rest = float(np.divide(null * largest, max(first, np.finfo(float).tiny)))
    return Climb(losses, relative, tolerance, rest=rest, rounding=null)


def norm_of(slope: Params) -> float:
    """The length of a gradient, over all its arrays."""
    with jax.enable_x64(True):
        return float(np.sqrt(sum(float(jnp.vdot(g, g)) for g in jax.tree.leaves(slope))))


@brief
@dataclass(frozen=True, eq=False)
class Posttrained:
    """A policy after its last step.

    ``params`` of the policy, ``table`` pi(r|c) of each response, ``density`` the same as a density model for
    ``simlab.pairs``, how it went in ``trace`` (its loss is that of the objective: -J for scores), and the density
    along the way: (step, density) at the steps asked for.
    """

    policy: Policy
    params: Params
    trace: Climb
    method: str
    snapshots: tuple[tuple[int, Fit | TableFit], ...] = ()

    @property
    def table(self) -> Float[np.ndarray, "rows columns"]:
        """pi(r|c) of each response."""
        return self.policy.table(self.params)

    @property
    def density(self) -> Fit | TableFit:
        """The policy as a density model, with the trace of its climb."""
        return replace(restate(self.policy.responses, self.table, self.method), trace=self.trace)


def table_of(
    policy: Float[np.ndarray, "rows columns"] | Posttrained | Policy, responses: Responses
) -> Float[np.ndarray, "rows columns"]:
    """pi(r|c) of each response: of a table that is given, of a policy at its start, or after its last step.

    Raises ``BadInput`` for another shape than that of ``responses``, for what is no chance, and where those of a row,
    each as often as its column has responses, do not sum to 1 within 1e-6.
    """
    given: Any = policy
    if isinstance(given, (Posttrained, Policy)):
        given = given.table if isinstance(given, Posttrained) else given.table()
    check_responses(responses)
    if isinstance(given, (Fit, TableFit)):
        raise BadInput(f"policy is a density, {given.method}: give the table of pi(r|c), or what posttrain returns")
    table = numbers("policy", given, 2)
    same_shape("policy", table, responses.base.shape, "responses")
    table = np.where(responses.sizes > 0, table, 0.0)
    refuse("policy", table, ~((table >= 0) & (table <= 1 + SUM)), "must be a chance from 0 to 1")
    total = (table * responses.sizes).sum(1)
    odd = abs(total - 1.0) > SUM
    if odd.any():
        row = int(odd.argmax())
        raise BadInput(f"policy: row {row} sums to {total[row]:.6g} over its responses: must sum to 1")
    return table


SUM = 1e-6
"""How far a row of a policy may stray from the sum 1."""


def a_policy(policy: Any) -> None:
    """Raise ``BadInput`` unless ``policy`` is a ``Policy`` to be trained."""
    if isinstance(policy, Posttrained):
        raise BadInput("policy has been trained: start from of_table(enumerate_responses(policy.density, corpus))")
    if not isinstance(policy, Policy):
        raise BadInput(f"policy = {shown(policy)}: must be a Policy, such as of_table(responses)")
