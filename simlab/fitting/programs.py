"""The compiled programs of a gradient fit: draw batches, take steps, measure loss and gradient over the whole corpus.

A parameter may stand for an *orbit*: many coordinates that symmetry keeps equal along the whole path. The gradient of
the shared parameter is then the sum over its coordinates, and dividing it by the size of the orbit gives each
coordinate's own, so that a coordinate-wise optimiser (SGD, Adam) follows exactly the path of the full table. Losses
are scaled so that gradients are of order one whatever the number of facts: otherwise Adam's epsilon and any absolute
tolerance would call a world of 1e10 facts converged at step 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from simlab.errors import BadInput
from simlab.fitting.families import Family, Params, Tree
from simlab.fitting.memory import available_memory, bytes_of, device_in_use, refuse
from simlab.fitting.rules import MOST_STEPS, Hyper, Plan
from simlab.terminal.wording import storage

LOT = 64
DRAWN = 2**18  # examples that are drawn at once, at most
SPAN_S = 0.5


class Data(NamedTuple):
    """What one fit is computed from; every array of many fits has a leading axis of its own for them."""

    rows: Tree
    weight: Any
    cumulative: Any  # of the weights, over their sum
    given: Tree
    frozen: Params  # entries of the parameters that stay as they start
    sizes: Params | None
    scale: Any
    hyper: Hyper
    key: Array


class State(NamedTuple):
    """Where a fit is: parameters, the optimiser's memory, and loss and gradient norm of every step so far."""

    params: Params
    memory: Any
    loss: Float[Array, "*fits steps"]
    norm: Float[Array, "*fits steps"]


