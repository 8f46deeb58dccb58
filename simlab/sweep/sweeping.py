"""One sweep, step by step: what is there, what is to do, blocks kept as they come, tables, verdicts, picture.

It prints nothing. What there is to say while it runs goes to a ``Watcher``.
"""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from simlab.bounds import THEOREMS
from simlab.errors import BadInput, unknown
from simlab.sweep.blocks import Outcome
from simlab.sweep.engine import STRIKES, run_blocks
from simlab.sweep.loading import Experiment, Row
from simlab.sweep.plan import Job, Plan
from simlab.sweep.store import Block, Table, collect, open_store, write_csv
from simlab.sweep.summary import summarise
from simlab.sweep.verdicts import Verdict, check_columns, judge
from simlab.terminal.files import write_atomically
from simlab.terminal.interruption import Interrupted, stoppable
from simlab.terminal.wording import plural

HELD, FAILED, INCOMPLETE = 0, 1, 3
TOLD = 5
"""How many grid points whose cell raised are named; the table has them all."""


@runtime_checkable
class Watcher(Protocol):
    """Hears of a sweep while it runs."""

    def start(self, plan: Plan, done: int) -> None:
        """The sweep begins, with ``done`` blocks there already."""

    def advance(self, outcome: Outcome) -> None:
        """A block came to its end."""

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def stop(self) -> None:
        """The sweep ended, one way or another."""


