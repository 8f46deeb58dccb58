"""A real Dask cluster: scheduler and workers are processes of their own, on loopback."""

import contextlib
import json
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from toys import alive, digest, wait_until, with_cell, write

import simlab
from simlab.errors import BadInput
from simlab.sweep import cluster as dask
from simlab.sweep import run
from simlab.sweep.engine import one_by_one, run_blocks
from simlab.sweep.limits import time_limit
from simlab.sweep.loading import load
from simlab.sweep.plan import code_version, make_plan
from simlab.sweep.pools import Workers

distributed = pytest.importorskip("distributed")

SLOWLY = "import time; time.sleep(0.1)"
HELD = "    held: str = Field('', exclude=True)\n"
"""A setting that travels once a worker, as a table of facts does."""


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2, after: float = 0, path: Path | None = None):
    """The address of a scheduler, its process, and the processes of its workers (nannies, which restart a worker).

    The workers start ``after`` so many seconds, and look for modules in ``path`` first.
    """
    where = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "start_new_session": True}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(where)]
    scheduler += ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(where), "--nthreads", "1"]
    worker += ["--host", "127.0.0.1", "--no-dashboard", "--memory-limit", "0", "--local-directory", str(folder)]
    paths = os.pathsep.join(filter(None, [path and str(path), os.environ.get("PYTHONPATH")]))
    started = [subprocess.Popen(scheduler, **quiet)]

    def start_workers():
        started.extend(
            subprocess.Popen(worker, env=os.environ | {"PYTHONPATH": paths}, **quiet) for _ in range(workers)
        )

    later = threading.Timer(after, start_workers)
    try:
        wait_until(lambda: where.is_file() and where.stat().st_size > 0, seconds=30)
        if after:
            later.start()
        else:
            start_workers()
        yield json.loads(where.read_text())["address"], started[0], started[1:]
    finally:
        later.cancel()
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.filterwarnings("ignore")  # Dask's own, of sockets and event loops that are closed under it
class TestCluster:
    def test_rows_of_a_cluster_are_those_of_one_process_though_a_worker_is_killed(self, tmp_path):
        log, slow = tmp_path / "pids", tmp_path / "slow"
        body = f"with open({str(log)!r}, 'a') as file: file.write(str(os.getpid()) + chr(10))\n"
        path = write(tmp_path, with_cell(f"{body}if Path({str(slow)!r}).exists():\n    {SLOWLY}"))
        serial = run(path, engine="serial", replicates=20, out=tmp_path / "serial")
        log.unlink()
        slow.touch()
        with cluster(tmp_path) as (address, _, _workers):
            killed = threading.Thread(target=_kill_one, args=(log,))
            killed.start()
            result = run(path, engine="dask", scheduler=address, replicates=20, out=tmp_path / "dask")
            killed.join()
        assert len(set(log.read_text().split())) >= 3  # two workers, and the one that took the place of the killed
        assert digest(result) == digest(serial)
        assert (result.status, result.lost, result.computed) == (0, 0, 20)

    def test_a_block_that_kills_every_worker_is_lost_by_name_and_a_cluster_of_its_own_will_do(self, tmp_path):
        body = "if config.draws == 2 and streams[0].replicate == 2: os.kill(os.getpid(), 9)"
        result = run(write(tmp_path, with_cell(body)), engine="dask", workers=2, out=tmp_path / "out")
        assert (result.status, result.lost, result.computed) == (3, 1, 3)
        job = next(job for job in result.plan.jobs if job.key not in set(result.replicates["key"]))
        name = f"draws = 2, replicates 2 to 3, key {job.key[:12]}"
        (said,) = (note.replace("died 2 times", "died") for note in result.notes)  # once more alone, if in company
        assert said == f"block lost ({name}): its worker died, for want of memory perhaps; the same command tries again"

    def test_a_scheduler_that_dies_ends_the_sweep_with_what_there_is(self, tmp_path):
        slow = tmp_path / "slow"
        slow.touch()
        path = write(tmp_path, with_cell(f"import time\nif Path({str(slow)!r}).exists(): time.sleep(0.1)"))
        with cluster(tmp_path) as (address, scheduler, _workers):
            blocks = tmp_path / "out" / "blocks"

            def kill():
                wait_until(lambda: len(list(blocks.glob("*.jsonl"))) >= 3)
                killed.append(time.monotonic())
                os.killpg(scheduler.pid, signal.SIGKILL)

            killed: list[float] = []
            killer = threading.Thread(target=kill)
            killer.start()
            result = run(path, engine="dask", scheduler=address, replicates=100, out=tmp_path / "out")
            assert time.monotonic() - killed[0] < 5
            killer.join()
        slow.unlink()
        assert result.status == 3
        assert result.computed >= 3
        assert result.computed + result.lost == 100
        assert "scheduler" in result.notes[0]
        resumed = run(path, engine="serial", replicates=100, out=tmp_path / "out")
        assert resumed.reused == result.computed
        assert digest(resumed) == digest(run(path, engine="serial", replicates=100, out=tmp_path / "serial"))

    def test_a_block_that_takes_too_long_ends_its_worker(self, tmp_path):
        """One that holds the interpreter's lock all the while, so that no other thread of the worker runs."""
        hold = "import ctypes; ctypes.PyDLL(None).sleep(600)"
        body = f"if config.draws == 2 and streams[0].replicate == 2:\n    {hold}"
        result = run(write(tmp_path, with_cell(body)), engine="dask", workers=1, timeout=0.5, out=tmp_path / "out")
        assert (result.status, result.lost, result.computed) == (3, 1, 3)
        assert "for want of memory or of time (--timeout 0.5) perhaps" in result.notes[0]

    def test_the_payload_reaches_the_workers(self, tmp_path):
        from simlab.sweep.loading import load_facts

        table = tmp_path / "facts.csv"
        table.write_text("question,answer\na,1\nb,2\nb,2\nc,3\n")
        facts = load_facts([str(table)], prompt="question", answer="answer")
        results = [run(facts, engine=engine, smoke=True, out=tmp_path / engine) for engine in ("serial", "dask")]
        assert digest(results[0]) == digest(results[1])

    def test_a_worker_that_takes_the_payload_with_it_loses_nothing_for_two_sweeps_at_once(self, tmp_path):
        """Each finds its own payload on the workers that are left and on the one that is started anew."""
        log = tmp_path / "pids"
        body = f"with open({str(log)!r}, 'a') as file: file.write(str(os.getpid()) + chr(10))\n{SLOWLY}\n"
        plans = {}
        for held in ("one", "two"):
            (folder := tmp_path / held).mkdir()
            path = write(folder, _with_payload(body + f"if config.held != {held!r}: raise ValueError(config.held)"))
            plans[held] = make_plan(load(path), replicates=20)
        found = {}
        with cluster(tmp_path) as (address, _, _workers):
            pool = Workers("dask", scheduler=address)

            def sweep(held):
                found[held] = list(run_blocks(one_by_one(plans[held].jobs), pool.opener({"held": held})))

            threads = [threading.Thread(target=sweep, args=(held,)) for held in plans]
            threads.append(threading.Thread(target=_kill_one, args=(log,)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            with distributed.Client(address, set_as_default=False) as client:
                left = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "simlab" in name])
        assert len(set(log.read_text().split())) >= 3
        assert [(len(rows), sum(bool(o.lost or o.errors) for o in rows)) for rows in found.values()] == [(20, 0)] * 2
        assert [*left.values()] == [[], []]

    def test_a_payload_waits_for_workers_that_come_later(self, tmp_path):
        plan = make_plan(load(write(tmp_path, _with_payload("if config.held != 'x': raise ValueError"))))
        with cluster(tmp_path, workers=1, after=3) as (address, _, _workers):
            pool = Workers("dask", scheduler=address).opener({"held": "x"})
            found = list(run_blocks(one_by_one(plan.jobs), pool))
        assert [(o.lost, o.errors, o.mistake) for o in found] == [(None, 0, None)] * 4

    @pytest.mark.parametrize("which", ["no simlab", "another simlab"])
    def test_a_worker_with(self, tmp_path, which):
        other = tmp_path / "other" / "simlab"
        if which == "no simlab":
            other.mkdir(parents=True)
            (other / "__init__.py").touch()
            said = r"a Dask worker cannot load simlab \(No module named 'simlab\..*'\): install simlab {} there"
        else:
            shutil.copytree(Path(simlab.__file__).parent, other, ignore=shutil.ignore_patterns("__pycache__"))
            (other / "more.py").touch()
            said = r"a Dask worker runs simlab 0\.1\.0\+[0-9a-f]{{12}}, this is {}: install the same"
        path = write(tmp_path, _with_payload(""))
        with cluster(tmp_path, workers=1, path=other.parent) as (address, _, _workers):
            pool = Workers("dask", scheduler=address).opener({"held": "x"})
            with pytest.raises(BadInput, match=f"^{said.format(re.escape(code_version()))}$"):
                list(run_blocks(one_by_one(make_plan(load(path)).jobs), pool))

    def test_a_block_that_hangs_is_given_up_at_the_deadline_and_no_process_is_left(self, tmp_path):
        log = tmp_path / "pids"
        body = f"with open({str(log)!r}, 'a') as file: file.write(str(os.getpid()) + chr(10))\nimport ctypes\n"
        body += "if config.draws == 2 and streams[0].replicate == 2: ctypes.PyDLL(None).sleep(600)"
        started = time.monotonic()
        result = run(write(tmp_path, with_cell(body)), engine="dask", workers=1, deadline=5, out=tmp_path / "out")
        assert time.monotonic() - started < 60
        assert (result.status, result.lost, result.computed) == (3, 1, 3)
        assert "draws = 2, replicates 2 to 3" in result.notes[0]
        assert "(--deadline 5)" in result.notes[0]
        assert not [pid for pid in log.read_text().split() if alive(pid)]

    def test_a_pool_takes_no_port_and_no_place_that_is_the_users_and_logs_again_afterwards(self):
        import psutil

        log = logging.getLogger("distributed")
        level, mine = log.level, psutil.Process()
        before = set(mine.children(recursive=True))  # of other engines, which stay
        with Workers("dask", 1).opener({})():
            assert log.level > logging.CRITICAL
            with pytest.raises(ValueError, match="No client"):
                distributed.default_client()
            workers = set(mine.children(recursive=True)) - before
            ports = {c.laddr.port for p in (mine, *workers) for c in p.net_connections() if c.laddr}
            assert ports
            assert 8787 not in ports
        assert log.level == level
        assert not [p for p in workers if alive(p.pid) and "resource_tracker" not in " ".join(p.cmdline())]


