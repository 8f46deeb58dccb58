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
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

import simlab
from simlab.errors import BadInput, unknown
from simlab.sweep.loading import Experiment, Source

RESERVED = ("experiment", "seed", "replicate", "method", "version", "key")
"""Columns that every row carries; no setting and no measure may have their names."""

SUMMARY = (
    *("measure", "mean", "mcse", "q05", "q50", "q95", "n", "n_errors", "n_not_converged"),
    *("bias", "bias_mcse", "coverage", "coverage_mcse"),
)
"""Columns of the summary; no setting may have their names."""


@dataclass(frozen=True)
class Point:
    """One point of the grid: all settings, and the digest that keys its streams."""

    settings: dict[str, Any]
    digest: str


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
    """Everything a sweep will do. ``jobs`` come in the order of the grid, then of the blocks."""

    experiment: Experiment
    points: tuple[Point, ...]
    jobs: tuple[Job, ...]
    seed: int
    replicates: int
    asked: int
    block: int

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of all settings, in the order of the Config."""
        return tuple(self.points[0].settings)

    @property
    def varying(self) -> tuple[str, ...]:
        """The settings that take more than one value over the grid."""
        rows = [flat(point.settings) for point in self.points]
        return tuple(name for name in self.settings if len({repr(row[name]) for row in rows}) > 1)

    def description(self) -> list[str]:
        """What the experiment says of its first grid point before any draw (of a table of facts, say)."""
        experiment = self.experiment
        config = experiment.config(**self.points[0].settings, **experiment.payload)
        return experiment.describe(config) if experiment.describe else []


@functools.cache
def code_version() -> str:
    """The package's version and the first 12 digits of a SHA-256 over its Python files, as ``0.1.0+0123456789ab``."""
    root = Path(simlab.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(text)}\0".encode())
        digest.update(text)
    return f"{simlab.__version__}+{digest.hexdigest()[:12]}"


def whole(name: str, text: str, origin: str = "") -> int:
    """Return the integer that ``text`` writes, exactly: ``1e6``, ``10000``, ``2.5e3``. Raises ``BadInput`` for 1.5."""
    try:
        value = Decimal(text)
        if value.is_finite() and value == value.to_integral_value() and value.adjusted() < 400:
            return int(value)
    except (InvalidOperation, OverflowError):
        pass
    raise BadInput(f"{name} = {text}{origin and f' ({origin})'}: must be a whole number, such as 10000 or 1e4")


