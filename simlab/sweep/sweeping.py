"""One sweep, step by step: what is there, what is to do, blocks kept as they come, tables, verdicts, picture.

It prints nothing. What there is to say while it runs goes to a ``Watcher``.
"""

from __future__ import annotations

import random
import signal
from collections import Counter, deque
from contextlib import closing
from pathlib import Path

from simlab.bounds import THEOREMS
from simlab.errors import BadInput
from simlab.sweep.blocks import Outcome
from simlab.sweep.collecting import SUMMARY, Table, collect, write_csv
from simlab.sweep.engine import run_blocks
from simlab.sweep.manifests import longest, write_manifest
from simlab.sweep.memory import Footprint, footprint
from simlab.sweep.plan import Job, Plan
from simlab.sweep.planning import check_measure, next_blocks
from simlab.sweep.pools import Workers
from simlab.sweep.results import Goals, Result, Watcher, drawer, drawn
from simlab.sweep.store import Block, open_store, read_block
from simlab.sweep.summary import summarise
from simlab.sweep.telling import MORE_RAISED, TOLD, again, kept, lost_block, raised_cell, remarks
from simlab.sweep.verdicts import check_columns, judge
from simlab.terminal.files import write_atomically
from simlab.terminal.interruption import Interrupted, Stopped, Winding, stoppable
from simlab.terminal.wording import plural


