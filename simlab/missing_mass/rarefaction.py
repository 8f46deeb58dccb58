"""Rarefaction: what a corpus of fewer draws would have held and missed, averaged over all ways to pick them.

Both sums are the unbiased estimates of their expectations that no other unbiased one beats. Factorials of 1e15 are
never formed: their ratio is a sum of deviances, in which nothing large cancels.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from simlab.missing_mass.counts import CountsOfCounts

VANISHED = 750.0
"""e^-750 is 0: m draws of N cannot miss a fact of more than 750 N/m."""


def rarefied_missing_mass(counts: CountsOfCounts, size: int) -> float:
    """Return sum_x f_x (x/N) binom(N-x, m) / binom(N-1, m) for m = ``size`` < N.

    Its mean is sum_c p_c (1 - p_c)^m for every law, the expected missing mass after m draws: a fact's count is
    Binomial(N, p_c), and E[(X/N) binom(N-X, m)] / binom(N-1, m) = p (1-p)^m. IDK draws are draws like any other.
    At m = N-1 it is f_1/N. Source: Chao & Jost 2012, Ecology 93, 2533.
    """
    n = counts.draws
    few = 1 + int(np.searchsorted(counts.times, VANISHED * n / size))
    times, facts = counts.times[:few], counts.facts[:few]
    return float(np.sum(facts * (times / n) * np.exp(log_missed(n - 1, size, times - 1))))


def rarefied_facts(counts: CountsOfCounts, size: int) -> float:
    """Return sum_x f_x (1 - binom(N-x, m) / binom(N, m)), the expected distinct facts among m = ``size`` <= N draws.

    Its mean is sum_c (1 - (1 - p_c)^m) for every law. Source: Hurlbert 1971, Ecology 52, 577.
    """
    return float(-np.sum(counts.facts * np.expm1(log_missed(counts.draws, size, counts.times))))


def log_missed(total: int, taken: int, marked: Int[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    """ln of binom(T-u, m) / binom(T, m): the chance that m of T, without replacement, hold none of u marked ones.

    With a = min(u, m) and b = max(u, m), the ratio (T-a)! (T-b)! / (T! (T-a-b)!) has the logarithm
    a ln(1 - b/T) + T D(-a/T) - (T-b) D(-a/(T-b)) + ln(1 + a b / (T (T-a-b))) / 2 + g(T-a) + g(T-b) - g(T) - g(T-a-b),
    where D(t) = (1+t) ln(1+t) - t and g is the rest of Stirling's series: every term is small where the ratio is not.
    """
    logs = np.full(len(marked), -np.inf)
    u = marked[marked <= total - taken]
    left, a = (total - taken - u).astype(float), np.minimum(u, taken).astype(float)
    b = np.maximum(u, taken)
    rest, b = np.maximum(total - b, 1).astype(float), b.astype(float)  # b = T only where a = 0
    half = np.where(left > 0, np.log1p(a * b / total / np.maximum(left, 1)), np.log(rest * ((total - a) / total))) / 2
    near = a * np.where(2 * b < total, np.log1p(-np.minimum(b / total, 0.5)), np.log(rest / total))
    bent = total * _deviance(-a / total) - rest * _deviance(-np.minimum(a / rest, 1))
    stirling = _stirling(total - a) + _stirling(rest) - _stirling(0 * a + total) - _stirling(left)
    logs[marked <= total - taken] = np.where(a > 0, near + bent + half + stirling, 0.0)
    return logs


def _deviance(t: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    """(1 + t) ln(1 + t) - t, by its series near 0, where the closed form loses its digits."""
    series = t * t * (1 / 2 - t * (1 / 6 - t * (1 / 12 - t * (1 / 20 - t * (1 / 30 - t * (1 / 42 - t / 56))))))
    closed = np.where(t > -1, (1 + t) * np.log1p(np.maximum(t, -1 + 1e-15)) - t, 1.0)
    return np.asarray(np.where(np.abs(t) < 1e-2, series, closed))


def _stirling(v: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    """ln v! - (v + 1/2) ln v + v - ln(2 pi) / 2; -ln(2 pi) / 2 at 0, as if v^v v^(1/2) were 1."""
    from scipy.special import gammaln, xlogy

    few, large = np.minimum(v, 16.0), np.maximum(v, 16.0)
    r = 1 / large**2
    exact = gammaln(few + 1) - xlogy(few + 0.5, np.maximum(few, 1.0)) + few - math.log(2 * math.pi) / 2
    series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / large
    return np.asarray(np.where(v < 16, exact, series))
