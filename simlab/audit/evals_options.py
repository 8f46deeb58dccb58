"""The options of ``python -m simlab.audit evals``."""

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
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Logs of lm-evaluation-harness (samples_*.jsonl), Inspect AI (.eval, .json) or SimpleQA, or tables of "
            "grades as CSV, TSV, JSON Lines or Parquet.",
            show_default=False,
        ),
    ],
    log_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="lm-eval, inspect, simpleqa or table. Without it, it is recognised."
        ),
    ] = None,
    question: Annotated[
        str | None, typer.Option("--id", metavar="COL", help="The column of the ids of questions.")
    ] = None,
    grade: Annotated[
        str | None,
        typer.Option(metavar="COL", help="The column of grades; of lm-eval a metric, of Inspect SCORER or SCORER.KEY."),
    ] = None,
    confidence: Annotated[str | None, typer.Option(metavar="COL", help="The column of confidences.")] = None,
    answer: Answer = None,
    model: Annotated[
        str | None, typer.Option(metavar="COL", help="A column of models: a table is split into a log for each.")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="The filter of lm-eval samples; default: the first.")
    ] = None,
    idk: Idk = None,
    correct_from: Annotated[
        str, typer.Option(metavar="P", help="The score from which an answer counts as right.")
    ] = "1",
    percent: Annotated[bool, typer.Option("--percent", help="Confidences are per cent.")] = False,
    choices: Annotated[
        str | None, typer.Option(metavar="N", help="The answers to choose from, where the log does not say.")
    ] = None,
    no_votes: Annotated[
        bool, typer.Option("--no-votes", help="Take k samples of a question as they are, not as votes.")
    ] = False,
    merge: Annotated[
        str, typer.Option(metavar="RULE", help="Files that are one log: none, those of one model, or all.")
    ] = "none",
    train: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A table of training data, whose ids must not be asked. Repeatable."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="T", help="The confidence target that the questions state, such as 0.75.")
    ] = None,
    penalty: Annotated[
        str | None, typer.Option(metavar="L", help="The points that the questions say a wrong answer costs.")
    ] = None,
    level: Annotated[str, typer.Option(metavar="P", help="The level of intervals.")] = "0.95",
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    skip_bad_rows: SkipBadRows = False,
    memory_limit: MemoryLimit = None,
    fail_on_alarm: FailOnAlarm = False,
    quiet: Quiet = False,
    version: Version = False,  # noqa: ARG001
) -> Arguments:
    """Audit evaluation logs: is the model bluffing, does its benchmark pay it to, what would the ranking be?"""
    reading = {
        "format": log_format,
        "id": question,
        "grade": grade,
        "confidence": confidence,
        "answer": answer,
        "model": model,
        "filter": filter_name,
        "idk": idk or (),
        "correct_from": correct_from,
        "percent": percent,
        "choices": choices,
        "votes": not no_votes,
        "merge": merge,
        "train": train or (),
        "target": target,
        "penalty": penalty,
        "level": level,
        "skip_bad_rows": skip_bad_rows,
        "memory_limit": memory_limit,
    }
    return Arguments("evals", files, reading, json_file, html_file, fail_on_alarm, quiet)
