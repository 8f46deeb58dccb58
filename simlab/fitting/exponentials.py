"""The softmax of a row in compiled kernels, its exponentials by a polynomial: what exp(z) costs is what a table costs.

A row's exponentials are taken relative to a *shift*, the log-sum-exp of the step before, which saves looking for the
maximum; where that lies too far (and at the first step, where it is NaN) the maximum is taken after all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simlab.compiling import jit, kernel

FAR = 1e15  # the sum of a row's shifted exponentials is at most so far from 1, either way


@jit
def weigh(z: Any, shift: Any, there: Any, weight: Any, two: Any, bits: Any) -> Any:
    """Write exp(z - s) of what exists to ``weight``; return s and the sum W, so that the log-sum-exp is s + ln W.

    ``two`` and ``bits`` are one buffer of the row's length, as numbers and as integers of the same width.
    """
    powers(z, shift, weight, two, bits)
    total = total_of(weight, two, there)
    if not 1 / FAR < total < FAR:
        shift = _top(z, there)
        powers(z, shift, weight, two, bits)
        total = total_of(weight, two, there)
    return shift, total


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
def powers(z: Any, shift: Any, weight: Any, two: Any, bits: Any) -> None:
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
def total_of(weight: Any, two: Any, there: Any) -> Any:
    """Finish the powers, leave out what does not exist, and add them up."""
    total = weight.dtype.type(0)
    for j in range(len(weight)):
        weight[j] *= two[j] * there[j]
        total += weight[j]
    return total
