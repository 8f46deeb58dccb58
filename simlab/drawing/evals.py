"""The figures of an audit of evaluation logs: plain numbers in, a figure out, to be inlined in a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from simlab.drawing.audits import BLUE, GREEN, RED, drawn
from simlab.drawing.ink import CYCLE, GREY

Band = tuple[Sequence[float], Sequence[float], Sequence[float]]
"""A curve: estimates, lower and upper ends."""

DASHES = ("-", "--", "-.", ":")
LOWEST = -2.0
"""A score below this is drawn at the edge: near t = 1 a wrong answer costs all there is."""
MOST_LINES = 12
"""More logs than this in one figure cannot be told apart."""


def score_against_target(t: Float[np.ndarray, " points"], as_answered: Band, by_confidence: Band | None) -> Figure:
    """The mean score against the confidence target t, of the answers as they stand and by their confidences.

    Saying "I don't know" to everything scores 0 at every t, which is drawn as a line.
    """
    with drawn("confidence target t", "mean score") as (figure, axes):
        axes.axhline(0, color=GREY, lw=0.8)
        curves = [("as answered", as_answered, RED)]
        curves += [("where its confidence is above t", by_confidence, BLUE)] if by_confidence is not None else []
        for label, (middle, low, high), colour in curves:
            axes.fill_between(t, low, high, color=colour, alpha=0.2, lw=0)
            axes.plot(t, middle, color=colour, lw=1.6, label=label)
        lowest = min(min(middle) for _, (middle, _, _), _ in curves)
        axes.set(xlim=(0, 1), ylim=(max(LOWEST, 1.1 * min(lowest, 0) - 0.05), 1.02))
        axes.legend(fontsize=8, loc="best")
    return figure


def reliability(
    confidence: Float[np.ndarray, " bins"],
    accuracy: Float[np.ndarray, " bins"],
    low: Float[np.ndarray, " bins"],
    high: Float[np.ndarray, " bins"],
    rows: Int[np.ndarray, " bins"],
    smooth: tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]],
) -> Figure:
    """Accuracy against confidence: a dot a bin with its interval, larger where more answers are, and the smooth curve;
    a calibrated model lies on the diagonal."""
    with drawn("confidence", "accuracy") as (figure, axes):
        axes.plot([0, 1], [0, 1], "--", color=GREY, lw=0.9, label="calibrated")
        axes.plot(*smooth, color=GREEN, lw=1.4, alpha=0.9, label="smooth")
        errors = np.stack([np.maximum(accuracy - low, 0), np.maximum(high - accuracy, 0)])
        axes.errorbar(confidence, accuracy, errors, fmt="none", ecolor=BLUE, elinewidth=1, alpha=0.7)
        size = 12 + 60 * np.sqrt(rows / rows.max())
        axes.scatter(confidence, accuracy, s=size, color=BLUE, alpha=0.85, lw=0, label="bins", zorder=3)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(fontsize=8, loc="upper left")
    return figure


def risk_against_coverage(coverage: Float[np.ndarray, " points"], risk: Float[np.ndarray, " points"]) -> Figure:
    """The share of errors among the answers given, against how many are given, the most confident first."""
    with drawn("coverage: share of answers given, the most confident first", "errors among them") as (figure, axes):
        axes.plot(coverage, risk, color=BLUE, lw=1.6, label="these confidences")
        axes.axhline(float(risk[-1]), color=GREY, lw=0.9, ls="--", label="confidences that tell nothing")
        axes.set(xlim=(0, 1.02), ylim=(-0.02, max(1.1 * float(risk.max()), 0.05)))
        axes.legend(fontsize=8, loc="lower right")
    return figure


def scores_against_target(
    t: Float[np.ndarray, " points"], scores: Mapping[str, Sequence[float]], ylabel: str
) -> Figure:
    """The mean score of several logs against the target t; where two lines cross their ranks change."""
    with drawn("confidence target t", ylabel) as (figure, axes):
        axes.axhline(0, color=GREY, lw=0.8)
        shown = list(scores.items())[:MOST_LINES]
        for i, (name, values) in enumerate(shown):
            dash = DASHES[i // len(CYCLE) % len(DASHES)]
            axes.plot(t, values, dash, color=CYCLE[i % len(CYCLE)], lw=1.6, label=name)
        lowest = min(min(values) for _, values in shown)
        axes.set(xlim=(0, 1), ylim=(max(LOWEST, 1.1 * min(lowest, 0) - 0.05), 1.02))
        axes.legend(fontsize=7, loc="best")
    return figure
