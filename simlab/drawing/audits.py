"""The figures of an audit: plain numbers in, a figure out, to be inlined in a page that is light or dark.

What belongs to the page (text, axes) is drawn in ``INK``, a colour that the page replaces by its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from simlab.drawing.ink import CYCLE, GREY
from simlab.drawing.inlining import INK
from simlab.drawing.sheets import style

BLUE, RED, GREEN = CYCLE[0], CYCLE[1], CYCLE[2]
THEME: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "font.size": 10,
}
SIZE = (5.2, 2.9)
MANY = 20
"""More answers than this are drawn on a logarithmic axis."""


@contextmanager
def drawn(xlabel: str, ylabel: str) -> Iterator[tuple[Figure, Axes]]:
    """A figure for a page with its axes named, to be drawn on in the body."""
    with style(), mpl.rc_context(THEME):
        figure = Figure(figsize=SIZE)
        axes = figure.subplots()
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid(alpha=0.18, color=INK, lw=0.6)
        yield figure, axes


def coverage_against_draws(
    sizes: Int[np.ndarray, " sizes"],
    coverage: Float[np.ndarray, " sizes"],
    low: Float[np.ndarray, " sizes"],
    high: Float[np.ndarray, " sizes"],
    draws: int,
    wanted: float | None = None,
) -> Figure:
    """Coverage, 1 - missing mass, against corpus size: what fewer draws would have covered, and what more would.

    Solid up to the corpus's own N = ``draws``, dashed beyond, where it is extrapolated; the band is the interval at
    each size. ``wanted`` is the coverage at which the floor has fallen to its target.
    """
    with drawn("draws N", "coverage, 1 − missing mass") as (figure, axes):
        axes.fill_between(sizes, low, high, color=BLUE, alpha=0.22, lw=0)
        within, beyond = sizes <= draws, sizes >= draws
        axes.plot(sizes[within], coverage[within], color=BLUE, lw=1.6, label="rarefied")
        axes.plot(sizes[beyond], coverage[beyond], "--", color=BLUE, lw=1.6, label="extrapolated")
        axes.plot([draws], coverage[sizes == draws], "o", color=BLUE, ms=5, label=f"this corpus, N = {draws:,}")
        if wanted is not None and wanted > 0:
            axes.axhline(wanted, color=RED, lw=1, ls=":", label=f"here the floor is at its target ({wanted:.1%})")
        if draws > 1:
            axes.set_xscale("log")
        axes.set_ylim(0, 1.02)
        axes.legend(fontsize=8, loc="center left")
    return figure


def facts_against_times(times: Int[np.ndarray, " classes"], facts: Int[np.ndarray, " classes"]) -> Figure:
    """Counts of counts: how many facts stand k times, both axes logarithmic; the singletons are set off."""
    with drawn("times seen, k", "facts seen k times, $f_k$") as (figure, axes):
        single = times == 1
        axes.plot(times[~single], facts[~single], "o", color=BLUE, ms=3.5, alpha=0.8)
        axes.plot(times[single], facts[single], "D", color=RED, ms=6, label="singletons")
        axes.set(xscale="log", yscale="log", ylim=(0.7, None), xlim=(0.8, max(1.25 * float(times.max(initial=1)), 12)))
        if single.any():
            axes.legend(fontsize=8)
    return figure


def floors_against_draws(
    sizes: Float[np.ndarray, " sizes"],
    sharp: Float[np.ndarray, " sizes"],
    published: Float[np.ndarray, " sizes"],
    draws: int,
) -> Figure:
    """Theorem 2 in its sharp form and as published, against N, all else held; the corpus's own N is marked."""
    with drawn("draws N", "floor of the error") as (figure, axes):
        axes.plot(sizes, sharp, color=BLUE, lw=1.6, label="sharp form, in expectation")
        axes.plot(sizes, published, "--", color=RED, lw=1.6, label="Theorem 2 as published, 99 %")
        axes.axhline(0, color=GREY, lw=0.8)
        axes.axvline(draws, color=GREEN, lw=1.2, ls=":", label=f"this corpus, N = {draws:,}")
        axes.set(xscale="log", ylim=(-0.5, max(float(sharp.max()), 0.0) * 1.15 + 0.05))
        axes.legend(fontsize=8, loc="lower right")
    return figure


def error_against_gap(error: Sequence[float], calibration_gap: Sequence[float], abstained: Sequence[float]) -> Figure:
    """What abstaining buys and costs: the error against delta, a point for each share of the unseen answers."""
    with drawn("calibration gap δ", "error") as (figure, axes):
        axes.plot(calibration_gap, error, "o-", color=BLUE, ms=5, lw=1.6)
        for gap, err, share in zip(calibration_gap, error, abstained, strict=True):
            axes.annotate(f"abstains on {share:.0%}", (gap, err), (7, 4), textcoords="offset points", fontsize=8)
        wide, high = max(calibration_gap), max(error)
        axes.set(
            xlim=(-0.03 * wide, 1.35 * wide or 1), ylim=(-0.04 * high, 1.15 * high or 1)
        )  # room for the words and the dots
    return figure


def prompts_against_answers(answers: Sequence[int], prompts: Sequence[int]) -> Figure:
    """How many prompts have how many distinct answers, on a logarithmic axis; of many answers too."""
    with drawn("distinct answers of a prompt", "prompts") as (figure, axes):
        axes.plot(answers, prompts, "o", color=BLUE, ms=4)
        axes.set(yscale="log", ylim=(0.7, None))
        if max(answers) > MANY:
            axes.set_xscale("log")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
