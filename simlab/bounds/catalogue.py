"""Every bound of the package, listed: what it says, where it comes from, what tests it and what simulates it."""

from __future__ import annotations

from simlab.bounds import grading, missing_mass, monofacts, reduction, singletons
from simlab.bounds.report import Theorem
from simlab.errors import unknown

THEOREMS: tuple[Theorem, ...] = (
    reduction.THEOREM_1,
    singletons.THEOREM_2,
    singletons.THEOREM_2_UPPER,
    singletons.SHARP,
    singletons.LEMMA_2,
    singletons.LEMMA_2_SHARP,
    missing_mass.LEMMA_1,
    missing_mass.SHARP,
    missing_mass.CERTIFICATE,
    monofacts.COROLLARY_1,
    monofacts.SHARP,
    grading.OBSERVATION_1,
    grading.BEST_POLICY,
)
"""All bounds, in the order of the theory."""


EXACT = {
    "expected_singleton_rate": "E[singleton_rate] = sum of p (1 - p)^(N - 1)",
    "expected_missing_mass": "E[missing_mass] = sum of p (1 - p)^N",
    "good_turing_bias": "E[singleton_rate] - E[missing_mass] = sum of p^2 (1 - p)^(N - 1), between 0 and 1/N",
    "good_turing_mse": "E[(singleton_rate - missing_mass)^2], a double sum over pairs of facts",
    "singleton_rate_variance": "Var[singleton_rate], a double sum over pairs of facts",
    "missing_mass_variance": "Var[missing_mass], a double sum over pairs of facts",
}
"""What is known exactly of Good-Turing, as functions of p = mu(c) alpha_c, how many facts have it, and N."""


def theorem(slug: str) -> Theorem:
    """Return the theorem of that name. Raises ``BadInput`` with the nearest name for one that is not listed."""
    for record in THEOREMS:
        if record.slug == slug:
            return record
    raise unknown("theorem", slug, (record.slug for record in THEOREMS))
