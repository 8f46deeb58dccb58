"""Grids that are not full: points spread over ranges of settings, by Latin hypercube or at random.

A range is written ``0.1..0.9``, or ``1e3..1e9:log`` where its logarithm is spread evenly. All ranges of a run are
sampled together, and every other axis is crossed with the sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simlab.errors import BadInput, unknown
from simlab.seeds import Streams
from simlab.terminal.wording import number

DESIGNS = ("lhs", "random")
DIGITS = 6
"""Sampled numbers are rounded to so many significant digits: they can be read, and written again."""
RANGE = re.compile(r"([^.]*(?:\.\d[^.]*)?)\.\.([^:]*)(?::(\w+))?")


@dataclass(frozen=True)
class Span:
    """The values from ``low`` to ``high``, both included; with ``log`` their logarithms are spread evenly."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise BadInput(f"range {self}: must go from a smaller number to a larger one, both finite")
        if self.log and self.low <= 0:
            raise BadInput(f"range {self}: must lie above 0 to be spread by its logarithm")

    def __str__(self) -> str:
        return f"{number(self.low)}..{number(self.high)}{':log' if self.log else ''}"

    def at(self, share: float, *, whole: bool) -> float | int:
        """The value below which lies this share of the range; for whole numbers each has the same share."""
        low, high = (self.low - 0.5, self.high + 0.5) if whole and not self.log else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if whole else float(f"{value:.{DIGITS}g}")


def read_span(name: str, value: object) -> Span | None:
    """The range that a setting's value is or writes, or None. Raises ``BadInput`` for half a range."""
    if isinstance(value, Span):
        return value
    found = RANGE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    low, high, scale = found.groups()
    if scale not in (None, "log"):
        raise BadInput(f"{name} = {value}: {scale!r} is no scale of a range: write {low}..{high} or {low}..{high}:log")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise BadInput(f"{name} = {value}: a range must read LOW..HIGH, such as 0.1..0.9 or 1e3..1e9:log") from None
    return Span(*ends, scale == "log")


def sampled(
    spans: Mapping[str, Span], whole: Mapping[str, bool], points: int, design: str, seed: int
) -> list[dict[str, object]]:
    """Return ``points`` points, each a value of every range; ``whole`` says which settings are whole numbers.

    "lhs": each of ``points`` slices of every range holds exactly one point (McKay, Beckman & Conover 1979, by
    ``scipy.stats.qmc``). "random": independent and uniform; the first points stay when more are asked for.
    """
    if design not in DESIGNS:
        raise unknown("design", str(design), DESIGNS)
    rng = Streams(seed, "design").numpy(design)
    if design == "lhs":
        from scipy.stats import qmc  # slow to import, and rarely needed

        shares = qmc.LatinHypercube(len(spans), rng=rng).random(points)
    else:
        shares = rng.random((points, len(spans)))
    return [
        {name: span.at(float(share), whole=whole[name]) for (name, span), share in zip(spans.items(), row, strict=True)}
        for row in np.asarray(shares)
    ]


def distinct(points: Sequence[Mapping[str, object]], spans: Mapping[str, Span]) -> None:
    """Raise ``BadInput`` where two points of a sample are the same, as whole numbers from a short range may be."""
    if len({tuple(point.values()) for point in points}) < len(points):
        ranges = ", ".join(f"{name} = {span}" for name, span in spans.items())
        raise BadInput(f"points = {len(points)}: some are the same ({ranges}): take fewer points or wider ranges")
