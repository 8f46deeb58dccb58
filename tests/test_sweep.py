"""The sweep's promise: the same rows for any engine, any number of workers, any order, any interruption."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from toys import TOY, alive, digest, wait_until, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.blocks import Outcome
from simlab.sweep.engine import one_by_one, run_blocks
from simlab.sweep.loading import experiment_of, load, run_source
from simlab.sweep.plan import make_plan
from simlab.sweep.pools import Workers
from simlab.sweep.store import Store, open_store, read_block
from simlab.terminal.interruption import Stopped, put_off, stoppable, unheard
from simlab.terminal.numerals import whole


@pytest.fixture
def toy(tmp_path):
    return write(tmp_path)


def test_rows_are_the_same_for_any_engine_and_any_number_of_workers(toy, tmp_path):
    kinds = [("serial", 1), ("local", 1), ("local", 2)]
    results = [run(toy, engine=e, workers=w, out=tmp_path / f"{e}{w}") for e, w in kinds]
    assert len({digest(result) for result in results}) == 1
    assert digest(run(toy, engine="serial", seed=1, out=tmp_path / "other")) != digest(results[0])
    csvs = {(r.folder / "summary.csv").read_bytes() for r in results}
    assert len(csvs) == 1


def test_rows_do_not_depend_on_the_order_of_blocks(toy):
    plan = make_plan(load(toy))
    forwards, backwards = (
        {o.job.key: o.rows for o in run_blocks(one_by_one(jobs), Workers("serial").opener({}))}
        for jobs in (plan.jobs, plan.jobs[::-1])
    )
    assert forwards == backwards
    assert len(forwards) == 8


def test_the_tables_say_everything_about_a_row(toy, tmp_path):
    result = run(toy, engine="serial", out=tmp_path / "out", seed=3)
    assert list(result.replicates) == [
        *("experiment", "draws", "rate", "mode", "methods", "cap", "seed", "replicate", "method"),
        *("share", "heads", "any", "odds", "version", "key"),
    ]
    assert len(result.replicates["share"]) == 4 * 4 * 2
    assert set(result.replicates["methods"]) == {"mean+median"}
    assert set(result.replicates["seed"]) == {3}
    assert result.replicates["replicate"].tolist()[:8] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert result.replicates["draws"].dtype == np.int64
    assert result.replicates["any"].dtype == bool
    assert set(result.replicates["cap"]) == {None}
    header = (result.folder / "provenance.csv").read_text().splitlines()
    assert header[0].startswith("key,started,duration_s,host,system,machine,cpus,python,numpy,")
    assert len(header) == 1 + len(result.plan.jobs)
    assert result.status == 0


def test_infinite_and_missing_numbers_survive_strict_json(tmp_path):
    body = """
return [{"replicate": s.replicate, "method": "a", "x": [math.nan, math.inf][s.replicate % 2], "y": -math.inf}
        | ({"late": 0.1 + 0.2} if s.replicate == 3 and config.draws == 2 else {}) for s in streams]
