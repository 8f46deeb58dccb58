"""How far the singleton rate is from the missing mass it estimates: Corollary 3, Lemma 1, and the true spread.

Lemma 1 allows 4.42 sqrt(ln(5/gamma)/N), about 10/sqrt(N) at 99%; the root mean square of the deviation is never
above .79/sqrt(N) once N >= 42. Where the world is known its exact value is in ``good_turing_moments``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from simlab.bounds.domain import probability, rate, whole
from simlab.bounds.report import KNVZ, BoundReport, Theorem
from simlab.bounds.vacuity import draws_until

_EXPERIMENT = "experiments/missing_mass_from_singletons.py"
_RTS = "Rajaraman, Thangaraj & Suresh 2017, arXiv 1705.05006"

WORST_RISK = 0.6179
"""Published upper end of N times the worst-case mean squared error of Good-Turing (the lower end is .6080)."""
WORST_RISK_SMALL = 1.25
"""The same for N < ``SMALL``, where the published constant is too small: reached by two equal facts at N = 2."""
SMALL = 42

LEMMA_1 = Theorem(
    slug="missing_mass_from_singletons",
    name="Lemma 1",
    kind="probability",
    direction="upper",
    quantity="|missing_mass - singleton_rate|",
    statement="|missing_mass - singleton_rate| <= 4.42 sqrt(ln(5/gamma)/N) with probability 1 - gamma; without IDK "
    "1/N + 2.42 sqrt(ln(4/gamma)/N) (Corollary 3)",
    source=f"{KNVZ}, Lemma 1 and Corollary 3 (after McAllester & Ortiz 2003)",
    test="tests/test_bounds.py::test_missing_mass_from_singletons_constants",
    experiment=_EXPERIMENT,
)
COROLLARY_3 = replace(LEMMA_1, name="Corollary 3", source=f"{KNVZ}, Corollary 3 (after McAllester & Ortiz 2003)")
SHARP = Theorem(
    slug="missing_mass_from_singletons_sharp",
    name="Worst-case risk of Good-Turing",
    kind="expectation",
    direction="upper",
    quantity="(missing_mass - singleton_rate)^2",
    statement="E[(missing_mass - singleton_rate)^2] <= 0.6179/N for every world, N >= 42 (1.25/N below)",
    source=f"{_RTS}, abstract (for large N); below N = 42 found numerically",
    test="tests/test_good_turing.py::test_no_world_exceeds_the_worst_risk",
    experiment=_EXPERIMENT,
)

CERTIFICATE = Theorem(
    slug="missing_mass_from_counts",
    name="Certificate of the missing mass",
    kind="probability",
    direction="lower",
    quantity="missing_mass",
    statement="missing_mass >= the x with sum_j w_j/C_j exp(sum_k f_k ln(1 - (-s_j)^k) - s_j N x) = 1/gamma, with "
    "probability 1 - gamma, for every law of i.i.d. draws and every N",
    source="derived in simlab.missing_mass.tails; proof in docs/proofs.md",
    test="tests/test_missing_mass_tails.py::test_certificate_by_enumeration",
    experiment="experiments/missing_mass_intervals.py",
)


def missing_mass_from_singletons(
    singleton_rate: float,
    draws: int,
    gamma: float = 0.01,
    missing_mass: float | None = None,
    idk: bool = True,
) -> BoundReport:
    """Return Lemma 1 (``idk``) or Corollary 3 (without IDK) as a bound on |MM - sr|, with probability 1 - gamma.

    The radius is 4.42 sqrt(ln(5/gamma)/N) with IDK rows among the N = ``draws`` and
    1/N + 2.42 sqrt(ln(4/gamma)/N) without. The report is two-sided: its quantity is |MM - sr|, its value the
    radius, and it is vacuous when the radius reaches 1. Raises ``BadInput`` outside the ranges.
    Source: arXiv 2509.04664 v1, Lemma 1 and Corollary 3 (Appendix B).
    """
    n, chance = whole("draws", draws), probability("gamma", gamma)
    singletons = rate("singleton_rate", singleton_rate)
    constant = 4.42 * math.sqrt(math.log(5) - math.log(chance))
    bias = 0.0
    if not idk:
        constant, bias = 2.42 * math.sqrt(math.log(4) - math.log(chance)), 1 / n
    deviation = constant / math.sqrt(n)
    return (LEMMA_1 if idk else COROLLARY_3).report(
        bias + deviation,
        None if missing_mass is None else abs(rate("missing_mass", missing_mass) - singletons),
        {"bias": bias, "deviation": deviation},
        level=1 - chance,
        draws_needed=draws_until(1, constant) if idk else _draws_until_corollary_3(constant),
    )


def _draws_until_corollary_3(constant: float) -> float:
    """Return the least N with 1/N + constant/sqrt(N) < 1: N exceeds the square of the root of x^2 - c x - 1."""
    draws = math.floor(((constant + math.hypot(constant, 2)) / 2) ** 2)
    while 1 / draws + constant / math.sqrt(draws) >= 1:
        draws += 1
    return float(draws)


def missing_mass_from_singletons_sharp(
    singleton_rate: float, draws: int, missing_mass: float | None = None
) -> BoundReport:
    """Return E[(MM - sr)^2] <= .6179/N, Good-Turing's risk in the worst world (1.25/N for N < 42).

    One replicate's report has the slack .6179/N - (MM - sr)^2, whose *mean* is at least 0. The published constant
    is for large N; the limit of N times MSE is (1 + a) e^-a - e^-2a at a e^a = 2, which is .60804, reached by N/a
    equal facts. For N < 42 equal facts exceed .6179 and the largest value found over worlds of any shape, 1.25 by
    two equal facts at N = 2, takes its place; that no world exceeds .6179 from N = 42 on is a numerical finding.
    Raises ``BadInput`` outside the ranges. Source: arXiv 1705.05006, abstract.
    """
    n, singletons = whole("draws", draws), rate("singleton_rate", singleton_rate)
    risk = _worst_risk(n)
    return SHARP.report(
        risk / n,
        None if missing_mass is None else (rate("missing_mass", missing_mass) - singletons) ** 2,
        {"worst_risk": risk},
        draws_needed=2.0,  # 1.25/1 >= 1 > 1.25/2
    )


def missing_mass_from_counts(
    certified: float, singleton_rate: float, gamma: float = 0.05, missing_mass: float | None = None
) -> BoundReport:
    """Return MM >= ``certified`` with probability 1 - gamma, the bound of ``simlab.missing_mass.certificate``.

    Its terms are sr = ``singleton_rate`` and how far below it the certificate lies; it is vacuous at 0. Raises
    ``BadInput`` outside the ranges. Source: derived in ``simlab.missing_mass.tails``.
    """
    value, singletons = rate("certified", certified), rate("singleton_rate", singleton_rate)
    return CERTIFICATE.report(
        value,
        None if missing_mass is None else rate("missing_mass", missing_mass),
        {"singleton_rate": singletons, "deviation": singletons - value},
        level=1 - probability("gamma", gamma),
    )


@dataclass(frozen=True, slots=True)
class MissingMassDeviation:
    """The spread of sr - MM over training sets, in the worst world.

    ``rms`` bounds the root mean square. ``chebyshev`` is a radius that holds with probability ``level`` in every
    world; ``normal`` is the radius that a normal law of that spread would have: an approximation, not a bound.
    """

    rms: float
    chebyshev: float
    normal: float
    level: float

    def sentence(self) -> str:
        """Return one line of plain English that says which radius is proved and which is approximate."""
        return (
            f"|missing_mass - singleton_rate| has root mean square at most {self.rms:.3g} in every world; with "
            f"probability {self.level:g} it is at most {self.chebyshev:.3g} (Chebyshev, rigorous), about "
            f"{self.normal:.3g} (normal approximation, not a bound)."
        )


def missing_mass_deviation(draws: int, gamma: float = 0.01) -> MissingMassDeviation:
    """Return the worst-case root mean square of sr - MM, sqrt(.6179/N), and two radii at 1 - ``gamma``.

    chebyshev = sqrt(.6179/(N gamma)); normal = z sqrt(.6179/N) with z the normal quantile of 1 - gamma/2. For
    N = ``draws`` < 42 the constant is 1.25 (see ``missing_mass_from_singletons_sharp``). Raises ``BadInput``
    outside the ranges. Source: arXiv 1705.05006 (abstract) and Chebyshev's inequality.
    """
    from statistics import NormalDist  # 10 ms to import, and nothing else here needs it

    n, chance = whole("draws", draws), probability("gamma", gamma)
    rms = math.sqrt(_worst_risk(n) / n)
    z = -NormalDist().inv_cdf(chance / 2)
    return MissingMassDeviation(rms, rms / math.sqrt(chance), z * rms, 1 - chance)


def _worst_risk(draws: int) -> float:
    return WORST_RISK if draws >= SMALL else WORST_RISK_SMALL
