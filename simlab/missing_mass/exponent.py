"""The index alpha of a power law of popularity, whether one fits, and how slowly the missing mass then falls.

If the number of facts of popularity at least x grows like x^-alpha, 0 < alpha <= 1, as x falls (regular variation;
Zipf's law with exponent a > 1 has alpha = 1/a), then the shares f_k / S of the facts seen k times converge to a law
that depends on alpha alone, and the missing mass falls like N^(alpha - 1): far slower than any geometric decay.

Every promise here is "spread". In an endless power law the intervals cover, but no data tell it from one that ends
somewhere among the facts not seen yet: in a Zipf world of a = 1.5 with N facts the estimate is .005 too low at N = 1e9,
the interval less than a third of that wide, and the test of fit passes.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.estimates import Estimate, check_level, check_probability, normal_quantile, strict_fields
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of

SMALL_COUNTS = 20
"""The counts k = 1 ... K that the estimate tells apart; for it all facts seen more often are one cell, k > K."""
MISFIT = 0.01
"""A chi-square statistic rarer than this under the power law says that none fits."""
ENDLESS = (
    "The interval supposes that the power law goes on among the facts not seen yet: where it ends sooner, fewer draws "
    "are needed than it says."
)
FEWEST = 5.0  # expected facts in a cell of the chi-square statistic

_SOURCE = (
    "limit law of Karlin 1967 (J. Math. Mech. 17, 373) and Gnedin, Hansen & Pitman 2007 (Probab. Surveys 4, 146); "
    "Ohannessian & Dahleh 2012 (COLT)"
)


@dataclass(frozen=True, slots=True)
class FrequencyExponent:
    """The index ``alpha`` of regular variation by maximum likelihood, and whether the counts look like a power law.

    ``fits`` is true where the chi-square test of the limit law, of ``p_value``, does not reject at ``MISFIT``;
    ``p_value`` is None, and ``fits`` false, where there are too few facts to test. ``distance`` is the total variation
    between the shares of the small counts and the fitted law: how large a misfit is, where many facts make any of
    them significant. ``naive`` is f_1/S, which estimates the same index.
    """

    alpha: Estimate
    naive: float
    fits: bool
    p_value: float | None
    chi_square: float
    cells: int
    distance: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for strict JSON; ``alpha`` is nested, as ``Estimate.as_dict`` gives it."""
        return strict_fields(self)


def frequency_exponent(data: Counts, *, level: float = 0.95) -> FrequencyExponent:
    """Estimate the index alpha from the counts of counts, IDK draws left aside.

    Under regular variation f_k / S -> q_k(alpha) = alpha Gamma(k - alpha) / (k! Gamma(1 - alpha)), so that
    alpha = lim f_1/S, and sum_{k > j} q_k = prod_{i <= j} (1 - alpha/i). With w_j facts seen more than j times and K =
    ``SMALL_COUNTS`` the likelihood of the cells k = 1 ... K, k > K has the score

        (f_1 + ... + f_K) / alpha - sum_{j=1}^K w_j / (j - alpha),

    which falls from infinity to minus infinity: alpha is its root, and the interval holds the values whose likelihood
    ratio the chi-square quantile allows. Facts of one corpus spread less than the multinomial law that both assume,
    so the interval and the test are on the safe side: in Zipf worlds of 10^15 facts, a = 1.5 and 2, it covers 1/a in
    .99 of corpora and more, at every N studied. That needs a power law without an end and without a slowly varying
    factor, up to an error in the number of facts that is small against its square root. The promise is "spread", since
    the counts do not show whether it holds: where Zipf's a = 1.5 stops at N facts ``fits`` stays true and the interval
    misses 1/a more often the larger N is, always from 10^6 on. All singletons: alpha = 1; no fact seen K times or less:
    alpha = 0, below every index, with an interval that is open above. One species is no evidence for either.

    The test sees further than the estimate: its cells are 1 ... K and then doubled up to sqrt(N), neighbours joined
    until each expects 5 facts, with the usual two degrees of freedom less. Geometric popularities, whose f_1/S falls
    only like 1/ln N, would pass at small counts alone. A uniform or geometric law fails the test once S is large; so
    does a power law that sets in late, or that ends at facts that N draws exhaust.

    Raises ``BadInput`` for a level out of range.
    Source: Gnedin, Hansen & Pitman 2007 (the limit law); the likelihood is this module's.
    """
    counts, level = counts_of(data), check_level(level)
    return _exponent(counts, level)


