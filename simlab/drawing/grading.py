"""What grading does to a leaderboard, as a picture: who leads, which pairs turn, where selection goes, the cost."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.ink import CYCLE, GREY, Row, Z, mean_of, values
from simlab.drawing.sheets import by_label, key, sheet, style

SELECTED = "hle"
"""The benchmark whose selection is drawn, where the table has it."""


def rank_from_grading(summary: Sequence[Row]) -> Figure:
    """Per benchmark the leader's errors, the pairs turned and the questions needed; and the course of selection.

    Points: means over populations, bars 1.96 MCSE; a colour a grading. Dashes in the third panel: how many questions a
    benchmark has. Fourth panel, one benchmark: the chance of being right from which on models answer, generation by
    generation; dashed: the target, which is the honest threshold.
    """
    benchmarks, methods = (
        [str(one) for one in values(summary, "benchmark")],
        [str(one) for one in values(summary, "method")],
    )
    colours = dict(zip(methods, ("#000000", *CYCLE), strict=False))
    with style():
        figure = sheet(10.6, 1.5 + 0.24 * max(len(benchmarks), 5))
        *dots, course = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
        panels = {
            "leader_error": "errors of the leader,\nshare of all questions",
            "reversals": "pairs turned against\nown scoring",
            "questions_needed": "questions to tell two\napart (dashed: it has)",
        }
        for axes, (measure, label) in zip(dots, panels.items(), strict=True):
            _dots(axes, summary, measure, benchmarks, colours)
            axes.set(xlabel=label, yticks=range(len(benchmarks)), yticklabels=[], ylim=(len(benchmarks) - 0.5, -0.5))
            axes.tick_params(axis="y", length=0)
        dots[0].set_yticklabels([name.replace("_", " ") for name in benchmarks])
        for axes in dots[:2]:
            axes.set_xlim(left=0.0)
        dots[2].set_xscale("log")
        name = SELECTED if SELECTED in benchmarks else benchmarks[0]
        _course(course, [row for row in summary if row["benchmark"] == name], colours)
        course.set(
            title=f"selection by {name.replace('_', ' ')}", xlabel="generation\n(dashed: the target)", ylim=(0.0, 1.0)
        )
        course.set_ylabel("answers from a chance of")
        key(figure, by_label(dots[:1]), ncols=len(methods), fontsize=9)
    return figure


def _dots(axes: Axes, summary: Sequence[Row], measure: str, benchmarks: Sequence[str], colours: dict[str, str]) -> None:
    """One measure: a row a benchmark, a point a grading, side by side lest they hide each other."""
    for i, (method, colour) in enumerate(colours.items()):
        if measure == "reversals" and i == 0:
            continue  # no pair is turned against itself
        found = [mean_of(summary, measure, benchmark=name, method=method) for name in benchmarks]
        rows = [(place, row) for place, row in enumerate(found) if row is not None]
        axes.errorbar(
            [row["mean"] for _, row in rows],
            [place + 0.14 * (i - (len(colours) - 1) / 2) for place, _ in rows],
            xerr=[Z * row["mcse"] for _, row in rows],
            fmt="o",
            ms=3.5,
            lw=1,
            color=colour,
            label="own scoring" if i == 0 else method.replace("_", " "),
        )
    for place in range(len(benchmarks)):
        axes.axhline(place + 0.5, color=GREY, lw=0.3, alpha=0.4)
        if measure == "questions_needed":
            has = mean_of(summary, "questions", benchmark=benchmarks[place])
            if has is not None:
                axes.plot([has["mean"]] * 2, [place - 0.4, place + 0.4], "--", color=GREY, lw=1)


def _course(axes: Axes, rows: Sequence[Row], colours: dict[str, str]) -> None:
    """One line a grading, from the population as drawn to the last generation; its target as a dashed line."""
    for method, colour in colours.items():
        steps = {}
        for row in rows:
            head, _, number = str(row["measure"]).rpartition("_")
            if row["method"] == method and head == "answers_from" and number.isdigit():
                steps[int(number)] = row
        points = sorted(steps.items())
        axes.errorbar(
            [number for number, _ in points],
            [row["mean"] for _, row in points],
            yerr=[Z * row["mcse"] for _, row in points],
            fmt=".-",
            ms=4,
            lw=1,
            color=colour,
        )
        target = mean_of(rows, "target", method=method)
        if target is not None:
            axes.axhline(target["mean"], ls="--", lw=0.8, color=colour)
