"""The noise of a vector of gaps, drawn: what a norm of it owes to chance, and what it does not.

Few clusters are drawn by their own signs: each cluster's deviation counts as it is or reversed, which needs no bin to
hold many rows. Many clusters are drawn as normal vectors with the covariance of the gaps. Draws always start from one
seed, and do not depend on the order of rows.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from simlab.calibration.binned import cluster_rows
from simlab.calibration.forecasts import Forecasts
from simlab.calibration.intervals import student
from simlab.estimates import normal_quantile

SEED = 0
SIGNS = 2**23
"""Draws times clusters up to which signs are drawn, 64 MiB of them; beyond, bins hold enough for a normal law."""


def noise_of(
    data: Forecasts,
    edges: Float[np.ndarray, " edges"],
    gap: Float[np.ndarray, " bins"],
    covariance: Float[np.ndarray, "bins bins"],
    draws: int,
    level: float,
) -> Float[np.ndarray, "draws bins"]:
    """Draw the noise of the gaps between ``edges``, widened by t/z for a two-sided interval of this ``level``."""
    number = data.clusters.number
    wide = student(level, number) / normal_quantile(level)
    if draws * number > SIGNS:
        return wide * normal_noise(covariance, draws)
    rows = cluster_rows(data, edges, [data.correct - data.confidence])
    held = data.clusters.sums(np.ones(data.rows))
    total = data.clusters.sums(data.correct.astype(float))
    order = np.lexsort((np.round(data.clusters.sums(data.confidence), 9), total, held))  # whatever the order of rows
    bits = np.frombuffer(np.random.default_rng(SEED).bytes(draws * number // 8 + 1), dtype=np.uint8)
    sign = np.unpackbits(bits, count=draws * number).reshape(draws, number) * 2.0 - 1.0
    drawn = (rows[order].T @ sign.T).T - np.outer(sign @ held[order], gap)
    found: Float[np.ndarray, "draws bins"] = drawn * (wide * math.sqrt(number / (number - 1)) / data.rows)
    return found


def normal_noise(covariance: Float[np.ndarray, "bins bins"], draws: int) -> Float[np.ndarray, "draws bins"]:
    """Draw normal vectors of mean 0 with this covariance.

    Bins without rows make it singular: the diagonal is raised by a part in 1e12 of its largest entry.
    """
    size = len(covariance)
    raised = covariance + np.eye(size) * max(1e-12 * float(np.diagonal(covariance).max()), 1e-300)
    try:
        root = np.linalg.cholesky(raised)
    except np.linalg.LinAlgError:  # nothing varies, up to rounding
        value, vector = np.linalg.eigh(covariance)
        root = vector * np.sqrt(np.maximum(value, 0.0))
    drawn: Float[np.ndarray, "draws bins"] = np.random.default_rng(SEED).standard_normal((draws, size)) @ root.T
    return drawn


def far_off(clusters: int, bins: int) -> float:
    """Return sqrt(2 ln(G + bins)): more standard errors than noise alone shows in any bin, and few beside sqrt(G)."""
    return math.sqrt(2 * math.log(clusters + bins))


def rank_error(ordered: Float[np.ndarray, " draws"], rank: float) -> float:
    """Return the Monte Carlo standard error of the value of this rank: half the distance of those one deviation off."""
    n = len(ordered)
    spread = math.sqrt(n * (rank / n) * (1 - rank / n))
    ends = np.interp([rank - spread, rank + spread], np.arange(n), ordered)
    return float(ends[1] - ends[0]) / 2
