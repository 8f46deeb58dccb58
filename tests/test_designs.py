"""Sampled grids: the law of each design, how ranges are written, and what is told of a range that is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from toys import with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.axes import parse_axes
from simlab.sweep.cli import command
from simlab.sweep.designs import Span, read_span, sampled
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan

CONFIG = """
    rate: float = 0.5
    size: int = 3
    where: str = "here"
    cap: int | None = None
    pair: tuple[float, ...] = (1.0,)
    kind: bool = True
"""


@pytest.fixture
def toy(tmp_path):
    return load(write(tmp_path, with_cell("", CONFIG)))


def told(function, *arguments, **options):
    with pytest.raises(BadInput) as mistake:
        function(*arguments, **options)
    return str(mistake.value)


def shares(span, points, design, seed=0):
    """Where in its range, from 0 to 1, each point of a sample lies."""
    values = np.array([point["x"] for point in sampled({"x": span}, {"x": False}, points, design, seed)])
    low, high = (math.log(span.low), math.log(span.high)) if span.log else (span.low, span.high)
    return ((np.log(values) if span.log else values) - low) / (high - low)


def stratified(values, slack=1e-5):
    """Whether each of as many slices as there are values holds one, up to their rounding."""
    edges = np.arange(len(values)) / len(values)
    ordered = np.sort(values)
    return bool(np.all(ordered >= edges - slack) and np.all(ordered <= edges + 1 / len(values) + slack))


SPANS = [Span(0.1, 0.9), Span(1e3, 1e9, log=True), Span(-5, 5), Span(1e-300, 1e300, log=True), Span(1e6, 1e6 + 1)]


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_each_slice_of_a_range_holds_one_point_of_a_latin_hypercube(span, seed):
    assert stratified(shares(span, 50, "lhs", seed))


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_a_random_design_does_not_pass_for_a_latin_hypercube(span):
    """The control."""
    assert not any(stratified(shares(span, 50, "random", seed)) for seed in range(5))


def test_each_slice_of_every_range_holds_one_point_and_the_ranges_are_shuffled_apart():
    spans = {name: Span(0, 1) for name in "abc"}
    points = sampled(spans, dict.fromkeys(spans, False), 200, "lhs", 3)
    columns = [np.array([point[name] for point in points]) for name in spans]
    assert all(stratified(column) for column in columns)
    for i in range(3):
        assert abs(np.corrcoef(columns[i], columns[i - 1])[0, 1]) < 4 / math.sqrt(200)
        assert not np.all(np.diff(columns[i]) > 0)


@pytest.mark.parametrize("design", ["lhs", "random"])
def test_points_are_uniform_within_their_slices(design):
    values = np.concatenate([shares(Span(0.0, 1.0), 10, design, seed) for seed in range(200)])
    assert abs(np.mean(values * 10 % 1) - 0.5) < 4 / math.sqrt(12 * 2000)
    assert abs(np.mean(values) - 0.5) < 4 / math.sqrt(12 * 2000)


def test_a_random_design_keeps_its_first_points_and_a_latin_hypercube_does_not():
    spans = {"x": Span(0, 1), "y": Span(1, 10, log=True)}
    few, many = (sampled(spans, {"x": False, "y": False}, n, "random", 0) for n in (5, 50))
    assert many[:5] == few
    few, many = (sampled(spans, {"x": False, "y": False}, n, "lhs", 0) for n in (5, 50))
    assert many[:5] != few


@pytest.mark.parametrize("design", ["lhs", "random"])
def test_the_seed_alone_decides_a_sample(design):
    one, same, other = (sampled({"x": Span(0, 1)}, {"x": False}, 5, design, seed) for seed in (1, 1, 2))
    assert one == same
    assert not {p["x"] for p in one} & {p["x"] for p in other}


@pytest.mark.parametrize("design", ["lhs", "random"])
def test_each_whole_number_of_a_range_has_the_same_share_its_ends_too(design):
    n = 6000
    values = [point["n"] for point in sampled({"n": Span(1, 6)}, {"n": True}, n, design, 0)]
    counts = np.bincount(values, minlength=7)[1:]
    assert set(map(type, values)) == {int}
    assert counts.sum() == n
    assert np.all(np.abs(counts - n / 6) < (1.01 if design == "lhs" else 4 * math.sqrt(n * 5 / 36)))


def test_whole_numbers_on_a_logarithmic_range_have_the_shares_of_what_is_rounded_to_them():
    n = 4000
    values = [point["n"] for point in sampled({"n": Span(1, 10, log=True)}, {"n": True}, n, "lhs", 0)]
    counts = np.bincount(values, minlength=11)[1:]
    for k, seen in enumerate(counts, start=1):
        assert abs(seen - n * math.log((k + 0.5) / (k - 0.5)) / math.log(10.5 / 0.5)) < 2


def test_a_value_never_leaves_its_range_by_rounding():
    span = Span(0.12345671, 0.12345679)
    values = [span.at(share, whole=False) for share in (0.0, 0.25, 0.5, 1.0)]
    assert values[0] == span.low
    assert values[-1] == span.high
    assert values == sorted(set(values))
    assert Span(0.1, 0.9).at(1 / 3, whole=False) == 0.366667  # short where that tells the points apart
    assert [Span(1, 5).at(share, whole=True) for share in (0.0, 1.0)] == [1, 5]
    assert Span(10**17, 10**18).at(1.0, whole=True) == 10**18


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0.1..0.9", Span(0.1, 0.9)),
        (".1...9", Span(0.1, 0.9)),
        ("-5..5", Span(-5, 5)),
        ("1e3..1e9:log", Span(1e3, 1e9, log=True)),
        ("1 .. 2.5", Span(1, 2.5)),
        ("0.1", None),
        ("1,2", None),
        ("", None),
        (3, None),
        (None, None),
        (Span(1, 2), Span(1, 2)),
    ],
)
def test_a_range_reads_as_it_is_written(text, span):
    assert read_span("x", text) == span
    assert span is None or read_span("x", str(span)) == span


ENDS = "must go from a smaller number to a larger one, both finite"
READ = "a range must read LOW..HIGH, such as 0.1..0.9 or 1e3..1e9:log"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.9..0.1", f"rate = 0.9..0.1: {ENDS}"),
        ("1..1", f"rate = 1..1: {ENDS}"),
        ("nan..1", f"rate = nan..1: {ENDS}"),
        ("0..inf", f"rate = 0..inf: {ENDS}"),
        ("0..1:log", "rate = 0..1:log: must lie above 0 to be spread by its logarithm"),
        ("-1..1:log", "rate = -1..1:log: must lie above 0 to be spread by its logarithm"),
        ("1..2:lin", "rate = 1..2:lin: 'lin' is no scale of a range: write 1..2 or 1..2:log"),
        *((text, f"rate = {text}: {READ}") for text in ("1..", "..5", "..", "...", "a..b", "0..1..2", "1..:log")),
    ],
)
def test_a_range_that_is_none_is_a_sentence(toy, text, sentence):
    assert told(make_plan, toy, {"rate": text}, points=3) == sentence


def test_a_range_of_python_is_judged_too():
    assert told(Span, 0.9, 0.1) == f"range 0.9..0.1: {ENDS}"
    assert told(Span, 0.12345, 0.12344) == f"range 0.12345..0.12344: {ENDS}"
    assert told(Span, "1", 2) == f"range 1..2: {ENDS}"
    assert told(Span, 0, math.nan) == f"range 0..nan: {ENDS}"
    assert told(Span, 0, 1, log=True) == "range 0..1:log: must lie above 0 to be spread by its logarithm"


@pytest.mark.parametrize(
    ("settings", "options", "sentence"),
    [
        ({"rate": "0.1..0.9"}, {}, "rate = 0.1..0.9: a range is sampled at some points: say how many with --points N"),
        (
            {"rate": ("0.1..0.9", "0.95")},
            {"points": 3},
            "rate (settings): holds a range, 0.1..0.9, among other values: give the one or the others",
        ),
        (
            {},
            {"points": 3},
            "points = 3 is given without a range: write one, such as --set NAME=0.1..0.9",
        ),
        (
            {"where": "0.1..0.9"},
            {"design": "lhs"},
            "design = lhs is given without a range: write one, such as --set NAME=0.1..0.9",
        ),
        ({"rate": "0..1"}, {"points": 3, "design": "lsh"}, "design 'lsh' is unknown: did you mean 'lhs'?"),
        ({"rate": "0..1"}, {"points": 3, "design": 3}, "design '3' is unknown: choose from lhs, random"),
        ({"rate": "0..1"}, {"points": 0}, "points = 0: must be a whole number of at least 1"),
        ({"rate": "0..1"}, {"points": 10**12}, "points = 1e12: must be at most 1e6"),
        ({"where": Span(1, 2)}, {"points": 3}, "where = 1..2 (settings): is a range, and the setting takes no numbers"),
        ({"kind": Span(0, 1)}, {"points": 3}, "kind = 0..1 (settings): is a range, and the setting takes no numbers"),
        (
            {"size": "1.5..9"},
            {"points": 3},
            "size = 1.5..9 (settings): must be a range of whole numbers, such as 1..10 or 1e3..1e9",
        ),
        (
            {"size": "1..3"},
            {"points": 5},
            "points = 5: some are the same (size = 1..3): take fewer points or wider ranges",
        ),
        ({"rat": "0..1"}, {"points": 3}, "setting 'rat' is unknown: did you mean 'rate'?"),
    ],
)
def test_a_mistake_of_a_design_is_a_sentence(toy, settings, options, sentence):
    assert told(make_plan, toy, settings, **options) == sentence


@pytest.mark.parametrize("text", ["../a", "..", "a..b", "1..2", "0.1..0.9:log", "1.."])
def test_two_dots_in_a_text_are_text(toy, text):
    plan = make_plan(toy, {"where": text, "draws": 1})
    assert [point.settings["where"] for point in plan.points] == [text]


def test_sampled_points_are_crossed_with_the_other_axes(toy):
    settings = {"rate": "0.1..0.9", "size": Span(1, 10**6, log=True), "draws": (1, 2), "where": ("a", "b")}
    plan = make_plan(toy, settings, points=3)
    assert len(plan.points) == 3 * 2 * 2
    found = [(p.settings["rate"], p.settings["size"], p.settings["draws"], p.settings["where"]) for p in plan.points]
    sample = list(dict.fromkeys(point[:2] for point in found))
    assert len(sample) == 3
    assert found == [(*one, draws, where) for one in sample for draws in (1, 2) for where in "ab"]
    assert set(plan.varying) == {"rate", "size", "draws", "where"}
    assert make_plan(toy, settings, points=3, seed=1).points[0].settings["rate"] != found[0][0]


def test_a_range_replaces_an_axis_of_the_grid_and_the_settings_may_be_missing(toy):
    plan = make_plan(toy, {"draws": "1..1000", "cap": "1..9"}, points=4, design="random")
    assert len(plan.points) == 4
    assert all(1 <= point.settings["draws"] <= 1000 and 1 <= point.settings["cap"] <= 9 for point in plan.points)
    assert all(type(point.settings["cap"]) is int for point in plan.points)


def test_what_the_config_refuses_of_a_sample_is_told_for_its_points(tmp_path):
    text = with_cell("", "    rate: float = Field(0.5, lt=1)").replace("import BaseModel", "import BaseModel, Field")
    experiment = load(write(tmp_path, text))
    lines = told(make_plan, experiment, {"rate": "2..3"}, points=2).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("rate = 2.") and line.endswith(" (settings): must be less than 1") for line in lines)


def test_a_sampled_run_keeps_its_rows_when_points_are_added_at_random(tmp_path):
    path = write(tmp_path, with_cell("", "    rate: float = 0.5"))
    options = {"engine": "serial", "design": "random", "out": tmp_path / "out"}
    settings = {"rate": "0.1..0.9", "draws": 1}
    few = run(path, settings=settings, points=2, **options)
    many = run(path, settings=settings, points=5, **options)
    assert (many.reused, many.computed) == (4, 6)
    assert many.replicates["x"][:8].tolist() == few.replicates["x"].tolist()


def test_a_range_on_the_command_line(tmp_path, capsys):
    path = write(tmp_path, with_cell("", "    rate: float = 0.5"))
    assert parse_axes(["rate=0.1..0.9"]) == {"rate": ("0.1..0.9",)}
    arguments = [str(path), "--engine", "serial", "--out", str(tmp_path / "out"), "--set", "draws=1"]
    assert command([*arguments, "--set", "rate=0.1..0.9", "--points", "3", "--design", "lhs"]) == 0
    out = capsys.readouterr().out.splitlines()
    rates = [float(line.split()[0]) for line in out[4:7]]
    assert sorted(int((rate - 0.1) / 0.8 * 3) for rate in rates) == [0, 1, 2]
    assert command([*arguments, "--set", "rate=0.9..0.1", "--points", "3"]) == 2
    assert capsys.readouterr() == ("", f"simlab: rate = 0.9..0.1: {ENDS}\n")
    assert command([*arguments, "--points", "many"]) == 2
    assert capsys.readouterr() == (
        "",
        "simlab: --points = many: must be a whole number, such as 10000 or 1e4\n",
    )
