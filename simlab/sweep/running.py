"""A sweep from start to end: plan -> blocks -> tables -> summary -> verdicts -> picture.

Everything the command line does is ``run``; it prints nothing. What there is to say while it runs goes to a
``Watcher``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from simlab.bounds import THEOREMS
from simlab.errors import BadInput, unknown
from simlab.sweep.blocks import Outcome
from simlab.sweep.engine import STRIKES, run_blocks
from simlab.sweep.loading import Experiment, Row, load
from simlab.sweep.plan import Job, Plan, flat, make_plan
from simlab.sweep.store import Block, Store, Table, collect, open_store, write_atomically, write_csv
from simlab.sweep.summary import summarise
from simlab.sweep.verdicts import Verdict, check_columns, judge
from simlab.sweep.wording import plural, settings_text

HELD, FAILED, BAD_INPUT, INCOMPLETE, CRASHED, INTERRUPTED = 0, 1, 2, 3, 70, 130


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; the text says what is kept and how to go on."""


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
    replicates whose cell raised, ``lost`` blocks that killed their worker.
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

    @property
    def status(self) -> int:
        """The exit status: 1 a bound failed, else 3 with error rows or lost blocks, else 0."""
        if any(verdict.failed for verdict in self.verdicts):
            return FAILED
        return INCOMPLETE if self.errors or self.lost else HELD

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written."""
        tables = ("replicates.parquet", "summary.csv", "provenance.csv")
        written = tuple(self.folder / name for name in tables if self.replicates)
        return (*written, self.picture) if self.picture else written


def run(
    experiment: Experiment | str | Path | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    replicates: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    engine: str = "local",
    fresh: bool = False,
    smoke: bool = False,
    origin: str = "settings",
    watcher: Watcher | None = None,
) -> Result:
    """Run an experiment and return its tables; blocks that are in ``out`` already are not computed again.

    ``experiment`` is a file's path, an ``Experiment``, or None for the headline sweep. In ``settings`` a tuple, list
    or range is an axis of the grid, anything else pins the setting. ``replicates`` is rounded up to whole blocks.
    ``workers`` defaults to the cores available, ``out`` to ``results/<slug>``. ``fresh`` deletes this run's own
    blocks first, ``smoke`` takes the experiment's smallest size. A script that calls this with the local engine
    guards its top level by ``if __name__ == "__main__"``, as everything that starts processes must.

    Raises ``BadInput`` for any mistake of the user's, with nothing written before all settings and the results
    folder have been tried, and ``Interrupted`` on Ctrl-C, with the finished blocks kept.
    """
    loaded = experiment if isinstance(experiment, Experiment) else load(experiment)
    plan = make_plan(loaded, settings, replicates=replicates, seed=seed, smoke=smoke, origin=origin)
    workers = available_cores() if workers is None else workers
    if workers < 1:
        raise BadInput(f"workers = {workers}: must be a whole number of at least 1")
    sweep = _Sweep(plan, open_store(folder_of(loaded, out)), watcher)
    try:
        draw = _drawer(loaded)
        if fresh:
            sweep.store.delete(plan.jobs)
        sweep.look()
        sweep.compute(engine, min(workers, max(len(sweep.pending), 1)))
        return sweep.report(draw)
    finally:
        sweep.store.discard_if_empty()


def folder_of(experiment: Experiment, out: str | Path | None) -> Path:
    """The results folder: ``out``, or ``results/<slug>`` under the current folder."""
    return Path("results") / experiment.slug if out is None else Path(out)


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pending_jobs(plan: Plan, done: Mapping[str, Block]) -> list[Job]:
    """The blocks to compute: those not there, and those whose cell raised the last time."""
    return [job for job in plan.jobs if job.key not in done or done[job.key].errors]


def _drawer(experiment: Experiment) -> Callable[[list[Row]], Any] | None:
    """The function that draws the experiment's picture. Raises ``BadInput`` for a name that is not there."""
    if experiment.picture is None:
        return None
    from simlab import drawing

    if experiment.picture not in drawing.__all__:
        raise unknown("picture", experiment.picture, drawing.__all__)
    draw: Callable[[list[Row]], Any] = getattr(drawing, experiment.picture)
    return draw


