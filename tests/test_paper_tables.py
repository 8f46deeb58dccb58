"""A committed table that is broken, however, stops figures and paper with one sentence; a whole one does not."""

import csv
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simlab import drawing
from simlab.drawing import ink
from simlab.drawing.reading import TAIL, Cells, read_table
from simlab.errors import BadInput

ROOT = Path(__file__).parents[1]
TABLES = sorted((ROOT / "experiments" / "results").glob("*.csv"))
Lines = list[list[str]]


def broken(tmp_path: Path, change: Callable[[Lines], Lines | None], name: str = "error_from_iiv") -> Path:
    """A copy of a committed table under ``tmp_path``, changed."""
    with (ROOT / "experiments" / "results" / f"{name}.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    path = tmp_path / "experiments" / "results" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(change(lines) or lines)
    return path


def put(lines: Lines, at: int, column: str, text: str) -> None:
    lines[at][lines[0].index(column)] = text


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_committed_table_is_whole(path: Path) -> None:
    rows = read_table(path)
    assert tuple(rows[0])[-len(TAIL) :] == TAIL
    assert all(isinstance(row, Cells) for row in rows)


FILE = "experiments/results/error_from_iiv.csv"
CHANGES: dict[str, tuple[Callable[[Lines], Lines | None], str]] = {
    "a column renamed": (lambda lines: put(lines, 0, "mcse", "se"), "FILE has no column mcse; its columns are draws"),
    "columns in another order": (
        lambda lines: [[line[-1], *line[:-1]] for line in lines],
        "FILE: its columns are version, draws",
    ),
    "a NaN": (lambda lines: put(lines, 1, "mean", "nan"), "line 2 of FILE: the mean of singleton_rate is nan"),
    "no number": (lambda lines: put(lines, 1, "mean", "O.2"), "line 2 of FILE: the mean of singleton_rate is O.2"),
    "an empty mean": (lambda lines: put(lines, 1, "mean", ""), "line 2 of FILE: the mean of singleton_rate is empty"),
    "an empty count": (lambda lines: put(lines, 1, "n", ""), "line 2 of FILE: n is empty and not a count"),
    "a count below 0": (lambda lines: put(lines, 1, "n", "-3"), "line 2 of FILE: n is -3.0 and not a count"),
    "half a count": (lambda lines: put(lines, 1, "n_errors", "0.5"), "line 2 of FILE: n_errors is 0.5 and not a count"),
    "an error below 0": (lambda lines: put(lines, 1, "mcse", "-0.1"), "line 2 of FILE: mcse is -0.1, below 0"),
    "no error": (lambda lines: put(lines, 1, "mcse", "nan"), "line 2 of FILE: the mcse of singleton_rate is nan"),
    "a row missing": (lambda lines: lines[:1] + lines[2:], "FILE has no row of singleton_rate where draws = "),
    "a row in the middle missing": (lambda lines: lines[:300] + lines[301:], "FILE has no row of "),
    "the last row missing": (lambda lines: lines[:-1], "FILE has no row of "),
    "a row twice": (lambda lines: [*lines, lines[1]], "line 602 of FILE has singleton_rate a second time"),
    "a line cut short": (lambda lines: [*lines[:-1], lines[-1][:9]], "line 601 of FILE has 9 cells of 24"),
    "a header alone": (lambda lines: lines[:1], "FILE has a header and no rows"),
    "another run's row": (lambda lines: put(lines, 1, "seed", "1"), "FILE has 2 values of seed where one run has one"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_that_is_broken_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    change, said = CHANGES[name]
    path = broken(tmp_path, change)
    with pytest.raises(BadInput) as caught:
        read_table(path)
    assert str(caught.value).startswith(said.replace("FILE", FILE)), caught.value
    assert str(caught.value).endswith(": run make results")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_empty_cut_in_its_last_cell_or_away_is_told(tmp_path: Path) -> None:
    path = broken(tmp_path, lambda lines: None)
    assert len(read_table(path)) == 600
    whole = path.read_text()
    for text, said in [("", f"{FILE} is empty"), (whole[:-2], f"the last line of {FILE} is cut short")]:
        path.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_table(path)
    path.write_bytes(b"\xef\xbb\xbf" + whole.encode())
    assert len(read_table(path)) == 600  # an editor's mark in front is no column's
    at = whole.index("\n") + 1
    for rubbish, said in [(b"\xff", f"{FILE} is no text in UTF-8 from byte {at} on"), (b'"', f"{FILE} is no table: ")]:
        path.write_bytes(whole[:at].encode() + rubbish + whole[at:].encode())
        with pytest.raises(BadInput, match=said):
            read_table(path)
    path.unlink()
    with pytest.raises(BadInput, match=f"there is no {FILE}: run make results, or name another"):
        read_table(path)


FIGURES = sorted((ROOT / "figures").glob("*.py"))


def settings(rows: list[Cells]) -> list[str]:
    """The settings of a table that have more than one value."""
    return [column for column in rows[0] if column not in TAIL and len({str(row[column]) for row in rows}) > 1]


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_no_figure_is_drawn_without_a_setting_that_its_table_should_have(path: Path) -> None:
    """Renaming one stops the figure with a sentence, or changes nothing that is drawn; it never leaves points out."""
    draw = runpy.run_path(str(path))["draw"]
    table = read_table(ROOT / "experiments" / "results" / f"{path.stem}.csv")
    whole = drawn(draw(table))
    stopped = []
    for column in settings(table):
        rows = [type(row)({"law" if name == column else name: cell for name, cell in row.items()}) for row in table]
        try:
            assert drawn(draw(rows)) == whole, column
        except BadInput as told:
            stopped.append((column, str(told)))
    name = f"experiments/results/{path.stem}.csv"
    sentences = [f"{name} has no column {column}, which is asked of it: run make results" for column, _ in stopped]
    assert stopped
    assert [told for _, told in stopped] == sentences


def test_a_table_with_a_setting_renamed_is_read_as_one_renamed_when_it_was_read(tmp_path: Path) -> None:
    path = broken(tmp_path, lambda lines: put(lines, 0, "draws", "law"))
    table = read_table(ROOT / FILE)
    renamed = [{"law" if name == "draws" else name: cell for name, cell in row.items()} for row in table]
    assert str(read_table(path)) == str(renamed) != str(table)  # as text, for a NaN is not equal to itself


def drawn(figure: ink.Figure) -> list[tuple[str, str, int]]:
    """What a figure has, panel by panel: title, what its lines and bars are at, how many patches."""
    return [
        (axes.get_title(), str([list(map(str, line.get_xydata().ravel())) for line in axes.lines]), len(axes.patches))
        for axes in figure.axes
    ]


@pytest.mark.parametrize("name", ["a column renamed", "a NaN", "a row missing", "a line cut short"])
def test_the_build_stops_with_one_line(name: str, tmp_path: Path) -> None:
    """As a reader runs it: exit status 2, one line, and no PDF."""
    pytest.importorskip("typst", reason="the compiler of the paper comes with the extra `paper`")
    for folder in ("paper", "figures", "benchmarks/results", "experiments/results"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("output"))
    broken(tmp_path, CHANGES[name][0])
    told = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "paper" / "build.py")], capture_output=True, text=True, env=told, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("simlab: the paper is not built: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "paper" / "output" / "paper.pdf").exists()


def test_tables_are_read_where_figures_and_claims_read_them() -> None:
    """One reader, so that no way to print a number goes round its checks."""
    assert drawing.read_table is read_table
