"""Rows that run along a curve within one replicate: grouped like settings, and of no grid point; and stated memory."""

from __future__ import annotations

import csv
import math
import os
import types

import numpy as np
import pytest
from toys import TOY, digest, with_cell, write

from simlab.errors import BadInput
from simlab.machine import available_memory
from simlab.seeds import Streams
from simlab.sweep import blocks, devices, display, inspecting, memory, run
from simlab.sweep.blocks import Outcome
from simlab.sweep.cli import command
from simlab.sweep.inspecting import export_run, verify_run
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan
from simlab.sweep.planning import Target, blocks_needed, needs, next_blocks
from simlab.sweep.pools import Workers
from simlab.sweep.progress import Slacks
from simlab.sweep.replaying import replay
from simlab.sweep.summary import group, measures, summarise
from simlab.sweep.verdicts import judge
from simlab.terminal.wording import storage

CURVE = """
rows = []
for s in streams:
    draws = s.numpy("x").standard_normal((2, 3))
    for i, method in enumerate(("b", "a")):
        for j, step in enumerate((1, 10, 100)[: 2 if s.replicate == 0 else 3]):
            rows.append({"replicate": s.replicate, "method": method, "step": step,
                         "x": config.draws * draws[i, j] * step, "y": 1.0})
return rows
"""
"""Two curves a replicate, whose spread grows with the step; the first replicate stops early."""

ALONG = '\nALONG = ("step",)\nSHOWN = ("x", "y")\n'


@pytest.fixture
def curve(tmp_path):
    return write(tmp_path, with_cell(CURVE) + ALONG)


def told(function, *arguments, **options):
    with pytest.raises(BadInput) as mistake:
        function(*arguments, **options)
    return str(mistake.value)


def lines_of(summary, measure, **where):
    return [r for r in summary if r["measure"] == measure and all(r[name] == value for name, value in where.items())]


# the tables


def test_each_place_on_a_curve_has_its_own_lines(curve, tmp_path):
    result = run(curve, engine="serial", out=tmp_path / "out")
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0])[:4] == ["draws", "step", "method", "measure"]
    assert [(row["draws"], row["method"], row["step"]) for row in written if row["measure"] == "x"] == [
        (draws, method, step) for draws in "12" for method in "ba" for step in ("1", "10", "100")
    ]
    assert list(result.replicates)[:6] == ["experiment", "draws", "seed", "replicate", "method", "step"]
    plan = result.plan
    for point in plan.points:
        by_hand = np.array([Streams(0, point.digest, i).numpy("x").standard_normal((2, 3)) for i in range(4)])
        by_hand *= point.settings["draws"] * np.array([1, 10, 100])
        for i, method in enumerate(("b", "a")):
            for j, step in enumerate((1, 10, 100)):
                (found,) = lines_of(result.summary, "x", draws=point.settings["draws"], method=method, step=step)
                values = by_hand[1:, i, j] if step == 100 else by_hand[:, i, j]
                assert found["n"] == len(values)
                assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
                assert found["mcse"] == pytest.approx(values.std(ddof=1) / math.sqrt(len(values)), rel=1e-12)


def test_a_curve_moves_no_stream_no_grid_point_and_no_block(curve, tmp_path):
    """The same cell without ALONG, cut to its first place, has the same points, blocks and values there."""
    first = CURVE.replace("(1, 10, 100)[: 2 if s.replicate == 0 else 3]", "(1,)").replace('"step": step, ', "")
    bare = write(tmp_path, with_cell(first), "bare.py")
    long, short = make_plan(load(curve)), make_plan(load(bare))
    assert [point.digest for point in long.points] == [point.digest for point in short.points]
    assert [(job.point, job.index, job.size) for job in long.jobs] == [
        (job.point, job.index, job.size) for job in short.jobs
    ]
    assert (long.settings, long.varying, long.along) == (("draws",), ("draws",), ("step",))
    rows, alone = (run(path, engine="serial", out=tmp_path / path.stem).replicates for path in (curve, bare))
    assert rows["x"][rows["step"] == 1].tolist() == alone["x"].tolist()


def test_a_curve_is_the_same_for_any_workers(curve, tmp_path):
    one = run(curve, engine="serial", out=tmp_path / "one")
    two = run(curve, engine="threads", workers=2, out=tmp_path / "two")
    assert digest(one) == digest(two)
    assert (tmp_path / "one" / "summary.csv").read_bytes() == (tmp_path / "two" / "summary.csv").read_bytes()