def _exponent(counts: CountsOfCounts, level: float) -> FrequencyExponent:
    held, above = _cells(counts)
    found, low, high = _fit(float(held.sum()), above.astype(float), normal_quantile(level))
    p_value, chi_square, cells, distance = _judge(counts, found)
    fits = p_value is not None and p_value >= MISFIT
    alpha = Estimate(
        found,
        low,
        high,
        level,
        "frequency_exponent, likelihood_ratio",
        _SOURCE,
        "spread",
        warnings=_warnings(p_value, distance, int(held.sum()), counts.seen),
    )
    return FrequencyExponent(alpha, counts.f(1) / counts.seen, fits, p_value, chi_square, cells, distance)


def power_law_draws_until(data: Counts, missing_mass: float, *, level: float = 0.95) -> Estimate:
    """Return how many further draws bring the missing mass down to ``missing_mass`` if a power law holds.

    The missing mass falls like N^(alpha - 1), so from its Good-Turing estimate f_1/N now,

        m = N ((f_1/N) / missing_mass)^(1/(1 - alpha)) - N, rounded up, and 0 where f_1/N is there already.

    Infinite at alpha = 1 (all singletons). The interval takes the ends of two intervals of level 1 - (1 - level)/2,
    of alpha and of E f_1 (Poisson); it is at least one draw wide. It promises "spread", as that of alpha does, and a
    warning says why: where the power law ends among the facts not seen, fewer draws do. The other warnings are those of
    ``frequency_exponent``: where no power law fits, this answer is a guess, and that of
    ``simlab.missing_mass.curve.draws_until`` is too low rather than too high.

    Raises ``BadInput`` for a ``missing_mass`` outside (0, 1) and a level out of range.
    Source: Gnedin, Hansen & Pitman 2007 (the order of f_1); Ohannessian & Dahleh 2012.
    """
    from scipy.special import gammaincinv

    counts, target, level = counts_of(data), check_probability("missing_mass", missing_mass), check_level(level)
    n, single, tail = counts.draws, counts.f(1), (1 - level) / 4
    alpha = _exponent(counts, 1 - 2 * tail).alpha
    least = float(gammaincinv(single, tail)) if single else 0.0
    most = float(gammaincinv(single + 1, 1 - tail))
    further = _power_law_draws(n, single / n / target, alpha.estimate)
    return Estimate(
        further,
        min(_power_law_draws(n, least / n / target, alpha.low), further, sys.float_info.max),
        max(_power_law_draws(n, most / n / target, alpha.high), further + 1),
        level,
        "power_law_draws_until, likelihood_ratio_poisson",
        _SOURCE,
        "spread",
        warnings=(*alpha.warnings, ENDLESS) if further else alpha.warnings,
    )


def _power_law_draws(draws: int, excess: float, alpha: float) -> float:
    """N (excess^(1/(1 - alpha)) - 1), rounded up; excess is the missing mass now over its target."""
    if excess <= 1:
        return 0.0
    if alpha >= 1:
        return math.inf
    try:
        return float(np.ceil(draws * math.expm1(math.log(excess) / (1 - alpha))))
    except OverflowError:
        return math.inf


def _cells(counts: CountsOfCounts) -> tuple[Int[np.ndarray, " small"], Int[np.ndarray, " small"]]:
    """Return f_1 ... f_K, and w_1 ... w_K: how many facts were seen more than j times."""
    held = np.array([counts.f(k) for k in range(1, SMALL_COUNTS + 1)], dtype=np.int64)
    return held, counts.seen - np.cumsum(held)


def _fit(small: float, above: Float[np.ndarray, " small"], z: float) -> tuple[float, float, float]:
    """Return alpha and the ends of its likelihood-ratio interval, 2 (l(alpha) - l(end)) = z^2."""
    from scipy.optimize import brentq

    index = np.arange(1, len(above) + 1)
    if not above[0]:  # l = small ln(alpha)
        return 1.0, min(math.exp(-z * z / (2 * small)), math.nextafter(1.0, 0.0)), 1.0
    if not small:  # l = sum w_j ln(1 - alpha/j)
        end = brentq(lambda a: -2 * float(np.sum(above * np.log1p(-a / index))) - z * z, 0.0, 1 - 1e-16, xtol=1e-300)
        return 0.0, 0.0, float(end)

    def score(s: float) -> float:
        """alpha (1 - alpha) times the score, at the logit s: alpha and 1 - alpha both keep their digits."""
        alpha, rest = _logistic(s), _logistic(-s)
        return float(rest * small - alpha * (above[0] + rest * np.sum(above[1:] / (index[1:] - alpha))))

    best = float(brentq(score, -60.0, 60.0, xtol=1e-15))
    alpha, rest = _logistic(best), _logistic(-best)
    gaps = np.concatenate([[rest], index[1:] - alpha])

    def lost(s: float) -> float:
        """2 (l(alpha) - l(s)) - z^2; the terms linear in the step cancel, as the score is 0, and are left out."""
        step = math.sinh((s - best) / 2) / (2 * math.cosh(s / 2) * math.cosh(best / 2))
        curved = small * _bent(np.array([step / alpha]))[0] + float(np.sum(above * _bent(-step / gaps)))
        return -2 * float(curved) - z * z

    ends = [float(brentq(lost, *sorted((best, best + side * 700.0)), xtol=1e-300)) for side in (-1, 1)]
    low, high = _logistic(ends[0]), _logistic(ends[1])
    return alpha, min(low, math.nextafter(alpha, 0.0)), max(high, math.nextafter(alpha, 1.0))


