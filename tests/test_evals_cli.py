"""``python -m simlab.audit evals``: sentences, exit statuses, what is printed, and files that are whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import simlab
from simlab.audit import audit_evals, cli
from simlab.audit.cli import command

CHILD = [sys.executable, "-m", "simlab.audit", "evals"]
LOG = "id,grade,confidence\n" + "".join(
    f"{i},{('CORRECT', 'INCORRECT', 'CORRECT', 'NOT_ATTEMPTED')[i % 4]},{0.3 + 0.002 * (i * 7 % 300):.3f}\n"
    for i in range(300)
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)


def audit(*arguments: str) -> int:
    return command(["evals", "log.csv", *arguments])


def files() -> set[str]:
    return {path.name for path in Path.cwd().iterdir()} - {"log.csv"}


def test_the_text_is_that_of_the_record(capsys):
    assert audit() == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == audit_evals("log.csv").text()
    lines = out.splitlines()
    assert lines[:3] == [
        "log.csv",
        "300 samples; 300 questions: 150 right, 75 wrong, 75 abstentions",
        "read as SimpleQA gradings (told by what its grades say): id = column 'id'; grade = column 'grade'; confidence "
        "= column 'confidence'",
    ]
    assert any(line.startswith("  bluffing                  0.5000 (") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evals"], "missing argument 'FILE': see python -m simlab.audit evals --help"),
        (["evals", "log.csv", "--confidnce", "c"], "option '--confidnce' is unknown: did you mean '--confidence'?"),
        (["evals", "log.csv", "--prompt", "c"], "option '--prompt' is unknown: did you mean '--format'?"),
        (["evals", "nowhere.csv"], "nowhere.csv: no such file: check the path"),
        (["evals", "log.csv", "--level", "95"], "--level = 95: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        (["evals", "log.csv", "--target", "75%"], "--target = 75%: must be a number, such as 0.75"),
        (
            ["evals", "log.csv", "--target", "1"],
            "--target = 1: a confidence target must be a number from 0 to below 1, such as 0.75",
        ),
        (["evals", "log.csv", "--penalty", "many"], "--penalty = many: must be a number, such as 0.75"),
        (["evals", "log.csv", "--choices", "4.5"], "--choices = 4.5: must be a whole number, such as 10000 or 1e4"),
        (
            ["evals", "log.csv", "--correct-from", "2"],
            "--correct-from = 2: must be a number above 0 and up to 1, the score from which on an answer is right",
        ),
        (
            ["evals", "log.csv", "--format", "csv"],
            "format 'csv' is unknown: choose from inspect, lm-eval, simpleqa, table",
        ),
        (
            ["evals", "log.csv", "--grade", "mark"],
            "log.csv: column 'mark' is unknown: choose from confidence, grade, id",
        ),
        (["evals", "log.csv", "--json", "log.csv"], "--json log.csv: is read as input: name another file to write"),
        (["evals", "log.csv", "--train", "t.csv", "--html", "t.csv"],
         "--html t.csv: is read as input: name another file to write"),
        (["evals", "log.csv", "./log.csv"],
         "log.csv: the file is named twice: its rows would count double, name it once"),
        (["evals", "log.csv", "--html", "-"], "--html -: only --json can go to stdout: name a file"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_exit_status_2_and_nothing_written(capsys, arguments, sentence):
    assert command(arguments) == 2
    assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    assert files() == set()


def test_a_bad_row_names_file_and_line_and_can_be_skipped(capsys):
    Path("bad.jsonl").write_text('{"id": 1, "grade": "yes"}\n{"id": 2, "grade": "maybe"}\n{"id": 3, "grade": "no"}\n')
    assert command(["evals", "bad.jsonl"]) == 2
    assert capsys.readouterr().err == (
        "simlab: bad.jsonl, line 2: grade 'maybe' cannot be read: must be a word, a letter or a number from 0 to 1\n"
    )
    assert command(["evals", "bad.jsonl", "--skip-bad-rows"]) == 0
    assert "Passed over as bad: 1 row of bad.jsonl (the grade cannot be read), the first at line 2." in (
        capsys.readouterr().out
    )


def test_reports_are_written_and_named(capsys):
    assert audit("--json", "a.json", "--html", "a.html") == 0
    assert capsys.readouterr().err.splitlines() == ["simlab: wrote a.json", "simlab: wrote a.html"]
    assert files() == {"a.json", "a.html"}
    assert json.loads(Path("a.json").read_text()) == audit_evals("log.csv").as_dict()
    assert Path("a.html").read_text() == audit_evals("log.csv").html()


def test_json_on_stdout_is_json_alone_and_strict(capfdbinary):
    def refuse(name):
        raise AssertionError(name)

    assert audit("--json", "-", "--quiet") == 0
    out, err = capfdbinary.readouterr()
    assert json.loads(out.decode(), parse_constant=refuse)["audit"] == "evals"
    assert err == b""


def test_every_option_reaches_the_audit(capfdbinary):
    Path("t.csv").write_text("id\n1\n")
    given = {
        "--format": "table", "--id": "id", "--grade": "grade", "--confidence": "confidence", "--idk": "?",
        "--correct-from": "0.5", "--choices": "4", "--merge": "all", "--train": "t.csv", "--target": "0.6",
        "--penalty": "2", "--level": "0.9",
    }  # fmt: skip
    flags = ["--percent", "--no-votes", "--skip-bad-rows", "--quiet"]
    assert audit(*(part for pair in given.items() for part in pair), *flags, "--json", "-") == 0
    asked = json.loads(capfdbinary.readouterr().out)["asked"]
    assert asked == {
        "format": "table", "id": "id", "grade": "grade", "confidence": "confidence", "answer": None, "model": None,
        "filter": None, "idk": ["?"], "correct_from": 0.5, "percent": True, "choices": 4, "votes": False,
        "merge": "all", "train": ["t.csv"], "target": 0.6, "penalty": 2.0, "level": 0.9,
    }  # fmt: skip


def test_fail_on_alarm_is_status_1_where_one_fired(capsys):
    assert audit("--fail-on-alarm") == 0
    Path("bold.csv").write_text(LOG.replace("NOT_ATTEMPTED", "INCORRECT"))
    assert command(["evals", "bold.csv"]) == 0
    assert command(["evals", "bold.csv", "--fail-on-alarm"]) == 1
    assert "  ! no_abstention: None of the 300 is an abstention:" in capsys.readouterr().out


def test_several_logs_are_ranked(capsys):
    Path("bold.csv").write_text(LOG.replace("NOT_ATTEMPTED", "INCORRECT"))
    assert command(["evals", "*.csv"]) == 0
    out = capsys.readouterr().out
    assert "bold.csv, log.csv\n2 logs, 600 samples; 300 questions in all of them\n" in out
    assert "bold.csv leads under binary grading; log.csv at t = 0.5, as answered;" in out


def test_interruption_is_exit_status_130_or_143_and_nothing_is_written(capsys, monkeypatch):
    for name, status in (("SIGINT", 130), ("SIGTERM", 143)):
        monkeypatch.setattr(
            "simlab.audit.evals.read_logs", lambda *_, name=name, **__: os.kill(os.getpid(), getattr(signal, name))
        )
        assert audit("--json", "a.json") == status
        assert capsys.readouterr().err == "simlab: interrupted: nothing was written\n"
        assert files() == set()


def test_a_crash_of_ours_is_exit_status_70_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(cli, "execute", lambda arguments: 1 // 0)
    assert audit() == 70
    assert capsys.readouterr().err.splitlines()[-1].endswith("the command: simlab.audit evals log.csv")


def test_a_reader_that_goes_away_is_exit_status_141():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([*CHILD, "log.csv"], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (141, False)


def test_help_and_version(capsys):
    assert command(["evals", "--help"]) == 0
    assert "Usage: python -m simlab.audit evals" in capsys.readouterr().out
    assert command(["evals", "--version"]) == 0
    assert capsys.readouterr().out == f"simlab {simlab.__version__}\n"
    assert command(["--help"]) == 0
    assert "       python -m simlab.audit evals FILE... [OPTIONS]" in capsys.readouterr().out


def test_the_help_of_evals_loads_nothing_heavy():
    code = "import sys; from simlab.audit.cli import command; command(['evals', '--help']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(out.split()) & {"numpy", "duckdb", "matplotlib", "scipy", "jax"}
