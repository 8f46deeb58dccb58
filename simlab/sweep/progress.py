"""What a user sees of a running sweep, on stderr: its size, notes, and how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from simlab.bounds import THEOREMS
from simlab.sweep.blocks import Outcome
from simlab.sweep.cases import SUFFIX, Named
from simlab.sweep.plan import Plan
from simlab.terminal.progress import EVERY_S, Meter
from simlab.terminal.wording import duration, plural


class Slacks:
    """The worst slack so far: the smallest of a deterministic bound, the smallest mean of one in expectation.

    A bound in probability may be broken now and then, so its slack says nothing before the end and is left out.
    """

    def __init__(self, theorems: Iterable[Named]) -> None:
        self.kinds = {theorem.slug: theorem.kind for theorem in theorems}
        self.least: dict[str, float] = {}
        self.sums: dict[tuple[str, str, object], tuple[float, int]] = {}

    def add(self, outcome: Outcome) -> None:
        """Take the rows of a block into account."""
        for row in outcome.rows:
            for name, value in row.items():
                if name.endswith(SUFFIX) and isinstance(value, (int, float)) and value == value:
                    self._add(name.removesuffix(SUFFIX), (outcome.job.point, row["method"]), float(value))

    def _add(self, slug: str, where: tuple[str, object], slack: float) -> None:
        kind = self.kinds.get(slug)
        if kind == "expectation":
            total, n = self.sums.get((slug, *where), (0.0, 0))
            self.sums[slug, *where] = total + slack, n + 1
        elif kind == "deterministic":
            self.least[slug] = min(self.least.get(slug, slack), slack)

    def worst(self) -> str:
        """The worst of all bounds in words, or nothing where no row has any."""
        found = [(slack, slug) for slug, slack in self.least.items()]
        means = [(total / n, slug) for (slug, *_), (total, n) in self.sums.items()]
        found += [
            (-math.inf if math.isnan(mean) else mean, slug) for mean, slug in means
        ]  # inf - inf: an infinite break
        return f"worst slack {min(found)[0]:.2g} ({min(found)[1]})" if found else ""


class Screen(Meter):
    """Shows a running sweep, in blocks."""

    def __init__(self, *, quiet: bool = False, every: float = EVERY_S) -> None:
        super().__init__(quiet=quiet, every=every)
        self.total = self.before = self.count = self.errors = 0
        self.began = time.monotonic()
        self.slacks = Slacks(())

    def start(self, plan: Plan, done: int) -> None:
        """Say what will be done and start the bar, or the clock; a plan that has grown moves the bar's end."""
        self.total, self.count = len(plan.jobs), done
        if self.quiet or done == self.total:
            return
        if self.begun:
            self.extend(self.total, done)
            return
        self.before = done
        self.slacks = Slacks((*THEOREMS, *plan.experiment.theorems))
        there = f"; {done:,} of them there already, {self.total - done:,} to compute" if done else ""
        self.note(size_of(plan) + there)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("blocks"), TimeElapsedColumn())
        left = (TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
        self.begin((*columns, *left), self.line, total=self.total, completed=done, state="starting workers")

    def advance(self, outcome: Outcome) -> None:
        """Count a block."""
        self.count += 1
        self.errors += outcome.errors
        self.slacks.add(outcome)
        self.move(self.count, ", ".join(self.news()))

    def news(self) -> list[str]:
        """Rate, errors, and the worst slack."""
        spent = time.monotonic() - self.began
        rate = [f"{(self.count - self.before) / spent:.3g} blocks/s"] if spent > 0 and self.count > self.before else []
        errors = [plural(self.errors, "error")] if self.errors else []
        slack = self.slacks.worst()
        return [*rate, *errors, *([slack] if slack else [])]

    def line(self) -> str:
        """Progress in words: blocks done, time spent, time left, and the news."""
        spent = time.monotonic() - self.began
        new = self.count - self.before
        left = f"about {duration(spent / new * (self.total - self.count))} left" if new else "no block finished yet"
        return ", ".join([f"{self.count:,} of {plural(self.total, 'block')}", duration(spent), left, *self.news()])


def size_of(plan: Plan) -> str:
    """The size of a sweep in a sentence."""
    most = "up to " if len(set(plan.blocks)) > 1 else ""
    replicates = most + plural(plan.replicates, "replicate")
    return (
        f"{plan.experiment.slug}: {plural(len(plan.points), 'grid point')} x {replicates}, "
        f"{plural(len(plan.jobs), 'block')} of {plan.block}, seed {plan.seed}"
    )
