"""The process that workers are forked from. Imports nothing heavy: it starts while the sweep is still planned."""

from __future__ import annotations

import os

from simlab.sweep.limits import limit_threads
from simlab.terminal.interruption import put_off, unheard

PRELOAD = ["numpy", "simlab.sweep.pools"]
"""What every worker needs, and what survives a fork: JAX does not."""


def start_forkserver() -> None:
    """Start it, if it does not run yet: light modules loaded, one thread a worker, deaf to Ctrl-C."""
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
