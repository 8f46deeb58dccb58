"""A Dask cluster as a pool: one that runs already, named by its scheduler's address, or a local one for this sweep.

Dask schedules, moves and retries; here is only what makes it a pool of ours: blocks are submitted through its own
``concurrent.futures`` interface, workers prove that they run the same code, and a scheduler that is gone is noticed
(a client otherwise waits for it for ever).
"""

from __future__ import annotations

import logging
import os
import sys
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


@contextmanager
def dask_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """Open a client, and a cluster of ``workers.count`` processes where no scheduler is named.

    Raises ``BadInput`` without the library, or where no scheduler answers, or one without workers.
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

        cores = max(len(client.scheduler_info(n_workers=-1)["workers"]), workers.count)
        yield Pool(submit, 2 * cores, pulse, fatal=(distributed.KilledWorker,), forgives=1, excuse=workers.excuse)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log of lost workers and schedulers from the terminal: the sweep has a sentence for each."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


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
            if not client.scheduler_info(n_workers=-1)["workers"]:
                try:
                    client.wait_for_workers(1, timeout=CONNECT_S)
                except TimeoutError:
                    raise BadInput(
                        f"scheduler = {workers.scheduler}: it has no workers: start some with `dask worker ADDRESS`"
                    ) from None
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
                dashboard_address=None,
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
