"""What descents in compiled kernels share: which fits are theirs, what their kernels are told, the optimiser's step.

The steps are those of ``programs.Program``, which is their oracle. With W = sum_r e_r exp(z_r - s), n = sum_r counts_r
and a = scale / draws, the surprise of a prompt's row is n (s + ln W) - counts . z and its residual, the own gradient in
the logits, a (n e_r exp(z_r - s) / W - counts_r); weight decay adds its own to the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from simlab.compiling import jit, kernel
from simlab.fitting.memory import device_in_use
from simlab.fitting.programs import Data, Program

CHUNK = 2048  # steps between two looks at Python: bounds memory, and how long Ctrl-C waits
DECAYS = (0.9, 0.999, 1e-8)  # b1, b2 and epsilon, the defaults of optax.adam and optax.adamw


class Rule(NamedTuple):
    """What the kernels are told of a chunk of steps of one fit; all numbers have the type of the parameters."""

    adam: bool
    pull: Any  # a
    penalty: Any
    steps: Any  # of each: rate, what Adam's two means are multiplied by, shrink, b1, 1 - b1, b2, 1 - b2, epsilon
    integers: Any  # none: an array whose type is of the same width as the numbers


def plain(program: Program, data: Data) -> bool:
    """Whether a fit is on a CPU, by gradient steps, in single or double precision, each coordinate apart."""
    plan = program.plan
    apart = plan.precision != "mixed" and plan.optimizer != "lbfgs" and data.sizes is None
    return apart and device_in_use().platform == "cpu"


def whole(program: Program, data: Data) -> bool:
    """Whether every step takes the whole corpus besides, and moves all parameters."""
    return plain(program, data) and program.plan.batch is None and not data.frozen


def apart(program: Program, data: Data) -> list[Data]:
    """The arrays of each fit."""
    if not program.many:
        return [data]
    return [jax.tree.map(lambda x, i=i: x[i], data) for i in range(len(data.weight))]


def rules(program: Program, fits: list[Data], first: int, last: int) -> Iterator[Rule]:
    """The rule of steps ``first`` to ``last`` of each fit."""
    plan, dtype = program.plan, np.dtype(program.plan.dtype).type
    steps = np.arange(first, last, dtype=np.int32)
    peak, length = (
        jnp.asarray([getattr(one.hyper, name) for one in fits])[:, None] for name in ("learning_rate", "steps")
    )
    rates = np.broadcast_to(plan.rate(jnp.asarray(steps), peak, length), (len(fits), len(steps)))
    b1, b2, epsilon = DECAYS
    told = np.empty((len(steps), 9), dtype)
    told[:, 1], told[:, 2] = 1 / (1 - b1 ** (steps + 1.0)), 1 / (1 - b2 ** (steps + 1.0))
    told[:, 4:] = b1, 1 - b1, b2, 1 - b2, epsilon
    integers = np.empty(0, np.int32 if dtype is np.float32 else np.int64)
    for one, rate in zip(fits, rates, strict=True):
        penalty, shrink = penalties(program, one)
        pull = float(one.scale) / draws(program, one)
        told[:, 0], told[:, 3] = rate, shrink
        yield Rule(plan.optimizer != "sgd", dtype(pull), dtype(penalty), told.copy(), integers)


def penalties(program: Program, data: Data) -> tuple[float, float]:
    """Weight decay as part of the gradient, and apart from it."""
    decay = float(data.hyper.weight_decay)
    return (0.0, decay) if program.plan.optimizer == "adamw" else (decay * program.penalised, 0.0)


def draws(program: Program, data: Data) -> float:
    """The draws whose mean surprise is the loss of a step."""
    return float(np.sum(data.weight, dtype=float) if program.plan.batch is None else program.plan.batch)


def traced(program: Program, data: Data, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient norm (NaN of a batch) of steps, of their sums of surprise and of squared gradient and
    parameters."""
    surprise, squares, length = sums
    penalty, _ = penalties(program, data)
    loss = surprise / draws(program, data) + penalty * length / (2 * float(data.scale))
    return loss, np.sqrt(squares) if program.plan.batch is None else np.full_like(loss, np.nan)


def stated(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The counts that are not 0, row by row, the column of each, and the first of each row (and the end)."""
    row, column = np.nonzero(counts)
    return counts[row, column], column, np.searchsorted(row, np.arange(len(counts) + 1))


def existing(data: Data, columns: int, dtype: Any) -> np.ndarray:
    """1 for each response that exists, 0 for a hole; one row where all do."""
    found: np.ndarray = data.given.get("sizes", np.ones((1, columns), dtype))
    return found


@kernel("contract", "reassoc", "nsz")
def residual(z: Any, counts: Any, weight: Any, share: Any, pull: Any) -> Any:
    """Make ``weight`` pull (share weight - counts), the own gradient in the logits z; return counts . z.

    In place, since a loop whose result might overlap with what it reads has no vector instructions.
    """
    stated = z.dtype.type(0)
    for j in range(len(z)):
        stated += counts[j] * z[j]
        weight[j] = pull * (weight[j] * share - counts[j])
    return stated


@kernel("contract", "reassoc", "nsz")
def adam(x: Any, mean: Any, square: Any, gradient: Any, told: Any) -> Any:
    """A coordinate, and the two means of its gradient, after one step of Adam or AdamW; ``told``: see ``Rule``."""
    rate, first, second, shrink, b1, new1, b2, new2, epsilon = told
    mean = b1 * mean + new1 * gradient
    square = b2 * square + new2 * gradient * gradient
    return x - rate * (mean * first / (np.sqrt(square * second) + epsilon) + shrink * x), mean, square


@jit
def listed(told: Any) -> Any:
    """The numbers of a step one by one: loops that read them from an array have no vector instructions."""
    return told[0], told[1], told[2], told[3], told[4], told[5], told[6], told[7], told[8]


@jit
def step_of(x: Any, mean: Any, square: Any, slope: Any, rule: Any, step: int, sums: Any) -> None:
    """Step some parameters, and add to the sums of squares of gradient and parameters before it."""
    squares, length = _coordinates(x, mean, square, slope, rule.adam, rule.penalty, rule.steps[step])
    sums[1] += squares
    sums[2] += length


@kernel("contract", "reassoc", "nsz")
def _coordinates(x: Any, mean: Any, square: Any, slope: Any, adaptive: bool, penalty: Any, told: Any) -> Any:
    """One step of coordinates with gradient ``slope``, without the penalty; the sums of squares of gradient and
    coordinates before it."""
    squares, length = x.dtype.type(0), x.dtype.type(0)
    numbers = listed(told)
    for j in range(len(x)):
        gradient = slope[j] + penalty * x[j]
        squares += gradient * gradient
        length += x[j] * x[j]
        if adaptive:
            x[j], mean[j], square[j] = adam(x[j], mean[j], square[j], gradient, numbers)
        else:
            x[j] -= numbers[0] * gradient
    return squares, length
