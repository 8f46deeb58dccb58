"""A real Dask cluster: scheduler and workers are processes of their own, on loopback."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from toys import digest, wait_until, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run

distributed = pytest.importorskip("distributed")

SLOWLY = "import time; time.sleep(0.1)"


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2):
    """The address of a scheduler, its process, and the processes of its workers (nannies, which restart a worker)."""
    where = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "start_new_session": True}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    alive = [
        subprocess.Popen(
            [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)], **quiet
        )
    ]
    try:
        wait_until(lambda: where.is_file() and where.stat().st_size > 0, seconds=30)
        for _ in range(workers):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(where)]
            command += ["--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--memory-limit", "0"]
            alive.append(subprocess.Popen([*command, "--local-directory", str(folder)], **quiet))
        yield json.loads(where.read_text())["address"], alive[0], alive[1:]
    finally:
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.filterwarnings("ignore")  # Dask's own, of sockets and event loops that are closed under it
class TestCluster:
    def test_rows_of_a_cluster_are_those_of_one_process_though_a_worker_is_killed(self, tmp_path):
        log = tmp_path / "pids"
        body = f"with open({str(log)!r}, 'a') as file: file.write(str(os.getpid()) + chr(10))\n{SLOWLY}"
        path = write(tmp_path, with_cell(body))
        serial = run(path, engine="serial", replicates=20, out=tmp_path / "serial")
        log.unlink()
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
        assert result.notes == (
            f"block lost ({name}): its worker died, for want of memory perhaps; the same command tries again",
        )

    def test_a_scheduler_that_dies_ends_the_sweep_with_what_there_is(self, tmp_path):
        path = write(tmp_path, with_cell(SLOWLY))
        with cluster(tmp_path) as (address, scheduler, _workers):
            blocks = tmp_path / "out" / "blocks"

            def kill():
                wait_until(lambda: len(list(blocks.glob("*.jsonl"))) >= 3)
                os.killpg(scheduler.pid, signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            started = time.monotonic()
            result = run(path, engine="dask", scheduler=address, replicates=100, out=tmp_path / "out")
            killer.join()
        assert time.monotonic() - started < 60
        assert result.status == 3
        assert result.computed >= 3
        assert result.computed + result.lost == 100
        assert "scheduler" in result.notes[0]
        resumed = run(path, engine="serial", replicates=100, out=tmp_path / "out")
        assert resumed.reused == result.computed
        assert digest(resumed) == digest(run(path, engine="serial", replicates=100, out=tmp_path / "serial"))

    def test_a_block_that_takes_too_long_ends_its_worker(self, tmp_path):
        body = "import time\nif config.draws == 2 and streams[0].replicate == 2: time.sleep(600)"
        result = run(write(tmp_path, with_cell(body)), engine="dask", workers=1, timeout=1, out=tmp_path / "out")
        assert (result.status, result.lost, result.computed) == (3, 1, 3)
        assert "for want of memory or of time (--timeout 1) perhaps" in result.notes[0]

    def test_the_payload_reaches_the_workers(self, tmp_path):
        from simlab.sweep.loading import load_facts

        table = tmp_path / "facts.csv"
        table.write_text("question,answer\na,1\nb,2\nb,2\nc,3\n")
        facts = load_facts([str(table)], prompt="question", answer="answer")
        results = [run(facts, engine=engine, smoke=True, out=tmp_path / engine) for engine in ("serial", "dask")]
        assert digest(results[0]) == digest(results[1])


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
