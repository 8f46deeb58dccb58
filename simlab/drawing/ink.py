"""Rows of a summary as a figure asks for them, and writing a figure whole or not at all."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.reading import read_table
from simlab.drawing.sheets import WIDTHS, printed, style
from simlab.errors import unknown

Row = Mapping[str, Any]

SCREEN = "screen"

CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito, safe for the colour-blind
GREY = "#555555"
Z = 1.96


def save(figure: Figure, path: Path) -> Path:
    """Write ``figure`` whole or not at all; the suffix says the format."""
    whole = path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.savefig(whole, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
    whole.replace(path)
    return path


def publish(script: str, draw: Callable[[Sequence[Row]], Figure], widths: Sequence[str] = tuple(WIDTHS)) -> None:
    """Draw the claim of a file of ``figures/`` from its committed table into ``figures/output``.

    NAME.png is for the screen; NAME_one.pdf and NAME_two.pdf are for print, one and two columns wide. A figure with
    more panels than a column has room for names the ``widths`` that it has. ``python figures/NAME.py two`` draws that
    one alone. Raises ``BadInput`` for a width that the figure does not have, and for a table that is broken.
    """
    here, asked = Path(script), sys.argv[1:]
    for width in asked:
        if width not in (SCREEN, *widths):
            raise unknown(f"width of {here.stem}", width, (SCREEN, *widths))
    rows = read_table(here.parents[1] / "experiments" / "results" / f"{here.stem}.csv")
    for width in asked or (SCREEN, *widths):
        suffix = ".png" if width == SCREEN else f"_{width}.pdf"
        with nullcontext() if width == SCREEN else printed(width):
            print(save(draw(rows), here.parent / "output" / f"{here.stem}{suffix}"))


def mean_of(rows: Iterable[Row], measure: str, **where: Any) -> Row | None:
    """Return the one row of ``measure`` that matches, or None."""
    for row in rows:
        if row["measure"] == measure and all(row[name] == value for name, value in where.items()):
            return row
    return None


def values(rows: Sequence[Row], name: str) -> list[Any]:
    """The values of a setting, in the order in which they come."""
    return list(dict.fromkeys(row[name] for row in rows))


def series(rows: Sequence[Row], measure: str, **where: Any) -> list[tuple[float, Row]]:
    """(N, row) of a measure along N."""
    found = ((float(n), mean_of(rows, measure, draws=n, **where)) for n in sorted(values(rows, "draws")))
    return [(n, row) for n, row in found if row is not None]


def power(n: float) -> str:
    """N as mathematics: 10^6, or 25,473 where it is no power of ten."""
    exponent = len(f"{n:.0f}") - 1
    return f"$10^{{{exponent}}}$" if n == 10.0**exponent else f"{n:,.0f}"


UNCONVERGED = "some fits did not converge"


def mark_unconverged(axes: Axes, points: Iterable[tuple[float, float, Row]]) -> None:
    """Put a cross on each point (x, y, row of the summary) of which some fit did not converge.

    Where none is left to be drawn, since all diverged, the cross stands at the foot of the axes.
    """
    missed = [(x, y) for x, y, row in points if row["n_not_converged"]]
    look: Any = {"ls": "none", "marker": "x", "ms": 4.5, "mew": 0.8, "color": "black", "zorder": 6}
    drawn = [(x, y) for x, y in missed if math.isfinite(y)]
    if drawn:
        axes.plot(*zip(*drawn, strict=True), label=UNCONVERGED, **look)
    lost = [x for x, y in missed if not math.isfinite(y)]
    if lost:
        foot = axes.get_xaxis_transform()
        axes.plot(lost, [0.02] * len(lost), label=UNCONVERGED, transform=foot, clip_on=False, **look)


# columns of a summary that are no settings
SUMMARY = frozenset(
    {"experiment", "method", "measure", "mean", "mcse", "q05", "q50", "q95", "n", "n_errors", "n_not_converged"}
    | {"bias", "bias_mcse", "coverage", "coverage_mcse", "seed", "version"}
)
