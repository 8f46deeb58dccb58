"""The arguments of a sweep, read and not yet judged. Nothing heavy is imported here."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from simlab.errors import BadInput, unknown
from simlab.terminal.options import make_app, read_options, show_version

EPILOG = (
    "Exit status: 0 all bounds held, 1 a bound failed, 2 bad usage or bad input, 3 finished with error rows, blocks "
    "lost or left, or no picture, 130 interrupted and 143 terminated (finished blocks are kept), 70 a crash of simlab."
)

VERBS = ("status", "export", "verify")
ALIKE = 0.75
"""How like a verb a word must be to be taken for one that was misspelt, and not for a file that is missing."""

app = make_app(more_arguments=True)


@dataclass(frozen=True)
class Arguments:
    """The command line, read but not yet judged."""

    experiment: str | None
    chosen: list[str]
    replicates: str | None
    until: str | None
    plan: str | None
    design: str | None
    points: str | None
    seed: str
    out: str | None
    engine: str
    workers: str | None
    scheduler: str | None
    timeout: str | None
    memory: str | None
    deadline: str | None
    device: str
    max_errors: str | None
    fresh: bool
    smoke: bool
    dry_run: bool
    replay: str | None
    quiet: bool
    facts: list[str]
    columns: dict[str, Any]


@app.command(epilog=EPILOG)
def parse(
    context: typer.Context,
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="An experiment, a .py file; without one, the headline sweep.",
            show_default=False,
        ),
    ] = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE,...",
            help="A setting; commas make a grid axis, LOW..HIGH a range to sample (LOW..HIGH:log by its logarithm), "
            "+ joins the parts of one value (methods=calibrated+abstain), integers may be written 1e6. Repeatable.",
        ),
    ] = None,
    replicates: Annotated[
        str | None, typer.Option(metavar="N", help="Replicates a grid point, rounded up to whole blocks.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="[measure=NAME,]mcse=X",
            help="Add replicates, to 20 at least, until the Monte Carlo standard error of every shown measure, or of "
            "this one, is X.",
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar="[measure=NAME,]mcse=X", help="Run a pilot and say how many replicates that takes."),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How ranges are sampled: lhs (Latin hypercube) or random."),
    ] = None,
    points: Annotated[str | None, typer.Option(metavar="N", help="At how many points ranges are sampled.")] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="The master seed.")] = "0",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Results folder; default: results/NAME.")] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="local (processes), threads, serial (in this process, for debuggers) or dask (a cluster).",
        ),
    ] = "local",
    workers: Annotated[str | None, typer.Option(metavar="N", help="Workers; default: the cores available.")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A running Dask scheduler, tcp://HOST:PORT; default: a local cluster."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="S", help="Seconds that a block may take; then it counts as raised.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory-limit", metavar="SIZE", help="What a worker may hold, such as 2GB.")
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="S", help="Give up when no block has come back for so many seconds; default: never."),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="What JAX computes on: cpu, or gpu (one worker a GPU).")
    ] = "cpu",
    max_errors: Annotated[
        str | None, typer.Option(metavar="N", help="Stop when more than N replicates have raised; default: never.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="The same as --max-errors 0.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Compute this run's blocks anew, or keep those that are there.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="The experiment's smallest size.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="ROW",
            help="Compute the block of this row of replicates.parquet (from 0) again, in this process; show the row.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")] = False,
    facts: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE...", help="Measure a table of facts (CSV, JSONL, Parquet) of your own."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="COL", help="Its column of prompts.")] = None,
    answer: Annotated[str | None, typer.Option(metavar="COL", help="Its column of answers.")] = None,
    count: Annotated[str | None, typer.Option(metavar="COL", help="Its column of counts, if aggregated.")] = None,
    idk: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="An answer that means I don't know. Repeatable.")
    ] = None,
    conflicts: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Prompts of several answers: majority (default), drop or all-valid."),
    ] = None,
    normalize: Annotated[
        str | None, typer.Option(metavar="RULE", help="Spelling of facts: none (default), case, space or nfkc.")
    ] = None,
    n_answers: Annotated[
        str | None, typer.Option(metavar="N", help="|R_c|; default: distinct answers in the table.")
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Pass over rows that cannot be read, and count them.")
    ] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> Arguments:
    """Run a sweep: an experiment over a grid of settings, replicates at each point, bounds checked at the end.

    Look at a results folder with `status DIR`, `export DIR` and `verify DIR` in place of an experiment.
    """
    misspelt = experiment is not None and difflib.get_close_matches(experiment, VERBS, 1, ALIKE)
    if experiment is not None and misspelt and not os.path.exists(experiment):
        raise unknown("verb", experiment, VERBS)
    if experiment is not None and context.args:
        named = [experiment, *context.args]
        raise BadInput(f"{len(named)} experiments are given ({', '.join(named)}): run one at a time")
    if fail_fast and max_errors is not None:
        raise BadInput(f"--fail-fast and --max-errors {max_errors} are both given: choose one of them")
    columns: dict[str, Any] = {"prompt": prompt, "answer": answer, "count": count, "idk": idk or None}
    columns |= {"conflicts": conflicts, "normalize": normalize, "n_answers": n_answers}
    columns["skip_bad_rows"] = skip_bad_rows or None
    return Arguments(
        experiment=experiment,
        chosen=chosen or [],
        replicates=replicates,
        until=until,
        plan=plan,
        design=design,
        points=points,
        seed=seed,
        out=out,
        engine=engine,
        workers=workers,
        scheduler=scheduler,
        timeout=timeout,
        memory=memory,
        deadline=deadline,
        device=device,
        max_errors="0" if fail_fast else max_errors,
        fresh=fresh,
        smoke=smoke,
        dry_run=dry_run,
        replay=replay,
        quiet=quiet,
        facts=facts or [],
        columns={name: value for name, value in columns.items() if value is not None},
    )


def read_arguments(argv: Sequence[str]) -> Arguments | int:
    """Return the parsed arguments, or a status after ``--help``. Raises ``BadInput`` for bad usage, in a sentence."""
    read: Arguments | int = read_options(app, _spread(argv), "python -m simlab.sweep")
    return read


def _spread(argv: Sequence[str]) -> list[str]:
    """``--facts a.csv b.csv`` as ``--facts a.csv --facts b.csv``, so that a shell's wildcard may follow."""
    spread: list[str] = []
    after = False  # whether the last option was --facts, with its file given
    for i, word in enumerate(argv):
        if after and not word.startswith("-"):
            spread += ["--facts", word]
            continue
        spread.append(word)
        after = (i > 0 and argv[i - 1] == "--facts") or word.startswith("--facts=")
    return spread
