"""How many replicates a Monte Carlo error takes: planned from a pilot, or added until it is reached.

The standard error of a mean of n replicates is sd/sqrt(n), so n = (sd/mcse)^2 reach ``mcse``; of a coverage c,
n = c (1 - c)/mcse^2 (Morris, White & Crowther 2019, section 5.3). A pilot knows sd and c only roughly: beside the
estimate stands the n that suffices with 95 % confidence, by the chi-square law of the variance of normal replicates,
and by the exact limit of a share (Clopper & Pearson 1934) on the side of 1/2, where c (1 - c) is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simlab.errors import BadInput, unknown
from simlab.sweep.columns import RESERVED
from simlab.sweep.loading import Row
from simlab.sweep.plan import Plan, flat

PILOT = 20
"""Replicates of a pilot, rounded up to whole blocks: the fewest whose spread is believed."""
CONFIDENCE = 0.95
COVERAGE = ".coverage"


@dataclass(frozen=True)
class Target:
    """A Monte Carlo standard error that is to be reached: of ``measure``, or of every measure that is shown."""

    mcse: float
    measure: str | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.mcse, (int, float)) and 0 < self.mcse < math.inf):
            raise BadInput(f"mcse = {self.mcse}: must be a number above 0, such as 0.005")

    def __str__(self) -> str:
        return f"mcse {self.mcse:g}" + (f" of {self.measure}" if self.measure else "")


@dataclass(frozen=True)
class Need:
    """What one measure of one grid point and method needs: ``replicates`` by the estimate, ``surely`` with confidence.

    ``place`` says where on its curve it stands, where there is one. ``n`` replicates gave a standard error of ``mcse``;
    that of a coverage is taken at Agresti and Coull's centre, which is never 0 or 1. Both needs are infinite where
    there is no standard error yet.
    """

    settings: Row
    method: str
    measure: str
    n: int
    mean: float
    mcse: float
    replicates: float
    surely: float
    place: Row = field(default_factory=dict)


def read_target(option: str, text: str) -> Target:
    """The target that ``mcse=0.005`` or ``measure=error,mcse=0.005`` writes. Raises ``BadInput`` for another form."""
    parts: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and name and value) or name in parts:
            raise BadInput(f"{option} {text}: must read mcse=0.005 or measure=error,mcse=0.005")
        parts[name] = value
    for name in parts:
        if name not in ("measure", "mcse"):
            raise unknown(f"{option} part", name, ("measure", "mcse"))
    if "mcse" not in parts:
        raise BadInput(f"{option} {text}: says no mcse: write {text},mcse=0.005")
    try:
        return Target(float(parts["mcse"]), parts.get("measure"))
    except ValueError:
        raise BadInput(f"{option} {text}: mcse must be a number above 0, such as 0.005") from None


def needs(summary: Sequence[Row], plan: Plan, target: Target) -> list[Need]:
    """Return what each grid point, method and measure needs to reach the target, in the order of the summary.

    Where rows run along a curve each place on it has a need of its own: the target is for all of them.

    A measure that is NaN in some replicates needs more of them in proportion; one that is NaN in all needs nothing.
    Raises ``BadInput`` for a measure that no row has, or that is finite in none, and where there are no rows.
    """
    present = _measures(summary)
    if not present:
        raise BadInput(f"{target}: every block raised or was lost: there is no value to plan by")
    wanted = _wanted(plan, target, present)
    lines = [row for row in summary if row["measure"] in {name.removesuffix(COVERAGE) for name in wanted}]
    blocks = {_identity(flat(p.settings)): n for p, n in zip(plan.points, plan.blocks, strict=True)}
    found = []
    for row in lines:
        replicates = blocks[_identity({name: row[name] for name in plan.settings})] * plan.block
        for name in wanted:
            if row["measure"] == name.removesuffix(COVERAGE):
                found.append(_need(row, name, plan, replicates, target.mcse))
    missing = [need for need in found if need is not None]
    if not missing:
        raise BadInput(f"{target}: no replicate has a finite value of {' or '.join(wanted)}: choose another measure")
    return missing


def _measures(summary: Sequence[Row]) -> dict[str, None]:
    """The measures of a summary, in their order; a grid point that only raised has none."""
    return dict.fromkeys(str(row["measure"]) for row in summary if row["measure"])


def _identity(settings: Mapping[str, object]) -> object:
    """Settings as a key, the same before and after they stood in a column."""
    return tuple(_in_any_column(value) for value in settings.values())


def _in_any_column(value: object) -> object:
    """A setting as a key: beside missing numbers 5 has become 5.0 in its column, and beside texts "5"."""
    value = value == "true" if value in ("true", "false") else value
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return value
    return None if math.isnan(number) else number


def check_measure(target: Target, rows: Sequence[Row], along: Sequence[str] = ()) -> None:
    """Raise ``BadInput`` for a measure that no row of a block has: the run would end without it."""
    _named(target, dict.fromkeys(name for row in rows for name in row if name not in (*RESERVED, *along)))


def _named(target: Target, present: Mapping[str, None]) -> None:
    if target.measure is not None and target.measure.removesuffix(COVERAGE) not in present:
        raise unknown("measure", target.measure, list(present))


def _wanted(plan: Plan, target: Target, present: Mapping[str, None]) -> list[str]:
    """The measures that are to reach the target."""
    if target.measure is None:
        shown = [name for name in plan.experiment.shown if name in present]
        return shown or list(present)
    _named(target, present)
    return [target.measure]


def _need(row: Row, name: str, plan: Plan, replicates: int, mcse: float) -> Need | None:
    """The need of one line of the summary; None where it has no finite value."""
    from scipy import special

    n, mean, error = int(str(row["n"])), float(str(row["mean"])), float(str(row["mcse"]))
    if name.endswith(COVERAGE):
        if row["coverage"] == "":
            raise BadInput(f"measure {name!r} has no coverage: it needs an estimand and an interval in the rows")
        mean, error = float(str(row["coverage"])), float(str(row["coverage_mcse"]))
        n = round(mean * (1 - mean) / error**2) if error > 0 else n  # the intervals, of which there may be fewer
        if math.isnan(mean) or not n:
            return None
        hits = round(mean * n)
        centre = (hits + 2) / (n + 4)  # Agresti and Coull's: a pilot without a miss is no proof of coverage 1
        error = math.sqrt(centre * (1 - centre) / n)
        fewer = min(hits, n - hits)
        limit = min(float(special.betaincinv(fewer + 1, n - fewer, CONFIDENCE)), 0.5)  # Clopper and Pearson's
        surely = max(limit * (1 - limit) / (centre * (1 - centre)), 1.0)
    elif not math.isfinite(mean):
        return None
    else:
        surely = (n - 1) / float(special.chdtri(n - 1, CONFIDENCE)) if n > 1 else math.nan
    needed, scale = n * (error / mcse) ** 2, replicates / n
    values = [math.ceil(x) if math.isfinite(x) else math.inf for x in (needed * scale, needed * scale * surely)]
    values = [max(x, 2) for x in values]
    settings, place = ({name: row[name] for name in names} for names in (plan.settings, plan.along))
    return Need(settings, str(row["method"]), name, n, mean, error, values[0], values[1], place)


def blocks_needed(found: Sequence[Need], plan: Plan) -> tuple[float, ...]:
    """How many blocks each grid point needs for all its measures and methods, with 95 % confidence.

    Infinite where there is no standard error yet, 0 where nothing at a point needs any.
    """
    most: dict[object, float] = {}
    for need in found:
        key = _identity(need.settings)
        most[key] = max(most.get(key, 0.0), need.surely)
    wanted = [most.get(_identity(flat(point.settings)), 0.0) for point in plan.points]
    return tuple(math.ceil(n / plan.block) if math.isfinite(n) else math.inf for n in wanted)


def next_blocks(summary: Sequence[Row], plan: Plan, target: Target) -> tuple[int, ...]:
    """How many blocks each grid point should have next: those it has where the target is reached.

    A point that falls short gets what its need says, at least one block more and at most as many again as it has: an
    early estimate of the spread may be far off, and is not believed at all before ``PILOT`` replicates. A point without
    any value gets none. It depends on nothing but the rows, so that a run that is stopped and resumed, on however many
    workers, ends with the same blocks.
    """
    if not _measures(summary):
        return plan.blocks
    wanted: dict[object, float] = {}
    for need in needs(summary, plan, target):
        key = _identity(need.settings)
        short = 0.0 if need.mcse <= target.mcse else need.replicates  # NaN falls short too
        wanted[key] = max(wanted.get(key, 0.0), short)
    found = []
    for point, have in zip(plan.points, plan.blocks, strict=True):
        replicates = wanted.get(_identity(flat(point.settings)))
        blocks = have
        if replicates:
            blocks = min(max(math.ceil(min(replicates, 1e18) / plan.block), have + 1), 2 * have)
        found.append(blocks if replicates is None else max(blocks, -(-PILOT // plan.block)))
    return tuple(found)