"""
    result = run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out")
    table = result.replicates
    assert np.isnan(table["x"][0])
    assert table["x"][1] == math.inf
    assert set(table["y"]) == {-math.inf}
    assert table["late"].tolist()[-1] == 0.1 + 0.2  # a column that only the last block has is kept
    assert np.isnan(table["late"][:-1]).all()
    for path in (tmp_path / "out" / "blocks").iterdir():
        for text in path.read_text().splitlines():
            json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no strict JSON"))


def test_adding_a_grid_value_or_a_method_moves_nothing(toy, tmp_path):
    def shares(**settings):
        table = run(toy, engine="serial", out=tmp_path / "out", settings=settings).replicates
        keep = (table["draws"] == 100) & (table["method"] == "mean")
        return table["share"][keep].tolist()

    before = shares(draws=100, rate=0.3)
    assert shares(draws=(7, 100, 1000), rate=0.3) == before
    assert shares(draws=100, rate=0.3, methods="mean") == before
    assert shares(draws=100, rate=0.31) != before


def test_replicates_are_rounded_up_to_whole_blocks(toy, tmp_path):
    short = run(toy, engine="serial", out=tmp_path / "a", settings={"draws": 10, "rate": 0.5}, replicates=3)
    assert short.plan.replicates == 4
    assert short.notes == ("3 replicates a grid point rounded up to 4: blocks hold 2 and are never shortened",)
    long = run(toy, engine="serial", out=tmp_path / "b", settings={"draws": 10, "rate": 0.5}, replicates=8)
    assert long.replicates["share"][:8].tolist() == short.replicates["share"].tolist()


def test_a_finished_run_computes_nothing_again(toy, tmp_path):
    first = run(toy, workers=2, out=tmp_path / "out")
    assert (first.computed, first.reused) == (8, 0)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "blocks").iterdir()}
    again = run(toy, workers=2, out=tmp_path / "out")
    assert (again.computed, again.reused) == (0, 8)
    assert again.notes == ("all 8 blocks were there already: nothing to compute (--fresh recomputes)",)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "blocks").iterdir()} == before
    assert digest(again) == digest(first)


def test_fresh_deletes_its_own_blocks_only(toy, tmp_path):
    run(toy, engine="serial", out=tmp_path / "out", seed=1)
    run(toy, engine="serial", out=tmp_path / "out", seed=2)
    fresh = run(toy, engine="serial", out=tmp_path / "out", seed=2, fresh=True)
    assert fresh.computed == 8
    assert fresh.notes == (
        f"{tmp_path / 'out'} also holds 8 blocks of other runs (other settings, seed or code); "
        "the tables there are overwritten by this run",
    )
    assert run(toy, engine="serial", out=tmp_path / "out", seed=1).reused == 8


def test_a_changed_experiment_is_another_experiment(toy, tmp_path):
    first = run(toy, engine="serial", out=tmp_path / "out")
    toy.write_text(toy.read_text().replace("< config.rate", "<= config.rate"))
    second = run(toy, engine="serial", out=tmp_path / "out")
    assert (second.computed, second.reused) == (8, 0)
    assert not set(first.replicates["key"]) & set(second.replicates["key"])


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered", "empty"])
def test_a_damaged_block_is_computed_again(toy, tmp_path, damage):
    first = run(toy, engine="serial", out=tmp_path / "out")
    path = Store(tmp_path / "out").path(first.plan.jobs[3].key)
    text = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"truncated": text[:-20], "altered": text.replace(b'"heads":', b'"haeds":'), "empty": b""}[damage]
        )
    again = run(toy, engine="serial", out=tmp_path / "out")
    assert (again.computed, again.reused) == (1, 7)
    assert digest(again) == digest(first)
    assert path.read_bytes().partition(b"\n")[2] == text.partition(b"\n")[2]
    told = "1 block file cut short or altered: computed again" in again.notes
    assert told == (damage != "missing")


SLOW = """
import time
Path(os.environ["PIDS"], str(os.getpid())).touch()
time.sleep(float(os.environ.get("SLOWLY", "0")) if config.draws == 2 else 0)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_resumes_to_the_same_rows_and_its_workers_die(tmp_path, how, monkeypatch):
    slow = write(tmp_path, with_cell(SLOW).replace("REPLICATES = 4", "REPLICATES = 20"))
    pids, blocks = tmp_path / "pids", tmp_path / "out" / "blocks"
    pids.mkdir()
    monkeypatch.setenv("PIDS", str(pids))
    command = [sys.executable, "-m", "simlab.sweep", str(slow), "--out", str(tmp_path / "out"), "--workers", "2"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"SLOWLY": "0.3"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: len(list(blocks.glob("*.jsonl"))) >= 11)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # Ctrl-C reaches the workers too
    else:
        process.send_signal(how)
    _, told = process.communicate(timeout=10)
    kept = len(list(blocks.glob("*.jsonl")))
    assert kept < 20
    wait_until(lambda: not any(alive(int(p.name)) for p in pids.iterdir()))
    if how != signal.SIGKILL:
        assert process.returncode == 128 + how
        assert "Traceback" not in told
        assert told.splitlines()[-1] == (
            f"simlab: interrupted: {kept} of 20 blocks are kept in {tmp_path / 'out'}; the same command resumes"
        )
    resumed = run(slow, engine="serial", out=tmp_path / "out")
    whole_run = run(slow, engine="serial", out=tmp_path / "whole")
    assert (resumed.reused, resumed.computed) == (kept, 20 - kept)
    assert digest(resumed) == digest(whole_run)


