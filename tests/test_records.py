"""A record of arrays is shown in a line, however long the arrays are, and is compared and hashed as before."""

from __future__ import annotations

import ast
import copy
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import simlab
from simlab.corpora import list_facts, sample_listed
from simlab.records import brief, brief_of
from simlab.seeds import Streams
from simlab.worlds import uniform


def test_a_listed_corpus_and_its_truth_are_a_line_each() -> None:
    rng = Streams(1).numpy("corpus")
    for facts, draws in ((12, 80), (100_000, 100_000)):
        truth = list_facts(uniform(facts, answers=5, answer_rate=0.5), rng)
        corpus = sample_listed(truth, draws, rng)
        said = repr(corpus)
        assert said.startswith(f"<Listed: prompt int64[{draws}] from ")
        assert f"answer int64[{draws}] from -1 to " in said
        assert said.endswith(f"answer_rate float64[{facts}] from 0.5 to 0.5, idk True, n_strings None, mode 'iid'>")
        assert repr(truth).endswith(f"correct int64[{facts}] from 0 to {truth.correct.max()}>")
        assert max(len(said), len(repr(truth))) < 300
        assert corpus == corpus
        assert corpus != replace(corpus)
        assert len({corpus, truth, replace(corpus)}) == 3
        again = pickle.loads(pickle.dumps(corpus))
        assert repr(again) == repr(copy.copy(corpus)) == said


@brief
@dataclass(frozen=True, slots=True)
class Point:
    x: float
    label: str = "p"


def test_a_record_of_plain_values_keeps_its_equality_and_its_hash() -> None:
    assert repr(Point(0.5)) == "<Point: x 0.5, label 'p'>"
    assert Point(0.5) == Point(0.5) != Point(1.0)
    assert len({Point(0.5), Point(0.5), Point(1.0)}) == 2
    assert Point.__eq__ is not object.__eq__


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.arange(6).reshape(2, 3), "int64[2 x 3] from 0 to 5"),
        (np.array([0.1, np.nan, 1 / 3, -np.inf]), "float64[4] from 0.1 to 0.333333, 2 not finite"),
        (np.array([np.nan]), "float64[1], 1 not finite"),
        (np.array([2**63 + 1], dtype=np.uint64), "uint64[1] from 9223372036854775809 to 9223372036854775809"),
        (np.array([True, False, True]), "bool[3], 2 true"),
        (np.array(["a"]), "<U1[1]"),
        (np.zeros((0, 3)), "float64[0 x 3]"),
        (np.float64(0.25), "0.25"),
        ((1, 2), "(1, 2)"),
        ((np.zeros(3), np.zeros(3)), "tuple of 2"),
        (list(range(99)), "list of 99"),
        ({"a": np.zeros(3), "b": 1}, "{a: float64[3] from 0 to 0, b: 1}"),
        ({str(i): i for i in range(9)}, "{0: 0, 1: 1, 2: 2, 3: 3, ...}"),
        ("x" * 99, "'" + "x" * 59 + "..."),
    ],
)
def test_what_is_said_of_a_value(value: object, said: str) -> None:
    assert brief_of(value) == said


def printed_whole(tree: ast.Module) -> list[str]:
    """Dataclasses that hold arrays and have the repr of every dataclass."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in node.decorator_list):
            told = " ".join(ast.unparse(one) for one in node.decorator_list)
            arrays = [one for one in node.body if isinstance(one, ast.AnnAssign) and is_array(one.annotation)]
            own = any(isinstance(one, ast.FunctionDef) and one.name == "__repr__" for one in node.body)
            if arrays and not own and "brief" not in told and "repr=False" not in told:
                found.append(node.name)
    return found


def is_array(annotation: ast.expr) -> bool:
    said = ast.unparse(annotation)
    return "np.ndarray" in said and not said.startswith("Callable")


def test_no_record_of_arrays_prints_them() -> None:
    for path in Path(simlab.__file__).parent.rglob("*.py"):
        assert printed_whole(ast.parse(path.read_text())) == [], path
    assert printed_whole(ast.parse("@dataclass\nclass Whole:\n    x: Float[np.ndarray, ' n']")) == ["Whole"]
