"""Engines: the same bytes from each, and what becomes of cells that raise, hang, die, or take too much memory."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, Future
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from toys import digest, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import devices, run
from simlab.sweep.blocks import Outcome, run_block
from simlab.sweep.engine import one_by_one, run_blocks
from simlab.sweep.hearing import heard
from simlab.sweep.limits import TimedOut, time_limit
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan
from simlab.sweep.pools import Pool, PoolLost, Workers
from simlab.sweep.store import read_block

SHUFFLED = """
from jax import numpy as jnp
import numba
@numba.njit
def total(x):
    s = 0.0
    for value in x:
        s += value
    return s
"""
MIXED = with_cell(
    """
warnings.warn(f"draws {config.draws}")
rows = []
for s in streams:
    x = s.numpy("x").standard_normal(3000 + config.draws)
    rows.append({"replicate": s.replicate, "method": "numba", "x": total(x)})
    rows.append({"replicate": s.replicate, "method": "jax", "x": jnp.tanh(jnp.asarray(x, dtype=jnp.float32)).sum()})
    y = s.numpy("y").standard_normal((400, 400))  # so large that BLAS would take several threads
    rows.append({"replicate": s.replicate, "method": "blas", "x": (y @ y).sum()})
    z = s.numpy("z").standard_normal(200_000)
    rows.append({"replicate": s.replicate, "method": "dot", "x": z @ z})
return rows
"""
).replace("import os\n", f"import os\nimport warnings\n{SHUFFLED}\n")


@pytest.fixture(autouse=True)
def _threads_of_blas():
    """More than one, as a process has them: to take one is what an engine does itself."""
    with threadpool_limits(3):
        yield


def test_rows_are_the_same_bytes_on_every_engine_and_any_number_of_workers(tmp_path):
    """NumPy, BLAS, numba and JAX in one cell: 1, 2 and 4 processes, threads, this process, and a Dask cluster."""
    path = write(tmp_path, MIXED)
    pytest.importorskip("distributed")
    kinds = [("local", 1), ("local", 2), ("local", 4), ("threads", 3), ("serial", 1), ("dask", 2)]
    found = [run(path, engine=e, workers=w, replicates=12, out=tmp_path / f"{e}{w}") for e, w in kinds]
    assert len({digest(result) for result in found}) == 1
    assert digest(run(path, engine="serial", replicates=12, seed=1, out=tmp_path / "other")) != digest(found[0])
    told = ("the cell warned: UserWarning: draws 1", "the cell warned: UserWarning: draws 2")
    assert {result.notes for result in found} == {told}


def test_rows_do_not_depend_on_the_order_in_which_blocks_are_begun(tmp_path):
    plan = make_plan(load(write(tmp_path, MIXED)), replicates=12)
    orders = [list(plan.jobs) for _ in range(3)]
    for number, order in enumerate(orders):
        random.Random(number).shuffle(order)
    assert orders[0] != orders[1]
    found = [
        {o.job.key: (o.rows, o.warnings) for o in run_blocks(one_by_one(order), Workers("threads", 2).opener({}))}
        for order in orders
    ]
    assert found[0] == found[1] == found[2]
    assert set(found[0]) == {job.key for job in plan.jobs}


def test_one_block_that_raises_names_the_replicate_that_does(tmp_path):
    path = write(tmp_path, with_cell("if any(s.replicate == 3 for s in streams): raise ValueError('three')"))
    result = run(path, engine="serial", out=tmp_path / "out", settings={"draws": 1})
    assert result.replicates["error_type"].tolist() == [None, None, "ValueError", "ValueError"]
    assert result.replicates["error_alone"].tolist()[2:] == [False, True]
    assert result.errors == 2  # replicates without rows: the other of the block has none either
    assert result.notes == (
        "the cell raised ValueError at replicate 3: three (error rows, with traceback, are in replicates.parquet)",
    )


def test_one_block_that_raises_only_as_a_whole_says_so(tmp_path):
    path = write(tmp_path, with_cell("if len(streams) > 1: raise ValueError('together')"))
    result = run(path, engine="serial", out=tmp_path / "out", settings={"draws": 1})
    assert result.replicates["error_alone"].tolist() == [False] * 4
    assert result.notes[0].startswith("the cell raised ValueError at replicates 0 to 1 together: together ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_that_hangs_counts_as_raised_and_shows_where(tmp_path, workers):
    body = "import time\nif config.draws == 2 and streams[0].replicate == 2: time.sleep(600)"
    started = time.monotonic()
    result = run(write(tmp_path, with_cell(body)), workers=workers, timeout=0.5, out=tmp_path / "out")
    assert time.monotonic() - started < 15
    assert (result.status, result.errors, result.lost, result.computed) == (3, 2, 0, 4)
    assert result.notes[0].startswith(
        "the cell raised TimedOut at draws = 2, replicates 2 to 3 together: took longer than --timeout 0.5 s ("
    )
    assert "time.sleep(600)" in result.replicates["error_traceback"][-1]


def test_a_cell_that_hears_no_signal_loses_its_worker_and_its_block_by_name(tmp_path):
    body = """
