"""N-grams beside NLTK's `nltk.lm` on one corpus: `python benchmarks/ngrams.py [--smoke] [--out FILE]`.

Both sides get the same tokens, NLTK as lists of words and ours as whole numbers; what turning words into numbers costs
is a row of its own. The values of both are asserted to agree before anything is timed. NLTK's Kneser-Ney looks through
all n-grams for every score, so that a sample of the tokens is scored; its rows say the time of the whole from that of
one token.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from run import installed, machine, median, write  # from the folder of this script

from simlab.models.ngram import Ngram, count_ngrams, smooth, token_probabilities
from simlab.rendering import END, Tokens, gather
from simlab.seeds import Streams

DISCOUNT = 0.1  # NLTK's own
STREAMS = Streams(seed=1, point="benchmarks")


def corpus(n_tokens: int, words: int, length: int = 20) -> Tokens:
    """Sentences of ``length`` tokens, END included, whose words follow a Zipf law."""
    rng = STREAMS.numpy("ngrams")
    weight = 1 / np.arange(1.0, words + 1)
    ids = rng.choice(words, size=n_tokens, p=weight / weight.sum()).astype(np.int32) + 1
    ids[length - 1 :: length] = END
    ids[-1] = END
    return Tokens(ids, np.append(np.arange(0, n_tokens, length), n_tokens), words + 1)


def as_lists(tokens: Tokens) -> list[list[str]]:
    """The sentences as NLTK takes them, with one start mark: END is "</s>"."""
    names = np.array(["</s>", *(f"w{i}" for i in range(1, tokens.vocabulary))], dtype=object)
    return [["<s>", *names[tokens[i]].tolist()] for i in range(len(tokens))]


def theirs(sentences: Sequence[Sequence[str]], order: int, smoothing: str) -> Any:
    """NLTK's model, fitted."""
    from nltk.lm import MLE, KneserNeyInterpolated
    from nltk.util import everygrams

    model = MLE(order) if smoothing == "mle" else KneserNeyInterpolated(order, discount=DISCOUNT)
    model.fit(
        (everygrams(sentence, max_len=order) for sentence in sentences),
        [word for sentence in sentences for word in sentence],
    )
    return model


def ours(tokens: Tokens, order: int, smoothing: str) -> Ngram:
    """Our model, with NLTK's conventions: no discount of the unigrams."""
    constant = None if smoothing == "mle" else (0.0, *([DISCOUNT] * (order - 1)))
    model = smooth(count_ngrams(tokens, order), smoothing, constant)
    token_probabilities(model, gather(tokens, np.array([0])))  # what scoring looks up in is made with the model
    return model


def scores(
    model: Any, sentences: Sequence[Sequence[str]], order: int, places: Sequence[tuple[int, int]]
) -> list[float]:
    """NLTK's p of single tokens, each in the context of order - 1 tokens before it."""
    found = []
    for s, i in places:
        sentence = sentences[s]
        found.append(model.score(sentence[i], sentence[max(i - order + 1, 0) : i]))
    return found


def beside(tokens: Tokens, order: int, smoothing: str, sample: int, repeats: int) -> list[dict[str, Any]]:
    """Counting and scoring of one order and smoothing, on both sides."""
    sentences = as_lists(tokens)
    rng = STREAMS.numpy("sample")
    chosen = np.sort(rng.choice(len(sentences), size=min(sample, len(sentences)), replace=False))
    # NLTK divides by 0 after the start mark alone, where no count of continuations is defined
    first = 1 if smoothing == "mle" or order == 2 else 2
    places = [(int(s), i) for s in chosen for i in range(first, len(sentences[s]))][:sample]
    their_model, our_model = theirs(sentences, order, smoothing), ours(tokens, order, smoothing)
    probability = token_probabilities(our_model, tokens)
    same = [probability[tokens.offsets[s] + i - 1] for s, i in places]
    np.testing.assert_allclose(same, scores(their_model, sentences, order, places), rtol=1e-12)
    counted = [
        median(lambda: theirs(sentences, order, smoothing), 1),
        median(lambda: ours(tokens, order, smoothing), repeats),
    ]
    scored = [
        median(lambda: scores(their_model, sentences, order, places), 1) / len(places) * len(tokens.ids),
        median(lambda: token_probabilities(our_model, tokens), repeats),
    ]
    size, label = f"{len(tokens.ids):,} tokens", f"{smoothing.replace('_', '-')} of order {order}"
    rows = []
    for what, (slow, fast) in (("counted and fitted", counted), ("scored", scored)):
        rows.append({"name": f"NLTK, {label}, {what}, {size}", "seconds": slow})
        rows.append({"name": f"ours, {label}, {what}", "seconds": fast, "ratio": slow / fast})
    return rows


def numbering(tokens: Tokens, repeats: int) -> list[dict[str, Any]]:
    """What it costs to turn lists of words into numbers, once for all orders."""
    sentences = as_lists(tokens)

    def number() -> np.ndarray:
        known: dict[str, int] = {}
        return np.array([known.setdefault(word, len(known)) for sentence in sentences for word in sentence], np.int32)

    return [{"name": f"words into numbers, {len(tokens.ids):,} tokens", "seconds": median(number, repeats)}]


def main() -> None:
    """Run all comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: checks that the benchmark runs")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    if not installed("NLTK", "nltk"):
        return
    tokens = corpus(2_000, 200) if chosen.smoke else corpus(200_000, 10_000)
    repeats, sample = (3, 50) if chosen.smoke else (15, 50_000)
    rows = numbering(tokens, 3)
    for order in (2, 3):
        for smoothing in ("mle", "kneser_ney"):
            few = sample if smoothing == "mle" else 10  # seconds a token
            rows += beside(tokens, order, smoothing, few, repeats)
    for row in rows:
        ratio = f"{row['ratio']:10.1f} x" if "ratio" in row else ""
        print(f"{row['name']:<72}{row['seconds'] * 1e3:14.3f} ms{ratio}")
    if chosen.out is not None:
        write(chosen.out, machine(), chosen.smoke, rows)


if __name__ == "__main__":
    main()
