"""The Brier score, and its parts over bins, which add up to it exactly because those within bins are among them.

    brier = reliability - resolution + uncertainty + within_variance - within_covariance

The classical three parts (Murphy 1973) add up only where all confidences of a bin are equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.calibration.binned import Binning, edges_of, sums
from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.intervals import around, share_ends, standard_error, student, unseen_share
from simlab.calibration.noise import normal_noise
from simlab.estimates import Estimate, check_level, normal_quantile, strict_fields

BRIER = "Brier 1950, Monthly Weather Review 78, 1"
PARTS = (
    "Murphy 1973, J. Applied Meteorology 12, 595; parts within bins: "
    "Stephenson, Coelho & Jolliffe 2008, Weather and Forecasting 23, 752"
)

DRAWS = 4_000
"""How many draws of the noise the ends of a squared norm are taken from."""


@dataclass(frozen=True)
class BrierParts:
    """The Brier score and its parts over bins; the sum is exact (see the module).

    With p_b the share of rows in bin b, y_b its accuracy, c_b its mean confidence, y the accuracy of all:
    reliability = sum p_b (c_b - y_b)^2, resolution = sum p_b (y_b - y)^2, uncertainty = y (1 - y),
    within_variance = mean of (c_i - c_b)^2, within_covariance = 2 x mean of (y_i - y_b)(c_i - c_b).
    """

    brier: Estimate
    reliability: Estimate
    resolution: Estimate
    uncertainty: Estimate
    within_variance: Estimate
    within_covariance: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for strict JSON."""
        return strict_fields(self)


def brier_score(data: Forecasts, *, level: float = 0.95) -> Estimate:
    """Mean of (y - c)^2, in [0, 1]; 0 is best. A delta-method interval on the logit scale, which counts clusters.

    Raises ``BadInput`` for a level that there is not. Source: Brier 1950.
    """
    check_forecasts(data)
    loss = (data.correct - data.confidence) ** 2
    mean = float(loss.mean())
    error = standard_error(loss - mean, data.clusters)
    low, high = around(mean, error, data.clusters.number, check_level(level), span=(0.0, 1.0))
    return Estimate(mean, low, high, level, "brier, delta_logit", BRIER, "asymptotic", warnings=data.warnings)


