"""What a user sees of a running sweep, on stderr: its size, notes, and how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from simlab.bounds import THEOREMS
from simlab.sweep.blocks import Outcome
from simlab.sweep.cases import SUFFIX, Named
from simlab.sweep.plan import Plan
from simlab.terminal.progress import EVERY_S, Meter
from simlab.terminal.wording import duration, plural


@dataclass
class Slack:
    """What is known of the slack of one bound: the worst, or the sum of ``n``, with the size of the bound beside it."""

    total: float = 0.0
    scale: float = 0.0
    n: int = 0

    @property
    def mean(self) -> float:
        """The slack in the mean; where infinities of both signs met the bound is broken without end."""
        mean = self.total / self.n
        return -math.inf if math.isnan(mean) else mean

    @property
    def relative(self) -> float:
        """The slack by the size of the bound, so that bounds of other units can be compared."""
        return self.mean * self.n / self.scale if self.scale > 0 else self.mean


class Slacks:
    """The worst slack so far: the smallest of a deterministic bound, the smallest mean of one in expectation.

    Bounds are compared by slack over value: that of a squared error is tiny at large N, and far from broken. A bound
    in probability may be broken now and then, so its slack says nothing before the end and is left out.
    """

    def __init__(self, theorems: Iterable[Named], along: Sequence[str] = ()) -> None:
        self.kinds, self.along = {theorem.slug: theorem.kind for theorem in theorems}, along
        self.found: dict[tuple[object, ...], Slack] = {}

    def add(self, outcome: Outcome) -> None:
        """Take the rows of a block into account."""
        for row in outcome.rows:
            for name, value in row.items():
                if name.endswith(SUFFIX) and isinstance(value, (int, float)) and value == value:
                    slug = name.removesuffix(SUFFIX)
                    scale = row.get(f"{slug}_value", 1.0)
                    size = abs(scale) if isinstance(scale, (int, float)) and math.isfinite(scale) else 1.0
                    place = (row[name] for name in self.along)
                    self._add(slug, (outcome.job.point, row["method"], *place), float(value), size)

    def _add(self, slug: str, where: tuple[object, ...], slack: float, scale: float) -> None:
        kind, new = self.kinds.get(slug), Slack(slack, scale, 1)
        if kind == "expectation":
            old = self.found.get((slug, *where), Slack())
            self.found[slug, *where] = Slack(old.total + slack, old.scale + scale, old.n + 1)
        elif kind == "deterministic":
            self.found[(slug,)] = min(self.found.get((slug,), new), new, key=lambda one: one.relative)

    def worst(self, *, named: bool = True) -> str:
        """The worst of all bounds in words, or nothing where no row has any."""
        if not self.found:
            return ""
        (slug, *_), slack = min(self.found.items(), key=lambda item: item[1].relative)
        return f"worst slack {slack.mean:.2g}" + (f" ({slug})" if named else "")


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
        self.slacks = Slacks((*THEOREMS, *plan.experiment.theorems), plan.along)
        there = f"; {done:,} of them there already, {self.total - done:,} to compute" if done else ""
        self.note(size_of(plan) + there)
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        state = TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True))
        self.begin((*columns, state), self.line, total=self.total, completed=done, state="starting workers")

    def advance(self, outcome: Outcome) -> None:
        """Count a block."""
        self.count += 1
        self.errors += outcome.errors
        self.slacks.add(outcome)
        self.move(self.count, ", ".join(self.news(named=False)))  # a bar is short

    def news(self, *, named: bool = True) -> list[str]:
        """Rate, errors, and the worst slack."""
        spent = time.monotonic() - self.began
        rate = [f"{(self.count - self.before) / spent:.3g} blocks/s"] if spent > 0 and self.count > self.before else []
        errors = [plural(self.errors, "error")] if self.errors else []
        slack = self.slacks.worst(named=named)
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
