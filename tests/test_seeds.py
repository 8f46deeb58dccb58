"""Streams: the same key gives the same bytes, any other key gives independent ones."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from simlab import corpora, worlds
from simlab.errors import BadInput
from simlab.seeds import Streams

KEYS = [
    (seed, point, replicate, stage)
    for seed in (0, 1, 2**64 + 1)
    for point in ("", "0", "a", "a/b")
    for replicate in (0, 1, 10)
    for stage in ("corpus", "corpus/0", "guess")
]
AWKWARD = [
    *((0, point, 0, stage) for point, stage in [("a", "b/c"), ("a/b", "c"), ("a/b/c", ""), ("", "a/b/c")]),
    *((0, point, 0, stage) for point, stage in [('a", 0, "b', "c"), ("a", '0, "b", "c'), ("a,0", "c"), ("a", "0,c")]),
    *(
        (seed, point, replicate, "c")
        for seed, point, replicate in [(1, "2", 3), (12, "", 3), (1, "", 23), (123, "", 0)]
    ),
    *((0, "", 0, stage) for stage in ("", " ", "\0", "\\", '"', "é", "e\u0301", "Corpus", "corpus ")),
]

PINNED = [939501403, 911671240, 524734183, 213681223]


def generator(key: tuple[int, str, int, str]) -> np.random.Generator:
    seed, point, replicate, stage = key
    return Streams(seed, point, replicate).numpy(stage)


def key_bytes(key: tuple[int, str, int, str]) -> bytes:
    from jax import random

    seed, point, replicate, stage = key
    return np.asarray(random.key_data(Streams(seed, point, replicate).jax(stage))).tobytes()


def largest_correlation(rows: np.ndarray) -> float:
    """The largest correlation between two rows, in standard errors."""
    correlations = np.corrcoef(rows) - np.eye(len(rows))
    return float(np.abs(correlations).max() * np.sqrt(rows.shape[1]))


def test_same_key_same_bytes() -> None:
    for key in KEYS + AWKWARD:
        assert generator(key).bytes(64) == generator(key).bytes(64)


def test_a_published_result_can_be_drawn_again() -> None:
    """Whatever the machine or the version: a change here changes every recorded result."""
    assert generator((7, "point", 3, "corpus")).integers(10**9, size=4).tolist() == PINNED


def test_no_two_keys_share_their_bytes() -> None:
    keys = [*KEYS, *AWKWARD]
    assert len(set(keys)) == len(keys)
    assert len({generator(key).bytes(32) for key in keys}) == len(keys)


def test_streams_are_uncorrelated() -> None:
    """Pearson's correlation of every two streams: the largest of about 5,800 is expected near 3.9 standard errors."""
    rows = np.array([generator(key).standard_normal(4000) for key in KEYS])
    assert largest_correlation(rows) < 5.0
    assert largest_correlation(np.abs(rows)) < 5.0
    lagged = np.vstack([rows[:50, 1:], rows[:50, :-1]])
    assert largest_correlation(lagged) < 5.0


def test_the_correlation_tells_streams_that_share_a_tenth() -> None:
    rows = np.array([generator(key).standard_normal(4000) for key in KEYS[:20]])
    rows[3, :400] = rows[7, :400]
    assert largest_correlation(rows) > 5.0


def test_pooled_streams_are_uniform() -> None:
    """First draws over many replicates follow the law, as later ones do: neighbouring keys are no neighbours."""
    first = np.array([Streams(0, "p", replicate).numpy("corpus").random() for replicate in range(4000)])
    counts = np.bincount((first * 20).astype(int), minlength=20)
    assert ((counts - 200) ** 2 / 200).sum() < 50  # chi-square of 19 degrees: 1e-4 beyond 50.8
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / np.sqrt(4000)


def test_one_stage_does_not_move_another() -> None:
    streams = Streams(5, "p", 2)
    alone = streams.numpy("guess").bytes(100)
    corpus = streams.numpy("corpus")
    corpus.bytes(10**6)
    streams.jax("corpus")
    assert streams.numpy("guess").bytes(100) == alone
    assert streams.numpy("corpus").bytes(8) != corpus.bytes(8)
    assert streams.numpy("corpus").bytes(8) == Streams(5, "p", 2).numpy("corpus").bytes(8)


def test_jax_keys() -> None:
    from jax import random

    keys = [*KEYS[:30], *AWKWARD]
    assert all(key_bytes(key) == key_bytes(key) for key in keys)
    assert len({key_bytes(key) for key in keys}) == len(keys)
    rows = np.array([random.normal(Streams(*key[:3]).jax(key[3]), (4000,)) for key in KEYS[:30]], dtype=float)
    assert largest_correlation(rows) < 5.0


def test_a_corpus_follows_its_stream_alone() -> None:
    world = worlds.zipf(10**9, answer_rate=0.8)

    def cells(streams: Streams, stage: str = "corpus") -> bytes:
        corpus = corpora.sample(world, 10**6, streams.numpy(stage))
        parts = (corpus.fact_class, corpus.times_answered, corpus.times_idk, corpus.facts)
        return b"".join(part.tobytes() for part in parts)

    drawn = [
        cells(Streams(1, "p", 0)),
        cells(Streams(2, "p", 0)),
        cells(Streams(1, "q", 0)),
        cells(Streams(1, "p", 1)),
        cells(Streams(1, "p", 0), "other"),
    ]
    assert cells(Streams(1, "p", 0)) == drawn[0]
    assert all(one != other for one, other in itertools.combinations(drawn, 2))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seed": -1}, "seed = -1: must be a whole number of at least 0"),
        ({"replicate": -2}, "replicate = -2: must be a whole number of at least 0"),
        ({"seed": 1.5}, "seed = 1.5: must be a whole number of at least 0"),
        ({"seed": float("nan")}, "seed = nan: must be a whole number of at least 0"),
    ],
)
def test_bad_keys(settings: dict[str, int], sentence: str) -> None:
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        Streams(**settings)


def test_an_integer_is_an_integer() -> None:
    """A seed that comes out of NumPy is the same key as the number it stands for."""
    assert Streams(np.int64(3)).numpy("corpus").bytes(8) == Streams(3).numpy("corpus").bytes(8)
    assert Streams(0, "p", np.int64(3)).numpy("corpus").bytes(8) == Streams(0, "p", 3).numpy("corpus").bytes(8)
