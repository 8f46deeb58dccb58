r"""Good-Turing's spread, exactly: the mean squared error of sr against MM, and the variance of each.

The textbook forms E[X^2] - E[X]^2 lose every digit at N = 1e15, where the variance is 1e-15 of the squared mean,
and their covariance forms still do where facts far outnumber draws (almost all draws singletons). Here the two
leading orders are cancelled on paper. With x, y the popularities of two facts, l = log1p(-x),
b = (1-x)(1-y), u = xy/b and q = 1-x-y = b(1-u):

- one-fact terms are spread over pairs by 1 = sum of all popularities + rest, the rest being what no fact claims
  (IDK, and facts so popular that they are never seen less than twice);
- what is then left of each pair is made of differences of powers, exp(s) - exp(t) = -exp(s) expm1(t-s) with
  t - s in closed form, and is of the order of the result.

Each sum takes classes^2 kernel values, in row blocks of bounded memory over one triangle of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Num

from simlab.bounds.good_turing import unseen, world_of

Classes = Float[np.ndarray, " classes"]
Block = Float[np.ndarray, "..."]  # rows x columns, rows x 1 or 1 x columns: they broadcast
Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]

BLOCK = 1 << 16
"""Kernel values computed at once: half a megabyte an array, which stays in cache."""
NEVER = -800.0
"""Below this exponent exp is 0: facts that popular add nothing to any sum."""
LIGHT = 0.5
"""Expected number of draws of a fact below which MM's variance needs its first order split off."""
NO_REST = 1e-12
"""A rest smaller than this is the rounding of a world whose popularities sum to one."""


