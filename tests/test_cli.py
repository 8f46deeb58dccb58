"""The command line: one sentence a mistake, the exit statuses, and what is printed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

import simlab
from simlab.sweep import cli, display, run
from simlab.sweep.cli import command
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan

TOY = '''"""Does the bound hold?

More prose.
"""
from dataclasses import dataclass
from pydantic import BaseModel, Field
from simlab.errors import BadInput

class Config(BaseModel, frozen=True, extra="forbid"):
    draws: int = Field(10, ge=1)
    margin: float = 0.5
    mode: str = "iid"
    methods: tuple[str, ...] = ("one", "two")
    raises: bool = False

@dataclass(frozen=True)
class Bound:
    slug: str = "toy_bound"
    name: str = "Toy bound"
    kind: str = "deterministic"

GRID = {"draws": (10, 1_000_000)}
REPLICATES = 4
BLOCK = 2
SMOKE = {"replicates": 1, "block": 1}
SHOWN = ("error", "toy_bound_value")
THEOREMS = (Bound(),)

def cell(config, streams):
    if config.raises:
        raise ValueError("as told")
    if config.margin > 1:
        raise BadInput(f"margin = {config.margin}: must be at most 1, choose less")
    return [{"replicate": s.replicate, "method": m, "error": s.numpy("e").random(), "toy_bound_value": 0.25,
             "toy_bound_slack": config.margin, "toy_bound_vacuous": config.draws == 10}
            for s in streams for m in config.methods]
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        monkeypatch.setenv(name, os.environ[name])  # what a command sets in our environment is put back
    (tmp_path / "toy.py").write_text(TOY)
    return "toy.py"


@pytest.fixture
def sweep(toy, capsys):
    """Run the command line in this process, serially; returns status, lines of stdout and of stderr."""

    def called(*arguments):
        status = command([*arguments, "--engine", "serial"])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return called


def test_a_sweep_prints_its_question_table_verdict_and_paths(sweep, toy):
    status, out, err = sweep(toy)
    assert status == 0
    assert err == ["simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0"]
    assert out[0] == "Does the bound hold?"
    assert [line.split() for line in out[1:3]] == [["toy_bound_"], ["draws", "method", "error", "value"]]
    assert [line.split()[:2] for line in out[4:8]] == [["10", "one"], ["10", "two"], ["1e6", "one"], ["1e6", "two"]]
    assert all("±" in line and line.split()[-1] == "0.25" for line in out[4:8])
    assert out[8] == (
        "Toy bound (toy_bound): held, but vacuous at 1 of 2 grid points (draws <= 10); smallest slack 0.5 over 16 rows."
    )
    assert out[9:] == [f"results/toy/{name}" for name in ("replicates.parquet", "summary.csv", "provenance.csv")]
    assert all(Path(path).is_file() for path in out[9:])
    again = sweep(toy)
    assert again[:2] == (0, out)
    assert again[2] == ["simlab: all 4 blocks were there already: nothing to compute (--fresh recomputes)"]


def test_a_violated_bound_is_exit_status_1(sweep, toy):
    status, out, _ = sweep(toy, "--set", "margin=-0.5")
    assert status == 1
    assert (
        "Toy bound (toy_bound): VIOLATED, and vacuous at 1 of 2 grid points (draws <= 10); "
        "smallest slack -0.5 over 16 rows at draws = 10, method one." in out
    )
    assert sweep(toy, "--set", "margin=-1e-10")[0] == 0


def test_a_mode_that_breaks_the_assumptions_prints_its_verdict_and_no_alarm(sweep, toy):
    status, out, _ = sweep(toy, "--set", "margin=-0.5", "--set", "mode=iid,deduplicated", "--set", "draws=1e6")
    assert status == 1
    assert any("in mode deduplicated, which breaks its assumptions on purpose: VIOLATED" in line for line in out)
    status, out, _ = sweep(toy, "--set", "margin=-0.5", "--set", "mode=deduplicated")
    assert status == 0
    assert any("VIOLATED" in line for line in out)


def test_error_rows_are_exit_status_3(sweep, toy):
    status, out, err = sweep(toy, "--set", "raises=false,true")
    assert status == 3
    assert "Not complete: 8 replicates raised." in out
    assert err[-1] == (
        "simlab: the cell raised ValueError: as told (error rows, with traceback, are in replicates.parquet)"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--replicate", "3"], "option '--replicate' is unknown: did you mean '--replicates'?"),
        (["--sett", "draws=1"], "option '--sett' is unknown: did you mean '--set'?"),
        (["--set", "drows=3"], "setting 'drows' is unknown: did you mean 'draws'?"),
        (["--set", "draws=1.5"], "draws = 1.5 (--set): must be a whole number, such as 10000 or 1e4"),
        (["--set", "draws=0"], "draws = 0 (--set): must be greater than or equal to 1"),
        (["--set", "draws"], "--set draws: must read name=value or name=value,value"),
        (["--set", "draws=1,"], "--set draws=1,: must read name=value or name=value,value"),
        (
            ["--set", "draws=1", "--set", "draws=2"],
            "--set draws is given twice: separate the values of one axis by commas",
        ),
        (["--set", "margin=2"], "margin = 2.0: must be at most 1, choose less"),
        (["--replicates", "0"], "replicates = 0: must be a whole number of at least 1"),
        (["--replicates", "2.5"], "--replicates = 2.5: must be a whole number, such as 10000 or 1e4"),
        (["--seed", "-1"], "seed = -1: must be a whole number of at least 0"),
        (["--workers", "none"], "--workers = none: must be a whole number, such as 10000 or 1e4"),
        (["--seed"], "option '--seed' requires an argument: see python -m simlab.sweep --help"),
        (["--engine", "threads"], "engine 'threads' is unknown: choose from local, serial"),
        (["more.py"], "2 experiments are given (toy.py, more.py): run one at a time"),
        (["--prompt", "city"], "--prompt is given without --facts: it describes a table of facts"),
        (["--facts", "a.csv"], "--facts and the experiment 'toy.py' are both given: choose one of them"),
        (
            ["--out", "toy.py"],
            "results folder 'toy.py' cannot be written (Not a directory): choose another with --out DIR",
        ),
    ],
)
def test_a_mistake_is_one_sentence_exit_status_2_and_nothing_written(toy, capsys, arguments, sentence):
    engine = [] if "--engine" in arguments else ["--engine", "serial"]
    assert command([toy, *engine, *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[-1]) == ("", f"simlab: {sentence}")
    assert [line for line in err.splitlines()[:-1] if "grid points x" not in line] == []
    assert [path.name for path in Path.cwd().iterdir()] == ["toy.py"]


def test_every_mistake_of_a_call_is_told(sweep, toy):
    status, out, err = sweep(toy, "--set", "draws=0,5,-1", "--set", "margin=wide")
    assert (status, out) == (2, [])
    assert err == [
        "simlab: draws = 0 (--set): must be greater than or equal to 1",
        "simlab: margin = wide (--set): must be a valid number, unable to parse string as a number",
        "simlab: draws = -1 (--set): must be greater than or equal to 1",
    ]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("tyo.py", "experiment 'tyo.py' is unknown: did you mean 'toy.py'?"),
        ("status", "experiment 'status' is no file: give the path of an experiment, a .py file"),
        ("nowhere/toy.py", "experiment 'nowhere/toy.py' is no file: give the path of an experiment, a .py file"),
    ],
)
def test_an_experiment_that_is_not_there(sweep, path, sentence):
    assert sweep(path) == (2, [], [f"simlab: {sentence}"])


def test_integers_may_be_written_1e6_everywhere(sweep, toy):
    status, out, _ = sweep(toy, "--set", "draws=1e6,1e15", "--replicates", "1e1", "--seed", "7e0")
    assert status == 0
    assert [line.split()[0] for line in out[4:8]] == ["1e6", "1e6", "1e15", "1e15"]


def test_a_plus_joins_the_parts_of_one_value(sweep, toy):
    status, out, _ = sweep(toy, "--set", "methods=one,two+three", "--smoke", "--set", "draws=10")
    assert status == 0
    assert [line.split()[:2] for line in out[4:7]] == [["one", "one"], ["two+three", "two"], ["two+three", "three"]]


def test_a_dry_run_prints_the_plan_and_writes_nothing(sweep, toy):
    status, out, err = sweep(toy, "--dry-run")
    assert (status, err) == (0, [])
    assert out == [
        "Does the bound hold?",
        "toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0",
        "  draws = 10: 0 of 2 blocks done",
        "  draws = 1e6: 0 of 2 blocks done",
        "0 blocks done already in results/toy, 4 to compute",
    ]
    assert not Path("results").exists()
    sweep(toy, "--set", "draws=10")
    assert "2 blocks done already in results/toy, 2 to compute" in sweep(toy, "--dry-run")[1]


def test_quiet_keeps_the_results_and_drops_the_rest(sweep, toy):
    status, out, err = sweep(toy, "--quiet", "--replicates", "3")
    assert (status, err) == (0, [])
    assert out[-1] == "results/toy/provenance.csv"


def test_interruption_is_exit_status_130(toy, capsys):
    text = TOY.replace(
        "    if config.raises:", "    if config.draws > 10:\n        raise KeyboardInterrupt\n    if config.raises:"
    )
    Path("toy.py").write_text(text)
    assert command([toy, "--engine", "serial"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        "simlab: interrupted: 2 of 4 blocks are kept in results/toy; the same command resumes"
    )


def test_a_crash_of_ours_is_exit_status_70_and_says_so(toy, capsys, monkeypatch):
    monkeypatch.setattr(cli, "execute", lambda arguments: 1 // 0)
    assert command([toy, "--quiet"]) == 70
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "Traceback (most recent call last):"
    assert err[-1] == (
        f"simlab: this is a fault of simlab {simlab.__version__} and not yours: please report it with the lines above "
        "and the command: simlab.sweep toy.py --quiet"
    )


def test_the_picture_is_drawn_from_the_summary(sweep, toy, monkeypatch):
    drawn = []

    class Figure:
        def savefig(self, file, **options):
            file.write(b"ink")

    drawing = types.ModuleType("simlab.drawing")
    drawing.toy_picture = lambda summary: drawn.append(summary) or Figure()
    drawing.__all__ = ["toy_picture"]
    monkeypatch.setitem(sys.modules, "simlab.drawing", drawing)
    monkeypatch.setattr(simlab, "drawing", drawing, raising=False)
    Path("toy.py").write_text(TOY + 'PICTURE = "toy_picture"\n')
    status, out, _ = sweep(toy)
    assert (status, out[-1]) == (0, "results/toy/toy.png")
    assert Path(out[-1]).read_bytes() == b"ink"
    assert {row["measure"] for row in drawn[0]} >= {"error", "toy_bound_slack"}
    Path("toy.py").write_text(TOY + 'PICTURE = "toy_pictrue"\n')
    assert sweep(toy)[0::2] == (2, ["simlab: picture 'toy_pictrue' is unknown: did you mean 'toy_picture'?"])


def test_facts_may_be_given_as_a_shell_expands_them():
    read = cli.read_arguments(["--facts", "a.csv", "b.csv", "--prompt", "city", "--idk", "?", "--idk", "none"])
    assert read.facts == ["a.csv", "b.csv"]
    assert read.columns == {"prompt": "city", "idk": ["?", "none"]}
    assert cli.read_arguments(["--facts=a.csv", "b.csv", "--facts", "c.csv"]).facts == ["a.csv", "b.csv", "c.csv"]


def test_a_narrow_terminal_gets_shorter_numbers_and_then_fewer_columns(toy):
    result = run(toy, engine="serial", out="out")
    (full,), short = display.tables_of(result, 100)
    assert (len(full.columns), short) == (4, False)
    (narrow,), short = display.tables_of(result, display._width(full) - 1)
    assert (len(narrow.columns), short) == (4, True)
    parts, short = display.tables_of(result, display._width(narrow) - 1)
    assert ([len(part.columns) for part in parts], short) == ([3, 3], True)
    assert len(display.tables_of(result, 1)[0]) == 2


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(toy, capsys):
    screen = display.Screen(every=0.05)
    screen.start(make_plan(load(toy)), 1)
    time.sleep(0.2)
    screen.stop()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0"
    assert lines[1] == "simlab: 1 of 4 blocks, 0 s, no block finished yet"
    screen.count, screen.began = 3, time.monotonic() - 10
    assert screen.line() == "3 of 4 blocks, 10 s, about 5 s left"


def test_help_and_version_load_nothing_heavy_and_answer_at_once(tmp_path):
    code = (
        "import sys; from simlab.sweep.cli import command; status = command(sys.argv[1:]); "
        "heavy = {'numpy', 'pydantic', 'jax', 'numba', 'duckdb', 'matplotlib', 'scipy'} & set(sys.modules); "
        "sys.exit(f'{status} {sorted(heavy)}' if status or heavy else 0)"
    )
    took = []
    for arguments in (["--help"], ["--version"], ["--help"]):
        began = time.perf_counter()
        found = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path)
        took.append(time.perf_counter() - began)
        assert (found.returncode, found.stderr) == (0, "")
    assert "--replicates" in found.stdout
    assert min(took[0], took[2]) < 0.3
    assert command(["--version"]) == 0


def test_the_module_runs(toy):
    found = subprocess.run(
        [sys.executable, "-m", "simlab.sweep", toy, "--smoke", "--workers", "1"], capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "simlab: toy: 2 grid points x 1 replicate, 2 blocks of 1, seed 0\n")
    assert found.stdout.splitlines()[-1] == "results/toy/provenance.csv"
    wrong = subprocess.run([sys.executable, "-m", "simlab.sweep", "--sed", "1"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "simlab: option '--sed' is unknown: did you mean '--seed'?\n"
