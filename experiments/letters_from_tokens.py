"""How many Ds are in DEEPSEEK? Counting letters from subwords and from characters, at once and spelled out.

Aims: KNVZ 2025 (arXiv 2509.04664, section 3.3.2) put the miscounted Ds of DEEPSEEK down to a poor model whose tokens
(D/EEP/SEE/K) hide the letters, and a model that spells the word out counts right; here the tokens and the spelling out
are varied apart. Data: N training words, of 3 to ``longest`` letters drawn independently from a Zipf law, each with its
count of one letter. Estimands: the error on words of one length, uniform over training words or over words held out;
every word has one right count among 0 to ``longest``. Methods: n-grams with one smoothing over characters or over
subwords learned from the training words. *At once*: the tokens of the word, a question mark, the count; the order sees
the whole word. *Spelled out*: each token is followed by the count so far, and the order sees the last count and the
token, so that the model is an automaton whose state is the running count; the tokens of the word are given to it, and
p_hat of a final count sums over all counts on the way. Performance: means and their Monte Carlo standard errors over
training sets; given these the error is an exact sum over the words asked. Not shown: what a model learns that can look
into its tokens by other means, or whether it spells right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds
from simlab.errors import BadInput, unknown
from simlab.measures import observe
from simlab.models.ngram import (
    SMOOTHINGS,
    Ngram,
    count_ngrams,
    next_probabilities,
    response_probabilities,
    smooth,
    states,
)
from simlab.pairs import lay_out
from simlab.rendering import END, Tokeniser, Tokens, character, encode, flatten, subword
from simlab.seeds import Streams

SHORTEST = 3
ASKED = ("training", "held_out")


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(1_000, ge=10, le=10**5, description="N, the number of training words")
    length: int = Field(8, ge=SHORTEST, le=100, description="letters of the words asked")
    asked: str = Field("held_out", description="which words are asked: training or held_out")
    longest: int = Field(12, ge=SHORTEST, le=100, description="letters of the longest training word")
    letters: str = Field("EDSPKATN", min_length=2, max_length=26, description="the alphabet, commonest letter first")
    letter: str = Field("D", min_length=1, max_length=1, description="the letter that is counted")
    exponent: float = Field(1.0, ge=0, le=10, description="exponent of the Zipf law of the letters")
    subwords: int = Field(100, ge=3, le=10_000, description="tokens of the subword vocabulary")
    words: int = Field(400, ge=1, le=10_000, description="words that are asked")
    smoothing: str = Field("kneser_ney", description="smoothing of every model")


GRID = {
    "draws": (200, 2_000),
    "smoothing": ("mle", "kneser_ney"),
    "length": (4, 6, 8, 10, 12),
    "asked": ASKED,
}
REPLICATES = 10
BLOCK = 5
SMOKE: dict[str, Any] = {
    "replicates": 2,
    "block": 2,
    "grid": {"draws": (200,), "smoothing": ("mle", "kneser_ney"), "length": (4, 8), "asked": ASKED},
}
SHOWN = ("error", "nonsense", "iiv_error", "error_from_iiv_value", "error_from_iiv_slack", "error_from_context_value")
MEASURES = ("words_asked",)
PICTURE = "letters_from_tokens"


def check(config: Config) -> None:
    """Refuse, before anything is drawn, words that are not in the training set and a letter that is not in words."""
    if config.asked not in ASKED:
        raise unknown("asked", config.asked, ASKED)
    if config.smoothing not in SMOOTHINGS:
        raise unknown("smoothing", config.smoothing, SMOOTHINGS)
    if len(set(config.letters)) < len(config.letters) or config.letter not in config.letters:
        raise BadInput(
            f"letters = {config.letters!r} and letter = {config.letter!r}: letters must be distinct and hold the letter"
        )
    if config.length > config.longest and config.asked == "training":
        raise BadInput(
            f"length = {config.length} is longer than any training word ({config.longest}): ask held_out words"
        )
    if config.subwords <= len(config.letters):
        raise BadInput(f"subwords = {config.subwords}: must be above {len(config.letters)}, the number of letters")


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one training set a replicate, one row a model."""
    return [row for one in streams for row in rows_of(config, one)]


