"""Full-batch descent on a table of logits U V^T, by blocks of its rows: the fast path of the bilinear family.

A block of rows of U is small enough for its logits, their softmax and their residual G to stay in the processor's
cache: the table itself is never written to memory. Its gradient in U is G V, and U takes its step at once; G^T U is its
part of the gradient in V. These parts are summed block by block in pieces, and then piece by piece; neither the blocks
nor the pieces depend on the number of threads, so nor do the last bits.
"""

from __future__ import annotations

import numpy as np

from simlab.fitting import blocks, descending, teams
from simlab.fitting.blocks import Parts, Scratch, Side, Table
from simlab.fitting.descending import Rule, apart, existing, stated
from simlab.fitting.meeting import Team
from simlab.fitting.programs import Data, Program, State, check_memory

PIECES = 8  # of the rows, at most: each has a gradient of V, which must be kept and read once more
LOT = 4096  # logits that are exponentiated together
SMALL = 10**6  # multiplications of a product that OpenBLAS takes as it stands, without copying its factors first
ROWS = (24, 128)  # of a block: below the first, copying pays

takes = descending.whole


def begin(program: Program, params: dict[str, np.ndarray], data: Data) -> State:  # noqa: ARG001
    """The state before the first step. Raises ``BadInput`` where there is no memory for it."""
    params = {name: np.ascontiguousarray(array) for name, array in params.items()}
    left, right = params["prompts"], params["responses"]
    pieces = len(_edges(left.shape[-2], *right.shape[-2:])) - 1
    check_memory(program, 3 * (left.nbytes + right.nbytes) + pieces * right.nbytes)
    nothing = np.full((*left.shape[:-2], program.plan.steps), np.nan)
    means = [{name: np.zeros(array.shape, array.dtype) for name, array in params.items()} for _ in range(2)]
    unknown = np.full(left.shape[:-1], np.nan, left.dtype)
    return State(params, (*means, unknown), nothing, nothing.copy())  # type: ignore[arg-type]


def advance(program: Program, state: State, data: Data, first: int, last: int) -> State:
    """Steps ``first`` to ``last``; the parameters are new arrays, the optimiser's memory is not."""
    params = {name: np.array(array) for name, array in state.params.items()}
    *means, shift = state.memory

    def side(name: str, i: int) -> Side:
        return Side(*(tree[name][i] if program.many else tree[name] for tree in (params, *means)))

    fits = apart(program, data)
    runs = [
        _Run(side("prompts", i), side("responses", i), own, shift[i] if program.many else shift)
        for i, own in enumerate(fits)
    ]
    teams.descend(program, state, fits, runs, first, last)
    return state._replace(params=params)


class _Run:
    """One fit, whose arrays are changed in place."""

    def __init__(self, left: Side, right: Side, data: Data, shift: np.ndarray) -> None:
        (prompts, rank), (responses, _), dtype = left.params.shape, right.params.shape, left.params.dtype
        counts = data.given["counts"]
        self.left, self.right = left, right
        self.table = Table(*stated(counts), counts.sum(1), existing(data, responses, dtype), shift)
        edges, most = _edges(prompts, responses, rank), _block(responses, rank)
        pieces, longest = len(edges) - 1, int(np.diff(edges).max())
        slopes, sums = np.empty((pieces, responses, rank), dtype), np.zeros((pieces, 3))
        self.shares, self.longest = pieces, descending.CHUNK
        self.parts = Parts(edges, -(-longest // -(-longest // most)), slopes, sums)
        self.work = prompts * responses * (3 * rank + 30)  # an exponential costs about as much as 30 of them

    def _scratch(self) -> Scratch:
        (responses, rank), rows, dtype = self.right.params.shape, self.parts.block, self.right.params.dtype
        lot = max(1, min(LOT // responses, rows)) * responses
        shapes = ((rows, responses), (rows, responses), (rows, rank), (responses, rank), rows, lot, lot)
        return Scratch(*(np.empty(shape, dtype) for shape in shapes))

    def lay_out(self, first: int, last: int) -> None:
        """Every step is of the whole table."""

    def steps(self, rule: Rule, told: np.ndarray, team: Team) -> None:
        """Take this thread's share of the steps."""
        blocks.steps(self.left, self.right, self.table, self.parts, self._scratch(), rule, told, team)


def _edges(prompts: int, responses: int, rank: int) -> np.ndarray:
    """The first row of each piece, and the end: together their slopes are no larger than the table of logits."""
    pieces = max(min(PIECES, prompts // max(rank, _block(responses, rank))), 1)
    return np.linspace(0, prompts, pieces + 1).astype(int)


def _block(responses: int, rank: int) -> int:
    """The most rows of a block."""
    least, most = ROWS
    rows = min(SMALL // (responses * rank), most)
    return rows if rows >= least else most