@pytest.mark.slow  # a busy machine may not have reached our first line when the signal comes
@pytest.mark.parametrize("after", [0.5, 0.9])
def test_ctrl_c_while_everything_starts_leaves_one_sentence_and_no_traceback(tmp_path, after):
    slow = write(tmp_path, with_cell("import time; time.sleep(60)"))
    command = [sys.executable, "-m", "simlab.sweep", str(slow), "--out", str(tmp_path / "out"), "--workers", "2"]
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    with contextlib.suppress(ProcessLookupError):  # the first may have been a wish: the cells sleep for a minute
        os.killpg(process.pid, signal.SIGINT)
    out, told = process.communicate(timeout=20)
    assert "Traceback" not in told
    if process.returncode == 130:  # else Python was not yet at our first line, or in a module that passes Ctrl-C on
        assert out == ""
        assert told.splitlines()[-1].startswith("simlab: interrupted before ")
    assert not (tmp_path / "out").exists()


def test_a_signal_that_is_put_off_comes_afterwards():
    came = []

    def interrupted():
        with put_off():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)  # the second is not heard
            came.append("whole")
        came.append("never")

    with pytest.raises(Stopped) as stopped, stoppable():
        interrupted()
    assert (came, stopped.value.signum) == (["whole"], signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_forkserver_is_deaf_to_ctrl_c_while_it_starts():
    """It loads NumPy before it ignores the signal; the mask that it inherits holds from its first instruction."""
    with unheard():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    heard = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for process in (child, heard):
            process.send_signal(signal.SIGINT)
        assert heard.wait(timeout=10) != 0
        assert child.communicate(b"\n", timeout=10)[1] == b""
        assert child.returncode == 0
    finally:
        for process in (child, heard):
            process.kill()
            process.communicate()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


@pytest.mark.parametrize("raised", ["SystemExit(7)", "KeyboardInterrupt()", "GeneratorExit()"])
@pytest.mark.parametrize("engine", ["serial", "local"])
def test_a_cell_that_raises_what_is_no_exception_gives_error_rows(tmp_path, raised, engine):
    path = write(tmp_path, with_cell(f"if config.draws == 2: raise {raised}"))
    result = run(path, engine=engine, workers=1, out=tmp_path / "out")
    assert (result.status, result.errors, result.lost) == (3, 4, 0)
    name, _, message = raised.rstrip(")").partition("(")
    message = f": {message}" if message else ""
    assert result.notes == (
        f"the cell raised {name} at draws = 2, replicate 0{message} "
        "(error rows, with traceback, are in replicates.parquet)",
    )


def test_many_grid_points_that_raise_are_not_all_named(tmp_path):
    path = write(tmp_path, with_cell("raise ValueError(config.draws)"))
    notes = run(path, engine="serial", out=tmp_path / "out", settings={"draws": range(1, 9)}).notes
    assert [note.partition(" (")[0] for note in notes[:5]] == [
        f"the cell raised ValueError at draws = {i}, replicate 0: {i}" for i in range(1, 6)
    ]
    assert notes[5:] == ("the cell raised at more grid points: replicates.parquet has them all (error_type)",)


SCRIPT = """
from simlab.sweep import run

def main():
    print(run({path!r}, workers=2, out={out!r}).status)

{call}
"""


@pytest.mark.parametrize(
    ("call", "guarded"),
    [
        ("main()", False),
        ("for _ in range(1):\n    main()", False),
        ('if __name__ == "__main__":\n    main()', True),
    ],
)
def test_a_script_without_a_guard_is_told_so_in_a_sentence(toy, tmp_path, call, guarded):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(path=str(toy), out=str(tmp_path / "out"), call=call))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    if guarded:
        assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
        return
    assert done.stdout == ""
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.splitlines()[-1] == (
        f"simlab.errors.BadInput: run() starts worker processes, which load {script} anew: put the call under "
        "if __name__ == \"__main__\": or choose engine='serial'"
    )
    script.write_text(script.read_text().replace("workers=2", "engine='serial'"))
    assert subprocess.run([sys.executable, str(script)], capture_output=True, text=True).stdout == "0\n"


