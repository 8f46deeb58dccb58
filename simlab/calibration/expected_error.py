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
from simlab.calibration.forecasts import Forecasts
from simlab.calibration.intervals import student, unseen_share
from simlab.estimates import Estimate, check_level, normal_quantile

DRAWS, SEED = 4_000, 0
"""How many draws of the noise the lower end is taken from; they always start from this seed."""

PLUG_IN = "Guo, Pleiss, Sun & Weinberger 2017, arXiv 1706.04599; interval: moment selection, Andrews & Soares 2010"
DEBIASED = "Kumar, Liang & Ma 2019, arXiv 1909.10155, with the mean of the folded normal in the place of resampling"


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
    return _estimate(data, gaps(data, edges_of(data, bins, binning)), binning, level)


def ece_debiased(data: Forecasts, *, bins: int = 15, binning: Binning = "mass", level: float = 0.95) -> Estimate:
    """Expected calibration error less the bias of its plug-in, to first order: sum of 2 |d_b| - E|N(d_b, s_b^2)|.

    E|N(d, s^2)| = s sqrt(2/pi) exp(-d^2/(2 s^2)) + |d| (1 - 2 Phi(-|d|/s)), s_b the standard error of the gap d_b
    over clusters; cut to [0, 1]. Of a calibrated model it is near 0 where the plug-in is near its noise. The interval
    is that of ``ece``. Raises ``BadInput`` as ``ece`` does. Source: Kumar, Liang & Ma 2019, section 5 and its appendix.
    """
    found = gaps(data, edges_of(data, bins, binning))
    plain = _estimate(data, found, binning, level)
    value = min(1.0, max(0.0, float((2 * np.abs(found.gap) - folded_mean(found.gap, found.error)).sum())))
    return replace(
        plain,
        estimate=value,
        low=min(plain.low, value),
        high=max(plain.high, value),
        method=plain.method.replace("ece:", "ece_debiased:"),
        source=DEBIASED,
    )


def _estimate(data: Forecasts, found: Gaps, binning: Binning, level: float) -> Estimate:
    """The plug-in with its interval."""
    low, high, mcse = norm_interval(found, data.clusters.number, level)
    method = f"ece:{binning}_{len(found.gap)}, moment_selection"
    plug_in = float(np.abs(found.gap).sum())
    return Estimate(plug_in, low, high, level, method, PLUG_IN, "asymptotic", warnings=_said(data, found), mcse=mcse)


def folded_mean(mean: Float[np.ndarray, " bins"], error: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Return E|N(mean, error^2)|, the mean of a folded normal."""
    from scipy.special import ndtr

    size = np.abs(mean)
    ratio = size / np.where(error > 0, error, 1.0)
    noisy = error * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + size * (1 - 2 * ndtr(-ratio))
    found: Float[np.ndarray, " bins"] = np.where(error > 0, noisy, size)
    return found


def norm_interval(found: Gaps, clusters: int, level: float) -> tuple[float, float, float]:
    """Return (low, high, mcse) of the sum of |d_b| of the population.

    The plug-in exceeds it by sum of |d_b + e_b| - |d_b|: by s_b e_b, s_b the sign, where d_b is far from 0 and by at
    most |e_b| anywhere. Bins with |d_b| above sqrt(ln G) standard errors count as far: low is the plug-in less a
    quantile of that sum. It falls short of it by no more than -sum of s_b e_b: high adds a quantile of that. e is
    normal with the covariance of the gaps, widened by t/z.
    """
    check_level(level)
    wide = student(level, clusters) / normal_quantile(level)
    sign = np.sign(found.gap)
    plug_in = float(np.abs(found.gap).sum())
    draws = wide * noise(found.covariance)
    far = np.abs(found.gap) > math.sqrt(math.log(clusters)) * found.error
    excess = np.sort(np.where(far, draws * sign, np.abs(draws)).sum(axis=1))
    rank = (1 - (1 - level) / 2) * (DRAWS - 1)
    quantile = float(np.interp(rank, np.arange(DRAWS), excess))
    spread = wide * normal_quantile(level) * math.sqrt(max(0.0, float(sign @ found.covariance @ sign)))
    low, high = max(0.0, plug_in - max(0.0, quantile)), min(1.0, plug_in + spread)
    if not low < high:
        unseen = unseen_share(level, clusters)
        low, high = max(0.0, plug_in - unseen), min(1.0, plug_in + unseen)
    return low, high, rank_error(excess, rank)


def rank_error(ordered: Float[np.ndarray, " draws"], rank: float) -> float:
    """Return the Monte Carlo standard error of the value of this rank: half the distance of those one deviation off."""
    n = len(ordered)
    spread = math.sqrt(n * (rank / n) * (1 - rank / n))
    ends = np.interp([rank - spread, rank + spread], np.arange(n), ordered)
    return float(ends[1] - ends[0]) / 2


def noise(covariance: Float[np.ndarray, "bins bins"], draws: int = DRAWS) -> Float[np.ndarray, "draws bins"]:
    """Draw normal vectors of mean 0 with this covariance, always the same ones."""
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    drawn: Float[np.ndarray, "draws bins"] = np.random.default_rng(SEED).standard_normal((draws, len(value))) @ root.T
    return drawn


def _said(data: Forecasts, found: Gaps) -> tuple[str, ...]:
    """The warnings of the data, and one where the plug-in is no more than what noise alone gives a calibrated model."""
    level = float(folded_mean(np.zeros(len(found.gap)), found.error).sum())
    if float(np.abs(found.gap).sum()) > 2 * level:
        return data.warnings
    text = f"a calibrated model would show about {level:.2g} by noise alone: take the debiased estimate, or fewer bins"
    return (*data.warnings, text)
