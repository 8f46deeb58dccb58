"""What the tests of fast descents share: corpora, the general program as the oracle, and two comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from simlab.corpora import Listed, list_facts, sample_listed
from simlab.fitting import fit, fit_many, running
from simlab.fitting.families import Fitted
from simlab.seeds import Streams
from simlab.worlds import uniform

NEAR = {"double": 1e-11, "single": 5e-4}


def a_corpus(replicate: int = 0, facts: int = 30, draws: int = 80, **law: Any) -> Listed:
    streams = Streams(3, "blocks", replicate)
    world = uniform(facts, **({"answers": 6, "answer_rate": 0.8} | law))
    return sample_listed(list_facts(world, streams.numpy("truth")), draws, streams.numpy("corpus"))


def holed(facts: int = 37, draws: int = 90) -> Listed:
    """Prompts with 2 to 6 answers each and without IDK: holes that differ from row to row."""
    rng = Streams(3, "holes").numpy("corpus")
    answers = rng.integers(2, 7, facts)
    prompt, rate = rng.integers(0, facts, draws), np.ones(facts)
    answer = (rng.random(draws) * answers[prompt]).astype(int)
    return Listed(prompt, answer, np.zeros(facts, dtype=int), answers, rate, idk=False)


@contextmanager
def patched(*what: tuple[Any, str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as context:
        for where, name, value in what:
            context.setattr(where, name, value)
        yield


def general(corpus: Any, model: Any, **told: Any) -> Any:
    """Fit by the general program, the oracle."""
    with patched((running, "descent_of", lambda *_: None)):
        return (fit_many if isinstance(corpus, list) else fit)(corpus, model, **told)


def same(ours: Fitted, oracle: Fitted, near: float) -> None:
    assert ours.params.keys() == oracle.params.keys()
    for left, right in (
        (ours.trace.loss, oracle.trace.loss),
        (ours.trace.gradient_norm, oracle.trace.gradient_norm),
        *((ours.params[name], oracle.params[name]) for name in ours.params),
    ):
        np.testing.assert_allclose(left, right, rtol=near, atol=near)


def equal(one: Fitted, other: Fitted) -> None:
    assert one.params.keys() == other.params.keys()
    for name in one.params:
        np.testing.assert_array_equal(one.params[name], other.params[name])
    np.testing.assert_array_equal(one.trace.loss, other.trace.loss)
    np.testing.assert_array_equal(one.trace.gradient_norm, other.trace.gradient_norm)
