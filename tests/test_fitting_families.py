"""Batches follow the corpus's law, many fits are each fit alone, and what starts, stops or keeps a fit does so."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import chisquare

from simlab import machine
from simlab.corpora import Listed, group, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.fitting import Examples, Family, fit, fit_many
from simlab.fitting.families import CHUNK
from simlab.fitting.programs import Data, Program
from simlab.fitting.rules import Hyper, Plan
from simlab.models import learn
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.tabular import row_surprise
from simlab.models.transformer import Transformer
from simlab.seeds import Streams
from simlab.worlds import factoids, uniform

SMALL = MLP(hidden=16, width=8)


def a_corpus(replicate: int = 0, facts: int = 30, draws: int = 80, **law: Any) -> Listed:
    streams = Streams(3, "families", replicate)
    world = uniform(facts, **({"answers": 6, "answer_rate": 0.8} | law))
    return sample_listed(list_facts(world, streams.numpy("truth")), draws, streams.numpy("corpus"))


STREAMS = Streams(5, "fits")
CORPUS = a_corpus()
STEPS = 40  # of fits that need no other length: equal plans share their compiled programs


# the loss


@pytest.mark.parametrize("holes", [False, True])
def test_the_surprise_of_rows_and_its_gradient(holes: bool) -> None:
    """Against the logarithm of a sum taken by SciPy, and central differences."""
    rng = np.random.default_rng(1)
    logits, counts = 3 * rng.normal(size=(4, 5)), rng.integers(0, 4, size=(4, 5)).astype(float)
    sizes = rng.integers(1, 5, size=(4, 5)).astype(float) if holes else np.ones((4, 5))
    if holes:
        sizes[1, 2] = counts[1, 2] = sizes[3, 0] = counts[3, 0] = 0.0

    def slow(z: np.ndarray) -> np.ndarray:
        return counts.sum(1) * logsumexp(z, b=sizes, axis=1) - (counts * z).sum(1)

    with jax.enable_x64(True):
        given = jnp.asarray(sizes) if holes else None
        value = row_surprise(jnp.asarray(logits), jnp.asarray(counts), given)
        np.testing.assert_allclose(value, slow(logits), rtol=1e-13)
        gradient = jax.grad(lambda z: row_surprise(z, jnp.asarray(counts), given).sum())(jnp.asarray(logits))
    step = 1e-6
    for place in np.ndindex(4, 5):
        shift = np.zeros((4, 5))
        shift[place] = step
        slope = (slow(logits + shift).sum() - slow(logits - shift).sum()) / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize(
    ("model", "idk"), [(SoftmaxTable(), True), (SoftmaxTable(), False), (Bilinear(3), True), (SMALL, True)]
)
def test_loss_by_prompts_is_loss_by_examples_and_by_density(model: Family, idk: bool) -> None:
    """Three ways to the cross-entropy of the corpus: prompt by prompt, example by example, from the table."""
    corpus = a_corpus(1, idk=idk, **({} if idk else {"answer_rate": 1.0}))
    fitted = fit(corpus, model, streams=STREAMS, steps=STEPS, learning_rate=0.05)
    examples, counts = fitted.examples, corpus.counts
    with jax.enable_x64(True):
        surprise = np.asarray(model.surprise(fitted.params, examples.rows, examples.given))
    by_example = (examples.weight * surprise).sum() / corpus.draws
    assert fitted.trace.loss[-1] == pytest.approx(by_example, rel=1e-12)
    p_hat = fitted.density.p_hat
    np.testing.assert_allclose(p_hat.sum(1), 1.0, rtol=1e-12)
    assert (p_hat[~corpus.plausible] == 0).all()
    seen = counts > 0
    assert fitted.trace.loss[-1] == pytest.approx(-(counts[seen] * np.log(p_hat[seen])).sum() / corpus.draws, rel=1e-10)


@dataclass(frozen=True)
class Line(Family):
    """-ln p_hat = (theta - x)^2: a sum over more examples than one chunk holds."""

    name: ClassVar[str] = "line"

    def start(self, key: Any, given: Any) -> Any:
        return jnp.zeros(1)

    def surprise(self, params: Any, rows: Any, given: Any) -> Any:
        return (params[0] - rows["x"]) ** 2


def test_a_corpus_in_chunks_has_the_loss_and_gradient_of_the_whole() -> None:
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=3 * CHUNK), rng.integers(1, 5, size=3 * CHUNK).astype(float)
    fitted = fit(Examples({"x": x}, weight, {}), Line(), streams=STREAMS, optimizer="sgd", learning_rate=0.25, steps=1)
    mean = (weight * x).sum() / weight.sum()
    assert fitted.trace.loss[0] == pytest.approx((weight * x**2).sum() / weight.sum(), rel=1e-12)
    assert fitted.params[0] == pytest.approx(mean / 2, rel=1e-12)  # a quarter of the slope, -2 mean


# batches


def drawn(weight: np.ndarray, batch: int, steps: int) -> np.ndarray:
    """How often each example is drawn."""
    program = Program(Line(), Plan(batch=batch), penalised=False, many=False)
    cumulative = jnp.asarray(np.cumsum(weight) / weight.sum())
    data = Data(None, None, cumulative, None, {}, None, None, Hyper(None, None, None), STREAMS.jax("draws"))
    at = jax.vmap(lambda step: program.draw(step, data))(jnp.arange(steps))
    return np.bincount(np.asarray(at).reshape(-1), minlength=len(weight))


def test_batches_are_drawn_by_weight() -> None:
    weight = np.array([5.0, 1.0, 0.0, 2.0, 12.0])
    with jax.enable_x64(True):
        counts = drawn(weight, 64, 1_000)
        flat = drawn(np.ones(5), 64, 1_000)
    assert counts[2] == 0
    real = weight > 0
    expected = weight[real] / weight.sum() * counts.sum()
    assert chisquare(counts[real], expected).pvalue > 1e-4
    assert chisquare(flat[real], expected * flat[real].sum() / expected.sum()).pvalue < 1e-12  # the wrong law is seen


@pytest.mark.parametrize("model", [SoftmaxTable(), Bilinear(4)], ids=lambda model: model.name)
def test_batches_reach_what_the_whole_corpus_reaches(model: Family) -> None:
    whole = fit(CORPUS, model, streams=STREAMS, learning_rate=0.02, steps=800)
    parts = fit(CORPUS, model, streams=STREAMS, learning_rate=0.02, steps=800, batch=40, schedule="cosine")
    assert parts.trace.loss[-1] < whole.trace.loss[-1] + 0.05
    assert parts.trace.loss[-1] > whole.trace.loss[-1] - 0.05
    assert len(parts.trace.loss) == 801
    assert np.isnan(parts.trace.gradient_norm[:-1]).all()
    assert parts.trace.gradient_norm[-1] < 0.2


def test_a_batch_of_cells_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        fit(group(CORPUS), SoftmaxTable(), streams=STREAMS, batch=8)
    assert str(caught.value) == "batch = 8: a batch tells facts of one cell apart: give a listed corpus"


@pytest.mark.parametrize(
    ("corpus", "model", "sentence"),
    [
        (group(CORPUS), Bilinear(2), "bilinear treats no two facts alike: give it a listed corpus (sample_listed)"),
        (
            sample(uniform(30), 80, STREAMS.numpy("capped"), count_cap=2),
            SoftmaxTable(),
            "count_cap = 2: softmax_table tells counts above any cap apart; leave count_cap out for it",
        ),
    ],
)
def test_a_corpus_that_a_family_cannot_read_is_refused(corpus: Any, model: Family, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit(corpus, model, streams=STREAMS)
    assert str(caught.value) == sentence


# many fits


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (SoftmaxTable(), {}),
        (Bilinear(3), {"optimizer": "adamw", "weight_decay": [0.0, 0.1, 0.4]}),
        (SMALL, {"batch": 16}),
    ],
    ids=["softmax_table", "bilinear, adamw", "mlp, batches"],
)
def test_many_fits_are_each_fit_alone(model: Family, settings: dict[str, Any]) -> None:
    """With a learning rate of its own for each, and the same draws."""
    corpora = [a_corpus(r) for r in range(3)]
    streams, rates = [Streams(5, "many", r) for r in range(3)], [0.01, 0.03, 0.05]
    shared = {"steps": STEPS, "every": 20} | settings
    together = fit_many(corpora, model, streams=streams, learning_rate=rates, **shared)
    for i, one in enumerate(together):
        own = {name: value[i] if isinstance(value, list) else value for name, value in shared.items()}
        alone = fit(corpora[i], model, streams=streams[i], learning_rate=rates[i], **own)
        np.testing.assert_allclose(one.trace.loss, alone.trace.loss, rtol=1e-9)
        np.testing.assert_allclose(one.density.p_hat, alone.density.p_hat, atol=1e-9)
        assert [step for step, _ in one.snapshots] == [0, 20, 40]
        for (_, mine), (_, theirs) in zip(one.snapshots, alone.snapshots, strict=True):
            np.testing.assert_allclose(mine.p_hat, theirs.p_hat, atol=1e-9)
    assert abs(together[0].density.p_hat - together[1].density.p_hat).max() > 0.01


def test_corpora_of_other_shapes_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        fit_many([CORPUS, a_corpus(facts=31)], Bilinear(2), streams=[STREAMS, STREAMS])
    assert str(caught.value) == (
        "the corpora give arrays of different shapes: fit them one by one, or draw them from one world"
    )


# optimisers


def test_lbfgs_goes_to_the_optimum_on_cells_and_on_the_table() -> None:
    decay, cells = 0.05, group(CORPUS)
    counts, exists = CORPUS.counts.astype(float), CORPUS.plausible

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(counts.shape)
        log_z = logsumexp(theta, b=exists, axis=1, keepdims=True)
        rows = len(counts) / CORPUS.draws
        gradient = rows * (counts.sum(1, keepdims=True) * exists * np.exp(theta - log_z) - counts) + decay * theta
        return rows * (counts * (log_z - theta)).sum() + decay / 2 * (theta**2).sum(), gradient.ravel()

    options = {"maxiter": 10_000, "gtol": 1e-11, "ftol": 0}
    theta = minimize(objective, np.zeros(counts.size), jac=True, method="L-BFGS-B", options=options).x
    theta = theta.reshape(counts.shape)
    expected = np.exp(theta - logsumexp(theta, b=exists, axis=1, keepdims=True)) * exists
    settings = {"optimizer": "lbfgs", "weight_decay": decay, "steps": 500, "tolerance": 1e-8}
    table = learn("softmax_table", CORPUS, STREAMS, **settings)
    np.testing.assert_allclose(table.p_hat, expected, atol=1e-8)
    assert table.trace is not None
    assert table.trace.converged
    assert table.trace.gradient_norm[-1] <= 1e-8
    orbits = learn("softmax_table", cells, STREAMS, **settings)
    assert orbits.trace is not None
    assert orbits.trace.converged
    np.testing.assert_allclose(orbits.trace.loss[:10], table.trace.loss[:10], rtol=1e-9)  # the same path
    few = learn("softmax_table", CORPUS, STREAMS, **settings | {"steps": 2})
    assert few.trace is not None
    assert not few.trace.converged


def test_adamw_shrinks_apart_from_the_gradient() -> None:
    """Against AdamW written out in NumPy; Adam with the same decay in the loss goes elsewhere."""
    counts, decay, rate, steps = CORPUS.counts.astype(float), 0.3, 0.05, 25
    theta, first, second = (np.zeros(counts.shape) for _ in range(3))
    for step in range(1, steps + 1):
        p_hat = np.exp(theta - logsumexp(theta, axis=1, keepdims=True))
        gradient = len(counts) / CORPUS.draws * (counts.sum(1, keepdims=True) * p_hat - counts)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        move = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        theta = theta - rate * (move + decay * theta)
    settings = {"streams": STREAMS, "learning_rate": rate, "steps": steps, "weight_decay": decay}
    found = fit(CORPUS, SoftmaxTable(), optimizer="adamw", **settings)
    np.testing.assert_allclose(found.params, theta, atol=1e-10)
    other = fit(CORPUS, SoftmaxTable(), optimizer="adam", **settings)
    assert abs(other.params - theta).max() > 0.01


def test_the_learning_rate_rises_and_falls_as_planned() -> None:
    plan = Plan(steps=100, warmup=9, schedule="cosine")
    with jax.enable_x64(True):
        rates = [float(plan.rate(jnp.asarray(i), jnp.asarray(2.0), jnp.asarray(100.0))) for i in range(100)]
        steady = Plan(steps=100).rate
        flat = [float(steady(jnp.asarray(i), jnp.asarray(2.0), jnp.asarray(100.0))) for i in (0, 50, 99)]
    expected = [2 * min(1, (i + 1) / 10) * (1 + math.cos(math.pi * max(0.0, (i - 9) / 91))) / 2 for i in range(100)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert flat == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("model", "precision"), [(SoftmaxTable(), "single"), (Bilinear(3), "single"), (SMALL, "single"), (SMALL, "mixed")]
)
def test_less_precision_is_near_and_is_what_it_says(model: Family, precision: str) -> None:
    double = fit(CORPUS, model, streams=STREAMS, learning_rate=0.02, steps=STEPS)
    less = fit(CORPUS, model, streams=STREAMS, learning_rate=0.02, steps=STEPS, precision=precision)
    off = abs(less.trace.loss / double.trace.loss - 1).max()
    assert 0 < off < (1e-4 if precision == "single" else 0.1)
    assert {leaf.dtype for leaf in jax.tree.leaves(less.params)} == {np.dtype("float32")}


# starts, stops and what is kept


@pytest.mark.parametrize("model", [SoftmaxTable(), SMALL], ids=lambda model: model.name)
def test_seeds_and_warm_starts(model: Family) -> None:
    settings: dict[str, Any] = {"learning_rate": 0.02, "steps": STEPS, "batch": 16}
    first, again = (fit(CORPUS, model, streams=STREAMS, **settings) for _ in range(2))
    other = fit(CORPUS, model, streams=Streams(6, "fits"), **settings)
    assert (first.density.p_hat == again.density.p_hat).all()
    assert (first.density.p_hat != other.density.p_hat).any()
    on = fit(CORPUS, model, streams=STREAMS, learning_rate=0.02, steps=STEPS, init=first)
    assert on.trace.loss[0] == pytest.approx(first.trace.loss[-1], rel=1e-12)
    with pytest.raises(BadInput) as caught:
        fit(a_corpus(facts=31), model, streams=STREAMS, init=first)
    assert str(caught.value) == (
        f"init has parameters of other shapes than {model.name} has on this corpus: start from a fit of this model to "
        "a corpus of this world, or leave init out"
    )


def test_a_fit_stops_where_held_out_draws_say_so() -> None:
    validation = a_corpus(0, draws=81)  # of the same truth: an overfitted memory is too sure of what it saw
    fitted = fit(
        CORPUS, SMALL, streams=STREAMS, learning_rate=0.02, steps=2_000, every=20, validation=validation, patience=3
    )
    counts = validation.counts
    held_out = [-(counts * np.log(np.where(counts > 0, d.p_hat, 1.0))).sum() for _, d in fitted.snapshots]
    assert len(fitted.trace.loss) - 1 == fitted.snapshots[-1][0] < 2_000
    assert np.argmin(held_out) == len(held_out) - 1
    assert fitted.trace.loss[0] > fitted.trace.loss[-1]
    np.testing.assert_array_equal(fitted.density.p_hat, fitted.snapshots[-1][1].p_hat)
    longer = fit(CORPUS, SMALL, streams=STREAMS, learning_rate=0.02, steps=2_000)
    assert -(counts * np.log(np.where(counts > 0, longer.density.p_hat, 1.0))).sum() > held_out[-1]
    many = fit_many(
        [CORPUS] * 2,
        SMALL,
        streams=[STREAMS] * 2,
        learning_rate=[0.02, 0.01],
        steps=2_000,
        every=20,
        validation=[validation] * 2,
        patience=3,
    )
    assert len(many[0].trace.loss) == len(fitted.trace.loss)
    assert len(many[1].trace.loss) > len(many[0].trace.loss)  # half the rate, and a stop of its own
    np.testing.assert_allclose(many[0].density.p_hat, fitted.density.p_hat, atol=1e-7)


def test_snapshots_begin_at_the_start_and_end_at_the_end() -> None:
    fitted = fit(CORPUS, Bilinear(3), streams=STREAMS, steps=STEPS, every=(0, 33, STEPS))
    assert [step for step, _ in fitted.snapshots] == [0, 33, STEPS]
    early = fit(CORPUS, Bilinear(3), streams=STREAMS, steps=33)
    np.testing.assert_allclose(fitted.snapshots[1][1].p_hat, early.density.p_hat, atol=1e-12)
    np.testing.assert_allclose(fitted.snapshots[2][1].p_hat, fitted.density.p_hat, atol=0)
    loss = -np.log(fitted.snapshots[0][1].p_hat[CORPUS.counts > 0])
    assert (CORPUS.counts[CORPUS.counts > 0] * loss).sum() / CORPUS.draws == pytest.approx(fitted.trace.loss[0])


def test_fixed_vectors_stay_and_do_not_count() -> None:
    model = MLP(hidden=16, width=8, keys="fixed", values="fixed")
    settings: dict[str, Any] = {"streams": STREAMS, "steps": STEPS, "optimizer": "adamw", "weight_decay": 0.5}
    start = fit(CORPUS, model, learning_rate=1e-30, **settings)
    after = fit(CORPUS, model, **settings)
    for name in ("keys", "values"):
        np.testing.assert_array_equal(after.params[name], start.params[name])
        np.testing.assert_allclose(np.linalg.norm(after.params[name], axis=1), 1.0)
    assert (after.params["inward"] != start.params["inward"]).all()
    assert after.n_parameters == 8 * 16 + 16 + 16 * 8 + 8
    learned = fit(CORPUS, SMALL, streams=STREAMS, steps=STEPS)
    assert learned.n_parameters == after.n_parameters + 8 * (30 + 7)
    more = fit(a_corpus(facts=40), model, streams=STREAMS, steps=1)  # the same keys, and ten more
    np.testing.assert_array_equal(more.params["keys"][:30], start.params["keys"])


def test_activations_are_those_of_the_trained_model() -> None:
    fitted = fit(CORPUS, SMALL, streams=STREAMS, learning_rate=0.02, steps=STEPS, record=("hidden",))
    hidden = fitted.activations["hidden"]
    params = fitted.params
    prompts, columns = np.nonzero(CORPUS.counts)
    by_hand = np.maximum(params["keys"][prompts] @ params["inward"] + params["inward_bias"], 0.0)
    np.testing.assert_allclose(hidden, by_hand, rtol=1e-12)
    z = (hidden @ params["outward"] + params["outward_bias"]) @ params["values"].T
    p_hat = np.exp(z - logsumexp(z, axis=1, keepdims=True))[np.arange(len(columns)), columns]
    np.testing.assert_allclose(p_hat, fitted.density.p_hat[prompts, columns], rtol=1e-10)
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, SMALL, streams=STREAMS, steps=10**8, record=("hiden",))  # which no step is taken for
    assert str(caught.value) == "activation of mlp 'hiden' is unknown: did you mean 'hidden'?"


def test_strings_without_prompts_are_fitted_too() -> None:
    world = factoids(uniform(20), 30)
    listed = sample_listed(list_facts(world, STREAMS.numpy("truth")), 60, STREAMS.numpy("corpus"))
    for method in ("bilinear", "mlp"):
        found = learn(method, listed, STREAMS, steps=200)
        assert found.p_hat.shape == (1, 50)
        assert found.p_hat.sum() == pytest.approx(1.0)
        assert found.p_hat[0, np.bincount(listed.prompt, minlength=50) == 0].max() < 0.05


def test_a_fit_is_shown_on_one_line() -> None:
    cells = learn("softmax_table", group(CORPUS), STREAMS, steps=STEPS)
    n = len(group(CORPUS).facts)
    assert repr(cells) == f"<Fit of softmax_table, {n} cells, not converged>"
    assert repr(cells.trace) == f"<Trace of 40 steps, loss {cells.trace.loss[-1]:.6g}, not converged>"
    assert repr(replace(cells, trace=replace(cells.trace, tolerance=1.0))).endswith(", converged>")
    assert repr(learn("ngram", CORPUS, STREAMS)) == "<TableFit of ngram, 30 facts x 7 responses>"
    fitted = fit(CORPUS, Bilinear(3), streams=STREAMS, steps=STEPS)
    assert repr(fitted) == f"<Fitted bilinear, 111 parameters, {fitted.trace!r}>"
    assert repr(fitted.density) == "<TableFit of bilinear, 30 facts x 7 responses, not converged>"
    assert repr(fitted.examples) == f"<Examples of 80 draws, {len(fitted.examples.weight)} rows>"
    assert repr(Transformer().examples(CORPUS)).startswith("<Sentences of 80 draws, ")


# what is refused


@pytest.mark.parametrize(
    ("model", "settings", "sentence"),
    [
        (
            Bilinear(2),
            {"optimizer": "lbfgs"},
            "optimizer lbfgs is for convex families, and bilinear is none: take adam or adamw",
        ),
        (
            SoftmaxTable(),
            {"optimizer": "lbfgs", "batch": 4},
            "batch = 4: optimizer lbfgs needs the whole corpus and precision double",
        ),
        (
            SoftmaxTable(),
            {"optimizer": "lbfgs", "precision": "single"},
            "precision = single: optimizer lbfgs needs the whole corpus and precision double",
        ),
        (
            SoftmaxTable(),
            {"optimizer": "lbfgs", "schedule": "cosine"},
            "optimizer lbfgs has no learning rate: leave schedule and warmup out",
        ),
        (
            SoftmaxTable(),
            {"optimizer": "lbfgs", "every": 3},
            "optimizer lbfgs keeps nothing along the way: leave every and validation out",
        ),
        (Bilinear(2), {"batch": 0}, "batch = 0: must be a whole number of at least 1"),
        (Bilinear(2), {"batch": 2.5}, "batch = 2.5: must be a whole number of at least 1"),
        (Bilinear(2), {"precision": "half"}, "precision 'half' is unknown: choose from double, mixed, single"),
        (Bilinear(2), {"schedule": "cosin"}, "schedule 'cosin' is unknown: did you mean 'cosine'?"),
        (Bilinear(2), {"warmup": 9, "steps": 9}, "warmup = 9: must be less than steps = 9"),
        (Bilinear(2), {"every": 0}, "every = 0: must be a whole number of at least 1"),
        (Bilinear(2), {"every": (1, 400)}, "every = 400: lies beyond the last step, 300"),
        (
            Bilinear(2),
            {"patience": 2},
            "patience = 2: give patience together with a validation corpus, or leave both out",
        ),
        (
            Bilinear(2),
            {"patience": 2, "validation": CORPUS},
            "patience needs every: how many steps lie between two looks",
        ),
        (
            Bilinear(2),
            {"steps": 10**12},
            "steps = 1000000000000: must be at most 100000000, since each keeps its loss: go on from init",
        ),
        (
            Bilinear(2),
            {"validation": CORPUS, "every": 9},
            "validation is given without patience: give patience together with a validation corpus, or leave both out",
        ),
        (Bilinear(2), {"every": [5, "a"]}, "every = 'a': must be a whole number of at least 0"),
        (
            SoftmaxTable(),
            {"init": np.full((30, 7), np.nan)},
            "init has parameters that are no finite numbers: start from a fit that did not diverge",
        ),
        (
            SoftmaxTable(),
            {"record": "hidden", "steps": 1},
            "record = 'hidden': softmax_table has no activations: leave record out",
        ),
        (Bilinear(2), {"batch": "8"}, "batch = '8': must be a whole number of at least 1"),
        (Bilinear(2), {"learning_rate": "0.1"}, "learning_rate = '0.1': must be positive and finite"),
        (Bilinear(2), {"weight_decay": "0.1"}, "weight_decay = '0.1': must be finite and not negative"),
        (Bilinear(2), {"every": "3"}, "every = '3': must be a whole number of at least 1"),
        (
            Bilinear(2),
            {"patience": 2, "every": (), "validation": CORPUS},
            "patience needs every: how many steps lie between two looks",
        ),
        (
            Bilinear(2),
            {"patience": 2, "every": 9, "validation": a_corpus(facts=31)},
            "validation has other prompts or responses than the corpus: draw both from one world",
        ),
        (Bilinear(2), {"tolerance": 1.0}, "tolerance = 1: must lie strictly between 0 and 1"),
        (Bilinear(2), {"tolerance": "a"}, "tolerance = 'a': must lie strictly between 0 and 1"),
        (Bilinear(2), {"tolerance": [0.1]}, "tolerance = [0.1]: must lie strictly between 0 and 1"),
        (Bilinear(2), {"streams": 5}, "streams = 5: must be random streams, such as Streams(seed=0)"),
        (Bilinear(2), {"learning_rate": -(10**400)}, f"learning_rate = -1{'0' * 58}...: must be positive and finite"),
        (Bilinear(2), {"record": 5}, "record = 5: must be a name or a list of names"),
        (
            Bilinear(2),
            {"patience": 2, "every": 9, "validation": 5},
            "validation = 5: must be a corpus, listed or of cells, or examples",
        ),
        (
            SoftmaxTable(),
            {"init": np.full((30, 7), "a")},
            "init has parameters that are no finite numbers: start from a fit that did not diverge",
        ),
        (Bilinear(2), {"device": "tpu"}, "device 'tpu' is unknown: did you mean 'gpu'?"),
    ],
)
def test_bad_settings_of_a_fit(model: Family, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, model, **{"streams": STREAMS} | settings)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("corpora", "settings", "sentence"),
    [
        (CORPUS, {}, "corpora = <Listed: prompt int64[80] from"),
        ([], {}, "corpora is empty: give at least one"),
        ([CORPUS, None], {}, "corpus = None: must be a corpus, listed or of cells, or examples"),
        (
            [CORPUS] * 2,
            {"streams": STREAMS},
            "streams = Streams(seed=5, point='fits', replicate=0): must be a list",
        ),
        ([CORPUS] * 2, {"streams": [STREAMS]}, "streams has 1 entries for 2 corpora: give one each"),
        ([CORPUS] * 2, {"streams": [STREAMS, 5]}, "streams = 5: must be random streams, such as Streams(seed=0)"),
        ([CORPUS] * 2, {"init": 5}, "init = 5: must be a list, with one for each fit"),
        (
            [CORPUS] * 2,
            {"validation": [CORPUS, 5], "every": 9, "patience": 2},
            "validation = 5: must be a corpus, listed or of cells, or examples",
        ),
        ([CORPUS] * 2, {"learning_rate": [0.1, "a"]}, "learning_rate = 'a': must be positive and finite"),
        ([CORPUS] * 2, {"learning_rate": [[0.1], [1, 2]]}, "learning_rate = [0.1]: must be positive and finite"),
    ],
)
def test_bad_settings_of_many_fits(corpora: Any, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit_many(corpora, Bilinear(2), **{"streams": [STREAMS] * 2} | settings)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("corpus", "streams", "sentence"),
    [
        (5, STREAMS, "corpus = 5: must be a corpus, listed or of cells"),
        (CORPUS, 5, "streams = 5: must be random streams, such as Streams(seed=0)"),
    ],
)
def test_a_learner_is_given_a_corpus_and_streams(corpus: Any, streams: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        learn("bilinear", corpus, streams)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Bilinear(0), "rank = 0: must be a whole number of at least 1"),
        (lambda: MLP(hidden=1.5), "hidden = 1.5: must be a whole number of at least 1"),
        (lambda: MLP(keys="frozen"), "keys 'frozen' is unknown: choose from fixed, learned"),
    ],
)
def test_bad_hyperparameters(make: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        make()
    assert str(caught.value) == sentence


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_said_so() -> None:
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, Bilinear(2), streams=STREAMS, device="gpu")
    assert str(caught.value) == "device = gpu: JAX sees none in this process: leave device out"


FREE = r"of [\d.]+ [GT]B free"


@pytest.mark.parametrize("batch", [10**13, 10**17, 2**63, 10**25])
@pytest.mark.parametrize("model", [SoftmaxTable(), SMALL, Transformer()])
def test_a_batch_that_no_compiler_need_see_is_refused_by_its_size(model: Family, batch: int) -> None:
    sentence = rf"batch = {batch}: {model.name} needs [\d.,]+ TB {FREE}: take a smaller batch"
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, model, streams=STREAMS, batch=batch, steps=10)
    assert re.fullmatch(sentence, str(caught.value))
    with pytest.raises(BadInput) as caught:
        fit_many([CORPUS] * 2, model, streams=[STREAMS] * 2, batch=batch, steps=10)
    assert re.fullmatch(sentence, str(caught.value))


def test_a_batch_that_the_compiler_finds_too_large_is_refused_before_it_is_taken(monkeypatch: Any) -> None:
    """Between what its rows take and what its logits and their gradients take."""
    monkeypatch.setattr(machine, "available_memory", lambda: 10**9)
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, MLP(), streams=STREAMS, batch=10**7)
    assert re.fullmatch(r"batch = 10000000: mlp needs [\d.]+ GB of 1 GB free: take a smaller batch", str(caught.value))


def test_steps_whose_losses_are_larger_than_memory_are_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 10**9)
    way = "GB of 1 GB free: take fewer steps, and go on from init"
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, Bilinear(2), streams=STREAMS, steps=10**8)
    assert str(caught.value) == f"steps = 100000000: their losses need 1.6 {way}"
    with pytest.raises(BadInput) as caught:
        fit_many([CORPUS] * 4, Bilinear(2), streams=[STREAMS] * 4, steps=5 * 10**7)
    assert str(caught.value) == f"steps = 50000000 of 4 fits: their losses need 3.2 {way}"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (MLP(hidden=10**12), "mlp(hidden = 1000000000000)"),
        (MLP(hidden=10**12, width=8), "mlp(hidden = 1000000000000, width = 8)"),
        (Bilinear(10**13), "bilinear(rank = 10000000000000)"),
        (Transformer(hidden=10**17), "transformer(hidden = 100000000000000000)"),
        (Transformer(hidden=10**25), "transformer(hidden = 10000000000000000000000000)"),
    ],
)
def test_a_model_larger_than_memory_is_refused_before_it_is_made(model: Family, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit(CORPUS, model, streams=STREAMS)
    way = "take a smaller model, or fewer facts"
    assert re.fullmatch(rf"{re.escape(said)}: its parameters alone need [\d.,]+ TB {FREE}: {way}", str(caught.value))


def test_a_table_larger_than_memory_has_no_size_of_its_own(monkeypatch: Any) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 10**4)
    with pytest.raises(BadInput) as caught:
        fit(a_corpus(facts=1000), SoftmaxTable(), streams=STREAMS, steps=10)
    assert str(caught.value) == (
        "softmax_table: its parameters alone need 56 kB of 10 kB free: take a smaller model, or fewer facts"
    )


def test_weights_must_be_counts_of_draws() -> None:
    for weight in (np.zeros(2), np.array([1.0, -1.0]), np.array([1.0, np.nan]), np.zeros(0)):
        with pytest.raises(BadInput) as caught:
            fit(Examples({"x": np.zeros(len(weight))}, weight, {}), Line(), streams=STREAMS)
        assert str(caught.value) == "the weights of the examples must be finite, not negative, and not all zero"


def test_rows_must_be_as_many_as_weights() -> None:
    with pytest.raises(BadInput) as caught:
        fit(Examples({"x": np.zeros(3)}, np.ones(2), {}), Line(), streams=STREAMS)
    assert str(caught.value) == "rows of the examples: every array must have one entry for each of the 2 weights"


def test_a_fit_that_diverges_is_flagged_and_has_no_density() -> None:
    found = learn("mlp", CORPUS, STREAMS, optimizer="sgd", learning_rate=1e200, steps=20, hidden=8, width=4)
    assert found.trace is not None
    assert not found.trace.converged
    assert not found.finite
