"""The sizes in which a figure is drawn, and what follows from them: panels that wrap, one legend, symbols at the axes.

On a screen a figure is as wide as its panels need. In print it is one or two columns of an A4 page wide, with text of
7 to 8 points as it is printed: nothing is scaled afterwards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.errors import unknown

WIDTHS = {"one": 84 / 25.4, "two": 174 / 25.4}
"""Inches of one column and of both: A4 with margins of 18 mm and 6 mm between the columns, as paper/main.typ has it."""

SYMBOLS = {
    "draws": "draws, N",
    "error": "error, err",
    "singleton_rate": "singleton rate, sr",
    "missing_mass": "missing mass, MM",
    "monofact_rate": "monofact rate, MF",
    "calibration_gap": "calibration gap, δ",
}
"""What stands at an axis: the word of the tables and the symbol of the theory."""

STYLE: Any = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # TrueType, embedded: text stays text
}
PRINTED: Any = {
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.handlelength": 1.6,
    "legend.labelspacing": 0.3,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.constrained_layout.h_pad": 0.06,
}
SMALL = 7.0  # points of a legend in print
PANEL = 1.5  # inches in height of a panel that was wrapped, with its title and labels
LINE = 0.15  # inches of a line of a legend

_width: ContextVar[str | None] = ContextVar("width of a printed figure", default=None)


@contextmanager
def style() -> Iterator[None]:
    """Draw what is inside in the one style of all figures."""
    with mpl.rc_context(STYLE | (PRINTED if _width.get() else {})):
        yield


@contextmanager
def printed(width: str) -> Iterator[None]:
    """Draw what is inside for print, ``one`` or ``two`` columns wide. Raises ``BadInput`` for another width."""
    if width not in WIDTHS:
        raise unknown("width", width, WIDTHS)
    token = _width.set(width)
    try:
        yield
    finally:
        _width.reset(token)


def sheet(width: float, height: float) -> Figure:
    """Return a figure of that size in inches on a screen; in print of the printed width, and less high for it."""
    name = _width.get()
    if name is None:
        return Figure(figsize=(width, height))
    return Figure(figsize=(WIDTHS[name], height * min(1.0, math.sqrt(WIDTHS[name] / width))))


def side_by_side(figure: Figure, n: int, *, label: str | None = None, **shared: Any) -> list[Axes]:
    """Return ``n`` panels side by side, two a line where one column is printed; ``label`` stands left of each line."""
    columns = n if _width.get() != "one" else min(n, 2)
    lines = -(-n // columns)
    if lines > 1:
        figure.set_size_inches(WIDTHS["one"], PANEL * lines)
    panels = list(figure.subplots(lines, columns, squeeze=False, **shared).flat)
    for empty in panels[n:]:
        empty.set_axis_off()
    if lines > 1:
        for axes in panels[:n]:  # each has its own label below it, and so its ticks named
            axes.tick_params(labelbottom=True)
    for first in panels[:n:columns]:
        first.set_ylabel(label or "")
    return panels[:n]


def key(
    figure: Any, found: Mapping[str, Any], *, beside: bool = False, below: bool = False, ncols: int = 1, **look: Any
) -> None:
    """Put one legend of {label: handle} on a figure: beside it, above it in ``ncols``, or below it.

    In print it stands above, or below, in as many columns as the width has room for: panels need the width more.
    """
    handles, labels = list(found.values()), list(found)
    name = _width.get()
    place = "outside lower center" if below else "outside upper center"
    if name is None:
        place = "outside right center" if beside else place
        figure.legend(handles, labels, loc=place, **{"ncols": 1 if beside else ncols, "fontsize": 7.5} | look)
        return
    plain = [re.sub(r"\\mathrm|[$\\{}_]", "", label) for label in labels]  # mathematics is shorter than it is written
    longest = max(max(map(len, label.split("\n"))) for label in plain) if plain else 1
    room = int(WIDTHS[name] // (longest * 0.52 * SMALL / 72 + 0.36))
    title = look.get("title")
    told = {"title": title.replace("\n", " "), "title_fontsize": SMALL} if title else {}
    spacing: dict[str, Any] = {"columnspacing": 1.2, "handletextpad": 0.5, "borderaxespad": 0.2}
    ncols = max(1, min(room, len(labels)))
    if name == "one":  # the legend takes nothing from the panels
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + LINE * (-(-len(labels) // ncols) + bool(title)))
    figure.legend(handles, labels, loc=place, ncols=ncols, fontsize=SMALL, **spacing, **told)


def by_label(panels: Sequence[Axes]) -> dict[str, Any]:
    """{label: handle} of what all panels show, each once, in their order."""
    found: dict[str, Any] = {}
    for axes in panels:
        found |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return found
