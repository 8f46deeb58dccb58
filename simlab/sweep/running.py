"""A sweep from start to end, as one call: everything the command line does is ``run``; it prints nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from simlab.errors import BadInput
from simlab.sweep.axes import truth
from simlab.sweep.engine import check_engine
from simlab.sweep.loading import Experiment, load
from simlab.sweep.plan import make_plan
from simlab.sweep.sweeping import Result, Sweep, Watcher
from simlab.terminal.interruption import Interrupted
from simlab.terminal.numerals import count

__all__ = ["Interrupted", "Result", "Watcher", "available_cores", "folder_of", "prepare", "run"]


def run(
    experiment: Experiment | str | Path | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    replicates: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    engine: str = "local",
    fresh: bool = False,
    smoke: bool = False,
    origin: str = "settings",
    watcher: Watcher | None = None,
) -> Result:
    """Run an experiment and return its tables; blocks that are in ``out`` already are not computed again.

    ``experiment`` is a file's path, an ``Experiment``, or None for the headline sweep. In ``settings`` a tuple, list
    or range is an axis of the grid, anything else pins the setting. ``replicates`` is rounded up to whole blocks.
    ``workers`` defaults to the cores available, ``out`` to ``results/<slug>``. ``fresh`` deletes this run's own
    blocks first, ``smoke`` takes the experiment's smallest size. A script that calls this with the local engine
    guards its top level by ``if __name__ == "__main__"``, as everything that starts processes must.

    Raises ``BadInput`` for any mistake of the user's, with nothing written before all settings and the results
    folder have been tried, and ``Interrupted`` on Ctrl-C or SIGTERM, with the finished blocks kept.
    """
    asked = prepare(
        experiment,
        settings=settings,
        replicates=replicates,
        workers=workers,
        seed=seed,
        out=out,
        engine=engine,
        fresh=fresh,
        smoke=smoke,
        origin=origin,
    )
    return asked.run(watcher)


def prepare(
    experiment: Experiment | str | Path | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    replicates: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    engine: str = "local",
    fresh: bool = False,
    smoke: bool = False,
    origin: str = "settings",
) -> Sweep:
    """Return the sweep that ``run`` would run: all its arguments judged, its folder open. Raises ``BadInput``."""
    check_engine(engine)
    truth("fresh", fresh)
    workers = available_cores() if workers is None else count("workers", workers, 1)
    loaded = experiment if isinstance(experiment, Experiment) else load(experiment)
    plan = make_plan(loaded, settings, replicates=replicates, seed=seed, smoke=smoke, origin=origin)
    return Sweep(plan, folder_of(loaded, out), engine, workers, fresh)


def folder_of(experiment: Experiment, out: object) -> Path:
    """The results folder: ``out``, or ``results/<slug>`` under the current folder."""
    if out is not None and (not isinstance(out, (str, Path)) or not str(out)):
        raise BadInput(f"results folder {out!r} is no path: name a folder, or none for results/{experiment.slug}")
    return Path("results") / experiment.slug if out is None else Path(out)


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