def _with_payload(body: str) -> str:
    return with_cell(body, HELD).replace("import BaseModel", "import BaseModel, Field")


@contextlib.contextmanager
def _sweep(path: Path, out: Path, *more: str):
    command = [sys.executable, "-m", "simlab.sweep", str(path), "--out", str(out), "--engine", "dask", *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _blocks(out: Path) -> int:
    return len(list((out / "blocks").glob("*.jsonl")))


def _interrupted(process: subprocess.Popen, presses: int) -> list[str]:
    """What a sweep says on standard error when Ctrl-C is pressed so often; its workers hear it too."""
    for press in range(presses):
        time.sleep(0.5 if press else 0)
        os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert all(line.startswith("simlab: ") for line in told.splitlines()), told
    return told.splitlines()


def test_ctrl_c_once_keeps_the_blocks_that_run(tmp_path):
    with _sweep(
        write(tmp_path, with_cell("import time; time.sleep(0.6)")), tmp_path, "--workers", "2", "--replicates", "20"
    ) as sweep:
        wait_until(lambda: _blocks(tmp_path) >= 2, seconds=30)
        before = _blocks(tmp_path)
        told = _interrupted(sweep, 1)
    assert "simlab: finishing the blocks that are running; Ctrl-C again stops at once" in told
    assert before + 2 <= _blocks(tmp_path) <= before + 8
    assert told[-1].startswith(f"simlab: interrupted: {_blocks(tmp_path)} of 20 blocks are kept")


def test_ctrl_c_twice_ends_a_block_that_hangs(tmp_path):
    began = tmp_path / "began"
    body = f"import time\nif config.draws == 2: Path({str(began)!r}).write_text(str(os.getpid())); time.sleep(600)"
    with _sweep(write(tmp_path, with_cell(body)), tmp_path, "--workers", "1") as sweep:
        wait_until(lambda: began.exists() and _blocks(tmp_path) == 2, seconds=30)
        pressed = time.monotonic()
        told = _interrupted(sweep, 2)
        assert time.monotonic() - pressed < 5
        assert not alive(began.read_text())
    assert told[-1].startswith("simlab: interrupted: 2 of 4 blocks are kept")


def test_a_sweep_says_nothing_but_its_own_lines(tmp_path):
    with _sweep(write(tmp_path, with_cell("")), tmp_path / "out", "--workers", "1") as sweep:
        _, told = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, told
    assert all(line.startswith("simlab: ") for line in told.splitlines()), told


def test_a_job_is_computed_on_its_device_or_not_at_all(tmp_path, monkeypatch):
    """JAX is loaded here, as it is in a worker that served another sweep before."""
    pytest.importorskip("jax")
    asked = []

    def bind(device):
        asked.append(device)
        raise BadInput("device = gpu: JAX runs on the cpu in this process already")

    monkeypatch.setattr(dask, "bind", bind)
    job = make_plan(load(write(tmp_path, with_cell(""))), device="gpu").jobs[0]
    outcome = dask.run_remote(pickle.dumps(job), None, code_version(), None)
    assert (asked, outcome.rows) == (["gpu"], [])
    assert outcome.mistake == "device = gpu: JAX runs on the cpu in this process already"


def test_a_time_limit_that_cannot_be_leaves_the_alarm_as_it_was():
    before = signal.getsignal(signal.SIGALRM)
    for seconds in (1e12, 1e30):
        with pytest.raises(OverflowError), time_limit(seconds):
            pass
        assert signal.getsignal(signal.SIGALRM) == before


def _kill_one(log: Path) -> None:
    """Kill a worker as soon as it has begun a block."""
    wait_until(lambda: log.is_file() and len(log.read_text().split()) >= 3)
    os.kill(int(log.read_text().split()[0]), signal.SIGKILL)


def test_a_scheduler_that_is_not_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("simlab.sweep.cluster.CONNECT_S", 1)
    with pytest.raises(BadInput, match="no Dask scheduler answers there") as mistake:
        run(write(tmp_path, with_cell("")), engine="dask", scheduler="tcp://127.0.0.1:9", out=tmp_path / "out")
    assert str(mistake.value).startswith("scheduler = tcp://127.0.0.1:9: ")
    assert not (tmp_path / "out" / "replicates.parquet").exists()


def test_without_the_library_the_engine_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput) as mistake:
        run(write(tmp_path, with_cell("")), engine="dask", out=tmp_path / "out")
    assert str(mistake.value) == "engine = dask: distributed is not installed: pip install 'simlab[cluster]'"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_example_of_the_docs_runs_where_jobs_are_submitted_to_slurm(tmp_path, monkeypatch):
    """No SLURM is here: ``sbatch`` is a script that starts the job as SLURM would, on this machine."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "sbatch").write_text(
        '#!/bin/sh\ncp "$1" "$1.run"\nsetsid sh "$1.run" >/dev/null 2>&1 &\necho "Submitted batch job $!"\n'
    )
    (commands / "scancel").write_text('#!/bin/sh\nkill -TERM -- "-$1"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, with_cell(SLOWLY))
    with jobqueue.SLURMCluster(
        cores=1, processes=1, memory="2GB", walltime="00:10:00", queue="normal", interface="lo"
    ) as slurm:
        slurm.scale(jobs=2)
        result = run(path, engine="dask", scheduler=slurm.scheduler_address, replicates=20, out=tmp_path / "out")
    assert (result.status, result.computed) == (0, 20)
    assert digest(result) == digest(run(path, engine="serial", replicates=20, out=tmp_path / "serial"))
