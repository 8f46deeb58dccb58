"""The command line: one sentence a mistake, the exit statuses, and what is printed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

import simlab
from simlab.errors import BadInput
from simlab.sweep import cli, display, progress, run
from simlab.sweep.blocks import Outcome
from simlab.sweep.cli import command
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan

ZERO = "integer division or modulo by zero"

TOY = '''"""Does the bound hold?

More prose.
"""
from dataclasses import dataclass
from pydantic import BaseModel, Field
from simlab.errors import BadInput

class Config(BaseModel, frozen=True, extra="forbid"):
    draws: int = Field(10, ge=1, le=10**19)
    margin: float = Field(0.5, gt=-1e6)
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
    assert out[:2] == ["Does the bound hold?", ""]
    assert [line.split() for line in out[2:4]] == [["toy_bound_"], ["draws", "method", "error", "value"]]
    assert [line.split()[:2] for line in out[5:9]] == [["10", "one"], ["10", "two"], ["1e6", "one"], ["1e6", "two"]]
    assert all("±" in line and line.split()[-1] == "0.25" for line in out[5:9])
    assert out[9:11] == ["", "1 bound: 1 held"]
    assert out[11] == (
        "Toy bound (toy_bound): held, but vacuous at 1 of 2 grid points (draws <= 10); smallest slack 0.5 over 16 rows."
    )
    files = [f"results/toy/{name}" for name in ("replicates.parquet", "summary.csv", "provenance.csv")]
    assert out[12:] == ["", *files]
    assert all(Path(path).is_file() for path in files)
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
        "simlab: the cell raised ValueError at draws = 1e6, raises = True, replicate 0: as told "
        "(error rows, with traceback, are in replicates.parquet)"
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
        (["--set", "methods=one+one"], "methods = one+one (--set): 'one' is named twice, name it once"),
        (["--set", "methods=one+"], "methods = one+ (--set): a part is empty, join parts by a single +"),
        (["--set", "margin=nan"], "margin = nan (--set): must be a finite number"),
        (["--out", ""], "results folder '' is no path: name a folder, or none for results/toy"),
        (
            ["--out", "--smoke"],
            "option '--out' requires an argument, and '--smoke' is an option: give it a value first",
        ),
        (
            ["--replicates", "1e12"],
            "1e12 blocks (2 grid points x 500,000,000,000 blocks) are too many: at most 1e6 in one run, take fewer "
            "values or replicates",
        ),
        (["--set", "draws=1e20"], "draws = 1e20 (--set): must be less than or equal to 1e19"),
        (["--seed"], "option '--seed' requires an argument: see python -m simlab.sweep --help"),
        (["--engine", "thread"], "engine 'thread' is unknown: did you mean 'threads'?"),
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
        ("toy", "experiment 'toy' is no file: did you mean 'toy.py'?"),
        ("coin", "experiment 'coin' is no file: did you mean 'experiments/coin.py'?"),
        ("experiments/coins.py", "experiment 'experiments/coins.py' is unknown: did you mean 'experiments/coin.py'?"),
        ("airports.csv", "airports.csv is a table, not an experiment: did you mean --facts airports.csv?"),
        ("a.jsonl.gz", "a.jsonl.gz is a table, not an experiment: did you mean --facts a.jsonl.gz?"),
        ("notes.txt", "experiment 'notes.txt' is no .py file: give the path of an experiment, a .py file"),
        ("headline", "experiment 'headline' is no file: it is the sweep that runs when none is named"),
        ("tea.py", "experiment 'tea.py' is no file: give the path of an experiment, a .py file"),
        ("nowhere/toy.py", "experiment 'nowhere/toy.py' is no file: give the path of an experiment, a .py file"),
    ],
)
def test_an_experiment_that_is_not_there(sweep, path, sentence):
    Path("experiments").mkdir()
    Path("experiments/coin.py").write_text(TOY)
    Path("airports.csv").write_text("raise SystemExit(7)\n")
    Path("notes.txt").write_text("raise SystemExit(7)\n")
    assert sweep(path) == (2, [], [f"simlab: {sentence}"])


def test_integers_may_be_written_1e6_everywhere(sweep, toy):
    status, out, _ = sweep(toy, "--set", "draws=1e6,1e15", "--replicates", "1e1", "--seed", "7e0")
    assert status == 0
    assert [line.split()[0] for line in out[5:9]] == ["1e6", "1e6", "1e15", "1e15"]


def test_a_plus_joins_the_parts_of_one_value(sweep, toy):
    status, out, _ = sweep(toy, "--set", "methods=one,two+three", "--smoke", "--set", "draws=10")
    assert status == 0
    assert [line.split()[:2] for line in out[5:8]] == [["one", "one"], ["two+three", "two"], ["two+three", "three"]]


def test_a_dry_run_prints_the_plan_and_writes_nothing(sweep, toy):
    status, out, err = sweep(toy, "--dry-run")
    assert (status, err) == (0, [])
    assert out == [
        "Does the bound hold?",
        "",
        "toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0",
        "  draws = 10: 0 of 2 blocks done",
        "  draws = 1e6: 0 of 2 blocks done",
        "0 blocks done already in results/toy, 4 to compute",
        "no block has run yet: there is no estimate of the time",
    ]
    assert not Path("results").exists()
    sweep(toy, "--set", "draws=10")
    out = sweep(toy, "--dry-run", "--workers", "2")[1]
    assert out[-2] == "2 blocks done already in results/toy, 2 to compute"
    assert re.fullmatch(r"about [\d.]+ s on 1 worker, by the 2 blocks done", out[-1])


def test_quiet_keeps_the_results_and_drops_the_rest(sweep, toy):
    status, out, err = sweep(toy, "--quiet", "--replicates", "3")
    assert (status, err) == (0, [])
    assert out[-1] == "results/toy/provenance.csv"


def test_interruption_is_exit_status_130(toy, capsys):
    text = TOY.replace("    if config.raises:", "    if config.draws > 10:\n        interrupt()\n    if config.raises:")
    told = "simlab: interrupted: {} of 4 blocks are kept in results/toy; the same command resumes"
    # a first Ctrl-C lets the running block finish, a SIGTERM does not
    for name, status, kept in (("SIGINT", 130, 3), ("SIGTERM", 143, 2)):
        body = f"def interrupt():\n    import os, signal\n    os.kill(os.getpid(), signal.{name})\n"
        Path("toy.py").write_text(text + body)
        shutil.rmtree("results", ignore_errors=True)
        assert command([toy, "--engine", "serial"]) == status
        assert capsys.readouterr().err.splitlines()[-1] == told.format(kept)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # what was there is put back
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert command([toy, "--engine", "serial", "--fresh"]) == 143
    assert capsys.readouterr().err.splitlines()[-1].endswith("; the same command without --fresh resumes")


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
    drawing.publish = lambda rows, path: None
    drawing.__all__ = ["publish", "toy_picture"]
    drawing.PICTURES = {"toy_picture": drawing.toy_picture}
    monkeypatch.setitem(sys.modules, "simlab.drawing", drawing)
    monkeypatch.setattr(simlab, "drawing", drawing, raising=False)
    Path("toy.py").write_text(TOY + 'PICTURE = "toy_picture"\n')
    status, out, _ = sweep(toy)
    assert (status, out[-1]) == (0, "results/toy/toy.png")
    assert Path(out[-1]).read_bytes() == b"ink"
    assert {row["measure"] for row in drawn[0]} >= {"error", "toy_bound_slack"}
    Path("toy.py").write_text(TOY + 'PICTURE = "toy_pictrue"\n')
    for more in ((), ("--dry-run",)):
        assert sweep(toy, *more)[0::2] == (2, ["simlab: picture 'toy_pictrue' is unknown: did you mean 'toy_picture'?"])
    Path("toy.py").write_text(TOY + 'PICTURE = "publish"\n')  # it is there, but draws no summary
    assert sweep(toy)[0::2] == (2, ["simlab: picture 'publish' is unknown: choose from toy_picture"])
    drawing.PICTURES["toy_picture"] = drawing.toy_picture
    raising = "def cell(config, streams):\n    if config.draws == 10 or SILENT: raise ValueError('no')"
    for silent in (False, True):
        text = TOY.replace("def cell(config, streams):", raising.replace("SILENT", str(silent)))
        Path("toy.py").write_text(text + 'PICTURE = "toy_picture"\n')
        drawn.clear()
        status, out, err = sweep(toy)
        assert (status, Path("results/toy/toy.png").exists(), len(drawn)) == (3, not silent, not silent)
        assert not silent or err[-1] == "simlab: no picture: every block raised, so there are no rows to draw"
        assert silent or {row["draws"] for row in drawn[0]} == {1_000_000}
    drawing.PICTURES["toy_picture"] = lambda summary: 1 // 0
    Path("toy.py").write_text(TOY + 'PICTURE = "toy_picture"\n')
    status, out, err = sweep(toy)
    assert (status, err[-1]) == (3, "simlab: no picture: toy_picture raised ZeroDivisionError: " + ZERO)
    assert "Not complete: the picture was not drawn." in out
    assert out[-1] == "results/toy/provenance.csv"
    assert not Path("results/toy/toy.png").exists()


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
    screen = progress.Screen(every=0.05)
    screen.start(make_plan(load(toy)), 1)
    time.sleep(0.2)
    screen.stop()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == (
        "simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 0; 1 of them there already, 3 to compute"
    )
    assert lines[1] == "simlab: 1 of 4 blocks, 0.1 s, no block finished yet"
    screen.count, screen.began = 3, time.monotonic() - 10
    assert screen.line() == "3 of 4 blocks, 10 s, about 5.0 s left, 0.2 blocks/s"


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


CHILD = [sys.executable, "-m", "simlab.sweep"]


def output_of(*arguments, **environment):
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONIOENCODING")}
    done = subprocess.run([*CHILD, *arguments], capture_output=True, env=plain | environment, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments", [["toy.py", "--engine", "serial"], ["toy.py", "--dry-run"], ["--help"]])
def test_a_reader_that_goes_away_is_exit_status_141(toy, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([*CHILD, *arguments], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("arguments", [["toy.py", "--engine", "serial"], ["toy.py", "--set", "draws=0"]])
def test_so_it_is_where_progress_and_mistakes_go_to_the_reader_too(toy, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        assert subprocess.run([*CHILD, *arguments], stdout=closed, stderr=closed).returncode == 141


def test_a_pipe_that_breaks_elsewhere_is_no_reader_that_went_away(toy, capsys, monkeypatch):
    def broken(arguments):
        raise BrokenPipeError("a worker's")

    monkeypatch.setattr(cli, "execute", broken)
    assert command([toy]) == 70
    assert "BrokenPipeError: a worker's" in capsys.readouterr().err


def test_the_bar_says_what_is_waited_for_before_the_first_block(toy, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    screen = progress.Screen()
    screen.start(make_plan(load(toy)), 0)
    screen.stop()
    assert "starting workers" in capsys.readouterr().err
    screen = progress.Screen()
    screen.start(make_plan(load(toy)), 0)
    capsys.readouterr()
    screen.advance(Outcome(make_plan(load(toy)).jobs[0]))
    screen.stop()
    assert "starting workers" not in capsys.readouterr().err.rpartition("1/4")[2]


def test_the_table_is_the_same_whatever_the_environment_and_in_ascii_where_it_must(sweep, toy):
    wide = TOY.replace('"toy_bound_value")', '"toy_bound_value", *(f"toy_bound_and_{i}" for i in range(8)))')
    wide = wide.replace(
        '"toy_bound_value": 0.25', '**{f"toy_bound_and_{i}": i / 7 for i in range(8)}, "toy_bound_value": 0.25'
    )
    Path("toy.py").write_text(wide)
    status, lines, _ = sweep(toy)
    assert status == 0
    head = next(line for line in lines if line.startswith("draws"))
    assert len(head) > 100
    for environment in (
        {"TERM": "dumb"},
        {"FORCE_COLOR": "1"},
        {"TERM": "dumb", "FORCE_COLOR": "1"},
        {"NO_COLOR": "1"},
    ):
        status, out = output_of(toy, PYTHONIOENCODING="utf-8", **environment)
        assert (status, out.decode().splitlines()) == (0, lines)
    status, out = output_of(toy, PYTHONIOENCODING="latin-1")
    assert (status, out.decode("latin-1").splitlines()) == (0, [line.replace("─", "-") for line in lines])
    status, out = output_of(toy, PYTHONIOENCODING="ascii")
    table = out.decode("ascii").splitlines()[3:9]  # its last header line, a rule, four lines
    assert status == 0
    assert [line.count("+-") for line in table] == [0, 0, 1, 1, 1, 1]
    assert set(table[1]) == {"-"}
    assert {len(line) for line in table} == {len(table[1])}


def test_a_terminal_gets_lines_folded_at_words(toy, monkeypatch, capsys):
    result = run(toy, engine="serial", out="out")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    display.show(result)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-7:-3] == [
        "Toy bound (toy_bound): held, but vacuous at 1 of 2",
        "  grid points (draws <= 10); smallest slack 0.5",
        "  over 16 rows.",
        "",
    ]
    monkeypatch.setenv("COLUMNS", "40")
    display.show(result)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4:2] == ["Does the bound hold?", display.SHORT]  # the legend is before the numbers that want it


def test_blocks_of_other_runs_are_a_note_below_the_size(sweep, toy):
    sweep(toy)
    err = sweep(toy, "--seed", "1", "--replicates", "3")[2]
    assert err == [
        "simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 1",
        "simlab: 3 replicates a grid point rounded up to 4: blocks hold 2 and are never shortened",
        "simlab: results/toy also holds 4 blocks of other runs (other settings, seed or code); "
        "the tables there are overwritten by this run",
    ]
    err = sweep(toy, "--seed", "1", "--set", "draws=10,20")[2]
    assert err[0] == (
        "simlab: toy: 2 grid points x 4 replicates, 4 blocks of 2, seed 1; 2 of them there already, 2 to compute"
    )


def test_a_dry_run_judges_all_that_a_run_does(sweep, toy, capsys):
    sweep(toy)
    assert sweep(toy, "--dry-run")[1][-1] == "4 blocks done already in results/toy, 0 to compute"
    assert sweep(toy, "--dry-run", "--fresh")[1][-2] == (
        "0 blocks done already in results/toy (--fresh computes all of them anew), 4 to compute"
    )
    assert sweep(toy)[2] == ["simlab: all 4 blocks were there already: nothing to compute (--fresh recomputes)"]
    wrong = {
        ("--workers", "0"): "--workers = 0: must be a whole number of at least 1",
        ("--engine", "ray"): "engine 'ray' is unknown: choose from dask, local, serial, threads",
        ("--out", "toy.py"): "results folder 'toy.py' cannot be written (Not a directory): choose another with "
        "--out DIR",
    }
    for arguments, sentence in wrong.items():
        assert command([toy, "--dry-run", *arguments]) == 2
        assert capsys.readouterr() == ("", f"simlab: {sentence}\n")


def test_what_the_experiment_checks_is_refused_before_anything_is_written(sweep, toy):
    check = (
        "\ndef check(config):\n    if config.margin < 0: raise BadInput('a margin below 0 cannot be')\n"
        "    if config.draws > 10 and config.margin == 0.25: raise BadInput('margin is too small')\n"
        "    if config.mode == 'odd': 1 // 0\n"
    )
    Path("toy.py").write_text(TOY + check)
    cases = {
        "margin=-1": "a margin below 0 cannot be",
        "margin=0.25": "at draws = 1e6: margin is too small",
        "margin=0.25,0.5,-1": "at draws = 1e6, margin = 0.25: margin is too small\n"
        "simlab: at draws = 10, margin = -1 and 1 other grid point: a margin below 0 cannot be",
        "mode=odd": f"toy.py: check raised ZeroDivisionError: {ZERO}",
    }
    for setting, sentence in cases.items():
        for more in ((), ("--dry-run",)):
            status, out, err = sweep(toy, "--set", setting, *more)
            assert (status, out) == (2, [])
            assert sorted(err) == sorted(f"simlab: {sentence}".splitlines())
    assert not Path("results").exists()
    assert sweep(toy)[0] == 0


def test_ctrl_c_is_a_true_sentence_at_every_stage(toy, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    def told():
        status = command([toy, "--engine", "serial"])
        err = capsys.readouterr().err.splitlines()
        return status, err[-1]

    with monkeypatch.context() as patch:
        patch.setattr("simlab.sweep.running.make_plan", interrupt)
        assert told() == (130, "simlab: interrupted before anything was computed")
    with monkeypatch.context() as patch:
        patch.setattr("simlab.sweep.sweeping.run_blocks", interrupt)
        assert told() == (130, "simlab: interrupted before a block was finished; the same command starts again")
    assert not Path("results").exists()
    with monkeypatch.context() as patch:
        patch.setattr("simlab.sweep.sweeping.collect", interrupt)
        kept = "simlab: interrupted: 4 of 4 blocks are kept in results/toy; the same command resumes"
        assert told() == (130, kept)
    with monkeypatch.context() as patch:
        patch.setattr(display, "show", interrupt)
        assert told() == (130, "simlab: interrupted while printing: everything is in results/toy")


def test_the_module_runs(toy):
    found = subprocess.run(
        [sys.executable, "-m", "simlab.sweep", toy, "--smoke", "--workers", "1"], capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "simlab: toy: 2 grid points x 1 replicate, 2 blocks of 1, seed 0\n")
    assert found.stdout.splitlines()[-1] == "results/toy/provenance.csv"
    wrong = subprocess.run([sys.executable, "-m", "simlab.sweep", "--sed", "1"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "simlab: option '--sed' is unknown: did you mean '--seed'?\n"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["statuss", "results/toy"], "verb 'statuss' is unknown: did you mean 'status'?"),
        (["exprt"], "verb 'exprt' is unknown: did you mean 'export'?"),
        (["toy.py", "results/toy"], "2 experiments are given (toy.py, results/toy): run one at a time"),
    ],
)
def test_a_misspelt_verb_is_no_experiment(typed, sentence):
    with pytest.raises(BadInput) as caught:
        cli.read_arguments(typed)
    assert str(caught.value) == sentence


def test_a_file_that_is_named_like_a_verb_is_an_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("statuss").write_text("")
    assert cli.read_arguments(["statuss"]).experiment == "statuss"
