"""The command line: arguments to a call of ``run``, mistakes to one sentence, outcomes to exit statuses.

0 done, all bounds held; 1 a bound failed; 2 bad usage or bad input; 3 finished with error rows, lost blocks
or no picture; 130 interrupted (143 by SIGTERM), finished blocks kept; 141 the reader of our output went away; 70 a
crash of ours. Nothing heavy is imported before the arguments are read.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

import simlab
from simlab.errors import BadInput, unknown
from simlab.sweep.interruption import Interrupted, ReaderGone, for_a_reader
from simlab.sweep.limits import limit_threads

if TYPE_CHECKING:
    from simlab.sweep.loading import Experiment

EPILOG = (
    "Exit status: 0 all bounds held, 1 a bound failed, 2 bad usage or bad input, 3 finished with error rows, lost "
    "blocks or no picture, 130 interrupted and 143 terminated (finished blocks are kept), 70 a crash of simlab."
)

# typer brings its own copy of click in some versions and imports click in others: the class is the same.
_ClickError: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "allow_extra_args": True},
)


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


def _version(wanted: bool) -> bool:
    if wanted:
        print(f"simlab {simlab.__version__}")
        raise typer.Exit
    return wanted


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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
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
    try:
        status = _told(argv)
        sys.stdout.flush()  # here, where a pipe that is closed has its own exit status
        return status
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                os.dup2(nowhere, stream.fileno())
        return 141


def _told(argv: Sequence[str]) -> int:
    """Run the command line, and turn what is raised into sentences on stderr and an exit status."""
    try:
        read = read_arguments(argv)
        return read if isinstance(read, int) else execute(read)
    except BadInput as error:
        for sentence in str(error).splitlines():
            print(f"simlab: {sentence}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"simlab: {error.args[0] if error.args else 'interrupted before anything was computed'}", file=sys.stderr)
        return 128 + int(getattr(error, "signum", signal.SIGINT))
    except ReaderGone:
        raise
    except Exception:
        traceback.print_exc()
        print(
            f"simlab: this is a fault of simlab {simlab.__version__} and not yours: please report it with the lines "
            f"above and the command: simlab.sweep {' '.join(argv)}",
            file=sys.stderr,
        )
        return 70


def read_arguments(argv: Sequence[str]) -> Arguments | int:
    """Return the parsed arguments, or a status after ``--help``. Raises ``BadInput`` for bad usage, in a sentence."""
    main = typer.main.get_command(app)
    _refuse_options_as_values(argv, main.params)
    try:
        read: Arguments | int = main.main(_spread(argv), prog_name="python -m simlab.sweep", standalone_mode=False)
    except SystemExit:  # the reader of the help went away
        raise ReaderGone from None
    except _ClickError as error:
        if hasattr(error, "possibilities"):  # NoSuchOption
            options = [name for parameter in main.params for name in (*parameter.opts, *parameter.secondary_opts)]
            known = [*(name for name in options if name.startswith("--")), "--help"]
            raise unknown("option", error.option_name, known) from None
        text = error.format_message().rstrip(".")
        raise BadInput(f"{text[:1].lower()}{text[1:]}: see python -m simlab.sweep --help") from None
    return read


def _refuse_options_as_values(argv: Sequence[str], parameters: Sequence[Any]) -> None:
    """Raise ``BadInput`` for ``--out --smoke``: an option that takes a value, followed by another option."""
    names = {name: parameter for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    for option, value in itertools.pairwise(argv):
        if option == "--":
            return
        takes_value = option.startswith("--") and option in names and not names[option].is_flag
        if takes_value and value.startswith("--") and (value in names or value == "--help"):
            raise BadInput(f"option {option!r} requires an argument, and {value!r} is an option: give it a value first")


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
    from simlab.sweep.axes import parse_axes, whole
    from simlab.sweep.progress import Screen
    from simlab.sweep.running import prepare

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
    from simlab.sweep.axes import whole
    from simlab.sweep.loading import load, load_facts

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
