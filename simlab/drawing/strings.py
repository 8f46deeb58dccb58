"""Figures of models of strings: what the length of a context and the choice of tokens do to the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.ink import CYCLE, GREY, Row, Z, mean_of, values
from simlab.drawing.sheets import by_label, key, sheet, side_by_side, style

SMOOTHINGS = {"mle": "maximum likelihood", "add_constant": "add k", "katz": "Katz", "kneser_ney": "Kneser-Ney"}
MARKERS = "osv^"
FLOOR = 1e-10  # errors below it are drawn on a linear axis down to 0


def error_from_context(summary: Sequence[Row]) -> Figure:
    """Error against the order n, a panel for each kind of token, and, beyond the reach, against the constant.

    Lines: mean error of each smoothing at the largest constant (bars of 1.96 MCSE are smaller than the points), on an
    axis that is logarithmic down to 1e-10 and ends at 0; dashed: the bound of Corollary 2; dotted: the least n at which
    it is 0, the first context that reaches the pronoun. Right: the error at the largest n against the constant.
    """
    with style():
        kinds = values(summary, "tokens")
        figure = sheet(2.1 * len(kinds) + 2.6, 3.1)
        constant = max(values(summary, "constant"))
        panels = side_by_side(figure, len(kinds) + 1, label=f"err (constant {constant:g})", sharey=True)
        for axes, kind in zip(panels, kinds, strict=False):
            _orders(axes, [row for row in summary if row["tokens"] == kind], constant)
            axes.set(title=f"{kind} tokens", xlabel="order n")
        _constants(panels[-1], [row for row in summary if row["tokens"] == kinds[0]])
        panels[-1].set(title=f"{kinds[0]} tokens, largest n", xlabel="constant")
        panels[0].set_yscale("symlog", linthresh=FLOOR)
        ticks = [0.0, *(10.0**-e for e in range(9, 1, -2)), 0.5]
        labels = ["0", *(f"$10^{{-{e}}}$" for e in range(9, 1, -2)), "1/2"]
        panels[0].set(ylim=(-FLOOR / 4, 3.0), yticks=ticks, yticklabels=labels)
        panels[0].minorticks_off()
        key(figure, by_label(panels), ncols=6)
    return figure


def _orders(axes: Axes, rows: Sequence[Row], constant: float) -> None:
    """The error of each smoothing along n, the bound, and where it falls to 0."""
    orders = sorted(values(rows, "order"))
    for place, (smoothing, label) in enumerate(SMOOTHINGS.items()):
        found = [(n, mean_of(rows, "error", order=n, constant=constant, method=smoothing)) for n in orders]
        points = [(n, row["mean"], Z * row["mcse"]) for n, row in found if row is not None]
        xs, ys, bars = zip(*points, strict=True)
        look: dict[str, Any] = {"fmt": f"-{MARKERS[place]}", "ms": 6.5 - 1.5 * place, "lw": 0.8, "mfc": "none"}
        axes.errorbar(xs, ys, yerr=bars, color=CYCLE[place], label=label, zorder=3, **look)
    bound = [(n, mean_of(rows, "error_from_context_value", order=n, constant=constant, method="mle")) for n in orders]
    line = [(n, row["mean"]) for n, row in bound if row is not None]
    axes.step(*zip(*line, strict=True), where="post", ls="--", color="black", lw=1, label="bound of Corollary 2")
    reach = [n for n, value in line if value <= 0.0]
    if reach:
        axes.axvline(reach[0], ls=":", color=GREY, lw=1)
        right = reach[0] < orders[-1] / 2
        text = f" n = {reach[0]:g} sees \n the pronoun "
        axes.annotate(text, (reach[0], 0.06), ha="left" if right else "right", va="top", fontsize=7.5, color=GREY)


def _constants(axes: Axes, rows: Sequence[Row]) -> None:
    """The error at the largest n against the constant; maximum likelihood, which has none, stays at 0."""
    n, constants = max(values(rows, "order")), sorted(values(rows, "constant"))
    for place, smoothing in enumerate(SMOOTHINGS):
        found = [(c, mean_of(rows, "error", order=n, constant=c, method=smoothing)) for c in constants]
        points = [(c, row["mean"], Z * row["mcse"]) for c, row in found if row is not None]
        xs, ys, bars = zip(*points, strict=True)
        look: dict[str, Any] = {"fmt": f"-{MARKERS[place]}", "ms": 6.5 - 1.5 * place, "lw": 0.8, "mfc": "none"}
        axes.errorbar(xs, ys, yerr=bars, color=CYCLE[place], **look)
    axes.set(xscale="log")


SPELLINGS = {
    "subword_at_once": ("subwords, at once", CYCLE[1], "s"),
    "character_at_once": ("characters, at once", CYCLE[0], "o"),
    "subword_spelled_out": ("subwords, spelled out", CYCLE[4], "D"),
    "character_spelled_out": ("characters, spelled out", CYCLE[2], "^"),
}


def letters_from_tokens(summary: Sequence[Row]) -> Figure:
    """Error of four letter counters against the length of the word, a panel for each N and smoothing.

    Filled points and solid lines: words held out; open points and dotted lines: training words. Bars: 1.96 MCSE.
    """
    with style():
        sizes, smoothings = sorted(values(summary, "draws")), values(summary, "smoothing")
        figure = sheet(2.5 * len(sizes) + 2.0, 0.6 + 2.0 * len(smoothings))
        grid = figure.subplots(len(smoothings), len(sizes), sharex=True, sharey=True, squeeze=False)
        for row_of_axes, smoothing in zip(grid, smoothings, strict=True):
            for axes, n in zip(row_of_axes, sizes, strict=True):
                rows = [row for row in summary if row["draws"] == n and row["smoothing"] == smoothing]
                _counters(axes, rows)
                axes.set(ylim=(-0.04, 1.0), xticks=sorted(values(summary, "length")))
            row_of_axes[0].set_ylabel(f"{SMOOTHINGS.get(smoothing, smoothing)}\nerr")
        for above, below, n in zip(grid[0], grid[-1], sizes, strict=True):
            above.set_title(f"{n:,.0f} training words")
            below.set_xlabel("letters of the word")
        key(figure, by_label([grid[0][0]]), beside=True)
    return figure


def _counters(axes: Axes, rows: Sequence[Row]) -> None:
    """The four counters along the length of the word, on words held out and on training words."""
    for method, (label, colour, marker) in SPELLINGS.items():
        for asked, line, face in (("held_out", "-", colour), ("training", ":", "white")):
            lengths = sorted(values(rows, "length"))
            found = [(n, mean_of(rows, "error", length=n, asked=asked, method=method)) for n in lengths]
            points = [(n, row["mean"], Z * row["mcse"]) for n, row in found if row is not None]
            if not points:
                continue
            xs, ys, bars = zip(*points, strict=True)
            name = label if asked == "held_out" else f"{label}: training"
            look: dict[str, Any] = {"fmt": f"{line}{marker}", "ms": 4, "lw": 1, "mfc": face, "zorder": 3}
            axes.errorbar(xs, ys, yerr=bars, color=colour, label=name, **look)
