"""Confidences beside what became of them, checked once: every measure of this package starts from such a record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.calibration.clusters import Clusters, clusters_of, rows_of_each
from simlab.inputs import a_kind, numbers, outcomes, refuse
from simlab.records import brief


@brief
@dataclass(frozen=True, eq=False)
class Forecasts:
    """One row an answer: its ``confidence`` in [0, 1], whether it is ``correct``, and which rows belong together.

    Made by ``forecasts``, which checks.
    """

    confidence: Float[np.ndarray, " rows"]
    correct: Bool[np.ndarray, " rows"]
    clusters: Clusters

    @property
    def rows(self) -> int:
        """How many answers there are."""
        return len(self.confidence)

    @cached_property
    def order(self) -> Int[np.ndarray, " rows"]:
        """The rows from the least to the most confident; which of two equals comes first decides nothing."""
        return np.argsort(self.confidence, kind="stable")

    @cached_property
    def blocks(self) -> tuple[Int[np.ndarray, " blocks"], Int[np.ndarray, " blocks"]]:
        """(start, size) in ``order`` of each block of equal confidences."""
        ordered = self.confidence[self.order]
        start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        return start, np.diff(np.append(start, len(ordered)))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What every interval has to say of these rows."""
        first = self.confidence[0]
        alike = (f"all confidences are {first:g}: they tell no answer from another",)
        return (*self.clusters.warnings, *(alike if (self.confidence == first).all() else ()))


def forecasts(confidence: Any, correct: Any, clusters: Any = None) -> Forecasts:
    """Return the record of ``confidence`` (numbers in [0, 1]) and ``correct`` (0 or 1), one of each a row.

    ``clusters``, where given, holds an id a row, of any kind that compares equal: rows of one id (samples of one
    question, say) may depend on each other, and every interval then counts clusters and not rows. Raises ``BadInput``
    where the arrays differ in length, have no row or a single cluster, where a confidence is NaN or outside [0, 1],
    where ``correct`` is not 0 or 1, and where an id is missing.
    """
    c = numbers("confidence", confidence)
    y = outcomes("correct", correct)
    rows_of_each("confidence", c, "correct", y)
    refuse("confidence", c, ~((c >= 0) & (c <= 1)), "must be a number from 0 to 1")
    return Forecasts(c, y, clusters_of(clusters, len(c)))


def check_forecasts(data: Any) -> None:
    """Raise ``BadInput`` for bare confidences, or anything else, where a measure asks for the checked record."""
    a_kind("data", data, Forecasts, "what forecasts(confidence, correct) returns")
