"""The command line: arguments to a call of ``run``, mistakes to one sentence, outcomes to exit statuses.

0 done, all bounds held; 1 a bound failed; 2 bad usage or bad input; 3 finished with error rows, lost blocks
or no picture; 130 interrupted (143 by SIGTERM), finished blocks kept; 141 the reader of our output went away; 70 a
crash of ours. Nothing heavy is imported before the arguments are read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simlab.errors import BadInput
from simlab.sweep.limits import limit_threads
from simlab.terminal.interruption import Interrupted
from simlab.terminal.options import make_app, read_options, show_version
from simlab.terminal.outcomes import status_of
from simlab.terminal.output import for_a_reader

if TYPE_CHECKING:
    from simlab.sweep.loading import Experiment

EPILOG = (
    "Exit status: 0 all bounds held, 1 a bound failed, 2 bad usage or bad input, 3 finished with error rows, lost "
    "blocks or no picture, 130 interrupted and 143 terminated (finished blocks are kept), 70 a crash of simlab."
)

app = make_app(more_arguments=True)


@dataclass(frozen=True)
class Arguments:
    """The command line, read but not yet judged."""

    experiment: str | None
    chosen: list[str]
    replicates: str | None
    workers: str | None
    seed: str
    out: str | None
    engine: str
    fresh: bool
    smoke: bool
    dry_run: bool
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
            help="A setting; commas make a grid axis, + joins the parts of one value "
            "(methods=calibrated+abstain), integers may be written 1e6. Repeatable.",
        ),
    ] = None,
    replicates: Annotated[
        str | None, typer.Option(metavar="N", help="Replicates a grid point, rounded up to whole blocks.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Worker processes; default: the cores available.")
    ] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="The master seed.")] = "0",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Results folder; default: results/NAME.")] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="local (processes) or serial (in this process, for debuggers).")
    ] = "local",
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Compute this run's blocks anew, or keep those that are there.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="The experiment's smallest size.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
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
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> Arguments:
    """Run a sweep: an experiment over a grid of settings, replicates at each point, bounds checked at the end."""
    if experiment is not None and context.args:
        named = [experiment, *context.args]
        raise BadInput(f"{len(named)} experiments are given ({', '.join(named)}): run one at a time")
    columns = {"prompt": prompt, "answer": answer, "count": count, "idk": idk or None}
    columns |= {"conflicts": conflicts, "normalize": normalize, "n_answers": n_answers}
    return Arguments(
        experiment=experiment,
        chosen=chosen or [],
        replicates=replicates,
        workers=workers,
        seed=seed,
        out=out,
        engine=engine,
        fresh=fresh,
        smoke=smoke,
        dry_run=dry_run,
        quiet=quiet,
        facts=facts or [],
        columns={name: value for name, value in columns.items() if value is not None},
    )


def command(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status."""
    return status_of(lambda: _run(argv), "simlab.sweep", argv)


def _run(argv: Sequence[str]) -> int:
    read = read_arguments(argv)
    return read if isinstance(read, int) else execute(read)


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


def execute(arguments: Arguments) -> int:
    """Run what was asked for and show it; return the exit status."""
    limit_threads(os.environ)  # before NumPy is loaded, so that --engine serial has one thread as well
    from simlab.sweep import display
    from simlab.sweep.axes import parse_axes
    from simlab.sweep.progress import Screen
    from simlab.sweep.running import prepare
    from simlab.terminal.numerals import whole

    def integer(option: str, text: str | None) -> int | None:
        return None if text is None else whole(option, text)

    sweep = prepare(
        settings=parse_axes(arguments.chosen),
        replicates=integer("--replicates", arguments.replicates),
        workers=integer("--workers", arguments.workers),
        seed=whole("--seed", arguments.seed),
        experiment=_experiment(arguments),
        out=arguments.out,
        engine=arguments.engine,
        fresh=arguments.fresh,
        smoke=arguments.smoke,
        origin="--set",
    )
    if arguments.dry_run:
        sweep.rehearse()
        with for_a_reader():
            display.show_plan(sweep)
        return 0
    result = sweep.run(Screen(quiet=arguments.quiet))
    try:
        with for_a_reader():
            display.show(result)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted while printing: everything is in {result.folder}") from None
    return result.status


def _experiment(arguments: Arguments) -> Experiment:
    """The experiment that the arguments name: a file, a table of facts, or the headline."""
    from simlab.sweep.loading import load, load_facts
    from simlab.terminal.numerals import whole

    columns = dict(arguments.columns)
    if not arguments.facts:
        for name in columns:
            raise BadInput(f"--{name.replace('_', '-')} is given without --facts: it describes a table of facts")
        return load(arguments.experiment)
    if arguments.experiment is not None:
        raise BadInput(f"--facts and the experiment {arguments.experiment!r} are both given: choose one of them")
    if "n_answers" in columns:
        columns["n_answers"] = whole("--n-answers", columns["n_answers"])
    return load_facts(arguments.facts, **columns)
