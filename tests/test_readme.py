"""The README's example runs and its identity holds; make says in a sentence what a machine lacks."""

import functools
import json
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import claims_of, report_of

from simlab.bounds import THEOREMS
from simlab.drawing import read_table

ROOT = Path(__file__).parents[1]
with pytest.MonkeyPatch.context() as patch:  # the tables do not change under the tests: each is read once
    patch.setattr("simlab.drawing.read_table", functools.cache(read_table))
    CLAIMS = runpy.run_path(str(ROOT / "docs" / "claims.py"))


def test_the_library_example(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    exec(code, {})
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", capsys.readouterr().out)]
    rate, missed, error, identity = numbers
    assert rate == pytest.approx(0.2, abs=1e-4)
    assert missed == pytest.approx(rate, abs=1e-4)
    assert error == pytest.approx(identity, abs=1e-12)


def a_python(folder: Path, script: str) -> str:
    """A stand-in for an interpreter."""
    path = folder / "python"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 127", "does not run: name a Python 3.11 or newer with make PYTHON=/path/to/python3"),
        (
            'case "$2" in *version*) exit 1;; esac',
            "is older than 3.11: name a newer one with make PYTHON=/path/to/python3",
        ),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "cannot make virtual environments: install the package python3-venv (sudo apt install python3-venv)",
        ),
    ],
)
def test_make_says_what_is_missing(script: str, sentence: str, tmp_path: Path) -> None:
    python = a_python(tmp_path, script)
    command = ["make", "-s", "sweep", f"PYTHON={python}", f"VENV={tmp_path}/venv"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said = done.stderr.splitlines()[0].replace(f"PYTHON = {python}", "PYTHON").replace(python, "PYTHON")
    assert said == f"simlab: PYTHON {sentence}"
    assert not (tmp_path / "venv").exists()


def test_the_table_of_claims_is_what_the_tree_says() -> None:
    page = (ROOT / "README.md").read_text()
    assert CLAIMS["replaced"](page) == page, "run python docs/claims.py"
    assert list(CLAIMS["SAYS"]) == [theorem.slug for theorem in THEOREMS]


def test_a_table_of_claims_that_has_drifted_is_written_anew() -> None:
    page = (ROOT / "README.md").read_text()
    measured = re.search(r"\| (\S+ ± \S+; \d+ %) \|\n", page)
    assert measured is not None
    for stale in (page.replace(measured[1], "9.9 ± 0.1; 0 %"), re.sub(r"\| `error_from_iiv` .*\n", "", page)):
        assert stale != page
        assert CLAIMS["replaced"](stale) == page
    with pytest.raises(LookupError, match=re.escape("README.md has no table of claims that starts with")):
        CLAIMS["replaced"](page.replace("| slug | theorem |", "| slug | law |"))
    theorem = THEOREMS[0]
    with pytest.raises(LookupError, match="measured no slack of error_from_iiv: run make results"):
        CLAIMS["measured"](theorem, [{"measure": "error_from_iiv_value", "mean": 1.0, "n": 2.0}])


@pytest.mark.parametrize(
    ("mean", "mcse", "text"),
    [
        (0.038145, 0.000051, "0.038145 ± 0.000051"),
        (0.2, 0.0, "0.2"),
        (-5e-18, 3e-18, "0"),
        (-2.76e-8, 6.66e-8, "−2.76e−08 ± 7e−08"),
        (-0.5, 0.25, "−0.50 ± 0.25"),
        (12.3, 25.0, "12 ± 25"),
    ],
)
def test_a_slack_is_written_to_two_digits_of_its_error(mean: float, mcse: float, text: str) -> None:
    assert CLAIMS["rounded"](mean, mcse) == text


def test_a_test_belongs_to_the_longest_claim_in_its_name() -> None:
    at = "tests/test_laws.py::test_"
    assert claims_of(f"{at}error_from_singletons_upper_holds") == {"error_from_singletons_upper"}
    assert claims_of(f"{at}experiment_at_smoke_size[error_from_iiv_training]") == {"error_from_iiv_training"}
    assert claims_of(f"{at}error_from_iiv_and_iiv_from_singletons") == {"error_from_iiv", "iiv_from_singletons"}
    assert claims_of(f"{at}something_else") == set()
    for theorem in THEOREMS:
        assert theorem.slug in claims_of(theorem.test)
        assert theorem.slug in claims_of(f"{theorem.test}[case]")


def test_a_claim_has_passed_where_all_its_tests_have() -> None:
    at = "tests/test_laws.py::test_error_from_"
    report = report_of({f"{at}iiv[a]": True, f"{at}iiv[b]": False, f"{at}bits": True, "tests/x.py::test_y": False})
    assert report["claims"] == {"error_from_bits": "passed", "error_from_iiv": "failed"}
    assert report["tests"] == {"error_from_bits": 1, "error_from_iiv": 2}


def test_a_report_is_written_only_when_asked_for(tmp_path: Path) -> None:
    """Over a session of its own, with workers and without: a claim of which one test fails, and one that is skipped."""
    (tmp_path / "conftest.py").write_text(
        (ROOT / "tests" / "conftest.py").read_text().replace("Path(__file__).parents[1]", f"Path({str(ROOT)!r})")
    )
    (tmp_path / "test_toy.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_error_from_iiv(n): assert n == 1\n"
        "def test_error_from_bits(): pass\n"
        "def test_capacity(): pytest.skip()\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "xdist",
        str(tmp_path),
        "--rootdir",
        str(tmp_path),
    ]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins that are not asked for take seconds to load
    for workers in ([], ["-n", "2"]):
        path = tmp_path / f"report{len(workers)}.json"
        asked = [*command, *workers, "--test-report", str(path)]
        done = subprocess.run(asked, capture_output=True, check=False, env=alone)
        assert done.returncode == 1
        assert json.loads(path.read_text())["claims"] == {"error_from_bits": "passed", "error_from_iiv": "failed"}
    before = set(tmp_path.glob("*.json"))
    assert subprocess.run(command, capture_output=True, check=False, env=alone).returncode == 1
    assert set(tmp_path.glob("*.json")) == before