def parse_axes(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the axes of ``name=value,value`` texts. Raises ``BadInput`` for another form, or a repeated name."""
    axes: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        parts = tuple(part.strip() for part in values.split(","))
        if not equals or not name or not all(parts):
            raise BadInput(f"--set {text}: must read name=value or name=value,value")
        if name in axes:
            raise BadInput(f"--set {name} is given twice: separate the values of one axis by commas")
        axes[name] = parts
    return axes


def make_plan(
    experiment: Experiment,
    settings: Mapping[str, object] | None = None,
    *,
    replicates: int | None = None,
    seed: int = 0,
    smoke: bool = False,
    origin: str = "settings",
) -> Plan:
    """Return the grid points and blocks of ``experiment`` with ``settings`` in place of its axes.

    A tuple, list or range in ``settings`` is an axis, anything else pins the setting; text is read as on the
    command line (``1e6``, and ``a+b`` for a setting that holds a tuple). ``origin`` says in messages where they
    came from. ``smoke`` takes grid, replicates and block size from SMOKE. Raises ``BadInput`` listing every mistake.
    """
    sizes: dict[str, Any] = dict(experiment.smoke) if smoke else {}
    block = int(sizes.get("block", experiment.block))
    asked = int(sizes.get("replicates", experiment.replicates)) if replicates is None else replicates
    for name, size, least in (("replicates", asked, 1), ("seed", seed, 0)):
        if size < least:
            raise BadInput(f"{name} = {size}: must be a whole number of at least {least}")
    grid: dict[str, Sequence[object]] = dict(sizes.get("grid", experiment.grid))
    origins = dict.fromkeys(grid, f"GRID of {experiment.slug}.py")
    for name, value in (settings or {}).items():
        if name not in experiment.open_settings:
            raise unknown("setting", name, experiment.open_settings)
        grid[name] = value if isinstance(value, (tuple, list, range)) else (value,)
        origins[name] = origin
    points = _points(experiment, grid, origins)
    blocks = math.ceil(asked / block)
    jobs = tuple(_job(experiment.source, point, seed, i, block) for point in points for i in range(blocks))
    return Plan(experiment, points, jobs, seed, blocks * block, asked, block)


def _points(
    experiment: Experiment, grid: Mapping[str, Sequence[object]], origins: Mapping[str, str]
) -> tuple[Point, ...]:
    """The full product of the axes, through the Config; every mistake of every point is reported, once."""
    fields = experiment.config.model_fields
    for name in (*RESERVED, *SUMMARY):
        if name in fields:
            raise BadInput(f"{experiment.slug}.py: setting {name!r} has the name of a column of the tables")
    axes = {n: [_read(n, v, fields[n], origins[n]) for v in values] for n, values in grid.items()}
    points: list[Point] = []
    mistakes: dict[str, None] = {}
    for values in itertools.product(*axes.values()):
        try:
            config = experiment.config(**(dict(experiment.base) | dict(zip(axes, values, strict=True))))
        except ValidationError as error:
            mistakes |= dict.fromkeys(_sentences(error, origins, experiment))
        else:
            points.append(_point(config))
    if mistakes:
        raise BadInput("\n".join(mistakes))
    seen: set[str] = set()
    for point in points:
        text = json.dumps(point.settings, default=str)
        if text in seen:
            where = ", ".join(f"{name} = {flat(point.settings)[name]}" for name in axes)
            raise BadInput(f"two grid points are the same ({where}): give each value of an axis once")
        seen.add(text)
    return tuple(points)


def _read(name: str, value: object, info: FieldInfo, origin: str) -> object:
    """The value that a text stands for; what is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    kinds = _kinds(info.annotation)
    if tuple in kinds:
        return tuple(_read_one(name, part, kinds, origin) for part in value.split("+"))
    return _read_one(name, value, kinds, origin)


def _read_one(name: str, text: str, kinds: set[object], origin: str) -> object:
    if type(None) in kinds and text.lower() == "none":
        return None
    if int in kinds and not kinds & {float, str}:
        return whole(name, text, origin)
    return text


def _kinds(annotation: object) -> set[object]:
    """The types an annotation admits: ``int | None`` gives int and NoneType, ``tuple[str, ...]`` tuple and str."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return {type(part) for part in parts}
    if origin is typing.Annotated:
        return _kinds(parts[0])
    return {origin or annotation}.union(*(_kinds(part) for part in parts))


def _sentences(error: ValidationError, origins: Mapping[str, str], experiment: Experiment) -> list[str]:
    """One sentence a mistake: the name, the value, where it came from, the rule."""
    sentences = []
    for mistake in error.errors():
        cause = mistake.get("ctx", {}).get("error")
        name = str(mistake["loc"][0]) if mistake["loc"] else ""
        if isinstance(cause, BadInput) and not name:
            sentences.append(str(cause))
            continue
        rule = str(cause or mistake["msg"]).replace("Input should", "must").replace("Field required", "is required")
        origin = origins.get(name, f"Config of {experiment.slug}.py")
        shown = f"{name} = {mistake['input']}" if name else experiment.slug
        sentences.append(f"{shown} ({origin}): {rule}")
    return sentences


def _point(config: BaseModel) -> Point:
    """A validated grid point and the digest of its settings without ``methods``."""
    settings = config.model_dump()
    named = {name: value for name, value in config.model_dump(mode="json").items() if name != "methods"}
    return Point(settings, _digest(named))


def _job(source: Source, point: Point, seed: int, index: int, size: int) -> Job:
    """The block ``index`` of a grid point; its key hashes everything that its rows depend on."""
    version = code_version()
    whole_configuration = [point.settings, seed, index, size, source.slug, source.digest, version]
    return Job(_digest(whole_configuration), source, point.settings, point.digest, seed, index, size, version)


def _digest(value: object) -> str:
    """SHA-256 over sorted JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def flat(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as columns: numbers, truth values and text as they are, sequences joined by ``+``, the rest as JSON."""
    return {name: _cell(value) for name, value in settings.items()}


def _cell(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return "+".join(str(_cell(item)) for item in value)
    return json.dumps(value, sort_keys=True, default=str)