def test_a_script_on_standard_input_is_refused_in_a_sentence_and_a_command_is_not(toy, tmp_path):
    text = SCRIPT.format(path=str(toy), out=str(tmp_path / "out"), call="main()")
    piped = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, timeout=60)
    assert (piped.stdout, piped.stderr.count("Traceback")) == ("", 1)
    assert piped.stderr.splitlines()[-1] == (
        "simlab.errors.BadInput: run() starts worker processes, which cannot load <stdin>: put the script into a file, "
        "or choose engine='serial'"
    )
    given = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (given.stdout, given.stderr) == ("0\n", "")


def test_a_raising_cell_gives_error_rows_and_the_rest_goes_on(tmp_path):
    path = write(
        tmp_path, with_cell("if config.draws == 2 and streams[0].replicate == 2:\n    raise ValueError('no luck')")
    )
    serial = run(path, engine="serial", out=tmp_path / "serial")
    local = run(path, workers=2, out=tmp_path / "local")
    assert digest(serial) == digest(local)
    assert (local.status, local.errors) == (3, 2)
    assert local.notes == (
        "the cell raised ValueError at draws = 2, replicate 2: no luck "
        "(error rows, with traceback, are in replicates.parquet)",
    )
    table = local.replicates
    assert table["error_type"].tolist() == [None] * 6 + ["ValueError"] * 2
    assert table["replicate"].tolist()[-2:] == [2, 3]
    assert "raise ValueError('no luck')" in table["error_traceback"][-1]
    assert str(tmp_path) not in table["error_traceback"][-1]
    assert [(r["draws"], r["n"], r["n_errors"]) for r in local.summary] == [(1, 4, 0), (2, 2, 2)]


def test_blocks_that_raised_run_again_and_may_come_right(tmp_path):
    flag = tmp_path / "mended"
    path = write(tmp_path, with_cell(f"if not Path({str(flag)!r}).exists():\n    raise OSError('not yet')"))
    broken = run(path, engine="serial", out=tmp_path / "out")
    assert (broken.errors, broken.status) == (8, 3)
    assert [(r["method"], r["measure"], r["n"], r["n_errors"]) for r in broken.summary] == [("", "", 0, 4)] * 2
    flag.touch()
    mended = run(path, engine="serial", out=tmp_path / "out")
    assert (mended.errors, mended.status, mended.computed) == (0, 0, 4)
    assert mended.notes == ("4 blocks whose cell raised the last time: computed again",)


def test_a_killed_worker_costs_nothing(tmp_path):
    flag = tmp_path / "killed"
    body = f"""
if config.draws == 2 and streams[0].replicate == 0 and not Path({str(flag)!r}).exists():
    Path({str(flag)!r}).touch()
    os.kill(os.getpid(), 9)
"""
    path = write(tmp_path, with_cell(body))
    result = run(path, workers=2, out=tmp_path / "out")
    assert flag.exists()
    assert (result.status, result.lost, result.computed) == (0, 0, 4)
    assert digest(result) == digest(run(path, engine="serial", out=tmp_path / "serial"))
    attempts = [line.rpartition(",")[2] for line in (tmp_path / "out" / "provenance.csv").read_text().splitlines()]
    assert attempts[0] == "attempt"
    assert "2" in attempts


def test_a_block_that_kills_every_worker_is_lost_by_name_and_the_others_are_kept(tmp_path):
    log = tmp_path / "deaths"
    body = f"""
if config.draws == 2 and streams[0].replicate == 2:
    with open({str(log)!r}, "a") as file:
        file.write("x")
    os.kill(os.getpid(), 9)
"""
    path = write(tmp_path, with_cell(body))
    result = run(path, workers=2, out=tmp_path / "out", replicates=8)
    assert log.read_text() == "xxx"
    assert (result.status, result.lost, result.computed) == (3, 1, 7)
    job = next(job for job in result.plan.jobs if job.key not in set(result.replicates["key"]))
    assert result.notes == (
        f"block lost (draws = 2, replicates 2 to 3, key {job.key[:12]}): its worker died 3 times, for want of memory "
        "perhaps; the same command tries again",
    )
    assert len(result.replicates["x"]) == 14


