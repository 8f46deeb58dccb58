"""One function a claim: summary rows in, a figure out.

Figures compute nothing that an experiment could have measured; reference lines come from ``simlab.bounds``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab import bounds
from simlab.drawing.ink import CYCLE, GREY, SUMMARY, Row, Z, mark_unconverged, mean_of, power, series, values
from simlab.drawing.sheets import SYMBOLS, by_label, key, sheet, side_by_side, style

COLOURS = {  # Okabe & Ito's palette, safe for the colour-blind
    "calibrated": "#0072B2",
    "softmax_table": "#009E73",
    "add_constant": "#CC79A7",
    "guess_one": "#D55E00",
    "abstain": "#E69F00",
    "memorising": "#0072B2",
}
MARKERS = {
    "calibrated": "o",
    "softmax_table": "s",
    "add_constant": "v",
    "guess_one": "D",
    "abstain": "^",
    "memorising": "o",
}
PARTS = {"over": "#D55E00", "room": "#56B4E9", "gap": "#E69F00"}


def _points(axes: Axes, xs: Sequence[Row], ys: Sequence[Row], method: str) -> None:
    """Means with 95% intervals of the Monte Carlo error in both directions; the calibrated ones as open rings.

    Crosses: some fits did not converge.
    """
    ring = method in ("calibrated", "memorising")
    axes.errorbar(
        [row["mean"] for row in xs],
        [row["mean"] for row in ys],
        xerr=[Z * row["mcse"] for row in xs],
        yerr=[Z * row["mcse"] for row in ys],
        fmt=MARKERS.get(method, "o"),
        ms=8 if ring else 4,
        mfc="none" if ring else None,
        lw=1,
        color=COLOURS.get(method, GREY),
        label=method.replace("_", " "),
        zorder=3,
    )
    mark_unconverged(axes, [(x["mean"], y["mean"], y) for x, y in zip(xs, ys, strict=True)])


def error_from_singletons(summary: Sequence[Row]) -> Figure:
    """Error against singleton rate, a panel for each N, with the bounds of a calibrated model.

    Points: mean error of each learner, bars 1.96 MCSE (smaller than the points at most N). Lines, all for delta
    = 0: the published lower and upper bound of Theorem 2 (dashed, dotted) and the sharp lower bound (solid).
    Learners below the lower bounds pay in delta.
    """
    if mean_of(summary, "error") is None:  # a table without answers: its missing mass is all there is to see
        return _panels(summary, "missing_mass", "good_turing", {})
    return _panels(
        summary,
        "error",
        "calibrated",
        {
            "Theorem 2, upper (calibrated only)": ("error_from_singletons_upper_value", ":"),
            "sharp form, lower": ("error_from_singletons_sharp_value", "-"),
            "Theorem 2, lower": ("error_from_singletons_value", "--"),
        },
    )


def error_from_monofacts(summary: Sequence[Row]) -> Figure:
    """Mass on false strings against monofact rate in the Kalai-Vempala setting, with the bounds of one learner."""
    lines = {
        "lower bound in expectation": ("error_from_monofacts_sharp_value", "-"),
        "lower bound at 99%": ("error_from_monofacts_value", "--"),
    }
    with style():
        figure = sheet(5.2, 3.2)
        axes = figure.subplots()
        _panel(axes, summary, "error", "memorising", lines)
        for rate, error in _against_rate(summary, "error", "memorising"):
            label = f"N = {power(rate['draws'])}"
            axes.annotate(label, (rate["mean"], error["mean"]), (-3, 8), textcoords="offset points", ha="right")
        axes.set(xlabel=SYMBOLS["monofact_rate"], ylabel="mass on false strings, err", xlim=(-0.13, None))
        axes.set_xticks([tick for tick in axes.get_xticks() if 0.0 <= tick <= axes.get_xlim()[1]])
        _legend(figure, [axes], lines, "lines: bounds of memorising")
    return figure


def _panels(summary: Sequence[Row], measure: str, best: str, lines: Mapping[str, tuple[str, str]]) -> Figure:
    """``measure`` against the singleton rate, a panel for each N; ``lines`` are bounds of the method ``best``."""
    with style():
        sizes = sorted(values(summary, "draws"))
        figure = sheet(2.4 + 2.1 * max(len(sizes), 2), 3.2)
        panels = side_by_side(figure, len(sizes), label=SYMBOLS[measure], sharey=True, sharex=True)
        for axes, n in zip(panels, sizes, strict=True):
            rows = [row for row in summary if row["draws"] == n]
            hidden = _panel(axes, rows, measure, best, lines)
            axes.set(title=f"N = {power(n)}", xlabel=SYMBOLS["singleton_rate"], ylim=(-0.08, None))
            if hidden:
                text = "below zero (vacuous):\n" + "\n".join(hidden)
                axes.annotate(text, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=6.5, color=GREY)
        _legend(figure, panels, lines, "bounds of a calibrated\nmodel (δ = 0); the others\npay in δ")
    return figure


def _legend(figure: Figure, panels: Sequence[Axes], lines: Mapping[str, Any], title: str) -> None:
    """Learners first, then the bounds in their order, beside the panels."""
    handles = by_label(panels)
    order = [*(label for label in handles if label not in lines), *(label for label in lines if label in handles)]
    key(figure, {label: handles[label] for label in order}, beside=True, title=title, title_fontsize=7.5)


def _panel(axes: Axes, rows: Sequence[Row], measure: str, best: str, lines: Mapping[str, tuple[str, str]]) -> list[str]:
    """One N: learners as points, bounds as lines; return the bounds that lie below zero throughout."""
    for method in values(rows, "method"):
        found = _against_rate(rows, measure, method)
        if found:
            _points(axes, [rate for rate, _ in found], [row for _, row in found], method)
    hidden = []
    for label, (bound, dash) in lines.items():
        line = sorted((rate["mean"], row["mean"]) for rate, row in _against_rate(rows, bound, best))
        if line and max(y for _, y in line) <= 0.0:
            hidden.append(label)
        elif line:
            if len(line) == 1:  # a lone bound is a short stroke, long enough to show its dashes
                (x, y), half = line[0], 0.07
                line = [(x - half, y), (x + half, y)]
                axes.set_xlim(0.0, 1.0)
            axes.plot(*zip(*line, strict=True), dash, color="black", lw=1, label=label, zorder=2)
    own, floor = mean_of(rows, "table_singleton_rate"), mean_of(rows, "table_floor")
    if own is not None and floor is not None:
        label = "the table's own floor\n(sharp form)"
        axes.plot([own["mean"]], [floor["mean"]], "*", ms=10, color="black", label=label)
    axes.axhline(0.0, color=GREY, lw=0.6)
    return hidden


def _against_rate(rows: Sequence[Row], measure: str, method: str) -> list[tuple[Row, Row]]:
    """(singleton rate, measure) of a method at each grid point."""
    keys = [name for name in rows[0] if name not in SUMMARY]
    points = dict.fromkeys(tuple(row[name] for name in keys) for row in rows)
    found = []
    for point in points:
        where = dict(zip(keys, point, strict=True)) | {"method": method}
        rate, row = mean_of(rows, "singleton_rate", **where), mean_of(rows, measure, **where)
        if rate is not None and row is not None:
            found.append((rate, row))
    return found


def bounds_against_draws(summary: Sequence[Row]) -> Figure:
    """Theorem 2's bounds for the calibrated algorithm against N, a panel for each world."""
    with style():
        worlds = values(summary, "world")
        figure = sheet(1.2 + 2.4 * max(len(worlds), 2), 3.2)
        panels = side_by_side(figure, len(worlds), label="err, calibrated", sharey=True)
        lines = {
            "error": ("error", "o"),
            "Theorem 2, upper": ("error_from_singletons_upper_value", ":"),
            "sharp form, lower": ("error_from_singletons_sharp_value", "-"),
            "Theorem 2, lower": ("error_from_singletons_value", "--"),
        }
        for axes, world in zip(panels, worlds, strict=True):
            for label, (measure, dash) in lines.items():
                found = series(summary, measure, world=world, method="calibrated")
                colour = COLOURS["calibrated"] if measure == "error" else "black"
                bars = [Z * row["mcse"] for _, row in found] if measure == "error" else None
                xs, ys = [n for n, _ in found], [row["mean"] for _, row in found]
                axes.errorbar(xs, ys, yerr=bars, fmt=dash, color=colour, lw=1, ms=4, label=label)
            axes.axhspan(-1.0, 0.0, color=GREY, alpha=0.12, lw=0)
            axes.set(xscale="log", ylim=(-0.6, 0.8), xlabel=SYMBOLS["draws"], title=str(world).replace("_", "-"))
        text = "vacuous: error\nis never below 0"
        panels[0].annotate(text, (0.97, 0.04), xycoords="axes fraction", ha="right", fontsize=7)
        key(figure, by_label(panels), ncols=len(lines))
    return figure


