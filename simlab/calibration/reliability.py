"""The reliability diagram: accuracy against confidence, bin by bin, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.calibration.binned import Binning, bin_of, clusters_in, edges_of, sums
from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.intervals import student, wilson
from simlab.estimates import check_level, strict_fields
from simlab.records import brief


@brief
@dataclass(frozen=True, eq=False)
class ReliabilityDiagram:
    """One point a bin (low, high] that holds rows: mean ``confidence``, ``accuracy`` and its interval, and ``rows``."""

    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]
    accuracy_low: Float[np.ndarray, " bins"]
    accuracy_high: Float[np.ndarray, " bins"]
    rows: Int[np.ndarray, " bins"]
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for strict JSON."""
        return strict_fields(self)


def reliability_diagram(
    data: Forecasts, *, bins: int = 15, binning: Binning = "width", level: float = 0.95
) -> ReliabilityDiagram:
    """Return the points of the reliability diagram, with Wilson's interval of each accuracy, which counts clusters.

    Bins without rows are left out. Raises ``BadInput`` as ``ece`` does. Source: DeGroot & Fienberg 1983, The
    Statistician 32, 12.
    """
    check_forecasts(data)
    check_level(level)
    edges = edges_of(data, bins, binning)
    found = sums(data, edges, [np.ones(data.rows), data.correct.astype(float)])
    confidence = np.bincount(bin_of(data, edges), data.confidence, minlength=len(edges) - 1)
    (n, hits), seen = found.total.T, clusters_in(data, edges)
    ends = []
    for b in np.flatnonzero(n):
        share = hits[b] / n[b]
        slope = np.array([-share, 1.0]) / n[b]
        variance = float(slope @ found.covariance[2 * b : 2 * b + 2, 2 * b : 2 * b + 2] @ slope)
        rows = share * (1 - share) / variance if 0 < share < 1 and variance > 0 else float(seen[b])
        ends.append(wilson(float(share), rows, student(level, max(2, int(seen[b])))))
    held = n > 0
    low, high = np.array(ends).T
    return ReliabilityDiagram(
        edges[:-1][held],
        edges[1:][held],
        confidence[held] / n[held],
        hits[held] / n[held],
        low,
        high,
        n[held].astype(np.int64),
        level,
    )
