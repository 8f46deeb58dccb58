"""What a user sees of a plan and of a finished sweep, on stdout: tables, verdicts and paths."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as Grid

from simlab.sweep.loading import Row
from simlab.sweep.progress import size_of
from simlab.sweep.sweeping import Result, Sweep
from simlab.sweep.verdicts import overall
from simlab.terminal.output import PLAIN_HEIGHT, PLAIN_WIDTH, folded_at_words, put, terminal_width
from simlab.terminal.wording import exactly, plural, plus_minus, writable

HEADER_WIDTH = 11
SHORT = "0.2003(4) stands for 0.2003 ± 0.0004, the mean and its Monte Carlo standard error."


def show_plan(sweep: Sweep) -> None:
    """Print what a rehearsed sweep would do: its grid points, its blocks, and what is there already."""
    plan, pending = sweep.plan, {job.key for job in sweep.pending}
    sections = [[plan.experiment.question], plan.description(), [size_of(plan)]]
    each = len(plan.jobs) // len(plan.points)
    for i, point in enumerate(plan.points):
        there = sum(job.key not in pending for job in plan.jobs[i * each : (i + 1) * each])
        name = plan.place(point.settings) or "all settings at their defaults"
        sections[-1].append(f"  {name}: {there} of {plural(each, 'block')} done")
    done = plural(len(plan.jobs) - len(pending), "block")
    fresh = " (--fresh computes all of them anew)" if sweep.fresh else ""
    sections[-1].append(f"{done} done already in {sweep.store.folder}{fresh}, {len(pending):,} to compute")
    _put_sections(sections)


def show(result: Result) -> None:
    """Print the question, what the experiment says of its data, the table, the verdicts and the paths."""
    width = terminal_width()
    grids, short = tables_of(result, width)
    tables = [drawn(grid, max(width or PLAIN_WIDTH, _width(grid)), terminal=width is not None) for grid in grids]
    problems = [plural(result.errors, "replicate") + " raised"] if result.errors else []
    problems += [plural(result.lost, "block") + " lost"] if result.lost else []
    problems += ["the picture was not drawn"] if result.undrawn else []
    verdicts = [overall(result.verdicts), *(verdict.sentence for verdict in result.verdicts)] if result.verdicts else []
    _put_sections(
        [
            [result.plan.experiment.question],
            folded_at_words(result.plan.description(), width),
            [SHORT] if short else [],
            *([table] for table in tables),
            folded_at_words(_unconverged(result.summary), width),
            folded_at_words(verdicts, width),
            [f"Not complete: {' and '.join(problems)}."] if problems else [],
            [str(path) for path in result.files],
        ]
    )


def _unconverged(summary: Sequence[Row]) -> list[str]:
    """A line for each method some of whose fits did not converge: its numbers are those of an unfinished training."""
    rows = [row for row in summary if row["measure"] == "converged"]
    missed, fits = Counter[str](), Counter[str]()
    for row in rows:
        fits[str(row["method"])] += int(str(row["n"]))
        missed[str(row["method"])] += int(str(row["n_not_converged"]))
    return [
        f"{name}: {missed[name]:,} of {plural(fits[name], 'fit')} did not converge." for name in fits if missed[name]
    ]


def _put_sections(sections: Sequence[Sequence[str]]) -> None:
    """Print groups of lines with a blank line between them."""
    put("\n\n".join("\n".join(lines) for lines in sections if lines))


def tables_of(result: Result, width: int | None) -> tuple[list[Grid], bool]:
    """The table in parts that fit into ``width`` columns (None: any), and whether its numbers are written short.

    One line a grid point and method: the settings that vary, the method, each measure as mean ± MCSE. Where that
    is too wide it is written as 0.2003(4), and where that is too wide as well the measures are spread over several
    tables, each of at least one measure.
    """
    lines: dict[str, dict[str, Row]] = {}
    for row in result.summary:
        key = repr([row[name] for name in (*result.plan.settings, "method")])
        lines.setdefault(key, {})[str(row["measure"])] = row
    present = dict.fromkeys(name for line in lines.values() for name in line if name)
    shown = result.plan.experiment.shown or dict.fromkeys(present, "")
    headings = {name: heading or _folded(name) for name, heading in shown.items() if name in present}
    rows, varying = list(lines.values()), result.plan.varying
    whole = _grid(rows, varying, headings, short=False)
    if width is None or _width(whole) <= width or not headings:
        return [whole], False
    parts: list[dict[str, str]] = [{}]
    for name, heading in headings.items():
        wider = parts[-1] | {name: heading}
        if parts[-1] and _width(_grid(rows, varying, wider, short=True)) > width:
            parts.append({name: heading})
        else:
            parts[-1] = wider
    return [_grid(rows, varying, part, short=True) for part in parts], True


def drawn(grid: Grid, width: int, *, terminal: bool) -> str:
    """The table in ink, of exactly that width; nothing of it depends on the environment."""
    paper = io.StringIO()
    Console(
        file=paper,
        width=width,
        height=PLAIN_HEIGHT,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        legacy_windows=False,
        highlight=False,
        _environ={},
    ).print(grid)
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())


def _width(grid: Grid) -> int:
    console = Console(width=100_000, height=PLAIN_HEIGHT, _environ={})
    return Measurement.get(console, console.options, grid).maximum


def _grid(lines: Sequence[Mapping[str, Row]], varying: Sequence[str], shown: Mapping[str, str], short: bool) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (*varying, "method", *shown):
        words = name == "method" or any(isinstance(row.get(name), str) for line in lines for row in line.values())
        heading = shown.get(name, _folded(name))
        heading = writable(heading, sys.stdout.encoding)
        grid.add_column(escape(heading), no_wrap=True, justify="left" if words else "right", vertical="bottom")
    for line in lines:
        first = next(iter(line.values()))
        settings = [exactly(first[name]) for name in varying]
        cells = (*settings, str(first["method"]), *(_mean(line.get(n), short) for n in shown))
        grid.add_row(*(escape(writable(cell, sys.stdout.encoding)) for cell in cells))
    return grid


def _mean(row: Row | None, short: bool) -> str:
    """The mean of a line of the summary, with its error."""
    return "-" if row is None else plus_minus(float(str(row["mean"])), float(str(row["mcse"])), short=short)


def _folded(name: str) -> str:
    """A long name over several lines, folded at its underscores."""
    lines = [""]
    for word in name.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1]) + len(word) > HEADER_WIDTH:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)
