"""Computing one block, in whatever process this is: a job in, rows out, the same for the same job."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from simlab.errors import BadInput
from simlab.seeds import Streams
from simlab.sweep.loading import Row, experiment_of
from simlab.sweep.plan import RESERVED, Job
from simlab.terminal.interruption import Stopped

ERROR_COLUMNS = ("error_type", "error_message", "error_traceback")
LIBRARIES = ("numpy", "scipy", "numba", "jax", "pydantic", "duckdb")

payload: dict[str, object] = {}
"""The settings that travel once a worker and not once a block (a user's table of facts)."""


@dataclass(frozen=True)
class Outcome:
    """What became of a block: its rows (error rows if the cell raised), a user's mistake, or nothing (``lost``)."""

    job: Job
    rows: list[Row] = field(default_factory=list)
    errors: int = 0
    mistake: str | None = None
    warnings: tuple[str, ...] = ()
    provenance: dict[str, object] = field(default_factory=dict)
    attempt: int = 1
    lost: bool = False


def run_block(job: Job) -> Outcome:
    """Compute one block, in whatever process this is: the same job gives the same rows.

    A cell that raises, ``SystemExit`` and ``KeyboardInterrupt`` included, gives one error row a replicate; ``BadInput``
    is a user's mistake and is handed back as text. Only ``Stopped``, which is no cell's, passes through.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    errors, mistake, rows = 0, None, list[Row]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            experiment = experiment_of(job.source)
            config = experiment.config(**job.settings, **payload)
            streams = [Streams(job.seed, job.point, replicate) for replicate in job.replicates]
            rows = check_rows(experiment.cell(config, streams), job)
        except BadInput as error:
            mistake = str(error)
        except Stopped:
            raise
        except BaseException as error:
            rows, errors = _error_rows(error, job), job.size
    texts = dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught)
    provenance = {"started": started.isoformat(timespec="seconds"), "duration_s": time.perf_counter() - clock}
    return Outcome(job, rows, errors, mistake, tuple(texts), provenance | _machine())


def check_rows(rows: object, job: Job) -> list[Row]:
    """Return the rows of a block with plain Python values, sorted by replicate. Raises ``BadInput`` for odd ones."""
    where = f"the cell of {job.source.slug}.py"
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{where} must return a list of rows (dictionaries), one a replicate and method")
    plain = [_plain_row(row, job, where) for row in rows]
    names = [(row["replicate"], row["method"]) for row in plain]
    if {name[0] for name in names} != set(job.replicates) or len(set(names)) < len(names):
        raise BadInput(f"{where} must return one row for each replicate of {job.replicates} and each method")
    return sorted(plain, key=lambda row: int(str(row["replicate"])))


def _plain_row(row: Mapping[str, object], job: Job, where: str) -> Row:
    taken = {*job.settings, *RESERVED, *ERROR_COLUMNS} - {"replicate", "method"}
    plain: Row = {}
    for name, value in row.items():
        if not isinstance(name, str):
            raise BadInput(f"{where}: the name {name!r} of a measure must be a text")
        if name in taken:
            raise BadInput(f"{where}: measure {name!r} has the name of a setting or of a column of every row")
        plain[name] = value if name == "method" else _number(value, name, where)
    if type(plain.get("replicate")) is not int:
        raise BadInput(f"{where}: each row needs 'replicate': streams[i].replicate")
    if not isinstance(plain.get("method"), str):
        raise BadInput(f"{where}: each row needs 'method', a text")
    return plain


def _number(value: object, name: str, where: str) -> bool | int | float:
    """A plain Python number; whole numbers beyond 64 bits become floats, as no table holds them."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        raise BadInput(f"{where}: {name} = {value!r}: must be a number or a truth value")
    return value if isinstance(value, (bool, float)) or -(2**63) <= value < 2**63 else float(value)


def _error_rows(error: BaseException, job: Job) -> list[Row]:
    """One row a replicate that says what was raised; paths are cut to two parts, so that machines agree on it."""
    report = traceback.TracebackException.from_exception(error)
    for frame in report.stack:
        frame.filename = "/".join(Path(frame.filename).parts[-2:])
    values = (type(error).__name__, str(error), "".join(report.format()))
    return [{"replicate": r, "method": "", **dict(zip(ERROR_COLUMNS, values, strict=True))} for r in job.replicates]


@functools.cache
def _machine() -> dict[str, object]:
    """The hardware and the libraries of this process; nothing that names a person or a host."""
    versions: dict[str, object] = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = ""
    return {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count() or 0, **versions}
