"""How kernels over arrays are compiled: one set of options, no run-time checks inside, and kept on disk.

Numba notices by itself when the file of a kernel has changed, but not when a file has whose kernels went into it. So
what is kept has a folder for each state of the package's sources.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

import simlab

F = TypeVar("F", bound=Callable[..., Any])

UNUSED_S = 30 * 86400.0  # after so long the kernels of other sources are removed


def digest_of_sources() -> str:
    """The first 12 digits of a SHA-256 over the package's Python files, as they are now."""
    root = Path(simlab.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()[:12]


@functools.cache
def _kept_in() -> str:
    """The folder of these sources' kernels, in the one that the user has named or among the user's caches.

    Where it cannot be written, Numba takes one beside the sources.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    every = Path(numba.config.CACHE_DIR or os.path.join(caches, "simlab", "numba"))  # type: ignore[attr-defined]
    own = every / f"simlab-{digest_of_sources()}"
    if not own.exists():
        for other in every.glob("simlab-*"):
            try:
                if time.time() - other.stat().st_mtime > UNUSED_S:
                    shutil.rmtree(other, ignore_errors=True)
            except OSError:  # another process was faster
                continue
    return str(own)


def _compiled(function: F, **options: Any) -> F:
    """Compile the function itself and not the wrapper that checks its annotations, free of Python's lock."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = _kept_in()  # type: ignore[attr-defined]
    try:
        made: Any = numba.njit(cache=True, nogil=True, **options)(inspect.unwrap(function))
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
    return cast(F, made)


def jit(function: F) -> F:
    """Compile ``function``."""
    return _compiled(function)


def kernel(*relaxed: str) -> Callable[[F], F]:
    """As ``jit``, with what its floating-point arithmetic may relax (flags of LLVM), and division by 0 giving inf."""
    return functools.partial(_compiled, error_model="numpy", fastmath=set(relaxed))
