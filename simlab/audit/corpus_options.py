"""The options of ``python -m simlab.audit corpus``."""

from __future__ import annotations

from typing import Annotated

import typer

from simlab.audit.arguments import (
    EPILOG,
    Answer,
    Arguments,
    FailOnAlarm,
    HtmlFile,
    Idk,
    JsonFile,
    MemoryLimit,
    Quiet,
    SkipBadRows,
    Version,
)
from simlab.terminal.options import make_app

app = make_app()


@app.command(epilog=EPILOG)
def parse(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="CSV, TSV, JSON Lines or Parquet.", show_default=False)
    ],
    prompt: Annotated[
        str | None, typer.Option(metavar="COL", help="The column of prompts. Without it the whole row is the fact.")
    ] = None,
    answer: Answer = None,
    count: Annotated[str | None, typer.Option(metavar="COL", help="The column of counts, if aggregated.")] = None,
    idk: Idk = None,
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
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    skip_bad_rows: SkipBadRows = False,
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
    memory_limit: MemoryLimit = None,
    fail_on_alarm: FailOnAlarm = False,
    quiet: Quiet = False,
    version: Version = False,  # noqa: ARG001
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
    return Arguments("corpus", files, reading, json_file, html_file, fail_on_alarm, quiet)
