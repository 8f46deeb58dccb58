"""A sweep from start to end, as one call: everything the command line does is ``run``; it prints nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from simlab.errors import BadInput
from simlab.sweep.axes import truth
from simlab.sweep.declared import check_target
from simlab.sweep.devices import check_device, gpus
from simlab.sweep.loading import Experiment, load
from simlab.sweep.plan import make_plan
from simlab.sweep.planning import Target
from simlab.sweep.pools import Workers
from simlab.sweep.results import Goals, Result, Watcher
from simlab.sweep.sweeping import Sweep
from simlab.terminal.interruption import Interrupted
from simlab.terminal.numerals import count, positive

__all__ = ["Interrupted", "Options", "Result", "Watcher", "available_cores", "folder_of", "prepare", "run"]


class Options(TypedDict, total=False):
    """What a sweep may be told; all of it is optional.

    In ``settings`` a tuple, list or range is an axis of the grid, a ``Span`` a range that is sampled at ``points``
    points by ``design`` ("lhs" or "random"), anything else pins the setting. ``replicates`` is rounded up to whole
    blocks; ``until`` (a ``Target``) adds more until a Monte Carlo error is reached. ``engine`` is "local", "threads",
    "serial" or "dask", the latter on the cluster at ``scheduler`` or on one of its own; ``workers`` defaults to the
    cores available. A block may take ``timeout`` seconds and a worker hold ``memory`` bytes; where no block comes back
    for ``deadline`` seconds the rest is given up. ``max_errors`` replicates may raise before the sweep ends early.
    ``out`` defaults to ``results/<slug>``. ``fresh`` deletes this run's own blocks first, ``smoke`` takes the
    experiment's smallest size. ``origin`` says in messages where the settings came from.
    """

    settings: Mapping[str, object] | None
    replicates: int | None
    until: Target | None
    design: str | None
    points: int | None
    seed: int
    out: str | Path | None
    engine: str
    workers: int | None
    scheduler: str | None
    timeout: float | str | None
    memory: int | None
    deadline: float | str | None
    device: str
    max_errors: int | None
    fresh: bool
    smoke: bool
    origin: str


def run(
    experiment: Experiment | str | Path | None = None,
    *,
    watcher: Watcher | None = None,
    **options: Unpack[Options],
) -> Result:
    """Run an experiment and return its tables; blocks that are in ``out`` already are not computed again.

    ``experiment`` is a file's path, an ``Experiment``, or None for the headline sweep; ``Options`` has the rest. A
    script that calls this with an engine of processes guards its top level by ``if __name__ == "__main__"``, as
    everything that starts processes must.

    Raises ``BadInput`` for any mistake of the user's, with nothing written before all settings and the results
    folder have been tried, and ``Interrupted`` on Ctrl-C or SIGTERM, with the finished blocks kept.
    """
    return prepare(experiment, **options).run(watcher)


def prepare(experiment: Experiment | str | Path | None = None, **options: Unpack[Options]) -> Sweep:
    """Return the sweep that ``run`` would run: all its arguments judged, its folder open. Raises ``BadInput``."""
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(f"run() got an unexpected keyword argument {name!r}")
    told = options
    workers = _workers(told)
    fresh, most = told.get("fresh", False), told.get("max_errors")
    truth("fresh", fresh)
    goals = Goals(fresh, None if most is None else count("max_errors", most, 0), told.get("until"))
    loaded = experiment if isinstance(experiment, Experiment) else load(experiment)
    check_target(loaded, goals.until)
    plan = make_plan(
        loaded,
        told.get("settings"),
        replicates=told.get("replicates"),
        seed=told.get("seed", 0),
        smoke=told.get("smoke", False),
        design=told.get("design"),
        points=told.get("points"),
        device=workers.device,
        origin=told.get("origin", "settings"),
    )
    return Sweep(plan, folder_of(loaded, told.get("out")), workers, goals)


def _workers(told: Options) -> Workers:
    """Where blocks are computed. Raises ``BadInput`` for an engine, device or limit that cannot be."""
    engine, device = told.get("engine", "local"), told.get("device", "cpu")
    scheduler, workers = told.get("scheduler"), told.get("workers")
    check_device(device, remote=scheduler is not None)
    if workers is None:
        number = 1 if engine == "serial" else available_cores()
        workers = max(min(number, len(gpus()) if engine == "local" else 1), 1) if device == "gpu" else number
    memory = told.get("memory")
    return Workers(
        engine,
        count("workers", workers, 1),
        scheduler,
        positive("timeout", told.get("timeout")),
        None if memory is None else count("memory", memory, 1),
        positive("deadline", told.get("deadline")),
        device,
    )


def folder_of(experiment: Experiment, out: object) -> Path:
    """The results folder: ``out``, or ``results/<slug>`` under the current folder."""
    if out is not None and (not isinstance(out, (str, Path)) or not str(out)):
        raise BadInput(f"results folder {out!r} is no path: name a folder, or none for results/{experiment.slug}")
    return Path("results") / experiment.slug if out is None else Path(out)


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