def slow_groups(table, settings, along):
    """Groups of rows by plain dictionaries: points and methods as they appear, places in their order."""
    points, methods, found = {}, {}, {}
    for i in range(len(table["replicate"])):
        point = tuple(table[name][i] for name in settings)
        method = (point, table["method"][i])
        number, curve = points.setdefault(point, len(points)), methods.setdefault(method, len(methods))
        found.setdefault((number, curve, *(table[name][i] for name in along)), []).append(i)
    return [(key[0], rows) for key, rows in sorted(found.items())]


@pytest.mark.parametrize("along", [(), ("step",), ("step", "exposures")])
def test_groups_against_plain_dictionaries(along):
    rng = np.random.default_rng(5)
    n = 400
    table = {
        "draws": rng.integers(0, 3, n),
        "rate": rng.choice([0.1, 0.3], n),
        "replicate": np.arange(n),
        "method": rng.choice(np.array(["c", "a", "b"], dtype=object), n),
        "step": rng.integers(0, 5, n) * 10.0,
        "exposures": rng.integers(0, 2, n),
    }
    found = group(table, ["draws", "rate"], along)
    slow = slow_groups(table, ["draws", "rate"], along)
    assert [(point, rows.tolist()) for point, rows in zip(found.points, found.rows, strict=True)] == slow
    assert all(list(settings) == ["draws", "rate", *along] for settings in found.settings)
    assert len(slow) == 18 if not along else len(slow) > 80


def test_error_rows_count_at_every_place_of_their_grid_point(tmp_path):
    body = "if config.draws == 2 or streams[0].replicate == 0:\n    raise ValueError('no')\n" + CURVE
    path = write(tmp_path, with_cell(body) + ALONG)
    result = run(path, engine="serial", out=tmp_path / "out")
    here, lost = (lines_of(result.summary, name, draws=draws) for name, draws in (("x", 1), ("", 2)))
    assert [(row["method"], row["step"], row["n"], row["n_errors"]) for row in here] == [
        (method, step, 2, 2) for method in "ba" for step in (1, 10, 100)
    ]
    assert [(row["method"], row["step"], row["n"], row["n_errors"]) for row in lost] == [("", None, 0, 4)]
    assert result.errors == 6
    display.tables_of(result, None)
    body = "raise ValueError('no')\n" + CURVE
    nothing = run(write(tmp_path, with_cell(body) + ALONG, "none.py"), engine="serial", out=tmp_path / "none")
    assert [(row["measure"], row["step"]) for row in nothing.summary] == [("", None)] * 2


def test_what_runs_along_a_curve_is_no_measure(curve, tmp_path):
    result = run(curve, engine="serial", out=tmp_path / "out")
    assert measures(result.replicates, result.plan.settings, result.plan.along) == ("x", "y")
    assert {row["measure"] for row in result.summary} == {"x", "y"}
    whole = summarise(result.replicates, result.plan.settings)  # not told of the curve, it takes the step for a measure
    assert {row["measure"] for row in whole} == {"x", "y", "step"}


def test_the_printed_table_and_the_plan_show_the_column(curve, tmp_path, capsys):
    command([str(curve), "--engine", "serial", "--out", str(tmp_path / "out")])
    shown = capsys.readouterr().out.splitlines()
    (head,) = [line.split() for line in shown if "step" in line]
    assert head == ["draws", "step", "method", "x", "y"]
    assert [line.split()[:3] for line in shown if line.strip().startswith(("1 ", "2 "))] == [
        [draws, step, method] for draws in "12" for method in "ba" for step in ("1", "10", "100")
    ]
    command([str(curve), "--engine", "serial", "--out", str(tmp_path / "out"), "--plan", "measure=x,mcse=1"])
    planned = capsys.readouterr().out.splitlines()
    assert sum(line.split()[:2] == ["draws", "step"] for line in planned) == 1
    assert sum(line.split()[:4] == ["1", "100", "a", "x"] for line in planned) == 1


# verdicts


def bound(slug, kind):
    return types.SimpleNamespace(slug=slug, name=f"Bound {slug}", kind=kind)


def slacks_at(steps, values):
    """Six replicates of one method, with a slack at each step."""
    n = 6 * len(steps)
    noise = np.tile(np.repeat([-1e-3, 1e-3], 3), len(steps))
    return {
        "draws": np.ones(n, dtype=int),
        "replicate": np.tile(np.arange(6), len(steps)),
        "method": np.array(["a"] * n, dtype=object),
        "step": np.repeat(steps, 6),
        "mean_slack": np.repeat(values, 6) + noise,
        "mean_vacuous": np.repeat(np.array(steps) == 1, 6),
        "seed": np.zeros(n, dtype=int),
        "version": np.array(["v"] * n, dtype=object),
    }


