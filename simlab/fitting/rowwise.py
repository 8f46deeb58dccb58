"""Full-batch descent on a table of logits, row by row: the fast path of families whose parameters are the logits.

The rows of such a table share nothing, so each is taken through all steps while it lies in the processor's cache:
memory is passed once a fit and not ten times a step. The step is that of ``programs.Program``, which is its oracle:
with W = sum_r e_r exp(z_r - s), n = sum_r counts_r and a = scale / draws, the row's surprise is
n (s + ln W) - counts . z and its own gradient a (n e_r exp(z_r - s) / W - counts_r), plus the weight decay's. The shift
s is the log-sum-exp of the step before, and the maximum where that lies too far. Rows are summed in pieces whose number
does not depend on that of the threads, so neither do the last bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax.numpy as jnp
import numba
import numpy as np
from jaxtyping import Float

from simlab.compiling import jit, kernel
from simlab.fitting.memory import device_in_use
from simlab.fitting.programs import Data, Program, State, check_memory

PIECES = 64
CHUNK = 2048  # steps between two looks at Python: bounds memory, and how long Ctrl-C waits
DECAYS = (0.9, 0.999, 1e-8)  # b1, b2 and epsilon, the defaults of optax.adam and optax.adamw
FAR = 1e15  # W is at most so far from 1, either way


def applies(program: Program, data: Data) -> bool:
    """Whether a fit is one of these: the whole table at every step, on a CPU, in single or double precision."""
    plan = program.plan
    whole = plan.batch is None and plan.precision != "mixed" and plan.optimizer != "lbfgs"
    return program.family.rowwise and whole and data.sizes is None and device_in_use().platform == "cpu"


def begin(program: Program, params: Float[np.ndarray, "*fits rows columns"]) -> State:
    """The state before the first step. Raises ``BadInput`` where there is no memory for it."""
    check_memory(program, 3 * params.nbytes)
    nothing = np.full((*params.shape[:-2], program.plan.steps), np.nan)
    unknown = np.full(params.shape[:-1], np.nan, params.dtype)
    return State(params, (np.zeros_like(params), np.zeros_like(params), unknown), nothing, nothing.copy())  # type: ignore[arg-type]


def advance(program: Program, state: State, data: Data, first: int, last: int) -> State:
    """Steps ``first`` to ``last``; the parameters are new arrays, the optimiser's memory is not."""
    params = np.array(state.params)
    fits = params.shape[0] if program.many else 1
    for i in range(fits):
        own = _take(data, i) if program.many else data
        arrays = (params, *state.memory, state.loss, state.norm)
        each = [array[i] if program.many else array for array in arrays]
        for at in range(first, last, CHUNK):
            _advance(program, own, each, at, min(at + CHUNK, last))
    return state._replace(params=params)


def _take(data: Data, i: int) -> Data:
    """The arrays of one of many fits."""
    hyper = type(data.hyper)(*(value[i] for value in data.hyper))
    given = {name: array[i] for name, array in data.given.items()}
    return data._replace(weight=data.weight[i], given=given, scale=data.scale[i], hyper=hyper)


def _advance(program: Program, data: Data, arrays: list[np.ndarray], first: int, last: int) -> None:
    """Take one fit, its parameters, memory, loss and norm, through a chunk of steps, in place."""
    params, mean, square, shift, loss, norm = arrays
    plan, counts, dtype = program.plan, data.given["counts"], params.dtype.type
    steps = np.arange(first, last, dtype=np.int32)
    rates = np.asarray(plan.rate(jnp.asarray(steps), data.hyper.learning_rate, data.hyper.steps), dtype=dtype)
    b1, b2, epsilon = DECAYS
    unbias = np.stack([1 / (1 - b1 ** (steps + 1.0)), 1 / (1 - b2 ** (steps + 1.0))]).astype(dtype)
    draws, scale, decay = float(np.sum(data.weight, dtype=float)), float(data.scale), float(data.hyper.weight_decay)
    penalty, shrink = (0.0, decay) if plan.optimizer == "adamw" else (decay * program.penalised, 0.0)
    exists = data.given.get("sizes", np.ones((1, params.shape[1]), dtype))
    settings = np.array([scale / draws, penalty, shrink, b1, b2, epsilon], dtype=dtype)
    integers = np.empty(0, np.int32 if dtype is np.float32 else np.int64)  # of the same width as the logits
    pieces = min(PIECES, len(params))
    edges = np.linspace(0, len(params), pieces + 1).astype(int)
    sums = np.zeros((pieces, 3, len(steps)))

    def run(piece: int) -> None:
        lot = slice(edges[piece], edges[piece + 1])
        there = exists if len(exists) == 1 else exists[lot]
        own = (params[lot], mean[lot], square[lot], shift[lot], counts[lot], there)
        _rows(*own, plan.optimizer != "sgd", rates, unbias, settings, integers, sums[piece])

    threads = min(numba.config.NUMBA_NUM_THREADS, pieces)  # type: ignore[attr-defined]
    if threads == 1:
        for piece in range(pieces):
            run(piece)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(pieces)))
    surprise, squares, penalised = sums.sum(0)
    loss[first:last] = surprise / draws + penalty * penalised / (2 * scale)
    norm[first:last] = np.sqrt(squares)


