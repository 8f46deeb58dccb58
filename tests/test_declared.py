"""A misspelt measure is told before anything runs, and an experiment's list of measures is that of its rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.cli import command
from simlab.sweep.declared import check_target, declared_measures
from simlab.sweep.loading import Experiment, load, load_facts
from simlab.sweep.planning import Target
from simlab.sweep.sweeping import Sweep

ROOT = Path(__file__).parents[1]
EXPERIMENTS = [*sorted((ROOT / "experiments").glob("*.py")), None]
ROWS = '[{"replicate": s.replicate, "method": "a", "share": 0.5, "share_low": 0.4, "at_7": 1.0} for s in streams]'


def named(path: Path | None) -> str:
    return path.stem if path else "headline"


def committed(path: Path | None) -> set[str]:
    with (ROOT / "experiments" / "results" / f"{named(path)}.csv").open(newline="") as file:
        return {row["measure"] for row in csv.DictReader(file)}


def nothing_runs(*_: object) -> None:
    raise AssertionError("a sweep began")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=named)
def test_every_committed_measure_may_be_a_target_and_no_misspelt_one(path: Path | None) -> None:
    experiment = load(path)
    found = committed(path)
    assert len(found) > 5
    for name in found:
        check_target(experiment, Target(0.1, name))
        check_target(experiment, Target(0.1, f"{name}.coverage"))
    for name in experiment.shown:
        for wrong in (f"{name}x", f"{name[0]}{name}"):
            with pytest.raises(BadInput) as caught:
                check_target(experiment, Target(0.1, wrong))
            assert str(caught.value) == f"measure {wrong!r} is unknown: did you mean {name!r}?"


@pytest.mark.parametrize("option", ["--until", "--plan"])
@pytest.mark.parametrize("path", EXPERIMENTS, ids=named)
def test_a_misspelt_measure_is_exit_status_2_before_anything_runs(
    path: Path | None, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Sweep, "run", nothing_runs)
    name = next(iter(load(path).shown))
    given = [*([str(path)] if path else []), "--smoke", "--engine", "serial", "--out", str(tmp_path / "out")]
    assert command([*given, option, f"measure={name}x,mcse=0.1"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"simlab: measure '{name}x' is unknown: did you mean {name!r}?\n")
    assert not (tmp_path / "out").exists()


def test_a_table_of_facts_knows_its_measures(tmp_path: Path) -> None:
    table = tmp_path / "facts.csv"
    table.write_text("q,a\nx,1\ny,2\nz,3\nz,3\n")
    experiment = load_facts([str(table)], prompt="q", answer="a")
    check_target(experiment, Target(0.1, "table_floor"))
    with pytest.raises(BadInput, match=r"^measure 'table_flor' is unknown: did you mean 'table_floor'\?$"):
        check_target(experiment, Target(0.1, "table_flor"))
    result = run(experiment, replicates=2, engine="serial", out=tmp_path / "out")
    assert {"table_floor", "table_singleton_rate"} <= set(result.replicates)


@pytest.fixture
def toy(tmp_path: Path) -> Callable[[str], Experiment]:
    return lambda measures: load(write(tmp_path, with_cell(f"return {ROWS}") + f"\nMEASURES = {measures}\n"))


def test_rows_are_held_to_what_is_declared(toy: Callable[[str], Experiment], tmp_path: Path) -> None:
    told: dict[str, Any] = {"engine": "serial", "out": tmp_path / "out"}
    assert run(toy("('share', 'at_#')"), **told).status == 0  # share_low stands beside share
    for measures, missing in (("('share',)", "at_7"), ("('at_#',)", "share_low")):
        with pytest.raises(BadInput) as caught:
            run(replace(toy(measures), shown={}), **told, fresh=True)
        said = str(caught.value)
        assert said.endswith(" is not in MEASURES: list it there")
        assert missing in said or measures == "('at_#',)"


@pytest.mark.parametrize("measures", ["'share'", "(1,)", "('',)", "3"])
def test_what_is_no_list_of_names_is_a_sentence(measures: str, toy: Callable[[str], Experiment]) -> None:
    with pytest.raises(BadInput) as caught:
        declared_measures(toy(measures))
    said = str(caught.value)
    assert said.startswith("toy.py: MEASURES = ")
    assert said.endswith(": must be a tuple of names, such as ('accuracy',)")


def test_an_experiment_that_lists_nothing_is_not_held_to_it(tmp_path: Path) -> None:
    experiment = load(write(tmp_path, with_cell(f"return {ROWS}")))
    assert declared_measures(experiment) is None
    check_target(experiment, Target(0.1, "anything"))
    check_target(experiment, None)
