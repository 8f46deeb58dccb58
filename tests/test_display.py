"""What is said of a sweep: its design, its slacks, its size, the time it takes, and numbers as a reader wants them."""

from __future__ import annotations

import math
import re
import sys
import types
from pathlib import Path

import pytest
from toys import TOY, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import display, progress, run
from simlab.sweep.blocks import Outcome
from simlab.sweep.cli import command
from simlab.sweep.loading import design_of, load
from simlab.sweep.plan import make_plan
from simlab.sweep.planning import Target
from simlab.sweep.progress import Screen, Slacks, size_of
from simlab.sweep.running import prepare
from simlab.terminal.numerals import positive, size
from simlab.terminal.wording import duration

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))

DESIGN = '''
"""Is the coin fair?

Aims: to see whether the coin falls as it should. Data: tosses, of which the text says that data: are plain;
and nothing else (see the notes). Estimand: the chance of heads. Methods: the mean; the median.
Performance: bias and its error.

More prose. Data: not this.
"""
'''


def told(function, *arguments):
    with pytest.raises(BadInput) as mistake:
        function(*arguments)
    return str(mistake.value)


# the design


@pytest.mark.parametrize("path", [None, *EXPERIMENTS], ids=lambda path: path.stem if path else "headline")
def test_every_experiment_says_its_design(path):
    design = load(path).design
    assert {"Aim", "Data", "Estimand", "Performance"} <= set(design)
    for part in design.values():
        assert part
        assert part[-1] == "."
        assert not re.search(r"\b(Aims|Data|Estimands?|Methods|Performance): ", part)


def test_experiments_name_their_methods_where_there_are_several():
    named = {path.stem: "Method" in load(path).design for path in EXPERIMENTS}
    assert len(named) >= 6
    assert [name for name, there in named.items() if not there] == ["missing_mass_from_singletons"]


def test_a_design_is_cut_where_its_parts_begin_a_sentence():
    assert design_of(DESIGN.strip().strip('"')) == {
        "Aim": "to see whether the coin falls as it should.",
        "Data": "tosses, of which the text says that data: are plain; and nothing else (see the notes).",
        "Estimand": "the chance of heads.",
        "Method": "the mean; the median.",
        "Performance": "bias and its error.",
    }


@pytest.mark.parametrize(
    ("doc", "design"),
    [
        ("", {}),
        ("A question?\n\nMore prose.", {}),
        ("A question\n\nAims: one. Data: two.", {"Aim": "one.", "Data": "two."}),
        ("Aims: one.", {"Aim": "one."}),
        ("Why?\n\nAims: all data: old and new. Data: two.", {"Aim": "all data: old and new.", "Data": "two."}),
        ("Why?\n\nAims: of the Data: none; Data: two.", {"Aim": "of the Data: none;", "Data": "two."}),
        ("Why?\n\nAims: of the\nData: none.", {"Aim": "of the Data: none."}),
        ("Why?\n\nMethodology: none. Data-driven: no. Data:none", {}),
        ("Why?\n\nMethods: one.\n\nAnd more.", {"Method": "one."}),
    ],
)
def test_what_is_no_part_is_not_cut(doc, design):
    assert design_of(doc) == design


