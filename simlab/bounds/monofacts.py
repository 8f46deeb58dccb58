"""Calibrated models must hallucinate: Kalai and Vempala's bounds from the share of facts seen once.

The setting has no prompts: documents state one factoid each, the facts F are the factoids of positive
probability, the falsehoods H the others, and e^(-s) = |F|/|H| says how rare facts are among plausible strings.
The statements assume regular facts (given the training data every unseen factoid is equally likely to be a fact,
and to have any given probability) and the miscalibration over level sets,
Mis = 1/2 sum over B of |p(B) - g(B)|, where each B holds all factoids of one model probability.
Without sparsity the term in |F|/|H| eats the bound: at |H| = 3|F| it is 100.
"""

from __future__ import annotations

import math
from dataclasses import replace

from simlab.bounds.domain import observed_rate, probability, rate, whole
from simlab.bounds.report import BoundReport, Theorem
from simlab.bounds.vacuity import draws_until
from simlab.errors import BadInput

_KV = "Kalai & Vempala 2024, arXiv 2311.14648 v3"

COROLLARY_1 = Theorem(
    slug="error_from_monofacts",
    name="Corollary 1 of Kalai & Vempala",
    kind="probability",
    direction="lower",
    quantity="error",
    statement="error >= monofact_rate - miscalibration - 300 |F|/|H| - 7/sqrt(N) with probability 0.99; "
    "3 |F|/(|H| gamma) + sqrt(6 ln(6/gamma)/N) with probability 1 - gamma, where facts are regular",
    source=f"{_KV}, Corollary 1 (as quoted by secondary sources)",
    test="tests/test_bounds.py::test_error_from_monofacts_constants",
    experiment="experiments/error_from_monofacts.py",
)
HEADLINE = replace(
    COROLLARY_1,
    name="Headline form of Kalai & Vempala",
    source=f"{_KV}, abstract form of Corollary 1 (as quoted by secondary sources)",
)
SHARP = Theorem(
    slug="error_from_monofacts_sharp",
    name="Kalai & Vempala in expectation",
    kind="expectation",
    direction="lower",
    quantity="error",
    statement="E[error] >= E[missing_mass] - E[miscalibration] - 2 |F|/|H|, for every algorithm and every N, where "
    "facts are regular",
    source=f"{_KV}, re-derived (its form as quoted by secondary sources)",
    test="tests/test_bounds.py::test_error_from_monofacts_constants",
    experiment="experiments/error_from_monofacts.py",
)


def _rarity(facts_over_false: float) -> float:
    if not 0 <= facts_over_false < math.inf:
        raise BadInput(f"facts_over_false = {facts_over_false}: must be finite and not negative")
    return float(facts_over_false)


def error_from_monofacts(
    monofact_rate: float,
    draws: int,
    miscalibration: float,
    facts_over_false: float,
    *,
    gamma: float | None = None,
    error: float | None = None,
) -> BoundReport:
    """Return g(H) >= MF - Mis - 3 e^(-s)/gamma - sqrt(6 ln(6/gamma)/N) with probability 1 - gamma.

    ``monofact_rate`` MF is the number of facts stated by exactly one of the N = ``draws`` documents, over N;
    ``facts_over_false`` is e^(-s) = |F|/|H|. With ``gamma`` None it is the headline form at 99%,
    MF - Mis - 300 |F|/|H| - 7/sqrt(N). Raises ``BadInput`` outside the ranges.
    Source: arXiv 2311.14648 v3, Corollary 1, as secondary sources quote it.
    """
    n, rarity = whole("draws", draws), _rarity(facts_over_false)
    if gamma is None:
        theorem, level, falsehoods, constant = HEADLINE, 0.99, 300 * rarity, 7.0
    else:
        theorem, level = COROLLARY_1, 1 - probability("gamma", gamma)
        falsehoods, constant = 3 * rarity / gamma, math.sqrt(6 * (math.log(6) - math.log(gamma)))
    monofacts, mis = rate("monofact_rate", monofact_rate), rate("miscalibration", miscalibration)
    deviation = constant / math.sqrt(n)
    margin = monofacts - mis - falsehoods
    return theorem.report(
        margin - deviation,
        observed_rate("error", error),
        {"monofact_rate": monofacts, "miscalibration": mis, "facts_over_false": falsehoods, "deviation": deviation},
        level=level,
        draws_needed=draws_until(margin, constant),
    )


def error_from_monofacts_sharp(
    missing_mass: float, miscalibration: float, facts_over_false: float, error: float | None = None
) -> BoundReport:
    """Return the form in expectation: E[g(H)] >= E[p(U)] - E[Mis] - 2 e^(-s), U the factoids not in the training data.

    It is weaker than what is proved, E[(p(U) - Mis - g(H))_+] <= 2 e^(-s), but linear, so that it can be checked
    on the mean of replicates; p(U) = ``missing_mass`` is that of the replicate, or its expectation. Raises
    ``BadInput`` outside the ranges. Source: re-derived from arXiv 2311.14648 v3.
    """
    missing, mis = rate("missing_mass", missing_mass), rate("miscalibration", miscalibration)
    falsehoods = 2 * _rarity(facts_over_false)
    return SHARP.report(
        missing - mis - falsehoods,
        observed_rate("error", error),
        {"missing_mass": missing, "miscalibration": mis, "facts_over_false": falsehoods},
    )
