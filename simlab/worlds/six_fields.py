"""Facts of six fields, "actor, costar, film, director, genre, year", as strings of tokens.

The shape is that of the facts of Miao & Kearns 2025 (arXiv 2502.08666), which come from a film database: who
played in a film, and with whom; a film fixes its director, genre and year. Here they are drawn from stated laws, not
from a database, and no law was fitted to that study's results. A fact is a sequence of whole-number tokens: its
words, of which the last of a field carries the comma, or its fields, one token each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, unknown
from simlab.records import brief
from simlab.worlds.world import count, number

FIELDS = ("actor", "costar", "film", "director", "genre", "year")
LEAST, MOST = 100, 10**6  # facts: below, a film may need more actors than there are; above, casts are slow to draw
GENRES, YEARS, GIVEN_NAMES = 20, 90, 500
TITLE_LENGTHS = (0.25, 0.35, 0.25, 0.15)  # the share of titles of 1, 2, 3 and 4 words
COUNTED = 2**62  # false strings beyond this many are not counted: 64-bit integers end there

Tokens = Literal["words", "fields"]
TOKENS = ("words", "fields")


@brief
@dataclass(frozen=True, eq=False)
class SixFields:
    """Distinct facts of six fields, as values and as strings of tokens.

    ``fields``: the value of each field, below its entry of ``sizes`` (how many values a field can take). ``tokens``
    holds all strings end to end, that of fact i from ``offsets[i]`` on; ``alphabet`` says how tokens are written, as
    (stem, ending, how many) in the order of their numbers.
    """

    fields: Int[np.ndarray, "facts 6"]
    sizes: tuple[int, ...]
    tokens: Int[np.ndarray, " tokens"]
    offsets: Int[np.ndarray, " facts_and_1"]
    alphabet: tuple[tuple[str, str, int], ...]

    @property
    def n_facts(self) -> int:
        """|F|, the true facts."""
        return len(self.fields)

    @property
    def n_false(self) -> int:
        """|H|: the strings with any value in each field, less the facts; counted up to 2^62.

        An actor who is his own costar is counted, strings that mix words or fields otherwise are not: there are more
        false strings, never fewer, and |F|/|H| is no smaller than it should be.
        """
        return min(math.prod(self.sizes), COUNTED) - self.n_facts


def films(n_facts: int, rng: np.random.Generator, *, tokens: Tokens = "words", exponent: float = 0.5) -> SixFields:
    """Draw ``n_facts`` facts of films: n/4 people, 2n/5 films, a director for each three of them, 20 genres, 90 years.

    The i-th film has a share of the facts proportional to i^-``exponent``; one with k facts has a cast of
    2 + ceil(sqrt k) people, of whom the i-th is drawn with weight i^-``exponent``, and its facts are k of the ordered
    pairs of its cast. Its director is drawn like its cast, its genre with weight 1/i, its year evenly. Words are
    drawn as ``_words`` says. Raises ``BadInput`` for fewer than 100 or more than 10^6 facts, for a negative exponent
    or one above 2, and for other tokens.
    """
    people, n_films, directors = _sizes(n_facts)
    steep = _exponent(exponent)
    told = rng.multinomial(n_facts, _zipf(n_films, steep))
    cast = np.where(told > 0, 2 + np.ceil(np.sqrt(told)).astype(np.int64), 0)
    members = _casts(cast, _zipf(people, steep), rng)
    film = np.repeat(np.arange(n_films), cast * (cast - 1))
    place = _places(cast * (cast - 1))
    first = place // np.maximum(cast[film] - 1, 1)
    second = place % np.maximum(cast[film] - 1, 1)
    second += second >= first
    order = np.lexsort((rng.random(len(film)), film))  # the pairs of each film, shuffled
    pair = order[place < told[film]]
    film = film[pair]
    begin = np.cumsum(cast) - cast
    fields = np.column_stack(
        [
            members[begin[film] + first[pair]],
            members[begin[film] + second[pair]],
            film,
            rng.choice(directors, n_films, p=_zipf(directors, steep))[film],
            rng.choice(GENRES, n_films, p=_zipf(GENRES, 1.0))[film],
            rng.integers(0, YEARS, n_films)[film],
        ]
    )
    return _written(fields, (people, people, n_films, directors, GENRES, YEARS), tokens, rng)


def regular(n_facts: int, rng: np.random.Generator, *, tokens: Tokens = "words") -> SixFields:
    """Draw ``n_facts`` distinct facts evenly from all strings with any value in each field: nothing goes with anything.

    Such facts are regular in the sense of Kalai & Vempala 2024 (arXiv 2311.14648): whatever of them is known, each
    other string is as likely to be a fact as the next. Fields have as many values as those of ``films``. Raises
    ``BadInput`` for fewer than 100 or more than 10^6 facts and for other tokens.
    """
    people, n_films, directors = _sizes(n_facts)
    sizes = (people, people, n_films, directors, GENRES, YEARS)
    fields = _distinct(lambda n: rng.integers(0, sizes, (n, 6)), n_facts)
    return _written(fields, sizes, tokens, rng)


def spelled(facts: SixFields) -> list[str]:
    """Write the facts as text, tokens apart by blanks: "given3 family7, given0 family2, word5, ... genre1, year44"."""
    names = [f"{stem}{i}{ending}" for stem, ending, size in facts.alphabet for i in range(size)]
    words = [names[token] for token in facts.tokens.tolist()]
    return [" ".join(words[low:high]) for low, high in itertools.pairwise(facts.offsets.tolist())]


def _sizes(n_facts: int) -> tuple[int, int, int]:
    """How many people, films and directors ``n_facts`` facts have."""
    n = count("facts", n_facts, LEAST)
    if n > MOST:
        raise BadInput(f"facts = {n}: must be at most {MOST}")
    return n // 4, 2 * n // 5, 2 * n // 15


def _exponent(exponent: float) -> float:
    steep = number("exponent", exponent)
    if steep > 2:
        raise BadInput(f"exponent = {steep:.6g}: must be at most 2, or one film would have nearly all facts")
    return steep


def _zipf(n: int, exponent: float) -> Float[np.ndarray, " n"]:
    """Weights i^-exponent, i = 1 ... n, that sum to 1."""
    weight = np.arange(1.0, n + 1) ** -exponent
    return np.asarray(weight / weight.sum())


def _places(lengths: Int[np.ndarray, " groups"]) -> Int[np.ndarray, " members"]:
    """0, 1, ... within each group of a length."""
    return np.asarray(np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths))


def _casts(
    sizes: Int[np.ndarray, " films"], popularity: Float[np.ndarray, " people"], rng: np.random.Generator
) -> Int[np.ndarray, " members"]:
    """Draw the casts of all films, end to end: people by popularity, whoever is in the cast already drawn anew."""
    film = np.repeat(np.arange(len(sizes)), sizes)
    members = np.empty(len(film), dtype=np.int64)
    again = np.arange(len(film))
    while len(again):
        members[again] = rng.choice(len(popularity), len(again), p=popularity)
        _, first = np.unique(film * len(popularity) + members, return_index=True)
        again = np.setdiff1d(np.arange(len(film)), first, assume_unique=True)
    return members


def _distinct(draw: Callable[[int], Int[np.ndarray, "n width"]], n: int) -> Int[np.ndarray, "n width"]:
    """The first ``n`` distinct rows that ``draw`` gives."""
    rows = draw(n)
    while True:
        _, first = np.unique(rows, axis=0, return_index=True)
        if len(first) >= n:
            return np.asarray(rows[np.sort(first)[:n]])
        rows = np.concatenate([rows[np.sort(first)], draw(n)])


def _written(
    fields: Int[np.ndarray, "facts 6"], sizes: tuple[int, ...], tokens: Tokens, rng: np.random.Generator
) -> SixFields:
    """Write facts as strings of tokens; ``rng`` draws the words of names and titles."""
    if tokens not in TOKENS:
        raise unknown("tokens", tokens, TOKENS)
    grid, alphabet = _whole_fields(fields, sizes) if tokens == "fields" else _words(fields, sizes, rng)
    present = grid >= 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(1))])
    return SixFields(fields, sizes, grid[present], offsets, alphabet)


def _whole_fields(
    fields: Int[np.ndarray, "facts 6"], sizes: tuple[int, ...]
) -> tuple[Int[np.ndarray, "facts columns"], tuple[tuple[str, str, int], ...]]:
    """One token a field; people are the same tokens as actors and as costars."""
    people, _, n_films, directors, genres, years = sizes
    base = np.array(
        [0, 0, people, people + n_films, people + n_films + directors, people + n_films + directors + genres]
    )
    names = ("person", "film", "director", "genre")
    counts = (people, n_films, directors, genres)
    alphabet = [(name, ",", size) for name, size in zip(names, counts, strict=True)]
    return fields + base, (*alphabet, ("year", "", years))


def _words(
    fields: Int[np.ndarray, "facts 6"], sizes: tuple[int, ...], rng: np.random.Generator
) -> tuple[Int[np.ndarray, "facts columns"], tuple[tuple[str, str, int], ...]]:
    """A given and a family name for people and directors, 1 to 4 words a title, all drawn by Zipf's law, exponent 1.

    There are 500 given names, one family name for each two people and one title word for each two films; people are
    told apart by their names, and so are directors and films. Columns that a short title leaves empty hold -1.
    """
    people, _, n_films, directors, genres, years = sizes
    family, words = people // 2, n_films // 2
    base = np.cumsum([0, GIVEN_NAMES, family, words, words, genres])

    def names(n: int) -> Int[np.ndarray, "n 2"]:
        given = rng.choice(GIVEN_NAMES, n, p=_zipf(GIVEN_NAMES, 1.0))
        return np.column_stack([given, base[1] + rng.choice(family, n, p=_zipf(family, 1.0))])

    def titles(n: int) -> Int[np.ndarray, "n width"]:
        length = 1 + rng.choice(len(TITLE_LENGTHS), n, p=TITLE_LENGTHS)
        word = rng.choice(words, (n, len(TITLE_LENGTHS)), p=_zipf(words, 1.0))
        place = np.arange(word.shape[1])
        word += np.where(place == length[:, None] - 1, base[3], base[2])  # the last word of a title has the comma
        return np.where(place < length[:, None], word, -1)

    actors, title, director = _distinct(names, people), _distinct(titles, n_films), _distinct(names, directors)
    people_named = [actors[fields[:, 0]], actors[fields[:, 1]]]
    film_named = [title[fields[:, 2]], director[fields[:, 3]], base[4] + fields[:, 4:5], base[5] + fields[:, 5:6]]
    grid = np.hstack([*people_named, *film_named])
    alphabet = (("given", "", GIVEN_NAMES), ("family", ",", family), ("word", "", words), ("word", ",", words))
    return grid, (*alphabet, ("genre", ",", genres), ("year", "", years))
