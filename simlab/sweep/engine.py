"""Running blocks: ``concurrent.futures.Executor`` is the only interface spoken here, and this is the loop around it.

A window of blocks is in flight, no more, so that a pool that breaks loses little. When it does it is opened anew and
the blocks that were in flight run one at a time; the one that breaks it again and again is reported lost, by name. A
pool that can make no progress any more (its scheduler is gone, or nothing came back for too long) ends the run with
the rest of the blocks reported lost, instead of waiting for ever.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, field, replace

from simlab.errors import BadInput
from simlab.sweep.blocks import Outcome
from simlab.sweep.plan import Job
from simlab.sweep.pools import OpenPool, Pool, PoolLost

VAIN = 5
"""How many pools in a row may break before any block was in them."""
PULSE_S = 1.0
"""How often a pool from which nothing comes back is asked whether it is still there."""

Take = Callable[[], Job | None]
"""Hands out the next block, or None while there is none (for now: it is asked again when blocks come back)."""


def one_by_one(jobs: Iterable[Job]) -> Take:
    """Hand out these blocks in their order."""
    waiting = iter(jobs)
    return lambda: next(waiting, None)


def run_blocks(
    take: Take,
    open_pool: OpenPool,
    *,
    stopping: Callable[[], bool] = lambda: False,
    deadline: float | None = None,
) -> Generator[Outcome]:
    """Yield the outcome of every block that ``take`` hands out, as it completes.

    Once ``stopping`` says so nothing more is begun, what runs is waited for, and the rest is left. ``deadline`` is how
    many seconds may pass without any block coming back before all that is left is reported lost.
    """
    run, vain = _Run(take, stopping, deadline), 0
    while run.more():
        before = run.heard
        with contextlib.suppress(_GivenUp), open_pool() as pool:
            yield from run.until_broken(pool)
            if run.gone:
                raise _GivenUp  # so that the pool ends what still runs, instead of waiting for it
        vain = 0 if run.heard > before else vain + 1
        if vain == VAIN:
            run.gone = "no worker can be started"
            yield from run.given_up({})


class _GivenUp(Exception):
    """A pool is left with blocks that still run in it."""


@dataclass
class _Run:
    """What is left to do, over as many pools as it takes."""

    take: Take
    stopping: Callable[[], bool]
    deadline: float | None
    next: Job | None = None
    suspects: deque[Job] = field(default_factory=deque)
    strikes: Counter[str] = field(default_factory=Counter)
    gone: str | None = None
    """Why no pool can go on."""
    heard: int = 0
    """How many blocks came back, or died."""

    def more(self) -> bool:
        """Whether there is a block to begin."""
        if self.stopping() or self.gone:
            return False
        if not self.suspects and self.next is None:
            self.next = self.take()
        return bool(self.suspects) or self.next is not None

    def until_broken(self, pool: Pool) -> Generator[Outcome]:
        """Run blocks until none is left or the pool breaks; then all in flight are suspects, or lost."""
        live: dict[Future[Outcome], Job] = {}
        broken, since = False, time.monotonic()
        deaths: tuple[type[BaseException], ...] = (BrokenExecutor, *pool.fatal)
        while live or (not broken and self.more()):
            while not broken and self.more() and len(live) < self.room(live, pool):
                broken = not self.begin(pool, live)
            if self.stopping():
                for future in [future for future in live if pool.withdraw(future)]:
                    del live[future]
            done, in_company = wait(live, timeout=PULSE_S, return_when=FIRST_COMPLETED).done, len(live) > 1
            if not done and live:
                self.gone = self.still_there(pool, since)
            for future in [future for future in live if future in done]:  # in the order in which they were begun
                since, error = time.monotonic(), _error(future)
                self.heard += 1
                if isinstance(error, CancelledError):  # by the pool itself, when it was closed under us
                    self.gone = self.still_there(pool, since) or "the pool cancelled it"
                    continue  # it stays among those that are given up
                job = live.pop(future)
                if error is None:
                    yield replace(future.result(), attempt=self.strikes[job.key] + 1)
                elif isinstance(error, deaths):
                    whole = isinstance(error, BrokenExecutor)
                    broken = broken or whole
                    # a pool that goes on blames all blocks its dead workers held, so one in company is tried alone
                    alone = self.strikes[job.key] + (2 if in_company else 1)
                    yield from self.struck(job, pool, pool.forgives if whole else alone)
                elif said := pool.explain(error):
                    raise BadInput(said)
                else:
                    raise error
            if self.gone:
                yield from self.given_up(live)
                return

    def room(self, live: dict[Future[Outcome], Job], pool: Pool) -> int:
        """How many blocks may be in flight. A suspect runs alone, so that the strike that follows is surely its own."""
        alone = bool(self.suspects) or any(self.strikes[job.key] for job in live.values())
        return 1 if alone else pool.window()

    def begin(self, pool: Pool, live: dict[Future[Outcome], Job]) -> bool:
        """Submit the next block; False where the pool is broken already, and the block was never in it."""
        job = self.suspects[0] if self.suspects else self.next
        assert job is not None
        try:
            live[pool.submit(job)] = job
        except BrokenExecutor:
            return False
        if self.suspects:
            self.suspects.popleft()
        else:
            self.next = None
        return True

    def struck(self, job: Job, pool: Pool, forgiven: int) -> Generator[Outcome]:
        """A block whose worker died: once more, alone, or lost."""
        self.strikes[job.key] += 1
        if self.strikes[job.key] < forgiven:
            self.suspects.append(job)
        else:
            times = f" {forgiven} times" if forgiven > 1 else ""
            yield Outcome(job, lost=f"its worker died{times}, {pool.excuse}", attempt=forgiven)

    def still_there(self, pool: Pool, since: float) -> str | None:
        """Why there is no hope for this pool any more, or None."""
        try:
            pool.pulse()
        except PoolLost as lost:
            return str(lost)
        silent = time.monotonic() - since
        if self.deadline is not None and silent > self.deadline:
            return f"no block came back for {silent:.0f} s (--deadline {self.deadline:g})"
        return None

    def given_up(self, live: dict[Future[Outcome], Job]) -> Generator[Outcome]:
        """Report what is in flight, and everything behind it, as lost."""
        assert self.gone is not None
        left = [*live.values(), *self.suspects]
        job = self.next or self.take()
        while job is not None:
            left.append(job)
            job = self.take()
        for job in left:
            yield Outcome(job, lost=self.gone)


def _error(future: Future[Outcome]) -> BaseException | None:
    """What a future that is done raises, the cancellation of itself included."""
    try:
        return future.exception()
    except CancelledError as error:
        return error
