"""Full-batch descent on a table of logits, row by row: the fast path of families whose parameters are the logits.

The rows of such a table share nothing, so each is taken through all steps while it lies in the processor's cache:
memory is passed once a fit and not ten times a step. Rows are summed in pieces whose number does not depend on that of
the threads, so neither do the last bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from jaxtyping import Float

from simlab.compiling import jit, kernel
from simlab.fitting import descending
from simlab.fitting.descending import Rule, adam, apart, existing, listed, rules, traced
from simlab.fitting.exponentials import weigh
from simlab.fitting.programs import Data, Program, State, check_memory

PIECES = 64

takes = descending.whole


def begin(program: Program, params: Float[np.ndarray, "*fits rows columns"], data: Data) -> State:  # noqa: ARG001
    """The state before the first step. Raises ``BadInput`` where there is no memory for it."""
    check_memory(program, 3 * params.nbytes)
    nothing = np.full((*params.shape[:-2], program.plan.steps), np.nan)
    unknown = np.full(params.shape[:-1], np.nan, params.dtype)
    return State(params, (np.zeros_like(params), np.zeros_like(params), unknown), nothing, nothing.copy())  # type: ignore[arg-type]


def advance(program: Program, state: State, data: Data, first: int, last: int) -> State:
    """Steps ``first`` to ``last``; the parameters are new arrays, the optimiser's memory is not."""
    params = np.array(state.params)
    arrays = (params, *state.memory, state.loss, state.norm)
    fits = apart(program, data)
    for at in range(first, last, descending.CHUNK):
        end = min(at + descending.CHUNK, last)
        for i, (own, rule) in enumerate(zip(fits, rules(program, fits, at, end), strict=True)):
            *table, loss, norm = [array[i] if program.many else array for array in arrays]
            loss[at:end], norm[at:end] = traced(program, own, _chunk(own, table, rule))
    return state._replace(params=params)


def _chunk(data: Data, table: list[np.ndarray], rule: Rule) -> np.ndarray:
    """Take one fit, its parameters, memory and shifts, through a chunk of steps, in place; return what rows sum to."""
    params = table[0]
    counts, exists = data.given["counts"], existing(data, params.shape[1], params.dtype)
    pieces = min(PIECES, len(params))
    edges = np.linspace(0, len(params), pieces + 1).astype(int)
    sums = np.zeros((pieces, 3, len(rule.steps)))

    def run(piece: int) -> None:
        lot = slice(edges[piece], edges[piece + 1])
        there = exists if len(exists) == 1 else exists[lot]
        params, mean, square, shift = (array[lot] for array in table)
        _rows(params, mean, square, shift, counts[lot], there, rule, sums[piece])

    threads = min(numba.config.NUMBA_NUM_THREADS, pieces)  # type: ignore[attr-defined]
    if threads == 1:
        for piece in range(pieces):
            run(piece)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(pieces)))
    total: np.ndarray = sums.sum(0)
    return total


@jit
def _rows(params: Any, mean: Any, square: Any, shift: Any, counts: Any, exists: Any, rule: Any, sums: Any) -> None:
    """Take each row through all steps, and add up over the rows: surprise, squared gradient, squared logits."""
    weight, two = np.empty(params.shape[1], params.dtype), np.empty(params.shape[1], params.dtype)
    bits = two.view(rule.integers.dtype)
    pull, penalty = rule.pull, rule.penalty
    for i in range(len(params)):
        z, there = params[i], exists[i % len(exists)]
        n = counts[i].sum()
        for step in range(len(rule.steps)):
            shift[i], total = weigh(z, shift[i], there, weight, two, bits)
            shift[i] += np.log(total)
            told = _step(
                z, mean[i], square[i], counts[i], weight, n / total, rule.adam, pull, penalty, rule.steps[step]
            )
            sums[0, step] += float(n) * shift[i] - told[0]
            sums[1, step] += told[1]
            sums[2, step] += told[2]


@kernel("contract", "reassoc", "nsz")
def _step(
    z: Any,
    mean: Any,
    square: Any,
    counts: Any,
    weight: Any,
    share: Any,
    adaptive: bool,
    pull: Any,
    penalty: Any,
    told: Any,
) -> Any:
    """One step of a row; counts . z, and the sums of squares of gradient and logits, before it."""
    stated, squares, length = z.dtype.type(0), z.dtype.type(0), z.dtype.type(0)
    numbers = listed(told)
    for j in range(len(z)):
        gradient = pull * (weight[j] * share - counts[j]) + penalty * z[j]
        stated += counts[j] * z[j]
        squares += gradient * gradient
        length += z[j] * z[j]
        if adaptive:
            z[j], mean[j], square[j] = adam(z[j], mean[j], square[j], gradient, numbers)
        else:
            z[j] -= numbers[0] * gradient
    return stated, squares, length
