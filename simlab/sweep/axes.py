"""What a user asks for, read and checked: whole numbers, axes of the grid, the parts of a value, and what is closed."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from simlab.errors import BadInput, unknown
from simlab.sweep.designs import Span, distinct, read_span, sampled
from simlab.sweep.loading import Experiment
from simlab.terminal.numerals import count, whole
from simlab.terminal.wording import number

Axis = Sequence[object]
"""The values of one setting."""

MOST_READ = 1000
"""An axis of more values is a list of them and holds no range."""


def truth(name: str, value: object) -> None:
    """Raise ``BadInput`` for what is neither True nor False."""
    if not isinstance(value, bool):
        raise BadInput(f"{name} = {value!r}: must be True or False")


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


def axes_of(
    experiment: Experiment, settings: object, grid: Mapping[str, Axis], origin: str
) -> tuple[dict[str, Axis], dict[str, Span]]:
    """Return ``grid`` with the user's ``settings`` for its axes, and the ranges that are to be sampled.

    Raises ``BadInput`` for what may not be set.
    """
    if not isinstance(settings, Mapping):
        raise BadInput(f"settings = {settings!r}: must map names of settings to values")
    axes, spans = dict(grid), dict[str, Span]()
    open_to_users = [name for name in experiment.open_settings if name not in experiment.closed]
    for name, value in settings.items():
        if name in experiment.closed:
            way_out = experiment.closed[name]
            reason = f"is fixed when the table is read: use {way_out} instead" if way_out else "cannot be set"
            raise BadInput(f"setting {name!r} {reason}")
        if name not in open_to_users:
            raise unknown("setting", str(name), open_to_users)
        axis = _axis(name, value, origin)
        span = _span(name, axis, experiment.config.model_fields[name], origin)
        if span is None:
            axes[name] = axis
        else:
            axes.pop(name, None)
            spans[name] = span
    return axes, spans


def _span(name: str, axis: Axis, info: FieldInfo, origin: str) -> Span | None:
    """The range that an axis is, or None. Raises ``BadInput`` for a range among values, or of a setting of texts."""
    kinds = _kinds(info.annotation)
    numbers = bool(kinds & {int, float}) and not kinds & {str, tuple}
    if length(axis) > MOST_READ or not (numbers or any(isinstance(value, Span) for value in axis)):
        return None
    found = [span for value in axis if (span := read_span(name, value)) is not None]
    if not found:
        return None
    if len(axis) > 1:
        raise BadInput(f"{name} ({origin}): holds a range, {found[0]}, among other values: give the one or the others")
    if not numbers:
        raise BadInput(f"{name} = {found[0]} ({origin}): is a range, and the setting takes no numbers")
    if _counts(kinds) and not found[0].whole:
        raise BadInput(f"{name} = {found[0]} ({origin}): must be a range of whole numbers, such as 1..10 or 1e3..1e9")
    return found[0]


def _counts(kinds: set[object]) -> bool:
    """Whether a setting of these types takes whole numbers only."""
    return int in kinds and float not in kinds


def sample_of(
    experiment: Experiment, spans: Mapping[str, Span], design: str | None, points: int | None, seed: int
) -> list[dict[str, object]]:
    """The points sampled from the ranges; where there are none a single point without coordinates."""
    if not spans:
        for name, given in (("design", design), ("points", points)):
            if given is not None:
                raise BadInput(f"{name} = {given} is given without a range: write one, such as --set NAME=0.1..0.9")
        return [{}]
    ranges = ", ".join(f"{name} = {span}" for name, span in spans.items())
    if points is None:
        raise BadInput(f"{ranges}: a range is sampled at some points: say how many with --points N")
    fields = experiment.config.model_fields
    whole = {name: _counts(_kinds(fields[name].annotation)) for name in spans}
    sample = sampled(spans, whole, count("points", points, 1), "lhs" if design is None else design, seed)
    distinct(sample, spans)
    return sample


def _axis(name: str, value: object, origin: str) -> Axis:
    """The values of an axis: those of a tuple, list, range or row of an array; anything else is one value."""
    if getattr(value, "ndim", 0) == 1 and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (set, frozenset)):
        raise BadInput(f"{name} = {value!r} ({origin}): a set has no order, give a tuple")
    if not isinstance(value, (tuple, list, range)):
        return (value,)
    if not value:
        raise BadInput(f"{name} = {value!r} ({origin}): an axis needs at least one value")
    return value


def length(axis: Axis) -> int:
    """How many values an axis has; ``len`` fails on a range of more than 2^63."""
    return (axis[-1] - axis[0]) // axis.step + 1 if isinstance(axis, range) and axis else len(axis)


def read_value(name: str, value: object, info: FieldInfo, origin: str) -> object:
    """The value that a text stands for; what is no text is left to pydantic. Raises ``BadInput`` for odd parts."""
    kinds = _kinds(info.annotation)
    if tuple in kinds and isinstance(value, (str, tuple, list)):
        parts = value.split("+") if isinstance(value, str) else value
        _check_parts(name, parts, f" ({origin})", texts=str in kinds)
        return tuple(_read_one(name, part, kinds, origin) for part in parts)
    return _read_one(name, value, kinds, origin)


def _check_parts(name: str, parts: Sequence[object], origin: str, *, texts: bool) -> None:
    """Refuse an empty part, and a part that comes twice where parts are names (numbers may be equal)."""
    shown = "+".join(map(str, parts))
    if "" in parts:
        raise BadInput(f"{name} = {shown}{origin}: a part is empty, join parts by a single +")
    for part in parts if texts else ():
        if parts.count(part) > 1:
            raise BadInput(f"{name} = {shown}{origin}: {part!r} is named twice, name it once")


def _read_one(name: str, text: object, kinds: set[object], origin: str) -> object:
    if not isinstance(text, str):
        return text
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


def sentences(error: ValidationError, origins: Mapping[str, str], experiment: Experiment) -> list[str]:
    """One sentence a mistake: the name, the value, where it came from, the rule."""
    found, mistakes = [], error.errors()
    of_parts = {mistake["loc"][0] for mistake in mistakes if len(mistake["loc"]) > 1}
    for mistake in mistakes:
        if mistake["type"] == "too_short" and mistake["loc"][0] in of_parts:
            continue  # parts that are refused are not counted
        cause = mistake.get("ctx", {}).get("error")
        name = str(mistake["loc"][0]) if mistake["loc"] else ""
        if isinstance(cause, BadInput) and not name:
            found.append(str(cause))
            continue
        rule = str(cause or _shortened(mistake["msg"])).replace("Input should", "must")
        rule = "must be a finite number" if _no_number(mistake) else rule.replace("Field required", "is required")
        origin = origins.get(name, f"Config of {experiment.slug}.py")
        shown = f"{name} = {_shortened(str(mistake['input']))}" if name else experiment.slug
        found.append(f"{shown} ({origin}): {rule}")
    return found


def _no_number(mistake: Any) -> bool:
    """Whether a bound on a number was broken by nan or by an infinity."""
    try:
        return mistake["type"].startswith(("greater_than", "less_than", "finite")) and not math.isfinite(
            float(mistake["input"])
        )
    except (TypeError, ValueError, OverflowError):
        return False


def _shortened(text: str) -> str:
    """Whole numbers of many zeros as powers: ``1e15`` for 1000000000000000."""

    def power(match: re.Match[str]) -> str:
        short = number(int(match[0]))
        return short if "e" in short else match[0]

    return re.sub(r"(?<![\w.])[1-9]\d{4,400}(?![\w.])", power, text)
