"""From counts to a density: how each smoothing shares the mass of a context between what followed it and the rest.

Every method ends in one form. With c(h w) the count of w after the context h, and h' the context h without its first
token, p(w|h) is stored on the node of h w where that gram was written, and elsewhere

    p(w|h) = weight(h) p(w|h'),

(``add_constant``: weight(h) / V) down to the unigrams, which are stored for the whole vocabulary. A context that was
never written hands on to its longest suffix that was (weight 1), so that p(.|h) is a density for every h under every
method.

* ``mle``: p(w|h) = c(h w) / c(h); what never followed a written context gets 0.
* ``add_constant`` (Lidstone): p(w|h) = (c(h w) + k) / (c(h) + k V) for the full context, uniform where that was never
  written: no lower order is asked. V counts the end token.
* ``katz``: back-off with Good-Turing discounts (``simlab.models.ngram.katz``).
* ``kneser_ney``, interpolated (Kneser & Ney 1995; Chen & Goodman 1999, Computer Speech & Language 13, 359-394):
  p(w|h) = max(a(h w) - D, 0) / a(h) + D N(h) / a(h) p(w|h'), with a = c for the highest order and for contexts that
  begin with the start mark, since nothing can stand before it; else a(h w) = how many distinct tokens were written
  before h w; a(h) its sum over w and N(h) how many w followed h. The unigrams are interpolated with 1 / V. Each depth
  has its own D = n_1 / (n_1 + 2 n_2), where n_r of its grams have a = r (Ney, Essen & Kneser 1994), unless told; where
  n_1 = 0 that is 0, and the depth is not smoothed.

NLTK's ``nltk.lm`` gives the same where it defines the same (a test holds it): mle after written contexts, where after
others its scores are all 0; Kneser-Ney with one D for all depths but the unigrams, which it does not interpolate. Its
padding repeats the start mark, counts it and predicts it; without that its Kneser-Ney divides by 0 after the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.compiling import jit
from simlab.errors import BadInput, shown, unknown
from simlab.models.add_constant import check_constant
from simlab.models.ngram.counting import ROOT, Counts
from simlab.models.ngram.katz import back_off
from simlab.records import brief

Constant = float | Sequence[float] | None


@brief
@dataclass(frozen=True, eq=False)
class Ngram:
    """A smoothed n-gram model on the trie of its counts, one entry of each array a node.

    ``p`` = p(last token | the tokens before it); ``weight``: what a context hands on to its suffix; ``share``: the
    part of ``p`` that a context gives by itself, summed up over its children (the rest is drawn elsewhere: from the
    suffix; ``uniform``: from the whole vocabulary evenly; ``unseen``: from the suffix's tokens that did not follow).
    """

    counts: Counts
    smoothing: str
    p: Float[np.ndarray, " nodes"]
    weight: Float[np.ndarray, " nodes"]
    share: Float[np.ndarray, " nodes"]
    uniform: bool = False
    unseen: bool = False


def smooth(counts: Counts, smoothing: str = "kneser_ney", constant: Constant = None) -> Ngram:
    """Return the n-gram model with ``smoothing``: "mle", "add_constant", "katz" or "kneser_ney".

    ``constant``: add_constant's k from 1e-100 to 1e100 (1 unless told); the absolute discount D of katz (0 <= D < 1)
    or kneser_ney (0 <= D <= 1), for all depths or one for each from the unigrams up (estimated unless told); mle has
    none. Raises ``BadInput`` for an unknown smoothing, a constant outside its range, and fractional counts where
    counts of counts or discounts are taken.
    """
    if not isinstance(counts, Counts):
        raise BadInput(f"counts = {shown(counts)}: must be counts of n-grams: count_ngrams(tokens, order)")
    if not isinstance(smoothing, str) or smoothing not in SMOOTHINGS:
        raise unknown("smoothing", smoothing, SMOOTHINGS)
    return SMOOTHINGS[smoothing](counts, constant)


def _mle(counts: Counts, constant: Constant) -> Ngram:
    if constant is not None:
        raise BadInput(f"constant = {shown(constant)}: mle has none; leave it out, or choose another smoothing")
    p = _ratio(counts, counts.count, counts.total)
    return Ngram(counts, "mle", p, np.zeros(len(p)), _summed(counts.child, p))


def _add_constant(counts: Counts, constant: Constant) -> Ngram:
    k = check_constant(1.0 if constant is None else constant)  # type: ignore[arg-type]
    total = counts.total + k * counts.vocabulary
    full = _full(counts)
    of_full = full[counts.parent]
    p = np.where(of_full, _ratio(counts, counts.count + k, total), 1.0 / counts.vocabulary)
    p[counts.vocabulary + 1] = 0.0
    weight = np.where(full, k * counts.vocabulary / total, 1.0)
    share = np.where(of_full, _ratio(counts, counts.count, total), 0.0)
    return Ngram(counts, "add_constant", p, weight, _summed(counts.child, share), uniform=True)


def _katz(counts: Counts, constant: Constant) -> Ngram:
    _check_whole(counts, "katz")
    absolute = None if constant is None else _discounts(counts, constant, "katz")
    if absolute is not None and (absolute == 1).any():
        raise BadInput("constant = 1.0: katz would leave nothing to what was written once; take less than 1")
    p, weight = back_off(counts, absolute)
    return Ngram(counts, "katz", p, weight, _summed(counts.child, p), unseen=True)


def _kneser_ney(counts: Counts, constant: Constant) -> Ngram:
    _check_whole(counts, "kneser_ney")
    adjusted = continuations(counts)
    level, parent = counts.level, counts.parent
    if constant is None:
        of_depth = [adjusted[level[k] : level[k + 1]] for k in range(1, counts.order + 1)]
        discount = np.array([absolute_discount(int((a == 1).sum()), int((a == 2).sum())) for a in of_depth])
    else:
        discount = _discounts(counts, constant, "kneser_ney")
    by_node = np.append(0.0, np.repeat(discount, np.diff(level[1:])))
    total = np.bincount(parent[1:], adjusted[1:], minlength=len(parent))
    followers = np.bincount(parent[1:], adjusted[1:] > 0, minlength=len(parent))
    share = _ratio(counts, np.maximum(adjusted - by_node, 0.0), total)
    of_children = np.append(discount, 0.0)[_depth(counts)]  # the discount of a context's children, one deeper
    weight = np.divide(of_children * followers, total, out=np.ones(len(total)), where=total > 0)
    p = share + weight[ROOT] / counts.vocabulary  # stands for the unigrams, where it starts
    p[counts.vocabulary + 1] = 0.0
    for k in range(2, counts.order + 1):
        here = slice(level[k], level[k + 1])
        p[here] = share[here] + weight[parent[here]] * p[counts.suffix[here]]
    return Ngram(counts, "kneser_ney", p, weight, _summed(counts.child, share))


SMOOTHINGS: dict[str, Callable[[Counts, Constant], Ngram]] = {
    "mle": _mle,
    "add_constant": _add_constant,
    "katz": _katz,
    "kneser_ney": _kneser_ney,
}


def absolute_discount(once: int, twice: int) -> float:
    """D = n_1 / (n_1 + 2 n_2), what Ney, Essen & Kneser (1994) take off every count; 0 where nothing came once."""
    return once / (once + 2 * twice) if once else 0.0


def continuations(counts: Counts) -> Float[np.ndarray, " nodes"]:
    """Kneser and Ney's counts: of a gram of less than the full order, how many distinct tokens came before it.

    Grams of the full order, and those that begin with the start mark, keep their own counts: no token can precede.
    """
    before = np.bincount(counts.suffix[1:], minlength=len(counts.token)).astype(float)
    kept = _begins_with_start(counts)
    kept[counts.level[counts.order] :] = True
    adjusted = np.where(kept, counts.count, before)
    adjusted[ROOT] = 0.0
    return adjusted


def _full(counts: Counts) -> Bool[np.ndarray, " nodes"]:
    """Which grams are full contexts: n - 1 tokens, or all that there is since the start mark."""
    full = _begins_with_start(counts)
    full[counts.level[counts.order - 1] : counts.level[counts.order]] = True
    return full


def _begins_with_start(counts: Counts) -> Bool[np.ndarray, " nodes"]:
    begins = np.zeros(len(counts.token), dtype=bool)
    begins[counts.vocabulary + 1] = True
    for k in range(2, counts.order + 1):
        here = slice(counts.level[k], counts.level[k + 1])
        begins[here] = begins[counts.parent[here]]
    return begins


def _depth(counts: Counts) -> np.ndarray:
    """How many tokens the gram of each node has."""
    return np.repeat(np.arange(counts.order + 1), np.diff(counts.level))


def _ratio(counts: Counts, part: Any, total: Any) -> Any:
    """part of each node over ``total`` of its parent; the root, and the start mark that nothing predicts, hold 0."""
    ratio = part / np.append(np.inf, total[counts.parent[1:]])
    ratio[counts.vocabulary + 1] = 0.0
    return ratio


def _discounts(counts: Counts, constant: Constant, smoothing: str) -> Float[np.ndarray, " order"]:
    """One discount a depth, from the unigrams up."""
    try:
        discount = np.asarray(constant, dtype=float)
    except (TypeError, ValueError):
        discount = None
    if discount is None or isinstance(constant, (bool, str)):
        raise BadInput(f"constant = {shown(constant)}: must be a number, or one for each depth")
    if discount.ndim and len(discount) != counts.order:
        raise BadInput(
            f"constant has {len(discount)} discounts: give {smoothing} of order {counts.order} one, or {counts.order}"
        )
    if not ((discount >= 0) & (discount <= 1)).all():
        raise BadInput(f"constant = {shown(constant)}: a discount of {smoothing} must lie between 0 and 1")
    return np.broadcast_to(discount, counts.order)


def _check_whole(counts: Counts, smoothing: str) -> None:
    if (counts.count != np.floor(counts.count)).any():
        raise BadInput(f"{smoothing} discounts whole counts: give whole weights, or take mle or add_constant")


@jit
def _summed(child: Any, share: Any) -> Any:
    """Running sums of ``share`` over the children of each node, in the order of their tokens."""
    summed = share.copy()
    for u in range(len(child) - 1):
        for v in range(child[u] + 1, child[u + 1]):
            summed[v] += summed[v - 1]
    return summed
