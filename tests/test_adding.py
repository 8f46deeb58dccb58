"""The page on adding things is true: its complete example runs as it stands, and its family is what it says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simlab.fitting import fit, fit_many
from simlab.seeds import Streams

PAGE = Path(__file__).parents[1] / "docs" / "adding.md"


def example(folder: Path) -> dict[str, Any]:
    """The complete example of the section on families, run as a file of its own."""
    section = PAGE.read_text().split("## A family that is trained by gradients")[1].split("\n## ")[0]
    (text,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    path = folder / "one_density.py"
    path.write_text(text)
    return runpy.run_path(str(path))


def test_the_family_of_the_page_runs_and_finds_its_optimum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The maximum likelihood of one density for all prompts is the law of the responses in the corpus."""
    found = example(tmp_path)
    corpus, truth, fitted, seen = (found[name] for name in ("corpus", "truth", "fitted", "seen"))
    said = capsys.readouterr().out
    assert said == f"converged: True, error: {seen.error:.3f}, calibration gap: {seen.calibration_gap:.3f}\n"
    law = corpus.counts.sum(0) / corpus.draws
    np.testing.assert_allclose(fitted.density.p_hat, np.tile(law, (300, 1)), atol=1e-4)
    assert fitted.trace.loss[-1] == pytest.approx(-(law * np.log(law)).sum(), rel=1e-6)
    valid = law[truth.correct] + law[-1]  # the right answer and IDK
    mu = truth.world.popularity[truth.fact_class]
    assert seen.error == pytest.approx(float((mu * (1 - valid)).sum()), abs=1e-3)
    model, streams = found["OneDensity"], found["streams"]
    sure = fit(corpus, model(), streams=streams, optimizer="lbfgs", tolerance=1e-12)  # no line search gets there
    assert sure.trace.converged
    np.testing.assert_allclose(sure.density.p_hat[0], law, rtol=1e-10)
    many = fit_many([corpus] * 2, model(spread=0.5), streams=[Streams(r) for r in range(2)], steps=300)
    assert abs(many[0].params - many[1].params).max() > 0.01  # each from a start of its own,
    for one in many:  # to the one optimum
        np.testing.assert_allclose(one.density.p_hat[0], law, atol=1e-3)
