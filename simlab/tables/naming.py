"""Which files are meant: names and patterns, each file once, in an order that does not depend on the file system."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simlab.errors import BadInput


def meant(paths: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """Return the files that ``paths`` name, in the order of the names, those of a pattern sorted.

    A path with ``*``, ``?`` or ``[`` that is itself no file is a pattern: ``**`` stands for any folders, hidden files
    are passed over, and every file it matches is meant, whatever its format. Raises ``BadInput`` for no path, for a
    pattern without a match, and for a file that is reached twice, by whatever names: its rows would count double.
    """
    given: Any = paths  # a caller in Python may pass anything
    if isinstance(given, bytes) or not isinstance(given, str | Path | Sequence):
        raise BadInput(f"paths = {given!r}: must be a path or a list of paths, each a text or a Path")
    names = (given,) if isinstance(given, str | Path) else tuple(given)
    if not names:
        raise BadInput("paths = []: at least one file is needed: name it")
    for name in names:
        if not isinstance(name, str | Path):
            raise BadInput(f"paths = {name!r}: is no path: name files by texts or Paths")
        if not str(name):
            raise BadInput("paths = '': is no path: name a file")
    files: list[str] = []
    by: dict[Path, tuple[str, str]] = {}
    for name in map(str, names):
        for file in _matched(name):
            there = _resolved(file)
            if there in by:
                raise BadInput(f"{_twice(file, name, *by[there])}: its rows would count double, name it once")
            by[there] = file, name
            files.append(file)
    return tuple(files)


def _twice(file: str, name: str, other: str, by: str) -> str:
    """That a file is named twice: as ``file`` by ``name``, and before as ``other`` by ``by``."""
    if os.path.abspath(file) != os.path.abspath(other):
        return f"{file}: is the file {other} once more, through a link"
    if glob.has_magic(name + by):
        return f"{file}: the file is named twice (by {by!r} and {name!r})"
    return f"{other}: the file is named twice"


def _resolved(file: str) -> Path:
    """The file itself, whatever links lead to it."""
    try:
        return Path(file).resolve()
    except (OSError, RuntimeError) as error:  # Python 3.11 and 3.12 tell of a circle of links by the latter
        raise _unreachable(file, error) from None


def _matched(name: str) -> list[str]:
    """The files that ``name`` stands for: itself, or what matches it."""
    try:
        if not glob.has_magic(name) or Path(name).exists():
            return [name]
        found = sorted(path for path in glob.glob(name, recursive=True) if not Path(path).is_dir())
    except OSError as error:
        raise _unreachable(name, error) from None
    if not found:
        raise BadInput(f"{name}: no file matches this pattern: check the folder and the pattern")
    return found


def _unreachable(name: str, error: Exception) -> BadInput:
    reason = getattr(error, "strerror", None) or "its links lead in a circle"
    return BadInput(f"{name}: cannot be reached ({reason}): check the path, and that its folders may be searched")
