"""The command line: arguments to a call of an audit, its record to text, JSON and a page.

0 done; 1 an alarm fired and ``--fail-on-alarm`` was given; 2 bad usage or bad input; 130 interrupted (143 by SIGTERM),
nothing written; 141 the reader of our output went away; 70 a crash of ours. Nothing heavy is imported before the
arguments are read.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simlab.audit.arguments import Arguments
from simlab.errors import BadInput, unknown
from simlab.terminal.interruption import Interrupted, stoppable
from simlab.terminal.options import as_typed, read_options
from simlab.terminal.outcomes import status_of
from simlab.terminal.output import for_a_reader, put, terminal_width

if TYPE_CHECKING:
    from simlab.audit.evals_record import EvalsAudit
    from simlab.audit.progress import Watch
    from simlab.audit.record import CorpusAudit
    from simlab.terminal.files import Destination

PROGRAM = "python -m simlab.audit"
AUDITS = ("corpus", "evals")
HELP = f"""Usage: {PROGRAM} corpus FILE... [OPTIONS]
       {PROGRAM} evals FILE... [OPTIONS]

  Audit your own data: what they imply for a model that learns from them.

Audits:
  corpus  A table of facts: the floor of the error, the missing mass, and whether the rows are what the theory takes
          them for.
  evals   Evaluation logs: is the model bluffing, does its benchmark pay it to, and what would the ranking be
          otherwise.

Options:
  --version   Print the version.
  -h, --help  Show this message; '{PROGRAM} corpus --help' lists the options of an audit.
"""


def command(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status."""
    return status_of(lambda: _run(argv), "simlab.audit", argv)


def _run(argv: Sequence[str]) -> int:
    verb = argv[0] if argv else ""
    if verb in ("--help", "-h"):
        with for_a_reader():
            put(HELP.rstrip("\n"))
        return 0
    if verb not in (*AUDITS, "--version"):
        raise _no_such_audit(verb)
    read = read_arguments(verb if verb in AUDITS else "corpus", argv[verb in AUDITS :])
    return read if isinstance(read, int) else execute(read)


def _no_such_audit(verb: str) -> BadInput:
    """The sentence for a first word that names no audit."""
    if not verb or verb.startswith("-"):
        before = f" before {verb}" if verb else ""
        return BadInput(f"the audit is not named: write {' or '.join(AUDITS)}{before}: see {PROGRAM} --help")
    if "." in verb:
        meant = " or ".join(f"{PROGRAM} {audit} {verb}" for audit in AUDITS)
        return BadInput(f"{verb!r} is no audit: did you mean {meant}?")
    return unknown("audit", verb, AUDITS)


def read_arguments(audit: str, argv: Sequence[str]) -> Arguments | int:
    """Return the parsed arguments of an audit, or a status after ``--help``. Raises ``BadInput`` for bad usage."""
    if audit == "evals":
        from simlab.audit.evals_options import app
    else:
        from simlab.audit.corpus_options import app
    read: Arguments | int = read_options(app, argv, f"{PROGRAM} {audit}")
    return read


def execute(arguments: Arguments) -> int:
    """Run the audit, write what was asked for, print the text; return the exit status."""
    from simlab.audit.progress import Watch
    from simlab.tables.naming import meant

    audited = _judged(arguments)
    files = meant(arguments.files)
    places = _places(arguments, [*files, *arguments.reading.get("train", ())])
    watch = Watch(quiet=arguments.quiet)
    written: list[str] = []
    try:
        with stoppable():
            try:
                audit = audited(files, watch)
                reports = [(place, _report(audit, place.option)) for place in places]
            except BadInput as error:
                asked = arguments.reading.items()
                texts = {name: (f"--{name.replace('_', '-')}", text) for name, text in asked if isinstance(text, str)}
                raise as_typed(error, texts) from None
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


def _judged(arguments: Arguments) -> Callable[[Sequence[str], Watch], CorpusAudit | EvalsAudit]:
    """The audit that was asked for, with the numbers among its options read. Raises ``BadInput`` for what is none."""
    from simlab.terminal.numerals import share, whole

    reading = dict(arguments.reading)
    kinds: dict[str, Callable[[str, str], Any]] = {
        **dict.fromkeys(("n_answers", "seed", "choices"), whole),
        **dict.fromkeys(("correct_from", "penalty"), _number),
        "level": _level,
        "target": _number if arguments.audit == "evals" else share,
    }
    for name, read in kinds.items():
        if reading.get(name) is not None:
            reading[name] = read(f"--{name.replace('_', '-')}", reading[name])
    if arguments.audit == "evals":
        from simlab.audit.evals import audit_evals

        return lambda files, watch: audit_evals(files, **reading, progress=watch)
    from simlab.audit.corpus import audit_corpus

    return lambda files, watch: audit_corpus(files, **reading, progress=watch)


def _number(option: str, text: str) -> float:
    """A number, which the audit itself judges. Raises ``BadInput`` for what is none."""
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{option} = {text}: must be a number, such as 0.75") from None


def _level(option: str, text: str) -> float:
    """A level of intervals. Raises ``BadInput`` for what is none, by the one rule of levels."""
    from simlab.estimates import check_level

    number = _number(option, text)
    try:
        return check_level(number)
    except BadInput as error:
        raise as_typed(error, {"level": (option, text)}) from None


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


def _report(audit: CorpusAudit | EvalsAudit, option: str) -> str:
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
