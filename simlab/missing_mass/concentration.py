"""How far the missing mass and the singleton rate stray from their means: C1 to C9 of the literature, as functions.

MM is a sum of p_i times indicators "fact i is unseen", which are negatively associated, so Chernoff's method applies
as if they were independent. Each inequality is here as a bound on a probability; ``CONCENTRATION`` lists them with
their sources and with how each was confirmed. Draws that state no fact (IDK) change nothing: they are one more symbol
that the sums leave out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from simlab.errors import BadInput, shown
from simlab.estimates import check_number, check_probability
from simlab.missing_mass.counts import MOST, whole

MCALLESTER_ORTIZ = math.e / 2
"""C2: the constant 1.36 of the lower tail."""

# C_0 = inf over 0 < x < 1/2 of 2 / (x (1 - x) ln(1/x)): the derivative of x (1 - x) ln x vanishes where
# (1 - 2x) ln x + 1 - x = 0
_AT = 0.2356105824597927
BEREND_KONTOROVICH = 2 / (_AT * (1 - _AT) * -math.log(_AT)) / 4
"""C3: the constant 1.92 = C_0 / 4 of the lower tail."""


@dataclass(frozen=True, slots=True)
class Inequality:
    """One inequality as it is listed: its label, statement, source, and what confirms it besides the source.

    ``functions`` are the names of those of this module that compute it, or that rest on it.
    """

    label: str
    statement: str
    source: str
    confirmed: str
    functions: tuple[str, ...]


CONCENTRATION: tuple[Inequality, ...] = (
    Inequality(
        "C1",
        "Pr[MM >= E MM + e] <= exp(-N e^2)",
        "McAllester & Ortiz 2003, J. Mach. Learn. Res. 4:895",
        "exact enumeration of small worlds",
        ("missing_mass_above_mean", "radius_above"),
    ),
    Inequality(
        "C2",
        "Pr[MM <= E MM - e] <= exp(-(e/2) N e^2), e/2 = 1.36",
        "McAllester & Ortiz 2003, J. Mach. Learn. Res. 4:895",
        "exact enumeration of small worlds; weaker than C3",
        ("missing_mass_below_mean",),
    ),
    Inequality(
        "C3",
        "Pr[MM <= E MM - e] <= exp(-(C_0/4) N e^2), C_0/4 = 1.92",
        "Berend & Kontorovich 2013, Electron. Commun. Probab. 18, no. 3",
        "exact enumeration of small worlds; C_0 recomputed",
        ("missing_mass_below_mean", "radius_below"),
    ),
    Inequality(
        "C4",
        "(1-p) e^(-tp) + p e^(t(1-p)) <= exp(F(p) t^2/4), F(p) = (1-2p)/ln((1-p)/p)",
        "Kearns & Saul 1998, UAI; Berend & Kontorovich 2013, Theorem 4",
        "on a grid of (p, t)",
        ("kearns_saul",),
    ),
    Inequality(
        "C5",
        "Pr[|sr - E sr| >= e] <= 2 exp(-N e^2/2)",
        "McDiarmid 1989, as in arXiv 2509.04664 v1, Corollary 3",
        "differences of 2/N; exact enumeration of small worlds",
        ("singleton_rate_off_mean", "radius_above", "radius_below"),
    ),
    Inequality(
        "C6",
        "|MM - sr| <= 1/N + 2.42 sqrt(ln(4/g)/N) with probability 1 - g",
        "arXiv 2509.04664 v1, Corollary 3",
        "follows from C1, C3 and C5",
        ("radius_knvz",),
    ),
    Inequality(
        "C7",
        "|MM - sr| <= 3 sqrt(ln(2/g)/N), and sr - MM <= sqrt(6 ln(2/g)/N), each with probability 1 - g",
        "Kalai & Vempala 2024, arXiv 2311.14648 v3, Corollary 6",
        "follows from C1, C3 and C5 for g <= 1/2 and N >= 2; at N = 1 and g <= 1/2 both radii exceed 1; above 1/2 the "
        "radius of 1/2 stands in; exact enumeration of small worlds",
        ("radius_kv",),
    ),
    Inequality(
        "C8",
        "MM <= sr + (2 sqrt 2 + sqrt 3) sqrt(ln(3/g)/N) with probability 1 - g",
        "McAllester & Schapire 2000, COLT",
        "follows from C1 and C5, which give 1 + sqrt 2 for its 4.56",
        ("radius_mcallester_schapire",),
    ),
    Inequality(
        "C9",
        "Pr[MM <= E MM - e] <= exp(-e^2/(2 v)), v = sum p^2 (1-p)^N; Pr[MM >= E MM + e] <= exp(-e^2/(2 w)) for "
        "e <= w N, w = 2 E S_2/N^2, S_2 the facts seen twice or more in Poisson(N) draws",
        "derived; the form is that of Ben-Hamou, Boucheron & Ohannessian 2017, arXiv 1412.8652",
        "derived in the docstrings; exact enumeration of small worlds",
        ("variance_factors", "missing_mass_below_mean_in", "missing_mass_above_mean_in"),
    ),
)


def missing_mass_above_mean(draws: int, distance: float) -> float:
    """C1: Pr[MM >= E MM + e] <= exp(-N e^2), for N = ``draws`` and e = ``distance`` >= 0."""
    return math.exp(-_count(draws) * _distance(distance) ** 2)


def missing_mass_below_mean(draws: int, distance: float, constant: float = BEREND_KONTOROVICH) -> float:
    """C3: Pr[MM <= E MM - e] <= exp(-c N e^2) with c = C_0/4 = 1.92; C2 with c = ``MCALLESTER_ORTIZ``."""
    return math.exp(-check_number("constant", constant, 0.0) * (_count(draws) * _distance(distance) ** 2))


def kearns_saul(p: float, t: float) -> tuple[float, float]:
    """C4: return the logarithms of both sides, ln E e^(t(B - p)) <= F(p) t^2 / 4 for a Bernoulli(p) variable B.

    F(p) = (1 - 2p)/ln((1-p)/p), which is 1/2 at p = 1/2 and 0 at p = 0 and 1.
    """
    p, t = check_number("p", p, 0.0, 1.0), check_number("t", t)
    up, down = t * (1 - p), -t * p
    high = max(up, down)
    mean = math.log((1 - p) * math.exp(down - high) + p * math.exp(up - high)) + high
    if p in (0.0, 1.0):
        factor = 0.0
    elif abs(p - 0.5) < 1e-6:
        factor = 0.5
    else:
        factor = (1 - 2 * p) / (math.log1p(-p) - math.log(p))
    return mean, factor * t * t / 4


def singleton_rate_off_mean(draws: int, distance: float) -> float:
    """C5, one side: Pr[sr >= E sr + e] <= exp(-N e^2/2), and the same below; twice that for both."""
    return math.exp(-_count(draws) * _distance(distance) ** 2 / 2)


def radius_knvz(draws: int, gamma: float, *, idk: bool = False) -> float:
    """C6: |MM - sr| <= 1/N + 2.42 sqrt(ln(4/g)/N) with probability 1 - g; with IDK draws 4.42 sqrt(ln(5/g)/N)."""
    n = _count(draws)
    if idk:
        return 4.42 * math.sqrt(math.log(5 / _gamma(gamma)) / n)
    return 1 / n + 2.42 * math.sqrt(math.log(4 / _gamma(gamma)) / n)


def radius_kv(draws: int, gamma: float, *, below: bool = False) -> float:
    """C7: |MM - sr| <= 3 sqrt(ln(2/g)/N) with probability 1 - g; ``below``: sr - MM <= sqrt(6 ln(2/g)/N).

    It is confirmed for g <= 1/2 alone. A larger g has the radius of 1/2, which holds for it all the more.
    """
    return (math.sqrt(6) if below else 3) * math.sqrt(math.log(2 / min(_gamma(gamma), 0.5)) / _count(draws))


def radius_mcallester_schapire(draws: int, gamma: float) -> float:
    """C8: MM - sr <= (2 sqrt 2 + sqrt 3) sqrt(ln(3/g)/N) with probability 1 - g."""
    return (2 * math.sqrt(2) + math.sqrt(3)) * math.sqrt(math.log(3 / _gamma(gamma)) / _count(draws))


def radius_above(draws: int, gamma: float) -> float:
    """C1 and C5: MM - sr <= sqrt(ln(1/a)/N) + sqrt(2 ln(1/b)/N) with probability 1 - g, the best a + b = g.

    The bias helps on this side: E MM <= E sr.
    """
    return _best_split(1.0, gamma) / math.sqrt(_count(draws))


def radius_below(draws: int, gamma: float) -> float:
    """C3, C5 and the bias: sr - MM <= (1-1/N)^(N-1)/N + sqrt(ln(1/a)/(1.92 N)) + sqrt(2 ln(1/b)/N), the best a + b = g.

    The first term is the largest bias E sr - E MM of any law, reached by p = 1/N.
    """
    n = _count(draws)
    bias = math.exp((n - 1) * math.log1p(-1 / n)) / n if n > 1 else 1.0
    return bias + _best_split(BEREND_KONTOROVICH, gamma) / math.sqrt(n)


def variance_factors(
    popularity: Float[np.ndarray, " classes"], facts: Num[np.ndarray, " classes"], draws: int
) -> tuple[float, float]:
    """C9: return (v, w), the variance factors of MM below and above its mean in a known world.

    Below: a negatively associated sum has ln E e^(-t(MM - E MM)) <= sum q (e^(-tp) - 1 + tp) <= t^2 v/2 with
    q = (1-p)^N and v = sum p^2 (1-p)^N = 2 E f_2(N+2)/((N+1)(N+2)). Above: with q <= e^(-Np),
    sum e^(-Np) (e^(tp) - 1 - tp) = sum over k >= 2 of (t/N)^k E f_k <= (t/N)^2 E S_2 for t <= N, S_2 the facts seen
    at least twice in Poisson(N) draws: w = 2 E S_2/N^2. ``facts[i]`` facts have ``popularity[i]`` each. Raises
    ``BadInput`` unless these are lists of one length of finite numbers, of 0 to 1 and of at least 0.
    """
    n = float(_count(draws))
    p, m = _numbers("popularity", popularity, 1.0), _numbers("facts", facts)
    if len(p) != len(m):
        raise BadInput(f"popularity and facts: have {len(p)} and {len(m)} entries: give one number of facts for each")
    with np.errstate(divide="ignore"):
        unseen = np.exp(n * np.log1p(-p))
    twice = -np.expm1(-n * p) - n * p * np.exp(-n * p)
    series = (n * p) ** 2 / 2 * (1 - 2 * n * p / 3)  # where the difference above has no digits left
    return float((m * p * p * unseen).sum()), float(2 * (m * np.where(n * p < 1e-5, series, twice)).sum() / n**2)


def missing_mass_below_mean_in(factor: float, distance: float) -> float:
    """C9 below: Pr[MM <= E MM - e] <= exp(-e^2/(2 v)), v the first of ``variance_factors``."""
    e, factor = _distance(distance), check_number("factor", factor, 0.0)
    return math.exp(-e * e / (2 * factor)) if factor > 0 else float(e == 0)


def missing_mass_above_mean_in(factor: float, draws: int, distance: float) -> float:
    """C9 above: exp(-e^2/(2 w)) for e <= w N, else exp(-N e + N^2 w/2): Chernoff's t is at most N."""
    n, e, factor = float(_count(draws)), _distance(distance), check_number("factor", factor, 0.0)
    t = min(e / factor, n) if factor > 0 else n
    return math.exp(min(t * t * factor / 2 - t * e, 0.0))