def good_turing_mse(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return E[(sr - MM)^2] exactly, for N = ``draws`` independent draws.

    (1/N) sum p (1-p)^(N-1) + sum p^2 (1-p)^N + sum over i != j of p_i p_j q_ij^(N-2) ((p_i+p_j)^2 - 1/N) over
    facts, q_ij = 1 - p_i - p_j; a class of m facts holds m (m-1) of the pairs. ``popularity`` and ``multiplicity``
    are those of ``expected_singleton_rate``, as are the errors. Relative accuracy about 1e-12 for any N and any
    number of facts. At most .6179/N for large N (Rajaraman, Thangaraj & Suresh 2017, arXiv 1705.05006).
    """
    p, m, n = world_of(popularity, multiplicity, draws)
    p, m, rest = _relevant(p, m, n)
    if n == 1:  # sr is 1 for a fact and 0 for the rest, MM what is left of the facts
        return float(np.sum(m * p * (p + rest) ** 2) + rest * (1 - rest) ** 2)
    a = unseen(p, n - 1)

    def pair(x: Block, y: Block) -> Block:
        q = unseen(x, n - 2) * _power(n - 2, -_ratio(y, 1 - x))
        return np.asarray((_over_pair(x, y, n) + _over_pair(y, x, n)) / (2 * n) + q * (x + y) ** 2)

    same = m * p**2 * (a / n + unseen(p, n))
    return float(_pairs(pair, p, m) + np.sum(same) + rest / n * np.sum(m * p * a))


def singleton_rate_variance(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return Var[sr] exactly: N^2 Var[sr] = sum P_i (1 - P_i) + sum over i != j of (J_ij - P_i P_j).

    P = N p (1-p)^(N-1) is the chance that a fact is a singleton and J_ij = N (N-1) p_i p_j q_ij^(N-2) that both of
    two are. Arguments, errors and accuracy as in ``good_turing_mse``.
    """
    p, m, n = world_of(popularity, multiplicity, draws)
    p, m, rest = _relevant(p, m, n)
    if n == 1:
        return float(rest * (1 - rest))
    a = unseen(p, n - 1)

    def pair(x: Block, y: Block) -> Block:
        singles = _over_product(x, y, n) + _over_product(y, x, n)
        u = _ratio(x * y, (1 - x) * (1 - y))
        both = (x + y - x * y) + (1 - 1 / n) * _power_minus_one(n - 2, -u)
        return np.asarray(singles / (2 * n) + unseen(x, n - 2) * unseen(y, n - 2) * both)

    same = m * p**2 * a * (1 / n - a)
    return float(_pairs(pair, p, m) + np.sum(same) + rest / n * np.sum(m * p * a))


def missing_mass_variance(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return Var[MM] exactly: sum p_i^2 h_i (1 - h_i) + sum over i != j of p_i p_j (q_ij^N - h_i h_j), h = (1-p)^N.

    Arguments, errors and accuracy as in ``good_turing_mse``.
    """
    p, m, n = world_of(popularity, multiplicity, draws)
    p, m, rest = _relevant(p, m, n)
    if n == 1:
        mean = np.sum(m * p**2)
        return float(np.sum(m * p * (p - mean) ** 2) + rest * mean**2)
    seen = -np.expm1(n * np.log1p(-p))
    spread = unseen(p, n) * seen

    def pair(x: Block, y: Block) -> Block:
        return np.where(np.maximum(x, y) * n < LIGHT, _light_pair(x, y, n), _heavy_pair(x, y, n))

    return float(_pairs(pair, p, m) + np.sum(m * p**3 * spread) + rest * np.sum(m * p**2 * spread))


def _heavy_pair(x: Block, y: Block, n: int) -> Block:
    """(x h_x (1-h_x) + y h_y (1-h_y))/2 + h_x h_y ((1-u)^N - 1), as it stands."""
    hx, hy = unseen(x, n), unseen(y, n)
    own = x * hx * -np.expm1(n * np.log1p(-x)) + y * hy * -np.expm1(n * np.log1p(-y))
    u = _ratio(x * y, (1 - x) * (1 - y))
    return np.asarray(own / 2 + hx * hy * _power_minus_one(n, -u))


def _light_pair(x: Block, y: Block, n: int) -> Block:
    """The same where both facts are rare, with its first order N (x-y)^2/2 split off and the rest in remainders.

    With X = -N log1p(-x), Y alike and w = -N log1p(-u), the value over h_x h_y is
    (x (e^Y - e^(Y-X)) + y (e^X - e^(X-Y)))/2 + e^-w - 1, and e^t = 1 + t + remainder(t).
    """
    x, y = np.minimum(x, LIGHT / n), np.minimum(y, LIGHT / n)  # heavier facts are not taken from here
    big_x, big_y = -n * np.log1p(-x), -n * np.log1p(-y)
    u = x * y / ((1 - x) * (1 - y))
    first = (x - y) ** 2 / 2 - u * (x + y - x * y)
    first = first - (x * _log1p_remainder(-x) + y * _log1p_remainder(-y)) / 2 + _log1p_remainder(-u)
    second = x * (_exp_remainder(big_y) - _exp_remainder(big_y - big_x))
    second = second + y * (_exp_remainder(big_x) - _exp_remainder(big_x - big_y))
    value = n * first + second / 2 + _exp_remainder(n * np.log1p(-u))
    return np.asarray(unseen(x, n) * unseen(y, n) * value)


def _over_pair(x: Block, y: Block, n: int) -> Block:
    """(1-x)^(N-1) - (1-x-y)^(N-2), by (1-x-y) = (1-x)(1 - y/(1-x))."""
    lx = np.log1p(-x)
    return np.asarray(-np.exp((n - 1) * lx) * np.expm1(_times(n - 2, np.log1p(-_ratio(y, 1 - x))) - lx))


def _over_product(x: Block, y: Block, n: int) -> Block:
    """(1-x)^(N-1) - ((1-x)(1-y))^(N-2)."""
    lx = np.log1p(-x)
    return np.asarray(-np.exp((n - 1) * lx) * np.expm1(_times(n - 2, np.log1p(-y)) - lx))


def _relevant(p: Classes, m: Classes, n: int) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, " kept"], float]:
    """Merge classes of one popularity, drop those that cannot matter, and return the rest: what they leave over."""
    p, class_of = np.unique(p, return_inverse=True)
    m = np.bincount(class_of, weights=m, minlength=len(p))
    with np.errstate(divide="ignore"):
        kept = (p > 0) & (m > 0) & ((p < 1) & ((n - 1) * np.log1p(-p) > NEVER) if n > 1 else True)
    gap = 1 - float(np.sum(m * p))
    left = float(np.sum((m * p)[~kept]))
    return p[kept], m[kept], left + (gap if gap > NO_REST else 0.0)


def _pairs(kernel: Kernel, p: Classes, m: Classes) -> float:
    """Sum p_i p_j kernel(p_i, p_j) over ordered pairs of different facts, for a symmetric kernel."""
    size = max(1, BLOCK // max(1, len(p)))
    weight, total = m * p, 0.0
    for start in range(0, len(p), size):
        rows = slice(start, min(start + size, len(p)))
        count = np.full((rows.stop - start, len(p) - start), 2.0)
        count[:, : rows.stop - start] = 1.0  # the square on the diagonal holds both orders of its pairs
        count[np.diag_indices(rows.stop - start)] = (m[rows] - 1) / m[rows]
        with np.errstate(divide="ignore"):  # 1 - x - y = 0: the power is 0
            values = kernel(p[rows, None], p[None, start:])
        total += float(np.sum(weight[rows, None] * weight[None, start:] * count * values))
    return total


def _ratio(x: Block, y: Block) -> Block:
    """x/y, which is at most 1 but for rounding."""
    return np.asarray(np.minimum(x / y, 1.0))


def _times(n: int, logs: Block) -> Block:
    """n logs, with 0 times -inf = 0."""
    return np.asarray(n * logs) if n else np.zeros_like(logs)


def _power(n: int, change: Block) -> Block:
    """(1 + change)^n, with 0^0 = 1."""
    return np.asarray(np.exp(_times(n, np.log1p(change))))


def _power_minus_one(n: int, change: Block) -> Block:
    """(1 + change)^n - 1, with 0^0 = 1."""
    return np.asarray(np.expm1(_times(n, np.log1p(change))))


def _exp_remainder(t: Block) -> Block:
    """e^t - 1 - t."""
    series = t**2 / 2 * (1 + t / 3 * (1 + t / 4 * (1 + t / 5 * (1 + t / 6 * (1 + t / 7)))))
    return np.where(np.abs(t) < 1e-2, series, np.expm1(t) - t)


def _log1p_remainder(t: Block) -> Block:
    """log(1 + t) - t."""
    series = -(t**2) * (1 / 2 - t * (1 / 3 - t * (1 / 4 - t * (1 / 5 - t * (1 / 6 - t * (1 / 7 - t / 8))))))
    return np.where(np.abs(t) < 1e-2, series, np.log1p(t) - t)
