"""What a fitted table has stored: accuracy, bits, bits a parameter, and how long training knew nothing.

The surprise of a fact is -ln p_hat(a_c|c), in nats. A model that knows which values an attribute can have, and no fact,
gives each of them 1 / |R_c|: its mean surprise, the no-knowledge baseline, is the mean of ln|R_c|.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput
from simlab.terminal.numerals import count


def surprises(
    p_hat: Float[np.ndarray, "facts responses"], correct: Int[np.ndarray, " facts"]
) -> Float[np.ndarray, " facts"]:
    """-ln p_hat(a_c|c) of each fact in nats; infinite where a model excludes the right answer."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(p_hat[np.arange(len(correct)), correct]))


def accuracy(p_hat: Float[np.ndarray, "facts responses"], correct: Int[np.ndarray, " facts"]) -> float:
    """Share of facts whose right answer is the one likeliest response; a tie is no knowledge and counts as wrong.

    Raises ``BadInput`` where an entry is not a number.
    """
    if np.isnan(p_hat).any():
        raise BadInput("p_hat has entries that are no numbers: the fit diverged, and has no accuracy")
    rows = np.arange(len(correct))
    right = p_hat[rows, correct]
    others = p_hat.copy()
    others[rows, correct] = -np.inf
    return float((right > others.max(1)).mean())


def no_knowledge(answers: Int[np.ndarray, " facts"]) -> float:
    """Mean of ln|R_c|, in nats: the surprise of a model that knows the values of an attribute and no fact.

    Zucchet et al. 2025 (arXiv 2503.21676): 6.79 nats for their six attributes. Raises ``BadInput`` where there is no
    fact, or one without values.
    """
    if len(answers) == 0:
        raise BadInput("answers is empty: give the number of values of at least one fact")
    count("answers", np.min(answers), 1)
    return float(np.log(answers).mean())


def bits_stored(
    surprise: Float[np.ndarray, " facts"], answers: Int[np.ndarray, " facts"], attribute: Int[np.ndarray, " facts"]
) -> float:
    """Return a lower bound on the bits that the model holds about facts with independent, uniform values.

    bits = sum over attributes a of max(0, sum over facts c of a of (log2|R_c| - surprise_c / ln 2)). It is the value
    term N K log2(D^C / e^loss) of Theorem 3.2 of Allen-Zhu & Li 2024 (arXiv 2404.05405), with the exact mean of the
    surprise over all facts in place of a sampled loss, and without their terms for names and for the sets of values,
    which are given to every model here. An attribute of which the model knows less than nothing counts as 0: the
    baseline could be given instead. As in the theorem the bound holds for the mean over worlds, since a density may
    be lucky about one world; over F facts luck is of order sqrt(F) bits. Raises ``BadInput`` where the arrays differ in
    length, or a surprise is not a number.
    """
    if not len(surprise) == len(answers) == len(attribute):
        raise BadInput(
            f"{len(surprise)} surprises, {len(answers)} sizes and {len(attribute)} attributes: give one of each a fact"
        )
    if np.isnan(surprise).any():
        raise BadInput("a surprise is not a number: the fit diverged, and has stored nothing that could be counted")
    gained = np.log2(answers) - surprise / math.log(2)
    return float(sum(max(0.0, gained[attribute == a].sum()) for a in np.unique(attribute)))


@dataclass(frozen=True)
class Plateau:
    """How many steps training spent at or above a threshold: between ``low`` and ``high``, estimated by ``length``.

    ``ended`` is False where the loss never came below the threshold: ``length`` and ``low`` are then the last step
    that was looked at, and ``high`` is infinite.
    """

    length: float
    low: float
    high: float
    ended: bool


def plateau(
    steps: Sequence[float], losses: Sequence[float], baseline: float, *, below: float = 0.1, stay: int = 1
) -> Plateau:
    """Return how long the loss took to leave the no-knowledge ``baseline``.

    The plateau ends at the first look from which on ``stay`` looks in a row lie under (1 - below) * baseline: a dip of
    fewer looks is chance, and to come back after so many is to forget, not to wait. ``low`` and ``high`` are that look
    and the one before it, and ``length`` is where the straight line between them passes the threshold. What the loss
    does between two looks is not known: look often, and the interval is short. A loss that is under it for fewer than
    ``stay`` looks at the end has not been seen to leave. Raises ``BadInput`` where steps do not increase, losses are
    not numbers, the baseline is not positive and finite, ``below`` is no share, or ``stay`` no count.
    """
    at, loss = np.asarray(steps, dtype=float), np.asarray(losses, dtype=float)
    if len(at) != len(loss) or len(at) < 1 or not (np.diff(at) > 0).all():
        raise BadInput(f"{len(at)} steps and {len(loss)} losses: give one loss a step, and steps that increase")
    if np.isnan(loss).any():
        raise BadInput("a loss is not a number: the fit diverged, and its plateau has no end")
    if not 0.0 < baseline < math.inf:
        raise BadInput(f"baseline = {baseline:.6g}: must be positive and finite")
    if not 0.0 < below < 1.0:
        raise BadInput(f"below = {below:.6g}: must lie strictly between 0 and 1")
    stay = count("stay", stay, 1)
    threshold = (1.0 - below) * baseline
    under = np.append(0, np.cumsum(loss < threshold))
    runs = np.flatnonzero(under[stay:] - under[:-stay] == stay)
    if len(runs) == 0:
        return Plateau(float(at[-1]), float(at[-1]), math.inf, ended=False)
    first = int(runs[0])
    if first == 0:
        return Plateau(float(at[0]), 0.0, float(at[0]), ended=True)
    before, after = loss[first - 1], loss[first]
    share = (before - threshold) / (before - after) if math.isfinite(before) else 1.0
    low, high = float(at[first - 1]), float(at[first])
    return Plateau(low + float(share) * (high - low), low, high, ended=True)


def exponent(sizes: Sequence[float], lengths: Sequence[float]) -> tuple[float, float]:
    """Return b of length = a size^b by least squares on logarithms, and its standard error from the residuals.

    Needs three points or more, all positive; raises ``BadInput`` otherwise.
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(lengths, dtype=float)
    if len(x) != len(y) or len(x) < 3 or not ((x > 0).all() and (y > 0).all() and np.isfinite(y).all()):
        raise BadInput(f"{len(x)} sizes and {len(y)} lengths: give three positive pairs or more")
    x, y = np.log(x), np.log(y)
    spread = ((x - x.mean()) ** 2).sum()
    if spread == 0.0:
        raise BadInput(f"sizes = {list(sizes)}: must not all be equal")
    slope = float(((x - x.mean()) * y).sum() / spread)
    residual = y - y.mean() - slope * (x - x.mean())
    return slope, float(np.sqrt((residual**2).sum() / (len(x) - 2) / spread))
