"""A file that somebody gives a page: untrusted, read where it lies alone, and gone when it has been read.

It is judged by its bytes and the end of its name; a name is no path and no pattern.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simlab.errors import BadInput
from simlab.logs.choosing import NAMES, recognised_format
from simlab.tables.asking import opened
from simlab.tables.data_files import PACKINGS
from simlab.tables.scanning import open_file

MOST_BYTES = 20 * 2**20
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".eval", ".json")
KINDS = {"corpus": "a table of facts", "evals": "an evaluation log"}
PROMPTS = ("prompt", "question", "subject", "problem", "person")
ANSWERS = ("answer", "response", "target", "object", "birthplace")


@dataclass(frozen=True, slots=True)
class Looks:
    """What a file looks like: a key of ``KINDS``, its columns, and those that seem to be prompt and answer."""

    kind: str
    columns: tuple[str, ...]
    prompt: str | None = None
    answer: str | None = None


def tame(name: str) -> str:
    """The name of an uploaded file as the name of a file in one folder: no path, no pattern, not long."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^\w.() +-]", "_", last)[-60:]  # of 255 bytes at most
    return plain if plain.strip(". ") else "file"


@contextmanager
def laid(data: bytes, name: str) -> Iterator[str]:
    """The bytes as a file in a folder of its own, removed at the end; errors speak of the file by its own name.

    Raises ``BadInput`` for more than ``MOST_BYTES``, and for a name that ends in none of ``SUFFIXES``.
    """
    plain = tame(name)
    if len(data) > MOST_BYTES:
        size, most = f"{len(data) / 2**20:.1f} MB", MOST_BYTES // 2**20
        raise BadInput(
            f"{plain}: {size} is more than {most} MB: audit it with python -m simlab.audit, which has no limit"
        )
    if not plain.lower().endswith(SUFFIXES):
        packed = plain.lower().endswith(tuple(PACKINGS))
        way_out = "unpack it first" if packed else "rename it, or save the table as CSV"
        raise BadInput(f"{plain}: the format is told by the suffix, one of {', '.join(SUFFIXES)}: {way_out}")
    with tempfile.TemporaryDirectory(prefix="simlab-") as folder:
        path = Path(folder) / plain
        path.write_bytes(data)
        try:
            yield str(path)
        except BadInput as error:
            raise BadInput(str(error).replace(f"{folder}/", "").replace(folder, "the folder")) from None


def looks(data: bytes, name: str) -> Looks:
    """Say what a file looks like, by its suffix and the names of its columns.

    Inspect's logs, lm-evaluation-harness samples, SimpleQA's gradings and tables with a column of grades are logs; all
    else is a table of facts. Raises ``BadInput`` as ``laid`` and the reader of tables do.
    """
    with laid(data, name) as path:
        if path.lower().endswith((".eval", ".json")):
            return Looks("evals", ())
        with opened() as engine:
            columns = open_file(engine, path, None).columns
    lowered = {column.strip().casefold(): column for column in reversed(columns)}
    if recognised_format(columns)[0] != "table" or any(grade in lowered for grade in NAMES["grade"]):
        return Looks("evals", columns)
    prompt = next((lowered[one] for one in PROMPTS if one in lowered), None)
    answer = next((lowered[one] for one in ANSWERS if one in lowered), None)
    if (prompt is None or answer is None) and len(columns) == 2:
        prompt, answer = columns
    if prompt is None or answer is None:
        return Looks("corpus", columns)
    return Looks("corpus", columns, prompt, answer)
