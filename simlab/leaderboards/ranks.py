"""Orders of models: which pairs two scorings put the other way round, and which ranks the data leave open.

The rank of a model is 1 + the number of models that are better. It is surely below those whose difference from it is
above 0, each comparison at a level that makes up for their number, and surely above those whose difference is below 0;
what is left between is its interval of ranks, which holds whatever ties there are in truth, where a bootstrap of ranks
does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, shown
from simlab.estimates import check_level, check_number
from simlab.inputs import finite, numbers
from simlab.records import brief

SOURCE = "Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies 91, 476, with Bonferroni's correction"
EQUAL = 1e-12
"""Means this near to each other are equal: sums in another order differ by less."""


@brief
@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Of each model its mean ``score``, its ``rank`` (1 is best, ties share the better one), and the ranks left open.

    With probability ``level``, as questions grow in number, the true rank of a model lies in [``low``, ``high``].
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


def rank_intervals(points: Iterable[Any], *, width: float, paired: bool = True, level: float = 0.95) -> RankIntervals:
    """Return which ranks the ``points`` of models leave open, an array of points a model, each model at ``level``.

    Points are those of questions, the same ones in the same order if ``paired``, and of independent ones if not; of
    several samples of a question give the mean, for questions are what is counted. ``width`` is that of the range of
    points. The difference of two models has the standard error of its mean over questions, or that of two independent
    means, but no less than width / questions: where no question of n differs, the true share of those that do may
    still be 3/n (the rule of three). Each of the comparisons of a model is made at 1 - (1 - level)/(models - 1), by
    Student's t. Raises ``BadInput`` for fewer than 2 models or questions, for a point that is not finite, and for
    paired points of unequal number. Source: Mogstad et al. 2024.
    """
    table = points_of(points)
    size = np.array([one.size for one in table])
    if len(table) < 2 or size.min() < 2:
        raise BadInput(f"points of {len(table)} models: give the points of 2 models or more on 2 questions or more")
    if paired and (size != size[0]).any():
        raise BadInput(f"points has {size.min()} to {size.max()} questions: give the same ones of every model")
    for model, one in enumerate(table):
        if not np.isfinite(one).all():
            at = int(np.argmax(~np.isfinite(one)))
            raise BadInput(f"points[{model}][{at}] = {one[at]:g}: must be a finite number")
    least = check_number("width", width, 0.0) / np.minimum(size[:, None], size[None, :])
    mean = np.array([one.mean() for one in table])
    if paired:
        covariance = np.cov(np.stack(table)) / size[0]
    else:
        covariance = np.diag([float(one.var(ddof=1)) / one.size for one in table])
    own = np.diag(covariance)
    variance = np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)
    sure = _quantile(check_level(level), len(table) - 1, int(size.min())) * np.maximum(np.sqrt(variance), least)
    above = mean[None, :] - mean[:, None]  # [i, j]: how far j is above i
    np.fill_diagonal(above, 0.0)
    rank = 1 + (above > EQUAL).sum(axis=1)
    low, high = 1 + (above > sure).sum(axis=1), len(table) - (above < -sure).sum(axis=1)
    return RankIntervals(mean, rank, np.minimum(low, rank), np.maximum(high, rank), level)


def _quantile(level: float, comparisons: int, questions: int) -> float:
    """Student's two-sided quantile at 1 - (1 - level)/comparisons."""
    from scipy.special import stdtrit

    return -float(stdtrit(questions - 1, (1 - level) / comparisons / 2))


def points_of(points: Any) -> list[Float[np.ndarray, " questions"]]:
    """Return one array of points a model. Raises ``BadInput`` for what holds none."""
    if isinstance(points, str | bytes) or not isinstance(points, Iterable):
        raise BadInput(f"points = {shown(points)}: must hold an array of points a model")
    return [numbers(f"points[{model}]", one) for model, one in enumerate(points)]
