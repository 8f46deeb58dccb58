"""Where the threads of a team wait for one another, within compiled kernels.

At a counter, and spinning: a step takes a tenth of a millisecond, and to wake a thread half of that. Threads that wait
long let others have their processor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.ir  # Numba's own compiler, which comes with it
import numba
from numba.core import cgutils
from numba.extending import intrinsic

from simlab.compiling import jit

SPINS = 2000  # looks at the counter, some microseconds, before a thread lets others have its processor
OPEN = 2**62  # a counter at which nobody waits


class Team(NamedTuple):
    """Which thread of how many this is, and the counter (an array of one 64-bit integer) at which they meet."""

    thread: int
    threads: int
    counter: Any


def _at_counter(generate: Callable[[Any, Any], Any]) -> Any:
    """What Numba is told of an instruction on a counter: its types, and how it is generated at an address."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return generate(builder, array.data)

    return lambda typing, counter: (numba.types.int64(counter), build)  # noqa: ARG005


def _adding(builder: Any, address: Any) -> Any:
    return builder.atomic_rmw("add", address, llvmlite.ir.Constant(llvmlite.ir.IntType(64), 1), "seq_cst")


def _reading(builder: Any, address: Any) -> Any:
    return builder.load_atomic(address, "seq_cst", 8)


_add_one: Any = intrinsic(_at_counter(_adding))
"""Add 1 to the counter, whoever else does so at the same time; return what it was."""

_read: Any = intrinsic(_at_counter(_reading))
"""The counter as it is now, and with it all that threads wrote before they added to it."""


YIELDING = "SwitchToThread" if sys.platform == "win32" else "sched_yield"


def _letting(typing: Any) -> Any:  # noqa: ARG001
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        kind = llvmlite.ir.FunctionType(llvmlite.ir.IntType(32), [])
        declare: Any = cgutils.get_or_insert_function
        builder.call(declare(builder.module, kind, YIELDING), [])
        return context.get_dummy_value()

    return numba.types.void(), build


_let_others: Any = intrinsic(_letting)


@jit
def meet(team: Any) -> None:
    """Wait until every thread of the team is here."""
    if team.threads > 1:
        goal = min((_add_one(team.counter) // team.threads + 1) * team.threads, OPEN)
        spins = 0
        while _read(team.counter) < goal:
            spins += 1
            if spins > SPINS:
                _let_others()
