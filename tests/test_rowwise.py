"""The table's own descent, row by row, against the general program: the same steps, whatever is asked of it."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from scipy.special import logsumexp

from simlab.corpora import Listed, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.fitting import descending, exponentials, fit, fit_many, rowwise, running
from simlab.fitting.families import Fitted
from simlab.models.softmax_table import SoftmaxTable
from simlab.seeds import Streams
from simlab.worlds import factoids, uniform

STREAMS = Streams(5, "rows")
NEAR = {"double": 1e-12, "single": 2e-4}


def a_corpus(replicate: int = 0, facts: int = 30, draws: int = 80, **law: Any) -> Listed:
    streams = Streams(3, "rows", replicate)
    world = uniform(facts, **({"answers": 6, "answer_rate": 0.8} | law))
    return sample_listed(list_facts(world, streams.numpy("truth")), draws, streams.numpy("corpus"))


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Fit by the general program, the oracle."""

    def run(*given: Any, **settings: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(running, "descent_of", lambda *_: None)
            return (fit if not isinstance(given[0], list) else fit_many)(*given, **settings)

    return run


def same(ours: Fitted, oracle: Fitted, near: float) -> None:
    for left, right in (
        (ours.trace.loss, oracle.trace.loss),
        (ours.trace.gradient_norm, oracle.trace.gradient_norm),
        (ours.params, oracle.params),
    ):
        np.testing.assert_allclose(left, right, rtol=near, atol=near)


@pytest.mark.parametrize("idk", [True, False], ids=["idk", "holes"])  # without IDK its column does not exist
@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.5), ("adam", 0.1), ("adamw", 0.1)])
def test_the_steps_are_those_of_the_general_program(optimizer: str, rate: float, idk: bool, general: Any) -> None:
    corpus = a_corpus(0, idk=idk, **({} if idk else {"answer_rate": 1.0}))
    for decay, schedule, precision in (
        (0.0, "constant", "double"),
        (0.01, "cosine", "double"),
        (0.01, "constant", "single"),
    ):
        told: dict[str, Any] = {"weight_decay": decay, "schedule": schedule, "precision": precision, "warmup": 5}
        told |= {"streams": STREAMS, "optimizer": optimizer, "learning_rate": rate, "steps": 60}
        ours = fit(corpus, SoftmaxTable(), **told)
        same(ours, general(corpus, SoftmaxTable(), **told), NEAR[precision])
        assert ours.trace.loss[-1] < ours.trace.loss[0] - 0.01


