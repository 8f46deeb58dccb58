"""What is given in the wrong place, or is nothing at all, is told in a sentence wherever a road begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simlab import corpora, measures
from simlab.corpora import group, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.models import learn
from simlab.pairs import tabulate
from simlab.rendering.tokenisers import encode, word
from simlab.seeds import Streams
from simlab.worlds import factoids, zipf

STREAMS = Streams(1)
WORLD = zipf(20, answers=6)
TRUTH = list_facts(WORLD, STREAMS.numpy("truth"))
LISTED = sample_listed(TRUTH, 60, STREAMS.numpy("corpus"))
CELLS = sample(WORLD, 60, STREAMS.numpy("cells"))
TABLE = learn("ngram", LISTED, STREAMS)
OTHER = list_facts(zipf(30, answers=8), STREAMS.numpy("truth"))
STRINGS = list_facts(factoids(WORLD, 5), STREAMS.numpy("truth"))
RNG = STREAMS.numpy("unused")

A_WORLD = "must be a world, such as zipf(1000)"
A_CORPUS = "must be a corpus, listed or of cells"
MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "a stage that is no name": (
        lambda: STREAMS.numpy(3),
        "stage = 3: must be the name of a stage, such as 'corpus'",
    ),
    "no stage": (lambda: STREAMS.jax(None), "stage = None: must be the name of a stage, such as 'corpus'"),
    "no world": (lambda: sample(None, 60, RNG), f"world = None: {A_WORLD}"),
    "cells to be listed": (
        lambda: list_facts(CELLS, RNG),
        f"world = {CELLS!r}: {A_WORLD}",
    ),
    "draws as text": (
        lambda: sample(WORLD, "100", RNG),
        "draws = '100': must be a whole number from 1 to 9e+18",
    ),
    "listed draws as text": (
        lambda: sample_listed(TRUTH, "100", RNG),
        "draws = '100': must be a whole number from 1 to 9e+18",
    ),
    "true draws": (lambda: sample(WORLD, True, RNG), "draws = True: must be a whole number from 1 to 9e+18"),
    "cells to be grouped": (
        lambda: group(CELLS),
        f"corpus = {CELLS!r}: must be a corpus listed draw by draw: sample_listed(truth, draws, rng)",
    ),
    "the singletons of nothing": (lambda: corpora.singleton_rate(None), f"corpus = None: {A_CORPUS}"),
    "the missing mass of nothing": (lambda: measures.missing_mass(WORLD, None), f"corpus = None: {A_CORPUS}"),
    "the missing mass in nothing": (lambda: measures.missing_mass(None, CELLS), f"world = None: {A_WORLD}"),
    "the squares of nothing": (lambda: measures.missing_squares(WORLD, None), f"corpus = None: {A_CORPUS}"),
    "no pairs": (
        lambda: measures.observe(None),
        "pairs = None: must be a table of pairs: tabulate(world, corpus, fit, streams)",
    ),
    "another truth": (
        lambda: tabulate(OTHER, LISTED, TABLE, STREAMS),
        "the fit has 20 prompts of up to 7 responses, and the truth 30 of 9: give the Truth that the corpus was drawn "
        "from",
    ),
    "a truth without prompts": (
        lambda: tabulate(STRINGS, LISTED, TABLE, STREAMS),
        "the fit has 20 prompts of up to 7 responses, and the truth 1 of 25: give the Truth that the corpus was drawn "
        "from",
    ),
    "no texts": (lambda: encode(word(["a b"]), None), "texts = None: must be a list of texts"),
    "one text": (lambda: encode(word(["a b"]), "a b"), "texts = 'a b': must be a list of texts"),
    "a number for a text": (lambda: encode(word(["a b"]), ["a", 3]), "text = 3: must be a string"),
    "no tokeniser": (lambda: encode("word", ["a"]), "tokeniser = 'word': must be a tokeniser, such as word(texts)"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_given_in_the_wrong_place_is_told(mistake: str) -> None:
    call, sentence = MISTAKES[mistake]
    with pytest.raises(BadInput) as caught:
        call()
    assert str(caught.value) == sentence
