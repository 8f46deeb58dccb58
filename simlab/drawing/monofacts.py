"""The figure of the n-gram study of monofacts: two readings of one experiment, beside what was published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simlab.drawing.ink import GREY, Row, Z, mean_of, values
from simlab.drawing.sheets import SYMBOLS, key, sheet, style

# Miao & Kearns 2025 (arXiv 2502.08666), read off the figures stored in their public notebooks, to +-.01
PUBLISHED_TREND = ((0.21, 0.09), (0.35, 0.20), (0.57, 0.33), (0.67, 0.38), (0.79, 0.42), (0.87, 0.43), (0.96, 0.47))
"""(monofact rate, hallucination rate) along the shape; the last two are the ends of a range."""
PUBLISHED_UPWEIGHTING = (
    (0.355, 0.197, 0.07, 0.033, 0.09),
    (0.567, 0.33, 0.12, 0.155, 0.315),
    (0.670, 0.38, 0.14, 0.16, 0.355),
    (0.788, 0.42, 0.14, 0.54, 0.92),
    (0.807, 0.42, 0.155, 0.475, 0.90),
    (0.869, 0.435, 0.175, 0.78, 0.98),
)
"""Shapes 1, 1.25, 1.5, 2, 2.25, 4: monofact rate, hallucination before and after m = 312, miscalibration likewise."""

COLOURS = {
    "chain": "#000000",
    "spread": "#CC79A7",
    "added": "#D55E00",
    "weighted": "#0072B2",
    "duplicated": "#E69F00",
}
NAMES = {
    "chain": "chain",
    "spread": "chain made calibrated",
    "added": "counts added to probabilities",
    "weighted": "examples weighted tenfold",
    "duplicated": "examples duplicated",
}
TOKENS = {"words": ("-", "o", "a token a word"), "fields": ("--", "s", "a token a field")}
ORACLE: dict[str, Any] = {"color": GREY, "lw": 5, "alpha": 0.3, "solid_capstyle": "butt"}
CROSS: dict[str, Any] = {"ls": "none", "marker": "x", "ms": 5, "mew": 1.2, "color": "#009E73", "zorder": 4}


def error_against_monofacts(summary: Sequence[Row]) -> Figure:
    """Hallucination, miscalibration and upweighting against the monofact rate, as published (above) and in theory.

    Lines: means of a chain, solid with a token a word, dashed with a token a field, bars 1.96 MCSE (mostly smaller
    than the line). Crosses: read off the published figures, +-.01. Dotted: the bound of Kalai & Vempala in expectation
    for the chain made calibrated (for the others it is below 0). Grey: what an oracle scores by sampling noise alone.
    """
    with style():
        figure = sheet(9.6, 6.0)
        above, below = figure.subplots(2, 3, sharex=True, sharey=True)
        rows = [row for row in summary if row["mode"] == "films"]
        _lines(above[0], rows, "error_published", ("chain",))
        above[0].plot(*zip(*PUBLISHED_TREND, strict=True), **CROSS, label="Miao & Kearns, read off, ±.01")
        _lines(above[1], rows, "miscalibration_published", ("chain", "added"))
        for column in (3, 4):
            _crosses(above[1], column)
        _lines(above[2], rows, "error_published", ("chain", "added"))
        for column in (1, 2):
            _crosses(above[2], column)
        _lines(below[0], rows, "error", ("chain", "spread"))
        _lines(below[0], rows, "error_from_monofacts_sharp_value", ("spread",), dash=":")
        _lines(below[1], rows, "miscalibration_oracle", ("chain",), under=True)
        _lines(below[1], rows, "miscalibration", ("chain", "spread", "added"))
        _lines(below[2], rows, "error", ("chain", "added", "weighted", "duplicated"))
        _words(above, below)
        _legend(figure, [*above, *below])
    return figure


def _words(above: Sequence[Axes], below: Sequence[Axes]) -> None:
    """Titles and axes: what is measured in each panel."""
    for axes, title in zip(
        above, ("distinct false strings", "miscalibration, true facts", "upweighting, false strings"), strict=True
    ):
        axes.set_title(f"As published: {title}")
    for axes, title in zip(
        below, ("mass on false strings", "miscalibration, all strings", "upweighting, false strings"), strict=True
    ):
        axes.set_title(f"In theory: {title}")
        axes.set_xlabel(SYMBOLS["monofact_rate"])
    above[0].set(ylim=(-0.03, 1.03), ylabel="rate")
    below[0].set_ylabel("rate")


def _crosses(axes: Axes, column: int) -> None:
    axes.plot([row[0] for row in PUBLISHED_UPWEIGHTING], [row[column] for row in PUBLISHED_UPWEIGHTING], **CROSS)


def _lines(
    axes: Axes,
    rows: Sequence[Row],
    measure: str,
    kinds: Sequence[str],
    *,
    dash: str | None = None,
    under: bool = False,
) -> None:
    """A measure against the monofact rate of its reading, a line for each kind of method and each kind of tokens.

    ``under`` draws a broad grey line beneath the others, the same for all methods.
    """
    of_reading = "singleton_rate_published" if measure.endswith("_published") else "singleton_rate"
    for tokens, (line, mark, _) in TOKENS.items():
        here = [row for row in rows if row["tokens"] == tokens]
        for kind in kinds:
            method = _method(here, kind)
            found = []
            for shape in sorted(values(here, "shape")):
                rate = mean_of(here, of_reading, shape=shape, method=method)
                row = mean_of(here, measure, shape=shape, method=method)
                if rate is not None and row is not None:
                    found.append((rate["mean"], row["mean"], Z * row["mcse"]))
            if found:
                x, y, bar = zip(*found, strict=True)
                if under:
                    axes.plot(x, y, **ORACLE)
                    continue
                empty = "white" if tokens == "fields" else None
                look: dict[str, Any] = {"color": COLOURS[kind], "marker": mark, "ms": 3, "mfc": empty, "lw": 1.1}
                axes.errorbar(x, y, yerr=bar, fmt=dash or line, **look)


def _method(rows: Sequence[Row], kind: str) -> str:
    """The method of a kind that upweights most examples, of those that were run."""
    found = [str(method) for method in values(rows, "method") if str(method).split("_")[0] == kind]
    return max(found, key=lambda name: int(name.split("_")[1]) if "_" in name else 0, default=kind)


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend for all panels: methods by colour, tokens by line, and what stands beside them."""
    handles: list[Any] = [Line2D([], [], color=COLOURS[kind], lw=1.5, label=NAMES[kind]) for kind in COLOURS]
    for line, mark, label in TOKENS.values():
        handles.append(Line2D([], [], color=GREY, ls=line, marker=mark, ms=3, lw=1.1, label=label))
    handles.append(Line2D([], [], color=COLOURS["spread"], ls=":", lw=1.1, label="its bound (Kalai & Vempala)"))
    handles.append(Line2D([], [], **ORACLE, label="a perfect oracle, sampled"))
    handles += [handle for axes in panels for handle in axes.get_legend_handles_labels()[0]][:1]
    key(figure, {str(handle.get_label()): handle for handle in handles}, below=True, ncols=4)
