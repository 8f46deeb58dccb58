"""Katz back-off (Katz 1987): counts are discounted, and what that frees goes to the tokens that did not follow.

For a written context h, with h' the context without its first token,

    p(w|h) = d_c c / c(h) where c = c(h w) > 0, else free(h) / left(h) p(w|h'),

free(h) = 1 - sum of d_c c / c(h) over the tokens that followed h, left(h) = sum of p(w|h') over those that did not. The
free mass of the unigrams is shared evenly by the tokens never written. Where no mass is left to share (left(h) = 0),
the discounted probabilities are scaled up to 1.

The discounts are Turing's, for counts up to Katz's cutoff of 5,

    d_r = (r* / r - x) / (1 - x), r* = (r + 1) n_{r+1} / n_r, x = (k + 1) n_{k+1} / n_1, 1 <= r <= k, else 1,

where n_r grams of that depth were written r times. On small counts of counts these may leave (0, 1), or not exist: the
cutoff of a depth is the largest k <= 5 for which x < 1 and all its d_r lie strictly inside, and where there is none the
depth is not discounted. An absolute discount, d_c = (c - D) / c (Ney, Essen & Kneser 1994), can be asked for instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Real

from simlab.compiling import jit
from simlab.models.ngram.counting import ROOT, Counts

CUTOFF = 5  # Katz's own: larger counts are trusted


def turing_discounts(counts_of_counts: Real[np.ndarray, " counts"], cutoff: int = CUTOFF) -> Float[np.ndarray, " k"]:
    """Return d_1 ... d_k of Katz for the largest usable k <= ``cutoff``; empty where no k is usable.

    ``counts_of_counts[r]`` = n_r, how many grams were written r times.
    """
    n = np.zeros(cutoff + 2)
    n[: len(counts_of_counts)] = counts_of_counts[: cutoff + 2]
    for k in range(cutoff, 0, -1):
        r = np.arange(1, k + 1)
        if not n[1 : k + 2].all():
            continue
        x = (k + 1) * n[k + 1] / n[1]
        if x >= 1.0:
            continue
        discounts = ((r + 1) * n[r + 1] / (r * n[r]) - x) / (1.0 - x)
        if ((discounts > 0) & (discounts < 1)).all():
            return np.asarray(discounts)
    return np.zeros(0)


def back_off(
    counts: Counts, absolute: Float[np.ndarray, " order"] | None
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return p(last token | rest) and the back-off weight of every node; Turing's discounts unless ``absolute``."""
    p = np.zeros(len(counts.token))
    free, weight = np.zeros(len(p)), np.ones(len(p))
    for k in range(1, counts.order + 1):
        here = slice(counts.level[k], counts.level[k + 1])
        count = counts.count[here]
        if absolute is None:
            whole = count.astype(np.int64)
            table = turing_discounts(np.bincount(np.minimum(whole, CUTOFF + 2)))
            kept = np.append(table, 1.0)[np.minimum(whole, len(table) + 1) - 1]
        else:
            kept = 1.0 - absolute[k - 1] / np.maximum(count, 1.0)
        total = counts.total[counts.parent[here]]
        p[here] = kept * count / total
        freed = (1.0 - kept) * count / total  # a sum of what is free loses no digits, 1 minus the rest would
        if k == 1:
            p[here] = _unigrams(p[here][: counts.vocabulary], float(freed.sum()))
            weight[ROOT] = 0.0
            continue
        parents = slice(counts.level[k - 1], counts.level[k])
        free += np.bincount(counts.parent[here], freed, minlength=len(p))
        _weigh(parents.start, parents.stop, counts.child, counts.token, counts.suffix, p, free, weight)
    return p, weight


def _unigrams(p: Float[np.ndarray, " vocabulary"], free: float) -> Float[np.ndarray, " vocabulary_and_start"]:
    never = p == 0
    p = np.where(never, free / never.sum(), p) if never.any() else p / p.sum()
    return np.append(p, 0.0)


@jit
def _weigh(low: int, high: int, child: Any, token: Any, suffix: Any, p: Any, free: Any, weight: Any) -> None:
    """Set the weights of contexts ``low`` to ``high`` - 1, and scale up the children of those with nothing to share."""
    for u in range(low, high):
        if child[u] == child[u + 1]:
            continue
        followed = 0.0
        for v in range(child[u], child[u + 1]):
            followed += p[suffix[v]]
        left = 1.0 - followed
        if left < 0.1:  # a difference has lost digits: sum up what did not follow, which is positive term by term
            left = free[suffix[u]]
            v = child[u]
            for other in range(child[suffix[u]], child[suffix[u] + 1]):
                if v < child[u + 1] and token[v] == token[other]:
                    v += 1
                else:
                    left += p[other]
        if left > 0.0:
            weight[u] = free[u] / left
            continue
        weight[u] = 0.0
        for v in range(child[u], child[u + 1]):
            p[v] /= 1.0 - free[u]
        free[u] = 0.0
