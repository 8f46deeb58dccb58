"""The command line: arguments to a call of ``audit_corpus``, its record to text, JSON and a page.

0 done; 1 an alarm fired and ``--fail-on-alarm`` was given; 2 bad usage or bad input; 130 interrupted (143 by SIGTERM),
nothing written; 141 the reader of our output went away; 70 a crash of ours. Nothing heavy is imported before the
arguments are read.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simlab.errors import BadInput, unknown
from simlab.terminal.interruption import Interrupted, stoppable
from simlab.terminal.options import make_app, read_options, show_version
from simlab.terminal.outcomes import status_of
from simlab.terminal.output import for_a_reader, put, terminal_width

if TYPE_CHECKING:
    from simlab.audit.record import CorpusAudit
    from simlab.terminal.files import Destination

PROGRAM = "python -m simlab.audit"
EPILOG = (
    "Exit status: 0 done, 1 an alarm fired (with --fail-on-alarm), 2 bad usage or bad input, 130 interrupted and 143 "
    "terminated (nothing is written), 70 a crash of simlab."
)
HELP = f"""Usage: {PROGRAM} corpus FILE... [OPTIONS]

  Audit your own data: what they imply for a model that learns from them.

Audits:
  corpus  A table of facts: the floor of the error, the missing mass, and whether the rows are what the theory takes
          them for.

Options:
  --version   Print the version.
  -h, --help  Show this message; '{PROGRAM} corpus --help' lists the options of an audit.
"""

app = make_app()


@dataclass(frozen=True)
class Arguments:
    """The command line, read but not yet judged: ``reading`` goes to ``audit_corpus``, the rest to the output."""

    files: list[str]
    reading: dict[str, Any]
    json: str | None
    html: str | None
    fail_on_alarm: bool
    quiet: bool


@app.command(epilog=EPILOG)
def parse(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="CSV, TSV, JSON Lines or Parquet.", show_default=False)
    ],
    prompt: Annotated[
        str | None, typer.Option(metavar="COL", help="The column of prompts. Without it the whole row is the fact.")
    ] = None,
    answer: Annotated[str | None, typer.Option(metavar="COL", help="The column of answers.")] = None,
    count: Annotated[str | None, typer.Option(metavar="COL", help="The column of counts, if aggregated.")] = None,
    idk: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="An answer that means I don't know. Repeatable.")
    ] = None,
    conflicts: Annotated[
        str, typer.Option(metavar="RULE", help="Prompts of several answers: majority, drop or all-valid.")
    ] = "majority",
    normalize: Annotated[
        str, typer.Option(metavar="RULE", help="Spelling of facts: none, case, space, nfkc, or several with commas.")
    ] = "none",
    n_answers: Annotated[
        str | None, typer.Option(metavar="N", help="|R_c|, the plausible answers; default: all in the table.")
    ] = None,
    level: Annotated[str, typer.Option(metavar="P", help="The level of intervals and of the certificate.")] = "0.95",
    target: Annotated[str, typer.Option(metavar="P", help="The floor for which more rows are asked.")] = "0.05",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write everything as JSON; - is stdout, instead of the text."),
    ] = None,
    html_file: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a report as one HTML page. A file there is replaced."),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Pass over rows that cannot be read, and count them.")
    ] = False,
    no_examples: Annotated[
        bool, typer.Option("--no-examples", help="Show no text of the table, for private data.")
    ] = False,
    no_order_check: Annotated[
        bool, typer.Option("--no-order-check", help="Do not ask whether repeats come in runs; reads faster.")
    ] = False,
    spelling_check: Annotated[
        bool | None,
        typer.Option(
            "--spelling-check/--no-spelling-check",
            help="Compare spellings, or do not; default: up to 5,000,000 rows.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="The seed of the bootstrap.")] = "0",
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory for reading, such as 2GB; larger tables spill to disk.")
    ] = None,
    fail_on_alarm: Annotated[
        bool, typer.Option("--fail-on-alarm", help="Exit with status 1 where an alarm fired.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> Arguments:
    """Audit a table of facts: what floor does it imply for the error of a model that learns from it?"""
    reading = {
        "prompt": prompt,
        "answer": answer,
        "count": count,
        "idk": idk or (),
        "conflicts": conflicts,
        "normalize": normalize,
        "n_answers": n_answers,
        "level": level,
        "target": target,
        "skip_bad_rows": skip_bad_rows,
        "examples": not no_examples,
        "order_check": not no_order_check,
        "spelling_check": spelling_check,
        "seed": seed,
        "memory_limit": memory_limit,
    }
    return Arguments(files, reading, json_file, html_file, fail_on_alarm, quiet)


def command(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status."""
    return status_of(lambda: _run(argv), "simlab.audit", argv)


