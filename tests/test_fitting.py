"""Training on cells follows that of the whole table step by step, and ends where a reference optimiser ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from simlab.corpora import Corpus, Listed, Truth, group, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.fitting import Examples, Family, fit, fit_many, programs
from simlab.fitting.families import Fitted
from simlab.models import Fit, TableFit, Trace, learn
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.seeds import Streams
from simlab.worlds import World, factoids, two_level, uniform, zipf

SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {"steps": 300},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1, "steps": 300},
    "adam, decay": {"steps": 300, "weight_decay": 0.01},
    "sgd, decay": {"optimizer": "sgd", "learning_rate": 0.1, "steps": 300, "weight_decay": 0.01},
}


def three_classes(most_answers: int = 21) -> World:
    facts = np.array([2, 15, 60])
    popularity = np.array([0.35, 0.35, 0.3]) / facts
    return World("three classes", facts, popularity, np.array([3, 7, most_answers]), np.array([0.9, 0.5, 1.0]))


def listed_corpus(world: World, draws: int = 150) -> tuple[Truth, Listed]:
    streams = Streams(17, "fitting")
    truth = list_facts(world, streams.numpy("facts"))
    return truth, sample_listed(truth, draws, streams.numpy("corpus"))


def spread(fit: Fit, corpus: Corpus, listed: Listed) -> np.ndarray:
    """p_hat of cells, laid out response by response like a table."""
    if listed.n_strings is not None:
        counts = np.bincount(listed.prompt, minlength=listed.n_strings)
        assert fit.string is not None
        levels = {0: fit.string} | dict(zip(corpus.times_answered.tolist(), fit.seen.tolist(), strict=True))
        return np.array([[levels[n] for n in counts.tolist()]])
    counts = listed.counts
    keys = zip(corpus.fact_class, corpus.times_answered, corpus.times_idk, strict=True)
    index = {key: i for i, key in enumerate(keys)}
    cell = [index[key] for key in zip(listed.fact_class, counts[:, :-1].sum(1), counts[:, -1], strict=True)]
    answers = np.where(counts[:, :-1] > 0, fit.seen[cell][:, None], fit.unseen[cell][:, None])
    exists = np.arange(answers.shape[1]) < listed.answers[:, None]
    return np.hstack([answers * exists, fit.idk[cell][:, None]])


def full_table(counts: np.ndarray, exists: np.ndarray, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The whole table trained in NumPy: p_hat and the loss before every step and at the end."""
    rate, decay = settings.get("learning_rate", 0.3), settings.get("weight_decay", 0.0)
    rows, draws = (len(counts) if len(counts) > 1 else counts.shape[1]), counts.sum()
    theta, first, second = (np.zeros(counts.shape) for _ in range(3))
    losses = []
    for step in range(1, settings["steps"] + 2):
        log_z = logsumexp(theta, b=exists, axis=1, keepdims=True)
        p_hat = np.exp(theta - log_z) * exists
        losses.append((counts * (log_z - theta)).sum() / draws + decay / 2 * (exists * theta**2).sum() / rows)
        if step > settings["steps"]:
            return p_hat, np.array(losses)
        gradient = rows * (counts.sum(1, keepdims=True) * p_hat - counts) / draws + decay * theta * exists
        if settings.get("optimizer") == "sgd":
            theta = theta - rate * gradient
            continue
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        theta = theta - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    raise AssertionError


