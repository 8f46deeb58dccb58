"""Running blocks: ``concurrent.futures.Executor`` is the only interface spoken here.

``local`` is a pool of forkserver processes (never ``fork``: a forked JAX hangs), ``serial`` runs in this process,
for debuggers. A window of two blocks a worker is in flight. When a worker dies its pool is rebuilt and the blocks
that were in flight run one at a time; the one that kills a worker three times is reported lost.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from simlab.errors import BadInput, unknown
from simlab.sweep import blocks
from simlab.sweep.blocks import Outcome, run_block
from simlab.sweep.guarding import refuse_unguarded
from simlab.sweep.limits import limit_threads
from simlab.sweep.plan import Job
from simlab.terminal.interruption import put_off, unheard

STRIKES = 3
PRELOAD = ["numpy", "simlab.sweep.engine", "simlab.occupancy"]  # nothing that starts JAX: it does not survive a fork

Pool = Callable[[int, Mapping[str, object]], AbstractContextManager[Executor]]


def run_blocks(jobs: Sequence[Job], *, engine: str, workers: int, payload: Mapping[str, object]) -> Generator[Outcome]:
    """Yield the outcome of every job as it completes."""
    pool = ENGINES[engine]
    window = 1 if engine == "serial" else 2 * workers
    return _drive(lambda: pool(workers, payload), jobs, window)


def check_engine(engine: object) -> None:
    """Raise ``BadInput`` for an engine that is not there, or that could not start its processes from here."""
    if not isinstance(engine, str):
        raise BadInput(f"engine = {engine!r}: must be the name of an engine, {' or '.join(ENGINES)}")
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == "local":
        refuse_unguarded()


def _drive(
    open_pool: Callable[[], AbstractContextManager[Executor]], jobs: Sequence[Job], window: int
) -> Generator[Outcome]:
    """Run every job, over as many pools as it takes."""
    waiting, suspects, strikes = deque(jobs), deque[Job](), Counter[str]()
    while waiting or suspects:
        with open_pool() as pool:
            yield from _until_broken(pool, waiting, suspects, strikes, window)


def _until_broken(
    pool: Executor, waiting: deque[Job], suspects: deque[Job], strikes: Counter[str], window: int
) -> Generator[Outcome]:
    """Run jobs until none is left or the pool breaks; then all in flight are suspects, or lost at the third strike."""
    live: dict[Future[Outcome], Job] = {}
    broken = False
    while live or ((waiting or suspects) and not broken):
        while (waiting or suspects) and not broken:
            # A suspect runs alone, so that the strike that follows is surely its own.
            alone = bool(suspects) or any(strikes[job.key] for job in live.values())
            if len(live) >= (1 if alone else window):
                break
            queue = suspects or waiting
            try:
                live[pool.submit(run_block, queue[0])] = queue[0]
            except BrokenExecutor:  # it broke since the last look; this job was never in it
                broken = True
            else:
                queue.popleft()
        for future in wait(live, return_when=FIRST_COMPLETED).done:
            job = live.pop(future)
            try:
                yield replace(future.result(), attempt=strikes[job.key] + 1)
            except BrokenExecutor:
                broken = True
                strikes[job.key] += 1
                if strikes[job.key] < STRIKES:
                    suspects.append(job)
                else:
                    yield Outcome(job, lost=True, attempt=STRIKES)


@contextmanager
def _serial_pool(workers: int, payload: Mapping[str, object]) -> Iterator[Executor]:  # noqa: ARG001
    """An executor that runs a call inside ``submit``, in this process, with the payload in place."""
    blocks.payload.update(payload)
    try:
        yield _Serial()
    finally:
        blocks.payload.clear()


class _Serial(Executor):
    """Runs each call at once, in the calling thread; what it raises passes through, as a debugger wants it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Local(ProcessPoolExecutor):
    """A pool whose ``submit``, which starts processes, is finished before a signal is heeded."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with put_off():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _local_pool(workers: int, payload: Mapping[str, object]) -> Iterator[Executor]:
    """A pool of processes of one thread each, which die with this process, or when an error ends the sweep."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        _start_forkserver()
    lifeline, held = multiprocessing.Pipe(duplex=False)
    pool = _Local(workers, mp_context=context, initializer=_start_worker, initargs=(lifeline, dict(payload)))
    try:
        yield pool
        pool.shutdown()
    finally:
        held.close()  # ends the workers at once, whatever they are doing
        pool.shutdown(cancel_futures=True)
        lifeline.close()


ENGINES: dict[str, Pool] = {"local": _local_pool, "serial": _serial_pool}


def _start_forkserver() -> None:
    """Start the process that workers are forked from: light modules loaded, one thread a worker, deaf to Ctrl-C."""
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(PRELOAD)
    added = limit_threads(os.environ)
    try:
        resource_tracker.ensure_running()  # first, for it unblocks SIGINT when it has started
        with put_off(), unheard():
            forkserver.ensure_running()
    finally:
        for name in added:  # the caller's own environment stays as it was
            del os.environ[name]


def _start_worker(lifeline: Connection, payload: dict[str, object]) -> None:
    """Ready a worker process: Ctrl-C is the driver's business, and the end of the lifeline is the worker's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_threads(os.environ)
    blocks.payload.update(payload)

    def watch() -> None:
        try:
            lifeline.recv_bytes()  # nothing is ever sent: this returns when the other end is gone
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()
