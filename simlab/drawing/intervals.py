"""The coverage study as a picture: which intervals keep their promise, and at what width."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simlab.drawing.ink import CYCLE, GREY, Row, Z, mean_of, series, values
from simlab.drawing.sheets import SYMBOLS, by_label, key, sheet, style

KINDS = ("tails", "mcallester_ortiz", "knvz", "kv", "score", "esty", "bootstrap")
NAMES = {"mcallester_ortiz": "McAllester–Ortiz", "knvz": "Lemma 1", "kv": "Kalai–Vempala", "esty": "Esty"}
COLOURS = (*CYCLE, "#000000", "#999933", "#882255")
TWINS = {"power_law_1.5": "zipf_1.5", "power_law_2": "zipf_2", "two_level_idk": "two_level"}
"""Worlds that have the colour of another, dashed: the same law, without an end or with IDK draws."""


def missing_mass_intervals(summary: Sequence[Row]) -> Figure:
    """Coverage of the missing mass, and width times sqrt(N), against N: a column an interval, a line a world.

    Bars are 1.96 MCSE; the dotted line is the level promised. All are intervals around f_1/N. A world
    of ``TWINS`` is dashed, in the colour of its twin.
    """
    worlds = [str(world) for world in values(summary, "world")]
    plain = [world for world in worlds if TWINS.get(world) not in worlds]
    colours = dict(zip(plain, cycle(COLOURS), strict=False))
    with style():
        shown = [kind for kind in KINDS if mean_of(summary, "estimate", method=f"good_turing, {kind}") is not None]
        figure = sheet(1.6 + 1.75 * max(len(shown), 2), 4.4)
        panels = figure.subplots(2, len(shown), sharex=True, sharey="row", squeeze=False)
        for kind, coverage, width in zip(shown, *panels, strict=True):
            own = [row for row in summary if row["method"] == f"good_turing, {kind}"]
            for i, world in enumerate(worlds):
                look = (colours[world], "-") if world in colours else (colours[TWINS[world]], "--")
                _coverage(coverage, series(own, "estimate", world=world), look, 10 ** (0.5 * i / len(worlds) - 0.25))
                found = series(own, "width", world=world)
                width.errorbar(
                    [n for n, _ in found],
                    [row["mean"] * n**0.5 for n, row in found],
                    yerr=[Z * row["mcse"] * n**0.5 for n, row in found],
                    marker=".",
                    ms=4,
                    lw=1,
                    color=look[0],
                    ls=look[1],
                    label=world.replace("_", " "),
                )
            coverage.axhline(1 - summary[0]["gamma"], color=GREY, ls=":", lw=1)
            coverage.set(title=NAMES.get(kind, kind), xscale="log")
            width.set(yscale="log", xlabel=SYMBOLS["draws"])
        panels[0][0].set_ylabel("coverage of MM")
        panels[1][0].set_ylabel(r"$\sqrt{N}$ · mean width")
        key(figure, by_label([panels[1][0]]), beside=True)
    return figure


def _coverage(axes: Axes, found: Sequence[tuple[float, Row]], look: tuple[str, str], beside: float) -> None:
    """One world's coverage against N, where it was measured, drawn at ``beside`` times N lest bars hide each other."""
    found = [(beside * n, row) for n, row in found if row["n"]]
    axes.errorbar(
        [n for n, _ in found],
        [row["coverage"] for _, row in found],
        yerr=[Z * row["coverage_mcse"] for _, row in found],
        marker=".",
        ms=4,
        lw=1,
        color=look[0],
        ls=look[1],
    )