def orbits_of(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and counts of the three orbits of one fact of each cell: the seen answer, the unseen ones, IDK."""
    answered = corpus.answered
    sizes = np.stack([answered, corpus.answers - answered, np.ones(len(answered))], axis=1).astype(float)
    counts = np.stack([corpus.times_answered, 0 * corpus.times_idk, corpus.times_idk], axis=1).astype(float)
    return sizes, counts


@dataclass(frozen=True)
class Orbits(Family):
    """A table of orbits told that each logit stands for ``coordinates``, rightly or wrongly."""

    name: ClassVar[str] = "orbits"
    true_sizes: bool = True
    true_scale: bool = True

    def start(self, key: jax.Array, given: Any) -> jax.Array:
        return jnp.zeros(given["sizes"].shape)

    def loss(self, params: Any, rows: Any, weight: Any, given: Any) -> Any:
        """Cross-entropy in nats a draw of one row of orbits a cell."""
        log_z = jax.scipy.special.logsumexp(params, b=given["sizes"], axis=1)
        surprise = (given["counts"] * (log_z[:, None] - params)).sum(1)
        return (given["facts"] * surprise).sum() / weight.sum()

    def sizes(self, examples: Examples) -> Any:
        given = examples.given
        return given["sizes"] * given["facts"][:, None] if self.true_sizes else (given["sizes"] > 0).astype(float)

    def scale(self, examples: Examples) -> float:
        return float(examples.given["facts"].sum()) if self.true_scale else 1.0


def descend_orbits(corpus: Corpus, family: Orbits, settings: dict[str, Any]) -> Any:
    """Fit the orbits of ``corpus``; p_hat and trace."""
    orbits, counts = orbits_of(corpus)
    given = {"sizes": orbits, "counts": counts, "facts": corpus.facts.astype(float)}
    examples = Examples({"one": np.zeros(1)}, np.array([float(corpus.draws)]), given)
    fitted = fit(examples, family, streams=Streams(), **settings)
    weight = np.exp(fitted.params - fitted.params.max(1, keepdims=True)) * (orbits > 0)
    return weight / (orbits * weight).sum(1, keepdims=True), fitted.trace


# the same path


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("world", [three_classes(), factoids(two_level(3, 30, 0.5), 40)], ids=["prompts", "factoids"])
def test_cells_follow_the_whole_table(world: World, setting: str) -> None:
    settings = SETTINGS[setting]
    _, listed = listed_corpus(world)
    corpus = group(listed)
    cells, table = (
        learn("softmax_table", corpus, Streams(), **settings),
        learn("softmax_table", listed, Streams(), **settings),
    )
    assert isinstance(table, TableFit)
    assert cells.trace is not None
    assert table.trace is not None
    assert len(cells.trace.loss) == settings["steps"] + 1
    np.testing.assert_allclose(cells.trace.loss, table.trace.loss, rtol=1e-12)
    np.testing.assert_allclose(cells.trace.gradient_norm, table.trace.gradient_norm, rtol=1e-8)
    np.testing.assert_allclose(spread(cells, corpus, listed), table.p_hat, atol=1e-10, rtol=0)
    counts, exists = listed.counts, None
    if listed.n_strings is not None:
        counts = np.bincount(listed.prompt, minlength=listed.n_strings)[None]
        exists = np.ones(counts.shape)
    else:
        plausible = np.arange(counts.shape[1] - 1) < listed.answers[:, None]
        exists = np.hstack([plausible, np.ones((len(counts), 1), dtype=bool)])
    p_hat, losses = full_table(counts, exists, settings)
    np.testing.assert_allclose(table.trace.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(table.p_hat, p_hat, atol=1e-10, rtol=0)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("setting", ["adam", "sgd"])
def test_gradients_of_orbits_must_be_divided(setting: str) -> None:
    settings = SETTINGS[setting] | {"steps": 100}
    _, listed = listed_corpus(three_classes(1000))
    corpus = group(listed)
    whole = learn("softmax_table", listed, Streams(), **settings)

    def distance(family: Orbits) -> tuple[float, float]:
        """How far the cells stray from the whole table: in the loss, relatively, and in p_hat."""
        p_hat, trace = descend_orbits(corpus, family, settings)
        laid_out = spread(Fit("orbits", *p_hat.T), corpus, listed)
        present = whole.p_hat > 0
        assert whole.trace is not None
        loss = np.abs(trace.loss / whole.trace.loss - 1).max()
        return float(loss), float(np.abs(laid_out / np.where(present, whole.p_hat, 1.0) - present).max())

    loss, p_hat = distance(Orbits())
    assert loss <= 1e-12
    assert p_hat <= 1e-9
    assert min(distance(Orbits(true_sizes=False))) > 1e-6  # each orbit taken for one coordinate


def test_one_step_by_hand() -> None:
    draws = np.array([[0, 0, 0, 0, 1, 1], [2, 2, 2, -1, -1, 0]])
    listed = Listed(*draws, np.zeros(3, dtype=int), np.full(3, 4), np.full(3, 0.6))
    steps = {"optimizer": "sgd", "learning_rate": 0.5, "steps": 1}
    fit = learn("softmax_table", listed, Streams(), **steps)
    # theta = rate * prompts / N * (counts - n/5), from p_hat = 1/5; the third prompt was never drawn
    theta = (
        0.5 * 3 / 6 * np.array([[-0.8, -0.8, 2.2, -0.8, 0.2], [0.6, -0.4, -0.4, -0.4, 0.6], [0.0, 0.0, 0.0, 0.0, 0.0]])
    )
    np.testing.assert_allclose(fit.p_hat, np.exp(theta) / np.exp(theta).sum(1, keepdims=True), rtol=1e-14)
    assert fit.trace is not None
    assert fit.trace.loss[0] == pytest.approx(math.log(5), rel=1e-14)
    surprise = -np.log(fit.p_hat)
    after = (3 * surprise[0, 2] + surprise[0, 4] + surprise[1, 0] + surprise[1, 4]) / 6
    assert fit.trace.loss[1] == pytest.approx(after, rel=1e-14)
    assert fit.trace.gradient_norm[0] == 1.0
    cells = learn("softmax_table", group(listed), Streams(), **steps)
    np.testing.assert_allclose(spread(cells, group(listed), listed), fit.p_hat, rtol=1e-14)


def test_weight_decay_ends_at_the_optimum() -> None:
    decay = 0.1
    _, listed = listed_corpus(three_classes())
    corpus = group(listed)
    counts = listed.counts
    exists = np.hstack([np.arange(counts.shape[1] - 1) < listed.answers[:, None], np.ones((len(counts), 1))])

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(counts.shape)
        log_z = logsumexp(theta, b=exists, axis=1, keepdims=True)
        rows = len(counts) / listed.draws
        gradient = rows * (counts.sum(1, keepdims=True) * np.exp(theta - log_z) - counts) + decay * theta
        value = rows * (counts * (log_z - theta)).sum() + decay / 2 * (exists * theta**2).sum()
        return value, (gradient * exists).ravel()

    best = minimize(
        objective,
        np.zeros(counts.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "gtol": 1e-10, "ftol": 0},
    )
    theta = best.x.reshape(counts.shape)
    expected = np.exp(theta - logsumexp(theta, b=exists, axis=1, keepdims=True)) * exists
    for settings in ({"optimizer": "sgd", "learning_rate": 0.1, "steps": 2000}, {"learning_rate": 0.1, "steps": 2000}):
        fit = learn("softmax_table", corpus, Streams(), weight_decay=decay, tolerance=1e-6, **settings)
        np.testing.assert_allclose(spread(fit, corpus, listed), expected, atol=1e-6, rtol=0)
        assert fit.trace is not None
        assert fit.trace.loss[-1] == pytest.approx(best.fun / len(counts), rel=1e-9)
        assert fit.trace.converged
    early = learn(
        "softmax_table", corpus, Streams(), weight_decay=decay, tolerance=1e-6, **SETTINGS["sgd"] | {"steps": 1}
    )
    assert early.trace is not None
    assert not early.trace.converged


# scale


def test_a_world_of_ten_billion_facts_moves_like_a_small_one() -> None:
    law = {"answers": 100, "answer_rate": 0.7}
    corpus = sample(uniform(10**10, **law), 10**10, Streams(17, "large").numpy("corpus"))
    fit = learn("softmax_table", corpus, Streams(), steps=300, weight_decay=0.01)
    assert fit.trace is not None
    assert fit.trace.converged
    assert fit.trace.loss[0] == pytest.approx(math.log(101), rel=1e-12)
    once = (corpus.times_answered == 1) & (corpus.times_idk == 0)
    never = ~corpus.answered & (corpus.times_idk == 0)
    assert fit.seen[once] > 0.5
    np.testing.assert_allclose(fit.unseen[never], 1 / 101, rtol=1e-12)
    # cells are all that matters: a million times the facts and the draws take the same path
    small = group(listed_corpus(three_classes())[1])
    large = replace(small, facts=small.facts * 10**6, draws=small.draws * 10**6)
    for settings in (SETTINGS["adam"], SETTINGS["adam, decay"]):
        fits = [learn("softmax_table", c, Streams(), **settings) for c in (small, large)]
        np.testing.assert_allclose(fits[1].trace.loss, fits[0].trace.loss, rtol=1e-12)
        np.testing.assert_allclose(fits[1].seen, fits[0].seen, atol=1e-10)
    # without the scale Adam's epsilon swallows the gradients of so many facts
    moved, _ = descend_orbits(corpus, Orbits(), {"steps": 300})
    stuck, _ = descend_orbits(corpus, Orbits(true_scale=False), {"steps": 300})
    assert moved[once, 0] > 0.9
    assert stuck[once, 0] < 0.1


# what is refused, and what is flagged


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"steps": 0}, "steps = 0: must be a whole number of at least 1"),
        ({"steps": 1.5}, "steps = 1.5: must be a whole number of at least 1"),
        ({"steps": math.nan}, "steps = nan: must be a whole number of at least 1"),
        ({"steps": math.inf}, "steps = inf: must be a whole number of at least 1"),
        ({"learning_rate": 0}, "learning_rate = 0: must be positive and finite"),
        ({"learning_rate": -0.1}, "learning_rate = -0.1: must be positive and finite"),
        ({"learning_rate": math.nan}, "learning_rate = nan: must be positive and finite"),
        ({"learning_rate": math.inf}, "learning_rate = inf: must be positive and finite"),
        ({"optimizer": "adm"}, "optimizer 'adm' is unknown: did you mean 'adam'?"),
        ({"optimizer": "newton"}, "optimizer 'newton' is unknown: choose from adam, adamw, lbfgs, sgd"),
        ({"weight_decay": -1.0}, "weight_decay = -1: must be finite and not negative"),
        ({"weight_decay": math.nan}, "weight_decay = nan: must be finite and not negative"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    corpus = sample(uniform(5), 9, Streams().numpy("corpus"))
    with pytest.raises(BadInput) as caught:
        learn("softmax_table", corpus, Streams(), **settings)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("learning_rate", [3.0, 1e8, 1e300])
@pytest.mark.parametrize("weight_decay", [0.0, 1.0])
def test_a_learning_rate_that_diverges_is_flagged(learning_rate: float, weight_decay: float) -> None:
    corpus = group(listed_corpus(three_classes())[1])
    steps = {"optimizer": "sgd", "steps": 50, "learning_rate": learning_rate, "weight_decay": weight_decay}
    fit = learn("softmax_table", corpus, Streams(), **steps)
    assert fit.trace is not None
    assert len(fit.trace.loss) == len(fit.trace.gradient_norm) == 51
    assert not fit.trace.converged


@pytest.mark.parametrize("rate", [1e300, 1e308])
def test_a_loss_that_is_not_finite_has_not_converged(rate: float) -> None:
    """One huge step takes a corpus of one answer each to p_hat = 1 and a loss of 0, but under a penalty to none."""
    corpus = sample(uniform(4, answers=3, idk=False), 2000, Streams().numpy("corpus"))
    there, lost = (
        learn("softmax_table", corpus, Streams(), optimizer="sgd", learning_rate=rate, steps=2, weight_decay=decay)
        for decay in (0.0, 1.0)
    )
    assert there.trace is not None
    assert lost.trace is not None
    assert there.seen.tolist() == [1.0] * len(there.seen)
    assert there.trace.loss[-1] == 0
    assert there.trace.converged
    assert not np.isfinite(lost.trace.loss[-1])
    assert not lost.trace.converged


RATES = [factor * 10.0**power for power in range(-3, 19) for factor in (1, 3)]
NEAR = 0.02  # nats: a gradient of a thousandth of its first leaves less of a table's loss


def of_p_hat(fitted: Fitted, counts: np.ndarray) -> float:
    """-sum of counts x ln p_hat / N from the density, which no cancellation touches."""
    density = fitted.density
    assert isinstance(density, TableFit)
    return float(-(counts * np.log(np.where(counts > 0, density.p_hat, 1.0))).sum() / counts.sum())


@dataclass(frozen=True)
class Cancelling(SoftmaxTable):
    """Negative control: a loss of two terms that both grow with the logits."""

    def loss(self, params: Any, rows: Any, weight: Any, given: Any) -> Any:
        counts = given["counts"]
        return jnp.sum(counts.sum(1) * jax.nn.logsumexp(params, axis=1) - (counts * params).sum(1)) / jnp.sum(weight)


def at_all_rates(corpus: Corpus | Listed, model: Family, **told: Any) -> dict[float, Fitted]:
    """The fits that converged, by their rate."""
    fits = fit_many([corpus] * len(RATES), model, streams=[Streams()] * len(RATES), learning_rate=RATES, **told)
    return {rate: fitted for rate, fitted in zip(RATES, fits, strict=True) if fitted.trace.converged}


@pytest.mark.parametrize("answer_rate", [0.6, 1.0])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_has_converged_at_any_rate_is_at_the_loss_that_it_states(optimizer: str, answer_rate: float) -> None:
    """Logits of 1e16 leave no gradient; a loss that they take the digits from may be any number below its start."""
    listed = listed_corpus(zipf(20, answers=6, answer_rate=answer_rate), 80)[1]
    counts = listed.counts
    share = np.where(counts > 0, counts / counts.sum(1, keepdims=True).clip(1), 1.0)
    entropy = -(counts * np.log(share)).sum() / counts.sum()
    told: dict[str, Any] = {"optimizer": optimizer, "steps": 300}
    for model, precision in (
        *((SoftmaxTable(), "double"), (SoftmaxTable(), "single")),
        *((Bilinear(8), "double"), (MLP(32, 16), "double")),
    ):
        found = at_all_rates(listed, model, precision=precision, **told)
        for fitted in found.values():
            assert entropy - 1e-3 <= fitted.trace.loss[-1] < fitted.trace.start
            assert fitted.trace.loss[-1] == pytest.approx(of_p_hat(fitted, counts), abs=1e-3)
        assert min(found, default=1.0) > 1e-3  # a rate too small has not converged
        if model.convex:  # the loss of the others is not, and they may rest elsewhere
            assert all(fitted.trace.loss[-1] <= entropy + NEAR for fitted in found.values())
            cells = at_all_rates(group(listed), model, precision=precision, **told)
            assert all(entropy - 1e-3 <= fitted.trace.loss[-1] <= entropy + NEAR for fitted in cells.values())
            if optimizer == "adam" or answer_rate == 1:  # where this many steps are enough
                assert min(found) <= 30
                assert min(cells) <= 30
    if answer_rate == 1:
        wrong = at_all_rates(listed, Cancelling(), **told).values()
        assert max(abs(fitted.trace.loss[-1] - of_p_hat(fitted, counts)) for fitted in wrong) > NEAR


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "learning_rate": 1e300, "steps": 5},  # the loss ends at -1e283
        {"optimizer": "sgd", "learning_rate": 1e20, "steps": 50},  # at thousands of nats
        {"learning_rate": 1e300, "steps": 5},
        {"optimizer": "sgd", "learning_rate": 1e300, "steps": 5, "weight_decay": 1e-310},
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_loss_that_no_density_has_is_no_convergence(settings: dict[str, Any], listed: bool) -> None:
    """Logits that ran away leave a gradient of 0 and a loss without digits."""
    whole = listed_corpus(zipf(20, answers=6), 60)[1]
    batches: list[dict[str, Any]] = [{}, {"batch": 8}] if listed else [{}]
    for batch in batches:
        fit = learn("softmax_table", whole if listed else group(whole), Streams(), **settings, **batch)
        assert fit.trace is not None
        last, start = fit.trace.loss[-1], fit.trace.start
        assert start == pytest.approx(math.log(7), rel=1e-12)
        assert not fit.trace.converged or abs(last) <= 1e-3


@pytest.mark.parametrize(("last", "converged"), [(0.5, True), (2.1, False), (-0.1, False), (-1e-9, True), (2.0, True)])
def test_a_trace_converges_between_the_least_loss_and_the_first(last: float, converged: bool) -> None:
    losses, norms = np.array([9.0, last]), np.array([1.0, 1e-6])  # 9: of a batch
    assert Trace(losses, norms, 1e-3, start=2.0, least=0.0).converged is converged
    assert Trace(losses, norms, 1e-3).converged  # nothing is known of the loss: a score may be any number
    assert not Trace(losses, np.array([1.0, 0.1]), 1e-3, start=2.0, least=0.0).converged


@dataclass(frozen=True)
class Bowl(Family):
    """A quadratic with an orbit of four coordinates and a parameter that stands for none."""

    name: ClassVar[str] = "bowl"
    convex: ClassVar[bool] = True

    def start(self, key: jax.Array, given: Any) -> Any:
        return {"shared": jnp.zeros(2), "own": jnp.zeros(2)}

    def loss(self, params: Any, rows: Any, weight: Any, given: Any) -> Any:
        shared, own = params["shared"], params["own"]
        return 4 * (shared[0] - given[0]) ** 2 + jnp.sum((own - given[1:]) ** 2) + 0 * shared[1]

    def sizes(self, examples: Examples) -> Any:
        return {"shared": np.array([4.0, 0.0]), "own": np.ones(2)}


def test_any_loss_over_a_tree_of_parameters_is_minimised() -> None:
    examples = Examples({"one": np.zeros(1)}, np.ones(1), np.array([1.0, 2.0, 3.0]))
    found = fit(examples, Bowl(), streams=Streams(), optimizer="sgd", learning_rate=0.25, steps=1)
    np.testing.assert_allclose(found.params["shared"], [0.5, 0.0], rtol=1e-15)  # halfway, like a coordinate of its own
    np.testing.assert_allclose(found.params["own"], [1.0, 1.5], rtol=1e-15)
    np.testing.assert_allclose(found.trace.loss, [17.0, 4.25], rtol=1e-15)
    np.testing.assert_allclose(found.trace.gradient_norm, [1.0, 0.5], rtol=1e-15)
    assert not found.trace.converged
    best = fit(examples, Bowl(), streams=Streams(), optimizer="lbfgs", steps=50, tolerance=1e-8)
    np.testing.assert_allclose(best.params["shared"], [1.0, 0.0], rtol=1e-8)
    np.testing.assert_allclose(best.params["own"], [2.0, 3.0], rtol=1e-8)
    assert best.trace.converged


def test_long_fits_come_back_to_python_on_the_way_and_end_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is heard between spans; however they are cut, the steps are the same."""
    streams, taken = Streams(2, "spans"), list[str]()
    listed = sample_listed(list_facts(uniform(20), streams.numpy("truth")), 60, streams.numpy("corpus"))
    real = programs.compiled
    monkeypatch.setattr(programs, "compiled", lambda program, what, *of: taken.append(what) or real(program, what, *of))
    for batch, many in ((None, 200), (8, 5)):  # batches are drawn 64 at a time; there is a look at step 70
        fits, spans = [], []
        for seconds in (0.0, 1e9):  # every span is too long, or short
            monkeypatch.setattr(programs, "SPAN_S", seconds)
            taken.clear()
            fits.append(fit(listed, MLP(8, 4), streams=streams, steps=200, batch=batch, precision="mixed", every=[70]))
            spans.append(taken.count("advance"))
        assert spans == ([many, 15] if batch is None else [many, 4])
        np.testing.assert_array_equal(fits[0].trace.loss, fits[1].trace.loss)
