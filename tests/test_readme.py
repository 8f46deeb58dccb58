"""The README's example runs and its identity holds; make says in a sentence what a machine lacks."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
