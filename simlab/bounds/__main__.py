"""List every theorem that is checked: statement, source, test, experiment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from textwrap import fill

from simlab import __version__
from simlab.bounds.catalogue import EXACT, THEOREMS, theorem
from simlab.bounds.report import Theorem
from simlab.errors import BadInput, unknown

WIDTH = 80
OPTIONS = ("--help", "--json", "--version")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list and return the exit status: 0, or 2 for an argument that is not understood."""
    parser = argparse.ArgumentParser(
        prog="python -m simlab.bounds",
        description="List every theorem that is checked: statement, source, test, experiment.",
        allow_abbrev=False,
    )
    parser.add_argument("slugs", nargs="*", metavar="THEOREM", help="show only these (default: all)")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of text")
    parser.add_argument("--version", action="version", version=f"simlab {__version__}")
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for argument in given:
            if argument.startswith("-") and argument not in (*OPTIONS, "-h"):
                raise unknown("option", argument, OPTIONS)
        options = parser.parse_args(given)
        chosen = [theorem(slug) for slug in options.slugs] or list(THEOREMS)
    except BadInput as mistake:
        print(f"simlab: {mistake}", file=sys.stderr)
        return 2
    if options.json:
        return _print(as_json(chosen))
    return _print("\n\n".join([*map(as_text, chosen), *([] if options.slugs else [exact_values()])]))


def _print(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def as_json(records: Iterable[Theorem]) -> str:
    """Return the records as a JSON list of objects with the fields of ``Theorem``."""
    return json.dumps([asdict(record) for record in records], indent=2)


def exact_values() -> str:
    """Return what is known exactly, as lines of at most 80 columns."""
    head = "Exact values, with p = mu(c) alpha_c of each fact (tests/test_good_turing.py)"
    lines = [
        fill(f"{name}: {text}", WIDTH, initial_indent="  ", subsequent_indent="    ") for name, text in EXACT.items()
    ]
    return "\n".join([head, *lines])


def as_text(record: Theorem) -> str:
    """Return one record as lines of at most 80 columns."""
    rows = {
        "says": record.statement,
        "source": record.source,
        "test": record.test,
        "experiment": record.experiment,
    }
    head = f"{record.slug}  ({record.name}; {record.kind}, {record.direction} bound)"
    lines = [fill(head, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)]
    for label, text in rows.items():
        indent = " " * 14
        lead = f"  {label:<12}"
        lines.append(
            fill(
                text,
                WIDTH,
                initial_indent=lead,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
