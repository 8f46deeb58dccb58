"""Families that cannot tell prompts apart: one free density to each class of prompts.

An n-gram whose context does not reach the difference, a bag of words, a table whose rows are shared by hashing:
whatever the parameters, prompts of one class get one density. So f_t calls the same responses valid for all of them.

**opt(G).** Let G(r) = D(true, r) - D(false, r), summed over the prompts of a class: what calling r valid there takes
from err_iiv, which is 1/2 where nothing is called valid. At a threshold t the set S of a class can be any set of fewer
than 1/t responses (its mass spread evenly over S lies above t, the rest at 0), but the empty one only if all responses
can lie at or below t: where the class has at least 1/t of them. As each prompt is as often true as false, a class's G
sums to 0: the empty set gains what the full one does, which is open where the empty one is not, and nobody misses it.
So too S = {r: G(r) >= 0} is not empty. It can be reached by every t below one over the number of responses, in all
classes at once, and no S gains more. Hence the least over t is

    opt(G) = sum over classes and responses of min(D(true, r), D(false, r)) = (1 - TV) / 2,

TV the total variation between the laws of (class, response) in true and in false examples. No free threshold makes the
family poor, only what it confounds. The finest classes, one a prompt, are the unrestricted table: opt = 0.

**A fixed threshold** t, such as Theorem 1's 1/min|E_c|, does restrict: of each class the best fewer than 1/t responses.
Even the unrestricted table then misses some where a prompt has k valid responses and k t >= 1.

Responses that a prompt of the class does not have are nonsense there: the family's density is one for all of the class.
(A model that renormalises over each prompt's own responses can tell apart prompts that differ in them.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from simlab.bounds.domain import between
from simlab.corpora import Listed
from simlab.errors import BadInput, shown
from simlab.models import TableFit
from simlab.pairs import Pairs
from simlab.poor_models.examples import Examples
from simlab.poor_models.thresholds import iiv_errors


@dataclass(frozen=True)
class Optimum:
    """opt(G) = the least Pr_D[f_t != valid] of any member of a family at any threshold t, or what is known of it.

    ``lower`` <= opt(G) <= ``upper``; ``how`` says from what.
    """

    lower: Any
    upper: Any
    how: str

    @property
    def exact(self) -> bool:
        """Whether the two ends meet."""
        return bool(self.lower == self.upper)


def opt_of_fit(pairs: Pairs) -> Optimum:
    """Return what one fitted member says of its family: opt(G) is at most its own best err_iiv(f_t), and at least 0."""
    best = iiv_errors(pairs).best
    return Optimum(best * 0, best, "between 0 and the best threshold of one member")


def opt_of_table(examples: Examples) -> Optimum:
    """Return opt(G) = 0 of the family of all densities: one that is even on V_c, judged at any t < 1/max|V_c|."""
    return opt_of_classes(examples, np.arange(len(examples.true)))


def opt_of_classes(
    examples: Examples,
    classes: Int[np.ndarray, " prompts"],
    *,
    threshold: float | Fraction | None = None,
) -> Optimum:
    """Return opt(G), exactly, of the family with one free density to each class of prompts (module docstring).

    ``classes`` holds the class of each prompt. With ``threshold`` = t it is the least err_iiv at that one t, taken
    exactly as given (Theorem 1's is ``Fraction(1, n_errors_min)``; the nearest float lies beside it). Exact in
    fractions where ``examples`` holds fractions. Raises ``BadInput`` for classes that are not one a prompt or not a
    number, and for a threshold outside [0, 1].
    """
    members = _members(classes, len(examples.true))
    true, false = _total(examples.true, members), _total(examples.false, members)
    if threshold is None:
        best = np.minimum(true, false).sum()
        return Optimum(best, best, "exact: one free density a class, any threshold")
    if not 0 <= threshold <= 1:
        raise BadInput(f"threshold = {threshold}: must lie between 0 and 1")
    exists = _total(examples.exists, members) > 0
    best = sum(_least(t[on], f[on], threshold) for t, f, on in zip(true, false, exists, strict=True))
    return Optimum(best, best, f"exact: one free density a class, threshold {threshold}")


def _least(true: Any, false: Any, threshold: float | Fraction) -> Any:
    """The least that a class adds to err_iiv by a set of fewer than 1/t responses; no less by the empty one."""
    t, n = Fraction(threshold), len(true)
    most = n if t == 0 else min(n, math.ceil(1 / t) - 1)
    order = np.argsort(false - true, kind="stable")
    passed = np.append(0, np.cumsum(false[order]))  # false ones among the first k in this order, k = 0 ... n
    missed = np.append(np.cumsum(true[order][::-1])[::-1], 0)
    return (passed + missed)[: most + 1].min()


def least_error_of_classes(examples: Examples, classes: Int[np.ndarray, " prompts"]) -> Any:
    """Return the least err of any member: all mass on the response that is valid most often in its class.

    err = 1 - sum over classes of max over r of the sum of mu(c) over its prompts with r in V_c. Raises ``BadInput`` for
    classes that are not one a prompt.
    """
    members = _members(classes, len(examples.true))
    mu = examples.mu
    right = _total(np.where(examples.valid, mu[:, None], mu[:, None] * 0), members)
    return mu.sum() - right.max(1).sum()


def pooled(corpus: Listed, classes: Int[np.ndarray, " facts"], *, constant: float = 0.0) -> TableFit:
    """Fit the family by maximum likelihood, p_hat(r|class) = n(class, r) / n(class), or add-constant smoothing of it.

    n counts all draws of a class's prompts, a response being any that some prompt of the class has (|R_c| answers, and
    IDK where it is one). A class that was never drawn gets the uniform density. The mass on responses that a prompt
    does not have is its ``nonsense``. Raises ``BadInput`` for a constant that is negative or not finite, for classes
    that are not one a prompt, and for a corpus without prompts.
    """
    if not (between(0, constant, math.inf) and constant < math.inf):
        raise BadInput(f"constant = {shown(constant)}: must be a number, finite and not negative")
    exists, members = _exists(corpus), _members(classes, len(corpus.answers))
    shared = _total(exists, members) > 0
    counts = _total(corpus.counts, members) + constant * shared
    counts = np.where(counts.sum(1, keepdims=True) > 0, counts, shared)
    return _spread("pooled", counts / counts.sum(1, keepdims=True), members, exists)


def commonest(corpus: Listed, classes: Int[np.ndarray, " facts"]) -> TableFit:
    """Put all mass on the commonest answer of each class (ties and classes never drawn: the first).

    A model of at most log2 |R| bits a class, R the answers of its prompts: a code for the facts, at that rate. Raises
    ``BadInput`` for classes that are not one a prompt and for a corpus without prompts.
    """
    exists, members = _exists(corpus), _members(classes, len(corpus.answers))
    counts = _total(corpus.counts, members)[:, :-1]
    choice = np.arange(counts.shape[1] + 1) == counts.argmax(1)[:, None]
    return _spread("commonest", choice.astype(float), members, exists)


def _spread(method: str, density: Any, members: Any, exists: Bool[np.ndarray, "facts responses"]) -> TableFit:
    """Give each prompt its class's density, cut to its own responses; what is cut off is nonsense."""
    p_hat = density[members] * exists
    outside = density[members] * ~exists
    return TableFit(method, p_hat, nonsense=outside.sum(1) if outside.any() else None)


def _exists(corpus: Listed) -> Bool[np.ndarray, "facts responses"]:
    """Which columns of ``corpus.counts`` are responses of each prompt. Raises ``BadInput`` without prompts."""
    if corpus.n_strings is not None:
        raise BadInput("this corpus has no prompts: there are no classes of prompts to share a density")
    return corpus.plausible


def _members(classes: Any, prompts: int) -> Any:
    """Classes numbered from 0, one a prompt."""
    if len(classes) != prompts:
        raise BadInput(f"classes has {len(classes)} entries for {prompts} prompts: give the class of each prompt")
    odd = np.flatnonzero(np.asarray(classes) != np.asarray(classes))
    if odd.size:
        raise BadInput(f"the class of prompt {odd[0]} is NaN, which is no class: give each prompt a number")
    return np.unique(classes, return_inverse=True)[1].reshape(-1)


def _total(values: Any, members: Any) -> Any:
    """Sums of rows over the prompts of each class."""
    total = np.full((int(members.max()) + 1, values.shape[1]), values.flat[0] * 0)  # a zero of the same arithmetic
    np.add.at(total, members, values)
    return total
