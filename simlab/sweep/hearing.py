"""The warnings that a block raises, told apart where several blocks run in the threads of one process.

``warnings.catch_warnings`` changes the whole process: of two threads that use it one hears the other's warnings, and
the last to leave may put back what the first had set.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_ears = threading.local()
_listening: list[warnings.catch_warnings[Any]] = []
"""One entry while somebody listens: what to put back afterwards."""
_listeners = [0]
_shown: list[Any] = [warnings.showwarning]
"""What shows the warnings of threads that do not listen."""


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Note a warning for the thread that raised it; one of a thread that does not listen is shown as before."""
    texts = getattr(_ears, "texts", None)
    if texts is not None:
        texts.append(f"{category.__name__}: {message}")
    else:
        _shown[-1](message, category, *place, **more)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect the warnings that this thread raises in the body, as texts; every one of them, whatever the filters."""
    before = getattr(_ears, "texts", None)
    _ears.texts = texts = list[str]()
    with _lock:
        if not _listeners[0]:
            _listening.append(warnings.catch_warnings())
            _listening[0].__enter__()
            _shown.append(warnings.showwarning)
            warnings.simplefilter("always")
            warnings.showwarning = _show
        _listeners[0] += 1
    try:
        yield texts
    finally:
        _ears.texts = before
        with _lock:
            _listeners[0] -= 1
            if not _listeners[0]:
                _listening.pop().__exit__(None, None, None)
                _shown.pop()
