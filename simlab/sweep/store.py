"""Where results live: one file a block (``collecting`` makes tables of them, ``manifests`` says which run has which).

A block's file is written whole under a temporary name in the same folder, synced and renamed, so whatever is
killed, a file is either there or not. Its first line is a header (key, columns, row count, SHA-256 of the rows,
provenance), the others are its rows as strict JSON: NaN and the infinities are the texts ``"NaN"``, ``"Infinity"``
and ``"-Infinity"`` (no measure is a text, so nothing is mistaken for them). A file whose header or rows
do not match their digests counts as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simlab.errors import BadInput
from simlab.sweep.blocks import Outcome
from simlab.sweep.loading import Row
from simlab.sweep.plan import Job, flat
from simlab.terminal.files import write_atomically


@dataclass(frozen=True)
class Block:
    """The header of a finished block, and where its rows are."""

    path: Path
    key: str
    sha256: str
    columns: dict[str, str]
    rows: int
    errors: int
    warnings: tuple[str, ...]
    provenance: dict[str, object]

    def body(self) -> bytes:
        """The rows as JSON lines."""
        return self.path.read_bytes().partition(b"\n")[2]


@dataclass(frozen=True)
class Store:
    """A results folder. ``created`` are the folders that did not exist before, outermost first."""

    folder: Path
    created: tuple[Path, ...] = ()

    @property
    def blocks(self) -> Path:
        """The folder of the block files."""
        return self.folder / "blocks"

    @property
    def runs(self) -> Path:
        """The folder of the manifests."""
        return self.folder / "runs"

    def path(self, key: str) -> Path:
        """The file of the block ``key``."""
        return self.blocks / f"{key}.jsonl"

    def finished(self, jobs: Iterable[Job]) -> dict[str, Block]:
        """The whole blocks among ``jobs`` by key; a missing, truncated or altered file is not among them."""
        found = ((job.key, read_block(self.path(job.key), job.key)) for job in jobs)
        return {key: block for key, block in found if block is not None}

    def files(self) -> list[Path]:
        """All block files, of whatever run."""
        return sorted(self.blocks.glob("*.jsonl"))

    def strangers(self, jobs: Iterable[Job]) -> int:
        """How many block files belong to other settings, another experiment text or another code version."""
        known = {self.path(job.key).name for job in jobs}
        return sum(path.name not in known for path in self.files())

    def delete(self, jobs: Iterable[Job]) -> None:
        """Delete the files of these blocks and no others."""
        for job in jobs:
            self.path(job.key).unlink(missing_ok=True)

    def write(self, outcome: Outcome) -> Block:
        """Keep the rows of a block. Raises ``BadInput`` when the disk refuses."""
        path, block, body = self.path(outcome.job.key), *block_of(outcome, self.path(outcome.job.key))
        header = {
            "key": block.key,
            "columns": block.columns,
            "rows": block.rows,
            "sha256": block.sha256,
            "errors": block.errors,
            "warnings": block.warnings,
            "provenance": block.provenance,
        }
        with self.refusals():
            write_atomically(path, _encode(header | {"seal": _seal(header)}) + body)
        return block

    def discard_if_empty(self) -> None:
        """Remove the folders that this store made, where nothing was put into them."""
        for folder in reversed(self.created):
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn the system's refusal to write into a sentence."""
        try:
            yield
        except FileNotFoundError:
            raise BadInput(
                f"results folder {str(self.folder)!r}: blocks of this run were deleted by another process: "
                "the same command computes them again"
            ) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(
                f"results folder {str(self.folder)!r} cannot be written ({reason}): "
                "finished blocks are kept; make room or choose another with --out DIR"
            ) from None


def open_store(folder: Path) -> Store:
    """Make the results folder and try it with a file. Raises ``BadInput``, with nothing left behind, if it refuses."""
    target = folder / "blocks"
    missing = [path for path in (target, *target.parents) if not os.path.lexists(path)]
    store = Store(folder, tuple(reversed(missing)))
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target):
            pass
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        store.discard_if_empty()
        reason = error.strerror or str(error)
        raise BadInput(
            f"results folder {str(folder)!r} cannot be written ({reason}): choose another with --out DIR"
        ) from None
    return store


def open_folder(name: object) -> Store:
    """A results folder that is there, to look at. Raises ``BadInput`` for one that is not."""
    folder = Path(str(name))
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise BadInput(f"results folder {str(name)!r} {what}: name the folder of a sweep, such as its --out")
    return Store(folder)


def read_block(path: Path, key: str) -> Block | None:
    """The block in a file, or None where the file is missing or is not what was written."""
    try:
        line, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(line)
        seal = header.pop("seal")
        if header["key"] != key or seal != _seal(header) or header["sha256"] != hashlib.sha256(body).hexdigest():
            return None
        warnings = tuple(header["warnings"])
        columns, rows, errors = header["columns"], header["rows"], header["errors"]
        return Block(path, key, header["sha256"], columns, rows, errors, warnings, header["provenance"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _seal(header: Mapping[str, object]) -> str:
    """A digest of all else that a header says."""
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


def block_of(outcome: Outcome, path: Path) -> tuple[Block, bytes]:
    """A block as it is kept: its header, and its rows as JSON lines, the same bytes for the same rows."""
    job = outcome.job
    before = {"experiment": job.source.slug, **flat(job.settings), "seed": job.seed}
    after = {"version": job.version, "key": job.key}
    head, tail = _encode(before)[:-2] + b",", b"," + _encode(after)[1:]
    body = b"".join(head + _encode(row)[1:-2] + tail for row in outcome.rows)
    columns = _columns([dict(before)]) | _columns(outcome.rows) | _columns([dict(after)])
    provenance = outcome.provenance | {"attempt": outcome.attempt}
    digest, rows = hashlib.sha256(body).hexdigest(), len(outcome.rows)
    return Block(path, job.key, digest, columns, rows, outcome.errors, outcome.warnings, provenance), body


_json = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def _encode(row: Mapping[str, object]) -> bytes:
    """One line of strict JSON."""
    try:
        text = _json.encode(row)
    except ValueError:  # it has a number that is none in JSON
        text = _json.encode({name: _strict(value) for name, value in row.items()})
    return text.encode() + b"\n"


def _strict(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _columns(rows: Sequence[Row]) -> dict[str, str]:
    """Every column of the rows, in order of appearance, with the one type that holds all its values."""
    columns: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            kind = _kind(value)
            if columns.get(name) != kind:
                columns[name] = wider(columns.get(name, ""), kind)
    return columns


def _kind(value: object) -> str:
    """The type of a value; whole numbers beyond 64 bits are kept as floats, since no table holds them."""
    if value is None:
        return ""
    return "float" if type(value) is int and abs(value) >= 2**63 else type(value).__name__


def wider(one: str, other: str) -> str:
    """The type that holds both: text over float over integer; a truth value among numbers is a float."""
    if one == other or not other:
        return one
    if not one:
        return other
    return "str" if "str" in (one, other) else "float"
