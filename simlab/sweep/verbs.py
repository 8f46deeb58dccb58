"""``status DIR``, ``export DIR`` and ``verify DIR``: a results folder looked at, handed on, and checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from simlab.sweep.limits import limit_threads
from simlab.terminal.options import make_app, read_options
from simlab.terminal.output import for_a_reader

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The results folder of a sweep.", show_default=False)]
Run = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which of the folder's runs, as `status` names it; default: the last one."),
]

Task = Callable[[], int]

status_app, export_app, verify_app = make_app(), make_app(), make_app()
APPS = {"status": status_app, "export": export_app, "verify": verify_app}


def run_verb(verb: str, argv: Sequence[str]) -> int:
    """Do what a verb and its arguments ask for; return the exit status. Raises ``BadInput``."""
    read: Task | int = read_options(APPS[verb], argv, f"python -m simlab.sweep {verb}")
    if isinstance(read, int):
        return read
    limit_threads(os.environ)
    return read()


@status_app.command()
def status(folder: Folder) -> Task:
    """Say which runs a results folder holds, how far they are, and whether code or files have changed since."""

    def task() -> int:
        from simlab.sweep.inspecting import status_of_folder
        from simlab.terminal.output import put

        lines = status_of_folder(folder)
        with for_a_reader():
            put("\n".join(lines))
        return 0

    return task


@export_app.command()
def export(
    folder: Folder,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="csv or parquet; default: what --out ends with, else csv."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where to; default: replicates.FORMAT in the folder.")
    ] = None,
    run: Run = None,
) -> Task:
    """Write the rows of all finished blocks of a run to one file, whether the run is finished or not."""

    def task() -> int:
        from simlab.sweep.inspecting import export_run
        from simlab.terminal.output import put

        said = export_run(folder, to, out, run)
        with for_a_reader():
            put(said)
        return 0

    return task


@verify_app.command()
def verify(
    folder: Folder,
    blocks: Annotated[str, typer.Option(metavar="N", help="How many blocks, taken at random; all: every one.")] = "10",
    seed: Annotated[
        str | None,
        typer.Option(metavar="N", help="Which blocks are taken; default: others each time, and it says which."),
    ] = None,
    workers: Annotated[str | None, typer.Option(metavar="N", help="Worker processes; default: the cores.")] = None,
    timeout: Annotated[str | None, typer.Option(metavar="S", help="Seconds that a block may take.")] = None,
    run: Run = None,
) -> Task:
    """Compute a random sample of a run's blocks again and compare them bit by bit; exit status 1 if any differs."""

    def task() -> int:
        from simlab.sweep.inspecting import verify_run
        from simlab.sweep.running import available_cores
        from simlab.terminal.numerals import count, positive, whole
        from simlab.terminal.output import put

        number = None if blocks == "all" else count("--blocks", whole("--blocks", blocks), 1)
        cores = available_cores() if workers is None else count("--workers", whole("--workers", workers), 1)
        taken = None if seed is None else count("--seed", whole("--seed", seed), 0)
        lines, differing = verify_run(folder, number, taken, cores, run, positive("--timeout", timeout))
        with for_a_reader():
            put("\n".join(lines))
        return int(differing)

    return task
