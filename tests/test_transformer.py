"""The decoder is causal, its gradient is that of its loss, and its table of responses is the brute-force one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simlab.corpora import Listed, list_facts, sample_listed
from simlab.errors import BadInput
from simlab.fitting import fit, fit_many
from simlab.measures import observe
from simlab.models import learn
from simlab.models.transformer import Decoder, Sentences, Transformer, enumerate_responses
from simlab.models.transformer.decoder import by_elements, by_products, looked_up, multiplied, read
from simlab.models.transformer.enumerating import _bytes, _enumerate, check_enumerable
from simlab.pairs import tabulate
from simlab.rendering.biographies import UNKNOWN, Register, Written, ask, respond, sentences, spell, written
from simlab.rendering.templates import Attribute
from simlab.rendering.tokens import END
from simlab.seeds import Streams
from simlab.worlds import World, factoids, uniform

STREAMS = Streams(53, "transformer")
SMALL = (Attribute("birth place", (5,)), Attribute("birth date", (2, 3, 2)))
MODEL = Transformer(1, 16, 2, 32)
SHAPES = {"one layer, tied": MODEL, "two layers, untied": Transformer(2, 12, 3, 8, tied=False)}
# what takes time here is compilation: equal shapes, plans and numbers of templates share their programs
HERE = Register(4, SMALL, templates=2, held_out=2)
TRAINING: dict[str, Any] = {"optimizer": "adamw", "learning_rate": 0.01, "steps": 150}


def decoder(model: Transformer, here: Register, seed: int = 0) -> Decoder:
    """Random parameters, biases and norms too, so that no part is idle."""
    given = {"word": np.arange(len(here.words)), "place": np.arange(here.layout.places + here.layout.longest)}
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        made = jax.tree.map(np.asarray, model.start(jax.random.key(seed), given))
        return jax.tree.map(lambda leaf: jnp.asarray(leaf + 0.3 * rng.normal(size=leaf.shape)), made)


def next_token(model: Decoder, tokens: list[int]) -> np.ndarray:
    """Log probabilities of the next token, by a plain NumPy decoder written from the equations, token by token."""

    def norm(x: np.ndarray, parts: Any) -> np.ndarray:
        return parts.scale * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + parts.shift

    rows = [np.asarray(model.tokens)[token] + np.asarray(model.places)[i] for i, token in enumerate(tokens)]
    for block in model.blocks:
        projected = [np.einsum("w,wkhd->khd", norm(x, block.before_attention), block.query_key_value) for x in rows]
        out = []
        for i, x in enumerate(rows):
            mixed = np.zeros_like(projected[i][0])
            for head in range(len(mixed)):
                scores = [projected[i][0][head] @ projected[j][1][head] for j in range(i + 1)]
                weights = np.exp(np.array(scores) / math.sqrt(mixed.shape[1]))
                mixed[head] = sum(w * projected[j][2][head] for j, w in enumerate(weights)) / weights.sum()
            x = x + np.einsum("hd,hdw->w", mixed, block.out)
            u = norm(x, block.before_network) @ block.up + block.up_shift
            gelu = 0.5 * u * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
            out.append(x + gelu @ block.down + block.down_shift)
        rows = out
    logits = norm(rows[-1], model.norm) @ (model.tokens.T if model.head is None else model.head)
    return np.asarray(logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max())


def probability(model: Decoder, here: Register, fact: int, response: int, template: int) -> float:
    """p_hat of one response in one template, string by string and token by token."""
    prompt, size = ask(here, np.array([fact]), np.array([template]))
    value, length = respond(here, here.attribute[[fact]], np.array([response]))
    tokens, total = prompt[0, : size[0]].tolist(), 0.0
    for token in value[0, : length[0]].tolist():
        total += float(next_token(model, tokens)[token])
        tokens.append(token)
    return math.exp(total)


# the density


@pytest.mark.parametrize("shape", SHAPES)
def test_enumeration_is_brute_force_scoring(shape: str) -> None:
    model = decoder(SHAPES[shape], HERE)
    templates = np.array([0, 3])
    p_hat = enumerate_responses(model, HERE, templates)
    plain = jax.tree.map(np.asarray, model)
    rng = np.random.default_rng(0)
    for fact in (0, 5):
        n = int(HERE.answers[fact])
        for response in [-1, int(rng.integers(n))]:
            told = np.mean([probability(plain, HERE, fact, response, int(t)) for t in templates])
            assert p_hat[fact, response] == pytest.approx(told, rel=1e-10)
        assert (p_hat[fact, n:-1] == 0).all()


def test_enumeration_does_not_depend_on_its_chunks() -> None:
    """Eight prompts of an attribute at once, and in chunks of three, the last of which is filled up."""
    model = decoder(MODEL, HERE)
    whole = enumerate_responses(model, HERE, np.arange(2))
    three = enumerate_responses(model, HERE, np.arange(2), memory=3 * _bytes(model, SMALL[1].parts, HERE))
    assert 3 * _bytes(model, SMALL[1].parts, HERE) < 8 * _bytes(model, SMALL[0].parts, HERE)  # in chunks, both of them
    np.testing.assert_allclose(three, whole, rtol=1e-12)


def test_a_chunk_takes_no_more_memory_than_it_says() -> None:
    """The compiler's own account of the program, against the estimate that chunks are made by; not ten times less."""
    here = Register(50, (Attribute("birth date", (9, 8)),))
    model = decoder(MODEL, here)
    tokens, length = ask(here, np.arange(50), np.zeros(50, dtype=int))
    with jax.enable_x64(True):
        starts = jnp.asarray(here.layout.value_start[0])
        lowered = _enumerate.lower(model, (9, 8), starts, jnp.asarray(tokens), jnp.asarray(length))
        taken = lowered.compile().memory_analysis().temp_size_in_bytes
    told = 50 * _bytes(model, (9, 8), here)
    assert told / 10 < taken < told