def test_the_comparison_would_notice_a_wrong_step(general: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: Adam with another second decay rate."""
    oracle = general(a_corpus(), SoftmaxTable(), streams=STREAMS, steps=60)
    monkeypatch.setattr(descending, "DECAYS", (0.9, 0.9991, 1e-8))
    with pytest.raises(AssertionError):
        same(fit(a_corpus(), SoftmaxTable(), streams=STREAMS, steps=60), oracle, 1e-6)


def test_many_fits_validation_looks_and_warm_starts(general: Any) -> None:
    corpora = [a_corpus(i) for i in range(3)]
    told: dict[str, Any] = {
        "streams": [Streams(1, "rows", i) for i in range(3)],
        "learning_rate": [0.1, 0.2, 0.3],
        "steps": 80,
        "every": 7,
        "validation": [a_corpus(i + 3) for i in range(3)],
        "patience": 2,
    }
    ours, oracle = fit_many(corpora, SoftmaxTable(), **told), general(corpora, SoftmaxTable(), **told)
    for one, other in zip(ours, oracle, strict=True):
        same(one, other, 1e-12)
        assert len(one.trace.loss) < 81  # stopped early, at the same look
        assert [step for step, _ in one.snapshots] == [step for step, _ in other.snapshots]
        for (_, left), (_, right) in zip(one.snapshots, other.snapshots, strict=True):
            np.testing.assert_allclose(left.p_hat, right.p_hat, atol=1e-12)  # type: ignore[union-attr]
    before = ours[0].params.copy()
    more = fit(corpora[0], SoftmaxTable(), streams=STREAMS, steps=20, init=ours[0])
    same(more, general(corpora[0], SoftmaxTable(), streams=STREAMS, steps=20, init=ours[0]), 1e-12)
    np.testing.assert_array_equal(ours[0].params, before)  # what it starts from is left alone


def test_strings_without_prompts_are_one_row(general: Any) -> None:
    streams = Streams(3, "strings")
    truth = list_facts(factoids(uniform(20), n_false=40), streams.numpy("truth"))
    corpus = sample_listed(truth, 50, streams.numpy("corpus"))
    told: dict[str, Any] = {"streams": STREAMS, "steps": 50}
    same(fit(corpus, SoftmaxTable(), **told), general(corpus, SoftmaxTable(), **told), 1e-11)


def test_looks_and_chunks_and_threads_do_not_move_the_last_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = a_corpus(facts=200, draws=500)
    told: dict[str, Any] = {"streams": STREAMS, "steps": 90, "precision": "single"}
    plain = fit(corpus, SoftmaxTable(), **told)
    monkeypatch.setattr(descending, "CHUNK", 13)
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        other = fit(corpus, SoftmaxTable(), **told)
        np.testing.assert_array_equal(other.params, plain.params)
        np.testing.assert_array_equal(other.trace.loss, plain.trace.loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_are_good_to_an_ulp(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    z = np.concatenate([-rng.exponential(20, 2000), np.linspace(-1, 40, 300), [-1e4, -np.inf, np.nan]]).astype(dtype)
    weight, two = np.empty_like(z), np.empty_like(z)
    exponentials.powers(z, dtype(0), weight, two, two.view(np.int32 if dtype is np.float32 else np.int64))
    exact = np.exp(z[:-3].astype(np.longdouble))
    normal = exact > np.finfo(dtype).tiny * 10
    ours = (weight * two)[:-3]
    assert np.abs(ours[normal] / exact[normal] - 1).max() < np.finfo(dtype).eps
    assert np.all(ours[~normal] < np.finfo(dtype).tiny * 100)
    assert (weight * two)[-3] < np.finfo(dtype).tiny * 100
    assert np.isnan((weight * two)[-1])


@pytest.mark.parametrize("precision", ["double", "single"])
def test_logits_that_jump_far_in_one_step_are_no_overflow(precision: str) -> None:
    """The shift of the step before is then of no use; the loss at each step is that of the logits there."""
    corpus = a_corpus()
    steps = [fit(corpus, SoftmaxTable(), streams=STREAMS, optimizer="sgd", learning_rate=3e3, precision=precision,
                 steps=steps) for steps in (1, 2, 3)]  # fmt: skip
    assert np.abs(steps[-1].params).max() > 1e3
    for fitted in steps:
        z = np.asarray(fitted.params, dtype=float)
        slow = (corpus.counts.sum(1) * logsumexp(z, axis=1) - (corpus.counts * z).sum(1)).sum() / corpus.counts.sum()
        assert fitted.trace.loss[-1] == pytest.approx(slow, rel=1e-5)
        if len(fitted.trace.loss) < 4:  # the same entry, as the longest run saw it in passing
            assert steps[-1].trace.loss[len(fitted.trace.loss) - 1] == pytest.approx(slow, rel=1e-5)


def test_what_diverges_is_not_finite_here_too() -> None:
    start = np.zeros((30, 7))
    told: dict[str, Any] = {"streams": STREAMS, "steps": 5, "optimizer": "sgd", "weight_decay": 0.5}
    fitted = fit(a_corpus(), SoftmaxTable(), learning_rate=1e300, init=start, **told)
    assert not np.isfinite(fitted.trace.loss[-1])
    assert not fitted.trace.converged


def test_only_whole_tables_are_fitted_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = running.descent_of
    monkeypatch.setattr(running, "descent_of", lambda *given: asked.append(real(*given)) or asked[-1])
    table, told = SoftmaxTable(), {"streams": STREAMS, "steps": 2}
    fit(a_corpus(), table, **told)
    fit(a_corpus(), table, batch=4, **told)
    fit(a_corpus(), table, precision="mixed", **told)
    fit(sample(uniform(30), 40, STREAMS.numpy("corpus")), table, **told)
    assert asked == [rowwise, None, None, None]


def test_no_memory_for_it_is_said_before() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("simlab.fitting.memory.available_memory", lambda: 4_000)
        with pytest.raises(BadInput, match=r"^the whole corpus at once: softmax_table needs 5[.,]?\d* kB of 4 kB free"):
            fit(a_corpus(), SoftmaxTable(), streams=STREAMS, steps=10)
