"""The one look of the demonstrations' pictures: large text, few lines, margins that are set and not sought.

Constrained layout takes a quarter of a second a picture, which is the whole of what a slider may take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.audits import THEME
from simlab.drawing.ink import CYCLE, GREY
from simlab.drawing.inlining import INK, inline, standalone
from simlab.drawing.sheets import style

SIZE = (8.6, 4.9)
"""Inches of a picture that fills its place on a page of 1280 x 720."""

BLUE, RED, GREEN, PINK, ORANGE, SKY = CYCLE
LOOK: Any = THEME | {
    "figure.constrained_layout.use": False,
    "font.size": 15,
    "axes.titlesize": 15,
    "axes.labelsize": 15,
    "xtick.labelsize": 14,
    "ytick.labelsize": 14,
    "legend.fontsize": 14,
    "lines.linewidth": 3,
    "lines.markersize": 11,
    "axes.linewidth": 1.2,
    "legend.labelcolor": INK,
}
drawing_lock = Lock()
"""matplotlib's settings and its mathematics belong to the process, and every page has a thread of its own."""


@contextmanager
def canvas(
    panels: int = 1, *, left: float = 0.09, right: float = 0.965, bottom: float = 0.15, top: float = 0.95, **shared: Any
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with ``panels`` side by side, to be drawn on in the body; margins are shares of the figure."""
    with drawing_lock, style(), mpl.rc_context(LOOK):
        figure = Figure(figsize=SIZE)
        axes = figure.subplots(1, panels, squeeze=False, **shared)
        figure.subplots_adjust(left=left, right=right, bottom=bottom, top=top, wspace=0.25)
        yield figure, list(axes.flat)


def inlined(figure: Figure, name: str) -> str:
    """The figure as SVG inside a page, in the page's colour of text."""
    with drawing_lock, style(), mpl.rc_context(LOOK):
        return inline(figure, name)


def exported(figure: Figure, name: str) -> bytes:
    """The figure as an SVG file."""
    with drawing_lock, style(), mpl.rc_context(LOOK):
        return standalone(figure, name).encode()


__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "PINK", "RED", "SIZE", "SKY", "canvas", "exported", "inlined"]
