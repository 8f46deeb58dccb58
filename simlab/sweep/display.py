"""What a user sees: progress on stderr, then the table, the verdicts and the paths on stdout."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as Grid

from simlab.sweep.blocks import Outcome
from simlab.sweep.loading import Row
from simlab.sweep.plan import Plan, flat
from simlab.sweep.running import Result
from simlab.sweep.store import Block
from simlab.sweep.wording import number, plural, plus_minus, settings_text

PLAIN_WIDTH = 160
HEADER_WIDTH = 11
EVERY_S = 30.0


def say(text: str) -> None:
    """One line on stderr, under our name."""
    print(f"simlab: {text}", file=sys.stderr, flush=True)


class Screen:
    """Shows a running sweep: a bar on a terminal, else a line every ``every`` seconds; quiet shows neither."""

    def __init__(self, *, quiet: bool = False, every: float = EVERY_S) -> None:
        self.quiet, self.every = quiet, every
        self.bar: Progress | None = None
        self.total = self.before = self.count = self.errors = 0
        self.began = time.monotonic()
        self.ended = threading.Event()

    def note(self, text: str) -> None:
        """Print a sentence above the bar."""
        if self.quiet:
            return
        if self.bar:
            self.bar.console.print(escape(f"simlab: {text}"), highlight=False, soft_wrap=True)
        else:
            say(text)

    def start(self, plan: Plan, done: int) -> None:
        """Say what will be done and start the bar, or the clock."""
        self.total, self.before, self.count = len(plan.jobs), done, done
        if self.quiet or done == self.total:
            return
        self.note(size_of(plan))
        if sys.stderr.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeElapsedColumn())
            left = (TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[errors]}"))
            self.bar = Progress(*columns, *left, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.bar.add_task("", total=self.total, completed=done, errors="")
        else:
            threading.Thread(target=self._tick, daemon=True, name="progress").start()

    def advance(self, outcome: Outcome) -> None:
        """Count a block."""
        self.count += 1
        self.errors += outcome.errors
        if self.bar:
            errors = plural(self.errors, "error") if self.errors else ""
            self.bar.update(self.bar.task_ids[0], completed=self.count, errors=errors)

    def stop(self) -> None:
        """Take the bar away."""
        self.ended.set()
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _tick(self) -> None:
        while not self.ended.wait(self.every):
            say(self.line())

    def line(self) -> str:
        """Progress in words: blocks done, time spent, time left."""
        spent = time.monotonic() - self.began
        new = self.count - self.before
        left = f"about {spent / new * (self.total - self.count):.0f} s left" if new else "no block finished yet"
        errors = f", {plural(self.errors, 'error')}" if self.errors else ""
        return f"{self.count} of {plural(self.total, 'block')}, {spent:.0f} s, {left}{errors}"


def size_of(plan: Plan) -> str:
    """The size of a sweep in a sentence."""
    return (
        f"{plan.experiment.slug}: {plural(len(plan.points), 'grid point')} x {plural(plan.replicates, 'replicate')}, "
        f"{plural(len(plan.jobs), 'block')} of {plan.block}, seed {plan.seed}"
    )


def show_plan(plan: Plan, done: dict[str, Block], pending: int, folder: Path) -> None:
    """Print what a run would do: its grid points, its blocks, and what is there already."""
    print(plan.experiment.question)
    for line in plan.description():
        print(line)
    print(size_of(plan))
    each = len(plan.jobs) // len(plan.points)
    for i, point in enumerate(plan.points):
        there = sum(job.key in done for job in plan.jobs[i * each : (i + 1) * each])
        name = settings_text(flat(point.settings), plan.varying) or "all settings at their defaults"
        print(f"  {name}: {there} of {plural(each, 'block')} done")
    print(f"{plural(len(plan.jobs) - pending, 'block')} done already in {folder}, {pending} to compute")


def show(result: Result) -> None:
    """Print the table, the verdicts and the paths."""
    print(result.plan.experiment.question)
    for line in result.plan.description():
        print(line)
    width = Console().width if sys.stdout.isatty() else None
    grids, short = tables_of(result, width)
    for grid in grids:
        Console(highlight=False, width=max(width or PLAIN_WIDTH, _width(grid))).print(grid)
    if short:
        print("0.2003(4) stands for 0.2003 ± 0.0004, the mean and its Monte Carlo standard error.")
    for verdict in result.verdicts:
        print(verdict.sentence)
    problems = [plural(result.errors, "replicate") + " raised"] if result.errors else []
    problems += [plural(result.lost, "block") + " lost"] if result.lost else []
    if problems:
        print(f"Not complete: {' and '.join(problems)}.")
    for path in result.files:
        print(path)


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


def _width(grid: Grid) -> int:
    console = Console(width=100_000)
    return Measurement.get(console, console.options, grid).maximum


def _grid(lines: Sequence[Mapping[str, Row]], varying: Sequence[str], shown: Mapping[str, str], short: bool) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (*varying, "method", *shown):
        words = name == "method" or any(isinstance(row.get(name), str) for line in lines for row in line.values())
        heading = shown.get(name, _folded(name))
        grid.add_column(escape(heading), no_wrap=True, justify="left" if words else "right", vertical="bottom")
    for line in lines:
        first = next(iter(line.values()))
        settings = [number(first[name]) for name in varying]
        grid.add_row(*map(escape, (*settings, str(first["method"]), *(_mean(line.get(n), short) for n in shown))))
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
