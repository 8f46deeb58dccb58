"""Does more confidence go with more correctness? The area under the ROC curve, ties at half."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simlab.calibration.confidences import Forecasts, check_forecasts
from simlab.calibration.intervals import around, standard_error
from simlab.errors import BadInput
from simlab.estimates import Estimate, check_level

SOURCE = (
    "Mann & Whitney 1947; variance: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837; "
    "clusters: Obuchowski 1997, Biometrics 53, 567"
)


def auroc(data: Forecasts, *, level: float = 0.95) -> Estimate:
    """The chance that a right answer is more confident than a wrong one, a tie counting half; .5 tells nothing apart.

    By one sort. The interval is DeLong's, its placements summed over clusters, on the logit scale; where every right
    answer is above every wrong one, or below, the other end is (alpha/2)^(1/m) away from 0, m the number of disjoint
    pairs of clusters. Raises ``BadInput`` where all answers are right, or all wrong. Source: DeLong et al. 1988.
    """
    check_forecasts(data)
    check_level(level)
    right = int(np.count_nonzero(data.correct))
    wrong = data.rows - right
    if not right or not wrong:
        kind = "right" if right else "wrong"
        raise BadInput(f"all {data.rows:,} answers are {kind}: AUROC compares right answers with wrong ones")
    place = placements(data)
    area = float(place[data.correct].sum()) / right
    influence = (place - area) * np.where(data.correct, data.rows / right, data.rows / wrong)
    error = standard_error(influence, data.clusters)
    if error > 0 and 0 < area < 1:
        low, high = around(area, error, data.clusters.number, level, span=(0.0, 1.0))
    else:
        pairs = min(data.clusters.holding(data.correct), data.clusters.holding(~data.correct))
        reach = 1 - ((1 - level) / 2) ** (1 / max(1, min(pairs, data.clusters.number // 2)))
        low, high = max(0.0, area - reach), min(1.0, area + reach)
    return Estimate(area, low, high, level, "auroc, delong_logit", SOURCE, "asymptotic", warnings=data.warnings)


def placements(data: Forecasts) -> Float[np.ndarray, " rows"]:
    """Return, of each right answer, the share of wrong ones below it, of each wrong one that of right ones above it.

    Ties count half. The mean over right answers is the AUROC, and so is that over wrong ones.
    """
    start, size = data.blocks
    right = np.add.reduceat(data.correct[data.order].astype(float), start)
    wrong = size - right
    wrong_below = np.cumsum(wrong) - wrong / 2
    right_above = right.sum() - np.cumsum(right) + right / 2
    found = np.empty(data.rows)
    of_right, of_wrong = np.repeat(wrong_below / wrong.sum(), size), np.repeat(right_above / right.sum(), size)
    found[data.order] = np.where(data.correct[data.order], of_right, of_wrong)
    return found
