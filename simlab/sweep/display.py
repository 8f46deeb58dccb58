"""What a user sees of a plan and of a finished sweep, on stdout: tables, verdicts and paths."""

from __future__ import annotations

import io
import math
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as Grid

from simlab.sweep.loading import Experiment, Row
from simlab.sweep.planning import Target, blocks_needed, needs
from simlab.sweep.progress import size_of
from simlab.sweep.results import Result
from simlab.sweep.sweeping import Sweep
from simlab.sweep.verdicts import overall
from simlab.terminal.output import PLAIN_HEIGHT, PLAIN_WIDTH, folded_at_words, put, terminal_width
from simlab.terminal.wording import duration, exactly, plural, plus_minus, writable

HEADER_WIDTH = 11
LABELS = {
    "Aim": "Aims",
    "Data": "Data",
    "Estimand": "Estimands",
    "Method": "Methods",
    "Performance": "Performance",
}
"""The parts of a simulation study (ADEMP), as the header names them."""
SHORT = "0.2003(4) stands for 0.2003 ± 0.0004, the mean and its Monte Carlo standard error."


def show_plan(sweep: Sweep) -> None:
    """Print what a rehearsed sweep would do: its grid points and blocks, what is there, and the time it takes."""
    plan, pending = sweep.plan, {job.key for job in sweep.pending}
    sections = [[plan.experiment.question], plan.description(), [size_of(plan)]]
    for i, point in enumerate(plan.points):
        jobs = plan.jobs_of(i)
        there = sum(job.key not in pending for job in jobs)
        name = plan.place(point.settings) or "all settings at their defaults"
        sections[-1].append(f"  {name}: {there} of {plural(len(jobs), 'block')} done")
    done = plural(len(plan.jobs) - len(pending), "block")
    fresh = " (--fresh computes all of them anew)" if sweep.goals.fresh else ""
    sections[-1].append(f"{done} done already in {sweep.store.folder}{fresh}, {len(pending):,} to compute")
    if pending:
        sections[-1].append(_time_needed(sweep))
    if sweep.footprint:
        sections[-1].append(sweep.footprint.sentence)
    if sweep.goals.until:
        sections[-1].append(f"then more blocks at each grid point that has not reached {sweep.goals.until}")
    _put_sections(sections)


def _time_needed(sweep: Sweep) -> str:
    """How long the blocks that are left will take: those of a point as long as its finished ones did, else the mean."""
    plan, workers = sweep.plan, sweep.workers.certain
    took = {key: float(str(block.provenance.get("duration_s", "nan"))) for key, block in sweep.known.items()}
    if not took:
        return "no block has run yet: there is no estimate of the time"
    overall, total = statistics.fmean(took.values()), 0.0
    pending = {job.key for job in sweep.pending}
    for i in range(len(plan.points)):
        jobs = plan.jobs_of(i)
        known = [took[job.key] for job in jobs if job.key in took]
        total += sum(job.key in pending for job in jobs) * (statistics.fmean(known) if known else overall)
    return f"about {duration(total / workers)} on {plural(workers, 'worker')}, by the {plural(len(took), 'block')} done"


