"""A theorem as a record, and what it says of one case: a report with every term, not a boolean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["deterministic", "expectation", "probability"]
Direction = Literal["lower", "upper"]

KNVZ = "Kalai, Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1"
"""Source of most statements; all its numbers are those of arXiv version 1."""

TOLERANCE = 1e-9
"""A slack below -TOLERANCE is a violation and not rounding."""


@dataclass(frozen=True, slots=True)
class BoundReport:
    """What one theorem says of one case, every term by its name.

    ``value`` bounds ``quantity`` from below or above (``direction``); ``observed`` is the quantity's measured
    value, or None. ``terms`` holds each term of the right side as it stands in the statement, all of them
    positive. ``level`` is 1 - gamma for a statement in probability, else None. ``draws_needed`` is the least N at
    which the bound stops being vacuous when everything else, the singleton rate included, keeps its present
    value: None where N does not enter, ``math.inf`` where no N is enough.
    """

    slug: str
    name: str
    source: str
    kind: Kind
    direction: Direction
    quantity: str
    value: float
    observed: float | None
    terms: Mapping[str, float]
    level: float | None = None
    draws_needed: float | None = None

    @property
    def slack(self) -> float:
        """By how much the bound holds: >= 0 where it does, NaN where nothing was observed."""
        if self.observed is None:
            return math.nan
        return self.observed - self.value if self.direction == "lower" else self.value - self.observed

    @property
    def vacuous(self) -> bool:
        """Whether the bound would hold for any rate whatever: a lower bound <= 0, an upper bound >= 1."""
        return self.value <= 0 if self.direction == "lower" else self.value >= 1

    def sentence(self) -> str:
        """Return one line of plain English: the bound, what was observed, the slack, and whether it is vacuous."""
        how = {"deterministic": "", "expectation": " in expectation"}.get(
            self.kind, f" with probability at least {self.level:g}" if self.level is not None else ""
        )
        sign = ">=" if self.direction == "lower" else "<="
        says = f"{self.name} ({self.source}): {self.quantity} {sign} {self.value:.4g}{how}"
        seen = "nothing observed"
        if self.observed is not None:
            seen = f"observed {self.observed:.4g}, slack {self.slack:.4g}"
        return f"{says}; {seen}; {self._verdict()}."

    def _verdict(self) -> str:
        if self.slack < -TOLERANCE:
            return "violated" if self.kind == "deterministic" else "this one case is beyond the bound"
        if not self.vacuous:
            return "not vacuous" if self.observed is None else "holds and is not vacuous"
        if self.draws_needed is None:
            return "vacuous, it says nothing here"
        if math.isinf(self.draws_needed):
            return "vacuous, and so at any number of draws with the other terms held"
        needed = f"{self.draws_needed:,.0f}" if self.draws_needed < 1e15 else f"{self.draws_needed:.3g}"
        return f"vacuous, and so below {needed} draws with the other terms held"

    def columns(self) -> dict[str, float | bool]:
        """Return the three columns of a table of replicates, keyed ``<slug>_value``, ``_slack`` and ``_vacuous``."""
        return {
            f"{self.slug}_value": self.value,
            f"{self.slug}_slack": self.slack,
            f"{self.slug}_vacuous": self.vacuous,
        }


@dataclass(frozen=True, slots=True)
class Theorem:
    """One bound as it is listed: its name in code, its statement in plain mathematics, and where it is checked.

    ``test`` is ``path::name`` of the test of its formula, ``experiment`` the file that puts it to the test.
    ``assumes_iid`` is False for what holds given any training data, however they were drawn.
    """

    slug: str
    name: str
    kind: Kind
    direction: Direction
    quantity: str
    statement: str
    source: str
    test: str
    experiment: str
    assumes_iid: bool = True

    def report(
        self,
        value: float,
        observed: float | None,
        terms: Mapping[str, float],
        *,
        level: float | None = None,
        draws_needed: float | None = None,
    ) -> BoundReport:
        """Return the report of this theorem on one case; see ``BoundReport`` for the arguments."""
        return BoundReport(
            self.slug,
            self.name,
            self.source,
            self.kind,
            self.direction,
            self.quantity,
            value,
            observed,
            terms,
            level,
            draws_needed,
        )
