"""A small decoder: pre-norm blocks of causal attention and a GELU network, with learned positions.

With Q, K, V of LN(x): x <- x + O concat_h softmax(Q_h K_h^T / sqrt(d) + causal mask) V_h, then
x <- x + W_2 gelu(W_1 LN(x) + b_1) + b_2; the logits are LN(x) E^T (tied) or LN(x) W. A block is written in halves, so
that training, which reads whole sentences, and enumeration, which continues one prompt by every response, run the same
lines.
"""

from __future__ import annotations

import itertools
import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

EPSILON = 1e-5


class Norm(eqx.Module):
    """Layer normalisation over the last axis: (x - mean) / sqrt(variance + 1e-5), scaled and shifted."""

    scale: Float[Array, " width"]
    shift: Float[Array, " width"]

    def __call__(self, x: Float[Array, "*rows width"]) -> Float[Array, "*rows width"]:
        """Normalise each row."""
        centred = x - x.mean(-1, keepdims=True)
        return self.scale * centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON) + self.shift


class Block(eqx.Module):
    """Attention and a network of one hidden layer, each behind a norm and added to what came in."""

    before_attention: Norm
    query_key_value: Float[Array, "width 3 heads size"]
    out: Float[Array, "heads size width"]
    before_network: Norm
    up: Float[Array, "width hidden"]
    up_shift: Float[Array, " hidden"]
    down: Float[Array, "hidden width"]
    down_shift: Float[Array, " width"]

    def project(self, x: Float[Array, "*rows width"]) -> Float[Array, "3 *rows heads size"]:
        """Queries, keys and values of each row."""
        return jnp.moveaxis(jnp.tensordot(self.before_attention(x), self.query_key_value, 1), -3, 0)

    def finish(
        self, x: Float[Array, "*rows width"], mixed: Float[Array, "*rows heads size"]
    ) -> tuple[Float[Array, "*rows width"], Float[Array, "*rows hidden"]]:
        """Add what attention mixed, then the network; also what its hidden neurons say."""
        x = x + jnp.tensordot(mixed, self.out, 2)
        neurons = jax.nn.gelu(self.before_network(x) @ self.up + self.up_shift)
        return x + neurons @ self.down + self.down_shift, neurons


class Decoder(eqx.Module):
    """The parameters of the whole model; every leaf is an array of floats."""

    tokens: Float[Array, "vocabulary width"]
    places: Float[Array, "length width"]
    blocks: tuple[Block, ...]
    norm: Norm
    head: Float[Array, "width vocabulary"] | None

    def logits(self, x: Float[Array, "*rows width"]) -> Float[Array, "*rows vocabulary"]:
        """The logit of every token after each row; with tied weights those of its embedding."""
        logits = self.norm(x) @ (self.tokens.T if self.head is None else self.head)
        return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))  # sums of exponentials need it


@partial(jax.jit, static_argnames=("vocabulary", "length", "layers", "width", "heads", "hidden", "tied"))
def initial(
    key: Array, *, vocabulary: int, length: int, layers: int, width: int, heads: int, hidden: int, tied: bool
) -> Decoder:
    """Draw a decoder: matrices normal with variance 1 / (rows in), those that add to x divided by 2 layers more.

    Embeddings have standard deviation 1 / sqrt(width), so that a tied decoder's first logits are of order one;
    an untied head starts at a tenth of that, near the uniform density.
    """
    size, depth = width // heads, math.sqrt(2 * layers)
    shapes: list[tuple[int, ...]] = [(vocabulary, width), (length, width), (width, 0 if tied else vocabulary)]
    shapes += [(width, 3, heads, size), (heads, size, width), (width, hidden), (hidden, width)] * layers
    sizes = [math.prod(shape) for shape in shapes]
    draws = jax.random.normal(key, (sum(sizes),))  # one draw for all: one compilation
    starts = itertools.accumulate(sizes, initial=0)
    tokens, places, head, *rest = (
        draws[at : at + n].reshape(shape) for at, n, shape in zip(starts, sizes, shapes, strict=False)
    )

    def norm() -> Norm:
        return Norm(jnp.ones(width), jnp.zeros(width))

    blocks = tuple(
        Block(
            norm(),
            rest[4 * layer] * width**-0.5,
            rest[4 * layer + 1] * (width**-0.5 / depth),
            norm(),
            rest[4 * layer + 2] * width**-0.5,
            jnp.zeros(hidden),
            rest[4 * layer + 3] * (hidden**-0.5 / depth),
            jnp.zeros(width),
        )
        for layer in range(layers)
    )
    root = width**-0.5
    return Decoder(tokens * root, places * root, blocks, norm(), None if tied else head * (0.1 * root))


