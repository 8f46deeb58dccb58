"""Computing one block, in whatever process or thread this is: a job in, rows out, the same for the same job."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from simlab.errors import BadInput
from simlab.seeds import Streams
from simlab.sweep.carrying import read_back
from simlab.sweep.columns import ERROR_COLUMNS, RESERVED, place_of
from simlab.sweep.declared import check_rows_declared
from simlab.sweep.hearing import heard
from simlab.sweep.limits import TimedOut, time_limit
from simlab.sweep.loading import Row, experiment_of
from simlab.sweep.plan import Job
from simlab.terminal.interruption import Stopped

LIBRARIES = ("numpy", "scipy", "numba", "jax", "pydantic", "duckdb")

Part = Callable[[range], list[Row]]
"""Computes some replicates of a block."""

payload: dict[str, object] = {}
"""The settings that travel once a worker and not once a block (a user's table of facts)."""


@dataclass(frozen=True)
class Outcome:
    """What became of a block: its rows (error rows if the cell raised), a user's mistake, or why it is ``lost``."""

    job: Job
    rows: list[Row] = field(default_factory=list)
    errors: int = 0
    mistake: str | None = None
    warnings: tuple[str, ...] = ()
    provenance: dict[str, object] = field(default_factory=dict)
    attempt: int = 1
    lost: str | None = None

    @property
    def guilty(self) -> int:
        """How many replicates raised by themselves; at least one where the block raised."""
        return max(sum(row.get("error_alone") is True for row in self.rows), int(self.errors > 0))


def run_block(job: Job, timeout: float | None = None, given: Mapping[str, object] | None = None) -> Outcome:
    """Compute one block, in whatever process this is: the same job gives the same rows.

    A cell that raises, ``SystemExit`` and ``KeyboardInterrupt`` included, or takes longer than ``timeout`` seconds,
    gives one error row a replicate; ``BadInput`` is a user's mistake and is handed back as text. Only ``Stopped``,
    which is no cell's, passes through. ``given`` is the payload where this process holds none.
    """
    part = functools.partial(compute, job, payload if given is None else given)
    started, clock = datetime.now(UTC), time.perf_counter()
    errors, mistake, rows = 0, None, list[Row]()
    with heard() as texts:
        try:
            with time_limit(timeout):
                rows = part(job.replicates)
        except BadInput as error:
            mistake = str(error)
        except Stopped:
            raise
        except BaseException as error:
            rows, errors = _error_rows(error, job, timeout, part), job.size
    provenance = {"started": started.isoformat(timespec="seconds"), "duration_s": time.perf_counter() - clock}
    return Outcome(job, rows, errors, mistake, tuple(dict.fromkeys(texts)), provenance | _machine())


def compute(job: Job, given: Mapping[str, object], replicates: range) -> list[Row]:
    """The rows that the experiment's cell gives for some replicates of a block; what it raises passes through."""
    experiment = experiment_of(job.source)
    config = read_back(experiment.config, job.settings, given)
    rows = experiment.cell(config, [Streams(job.seed, job.point, r) for r in replicates])
    checked = check_rows(rows, job, replicates, experiment.along)
    check_rows_declared(experiment, checked)
    return checked


def check_rows(rows: object, job: Job, replicates: range, along: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a block with plain Python values, sorted by replicate. Raises ``BadInput`` for odd ones."""
    where = f"the cell of {job.source.slug}.py"
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{where} must return a list of rows (dictionaries), one a replicate and method")
    plain = [_plain_row(row, job, where) for row in rows]
    names = [(row["replicate"], row["method"], *place_of(row, along, where)) for row in plain]
    if {name[0] for name in names} != set(replicates) or len(set(names)) < len(names):
        each = " and each ".join(("method", *along))
        raise BadInput(f"{where} must return one row for each replicate of {replicates} and each {each}")
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
    method = plain.get("method")
    if not isinstance(method, str):
        raise BadInput(f"{where}: each row needs 'method', a text")
    plain["method"] = str.__str__(method)  # of NumPy, or of an Enum, it is a text as well
    return plain


def _number(value: object, name: str, where: str) -> bool | int | float:
    """A plain Python number; whole numbers beyond 64 bits become floats, as no table holds them."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        raise BadInput(f"{where}: {name} = {value!r}: must be a number or a truth value")
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) and -(2**63) <= value < 2**63 else float(value)


def _error_rows(error: BaseException, job: Job, timeout: float | None, part: Part) -> list[Row]:
    """One row a replicate that says what was raised: by the replicate alone, where it is to blame, else by the block.

    A block of several replicates is computed once more, replicate by replicate, only to name the guilty ones: the
    rows of the others are not kept, since they may differ from those of the whole block in their last bits.
    """
    alone = {} if isinstance(error, TimedOut) or job.size == 1 else _guilty(job, timeout, part)
    rows: list[Row] = []
    for replicate in job.replicates:
        guilty = job.size == 1 or replicate in alone
        values = (*_told(alone.get(replicate, error)), guilty)
        rows.append({"replicate": replicate, "method": "", **dict(zip(ERROR_COLUMNS, values, strict=True))})
    return rows


def _guilty(job: Job, timeout: float | None, part: Part) -> dict[int, BaseException]:
    """The replicates of a block that raise by themselves, with what they raise."""
    found: dict[int, BaseException] = {}
    for replicate in job.replicates:
        try:
            with time_limit(timeout):
                part(range(replicate, replicate + 1))
        except Stopped:
            raise
        except BaseException as error:
            found[replicate] = error
    return found


def _told(error: BaseException) -> tuple[str, str, str]:
    """Type, message and traceback; paths are cut to two parts, so that machines agree on them."""
    report = traceback.TracebackException.from_exception(error)
    for frame in report.stack:
        frame.filename = "/".join(Path(frame.filename).parts[-2:])
    return type(error).__name__, str(error), "".join(report.format())


@functools.cache
def _machine() -> dict[str, object]:
    """The host, its hardware and the libraries of this process."""
    versions: dict[str, object] = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = ""
    return {
        "host": platform.node(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": os.cpu_count() or 0,
        **versions,
    }