def error_from_iiv(summary: Sequence[Row]) -> Figure:
    """Theorem 1's slack as its three parts, stacked, for each learner and N, beside the bound and the error.

    Bars: over, room and gap on top of the bound 2 err_iiv - k/K - delta; they end at the error (diamond), exactly.
    Crosses: some fits did not converge.
    """
    with style():
        sizes = sorted(values(summary, "draws"))
        methods = values(summary, "method")
        figure = sheet(1.4 + 2.2 * max(len(sizes), 2), 0.9 + 0.42 * len(methods))
        panels = side_by_side(figure, len(sizes), sharey=True, sharex=True)
        for axes, n in zip(panels, sizes, strict=True):
            for place, method in enumerate(methods):
                _slack_bar(axes, place, [row for row in summary if row["draws"] == n and row["method"] == method])
            axes.axvline(0.0, color=GREY, lw=0.6)
            axes.use_sticky_edges = False
            axes.margins(x=0.06)
            names = [str(method).replace("_", " ") for method in methods]
            axes.set(title=f"N = {power(n)}", xlabel=SYMBOLS["error"], yticks=range(len(methods)), yticklabels=names)
        panels[0].invert_yaxis()
        key(figure, by_label(panels), ncols=5)
    return figure


def _slack_bar(axes: Axes, place: int, rows: Sequence[Row]) -> None:
    """One learner: the bound as a tick, the three parts from it to the error."""
    bound, error = mean_of(rows, "error_from_iiv_value"), mean_of(rows, "error")
    if bound is None or error is None:
        return
    at = bound["mean"]
    axes.plot([at], [place], "|", ms=13, color="black", label="bound of Theorem 1")
    for part, colour in PARTS.items():
        size = mean_of(rows, part)
        if size is not None:
            axes.barh(place, size["mean"], left=at, height=0.5, color=colour, label=part)
            at += size["mean"]
    bar = Z * error["mcse"]
    axes.errorbar([error["mean"]], [place], xerr=[bar], fmt="d", ms=5, color="black", mfc="white", label="error")
    mark_unconverged(axes, [(error["mean"], place, error)])


