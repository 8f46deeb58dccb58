"""Asking DuckDB: a query that can be watched and stopped, in a database that lives and dies with one reading.

A query runs in a thread of its own while the thread that asked waits for it, tells how far it is, and listens: DuckDB
looks at signals far too seldom by itself. Whatever ends the wait (Ctrl-C, a signal handler that raises, an error in
``progress``) interrupts the query, and the folder with all that was spilled goes away.
"""

from __future__ import annotations

import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simlab.errors import BadInput
from simlab.inputs import bytes_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "1GB"
"""What DuckDB may hold in memory before it spills to the temporary folder, unless told otherwise."""

THREAD_BYTES = 125_000_000
"""Memory for each thread; a lower limit means fewer threads."""

MOST_MEMORY = 10**18
"""Bytes; DuckDB counts them in 64 bits."""

EVERY_S = 0.2
"""Seconds between two looks at a running query."""

Progress = Callable[[str, float], None]
"""Called with what is being done, in words, and the fraction of it that is done."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Engine:
    """A DuckDB connection, and whom to tell how far its queries are."""

    con: DuckDBPyConnection
    progress: Progress | None = None


class _Terminated(BaseException):
    """SIGTERM came while files lay in the temporary folder."""


@contextmanager
def opened(memory_limit: str | int | None = None, progress: Progress | None = None) -> Iterator[Engine]:
    """Open a database in a temporary folder, which is removed however the body ends, SIGTERM included.

    SIGTERM is left alone where somebody handles it, and outside the main thread. Raises ``BadInput`` for a
    ``memory_limit`` that is no size, and when it or the disk of the folder turns out to be too small.
    """
    import duckdb

    limit = MEMORY_LIMIT if memory_limit is None else memory_limit
    size = _bytes_of(limit)
    with _termination_told(), tempfile.TemporaryDirectory(prefix="simlab-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{size}B",
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        }
        try:
            with closing(duckdb.connect(f"{folder}/facts.duckdb", config=config)) as con:
                engine = Engine(con, progress)
                cores = ask(engine, "SELECT current_setting('threads')")[0][0]
                most = max(1, size // THREAD_BYTES)
                ask(engine, f"SET threads = {min(cores, most)}")
                if progress is not None:  # query_progress() knows nothing without the bar, which need not be printed
                    ask(engine, "SET enable_progress_bar = true")
                    ask(engine, "SET enable_progress_bar_print = false")
                yield engine
        except duckdb.OutOfMemoryException:
            raise BadInput(f"memory_limit = {limit!r}: is too little to group this table: raise it") from None
        except duckdb.IOException as error:
            if "No space left" not in str(error):
                raise
            raise BadInput(f"{folder}: the disk is full: free space there, or name another disk in TMPDIR") from None


def _bytes_of(limit: str | int) -> int:
    """The bytes of a memory limit: "2GB", "800MiB", plain bytes as text or number. Raises ``BadInput``."""
    size = bytes_of(limit)
    if size is None or size < 1:
        raise BadInput(f"memory_limit = {limit!r}: is not a size: write it like '2GB' or '500MB'")
    if size > MOST_MEMORY:
        raise BadInput(f"memory_limit = {limit!r}: is more than any machine has: write it like '2GB' or '500MB'")
    return size


def ask(engine: Engine, sql: str, params: Mapping[str, Any] | None = None, stage: str = "") -> Rows:
    """Return the rows that ``sql`` gives; ``stage`` says in words what a long query does."""
    return _waited_for(engine, lambda: engine.con.execute(sql, _used(sql, params)).fetchall(), stage)  # type: ignore[no-any-return]


def ask_columns(engine: Engine, sql: str, params: Mapping[str, Any] | None = None, stage: str = "") -> dict[str, Any]:
    """Return the columns that ``sql`` gives, as arrays by name."""
    return _waited_for(engine, lambda: engine.con.execute(sql, _used(sql, params)).fetchnumpy(), stage)  # type: ignore[no-any-return]


def _used(sql: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """The parameters that stand in the query: DuckDB refuses others."""
    return {name: value for name, value in (params or {}).items() if re.search(rf"\${name}\b", sql)}


def _waited_for(engine: Engine, query: Callable[[], Any], stage: str) -> Any:
    """What ``query`` returns or raises, run in a thread that does not outlive this call."""
    found: list[Any] = []
    failed: list[BaseException] = []
    done, given_up = threading.Event(), threading.Event()

    def work() -> None:
        try:
            if not given_up.is_set():
                found.append(query())
        except BaseException as error:
            failed.append(error)
        finally:
            done.set()

    worker = threading.Thread(target=work, name="simlab-duckdb", daemon=True)
    fraction = 0.0
    try:
        worker.start()
        while not done.wait(EVERY_S):  # join() forgets a running thread when a signal handler raises
            if engine.progress is not None and stage:
                fraction = max(fraction, min(engine.con.query_progress() / 100, 1.0))  # -1 before DuckDB can tell
                engine.progress(stage, fraction)
    except BaseException:
        given_up.set()
        while worker.ident is not None and not done.wait(EVERY_S / 10):
            engine.con.interrupt()  # again and again: the query may not have begun
        if worker.ident is not None:
            worker.join()
        raise
    worker.join()
    if failed:
        raise failed[0]
    if engine.progress is not None and stage:
        engine.progress(stage, 1.0)
    return found[0]


@contextmanager
def _termination_told() -> Iterator[None]:
    """Let SIGTERM raise in the body, and end the process by it afterwards, where it would have ended it at once."""

    def stop(signum: int, frame: object) -> None:  # noqa: ARG001
        raise _Terminated

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