def test_a_bound_in_expectation_is_judged_at_each_place():
    table = slacks_at([1, 10, 100], [0.5, -0.2, 0.5])
    (verdict,) = judge(table, ["draws"], [], [bound("mean", "expectation")], ["step"])
    assert verdict.outcome == "violated"
    assert verdict.sentence.endswith("at step = 10, method a.")
    assert (verdict.points, verdict.vacuous_points, verdict.replicates) == (1, 0, 18)
    (blind,) = judge(table, ["draws"], [], [bound("mean", "expectation")])  # over the whole curve the mean is positive
    assert blind.outcome == "held"


def test_a_grid_point_is_vacuous_where_its_whole_curve_is():
    bounds = [bound("mean", "expectation")]
    (verdict,) = judge(slacks_at([1, 10], [0.5, 0.5]), ["draws"], [], bounds, ["step"])
    assert (verdict.outcome, verdict.vacuous_points) == ("held", 0)
    (verdict,) = judge(slacks_at([1], [0.5]), ["draws"], [], bounds, ["step"])
    assert (verdict.outcome, verdict.vacuous_points) == ("vacuous", 1)


def test_the_worst_slack_on_the_way_is_of_one_place(curve):
    job = make_plan(load(curve)).jobs[0]
    rows = [
        {"replicate": 0, "method": "a", "step": step, "mean_slack": slack} for step, slack in ((1, 1.0), (10, -0.5))
    ]
    told_of, blind = (Slacks([bound("mean", "expectation")], along) for along in (("step",), ()))
    for slacks in (told_of, blind):
        slacks.add(Outcome(job, rows))
    assert told_of.worst() == "worst slack -0.5 (mean)"
    assert blind.worst() == "worst slack 0.25 (mean)"


# planning


def test_a_target_is_for_every_place_on_a_curve(curve, tmp_path):
    """The spread at step 100 is 100 times that at step 1, so it takes 10,000 times the replicates."""
    result = run(curve, engine="serial", out=tmp_path / "out", replicates=40, settings={"draws": 1})
    found = needs(result.summary, result.plan, Target(20.0, "x"))
    assert [(need.method, need.settings, need.place) for need in found] == [
        (method, {"draws": 1}, {"step": step}) for method in "ba" for step in (1, 10, 100)
    ]
    for need in found:
        assert need.replicates == max(2, math.ceil(40 * (need.mcse / 20) ** 2))
    assert [need.replicates for need in found][:2] == [2, 2]
    most = max(need.surely for need in found)
    assert blocks_needed(found, result.plan) == (math.ceil(most / 2),)
    assert most == max(need.surely for need in found if need.place == {"step": 100})


def test_a_run_goes_on_until_every_place_has_reached_the_target(curve, tmp_path):
    result = run(curve, engine="serial", out=tmp_path / "out", until=Target(20.0, "x"), settings={"draws": (1, 2)})
    worst = {draws: max(row["mcse"] for row in lines_of(result.summary, "x", draws=draws)) for draws in (1, 2)}
    assert max(worst.values()) <= 20.0
    there = result.plan.blocks
    assert there[1] > there[0] >= 10  # a pilot alone is not enough at the last step
    assert next_blocks(result.summary, result.plan, Target(20.0, "x")) == there
    early = [row for row in result.summary if row["step"] < 100]
    assert max(row["mcse"] for row in lines_of(early, "x")) < 4.0
    said = told(run, curve, engine="serial", out=tmp_path / "other", until=Target(1.0, "step"))
    assert said == "measure 'step' is unknown: choose from x, y"


# one row again


def test_a_row_is_replayed_by_its_place(curve, tmp_path, capsys):
    result = run(curve, engine="serial", out=tmp_path / "out")
    rows = len(result.replicates["x"])
    assert rows == 2 * 2 * (2 + 3 * 3)
    for row in (0, 1, rows - 1):
        assert replay(tmp_path / "out", row) == 0
        shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  "))
        assert {name: shown[name] for name in ("method", "step", "x")} == {
            name: str(result.replicates[name][row]) for name in ("method", "step", "x")
        }


