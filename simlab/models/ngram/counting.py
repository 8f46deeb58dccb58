"""Counting n-grams into a trie in which every gram knows its suffix: one automaton for counts, scores and samples.

Node 0 is the empty gram. A gram w_1 ... w_k is the child of w_1 ... w_{k-1} by w_k, and its suffix link is w_2 ... w_k,
which has been counted wherever it has been. Levels are built one after the other by two stable counting sorts, by the
last token and then by the parent, so that counting costs a few steps a token and level, whatever the vocabulary.

Every string is read with one start mark in front. It is a context and never a prediction; a context that reaches it is
short and complete. Where others repeat the mark n - 1 times, full contexts are followed by the same counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from simlab.bounds.domain import between
from simlab.compiling import jit
from simlab.errors import BadInput, shown
from simlab.records import brief
from simlab.rendering.tokens import Tokens, check_tokens, check_weights, gather

ROOT = 0
MOST_GRAMS = 2 * 10**9  # node numbers are 32-bit


@brief
@dataclass(frozen=True, eq=False)
class Counts:
    """The trie of all grams of 1 to ``order`` tokens; one entry of each array a node, level by level from the root.

    Depth k is nodes ``level[k]`` to ``level[k + 1]`` - 1, sorted by parent and token, so that the children of u are
    ``child[u]`` to ``child[u + 1]`` - 1 in the order of their tokens. Depth 1 holds every token of the vocabulary,
    counted or not, and after them the start mark: the node of token w is w + 1. ``count``: how often the gram was
    written (whole unless strings were weighted); the start mark alone counts 0, for it is never predicted.
    """

    order: int
    vocabulary: int
    level: Int[np.ndarray, " levels"]
    token: Int[np.ndarray, " nodes"]
    parent: Int[np.ndarray, " nodes"]
    suffix: Int[np.ndarray, " nodes"]
    count: Float[np.ndarray, " nodes"]
    child: Int[np.ndarray, " nodes_and_1"]

    @property
    def start(self) -> int:
        """The state in which every string begins: the node of the start mark, or the root of a unigram model."""
        return self.vocabulary + 1 if self.order > 1 else ROOT

    @cached_property
    def total(self) -> Float[np.ndarray, " nodes"]:
        """How many tokens were written after each gram: the sum of the counts of its children."""
        return np.bincount(self.parent[1:], self.count[1:], minlength=len(self.token))

    @cached_property
    def arrival(self) -> Int[np.ndarray, " nodes"]:
        """The state in which a gram leaves the model: itself where it is a context, else its suffix."""
        node = np.arange(len(self.token), dtype=np.int32)
        context = (node < self.level[self.order]) & (self.total > 0)
        return np.where(context, node, self.suffix)

    @cached_property
    def lookup(self) -> tuple[Int[np.ndarray, " slots"], Int[np.ndarray, " slots"]]:
        """What ``find`` reads: a hash table from (parent, token) to node for depths above 1, -1 where a key is free."""
        return _hashed(self.parent, self.token, self.vocabulary)


def count_ngrams(tokens: Tokens, order: int, weights: Real[np.ndarray, " strings"] | None = None) -> Counts:
    """Count all grams of 1 to ``order`` tokens of whole strings, each ended by END.

    ``weights`` says how often (or, as a fraction, how much) each string counts; once unless told. Costs O(tokens x
    order) time and memory. Raises ``BadInput`` for tokens that are no whole strings, for an order of which no string
    has a gram (start and end mark counted), for weights that are negative, not finite or all 0, and for more grams
    than node numbers.
    """
    check_tokens(tokens, ended=True)
    if weights is not None:
        weights = check_weights(weights, len(tokens))
        counted = np.flatnonzero(weights)  # a gram of weight 0 would be a node that was never written
        tokens, weights = gather(tokens, counted), weights[counted]
    _check_order(tokens, order)
    n_tokens = tokens.vocabulary
    token, depth = _marked(tokens.ids, tokens.offsets, n_tokens)
    weight = None if weights is None else np.repeat(weights, tokens.lengths + 1)
    node = token + 1
    written = depth > 0
    first = np.zeros((3, n_tokens + 2), dtype=np.int32)  # the root, and every token after it
    first[0, 1:] = np.arange(n_tokens + 1)
    of_first = np.bincount(token[written], None if weight is None else weight[written], minlength=n_tokens + 1)
    grams, numbers = [first], [np.append(of_first.sum(), of_first)]
    level = [0, 1, n_tokens + 2]
    places = _by_token(token, depth, n_tokens)
    for k in range(2, order + 1):
        places, node, deeper, number = _deeper(k, level[-2], level[-1], token, depth, places, node)
        if weight is not None:
            number = np.bincount(node[places] - level[-1], weight[places], minlength=len(number))
        grams.append(deeper)
        numbers.append(number)
        level.append(level[-1] + len(number))
    last, parent, suffix = np.concatenate(grams, axis=1)
    child = np.concatenate([[1], 1 + np.cumsum(np.bincount(parent[1:], minlength=level[-1]))]).astype(np.int32)
    return Counts(order, n_tokens, np.array(level), last, parent, suffix, np.concatenate(numbers).astype(float), child)


def _check_order(tokens: Tokens, order: int) -> None:
    longest = int(tokens.lengths.max()) + 1
    if isinstance(order, bool) or not (between(1, order, longest) and order == int(order)):
        raise BadInput(
            f"order = {shown(order)}: must be a whole number from 1 to {longest}, the tokens of the longest string "
            "with its start and end marks"
        )
    if order * (len(tokens.ids) + len(tokens)) + tokens.vocabulary > MOST_GRAMS:
        raise BadInput(
            f"{len(tokens.ids)} tokens have up to {order * len(tokens.ids):.3g} grams of order 1 to {order}, more than "
            f"{MOST_GRAMS:.3g}: take fewer tokens or a smaller order"
        )


@jit
def _slot(key: Any, mask: int) -> Any:
    """Where a key belongs in a hash table of ``mask`` + 1 slots, a power of two: the mixer of MurmurHash3."""
    x = np.uint64(key)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64(x ^ (x >> np.uint64(33))) & mask


@jit
def _hashed(parent: Any, token: Any, vocabulary: int) -> tuple[Any, Any]:
    """The keys and nodes of the table, at most two thirds of it full."""
    size = 2
    while 2 * size < 3 * len(parent):
        size *= 2
    keys, nodes = np.full(size, -1, dtype=np.int64), np.empty(size, dtype=np.int32)
    for v in range(vocabulary + 2, len(parent)):
        key = np.int64(parent[v]) * vocabulary + token[v]
        place = _slot(key, size - 1)
        while keys[place] >= 0:
            place = (place + 1) & (size - 1)
        keys[place], nodes[place] = key, v
    return keys, nodes


@jit
def find(keys: Any, nodes: Any, vocabulary: int, u: int, w: int) -> Any:
    """The child of node ``u`` by token ``w``, or -1; at the root it is always there."""
    if u == ROOT:
        return np.int64(w + 1)
    mask, key = len(keys) - 1, np.int64(u) * vocabulary + w
    place = _slot(key, mask)
    while keys[place] >= 0:
        if keys[place] == key:
            return np.int64(nodes[place])
        place = (place + 1) & mask
    return np.int64(-1)


@jit
def _marked(ids: Any, offsets: Any, start: int) -> tuple[Any, Any]:
    """The strings with a start mark in front of each, and how far each token stands from its start mark."""
    strings = len(offsets) - 1
    token = np.empty(len(ids) + strings, dtype=np.int32)
    depth = np.empty(len(ids) + strings, dtype=np.int32)
    place = 0
    for s in range(strings):
        token[place] = start
        depth[place] = 0
        place += 1
        for i in range(offsets[s], offsets[s + 1]):
            token[place] = ids[i]
            depth[place] = i - offsets[s] + 1
            place += 1
    return token, depth


@jit
def _by_token(token: Any, depth: Any, n_tokens: int) -> Any:
    """The places of all written tokens, stably sorted by token."""
    bound = np.zeros(n_tokens + 1, dtype=np.int64)
    for place in range(len(token)):
        if depth[place] > 0:
            bound[token[place] + 1] += 1
    for w in range(n_tokens):
        bound[w + 1] += bound[w]
    places = np.empty(bound[n_tokens], dtype=np.int32)
    for place in range(len(token)):
        if depth[place] > 0:
            places[bound[token[place]]] = place
            bound[token[place]] += 1
    return places


@jit
def _deeper(k: int, low: int, base: int, token: Any, depth: Any, places: Any, node: Any) -> tuple[Any, Any, Any, Any]:
    """Number the k-grams that end at ``places`` (sorted by token): sort them stably by parent, then number the runs.

    ``node`` holds the (k - 1)-gram that ends at each place, numbered from ``low`` to ``base`` - 1; the k-grams are
    numbered from ``base`` on. Returns the places that end a k-gram, sorted by token; the k-gram at each; of each k-gram
    its last token, parent and suffix; and how often it ends somewhere.
    """
    bound = np.zeros(base - low + 1, dtype=np.int64)
    kept = np.empty(len(places), dtype=np.int32)
    n = 0
    for place in places:
        if depth[place] >= k - 1:
            kept[n] = place
            n += 1
            bound[node[place - 1] - low + 1] += 1
    kept = kept[:n]
    for u in range(base - low):
        bound[u + 1] += bound[u]
    ordered = np.empty(n, dtype=np.int32)
    for place in kept:
        u = node[place - 1] - low
        ordered[bound[u]] = place
        bound[u] += 1
    deeper = np.empty(len(node), dtype=np.int32)
    grams = np.empty((3, n), dtype=np.int32)
    count = np.zeros(n, dtype=np.int64)
    size = 0
    for place in ordered:
        parent = node[place - 1]
        if size == 0 or grams[1, size - 1] != parent or grams[0, size - 1] != token[place]:
            grams[0, size] = token[place]
            grams[1, size] = parent
            grams[2, size] = node[place]
            size += 1
        count[size - 1] += 1
        deeper[place] = base + size - 1
    return kept, deeper, grams[:, :size].copy(), count[:size].copy()
