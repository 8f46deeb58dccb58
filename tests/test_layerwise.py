"""The MLP's own descent, layer by layer, against the general program: the same steps, however taken."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Thread
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numba
import numpy as np
import pytest
from descents import NEAR, a_corpus, equal, general, holed, patched, same
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.errors import BadInput
from simlab.fitting import descending, fit, fit_many, layerwise, meeting, memory, running, teams
from simlab.fitting.meeting import Team, meet
from simlab.models.mlp import MLP
from simlab.seeds import Streams

STREAMS = Streams(5, "layers")


@pytest.fixture
def small_parts() -> Iterator[None]:
    """Several pieces, blocks in each, and lots, however small the fit."""
    with patched((layerwise, "ROWS", (4, 5)), (layerwise, "LOT", 50)):
        yield


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize(("optimizer", "rate", "precision"), [("sgd", 0.2, "double"), ("adamw", 0.02, "single")])
def test_the_steps_are_those_of_the_general_program(
    optimizer: str, rate: float, precision: str, batch: int | None
) -> None:
    corpus = holed() if optimizer == "sgd" else a_corpus()
    told: dict[str, Any] = {"streams": STREAMS, "optimizer": optimizer, "learning_rate": rate, "steps": 60}
    told |= {"weight_decay": 0.05, "schedule": "cosine", "warmup": 5, "batch": batch}
    told["precision"] = precision
    model = MLP(16, 8, "learned" if batch is None else "fixed", "learned")
    ours = fit(corpus, model, **told)
    same(ours, general(corpus, model, **told), NEAR[precision])
    assert ours.trace.loss[-1] < ours.trace.loss[0] - 0.01


def test_keys_alone_may_be_learned_and_a_loss_have_no_penalty() -> None:
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.03, "steps": 40}
    model = MLP(12, 6, "learned", "fixed")
    same(fit(a_corpus(), model, **told), general(a_corpus(), model, **told), 1e-11)


@settings(max_examples=10, deadline=None)
@given(
    least=st.integers(1, 50),
    most=st.integers(1, 50),
    pieces=st.integers(1, 40),
    lot=st.integers(1, 500),
    lots=st.integers(1, 70),
)
@pytest.mark.parametrize("batch", [None, 37])
def test_pieces_blocks_and_lots_of_any_size_make_the_same_step(
    batch: int | None, least: int, most: int, pieces: int, lot: int, lots: int
) -> None:
    model = MLP(9, 5, "learned" if batch is None else "fixed", "learned")
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.05, "steps": 8, "batch": batch}
    oracle = general(a_corpus(1, 37), model, **told)
    sizes = ((layerwise, "ROWS", (least, most)), (layerwise, "PIECES", pieces))
    with patched(*sizes, (layerwise, "LOT", lot), (layerwise, "LOTS", lots)):
        same(fit(a_corpus(1, 37), model, **told), oracle, 1e-11)


def test_the_comparison_would_notice_a_wrong_step() -> None:
    """Negative controls: pieces without the last row, a mean of another number, other batches."""
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.05, "steps": 20, "batch": 9, "optimizer": "sgd"}
    model, edges = MLP(9, 5, "fixed", "fixed"), layerwise._edges
    oracle = general(a_corpus(), model, **told)
    same(fit(a_corpus(), model, **told), oracle, 1e-11)
    for wrong in (
        (layerwise, "_edges", lambda n: np.minimum(edges(n), n - 1)),
        (descending, "draws", lambda *_: 10.0),
    ):
        with patched(wrong), pytest.raises(AssertionError):
            same(fit(a_corpus(), model, **told), oracle, 1e-6)
    told |= {"streams": Streams(6, "layers"), "init": general(a_corpus(), model, **told | {"steps": 1})}
    oracle = general(a_corpus(), model, **told)
    with pytest.raises(AssertionError):
        same(fit(a_corpus(), model, **told | {"streams": STREAMS}), oracle, 1e-6)


@pytest.mark.usefixtures("small_parts")
def test_threads_looks_and_chunks_do_not_move_the_last_bits() -> None:
    corpus = a_corpus(facts=500, draws=900)
    for model, batch in ((MLP(24, 8), None), (MLP(24, 8, "fixed", "fixed"), 300)):
        told: dict[str, Any] = {"streams": STREAMS, "steps": 40, "learning_rate": 0.01, "batch": batch}
        same(fit(corpus, model, **told), general(corpus, model, **told), NEAR["double"])
        told["precision"] = "single"
        plain = fit(corpus, model, **told)
        for threads, shared, chunk in ((1, 1, 2048), (2, 1, 2048), (3, 1, 7), (3, 10**9, 7), (99, 1, 13)):
            with patched(
                (numba.config, "NUMBA_NUM_THREADS", threads),
                (teams, "SHARED", shared),
                (descending, "CHUNK", chunk),
            ):
                equal(fit(corpus, model, every=9, **told), plain)


@pytest.mark.usefixtures("small_parts")
def test_many_fits_are_the_fits_one_by_one() -> None:
    corpora = [a_corpus(i) for i in range(5)]
    streams, rates = [Streams(1, "layers", i) for i in range(5)], [0.01, 0.02, 0.03, 0.05, 0.1]
    for model, batch in ((MLP(12, 6), None), (MLP(12, 6, "fixed", "learned"), 8)):
        told: dict[str, Any] = {"steps": 40, "weight_decay": 0.01, "batch": batch}
        for threads, shared in ((2, 10**9), (9, 1)):  # a thread a fit; each fit shared
            with patched((numba.config, "NUMBA_NUM_THREADS", threads), (teams, "SHARED", shared)):
                many = fit_many(corpora, model, streams=streams, learning_rate=rates, **told)
            for i, one in enumerate(many):
                alone = fit(corpora[i], model, streams=streams[i], learning_rate=rates[i], **told)
                for name in alone.params:
                    np.testing.assert_array_equal(one.params[name], alone.params[name])
                np.testing.assert_array_equal(one.trace.loss[:-1], alone.trace.loss[:-1])  # the last: the general's
        oracle = general(corpora, model, streams=streams, learning_rate=rates, **told)
        for one, other in zip(many, oracle, strict=True):
            same(one, other, 1e-11)


def test_validation_looks_and_warm_starts() -> None:
    model = MLP(12, 6, "fixed", "learned")
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.1, "steps": 80, "batch": 16, "every": 7}
    told |= {"validation": a_corpus(3), "patience": 2}
    ours, oracle = fit(a_corpus(), model, **told), general(a_corpus(), model, **told)
    same(ours, oracle, 1e-10)
    assert len(ours.trace.loss) < 81  # stopped early, at the same look
    for (step, left), (other, right) in zip(ours.snapshots, oracle.snapshots, strict=True):
        assert step == other
        np.testing.assert_allclose(left.p_hat, right.p_hat, atol=1e-10)  # type: ignore[union-attr]
    start = {name: np.asfortranarray(value) for name, value in ours.params.items()}  # in whatever order it lies
    before = {name: value.copy() for name, value in start.items()}
    more: dict[str, Any] = {"streams": STREAMS, "steps": 20, "learning_rate": 0.03, "init": start}
    same(fit(a_corpus(), model, **more), general(a_corpus(), model, **more), 1e-11)
    for name, value in before.items():  # what it starts from is left alone
        np.testing.assert_array_equal(start[name], value)


@pytest.mark.parametrize("batch", [None, 16])
def test_what_diverges_is_not_finite_here_too(batch: int | None) -> None:
    told: dict[str, Any] = {"streams": STREAMS, "steps": 8, "optimizer": "sgd", "learning_rate": 1e200, "batch": batch}
    model = MLP(6, 4, "fixed", "learned")
    for fitted in (fit(a_corpus(), model, **told), general(a_corpus(), model, **told)):
        assert not np.isfinite(fitted.trace.loss[-1])
        assert not fitted.trace.converged
        assert not fitted.finite


def test_which_fits_are_taken_so() -> None:
    asked: list[Any] = []
    real = running.descent_of
    with patched((running, "descent_of", lambda *given: asked.append(real(*given)) or asked[-1])):
        told: dict[str, Any] = {"streams": STREAMS, "steps": 2}
        fit(a_corpus(), MLP(4, 2), **told)
        fit(a_corpus(), MLP(4, 2, "fixed"), batch=4, **told)
        fit(a_corpus(), MLP(4, 2), batch=4, **told)  # each step would move few of the keys, and Adam all
        fit(a_corpus(), MLP(4, 2), precision="mixed", **told)
    assert asked == [layerwise, layerwise, None, None]


def test_what_a_subclass_computes_is_what_is_fitted() -> None:
    """It does not inherit the kernels, whose steps would be those of another model."""

    class Tanh(MLP):
        def hidden_layer(self, params: Any, prompts: Any) -> Any:
            keys = params["keys"] if prompts is None else params["keys"][prompts]
            return jnp.tanh(keys @ params["inward"] + params["inward_bias"])

    told: dict[str, Any] = {"streams": STREAMS, "steps": 30, "learning_rate": 0.05}
    model = Tanh(8, 4)
    equal(fit(a_corpus(), model, **told), general(a_corpus(), model, **told))
    with pytest.raises(AssertionError):
        same(fit(a_corpus(), MLP(8, 4), **told), general(a_corpus(), model, **told), 1e-3)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_prompt_without_responses_has_no_loss(threads: int) -> None:
    """As in the general program: no crash, and no thread that waits for ever."""
    corpus = holed()
    corpus = replace(corpus, answers=np.where(np.arange(len(corpus.answers)) == corpus.prompt[0], 0, corpus.answers))
    told: dict[str, Any] = {"streams": STREAMS, "steps": 3}
    with patched((numba.config, "NUMBA_NUM_THREADS", threads), (teams, "SHARED", 1), (layerwise, "ROWS", (4, 5))):
        ours = fit(corpus, MLP(4, 2), **told)
    assert not np.isfinite(ours.trace.loss).any()
    assert not np.isfinite(general(corpus, MLP(4, 2), **told).trace.loss).any()


def test_examples_by_hand_must_lie_in_the_table() -> None:
    examples = MLP(4, 2, "fixed").examples(a_corpus())
    beyond = replace(examples, rows=examples.rows | {"column": examples.rows["column"] + 100})
    with pytest.raises(BadInput, match=r"^rows of the examples: column must lie between 0 and 6, as given\[counts\]"):
        fit(beyond, MLP(4, 2, "fixed"), streams=STREAMS, batch=8, steps=2)


def test_memory_is_counted_before() -> None:
    """Weights: 7 copies (one piece) and one in the thread's workspace; that of a block of layers."""
    width, hidden, responses = 20, 40, 7
    weights = 2 * width * hidden + width + hidden
    needed = 8 * (8 * weights + 128 * (2 * (width + hidden) + 3 * responses))
    model = MLP(hidden, width, "fixed", "fixed")
    with (
        patched((memory, "available_memory", lambda: 20_000)),
        pytest.raises(BadInput, match=rf"^batch = 70: mlp needs {needed / 1e3:.3g} kB of 20 kB free"),
    ):
        fit(a_corpus(), model, streams=STREAMS, steps=10, batch=70)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_that_meet_have_all_arrived(threads: int) -> None:
    """Each writes, meets, and reads what the others wrote; where nobody waits, some read too early."""

    def misses(counter: np.ndarray, rounds: int) -> int:
        written, missed = np.zeros(threads, np.int64), np.zeros(threads, np.int64)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda i: _rounds(Team(i, threads, counter), written, missed, rounds), range(threads)))
        return int(missed.sum())

    assert misses(np.zeros(1, np.int64), 300) == 0
    if threads > 1:
        assert misses(np.full(1, meeting.OPEN), 10**6) > 0


@numba.njit(nogil=True)  # not kept on disk: what it is made of may have changed
def _rounds(team: Any, written: Any, missed: Any, rounds: int) -> None:
    for i in range(rounds):
        written[team.thread] += 1
        meet(team)
        for j in range(team.threads):
            if written[j] < i + 1:
                missed[team.thread] += 1
        meet(team)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_thread_that_fails_leaves_nobody_waiting(lost: int) -> None:
    """One does not start, or raises before it meets the others: they would wait for ever."""

    class Broken(ThreadPoolExecutor):
        def submit(self, *given: Any, **told: Any) -> Any:
            if lost == 0:
                raise RuntimeError("lost")
            return super().submit(*given, **told)

    def steps(rule: Any, told: Any, team: Team) -> None:
        if team.thread == lost > 0:
            raise RuntimeError("lost")
        meet(team)

    def attempt() -> None:
        with Broken(3) as pool:
            try:
                teams._together(SimpleNamespace(shares=3, steps=steps), SimpleNamespace(steps=[0]), pool, 3)  # type: ignore[arg-type]
            except RuntimeError as error:
                told.append(str(error))

    told: list[str] = []
    one = Thread(target=attempt, daemon=True)
    one.start()
    one.join(10)
    assert told == ["lost"]
