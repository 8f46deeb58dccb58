"""Every experiment, figure and benchmark runs, at its smallest size; the committed tables are what figures need."""

import csv
import functools
import math
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from simlab import drawing
from simlab.bounds import THEOREMS
from simlab.errors import BadInput
from simlab.missing_mass import INTERVALS, certificate, counts_of
from simlab.sweep import run
from simlab.sweep.loading import load

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
FIGURES = sorted((ROOT / "figures").glob("*.py"))


@pytest.mark.parametrize("path", [*EXPERIMENTS, None], ids=lambda path: path.stem if path else "headline")
def test_experiment_at_smoke_size(path: Path | None, tmp_path: Path) -> None:
    result = run(path, smoke=True, out=tmp_path, engine="serial")
    assert result.status == 0
    assert result.picture is not None
    assert result.picture.read_bytes().startswith(b"\x89PNG")
    assert len(result.replicates["replicate"]) >= 2
    assert result.verdicts
    assert set(load(path).shown) <= {row["measure"] for row in result.summary}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_no_setting_takes_what_is_no_finite_number(path: Path) -> None:
    """Told by the Config, or by the experiment's check: never by a fit, whose settings have other names."""
    found = runpy.run_path(str(path))
    config, check = found["Config"], found.get("check", lambda config: config)
    for name, field in config.model_fields.items():
        if "float" not in str(field.annotation):
            continue
        for value in (math.nan, math.inf, -math.inf):
            with pytest.raises((ValidationError, BadInput)) as caught:
                check(config(**{name: (value,) if "tuple" in str(field.annotation) else value}))
            if isinstance(caught.value, ValidationError):
                assert {error["loc"][0] for error in caught.value.errors()} == {name}


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figure_from_the_committed_table(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as `make figures` does, warnings as errors: a glyph that is missing or a label that collides is one."""
    monkeypatch.setattr(sys, "argv", [str(path)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runpy.run_path(str(path), run_name="__main__")
    drawn = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.name.removeprefix(path.stem) for one in drawn] in (
        [".png", "_two.pdf"],
        [".png", "_one.pdf", "_two.pdf"],
    )
    assert all(one.stat().st_size > 5_000 for one in drawn)


def test_a_printed_figure_is_as_wide_as_its_columns() -> None:
    """In points, as its PDF says: 84 mm and 174 mm; another width is refused in a sentence. Processes, as of make."""
    script = ROOT / "figures" / "error_from_iiv.py"
    for width, millimetres in (("one", 84), ("two", 174)):
        subprocess.run([sys.executable, "-W", "error", str(script), width], check=True, capture_output=True)
        pdf = (ROOT / "figures" / "output" / f"error_from_iiv_{width}.pdf").read_bytes()
        (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) [\d.]+ \]", pdf)
        assert float(box) == pytest.approx(millimetres * 72 / 25.4, abs=0.1)
    narrow = [sys.executable, str(ROOT / "figures" / "monofacts.py"), "one"]
    done = subprocess.run(narrow, check=False, capture_output=True, text=True)
    assert "width of monofacts 'one' is unknown: choose from screen, two" in done.stderr


def test_every_experiment_has_a_figure_and_a_committed_table() -> None:
    names = {path.stem for path in EXPERIMENTS} | {"headline"}
    assert {path.stem for path in FIGURES} == names
    assert {path.stem for path in (ROOT / "experiments" / "results").glob("*.csv")} == names


@pytest.mark.parametrize("path", sorted((ROOT / "experiments" / "results").glob("*.csv")), ids=lambda path: path.stem)
def test_committed_tables_satisfy_the_theorems_in_the_mean(path: Path) -> None:
    """No committed mean slack is negative beyond its Monte Carlo error."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    slugs = {theorem.slug for theorem in THEOREMS}
    slacks = [row for row in rows if row["measure"].removesuffix("_slack") in slugs - {row["measure"]}]
    of_one_method = {"error_from_singletons_upper_slack", "missing_mass_from_counts_slack", "error_from_bits_slack"}
    slacks = [row for row in slacks if row["n"] != "0" or row["measure"] not in of_one_method]
    assert slacks
    sure = {theorem.slug for theorem in THEOREMS if theorem.kind == "deterministic"}
    for row in slacks:
        assert float(row["mean"]) >= -4 * float(row["mcse"]) - 1e-9, row
        assert float(row["q05"]) >= -1e-9 or row["measure"].removesuffix("_slack") not in sure, row
    assert all(int(row["n"]) > 1 for row in slacks)


def test_committed_identity_of_theorem_1() -> None:
    """The means of the terms add up to the mean error in every committed table that has them."""
    for path in (ROOT / "experiments" / "results").glob("*.csv"):
        groups: dict[tuple[str, ...], dict[str, float]] = {}
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                key = tuple(value for name, value in row.items() if name not in NUMBERS)
                groups.setdefault(key, {})[row["measure"]] = float(row["mean"])
        for mean in groups.values():
            if "over" in mean:
                right = 2 * mean["iiv_error"] - mean["valid_over_errors"] - mean["calibration_gap"]
                right += mean["over"] + mean["room"] + mean["gap"]
                assert right == pytest.approx(mean["error"], abs=1e-11)


NUMBERS = {"measure", "mean", "mcse", "q05", "q50", "q95", "n", "n_errors", "n_not_converged"} | {
    "bias",
    "bias_mcse",
    "coverage",
    "coverage_mcse",
}


DRIFT = runpy.run_path(str(ROOT / "docs" / "drift.py"))
drifted = DRIFT["drifted"]


@pytest.mark.slow
@pytest.mark.parametrize("path", [*EXPERIMENTS, None], ids=lambda path: path.stem if path else "headline")
def test_a_rerun_at_published_size_gives_the_committed_table(path: Path | None, tmp_path: Path) -> None:
    """Same seed, code and libraries: to 1e-9; others may draw other corpora: within 4 sqrt(2) MCSE."""
    run(path, out=tmp_path, engine="local")
    name = path.stem if path else "headline"
    committed = drawing.read_table(ROOT / "experiments" / "results" / f"{name}.csv")
    again = drawing.read_table(tmp_path / "summary.csv")
    assert DRIFT["compare"](committed, again) == []


def test_a_table_that_has_drifted_is_seen() -> None:
    """Of committed rows, each changed in one way."""
    rows = read_once(STUDY)
    row = next(one for one in rows if one["measure"] == "estimate" and one["mcse"] > 0 and 0 < one["coverage"] < 1)
    assert drifted(row, row | {"version": "another"}, True) == []
    near = row | {"mean": row["mean"] + row["mcse"]}
    assert drifted(row, near, True) == ["mean"]
    assert drifted(row, near, False) == []
    assert drifted(row, row | {"mean": row["mean"] * (1 + 1e-11)}, True) == []
    assert drifted(row, row | {"mean": row["mean"] + 6 * row["mcse"]}, False) == ["mean"]
    assert drifted(row, row | {"bias": row["bias"] + 6 * row["bias_mcse"]}, False) == ["bias"]
    assert drifted(row, row | {"coverage": ""}, False) == ["coverage"]
    assert drifted(row, row | {"mean": math.nan}, False) == ["mean"]
    assert drifted(row, row | {"n": row["n"] - 1}, False) == ["n"]
    assert drifted(row, row | {"world": "another"}, False) == ["world"]
    exact = row | {"mcse": 0.0}
    assert drifted(exact, exact | {"mean": exact["mean"] + 1e-6}, False) == ["mean"]


def test_a_rerun_that_drifts_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One cell of one table beside the committed ones; and tables of others."""
    main = DRIFT["main"]
    assert main([str(tmp_path)]) == 2
    assert "has no NAME/summary.csv of a committed table: run make results" in capsys.readouterr().err
    for name in ("headline", "error_from_iiv"):
        (tmp_path / name).mkdir()
        text = (ROOT / "experiments" / "results" / f"{name}.csv").read_text()
        (tmp_path / name / "summary.csv").write_text(text)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2 tables agree with the committed ones\n"
    head, first, *rest = text.splitlines(keepends=True)
    (tmp_path / name / "summary.csv").write_text(head + first.replace("0.37934999999999997", "0.5") + "".join(rest))
    assert main([str(tmp_path)]) == 2
    assert (
        "error_from_iiv.csv has drifted: line 2: mean of singleton_rate is 0.5 and was 0.37" in capsys.readouterr().err
    )
    (tmp_path / name / "summary.csv").write_text(head + first + "".join(rest[:-1]))
    assert main([str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "headline" not in told
    assert "error_from_iiv.csv has drifted: " in told
    assert "error_from_iiv/summary.csv has no row of" in told


def test_good_turing_experiment_against_its_exact_values() -> None:
    """Simulated mean squared deviations of the committed table against the exact ones, in units of their MCSE."""
    rows = drawing.read_table(ROOT / "experiments" / "results" / "missing_mass_from_singletons.csv")
    points = {(row["world"], row["draws"]) for row in rows}
    found = {(row["world"], row["draws"], row["measure"]): row for row in rows}
    z = [
        (found[(*point, "squared_deviation")]["mean"] - found[(*point, "exact_mse")]["mean"])
        / found[(*point, "squared_deviation")]["mcse"]
        for point in points
    ]
    assert np.abs(z).max() < 5
    assert 0.4 < np.mean(np.square(z)) < 2.5


STUDY = ROOT / "experiments" / "results" / "missing_mass_intervals.csv"
read_once = functools.cache(drawing.read_table)  # no test changes the rows of a committed table
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(drawing, "read_table", read_once)
    WHICH = runpy.run_path(str(ROOT / "docs" / "which_interval.py"))


def judged(promise: str) -> list[dict[str, Any]]:
    """The points of the committed study whose interval promises this; at least one of every world and N."""
    found = [row for row in WHICH["judged"](read_once(STUDY)) if row["promise"] == promise]
    assert len({(row["world"], row["draws"]) for row in found}) == (60 if promise != "bootstrap" else 48)
    return found


def test_the_study_names_what_each_interval_promises() -> None:
    """As the estimates themselves do: every method of the study, in a corpus of its own."""
    study = runpy.run_path(str(ROOT / "experiments" / "missing_mass_intervals.py"))
    config = study["Config"](draws=200, world="zipf_1.5", resamples=19)
    counts, rng = counts_of({1: 40, 2: 20, 3: 10, 10: 9}), np.random.default_rng(0)
    found = [find(counts) for _, find in study["exact_ones"](0.95, 0.1)]
    found += [
        one for _, one in study["curve_of"](config, counts, 0.1, rng) + study["bootstrap_of"](config, counts, rng)
    ]
    promises = {one.method: one.promise for one in found}
    assert {method: WHICH["promise_of"](method) for method in promises} == promises
    assert WHICH["promise_of"]("certificate") == certificate(counts).promise
    methods = {row["method"] for row in read_once(STUDY)}
    assert methods == {*promises, "certificate"}


def test_the_finite_sample_intervals_of_the_committed_study_keep_their_promise() -> None:
    """Never below the level at any point, the certificate, Robbins' and one-sided ones included."""
    promised = judged("finite-sample")
    finite = [name for name, kind in INTERVALS.items() if kind.promise == "finite-sample"]
    both = {f"good_turing, {name}" for name in finite} | {"good_turing:upper, tails", "good_turing:lower, kv"}
    robbins = {f"robbins{side}, chebyshev" for side in ("", ":lower", ":upper")}
    assert {row["method"] for row in promised} == both | robbins | {"certificate"}
    assert len(promised) == 60 * (len(finite) + 6)
    assert min(row["coverage"] for row in promised) >= 0.95
    for row in promised:  # the bias of Good-Turing lies in [0, 1/N]
        if row["method"].startswith("good_turing"):
            assert -4 * row["bias_mcse"] <= row["bias"] <= 1 / row["draws"] + 4 * row["bias_mcse"], row


def test_the_asymptotic_and_bootstrap_intervals_of_the_committed_study_keep_their_promise() -> None:
    """Not below the level by 4 Monte Carlo errors, but at the exceptions that the docs name; each of those is one.

    Asymptotic ones have exceptions only where few singletons are expected, at every N or at the smallest.
    """
    short = {}
    for promise in ("asymptotic", "bootstrap"):
        rows = [row for row in judged(promise) if row["far"] > WHICH["SHORT"]]
        short[promise] = {(row["world"], row["draws"]) for row in rows}
    assert short["asymptotic"] | short["bootstrap"] == set(WHICH["EXCEPTIONS"])
    assert all(world == "few_singletons" or draws == 100 for world, draws in short["asymptotic"])
    assert len(short["bootstrap"]) <= 2


def test_the_mean_coverage_of_the_committed_study() -> None:
    """Over all worlds and N, within .01 of the level for the intervals of the missing mass, .02 for the curve's."""
    mean = {}
    for row in judged("asymptotic") + judged("bootstrap"):
        mean.setdefault(row["method"], []).append(row["coverage"])
    for method, coverages in mean.items():
        if method != "good_toulmin, normal":  # wider than it need be: no corpus is as scattered as its variance says
            assert abs(np.mean(coverages) - 0.95) < (0.02 if method.startswith("coverage_curve") else 0.01), method
    bootstraps = [row for row in judged("bootstrap") if row["method"] == "good_turing, bootstrap"]
    assert all(row["n"] >= 400 for row in bootstraps if row["draws"] <= 1e4)


def test_the_spread_of_an_estimate_is_not_its_promise() -> None:
    """What promises its spread alone misses somewhere in the study: no other promise would be true of it."""
    worst: dict[str, float] = {}
    for row in judged("spread"):
        worst[row["method"]] = min(worst.get(row["method"], 1.0), row["coverage"])
    assert len(worst) == 13
    assert max(worst.values()) < 0.9
    endless = [
        row
        for row in judged("spread")
        if row["world"].startswith("power_law") and row["method"].startswith(("frequency", "power_law"))
    ]
    assert len(endless) == 20
    assert min(row["coverage"] for row in endless) > 0.95


def test_what_the_docstrings_take_from_the_committed_study() -> None:
    """Of ``draws_until`` at N = 1e4, and of ``exponent`` at N = 1e9."""
    rows = {(row["method"].split(",")[0], row["world"], row["draws"], row["measure"]): row for row in read_once(STUDY)}
    for world, low, high in (("zipf_0.8", 0.15, 0.2), ("power_law_1.5", 0.63, 0.72)):
        found = rows["draws_until", world, 10_000, "estimate"]
        assert low < found["bias"] / (found["bias"] - found["mean"]) < high
    ended = rows["frequency_exponent", "zipf_1.5", 10**9, "estimate"]
    assert ended["bias"] == pytest.approx(-0.005, abs=5e-4)
    assert rows["frequency_exponent", "zipf_1.5", 10**9, "width"]["mean"] < 0.005 / 3


def test_the_committed_study_finds_the_worst_risk_of_good_turing() -> None:
    """N times the mean squared error of .6080 at .8526 draws a fact, within its Monte Carlo error."""
    rows = read_once(STUDY)
    found = [
        (row["draws"] * row["mean"], row["draws"] * row["mcse"])
        for row in rows
        if (row["world"], row["method"], row["measure"]) == ("uniform_worst", "good_turing, tails", "squared_error")
    ]
    assert len(found) == 5
    assert all(abs(risk - 0.6080) < 4 * mcse + 0.01 for risk, mcse in found)
    assert all(mcse < 0.05 for _, mcse in found)


def test_the_page_on_intervals_shows_the_committed_study() -> None:
    page = WHICH["PAGE"].read_text()
    assert WHICH["replaced"](page) == page, "run python docs/which_interval.py"
    told = {line.split("`")[1] for line in page.splitlines() if line.startswith("|") and "`" in line}
    promised = {row["method"].removeprefix("good_turing, ") for row in judged("asymptotic") + judged("spread")}
    assert promised <= told


def test_benchmarks_at_smoke_size() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--smoke"], check=True, capture_output=True, text=True
    )
    assert "numpy multinomial" in done.stdout
    assert " x" in done.stdout
