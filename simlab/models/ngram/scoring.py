"""What an n-gram model believes: the probability of tokens, whole strings and response sets, exactly, in any context.

The state of the model after a history is the longest suffix of it that was written and has at most n - 1 tokens: it
alone decides what comes next. Two prompts that end in one state cannot be told apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.compiling import jit
from simlab.corpora import MOST_ENTRIES
from simlab.errors import BadInput
from simlab.models.ngram.counting import find
from simlab.models.ngram.smoothing import Ngram
from simlab.rendering.tokens import Tokens, check_tokens

ABREAST = 8  # strings scored side by side: each waits for memory at every token, and together they wait once


def token_probabilities(model: Ngram, tokens: Tokens) -> Float[np.ndarray, " tokens"]:
    """Return p(w_i | w_1 ... w_{i-1}) of every token of every string, END included where a string has it."""
    _check(model, tokens)
    return np.asarray(_score(tokens.ids, tokens.offsets, model.counts.start, _arrays(model)))


def log_probability(model: Ngram, tokens: Tokens) -> Float[np.ndarray, " strings"]:
    """Return ln p of every string in nats, -inf where it has none: of a string without END, that one begins so."""
    with np.errstate(divide="ignore"):
        surprise = np.log(token_probabilities(model, tokens))
    string = np.repeat(np.arange(len(tokens)), tokens.lengths)
    return np.bincount(string, surprise, minlength=len(tokens)).astype(float)  # of no tokens it would be whole


def states(model: Ngram, prompts: Tokens) -> Int[np.ndarray, " strings"]:
    """Return the state after each prompt: prompts of one state have one p_hat(.|c), whatever the responses."""
    _check(model, prompts, ended=False)
    return np.asarray(_arrive(prompts.ids, prompts.offsets, model.counts.start, _arrays(model)))


def next_probabilities(model: Ngram, prompts: Tokens) -> Float[np.ndarray, "strings vocabulary"]:
    """Return p(w | prompt) of every token w of the vocabulary, END first: each row sums to 1."""
    every = Tokens(np.arange(prompts.vocabulary, dtype=np.int32), np.arange(prompts.vocabulary + 1), prompts.vocabulary)
    return _enumerate(model, prompts, every)


def response_probabilities(model: Ngram, prompts: Tokens, responses: Tokens) -> Float[np.ndarray, "prompts responses"]:
    """Return the probability that the model goes on after each prompt with each response and then ends.

    ``responses`` are whole strings. What a row lacks from 1 goes to strings that are no response. Raises ``BadInput``
    for more than 5e7 pairs, and where prompts and responses are not of the model's tokens.
    """
    _check(model, responses, ended=True)
    return _enumerate(model, prompts, responses)


def _enumerate(model: Ngram, prompts: Tokens, strings: Tokens) -> Float[np.ndarray, "prompts strings"]:
    if len(prompts) * len(strings) > MOST_ENTRIES:
        raise BadInput(
            f"{len(prompts)} prompts x {len(strings)} responses are more than {MOST_ENTRIES} strings to enumerate: "
            "take fewer facts or answers"
        )
    distinct, which = np.unique(states(model, prompts), return_inverse=True)
    return np.asarray(_responses(distinct, strings.ids, strings.offsets, _arrays(model)))[which]


def _check(model: Ngram, tokens: Tokens, ended: bool | None = None) -> None:
    check_tokens(tokens, ended=ended)
    if tokens.vocabulary != model.counts.vocabulary:
        raise BadInput(
            f"strings over {tokens.vocabulary} tokens and a model of {model.counts.vocabulary}: use one tokeniser"
        )


def _arrays(model: Ngram) -> tuple[Any, ...]:
    """What the kernels read, as one argument of theirs: the trie and what it believes."""
    counts = model.counts
    return (*counts.lookup, counts.suffix, counts.arrival, model.p, model.weight, model.uniform, counts.vocabulary)


@jit
def _step(u: int, w: int, model: Any) -> tuple[float, int]:
    """p(w | state u), and the state after w."""
    keys, nodes, suffix, arrival, p, weight, uniform, size = model
    v = find(keys, nodes, size, u, w)
    if v >= 0:
        return p[v], arrival[v]
    chance = weight[u]
    if uniform:
        chance /= size
    while v < 0:
        u = suffix[u]
        v = find(keys, nodes, size, u, w)
        if not uniform:
            chance *= p[v] if v >= 0 else weight[u]
    return chance, arrival[v]


@jit
def _score(ids: Any, offsets: Any, start: int, model: Any) -> Any:
    chances = np.empty(len(ids))
    strings = len(offsets) - 1
    state = np.empty(ABREAST, dtype=np.int64)
    for first in range(0, strings, ABREAST):
        many, longest = min(ABREAST, strings - first), 0
        for b in range(many):
            state[b] = start
            longest = max(longest, offsets[first + b + 1] - offsets[first + b])
        for i in range(longest):
            for b in range(many):
                place = offsets[first + b] + i
                if place < offsets[first + b + 1]:
                    chances[place], state[b] = _step(state[b], ids[place], model)
    return chances


@jit
def _arrive(ids: Any, offsets: Any, start: int, model: Any) -> Any:
    keys, nodes, suffix, arrival, _, _, _, size = model
    ends = np.empty(len(offsets) - 1, dtype=np.int64)
    for s in range(len(ends)):
        u = start
        for i in range(offsets[s], offsets[s + 1]):
            v = find(keys, nodes, size, u, ids[i])
            while v < 0:
                u = suffix[u]
                v = find(keys, nodes, size, u, ids[i])
            u = arrival[v]
        ends[s] = u
    return ends


@jit
def _responses(begins: Any, ids: Any, offsets: Any, model: Any) -> Any:
    """The probability of each string from each state."""
    found = np.empty((len(begins), len(offsets) - 1))
    for b in range(len(begins)):
        for s in range(len(offsets) - 1):
            u, whole = begins[b], 1.0
            for i in range(offsets[s], offsets[s + 1]):
                chance, u = _step(u, ids[i], model)
                whole *= chance
            found[b, s] = whole
    return found
