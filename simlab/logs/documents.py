"""The files of Inspect AI as they lie on disk: a JSON document, or a zip with a member for each sample.

Members are packed by deflate or, in logs of 2025 and later, by zstd, which the standard library reads from Python 3.14
on. What is never looked at, events and messages above all, is dropped as soon as it is parsed.
"""

from __future__ import annotations

import importlib
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simlab.errors import BadInput
from simlab.tables.asking import Progress
from simlab.tables.data_files import check_name

SUFFIXES = (".eval", ".json")
"""What such files end in."""
BULKY = frozenset(
    {"events", "messages", "store", "attachments", "events_data", "timelines", "model_usage", "role_usage", "history"}
)
"""Fields of a sample that are never looked at."""
HEADERS = ("header.json", "_journal/start.json")
"""Members that name model and task: of a log that was closed, and of one that was not."""
SAMPLES = "samples/"
LARGEST = 2**30
"""Bytes of the largest member that is unpacked: no sample is that long, and a few bytes may claim to be."""
EVERY = 500
"""Samples between two words on how far the reading is."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is used of a log: its samples in order and where each stands, and what its header says.

    ``wanted`` is how many samples the evaluation was to have.
    """

    samples: Sequence[Mapping[str, Any]]
    places: Sequence[str]
    model: str | None
    task: str | None
    status: str | None
    wanted: int | None
    bytes: int
    told_by: str


def document_of(path: str, progress: Progress | None = None) -> Document:
    """Read a log. Raises ``BadInput`` for a file that is not there, is no log of Inspect AI, or is damaged."""
    check_name(path)
    file = Path(path)
    try:
        if file.is_dir():
            raise BadInput(f"{path}: is a folder: name a file in it, or a pattern such as {file / '*.eval'}")
        size = file.stat().st_size
        if not size:
            raise BadInput(f"{path}: is empty: name a file with samples")
        if file.suffix.lower() == ".eval":
            header, samples = _unzipped(path, progress)
        else:
            header, samples = _whole(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be opened: {error.strerror}") from None
    told_by = f"its suffix {file.suffix}" if file.suffix.lower() == ".eval" else "its fields eval and samples"
    if not samples:
        status = f" (status {header['status']})" if header.get("status") else ""
        raise BadInput(f"{path}: has no samples{status}: an audit needs graded answers")
    spec = header["eval"] if isinstance(header.get("eval"), Mapping) else {}
    return Document(
        samples=samples,
        places=[f"sample {sample.get('id')!r}, epoch {sample.get('epoch', 1)}" for sample in samples],
        model=_text(spec.get("model")),
        task=_text(spec.get("task")),
        status=None if header.get("status") is None else writable(str(header["status"])),
        wanted=_wanted(spec),
        bytes=size,
        told_by=told_by,
    )


def _text(value: Any) -> str | None:
    """A name, None where it is no text."""
    return writable(value) if isinstance(value, str) else None


def writable(text: str) -> str:
    """The text with a mark for each half of a pair that stands for one character: JSON may hold one, no file can."""
    return text.encode("utf-8", "replace").decode()


def _wanted(spec: Mapping[str, Any]) -> int | None:
    """Samples of the dataset times epochs, where the header says both."""
    try:
        return int(spec["dataset"]["samples"]) * int(spec["config"].get("epochs") or 1)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _whole(path: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The header and the samples of one JSON document."""
    log = _parsed(path, Path(path).read_bytes())
    if isinstance(log, Mapping) and "results" in log and "configs" in log:
        raise BadInput(
            f"{path}: is a summary of lm-evaluation-harness, without samples: name the samples_*.jsonl that "
            "--log_samples writes beside it"
        )
    if not isinstance(log, Mapping) or "eval" not in log:
        raise BadInput(
            f"{path}: is no Inspect AI log (it has no field eval): write a table of grades as JSON Lines, an object a "
            "line, and name it .jsonl"
        )
    samples = log.get("samples") or []
    if not isinstance(samples, list) or not all(isinstance(sample, Mapping) for sample in samples):
        raise BadInput(f"{path}: samples is no list of objects: the log is damaged")
    return log, samples


def _unzipped(path: str, progress: Progress | None) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The header and the samples of a zip, one member after the other."""
    zipfile: Any = importlib.import_module("zipfile" if sys.version_info >= (3, 14) else "backports.zstd.zipfile")
    zstd: Any = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    member = ""
    try:
        with zipfile.ZipFile(path) as log:
            members = dict.fromkeys(log.namelist())  # what is written anew is there twice, and read as it is last
            names = [name for name in members if name.startswith(SAMPLES) and name.endswith(".json")]
            header: Mapping[str, Any] = {}
            for member in reversed(HEADERS):
                if member in log.namelist():
                    header = {**header, **_member(path, log, member)}
            if HEADERS[0] not in log.namelist():
                header = {**header, "status": "not finished"}
            if not header.get("eval"):
                raise BadInput(f"{path}: is no Inspect AI log (it has neither {' nor '.join(HEADERS)})")
            samples = []
            for i, member in enumerate(names):
                if progress is not None and i % EVERY == 0:
                    progress(f"Reading {path}", i / len(names))
                samples.append(_member(path, log, member))
    except (zipfile.BadZipFile, zlib.error, zstd.ZstdError, EOFError, NotImplementedError, RuntimeError) as error:
        where = f"{path}, {member}" if member else path
        raise BadInput(f"{where}: is damaged or no .eval file ({error}): write it again") from None
    return header, samples


def _member(path: str, log: Any, member: str) -> Mapping[str, Any]:
    """The JSON object of one member of a zip."""
    where = f"{path}, {member}"
    size = log.getinfo(member).file_size
    if size > LARGEST:
        raise BadInput(f"{where}: unpacks to {size / 2**30:.1f} GiB, and no sample is that long: the log is damaged")
    found = _parsed(where, log.read(member))
    if not isinstance(found, Mapping):
        raise BadInput(f"{where}: is no JSON object: the log is damaged")
    return found


def _parsed(where: str, data: bytes) -> Any:
    """The value of a JSON document without what is bulky. NaN is known, as Inspect writes it."""

    def slim(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in pairs if name not in BULKY}

    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=slim)
    except UnicodeDecodeError:
        raise BadInput(f"{where}: is not UTF-8 text: write it again") from None
    except json.JSONDecodeError as error:
        rule = error.msg
        if error.pos >= len(error.doc.rstrip()):
            rule = "ends too early: was it cut short?"
        elif error.msg == "Extra data":
            rule = "holds several: JSON Lines are named .jsonl"
        raise BadInput(f"{where}, line {error.lineno}: is not one JSON document: {rule}") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise BadInput(f"{where}: holds a number of thousands of digits: no log does") from None
    except RecursionError:
        raise BadInput(f"{where}: is nested too deeply to be a log") from None
