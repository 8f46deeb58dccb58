"""The command lines of the audits, read but not yet judged, and the options that every audit has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from simlab.terminal.options import show_version

Answer = Annotated[str | None, typer.Option(metavar="COL", help="The column of answers.")]
Idk = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="An answer that means I don't know. Repeatable.")]
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write everything as JSON; - is stdout, instead of the text."),
]
HtmlFile = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a report as one HTML page. A file there is replaced."),
]
SkipBadRows = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Pass over rows that cannot be read, and count them.")
]
MemoryLimit = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Memory for reading, such as 2GB; larger tables spill to disk.")
]
FailOnAlarm = Annotated[bool, typer.Option("--fail-on-alarm", help="Exit with status 1 where an alarm fired.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
Version = Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")]


@dataclass(frozen=True)
class Arguments:
    """The command line of one audit ("corpus" or "evals").

    ``reading`` goes to ``audit_corpus`` or ``audit_evals``, the rest to the output.
    """

    audit: str
    files: list[str]
    reading: dict[str, Any]
    json: str | None
    html: str | None
    fail_on_alarm: bool
    quiet: bool


EPILOG = (
    "Exit status: 0 done, 1 an alarm fired (with --fail-on-alarm), 2 bad usage or bad input, 130 interrupted and 143 "
    "terminated (nothing is written), 70 a crash of simlab."
)
