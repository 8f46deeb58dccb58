"""How many facts were never seen: Chao1 in each of its conventions, ACE, and the jackknife.

S + f_0 is the richness of species estimators. No data bound f_0 from above, since any number of facts can be too rare
to be seen: Chao1 estimates a lower bound of its expectation, and where popularity varies all of these fall short. So
the promise of every interval here is "spread": it covers the scatter of the estimate and not its bias, and where
popularity varies it misses f_0 at every N.

Every variance is the delta method's for counts of counts that are multinomial given S + f_0 facts. With e_k the
derivative of the estimate along f_k, E1 = sum e_k f_k and E2 = sum e_k^2 f_k, it is E2 + f_0 - (E1 - f_0)^2/(S + f_0).
That is each published formula: Chao 1987 for Chao1, Burnham & Overton 1978 for the jackknife, Chao & Lee 1992 for ACE
(where EstimateS has another for bias-corrected Chao1, it leaves the last term out).
"""

from __future__ import annotations

import math
from fractions import Fraction

from simlab.errors import BadInput, unknown
from simlab.estimates import Estimate, check_level, normal_quantile
from simlab.missing_mass.counts import Counts, CountsOfCounts, all_singletons, counts_of, whole

CONVENTIONS = ("bias_corrected", "chao", "classic")
"""Chao1 as published twice, and as Chao's own software has it."""

INTERVAL = "interval: log-normal, Chao 1987, Biometrics 43, 783"
HIGHEST = 10
"""The highest order of jackknife: beyond it the weights alternate in thousands, and their noise with them."""

Slopes = dict[int, float]  # k -> the derivative of f_0 along f_k, where it is not 0


def chao1(data: Counts, convention: str = "chao", *, level: float = 0.95) -> Estimate:
    """Estimate f_0, the number of facts never seen, from the singletons and doubletons.

    With n the draws that state a fact (IDK draws left out, as n of a species sample is its individuals):

    - "chao": ((n-1)/n) f_1^2/(2 f_2), and ((n-1)/n) f_1 (f_1-1)/2 where f_2 = 0: Chao's own software;
    - "classic": f_1^2/(2 f_2), and f_1 (f_1-1)/2 where f_2 = 0, with a warning: Chao 1984, equation 6;
    - "bias_corrected": f_1 (f_1-1)/(2 (f_2+1)), for any f_2: Chao 2005.

    The interval is log-normal: with K = exp(z sqrt(log(1 + variance/f_0^2))) it is [f_0/K, f_0 K]. An estimate of 0 (no
    singletons, or one where its product vanishes) has no such interval: low is 0 and high is u^2/(2 (f_2+1)), u the
    score upper limit of a Poisson mean of which f_1 was seen, u = f_1 + z^2/2 + z sqrt(f_1 + z^2/4); a warning says so.
    It promises "spread": it covers the scatter about the lower bound of f_0 that Chao1 estimates, which is f_0 itself
    only for equally popular facts; where popularity varies it misses f_0 at every N. Raises ``BadInput`` as
    ``counts_of`` does, for an unknown convention, and for a level out of range.
    Sources: Chao 1984, Scand. J. Statist. 11, 265; Chao 1987, Biometrics 43, 783; Chao 2005, "Species estimation and
    applications", Encyclopedia of Statistical Sciences.
    """
    counts = counts_of(data)
    if not isinstance(convention, str) or convention not in CONVENTIONS:
        raise unknown("convention", convention, CONVENTIONS)
    n, one, two = counts.draws - counts.idk, float(counts.f(1)), float(counts.f(2))
    factor = (n - 1) / n if convention == "chao" else 1.0
    if two and convention != "bias_corrected":
        unseen = factor * one * (one / (2 * two))
        slopes = {1: factor * one / two, 2: -factor * (one / two) ** 2 / 2}
    else:
        unseen, slopes = _bias_corrected(one, two, factor)
    replaced = one and not two and convention != "bias_corrected"
    said = ("No fact stands exactly twice: f_1 (f_1 - 1)/2 stands in for f_1^2/(2 f_2).",) if replaced else ()
    source = "Chao 1984, Scand. J. Statist. 11, 265"
    return _estimate(counts, f"chao1:{convention}", source, unseen, slopes, level, said)


