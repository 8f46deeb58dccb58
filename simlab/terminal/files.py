"""Files that are there whole or not at all, and places to write that are tried before the long work."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simlab.errors import BadInput
from simlab.terminal.output import for_a_reader

STDOUT = "-"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Let the body write a file under another name beside ``path``, then sync it and give it its name, or remove it.

    A file that is there already is replaced and hands on its permissions.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, as ``written_whole`` does."""
    with written_whole(path) as temporary, temporary.open("xb") as file:
        file.write(data)


def _temporary(path: Path) -> Path:
    """A new name beside ``path``: a rename within one folder is whole or not at all."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


@dataclass(frozen=True)
class Destination:
    """Where a report goes: a file (``path``, links followed), a device or pipe, or stdout (``-``)."""

    option: str
    name: str
    path: Path | None

    def write(self, text: str) -> None:
        """Write the text, to a file whole or not at all. Raises ``BadInput`` where the system refuses."""
        if self.path is None:
            with for_a_reader():
                sys.stdout.buffer.write(text.encode())
                sys.stdout.flush()
            return
        try:
            if self.path.exists() and not self.path.is_file():
                with for_a_reader(), self.path.open("w", encoding="utf-8") as pipe:
                    pipe.write(text)
            else:
                write_atomically(self.path, text.encode())
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise _refused(self.option, self.name, error) from None


def destination(option: str, name: str, read: Iterable[str], *, stdout: bool = False) -> Destination:
    """Return where ``name``, the value of ``option``, leads, after trying that a file can be made there.

    ``read`` are the files that are read, which are never written over; ``stdout`` says that ``-`` means stdout. A file
    that is there is replaced when the text is written, not before. Raises ``BadInput`` for a place that cannot be
    written.
    """
    if name == STDOUT:
        if stdout:
            return Destination(option, name, None)
        raise BadInput(f"{option} -: only --json can go to stdout: name a file")
    if not name:
        raise BadInput(f"{option} '': is no path: name a file")
    try:
        path = Path(name).resolve()
        if any(path == Path(other).resolve() for other in read):
            raise BadInput(f"{option} {name}: is read as input: name another file to write")
        if path.is_dir():
            raise BadInput(f"{option} {name}: is a folder: name a file in it")
        if path.is_file() or not path.exists():
            trial = _temporary(path)
            trial.touch(exist_ok=False)
            trial.unlink()
    except (OSError, RuntimeError) as error:  # Python 3.11 and 3.12 tell of a circle of links by the latter
        raise _refused(option, name, error) from None
    return Destination(option, name, path)


def _refused(option: str, name: str, error: OSError | RuntimeError) -> BadInput:
    reason = getattr(error, "strerror", None) or "its links lead in a circle"
    return BadInput(f"{option} {name}: cannot be written ({reason}): choose another file, or make room")
