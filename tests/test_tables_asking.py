"""Queries that can be watched and stopped, and the folder that goes away however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from simlab.errors import BadInput
from simlab.tables import asking, read_facts
from simlab.tables.asking import ask, opened

FOREVER = "SELECT count(*) FROM range(1000000000000) AS a(i) WHERE hash(i) = 1"
"""A query of some hours."""


@pytest.fixture
def spill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "spill"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "simlab-duckdb"]


def test_stages_are_told_and_every_stage_ends_at_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "EVERY_S", 0.002)
    path = tmp_path / "t.csv"
    path.write_text("p,a\n" + "".join(f"prompt {i % 70_000},{i % 100}\n" for i in range(200_000)))
    told: list[tuple[str, float]] = []
    silent = read_facts(path, prompt="p", answer="a", order=True, examples=2, spellings=True)
    table = read_facts(
        path,
        prompt="p",
        answer="a",
        order=True,
        examples=2,
        spellings=True,
        progress=lambda stage, done: told.append((stage, done)),
    )
    assert table.examples == silent.examples
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == [
        f"Reading {path}",
        "Grouping prompts",
        "Counting answers",
        "Comparing spellings",
        "Looking up examples",
    ]
    for stage in stages:
        fractions = [done for name, done in told if name == stage]
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] <= fractions[-1] == 1
    assert len(told) > len(stages)  # some while a query ran
    assert workers() == []


def test_ctrl_c_stops_a_query_at_once(spill: Path) -> None:
    ended = 0.0
    with opened() as engine:
        assert list(spill.iterdir())
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            ask(engine, FOREVER)
        ended = time.monotonic() - began
        assert workers() == []
        assert ask(engine, "SELECT 1") == [(1,)]  # the connection is whole
    assert 0.4 < ended < 5
    assert list(spill.iterdir()) == []


def test_ctrl_c_while_reading_leaves_nothing(tmp_path: Path, spill: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("p,a\n" + "".join(f"prompt {i},{i}\n" for i in range(100_000)))

    def interrupt(stage: str, done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_facts(path, prompt="p", answer="a", progress=interrupt)
    assert (workers(), list(spill.iterdir())) == ([], [])


def test_an_error_in_progress_stops_the_query(spill: Path) -> None:
    def fail(stage: str, done: float) -> None:
        assert stage == "Counting for hours"
        assert 0 <= done < 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), opened(progress=fail) as engine:
        ask(engine, FOREVER, stage="Counting for hours")
    assert (workers(), list(spill.iterdir())) == ([], [])


TERMINATED = f"""
import sys
from simlab.tables.asking import ask, opened
with opened() as engine:
    ask(engine, "CREATE TABLE t AS SELECT range AS i FROM range(100000)")
    print("ready", flush=True)
    ask(engine, {FOREVER!r})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_sigterm_removes_the_folder_and_ends_the_process_by_itself(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", TERMINATED], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.terminate()
        assert process.wait(timeout=20) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_handler_of_sigterm_is_left_alone(spill: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda signum, frame: heard.append(signum))
    try:
        with opened() as engine:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            ask(engine, "SELECT count(*) FROM range(300000000) AS a(i) WHERE hash(i) = 1")
            while not heard:
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    with opened():
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_threads_follow_memory() -> None:
    def threads(limit: str) -> int:
        with opened(limit) as engine:
            return int(ask(engine, "SELECT current_setting('threads')")[0][0])

    assert threads("60MB") == 1
    assert threads("1TB") >= threads("300MB") >= 1
    assert threads("300MB") <= 2


def test_a_full_disk_is_a_sentence(spill: Path) -> None:
    import duckdb

    with pytest.raises(BadInput) as caught, opened():
        raise duckdb.IOException("Could not write file: No space left on device")
    folder = str(caught.value).split(":")[0]
    assert Path(folder).parent == spill
    assert str(caught.value) == f"{folder}: the disk is full: free space there, or name another disk in TMPDIR"
    with pytest.raises(duckdb.IOException, match="another"), opened():
        raise duckdb.IOException("another")
