"""A figure shows which of its points come from fits that did not converge, and from no other."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from simlab import drawing
from simlab.drawing.ink import UNCONVERGED, mark_unconverged

RESULTS = Path(__file__).parents[1] / "experiments" / "results"

POINTS: dict[str, tuple[Callable[[Any], Figure], dict[str, Any], int]] = {
    # figure -> what draws it, the one point whose fits did not converge, and how often it is drawn
    "capacity": (drawing.bits_against_exposures, {"method": "mlp", "individuals": 768.0, "exposures": 100.0}, 4),
    "memory_collapse": (drawing.memory_collapse, {"method": "seen pairs", "old": 8192.0, "step": 4000.0}, 2),
    "error_from_choices": (
        drawing.error_from_choices,
        {"method": "rank_1", "choices": 4.0, "spread": 1.0, "draws": 10_000.0},
        2,
    ),
    "error_from_iiv": (drawing.error_from_iiv, {"method": "softmax_table", "draws": 1_000.0}, 1),
    "error_from_monofacts": (drawing.error_from_monofacts, {"method": "softmax_table", "draws": 1e6}, 1),
    "headline": (drawing.error_from_singletons, {"method": "softmax_table", "draws": 1e9, "target": 0.3}, 1),
}


def crosses(figure: Figure) -> list[tuple[float, float]]:
    """Where a figure says that fits did not converge."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == UNCONVERGED]
    return [point for line in lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def converged(name: str) -> list[dict[str, Any]]:
    """The committed table, as it would be had every fit converged."""
    rows = [row | {"n_not_converged": 0} for row in drawing.read_table(RESULTS / f"{name}.csv")]
    return [row | ({"mean": 1.0} if row["measure"] == "pretraining_converged" else {}) for row in rows]


@pytest.mark.parametrize("name", POINTS)
def test_a_point_of_fits_that_did_not_converge_is_crossed_and_no_other_is(name: str) -> None:
    draw, point, often = POINTS[name]
    rows = converged(name)
    assert crosses(draw(rows)) == []
    here = [all(row[key] == value for key, value in point.items()) for row in rows]
    assert any(here)
    told = [row | {"n_not_converged": int(missed)} for row, missed in zip(rows, here, strict=True)]
    figure = draw(told)
    assert len(crosses(figure)) == often
    means = {row["mean"] for row, missed in zip(rows, here, strict=True) if missed}
    assert all({x, y} & means for x, y in crosses(figure))
    legends = [
        text.get_text() for part in (figure, *figure.subfigs) for one in part.legends for text in one.get_texts()
    ]
    assert UNCONVERGED in legends


def test_memories_that_had_not_converged_before_are_crossed_at_the_start() -> None:
    rows = [
        row | ({"mean": 0.5} if row["measure"] == "pretraining_converged" else {})
        for row in converged("memory_collapse")
    ]
    assert {x for x, _ in crosses(drawing.memory_collapse(rows))} == {0.0}


def test_a_point_of_which_nothing_is_left_is_crossed_at_the_foot() -> None:
    axes = Figure().subplots()
    row = {"n_not_converged": 3}
    mark_unconverged(axes, [(2.0, math.nan, row), (3.0, 0.5, row), (4.0, 0.7, {"n_not_converged": 0})])
    assert crosses(axes.figure) == [(3.0, 0.5), (2.0, 0.02)]