def ace(data: Counts, rare: int = 10, *, level: float = 0.95) -> Estimate:
    """Estimate f_0 by the abundance-based coverage estimator, from the facts seen at most ``rare`` times.

    Among those let S_r be their number, n_r = sum k f_k their draws, C = 1 - f_1/n_r their coverage and
    gamma^2 = max(0, (S_r/C) sum k (k-1) f_k / (n_r (n_r-1)) - 1) the squared coefficient of variation of their
    popularity. Then f_0 = S_r/C - S_r + (f_1/C) gamma^2.

    Where all rare facts are singletons C is 0: "bias_corrected" Chao1 stands in, with a warning. No singletons give 0.
    The interval is that of ``chao1``, with its stand-in at 0; the variance takes gamma^2 along. It promises "spread":
    gamma^2 takes off a part of the bias where popularity varies, and the rest is not covered. Raises ``BadInput`` as
    ``counts_of`` does, for a ``rare`` that is no whole number of at least 1, and for a level out of range.
    Sources: Chao & Lee 1992, JASA 87, 210; Chao, Ma & Yang 1993, Biometrika 80, 193.
    """
    counts, rare = counts_of(data), whole("rare", rare, 1)
    few = {int(k): int(f) for k, f in zip(counts.times, counts.facts, strict=True) if k <= rare}
    source = "Chao & Lee 1992, JASA 87, 210; Chao, Ma & Yang 1993, Biometrika 80, 193"
    if all(k == 1 for k in few):
        unseen, slopes = _bias_corrected(float(counts.f(1)), float(counts.f(2)))
        sentence = f"All facts seen at most {rare} times are singletons: bias-corrected Chao1 stands in for ACE."
        return _estimate(counts, f"ace:{rare}", source, unseen, slopes, level, (sentence,) if few else ())
    return _estimate(counts, f"ace:{rare}", source, *_ace(few), level, ())


def _ace(few: dict[int, int]) -> tuple[float, Slopes]:
    """ACE's f_0 and its derivatives, as (f_1/R) (S_r + n_r gamma^2) with R = n_r C > 0: the draws of no singletons."""
    one, facts, draws = few.get(1, 0), sum(few.values()), sum(k * f for k, f in few.items())
    repeats, pairs = draws - one, sum(k * (k - 1) * f for k, f in few.items())
    ratio = facts * pairs / (repeats * (draws - 1))  # gamma^2 + 1; Python integers, exact until the division
    squared = max(ratio - 1, 0.0)
    inner = facts + draws * squared

    def slope(k: int) -> float:
        more = 0 if k == 1 else k  # what one fact more adds to R
        rise = ratio * (1 / facts + k * (k - 1) / pairs - more / repeats - k / (draws - 1)) if ratio > 1 else 0.0
        share = (k == 1) / repeats - one / repeats * more / repeats
        return share * inner + one / repeats * (1 + k * squared + draws * rise)

    return one / repeats * inner, {k: slope(k) for k in few}


def jackknife(data: Counts, order: int = 1, *, level: float = 0.95) -> Estimate:
    """Estimate f_0 by the jackknife of that ``order`` over the n draws that state a fact.

    S_J = (1/k!) sum_(i=0..k) (-1)^i C(k,i) (n-i)^k S_(n-i) for order k, S_(n-i) the mean number of facts left when i of
    the n draws are left out; f_0 = S_J - S is linear in f_1 ... f_k: (n-1)/n f_1 for order 1,
    (2n-3)/n f_1 - (n-2)^2/(n (n-1)) f_2 for order 2. The arithmetic is exact, for any n. Each order takes one more
    power of 1/n off the bias, and adds variance.

    An estimate below 0 is put to 0, with a warning; at 0 the interval is the stand-in of ``chao1``, else log-normal. It
    promises "spread": it covers the scatter of the estimate and nothing of its bias, which is large both ways: after
    1,500 draws order 1 finds 335 for 223 unseen of 1,000 equally popular facts, and 554 for 9,294 of 10,000 facts of
    Zipf's law, on average. Raises ``BadInput`` as ``counts_of`` does, for an order that is no whole number from 1 to 10
    or above n, and for a level out of range.
    Sources: Burnham & Overton 1978, Biometrika 65, 625; 1979, Ecology 60, 927 (draws in place of trapping occasions).
    """
    counts = counts_of(data)
    n = counts.draws - counts.idk
    order = whole("order", order, 1, HIGHEST)
    if order > n:
        raise BadInput(f"order = {order}: that many draws are left out at a time and there are {n}: take at most {n}")
    weights = jackknife_weights(n, order)
    exact = sum((weight * counts.f(k) for k, weight in weights.items()), start=Fraction(0))
    below = f"The jackknife of order {order} gives {float(exact):.4g} unseen facts: put to 0."
    source = "Burnham & Overton 1978, Biometrika 65, 625; 1979, Ecology 60, 927"
    slopes = {k: float(weight) for k, weight in weights.items()}
    said = (below,) if exact < 0 else ()
    return _estimate(counts, f"jackknife:{order}", source, max(float(exact), 0.0), slopes, level, said)


