"""A Dask cluster as a pool: one that runs already, named by its scheduler's address, or a local one for this sweep.

Dask schedules, moves and retries; here is only what makes it a pool of ours: blocks are submitted through its own
``concurrent.futures`` interface, workers prove that they run the same code, a payload waits in every worker, a
scheduler that is gone is noticed (a client otherwise waits for it for ever), and leaving waits for nothing that hangs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

from simlab.errors import BadInput
from simlab.sweep.blocks import Outcome, run_block
from simlab.sweep.devices import bind
from simlab.sweep.limits import limit_threads
from simlab.sweep.plan import Job, code_version
from simlab.sweep.pools import Pool, PoolLost, Workers
from simlab.terminal.interruption import put_off, unheard

CONNECT_S = 15
"""How long a scheduler may take to answer."""
LOOK_S = 2.0
"""How often the workers of a cluster are counted."""
LEAVE_S = 5.0
"""How long each step of leaving a cluster may take."""
GRACE_S = 0.5
"""How long a worker of ours may take to end by itself."""
OTHER = "a Dask worker runs simlab"


@contextmanager
def dask_pool(workers: Workers, payload: Mapping[str, object]) -> Iterator[Pool]:
    """Open a client, and a cluster of ``workers.count`` processes where no scheduler is named.

    A scheduler without workers is waited for: a batch system may start them hours later. However the body ends, what
    still runs is cancelled; a worker of a local cluster is ended, one of a running cluster goes on with its block
    until that returns. Raises ``BadInput`` without the library, or where no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise BadInput("engine = dask: distributed is not installed: pip install 'simlab[cluster]'") from None
    with (
        _quiet(),
        _client(distributed, workers) as client,
        _handed_out(distributed, client, payload) as name,
        _executor(client) as executor,
    ):

        def submit(job: Job) -> Future[Outcome]:
            call = pickle.dumps(_Call(pickle.dumps(job), workers.timeout, code_version(), name))
            future: Future[Outcome] = executor.submit(pickle.loads, call)
            return future

        def pulse() -> None:
            if client.status != "running":
                raise PoolLost(f"the Dask scheduler at {client.scheduler.address} is gone")

        yield Pool(
            submit,
            _Window(client),
            pulse,
            fatal=(distributed.KilledWorker,),
            forgives=1,
            excuse=workers.excuse,
            withdraw=_never,
            explain=_explain,
        )


def _never(future: Future[Outcome]) -> bool:  # noqa: ARG001
    """Withdraw nothing: a future of Dask's is pending, and lets itself be cancelled, while its block runs."""
    return False


