"""The kernels of a descent by layers: the gradient of some rows of a batch, and a step of the weights.

See ``layerwise`` for what they compute; ``numpy.dot`` is BLAS's product here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simlab.compiling import jit, kernel
from simlab.fitting.descending import step_of
from simlab.fitting.exponentials import powers, total_of
from simlab.fitting.meeting import meet


class Net(NamedTuple):
    """The parameters. All matrices but ``keys``, and ``values`` where they are fixed, are views of ``weights``."""

    keys: Any
    inward: Any
    inward_bias: Any
    outward: Any
    outward_bias: Any
    values: Any
    weights: Any


class Memory(NamedTuple):
    """The two means of Adam, of the weights and of the keys (of none where they are fixed)."""

    mean: Any
    square: Any
    keys_mean: Any
    keys_square: Any


class Batches(NamedTuple):
    """What is to be learned, a row a step, or one for all steps: the prompts, and the counts of their responses.

    The counts of a prompt that are not 0 are those from its ``first`` on, each with its column; ``total`` is their sum;
    ``exists``: which responses of each prompt there are (one row where all are alike).
    """

    prompt: Any
    column: Any
    counts: Any
    first: Any
    total: Any
    exists: Any


class Parts(NamedTuple):
    """The first row of each piece of a batch, the rows of a block, and each piece's gradient of the weights.

    ``lots``: the first weight of each lot that is stepped at once; ``sums``: of each step, what its pieces and then its
    lots sum to (surprise, squared gradient, squared parameters).
    """

    edges: Any
    block: int
    slopes: Any
    lots: Any
    sums: Any


class Scratch(NamedTuple):
    """What a thread works in: the layers of a block, their gradients, and those of the weights."""

    keys: Any
    hidden: Any
    read: Any
    logits: Any
    residuals: Any
    two: Any
    totals: Any
    slope_hidden: Any
    slope: Any


@jit
def steps(net: Any, memory: Any, batches: Any, parts: Any, scratch: Any, rule: Any, team: Any) -> None:
    """A thread's share of all steps of a rule: its pieces of a batch, then its lots of the weights."""
    pieces, lots = len(parts.edges) - 1, len(parts.lots) - 1
    for step in range(len(rule.steps)):
        for piece in range(team.thread, pieces, team.threads):
            _piece(net, memory, batches, parts, scratch, rule, step, piece)
        meet(team)
        for lot in range(team.thread, lots, team.threads):
            some = slice(parts.lots[lot], parts.lots[lot + 1])
            slope = parts.slopes[0, some]
            for piece in range(1, pieces):
                _add(slope, parts.slopes[piece, some])
            sums = parts.sums[step, pieces + lot]
            step_of(net.weights[some], memory.mean[some], memory.square[some], slope, rule, step, sums)
        meet(team)


@jit
def _piece(net: Any, memory: Any, batches: Any, parts: Any, scratch: Any, rule: Any, step: int, piece: int) -> None:
    """The gradient of the rows of a piece; keys that are learned take their step at once."""
    sums, whole = parts.sums[step, piece], parts.slopes[piece]
    prompt, end = batches.prompt[step % len(batches.prompt)], parts.edges[piece + 1]
    for at in range(parts.edges[piece], end, parts.block):
        n = min(parts.block, end - at)
        keys, hidden, read, z = scratch.keys[:n], scratch.hidden[:n], scratch.read[:n], scratch.logits[:n]
        for i in range(n):
            keys[i] = net.keys[prompt[at + i]]
        np.dot(keys, net.inward, hidden)
        _rectified(hidden, net.inward_bias)
        np.dot(hidden, net.outward, read)
        _more(read, net.outward_bias)
        np.dot(read, net.values.T, z)
        sums[0] += _residuals(z, batches, step, at, prompt, scratch, rule)
        slope = whole if at == parts.edges[piece] else scratch.slope
        _slopes(net, keys, hidden, read, scratch.residuals[:n], scratch.slope_hidden[:n], slope)
        if at > parts.edges[piece]:
            _add(whole, slope)
        if len(memory.keys_mean) > 0:  # then each row of the batch is a prompt of its own
            some = slice(at, at + n)
            np.dot(scratch.slope_hidden[:n], net.inward.T, keys)
            means = (memory.keys_mean[some].reshape(-1), memory.keys_square[some].reshape(-1))
            step_of(net.keys[some].reshape(-1), *means, keys.reshape(-1), rule, step, sums)


