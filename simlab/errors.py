"""A user's mistake is one sentence: the name, the value, the rule, the way out.

``BadInput`` is the only exception that the command lines turn into a sentence and exit status 2; any other
exception is a mistake of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class BadInput(ValueError):
    """An input that breaks a stated rule; its text is the whole message, fit to be shown to a user."""


def unknown(kind: str, name: object, known: Iterable[str]) -> BadInput:
    """Return the error for a ``name`` that is not among the ``known`` ones, with the nearest of them.

    ``kind`` says what the name stands for (``"setting"``, ``"method"``, ``"column"``). What is no text is shown as it
    is, on one line, and is near to the name that it reads like.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    plain = [one if one and one.isprintable() and one == one.strip() and "," not in one else repr(one) for one in names]
    hint = f"did you mean {near[0]!r}?" if near else "choose from " + ", ".join(plain)
    said = repr(name) if isinstance(name, str) else " ".join(repr(name).split())
    return BadInput(f"{kind} {said} is unknown: {hint}")


def check_type(name: str, value: Any, kinds: type | tuple[type, ...], rule: str) -> None:
    """Raise ``BadInput`` unless ``value`` is one of ``kinds``; ``rule`` says what it must be, and how to come by it."""
    if not isinstance(value, kinds):
        raise BadInput(f"{name} = {shown(value)}: must be {rule}")


def shown(value: Any) -> str:
    """Return what a sentence shows of a value: its ``repr`` on one line, cut after 60 characters.

    A NumPy scalar is shown as the plain number that it is; a date or a time span keeps its own form.
    """
    kinds = {kind.__name__ for kind in type(value).__mro__ if kind.__module__ == "numpy"}  # NumPy itself stays unloaded
    if "generic" in kinds and not kinds & {"datetime64", "timedelta64"}:
        value = value.item()
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
