"""Numbering the steps of a world's strings: what an order-2 chain trained on any of them can ever do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from simlab.errors import BadInput
from simlab.records import brief

STOP = -1
"""The target of a step that ends the string."""

MOST_TOKENS = 3 * 10**9  # a pair of tokens is one 64-bit integer


@brief
@dataclass(frozen=True, eq=False)
class Steps:
    """The strings of a world as steps between contexts, a context being two neighbouring tokens.

    String i begins in the context ``start[i]`` and takes the steps ``step[offsets[i]:offsets[i + 1]]``. A step leads
    from the context ``source`` to ``target``, which is STOP where the string ends; steps are numbered by source, and
    those of context c are ``first[c]`` to ``first[c + 1] - 1``.
    """

    start: Int[np.ndarray, " strings"]
    step: Int[np.ndarray, " taken"]
    offsets: Int[np.ndarray, " strings_and_1"]
    source: Int[np.ndarray, " steps"]
    target: Int[np.ndarray, " steps"]
    first: Int[np.ndarray, " contexts_and_1"]

    @property
    def n_strings(self) -> int:
        """How many strings there are."""
        return len(self.start)

    @property
    def n_contexts(self) -> int:
        """How many pairs of tokens stand side by side in some string."""
        return len(self.first) - 1


def index_steps(tokens: Int[np.ndarray, " tokens"], offsets: Int[np.ndarray, " strings_and_1"]) -> Steps:
    """Number the contexts and steps of strings given end to end, string i from ``offsets[i]`` on.

    Costs O(n log n) in the number of tokens, once a world. Raises ``BadInput`` for a string of less than two tokens,
    which an order-2 chain cannot begin, and for a token that is negative or beyond 3e9.
    """
    lengths = np.diff(offsets)
    if len(lengths) == 0 or lengths.min() < 2:
        short = int(lengths.min()) if len(lengths) else 0
        raise BadInput(f"a string has {short} tokens: a chain of order 2 begins with two; leave shorter strings out")
    if tokens.min() < 0 or tokens.max() >= MOST_TOKENS:
        odd = int(tokens.min() if tokens.min() < 0 else tokens.max())
        raise BadInput(f"token = {odd}: must be a whole number from 0 to {MOST_TOKENS - 1}")
    last = offsets[1:] - 1
    begins = np.ones(len(tokens), dtype=bool)
    begins[last] = False  # a context begins at every token but the last of a string
    place = np.flatnonzero(begins)
    pair = tokens[place].astype(np.int64) * (int(tokens.max()) + 1) + tokens[place + 1]
    known, context = np.unique(pair, return_inverse=True)
    following = np.append(context[1:], STOP)
    following[last - np.arange(1, len(last) + 1)] = STOP  # string i has given up i places before this one's last
    taken, step = np.unique(context * (len(known) + 1) + following + 1, return_inverse=True)
    source, target = taken // (len(known) + 1), taken % (len(known) + 1) - 1
    begin = offsets - np.arange(len(offsets))
    first = np.searchsorted(source, np.arange(len(known) + 1))
    return Steps(context[begin[:-1]], step, begin, source, target, first)
