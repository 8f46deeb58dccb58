"""Writing strings as an n-gram model believes them, exact in law: token by token until the end token."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlab.bounds.domain import whole
from simlab.compiling import jit
from simlab.errors import BadInput, check_type
from simlab.models.ngram.counting import ROOT, find
from simlab.models.ngram.scoring import states
from simlab.models.ngram.smoothing import Ngram
from simlab.rendering.tokens import END, MOST_STRINGS, Tokens
from simlab.terminal.numerals import count

LONGEST = 10_000  # tokens after which a string is left unfinished, unless told


def sample(
    model: Ngram, rng: np.random.Generator, n: int, *, prompt: Tokens | None = None, longest: int = LONGEST
) -> Tokens:
    """Draw ``n`` i.i.d. strings, each up to its END, or what follows a prompt (one string, without END).

    A string that reaches ``longest`` tokens without END is left without it. Raises ``BadInput`` for an ``n`` that is no
    whole number from 0 to ``MOST_STRINGS``, a ``longest`` that is none of at least 1, more than one prompt, and for
    what is no model and no NumPy generator.
    """
    check_type("model", model, Ngram, "a smoothed n-gram model: smooth(count_ngrams(tokens, order))")
    check_type("rng", rng, np.random.Generator, "a NumPy generator, such as Streams(seed=0).numpy('text')")
    n, longest = count("n", n, 0, MOST_STRINGS), whole("longest", longest)
    counts, start = model.counts, model.counts.start
    if prompt is not None:
        if len(prompt) != 1:
            raise BadInput(f"{len(prompt)} prompts are given: sample goes on after one")
        start = int(states(model, prompt)[0])
    trie = (*counts.lookup, counts.child, counts.token, counts.suffix, counts.arrival)
    arrays: tuple[Any, ...] = (*trie, model.p, model.share, model.weight, model.uniform, model.unseen)
    ids, offsets = _strings(rng, n, start, longest, counts.vocabulary, *arrays)
    return Tokens(ids, offsets, counts.vocabulary)


@jit
def _strings(
    rng: np.random.Generator,
    n: int,
    start: int,
    longest: int,
    size: int,
    keys: Any,
    nodes: Any,
    child: Any,
    token: Any,
    suffix: Any,
    arrival: Any,
    p: Any,
    share: Any,
    weight: Any,
    uniform: bool,
    unseen: bool,
) -> tuple[Any, Any]:
    ids = np.empty(16 * n + 16, dtype=np.int32)
    offsets = np.zeros(n + 1, dtype=np.int64)
    place = 0
    for s in range(n):
        u = start
        for _ in range(longest):
            w = _draw(rng, u, size, child, token, suffix, p, share, weight, uniform, unseen)
            if place == len(ids):
                grown = np.empty(2 * place, dtype=np.int32)
                grown[:place] = ids
                ids = grown
            ids[place] = w
            place += 1
            if w == END:
                break
            v = find(keys, nodes, size, u, w)
            while v < 0:
                u = suffix[u]
                v = find(keys, nodes, size, u, w)
            u = arrival[v]
        offsets[s + 1] = place
    return ids[:place].copy(), offsets


@jit
def _draw(
    rng: np.random.Generator,
    u: int,
    size: int,
    child: Any,
    token: Any,
    suffix: Any,
    p: Any,
    share: Any,
    weight: Any,
    uniform: bool,
    unseen: bool,
) -> Any:
    """Draw one token: from a context's own share, else from where its rest goes."""
    while True:
        low, high = child[u], child[u + 1]
        own = share[high - 1] if low < high else 0.0
        x = rng.random()
        if weight[u] == 0.0 and x >= own:
            x = own * (1.0 - 1e-15)  # the context keeps all its mass, and its running sum fell short of 1
        if x < own:
            while low < high:  # the first child whose running sum lies above x
                middle = (low + high) >> 1
                if share[middle] <= x:
                    low = middle + 1
                else:
                    high = middle
            return token[low]
        if u == ROOT or uniform:
            return rng.integers(0, size)
        if unseen:
            return _unseen(rng, u, child, token, suffix, p, share, weight)
        u = suffix[u]


@jit
def _unseen(
    rng: np.random.Generator, u: int, child: Any, token: Any, suffix: Any, p: Any, share: Any, weight: Any
) -> Any:
    """Draw from the suffix among the tokens that did not follow ``u``, then among those that did not follow that."""
    while True:
        v = suffix[u]
        rest = 1.0 - share[child[v + 1] - 1] if weight[v] > 0.0 else 0.0
        left, last = rest, -1
        follower = child[u]
        for other in range(child[v], child[v + 1]):
            if follower < child[u + 1] and token[follower] == token[other]:
                follower += 1
            else:
                left += p[other]
        x = rng.random() * left
        follower = child[u]
        for other in range(child[v], child[v + 1]):
            if follower < child[u + 1] and token[follower] == token[other]:
                follower += 1
            elif p[other] > 0.0:
                last = other
                x -= p[other]
                if x < 0.0:
                    return token[other]
        if rest <= 0.0:
            return token[last]
        u = v
