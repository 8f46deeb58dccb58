"""The kernels of a descent by blocks: a step of some rows of U, a step of V, and all steps of a small fit.

See ``blockwise`` for what they compute; ``numpy.dot`` is BLAS's product here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simlab.compiling import jit, kernel
from simlab.fitting.descending import step_of
from simlab.fitting.exponentials import FAR, powers, weigh
from simlab.fitting.meeting import meet


class Side(NamedTuple):
    """U or V, and the two means of Adam."""

    params: Any
    mean: Any
    square: Any


class Table(NamedTuple):
    """What is to be learned, few of whose counts are not 0: the column of each such count, the first of each row.

    ``total`` is the sum of each row's counts, ``exists`` which responses there are, ``shift`` those of the softmax.
    """

    counts: Any
    column: Any
    first: Any
    total: Any
    exists: Any
    shift: Any


class Parts(NamedTuple):
    """The first row of each piece, the rows of a block, and each piece's part of V's gradient and of the sums."""

    edges: Any
    block: int
    slopes: Any
    sums: Any


class Scratch(NamedTuple):
    """What a thread works in: arrays of a block, and of a lot of its rows."""

    logits: Any
    residuals: Any
    gradient: Any
    slope: Any
    totals: Any
    shifted: Any
    two: Any


@jit
def steps(left: Any, right: Any, table: Any, parts: Any, scratch: Any, rule: Any, told: Any, team: Any) -> None:
    """A thread's share of all steps of a rule: its pieces of U, and of V all or nothing."""
    for step in range(len(rule.steps)):
        _pieces(left, right.params, table, parts, scratch, rule, step, team)
        meet(team)
        if team.thread == 0:
            _responses(right, parts, rule, step, told)
        meet(team)


@jit
def _pieces(left: Any, right: Any, table: Any, parts: Any, scratch: Any, rule: Any, step: int, team: Any) -> None:
    """Step the rows of U of the thread's pieces, and write their parts of V's slope and of the sums."""
    lot = len(scratch.two) // len(right)
    for piece in range(team.thread, len(parts.sums), team.threads):
        sums, whole = parts.sums[piece], parts.slopes[piece]
        sums[:] = 0
        whole[:] = 0
        end = parts.edges[piece + 1]
        for at in range(parts.edges[piece], end, parts.block):
            own = _rows(left, at, min(at + parts.block, end))
            n = len(own.params)
            z, residuals, gradient = scratch.logits[:n], scratch.residuals[:n], scratch.gradient[:n]
            np.dot(own.params, right.T, z)
            for i in range(0, n, lot):
                some = slice(i, min(i + lot, n))
                _weigh(z[some], table, at + i, residuals[some], scratch, rule.integers, scratch.totals[some])
            sums[0] += _residuals(z, table, at, residuals, scratch.totals, rule.pull)
            np.dot(residuals.T, own.params, scratch.slope)
            _add(whole, scratch.slope)
            np.dot(residuals, right, gradient)
            _update(own, gradient, rule, step, sums)


@jit
def _rows(side: Any, first: int, last: int) -> Any:
    """Some rows of a side."""
    return Side(side.params[first:last], side.mean[first:last], side.square[first:last])


@jit
def _weigh(z: Any, table: Any, first: int, weight: Any, scratch: Any, integers: Any, totals: Any) -> None:
    """``weigh`` a few rows together, as loops over rows of few responses cost more to start than to run."""
    shifted, two = scratch.shifted[: z.size], scratch.two[: z.size]
    shift = table.shift[first : first + len(z)]
    _shifted(z, shift, shifted)
    powers(shifted, z.dtype.type(0), weight.reshape(-1), two, two.view(integers.dtype))
    _totals(weight, two.reshape(z.shape), table.exists, first, totals)
    for i in range(len(z)):
        if not 1 / FAR < totals[i] < FAR:  # as at the first step, where the shift is NaN
            there = table.exists[(first + i) % len(table.exists)]
            row = two[: z.shape[1]]
            shift[i], totals[i] = weigh(z[i], shift[i], there, weight[i], row, row.view(integers.dtype))


@kernel("contract", "reassoc", "nsz")
def _shifted(z: Any, shift: Any, out: Any) -> None:
    """z - shift of each row."""
    at = 0
    for i in range(len(z)):
        for j in range(z.shape[1]):
            out[at + j] = z[i, j] - shift[i]
        at += z.shape[1]


@kernel("contract", "reassoc", "nsz")
def _totals(weight: Any, two: Any, exists: Any, first: int, totals: Any) -> None:
    """Finish the powers, leave out what does not exist, and add up each row."""
    for i in range(len(weight)):
        k, total = (first + i) % len(exists), weight.dtype.type(0)
        for j in range(weight.shape[1]):
            weight[i, j] *= two[i, j] * exists[k, j]
            total += weight[i, j]
        totals[i] = total


@kernel("contract", "reassoc", "nsz")
def _residuals(z: Any, table: Any, first: int, weight: Any, totals: Any, pull: Any) -> float:
    """Make ``weight`` the own gradient in the logits z, and each shift the log-sum-exp; return the surprise.

    In place, since a loop whose result might overlap with what it reads has no vector instructions.
    """
    whole = 0.0
    for i in range(len(z)):
        k = first + i
        share, stated = pull * table.total[k] / totals[i], z.dtype.type(0)
        table.shift[k] += np.log(totals[i])
        for j in range(z.shape[1]):
            weight[i, j] *= share
        for at in range(table.first[k], table.first[k + 1]):
            j = table.column[at]
            stated += table.counts[at] * z[i, j]
            weight[i, j] -= pull * table.counts[at]
        whole += float(table.total[k]) * table.shift[k] - stated
    return whole


@jit
def _responses(right: Any, parts: Any, rule: Any, step: int, told: Any) -> None:
    """Add up the pieces, in their order, and step V."""
    whole, sums = parts.slopes[0], parts.sums[0]
    for piece in range(1, len(parts.sums)):
        _add(whole, parts.slopes[piece])
        sums += parts.sums[piece]
    _update(right, whole, rule, step, sums)
    told[:, step] = sums


@jit
def _add(whole: Any, part: Any) -> None:
    """whole += part."""
    left, right = whole.reshape(-1), part.reshape(-1)
    for j in range(len(left)):
        left[j] += right[j]


@jit
def _update(side: Any, slope: Any, rule: Any, step: int, sums: Any) -> None:
    """Step the rows of a side, and add to the sums of squares of gradient and parameters before it."""
    flat = (side.params.reshape(-1), side.mean.reshape(-1), side.square.reshape(-1), slope.reshape(-1))
    step_of(*flat, rule, step, sums)
