"""How far must a context reach before a model does better than a coin? Corollary 2 on the paper's sentences.

Aims: a model whose context ends before the pronoun cannot tell "She lost it ..." from "He lost it ...", so that of "her
mind." and "his mind." it is wrong half of the time, whatever its order and smoothing (KNVZ 2025, arXiv 2509.04664,
Corollary 2); beyond that, what remains is the work of the smoothing. Data: N draws, each one of the two sentences with
probability 1/2. Estimands: the error among the two responses, p_hat renormalised on them, and the mass that this leaves
out (nonsense). The model's two groups of the bound are its states where the responses part: "her" and "his" begin alike
in characters. Methods: n-grams of every order over words, subwords and characters, smoothed in four ways, with one
constant (k of add_constant, the absolute discount of katz and kneser_ney; mle has none); an order beyond the longest
sentence is that of the longest sentence. Performance: means and their Monte Carlo standard errors over corpora; given a
corpus the error is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds
from simlab.errors import unknown
from simlab.measures import observe
from simlab.models.ngram import SMOOTHINGS, count_ngrams, response_probabilities, smooth, states
from simlab.pairs import lay_out
from simlab.rendering import TOKENISERS, Tokens, encode, flatten, make_tokeniser
from simlab.seeds import Streams

PROMPTS = ("She lost it and was completely out of", "He lost it and was completely out of")
RESPONSES = (" her mind.", " his mind.")
SENTENCES = tuple(prompt + response for prompt, response in zip(PROMPTS, RESPONSES, strict=True))


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    tokens: str = Field("word", description="what a token is: word, subword or character")
    order: int = Field(3, ge=1, le=1000, description="n of the n-gram model: it sees n - 1 tokens")
    constant: float = Field(0.1, gt=0, lt=1, description="k of add_constant, discount of katz and kneser_ney")
    draws: int = Field(1_000, ge=1, le=10**9, description="N, the number of sentences written")
    subwords: int = Field(40, ge=2, le=1000, description="tokens of the subword vocabulary")


GRID = {
    "tokens": ("word", "subword", "character"),
    "order": (*range(1, 13), 16, 20, 22, 23, 24, 30, 36, 38, 39, 40),
    "constant": (0.1, 0.01, 0.001),
}
REPLICATES = 20
BLOCK = 20
SMOKE: dict[str, Any] = {
    "replicates": 2,
    "block": 2,
    "grid": {"tokens": ("word", "character"), "order": (1, 3, 8, 9, 40), "constant": (0.1, 0.01)},
}
SHOWN = ("error", "nonsense", "error_from_context_value", "error_from_context_slack", "error_from_iiv_slack")
MEASURES = ()
PICTURE = "error_from_context"


@lru_cache(maxsize=8)
def written(tokens: str, subwords: int) -> tuple[Tokens, Tokens, Tokens, Tokens]:
    """Return the sentences, the prompts, the responses, and the prompts up to where the responses part."""
    of = make_tokeniser(tokens, SENTENCES, subwords if tokens == "subword" else None)
    sentences, prompts, responses = encode(of, SENTENCES), encode(of, PROMPTS, end=False), encode(of, RESPONSES)
    alike = int(np.argmin([a == b for a, b in zip(responses[0], responses[1], strict=False)]))
    parting = [np.concatenate([prompts[c], responses[0][:alike]]) for c in (0, 1)]
    return sentences, prompts, responses, flatten(parting, of.vocabulary)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a kind of token that there is not, and too few subwords."""
    if config.tokens not in TOKENISERS:
        raise unknown("tokens", config.tokens, TOKENISERS)
    written(config.tokens, config.subwords)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row a smoothing."""
    sentences, prompts, responses, parting = written(config.tokens, config.subwords)
    right = np.eye(2)
    rows = []
    for one in streams:
        said = one.numpy("corpus").multinomial(config.draws, [0.5, 0.5])
        longest = int(sentences.lengths[said > 0].max()) + 1  # with its start mark
        counts = count_ngrams(sentences, min(config.order, longest), said)
        for smoothing in SMOOTHINGS:
            model = smooth(counts, smoothing, None if smoothing == "mle" else config.constant)
            whole = response_probabilities(model, prompts, responses)
            p_hat = whole / whole.sum(1, keepdims=True)
            seen = observe(lay_out(right, p_hat, right > 0))
            by_iiv = bounds.error_from_iiv(
                seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min
            )
            by_context = bounds.error_from_context(seen.error, states(model, parting).tolist(), (0, 1))
            rows.append(
                {"replicate": one.replicate, "method": smoothing, "nonsense": float(1.0 - whole.sum(1).mean())}
                | seen.columns
                | by_context.columns()
                | by_iiv.columns()
            )
    return rows
