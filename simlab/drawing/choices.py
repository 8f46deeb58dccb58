"""Poor models: the error against what Theorems 3 and 4 say of it, and the parts of the slack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simlab.drawing.ink import GREY, SUMMARY, Row, Z, mark_unconverged, mean_of, power, values
from simlab.drawing.sheets import SYMBOLS, by_label, key, sheet, style

LOOKS = {  # kind of family: colour (Okabe & Ito), marker, what the legend says
    "calibrated": ("#0072B2", "o", "calibrated"),
    "softmax_table": ("#009E73", "s", "softmax table"),
    "rank_2": ("#56B4E9", "P", "rank 2"),
    "rank_1": ("#D55E00", "D", "rank 1, trained"),
    "pooled": ("#CC79A7", "o", "m prompts share, pooled"),
    "smoothed": ("#E69F00", "^", "m share, smoothed"),
    "commonest": ("#000000", "v", "m share, commonest"),
}
PARTS = {
    "part_family": ("#E69F00", "family: a better member judges better"),
    "part_threshold": ("#56B4E9", "threshold: judged at every t, not the best"),
    "part_unequal": ("#CC79A7", "unequal: more choices than C"),
    "part_nonsense": ("#999999", "outside the choices"),
}


def error_from_choices(summary: Sequence[Row]) -> Figure:
    """Theorem 3 a panel for each C, Theorem 4 for all, and the slack of one C part by part.

    Points are means over worlds, bars 1.96 MCSE (most are smaller than their points); open where half of the prompts
    have more choices than C; a dash is the least error of any member of the family. No point lies below the line.
    Beside a point stands m, the number of prompts that share a density. Crosses: some fits did not converge.
    """
    with style():
        counts = sorted(values(summary, "choices"))
        sizes, spreads = sorted(values(summary, "draws")), sorted(values(summary, "spread"))
        figure = sheet(1.7 + 1.9 * max(len(counts), 3), 5.8)
        halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.3))
        above, below = halves
        panels = list(above.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)[0])
        for axes, choices in zip(panels, counts, strict=True):
            rows = [row for row in summary if row["choices"] == choices and row["draws"] == sizes[-1]]
            _diagonal(axes)
            for spread in spreads:
                _scatter(axes, rows, "error_from_choices_value", spread, filled=spread == 1, named=spread == spreads[0])
            axes.set(title=f"C = {choices:g} choices, N = {power(sizes[-1])}", xlabel=r"$2\,(1-1/C)\,$opt")
        panels[0].set_ylabel(SYMBOLS["error"])
        _keys(above, panels)
        shown = counts[min(2, len(counts) - 1)]
        fourth, *bars = below.subplots(1, 1 + len(sizes), width_ratios=(1, *[1.15] * len(sizes)))
        _diagonal(fourth)
        for choices in counts:
            for spread in spreads:
                rows = [row for row in summary if row["choices"] == choices]
                _scatter(fourth, rows, "error_from_choices_sharp_value", spread, filled=spread == 1, named=False)
        mean = r"$2\,(1-1/C)\,\mathrm{E}_t\,$err$_{iiv}(f_t)$"
        fourth.set(title="Theorem 4, every C and N", xlabel=mean, ylabel=SYMBOLS["error"])
        for axes, n in zip(bars, sizes, strict=True):
            rows = [r for r in summary if (r["choices"], r["draws"], r["spread"]) == (shown, n, spreads[-1])]
            _slack_bars(axes, rows, labelled=n == sizes[0])
            axes.set(title=f"slack, {_choices(shown, spreads[-1])}, N = {power(n)}", xlabel=SYMBOLS["error"])
        key(below, by_label(bars[:1]), below=True, ncols=3, fontsize=7)
    return figure


def _choices(choices: Any, spread: Any) -> str:
    """C, and how many choices the other half of the prompts has."""
    return f"C = {choices:g}" + (f" (half {choices * spread:g})" if spread > 1 else "")


def _kind(method: str) -> tuple[str, str]:
    """The kind of family and, where prompts share a density, how many: ``pooled_16`` is pooled, 16."""
    if method in LOOKS:
        return method, ""
    kind, _, size = method.rpartition("_")
    return kind, size


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, zorder=1)
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))


def _scatter(axes: Axes, rows: Sequence[Row], bound: str, spread: Any, *, filled: bool, named: bool) -> None:
    """Error against a bound, one point a method and setting."""
    rows = [row for row in rows if row["spread"] == spread]
    keys, told = [name for name in rows[0] if name not in SUMMARY], False
    most = max((_kind(str(method))[1] for method in values(rows, "method")), key=lambda size: int(size or 0))
    for point in dict.fromkeys(tuple(row[name] for name in keys) for row in rows):
        where = dict(zip(keys, point, strict=True))
        for method in values(rows, "method"):
            x, y = (mean_of(rows, measure, method=method, **where) for measure in (bound, "error"))
            if x is None or y is None:
                continue
            kind, size = _kind(str(method))
            colour, marker, label = LOOKS[kind]
            look: dict[str, Any] = {"marker": marker, "ms": 4, "mec": colour, "mfc": colour if filled else "none"}
            bars: dict[str, Any] = {
                "xerr": [Z * x["mcse"]],
                "yerr": [Z * y["mcse"]],
                "ecolor": colour,
                "elinewidth": 0.8,
            }
            told_as: dict[str, Any] = {"label": label} if named else {}
            axes.errorbar([x["mean"]], [y["mean"]], mew=0.8, ls="", zorder=3, **told_as, **look, **bars)
            mark_unconverged(axes, [(x["mean"], y["mean"], y)])
            least = mean_of(rows, "least_error", method=method, **where)
            if named and least is not None:
                axes.plot(x["mean"], least["mean"], "_", ms=8, color=colour, zorder=2)
            if named and kind == "pooled":
                text = size if told else f"m = {size}"
                off = (7, -3) if told and size == most else (4, -11)  # the last stands beside its point, not below it
                axes.annotate(text, (x["mean"], y["mean"]), off, textcoords="offset points", fontsize=6)
                told = True


def _keys(figure: Any, panels: Sequence[Axes]) -> None:
    """One legend of all kinds beside the panels."""
    handles = by_label(panels)
    ring: dict[str, Any] = {"marker": "o", "ms": 4, "mfc": "none", "mec": GREY, "lw": 0}
    handles["open: half of the prompts\nhave more than C choices"] = Line2D([], [], **ring)
    handles["least error in the family"] = Line2D([], [], marker="_", ms=8, color=GREY, lw=0)
    key(figure, handles, beside=True, fontsize=7)


def _slack_bars(axes: Axes, rows: Sequence[Row], *, labelled: bool) -> None:
    """Each method: the bound of Theorem 3 as a tick, the parts of the slack from it to the error."""
    methods = values(rows, "method")
    for place, method in enumerate(methods):
        bound, error = (mean_of(rows, measure, method=method) for measure in ("error_from_choices_value", "error"))
        if bound is None or error is None:
            continue
        at = bound["mean"]
        axes.plot([at], [place], "|", ms=9, color="black", label="bound of Theorem 3")
        for part, (colour, label) in PARTS.items():
            size = mean_of(rows, part, method=method)
            if size is not None:
                axes.barh(place, size["mean"], left=at, height=0.6, color=colour, label=label)
                at += size["mean"]
        bar = Z * error["mcse"]
        axes.errorbar([error["mean"]], [place], xerr=[bar], fmt="d", ms=4, color="black", mfc="white", label="error")
        mark_unconverged(axes, [(error["mean"], place, error)])
    names = [f"{LOOKS[kind][2]}" if not size else f"{kind}, m = {size}" for kind, size in map(_kind, map(str, methods))]
    axes.set(yticks=range(len(methods)), yticklabels=names if labelled else [], xlim=(-0.03, 1.03))
    axes.tick_params(axis="y", labelsize=6)
    axes.invert_yaxis()
