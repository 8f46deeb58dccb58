"""What a sweep will do, before it does it: grid points and blocks of replicates, each with its name.

A grid point's streams are keyed by a digest of its settings without ``methods`` (methods share their corpus), so
adding a value to an axis moves nothing. A block's key hashes everything its rows depend on: all settings, the
seed, the block's index and size, the experiment's source and the code of simlab. Blocks are never shortened (a
``vmap`` over 8 differs in the last bits from one over 4): replicates are rounded up to whole blocks.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

import simlab
from simlab.compiling import digest_of_sources
from simlab.errors import BadInput
from simlab.sweep.axes import Axis, axes_of, length, read_value, sample_of, sentences, truth
from simlab.sweep.carrying import carried, column, read_back, unfit
from simlab.sweep.columns import RESERVED, SUMMARY
from simlab.sweep.loading import Experiment, Source
from simlab.terminal.numerals import count
from simlab.terminal.wording import number, plural, settings_text

MOST = 1_000_000
"""How many blocks a run may have."""


@dataclass(frozen=True)
class Point:
    """One point of the grid: all settings as they travel, the digest that keys its streams, and one of all settings."""

    settings: dict[str, Any]
    digest: str
    key: str


@dataclass(frozen=True)
class Job:
    """One block: the unit that is scheduled, stored and resumed. It carries all that a worker needs but the payload."""

    key: str
    source: Source
    settings: dict[str, Any]
    point: str
    seed: int
    index: int
    size: int
    version: str
    device: str = "cpu"

    @property
    def replicates(self) -> range:
        """The numbers of the replicates of this block."""
        return range(self.index * self.size, (self.index + 1) * self.size)

    @property
    def name(self) -> str:
        """How a message calls this block."""
        return f"replicates {self.replicates[0]} to {self.replicates[-1]}, key {self.key[:12]}"


@dataclass(frozen=True)
class Plan:
    """Everything a sweep will do: ``blocks`` says how many blocks each grid point has, of ``block`` replicates.

    ``asked`` is the number of replicates that a user wants of each, before it is rounded up to whole blocks.
    ``version`` is the code's: that which computes, or that which computed what is looked at later.
    """

    experiment: Experiment
    points: tuple[Point, ...]
    blocks: tuple[int, ...]
    seed: int
    asked: int
    block: int
    version: str
    device: str = "cpu"

    @functools.cached_property
    def jobs(self) -> tuple[Job, ...]:
        """All blocks, in the order of the grid, then of their numbers."""
        return tuple(job for i in range(len(self.points)) for job in self.jobs_of(i))

    def jobs_of(self, i: int, start: int = 0) -> tuple[Job, ...]:
        """The blocks of grid point number ``i``, from number ``start`` on."""
        point, source = self.points[i], self.experiment.source
        more = [] if self.device == "cpu" else [self.device]

        def job(index: int) -> Job:
            depends_on = [point.key, self.seed, index, self.block, source.slug, source.digest, self.version, *more]
            key = _digest(depends_on)
            settings = point.settings
            return Job(key, source, settings, point.digest, self.seed, index, self.block, self.version, self.device)

        return tuple(job(index) for index in range(start, self.blocks[i]))

    @property
    def replicates(self) -> int:
        """The replicates of the grid point that has most."""
        return max(self.blocks) * self.block

    def with_blocks(self, blocks: Sequence[int]) -> Plan:
        """The same plan with so many blocks a grid point. Raises ``BadInput`` beyond ``MOST``."""
        _refuse_too_many(len(self.points), max(blocks), sum(blocks))
        return replace(self, blocks=tuple(blocks))

    @functools.cached_property
    def name(self) -> str:
        """A digest of all but the number of replicates: runs of one name are the same run, longer or shorter."""
        keys = [point.key for point in self.points]
        source = self.experiment.source
        return _digest([keys, self.seed, self.block, source.slug, source.digest, self.version, self.device])

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of all settings, in the order of the Config."""
        return tuple(self.points[0].settings)

    @property
    def along(self) -> tuple[str, ...]:
        """The columns that run along a curve within one replicate."""
        return self.experiment.along

    @functools.cached_property
    def varying(self) -> tuple[str, ...]:
        """The settings that take more than one value over the grid."""
        rows = [flat(point.settings) for point in self.points]
        return tuple(name for name in self.settings if len({repr(row[name]) for row in rows}) > 1)

    def place(self, settings: Mapping[str, object]) -> str:
        """A grid point as ``draws = 1e6, answers = 3``, by the settings that vary."""
        return settings_text(flat(settings), self.varying)

    def description(self) -> list[str]:
        """What the experiment says of its first grid point before any draw (of a table of facts, say)."""
        experiment = self.experiment
        config = read_back(experiment.config, self.points[0].settings, experiment.payload)
        return experiment.describe(config) if experiment.describe else []


@functools.cache
def code_version() -> str:
    """The package's version and a digest of its sources, as ``0.1.0+0123456789ab``."""
    return f"{simlab.__version__}+{digest_of_sources()}"