@dataclass(frozen=True)
class Program:
    """What is compiled: a family, a plan, whether the loss has a penalty, and whether one fit is run or many."""

    family: Family
    plan: Plan
    penalised: bool
    many: bool

    def objective(self, params: Params, data: Data, at: Array | None) -> Array:
        """The loss of the examples ``at``, or of the whole corpus, with the penalty of all coordinates."""
        dense = {**params, **data.frozen} if data.frozen else params
        if self.plan.precision == "mixed":
            dense = jax.tree.map(lambda x: x.astype(jnp.bfloat16), dense)
        if at is None:
            value = self.family.loss(dense, data.rows, data.weight, data.given)
        else:
            rows = jax.tree.map(lambda x: x[at], data.rows)
            value = jnp.mean(self.family.surprise(dense, rows, data.given))
        if self.penalised:
            weighted = params if data.sizes is None else jax.tree.map(jnp.multiply, params, data.sizes)
            total = sum(jax.tree.leaves(jax.tree.map(dot, weighted, params)))
            value = value + data.hyper.weight_decay * total / (2 * data.scale)
        return value

    def own_gradient(self, params: Params, data: Data, at: Array | None) -> tuple[Array, Params, Array]:
        """The loss, each coordinate's own scaled gradient, and its norm over all coordinates (NaN of a batch)."""
        value, gradient = jax.value_and_grad(self.objective)(params, data, at)
        if data.sizes is None:
            own = jax.tree.map(lambda g: data.scale * g, gradient)
            if at is not None:  # noise, for the most part, and it would take a twentieth of the time of a small step
                return value, own, jnp.full((), jnp.nan, value.dtype)
            squares = jax.tree.map(lambda g: dot(g, g), own)
        else:
            own = jax.tree.map(
                lambda g, n: jnp.where(n > 0, data.scale * g / jnp.maximum(n, 1), 0.0), gradient, data.sizes
            )
            squares = jax.tree.map(lambda g, n: dot(n * g, g), own, data.sizes)
        return value, own, jnp.sqrt(sum(jax.tree.leaves(squares)))

    @property
    def lot(self) -> int:
        """The batches that are drawn at once, since one at a time costs a small program a dozen small operations."""
        return MOST_STEPS if self.plan.batch is None else max(1, min(LOT, DRAWN // self.plan.batch))

    def draw(self, step: Array, data: Data) -> Array:
        """The examples of one step: i.i.d. by weight, which is drawing from the corpus with replacement."""
        assert self.plan.batch is not None
        at = jax.random.uniform(jax.random.fold_in(data.key, step), (self.plan.batch,), dtype=data.cumulative.dtype)
        last = data.cumulative[-1]
        found = jnp.searchsorted(data.cumulative, at * last, side="right", method="scan_unrolled")
        return jnp.minimum(found, len(data.cumulative) - 1)

    def drawn(self, first: Array, data: Data) -> Array:
        """The examples of the steps from ``first`` on, a row a step of a lot."""
        return jax.vmap(self.draw, (0, None))(first + jnp.arange(self.lot), data)

    def step(self, index: Array, state: State, data: Data, at: Array | None) -> State:
        """One step of the optimiser, by the examples ``at``."""
        value, own, norm = self.own_gradient(state.params, data, at)
        rate = self.plan.rate(index, data.hyper.learning_rate, data.hyper.steps)
        rule = self.plan.transformation(rate, data.hyper.weight_decay)
        updates, memory = rule.update(own, state.memory, state.params)
        params = optax.apply_updates(state.params, updates)
        return State(params, memory, state.loss.at[index].set(value), state.norm.at[index].set(norm))

    def advance(self, state: State, data: Data, begin: Array, end: Array) -> State:
        """Steps ``begin`` to ``end``, in lots of steps whose batches are drawn together."""

        def steps(lot: Array, state: State, data: Data) -> State:
            first = lot * self.lot
            drawn = None if self.plan.batch is None else self.drawn(first, data)

            def one(i: Array, now: State) -> State:
                return self.step(i, now, data, None if drawn is None else drawn[i - first])

            return jax.lax.fori_loop(  # type: ignore[no-any-return]
                jnp.maximum(begin, first), jnp.minimum(end, first + self.lot), one, state
            )

        run = jax.vmap(steps, in_axes=(None, 0, 0)) if self.many else steps
        return jax.lax.fori_loop(  # type: ignore[no-any-return]
            begin // self.lot, -(-end // self.lot), lambda lot, now: run(lot, now, data), state
        )

    def measure(self, params: Params, data: Data) -> tuple[Array, Array]:
        """Loss and gradient norm over the whole corpus."""

        def one(params: Params, data: Data) -> tuple[Array, Array]:
            value, _, norm = self.own_gradient(params, data, None)
            return value, norm

        return (jax.vmap(one) if self.many else one)(params, data)

    def begin(self, params: Params) -> State:
        """The state before the first step."""
        rule = self.plan.transformation(jnp.ones(()), jnp.zeros(()))
        memory = (jax.vmap(rule.init) if self.many else rule.init)(params)
        shape = (*((jax.tree.leaves(params)[0].shape[0],) if self.many else ()), self.plan.steps)
        nothing = jnp.full(shape, jnp.nan, dtype=self.plan.dtype)
        return State(params, memory, nothing, jnp.copy(nothing))


def dot(left: Array, right: Array) -> Array:
    """The sum of all products: as a product of vectors, which XLA does several times faster than as a sum on a CPU."""
    return jnp.vdot(left, right, precision="highest")


def advanced(program: Program, state: State, data: Data, first: int, last: int) -> State:
    """Steps ``first`` to ``last`` by the general program, in spans of about half a second, since it hears no Ctrl-C.

    They end where lots do, whose batches are drawn together.
    """
    lots, at, lot = 1, first, 1 if program.plan.batch is None else program.lot
    while at < last:
        end = min((at // lot + lots) * lot, last)
        span, start = (np.int32(at), np.int32(end)), time.perf_counter()
        state = compiled(program, "advance", state, data, *span)(state, data, *span)
        state.loss.block_until_ready()
        seconds, at = time.perf_counter() - start, end
        lots = 2 * lots if seconds < SPAN_S / 2 else lots if seconds < SPAN_S else max(lots // 2, 1)
    return state


def compiled(program: Program, what: str, *arguments: Any) -> Callable[..., Any]:
    """Return ``program.advance``, ``drawn`` or ``measure``, compiled for arguments of these shapes.

    Raises ``BadInput`` where what the compiler says it needs is more than the device has.
    """
    leaves, tree = jax.tree.flatten(arguments)
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    try:
        run, needed = _compile(program, what, tree, shapes, device_in_use())
    except jax.errors.JaxRuntimeError as error:  # a GPU's compiler tries out products there, with memory of their size
        if "RESOURCE_EXHAUSTED" not in str(error) and "out of memory" not in str(error).lower():
            raise
        what, way = _told(program)
        raise BadInput(f"{what} more than the {storage(available_memory() or 0)} free: {way}") from None
    check_memory(program, needed)
    return run  # type: ignore[no-any-return]


def check_memory(program: Program, needed: int) -> None:
    """Raise ``BadInput`` where ``needed`` bytes are more than the device has free."""
    what, way = _told(program)
    refuse(what, needed, way)


def _told(program: Program) -> tuple[str, str]:
    """What needs memory, and the way out."""
    batch = program.plan.batch
    way = "take a smaller batch" if batch else "give a batch, or a smaller corpus or model"
    size = f"batch = {batch}" if batch else "the whole corpus at once"
    return f"{size}: {program.family.name} needs", way


@lru_cache(maxsize=64)
def _compile(program: Program, what: str, tree: Any, shapes: tuple[Any, ...], device: Any) -> tuple[Any, int]:  # noqa: ARG001
    """Compile once for each family, plan, shapes and device; return the program and the bytes it takes."""
    struct: Any = jax.ShapeDtypeStruct
    arguments = jax.tree.unflatten(tree, [struct(shape, dtype) for shape, dtype in shapes])
    donated = (0,) if what == "advance" else ()
    run = jax.jit(partial(getattr(program, what)), donate_argnums=donated).lower(*arguments).compile()
    return run, bytes_of(run)
