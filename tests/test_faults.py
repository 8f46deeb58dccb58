"""Faults that really happen: kills at random moments, full disks, damaged files, two sweeps at once, odd clocks.

Whatever happens, nothing is lost that was finished, nothing is counted twice, and a resumed run ends with the bytes
of one that nobody disturbed.
"""

from __future__ import annotations

import ast
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from toys import digest, wait_until, with_cell, write

import simlab.sweep
from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.store import open_store, read_block

BLOCKS = 60


def slowly(folder: Path, seconds: float) -> tuple[Path, Path]:
    """An experiment whose blocks take so long while a file is there, and that file."""
    (flag := folder / "slow").touch()
    body = f"import time\nif Path({str(flag)!r}).exists(): time.sleep({seconds})"
    return write(folder, with_cell(body)), flag


def command(path: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "simlab.sweep", str(path), "--out", str(out), "--replicates", "60", *more]


def blocks_in(out: Path) -> int:
    return len(list((out / "blocks").glob("*.jsonl")))


@pytest.mark.parametrize("kills", [pytest.param(3, id="three"), pytest.param(20, id="twenty", marks=pytest.mark.slow)])
def test_a_sweep_killed_at_random_moments_and_resumed_is_as_if_nothing_had_happened(tmp_path, kills):
    """SIGKILL of the driver at a random moment after its first new block, again and again, and then to the end."""
    (path, flag), out, rng = slowly(tmp_path, 0.02), tmp_path / "out", random.Random(kills)
    for number in range(kills):
        process = subprocess.Popen(
            command(path, out, "--workers", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if number % 3 == 2:  # while it starts
            time.sleep(rng.uniform(0.05, 0.6))
        else:  # some time after a new block: while it computes or, with many blocks there, while it makes its tables
            before = blocks_in(out)
            wait_until(lambda b=before, p=process: blocks_in(out) > b or p.poll() is not None, seconds=60)
            time.sleep(rng.choice([0.0, rng.uniform(0, 0.1), rng.uniform(0, 1.5)]))
        process.kill()
        process.wait()
        if blocks_in(out) == BLOCKS:  # nothing would be left to kill: take some away, as if they had not been reached
            for block in rng.sample(sorted((out / "blocks").glob("*.jsonl")), BLOCKS // 2):
                block.unlink()
    flag.unlink()
    resumed = run(path, engine="serial", replicates=60, out=out)
    assert (resumed.reused + resumed.computed, resumed.errors, resumed.lost) == (BLOCKS, 0, 0)
    undisturbed = run(path, engine="serial", replicates=60, out=tmp_path / "whole")
    assert digest(resumed) == digest(undisturbed)
    assert len(resumed.replicates["key"]) == 120
    assert not [p for p in (out / "blocks").iterdir() if p.suffix == ".jsonl" and read_block(p, p.stem) is None]


def test_two_sweeps_started_on_one_folder_share_the_work_and_both_end_well(tmp_path):
    (path, flag), out = slowly(tmp_path, 0.1), tmp_path / "out"
    both = [
        subprocess.Popen(
            command(path, out, "--workers", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in both]
    flag.unlink()
    assert [process.returncode for process in both] == [0, 0]
    assert any("another process is computing blocks of this run" in err for _, err in told)
    result = run(path, engine="serial", replicates=60, out=out)
    assert (result.reused, result.computed) == (BLOCKS, 0)
    assert digest(result) == digest(run(path, engine="serial", replicates=60, out=tmp_path / "whole"))
    assert not [p.name for p in out.iterdir() if p.name.startswith(".")]


def test_two_runs_in_one_folder_at_once_each_get_their_own_rows(tmp_path):
    """The tables of a folder are those of who came last; what a run returns, and judges, are its own."""
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    alone = {seed: digest_of(run(path, engine="serial", seed=seed, out=tmp_path / f"{seed}")) for seed in (1, 7)}
    assert alone[1] != alone[7]
    found: dict[int, set[str]] = {1: set(), 7: set()}

    def again(seed: int) -> None:
        for _ in range(12):
            found[seed].add(digest_of(run(path, engine="serial", seed=seed, out=out)))

    threads = [threading.Thread(target=again, args=(seed,)) for seed in (1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: {rows} for seed, rows in alone.items()}


def digest_of(result: simlab.sweep.Result) -> str:
    """The rows that a run returned, whatever its folder holds by now."""
    return repr({name: column.tolist() for name, column in result.replicates.items()}) + repr(result.summary)


def test_folders_whose_names_are_patterns_are_folders(tmp_path):
    path = write(tmp_path, with_cell(""))
    rows = {}
    for name in ("a*b", "a?b", "a[x]b", "axb", "a'b"):
        result = run(path, engine="serial", out=tmp_path / name, seed=len(rows))
        rows[name] = len(result.replicates["key"])
        assert len(run(path, engine="serial", out=tmp_path / name, seed=len(rows) - 1).replicates["key"]) == 8
    assert set(rows.values()) == {8}


def test_ctrl_c_once_finishes_what_runs_and_twice_stops_at_once(tmp_path):
    path, out = write(tmp_path, with_cell("import time; time.sleep(1.5)")), tmp_path / "out"
    for presses in (1, 2):
        process = subprocess.Popen(
            command(path, out, "--workers", "2"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        before = blocks_in(out)
        wait_until(lambda b=before: blocks_in(out) >= b + 2, seconds=30)
        for press in range(presses):
            time.sleep(0.3 if press else 0)
            os.killpg(process.pid, signal.SIGINT)
        after = blocks_in(out)
        _, told = process.communicate(timeout=20)
        lines = told.splitlines()
        assert process.returncode == 130
        assert "Traceback" not in told
        assert lines[-1] == (
            f"simlab: interrupted: {blocks_in(out)} of {BLOCKS} blocks are kept in {out}; the same command resumes"
        )
        if presses == 1:
            assert "simlab: finishing the blocks that are running; Ctrl-C again stops at once" in lines
            assert blocks_in(out) >= after + 2
        else:
            assert blocks_in(out) == after


def test_a_disk_that_is_full_for_real_keeps_what_was_written(tmp_path):
    """A limit on the size of files, under which a block still fits and the table of all of them does not."""
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000)); "
    limited += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    whole = [sys.executable, "-c", limited, *command(path, out, "--engine", "serial")[1:]]
    done = subprocess.run(whole, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"simlab: results folder '{out}' cannot be written (")
    assert "finished blocks are kept; make room or choose another with --out DIR" in done.stderr
    assert blocks_in(out) == BLOCKS
    assert not (out / "replicates.parquet").exists()
    assert not [p.name for p in (*out.iterdir(), *(out / "blocks").iterdir()) if p.name.startswith(".")]
    resumed = run(path, engine="serial", replicates=60, out=out)
    assert (resumed.reused, resumed.computed, resumed.status) == (BLOCKS, 0, 0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_small_file_system_that_fills_up(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        path = write(tmp_path, with_cell(""))
        with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\): finished blocks are kept"):
            run(path, engine="serial", replicates=60, out=disk / "out")
        kept = blocks_in(disk / "out")
        assert 0 < kept < BLOCKS
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        resumed = run(path, engine="serial", replicates=60, out=disk / "out")
        assert (resumed.reused, resumed.computed) == (kept, BLOCKS - kept)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_without_write_permission_is_a_sentence(tmp_path):
    """Held against root too, who is bound by no permission bits: /proc takes no folders from anybody."""
    with pytest.raises(BadInput, match=r"results folder '/proc/simlab' cannot be written"):
        run(write(tmp_path, with_cell("")), engine="serial", out="/proc/simlab")


@pytest.mark.parametrize("damage", ["truncated", "corrupted", "broken", "type", "errors", "column", "empty"])
def test_a_damaged_block_is_told_computed_again_and_never_read(tmp_path, damage):
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    whole = run(path, engine="serial", out=out)
    victim = sorted((out / "blocks").iterdir())[1]
    data = victim.read_bytes()
    victim.write_bytes(
        {
            "truncated": data[: len(data) * 2 // 3],
            "corrupted": data.replace(b'"x":0.', b'"x":1.', 1),
            "broken": b"{" + data,
            "type": data.replace(b'"x":"float"', b'"x":"int"', 1),
            "errors": data.replace(b'"errors":0', b'"errors":2', 1),
            "column": data.replace(b'"x":"float"', b'"y":"float"', 1),
            "empty": b"",
        }[damage]
    )
    again = run(path, engine="serial", out=out)
    assert again.notes == ("1 block file cut short or altered: computed again",)
    assert (again.reused, again.computed) == (3, 1)
    assert digest(again) == digest(whole)
    assert victim.read_bytes().partition(b"\n")[2] == data.partition(b"\n")[2]


def test_a_table_that_was_damaged_is_made_again_from_the_blocks(tmp_path):
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    whole = run(path, engine="serial", out=out)
    before = digest(whole)
    (out / "replicates.parquet").write_bytes(b"PAR1 and nothing else")
    assert digest(run(path, engine="serial", out=out)) == before
    (out / "replicates.parquet").unlink()
    assert digest(run(path, engine="serial", out=out)) == before


def test_a_source_that_changes_between_stop_and_resume_is_another_experiment(tmp_path):
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    run(path, engine="serial", out=out, settings={"draws": 1})
    path.write_text(path.read_text() + "# another text\n")
    changed = run(path, engine="serial", out=out)
    assert (changed.reused, changed.computed) == (0, 4)
    assert "also holds 2 blocks of other runs" in changed.notes[0]
    assert len(changed.replicates["key"]) == 8
    done = subprocess.run(
        [sys.executable, "-m", "simlab.sweep", "status", str(out)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("toy, seed 0, simlab") == 2


def test_the_code_of_simlab_that_changes_makes_the_rows_stale_and_they_are_told(tmp_path, monkeypatch):
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    old = run(path, engine="serial", out=out)
    monkeypatch.setattr("simlab.sweep.plan.code_version", lambda: "0.1.0+000000000000")
    new = run(path, engine="serial", out=out)
    assert (new.reused, new.computed) == (0, 4)
    assert set(new.replicates["version"]) == {"0.1.0+000000000000"}
    assert set(new.replicates["key"]).isdisjoint(old.replicates["key"])
    assert "also holds 4 blocks of other runs (other settings, seed or code)" in new.notes[0]


def test_a_clock_that_jumps_changes_no_row_no_order_and_no_time_spent(tmp_path, monkeypatch):
    """The wall clock runs backwards by days; durations come from one that cannot, and nothing else asks for time."""
    days = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: next(days) * 86400.0)

    class Backwards(simlab.sweep.blocks.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(next(days) * 86400.0, tz)

    path = write(tmp_path, with_cell(""))
    straight = run(path, engine="serial", out=tmp_path / "straight")
    monkeypatch.setattr("simlab.sweep.blocks.datetime", Backwards)
    jumping = run(path, engine="serial", out=tmp_path / "jumping")
    assert digest(jumping) == digest(straight)
    starts = [str(row["started"]) for row in jumping.provenance]
    assert starts == sorted(starts, reverse=True)
    assert all(0 <= float(str(row["duration_s"])) < 60 for row in jumping.provenance)
    assert run(path, engine="serial", out=tmp_path / "jumping").reused == 4


def test_no_module_of_the_sweep_asks_the_wall_clock_for_a_time_span():
    for path in Path(simlab.sweep.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                assert node.attr in ("monotonic", "perf_counter", "sleep"), path


def test_files_that_a_killed_writer_left_behind_are_in_nobodys_way(tmp_path):
    path, out = write(tmp_path, with_cell("")), tmp_path / "out"
    store = open_store(out)
    (store.blocks / ".0123.jsonl.1.abcd.tmp").write_bytes(b'{"key"')
    (out / ".collect.xyz").mkdir()
    result = run(path, engine="serial", out=out)
    assert (result.status, result.computed) == (0, 4)
    assert result.notes == ()


def test_a_cell_that_returns_nan_is_counted_and_not_averaged(tmp_path):
    body = "return [{'replicate': s.replicate, 'method': 'a', 'x': math.nan if s.replicate else 2.0} for s in streams]"
    result = run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out", settings={"draws": 1})
    [row] = [row for row in result.summary if row["measure"] == "x"]
    assert (row["mean"], row["n"], row["n_errors"]) == (2.0, 1, 0)
    header = json.loads(sorted((tmp_path / "out" / "blocks").iterdir())[0].read_bytes().partition(b"\n")[0])
    assert header["rows"] == 2
