"""Which files are meant: names and patterns, each file once, in an order that does not depend on the file system."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from simlab.errors import BadInput


def meant(paths: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """Return the files that ``paths`` name, in the order of the names, those of a pattern sorted.

    A path with ``*``, ``?`` or ``[`` that is itself no file is a pattern: ``**`` stands for any folders, hidden files
    are passed over, and every file it matches is meant, whatever its format. Raises ``BadInput`` for no path, for a
    pattern without a match, and for a file that is reached twice, by whatever names: its rows would count double.
    """
    names = (paths,) if isinstance(paths, str | Path) else tuple(paths)
    if not names:
        raise BadInput("paths = []: at least one file is needed: name it")
    files: list[str] = []
    by: dict[Path, str] = {}
    for name in map(str, names):
        for file in _matched(name):
            there = Path(file).resolve()
            if there in by:
                pattern = glob.has_magic(by[there] + name)
                named = (
                    f"{file}: the file is named twice (by {by[there]!r} and {name!r})"
                    if pattern
                    else (f"{by[there]}: the file is named twice")
                )
                raise BadInput(f"{named}: its rows would count double, name it once")
            by[there] = name
            files.append(file)
    return tuple(files)


def _matched(name: str) -> list[str]:
    """The files that ``name`` stands for: itself, or what matches it."""
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    found = sorted(path for path in glob.glob(name, recursive=True) if not Path(path).is_dir())
    if not found:
        raise BadInput(f"{name}: no file matches this pattern: check the folder and the pattern")
    return found
