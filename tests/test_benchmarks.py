"""The benchmarks: what ours is compared with gives the same values, and what is told of speed was measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def load(name: str) -> ModuleType:
    """A benchmark is a script, not part of a package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run() -> ModuleType:
    return load("run")


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    popularity = 1 / np.arange(1.0, 3001)
    drawn = np.random.default_rng(1).multinomial(6000, popularity / popularity.sum())
    return drawn[drawn > 0]


# ---- side by side: the values are asserted in the benchmark itself ----


def test_scikit_bio_gives_the_same_values(run, counts):
    pytest.importorskip("skbio")
    rows = run.against_scikit_bio(counts, 1)
    assert [row["name"].split(",")[0] for row in rows] == ["scikit-bio", "ours"] * 3 + ["ours"]
    assert all(row["seconds"] > 0 for row in rows)


def test_nltk_gives_the_same_values(run, counts):
    pytest.importorskip("nltk")
    theirs, ours = run.against_nltk(counts, 1)
    assert theirs["name"].startswith("NLTK, Simple Good-Turing, ")
    assert ours["ratio"] == theirs["seconds"] / ours["seconds"]


def test_another_value_would_be_seen(run, counts, monkeypatch):
    """The negative control: an estimator that is one off stops the comparison."""
    pytest.importorskip("skbio")
    wrong = run.ace
    monkeypatch.setattr(run, "ace", lambda data: wrong(np.append(np.asarray(data), 1)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        run.against_scikit_bio(counts, 1)


def test_what_is_not_installed_is_left_out_and_said(run, counts, capsys):
    assert not run.installed("a rival", "no_such_module")
    assert "a rival is not installed and is left out: pip install 'simlab[bench]' brings it" in capsys.readouterr().out
