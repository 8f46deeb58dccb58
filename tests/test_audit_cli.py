"""The audit's command line: sentences, exit statuses, what is printed, and files that are whole or not there."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import airportsdata
import pytest

import simlab
from simlab.audit import cli
from simlab.audit.cli import command
from simlab.audit.progress import Watch

AIRPORTS = str(Path(airportsdata.__file__).parent / "airports.csv")
CHILD = [sys.executable, "-m", "simlab.audit"]
ROWS = "question,answer\n" + "".join(f"q{min(i % 90, i % 40)},a{i % 7}\n" for i in range(260))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("facts.csv").write_text(ROWS)


def audit(*arguments: str) -> int:
    return command(["corpus", "facts.csv", "--prompt", "question", "--answer", "answer", *arguments])


def files() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()} - {"facts.csv"}


def test_the_airports(capsys):
    assert command(["corpus", AIRPORTS, "--prompt", "city", "--answer", "country"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == [
        "airports.csv: city -> country",
        "28,298 rows, 2,825 missing; N = 25,473, 16,382 prompts, 16,877 distinct (prompt, answer) pairs, "
        "234 distinct answers",
    ]
    assert "  singleton rate                 0.5036 (12,829 of 25,473 rows)" in lines
    taken = "answers cannot be guessed, 234 are plausible (all in the table), and the commonest stands in 49.4 %"
    assert any(taken in line for line in lines)
    assert lines[-1].startswith("Words: N, the rows that count,")
    assert any("414: 2.5 % of those answered, 11.7 % of those answered more than once" in line for line in lines)
    assert any("error >= -0.1057: vacuous; with sr and K held it says something from N = 39,606 on" in x for x in lines)
    assert any(x.endswith("with confidence 0.95, for every law of i.i.d. draws") for x in lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the audit is not named: write corpus or evals: see python -m simlab.audit --help"),
        (
            ["--prompt", "a"],
            "the audit is not named: write corpus or evals before --prompt: see python -m simlab.audit --help",
        ),
        (["eval", "a.jsonl"], "audit 'eval' is unknown: did you mean 'evals'?"),
        (["floors", "a.jsonl"], "audit 'floors' is unknown: choose from corpus, evals"),
        (["corpsu"], "audit 'corpsu' is unknown: did you mean 'corpus'?"),
        (
            ["facts.csv"],
            "'facts.csv' is no audit: did you mean python -m simlab.audit corpus facts.csv or "
            "python -m simlab.audit evals facts.csv?",
        ),
        (["corpus"], "missing argument 'FILE': see python -m simlab.audit corpus --help"),
        (["corpus", "facts.csv", "--promt", "q"], "option '--promt' is unknown: did you mean '--prompt'?"),
        (["corpus", "nowhere.csv"], "nowhere.csv: no such file: check the path"),
        (["corpus", "facts.csv", "--level", "1"], "--level = 1: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (["corpus", "facts.csv", "--level", "0"], "--level = 0: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (
            ["corpus", "facts.csv", "--level", "1e-300"],
            "--level = 1e-300: must be a number from 1e-6 to 1 - 1e-9, such as 0.95",
        ),
        (["corpus", "facts.csv", "--level", "much"], "--level = much: must be a number, such as 0.75"),
        (["corpus", "facts.csv", "--target", "5%"], "--target = 5%: must be a number between 0 and 1, such as 0.05"),
        (["corpus", "facts.csv", "--seed", "x"], "--seed = x: must be a whole number, such as 10000 or 1e4"),
        (["corpus", "facts.csv", "--seed", "-1"], "--seed = -1: must be a whole number of at least 0"),
        (
            ["corpus", "facts.csv", "--n-answers", "1.5"],
            "--n-answers = 1.5: must be a whole number, such as 10000 or 1e4",
        ),
        (
            ["corpus", "facts.csv", "--prompt", "q", "--answer", "a", "--n-answers", "1"],
            "--n-answers = 1: must be a whole number from 2 to 9e+18",
        ),
        (
            ["corpus", "facts.csv", "--prompt", "q", "--answer", "a", "--n-answers", "9223372036854775808"],
            "--n-answers = 9223372036854775808: must be a whole number from 2 to 9e+18",
        ),
        (
            ["corpus", "facts.csv", "--prompt", "question", "--answer", "answer", "--memory-limit", "999999999TB"],
            "--memory-limit = 999999999TB: is more than any machine has: write it like '2GB' or '500MB'",
        ),
        (
            ["corpus", "facts.csv", "--prompt", "question", "--answer", "answer", "--idk", "\udcff"],
            r"idk = '\udcff': is not UTF-8 text, and no answer can be that: write it in UTF-8",
        ),
        (["corpus", "no\x1bwhere.csv"], r"no\x1bwhere.csv: no such file: check the path"),
        (["corpus", "."], ".: is a folder: name a file in it, or a pattern such as *.csv"),
        (
            ["corpus", "facts.csv", "--n-answers", "9"],
            "n_answers = 9 without answer: without answers it has no meaning",
        ),
        (
            ["corpus", "facts.csv", "--prompt", "question"],
            "prompt = 'question' without answer: name both columns, or neither for whole rows",
        ),
        (
            ["corpus", "facts.csv", "--json", "--html", "x"],
            "option '--json' requires an argument, and '--html' is an option: give it a value first",
        ),
        (["corpus", "facts.csv", "--html", "-"], "--html -: only --json can go to stdout: name a file"),
        (["corpus", "facts.csv", "--html", ""], "--html '': is no path: name a file"),
        (["corpus", "facts.csv", "--html", "."], "--html .: is a folder: name a file in it"),
        (["corpus", "facts.csv", "--json", "x", "--html", "./x"], "--json and --html are both ./x: name two files"),
        (["corpus", "*.csv", "--json", "facts.csv"], "--json facts.csv: is read as input: name another file to write"),
        (
            ["corpus", "facts.csv", "--json", "no/where.json"],
            "--json no/where.json: cannot be written (No such file or directory): choose another file, or make room",
        ),
        (
            ["corpus", "facts.csv", "--html", "facts.csv/x"],
            "--html facts.csv/x: cannot be written (Not a directory): choose another file, or make room",
        ),
    ],
)
def test_a_mistake_is_one_sentence_exit_status_2_and_nothing_written(capsys, arguments, sentence):
    assert command(arguments) == 2
    assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    assert files() == set()


def test_links_in_a_circle_are_told(capsys):
    Path("loop.csv").symlink_to("loop.csv")
    for arguments in (["corpus", "loop.csv"], ["corpus", "facts.csv", "--html", "loop.csv"]):
        assert command(arguments) == 2
        assert "Traceback" not in (said := capsys.readouterr().err)
        assert "loop.csv: cannot be " in said


def test_an_unwritable_place_is_refused_before_the_long_work(capsys, monkeypatch):
    monkeypatch.setattr("simlab.audit.corpus.read_facts", lambda *_, **__: pytest.fail("the table was read"))
    assert audit("--html", "no/where.html") == 2
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def test_reports_are_written_and_named(capsys):
    assert audit("--json", "a.json", "--html", "a.html") == 0
    out, err = capsys.readouterr()
    assert out.startswith("facts.csv: question -> answer\n")
    assert err.splitlines()[-2:] == ["simlab: wrote a.json", "simlab: wrote a.html"]
    assert files() == {"a.json", "a.html"}
    assert json.loads(Path("a.json").read_text())["size"]["draws"] == 260
    assert Path("a.html").read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(Path("a.json").stat().st_mode) == stat.S_IMODE(Path("facts.csv").stat().st_mode)


def test_without_options_nothing_is_written():
    assert audit("--quiet") == 0
    assert files() == set()


def test_json_on_stdout_is_json_alone_and_strict(capfdbinary):
    def refuse(name):
        raise AssertionError(name)

    assert audit("--json", "-", "--quiet") == 0
    out, err = capfdbinary.readouterr()
    assert json.loads(out.decode(), parse_constant=refuse)["audit"] == "corpus"
    assert err == b""


def test_a_report_that_is_there_is_replaced_whole_and_keeps_its_mode_and_link(capsys):
    Path("real.json").write_text("old")
    Path("real.json").chmod(0o640)
    Path("link.json").symlink_to("real.json")
    assert audit("--json", "link.json") == 0
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text())["audit"] == "corpus"
    assert stat.S_IMODE(Path("real.json").stat().st_mode) == 0o640


def test_a_device_or_pipe_is_written_into_and_not_replaced(capsys):
    assert audit("--html", "/dev/null") == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    reader.start()
    assert audit("--json", "pipe") == 0
    reader.join()
    assert json.loads(read[0])["audit"] == "corpus"
    assert files() == {"pipe"}


def test_a_full_disk_is_a_sentence_after_the_text_and_leaves_the_old_report(capsys, monkeypatch):
    Path("a.json").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simlab.terminal.files.os.fsync", full)
    assert audit("--json", "a.json", "--html", "b.html") == 2
    out, err = capsys.readouterr()
    assert out.startswith("facts.csv: question -> answer\n")
    assert err.splitlines()[-1] == (
        "simlab: --json a.json: cannot be written (No space left on device): choose another file, or make room"
    )
    assert Path("a.json").read_text() == "old"
    assert files() == {"a.json"}


def test_fail_on_alarm_is_status_1_where_one_fired(capsys):
    Path("once.csv").write_text("q,a\n" + "".join(f"q{i},a{i % 3}\n" for i in range(400)))
    asked = ["corpus", "once.csv", "--prompt", "q", "--answer", "a"]
    assert command(asked) == 0
    assert command([*asked, "--fail-on-alarm"]) == 1
    assert "  ! deduplicated: Each of the 400 facts stands exactly once:" in capsys.readouterr().out
    rows = random.Random(5).choices(range(2000), [1 / (i + 1) for i in range(2000)], k=3000)
    Path("fine.csv").write_text("q,a\n" + "".join(f"q{i},a{i % 7}\n" for i in rows))
    assert command(["corpus", "fine.csv", "--prompt", "q", "--answer", "a", "--fail-on-alarm"]) == 0
    assert "alarm" not in capsys.readouterr().out


def test_interruption_is_exit_status_130_or_143_and_nothing_is_written(capsys, monkeypatch):
    for name, status in (("SIGINT", 130), ("SIGTERM", 143)):
        monkeypatch.setattr(
            "simlab.audit.corpus.read_facts", lambda *_, name=name, **__: os.kill(os.getpid(), getattr(signal, name))
        )
        assert audit("--json", "a.json") == status
        assert capsys.readouterr().err == "simlab: interrupted: nothing was written\n"
        assert files() == set()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    monkeypatch.undo()


def test_an_interruption_while_printing_says_what_is_written(capsys, monkeypatch):
    def interrupt(text):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "put", interrupt)
    monkeypatch.chdir(Path.cwd())
    assert audit("--json", "a.json") == 130
    assert capsys.readouterr().err.splitlines()[-1] == "simlab: interrupted: a.json is written whole"
    assert files() == {"a.json"}


def test_a_crash_of_ours_is_exit_status_70_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(cli, "execute", lambda arguments: 1 // 0)
    assert audit() == 70
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"simlab: this is a fault of simlab {simlab.__version__} and not yours: please report it with the lines above "
        "and the command: simlab.audit corpus facts.csv --prompt question --answer answer"
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["corpus", "--help"], ["corpus", "facts.csv"], ["corpus", "facts.csv", "--json", "-"]]
)
def test_a_reader_that_goes_away_is_exit_status_141(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([*CHILD, *arguments], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (141, False)


def test_help_and_version(capsys):
    for arguments in (["--help"], ["-h"], ["corpus", "--help"]):
        assert command(arguments) == 0
        assert "Usage: python -m simlab.audit corpus" in capsys.readouterr().out
    for arguments in (["--version"], ["corpus", "--version"]):
        assert command(arguments) == 0
        assert capsys.readouterr().out == f"simlab {simlab.__version__}\n"


def test_the_module_runs():
    done = subprocess.run([*CHILD, "corpus", "facts.csv", "--quiet"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("facts.csv: whole rows as facts\n")


def test_a_terminal_gets_lines_folded_at_words(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for columns in (80, 48):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert audit("--quiet") == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= columns
        assert any(line.startswith(" " * 20) for line in lines) == (columns == 80)


def test_progress_is_a_line_now_and_then_and_a_bar_on_a_terminal(monkeypatch, capsys):
    watch = Watch(every=0.02)
    watch("reading", 0.25)
    threading.Event().wait(0.1)
    watch.stop()
    assert capsys.readouterr().err.splitlines()[0] == "simlab: reading: 25%, 0 s"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    watch = Watch()
    watch("reading", 0.0)
    watch("counting [/odd].csv", 0.5)
    watch.stop()
    assert "counting [/odd].csv" in capsys.readouterr().err
    quiet = Watch(quiet=True)
    quiet("reading", 0.5)
    quiet.note("nothing")
    quiet.stop()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_without_room_is_a_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*CHILD, "corpus", "facts.csv", "--prompt", "question", "--answer", "answer"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "simlab: the output cannot be written (No space left on device): make room\n"
