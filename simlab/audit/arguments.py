"""The command lines of the audits, read but not yet judged: what typer makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
