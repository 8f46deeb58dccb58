"""What a user sees of a running audit, on stderr: its stage, and how far that is."""

from __future__ import annotations

import time

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from simlab.terminal.progress import EVERY_S, Meter

WHOLE = 1000
"""Steps of a bar."""


class Watch(Meter):
    """Shows a running audit: called with the name of a stage and the fraction of it that is done."""

    def __init__(self, *, quiet: bool = False, every: float = EVERY_S) -> None:
        super().__init__(quiet=quiet, every=every)
        self.stage, self.fraction = "", 0.0
        self.began = time.monotonic()

    def __call__(self, stage: str, fraction: float) -> None:
        """Say that ``fraction`` of ``stage`` is done."""
        first = not self.stage
        self.stage, self.fraction = stage, min(max(fraction, 0.0), 1.0)
        if first:
            named = TextColumn("{task.fields[state]}", markup=False)  # it names the user's files
            columns = (named, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            self.begin(columns, self.line, total=WHOLE, completed=round(self.fraction * WHOLE), state=stage)
        self.move(round(self.fraction * WHOLE), stage)

    def line(self) -> str:
        """Progress in words: the stage, how far it is, time spent."""
        return f"{self.stage}: {self.fraction:.0%}, {time.monotonic() - self.began:.0f} s"
