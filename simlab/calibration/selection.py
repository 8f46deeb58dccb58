"""What abstaining below a confidence would do: the risk-coverage curve and the area under it.

Answers are taken from the most confident down. Among equal confidences any order is possible: every number here is
the mean over a random order of ties, exactly, so that the order of rows decides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.intervals import around, standard_error
from simlab.estimates import Estimate, check_level
from simlab.records import brief

AURC = "Geifman & El-Yaniv 2017, arXiv 1705.08500; ties and variance: the mean over random orders, linearised"
E_AURC = "Geifman, Uziel & El-Yaniv 2019, arXiv 1805.08206, with the exact area of the best order"


@brief
@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The share of errors among the answers at least as confident as ``threshold``, and how many those are of all.

    One point a distinct confidence, from the largest down; between two points the risk of a random order of ties
    moves from one to the other.
    """

    threshold: Float[np.ndarray, " points"]
    coverage: Float[np.ndarray, " points"]
    risk: Float[np.ndarray, " points"]


def risk_coverage(data: Forecasts) -> RiskCoverage:
    """Return the risk-coverage curve at every distinct confidence. Source: El-Yaniv & Wiener 2010; Geifman 2017."""
    check_forecasts(data)
    start, size = data.blocks
    wrong = np.add.reduceat((~data.correct[data.order]).astype(float), start)
    taken, errors = np.cumsum(size[::-1]), np.cumsum(wrong[::-1])
    return RiskCoverage(data.confidence[data.order][start][::-1], taken / data.rows, errors / taken)


def aurc(data: Forecasts, *, level: float = 0.95) -> Estimate:
    """Area under the risk-coverage curve: mean over k = 1..n of the errors among the k most confident, over k.

    In [0, 1], 0 is best; the error rate is what a confidence that tells nothing apart gives in the mean. Delta-method
    interval on the logit scale, which counts clusters. Raises ``BadInput`` for a level that there is not. Source:
    Geifman & El-Yaniv 2017.
    """
    check_forecasts(data)
    area, influence = _area(data)
    error = standard_error(influence, data.clusters)
    low, high = around(area, error, data.clusters.number, check_level(level), span=(0.0, 1.0))
    return Estimate(area, low, high, level, "aurc, delta_logit", AURC, "asymptotic", warnings=data.warnings)


def e_aurc(data: Forecasts, *, level: float = 0.95) -> Estimate:
    """AURC less that of the best order of these answers, all errors last: what the confidences lose, whatever the rate.

    The best order of e errors among n has (1/n) sum over k of max(0, k - (n - e))/k, about r + (1 - r) ln(1 - r) for
    the error rate r. In [0, 1]. Raises ``BadInput`` for a level that there is not. Source: Geifman et al. 2019.
    """
    check_forecasts(data)
    area, influence = _area(data)
    wrong = data.rows - int(np.count_nonzero(data.correct))
    rate = wrong / data.rows
    excess = max(0.0, area - best_area(wrong, data.rows))
    if 0 < rate < 1:  # else every order is the best one
        influence = influence + math.log1p(-rate) * (~data.correct - rate)
    error = standard_error(influence, data.clusters)
    low, high = around(excess, error, data.clusters.number, check_level(level), span=(0.0, 1.0))
    return Estimate(excess, low, high, level, "e_aurc, delta_logit", E_AURC, "asymptotic", warnings=data.warnings)


def best_area(wrong: int, rows: int) -> float:
    """Return the area of the best order: (1/n) sum over the last e places k of (k - (n - e))/k."""
    last = np.arange(rows - wrong + 1, rows + 1, dtype=float)
    return float((1 - (rows - wrong) / last).sum()) / rows


def _area(data: Forecasts) -> tuple[float, Float[np.ndarray, " rows"]]:
    """Return AURC and what each row moves it by.

    With r_k the risk of the first k: a row at place k moves the area by r_k, as a threshold, and by (its error - r_j)/j
    summed over the j >= k that include it; places of ties are averaged.
    """
    start, size = data.blocks
    descending = data.order[::-1]
    size = size[::-1]
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    wrong = (~data.correct[descending]).astype(float)
    mean_wrong = np.repeat(np.add.reduceat(wrong, start) / size, size)  # in a random order of ties
    k = np.arange(1, data.rows + 1)
    risk = np.cumsum(mean_wrong) / k
    area = float(risk.mean())
    weight = np.cumsum((1 / k)[::-1])[::-1]
    paid = np.cumsum((risk / k)[::-1])[::-1]
    risk, weight, paid = (np.repeat(np.add.reduceat(one, start) / size, size) for one in (risk, weight, paid))
    influence = np.empty(data.rows)
    influence[descending] = risk + wrong * weight - paid - area
    return area, influence