def test_all_strings_have_probability_one() -> None:
    """Responses, other strings that end in time, and those that have not ended: nothing is left over."""
    here = Register(2, (Attribute("major", (2,)),), name_parts=(2, 1))
    model = decoder(Transformer(1, 4, 1, 4), here)
    plain = jax.tree.map(np.asarray, model)
    prompt, size = ask(here, np.array([0]), np.array([0]))
    start = prompt[0, : size[0]].tolist()
    ended: dict[tuple[int, ...], float] = {}
    running: dict[tuple[int, ...], float] = {(): 0.0}
    for _ in range(2):
        longer = {}
        for text, total in running.items():
            for token, log_p in enumerate(next_token(plain, start + list(text)).tolist()):
                (ended if token == END else longer)[text if token == END else (*text, token)] = total + log_p
        running = longer
    value = here.layout.value_start[0][0]
    responses = [(value,), (value + 1,), (UNKNOWN,)]
    p_hat = enumerate_responses(model, here, np.arange(1))[0]
    np.testing.assert_allclose(p_hat, [math.exp(ended[text]) for text in responses], rtol=1e-10)
    rest = sum(math.exp(p) for text, p in ended.items() if text not in responses)
    rest += sum(math.exp(p) for p in running.values())
    assert p_hat.sum() + rest == pytest.approx(1.0, abs=1e-12)
    assert rest > 0.01


