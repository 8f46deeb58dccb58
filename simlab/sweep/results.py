"""What a sweep is asked for, who hears of it while it runs, and what comes out of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from simlab.errors import BadInput, unknown
from simlab.sweep.blocks import Outcome
from simlab.sweep.collecting import PROVENANCE, REPLICATES, SUMMARY, Table
from simlab.sweep.loading import Experiment, Row
from simlab.sweep.memory import Footprint
from simlab.sweep.plan import Plan
from simlab.sweep.planning import Target
from simlab.sweep.verdicts import Verdict

HELD, FAILED, INCOMPLETE = 0, 1, 3


@runtime_checkable
class Watcher(Protocol):
    """Hears of a sweep while it runs."""

    def start(self, plan: Plan, done: int) -> None:
        """The sweep begins, with ``done`` blocks there already."""

    def advance(self, outcome: Outcome) -> None:
        """A block came to its end."""

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def stop(self) -> None:
        """The sweep ended, one way or another."""


@dataclass(frozen=True)
class Result:
    """A finished sweep: its tables, its verdicts, and where they are.

    ``replicates`` holds the columns of ``replicates.parquet``; ``computed`` and ``reused`` count blocks, ``errors``
    replicates whose block raised, ``lost`` blocks that killed their worker, ``left`` blocks that were not begun after
    too many errors; ``unreached`` says that a target was not reached, ``undrawn`` that the picture failed;
    ``provenance`` has a row a block; ``footprint`` says what memory the largest block needs, where the experiment does.
    """

    plan: Plan
    folder: Path
    replicates: Table = field(repr=False)
    summary: list[Row] = field(repr=False)
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    computed: int
    reused: int
    errors: int
    lost: int
    left: int
    unreached: bool
    provenance: tuple[Row, ...] = field(repr=False)
    picture: Path | None
    undrawn: bool = False
    footprint: Footprint | None = None

    @property
    def status(self) -> int:
        """The exit status: 1 a bound failed, else 3 with rows missing, a target not reached or no picture, else 0."""
        if any(verdict.failed for verdict in self.verdicts):
            return FAILED
        return INCOMPLETE if self.errors or self.lost or self.left or self.unreached or self.undrawn else HELD

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were written."""
        tables = (REPLICATES, SUMMARY, PROVENANCE)
        written = tuple(self.folder / name for name in tables if self.replicates)
        return (*written, self.picture) if self.picture else written


@dataclass(frozen=True)
class Goals:
    """When a sweep ends: ``fresh`` deletes its blocks first; more than ``max_errors`` replicates that raised end it
    early; ``until`` a target is reached it goes on with more blocks."""

    fresh: bool = False
    max_errors: int | None = None
    until: Target | None = None

    def __post_init__(self) -> None:
        if self.until is not None and not isinstance(self.until, Target):
            raise BadInput(f"until = {self.until!r}: must be a simlab.sweep.planning.Target, such as Target(0.005)")


def drawer(experiment: Experiment) -> Callable[[list[Row]], Any] | None:
    """The function that draws the experiment's picture. Raises ``BadInput`` for a name that is not there."""
    if experiment.picture is None:
        return None
    from simlab import drawing

    if not isinstance(experiment.picture, str) or experiment.picture not in drawing.PICTURES:
        raise unknown("picture", str(experiment.picture), drawing.PICTURES)
    draw: Callable[[list[Row]], Any] = drawing.PICTURES[experiment.picture]
    return draw


def drawn(draw: Callable[[list[Row]], Any], name: str, summary: list[Row], note: Callable[[str], None]) -> bytes | None:
    """The picture as PNG, without the date or the version in it; None, and a note, where there is none.

    The tables are there all the same.
    """
    measured = [row for row in summary if row["measure"]]  # a grid point that only raised has none
    if not measured:
        note("no picture: every block raised, so there are no rows to draw")
        return None
    buffer = io.BytesIO()
    try:
        draw(measured).savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    except Exception as error:
        note(f"no picture: {name} raised {type(error).__name__}: {error}")
        return None
    return buffer.getvalue()
