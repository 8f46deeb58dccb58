"""A table of the user's own facts, from file to verdict, as the command line runs it."""

from pathlib import Path

import airportsdata
import pytest

from simlab.bounds import error_from_singletons, error_from_singletons_sharp
from simlab.sweep.cli import command
from simlab.sweep.collecting import read_table

AIRPORTS = str(Path(airportsdata.__file__).parent / "airports.csv")


def sweep(*arguments: str) -> int:
    return command([*arguments, "--engine", "serial", "--out", "out", "--replicates", "10", "--quiet"])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_airports(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("--facts", AIRPORTS, "--prompt", "city", "--answer", "country") == 0
    said = capsys.readouterr().out
    assert "N = 25,473, 16,382 prompts" in said
    assert "Your table: singleton rate 0.5036" in said
    assert "414 prompts have more than one answer" in said
    published = error_from_singletons(12829 / 25473, 25473, 233, 0.0)
    assert f"error >= {published.value:.4f}, vacuous; with this singleton rate it says something from" in said
    assert f"N = {published.draws_needed:,.0f} on" in said
    sharp = error_from_singletons_sharp(12828 / 25473, 233, 0.0).value
    assert f"error + delta >= {sharp:.4f} = sr - 1/N - k/K" in said
    assert "Theorem 2 (error_from_singletons): vacuous at the only grid point" in said
    assert "Theorem 2 in expectation (error_from_singletons_sharp): held" in said
    assert AIRPORTS not in Path("out/summary.csv").read_text()


def test_an_idk_share_lowers_the_answered_missing_mass(tmp_path: Path) -> None:
    facts = [f"p{i},a{i % 7}" for i in range(60)] + [f"p{i},?" for i in range(60)]
    Path("facts.csv").write_text("\n".join(["prompt,answer", *facts]) + "\n")
    assert sweep("--facts", "facts.csv", "--prompt", "prompt", "--answer", "answer", "--idk", "?") == 0
    table = read_table(Path("out/replicates.parquet"))
    calibrated = table["method"] == "calibrated"
    assert table["missing_mass"][calibrated].max() < 0.5  # half of all draws say IDK and are never missing


def test_without_answers_there_is_the_missing_mass_only(capsys: pytest.CaptureFixture[str]) -> None:
    Path("facts.jsonl").write_text("".join(f'{{"fact": "f{i % 40}"}}\n' for i in range(60)))
    assert sweep("--facts", "facts.jsonl") == 0
    assert "No answers: only the missing mass can be measured." in capsys.readouterr().out
    assert set(read_table(Path("out/replicates.parquet"))["method"]) == {"good_turing"}


def test_a_table_with_one_answer_makes_no_world(capsys: pytest.CaptureFixture[str]) -> None:
    Path("facts.csv").write_text("q,a\nx,yes\ny,yes\n")
    assert sweep("--facts", "facts.csv", "--prompt", "q", "--answer", "a") == 2
    assert capsys.readouterr().err == (
        "simlab: answers = 1: each prompt needs at least one wrong answer to be mistaken for; "
        "say how many answers are plausible with --n-answers N\n"
    )
    assert not Path("out").exists()
    assert sweep("--facts", "facts.csv", "--prompt", "q", "--answer", "a", "--n-answers", "5") == 0


def test_the_same_facts_elsewhere_give_the_same_rows() -> None:
    rows = "q,a\n" + "".join(f"q{i % 30},a{i % 5}\n" for i in range(45))
    seen = []
    for folder in ("one", "two"):
        Path(folder).mkdir()
        Path(folder, "facts.csv").write_text(rows)
        assert sweep("--facts", f"{folder}/facts.csv", "--prompt", "q", "--answer", "a", "--fresh") == 0
        seen.append(read_table(Path("out/replicates.parquet"))["error"].tolist())
    assert seen[0] == seen[1]


def test_bad_rows_are_passed_over_as_in_an_audit(capsys: pytest.CaptureFixture[str]) -> None:
    Path("facts.csv").write_text("q,a\nx,1\ny\ny,2\nz,3,4\nw,4\n")
    arguments = ("--facts", "facts.csv", "--prompt", "q", "--answer", "a")
    assert sweep(*arguments) == 2
    assert capsys.readouterr().err.startswith("simlab: facts.csv, line 3: 1 value, where the header names 2 columns")
    assert sweep(*arguments, "--skip-bad-rows") == 0
    assert "facts.csv: 3 rows, 2 more passed over as bad, 0 left out as missing; N = 3," in capsys.readouterr().out