def show_needs(result: Result, target: Target) -> None:
    """Print how many replicates every grid point, method and measure needs to reach the target, by the pilot."""
    plan, width = result.plan, terminal_width()
    found = needs(result.summary, plan, target)
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (*plan.varying, *plan.along, "method", "measure"):
        grid.add_column(escape(_folded(name)), no_wrap=True, vertical="bottom")
    for name in ("mean", "pilot", "replicates\nneeded", "at 95 %\nconfidence"):
        grid.add_column(writable(name, sys.stdout.encoding), justify="right", no_wrap=True, vertical="bottom")
    for need in found:
        mean = plus_minus(need.mean, need.mcse, short=width is not None)
        numbers = [f"{x:,.0f}" if math.isfinite(x) else "?" for x in (need.n, need.replicates, need.surely)]
        named = {**need.settings, **need.place}
        settings = [exactly(named[name]) for name in (*plan.varying, *plan.along)]
        cells = (*settings, need.method, need.measure, mean, *numbers)
        grid.add_row(*(escape(writable(cell, sys.stdout.encoding)) for cell in cells))
    blocks = blocks_needed(found, plan)
    said = "one replicate has no spread: give the pilot more --replicates"
    if math.isfinite(max(blocks)):
        most, took = max(blocks), statistics.fmean(float(str(b["duration_s"])) for b in result.provenance)
        said = (
            f"{most * plan.block:,.0f} replicates at every grid point reach {target} with 95 % confidence, in "
            f"{duration(most * len(blocks) * took)} of computing: --replicates {most * plan.block:.0f}; --until "
            f"{_asked(target)} stops at each point when it is reached, in about {duration(sum(blocks) * took)}"
        )
    table = drawn(grid, max(width or PLAIN_WIDTH, _width(grid)), terminal=width is not None)
    failed = [verdict.sentence for verdict in result.verdicts if verdict.failed]
    _put_sections(
        [
            [plan.experiment.question],
            _design(plan.experiment, width),
            [table],
            folded_at_words(failed, width),
            _problems(result),
            folded_at_words([said, *([result.footprint.sentence] if result.footprint else [])], width),
        ]
    )


def _design(experiment: Experiment, width: int | None) -> list[str]:
    """The parts of the study that the experiment's docstring names."""
    return folded_at_words([f"{LABELS[part]}: {text}" for part, text in experiment.design.items()], width)


def _asked(target: Target) -> str:
    """The target as an option writes it."""
    return (f"measure={target.measure}," if target.measure else "") + f"mcse={target.mcse:g}"


def show(result: Result) -> None:
    """Print the question, what the experiment says of its data, the table, the verdicts and the paths."""
    width = terminal_width()
    grids, short = tables_of(result, width)
    tables = [drawn(grid, max(width or PLAIN_WIDTH, _width(grid)), terminal=width is not None) for grid in grids]
    verdicts = [overall(result.verdicts), *(verdict.sentence for verdict in result.verdicts)] if result.verdicts else []
    _put_sections(
        [
            [result.plan.experiment.question],
            _design(result.plan.experiment, width),
            folded_at_words(result.plan.description(), width),
            [SHORT] if short else [],
            *([table] for table in tables),
            folded_at_words(_unconverged(result.summary), width),
            folded_at_words(verdicts, width),
            _problems(result),
            [str(path) for path in result.files],
        ]
    )


def _problems(result: Result) -> list[str]:
    """A line on what is not as it should be, or none."""
    problems = [plural(result.errors, "replicate") + " raised"] if result.errors else []
    problems += [plural(result.lost, "block") + " lost"] if result.lost else []
    problems += [plural(result.left, "block") + " left"] if result.left else []
    problems += ["the target was not reached"] if result.unreached else []
    problems += ["the picture was not drawn"] if result.undrawn else []
    return [f"Not complete: {' and '.join(problems)}."] if problems else []


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

    One line a grid point, method and place on a curve: the settings that vary, what runs along the curve, the method,
    each measure as mean ± MCSE. Where that is too wide it is written as 0.2003(4), and where that is too wide as well
    the measures are spread over several tables, each of at least one measure.
    """
    lines, plan = dict[str, dict[str, Row]](), result.plan
    for row in result.summary:
        key = repr([row[name] for name in (*plan.settings, *plan.along, "method")])
        lines.setdefault(key, {})[str(row["measure"])] = row
    present = dict.fromkeys(name for line in lines.values() for name in line if name)
    shown = plan.experiment.shown or dict.fromkeys(present, "")
    headings = {name: heading or _folded(name) for name, heading in shown.items() if name in present}
    rows, varying = list(lines.values()), (*plan.varying, *plan.along)
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