def rows_of(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """Draw the words, fit the four models, and ask."""
    training = draw_words(config, streams.numpy("words"), config.draws)
    asked = words_asked(config, training, streams.numpy("asked"))
    counts = np.array([word.count(config.letter) for word in asked])
    n_answers = max(config.longest, config.length) + 1
    rows = []
    for kind in ("subword", "character"):
        tokeniser = subword(training, config.subwords) if kind == "subword" else character([config.letters])
        each = np.array([piece.count(config.letter) for piece in tokeniser.pieces])
        said, questions = spelled(tokeniser, training), spelled(tokeniser, asked)
        for how, answer in (("at_once", at_once), ("spelled_out", spelled_out)):
            p_hat, groups = answer(said, questions, each, n_answers, config)
            row = {"replicate": streams.replicate, "method": f"{kind}_{how}", "words_asked": float(len(asked))}
            rows.append(row | measured(p_hat, counts, groups))
    return rows


def draw_words(config: Config, rng: np.random.Generator, n: int, length: int | None = None) -> list[str]:
    """Draw ``n`` words, of one length or of all lengths alike."""
    weight = np.arange(1.0, len(config.letters) + 1) ** -config.exponent
    lengths = rng.integers(SHORTEST, config.longest + 1, n) if length is None else np.full(n, length)
    letters = rng.choice(list(config.letters), size=lengths.sum(), p=weight / weight.sum())
    ends = np.cumsum(lengths)
    return ["".join(letters[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def words_asked(config: Config, training: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return distinct words of the length asked: training words, or words drawn alike that are none of them."""
    if config.asked == "training":
        found = list(dict.fromkeys(word for word in training if len(word) == config.length))
        found = [found[i] for i in rng.permutation(len(found))]
    else:
        known, fresh = set(training), dict[str, None]()
        for _ in range(20):  # short words may nearly all be known: what is found in 20 rounds is asked
            drawn = draw_words(config, rng, config.words, config.length)
            fresh |= {word: None for word in drawn if word not in known}
            if len(fresh) >= config.words:
                break
        found = list(fresh)
    if not found:
        raise BadInput(
            f"draws = {config.draws}: no {config.asked} word of {config.length} letters was found; take other draws"
        )
    return found[: config.words]


def at_once(
    training: Sequence[list[int]], asked: Sequence[list[int]], each: np.ndarray, n_answers: int, config: Config
) -> tuple[np.ndarray, list[Any]]:
    """p_hat of each count after the whole word and a question mark, and the words that are alike to the model.

    Words are tokens; ``each`` is how often each token holds the letter.
    """
    mark = len(each)
    said = [[*word, mark, mark + 1 + int(each[word].sum()), END] for word in training]
    model = fitted(said, mark + 1 + n_answers, max(len(string) for string in said), config)
    prompts = flatten([[*word, mark] for word in asked], model.counts.vocabulary)
    answers = flatten([[mark + 1 + count, END] for count in range(n_answers)], model.counts.vocabulary)
    return response_probabilities(model, prompts, answers), states(model, prompts).tolist()


def spelled_out(
    training: Sequence[list[int]], asked: Sequence[list[int]], each: np.ndarray, n_answers: int, config: Config
) -> tuple[np.ndarray, list[Any]]:
    """p_hat of each final count, summed over all running counts; every word is a prompt of its own."""
    zero = len(each)
    said = [[zero, *np.stack([word, zero + np.cumsum(each[word])], axis=1).ravel().tolist(), END] for word in training]
    step = running_counts(fitted(said, zero + n_answers, 3, config), zero, n_answers)
    p_hat = np.zeros((len(asked), n_answers))
    for i, word in enumerate(asked):
        state = np.eye(n_answers)[0]
        for token in word:
            state = state @ step[token]
        p_hat[i] = state
    return p_hat, list(range(len(asked)))


def running_counts(model: Ngram, zero: int, n_answers: int) -> np.ndarray:
    """p(next count | count, token), [tokens, counts, counts], END among the tokens."""
    size = model.counts.vocabulary
    contexts = flatten([[zero + count, token] for token in range(1, zero) for count in range(n_answers)], size)
    after = next_probabilities(model, contexts)[:, zero : zero + n_answers]
    return np.concatenate([np.zeros((1, n_answers, n_answers)), after.reshape(zero - 1, n_answers, n_answers)])


def spelled(tokeniser: Tokeniser, words: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each word."""
    tokens: Tokens = encode(tokeniser, words, end=False)
    return [tokens[i].tolist() for i in range(len(tokens))]


def fitted(strings: Sequence[Sequence[int]], vocabulary: int, order: int, config: Config) -> Ngram:
    """Return the n-gram model of the strings."""
    return smooth(count_ngrams(flatten(strings, vocabulary), order), config.smoothing)


def measured(p_hat: np.ndarray, counts: np.ndarray, groups: Sequence[Any]) -> dict[str, Any]:
    """Return the measures of Theorem 1 over the words asked, uniformly, and the bounds."""
    right = np.eye(p_hat.shape[1])[counts]
    nonsense = np.maximum(1.0 - p_hat.sum(1), 0.0)
    seen = observe(lay_out(right, p_hat, right > 0, nonsense=nonsense))
    by_iiv = bounds.error_from_iiv(
        seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min
    )
    by_context = bounds.error_from_context(seen.error, groups, counts.tolist())
    return {"nonsense": float(nonsense.mean())} | seen.columns | by_iiv.columns() | by_context.columns()