@pytest.mark.parametrize("idk", [True, False])
def test_responses_that_a_fact_has_not_are_nonsense(idk: bool) -> None:
    """|R_c| of 3 and 5 in one attribute of 5 values: mass of the others is nonsense, as is that of IDK without IDK."""
    world = World("two sizes", np.array([4, 6]), np.full(2, 0.1), np.array([3, 5]), np.ones(2), idk=idk)
    truth = list_facts(world, STREAMS.numpy("truth"))
    listed = sample_listed(truth, 60, STREAMS.numpy("corpus"))
    model = Transformer(1, 8, 2, 16, templates=2)
    examples = model.examples(listed)
    params = decoder(model, examples.register)
    table = model.density(params, examples)
    whole = enumerate_responses(params, examples.register, np.arange(2))
    small = truth.fact_class == 0
    assert table.nonsense is not None
    np.testing.assert_allclose(table.p_hat[~small, :5], whole[~small, :5], rtol=1e-12)
    np.testing.assert_allclose(table.p_hat[small, :3], whole[small, :3], rtol=1e-12)
    assert (table.p_hat[small, 3:5] == 0).all()
    assert (table.p_hat[:, 5] == (whole[:, -1] if idk else 0.0)).all()
    np.testing.assert_allclose(table.p_hat.sum(1) + table.nonsense, 1.0, atol=1e-12)
    seen = observe(tabulate(truth, listed, table, STREAMS))
    right = seen.error - 2 * seen.iiv_error + seen.valid_over_errors + seen.calibration_gap
    assert right == pytest.approx(seen.over + seen.room + seen.gap, abs=1e-12)
    assert seen.error >= float((world.popularity[truth.fact_class] * table.nonsense).sum())


# the decoder


@pytest.mark.parametrize("shape", SHAPES)
def test_later_tokens_change_nothing_before_them(shape: str) -> None:
    model = decoder(SHAPES[shape], HERE)
    tokens, _ = sentences(HERE, np.array([0, 5]), np.array([1, 4]), np.array([1, 3]))
    length = tokens.shape[1]
    with jax.enable_x64(True):
        layer = jax.jit(lambda tokens: read(model, tokens)[0])
        before = np.asarray(layer(tokens))
        for i in range(1, length):
            changed = tokens.copy()
            changed[:, i:] = (changed[:, i:] + 3) % len(HERE.words)
            after = np.asarray(layer(changed))
            np.testing.assert_allclose(after[:, :i], before[:, :i], rtol=1e-12)
            assert (abs(after[:, i:] - before[:, i:]).max(2) > 1e-6).all()  # but what follows it does change


@pytest.mark.parametrize("shape", SHAPES)
def test_surprise_and_its_gradient(shape: str) -> None:
    """-ln of the response alone, string by string; its slope in every array of the model, by finite differences."""
    model, family = decoder(SHAPES[shape], HERE), SHAPES[shape]
    plain = jax.tree.map(np.asarray, model)
    fact, response, template = np.array([0, 4, 6]), np.array([3, 11, -1]), np.array([0, 3, 1])
    tokens, scored = sentences(HERE, fact, response, template)
    with jax.enable_x64(True):
        rows = {"tokens": jnp.asarray(tokens), "scored": jnp.asarray(scored)}

        def both(params: Decoder) -> tuple[Any, Any]:
            each = family.surprise(params, rows, {})
            return each.sum(), each

        both = jax.jit(jax.value_and_grad(both, has_aux=True))
        (_, each), slopes = both(model)
        asked = zip(fact.tolist(), response.tolist(), template.tolist(), strict=True)
        np.testing.assert_allclose(each, [-math.log(probability(plain, HERE, *one)) for one in asked], rtol=1e-10)
        slopes = jax.tree.leaves(slopes)
        leaves, tree = jax.tree.flatten(plain)
        rng = np.random.default_rng(0)
        for k, leaf in enumerate(leaves):
            direction = rng.normal(size=leaf.shape)
            ends = [
                both(jax.tree.unflatten(tree, [x + h * direction if i == k else x for i, x in enumerate(leaves)]))[0][0]
                for h in (-1e-5, 1e-5)
            ]
            slope = float((ends[1] - ends[0]) / 2e-5)
            assert slope == pytest.approx(float((slopes[k] * direction).sum()), rel=1e-5)
            assert abs(slope) > 1e-4  # every array of the model has a say


# training


def all_true(here: Register = HERE, seed: int = 3) -> Listed:
    """A corpus that states every fact once."""
    answer = np.random.default_rng(seed).integers(0, here.answers)
    return Listed(np.arange(here.facts), answer, here.attribute, here.answers, np.ones(here.facts), idk=False)


