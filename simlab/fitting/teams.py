"""Threads for descents in compiled kernels: fits side by side, or the steps of one fit shared.

A team of threads takes the steps of a fit together: all of them run the same kernel, each does its share of a step, and
they meet where a share needs what others have done. What is computed must not depend on how many they are, or the last
bits would. Products are BLAS's, on one thread each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Protocol, runtime_checkable

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - whose products Numba's are: it must be there to be told of threads
from threadpoolctl import ThreadpoolController

from simlab.fitting import descending
from simlab.fitting.descending import Rule, rules, traced
from simlab.fitting.meeting import OPEN, Team
from simlab.fitting.programs import Data, Program, State

SHARED = 3_000_000  # multiplications of a step, from which on threads share it
STRETCH = 2 * 10**10  # multiplications between two looks at Python: half a second


@runtime_checkable
class Run(Protocol):
    """One fit, whose arrays are changed in place."""

    work: int
    """Multiplications of a step, or what takes as long, about."""
    shares: int
    """How many threads can share a step."""
    longest: int
    """The most steps that are laid out at once."""

    def lay_out(self, first: int, last: int) -> None:
        """Get ready for steps ``first`` to ``last``."""

    def steps(self, rule: Rule, told: np.ndarray, team: Team) -> None:
        """Take this thread's share of those steps; ``told``: what each sums to, one row a kind."""


def descend(program: Program, state: State, fits: list[Data], runs: Sequence[Run], first: int, last: int) -> None:
    """Take every run through steps ``first`` to ``last``, and write losses and norms to the state.

    One thread takes a small fit through many steps, many fits have a thread each, and large ones share each step.
    """
    work = max(run.work for run in runs)
    threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    shared = work >= SHARED and len(runs) < min(threads, *(run.shares for run in runs))
    length = min(max(STRETCH // (work * len(runs)), 1), descending.CHUNK, *(run.longest for run in runs))
    with _one_thread_each(), ThreadPoolExecutor(threads) as pool:
        for at in range(first, last, length):
            end = min(at + length, last)
            for run in runs:
                run.lay_out(at, end)
            told = list(rules(program, fits, at, end))
            if shared:
                sums = [_together(run, rule, pool, threads) for run, rule in zip(runs, told, strict=True)]
            elif len(runs) == 1:
                sums = [_alone(runs[0], told[0])]
            else:
                sums = list(pool.map(_alone, runs, told))
            for i, (own, found) in enumerate(zip(fits, sums, strict=True)):
                here = (i, slice(at, end)) if program.many else slice(at, end)
                state.loss[here], state.norm[here] = traced(program, own, found)


def _alone(run: Run, rule: Rule) -> np.ndarray:
    """A chunk of steps by one thread."""
    told = np.zeros((3, len(rule.steps)))
    _share(run, rule, told, Team(0, 1, np.zeros(1, np.int64)))
    return told


def _share(run: Run, rule: Rule, told: np.ndarray, team: Team) -> None:
    """A thread's share of a chunk of steps."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # threads have settings of their own
            run.steps(rule, told, team)
    except BaseException:  # the others would wait for ever
        team.counter[0] = OPEN
        raise


def _together(run: Run, rule: Rule, pool: ThreadPoolExecutor, threads: int) -> np.ndarray:
    """A chunk of steps by a team."""
    told = np.zeros((3, len(rule.steps)))
    threads, counter = min(threads, run.shares), np.zeros(1, np.int64)
    try:
        others = [pool.submit(_share, run, rule, told, Team(i, threads, counter)) for i in range(1, threads)]
        _share(run, rule, told, Team(0, threads, counter))
    except BaseException:  # a thread that could not start, Ctrl-C
        counter[0] = OPEN
        raise
    for other in others:
        other.result()
    return told


_busy, _guard = Lock(), Lock()


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of this process."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """BLAS on one thread. Where it was not, descents wait for one another: that setting is the whole process's."""
    with _guard:
        told = not _busy.locked() and all(library["num_threads"] == 1 for library in _libraries().info())
    if told:
        yield
        return
    with _busy:
        with _guard:
            limit = _libraries().limit(limits=1)
            limit.__enter__()
        try:
            yield
        finally:
            with _guard:
                limit.__exit__(None, None, None)
