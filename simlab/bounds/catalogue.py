"""Every bound of the package, listed: what it says, where it comes from, what tests it and what simulates it."""

from __future__ import annotations

from simlab.bounds import missing_mass, monofacts, reduction, singletons
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
    monofacts.COROLLARY_1,
    monofacts.SHARP,
)
"""All bounds, in the order of the theory."""


def theorem(slug: str) -> Theorem:
    """Return the theorem of that name. Raises ``BadInput`` with the nearest name for one that is not listed."""
    for record in THEOREMS:
        if record.slug == slug:
            return record
    raise unknown("theorem", slug, (record.slug for record in THEOREMS))