def test_it_learns_every_fact_it_has_room_for() -> None:
    listed = all_true()
    found = fit(MODEL.examples(Written(listed, HERE)), MODEL, streams=STREAMS, every=[0, 150], **TRAINING)
    shares = [float((table.p_hat[:, :-1].argmax(1) == listed.answer).mean()) for _, table in found.snapshots]
    assert shares[0] < 0.6
    assert shares[1] == 1.0
    assert (found.density.p_hat[np.arange(HERE.facts), listed.answer] > 0.95).all()
    assert found.trace.loss[-1] < 0.05 < 1.0 < found.trace.loss[0]


def test_the_training_loss_is_that_of_its_sentences() -> None:
    """The last entry of the trace against every sentence of the corpus, scored token by token."""
    listed = all_true()
    found = fit(MODEL.examples(Written(listed, HERE)), MODEL, streams=STREAMS, **TRAINING)
    told = [
        -math.log(probability(found.params, HERE, fact, int(listed.answer[fact]), template))
        for fact in range(HERE.facts)
        for template in range(2)
    ]
    assert found.trace.loss[-1] == pytest.approx(np.mean(told), rel=1e-9)


def test_lower_precision_takes_the_path_of_double() -> None:
    """At first: single within 1e-4 of double, mixed, whose numbers have 8 bits, within 0.1 and not as near."""
    examples = MODEL.examples(Written(all_true(), HERE))
    losses = {
        precision: fit(examples, MODEL, streams=STREAMS, precision=precision, **TRAINING).trace.loss[:11]
        for precision in ("double", "single", "mixed")
    }
    off = {name: abs(loss - losses["double"]).max() for name, loss in losses.items()}
    assert 0 < off["single"] < 1e-4 < off["mixed"] < 0.1


def test_the_order_of_a_corpus_does_not_matter() -> None:
    listed = all_true()
    examples = MODEL.examples(Written(listed, HERE))
    n = len(examples.weight)
    weight = np.random.default_rng(2).integers(1, 5, n).astype(float)
    order = np.random.default_rng(3).permutation(n)
    rows = {name: rows[order] for name, rows in examples.rows.items()}
    before, after, other = (
        fit(some, MODEL, streams=STREAMS, **TRAINING).density.p_hat
        for some in (
            replace(examples, weight=weight),
            replace(examples, rows=rows, weight=weight[order]),
            replace(examples, rows=rows, weight=weight),  # the weights of other rows: another corpus
        )
    )
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert abs(other - before).max() > 1e-4
    draws = np.random.default_rng(1).permutation(HERE.facts)
    mixed = replace(listed, prompt=listed.prompt[draws], answer=listed.answer[draws])
    for name, rows in MODEL.examples(Written(mixed, HERE)).rows.items():
        np.testing.assert_array_equal(rows, examples.rows[name])


def test_many_fits_are_as_many_single_ones() -> None:
    many = [MODEL.examples(Written(all_true(seed=seed), HERE)) for seed in range(2)]
    streams = [Streams(5, "many", r) for r in range(2)]
    together = fit_many(many, MODEL, streams=streams, **TRAINING)
    single = [fit(some, MODEL, streams=one, **TRAINING) for some, one in zip(many, streams, strict=True)]
    for one, alone in zip(together, single, strict=True):
        np.testing.assert_allclose(one.density.p_hat, alone.density.p_hat, atol=1e-8)


def test_activations_are_recorded() -> None:
    names = ("attention_0", "neurons_0", "residual_0")
    examples = MODEL.examples(Written(all_true(), HERE))
    found = fit(examples, MODEL, streams=STREAMS, record=names, **TRAINING)
    n, length = HERE.facts * 2, HERE.layout.places + HERE.layout.longest - 1
    attention, neurons, residual = (found.activations[name] for name in names)
    assert attention.shape == (n, 2, length, length)
    assert neurons.shape == (n, length, 32)
    assert residual.shape == (n, length, 16)
    np.testing.assert_allclose(attention.sum(3), 1.0, rtol=1e-12)
    assert (np.triu(attention, 1) == 0).all()
    with jax.enable_x64(True):
        last, _, _ = read(jax.tree.map(jnp.asarray, found.params), jnp.asarray(examples.rows["tokens"][:, :-1]))
    np.testing.assert_allclose(residual, last, rtol=1e-9)
    with pytest.raises(BadInput) as caught:
        fit(examples, MODEL, streams=STREAMS, record=("neuron_0",), **TRAINING)
    assert str(caught.value) == "activation of transformer 'neuron_0' is unknown: did you mean 'neurons_0'?"