import signal
import sys, time
if config.draws == 2 and streams[0].replicate == 2:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(600)
"""
    result = run(write(tmp_path, with_cell(body)), workers=1, timeout=0.3, out=tmp_path / "out")
    assert (result.status, result.lost, result.computed) == (3, 1, 3)
    assert "its worker died 3 times, for want of memory or of time (--timeout 0.3) perhaps" in result.notes[0]
    assert result.notes[0].startswith("block lost (draws = 2, replicates 2 to 3, key ")


def test_a_cell_that_takes_too_much_memory_counts_as_raised(tmp_path):
    body = "if config.draws == 2: import numpy as np; np.ones(4 * 10**9 // 8)"
    result = run(write(tmp_path, with_cell(body)), workers=1, memory=2 * 10**9, out=tmp_path / "out")
    assert (result.status, result.errors, result.lost) == (3, 4, 0)
    assert set(result.replicates["error_type"]) == {None, "MemoryError", "_ArrayMemoryError"} - (
        {"MemoryError"} if "_ArrayMemoryError" in result.replicates["error_type"] else {"_ArrayMemoryError"}
    )
    assert "Unable to allocate" in result.notes[0]


def test_a_sweep_stops_at_the_first_error_if_told_and_the_same_command_goes_on(tmp_path):
    path = write(tmp_path, with_cell("if config.draws == 1 and not os.path.exists('mended'): raise ValueError"))
    os.chdir(tmp_path)
    first = run(path, engine="serial", max_errors=0, out=tmp_path / "out")
    assert (first.status, first.errors, first.left, first.computed) == (3, 2, 3, 1)
    assert first.notes[-1] == "stopped, since more than 0 replicates raised: 3 blocks left; the same command goes on"
    more = run(path, engine="serial", max_errors=2, out=tmp_path / "more")
    assert (more.errors, more.left) == (4, 2)
    (tmp_path / "mended").touch()
    assert run(path, engine="serial", max_errors=0, out=tmp_path / "out").status == 0


def test_nothing_coming_back_for_too_long_ends_the_sweep(tmp_path):
    body = "import time\nif config.draws == 2: time.sleep(600)"
    result = run(write(tmp_path, with_cell(body)), workers=2, deadline=4, out=tmp_path / "out")
    assert (result.status, result.computed, result.lost) == (3, 2, 2)
    assert "no block came back for" in result.notes[0]
    assert "(--deadline 4)" in result.notes[0]


def test_a_pool_that_is_lost_gives_up_what_is_left(tmp_path):
    jobs = make_plan(load(write(tmp_path, with_cell(""))), replicates=20).jobs

    class Opened:
        def __enter__(self):
            def pulse():
                raise PoolLost("the pool is gone")

            return Pool(lambda job: Future(), window=lambda: 2, pulse=pulse)

        def __exit__(self, *_):
            return None

    found = list(run_blocks(one_by_one(jobs), Opened))
    assert [outcome.lost for outcome in found] == ["the pool is gone"] * 20
    assert {outcome.job.key for outcome in found} == {job.key for job in jobs}


def test_blocks_that_a_dead_worker_held_are_tried_alone_before_one_is_blamed(tmp_path):
    """As on a cluster, which goes on when a worker dies: all in flight fail, and only one of them is the cause."""
    jobs = make_plan(load(write(tmp_path, with_cell("")))).jobs
    cause, began = jobs[1], []

    class Died(Exception):
        pass

    class Opened:
        def __enter__(self):
            return Pool(submit, window=lambda: 4, fatal=(Died,), forgives=1)

        def __exit__(self, *_):
            return None

    def submit(job):
        began.append(job.key)
        together = len(began) <= len(jobs)
        future = Future()
        if job is cause or together:
            future.set_exception(Died())
        else:
            future.set_result(Outcome(job))
        return future

    found = list(run_blocks(one_by_one(jobs), Opened))
    assert {outcome.job.key: outcome.lost for outcome in found} == {
        job.key: "its worker died 2 times, for want of memory perhaps" if job is cause else None for job in jobs
    }
    assert sorted(began) == sorted([job.key for job in jobs] * 2)


def test_a_pool_that_breaks_at_once_is_opened_again(tmp_path):
    jobs, opened = make_plan(load(write(tmp_path, with_cell("")))).jobs, []

    class Opened:
        def __enter__(self):
            opened.append(1)

            def submit(job):
                if len(opened) < 3:
                    raise BrokenExecutor
                future = Future()
                future.set_result(Outcome(job))
                return future

            return Pool(submit, window=lambda: 2)

        def __exit__(self, *_):
            return None

    assert len(list(run_blocks(one_by_one(jobs), Opened))) == 4
    assert len(opened) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"engine": "threads", "timeout": 3}, "timeout = 3: cannot be kept by the engine 'threads', whose blocks"),
        ({"engine": "serial", "memory": 10**9}, "memory = 1e+09: cannot be kept by the engine 'serial', whose"),
        ({"scheduler": "tcp://x:1"}, "scheduler = tcp://x:1: the engine 'local' has none, it is for --engine dask"),
        ({"engine": "dask", "scheduler": "tcp://x:1", "memory": 5}, "memory = 5: the workers of a running"),
        ({"timeout": 0}, "timeout = 0: must be a number of seconds above 0 and up to 1e7, such as 30"),
        ({"timeout": "soon"}, "timeout = soon: must be a number of seconds above 0 and up to 1e7, such as 30"),
        ({"deadline": float("nan")}, "deadline = nan: must be a number of seconds above 0 and up to 1e7, such as 30"),
        ({"memory": 0.5}, "memory = 0.5: must be a whole number of at least 1"),
        ({"max_errors": -1}, "max_errors = -1: must be a whole number of at least 0"),
        ({"device": "tpu"}, "device 'tpu' is unknown: did you mean 'gpu'?"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_before_anything_is_written(tmp_path, arguments, sentence):
    path = write(tmp_path, with_cell(""))
    with pytest.raises(BadInput) as mistake:
        run(path, out=tmp_path / "out", **arguments)
    assert str(mistake.value).startswith(sentence)
    assert not (tmp_path / "out").exists()


def test_an_option_that_is_not_there_is_an_error_as_in_any_call(tmp_path):
    with pytest.raises(TypeError, match="unexpected keyword argument 'wokers'"):
        run(write(tmp_path, with_cell("")), wokers=2)


class TestGPU:
    def test_none_is_a_sentence(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        with pytest.raises(BadInput) as mistake:
            run(write(tmp_path, with_cell("")), device="gpu", out=tmp_path / "out")
        assert str(mistake.value) == (
            "device = gpu: no NVIDIA GPU is visible here: use --device cpu, or see nvidia-smi"
        )

    def test_one_is_one_workers(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
        monkeypatch.setattr(devices, "_installed", lambda name: True)
        assert devices.gpus() == ("0", "3")
        with pytest.raises(BadInput) as mistake:
            run(write(tmp_path, with_cell("")), device="gpu", workers=3, out=tmp_path / "out")
        assert str(mistake.value) == "workers = 3: a GPU is one worker's, so at most 2 here"

    def test_each_worker_sees_its_own_and_blocks_have_keys_of_their_own(self, tmp_path, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
        monkeypatch.setattr(devices, "_installed", lambda name: True)
        (slow := tmp_path / "slow").touch()
        body = """