def _explain(error: BaseException) -> str | None:
    """A sentence for what a worker raises that has no simlab, or another; blocks themselves raise nothing."""
    if isinstance(error, ImportError) and str(error).startswith(OTHER):
        return str(error)
    if isinstance(error, ImportError | AttributeError):
        return f"a Dask worker cannot load simlab ({error}): install simlab {code_version()} there"
    return None


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
    if workers.scheduler is None:
        with (
            _local_cluster(distributed, workers) as cluster,
            _closing(distributed.Client(cluster, set_as_default=False)) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(workers.scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise BadInput(
            f"scheduler = {workers.scheduler}: no Dask scheduler answers there ({type(error).__name__}): start one "
            "with `dask scheduler`, or leave --scheduler out for a local cluster"
        ) from None
    with _closing(client):
        yield client


@contextmanager
def _closing(client: Any) -> Iterator[Any]:
    """Close the client when the body ends; whatever goes wrong with that, the sweep is over."""
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=LEAVE_S)


@contextmanager
def _local_cluster(distributed: Any, workers: Workers) -> Iterator[Any]:
    """Workers of our own, deaf to Ctrl-C, which end with the body even if a block of theirs never does."""
    added = limit_threads(os.environ)  # worker processes inherit it
    try:
        with ExitStack() as leaving:
            if os.name == "posix":
                resource_tracker.ensure_running()  # first, for it unblocks SIGINT when it has started
            with put_off(), unheard():  # the cluster's thread inherits it, and all workers that it ever starts
                cluster = distributed.LocalCluster(
                    n_workers=workers.count,
                    threads_per_worker=1,
                    memory_limit=workers.memory or 0,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # None would take one port for all sweeps of this machine
                    silence_logs="CRITICAL",
                )
                leaving.callback(_end, cluster)
            yield cluster
    finally:
        for name in added:
            os.environ.pop(name, None)


def _end(cluster: Any) -> None:
    """End a local cluster; a worker that does not end within ``GRACE_S`` is killed."""

    async def end_workers() -> None:
        nannies = list(cluster.workers.values())
        await asyncio.gather(*(nanny.close(timeout=GRACE_S) for nanny in nannies), return_exceptions=True)

    with suppress(Exception):
        cluster.sync(end_workers, callback_timeout=LEAVE_S)
    with suppress(Exception):
        cluster.close(timeout=LEAVE_S)


@contextmanager
def _executor(client: Any) -> Iterator[Any]:
    """Dask's own executor; leaving it waits for nothing, for by then all has come back or has been given up."""
    executor = client.get_executor(pure=False)
    try:
        yield executor
    finally:
        if client.status == "running":
            with suppress(Exception):
                executor.shutdown(wait=False)  # cancels what is left


@contextmanager
def _handed_out(distributed: Any, client: Any, payload: Mapping[str, object]) -> Iterator[str | None]:
    """Have the payload in every worker, and in those that come later, under a name of this sweep's own.

    Scattered data would die with the worker that holds it. The plugin is a plain one of Dask's that carries bytes, so
    that a worker without simlab can take it: one that cannot load a plugin does not start.
    """
    if not payload:
        yield None
        return
    name, plugin = f"simlab-{uuid.uuid4().hex}", distributed.WorkerPlugin()
    plugin.payload = pickle.dumps(dict(payload))
    try:
        with suppress(OSError):  # of a worker that died just now; the one in its place is given it when it starts
            client.register_plugin(plugin, name)
        yield name
    finally:
        if client.status == "running":
            with suppress(Exception):  # a worker that hangs does not answer
                client.sync(client.scheduler.unregister_worker_plugin, name=name, callback_timeout=LEAVE_S)


def _held(name: str) -> Mapping[str, object]:
    """The payload of that name in this worker; it is unpacked once. Raises ``BadInput`` where it does not come."""
    from distributed import get_worker

    plugins, until = get_worker().plugins, time.monotonic() + CONNECT_S
    while name not in plugins:  # it may be on its way
        if time.monotonic() > until:
            raise BadInput("a Dask worker was not given the table of facts: the same command tries again")
        time.sleep(0.05)
    plugin: Any = plugins[name]
    if isinstance(plugin.payload, bytes):
        plugin.payload = pickle.loads(plugin.payload)
    held: Mapping[str, object] = plugin.payload
    return held


class _Call:
    """A call of ``run_remote``, which is made by whoever unpickles it.

    Dask is given ``pickle.loads`` and bytes: its scheduler reads the arguments of a call, and would need simlab.
    """

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., Outcome], tuple[object, ...]]:
        return run_remote, self.arguments


def run_remote(packed: bytes, timeout: float | None, version: str, payload: str | None) -> Outcome:
    """Compute a block in a Dask worker, which must run the code of the driver: other code gives other rows.

    The job is unpickled once that is sure, and ``payload`` is the name under which the worker holds it.
    """
    if code_version() != version:
        raise ImportError(f"{OTHER} {code_version()}, this is {version}: install the same")
    job: Job = pickle.loads(packed)
    limit_threads(os.environ)
    try:
        bind(job.device)
        given = {} if payload is None else _held(payload)
    except BadInput as error:
        return Outcome(job, mistake=str(error))
    return run_block(job, timeout, given)