@dataclass(frozen=True)
class Result:
    """A finished sweep: its tables, its verdicts, and where they are.

    ``replicates`` holds the columns of ``replicates.parquet``; ``computed`` and ``reused`` count blocks, ``errors``
    replicates whose cell raised, ``lost`` blocks that killed their worker; ``undrawn`` says that the picture failed.
    """

    plan: Plan
    folder: Path
    replicates: Table = field(repr=False)
    summary: list[Row] = field(repr=False)
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    computed: int
    reused: int
    errors: int
    lost: int
    picture: Path | None
    undrawn: bool = False

    @property
    def status(self) -> int:
        """The exit status: 1 a bound failed, else 3 with error rows, lost blocks or no picture, else 0."""
        if any(verdict.failed for verdict in self.verdicts):
            return FAILED
        return INCOMPLETE if self.errors or self.lost or self.undrawn else HELD

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written."""
        tables = ("replicates.parquet", "summary.csv", "provenance.csv")
        written = tuple(self.folder / name for name in tables if self.replicates)
        return (*written, self.picture) if self.picture else written


class Sweep:
    """The state of one run: what is done, what is to do, and what there is to say."""

    def __init__(self, plan: Plan, folder: Path, engine: str, workers: int, fresh: bool) -> None:
        self.plan, self.engine, self.workers, self.fresh = plan, engine, workers, fresh
        self.draw = _drawer(plan.experiment)
        self.store = open_store(folder)
        self.watcher: Watcher | None = None
        self.done: dict[str, Block] = {}
        self.pending: list[Job] = list(plan.jobs)
        self.notes: list[str] = []
        self.raised: set[str] = set()
        self.lost = 0
        self.theorems = (*THEOREMS, *plan.experiment.theorems)

    def run(self, watcher: Watcher | None = None) -> Result:
        """All of it, in order. Raises ``Interrupted`` on Ctrl-C and SIGTERM."""
        self.watcher = watcher
        try:
            with stoppable():
                if self.fresh:
                    self.store.delete(self.plan.jobs)
                self.look()
                self.compute()
                return self.report()
        except KeyboardInterrupt as error:
            raise Interrupted(self.kept(), getattr(error, "signum", signal.SIGINT)) from None
        finally:
            self.store.discard_if_empty()

    def rehearse(self) -> None:
        """See what ``run`` would find and compute (``done``, ``pending``), and leave nothing behind."""
        try:
            if not self.fresh:
                self.look()
        finally:
            self.store.discard_if_empty()

    def kept(self) -> str:
        """What an interruption leaves, in a sentence that is true at every stage."""
        if not self.done:
            return "interrupted before a block was finished; the same command starts again"
        again = "the same command without --fresh resumes" if self.fresh else "the same command resumes"
        blocks = f"{len(self.done):,} of {plural(len(self.plan.jobs), 'block')}"
        return f"interrupted: {blocks} are kept in {self.store.folder}; {again}"

    def note(self, text: str) -> None:
        """Say a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)
            if self.watcher:
                self.watcher.note(text)

    def look(self) -> None:
        """See what is there already."""
        self.done = self.store.finished(self.plan.jobs)
        self.pending = pending_jobs(self.plan, self.done)
        for block in self.done.values():
            check_columns(block.columns, (theorem.slug for theorem in self.theorems))

    def remark(self) -> None:
        """Say what there is to say of the folder and the size before any block is computed."""
        plan, store = self.plan, self.store
        damaged = sum(job.key not in self.done and store.path(job.key).exists() for job in self.pending)
        raised = sum(job.key in self.done for job in self.pending)
        if not self.pending:
            self.note(
                f"all {plural(len(plan.jobs), 'block')} were there already: nothing to compute (--fresh recomputes)"
            )
        if plan.replicates != plan.asked:
            self.note(
                f"{plural(plan.asked, 'replicate')} a grid point rounded up to {plan.replicates:,}: "
                f"blocks hold {plan.block} and are never shortened"
            )
        if damaged:
            self.note(f"{plural(damaged, 'block file')} cut short or altered: computed again")
        if raised:
            self.note(f"{plural(raised, 'block')} whose cell raised the last time: computed again")
        strangers = store.strangers(plan.jobs)
        if strangers:
            self.note(
                f"{store.folder} also holds {plural(strangers, 'block')} of other runs (other settings, seed or code); "
                "the tables there are overwritten by this run"
            )

    def compute(self) -> None:
        """Run the pending blocks and keep each as it completes."""
        payload, workers = self.plan.experiment.payload, min(self.workers, max(len(self.pending), 1))
        outcomes = run_blocks(self.pending, engine=self.engine, workers=workers, payload=payload)
        try:
            if self.watcher:
                self.watcher.start(self.plan, len(self.plan.jobs) - len(self.pending))
            self.remark()
            with closing(outcomes):
                for outcome in outcomes:
                    self.keep(outcome)
                    if self.watcher:
                        self.watcher.advance(outcome)
        finally:
            if self.watcher:
                self.watcher.stop()

    def keep(self, outcome: Outcome) -> None:
        """Store a block's rows. Raises ``BadInput`` for a mistake that the cell found."""
        if outcome.mistake is not None:
            raise BadInput(outcome.mistake)
        if outcome.lost:
            self.lost += 1
            self.done.pop(outcome.job.key, None)
            where = self.plan.place(outcome.job.settings)
            self.note(
                f"block lost ({', '.join(filter(None, (where, outcome.job.name)))}): "
                f"its worker died {STRIKES} times, for want of memory perhaps; the same command tries again"
            )
            return
        check_columns((name for row in outcome.rows for name in row), (theorem.slug for theorem in self.theorems))
        self.done[outcome.job.key] = self.store.write(outcome)
        if outcome.errors:
            self.told(outcome)

    def told(self, outcome: Outcome) -> None:
        """Say what a cell raised and where, for the first few grid points."""
        first, where = outcome.rows[0], self.plan.place(outcome.job.settings)
        if len(self.raised | {where}) > TOLD:
            self.note("the cell raised at more grid points: replicates.parquet has them all (error_type)")
            return
        self.raised.add(where)
        at, message = f" at {where}" if where else "", str(first["error_message"])
        message = f": {message}" if message else ""
        self.note(
            f"the cell raised {first['error_type']}{at}{message} "
            "(error rows, with traceback, are in replicates.parquet)"
        )

    def report(self) -> Result:
        """Collect the blocks into tables, summarise, judge and draw."""
        plan, folder = self.plan, self.store.folder
        for text in dict.fromkeys(text for block in self.done.values() for text in block.warnings):
            self.note(f"the cell warned: {text}")
        table: Table = collect(self.store, plan, self.done) if self.done else {}
        summary = summarise(table, plan.settings) if table else []
        verdicts = judge(table, plan.settings, plan.varying, self.theorems) if table else ()
        picture, ink = folder / f"{plan.experiment.slug}.png", None
        if table:
            write_csv(self.store, "summary.csv", summary)
        if table and self.draw:
            ink = self.drawn(self.draw, summary)
            with self.store.refusals():
                if ink is None:
                    picture.unlink(missing_ok=True)  # one of another run, which these tables do not show
                else:
                    write_atomically(picture, ink)
        return Result(
            plan=plan,
            folder=folder,
            replicates=table,
            summary=summary,
            verdicts=verdicts,
            notes=tuple(self.notes),
            computed=len(self.pending) - self.lost,
            reused=len(plan.jobs) - len(self.pending),
            errors=sum(block.errors for block in self.done.values()),
            lost=self.lost,
            picture=picture if ink else None,
            undrawn=bool(table and self.draw and not ink),
        )

    def drawn(self, draw: Callable[[list[Row]], Any], summary: list[Row]) -> bytes | None:
        """The picture, or None where drawing it failed: the tables are there all the same."""
        try:
            return _png(draw(summary))
        except Exception as error:
            self.note(f"no picture: {self.plan.experiment.picture} raised {type(error).__name__}: {error}")
            return None


def pending_jobs(plan: Plan, done: Mapping[str, Block]) -> list[Job]:
    """The blocks to compute: those not there, and those whose cell raised the last time."""
    return [job for job in plan.jobs if job.key not in done or done[job.key].errors]


def _drawer(experiment: Experiment) -> Callable[[list[Row]], Any] | None:
    """The function that draws the experiment's picture. Raises ``BadInput`` for a name that is not there."""
    if experiment.picture is None:
        return None
    from simlab import drawing

    if not isinstance(experiment.picture, str) or experiment.picture not in drawing.PICTURES:
        raise unknown("picture", str(experiment.picture), drawing.PICTURES)
    draw: Callable[[list[Row]], Any] = drawing.PICTURES[experiment.picture]
    return draw


def _png(figure: Any) -> bytes:
    """A matplotlib figure as PNG, without the date or the version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