class Sweep:
    """The state of one run: what is done, what is to do, and what there is to say."""

    def __init__(self, plan: Plan, folder: Path, workers: Workers, goals: Goals) -> None:
        self.plan, self.workers, self.goals = plan, workers, goals
        self.draw = drawer(plan.experiment)
        self.store = open_store(folder)
        self.watcher: Watcher | None = None
        self.winding = Winding()
        self.done: dict[str, Block] = {}
        self.known: dict[str, Block] = {}
        self.footprint: Footprint | None = None
        self.pending: list[Job] = list(plan.jobs)
        self.queue: deque[Job] = deque()
        self.notes: list[str] = []
        self.raised: set[str] = set()
        self.lost: Counter[str] = Counter()
        self.running = self.computed = self.reused = self.guilty = 0
        self.recorded = self.shared = self.unreached = False
        self.theorems = (*THEOREMS, *plan.experiment.theorems)

    def run(self, watcher: Watcher | None = None) -> Result:
        """All of it, in order. Raises ``Interrupted`` on Ctrl-C and SIGTERM."""
        self.watcher = watcher
        try:
            with stoppable():
                self.look()
                if self.goals.fresh:
                    self.store.delete(longest(self.store, self.plan).jobs)
                self.compute()
                return self.report()
        except KeyboardInterrupt as error:
            raise Interrupted(self.kept(), getattr(error, "signum", signal.SIGINT)) from None
        finally:
            self.store.discard_if_empty()

    def rehearse(self) -> None:
        """See what ``run`` would find and compute (``done``, ``pending``, ``known``), and leave nothing behind."""
        try:
            self.look()
        finally:
            self.store.discard_if_empty()

    def kept(self) -> str:
        """What an interruption leaves, in a sentence that is true at every stage."""
        return kept(self.plan, self.store, len(self.done), fresh=self.goals.fresh)

    def note(self, text: str) -> None:
        """Say a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)
            if self.watcher:
                self.watcher.note(text)

    def look(self) -> None:
        """See what is there already. Raises ``BadInput`` where there is too little memory for the rest."""
        self.known = self.store.finished(self.plan.jobs)
        self.done = {} if self.goals.fresh else dict(self.known)
        self.pending = [job for job in self.plan.jobs if job.key not in self.done or self.done[job.key].errors]
        self.footprint = footprint(self.plan, self.pending, self.workers, more=self.goals.until is not None)
        for block in self.done.values():
            self.judgeable(block)

    def judgeable(self, block: Block) -> None:
        """Raise ``BadInput`` for a bound among the columns that nobody would judge."""
        check_columns(block.columns, (theorem.slug for theorem in self.theorems))

    def remark(self) -> None:
        """Say what there is to say of the folder and the size before any block is computed."""
        for text in remarks(self.plan, self.store, self.done, self.pending, self.footprint):
            self.note(text)

    def compute(self) -> None:
        """Run the pending blocks and keep each as it completes. Raises ``Stopped`` after a Ctrl-C that was a wish."""
        self.queue, self.reused = deque(self.pending), len(self.plan.jobs) - len(self.pending)
        workers = self.workers
        outcomes = run_blocks(
            self.take,
            workers.opener(self.plan.experiment.payload),
            stopping=self.stopping,
            deadline=workers.deadline,
        )
        try:
            if self.watcher:
                self.watcher.start(self.plan, len(self.plan.jobs) - len(self.pending))
            self.remark()
            with self.winding.prepared(), closing(outcomes):
                for outcome in outcomes:
                    self.running -= 1
                    self.keep(outcome)
                    self.tell(outcome)
        finally:
            if self.watcher:
                self.watcher.stop()
        if self.winding.asked:
            raise Stopped

    def tell(self, outcome: Outcome) -> None:
        """Let the watcher know of a block that came to its end."""
        if self.watcher:
            self.watcher.advance(outcome)

    def stopping(self) -> bool:
        """Whether nothing more is to be begun: the user wants to stop, or too many replicates raised."""
        if self.winding.asked:
            self.note("finishing the blocks that are running; Ctrl-C again stops at once")
            return True
        return self.halted()

    def halted(self) -> bool:
        """Whether more replicates raised than may."""
        return self.goals.max_errors is not None and self.guilty > self.goals.max_errors

    def take(self) -> Job | None:
        """Hand out the next block that nobody has computed; None while there is none."""
        while True:
            while self.queue:
                job = self.queue.popleft()
                if not self.found(job):
                    self.running += 1
                    return job
                self.tell(Outcome(job))
            if self.running or not self.extend():
                return None

    def found(self, job: Job) -> bool:
        """Whether another process has put this block into the folder since we looked; then it counts as done.

        Two sweeps on one folder go through the same blocks in the same order, so the one that is ahead would compute
        each just before the other. Whoever notices, before a block or after it, goes through the rest in an order of
        his own.
        """
        path = self.store.path(job.key)
        block = read_block(path, job.key) if path.exists() else None
        if block is None or block.errors:
            return False
        self.judgeable(block)
        self.done[job.key] = block
        self.reused += 1
        if not self.shared:
            self.shared = True
            self.note(f"another process is computing blocks of this run in {self.store.folder}: they are shared")
            rest = list(self.queue)
            random.SystemRandom().shuffle(rest)
            self.queue = deque(rest)
        return True

    def extend(self) -> bool:
        """Add blocks where the target is not reached; False when there is nothing to add."""
        if self.goals.until is None or self.lost or self.halted() or not self.done:
            return False
        summary = summarise(collect(self.store, self.plan, self.done), self.plan.settings, self.plan.along)
        before = self.plan
        try:
            self.plan = before.with_blocks(next_blocks(summary, before, self.goals.until))
        except BadInput as error:
            self.note(f"{self.goals.until} is not reached: {error}")
            self.unreached = True
        if self.plan.blocks == before.blocks:
            return False
        self.recorded = False
        more = [j for i, n in enumerate(before.blocks) for j in self.plan.jobs_of(i, n)]
        there = self.store.finished(more)
        self.done |= there
        wanted = [job for job in more if job.key not in there or there[job.key].errors]
        self.queue.extend(wanted)
        self.reused += len(more) - len(wanted)
        if self.watcher:
            self.watcher.start(self.plan, len(self.plan.jobs) - len(self.queue))
        return True

    def keep(self, outcome: Outcome) -> None:
        """Store a block's rows. Raises ``BadInput`` for a mistake that the cell found."""
        if outcome.mistake is not None:
            raise BadInput(outcome.mistake)
        if outcome.lost is not None:
            self.bury(outcome)
            return
        check_columns((name for row in outcome.rows for name in row), (theorem.slug for theorem in self.theorems))
        if self.goals.until is not None and outcome.rows and not outcome.errors:
            check_measure(self.goals.until, outcome.rows, self.plan.along)
        self.record()
        if self.found(outcome.job):
            return
        self.done[outcome.job.key] = self.store.write(outcome)
        self.computed += 1
        self.guilty += outcome.guilty
        if outcome.errors:
            self.told(outcome)

    def bury(self, outcome: Outcome) -> None:
        """Count a lost block, and name the first few."""
        reason = str(outcome.lost)
        self.lost[reason] += 1
        self.done.pop(outcome.job.key, None)
        if self.lost[reason] <= TOLD:
            self.note(lost_block(self.plan, outcome, again(fresh=self.goals.fresh)))
        else:
            self.note(f"more blocks are lost: {reason}")

    def record(self) -> None:
        """Say in the folder what run this is, before its first block is there."""
        if not self.recorded:
            write_manifest(self.store, self.plan)
            self.recorded = True

    def told(self, outcome: Outcome) -> None:
        """Say what a cell raised and where, for the first few grid points."""
        where = self.plan.place(outcome.job.settings)
        if where not in self.raised:
            self.raised.add(where)
            self.note(MORE_RAISED if len(self.raised) > TOLD else raised_cell(self.plan, outcome))

    def report(self) -> Result:
        """Collect the blocks into tables, summarise, judge and draw."""
        plan, folder = self.plan, self.store.folder
        for text in dict.fromkeys(text for block in self.done.values() for text in block.warnings):
            self.note(f"the cell warned: {text}")
        if self.done:
            self.record()
        table: Table = collect(self.store, plan, self.done) if self.done else {}
        summary = summarise(table, plan.settings, plan.along) if table else []
        verdicts = judge(table, plan.settings, plan.varying, self.theorems, plan.along) if table else ()
        picture, ink = folder / f"{plan.experiment.slug}.png", None
        if table:
            write_csv(self.store, SUMMARY, summary)
        if table and self.draw:
            ink = drawn(self.draw, str(plan.experiment.picture), summary, self.note)
            with self.store.refusals():
                if ink is None:
                    picture.unlink(missing_ok=True)  # one of another run, which these tables do not show
                else:
                    write_atomically(picture, ink)
        lost = self.lost.total()
        left = len(plan.jobs) - self.computed - self.reused - lost
        if self.halted():
            rule = f"more than {plural(self.goals.max_errors or 0, 'replicate')} raised"
            self.note(f"stopped, since {rule}: {plural(left, 'block')} left; {again(fresh=self.goals.fresh)} goes on")
        return Result(
            plan=plan,
            folder=folder,
            replicates=table,
            summary=summary,
            verdicts=verdicts,
            notes=tuple(self.notes),
            computed=self.computed,
            reused=self.reused,
            errors=sum(block.errors for block in self.done.values()),
            lost=lost,
            left=left,
            unreached=self.unreached,
            provenance=tuple(self.done[job.key].provenance for job in plan.jobs if job.key in self.done),
            picture=picture if ink else None,
            undrawn=bool(table and self.draw and not ink),
            footprint=self.footprint,
        )
