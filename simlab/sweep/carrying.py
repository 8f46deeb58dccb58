"""Settings as they travel: to a worker, into a manifest and into a row they are plain values, as JSON has them.

A worker has the experiment's text and these values, but no class that was made elsewhere from the same text. So what
is not made of plain values (an Enum, a date, a nested model) is carried as JSON writes it, and the Config reads it
back. A setting that does not come back equal is refused before anything runs, and so is a set, whose order, and with
it what a cell draws, is another in each process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

C = TypeVar("C", bound=BaseModel)


def carried(config: BaseModel) -> dict[str, Any]:
    """All settings of a configuration: those of plain values as they are, the others as JSON writes them."""
    own = config.model_dump()
    odd = {name for name, value in own.items() if not _plain(value)}
    written = json.loads(json.dumps(config.model_dump(mode="json", include=odd))) if odd else {}
    return {name: written.get(name, value) for name, value in own.items()}


def read_back(config: type[C], settings: Mapping[str, object], given: Mapping[str, object]) -> C:
    """The configuration of settings that were carried, and of what is ``given`` beside them.

    A list is taken for a tuple and a text for a date even where the Config is strict. Raises ``ValidationError``.
    """
    return config.model_validate({**settings, **given}, strict=False)


def unfit(config: BaseModel, given: Mapping[str, object]) -> dict[str, str]:
    """The settings that cannot be carried, and why."""
    own = config.model_dump()
    odd = {name: value for name, value in own.items() if not _plain(value)}
    found = {name: why for name, value in odd.items() if (why := _refusal(config, name, value))}
    if found:
        return found
    try:
        again = read_back(type(config), json.loads(json.dumps(carried(config))), given)
    except ValidationError as error:
        names = dict.fromkeys(str(part["loc"][0]) if part["loc"] else next(iter(own)) for part in error.errors())
        return {name: f"is refused by the Config when it is read back from JSON ({_said(error)})" for name in names}
    back = again.model_dump()
    return {
        name: f"comes back from JSON as {getattr(again, name)!r}: give the setting a type that JSON keeps"
        for name in own
        if not _same(getattr(config, name), getattr(again, name))
        or (name in odd and str(odd[name]) != str(back[name]))  # keys are made of these texts
    }


def column(value: object) -> object:
    """A setting as a plain value of a column: sequences joined by ``+``, the rest as JSON."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, str):
        return str.__str__(value)  # an Enum of texts is the text
    if isinstance(value, (tuple, list)):
        return "+".join(str(column(item)) for item in value)
    return json.dumps(value, sort_keys=True, default=str)


def _plain(value: object) -> bool:
    """Whether a value is made of what JSON has, and of tuples."""
    if type(value) in (tuple, list):
        return all(map(_plain, value))  # type: ignore[call-overload]
    if type(value) is dict:
        return all(type(name) is str for name in value) and all(map(_plain, value.values()))
    return value is None or type(value) in (bool, int, float, str)


def _refusal(config: BaseModel, name: str, value: object) -> str | None:
    if _holds_set(value):
        return "a set has no order, so that its rows would not repeat: make it a tuple"
    try:
        json.dumps(config.model_dump(mode="json", include={name}), sort_keys=True)
    except (PydanticSerializationError, TypeError, ValueError):
        return "cannot be written as JSON, which is how settings travel: give the setting another type"
    return None


def _holds_set(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_set, (*value, *value.values())))
    if isinstance(value, (tuple, list)):
        return any(map(_holds_set, value))
    return isinstance(value, (set, frozenset))


def _said(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).replace("Input should", "must")


def _same(one: object, other: object) -> bool:
    """Whether two values are equal; NaN is, to itself."""
    try:
        return bool(one == other) or repr(one) == repr(other)
    except Exception:
        return repr(one) == repr(other)
