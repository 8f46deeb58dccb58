"""Good-Turing in the mean, exactly: expected singleton rate, expected missing mass, and the bias between them.

A world is given by classes: ``multiplicity`` facts of a class, each of which one draw states with probability
``popularity`` (mu' = mu alpha). All sums are over classes, so that 1e18 facts cost as much as their classes, and
every term is a product of positive factors, so that none loses digits whatever N is.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from simlab.bounds.domain import ROUNDING, whole
from simlab.errors import BadInput


def expected_singleton_rate(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return E[sr] = sum m p (1 - p)^(N-1) over the classes.

    ``popularity`` p is the probability that one draw states a given fact of the class, ``multiplicity`` m the
    number of such facts, ``draws`` N. Raises ``BadInput`` unless the p are probabilities, the m whole, and
    sum m p <= 1 (up to 1e-9). Source: arXiv 2509.04664 v1, Definition 2; direct.
    """
    p, m, n = world_of(popularity, multiplicity, draws)
    return float(np.sum(m * p * unseen(p, n - 1)))


def expected_missing_mass(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return E[MM] = sum m p (1 - p)^N over the classes; arguments and errors as in ``expected_singleton_rate``."""
    p, m, n = world_of(popularity, multiplicity, draws)
    return float(np.sum(m * p * unseen(p, n)))


def good_turing_bias(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> float:
    """Return E[sr] - E[MM] = sum m p^2 (1 - p)^(N-1), which lies in [0, 1/N].

    Summed as it stands, not as a difference, so that it keeps its digits where both means are nearly equal.
    Arguments and errors as in ``expected_singleton_rate``. Source: McAllester & Schapire 2000, Theorem 1.
    """
    p, m, n = world_of(popularity, multiplicity, draws)
    return float(np.sum(m * p * p * unseen(p, n - 1)))


def unseen(p: Float[np.ndarray, "*shape"], draws: int) -> Float[np.ndarray, "*shape"]:
    """Return (1 - p)^draws, the probability that ``draws`` draws leave a fact out, with 0^0 = 1, for any shape of p."""
    if draws == 0:
        return np.ones_like(p)
    with np.errstate(divide="ignore"):  # p = 1: log1p is -inf and the power 0, as it should be
        return np.asarray(np.exp(draws * np.log1p(-p)))


def world_of(
    popularity: Float[np.ndarray, " classes"], multiplicity: Num[np.ndarray, " classes"], draws: int
) -> tuple[Float[np.ndarray, " classes"], Float[np.ndarray, " classes"], int]:
    """Return popularity, multiplicity (as floats) and N once they are known to describe a world.

    Raises ``BadInput`` for lengths that differ, a popularity outside [0, 1], a multiplicity that is not a whole
    number, a total probability above 1 (up to 1e-9) and a number of draws that is not whole and positive.
    """
    p = np.asarray(popularity, dtype=float)
    m = np.asarray(multiplicity, dtype=float)
    if p.shape != m.shape or p.ndim != 1:
        raise BadInput(f"popularity has shape {p.shape} and multiplicity {m.shape}: give one number a class in each")
    wrong = ~((p >= 0) & (p <= 1 + ROUNDING))
    if wrong.any():
        raise BadInput(f"popularity = {p[wrong][0]:.6g}: must be a probability from 0 to 1")
    wrong = ~((m >= 0) & (m < np.inf) & (m == np.floor(m)))
    if wrong.any():
        raise BadInput(f"multiplicity = {m[wrong][0]:.6g}: must be a whole number of facts, at least 0")
    total = float(np.sum(m * p))
    if total > 1 + ROUNDING:
        raise BadInput(
            f"popularity times multiplicity sums to {total:.12g}: must be at most 1; divide popularity by the sum"
        )
    return np.minimum(p, 1.0), m, whole("draws", draws)
