"""Text as tokens, and back: whole words, single characters, or subwords in between (byte-pair encoding).

A text is first cut into words, each with the one space in front of it, so that the pieces of a text joined are the
text. No token spans two words: the tokens of a prompt and of a response that begins with a space are those of the two
together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.bounds.domain import between
from simlab.errors import BadInput, check_type, shown, unknown
from simlab.rendering.merging import Merge, learn_merges, merged
from simlab.rendering.tokens import END, Tokens, flatten

WORD = re.compile(r"\s?\S+|\s")  # these pieces cover every text
SUBWORDS = 512  # tokens of a subword vocabulary, unless told


@dataclass(frozen=True)
class Tokeniser:
    """A vocabulary and how a word is written in it: ``pieces[w]`` is the text of token w; that of END is empty.

    ``kind`` "word", "character" or "subword"; ``merges``, of subwords: which pairs of tokens become one, in the order
    in which they do.
    """

    kind: str
    pieces: tuple[str, ...]
    merges: tuple[Merge, ...] = ()

    @property
    def vocabulary(self) -> int:
        """The number of tokens, END included."""
        return len(self.pieces)

    @cached_property
    def token_of(self) -> dict[str, int]:
        """The token of each piece of text."""
        return {piece: token for token, piece in enumerate(self.pieces) if token != END}

    @cached_property
    def rank_of(self) -> dict[Merge, int]:
        """When each pair of tokens is merged, counted from 0."""
        return {pair: rank for rank, pair in enumerate(self.merges)}


def words_of(text: str) -> list[str]:
    """Cut ``text`` into its words, each with the one space in front of it; further spaces stand alone."""
    return WORD.findall(text)


def word(texts: Iterable[str]) -> Tokeniser:
    """Return the tokeniser whose tokens are the distinct words of ``texts``, in alphabetical order after END."""
    return Tokeniser("word", ("", *sorted({piece for text in texts for piece in words_of(text)})))


def character(texts: Iterable[str]) -> Tokeniser:
    """Return the tokeniser whose tokens are the distinct characters of ``texts``, in their order after END."""
    return Tokeniser("character", ("", *sorted({letter for text in texts for letter in text})))


def subword(texts: Iterable[str], subwords: int = SUBWORDS) -> Tokeniser:
    """Return the byte-pair encoding of ``texts`` with at most ``subwords`` tokens (Sennrich, Haddow & Birch 2016).

    It begins with END and the characters. Then the pair of neighbouring tokens that comes most often inside words
    becomes a token (ties: the pair that comes first by the numbers of its tokens), until the vocabulary is full or
    every word is one token. Raises ``BadInput`` for a number that is not whole, and where the
    characters alone do not fit.
    """
    texts = list(texts)
    letters = character(texts)
    if not (between(letters.vocabulary, subwords, 2**31) and subwords == int(subwords)):
        raise BadInput(
            f"subwords = {shown(subwords)}: must be a whole number of at least {letters.vocabulary}, the end token and "
            "every character"
        )
    counts = Counter(piece for text in texts for piece in words_of(text))
    spelled = {tuple(letters.token_of[letter] for letter in piece): n for piece, n in counts.items()}
    merges = learn_merges(spelled, letters.vocabulary, int(subwords) - letters.vocabulary)
    pieces = list(letters.pieces)
    for left, right in merges:
        pieces.append(pieces[left] + pieces[right])
    return Tokeniser("subword", tuple(pieces), tuple(merges))


TOKENISERS: dict[str, Callable[..., Tokeniser]] = {"word": word, "character": character, "subword": subword}


def make_tokeniser(kind: str, texts: Iterable[str], subwords: int | None = None) -> Tokeniser:
    """Return the tokeniser of that ``kind`` for ``texts``; ``subwords``, how many, is for those (512 unless told).

    Raises ``BadInput`` for an unknown kind and for subwords that are not asked for, too few or no whole number.
    """
    if not isinstance(kind, str) or kind not in TOKENISERS:
        raise unknown("tokens", kind, TOKENISERS)
    if subwords is None:
        return TOKENISERS[kind](texts)
    if kind != "subword":
        raise BadInput(
            f"subwords = {shown(subwords)} is given with tokens {kind!r}: only subwords have a size, so leave it out"
        )
    return subword(texts, subwords)


def encode(tokeniser: Tokeniser, texts: Sequence[str], *, end: bool = True) -> Tokens:
    """Return ``texts`` as tokens, with END at the end of each unless ``end`` is False (prompts, which go on).

    Raises ``BadInput`` for text that the vocabulary cannot write.
    """
    check_type("tokeniser", tokeniser, Tokeniser, "a tokeniser, such as word(texts)")
    check_type("texts", texts, (list, tuple), "a list of texts")
    known: dict[str, list[int]] = {}
    strings = []
    for text in texts:
        check_type("text", text, str, "a string")
        string: list[int] = []
        for piece in words_of(text):
            if piece not in known:
                known[piece] = _spell(tokeniser, piece)
            string += known[piece]
        strings.append([*string, END] if end else string)
    return flatten(strings, tokeniser.vocabulary)


def decode(tokeniser: Tokeniser, tokens: Tokens) -> list[str]:
    """Return the texts of ``tokens``: the pieces, joined; END is silent."""
    pieces = np.array(tokeniser.pieces, dtype=object)[tokens.ids]
    return ["".join(pieces[low:high]) for low, high in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)]


def _spell(tokeniser: Tokeniser, piece: str) -> list[int]:
    """The tokens of one word."""
    if tokeniser.kind == "word":
        if piece not in tokeniser.token_of:
            raise BadInput(f"the word {piece!r} is not in the vocabulary: make the tokeniser from texts that have it")
        return [tokeniser.token_of[piece]]
    for letter in piece:
        if letter not in tokeniser.token_of:
            raise BadInput(
                f"the character {letter!r} is not in the vocabulary: make the tokeniser from texts that have it"
            )
    letters = [tokeniser.token_of[letter] for letter in piece]
    return merged(letters, tokeniser.rank_of, tokeniser.vocabulary - len(tokeniser.merges))
