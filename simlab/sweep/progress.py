"""What a user sees of a running sweep, on stderr: its size, notes, and how far it is."""

from __future__ import annotations

import time

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from simlab.sweep.blocks import Outcome
from simlab.sweep.plan import Plan
from simlab.terminal.progress import EVERY_S, Meter
from simlab.terminal.wording import plural


class Screen(Meter):
    """Shows a running sweep, in blocks."""

    def __init__(self, *, quiet: bool = False, every: float = EVERY_S) -> None:
        super().__init__(quiet=quiet, every=every)
        self.total = self.before = self.count = self.errors = 0
        self.began = time.monotonic()

    def start(self, plan: Plan, done: int) -> None:
        """Say what will be done and start the bar, or the clock."""
        self.total, self.before, self.count = len(plan.jobs), done, done
        if self.quiet or done == self.total:
            return
        there = f"; {done:,} of them there already, {self.total - done:,} to compute" if done else ""
        self.note(size_of(plan) + there)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeElapsedColumn())
        left = (TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
        self.begin((*columns, *left), self.line, total=self.total, completed=done, state="starting workers")

    def advance(self, outcome: Outcome) -> None:
        """Count a block."""
        self.count += 1
        self.errors += outcome.errors
        self.move(self.count, plural(self.errors, "error") if self.errors else "")

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