def test_the_header_prints_the_design(tmp_path, capsys, monkeypatch):
    doc = DESIGN.replace("\nMore prose. Data: not this.\n", "")
    path = write(tmp_path, doc + TOY.partition('"""\nfrom')[2].join(["from", ""]))
    assert command([str(path), "--engine", "serial", "--out", str(tmp_path / "out"), "--smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:8] == [
        "Is the coin fair?",
        "",
        "Aims: to see whether the coin falls as it should.",
        "Data: tosses, of which the text says that data: are plain; and nothing else (see the notes).",
        "Estimands: the chance of heads.",
        "Methods: the mean; the median.",
        "Performance: bias and its error.",
        "",
    ]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    display.show(run(path, engine="serial", out=tmp_path / "out", smoke=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["Aims: to see whether the coin falls as", "  it should."]


def test_an_experiment_without_a_design_has_no_header(tmp_path, capsys):
    assert command([str(write(tmp_path)), "--engine", "serial", "--out", str(tmp_path / "out"), "--smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Does the coin fall as often as it should?", ""]
    assert "share" in lines[2]


# the worst slack


def bound(slug, kind):
    return types.SimpleNamespace(slug=slug, name=slug, kind=kind)


BOUNDS = (bound("sure", "deterministic"), bound("mean", "expectation"), bound("likely", "probability"))


def slacks_of(job, *rows):
    slacks = Slacks(BOUNDS)
    for row in rows:
        slacks.add(Outcome(job, [{"replicate": 0, "method": "a", **row}]))
    return slacks


@pytest.fixture
def plan(tmp_path):
    return make_plan(load(write(tmp_path)))


def test_the_worst_slack_is_the_smallest_of_a_sure_bound_and_the_smallest_mean_of_one_in_expectation(plan):
    job = plan.jobs[0]
    assert slacks_of(job).worst() == ""
    assert slacks_of(job, {"sure_slack": 0.5}, {"sure_slack": -0.25}).worst() == "worst slack -0.25 (sure)"
    assert slacks_of(job, {"mean_slack": 0.5}, {"mean_slack": -0.25}).worst() == "worst slack 0.12 (mean)"
    assert slacks_of(job, {"likely_slack": -5.0}).worst() == ""
    assert slacks_of(job, {"other_slack": -5.0}).worst() == ""
    assert slacks_of(job, {"sure_slack": 0.5, "mean_slack": 0.75}).worst() == "worst slack 0.5 (sure)"
    assert slacks_of(job, {"sure_slack": math.nan}).worst() == ""
    assert slacks_of(job, {"sure_slack": math.inf}).worst() == "worst slack inf (sure)"
    assert slacks_of(job, {"mean_slack": math.inf}, {"mean_slack": -math.inf}).worst() == "worst slack -inf (mean)"


def test_means_are_of_one_grid_point_and_method(plan):
    here, there = plan.jobs[0], plan.jobs[2]
    assert here.point != there.point
    slacks = slacks_of(here, {"mean_slack": 1.0}, {"mean_slack": 2.0})
    slacks.add(Outcome(there, [{"replicate": 0, "method": "a", "mean_slack": 0.5}]))
    assert slacks.worst() == "worst slack 0.5 (mean)"
    slacks.add(Outcome(there, [{"replicate": 1, "method": "b", "mean_slack": -0.5}]))
    assert slacks.worst() == "worst slack -0.5 (mean)"
    slacks.add(Outcome(there, [{"replicate": 1, "method": "a", "mean_slack": 9.5}]))
    assert slacks.worst() == "worst slack -0.5 (mean)"


# the bar


def test_the_state_of_a_sweep_in_words(tmp_path, capsys, monkeypatch):
    rows = '[{"replicate": s.replicate, "method": "a", "sure_slack": -0.5} for s in streams]'
    bounds = '\nclass Sure:\n    slug, name, kind = "sure", "Sure", "deterministic"\nTHEOREMS = (Sure(),)\n'
    plan = make_plan(load(write(tmp_path, with_cell(f"return {rows}") + bounds)))
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    screen = Screen()
    screen.start(plan, 1)
    assert screen.line() == "1 of 4 blocks, 0.0 s, no block finished yet"
    now[0] = 102.0
    screen.advance(Outcome(plan.jobs[0], [{"replicate": 0, "method": "a", "sure_slack": -0.5}]))
    assert screen.line() == "2 of 4 blocks, 2.0 s, about 4.0 s left, 0.5 blocks/s, worst slack -0.5 (sure)"
    now[0] = 104.0
    screen.advance(Outcome(plan.jobs[1], [{"replicate": 0, "method": ""}], errors=2))
    assert screen.line() == "3 of 4 blocks, 4.0 s, about 2.0 s left, 0.5 blocks/s, 2 errors, worst slack -0.5 (sure)"
    screen.stop()
    assert capsys.readouterr().err == (
        "simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0; 1 of them there already, 3 to compute\n"
    )


def test_the_bar_moves_its_end_when_a_plan_grows(plan, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "160")):
        monkeypatch.setenv(name, value)
    screen = Screen()
    screen.start(plan, 0)
    screen.advance(Outcome(plan.jobs[0]))
    assert re.fullmatch(r"[\d.e+]+ blocks/s", screen.bar.tasks[0].fields["state"])
    screen.start(plan.with_blocks([2, 2, 2, 4]), 8)
    assert (screen.bar.tasks[0].total, screen.bar.tasks[0].completed) == (10, 8)
    screen.stop()
    assert capsys.readouterr().err.count("grid points") == 1


def test_quiet_shows_nothing(plan, capsys):
    screen = Screen(quiet=True)
    screen.start(plan, 0)
    screen.advance(Outcome(plan.jobs[0]))
    screen.note("a note")
    screen.stop()
    assert capsys.readouterr() == ("", "")


def test_the_size_of_a_plan_says_where_its_points_differ(plan):
    assert size_of(plan) == "toy: 4 grid points x 4 replicates, 8 blocks of 2, seed 0"
    assert size_of(plan.with_blocks([2, 2, 2, 5])) == (
        "toy: 4 grid points x up to 10 replicates, 11 blocks of 2, seed 0"
    )


# the rehearsal


def test_the_time_is_that_of_the_finished_blocks_of_the_same_point_else_of_all(tmp_path, capsys):
    path = write(tmp_path, with_cell(""))
    run(path, engine="serial", out=tmp_path / "out")
    sweep = prepare(
        path, engine="threads", workers=2, out=tmp_path / "out", settings={"draws": (1, 2, 3)}, replicates=8
    )
    sweep.rehearse()
    took = {job.key: block for job in sweep.plan.jobs if (block := sweep.known.get(job.key))}
    for block in took.values():
        seconds = 10.0 if b'"draws":1' in block.body() else 40.0
        block.provenance["duration_s"] = seconds
    display.show_plan(sweep)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "toy: 3 grid points x 8 replicates, 12 blocks of 2, seed 0",
        "  draws = 1: 2 of 4 blocks done",
        "  draws = 2: 2 of 4 blocks done",
        "  draws = 3: 0 of 4 blocks done",
        f"4 blocks done already in {tmp_path / 'out'}, 8 to compute",
        "about 1.7 min on 2 workers, by the 4 blocks done",  # (2 x 10 + 2 x 40 + 4 x 25) / 2
    ]


def test_a_rehearsal_names_the_target(tmp_path, capsys):
    path = write(tmp_path, with_cell(""))
    sweep = prepare(path, engine="serial", out=tmp_path / "out", until=Target(0.01, "x"), fresh=True)
    sweep.rehearse()
    display.show_plan(sweep)
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"0 blocks done already in {tmp_path / 'out'} (--fresh computes all of them anew), 4 to compute",
        "no block has run yet: there is no estimate of the time",
        "then more blocks at each grid point that has not reached mcse 0.01 of x",
    ]
    assert not (tmp_path / "out").exists()


def test_the_table_of_needs_is_folded_for_a_narrow_terminal(tmp_path, capsys, monkeypatch):
    result = run(write(tmp_path, with_cell("")), engine="serial", out=tmp_path / "out", replicates=20)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    display.show_needs(result, Target(0.01))
    lines = capsys.readouterr().out.splitlines()
    said = lines[max(i for i, line in enumerate(lines) if not line) + 1 :]
    assert re.match(r"[\d,]+ replicates at every grid point reach mcse 0.01", said[0])
    assert all(len(line) <= 60 for line in said)
    assert said[-1].startswith("  ")
    assert any("(" in line for line in lines[:-4])  # 0.50(7), short


# numbers as a user writes them, and as a reader wants them


@pytest.mark.parametrize(
    ("text", "size_in_bytes"),
    [
        ("2GB", 2 * 10**9),
        ("2g", 2 * 10**9),
        ("1.5GiB", 3 * 2**29),
        ("800MiB", 800 * 2**20),
        ("800 MB", 800 * 10**6),
        ("100", 100),
        ("100b", 100),
        ("0.1k", 100),
        ("1Ti", 2**40),
        (" 3kB ", 3000),
    ],
)
def test_a_size_reads_as_it_is_written(text, size_in_bytes):
    assert size("--memory-limit", text) == size_in_bytes


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "2 G B", "1e9", "2GBi", "5iB", "2EB", "nan", "2GB/s"])
def test_a_size_that_is_none_is_a_sentence(text):
    assert told(size, "--memory-limit", text) == (f"--memory-limit = {text}: must be a size, such as 2GB or 800MiB")


