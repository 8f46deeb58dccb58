"""Byte-pair encoding on numbers: which pairs of neighbouring tokens become one, learned from words and applied.

Merge number r makes token ``first`` + r of its pair. Learning keeps the count of every pair and the words that have it,
so that a merge touches those words alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

Merge = tuple[int, int]


def learn_merges(words: Mapping[tuple[int, ...], int], first: int, most: int) -> list[Merge]:
    """Return up to ``most`` merges learned from ``words``, which come as often as they say.

    Each merge is of the commonest pair of neighbours, ties broken by the smaller numbers; it stops early where every
    word is one token.
    """
    spelled, times = [list(word) for word in words], list(words.values())
    count: Counter[Merge] = Counter()
    places: defaultdict[Merge, set[int]] = defaultdict(set)
    for number, word in enumerate(spelled):
        for pair in pairwise(word):
            count[pair] += times[number]
            places[pair].add(number)
    merges: list[Merge] = []
    while len(merges) < most and count:
        best = min(count, key=lambda pair: (-count[pair], pair))
        for number in sorted(places.pop(best)):
            old = spelled[number]
            new = _joined(old, best, first + len(merges))
            spelled[number] = new
            for word, sign in ((old, -times[number]), (new, times[number])):
                for pair in pairwise(word):
                    count[pair] += sign
                    if sign > 0:
                        places[pair].add(number)
        count = +count  # pairs that are gone
        merges.append(best)
    return merges


def merged(word: Sequence[int], rank_of: Mapping[Merge, int], first: int) -> list[int]:
    """Return ``word`` with every merge applied in the order of the ranks, from left to right."""
    spelled = list(word)
    while rank_of and len(spelled) > 1:
        best = min(pairwise(spelled), key=lambda pair: rank_of.get(pair, len(rank_of)))
        if best not in rank_of:
            break
        spelled = _joined(spelled, best, first + rank_of[best])
    return spelled


def _joined(word: Sequence[int], pair: Merge, token: int) -> list[int]:
    """``word`` with every ``pair``, from left to right, made one ``token``."""
    out: list[int] = []
    for one in word:
        if out and (out[-1], one) == pair:
            out[-1] = token
        else:
            out.append(one)
    return out