def test_a_difference_is_told_with_its_place(curve, tmp_path, monkeypatch):
    run(curve, engine="serial", out=tmp_path / "out")
    monkeypatch.setattr(inspecting, "Workers", lambda *_, **__: Workers("serial"))
    assert verify_run(str(tmp_path / "out"), None, 0, 1, None)[1] is False
    monkeypatch.setattr(blocks, "Streams", lambda seed, point, replicate: Streams(seed + 1, point, replicate))
    lines, differing = verify_run(str(tmp_path / "out"), None, 0, 1, None)
    assert differing
    assert "replicate 0, method 'b', step = 1: x is " in lines[1]


def test_an_export_has_the_place_of_every_row(curve, tmp_path):
    result = run(curve, engine="serial", out=tmp_path / "out")
    export_run(str(tmp_path / "out"), "csv", None, None)
    with (tmp_path / "out" / "replicates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == result.replicates["step"].tolist()
    names = ("draws", "replicate", "method", "step")
    assert len({tuple(row[name] for name in names) for row in rows}) == len(rows)


# mistakes


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("'x': 1.0", "the cell of toy.py: each row needs 'step', a finite number, since ALONG names it"),
        ("'step': math.nan", "the cell of toy.py: step = nan: must be a finite number, since ALONG names it"),
        ("'step': -math.inf", "the cell of toy.py: step = -inf: must be a finite number, since ALONG names it"),
        ("'step': True", "the cell of toy.py: step = True: must be a finite number, since ALONG names it"),
        ("'step': 'one'", "the cell of toy.py: step = 'one': must be a number or a truth value"),
    ],
)
def test_a_row_that_does_not_say_where_it_stands_is_refused(tmp_path, row, sentence):
    body = f"return [{{'replicate': s.replicate, 'method': 'a', {row}}} for s in streams]"
    path = write(tmp_path, with_cell(body) + ALONG)
    assert told(run, path, engine="serial", out=tmp_path / "out") == sentence
    assert not (tmp_path / "out").exists()


def test_two_rows_of_one_place_are_refused(tmp_path):
    path = write(tmp_path, with_cell(CURVE.replace("(1, 10, 100)", "(1, 10, 1.0)")) + ALONG)
    assert told(run, path, engine="serial", out=tmp_path / "out") == (
        "the cell of toy.py must return one row for each replicate of range(0, 2) and each method and each step"
    )
    bare = write(tmp_path, with_cell(CURVE), "bare.py")  # a curve that is not declared is a row too many
    assert told(run, bare, engine="serial", out=tmp_path / "out") == (
        "the cell of bare.py must return one row for each replicate of range(0, 2) and each method"
    )


@pytest.mark.parametrize(
    ("along", "sentence"),
    [
        ('"step"', "ALONG = 'step': must be a tuple of names of columns, such as ('step',)"),
        ("3", "ALONG = 3: must be a tuple of names of columns, such as ('step',)"),
        ("(1,)", "ALONG = (1,): must be a tuple of names of columns, such as ('step',)"),
        ('("",)', "ALONG = ('',): must be a tuple of names of columns, such as ('step',)"),
        ('("draws",)', "ALONG names 'draws', which is a setting: it must be a column of the rows alone"),
        ('("method",)', "ALONG names 'method', which is a column of every table: choose another name"),
        ('("mean",)', "ALONG names 'mean', which is a column of every table: choose another name"),
        ('("error_type",)', "ALONG names 'error_type', which is a column of every table: choose another name"),
        ('("step", "step")', "ALONG names 'step' twice: once is enough"),
    ],
)
def test_a_name_that_cannot_run_along_a_curve_is_refused_at_load(tmp_path, along, sentence):
    assert told(load, write(tmp_path, TOY + f"\nALONG = {along}\n")) == f"toy.py: {sentence}"


# the memory that a block needs

GB = 10**9
HUNGRY = "\n\ndef memory(config):\n    return config.draws * 1_200_000_000\n"


@pytest.fixture
def hungry(tmp_path, monkeypatch):
    """An experiment whose largest block, at draws = 2, needs 2.4 GB, where 23 GB are left."""
    monkeypatch.setattr(memory, "available_memory", lambda: 23 * GB)
    return write(tmp_path, with_cell("") + HUNGRY)


