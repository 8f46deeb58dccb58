"""How far long work is, on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, ProgressColumn

from simlab.terminal.output import say

EVERY_S = 30.0


class Meter:
    """Shows long work: a bar on a terminal, else a line every ``every`` seconds; quiet shows neither."""

    def __init__(self, *, quiet: bool = False, every: float = EVERY_S) -> None:
        self.quiet, self.every = quiet, every
        self.bar: Progress | None = None
        self.begun = False
        self.ended = threading.Event()

    def note(self, text: str) -> None:
        """Print a sentence above the bar."""
        if self.quiet:
            return
        if self.bar:
            self.bar.console.print(escape(f"simlab: {text}"), highlight=False, soft_wrap=True)
        else:
            say(text)

    def begin(
        self, columns: Sequence[ProgressColumn], line: Callable[[], str], *, total: int, completed: int, state: str
    ) -> None:
        """Start the bar of these columns, with ``state`` beside it, or the clock that prints ``line()``."""
        if self.quiet:
            return
        self.begun = True
        if sys.stderr.isatty():
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.bar.add_task("", total=total, completed=completed, state=state)
        else:
            threading.Thread(target=self._tick, args=(line,), daemon=True, name="progress").start()

    def move(self, completed: int, state: str) -> None:
        """Say how far the work is."""
        if self.bar:
            self.bar.update(self.bar.task_ids[0], completed=completed, state=state)

    def extend(self, total: int, completed: int) -> None:
        """Say that there is more work than was said at first."""
        if self.bar:
            self.bar.update(self.bar.task_ids[0], total=total, completed=completed)

    def stop(self) -> None:
        """Take the bar away."""
        self.ended.set()
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _tick(self, line: Callable[[], str]) -> None:
        while not self.ended.wait(self.every):
            say(line())