def missing_mass_from_singletons(summary: Sequence[Row]) -> Figure:
    """Root mean square of sr - MM, times sqrt(N), against N for each world, with what the theorems allow.

    Points: simulation with 1.96 MCSE; lines: the exact value; dashed: sqrt(.6179), the worst case of any world
    (arXiv 1705.05006); dotted: Lemma 1's radius at 99%.
    """
    with style():
        figure = sheet(5.6, 3.6)
        axes = figure.subplots()
        for world, colour in zip(values(summary, "world"), CYCLE, strict=False):
            found = series(summary, "squared_deviation", world=world)
            exact = series(summary, "exact_mse", world=world)
            axes.plot([n for n, _ in exact], [(n * row["mean"]) ** 0.5 for n, row in exact], color=colour, lw=1)
            middle = [(n * row["mean"]) ** 0.5 for n, row in found]
            ends = [
                [(n * max(row["mean"] + sign * Z * row["mcse"], 0.0)) ** 0.5 for n, row in found] for sign in (-1, 1)
            ]
            bars = [[m - low for m, low in zip(middle, ends[0], strict=True)]]
            bars.append([high - m for m, high in zip(middle, ends[1], strict=True)])
            label = str(world).replace("_", " ")
            axes.errorbar([n for n, _ in found], middle, yerr=bars, fmt="o", ms=3.5, color=colour, label=label)
        sizes = sorted(float(n) for n in values(summary, "draws"))
        edges = [sizes[0], sizes[-1]]
        worst = bounds.missing_mass_deviation(int(sizes[-1])).rms * sizes[-1] ** 0.5
        radius = [bounds.missing_mass_from_singletons(0.0, int(n)).value * n**0.5 for n in edges]
        axes.plot(edges, [worst, worst], "--", color="black", lw=1)
        above: Any = {"xytext": (0, 2.5), "textcoords": "offset points", "fontsize": 7.5}
        axes.annotate("worst case of any world", (edges[0], worst), **above)
        axes.plot(edges, radius, ":", color="black", lw=1)
        axes.annotate("Lemma 1 allows at 99%", (edges[0], radius[0]), **above)
        axes.set(xscale="log", yscale="log", xlabel=SYMBOLS["draws"], ylabel=r"$\sqrt{N}$ · rms(sr − MM)")
        axes.set_ylim(top=3 * radius[0])
        key(figure, by_label([axes]), beside=True)
    return figure
