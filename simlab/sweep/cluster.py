"""A Dask cluster as a pool: one that runs already, named by its scheduler's address, or a local one for this sweep.

Dask schedules, moves and retries; here is only what makes it a pool of ours: blocks are submitted through its own
``concurrent.futures`` interface, workers prove that they run the same code, and a scheduler that is gone is noticed
(a client otherwise waits for it for ever).
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from simlab.errors import BadInput
from simlab.sweep.blocks import Outcome, run_block
from simlab.sweep.devices import bind
from simlab.sweep.limits import limit_threads
from simlab.sweep.plan import Job, code_version
from simlab.sweep.pools import Pool, PoolLost, Workers

CONNECT_S = 15
"""How long a scheduler may take to answer."""
LOOK_S = 2.0
"""How often the workers of a cluster are counted."""


@contextmanager
def dask_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """Open a client, and a cluster of ``workers.count`` processes where no scheduler is named.

    A scheduler without workers is waited for: a batch system may start them hours later. Raises ``BadInput`` without
    the library, or where no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise BadInput("engine = dask: distributed is not installed: pip install 'simlab[cluster]'") from None
    with _quiet(), _client(distributed, workers) as client, client.get_executor(pure=False) as executor:
        sent = client.scatter(dict(payload), broadcast=True, hash=False) if payload else None

        def submit(job: Job) -> Future[Outcome]:
            future: Future[Outcome] = executor.submit(run_remote, job, workers.timeout, code_version(), sent)
            return future

        def pulse() -> None:
            if client.status != "running":
                raise PoolLost(f"the Dask scheduler at {client.scheduler.address} is gone")

        yield Pool(submit, _Window(client), pulse, fatal=(distributed.KilledWorker,), forgives=1, excuse=workers.excuse)


class _Window:
    """Two blocks a worker, of as many workers as there are now: they come and go while a batch system starts them."""

    def __init__(self, client: Any) -> None:
        self.client, self.asked, self.workers = client, 0.0, 1

    def __call__(self) -> int:
        """How many blocks may be in flight; the scheduler is asked every ``LOOK_S`` seconds."""
        if time.monotonic() - self.asked > LOOK_S and self.client.status == "running":
            self.workers = max(len(self.client.scheduler_info(n_workers=-1)["workers"]), 1)
            self.asked = time.monotonic()
        return 2 * self.workers


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log of lost workers and schedulers from the terminal: the sweep has a sentence for each."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {log: log.level for log in map(logging.getLogger, names)}
    for log in before:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in before.items():
            log.setLevel(level)


@contextmanager
def _client(distributed: Any, workers: Workers) -> Iterator[Any]:
    """A client of the named scheduler, or of a local cluster that ends with the sweep."""
    if workers.scheduler is not None:
        try:
            client = distributed.Client(workers.scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise BadInput(
                f"scheduler = {workers.scheduler}: no Dask scheduler answers there ({type(error).__name__}): start one "
                "with `dask scheduler`, or leave --scheduler out for a local cluster"
            ) from None
        with client:
            yield client
        return
    added = limit_threads(os.environ)  # worker processes inherit it
    try:
        with (
            distributed.LocalCluster(
                n_workers=workers.count,
                threads_per_worker=1,
                memory_limit=workers.memory or 0,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # None would take one port for all sweeps of this machine
                silence_logs="CRITICAL",
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client
    finally:
        for name in added:
            os.environ.pop(name, None)


def run_remote(job: Job, timeout: float | None, version: str, payload: Mapping[str, object] | None) -> Outcome:
    """Compute a block in a Dask worker, which must run the code of the driver: other code gives other rows."""
    if code_version() != version:
        return Outcome(job, mistake=f"a Dask worker runs simlab {code_version()}, this is {version}: install the same")
    if "jax" not in sys.modules:
        limit_threads(os.environ)
        bind(job.device)
    return run_block(job, timeout, payload or {})
