"""What a user sees of a running sweep, on stderr: its size, notes, and how far it is."""

from __future__ import annotations

import sys
import threading
import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from simlab.sweep.blocks import Outcome
from simlab.sweep.interruption import for_a_reader
from simlab.sweep.plan import Plan
from simlab.sweep.wording import plural, writable

EVERY_S = 30.0


def say(text: str) -> None:
    """One line on stderr, under our name."""
    with for_a_reader():
        print(writable(f"simlab: {text}", sys.stderr.encoding), file=sys.stderr, flush=True)


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
        there = f"; {done:,} of them there already, {self.total - done:,} to compute" if done else ""
        self.note(size_of(plan) + there)
        if sys.stderr.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeElapsedColumn())
            left = (TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
            self.bar = Progress(*columns, *left, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.bar.add_task("", total=self.total, completed=done, state="starting workers")
        else:
            threading.Thread(target=self._tick, daemon=True, name="progress").start()

    def advance(self, outcome: Outcome) -> None:
        """Count a block."""
        self.count += 1
        self.errors += outcome.errors
        if self.bar:
            state = plural(self.errors, "error") if self.errors else ""
            self.bar.update(self.bar.task_ids[0], completed=self.count, state=state)

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