def told_by(capsys, *arguments):
    """Exit status, and what a command line says on each stream."""
    status = command([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_the_memory_is_told_before_a_run_and_by_dry_run_and_plan(hungry, tmp_path, capsys):
    sentence = "the largest block needs 2.4 GB, 2 workers: 4.8 GB of 23 GB"
    out = ("--engine", "threads", "--workers", 2, "--out", tmp_path / "out")
    status, shown, _ = told_by(capsys, hungry, *out, "--dry-run")
    assert (status, sentence in shown.splitlines()) == (0, True)
    status, shown, _ = told_by(capsys, hungry, *out, "--plan", "mcse=0.1")
    assert (status, sentence in shown.splitlines()) == (0, True)
    result = run(hungry, engine="threads", workers=2, out=tmp_path / "other")
    assert result.notes == (sentence,)
    again = run(hungry, engine="threads", workers=2, out=tmp_path / "other")  # nothing to compute needs no memory
    assert sentence not in again.notes
    bare = run(write(tmp_path, with_cell(""), "bare.py"), engine="serial", out=tmp_path / "bare")
    assert (bare.notes, bare.footprint) == ((), None)


def test_more_memory_than_there_is_is_refused_before_anything_runs(hungry, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 3 * GB)
    out = tmp_path / "out"
    arguments = (hungry, "--engine", "threads", "--workers", 2, "--out", out)
    said = (
        "the largest block (draws = 2) needs 2.4 GB of memory, 2 workers 4.8 GB, and 3 GB are left here: "
        "take --workers 1, or a smaller size"
    )
    for more in ((), ("--dry-run",), ("--fresh",)):
        status, shown, error = told_by(capsys, *arguments, *more)
        assert (status, shown) == (2, "")
        assert said in error
        assert not out.exists()
    assert told_by(capsys, hungry, "--engine", "threads", "--workers", 1, "--out", out)[0] == 0
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * GB)
    assert told(run, hungry, engine="serial", out=tmp_path / "other") == (
        "the largest block (draws = 2) needs 2.4 GB of memory, and 2 GB are left here: take a smaller size"
    )
    run(hungry, engine="serial", out=tmp_path / "other", settings={"draws": 1})


def test_what_is_there_already_needs_no_memory_and_a_refusal_deletes_nothing(hungry, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = run(hungry, engine="serial", out=out)
    blocks = sorted(path.read_bytes() for path in (out / "blocks").iterdir())
    monkeypatch.setattr(memory, "available_memory", lambda: GB)
    assert run(hungry, engine="serial", out=out).reused == 4
    assert told(run, hungry, engine="serial", out=out, fresh=True).startswith("the largest block (draws = 2) needs")
    assert sorted(path.read_bytes() for path in (out / "blocks").iterdir()) == blocks
    for job in first.plan.jobs_of(0):
        (out / "blocks" / f"{job.key}.jsonl").unlink()
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * GB)  # enough for the blocks that are missing
    assert run(hungry, engine="serial", out=out).computed == 2


def footprint_of(path, workers, pending=slice(None), **options):
    plan = make_plan(load(path), **options)
    return memory.footprint(plan, plan.jobs[pending], workers, more=options.get("replicates") is None)


def test_as_many_workers_count_as_can_be_busy(hungry):
    threads = Workers("threads", 8)
    assert footprint_of(hungry, threads).workers == 8  # more blocks may follow
    assert footprint_of(hungry, threads, replicates=4).workers == 4
    assert footprint_of(hungry, threads, slice(3, 4), replicates=4).sentence == (
        "the largest block needs 2.4 GB of 23 GB"
    )
    assert footprint_of(hungry, Workers("serial", 16)).workers == 1
    cluster = Workers("dask", 16, scheduler="tcp://10.0.0.1:8786")
    assert footprint_of(hungry, cluster).sentence == "the largest block needs 2.4 GB"


def test_a_block_larger_than_a_worker_may_hold_is_refused(hungry, tmp_path):
    limited = memory.Footprint(2.4 * GB, "draws = 2", 2, 23 * GB, 3 * GB)
    limited.check()
    assert limited.sentence == (
        "the largest block needs 2.4 GB of the 3 GB that a worker may hold, 2 workers: 4.8 GB of 23 GB"
    )
    said = told(run, hungry, engine="local", memory=2 * GB, workers=1, out=tmp_path / "out")
    assert said == (
        "the largest block (draws = 2) needs 2.4 GB of memory, and a worker may hold 2 GB: "
        "raise --memory-limit, or take a smaller size"
    )
    assert not (tmp_path / "out").exists()


SMI = """#!/bin/sh
echo "0, GPU-aaaa-1, 81559"
echo "1, GPU-bbbb-2, 40960"
"""


def test_a_block_larger_than_a_gpu_is_refused(hungry, tmp_path, monkeypatch):
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(SMI)
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(smi.parent), prepend=":")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    sizes = {}
    for visible in ("0", "1", "0,1", "GPU-aaaa", "MIG-7"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        sizes[visible] = devices.gpu_memory()
    large, small = (int(0.75 * size * 2**20) for size in (81559, 40960))
    assert sizes == {"0": large, "1": small, "0,1": small, "GPU-aaaa": large, "MIG-7": small}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    worker = Workers("local", 1, device="gpu")
    found = footprint_of(hungry, worker)
    assert found.sentence == "the largest block needs 2.4 GB of the 32.2 GB that JAX takes of a GPU"
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.05")
    assert told(footprint_of, hungry, worker) == (
        "the largest block (draws = 2) needs 2.4 GB of memory, and JAX takes 2.15 GB of a GPU: take a smaller size"
    )
    for text in ("#!/bin/sh\nexit 9\n", "#!/bin/sh\necho '0, GPU-aaaa, [N/A]'\n"):
        smi.write_text(text)
        assert devices.gpu_memory() is None
    assert footprint_of(hungry, worker).sentence == "the largest block needs 2.4 GB"


def system(root, available, groups=(), place=""):
    """A folder with what Linux says of memory: of the machine in kB, and of control groups in bytes."""
    for path, text in {
        "proc/meminfo": f"MemTotal: 99 kB\nMemAvailable:   {available} kB\n",
        "proc/self/cgroup": place,
        **dict(groups),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def group_of(folder, limit, use, stat, names=("memory.max", "memory.current")):
    return {f"{folder}/{names[0]}": limit, f"{folder}/{names[1]}": use, f"{folder}/memory.stat": stat}


def test_the_memory_that_is_left_is_that_of_the_machine_or_of_a_control_group(tmp_path):
    assert available_memory(system(tmp_path / "plain", 1000)) == 1024 * 1000
    two = "sys/fs/cgroup"
    outer = group_of(f"{two}/job", "500000\n", "300000\n", "anon 7\ninactive_file 100000\n")
    inner = group_of(f"{two}/job/step", "max\n", "300000\n", "inactive_file 0\n")
    place = "0::/job/step\n"
    assert available_memory(system(tmp_path / "two", 1000, {**outer, **inner}, place)) == 300_000
    assert available_memory(system(tmp_path / "small", 10, {**outer, **inner}, place)) == 10_240
    assert available_memory(system(tmp_path / "out", 1000, outer, "0::/other\n")) == 1024 * 1000
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    one = group_of(f"{two}/memory", "400000", "450000", "total_inactive_file 60000\ninactive_file 5\n", names)
    place = "5:memory:/docker/7\n4:cpu,cpuacct:/\n0::/\n"  # a container sees its own group at the top
    assert available_memory(system(tmp_path / "one", 1000, one, place)) == 10_000
    over = group_of(f"{two}/memory", "400000", "450000", "total_inactive_file 6\n", names)
    assert available_memory(system(tmp_path / "over", 1000, over, place)) == 0
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert available_memory(tmp_path / "nothing") == whole
    assert 0 < available_memory() <= whole


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("'1GB'", "memory(config) = '1GB': must be a number of bytes, 0 or more"),
        ("-1", "memory(config) = -1: must be a number of bytes, 0 or more"),
        ("math.nan", "memory(config) = nan: must be a number of bytes, 0 or more"),
        ("True", "memory(config) = True: must be a number of bytes, 0 or more"),
    ],
)
def test_a_memory_that_is_no_number_of_bytes_is_refused(tmp_path, text, sentence):
    path = write(tmp_path, with_cell("") + f"\ndef memory(config):\n    return {text}\n")
    assert told(run, path, engine="serial", out=tmp_path / "out") == f"toy.py: {sentence}"
    assert not (tmp_path / "out").exists()


def test_memory_must_be_a_function_of_one_argument(tmp_path):
    path = write(tmp_path, TOY + "\nmemory = 3\n")
    assert told(load, path) == "toy.py: memory must be a function of one argument, memory(config)"


def test_bytes_as_a_reader_wants_them():
    sizes = [0, 999, 1000, 999_400, 999_600, 2.4e9, 23.04e9, 1.5e12, 4e16]
    assert [storage(size) for size in sizes] == [
        *("0 bytes", "999 bytes", "1 kB", "999 kB", "1 MB", "2.4 GB", "23 GB", "1.5 TB", "40,000 TB"),
    ]