@jit
def _slopes(net: Any, keys: Any, hidden: Any, read: Any, residuals: Any, slope_hidden: Any, slope: Any) -> None:
    """Write the gradient in the weights, those of a block of rows, in the order of ``Net``; ``read`` is overwritten."""
    width, units = net.inward.shape
    last = 2 * width * units + units + width
    if len(slope) > last:  # values are learned
        np.dot(residuals.T, read, slope[last:].reshape(net.values.shape))
    np.dot(residuals, net.values, read)
    _columns(read, slope[last - width : last])
    outward = slope[width * units + units : last - width].reshape((units, width))
    np.dot(hidden.T, read, outward)
    np.dot(read, net.outward.T, slope_hidden)
    _where(slope_hidden, hidden)
    _columns(slope_hidden, slope[width * units : width * units + units])
    np.dot(keys.T, slope_hidden, slope[: width * units].reshape((width, units)))


@kernel("contract")
def _rectified(hidden: Any, bias: Any) -> None:
    """Make ``hidden`` relu(hidden + bias); what is no number stays none."""
    zero = hidden.dtype.type(0)
    for i in range(len(hidden)):
        for j in range(hidden.shape[1]):
            x = hidden[i, j] + bias[j]
            hidden[i, j] = zero if x < 0 else x


@kernel("contract")
def _where(slope: Any, hidden: Any) -> None:
    """The derivative of relu: nothing of ``slope`` where ``hidden`` is 0."""
    zero = slope.dtype.type(0)
    for i in range(len(hidden)):
        for j in range(hidden.shape[1]):
            slope[i, j] = slope[i, j] if hidden[i, j] > 0 else zero


@kernel("contract")
def _more(rows: Any, bias: Any) -> None:
    """Add ``bias`` to each row."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            rows[i, j] += bias[j]


@kernel("contract")
def _columns(rows: Any, sums: Any) -> None:
    """Write the sum of the rows."""
    sums[:] = 0
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            sums[j] += rows[i, j]


@kernel("contract")
def _residuals(z: Any, batches: Any, step: int, at: int, prompt: Any, scratch: Any, rule: Any) -> float:
    """Write the own gradient in the logits z, which lose their rows' largest; return the surprise."""
    residuals, two, totals = scratch.residuals[: len(z)], scratch.two[: z.size], scratch.totals[: len(z)]
    exists = batches.exists
    for i in range(len(z)):
        _lower(z[i], exists[prompt[at + i] % len(exists)])
    powers(z.reshape(-1), z.dtype.type(0), residuals.reshape(-1), two, two.view(rule.integers.dtype))
    whole, powered = 0.0, two.reshape(z.shape)
    for i in range(len(z)):
        totals[i] = total_of(residuals[i], powered[i], exists[prompt[at + i] % len(exists)])
    column = batches.column[step % len(batches.column)]
    for i in range(len(z)):
        k, stated = at + i, z.dtype.type(0)
        _times(residuals[i], rule.pull * batches.total[k] / totals[i])
        for c in range(batches.first[k], batches.first[k + 1]):
            stated += batches.counts[c] * z[i, column[c]]
            residuals[i, column[c]] -= rule.pull * batches.counts[c]
        whole += float(batches.total[k]) * np.log(totals[i]) - stated
    return whole


@kernel("contract")
def _lower(z: Any, there: Any) -> None:
    """Take the largest logit of the responses that exist from all."""
    top = z.dtype.type(-np.inf)
    for j in range(len(z)):
        top = z[j] if there[j] > 0 and z[j] > top else top
    for j in range(len(z)):
        z[j] -= top


@jit
def _times(row: Any, factor: Any) -> None:
    """row *= factor."""
    for j in range(len(row)):
        row[j] *= factor


@jit
def _add(whole: Any, part: Any) -> None:
    """whole += part."""
    for j in range(len(whole)):
        whole[j] += part[j]
