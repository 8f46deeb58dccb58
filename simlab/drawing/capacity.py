"""What models store, how long they wait, and what they forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from simlab.drawing.ink import CYCLE, GREY, UNCONVERGED, Row, Z, mark_unconverged, mean_of, values
from simlab.drawing.sheets import by_label, key, sheet, style

INK = {"bilinear": (CYCLE[4], "s"), "mlp": (CYCLE[2], "D"), "transformer": (CYCLE[0], "o")}
PUBLISHED = {100: 1.0, 1000: 2.0}
"""Bits a parameter at so many exposures, of GPT-2 and others: Allen-Zhu & Li 2024, arXiv 2404.05405, section 3."""


def bits_against_exposures(summary: Sequence[Row]) -> Figure:
    """Bits a parameter against exposures and against what is offered, the plateau, and what is said of strangers.

    Means over worlds, bars 1.96 MCSE. Stars: published, at another scale. Crosses: some fits did not converge, so that
    the point is of a training on its way. Plateaus are of fits at a constant rate, which are on their way by design.
    """
    with style():
        figure = sheet(7.4, 6.0)
        (top_left, top_right), (low_left, low_right) = figure.subplots(2, 2)
        methods, exposures = values(summary, "method"), sorted(values(summary, "exposures"))
        most = max(values(summary, "individuals"))
        for method in methods:
            own = [row for row in summary if row["method"] == method]
            at_most = [row for row in own if row["individuals"] == most]
            _bars(top_left, [(e, mean_of(at_most, "bits_per_parameter", exposures=e)) for e in exposures], method)
            _offered(top_right, own, method, exposures)
            _plateaus(low_left, own, method)
            _strangers(low_right, at_most, method, exposures)
        top_left.plot(list(PUBLISHED), list(PUBLISHED.values()), "*", ms=11, color="black", label="Allen-Zhu & Li 2024")
        title = f"{most:.0f} individuals"
        top_left.set(xscale="log", xlabel="exposures of each fact", ylabel="bits stored a parameter", title=title)
        limit = top_right.get_xlim()[1]
        top_right.plot([0, limit], [0, limit], color=GREY, lw=0.8, zorder=0)
        shades = ", ".join(f"{e:,.0f}" for e in exposures)
        text = f"grey: all that is offered\nlight to dark: {shades} exposures"
        top_right.annotate(text, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=7.5, color=GREY)
        top_right.set(
            xlim=(0, limit),
            ylim=(-0.1, 1.25 * limit),
            xlabel="bits offered a parameter",
            ylabel="bits stored a parameter",
        )
        low_left.set(xscale="log", yscale="log", xlabel="individuals", ylabel="steps at the no-knowledge baseline")
        _plain(low_left, sorted(values(summary, "individuals")))
        base = mean_of(summary, "baseline")
        if base is not None:
            low_right.axhline(base["mean"], color=GREY, lw=0.8)
            where: dict[str, Any] = {"xytext": (0, -3), "textcoords": "offset points", "ha": "right", "va": "top"}
            low_right.annotate("knowing nothing", (exposures[-1], base["mean"]), fontsize=7.5, color=GREY, **where)
        text = "solid: those written about\ndashed: strangers"
        low_right.annotate(text, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=7.5, color=GREY)
        low_right.set(xscale="log", yscale="symlog", ylim=(0, None), xlabel="exposures of each fact", title=title)
        low_right.set_ylabel("surprise in nats")
        found = by_label((top_left, top_right, low_left, low_right))
        found |= {UNCONVERGED: found.pop(UNCONVERGED)} if UNCONVERGED in found else {}
        key(figure, found, ncols=5)
    return figure


def _bars(
    axes: Axes, points: Sequence[tuple[float, Row | None]], method: str, *, crossed: bool = True, **ink: Any
) -> None:
    """Means and their 95 % intervals along a line; ``crossed`` where fits did not converge."""
    colour, marker = INK.get(method, (GREY, "o"))
    found = [(x, row) for x, row in points if row is not None and row["n"]]
    options: dict[str, Any] = {"marker": marker, "color": colour, "ms": 4, "lw": 1.1, "label": method} | ink
    heights, errors = [row["mean"] for _, row in found], [Z * row["mcse"] for _, row in found]
    axes.errorbar([x for x, _ in found], heights, yerr=errors, elinewidth=0.8, **options)
    if crossed:
        mark_unconverged(axes, [(x, row["mean"], row) for x, row in points if row is not None])


def _offered(axes: Axes, rows: Sequence[Row], method: str, exposures: Sequence[float]) -> None:
    """Stored against offered, a line for each number of exposures: the more, the stronger."""
    for i, e in enumerate(exposures):
        points = []
        for n in sorted(values(rows, "individuals")):
            offered, parameters = (
                mean_of(rows, name, individuals=n, exposures=e) for name in ("bits_offered", "parameters")
            )
            if offered is not None and parameters is not None:
                stored = mean_of(rows, "bits_per_parameter", individuals=n, exposures=e)
                points.append((offered["mean"] / parameters["mean"], stored))
        alpha = 0.3 + 0.7 * i / max(1, len(exposures) - 1)
        _bars(axes, points, method, alpha=alpha, label="_" + method)


def _plateaus(axes: Axes, rows: Sequence[Row], method: str) -> None:
    """Steps until the loss left the baseline, at a constant rate, and the exponent of a power law through them."""
    measured = [row for row in rows if row["measure"].startswith("plateau") and row["n"]]
    points = [(n, mean_of(measured, "plateau", individuals=n)) for n in sorted(values(rows, "individuals"))]
    _bars(axes, points, method, crossed=False, label="_" + method)
    found = mean_of(measured, "plateau_exponent", individuals=points[-1][0])
    if found is not None and found["n"]:
        text = f"exponent {found['mean']:.2f} ± {found['mcse']:.2f}"
        where = (0.98, 0.03 + 0.07 * list(INK).index(method))
        axes.annotate(text, where, xycoords="axes fraction", ha="right", fontsize=7.5, color=INK[method][0])


def _strangers(axes: Axes, rows: Sequence[Row], method: str, exposures: Sequence[float]) -> None:
    """Surprise at what is true of those written about (solid) and of strangers (dashed)."""
    for measure, dash, label in (("surprise", "-", "_known"), ("surprise_of_strangers", "--", "_strangers")):
        points = [(e, mean_of(rows, measure, exposures=e)) for e in exposures]
        _bars(axes, points, method, ls=dash, label=label)


def _plain(axes: Axes, ticks: Sequence[float]) -> None:
    """Whole numbers on a logarithmic axis."""
    axes.set_xticks(list(ticks))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())


def memory_collapse(summary: Sequence[Row]) -> Figure:
    """Accuracy on the old pairs and on those taught, along fine-tuning, a column for each number of old pairs.

    Means over memories, bands 1.96 MCSE; step 0 stands left of the logarithmic axis. A cross at step 0: some memories
    had not converged when fine-tuning began; at the last step: some had not when it ended.
    """
    measures = {"accuracy_old": "accuracy, old pairs", "accuracy_taught": "accuracy, pairs taught"}
    with style():
        sizes = sorted(values(summary, "old"))
        figure = sheet(1.4 + 2.9 * len(sizes), 4.6)
        grid = figure.subplots(2, len(sizes), sharex=True, sharey="row", squeeze=False)
        for panels, (measure, label) in zip(grid, measures.items(), strict=True):
            panels[0].set_ylabel(label)
            for axes, size in zip(panels, sizes, strict=True):
                for i, method in enumerate(values(summary, "method")):
                    own = [r for r in summary if r["old"] == size and r["method"] == method and r["measure"] == measure]
                    own.sort(key=lambda row: row["step"])
                    dash = "--" if method.startswith("seen") else "-"
                    steps, middle = [row["step"] for row in own], [row["mean"] for row in own]
                    axes.plot(steps, middle, dash, marker=".", color=CYCLE[i % len(CYCLE)], lw=1.2, label=method)
                    low, high = ([row["mean"] + s * Z * row["mcse"] for row in own] for s in (-1, 1))
                    axes.fill_between(steps, low, high, color=CYCLE[i % len(CYCLE)], alpha=0.2, lw=0)
                    before = mean_of(summary, "pretraining_converged", old=size, method=method, step=steps[-1])
                    missed = {"n_not_converged": before is not None and before["mean"] < 1}
                    ends = [(steps[0], middle[0], missed), (steps[-1], middle[-1], own[-1])]
                    mark_unconverged(axes, ends)
                axes.set_xscale("symlog", linthresh=10, linscale=0.5)
        for axes, size in zip(grid[0], sizes, strict=True):
            axes.set_title(f"{size:,.0f} old pairs")
        for axes in grid[-1]:
            axes.set_xlabel("steps of fine-tuning")
        found = by_label(list(grid.flat))
        found |= {UNCONVERGED: found.pop(UNCONVERGED)} if UNCONVERGED in found else {}
        key(figure, found, ncols=4)
    return figure