def _logistic(s: float) -> float:
    return 1 / (1 + math.exp(-s)) if s > 0 else math.exp(s) / (1 + math.exp(s))


def _bent(x: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    """ln(1 + x) - x, by its series near 0, where the closed form loses its digits."""
    series = -x * x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x * (1 / 5 - x * (1 / 6 - x * (1 / 7 - x / 8))))))
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(np.abs(x) < 1e-2, series, np.log1p(np.maximum(x, -1.0)) - x))


def _judge(counts: CountsOfCounts, alpha: float) -> tuple[float | None, float, int, float]:
    """Return the p-value (None with too few cells), chi-square, the number of cells, and the total variation."""
    from scipy.special import gammaincc

    ends = _ends(counts.draws - counts.idk)
    seen_up_to = np.concatenate([[0], np.cumsum(counts.facts)])[np.searchsorted(counts.times, ends, side="right")]
    shares = np.diff(seen_up_to, prepend=0, append=counts.seen) / counts.seen
    law = -np.diff(_tail(ends, alpha), prepend=1.0, append=0.0)
    expected, observed = _pooled(law, shares, FEWEST / counts.seen)
    cells, distance = len(expected), float(np.abs(shares - law).sum()) / 2
    if cells < 3:
        return None, 0.0, cells, distance
    chi_square = float(counts.seen * np.sum((observed - expected) ** 2 / expected))
    return float(gammaincc((cells - 2) / 2, chi_square / 2)), chi_square, cells, distance


def _ends(draws: int) -> Int[np.ndarray, " cells"]:
    """The last counts of the cells but the open one: 1 ... K, then doubled up to sqrt(N)."""
    ends = list(range(1, SMALL_COUNTS + 1))
    while 2 * ends[-1] <= math.isqrt(draws):
        ends.append(2 * ends[-1])
    return np.array(ends, dtype=np.int64)


def _tail(ends: Int[np.ndarray, " cells"], alpha: float) -> Float[np.ndarray, " cells"]:
    """prod_{i <= k} (1 - alpha/i): factor by factor up to K, then by sum_i i^-p, as ln(1 - x) is -sum_p x^p / p."""
    from scipy.special import digamma, zeta

    near = np.cumprod(1 - alpha / np.arange(1, SMALL_COUNTS + 1))
    k = ends[SMALL_COUNTS:].astype(float) + 1
    logs = -alpha * (digamma(k) - digamma(SMALL_COUNTS + 1.0))
    for p in range(2, 13):  # (1/21)^13 is below the last digit
        logs -= alpha**p / p * (zeta(p, SMALL_COUNTS + 1) - zeta(p, k))
    return np.append(near, near[-1] * np.exp(logs))


def _pooled(
    law: Float[np.ndarray, " cells"], shares: Float[np.ndarray, " cells"], least: float
) -> tuple[Float[np.ndarray, " pooled"], Float[np.ndarray, " pooled"]]:
    """Join neighbours until each cell expects at least ``least``; what is left over at the end joins the last."""
    expected, observed = [0.0], [0.0]
    for p, share in zip(law.tolist(), shares.tolist(), strict=True):
        if expected[-1] >= least:
            expected.append(0.0)
            observed.append(0.0)
        expected[-1] += p
        observed[-1] += share
    if expected[-1] < least and len(expected) > 1:
        rest = expected.pop(), observed.pop()
        expected[-1] += rest[0]
        observed[-1] += rest[1]
    return np.array(expected), np.array(observed)


def _warnings(p_value: float | None, distance: float, small: int, seen: int) -> tuple[str, ...]:
    if not small:
        return (f"No fact stands at most {SMALL_COUNTS} times: nothing here is rare, and no power law shows.",)
    if p_value is None:
        return (f"S = {seen}: too few facts, or too few different counts, to tell whether a power law fits.",)
    if p_value >= MISFIT:
        return ()
    chance = f"p = {p_value:.2g}" if p_value else "p < 1e-300"
    return (f"No power law fits (chi-square test, {chance}): {distance:.2%} of the facts stand in other counts.",)
