"""p_hat(r|c) of every response of every prompt, exactly: each prompt is read once and continued by the tree of values.

A value of several tokens is a path in a tree whose level i has the words of place i. A node attends to its prompt, to
the nodes above it and to itself; so a level costs its nodes, not its nodes times the length of the prompt, and no mask
of nodes by nodes is ever made.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from simlab.corpora import MOST_ENTRIES
from simlab.errors import BadInput
from simlab.models.transformer.decoder import Decoder, attend, read
from simlab.rendering.biographies import UNKNOWN, Register, ask
from simlab.rendering.tokens import END

MEMORY = 2**28  # bytes that one chunk of prompts may take


def enumerate_responses(
    decoder: Decoder, register: Register, templates: Int[np.ndarray, " asked"], *, memory: int = MEMORY
) -> Float[np.ndarray, "facts responses"]:
    """Return the probability of every response of every fact, IDK last, in double precision.

    p_hat(r|c) = mean over the ``templates`` t of prod_i p(token i of r, the end included | prompt of c in t, tokens
    before): the template is part of the question, and drawn uniformly. Columns beyond a fact's values hold 0; what a
    row lacks to 1 is the mass of all other strings. Prompts are taken in chunks of at most ``memory`` bytes. Raises
    ``BadInput`` where the table has more than MOST_ENTRIES entries or one prompt needs more than ``memory``.
    """
    check_enumerable(decoder, register, memory)
    p_hat = np.zeros((register.facts, max(one.values for one in register.attributes) + 1))
    with jax.enable_x64(True):
        decoder = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=float), decoder)
        for a, one in enumerate(register.attributes):
            facts = np.flatnonzero(register.attribute == a)
            size = max(1, min(memory // _bytes(decoder, one.parts, register), len(facts) * len(templates)))
            starts = jnp.asarray(register.layout.value_start[a])
            pairs = np.stack([np.repeat(facts, len(templates)), np.tile(templates, len(facts))])
            found = [
                _chunk(decoder, register, one.parts, starts, pairs[:, i : i + size], size)
                for i in range(0, pairs.shape[1], size)
            ]
            mean = np.concatenate(found).reshape(len(facts), len(templates), -1).mean(1)
            p_hat[facts, : one.values], p_hat[facts, -1] = mean[:, :-1], mean[:, -1]
    return p_hat


def check_enumerable(decoder: Decoder, register: Register, memory: int) -> None:
    """Raise ``BadInput`` where ``enumerate_responses`` would; of ``decoder`` only the shapes are read."""
    width = max(one.values for one in register.attributes) + 1
    if width * register.facts > MOST_ENTRIES:
        raise BadInput(
            f"{register.facts} facts x {width} responses are more than {MOST_ENTRIES} entries: take fewer facts or "
            "values"
        )
    for one in register.attributes:
        per_prompt = _bytes(decoder, one.parts, register)
        if per_prompt > memory:
            raise BadInput(
                f"attribute {one.name!r} has {one.values} values: one prompt needs {per_prompt:.3g} bytes, more "
                f"than {memory:.3g}; take fewer values or a smaller model, or allow more memory"
            )


def _bytes(decoder: Decoder, parts: tuple[int, ...], register: Register) -> int:
    """What one prompt takes: logits, attention, neurons, keys and values of its largest level, in double precision."""
    nodes = parts[0] + 1 if len(parts) == 1 else math.prod(parts)
    vocabulary, width = decoder.tokens.shape
    hidden, heads = decoder.blocks[0].up.shape[1], decoder.blocks[0].out.shape[0]
    places = register.length - max(len(one.parts) for one in register.attributes) - 1
    each = 2 * vocabulary + 2 * hidden + 6 * width + 2 * len(parts) * width * len(decoder.blocks) + 2 * heads * places
    return 8 * (nodes + places) * each


def _chunk(
    decoder: Decoder, register: Register, parts: tuple[int, ...], starts: Array, pairs: Any, size: int
) -> np.ndarray:
    """Enumerate one chunk, filled up to ``size`` prompts so that all chunks share one compiled program."""
    fill = [(0, 0), (0, size - pairs.shape[1])]
    tokens, length = ask(register, *np.pad(pairs, fill, mode="edge"))
    return np.asarray(_enumerate(decoder, parts, starts, jnp.asarray(tokens), jnp.asarray(length)))[: pairs.shape[1]]


@partial(jax.jit, static_argnames="parts")
def _enumerate(
    decoder: Decoder,
    parts: tuple[int, ...],
    starts: Int[Array, " places"],
    tokens: Int[Array, "prompts length"],
    length: Int[Array, " prompts"],
) -> Float[Array, "prompts responses"]:
    """The probabilities of all values in their order, then of IDK, for prompts of one attribute."""
    n = len(tokens)
    x, caches, _ = read(decoder, tokens)
    last = jnp.take_along_axis(x, (length - 1)[:, None, None], axis=1)
    said = jnp.arange(tokens.shape[1]) < length[:, None]
    after = jax.nn.log_softmax(decoder.logits(last), axis=-1)  # prompts, one node, vocabulary
    above: list[tuple[Array, Array]] = [(c[0][:, :1, None][:, :, :0], c[1][:, :1, None][:, :, :0]) for c in caches]
    paths = jnp.zeros((n, 1))
    idk = jnp.zeros((n, 1))
    for level, words in enumerate(parts):
        nodes = paths.shape[1] * words
        chosen = starts[level] + jnp.arange(words)
        paths = (paths[:, :, None] + after[:, :, chosen]).reshape(n, nodes)
        token = jnp.tile(chosen, nodes // words)
        above = [tuple(jnp.repeat(one, words, axis=1) for one in pair) for pair in above]  # type: ignore[misc]
        if level == 0:
            idk = after[:, :, UNKNOWN]
            token = jnp.append(token, UNKNOWN)
            above = [tuple(jnp.concatenate([one, one[:, :1]], axis=1) for one in pair) for pair in above]  # type: ignore[misc]
        x, above = _level(decoder, token, length + level, caches, said, above)
        after = jax.nn.log_softmax(decoder.logits(x), axis=-1)
        if level == 0:
            idk = idk + after[:, -1:, END]
            after = after[:, :-1]
            above = [(keys[:, :-1], values[:, :-1]) for keys, values in above]
    return jnp.exp(jnp.concatenate([paths + after[:, :, END], idk], axis=1))


def _level(
    decoder: Decoder,
    token: Int[Array, " nodes"],
    place: Int[Array, " prompts"],
    caches: list[tuple[Array, Array]],
    said: Array,
    above: list[tuple[Array, Array]],
) -> tuple[Float[Array, "prompts nodes width"], list[tuple[Array, Array]]]:
    """Read one token a node, each after its prompt and the nodes above it; return last layers and longer paths."""
    x = decoder.tokens[token] + decoder.places[place][:, None]
    longer = []
    for block, (keys, values), (keys_above, values_above) in zip(decoder.blocks, caches, above, strict=True):
        query, key, value = block.project(x)
        keys_above = jnp.concatenate([keys_above, key[:, :, None]], axis=2)
        values_above = jnp.concatenate([values_above, value[:, :, None]], axis=2)
        of_prompt = jnp.einsum("rmhd,rjhd->rmhj", query, keys)
        of_path = jnp.einsum("rmhd,rmjhd->rmhj", query, keys_above)
        scores = jnp.concatenate([of_prompt, of_path], axis=3)
        open_to = jnp.concatenate([said, jnp.ones((len(said), of_path.shape[3]), dtype=bool)], axis=1)[:, None, None]
        weights = attend(scores, query.shape[-1], open_to)
        split = of_prompt.shape[3]
        mixed = jnp.einsum("rmhj,rjhd->rmhd", weights[..., :split], values)
        mixed = mixed + jnp.einsum("rmhj,rmjhd->rmhd", weights[..., split:], values_above)
        x, _ = block.finish(x, mixed)
        longer.append((keys_above, values_above))
    return x, longer
