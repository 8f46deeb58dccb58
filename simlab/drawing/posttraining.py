"""What post-training does, in four figures: where a policy abstains, what becomes of its calibration, asking twice,
and the exchange of errors for delta.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.ink import CYCLE, GREY, Row, Z, mean_of, values
from simlab.drawing.sheets import SYMBOLS, by_label, key, sheet, side_by_side, style

BLUE, RED, GREEN, PINK, ORANGE, SKY = CYCLE
AT = "abstention_at_"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "exact": ("exact policy gradient", {"color": BLUE, "lw": 2.2}),
    "reinforce": ("REINFORCE", {"color": SKY, "ls": "", "marker": "s", "ms": 5, "mfc": "none"}),
    "ppo": ("PPO", {"color": BLUE, "ls": "", "marker": "x", "ms": 5}),
    "dpo": ("DPO", {"color": RED, "marker": "D", "ms": 3.5, "lw": 1.2}),
    "best_of": ("imitating the best of n", {"color": ORANGE, "marker": "v", "ms": 4, "lw": 1.2}),
    "told": ("one policy, told t", {"color": GREEN, "marker": "o", "ms": 3.5, "lw": 1.2}),
    "untold": ("one policy, not told t", {"color": PINK, "marker": "^", "ms": 3.5, "lw": 1.2, "ls": "--"}),
}
MODELS: dict[str, tuple[str, str, str]] = {
    "calibrated": ("calibrated", BLUE, "o"),
    "binary": ("post-trained, binary grading", RED, "D"),
    "target": ("post-trained, confidence target", GREEN, "s"),
    "guess_one": ("guesses one answer", ORANGE, "^"),
}
MEASURES = {"ece": "ECE of the best answer", "calibration_gap": "δ", "abstention": "IDK", "error": "error"}
BASES = {"by_class": "believes the law\nof the class", "mlp": "MLP"}


def abstention_from_grading(summary: Sequence[Row]) -> Figure:
    """Abstention on unread prompts against the chance that their best answer is right: columns targets, rows graders.

    Dotted: t, below which IDK is worth more than an answer; dashed: where the grader's own errors move that.
    """
    with style():
        targets, judges = sorted(values(summary, "target")), sorted(values(summary, "false_pass"))
        figure = sheet(2.6 + 1.9 * len(targets), 0.7 + 1.9 * len(judges))
        panels = figure.subplots(len(judges), len(targets), sharex=True, sharey=True, squeeze=False)
        for line, judge in zip(panels, judges, strict=True):
            for axes, target in zip(line, targets, strict=True):
                _abstention(axes, [r for r in summary if r["target"] == target and r["false_pass"] == judge], target)
            said = f"lets {judge:.0%} of\nwrong answers pass" if judge else "never errs"
            line[0].set_ylabel(f"abstention\ngrader {said}")
        for axes, target in zip(panels[0], targets, strict=True):
            axes.set_title("binary grading" if target == 0 else f"target t = {target:g}")
        for axes in panels[-1]:
            axes.set_xlabel("chance that the best\nanswer is right")
        key(figure, by_label([panels[0][0]]), beside=True)
    return figure


def _abstention(axes: Axes, rows: Sequence[Row], target: float) -> None:
    """One target and judge: a line or marks for each way of post-training."""
    axes.axvline(target, color=GREY, lw=1, ls=":")
    moved = mean_of(rows, "threshold")
    if moved is not None and abs(moved["mean"] - target) > 1e-9:
        axes.axvline(moved["mean"], color="black", lw=1, ls="--")
    for method, (label, look) in WAYS.items():
        found = sorted(
            (int(row["measure"].removeprefix(AT)) / 100, row["mean"], row["mcse"])
            for row in rows
            if row["method"] == method and str(row["measure"]).startswith(AT)
        )
        if found:
            xs, ys, errors = zip(*found, strict=True)
            axes.errorbar(xs, ys, yerr=[Z * e for e in errors], elinewidth=0.8, label=label, **look)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.06, 1.06), xticks=(0, 0.5, 1))


def calibration_from_posttraining(summary: Sequence[Row]) -> Figure:
    """ECE, delta, abstention and error along post-training, a row a base, a line a rule; bands: 95% Monte Carlo."""
    with style():
        bases, rules = values(summary, "base"), values(summary, "method")
        figure = sheet(1.6 + 2.0 * len(MEASURES), 0.9 + 1.9 * len(bases))
        panels = figure.subplots(len(bases), len(MEASURES), sharex=True, squeeze=False)
        for line, base in zip(panels, bases, strict=True):
            for axes, measure in zip(line, MEASURES, strict=True):
                for rule, colour in zip(rules, (RED, ORANGE, GREEN, BLUE), strict=False):
                    _along(axes, [r for r in summary if r["base"] == base and r["method"] == rule], measure, colour)
                axes.set_ylim(bottom=0)
            line[0].set_ylabel(BASES.get(str(base), str(base)))
        for axes, name in zip(panels[0], MEASURES.values(), strict=True):
            axes.set_title(name)
        for axes in panels[-1]:
            axes.set_xlabel("step")
        labels = ["binary grading" if r == "binary" else f"target t = {str(r).removeprefix('target_')}" for r in rules]
        handles = panels[0][0].get_lines()[: len(rules)]
        key(figure, dict(zip(labels, handles, strict=True)), ncols=len(rules), fontsize=8)
    return figure


def _along(axes: Axes, rows: Sequence[Row], measure: str, colour: str) -> None:
    """One measure of one rule along the steps."""
    steps = sorted(values(rows, "step"))
    found = [(step, row) for step in steps if (row := mean_of(rows, measure, step=step)) is not None]
    xs, middle = [step for step, _ in found], [row["mean"] for _, row in found]
    half = [Z * row["mcse"] for _, row in found]
    axes.plot(xs, middle, color=colour, lw=1.4, marker="o", ms=2.5)
    low, high = ([m + sign * h for m, h in zip(middle, half, strict=True)] for sign in (-1, 1))
    axes.fill_between(xs, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_xscale("symlog", linthresh=1.0)
    marks = [0, *(10**e for e in range(len(f"{steps[-1]:.0f}")))]
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.minorticks_off()
    axes.set_xlim(0, steps[-1])


def consistency_from_two_samples(summary: Sequence[Row]) -> Figure:
    """Error and right answers against the number of samples that must agree; crosses: the rule run, not summed."""
    with style():
        figure = sheet(7.6, 3.0)
        panels = side_by_side(figure, 2, sharex=True)
        sizes = sorted(values(summary, "samples"))
        for method, (label, colour, mark) in MODELS.items():
            for axes, measure in zip(panels, ("error", "accuracy"), strict=True):
                found = [(k, row) for k in sizes if (row := mean_of(summary, measure, samples=k, method=method))]
                xs, ys = [k for k, _ in found], [row["mean"] for _, row in found]
                bars = [Z * row["mcse"] for _, row in found]
                axes.errorbar(xs, ys, yerr=bars, color=colour, marker=mark, ms=6, lw=1.3, mfc="white", label=label)
            run = [(k, row) for k in sizes if (row := mean_of(summary, "sampled_error", samples=k, method=method))]
            look: Any = {"color": "black", "fmt": "+", "ms": 3.5, "mew": 0.8, "elinewidth": 0.8, "zorder": 5}
            ks, means, bars = [k for k, _ in run], [row["mean"] for _, row in run], [Z * row["mcse"] for _, row in run]
            panels[0].errorbar(ks, means, yerr=bars, label="as it is run", **look)
        for axes, name in zip(panels, ("error", "right answers"), strict=True):
            axes.set(xlabel="samples that must agree", title=name, ylim=(0, None))
            axes.set_xticks(sizes, [f"{k:g}" for k in sizes])
        unique = by_label(panels[:1])
        run_last = sorted(unique, key=lambda label: label == "as it is run")
        key(figure, {label: unique[label] for label in run_last}, beside=True)
    return figure


def error_from_abstention(summary: Sequence[Row]) -> Figure:
    """The exchange of errors for delta: a panel for each |R|, a point a policy.

    Bars (1.96 MCSE) are smaller than the points. Line: the closed form of abstaining on a share of what is unseen;
    dashed: err + delta >= MM - k/K, the sharp bound.
    """
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        "abstain": ("abstains by rule", {"color": ORANGE, "marker": "^", "ms": 5}),
        "target": ("post-trained, confidence target", {"color": GREEN, "marker": "s", "ms": 7, "mfc": "none"}),
        "binary": ("post-trained, binary grading", {"color": RED, "marker": "D", "ms": 4}),
        "guess_one": ("guesses one answer", {"color": PINK, "marker": "v", "ms": 7}),
        "calibrated": ("calibrated", {"color": BLUE, "marker": "o", "ms": 8, "mfc": "none", "mew": 1.6}),
    }
    with style():
        sizes = sorted(values(summary, "answers"))
        figure = sheet(2.6 + 2.9 * len(sizes), 3.2)
        panels = side_by_side(figure, len(sizes), label=SYMBOLS["error"], sharex=True, sharey=True)
        for axes, answers in zip(panels, sizes, strict=True):
            rows = [row for row in summary if row["answers"] == answers]
            line = _curve(rows, "abstain", "frontier_gap", "frontier_error")
            for part in ([at for at in line if at[0] == 0.0], [at for at in line if at[0] > 0.0]):  # delta jumps
                axes.plot([x for x, _ in part], [y for _, y in part], color="black", lw=1, label="closed form")
            floor = sorted(_curve(rows, "abstain", "calibration_gap", "error_from_singletons_sharp_value"))
            axes.plot(*zip(*floor, strict=True), color="black", lw=1, ls="--", label="sharp lower bound")
            axes.axhline(0.0, color=GREY, lw=0.6)
            for method, (label, look) in looks.items():
                points = _curve(rows, method, "calibration_gap", "error")
                bars = _curve(rows, method, "calibration_gap", "error", column="mcse")
                if points:
                    (xs, ys), (across, up) = zip(*points, strict=True), zip(*bars, strict=True)
                    half: dict[str, Any] = {
                        "xerr": [Z * x for x in across],
                        "yerr": [Z * y for y in up],
                        "elinewidth": 0.8,
                    }
                    axes.errorbar(xs, ys, ls="", label=label, **half, **look)
            axes.set(title=f"|R| = {answers:g} answers", xlabel=SYMBOLS["calibration_gap"])
        panels[0].set_ylim(bottom=-0.012)
        key(figure, by_label(panels[-1:]), beside=True)
    return figure


def _curve(rows: Sequence[Row], method: str, across: str, up: str, column: str = "mean") -> list[tuple[float, float]]:
    """Two measures of a method at each share of abstention, or another column of them."""
    own = [row for row in rows if row["method"] == method]
    found = []
    for share in sorted(values(own, "abstained")):
        x, y = mean_of(own, across, abstained=share), mean_of(own, up, abstained=share)
        if x is not None and y is not None:
            found.append((x[column], y[column]))
    return found
