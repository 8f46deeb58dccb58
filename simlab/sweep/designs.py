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
from simlab.terminal.wording import exactly, number

DESIGNS = ("lhs", "random")
DIGITS = 6
"""Sampled numbers are rounded to so many significant digits: they can be read, and written again."""
MOST_POINTS = 1_000_000
RANGE = re.compile(r"([^.]*(?:\.\d[^.]*)?)\.\.([^:]*)(?::(\w+))?")


@dataclass(frozen=True)
class Span:
    """The values from ``low`` to ``high``, both included; with ``log`` their logarithms are spread evenly."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        try:
            finite = math.isfinite(self.low) and math.isfinite(self.high)
        except (TypeError, OverflowError):
            finite = False
        if not finite or self.low >= self.high:
            raise BadInput(f"range {self}: must go from a smaller number to a larger one, both finite")
        if self.log and self.low <= 0:
            raise BadInput(f"range {self}: must lie above 0 to be spread by its logarithm")

    def __str__(self) -> str:
        return f"{exactly(self.low)}..{exactly(self.high)}{':log' if self.log else ''}"

    @property
    def whole(self) -> bool:
        """Whether both ends are whole numbers."""
        return float(self.low).is_integer() and float(self.high).is_integer()

    def at(self, share: float, *, whole: bool) -> float | int:
        """The value below which lies this share of the range; of whole numbers, of all that is rounded to them.

        Other numbers are rounded to ``DIGITS`` digits, or as many more as their distance from 0 in ranges takes.
        """
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = min(max(value, self.low), self.high)
        if whole:
            return round(value)
        far = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        digits = DIGITS + int(math.log10(max(far, 1.0)))
        return float(min(max(float(f"{value:.{digits}g}"), self.low), self.high))


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
    try:
        return Span(*ends, scale == "log")
    except BadInput as error:
        raise BadInput(f"{name} = {str(error).removeprefix('range ')}") from None


def sampled(
    spans: Mapping[str, Span], whole: Mapping[str, bool], points: int, design: str, seed: int
) -> list[dict[str, object]]:
    """Return ``points`` points, each a value of every range; ``whole`` says which settings are whole numbers.

    "lhs": each of ``points`` slices of every range holds exactly one point before it is rounded (McKay, Beckman &
    Conover 1979). "random": independent and uniform; the first points stay when more are asked for.
    """
    if points > MOST_POINTS:
        raise BadInput(f"points = {number(points)}: must be at most {number(MOST_POINTS)}")
    if design not in DESIGNS:
        raise unknown("design", str(design), DESIGNS)
    rng = Streams(seed, "design").numpy(design)
    shares = rng.random((points, len(spans)))
    if design == "lhs":
        shares = (rng.permuted(np.tile(np.arange(points)[:, None], len(spans)), axis=0) + shares) / points
    return [
        {name: span.at(share, whole=whole[name]) for (name, span), share in zip(spans.items(), row, strict=True)}
        for row in shares.tolist()
    ]


def distinct(points: Sequence[Mapping[str, object]], spans: Mapping[str, Span]) -> None:
    """Raise ``BadInput`` where two points of a sample are the same, as whole numbers from a short range may be."""
    if len({tuple(point.values()) for point in points}) < len(points):
        ranges = ", ".join(f"{name} = {span}" for name, span in spans.items())
        raise BadInput(f"points = {len(points)}: some are the same ({ranges}): take fewer points or wider ranges")
