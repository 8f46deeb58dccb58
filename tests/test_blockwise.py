"""The bilinear family's own descent, by blocks of rows, against the general program: the same steps, however taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import pytest
from descents import NEAR, a_corpus, equal, general, holed, patched, same
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from simlab.corpora import list_facts, sample_listed
from simlab.errors import BadInput
from simlab.fitting import blocks, blockwise, descending, fit, fit_many, memory, running, teams
from simlab.fitting.families import Fitted
from simlab.models.bilinear import Bilinear
from simlab.seeds import Streams
from simlab.worlds import factoids, uniform

STREAMS = Streams(5, "blocks")


@pytest.mark.parametrize("idk", [True, False], ids=["idk", "holes"])  # which differ from row to row
@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.02), ("adam", 0.05), ("adamw", 0.05)])
def test_the_steps_are_those_of_the_general_program(optimizer: str, rate: float, idk: bool) -> None:
    corpus = a_corpus() if idk else holed()
    for decay, schedule, precision in (
        (0.0, "constant", "double"),
        (0.05, "cosine", "double"),
        (0.05, "constant", "single"),
    ):
        told: dict[str, Any] = {"weight_decay": decay, "schedule": schedule, "precision": precision, "warmup": 5}
        told |= {"streams": STREAMS, "optimizer": optimizer, "learning_rate": rate, "steps": 60}
        ours = fit(corpus, Bilinear(4), **told)
        same(ours, general(corpus, Bilinear(4), **told), NEAR[precision])
        assert ours.trace.loss[-1] < ours.trace.loss[0] - 0.01


@pytest.mark.parametrize(("facts", "answers", "rank"), [(1, 2, 1), (37, 5, 3)])
@settings(max_examples=8, deadline=None)
@given(rows=st.integers(1, 40), lot=st.integers(1, 90), pieces=st.integers(1, 40))
def test_blocks_and_pieces_of_any_size_make_the_same_step(
    facts: int, answers: int, rank: int, rows: int, lot: int, pieces: int
) -> None:
    corpus = a_corpus(facts, facts, 3 * facts, answers=answers)
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.05, "steps": 8}
    oracle = general(corpus, Bilinear(rank), **told)
    with patched((blockwise, "ROWS", (1, rows)), (blockwise, "LOT", lot), (blockwise, "PIECES", pieces)):
        same(fit(corpus, Bilinear(rank), **told), oracle, 1e-11)


def test_the_comparison_would_notice_a_wrong_step() -> None:
    """Negative controls: another decay rate of Adam; blocks that leave the last row out."""
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.05, "steps": 20}
    oracle = general(a_corpus(), Bilinear(3), **told)
    with patched((descending, "DECAYS", (0.9, 0.9991, 1e-8))), pytest.raises(AssertionError):
        same(fit(a_corpus(), Bilinear(3), **told), oracle, 1e-6)
    whole = blockwise._edges
    with (
        patched((blockwise, "_edges", lambda n, *shape: whole(n - 1, *shape))),
        pytest.raises(AssertionError),
    ):
        same(fit(a_corpus(), Bilinear(3), **told), oracle, 1e-6)


def test_threads_looks_and_chunks_do_not_move_the_last_bits() -> None:
    corpus = a_corpus(facts=500, draws=900)
    told: dict[str, Any] = {"streams": STREAMS, "learning_rate": 0.03, "steps": 40}
    for precision in ("single", "double"):
        told["precision"] = precision
        plain = fit(corpus, Bilinear(5), **told)
        same(plain, general(corpus, Bilinear(5), **told), NEAR[precision])
        for threads, shared, chunk in ((1, 1, 2048), (2, 1, 2048), (3, 1, 7), (3, 10**9, 7), (99, 1, 13)):
            with patched(
                (numba.config, "NUMBA_NUM_THREADS", threads),
                (teams, "SHARED", shared),
                (descending, "CHUNK", chunk),
            ):
                equal(fit(corpus, Bilinear(5), every=9, **told), plain)


def test_many_fits_are_the_fits_one_by_one() -> None:
    corpora = [a_corpus(i) for i in range(5)]
    streams, rates = [Streams(1, "blocks", i) for i in range(5)], [0.01, 0.02, 0.03, 0.05, 0.1]
    told: dict[str, Any] = {"steps": 40, "weight_decay": 0.01}
    for threads, shared in ((2, 10**9), (9, 1)):  # a thread a fit; each fit shared
        with patched((numba.config, "NUMBA_NUM_THREADS", threads), (teams, "SHARED", shared)):
            many = fit_many(corpora, Bilinear(3), streams=streams, learning_rate=rates, **told)
        for i, one in enumerate(many):
            alone = fit(corpora[i], Bilinear(3), streams=streams[i], learning_rate=rates[i], **told)
            for name in alone.params:
                np.testing.assert_array_equal(one.params[name], alone.params[name])
            np.testing.assert_array_equal(one.trace.loss[:-1], alone.trace.loss[:-1])  # the last: the general program's
    for one, other in zip(
        many, general(corpora, Bilinear(3), streams=streams, learning_rate=rates, **told), strict=True
    ):
        same(one, other, 1e-11)


def test_validation_looks_and_warm_starts() -> None:
    told: dict[str, Any] = {"streams": [Streams(1, "blocks", i) for i in range(3)], "learning_rate": 0.1, "steps": 80}
    told |= {"every": 7, "validation": [a_corpus(i + 3) for i in range(3)], "patience": 2}
    corpora = [a_corpus(i) for i in range(3)]
    ours, oracle = fit_many(corpora, Bilinear(4), **told), general(corpora, Bilinear(4), **told)
    for one, other in zip(ours, oracle, strict=True):
        same(one, other, 1e-10)
        assert len(one.trace.loss) < 81  # stopped early, at the same look
        assert [step for step, _ in one.snapshots] == [step for step, _ in other.snapshots]
        for (_, left), (_, right) in zip(one.snapshots, other.snapshots, strict=True):
            np.testing.assert_allclose(left.p_hat, right.p_hat, atol=1e-10)  # type: ignore[union-attr]
    start = {name: np.asfortranarray(value) for name, value in ours[0].params.items()}  # in whatever order it lies
    before = {name: value.copy() for name, value in start.items()}
    more: dict[str, Any] = {"streams": STREAMS, "steps": 20, "learning_rate": 0.03, "init": start}
    same(fit(corpora[0], Bilinear(4), **more), general(corpora[0], Bilinear(4), **more), 1e-11)
    for name, value in before.items():  # what it starts from is left alone
        np.testing.assert_array_equal(start[name], value)


def test_strings_without_prompts_are_one_row() -> None:
    streams = Streams(3, "strings")
    truth = list_facts(factoids(uniform(20), n_false=40), streams.numpy("truth"))
    corpus = sample_listed(truth, 50, streams.numpy("corpus"))
    told: dict[str, Any] = {"streams": STREAMS, "steps": 30, "learning_rate": 0.05}
    same(fit(corpus, Bilinear(3), **told), general(corpus, Bilinear(3), **told), 1e-11)


def test_what_diverges_is_not_finite_here_too() -> None:
    told: dict[str, Any] = {"streams": STREAMS, "steps": 8, "optimizer": "sgd", "learning_rate": 1e200}
    for fitted in (fit(a_corpus(), Bilinear(2), **told), general(a_corpus(), Bilinear(2), **told)):
        assert not np.isfinite(fitted.trace.loss[-1])
        assert not fitted.trace.converged
        assert not fitted.finite


@pytest.mark.parametrize("precision", ["double", "single"])
def test_logits_that_jump_far_in_one_step_are_no_overflow(precision: str) -> None:
    """The shift of the step before is then of no use; the loss at each step is that of the logits there."""
    told: dict[str, Any] = {"streams": STREAMS, "optimizer": "sgd", "learning_rate": 30.0, "precision": precision}
    steps = [fit(a_corpus(), Bilinear(3), steps=n, **told) for n in (1, 2)]
    logits = [fitted.params["prompts"].astype(float) @ fitted.params["responses"].T for fitted in steps]
    assert np.abs(logits[0]).max() > 200
    assert steps[1].trace.loss[1] == pytest.approx(steps[0].trace.loss[1], rel=1e-5)  # in passing, and at the end


def test_which_fits_are_taken_so() -> None:
    asked: list[Any] = []
    real = running.descent_of
    with patched((running, "descent_of", lambda *given: asked.append(real(*given)) or asked[-1])):
        told: dict[str, Any] = {"streams": STREAMS, "steps": 2}
        fit(a_corpus(), Bilinear(2), **told)
        fit(a_corpus(), Bilinear(2), batch=4, **told)
        fit(a_corpus(), Bilinear(2), precision="mixed", **told)
    assert asked == [blockwise, None, None]


def test_blas_has_its_threads_back_when_fits_from_several_threads_have_ended() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    start, seen = threads(), list[list[int]]()
    real = blocks.steps

    def looked(*given: Any) -> None:
        seen.append(threads())
        real(*given)

    def one(i: int) -> Fitted:
        return fit(a_corpus(i), Bilinear(2), streams=STREAMS, steps=20 * i + 1, every=10)

    plain = [one(i) for i in range(6)]
    for limit in (2, 1):  # with one, nobody waits
        with threadpool_limits(limit), patched((blocks, "steps", looked)):
            before = threads()
            apart = [one(i) for i in range(6)]
            assert threads() == before
        with patched((blocks, "steps", looked)), ThreadPoolExecutor(4) as pool:  # and what else runs has its threads
            together = list(pool.map(one, range(6)))
        for i in range(6):
            equal(apart[i], plain[i])
            equal(together[i], plain[i])
    assert all(set(each) == {1} for each in seen)
    assert threads() == start


def test_no_memory_for_it_is_said_before() -> None:
    with (
        patched((memory, "available_memory", lambda: 6_000)),
        pytest.raises(BadInput, match=r"^the whole corpus at once: bilinear needs \d[.,]?\d* kB of 6 kB free"),
    ):
        fit(a_corpus(), Bilinear(6), streams=STREAMS, steps=10)
