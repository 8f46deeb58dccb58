"""How kernels over arrays are compiled: one set of options, and no run-time checks inside."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile ``function``, kept on disk and free of Python's lock.

    Where annotations are checked at run time, what is compiled is the function itself and not its wrapper.
    """
    compiled: Any = numba.njit(cache=True, nogil=True)(inspect.unwrap(function))
    return cast(F, compiled)


def kernel(*relaxed: str) -> Callable[[F], F]:
    """As ``jit``, with what its floating-point arithmetic may relax (flags of LLVM), and division by 0 giving inf."""

    def compile_(function: F) -> F:
        made: Any = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=set(relaxed))
        return cast(F, made(inspect.unwrap(function)))

    return compile_