def make_plan(
    experiment: Experiment,
    settings: Mapping[str, object] | None = None,
    *,
    replicates: int | None = None,
    seed: int = 0,
    smoke: bool = False,
    design: str | None = None,
    points: int | None = None,
    device: str = "cpu",
    origin: str = "settings",
) -> Plan:
    """Return the grid points and blocks of ``experiment`` with ``settings`` in place of its axes.

    A tuple, list or range in ``settings`` is an axis, a ``Span`` a range that is sampled at ``points`` points by
    ``design`` ("lhs" unless "random"), anything else pins the setting; text is read as on the command line (``1e6``,
    ``0.1..0.9``, and ``a+b`` for a setting that holds a tuple). ``origin`` says in messages where they came from.
    ``smoke`` takes grid, replicates and block size from SMOKE. Raises ``BadInput`` listing every mistake of every
    grid point, those that the experiment's ``check`` finds among them, and for more than ``MOST`` blocks.
    """
    truth("smoke", smoke)
    sizes: dict[str, Any] = dict(experiment.smoke) if smoke else {}
    block = int(sizes.get("block", experiment.block))
    asked = count("replicates", sizes.get("replicates", experiment.replicates) if replicates is None else replicates, 1)
    seed = count("seed", seed, 0)
    settings = {} if settings is None else settings
    grid, spans = axes_of(experiment, settings, sizes.get("grid", experiment.grid), origin)
    sample = sample_of(experiment, spans, design, points, seed)
    origins = {name: origin if name in settings else f"GRID of {experiment.slug}.py" for name in (*grid, *spans)}
    blocks = -(-asked // block)
    size = math.prod(length(axis) for axis in grid.values()) * len(sample)
    _refuse_too_many(size, blocks, size * blocks)
    found = _points(experiment, grid, sample, origins)
    return Plan(experiment, found, (blocks,) * len(found), seed, asked, block, code_version(), device)


def _refuse_too_many(points: int, blocks: int, total: int) -> None:
    """Raise ``BadInput`` for a plan that no machine would live to see done, before it is laid out."""
    if total > MOST:
        each = f"{plural(points, 'grid point')} x {plural(blocks, 'block')}"
        raise BadInput(
            f"{number(total)} blocks ({each}) are too many: at most {number(MOST)} in one run, "
            "take fewer values or replicates"
        )


def _points(
    experiment: Experiment,
    grid: Mapping[str, Axis],
    sample: Sequence[Mapping[str, object]],
    origins: Mapping[str, str],
) -> tuple[Point, ...]:
    """The sample crossed with the axes, through the Config; every mistake of every point is reported, once."""
    fields = experiment.config.model_fields
    for name in (*RESERVED, *SUMMARY):
        if name in fields:
            raise BadInput(f"{experiment.slug}.py: setting {name!r} has the name of a column of the tables")
    axes = {n: [read_value(n, v, fields[n], origins[n]) for v in values] for n, values in grid.items()}
    points: list[Point] = []
    mistakes: dict[str, None] = {}
    refused: dict[str, list[Point]] = {}
    for first, values in itertools.product(sample, itertools.product(*axes.values())):
        chosen = dict(first) | dict(zip(axes, values, strict=True))
        try:
            config = experiment.config(**(dict(experiment.base) | chosen))
        except ValidationError as error:
            mistakes |= dict.fromkeys(sentences(error, origins, experiment))
            continue
        misfits = unfit(config, experiment.payload)
        for name, why in misfits.items():
            origin = origins.get(name, f"Config of {experiment.slug}.py")
            mistakes[f"{name} = {getattr(config, name)!r:.80} ({origin}): {why}"] = None
        if misfits:
            continue
        points.append(point_of(config))
        sentence = _refusal(experiment, config)
        if sentence:
            refused.setdefault(sentence, []).append(points[-1])
    several = [*sample[0], *(name for name, values in axes.items() if len(values) > 1)]
    mistakes |= dict.fromkeys(_placed(s, where, several, len(points)) for s, where in refused.items())
    if mistakes:
        raise BadInput("\n".join(mistakes))
    seen: set[str] = set()
    for point in points:
        if point.key in seen:
            where = ", ".join(f"{name} = {flat(point.settings)[name]}" for name in axes)
            raise BadInput(f"two grid points are the same ({where}): give each value of an axis once")
        seen.add(point.key)
    return tuple(points)


def _refusal(experiment: Experiment, config: BaseModel) -> str | None:
    """What the experiment's own check has against a configuration."""
    if experiment.check is None:
        return None
    try:
        experiment.check(config)
    except BadInput as error:
        return str(error)
    except Exception as error:
        return f"{experiment.slug}.py: check raised {type(error).__name__}: {error}"
    return None


def _placed(sentence: str, where: Sequence[Point], several: Sequence[str], of: int) -> str:
    """A refusal and the grid points that it is for, where they are not all."""
    if len(where) == of:
        return sentence
    more = f" and {plural(len(where) - 1, 'other grid point')}" if len(where) > 1 else ""
    return f"at {settings_text(flat(where[0].settings), several)}{more}: {sentence}"


def point_of(config: BaseModel) -> Point:
    """A validated grid point and its digests, with ``methods`` and without."""
    own = config.model_dump()
    named = {name: value for name, value in config.model_dump(mode="json").items() if name != "methods"}
    settings = carried(config)
    try:
        return Point(settings, _digest(named), _digest(own))
    except TypeError:  # its mapping has names that JSON has not
        return Point(settings, _digest(named), _digest(settings))


def _digest(value: object) -> str:
    """SHA-256 over sorted JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def flat(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as columns: numbers, truth values and text as they are, sequences joined by ``+``, the rest as JSON."""
    return {name: column(value) for name, value in settings.items()}