def test_held_out_templates_are_asked_and_never_seen() -> None:
    unseen = replace(MODEL, asked="held_out")
    text = written(all_true(), HERE, STREAMS.numpy("templates"))
    first, second = MODEL.examples(text), unseen.examples(text)
    np.testing.assert_array_equal(first.rows["tokens"], second.rows["tokens"])
    params = decoder(MODEL, HERE)
    both = enumerate_responses(params, HERE, np.array([2, 3]))
    table = unseen.density(params, second)
    np.testing.assert_allclose(table.p_hat[:, :-1], both[:, :-1], rtol=1e-12)
    assert abs(MODEL.density(params, first).p_hat - table.p_hat).max() > 1e-4
    spoken = [spell(HERE, row) for row in first.rows["tokens"]]
    never = {spell(HERE, row) for row in ask(HERE, np.repeat(np.arange(8), 2), np.tile([2, 3], 8))[0]}
    assert not any(text.startswith(tuple(never)) for text in spoken)
    assert all(text.startswith(tuple(spell(HERE, row) for row in asked())) for text in spoken)


def asked() -> np.ndarray:
    """The prompts of all facts in the templates that are written."""
    return ask(HERE, np.repeat(np.arange(8), 2), np.tile([0, 1], 8))[0]


def test_the_learner_takes_its_options_from_learn() -> None:
    truth = list_facts(uniform(10, answers=5), STREAMS.numpy("truth"))
    listed = sample_listed(truth, 30, STREAMS.numpy("corpus"))
    options: dict[str, Any] = {"layers": 1, "width": 8, "hidden": 16, "templates": 2, "steps": 60}
    table, again, other = (
        learn("transformer", listed, streams, **options) for streams in (STREAMS, STREAMS, Streams(54))
    )
    assert table.method == "transformer"
    assert table.trace is not None
    assert len(table.trace.loss) == 61
    assert 0 < observe(tabulate(truth, listed, table, STREAMS)).error < 1
    np.testing.assert_array_equal(table.p_hat, again.p_hat)
    assert abs(table.p_hat - other.p_hat).max() > 1e-3


def test_a_fit_that_diverges_is_flagged() -> None:
    examples = MODEL.examples(Written(all_true(), HERE))
    found = fit(examples, MODEL, streams=STREAMS, **TRAINING | {"learning_rate": 1e200})
    assert not found.trace.converged
    assert not found.density.finite


# what is refused


