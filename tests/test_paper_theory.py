"""The constants and closed forms that the paper computes for itself are those of simlab.bounds."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from simlab import bounds
from simlab.bounds.vacuity import draws_until

typst = pytest.importorskip("typst", reason="the compiler of the paper comes with the extra `paper`")

ROOT = Path(__file__).parents[1]


def told(tmp_path: Path, expression: str) -> Any:
    """What an expression of paper/theory.typ is."""
    for name in ("reading.typ", "theory.typ"):
        (tmp_path / "paper").mkdir(exist_ok=True)
        (tmp_path / "paper" / name).write_text((ROOT / "paper" / name).read_text())
    (tmp_path / "benchmarks" / "results").mkdir(parents=True, exist_ok=True)
    cpu = (ROOT / "benchmarks" / "results" / "cpu.json").read_text()
    (tmp_path / "benchmarks" / "results" / "cpu.json").write_text(cpu)
    page = tmp_path / "paper" / "page.typ"
    page.write_text(f'#import "theory.typ": *\n#metadata({expression})<told>\n')
    (found,) = json.loads(typst.query(page, "<told>", field="value", root=tmp_path))
    return found


@pytest.mark.parametrize("draws", [10, 10**4, 10**9, 10**15])
def test_the_terms_of_theorem_2_and_lemma_1_are_those_of_the_bounds(draws: int, tmp_path: Path) -> None:
    lower = bounds.error_from_singletons(0.5, draws, 10**9, 0.0)
    assert told(tmp_path, f"theorem2-slack({draws})") == pytest.approx(0.5 - 2e-9 - lower.value, rel=1e-6)
    upper = bounds.error_from_singletons_upper(0.5, draws, 10**9)
    assert told(tmp_path, f"theorem2-upper-slack({draws})") == pytest.approx(upper.value - 0.5, rel=1e-2, abs=1e-8)
    radius = bounds.missing_mass_from_singletons(0.5, draws, 0.01)
    assert told(tmp_path, f"lemma1-radius({draws})") == pytest.approx(radius.value, rel=1e-12)


@pytest.mark.parametrize("margin", [1.0, 0.5, 0.2, 0.1, 0.01])
def test_silence_ends_one_draw_before_the_bound_speaks(margin: float, tmp_path: Path) -> None:
    assert told(tmp_path, f"silent-until({margin})") == draws_until(margin, 35, 6) - 1


def test_the_worst_load_and_the_risk_there(tmp_path: Path) -> None:
    load = told(tmp_path, "worst-load")
    assert load * math.exp(load) == pytest.approx(2.0, rel=1e-12)
    assert told(tmp_path, "risk-uniform") == pytest.approx(0.60804, abs=5e-6)
    sharp = bounds.missing_mass_from_singletons_sharp(0.5, 10**6)
    assert told(tmp_path, "risk-published") == pytest.approx(sharp.value * 1e6, rel=1e-12)
    assert told(tmp_path, "lemma1-proved") < told(tmp_path, "lemma1-constant")