def brier_parts(data: Forecasts, *, bins: int = 15, binning: Binning = "width", level: float = 0.95) -> BrierParts:
    """Return the Brier score and its parts over bins, which add up exactly, each with an interval that counts clusters.

    Reliability and resolution are squared norms, which noise makes larger: their intervals invert the law of a noisy
    norm, and reach to 0 where noise alone may have made it. The others are by the delta method. Raises ``BadInput`` as
    ``ece`` does. Source: Murphy 1973; Stephenson, Coelho & Jolliffe 2008.
    """
    check_forecasts(data)
    y = data.correct.astype(float)
    c = data.confidence - data.confidence.mean()  # sums of squares around the mean keep their digits
    found = sums(data, edges_of(data, bins, binning), [np.ones(data.rows), y, c, c * c, y * c])
    n, hits, conf, squares, cross = found.total.T
    rows, n_bins = float(n.sum()), len(n)
    size = np.maximum(n, 1.0)  # an empty bin has sums of 0 and counts nothing
    root, y_b, c_b, mean = np.sqrt(n / rows), hits / size, conf / size, float(hits.sum()) / rows
    gap, lift = root * (c_b + (n > 0) * data.confidence.mean() - y_b), root * (y_b - mean)
    variance, covariance = float((squares - conf * c_b).sum()) / rows, 2 * float((cross - hits * c_b).sum()) / rows

    share = 1 / np.sqrt(size / rows)  # slopes are by the sums of (1, y, c, c^2, yc) of a bin, up to 1/rows
    zero, one, own = np.zeros(n_bins), np.ones(n_bins), np.eye(n_bins)[:, :, None]
    by_gap = own * _columns((data.confidence.mean() - (c_b + data.confidence.mean() - y_b) / 2) * share, -share, share)
    by_gap = by_gap - _columns(gap / 2, zero, zero)[:, None]
    by_lift = own * _columns(-(y_b + mean) / 2 * share, share, zero)
    by_lift = by_lift + _columns(root * (3 * mean - y_b) / 2, -root, zero)[:, None]
    by_variance = np.stack([c_b**2 - variance, zero, -2 * c_b, one, zero], axis=1)
    by_covariance = np.stack([2 * y_b * c_b - covariance, -2 * c_b, -2 * y_b, zero, 2 * one], axis=1)

    def noise_of(slope: Float[np.ndarray, ...]) -> Any:
        flat = slope.reshape(-1, found.covariance.shape[0]) / rows
        return flat @ found.covariance @ flat.T

    clusters = data.clusters.number
    low, high = share_ends(data.correct, np.ones(data.rows, dtype=bool), data.clusters, level)
    top = 0.25 if low < 0.5 < high else max(low * (1 - low), high * (1 - high))
    within = [
        around(value, math.sqrt(max(0.0, noise_of(slope)[0, 0])), clusters, level, span=span, logit=False)
        for value, slope, span in ((variance, by_variance, (0.0, 0.25)), (covariance, by_covariance, (-0.5, 0.5)))
    ]

    def part(name: str, value: float, ends: tuple[float, float], how: str, mcse: float | None = None) -> Estimate:
        low, high, method = min(ends[0], value), max(ends[1], value), f"{name}:{binning}_{n_bins}, {how}"
        return Estimate(value, low, high, level, method, PARTS, "asymptotic", warnings=data.warnings, mcse=mcse)

    def norm(name: str, vector: Float[np.ndarray, " bins"], slope: Float[np.ndarray, ...]) -> Estimate:
        low, high, mcse = squared_norm(vector, noise_of(slope), clusters, level)
        return part(name, float(vector @ vector), (low, high), "noisy_norm", mcse)

    return BrierParts(
        brier_score(data, level=level),
        norm("reliability", gap, by_gap),
        norm("resolution", lift, by_lift),
        part("uncertainty", mean * (1 - mean), (min(low * (1 - low), high * (1 - high)), top), "wilson"),
        part("within_variance", max(0.0, variance), within[0], "delta"),
        part("within_covariance", covariance, within[1], "delta"),
    )


def _columns(n: Any, y: Any, c: Any) -> Float[np.ndarray, "bins 5"]:
    """Slopes by the sums of 1, y and c; those of c^2 and yc are 0."""
    return np.stack([n, y, c, np.zeros(len(n)), np.zeros(len(n))], axis=1)


def squared_norm(
    vector: Float[np.ndarray, " bins"], covariance: Float[np.ndarray, "bins bins"], clusters: int, level: float
) -> tuple[float, float, float]:
    """Return the interval of |v|^2 where v + e was seen: those r^2 at which |r u + e| is no surprise, u = v/|v|.

    And the Monte Carlo standard error of the less certain of its ends: half of what an end moves by where the share of
    draws that it stands for is one binomial standard deviation higher or lower.

    |r u + e|^2 = r^2 + 2 r u.e + |e|^2 grows with r in law, so that each end is found by bisection over draws of e. It
    is the interval of a non-central chi-square where e is alike in all directions, the delta method's where |v| is
    large.
    """
    size, wide = math.sqrt(float(vector @ vector)), student(level, clusters) / normal_quantile(level)
    draws = wide * normal_noise(covariance, DRAWS)
    along = draws @ (vector / size) if size > 0 else draws[:, 0]
    square, tail = (draws**2).sum(axis=1), (1 - level) / 2

    def above(r: float) -> float:
        return float(np.mean(r * r + 2 * r * along + square >= size * size))

    def end(share: float) -> float:
        low, high = 0.0, size + 10 * math.sqrt(max(0.0, float(np.trace(covariance)))) * wide
        for _ in range(50 if above(0.0) < share else 0):
            middle = (low + high) / 2
            low, high = (middle, high) if above(middle) < share else (low, middle)
        return low * low

    ends = [end(tail), end(1 - tail)]
    spread = math.sqrt(tail * (1 - tail) / DRAWS)
    mcse = max(abs(end(share + spread) - end(share - spread)) / 2 for share in (tail, 1 - tail))
    if not ends[0] < max(ends[1], size * size):
        ends[1] = max(ends[1], size * size, unseen_share(level, clusters))
        ends[0] = 0.0
    return ends[0], min(1.0, ends[1]), mcse
