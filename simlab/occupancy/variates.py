"""Binomial variates for any n up to 9e18 and any p, inside compiled code.

The usual algorithms lose their digits: inversion forms log(1 - p), rejection (BTPE) compares n log(z / w) with its
bound, and either fails at the sizes that cells of 1e18 facts need.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simlab.compiling import jit


@jit
def _deviance(t: float) -> float:
    """(1 + t) log(1 + t) - t, which is t^2/2 - t^3/6 + ... near 0, where the closed form loses its digits."""
    if abs(t) < 1e-2:
        return t * t * (1 / 2 - t * (1 / 6 - t * (1 / 12 - t * (1 / 20 - t * (1 / 30 - t * (1 / 42 - t / 56))))))
    return (1.0 + t) * math.log1p(t) - t if t > -1.0 else 1.0


@jit
def _stirling(n: float) -> float:
    """log n! - log(sqrt(2 pi n) n^n e^-n)."""
    if n == 0.0:
        return 0.0
    if n < 16.0:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2.0 * math.pi)
    r = 1.0 / (n * n)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / n


@jit
def _log_chance(n: int, p: float, x: int) -> float:
    """log Pr[Binomial(n, p) = x] up to a constant of n, by deviances (Loader 2000): nothing large cancels."""
    at_an_end = 0.5 * math.log(2.0 * math.pi) - _stirling(float(n))
    if x == 0:
        return n * math.log1p(-p) + at_an_end
    if x == n:
        return n * math.log(p) + at_an_end
    mean, rest = n * p, n * (1.0 - p)
    deviance = mean * _deviance((x - mean) / mean) + rest * _deviance((mean - x) / rest)
    return -deviance - _stirling(float(x)) - _stirling(float(n - x)) - 0.5 * (math.log(float(x)) + math.log1p(-x / n))


@jit
def _rejection(rng: np.random.Generator, n: int, p: float) -> int:
    """Binomial(n, p) for p <= 1/2 and n p >= 10 by transformed rejection (Hormann 1993, algorithm BTRS).

    The usual BTPE compares n log(z / w) with its bound, which has no digits left at n = 1e16.
    """
    mean = n * p
    spread = math.sqrt(mean * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    height = (2.83 + 5.1 / b) * spread
    inner = 0.92 - 4.2 / b
    whole = math.floor(mean)  # kept apart: beyond 2^53 a sum of floats would skip integers
    top = _log_chance(n, p, int((n + 1.0) * p))
    while True:
        v, u = rng.random(), rng.random() - 0.5
        us = 0.5 - abs(u)
        if us == 0.0 or v == 0.0:
            continue
        step = math.floor((2.0 * a / us + b) * u + (mean - whole) + 0.5)
        if step < -whole or step > n - whole:
            continue
        x = int(whole) + int(step)
        if us >= 0.07 and v <= inner:
            return x
        if math.log(v * height / (a / (us * us) + b)) <= _log_chance(n, p, x) - top:
            return x


@jit
def binomial(rng: np.random.Generator, n: int, p: float) -> int:
    """Draw Binomial(n, p), accurate for n up to 9e18 and p down to 1e-300."""
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    if p > 0.5:
        return n - binomial(rng, n, 1.0 - p)
    mean = n * p
    if mean >= 30.0:
        return _rejection(rng, n, p)
    odds = p / (1.0 - p)
    first = math.exp(n * math.log1p(-p))
    bound = min(float(n), mean + 12.0 * math.sqrt(mean + 1.0))
    while True:  # inversion; a second turn is rounding's doing (u beyond all mass summed)
        u, x, mass = rng.random(), 0, first
        while u > mass and x <= bound:
            u -= mass
            x += 1
            mass *= (n - x + 1) / x * odds
        if x <= bound:
            return x


@jit
def binomials(rng: np.random.Generator, n: Any, p: Any) -> Any:
    """Draw one Binomial(n[i], p[i]) for each i, int64[len(n)]."""
    drawn = np.empty(len(n), dtype=np.int64)
    for i in range(len(n)):
        drawn[i] = binomial(rng, n[i], p[i])
    return drawn