def _best_split(constant: float, gamma: float) -> float:
    """The least sqrt(ln(1/a)/constant) + sqrt(2 ln(1/b)) over a + b = gamma."""
    from scipy.optimize import minimize_scalar

    log_total = math.log(_gamma(gamma))

    def width(share: float) -> float:
        return math.sqrt(-(math.log(share) + log_total) / constant) + math.sqrt(-2 * (math.log1p(-share) + log_total))

    return float(minimize_scalar(width, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}).fun)


def _count(draws: int) -> int:
    return whole("draws", draws, 1, MOST)


def _distance(distance: float) -> float:
    return min(check_number("distance", distance, 0.0), 1e100)  # beyond, every bound is 0, and squares stay finite


def _gamma(gamma: float) -> float:
    return check_probability("gamma", gamma)


def _numbers(name: str, values: Any, most: float = math.inf) -> Float[np.ndarray, " classes"]:
    """The values as floats, each a finite number from 0 to ``most``."""
    if isinstance(values, np.ndarray):
        if values.ndim == 1 and values.dtype.kind in "iuf" and np.all((values >= 0) & (values <= min(most, 1e300))):
            return values.astype(float)
        values = values.tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise BadInput(f"{name} = {shown(values)}: must be a list of numbers")
    return np.array([check_number(name, one, 0.0, most) for one in values])
