"""How many new facts will further draws bring? Good & Toulmin's series, and its smoothed form for more than N draws.

Among t N further draws the number U(t) of facts not seen before has a nearly unbiased estimate that is linear in the
counts of counts, the alternating series sum_k (-1)^(k+1) t^k f_k. Beyond t = 1 its terms grow like t^k; cutting the
series off at a random place trades that spread for a small bias.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, shown, unknown
from simlab.estimates import Estimate, Promise, check_level, check_number, normal_quantile
from simlab.missing_mass.counts import MOST, Counts, CountsOfCounts, counts_of

SMOOTHINGS = ("binomial", "poisson", "efron_thisted")
"""Where the series is cut off: Binomial(k, 2/(t+2)), Poisson(r), or Binomial(k, 1/(t+1)) of Efron & Thisted."""

_GOOD_TOULMIN = "Good & Toulmin 1956, Biometrika 43, 45; standard error of Efron & Thisted 1976, Biometrika 63, 435"
_SMOOTHED = "Orlitsky, Suresh & Wu 2016, PNAS 113, 13283 (arXiv 1511.07428)"


def good_toulmin(data: Counts, t: float, *, level: float = 0.95) -> Estimate:
    """Return the number U(t) of facts not yet seen that t N further draws will bring, N counting IDK draws.

        U = sum_k (-1)^(k+1) t^k f_k,   se^2 = sum_k t^(2k) f_k + U

    The first term of se^2 is Efron and Thisted's (the spread of the estimate); the second is the spread of the number
    itself, which the interval U +- z se is for. U and its interval are cut to [0, t N]. The sum of t^(2k) f_k is taken
    as at least t^2, one singleton's worth, which keeps the interval open where every fact was seen often (then U is
    near 0). All singletons: U = t N. For t > 1 the series diverges: it is returned as it is, with a warning.

    Raises ``BadInput`` for t <= 0, a t N above 2^63 - 1, and a level out of range.
    """
    counts = counts_of(data)
    t = _check_t(counts, t)
    warnings = [] if t <= 1 else [f"The series diverges for t = {t:g} > 1: use smoothed_good_toulmin."]
    return _predict(counts, t, level, _series(counts, t), "good_toulmin", _GOOD_TOULMIN, "asymptotic", warnings)


def smoothed_good_toulmin(data: Counts, t: float, smoothing: str = "binomial", *, level: float = 0.95) -> Estimate:
    """Return the number U(t) of new facts in t N further draws for t > 1, by the series cut off at a random L.

        U = -sum_k (-t)^k Pr[L >= k] f_k,   se^2 = sum_k (t^k Pr[L >= k])^2 f_k + U

    - "binomial": L ~ Binomial(K, 2/(t+2)), K = ceil(1/2 log_3(N t^2/(t-1))), the best rate of the three
    - "poisson": L ~ Poisson(r), r = ln(N (t+1)^2/(t-1)) / (2t)
    - "efron_thisted": L ~ Binomial(K, 1/(t+1)), K = ceil(1/2 log_2(N t^2/(t-1)))

    The base of the logarithm balances bias^2, of order (t/(t+2))^(2K), and variance, (3t/(t+2))^(2K)/N: 9^K ~ N, and
    4^K ~ N for q = 1/(t+1). Interval and cuts are those of ``good_toulmin``. For t <= 1 nothing needs smoothing: the
    numbers are those of ``good_toulmin``. For t > 1 the promise is "spread": the interval covers the scatter of the
    estimate and not the bias that buys it, and may miss U(t) at every N (a warning says so); the error vanishes with N
    only while t is small against ln N (a warning beyond).

    Raises ``BadInput`` as ``good_toulmin``, and for an unknown smoothing. Source: arXiv 1511.07428.
    """
    if not isinstance(smoothing, str) or smoothing not in SMOOTHINGS:
        raise unknown("smoothing", smoothing, SMOOTHINGS)
    counts = counts_of(data)
    t, method = _check_t(counts, t), f"smoothed_good_toulmin:{smoothing}"
    if t <= 1:
        return _predict(counts, t, level, _series(counts, t), method, _GOOD_TOULMIN, "asymptotic", [])
    warnings = ["The interval covers the spread of the sample and of the new facts, not the bias of the smoothing."]
    if t > math.log(counts.draws):
        warnings.append(
            f"t = {t:g} is beyond ln N = {math.log(counts.draws):.3g}: no estimator predicts so far for every law."
        )
    if smoothing == "poisson":
        sizes = _poisson_weights(counts.times, t, math.log(counts.draws * (t + 1) ** 2 / (t - 1)) / (2 * t))
    else:
        base, chance = (3.0, 2 / (t + 2)) if smoothing == "binomial" else (2.0, 1 / (t + 1))
        most = max(1, math.ceil(math.log(counts.draws * t * t / (t - 1), base) / 2))
        sizes = _binomial_weights(counts.times, t, most, chance)
    weights = _signs(counts.times) * sizes
    return _predict(counts, t, level, weights, method, _SMOOTHED, "spread", warnings)


def _check_t(counts: CountsOfCounts, t: float) -> float:
    found = check_number("t", t)
    if found <= 0:
        raise BadInput(f"t = {shown(t)}: must be a positive number: t N further draws are looked ahead")
    if found * counts.draws > MOST:
        raise BadInput(
            f"t = {found:g}: t N = {found * counts.draws:.3g} further draws: at most 2^63 - 1 can be counted"
        )
    return found


def _series(counts: CountsOfCounts, t: float) -> Float[np.ndarray, " classes"]:
    """(-1)^(k+1) t^k for each class."""
    with np.errstate(over="ignore"):  # what overflows is dealt with where it is summed
        return np.asarray(_signs(counts.times) * t ** counts.times.astype(float))


def _signs(times: Int[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
    return np.where(times % 2 == 1, 1.0, -1.0)


def _binomial_weights(
    times: Int[np.ndarray, " classes"], t: float, most: int, chance: float
) -> Float[np.ndarray, " classes"]:
    """t^k Pr[L >= k] for L ~ Binomial(most, chance), by logarithms from its far end; 0 beyond."""
    log_odds, start = math.log(chance) - math.log1p(-chance), most * math.log1p(-chance)
    exact = np.array([start + math.log(math.comb(most, k)) + k * log_odds for k in range(most + 1)])
    tail = np.logaddexp.accumulate(exact[::-1])[::-1]
    near = times <= most
    weights = np.zeros(len(times))
    weights[near] = np.exp(times[near] * math.log(t) + tail[times[near]])
    return weights


def _poisson_weights(times: Int[np.ndarray, " classes"], t: float, rate: float) -> Float[np.ndarray, " classes"]:
    """t^k Pr[L >= k] = e^-r (r t)^k / k! (1 + r/(k+1) + r^2/((k+1)(k+2)) + ...) for L ~ Poisson(r), by logarithms."""
    from scipy.special import gammaln, hyp1f1

    k = times.astype(float)
    return np.asarray(np.exp(k * math.log(rate * t) - gammaln(k + 1) - rate + np.log(hyp1f1(1.0, k + 1, rate))))


def _predict(
    counts: CountsOfCounts,
    t: float,
    level: float,
    weights: Float[np.ndarray, " classes"],
    method: str,
    source: str,
    promise: Promise,
    warnings: list[str],
) -> Estimate:
    """Sum the series and put the normal interval around it, both cut to [0, t N]."""
    level = check_level(level)
    most, z = t * counts.draws, normal_quantile(level)
    total, spread = _sums(weights, counts.facts)
    found = min(max(total, 0.0), most)
    if found != total:
        warnings = [*warnings, f"The series sums to {total:.3g}, outside [0, t N]: cut to {found:.6g}."]
    radius = z * math.hypot(max(spread, t), math.sqrt(found))
    return Estimate(
        found,
        max(0.0, found - radius),
        min(most, found + radius),
        level,
        f"{method}, normal",
        source,
        promise,
        warnings=tuple(warnings),
    )


def _sums(weights: Float[np.ndarray, " classes"], facts: Int[np.ndarray, " classes"]) -> tuple[float, float]:
    """Return sum h_k f_k and sqrt(sum h_k^2 f_k); where a term overflows, the last one decides."""
    with np.errstate(over="ignore"):
        terms = weights * facts
        largest = float(np.abs(weights).max())
        if not np.isfinite(terms).all() or math.isinf(largest):
            return math.copysign(math.inf, weights[-1]), math.inf
        scaled = float(np.sum((weights / largest) ** 2 * facts)) if largest else 0.0
    try:
        return math.fsum(terms), largest * math.sqrt(scaled)
    except OverflowError:
        return math.copysign(math.inf, weights[-1]), math.inf
