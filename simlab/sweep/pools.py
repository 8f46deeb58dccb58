"""The engines: where blocks are computed, each as a pool behind ``concurrent.futures.Executor``.

``local`` is a pool of forkserver processes (never ``fork``: a forked JAX hangs), which can be killed, timed out and
limited. ``threads`` computes in threads of this process: cells that release the interpreter's lock run side by side,
and nothing can be stopped half-way. ``serial`` computes in the calling thread, for debuggers. ``dask`` is a cluster.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    InvalidStateError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from simlab.errors import BadInput, unknown
from simlab.sweep import blocks
from simlab.sweep.blocks import Outcome, run_block
from simlab.sweep.devices import bind, bound, gpus
from simlab.sweep.forking import start_forkserver
from simlab.sweep.guarding import refuse_unguarded
from simlab.sweep.limits import limit_threads, memory_limit
from simlab.sweep.plan import Job, code_version
from simlab.terminal.interruption import put_off

FORGIVEN = 3
LEAST_MEMORY = 2**28
"""What a worker takes before it computes anything, in bytes, about."""
TOO_LITTLE = "memory = {:g}: no worker starts with so little: give 1GB or more"


class PoolLost(Exception):
    """A pool can make no progress any more; the text says why."""


@dataclass(frozen=True)
class Pool:
    """What the loop needs of a pool.

    ``submit`` begins a block, ``window`` is how many may be in flight, ``pulse`` raises ``PoolLost`` where none will
    come back any more, ``fatal`` are exceptions that say that a block's worker died (after the pool itself had tried
    again elsewhere), ``forgives`` how many deaths with the whole pool a block is forgiven, and ``excuse`` why.
    ``withdraw`` takes a block back that has not begun, and says whether it could; ``explain`` turns what else a future
    raises into a sentence where it is the user's to mend.
    """

    submit: Callable[[Job], Future[Outcome]]
    window: Callable[[], int]
    pulse: Callable[[], None] = lambda: None
    fatal: tuple[type[BaseException], ...] = ()
    forgives: int = FORGIVEN
    excuse: str = "for want of memory perhaps"
    withdraw: Callable[[Future[Outcome]], bool] = Future.cancel
    explain: Callable[[BaseException], str | None] = lambda _: None


OpenPool = Callable[[], AbstractContextManager[Pool]]


@dataclass(frozen=True)
class Workers:
    """Where blocks are computed, and what they may use, all judged.

    ``engine`` names it, ``count`` is the number of workers, ``scheduler`` the address of a running Dask cluster,
    ``timeout`` the seconds a block may take, ``memory`` the bytes a worker may hold, ``deadline`` the seconds that may
    pass without any block coming back, and ``device`` what JAX computes on.
    """

    engine: str = "local"
    count: int = 1
    scheduler: str | None = None
    timeout: float | None = None
    memory: int | None = None
    deadline: float | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not isinstance(self.engine, str):
            raise BadInput(f"engine = {self.engine!r}: must be the name of an engine, {' or '.join(ENGINES)}")
        if self.engine not in ENGINES:
            raise unknown("engine", self.engine, ENGINES)
        if self.engine in ("local", "dask") and self.scheduler is None:
            refuse_unguarded()
        if self.scheduler is not None and self.engine != "dask":
            raise BadInput(
                f"scheduler = {self.scheduler}: the engine {self.engine!r} has none, it is for --engine dask"
            )
        if self.scheduler is not None and not re.fullmatch(r"(\w+://)?\S+:\d+", str(self.scheduler)):
            raise BadInput(f"scheduler = {self.scheduler}: must read tcp://HOST:PORT, as `dask scheduler` prints it")
        for name, value in (("timeout", self.timeout), ("memory", self.memory)):
            if value is not None and self.engine in ("threads", "serial"):
                raise BadInput(
                    f"{name} = {value:g}: cannot be kept by the engine {self.engine!r}, whose blocks cannot be "
                    "stopped: choose --engine local"
                )
        if self.memory is not None and self.scheduler is not None:
            raise BadInput(f"memory = {self.memory:g}: the workers of a running cluster have limits of their own")
        if self.memory is not None and self.memory < LEAST_MEMORY:
            raise BadInput(TOO_LITTLE.format(self.memory))
        if self.device == "gpu" and self.scheduler is None:
            most = len(gpus()) if self.engine == "local" else 1
            if self.count > most:
                raise BadInput(f"workers = {self.count}: a GPU is one worker's, so at most {most} here")

    @property
    def certain(self) -> int:
        """How many blocks surely run at once: one, where the engine has one worker, or somebody else's cluster."""
        return 1 if self.engine == "serial" or self.scheduler is not None else self.count

    @property
    def excuse(self) -> str:
        """Why a worker may have died."""
        late = "" if self.timeout is None else f" or of time (--timeout {self.timeout:g})"
        return f"for want of memory{late} perhaps"

    def opener(self, payload: Mapping[str, object]) -> OpenPool:
        """Return what opens a pool of this kind, with ``payload`` in place in its workers."""
        pool = ENGINES[self.engine]
        return lambda: pool(self, payload)


