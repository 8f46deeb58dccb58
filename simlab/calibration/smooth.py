"""Smooth calibration error: residuals blurred by the heat kernel of [0, 1], at the one bandwidth that equals the error.

    smECE_s = integral over t of |(1/n) sum_i K_s(t, c_i) (y_i - c_i)|,    smECE = the s with smECE_s = s

K_s is the Gaussian kernel reflected at 0 and 1 as often as it takes. It is diagonal in the cosine basis, with factors
exp(-(pi k s)^2 / 2), so that one discrete cosine transform of the residuals on a grid serves every bandwidth. smECE_s
falls as s grows, so the fixed point is one. No bins, no parameter, continuous in the confidences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.expected_error import gaps
from simlab.calibration.intervals import student, unseen_share
from simlab.calibration.noise import far_off, noise_of, rank_error
from simlab.estimates import Estimate, check_level, check_number
from simlab.records import brief

SOURCE = "Blasiok & Nakkiran 2023, arXiv 2309.12236; interval: inversion over the noise of the residuals"
POINTS = 2**14
"""Cells of the grid on which the residuals are laid; each is split between the two nearest."""
CELLS, DRAWS = 512, 1_000
"""Cells and draws of the noise from which the interval is taken."""


@brief
@dataclass(frozen=True, eq=False)
class SmoothReliability:
    """The smooth reliability diagram: the accuracy near each ``confidence``, and how much of the data is there.

    ``density`` integrates to 1 over [0, 1]. accuracy(t) = t + (blurred residual at t)/density(t), so that the integral
    of density |accuracy - confidence| is the smooth calibration error at ``bandwidth``. NaN where there are no data.
    """

    confidence: Float[np.ndarray, " points"]
    accuracy: Float[np.ndarray, " points"]
    density: Float[np.ndarray, " points"]
    bandwidth: float


def on_grid(
    confidence: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"], points: int = POINTS
) -> Float[np.ndarray, " points"]:
    """Lay ``weight`` on cells with middles (j + 1/2)/points, each split between the two nearest; return the sums."""
    place = np.clip(confidence * points - 0.5, 0.0, points - 1.0)
    left = np.minimum(place.astype(np.int64), points - 2)
    share = place - left
    low = np.bincount(left, weight * (1 - share), minlength=points)
    return low + np.bincount(left + 1, weight * share, minlength=points)


def blurred(mass: Float[np.ndarray, "*more points"], bandwidth: float) -> Float[np.ndarray, "*more points"]:
    """Return the mass of each cell after the reflected Gaussian kernel of this ``bandwidth`` has spread it."""
    from scipy.fft import dct, idct

    decay = np.exp(-((math.pi * bandwidth * np.arange(mass.shape[-1])) ** 2) / 2)
    found: Float[np.ndarray, "*more points"] = idct(dct(mass, axis=-1) * decay, axis=-1)
    return found


def smooth_error(mass: Float[np.ndarray, " points"], bandwidth: float) -> float:
    """smECE_s: the L1 norm of the blurred residual mass."""
    return float(np.abs(blurred(mass, bandwidth)).sum())


def smooth_ece(data: Forecasts, *, level: float = 0.95) -> Estimate:
    """Smooth calibration error, in [0, 1]: the fixed point of smECE_s = s (see the module).

    A consistent measure of the distance to calibration. The interval holds every s that the noise cannot tell from a
    fixed point, as that of ``ece`` does for bins; its noise is that of 512 cells, so that below about .002 it is
    somewhat narrow. Raises ``BadInput`` for a level that there is not. Source: Blasiok & Nakkiran 2023.
    """
    check_forecasts(data)
    check_level(level)
    mass = on_grid(data.confidence, data.correct - data.confidence) / data.rows
    value = fixed_point(lambda s: smooth_error(mass, s), 1 / POINTS)
    low, high, mcse = _interval(data, level)
    low, high = min(low, value), max(high, value)
    if not low < high:
        unseen = unseen_share(level, data.clusters.number)
        low, high = max(0.0, value - unseen), min(1.0, value + unseen)
    method = "smooth_ece, noise_inversion"
    return Estimate(value, low, high, level, method, SOURCE, "asymptotic", warnings=data.warnings, mcse=mcse)


def fixed_point(error: Callable[[float], float], least: float, tolerance: float = 1e-10) -> float:
    """Return the s in [least, 1] with error(s) = s by bisection, error falling; error(least) where that is below least.

    A grid shows no bandwidth below its step: there the error itself, at the least bandwidth, is the answer.
    """
    if (found := error(least)) <= least:
        return found
    low, high = least, 1.0
    while high - low > tolerance:
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return (low + high) / 2


def _interval(data: Forecasts, level: float) -> tuple[float, float, float]:
    """Return (low, high, mcse): the s between smECE_s - (quantile of the norm of the noise) and smECE_s + (spread)."""
    edges = np.linspace(0.0, 1.0, CELLS + 1)
    found = gaps(data, edges)
    draws = noise_of(data, edges, found.gap, found.covariance, DRAWS, level)
    rank = (1 - (1 - level) / 2) * (DRAWS - 1)
    cut = far_off(data.clusters.number, CELLS)

    def below(s: float) -> float:
        return smooth_error(found.gap, s) - float(_excess(found.gap, draws, s, cut)[math.ceil(rank)])

    def above(s: float) -> float:
        sign = np.sign(blurred(found.gap, s))
        weight = blurred(sign, s)  # the kernel is its own transpose
        spread = float(weight @ found.covariance @ weight)
        return smooth_error(found.gap, s) + student(level, data.clusters.number) * math.sqrt(max(0.0, spread))

    least = 1 / CELLS
    low = 0.0 if below(least) <= least else fixed_point(below, least, 1e-4)
    high = fixed_point(above, least, 1e-4)
    return low, high, rank_error(_excess(found.gap, draws, max(low, least), cut), rank)


def _excess(
    gap: Float[np.ndarray, " cells"], draws: Float[np.ndarray, "draws cells"], s: float, cut: float
) -> Float[np.ndarray, " draws"]:
    """By how much noise may make the norm larger, sorted: signed where the blurred residual is far from 0."""
    noisy, here = blurred(draws, s), blurred(gap, s)
    far = np.abs(here) > cut * noisy.std(axis=0)
    return np.sort(np.where(far, noisy * np.sign(here), np.abs(noisy)).sum(axis=1))


def smooth_reliability(data: Forecasts, *, points: int = 200, bandwidth: float | None = None) -> SmoothReliability:
    """Return the accuracy near ``points`` confidences, blurred at ``bandwidth`` (that of ``smooth_ece``, unless given).

    Raises ``BadInput`` for fewer than 2 points or more than the grid has, and for a bandwidth outside (0, 1].
    """
    check_forecasts(data)
    number = int(check_number("points", points, 2, POINTS))
    mass = on_grid(data.confidence, data.correct - data.confidence) / data.rows
    if bandwidth is None:
        bandwidth = max(1 / POINTS, fixed_point(lambda s: smooth_error(mass, s), 1 / POINTS))
    s = check_number("bandwidth", bandwidth, 1 / POINTS, 1.0)
    density = np.maximum(blurred(on_grid(data.confidence, np.ones(data.rows)) / data.rows, s), 0.0)
    middle = (np.arange(POINTS) + 0.5) / POINTS
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = np.where(density > 1e-15, middle + blurred(mass, s) / density, np.nan)
    at = np.linspace(0.0, 1.0, number)
    return SmoothReliability(
        at, np.interp(at, middle, np.clip(accuracy, 0.0, 1.0)), np.interp(at, middle, density * POINTS), s
    )