@jit
def _rows(
    params: Any,
    mean: Any,
    square: Any,
    shift: Any,
    counts: Any,
    exists: Any,
    adam: bool,
    rates: Any,
    unbias: Any,
    settings: Any,
    integers: Any,
    sums: Any,
) -> None:
    """Take each row through all steps, and add up over the rows: surprise, squared gradient, squared logits."""
    columns = params.shape[1]
    weight, two = np.empty(columns, params.dtype), np.empty(columns, params.dtype)
    bits = two.view(integers.dtype)
    for i in range(len(params)):
        z, there = params[i], exists[i % len(exists)]
        n = counts[i].sum()
        for step in range(len(rates)):
            _powers(z, shift[i], weight, two, bits)
            total = _total(weight, two, there)
            if not 1 / FAR < total < FAR:  # at the first step it is NaN
                shift[i] = _top(z, there)
                _powers(z, shift[i], weight, two, bits)
                total = _total(weight, two, there)
            shift[i] += np.log(total)
            if adam:
                told = _adam(
                    z, mean[i], square[i], counts[i], weight, n / total, rates[step], unbias[:, step], settings
                )
            else:
                told = _sgd(z, counts[i], weight, n / total, rates[step], settings)
            sums[0, step] += float(n) * shift[i] - told[0]
            sums[1, step] += told[1]
            sums[2, step] += told[2]


@jit
def _top(z: Any, there: Any) -> Any:
    """The largest logit of the responses that exist; NaN if one is."""
    top = z.dtype.type(-np.inf)
    for j in range(len(z)):
        if there[j] > 0 and not z[j] <= top:
            top = z[j]
            if np.isnan(top):
                return top
    return top


@kernel("contract")
def _powers(z: Any, shift: Any, weight: Any, two: Any, bits: Any) -> None:
    """exp(z - shift) as ``weight`` x ``two``: the Taylor series of exp(x - k ln 2), and 2^k by its bits.

    Adding 1.5 x 2^(bits of the mantissa) leaves k in the last bits of a sum, so loops stay free of conversions and
    compile to vector instructions. ln 2 is taken off in two parts, of which k times the first is exact. Powers beyond
    the normal numbers are the smallest or the largest of them. Sums must keep their order here, which is all that
    "contract" says.
    """
    if z.itemsize == 4:
        for j in range(len(z)):
            x = z[j] - shift
            x = np.float32(-87) if x < np.float32(-87) else x
            x = np.float32(88) if x > np.float32(88) else x
            two[j] = x * np.float32(1.4426950408889634) + np.float32(12582912)
            k = two[j] - np.float32(12582912)
            x = x - k * np.float32(0.693359375) - k * np.float32(-2.1219444005469058e-4)
            y = x * np.float32(1 / 5040) + np.float32(1 / 720)
            y = (y * x + np.float32(1 / 120)) * x + np.float32(1 / 24)
            y = (y * x + np.float32(1 / 6)) * x + np.float32(0.5)
            weight[j] = (y * x + np.float32(1)) * x + np.float32(1)
        for j in range(len(z)):
            bits[j] = (bits[j] + 127) << 23
    else:
        for j in range(len(z)):
            x = z[j] - shift
            x = -708.0 if x < -708.0 else x
            x = 709.0 if x > 709.0 else x
            two[j] = x * 1.4426950408889634 + 6755399441055744.0
            k = two[j] - 6755399441055744.0
            x = x - k * 6.93147180369123816490e-01 - k * 1.90821492927058770002e-10
            y = x * (1 / 6227020800) + 1 / 479001600
            y = (y * x + 1 / 39916800) * x + 1 / 3628800
            y = (y * x + 1 / 362880) * x + 1 / 40320
            y = (y * x + 1 / 5040) * x + 1 / 720
            y = (y * x + 1 / 120) * x + 1 / 24
            y = (y * x + 1 / 6) * x + 0.5
            weight[j] = (y * x + 1.0) * x + 1.0
        for j in range(len(z)):
            bits[j] = (bits[j] + 1023) << 52


@kernel("contract", "reassoc", "nsz")
def _total(weight: Any, two: Any, there: Any) -> Any:
    """Finish the powers, leave out what does not exist, and add them up."""
    total = weight.dtype.type(0)
    for j in range(len(weight)):
        weight[j] *= two[j] * there[j]
        total += weight[j]
    return total


@kernel("contract", "reassoc", "nsz")
def _adam(
    z: Any, mean: Any, square: Any, counts: Any, weight: Any, share: Any, rate: Any, unbias: Any, settings: Any
) -> Any:
    """One step of Adam; counts . z, and the sums of squares of gradient and logits, before it."""
    pull, penalty, shrink, b1, b2, epsilon = settings
    one, first, second = z.dtype.type(1), unbias[0], unbias[1]
    stated, squares, length = one - one, one - one, one - one
    for j in range(len(z)):
        gradient = pull * (weight[j] * share - counts[j]) + penalty * z[j]
        stated += counts[j] * z[j]
        squares += gradient * gradient
        length += z[j] * z[j]
        mean[j] = b1 * mean[j] + (one - b1) * gradient
        square[j] = b2 * square[j] + (one - b2) * gradient * gradient
        z[j] -= rate * (mean[j] * first / (np.sqrt(square[j] * second) + epsilon) + shrink * z[j])
    return stated, squares, length


@kernel("contract", "reassoc", "nsz")
def _sgd(z: Any, counts: Any, weight: Any, share: Any, rate: Any, settings: Any) -> Any:
    """One step down the gradient; the same sums."""
    pull, penalty = settings[0], settings[1]
    one = z.dtype.type(1)
    stated, squares, length = one - one, one - one, one - one
    for j in range(len(z)):
        gradient = pull * (weight[j] * share - counts[j]) + penalty * z[j]
        stated += counts[j] * z[j]
        squares += gradient * gradient
        length += z[j] * z[j]
        z[j] -= rate * gradient
    return stated, squares, length