@contextmanager
def _here(device: str) -> Iterator[None]:
    """Compute in this process as a worker would: on that device, one thread for BLAS; put back afterwards what was.

    JAX and numba keep the threads that they were started with (numba refuses to be told another number), and a library
    that a cell is the first to load keeps one thread.
    """
    from threadpoolctl import threadpool_limits

    added = limit_threads(os.environ)
    if "NUMBA_NUM_THREADS" in added:
        added.remove("NUMBA_NUM_THREADS")
        del os.environ["NUMBA_NUM_THREADS"]
    try:
        with bound(device), threadpool_limits(1), redirect_stdout(sys.stderr):  # what cells print is no table
            yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _serial_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """A pool that computes a block inside ``submit``; what it raises passes through, as a debugger wants it."""

    def submit(job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(run_block(job, given=payload))
        return future

    with _here(workers.device):
        yield Pool(submit, window=lambda: 1)


@contextmanager
def _threads_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """Threads of this process. On an error nothing more begins, but what runs cannot be stopped, and is left behind."""
    executor = ThreadPoolExecutor(workers.count, thread_name_prefix="simlab-block")
    with _here(workers.device):
        try:
            yield Pool(lambda job: executor.submit(run_block, job, None, payload), window=lambda: 2 * workers.count)
            executor.shutdown()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


class _Local(ProcessPoolExecutor):
    """A pool whose ``submit``, which starts processes, is finished before a signal is heeded."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with put_off():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _local_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """A pool of processes of one thread each, which die with this process, or when an error ends the sweep."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        start_forkserver()
    lifeline, held = multiprocessing.Pipe(duplex=False)
    free = context.SimpleQueue()
    for device in gpus() if workers.device == "gpu" else ():
        free.put(device)
    arguments = (lifeline, dict(payload), workers, free)
    pool = _Local(workers.count, mp_context=context, initializer=_start_worker, initargs=arguments)
    try:
        if workers.memory is not None:
            _prove(pool, workers.memory)
        yield Pool(
            lambda job: pool.submit(_run_local, job, workers.timeout, code_version()),
            window=lambda: 2 * workers.count,
            excuse=workers.excuse,
        )
        pool.shutdown()
    finally:
        held.close()  # ends the workers at once, whatever they are doing
        with _deaf_to_cancellations():
            pool.shutdown(cancel_futures=True)
        lifeline.close()
        free.close()


@contextmanager
def _deaf_to_cancellations() -> Iterator[None]:
    """Do not report that the pool's own thread stumbles over a future that was taken back before the pool broke."""
    shown = threading.excepthook

    def report(failure: threading.ExceptHookArgs) -> None:
        if not issubclass(failure.exc_type, InvalidStateError):
            shown(failure)

    threading.excepthook = report
    try:
        yield
    finally:
        threading.excepthook = shown


def _prove(pool: Executor, memory: int) -> None:
    """Raise ``BadInput`` where no worker starts within the memory that it may hold."""
    try:
        pool.submit(os.getpid).result()
    except BrokenExecutor:
        raise BadInput(TOO_LITTLE.format(memory)) from None


def _dask_pool(workers: Workers, payload: Mapping[str, object]) -> AbstractContextManager[Pool]:
    """A Dask cluster; the library is loaded only here."""
    from simlab.sweep.cluster import dask_pool

    return dask_pool(workers, payload)


ENGINES: dict[str, Callable[[Workers, Mapping[str, object]], AbstractContextManager[Pool]]] = {
    "local": _local_pool,
    "threads": _threads_pool,
    "serial": _serial_pool,
    "dask": _dask_pool,
}


def _run_local(job: Job, timeout: float | None, version: str) -> Outcome:
    """Compute a block in a worker process, which must have loaded the code of the driver."""
    if code_version() != version:
        return Outcome(job, mistake=f"the code of simlab changed from {version} to {code_version()}: run it again")
    return run_block(job, timeout)


def _start_worker(lifeline: Connection, payload: dict[str, object], workers: Workers, free: Any) -> None:
    """Ready a worker process: Ctrl-C is the driver's business, and the end of the lifeline is the worker's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # what cells print is no table
    limit_threads(os.environ)
    bind(workers.device, free.get() if workers.device == "gpu" else None)
    memory_limit(workers.memory)
    blocks.payload.update(payload)

    def watch() -> None:
        try:
            lifeline.recv_bytes()  # nothing is ever sent: this returns when the other end is gone
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()