def _run(argv: Sequence[str]) -> int:
    verb = argv[0] if argv else ""
    if verb in ("--help", "-h"):
        with for_a_reader():
            put(HELP.rstrip("\n"))
        return 0
    if verb not in ("corpus", "--version"):
        raise _no_such_audit(verb)
    read = read_arguments(argv[verb == "corpus" :])
    return read if isinstance(read, int) else execute(read)


def _no_such_audit(verb: str) -> BadInput:
    """The sentence for a first word that names no audit."""
    if not verb or verb.startswith("-"):
        before = f" before {verb}" if verb else ""
        return BadInput(f"the audit is not named: write corpus{before}: see {PROGRAM} --help")
    if "." in verb:
        return BadInput(f"{verb!r} is no audit: did you mean {PROGRAM} corpus {verb}?")
    return unknown("audit", verb, ["corpus"])


def read_arguments(argv: Sequence[str]) -> Arguments | int:
    """Return the parsed arguments of ``corpus``, or a status after ``--help``. Raises ``BadInput`` for bad usage."""
    read: Arguments | int = read_options(app, argv, f"{PROGRAM} corpus")
    return read


def execute(arguments: Arguments) -> int:
    """Run the audit, write what was asked for, print the text; return the exit status."""
    from simlab.audit.corpus import audit_corpus
    from simlab.audit.progress import Watch
    from simlab.tables.naming import meant
    from simlab.terminal.numerals import share, whole

    reading = dict(arguments.reading)
    for name, read in (("n_answers", whole), ("seed", whole), ("level", share), ("target", share)):
        if reading[name] is not None:
            option = f"--{name.replace('_', '-')}"
            reading[name] = share(option, reading[name], 0.95) if name == "level" else read(option, reading[name])
    files = meant(arguments.files)
    places = _places(arguments, files)
    watch = Watch(quiet=arguments.quiet)
    written: list[str] = []
    try:
        with stoppable():
            try:
                audit = audit_corpus(files, **reading, progress=watch)
                reports = [(place, _report(audit, place.option)) for place in places]
            finally:
                watch.stop()
            failure = _write(reports, written)
            if not any(place.path is None for place in places):
                with for_a_reader():
                    put(audit.text(terminal_width()).rstrip("\n"))
    except KeyboardInterrupt as error:
        kept = f"{' and '.join(written)} is written whole" if written else "nothing was written"
        raise Interrupted(f"interrupted: {kept}", getattr(error, "signum", signal.SIGINT)) from None
    for name in written:
        watch.note(f"wrote {name}")
    if failure is not None:
        raise failure
    return 1 if arguments.fail_on_alarm and audit.alarms else 0


def _places(arguments: Arguments, files: Sequence[str]) -> list[Destination]:
    """Where the reports go, tried before the long work. Raises ``BadInput`` for a place that cannot be written."""
    from simlab.terminal.files import destination

    asked = {"--json": arguments.json, "--html": arguments.html}
    places = [
        destination(option, name, files, stdout=option == "--json")
        for option, name in asked.items()
        if name is not None
    ]
    paths = [place.path for place in places if place.path is not None]
    if len(set(paths)) < len(paths):
        raise BadInput(f"--json and --html are both {arguments.html}: name two files")
    return places


def _report(audit: CorpusAudit, option: str) -> str:
    return (
        audit.html()
        if option == "--html"
        else json.dumps(audit.as_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    )


def _write(reports: Sequence[tuple[Destination, str]], written: list[str]) -> BadInput | None:
    """Write each report, put its name into ``written``, and return the first refusal."""
    refusal = None
    for place, text in reports:
        try:
            place.write(text)
        except BadInput as error:
            refusal = refusal or error
        else:
            written += [] if place.path is None else [place.name]
    return refusal
