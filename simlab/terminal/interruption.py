"""Ctrl-C and SIGTERM: long work stops between two steps, leaves nothing half done, and says what it kept.

While it runs, both signals raise ``Stopped`` in the main thread, once; a ``KeyboardInterrupt`` that the user's own
code raises is thereby told from the user's. Work that can come to an end by itself asks for a first Ctrl-C to be a
wish (``Winding``), and only the second to stop it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """The user, or the system, wants the work to end; ``signum`` is the signal that said so."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__()
        self.signum = signum


class Interrupted(KeyboardInterrupt):
    """Work that was stopped; the text says what is kept and how to go on, ``signum`` by what it was stopped."""

    def __init__(self, text: str, signum: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.signum = signum


@dataclass
class Winding:
    """Whether the user wants the work to wind down: a first Ctrl-C came while somebody was prepared for it."""

    asked: bool = False

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Take the first Ctrl-C in the body for a wish; it works inside ``stoppable`` only."""
        _winding.append(self)
        try:
            yield
        finally:
            _winding.pop()


_winding: list[Winding] = []
"""Those who are prepared for a first Ctrl-C."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise ``Stopped`` in the body, the first of them only.

    Does nothing outside the main thread, and leaves a signal alone for which somebody has set a handler of his own.
    """
    before: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours: list[signal.Signals] = []

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if signum == signal.SIGINT and _winding and not _winding[-1].asked:
            _winding[-1].asked = True
            return
        for number in ours:  # what ends the workers and keeps the tables whole is not interrupted again
            signal.signal(number, signal.SIG_IGN)
        if _put_off:
            _put_off[-1].append(signum)
        else:
            raise Stopped(signum)

    if threading.current_thread() is threading.main_thread():
        ours += [number for number, handler in before.items() if signal.getsignal(number) == handler]
    try:
        for number in ours:
            signal.signal(number, stop)
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


_put_off: list[list[int]] = []
"""The signals that came while somebody put them off, one list for each who does."""


@contextmanager
def put_off() -> Iterator[None]:
    """Let ``Stopped`` wait for the end of the body: a worker that is half started would be nobody's."""
    came: list[int] = []
    _put_off.append(came)
    try:
        yield
    finally:
        _put_off.pop()
        if came:  # whatever else went wrong, for it may be that signal's doing
            raise Stopped(came[0])


@contextmanager
def unheard() -> Iterator[None]:
    """Hold SIGINT back in the body, and in the processes that it starts for as long as they live."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
