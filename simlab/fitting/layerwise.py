"""Descent of an MLP, by blocks of the rows of a batch: the fast path of the family ``models.mlp``.

z = V (W2 relu(W1 k + b1) + b2) as that module writes it, and its gradient by the chain rule, layer by layer. The rows
of a batch (or all prompts) are cut into pieces, each with a gradient of the weights of its own, and these into blocks
whose layers stay in the processor's cache, where they are not too wide. A team of threads shares the pieces, meets,
shares the weights in lots, each of which adds up the pieces' gradients and takes its step, and meets again. Neither
pieces nor lots depend on the number of threads, so nor do the last bits.

Batches are drawn by the general program, so that a fit takes the same examples here and there.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numba
import numpy as np

from simlab.errors import BadInput
from simlab.fitting import descending, layers, teams
from simlab.fitting.descending import Rule, apart, existing, stated
from simlab.fitting.layers import Batches, Memory, Net, Parts, Scratch
from simlab.fitting.meeting import Team
from simlab.fitting.programs import Data, Program, State, check_memory, compiled

INNER = ("inward", "inward_bias", "outward", "outward_bias")  # always learned
PIECES = 8  # of a batch, at most: each has a gradient of the weights, which must be kept and read once more
ROWS = (64, 128)  # of a piece, at least, where there are so many; of a block, at most
LOT = 4096  # weights that are stepped together, at least
LOTS = 64  # at most
DRAWN = 2**22  # rows of batches that are laid out at once, at most


def takes(program: Program, data: Data) -> bool:
    """Whether such kernels exist for it: keys that are learned need all prompts in their order."""
    known = descending.plain(program, data) and {*data.frozen} <= {"keys", "values"}
    return known and (program.plan.batch is None or "keys" in data.frozen)


def begin(program: Program, params: dict[str, np.ndarray], data: Data) -> State:
    """The state before the first step. Raises ``BadInput`` where there is no memory for it."""
    fits = params["inward"].shape[:-2]
    n = sum(math.prod(array.shape[len(fits) :]) for name, array in params.items() if name != "keys")
    weights, dtype = (*fits, n), params["inward"].dtype
    keys = params["keys"].shape if "keys" in params else (*fits, 0, 0)
    *_, prompts, responses = data.given["counts"].shape
    if program.plan.batch is not None:
        for name, most in (("prompt", prompts), ("column", responses)):
            at = data.rows[name]
            if at.min() < 0 or at.max() >= most:
                raise BadInput(
                    f"rows of the examples: {name} must lie between 0 and {most - 1}, as given[counts] has it"
                )
    pieces = len(_edges(program.plan.batch or prompts)) - 1
    layers_of = ROWS[1] * (2 * sum(params["inward"].shape[-2:]) + 3 * responses)
    threads = min(numba.config.NUMBA_NUM_THREADS, max(pieces, math.prod(fits)))  # type: ignore[attr-defined]
    copies = (6 + pieces) * math.prod(weights) + 4 * math.prod(keys)  # old and new, two means, one on the way
    check_memory(program, dtype.itemsize * (copies + threads * (n + layers_of)))
    means = (np.zeros(shape, dtype) for shape in (weights, weights, keys, keys))
    nothing = np.full((*fits, program.plan.steps), np.nan)
    return State(params, Memory(*means), nothing, nothing.copy())  # type: ignore[arg-type]


def advance(program: Program, state: State, data: Data, first: int, last: int) -> State:
    """Steps ``first`` to ``last``; the parameters are new arrays, the optimiser's memory is not."""
    params = {name: np.array(array, order="C") for name, array in state.params.items()}
    weights = _flat(params, 1 if program.many else 0)
    runs = []
    for i, own in enumerate(apart(program, data)):
        here = i if program.many else ...
        net = _net({name: array[here] for name, array in params.items()} | own.frozen, weights[here])
        runs.append(_Run(program, net, Memory(*(array[here] for array in state.memory)), own))
    teams.descend(program, state, [run.data for run in runs], runs, first, last)
    for name, array in params.items():
        if name != "keys":
            array[...] = np.stack([getattr(run.net, name) for run in runs]).reshape(array.shape)
    return state._replace(params=params)


