"""Strings as whole numbers: flat token ids and where each string begins, with one id kept for the end of a string."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, shown
from simlab.records import brief

MOST_STRINGS = 10**8
"""Strings that are drawn at once: of more, memory would hold neither their tokens nor where each begins."""
END = 0
"""The token that ends a string: the same id under every tokeniser, and in no other place."""


@brief
@dataclass(frozen=True, eq=False)
class Tokens:
    """Strings of tokens: string i is ``ids[offsets[i]:offsets[i + 1]]``, with ids from 0 to ``vocabulary`` - 1.

    The vocabulary counts END. A whole string has END as its last token; a prompt, which goes on, has no END.
    """

    ids: Int[np.ndarray, " tokens"]
    offsets: Int[np.ndarray, " bounds"]
    vocabulary: int

    def __len__(self) -> int:
        """The number of strings."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int[np.ndarray, " strings"]:
        """How many tokens each string has, END included."""
        return np.diff(self.offsets)

    def __getitem__(self, string: int) -> Int[np.ndarray, " tokens_of_one"]:
        """The tokens of one string."""
        return self.ids[self.offsets[string] : self.offsets[string + 1]]


def flatten(strings: Iterable[Sequence[int] | Int[np.ndarray, " _"]], vocabulary: int) -> Tokens:
    """Return ``strings`` of token ids as ``Tokens``, as they are: END is not added."""
    listed = [np.asarray(string, dtype=np.int32) for string in strings]
    offsets = np.zeros(len(listed) + 1, dtype=np.int64)
    np.cumsum([len(string) for string in listed], out=offsets[1:])
    return Tokens(np.concatenate([*listed, np.zeros(0, dtype=np.int32)]), offsets, vocabulary)


def check_weights(weights: Any, strings: int) -> Float[np.ndarray, " strings"]:
    """Return how often each of so many strings counts. Raises ``BadInput`` for what is no such weight of each."""
    try:
        found = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        found = None
    if found is not None and found.shape != (strings,):
        raise BadInput(f"{found.size} weights for {strings} strings: give one a string")
    if found is None or not (np.isfinite(found).all() and (found >= 0).all() and found.any()):
        odd = [] if found is None else found[~(np.isfinite(found) & (found >= 0))]
        said = f"weights = {shown(weights)}" if found is None else "weights are all 0"
        said = f"weights has the entry {odd[0]:g}" if len(odd) else said
        raise BadInput(f"{said}: must be finite, not negative and not all 0; leave them out to count each once")
    return found


def gather(tokens: Tokens, strings: Int[np.ndarray, " chosen"]) -> Tokens:
    """Return the chosen strings, in the order chosen and as often as chosen: a corpus from its distinct strings."""
    lengths = tokens.lengths[strings]
    offsets = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    place = np.arange(offsets[-1]) + np.repeat(tokens.offsets[strings] - offsets[:-1], lengths)
    return Tokens(tokens.ids[place], offsets, tokens.vocabulary)


def join(heads: Tokens, tails: Tokens) -> Tokens:
    """Return the strings that begin as ``heads`` and go on as ``tails``, one of each: prompt i, then response i."""
    if len(heads) != len(tails) or heads.vocabulary != tails.vocabulary:
        raise BadInput(
            f"{len(heads)} strings over {heads.vocabulary} tokens and {len(tails)} over {tails.vocabulary} cannot be "
            "joined: give as many tails as heads, of one tokeniser"
        )
    offsets = heads.offsets + tails.offsets
    ids = np.empty(offsets[-1], dtype=np.int32)
    in_head = np.arange(len(heads.ids)) + np.repeat(tails.offsets[:-1], heads.lengths)
    in_tail = np.arange(len(tails.ids)) + np.repeat(heads.offsets[1:], tails.lengths)
    ids[in_head], ids[in_tail] = heads.ids, tails.ids
    return Tokens(ids, offsets, heads.vocabulary)


def check_tokens(tokens: Tokens, *, ended: bool | None = None) -> None:
    """Raise ``BadInput`` unless ids lie in the vocabulary and END stands at the end of strings only.

    ``ended`` True asks for it at the end of every string, False in none; None leaves that open.
    """
    if not isinstance(tokens, Tokens):
        raise BadInput(f"tokens = {shown(tokens)}: must be strings of token ids, such as encode(tokeniser, texts)")
    if len(tokens) < 1 or tokens.vocabulary < 1:
        raise BadInput(f"{len(tokens)} strings over {tokens.vocabulary} tokens: there must be at least 1 of each")
    ids, offsets = tokens.ids, tokens.offsets
    if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
        raise BadInput(
            f"offsets must rise from 0 to the number of tokens, {len(ids)}: string i ends where i + 1 begins"
        )
    outside = (ids < 0) | (ids >= tokens.vocabulary)
    if outside.any():
        raise BadInput(f"token {ids[outside][0]} is not in the vocabulary of {tokens.vocabulary}: ids begin at 0")
    ends = ids == END
    if ended is False and ends.any():
        raise BadInput(f"a prompt has the end token, {END}, in it: what ended does not go on; leave it out")
    last = offsets[1:][tokens.lengths > 0] - 1
    if ends.sum() != ends[last].sum() or (ended and ends[last].sum() != len(tokens)):
        must = "end every string" if ended else "be the last token of its string"
        raise BadInput(f"the end token, {END}, must {must}, and stand nowhere else")