def test_a_sweep_that_loses_everything_says_so(tmp_path):
    path = write(tmp_path, with_cell("os.kill(os.getpid(), 9)"))
    result = run(path, workers=1, out=tmp_path / "out", settings={"draws": 1}, replicates=2)
    assert (result.status, result.lost, result.files, result.summary) == (3, 1, (), [])


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_bad_input_in_a_cell_stops_the_sweep_in_a_sentence(tmp_path, engine):
    path = write(tmp_path, with_cell("if config.draws == 1: raise BadInput('draws = 1: must be 2, choose 2')"))
    with pytest.raises(BadInput) as mistake:
        run(path, engine=engine, workers=1, out=tmp_path / "new" / "out")
    assert str(mistake.value) == "draws = 1: must be 2, choose 2"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("None", "the cell of toy.py must return a list of rows (dictionaries), one a replicate and method"),
        (
            "[{'replicate': 0, 'x': 1}]",
            "the cell of toy.py: each row needs 'method', a text",
        ),
        (
            "[{'method': 'a', 'x': 1}]",
            "the cell of toy.py: each row needs 'replicate': streams[i].replicate",
        ),
        (
            "[{'replicate': 0, 'method': 'a', 3: 1}]",
            "the cell of toy.py: the name 3 of a measure must be a text",
        ),
        (
            "[{'replicate': 0, 'method': 'a', 'x': 'many'}]",
            "the cell of toy.py: x = 'many': must be a number or a truth value",
        ),
        (
            "[{'replicate': 0, 'method': 'a', 'draws': 3}]",
            "the cell of toy.py: measure 'draws' has the name of a setting or of a column of every row",
        ),
        (
            "[{'replicate': 0, 'method': 'a', 'x': 3}]",
            "the cell of toy.py must return one row for each replicate of range(0, 2) and each method",
        ),
        (
            "[{'replicate': s.replicate, 'method': 'a', 'x': 3} for s in streams] * 2",
            "the cell of toy.py must return one row for each replicate of range(0, 2) and each method",
        ),
        (
            "[{'replicate': s.replicate, 'method': 'a', 'x_slack': 3} for s in streams]",
            "column 'x_slack' belongs to no theorem: name it after one that python -m simlab.bounds lists, "
            "or list its theorem in THEOREMS of the experiment",
        ),
    ],
)
def test_rows_that_break_the_contract_are_refused(tmp_path, returned, sentence):
    path = write(tmp_path, with_cell(f"return {returned}"))
    with pytest.raises(BadInput) as mistake:
        run(path, engine="serial", out=tmp_path / "out")
    assert str(mistake.value) == sentence
    assert not (tmp_path / "out").exists()


def test_numpy_numbers_become_plain_ones(tmp_path):
    body = """
import numpy as np
return [{"replicate": s.replicate, "method": "a", "x": np.float32(0.5), "y": np.int64(2), "z": np.array(True),
         "huge": 10**30} for s in streams]
"""
    table = run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out").replicates
    assert [table[name][0].item() for name in ("x", "y", "z", "huge")] == [0.5, 2, True, 1e30]


def test_warnings_of_a_cell_are_told_once_and_kept(tmp_path):
    path = write(tmp_path, with_cell("import warnings; warnings.warn('thin ice', stacklevel=1)"))
    for _ in range(2):
        result = run(path, engine="serial", out=tmp_path / "out")
        assert "the cell warned: UserWarning: thin ice" in result.notes


def test_the_payload_reaches_the_workers_but_no_row_and_no_hash(tmp_path):
    text = with_cell(
        "return [{'replicate': s.replicate, 'method': 'a', 'x': sum(config.facts)} for s in streams]",
        config="    facts: tuple = Field((), exclude=True)",
    ).replace("import BaseModel", "import BaseModel, Field")
    source = load(write(tmp_path, text)).source
    experiments = [experiment_of(source, {"facts": facts, "draws": 2}) for facts in ((1, 2), (3, 4))]
    assert make_plan(experiments[0]).jobs == make_plan(experiments[1]).jobs
    for engine in ("serial", "local"):
        result = run(experiments[1], engine=engine, workers=2, out=tmp_path / engine)
        assert set(result.replicates["x"]) == {7}
        assert "facts" not in result.replicates
    assert set(result.replicates["draws"]) == {1, 2}  # GRID goes before what was given from outside
    with pytest.raises(BadInput) as mistake:
        make_plan(experiments[0], {"facts": 3})
    assert str(mistake.value) == "setting 'facts' is unknown: choose from draws"