def _flat(params: dict[str, np.ndarray], axes: int) -> np.ndarray:
    """The weights as one vector, behind ``axes`` axes for the fits: a copy."""
    names = [*INNER, "values"] if "values" in params else INNER
    flat = [params[name].reshape(*params[name].shape[:axes], -1) for name in names]
    return np.concatenate(flat, axis=-1)


def _net(params: dict[str, Any], weights: np.ndarray) -> Net:
    """The parameters of a fit, those of ``weights`` as views of it."""
    views, at = {}, 0
    for name in (*INNER, "values"):
        array = np.ascontiguousarray(params[name])
        if at < len(weights):
            views[name] = weights[at : at + array.size].reshape(array.shape)
            at += array.size
        else:
            views[name] = array
    return Net(np.ascontiguousarray(params["keys"]), **views, weights=weights)


class _Run:
    """One fit, whose arrays are changed in place."""

    def __init__(self, program: Program, net: Net, memory: Memory, data: Data) -> None:
        self.program, self.net, self.memory, self.data = program, net, memory, data
        self.batch, counts = program.plan.batch, data.given["counts"]
        edges, n = _edges(self.batch or len(counts)), len(net.weights)
        self.shares = len(edges) - 1
        lots = np.linspace(0, n, max(min(n // LOT, LOTS), 1) + 1).astype(int)
        slopes = np.empty((self.shares, n), net.weights.dtype)
        self.parts = Parts(edges, min(ROWS[1], int(np.diff(edges).max())), slopes, lots, np.empty((0, 0, 3)))
        self.work = int(edges[-1]) * (3 * n + 2 * net.values.size + 30 * len(net.values))  # as in blockwise
        self.longest = descending.CHUNK if self.batch is None else max(DRAWN // self.batch, 1)
        if self.batch is None:
            told, column, first = stated(counts)
            every = (np.arange(len(counts))[None], column[None], told, first, counts.sum(1))
        else:
            one = np.ones(self.batch, net.weights.dtype)
            none = np.empty((0, self.batch), data.rows["prompt"].dtype)
            every = (none, none, one, np.arange(self.batch + 1), one)
        nothing: Any = dict.fromkeys(("rows", "weight", "given", "frozen", "sizes", "scale", "hyper"))
        self.drawn_from = data._replace(cumulative=jnp.asarray(data.cumulative), **nothing)  # all that a draw reads
        self.batches = Batches(*every, existing(data, len(net.values), net.weights.dtype))

    def lay_out(self, first: int, last: int) -> None:
        """Draw the batches of these steps."""
        sums = np.zeros((last - first, self.shares + len(self.parts.lots) - 1, 3))
        self.parts = self.parts._replace(sums=sums)
        if self.batch is None:
            return
        starts = [np.int32(at) for at in range(first, last, self.program.lot)]
        draw = compiled(self.program, "drawn", starts[0], self.drawn_from)
        at = np.concatenate([np.asarray(draw(start, self.drawn_from)) for start in starts])[: last - first]
        rows = self.data.rows
        self.batches = self.batches._replace(prompt=rows["prompt"][at], column=rows["column"][at])

    def steps(self, rule: Rule, told: np.ndarray, team: Team) -> None:
        """Take this thread's share of the steps."""
        (width, units), responses, block = self.net.inward.shape, len(self.net.values), self.parts.block
        dtype, shapes = self.net.weights.dtype, (width, units, width, responses, responses)
        keys, hidden, read, logits, residuals = (np.empty((block, columns), dtype) for columns in shapes)
        two, totals = np.empty(block * responses, dtype), np.empty(block, dtype)
        own = (two, totals, np.empty_like(hidden), np.empty_like(self.net.weights))
        scratch = Scratch(keys, hidden, read, logits, residuals, *own)
        layers.steps(self.net, self.memory, self.batches, self.parts, scratch, rule, team)
        if team.thread == 0:
            told[:] = self.parts.sums.sum(1).T


def _edges(rows: int) -> np.ndarray:
    """The first row of each piece of so many, and the end."""
    return np.linspace(0, rows, max(min(rows // ROWS[0], PIECES), 1) + 1).astype(int)
