"""Orders of models: which pairs two scorings put the other way round, and which ranks the data leave open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.calibration.clusters import clusters_of
from simlab.errors import BadInput, shown
from simlab.estimates import check_level
from simlab.inputs import finite, numbers

DRAWS, SEED = 2_000, 0
SOURCE = "Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies 91, 476"


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Of each model its mean ``score``, its ``rank`` (1 is best, ties share the better one), and the ranks left open.

    With probability ``level``, as clusters grow in number, every model's true rank lies in [``low``, ``high``] at once.
    """

    score: Float[np.ndarray, " models"]
    rank: Int[np.ndarray, " models"]
    low: Int[np.ndarray, " models"]
    high: Int[np.ndarray, " models"]
    level: float
    source: str = SOURCE


def reversals(one: Float[np.ndarray, " models"], other: Float[np.ndarray, " models"]) -> float:
    """Return the share of pairs of models that two scores order in opposite ways; ties of either are no reversal.

    Raises ``BadInput`` unless both score the same two models or more, in finite numbers.
    """
    return float(np.mean(_products(one, other) < 0))


def rank_correlation(one: Float[np.ndarray, " models"], other: Float[np.ndarray, " models"]) -> float:
    """Return Kendall's tau-a: pairs in the same order less pairs in opposite orders, as a share of all pairs.

    Raises ``BadInput`` as ``reversals`` does.
    """
    return float(np.mean(np.sign(_products(one, other))))


def _products(one: Any, other: Any) -> Float[np.ndarray, " pairs"]:
    """Of every pair of models the product of its two differences."""
    one, other = finite("one", one), finite("other", other)
    if len(one) != len(other) or len(one) < 2:
        raise BadInput(f"scores of {len(one)} and {len(other)} models: give two scores of the same two models or more")
    i, j = np.triu_indices(len(one), 1)
    return np.asarray((one[i] - one[j]) * (other[i] - other[j]))


def rank_intervals(points: Any, *, clusters: Any = None, level: float = 0.95) -> RankIntervals:
    """Return which ranks the ``points`` [models, questions] of models on the same questions leave open.

    A model's rank is 1 + the number of models with a larger mean; a pair is told apart where its difference exceeds the
    ``level`` quantile of the largest standardised difference of all pairs, by normal draws with the covariance of the
    means over ``clusters`` of questions (each its own, unless told), from one seed. Two models with equal points
    everywhere stay apart never. Raises ``BadInput`` for fewer than 2 models or questions, and a point that is not
    finite. Source: Mogstad et al. 2024.
    """
    rows = points_of(points)
    size = [len(one) for one in rows] or [0]
    if min(size) != max(size):
        raise BadInput(f"points has {min(size)} to {max(size)} questions: give the same ones of every model")
    table = np.array(rows)
    if table.ndim != 2 or len(table) < 2:
        raise BadInput(f"points has shape {table.shape}: give the points of 2 models or more, a row each")
    if not np.isfinite(table).all():
        model, question = (int(one[0]) for one in np.nonzero(~np.isfinite(table)))
        raise BadInput(f"points[{model}, {question}] = {table[model, question]:g}: must be a finite number")
    check_level(level)
    grouped = clusters_of(clusters, table.shape[1])
    mean = table.mean(axis=1)
    total = np.stack([grouped.sums(one) for one in table - mean[:, None]])
    covariance = total @ total.T * (grouped.number / (grouped.number - 1)) / table.shape[1] ** 2
    variance = np.diagonal(covariance)
    error = np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 0.0))
    differs = error > 1e-12 * np.sqrt(variance.max() + 1e-300)
    scale = np.where(differs, error, np.inf)
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    drawn = np.random.default_rng(SEED).standard_normal((DRAWS, len(mean))) @ root.T
    largest = np.array([np.max(np.abs(one[:, None] - one[None, :]) / scale) for one in drawn])
    apart = (mean[:, None] - mean[None, :]) / scale  # of row over column
    beyond = float(np.quantile(largest, level))
    rank = 1 + (mean[None, :] > mean[:, None]).sum(axis=1)
    low, high = 1 + (apart < -beyond).sum(axis=1), len(mean) - (apart > beyond).sum(axis=1)
    return RankIntervals(mean, rank, np.minimum(low, rank), np.maximum(high, rank), level)


def points_of(points: Any) -> list[Float[np.ndarray, " questions"]]:
    """Return one array of points a model. Raises ``BadInput`` for what holds none."""
    if isinstance(points, str | bytes) or not isinstance(points, Iterable):
        raise BadInput(f"points = {shown(points)}: must hold an array of points a model")
    return [numbers(f"points[{model}]", one) for model, one in enumerate(points)]
