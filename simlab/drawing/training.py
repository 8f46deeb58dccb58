"""Curves over training: one panel a family and corpus size, and the parts of the slack at the end beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.claims import PARTS
from simlab.drawing.ink import CYCLE, GREY, Row, Z, mean_of, power, values
from simlab.drawing.sheets import by_label, key, sheet, style

IIV = r"err$_\mathrm{iiv}$"
CURVES = {  # label -> measure, factor, colour, dashes
    "error": ("error", 1.0, "black", "-"),
    f"2 {IIV} of the density": ("iiv_error", 2.0, CYCLE[0], "-"),
    "δ, population": ("calibration_gap", 1.0, CYCLE[3], "-"),
    "δ, training data": ("training_gap", 1.0, CYCLE[3], "--"),
    "bound of Theorem 1": ("error_from_iiv_value", 1.0, GREY, ":"),
}
BEST = f"2 {IIV} of the best judge (MM)"
JUDGES = {  # label -> measure, fill: of judges that are trained to judge
    f"2 {IIV}, trained on N of D": ("iiv_error_direct", "white"),
    f"2 {IIV}, trained on the corpus": ("iiv_error_paired", CYCLE[0]),
}
LIMITS = (-0.15, 1.1)
"""Of all panels: a bound below zero says nothing, and is shown as far as that."""


def error_from_iiv_training(summary: Sequence[Row]) -> Figure:
    """The terms of Theorem 1 over the steps of a training, a row of panels for each N, and the slack at the end.

    Curves: means over corpora, bands 1.96 MCSE; a step of 0 is the start. Dash-dotted: twice the error of the best
    judge given the training data, which is the missing mass; diamonds: that of judges of the family trained to judge.
    A title says how many fits did not converge, where some did not.
    The last panel stacks over, room and gap of the last step on the bound, up to the error.
    """
    with style():
        sizes, methods = sorted(values(summary, "draws")), values(summary, "method")
        figure = sheet(2.2 + 2.0 * max(len(methods), 2), 1.0 + 2.4 * len(sizes))
        grid = figure.subplots(len(sizes), len(methods) + 1, sharey=True, squeeze=False)
        for panels, n in zip(grid, sizes, strict=True):
            rows = [row for row in summary if row["draws"] == n]
            for axes, method in zip(panels, methods, strict=False):
                own = [row for row in rows if row["method"] == method]
                _curves(axes, own)
                axes.set(title=_title(str(method), n, own), xlabel="step", ylim=LIMITS)
            _slacks(panels[-1], rows, methods)
            panels[-1].set(title=f"slack, N = {power(n)}")
            panels[0].set_ylabel("probability")
        found = by_label(list(grid.flat))
        order = [label for label in (*CURVES, BEST, *JUDGES, *PARTS) if label in found]
        key(figure, {name: found[name] for name in order}, ncols=min(len(methods) + 1, 4))
    return figure


def _title(method: str, draws: float, rows: Sequence[Row]) -> str:
    """Family and N, and below them how many of its fits did not converge, where some did not."""
    title = f"{method.replace('_', ' ')}, N = {power(draws)}"
    fits = mean_of(rows, "converged", step=max(values(rows, "step")))
    missed = fits["n_not_converged"] if fits is not None else 0
    return f"{title}\n{missed:g} of {fits['n']:g} fits\nnot converged" if fits is not None and missed else title


def _curves(axes: Axes, rows: Sequence[Row]) -> None:
    """The curves of one family at one N."""
    steps = sorted(values(rows, "step"))
    for label, (measure, factor, colour, dash) in CURVES.items():
        found = [(step, row) for step in steps if (row := mean_of(rows, measure, step=step)) is not None]
        xs, middle = [step for step, _ in found], [factor * row["mean"] for _, row in found]
        half = [factor * Z * row["mcse"] for _, row in found]
        axes.plot(xs, middle, dash, color=colour, lw=1.1, label=label)
        low, high = ([m + sign * h for m, h in zip(middle, half, strict=True)] for sign in (-1, 1))
        axes.fill_between(xs, low, high, color=colour, alpha=0.18, lw=0)
    best = mean_of(rows, "iiv_error_bayes", step=steps[-1])
    if best is not None:
        axes.axhline(2 * best["mean"], ls="-.", color=CYCLE[2], lw=1, label=BEST)
    for label, (measure, fill) in JUDGES.items():
        judge = mean_of(rows, measure, step=steps[-1])
        if judge is not None and judge["n"]:
            look: Any = {"ms": 4, "color": CYCLE[0], "mfc": fill, "zorder": 4, "clip_on": False}
            bar = [2 * Z * judge["mcse"]]
            axes.errorbar([steps[-1]], [2 * judge["mean"]], yerr=bar, fmt="D", elinewidth=0.8, label=label, **look)
    axes.axhline(0.0, color=GREY, lw=0.6)
    axes.set_xscale("symlog", linthresh=1.0)
    marks = [0, *(10**e for e in range(len(f"{steps[-1]:.0f}")))]
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.minorticks_off()
    axes.set_xlim(0, steps[-1])


def _slacks(axes: Axes, rows: Sequence[Row], methods: Sequence[str]) -> None:
    """The bound of each family after its last step, and over, room and gap from there to the error."""
    for place, method in enumerate(methods):
        own = [row for row in rows if row["method"] == method]
        last = [row for row in own if row["step"] == max(values(own, "step"))]
        bound, error = mean_of(last, "error_from_iiv_value"), mean_of(last, "error")
        if bound is None or error is None:
            continue
        at = bound["mean"]
        axes.plot([place], [at], "_", ms=13, color=GREY)
        for part, colour in PARTS.items():
            size = mean_of(last, part)
            if size is not None:
                axes.bar(place, size["mean"], bottom=at, width=0.5, color=colour, label=part)
                at += size["mean"]
        axes.errorbar([place], [error["mean"]], yerr=[Z * error["mcse"]], fmt="s", ms=4, color="black", mfc="white")
    axes.axhline(0.0, color=GREY, lw=0.6)
    for place, method in enumerate(methods):  # above the bars: names below them would take the height of all panels
        text, top = str(method).replace("_", " "), axes.get_xaxis_transform()
        axes.text(place, 1.0, text, transform=top, fontsize=6.5, rotation=90, ha="center", va="top")
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(methods) - 0.4)
