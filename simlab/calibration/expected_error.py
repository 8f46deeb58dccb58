"""Expected calibration error by bins: the plug-in, and the same less what noise adds to it, exactly.

ECE = sum over bins of |d_b|, d_b = (1/n) sum over the rows of bin b of (y - c): the L1 norm of a vector of means. Noise
makes an L1 norm larger and hardly ever smaller, and a percentile bootstrap around the plug-in adds that bias a second
time; the interval here takes its lower end from the law of the norm of the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from simlab.calibration.binned import Binning, Sums, edges_of, sums
from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.intervals import student, unseen_share
from simlab.calibration.noise import far_off, noise_of, rank_error
from simlab.estimates import Estimate, check_level
from simlab.records import brief

DRAWS = 2_000
"""How many draws of the noise the lower end is taken from."""

PLUG_IN = "Guo, Pleiss, Sun & Weinberger 2017, arXiv 1706.04599; interval: moment selection, Andrews & Soares 2010"
DEBIASED = "Kumar, Liang & Ma 2019, arXiv 1909.10155, with the mean of the folded normal in the place of resampling"


@brief
@dataclass(frozen=True, eq=False)
class Gaps:
    """The signed gap d_b of each bin, sum over its rows of (y - c) / n, and the covariance of its noise."""

    gap: Float[np.ndarray, " bins"]
    covariance: Float[np.ndarray, "bins bins"]

    @property
    def error(self) -> Float[np.ndarray, " bins"]:
        """The standard error of each gap."""
        error: Float[np.ndarray, " bins"] = np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))
        return error


def gaps(data: Forecasts, edges: Float[np.ndarray, " edges"]) -> Gaps:
    """Return the signed gap of each bin between ``edges`` and its covariance over clusters.

    The number of rows of a cluster is random too: d_b is the ratio of two sums, linearised.
    """
    found = sums(data, edges, [np.ones(data.rows), data.correct - data.confidence])
    return gaps_of(found)


def gaps_of(found: Sums) -> Gaps:
    """Return the gaps from sums of (1, y - c)."""
    rows = found.total[:, 0].sum()
    gap = found.total[:, 1] / rows
    n_bins = len(gap)
    slope = np.zeros((n_bins, n_bins, 2))  # of each gap by each sum
    slope[np.arange(n_bins), np.arange(n_bins), 1] = 1 / rows
    slope[:, :, 0] -= gap[:, None] / rows
    flat = slope.reshape(n_bins, -1)
    return Gaps(gap, flat @ found.covariance @ flat.T)


def ece(data: Forecasts, *, bins: int = 15, binning: Binning = "width", level: float = 0.95) -> Estimate:
    """Expected calibration error: sum over bins of (rows/n) |accuracy - mean confidence|, in [0, 1].

    ``binning`` "width" cuts [0, 1] into ``bins`` equal parts, "mass" at quantiles. The interval is for the same sum
    over the population, at these edges: a lower bound of the miscalibration. It keeps at least its level as clusters
    grow in number, whichever bins are calibrated. Raises ``BadInput`` for a level, bins or binning that there is not.
    Source: Guo et al. 2017.
    """
    check_forecasts(data)
    return _estimate(data, edges_of(data, bins, binning), binning, level)


def ece_debiased(data: Forecasts, *, bins: int = 15, binning: Binning = "mass", level: float = 0.95) -> Estimate:
    """Expected calibration error less the bias of its plug-in, to first order: sum of 2 |d_b| - E|N(d_b, s_b^2)|.

    E|N(d, s^2)| = s sqrt(2/pi) exp(-d^2/(2 s^2)) + |d| (1 - 2 Phi(-|d|/s)), s_b the standard error of the gap d_b
    over clusters; cut to [0, 1]. Where every d_b is 0 it keeps 2 - sqrt(2) = 59 % of what noise makes of the plug-in,
    far from 0 it is unbiased. The interval is that of ``ece``. Raises ``BadInput`` as ``ece`` does. Source: Kumar,
    Liang & Ma 2019.
    """
    check_forecasts(data)
    edges = edges_of(data, bins, binning)
    plain, found = _estimate(data, edges, binning, level), gaps(data, edges)
    value = min(1.0, max(0.0, float((2 * np.abs(found.gap) - folded_mean(found.gap, found.error)).sum())))
    return replace(
        plain,
        estimate=value,
        low=min(plain.low, value),
        high=max(plain.high, value),
        method=plain.method.replace("ece:", "ece_debiased:"),
        source=DEBIASED,
    )


def _estimate(data: Forecasts, edges: Float[np.ndarray, " edges"], binning: Binning, level: float) -> Estimate:
    """The plug-in with its interval.

    It exceeds the sum of the population by sum of |d_b + e_b| - |d_b|: by s_b e_b, s_b the sign, where d_b is far from
    0 and by at most |e_b| anywhere. Bins with |d_b| above ``far_off`` standard errors count as far: the lower end is
    the plug-in less a quantile of that sum. It falls short by no more than -sum of s_b e_b: the upper end adds that.
    """
    check_level(level)
    found, clusters = gaps(data, edges), data.clusters.number
    plug_in, sign = float(np.abs(found.gap).sum()), np.sign(found.gap)
    draws = noise_of(data, edges, found.gap, found.covariance, DRAWS, level)
    far = np.abs(found.gap) > far_off(clusters, len(found.gap)) * found.error
    excess = np.sort(np.where(far, draws * sign, np.abs(draws)).sum(axis=1))
    rank = (1 - (1 - level) / 2) * (DRAWS - 1)
    quantile = float(np.interp(rank, np.arange(DRAWS), excess))
    spread = student(level, clusters) * math.sqrt(max(0.0, float(sign @ found.covariance @ sign)))
    low, high = max(0.0, plug_in - max(0.0, quantile)), min(1.0, plug_in + spread)
    if not low < high:
        unseen = unseen_share(level, clusters)
        low, high = max(0.0, plug_in - unseen), min(1.0, plug_in + unseen)
    said, mcse = _said(data, found), rank_error(excess, rank)
    method = f"ece:{binning}_{len(found.gap)}, moment_selection"
    return Estimate(plug_in, low, high, level, method, PLUG_IN, "asymptotic", warnings=said, mcse=mcse)


def folded_mean(mean: Float[np.ndarray, " bins"], error: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Return E|N(mean, error^2)|, the mean of a folded normal."""
    from scipy.special import ndtr

    size = np.abs(mean)
    ratio = size / np.where(error > 0, error, 1.0)
    noisy = error * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + size * (1 - 2 * ndtr(-ratio))
    found: Float[np.ndarray, " bins"] = np.where(error > 0, noisy, size)
    return found


def _said(data: Forecasts, found: Gaps) -> tuple[str, ...]:
    """The warnings of the data, and one where the plug-in is no more than what noise alone gives a calibrated model."""
    level = float(folded_mean(np.zeros(len(found.gap)), found.error).sum())
    if float(np.abs(found.gap).sum()) > 2 * level:
        return data.warnings
    text = f"a calibrated model would show about {level:.2g} by noise alone: look at the interval, or take fewer bins"
    return (*data.warnings, text)
