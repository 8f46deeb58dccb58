"""Low rank: p_hat(r|c) = softmax over r of U_c . V_r, with vectors of d numbers and no bias.

One valid answer a_c to each prompt, D as in KNVZ (arXiv 2509.04664 v1, section 3.2), mu_r the mass of the prompts whose
answer is r. Derived here.

**Rank 2 and more: opt(G) = 0.** Put the V_r on a circle, one place each, and U_c = s V_{a_c}: then the answer has the
largest logit of all responses, and p_hat(a_c|c) > 1/2 from some s on. With norms free a low rank alone makes no family
poor, and Theorem 3 says nothing of it.

**Rank 1.** Sort the n responses of a prompt by V. Where U_c > 0 the density rises along the line, so that f_t calls a
tail valid (the top k for some k); where U_c < 0 a head, where U_c = 0 all or none. Conversely let V have no ties and
0 < t < 1/n, and let U_c go from 0 to infinity. ln p_hat(r|c) is concave in U_c (linear less a log-sum-exp), so the
U_c at which r is called valid form an interval, and it holds 0, where p_hat = 1/n. At each U_c > 0 a lower response has
less than a higher one, so it leaves first; the top one never leaves. Hence every tail of k = 1 to n is called valid at
some U_c, every head at some U_c < 0, and at larger t no set is new but the empty one. It has the gain of the full one,
0, since each prompt is as often true as false. So each prompt takes its shortest head or tail with a_c in it, which
lets j = min(i, n - 1 - i) false ones through where a_c has place i = 0 to n - 1 from below, at a cost of
mu(c) j / (2 |E_c|), and no set costs less: those without a_c cost at least mu(c) / 2. One threshold serves all prompts
if it is below 1/n for the largest n.

Where all prompts have the same responses the order is best that puts the commonest answers outermost: j = 0, 0, 1, 1,
2, 2, ... along falling mu_r, by the rearrangement inequality, and

    opt(G) = sum over the ranks i of mu_(i) floor(i/2) / (2 (n - 1)),    the least err = sum of mu_(i) j / (1 + j).

The second, because at least j further responses have a density of at least that of a_c; it is approached where the gaps
between neighbours grow fast from both ends of the line to its middle, so that a head or a tail is flat within and far
from the rest. Where the prompts differ in their responses, prompts of one response set are taken together: the sum of
their own optima is a lower bound, any one order gives an upper one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.bounds.domain import whole
from simlab.errors import BadInput
from simlab.poor_models.examples import Examples
from simlab.poor_models.sharing import Optimum


def opt_of_rank(examples: Examples, rank: int) -> Optimum:
    """Return opt(G) of softmax(U_c . V_r) of this ``rank``, for prompts with one valid answer (module docstring).

    Exact for rank 2 and more, where it is 0, and for rank 1 where all prompts have the same responses; else lower and
    upper bound. Exact in fractions where ``examples`` holds fractions. Raises ``BadInput`` for a rank below 1 and
    for prompts with several valid responses.
    """
    answer, zero = examples.answer, examples.true.sum() * 0
    if whole("rank", rank) > 1:
        return Optimum(zero, zero, f"exact: rank {rank}, responses on a circle, norms free")
    groups = _groups(examples)
    lower = sum((_ordered(mass, 2 * (n - 1)) for mass, n in groups), zero)
    if len(groups) == 1:
        return Optimum(lower, lower, "exact: rank 1, the commonest answers outermost on the line")
    order = line_of(_mass(examples.mu, answer, examples.true.shape[1]))
    how = f"between the best line of each of {len(groups)} response sets and one line for all"
    return Optimum(lower, opt_of_line(examples, order), how)


def opt_of_line(examples: Examples, order: Int[np.ndarray, " responses"]) -> Any:
    """Return the least err_iiv(f_t) of rank 1 with the responses in this ``order`` along the line, any U and t.

    The sum of mu(c) j / (2 |E_c|), j the responses of c on the shorter side of its answer.
    """
    place = np.argsort(order)
    mine = place[examples.answer][:, None]
    below = (examples.exists & (place < mine)).sum(1)
    above = (examples.exists & (place > mine)).sum(1)
    return (examples.mu * np.minimum(below, above) / (2 * (below + above))).sum()


def line_of(mass: Float[np.ndarray, " responses"]) -> Int[np.ndarray, " responses"]:
    """Return the responses from one end of the line to the other, those with the most ``mass`` outermost."""
    falling = np.argsort(-mass, kind="stable")
    return np.concatenate([falling[::2], falling[1::2][::-1]])


def least_error_of_rank(examples: Examples, rank: int) -> Any:
    """Return the infimum of err over all U and V of this ``rank``: 0 from rank 2 on.

    Of rank 1 the sum of mu_(i) j / (1 + j), j = floor(i/2), over the ranks of the answers; where the prompts differ in
    their responses it is a lower bound. Raises ``BadInput`` as ``opt_of_rank``.
    """
    groups, zero = _groups(examples), examples.true.sum() * 0
    if whole("rank", rank) > 1:
        return zero
    return sum((_ordered(mass, None) for mass, _ in groups), zero)


def on_a_circle(
    answer: Int[np.ndarray, " prompts"], responses: int, sure: float = 0.999
) -> tuple[Float[np.ndarray, "prompts 2"], Float[np.ndarray, "responses 2"]]:
    """Return U and V of rank 2 with p_hat(a_c|c) >= ``sure`` for every prompt, whatever the answers.

    V_r are ``responses`` = n equal steps around the unit circle, U_c = s V_{a_c}; the nearest other logit is s cos(2
    pi/n), so s = ln((n - 1) sure / (1 - sure)) / (1 - cos(2 pi/n)) is enough. Where ``answer`` is -1, none is
    known and U_c = 0. Raises ``BadInput`` unless 0 < sure < 1 and n is at least 2.
    """
    if not 0 < sure < 1 or responses < 2:
        raise BadInput(f"sure = {sure:.6g}, responses = {responses}: sure must lie between 0 and 1, responses be >= 2")
    angle = 2 * np.pi * np.arange(responses) / responses
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    size = np.log((responses - 1) * sure / (1 - sure)) / (1 - np.cos(2 * np.pi / responses))
    return np.where(answer[:, None] < 0, 0.0, max(float(size), 0.0) * circle[answer]), circle


def _groups(examples: Examples) -> list[tuple[Any, int]]:
    """(mu_r, n) of the prompts of each response set, n its number of responses."""
    sets, group = np.unique(examples.exists, axis=0, return_inverse=True)
    answer, mu, group = examples.answer, examples.mu, group.reshape(-1)
    mine = [group == i for i in range(len(sets))]
    return [(_mass(mu[on], answer[on], sets.shape[1]), int(one.sum())) for on, one in zip(mine, sets, strict=True)]


def _mass(mu: Any, answer: Any, responses: int) -> Any:
    """mu_r: the mass of the prompts whose answer is r."""
    mass = np.full(responses, mu[0] * 0)  # a zero of the same arithmetic
    np.add.at(mass, answer, mu)
    return mass


def _ordered(mass: Any, scale: int | None) -> Any:
    """Sum of mu_(i) floor(i/2) over ``scale``, or, without one, over 1 + floor(i/2)."""
    falling = np.sort(mass)[::-1]
    passed = np.arange(len(mass)) // 2
    return (falling * passed / (1 + passed if scale is None else scale)).sum()
