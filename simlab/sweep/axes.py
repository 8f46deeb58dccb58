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
from simlab.sweep.loading import Experiment
from simlab.terminal.numerals import whole
from simlab.terminal.wording import number

Axis = Sequence[object]
"""The values of one setting."""


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


def axes_of(experiment: Experiment, settings: object, grid: Mapping[str, Axis], origin: str) -> dict[str, Axis]:
    """Return ``grid`` with the user's ``settings`` for its axes. Raises ``BadInput`` for what may not be set."""
    if not isinstance(settings, Mapping):
        raise BadInput(f"settings = {settings!r}: must map names of settings to values")
    axes = dict(grid)
    open_to_users = [name for name in experiment.open_settings if name not in experiment.closed]
    for name, value in settings.items():
        if name in experiment.closed:
            way_out = experiment.closed[name]
            reason = f"is fixed when the table is read: use {way_out} instead" if way_out else "cannot be set"
            raise BadInput(f"setting {name!r} {reason}")
        if name not in open_to_users:
            raise unknown("setting", str(name), open_to_users)
        axes[name] = _axis(name, value, origin)
    return axes


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
    found = []
    for mistake in error.errors():
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