def test_a_results_folder_that_cannot_be_is_found_before_any_work(tmp_path):
    ran = tmp_path / "ran"
    path = write(tmp_path, with_cell(f"Path({str(ran)!r}).touch()"))
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere/out")):
        with pytest.raises(
            BadInput, match=r"^results folder '.*' cannot be written \(.*\): choose another with --out DIR$"
        ):
            run(path, engine="serial", out=folder)
    (tmp_path / "half" / "deep").mkdir(parents=True)
    (tmp_path / "half" / "deep" / "blocks").write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written"):
        run(path, engine="serial", out=tmp_path / "half" / "deep")
    assert not ran.exists()
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_read_only_results_folder_is_found_before_any_work(toy, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(BadInput, match=r"cannot be written \(Permission denied\)"):
        run(toy, engine="serial", out=tmp_path / "closed" / "out")


def test_a_disk_that_fills_up_keeps_what_was_written(toy, tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 4:  # the manifest and three blocks
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput) as mistake:
        run(toy, engine="serial", out=tmp_path / "out")
    assert str(mistake.value) == (
        f"results folder '{tmp_path / 'out'}' cannot be written (No space left on device): finished blocks are kept; "
        "make room or choose another with --out DIR"
    )
    monkeypatch.undo()
    names = sorted(p.name for p in (tmp_path / "out" / "blocks").iterdir())
    assert len(names) == 3
    assert all(name.endswith(".jsonl") and not name.startswith(".") for name in names)
    assert run(toy, engine="serial", out=tmp_path / "out").reused == 3


def test_a_store_reads_back_what_it_wrote(toy, tmp_path):
    job = make_plan(load(toy)).jobs[0]
    store = open_store(tmp_path / "out")
    rows = [{"replicate": 0, "method": "ä\n\"'", "x": 5e-324}]
    written = store.write(Outcome(job, rows, warnings=("w",), provenance={"cpus": 2}, attempt=2))
    found = read_block(store.path(job.key), job.key)
    assert found == written
    assert found.provenance == {"cpus": 2, "attempt": 2}
    assert json.loads(found.body())["x"] == 5e-324
    assert read_block(store.path(job.key), "another key") is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"drows": "1"}, "setting 'drows' is unknown: did you mean 'draws'?"),
        ({"draws": "1.5"}, "draws = 1.5 (settings): must be a whole number, such as 10000 or 1e4"),
        ({"draws": "many"}, "draws = many (settings): must be a whole number, such as 10000 or 1e4"),
        ({"draws": 0}, "draws = 0 (settings): must be greater than or equal to 1"),
        ({"rate": "1.5"}, "rate = 1.5 (settings): must be less than 1"),
        ({"rate": "nan"}, "rate = nan (settings): must be a finite number"),
        ({"rate": math.inf}, "rate = inf (settings): must be a finite number"),
        (
            {"rate": "half"},
            "rate = half (settings): must be a valid number, unable to parse string as a number",
        ),
        ({"mode": "idd"}, "mode = idd (settings): must be 'iid' or 'sticky'"),
        (
            {"draws": (10, "1e1"), "rate": 0.5},
            "two grid points are the same (draws = 10, rate = 0.5): give each value of an axis once",
        ),
        (
            {"draws": (0, 5, -1), "rate": 2},
            "draws = 0 (settings): must be greater than or equal to 1\nrate = 2 (settings): must be less than 1\n"
            "draws = -1 (settings): must be greater than or equal to 1",
        ),
    ],
)
def test_mistaken_settings_are_sentences(toy, settings, sentence):
    with pytest.raises(BadInput) as mistake:
        make_plan(load(toy), settings)
    assert str(mistake.value) == sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"experiment": 3}, "experiment = 3: must be the path of a .py file, an Experiment or None"),
        ({"settings": [1]}, "settings = [1]: must map names of settings to values"),
        ({"settings": {"draws": ()}}, "draws = () (settings): an axis needs at least one value"),
        ({"settings": {"draws": range(0)}}, "draws = range(0, 0) (settings): an axis needs at least one value"),
        ({"settings": {"draws": {7}}}, "draws = {7} (settings): a set has no order, give a tuple"),
        (
            {"settings": {"methods": (("mean", "mean"),)}},
            "methods = mean+mean (settings): 'mean' is named twice, name it once",
        ),
        ({"settings": {3: 4}}, "setting '3' is unknown: choose from cap, draws, methods, mode, rate"),
        *(
            ({name: value}, f"{name} = {value}: must be a whole number of at least {least}")
            for name, least in (("replicates", 1), ("seed", 0), ("workers", 1))
            for value in (1.5, math.nan, math.inf, True, "a", least - 1, None if name == "seed" else "3")
        ),
        *(
            ({name: value}, f"{name} = {value!r}: must be True or False")
            for name in ("fresh", "smoke")
            for value in (1, "yes", None)
        ),
        ({"engine": None}, "engine = None: must be the name of an engine, local or threads or serial or dask"),
        ({"engine": 3}, "engine = 3: must be the name of an engine, local or threads or serial or dask"),
        ({"out": 3}, "results folder 3 is no path: name a folder, or none for results/toy"),
        ({"out": ""}, "results folder '' is no path: name a folder, or none for results/toy"),
    ],
)
def test_mistaken_arguments_of_run_are_sentences(toy, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as mistake:
        run(**{"experiment": toy, "engine": "serial"} | arguments)
    assert str(mistake.value) == sentence
    assert [path.name for path in tmp_path.iterdir()] == ["toy.py"]


def test_numbers_of_numpy_are_numbers(toy):
    plan = make_plan(load(toy), {"draws": np.array([7, 8])}, replicates=np.int64(3), seed=2.0)
    assert ([point.settings["draws"] for point in plan.points[::2]], plan.asked, plan.seed) == ([7, 8], 3, 2)
    assert type(plan.jobs[0].seed) is int


def test_settings_that_are_closed_are_refused_with_the_way_out(toy):
    text = toy.read_text()
    toy.write_text(text + 'CLOSED = {"rate": "--rate", "cap": ""}\n')
    refused = {
        "rate": "setting 'rate' is fixed when the table is read: use --rate instead",
        "cap": "setting 'cap' cannot be set",
        "cpa": "setting 'cpa' is unknown: choose from draws, methods, mode",
    }
    for name, sentence in refused.items():
        with pytest.raises(BadInput) as mistake:
            make_plan(load(toy), {name: 0.25})
        assert str(mistake.value) == sentence
    assert len(make_plan(load(toy), {"draws": 3}).points) == 2  # GRID may still vary it
    toy.write_text(text + 'CLOSED = ("rate",)\n')
    with pytest.raises(BadInput, match=r"^setting 'rate' cannot be set$"):
        make_plan(load(toy), {"rate": 0.25})
    toy.write_text(text + 'CLOSED = ("rat",)\n')
    with pytest.raises(BadInput, match=r"^toy.py: setting 'rat' is unknown: did you mean 'rate'\?$"):
        load(toy)


def test_a_plan_that_is_too_long_is_refused_at_once_and_a_long_one_is_made_soon(toy):
    experiment = load(toy)
    for settings, told in (
        ({"draws": range(1, 10**12 + 1)}, "4e12 blocks (2,000,000,000,000 grid points x 2 blocks)"),
        ({"draws": range(1, 10**20, 2), "rate": 0.5}, f"1e20 blocks ({5 * 10**19:,} grid points x 2 blocks)"),
    ):
        with pytest.raises(BadInput) as mistake:
            make_plan(experiment, settings)
        assert str(mistake.value) == f"{told} are too many: at most 1e6 in one run, take fewer values or replicates"
    began = time.process_time()
    plan = make_plan(experiment, {"draws": range(1, 5001), "rate": 0.5}, replicates=40)
    assert len({job.key for job in plan.jobs}) == 100_000
    assert time.process_time() - began < 5


def test_settings_may_be_written_as_text(toy):
    plan = make_plan(load(toy), {"draws": ("1e6", "1e15"), "methods": "mean+max", "cap": "none", "rate": "0.25"})
    assert [p.settings["draws"] for p in plan.points] == [10**6, 10**15]
    assert plan.points[0].settings["methods"] == ("mean", "max")
    assert plan.points[0].settings["cap"] is None
    assert plan.points[0].settings["rate"] == 0.25
    assert plan.varying == ("draws",)
    assert make_plan(load(toy), {"cap": "1e2"}).points[0].settings["cap"] == 100


def test_a_setting_that_is_none_at_some_grid_points_is_one_grid_point(toy, tmp_path):
    result = run(toy, engine="serial", out=tmp_path / "out", settings={"cap": ("none", 5), "draws": 10, "rate": 0.5})
    shares = [(r["cap"], r["method"], r["n"]) for r in result.summary if r["measure"] == "share"]
    assert shares == [(None, "mean", 4), (None, "median", 4), (5, "mean", 4), (5, "median", 4)]


def test_whole_numbers_are_exact():
    assert whole("n", "1e18") == 10**18
    assert whole("n", "2.5e3") == 2500
    assert whole("n", "-3") == -3
    assert whole("n", "123456789012345678901") == 123456789012345678901
    for text in ("1.5", "1e-3", "inf", "nan", "", "x", "1e999999999"):
        with pytest.raises(BadInput, match=r"^n = .*: must be a whole number, such as 10000 or 1e4$"):
            whole("n", text)


def test_smoke_is_the_size_that_the_experiment_names(toy, tmp_path):
    plan = run(toy, engine="serial", smoke=True, out=tmp_path / "out").plan
    assert (len(plan.points), plan.block, plan.replicates) == (1, 1, 1)
    assert plan.points[0].settings["rate"] == 0.5


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("def cell", "def cells", "toy.py has no cell: an experiment must define it, see docs/adding.md"),
        (
            "def cell(config, streams)",
            "def cell(config)",
            "toy.py: cell must be a function of two arguments, cell(config, streams), see docs/adding.md",
        ),
        (
            'class Config(BaseModel, frozen=True, extra="forbid"):',
            "class Config:",
            "toy.py: Config is another class: it must be a pydantic.BaseModel, see docs/adding.md",
        ),
        (
            "GRID = {",
            "check = 3\nGRID = {",
            "toy.py: check must be a function of one argument, check(config)",
        ),
        ("BLOCK = 2", "BLOCK = 0", "toy.py: BLOCK = 0: must be a whole number of at least 1"),
        ('"grid": {', '"girds": {', "toy.py: SMOKE key 'girds' is unknown: did you mean 'grid'?"),
        ('GRID = {"draws"', 'GRID = {"drows"', "toy.py: setting 'drows' is unknown: did you mean 'draws'?"),
        ("(10, 100)", "10", "toy.py: the axis of draws = 10: must be a tuple of at least one value"),
        (
            "draws: int",
            "seed: int = 0\n    draws: int",
            "toy.py: setting 'seed' has the name of a column of the tables",
        ),
        ("GRID = {", "GRID = {{", "toy.py, line 17: '{' was never closed"),
        ("import numpy as np", "import nmpy as np", "toy.py, line 8: ModuleNotFoundError: No module named 'nmpy'"),
    ],
)
def test_an_experiment_that_is_none_is_told_what_it_lacks(tmp_path, old, new, sentence):
    assert old in TOY
    with pytest.raises(BadInput) as mistake:
        make_plan(load(write(tmp_path, TOY.replace(old, new, 1))))
    assert str(mistake.value) == sentence


def test_a_worker_needs_the_source_and_not_the_file(toy, tmp_path):
    experiment = load(toy)
    toy.unlink()
    run_source.cache_clear()
    assert run(experiment, workers=1, out=tmp_path / "out", smoke=True).status == 0


def test_an_engine_that_is_not_there(toy, tmp_path):
    with pytest.raises(BadInput) as mistake:
        run(toy, engine="ray", out=tmp_path / "out")
    assert str(mistake.value) == "engine 'ray' is unknown: choose from dask, local, serial, threads"
    with pytest.raises(BadInput) as mistake:
        run(toy, workers=0, out=tmp_path / "out")
    assert str(mistake.value) == "workers = 0: must be a whole number of at least 1"
    assert not (tmp_path / "out").exists()