def test_a_time_above_0_is_a_number_or_its_text():
    assert positive("timeout", None) is None
    assert [positive("timeout", value) for value in (3, 0.5, "1e2")] == [3.0, 0.5, 100.0]
    for value in (0, -1, "0", "soon", "", math.nan, math.inf, "inf", [], 10**400, True, 1e12, "10000001"):
        assert told(positive, "timeout", value) == (
            f"timeout = {value}: must be a number of seconds above 0 and up to 1e7, such as 30"
        )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.26, "0.3 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (42, "42 s"),
        (99.4, "99 s"),
        (100, "1.7 min"),
        (420, "7.0 min"),
        (5990, "100 min"),
        (6000, "1.7 h"),
        (3600 * 36, "36 h"),
        (3600 * 48, "2 days"),
        (86400 * 1234, "1,234 days"),
    ],
)
def test_a_duration_is_short(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--timeout", "soon"], "--timeout = soon: must be a number of seconds above 0 and up to 1e7, such as 30"),
        (["--deadline", "0"], "--deadline = 0: must be a number of seconds above 0 and up to 1e7, such as 30"),
        (["--memory-limit", "much"], "--memory-limit = much: must be a size, such as 2GB or 800MiB"),
        (["--memory-limit", "0"], "--memory-limit = 0: must be a whole number of at least 1"),
        (["--max-errors", "-1"], "--max-errors = -1: must be a whole number of at least 0"),
        (["--workers", "0"], "--workers = 0: must be a whole number of at least 1"),
        (["--memory-limit", "1MB"], "--memory-limit = 1MB: no worker starts with so little: give 1GB or more"),
        (["--max-errors", "3", "--fail-fast"], "--fail-fast and --max-errors 3 are both given: choose one of them"),
    ],
)
def test_limits_are_judged_before_anything_runs(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    assert command(["toy.py", *arguments]) == 2
    assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.py"]


def test_bounds_of_other_units_are_compared_by_slack_over_value(plan):
    """A squared error of 1e-12 with half of it to spare is farther from broken than an error of .3 with .003."""
    rows = [{"mean_slack": 5e-13, "mean_value": 1e-12, "sure_slack": 0.003, "sure_value": 0.3}]
    assert slacks_of(plan.jobs[0], *rows).worst() == "worst slack 0.003 (sure)"
    assert slacks_of(plan.jobs[0], *rows).worst(named=False) == "worst slack 0.003"
    assert slacks_of(plan.jobs[0], {"mean_slack": 5e-13, "sure_slack": 0.003}).worst() == "worst slack 5e-13 (mean)"
