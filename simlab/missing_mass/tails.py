"""An interval for the missing mass that holds for every N and every law, from an exact exponential identity.

Let every fact be seen a Poisson number of times with mean lambda_i = N p_i. For any t in (-1, 1) and every lambda

    E[ e^(t lambda) 1(K = 0) + (1 - t^K) 1(K >= 1) ] = e^-lambda (e^(t lambda) + e^lambda - 1 - (e^(t lambda) - 1)) = 1,

and the product over the facts is

    E[ exp( t N MM + sum_k f_k ln(1 - t^k) ) ] = 1,

whatever the law: no unknown is left but MM itself. Markov's inequality turns it into a bound on MM for each t: from
above for t > 0, from below for t < 0. A corpus of exactly N draws is the Poisson one given its total. Tilted by the
factors above the counts are again independent, with the characteristic functions

    phi(theta) = exp(x (e^i theta - 1)) + e^((t - 1) x) - exp(t x e^i theta - x),   x = N p,

and the mean for N draws is the ratio of two point probabilities, Pr[tilted total = N] / Pr[Poisson(N) = N]. From
|phi(theta)| <= exp(-kappa x (1 - cos theta)) with kappa = (1 - |t|)/2 that ratio is at most

    C = sqrt(2 pi N) e^(1/(12 N)) e^(-kappa N) I_0(kappa N), about 1/sqrt(kappa),

so that giving up Poisson's total costs a third of a nat where t is small, 1.5 at t = .9, and not the usual
(1/2) ln(2 pi N). docs/proofs.md proves the inequality for phi. The best t depends on the data, so t is mixed over a
fixed grid (the method of mixtures): the mixture's mean is at most 1 as well.

IDK draws are one more symbol that is no fact; its factor is 1 and its phi that of the Poisson law, so that all holds
with N counting them. Second order: the half width is sqrt(2 v ln(1/gamma) / N) with v = (f_1 + 2 f_2)/N, against the
worst case's v = 1 that bounds without the data must assume.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from simlab.missing_mass.counts import CountsOfCounts

LARGEST = 0.9
"""The largest |t|: at 1 the factor of the facts seen once is 0."""
FAR = 1e6
"""From here on the Bessel function is replaced by its asymptotic form, from above."""
ROUNDS = 200
"""Newton's steps at most; they end when the root no longer moves, after some ten."""


def missing_mass_above(counts: CountsOfCounts, gamma: float) -> float:
    """Return x with Pr[MM > x] <= ``gamma`` for every law of i.i.d. draws and every N; at least f_1/N, at most 1.

    The root of sum_j w_j / C_j exp(t_j N x - c_j) = 1/gamma, with c_j = -sum_k f_k ln(1 - t_j^k) and t_j > 0.
    """
    t, weight = mixture(counts.draws)
    cost = -_log_factors(counts, t)
    return min(_root(t * float(counts.draws), cost, weight, gamma), 1.0)


def missing_mass_below(counts: CountsOfCounts, gamma: float) -> float:
    """Return x with Pr[MM < x] <= ``gamma`` for every law of i.i.d. draws and every N; from 0 to f_1/N.

    The root of sum_j w_j / C_j exp(c_j - s_j N x) = 1/gamma, with c_j = sum_k f_k ln(1 - (-s_j)^k) and s_j > 0. Counts
    that no law explains (all facts seen thrice) would lift it above f_1/N; it is then cut there, which only lowers it.
    """
    s, weight = mixture(counts.draws)
    gain = _log_factors(counts, -s)
    below = -_root(s * float(counts.draws), -gain, weight, gamma)
    return min(max(below, 0.0), counts.singleton_rate)


def log_penalty(t: Float[np.ndarray, " mixture"], draws: int) -> Float[np.ndarray, " mixture"]:
    """Return ln C for N = ``draws``: what a total of exactly N costs against a Poisson total, in nats."""
    from scipy.special import ive

    n, kappa = float(draws), (1 - np.abs(t)) / 2
    stirling = 0.5 * math.log(2 * math.pi * n) + 1 / (12 * n)  # at least ln(N! e^N / N^N)
    if n > FAR:  # where ive fails, e^-x I_0(x) sqrt(2 pi x) is 1 + 1/(8 x) + ...
        large: Float[np.ndarray, " mixture"] = -0.5 * np.log(kappa) + 1 / (12 * n) + 1 / (4 * kappa * n)
        return large
    penalty: Float[np.ndarray, " mixture"] = stirling + np.log(ive(0, kappa * n))
    return penalty


def mixture(draws: int) -> tuple[Float[np.ndarray, " mixture"], Float[np.ndarray, " mixture"]]:
    """Return the grid of |t| for N = ``draws``, and the logarithms of the weights w_j / C_j.

    From sqrt(6/N), the best t where all counts are 1 and 2 and gamma is .05, up by factors of 2: at that gamma the best
    t is never missed by more than sqrt(2), which costs a sixth of the exponent. The weights fall as 1/(j + 1), since
    small t serve the large missing masses that matter.
    """
    least = min(math.sqrt(6.0 / draws), LARGEST)
    t = least * 2.0 ** np.arange(int(math.log2(LARGEST / least)) + 1)
    prior = 1.0 / np.arange(1.0, len(t) + 1)
    return t, np.log(prior / prior.sum()) - log_penalty(t, draws)


def _log_factors(counts: CountsOfCounts, t: Float[np.ndarray, " mixture"]) -> Float[np.ndarray, " mixture"]:
    """Sum over k of f_k ln(1 - t^k), for each t."""
    times, facts = counts.times.astype(float), counts.facts.astype(float)
    return np.array([float(facts @ np.log1p(-_power(one, times))) for one in t.tolist()])


def _power(t: float, times: Float[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    """t^k, also for a negative t and a k that is no small integer; below 1e-300 it is 0."""
    size: Float[np.ndarray, " classes"] = np.exp(np.maximum(times * math.log(abs(t)), -690.0))
    return size if t > 0 else np.where(times % 2 == 1, -size, size)


def _root(
    slope: Float[np.ndarray, " mixture"],
    cost: Float[np.ndarray, " mixture"],
    log_weight: Float[np.ndarray, " mixture"],
    gamma: float,
) -> float:
    """The x with ln sum_j exp(log_weight_j + slope_j x - cost_j) = ln(1/gamma).

    The left side is convex and increases, and each term alone gives an upper bound: Newton's steps from the least of
    those fall to the root.
    """
    target = -math.log(gamma)
    x = float(np.min((target + cost - log_weight) / slope))
    for _ in range(ROUNDS):
        exponent = log_weight + slope * x - cost
        top = float(exponent.max())
        share = np.exp(exponent - top)
        excess = top + math.log(float(share.sum())) - target
        step = excess * float(share.sum()) / float(share @ slope)
        if not x - step < x or step <= 1e-15 * abs(x):
            break
        x -= step
    return x
