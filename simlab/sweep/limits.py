"""What a worker may use: one thread, since workers share the cores and more threads would move the last bits of sums;
so much time for a block; so much memory.

Imports nothing heavy, because BLAS, numba and XLA read the variables set here when they are loaded.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import FrameType

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def limit_threads(environ: MutableMapping[str, str]) -> list[str]:
    """Set one thread for BLAS, numba and XLA, and a compile cache for JAX, wherever the user set nothing.

    Returns the names that were set. The cache spares each worker the compilation that another has done.
    """
    caches = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    wanted = ONE_THREAD | {
        "JAX_COMPILATION_CACHE_DIR": os.path.join(caches, "simlab", "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    added = [name for name in wanted if name not in environ]
    environ.update({name: wanted[name] for name in added})
    return added


AGAIN_S = 0.01
"""How soon a block is told again that is past its time, where a destructor or a callback swallowed what it was told."""
GRACE_S = 2.0
"""How long a block that is past its time may take to notice, before its process is ended."""


class TimedOut(BaseException):
    """A block took longer than it may; no ``Exception``, so that a cell's own ``except Exception`` lets it through."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise ``TimedOut`` in the body after so many seconds, and end the process if it has not stopped by then.

    The exception shows where the block was. Where it was in a destructor or a callback of the garbage collector, which
    let no exception out, it is raised again. Native code that never returns to Python hears no signal: a thread of the
    interpreter's own, which needs no lock, ends the process ``GRACE_S`` later. A thread that is not the main one
    (of a Dask worker) cannot be sent a signal, so there the process ends at once. There is one such clock a process,
    so one block at a time; it is also the clock of pytest's ``faulthandler_timeout``, which a block here turns off.
    """
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        with _ends_after(seconds):
            yield
        return

    def over(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise TimedOut(f"took longer than --timeout {seconds:g} s")

    def swallowed(what: sys.UnraisableHookArgs) -> None:
        if isinstance(what.exc_value, TimedOut):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            hook(what)

    before, hook = signal.getsignal(signal.SIGALRM), sys.unraisablehook
    with _ends_after(seconds + GRACE_S):
        try:
            sys.unraisablehook = swallowed
            signal.signal(signal.SIGALRM, over)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            sys.unraisablehook = hook


@contextmanager
def _ends_after(seconds: float) -> Iterator[None]:
    """End the process unless the body is left within so many seconds, even if native code holds the lock."""
    with open(os.devnull, "w") as nowhere:
        try:
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def memory_limit(size: int | None) -> None:
    """Let this process hold at most ``size`` bytes of data: beyond it an allocation raises ``MemoryError``."""
    if size is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