def attend(scores: Float[Array, "*rows keys"], size: int, mask: Bool[Array, ...]) -> Float[Array, "*rows keys"]:
    """Softmax of scores / sqrt(size) over the keys that the mask lets through."""
    return jax.nn.softmax(jnp.where(mask, scores / math.sqrt(size), -jnp.inf), axis=-1)


FEW = 16  # tokens a sentence
WORDS = 1024


def embedded(
    table: Float[Array, "vocabulary width"], tokens: Int[Array, "rows length"]
) -> Float[Array, "rows length width"]:
    """The rows of a table.

    On a GPU a product with indicators where there are few: the gradient of looking up would add all tokens to them
    atomically.
    """
    if len(table) > WORDS:
        return table[tokens]
    return jax.lax.platform_dependent(table, tokens, cpu=looked_up, default=multiplied)  # type: ignore[no-any-return]


def looked_up(table: Array, tokens: Array) -> Array:
    """Rows by their numbers."""
    return table[tokens]


def multiplied(table: Array, tokens: Array) -> Array:
    """Rows as a product with indicators."""
    return jax.nn.one_hot(tokens, len(table), dtype=table.dtype) @ table


def mixed_by(
    query: Float[Array, "rows length heads size"],
    keys: Float[Array, "rows length heads size"],
    values: Float[Array, "rows length heads size"],
) -> tuple[Float[Array, "rows length heads size"], Float[Array, "rows heads length length"]]:
    """What each token attends to, up to itself, and its weights.

    On a GPU without matrix products where sentences are short: those would be very many and very small.
    """
    if query.shape[1] > FEW:
        return by_products(query, keys, values)
    return jax.lax.platform_dependent(query, keys, values, cpu=by_products, default=by_elements)  # type: ignore[no-any-return]


def by_products(query: Array, keys: Array, values: Array) -> tuple[Array, Array]:
    """Attention as matrix products, one a row and head."""
    weights = attend(jnp.einsum("rihd,rjhd->rhij", query, keys), query.shape[-1], _causal(query))
    return jnp.einsum("rhij,rjhd->rihd", weights, values), weights


def by_elements(query: Array, keys: Array, values: Array) -> tuple[Array, Array]:
    """Attention as sums of products of elements, which XLA fuses."""
    scores = jnp.moveaxis((query[:, :, None] * keys[:, None]).sum(-1), -1, 1)
    weights = attend(scores, query.shape[-1], _causal(query))
    return (jnp.moveaxis(weights, 1, -1)[..., None] * values[:, None]).sum(2), weights


def _causal(query: Array) -> Array:
    length = query.shape[1]
    return jnp.tril(jnp.ones((length, length), dtype=bool))


def read(
    decoder: Decoder, tokens: Int[Array, "rows length"]
) -> tuple[Float[Array, "rows length width"], list[tuple[Array, Array]], dict[str, Array]]:
    """Read sentences: the last layer of every token, each block's keys and values, and what can be recorded.

    Token i sees tokens up to i alone. Records, for each block l: ``attention_l`` (rows, heads, to, from),
    ``neurons_l`` (rows, tokens, hidden) and ``residual_l`` (rows, tokens, width), what leaves the block.
    """
    x = embedded(decoder.tokens, tokens) + decoder.places[: tokens.shape[1]]
    caches: list[tuple[Array, Array]] = []
    records: dict[str, Array] = {}
    for layer, block in enumerate(decoder.blocks):
        query, keys, values = block.project(x)
        mixed, weights = mixed_by(query, keys, values)
        x, neurons = block.finish(x, mixed)
        caches.append((keys, values))
        records |= {f"attention_{layer}": weights, f"neurons_{layer}": neurons, f"residual_{layer}": x}
    return x, caches, records


def surprise(
    decoder: Decoder, tokens: Int[Array, "rows length"], scored: Bool[Array, "rows length"]
) -> Float[Array, " rows"]:
    """-ln of the probability of each sentence's scored tokens given those before them, in nats."""
    x, _, _ = read(decoder, tokens[:, :-1])
    logits = decoder.logits(x)
    said = jnp.take_along_axis(logits, tokens[:, 1:, None], axis=2)[..., 0]
    return jnp.sum(jnp.where(scored[:, 1:], jax.nn.logsumexp(logits, axis=2) - said, 0.0), axis=1)