import time; time.sleep(0.2 * Path("SLOW").exists())
seen = f"{os.environ['CUDA_VISIBLE_DEVICES']} {os.environ.get('JAX_PLATFORMS')}"
with open("SEEN", "a") as file: file.write(f"{os.getpid()} {seen}" + chr(10))
""".replace("SEEN", str(tmp_path / "seen")).replace("SLOW", str(slow))
        path = write(tmp_path, with_cell(body))
        gpu = run(path, device="gpu", replicates=12, out=tmp_path / "gpu")
        lines = set((tmp_path / "seen").read_text().splitlines())
        assert {line.split(" ", 1)[1] for line in lines} == {"0 cuda", "3 cuda"}
        assert len(lines) == 2  # as many processes as GPUs, each with one
        slow.unlink()
        cpu = run(path, engine="serial", replicates=12, out=tmp_path / "cpu")
        assert not set(cpu.replicates["key"]) & set(gpu.replicates["key"])
        assert np.array_equal(cpu.replicates["x"], gpu.replicates["x"])

    def test_without_the_plugin_it_says_how_to_get_it(self, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        monkeypatch.setattr(devices, "_installed", lambda name: False)
        with pytest.raises(BadInput) as mistake:
            devices.check_device("gpu")
        assert str(mistake.value) == "device = gpu: JAX has no CUDA plugin here: pip install 'simlab[cuda]'"


def test_a_time_limit_is_off_after_the_block_and_inside_it_is_no_exception(tmp_path):
    with time_limit(0.2):
        pass
    time.sleep(0.3)
    swallowed = False

    def stubborn():
        nonlocal swallowed
        with time_limit(0.2):
            try:
                time.sleep(5)
            except Exception:
                swallowed = True

    with pytest.raises(TimedOut, match=r"took longer than --timeout 0\.2 s"):
        stubborn()
    assert not swallowed


def test_a_time_limit_that_a_destructor_swallows_is_told_again(capsys):
    """What a callback of the garbage collector or a destructor raises goes nowhere; the block must hear of it."""

    class Slow:
        def __del__(self):
            time.sleep(0.5)

    before, after = sys.unraisablehook, []

    def outlives():
        with time_limit(0.2):
            Slow()
            time.sleep(0.5)
            after.append("unheard")

    with pytest.raises(TimedOut, match=r"took longer than --timeout 0\.2 s"):
        outlives()
    assert sys.unraisablehook is before
    assert not after
    assert capsys.readouterr().err == ""


def test_warnings_of_threads_are_told_apart_and_the_filters_are_put_back():
    before = warnings.filters[:]
    ready = threading.Barrier(2)
    found = {}

    def one(name):
        with heard() as texts:
            ready.wait()
            for _ in range(3):
                warnings.warn(f"I am {name}", stacklevel=1)
            ready.wait()
        found[name] = texts

    threads = [threading.Thread(target=one, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [f"UserWarning: I am {name}"] * 3 for name in ("a", "b")}
    assert warnings.filters == before


def test_threads_that_raise_leave_no_block_half_kept(tmp_path):
    path = write(tmp_path, with_cell("if config.draws == 2: raise BadInput('draws = 2: is one too many')"))
    with pytest.raises(BadInput, match="one too many"):
        run(path, engine="threads", workers=2, out=tmp_path / "out")
    files = list((tmp_path / "out" / "blocks").iterdir())
    assert all(read_block(file, file.stem) is not None for file in files)
    kept = run(path, engine="threads", workers=2, settings={"draws": 1}, out=tmp_path / "out")
    assert (kept.status, kept.reused, kept.computed) == (0, len(files), 2 - len(files))


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_two_sweeps_in_the_threads_of_one_process_keep_their_payloads_apart(tmp_path, engine):
    path = write(
        tmp_path,
        with_cell(
            "import time; time.sleep(0.02)\n"
            "return [{'replicate': s.replicate, 'method': 'a', 'x': config.extra} for s in streams]",
            "    extra: float | None = Field(None, exclude=True)",
        ).replace("import BaseModel", "import BaseModel, Field"),
    )
    found = {}

    def one(extra):
        experiment = replace(load(path), base={"extra": extra})
        found[extra] = run(experiment, engine=engine, workers=2, replicates=40, out=tmp_path / f"{extra}")

    threads = [threading.Thread(target=one, args=(extra,)) for extra in (1.0, 1000.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {extra: set(result.replicates["x"]) for extra, result in found.items()} == {1.0: {1.0}, 1000.0: {1000.0}}


def test_engines_of_this_process_leave_it_as_it_was(tmp_path):
    from threadpoolctl import threadpool_info

    def state():
        return dict(os.environ), [one["num_threads"] for one in threadpool_info()]

    run_block(make_plan(load(write(tmp_path, MIXED))).jobs[0])  # loads what the cell needs, which sets what it sets
    before = state()
    for engine in ("serial", "threads"):
        run(write(tmp_path, MIXED), engine=engine, out=tmp_path / engine)
    assert state() == before


def test_code_that_changes_under_a_running_sweep_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("simlab.sweep.pools.code_version", lambda: "0.1.0+000000000000")
    with pytest.raises(BadInput, match=r"the code of simlab changed from 0\.1\.0\+000000000000 to 0\.1\.0\+"):
        run(write(tmp_path, with_cell("")), workers=1, out=tmp_path / "out")


def test_a_limit_with_which_no_worker_starts_is_told_at_once(tmp_path):
    with pytest.raises(BadInput) as mistake:
        run(write(tmp_path, with_cell("")), workers=1, memory=10**6, replicates=40, out=tmp_path / "out")
    assert str(mistake.value) == "memory = 1e+06: no worker starts with so little: give 1GB or more"


def test_pools_that_break_before_any_block_end_the_sweep(tmp_path):
    jobs, opened = make_plan(load(write(tmp_path, with_cell("")))).jobs, []

    class Broken:
        def __enter__(self):
            opened.append(1)

            def submit(job):
                raise BrokenExecutor

            return Pool(submit, window=lambda: 2)

        def __exit__(self, *_):
            return None

    found = list(run_blocks(one_by_one(jobs), Broken))
    assert [outcome.lost for outcome in found] == ["no worker can be started"] * 4
    assert len(opened) == 5


def test_a_job_gives_the_same_outcome_twice(tmp_path):
    job = make_plan(load(write(tmp_path, MIXED))).jobs[0]
    one, other = run_block(job), run_block(job)
    assert (one.rows, one.warnings) == (other.rows, other.warnings)
    assert one.provenance.keys() == other.provenance.keys()
