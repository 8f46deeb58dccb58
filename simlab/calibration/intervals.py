"""From influences to intervals: what one row moves an estimate by, summed over clusters, is its standard error.

An estimate that is a smooth function of means moves by the mean of its influences; clusters are independent, so the
variance is the sum of squares of their summed influences (the sandwich), with Student's t of clusters - 1 degrees.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.calibration.clusters import Clusters, clusters_of, rows_of_each
from simlab.errors import BadInput, shown
from simlab.estimates import Estimate, check_level, check_number
from simlab.inputs import a_kind, numbers, outcomes, refuse

LIANG = "Liang & Zeger 1986, Biometrika 73, 13"
WILSON = f"Wilson 1927, JASA 22, 209, at the effective number of rows; clusters: {LIANG}"


def standard_error(influence: Float[np.ndarray, " rows"], clusters: Clusters) -> float:
    """Return sqrt(G/(G-1) sum over clusters (sum of influence)^2) / rows; influences have mean 0."""
    total = clusters.sums(influence)
    return math.sqrt(clusters.number / (clusters.number - 1) * float(total @ total)) / clusters.rows


def student(level: float, clusters: int) -> float:
    """Return the two-sided quantile of Student's t with clusters - 1 degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(clusters - 1, 0.5 + check_level(level) / 2))


def unseen_share(level: float, clusters: int) -> float:
    """Return 1 - (alpha/2)^(1/G): the share of clusters of a kind of which G clusters may well have shown none."""
    return -math.expm1(math.log((1 - level) / 2) / clusters)


def around(
    estimate: float, error: float, clusters: int, level: float, *, span: tuple[float, float], logit: bool = True
) -> tuple[float, float]:
    """Return estimate -+ t se, on the logit scale of ``span`` or cut to it; it has a width even where se = 0.

    Where nothing varies, the ends move by what clusters of a kind that happened not to appear could add.
    """
    bottom, top = span
    size, t = top - bottom, student(level, clusters)
    place = (estimate - bottom) / size
    spread = t * error / size
    if logit and 0 < place < 1 and error > 0:
        here, step = math.log(place / (1 - place)), spread / (place * (1 - place))
        low, high = _expit(here - step), _expit(here + step)
    else:
        low, high = max(0.0, place - spread), min(1.0, place + spread)
    if not low < high:
        unseen = unseen_share(level, clusters)
        low, high = max(0.0, place - unseen), min(1.0, place + unseen)
    return bottom + size * min(low, place), bottom + size * max(high, place)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def wilson(share: float, rows: float, t: float) -> tuple[float, float]:
    """Return Wilson's interval of a share seen in ``rows`` independent rows, with t in the place of z."""
    shrink = 1 + t * t / rows
    centre = (share + t * t / (2 * rows)) / shrink
    half = t * math.sqrt(share * (1 - share) / rows + t * t / (4 * rows * rows)) / shrink
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def rate(hit: Any, among: Any = None, *, clusters: Any = None, level: float = 0.95) -> Estimate:
    """Estimate a share: of all rows, or of those ``among``, how many ``hit``; 0 or 1 each (accuracy given an answer).

    sum hit / sum among, where a hit outside ``among`` does not count; Wilson's interval at the effective number of rows
    p(1-p)/se^2, or of clusters where nothing varies. Raises ``BadInput`` for arrays of unequal length or other values,
    for ids that are missing, for a single cluster, and where no row is among them. Source: Wilson 1927; Liang & Zeger
    1986.
    """
    hits = outcomes("hit", hit)
    base = np.ones(len(hits), dtype=bool) if among is None else outcomes("among", among)
    rows_of_each("hit", hits, "among", base)
    grouped, total = clusters_of(clusters, len(hits)), int(np.count_nonzero(base))
    if total == 0:
        raise BadInput("among has no row that counts: there is nothing to take a share of")
    share = int(np.count_nonzero(hits & base)) / total
    low, high = share_ends(hits & base, base, grouped, level)
    said = Clusters(grouped.code, grouped.holding(base), 0).warnings
    return Estimate(share, low, high, level, "rate, wilson", WILSON, "asymptotic", warnings=said)


def share_ends(
    hits: Bool[np.ndarray, " rows"], base: Bool[np.ndarray, " rows"], clusters: Clusters, level: float
) -> tuple[float, float]:
    """Return Wilson's interval of sum hits / sum base, for hits within a base that is not empty."""
    total = np.count_nonzero(base)
    share = float(np.count_nonzero(hits) / total)
    error = standard_error((hits - share * base) * (len(hits) / total), clusters)
    seen = clusters.holding(base)
    rows = share * (1 - share) / error**2 if 0 < share < 1 and error > 0 else seen
    return wilson(share, rows, student(level, max(2, seen)))


def mean_score(
    score: Any, *, clusters: Any = None, level: float = 0.95, span: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """Estimate a mean score by the mean of the rows, with t intervals that count clusters, cut to ``span``.

    Where all rows are alike the interval allows for what G clusters may well not have shown, anywhere in ``span``.
    Raises ``BadInput`` for a score that is not finite or outside ``span``, for a ``span`` that is none, for ids that
    are missing and for a single cluster. Source: Liang & Zeger 1986.
    """
    values = numbers("score", score)
    rows_of_each("score", values, "score", values)
    _check_span(span)
    bad = ~(np.isfinite(values) & (values >= span[0]) & (values <= span[1]))
    refuse("score", values, bad, f"must be a finite number{_within(span)}")
    grouped, mean = clusters_of(clusters, len(values)), float(values.mean())
    half = student(level, grouped.number) * standard_error(values - mean, grouped)
    if half == 0:
        size = span[1] - span[0] if math.isfinite(span[1] - span[0]) else max(1.0, abs(mean))
        half = size * unseen_share(level, grouped.number)
    low, high = max(span[0], mean - half), min(span[1], mean + half)
    return Estimate(mean, low, high, level, "mean_score, student", LIANG, "asymptotic", warnings=grouped.warnings)


def _check_span(span: Any) -> None:
    a_kind("span", span, (tuple, list), "a pair of numbers, the lower one first, such as (0, 1)")
    ends = numbers("span", span)
    if ends.shape != (2,) or not ends[0] < ends[1]:
        raise BadInput(f"span = {shown(span)}: must be a pair of numbers, the lower one first, such as (0, 1)")


def _within(span: tuple[float, float]) -> str:
    return "" if span == (-math.inf, math.inf) else f" from {span[0]:g} to {span[1]:g}"


def whole_bins(bins: Any) -> int:
    """Return ``bins``. Raises ``BadInput`` unless it is a whole number from 1 to 1,000."""
    found = check_number("bins", bins, 1, 1_000)
    if found != int(found):
        raise BadInput(f"bins = {bins}: must be a whole number")
    return int(found)
