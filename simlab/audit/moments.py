"""What counts of counts of i.i.d. draws must obey, whatever the law: each is at most a mean of its neighbours.

A corpus drawn without replacement, de-duplicated in part, or filtered by count breaks it.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from simlab.missing_mass import CountsOfCounts

TESTED = range(2, 11)
"""The k whose inequality is tested."""


def hump(below: float, here: float, above: float, k: int) -> float:
    """Return the z-score of f_k = ``here`` above what f_(k-1) = ``below`` and f_(k+1) = ``above`` allow.

    For i.i.d. draws from any law and for every N,

        k E[f_k (f_k - 1)] <= (k + 1) E[f_(k-1) f_(k+1)],

    with equality for equal facts. Derivation: the left side is k times the sum over pairs of facts i != j of
    Pr[both stand k times] = N! / (k! k! (N - 2k)!) p_i^k p_j^k q^(N - 2k), q = 1 - p_i - p_j; the right side is
    (k + 1) times that of N! / ((k-1)! (k+1)! (N - 2k)!) p_i^(k-1) p_j^(k+1) q^(N - 2k). The factors k and k + 1 make
    the coefficients equal, and p_i^k p_j^k is at most the mean of p_i^(k-1) p_j^(k+1) and p_i^(k+1) p_j^(k-1). Facts
    far rarer than N say the same as a moment sequence does (Cauchy-Schwarz):
    E[f_k]/C(N, k) = integral of x^k, x = p/(1 - p), so that its square is at most the product of its neighbours.

    The score is the signed root of the likelihood ratio of three independent Poisson counts a, b, d, with
    E[b]^2 <= c E[a] E[d], c = (k + 1)/k. Under the constraint the means are a + u, b - 2u, d + u, where u is the
    smaller root of (4 - c) u^2 - (4b + c (a + d)) u + b^2 - c a d = 0. Counts of counts vary less than Poisson counts
    do, so the score errs towards silence. It is 0 where the inequality holds.
    """
    c = (k + 1) / k
    excess = here * here - c * below * above
    if excess <= 0:
        return 0.0
    linear = 4 * here + c * (below + above)
    u = 2 * excess / (linear + math.sqrt(linear * linear - 4 * (4 - c) * excess))
    parts = ((below, below + u), (above, above + u), (here, here - 2 * u))
    return math.sqrt(max(2 * math.fsum(seen * math.log(seen / mean) for seen, mean in parts if seen), 0.0))


def steepest_hump(counts: CountsOfCounts) -> tuple[int, float]:
    """Return the k of ``TESTED`` with the largest score, and the score."""
    scores = {k: hump(counts.f(k - 1), counts.f(k), counts.f(k + 1), k) for k in TESTED}
    k = max(scores, key=lambda one: scores[one])
    return k, scores[k]


def threshold(chance: float, tests: int = 1) -> float:
    """The score that i.i.d. draws exceed in one of ``tests`` with at most this ``chance`` (Bonferroni, one-sided)."""
    return -NormalDist().inv_cdf(chance / tests)