class _Sweep:
    """The state of one run: what is done, what is to do, and what there is to say."""

    def __init__(self, plan: Plan, store: Store, watcher: Watcher | None) -> None:
        self.plan, self.store, self.watcher = plan, store, watcher
        self.done: dict[str, Block] = {}
        self.pending: list[Job] = []
        self.notes: list[str] = []
        self.lost = 0
        self.theorems = (*THEOREMS, *plan.experiment.theorems)

    def note(self, text: str) -> None:
        """Say a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)
            if self.watcher:
                self.watcher.note(text)

    def look(self) -> None:
        """See what is there already."""
        plan, store = self.plan, self.store
        self.done = store.finished(plan.jobs)
        self.pending = pending_jobs(plan, self.done)
        damaged = sum(job.key not in self.done and store.path(job.key).exists() for job in plan.jobs)
        raised = sum(job.key in self.done for job in self.pending)
        if plan.replicates != plan.asked:
            self.note(
                f"{plural(plan.asked, 'replicate')} a grid point rounded up to {plan.replicates}: "
                f"blocks hold {plan.block} and are never shortened"
            )
        if damaged:
            self.note(f"{plural(damaged, 'block file')} cut short or altered: computed again")
        if raised:
            self.note(f"{plural(raised, 'block')} whose cell raised the last time: computed again")
        strangers = store.strangers(plan.jobs)
        if strangers:
            self.note(
                f"{plural(strangers, 'block file')} of other settings or another version of the code in "
                f"{store.blocks}: left alone and not used"
            )
        if not self.pending:
            self.note(
                f"all {plural(len(plan.jobs), 'block')} were there already: nothing to compute (--fresh recomputes)"
            )
        for block in self.done.values():
            check_columns(block.columns, (theorem.slug for theorem in self.theorems))

    def compute(self, engine: str, workers: int) -> None:
        """Run the pending blocks and keep each as it completes."""
        payload = self.plan.experiment.payload
        outcomes = run_blocks(self.pending, engine=engine, workers=workers, payload=payload)
        if self.watcher:
            self.watcher.start(self.plan, len(self.plan.jobs) - len(self.pending))
        try:
            with closing(outcomes):
                for outcome in outcomes:
                    self.keep(outcome)
                    if self.watcher:
                        self.watcher.advance(outcome)
        except KeyboardInterrupt:
            kept, folder = f"{len(self.done)} of {plural(len(self.plan.jobs), 'block')}", self.store.folder
            raise Interrupted(f"interrupted: {kept} are kept in {folder}; the same command resumes") from None
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
            where = settings_text(flat(outcome.job.settings), self.plan.varying)
            self.note(
                f"block lost ({', '.join(filter(None, (where, outcome.job.name)))}): "
                f"its worker died {STRIKES} times, for want of memory perhaps; the same command tries again"
            )
            return
        check_columns((name for row in outcome.rows for name in row), (theorem.slug for theorem in self.theorems))
        self.done[outcome.job.key] = self.store.write(outcome)
        if outcome.errors:
            first = outcome.rows[0]
            self.note(
                f"the cell raised {first['error_type']}: {first['error_message']} "
                "(error rows, with traceback, are in replicates.parquet)"
            )

    def report(self, draw: Callable[[list[Row]], Any] | None) -> Result:
        """Collect the blocks into tables, summarise, judge and draw."""
        plan, folder = self.plan, self.store.folder
        for text in dict.fromkeys(text for block in self.done.values() for text in block.warnings):
            self.note(f"the cell warned: {text}")
        table: Table = collect(self.store, plan, self.done) if self.done else {}
        summary = summarise(table, plan.settings) if table else []
        verdicts = judge(table, plan.settings, plan.varying, self.theorems) if table else ()
        picture = None
        if table:
            write_csv(self.store, "summary.csv", summary)
        if table and draw:
            picture = folder / f"{plan.experiment.slug}.png"
            with self.store.refusals():
                write_atomically(picture, _png(draw(summary)))
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
            picture=picture,
        )


def _png(figure: Any) -> bytes:
    """A matplotlib figure as PNG, without the date or the version in it."""
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
