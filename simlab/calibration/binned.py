"""Sums over bins of confidence, and how they vary together from cluster to cluster: all that a binned measure needs.

Bins are right-closed, (a, b], the first one closed; equal confidences share a bin, so no measure depends on the order
of rows. A measure of bins is a function of these sums, and its gradient around their covariance is its variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from simlab.calibration.confidences import Forecasts
from simlab.calibration.intervals import whole_bins
from simlab.errors import unknown
from simlab.records import brief

Binning = Literal["width", "mass"]
"""Bins of equal width in [0, 1], or between quantiles of the confidences, which hold equal numbers up to ties."""


@brief
@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of ``features`` over the rows of each bin, [bins, features], and their covariance over clusters, flattened.

    ``edges`` are those of the bins, ``covariance[i, j]`` is that of the sums ``total.ravel()[i]`` and ``[j]``.
    """

    edges: Float[np.ndarray, " edges"]
    total: Float[np.ndarray, "bins features"]
    covariance: Float[np.ndarray, "sums sums"]


def edges_of(data: Forecasts, bins: int, binning: Binning) -> Float[np.ndarray, " edges"]:
    """Return the edges of the bins, from 0 to 1; bins by mass that ties make empty are merged.

    Raises ``BadInput`` for fewer than 1 or more than 1,000 bins, and for an unknown binning.
    """
    number = whole_bins(bins)
    if binning == "width":
        return np.linspace(0.0, 1.0, number + 1)
    if binning != "mass":
        raise unknown("binning", binning, ("width", "mass"))
    inner = np.unique(np.quantile(data.confidence, np.linspace(0.0, 1.0, number + 1)[1:-1]))
    inner = inner[(inner > 0) & (inner < data.confidence.max())]
    return np.concatenate([[0.0], inner, [1.0]])


def bin_of(data: Forecasts, edges: Float[np.ndarray, " edges"]) -> Int[np.ndarray, " rows"]:
    """Return the number of each row's bin: that of the first edge, after 0, that is not below its confidence."""
    return np.searchsorted(edges[1:-1], data.confidence, side="left")


def sums(data: Forecasts, edges: Float[np.ndarray, " edges"], features: list[Float[np.ndarray, " rows"]]) -> Sums:
    """Sum ``features`` over bins, and estimate the covariance of those sums between clusters (G/(G-1), uncentred).

    Uncentred: the measures made of them do not change when all sums grow in proportion, so the part along their mean
    counts nothing.
    """
    bin_, n_bins, k = bin_of(data, edges), len(edges) - 1, len(features)
    total = np.stack([np.bincount(bin_, one, minlength=n_bins) for one in features], axis=1)
    if data.clusters.code is None:
        blocks = np.zeros((n_bins, k, n_bins, k))
        place = np.arange(n_bins)
        for i in range(k):
            for j in range(i + 1):
                both = np.bincount(bin_, features[i] * features[j], minlength=n_bins)
                blocks[place, i, place, j] = blocks[place, j, place, i] = both
        products = blocks.reshape(n_bins * k, n_bins * k)
    else:
        rows = cluster_rows(data, edges, features)
        products = (rows.T @ rows).toarray()
    return Sums(edges, total, products * (data.clusters.number / (data.clusters.number - 1)))


def cluster_rows(
    data: Forecasts, edges: Float[np.ndarray, " edges"], features: list[Float[np.ndarray, " rows"]]
) -> Any:
    """Return the sums of ``features`` over bins, one sparse row a cluster, [clusters, bins * features]."""
    from scipy.sparse import csr_array

    k, n_bins = len(features), len(edges) - 1
    order, begin = data.clusters.listed
    value = np.stack([one[order] for one in features], axis=1).ravel()
    column = (bin_of(data, edges)[order][:, None] * k + np.arange(k)).ravel()
    rows = csr_array((value, column, begin * k), shape=(data.clusters.number, n_bins * k))
    rows.sum_duplicates()
    return rows


def clusters_in(data: Forecasts, edges: Float[np.ndarray, " edges"]) -> Int[np.ndarray, " bins"]:
    """Count the clusters that have a row in each bin."""
    return np.bincount(cluster_rows(data, edges, [np.ones(data.rows)]).indices, minlength=len(edges) - 1)