REFUSED = {
    "layers = 0: must be a whole number of at least 1": lambda: Transformer(layers=0),
    "layers = 13: must be a whole number from 1 to 12": lambda: Transformer(layers=13),
    "layers = 1.5: must be a whole number of at least 1": lambda: Transformer(layers=1.5),  # type: ignore[arg-type]
    "hidden = 2.5: must be a whole number of at least 0": lambda: Transformer(hidden=2.5),  # type: ignore[arg-type]
    "width = 8: must be a whole number of at least 1": lambda: Transformer(width="8"),  # type: ignore[arg-type]
    "heads = 40: must be a whole number from 1 to 32": lambda: Transformer(heads=40),
    "width = 32: must be a multiple of heads = 3": lambda: Transformer(heads=3),
    "hidden = -1: must be a whole number of at least 0": lambda: Transformer(hidden=-1),
    "asked = 'never': must be 'written' or 'held_out'": lambda: Transformer(asked="never"),
    "asked = 'held_out': the register holds no templates out; give it held_out of 1 or more": lambda: Transformer(
        asked="held_out"
    ).examples(all_true(Register(4, SMALL[:1]))),
    "a corpus of factoids has no prompts: biographies need them": lambda: Transformer().examples(
        sample_listed(list_facts(factoids(uniform(5), 3), STREAMS.numpy("t")), 4, STREAMS.numpy("c"))
    ),
    "attribute 'birth place' has 5 values: one prompt needs 3.1e+04 bytes, more than 1e+03; take fewer values "
    "or a smaller model, or allow more memory": (
        lambda: enumerate_responses(decoder(MODEL, HERE), HERE, np.arange(2), memory=1_000)
    ),
    "60000 facts x 1001 responses are more than 50000000 entries: take fewer facts or values": (
        lambda: enumerate_responses(
            decoder(MODEL, HERE),
            Register(60_000, (Attribute("major", (1000,)),)),
            np.arange(1),
        )
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_a_sentence(sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        REFUSED[sentence]()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("facts", "answers", "sentence"),
    [
        (
            10_000,
            100_000,
            "10000 facts x 100001 responses are more than 50000000 entries: take fewer facts or values",
        ),
        (
            20,
            10_000,
            "attribute 'birth place' has 10000 values: one prompt needs 1.65e+09 bytes, more than 2.68e+08; take fewer "
            "values or a smaller model, or allow more memory",
        ),
    ],
)
def test_responses_that_cannot_be_enumerated_are_refused_before_any_step(
    facts: int, answers: int, sentence: str
) -> None:
    truth = list_facts(uniform(facts, answers=answers), STREAMS.numpy("t"))
    corpus = sample_listed(truth, 50, STREAMS.numpy("c"))
    with pytest.raises(BadInput) as caught:
        learn("transformer", corpus, STREAMS, steps=10**7)
    assert str(caught.value) == sentence


def test_shapes_alone_tell_what_enumeration_takes() -> None:
    register = replace(HERE, held_out=1)
    made = Transformer().start(jax.random.key(0), Transformer().examples(Written(all_true(), register)).given)
    given = {"word": range(register.vocabulary), "place": range(register.length)}
    told = Transformer()._decoder(given)
    assert jax.tree.map(np.shape, told) == jax.tree.map(np.shape, made)
    largest = max(_bytes(made, one.parts, register) for one in SMALL)
    check_enumerable(told, register, largest)
    with pytest.raises(BadInput):
        check_enumerable(told, register, largest - 1)


def test_parameters_are_floats_and_examples_keep_their_register() -> None:
    examples = Transformer().examples(Written(all_true(), HERE))
    assert isinstance(examples, Sentences)
    assert isinstance(replace(examples, weight=examples.weight * 2), Sentences)
    params = Transformer(tied=False).start(jax.random.key(0), examples.given)
    assert isinstance(params, eqx.Module)
    assert all(leaf.dtype.kind == "f" for leaf in jax.tree.leaves(params))


def test_what_a_gpu_computes_is_what_a_cpu_computes() -> None:
    """Looking up against multiplying with indicators, attention by products against by elements: values and slopes."""
    rng = np.random.default_rng(4)
    with jax.enable_x64(True):
        table, tokens = jnp.asarray(rng.normal(size=(7, 3))), jnp.asarray(rng.integers(0, 7, (4, 5)))
        query, keys, values = (jnp.asarray(rng.normal(size=(4, 5, 2, 3))) for _ in range(3))
        outer, inner = jnp.asarray(rng.normal(size=(4, 5, 3))), jnp.asarray(rng.normal(size=(4, 5, 2, 3)))

        def slopes(look: Any, mix: Any) -> list[Any]:
            return [
                jax.value_and_grad(lambda t: (outer * look(t, tokens)).sum())(table),
                jax.value_and_grad(lambda *x: (inner * mix(*x)[0]).sum(), (0, 1, 2))(query, keys, values),
                mix(query, keys, values)[1],
            ]

        one, other = (jax.tree.leaves(slopes(*ways)) for ways in ((looked_up, by_products), (multiplied, by_elements)))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)