def jackknife_weights(draws: int, order: int) -> dict[int, Fraction]:
    """The weights w_k of f_0 = sum_(k=1..order) w_k f_k, exactly.

    Leaving out i of n draws loses each fact seen k <= i times with probability C(n-k, i-k)/C(n, i), so that
    w_k = (1/order!) sum_(i=k..order) (-1)^(i+1) C(order,i) (n-i)^order C(n-k, i-k)/C(n, i).
    """

    def term(k: int, i: int) -> Fraction:
        signed = (-1) ** (i + 1) * math.comb(order, i) * (draws - i) ** order
        return Fraction(signed * math.comb(draws - k, i - k), math.comb(draws, i) * math.factorial(order))

    return {k: sum((term(k, i) for i in range(k, order + 1)), start=Fraction(0)) for k in range(1, order + 1)}


def _bias_corrected(one: float, two: float, factor: float = 1.0) -> tuple[float, Slopes]:
    """f_1 (f_1-1)/(2 (f_2+1)) and its derivatives."""
    pairs = factor * one * max(one - 1, 0.0) / 2
    return pairs / (two + 1), {1: factor * (2 * one - 1) / (2 * (two + 1)), 2: -pairs / (two + 1) ** 2}


def _estimate(
    counts: CountsOfCounts, method: str, source: str, unseen: float, slopes: Slopes, level: float, said: tuple[str, ...]
) -> Estimate:
    level = check_level(level)
    z = normal_quantile(level)
    low, high = _log_normal(unseen, _variance(counts, unseen, slopes), z) if unseen > 0 else (0.0, _most(counts, z))
    return Estimate(
        estimate=unseen,
        low=low if unseen == 0 else min(low, math.nextafter(unseen, 0.0)),
        high=max(high, math.nextafter(unseen, math.inf)),
        level=level,
        method=f"{method}, log_normal",
        source=f"{source}; {INTERVAL}",
        promise="spread",
        warnings=said + _edges(counts, unseen),
    )


def _variance(counts: CountsOfCounts, unseen: float, slopes: Slopes) -> float:
    """E2 + f_0 - (E1 - f_0)^2/(S + f_0); the usual form, E2 less (E1)^2 over the sum, would cancel at large S."""
    first = sum(slope * counts.f(k) for k, slope in slopes.items())
    second = sum(slope**2 * counts.f(k) for k, slope in slopes.items())
    return max(second + unseen - (first - unseen) ** 2 / (counts.seen + unseen), 0.0)


def _log_normal(unseen: float, variance: float, z: float) -> tuple[float, float]:
    wide = math.exp(z * math.sqrt(math.log1p(variance / unseen**2)))
    return unseen / wide, unseen * wide


def _most(counts: CountsOfCounts, z: float) -> float:
    """What stands in for the upper end at the estimate 0: Chao's formula at the most singletons that chance allows."""
    one = counts.f(1)
    limit = one + z**2 / 2 + z * math.sqrt(one + z**2 / 4)
    return limit**2 / (2 * (counts.f(2) + 1))


def _edges(counts: CountsOfCounts, unseen: float) -> tuple[str, ...]:
    """What the counts themselves warn of."""
    said = all_singletons(counts)
    if unseen == 0:
        why = "No fact stands exactly once, so the estimate is 0" if not counts.f(1) else "The estimate is 0"
        said += (f"{why}: the upper end is Chao's formula at the most singletons that chance allows.",)
    return said
