"""What is observed: pure functions of the table of pairs, each a sum that is exact.

Symbols (KNVZ 2025, arXiv 2509.04664, section 3.2): K = min|E_c|, k = max|V_c|, A = {p_hat(r|c) > 1/K} (strict), and D
draws x ~ p with probability 1/2, else c ~ mu and r uniform on E_c. The sums of Theorem 1 (error, iiv_error,
calibration_gap, slack_parts) work in any arithmetic that NumPy's object arrays carry: of fractions they are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlab.corpora import A_CORPUS, A_WORLD, Corpus, Listed
from simlab.errors import check_type
from simlab.pairs import ERROR, VALID, Pairs
from simlab.worlds import World


@dataclass(frozen=True)
class Measures:
    """Everything Theorem 1 speaks of, for one table of pairs; names as in the table of symbols."""

    error: Any
    iiv_error: Any
    calibration_gap: Any
    over: Any
    room: Any
    gap: Any
    n_valid_max: int
    n_errors_min: int
    cross_entropy: float
    miscalibration: float

    @property
    def valid_over_errors(self) -> Any:
        """k / K = max|V_c| / min|E_c|."""
        return self.n_valid_max / self.n_errors_min

    @property
    def columns(self) -> dict[str, float]:
        """The measures as columns of a table of replicates."""
        names = ("error", "iiv_error", "calibration_gap", "valid_over_errors", "over", "room", "gap")
        return {name: float(getattr(self, name)) for name in (*names, "cross_entropy", "miscalibration")}


def threshold(pairs: Pairs) -> Any:
    """1 / K = 1 / min|E_c|: above it (strictly) the model's own density calls a response valid."""
    return _one(pairs) / int(pairs.n_errors.min())


def _one(pairs: Pairs) -> Any:
    """1 in the arithmetic of the table: a float, or a fraction where the table holds fractions."""
    return type(pairs.p_hat[0])(1)


def _mass(pairs: Pairs, density: Any, rows: Any) -> Any:
    """Sum of multiplicity * mu * density over ``rows``: the mass that p, p_hat or D puts there."""
    return (pairs.weight[rows] * density[rows]).sum()


def error(pairs: Pairs) -> Any:
    """err = p_hat(E) = sum of mu(c) p_hat(r|c) over erroneous pairs, nonsense included."""
    return _mass(pairs, pairs.p_hat, pairs.kind != VALID)


def iiv_density(pairs: Pairs) -> Any:
    """D(c, r) / mu(c) of each pair: p(r|c) / 2 where valid, 1 / (2 |E_c|) where an error, 0 for nonsense."""
    false = _one(pairs) / (2 * pairs.n_errors)
    return np.where(pairs.kind == VALID, pairs.p / 2, np.where(pairs.kind == ERROR, false, 0))


def iiv_error(pairs: Pairs) -> Any:
    """err_iiv = D(A \\ V) + D(V \\ A): the Is-It-Valid error of the classifier "valid iff p_hat(r|c) > 1/K"."""
    above = pairs.p_hat > threshold(pairs)
    return _mass(pairs, iiv_density(pairs), above != (pairs.kind == VALID))


def calibration_gap(pairs: Pairs, z: Any = None) -> Any:
    """delta_z = |p_hat(A) - p(A)|, A = {p_hat(r|c) > z}; z = 1/K, Theorem 1's threshold, unless given."""
    return abs(signed_gap(pairs, z))


def signed_gap(pairs: Pairs, z: Any = None) -> Any:
    """p_hat(A) - p(A): the derivative dL/ds at s = 1 of the cross-entropy when p_hat is scaled by s on A."""
    above = pairs.p_hat > (threshold(pairs) if z is None else z)
    return _mass(pairs, pairs.p_hat - pairs.p, above)


def slack_parts(pairs: Pairs) -> tuple[Any, Any, Any]:
    """Return (over, room, gap), each >= 0, with err = 2 err_iiv - k/K - delta + over + room + gap exactly.

    over = p_hat(A \\ V) - 2 D(A \\ V): false answers above the threshold weigh more than the threshold;
    room = k/K - p_hat(V \\ A): valid answers below it did not use all their room;
    gap = delta - (p_hat(A) - p(A)), which is 0 or 2 delta: the sign of the miscalibration.
    """
    above, valid = pairs.p_hat > threshold(pairs), pairs.kind == VALID
    false_above = above & ~valid
    over = _mass(pairs, pairs.p_hat - 2 * iiv_density(pairs), false_above)
    room = int(pairs.n_valid.max()) * threshold(pairs) - _mass(pairs, pairs.p_hat, valid & ~above)
    signed = signed_gap(pairs)
    return over, room, abs(signed) - signed


def cross_entropy(pairs: Pairs) -> float:
    """L = E_{(c,r)~p}[-ln p_hat(r|c)] in nats a draw; infinite where p_hat = 0 and p > 0."""
    weight = (pairs.weight * pairs.p).astype(float)
    rows = weight > 0
    with np.errstate(divide="ignore"):
        return -float((weight[rows] * np.log(pairs.p_hat[rows].astype(float))).sum())


def miscalibration(pairs: Pairs, *, relative: float = 1e-12) -> float:
    """Mis = 1/2 sum over the level sets B of p_hat(r|c) of |p(B) - p_hat(B)| (Kalai & Vempala 2024, finest partition).

    Values within ``relative`` of their neighbour share a level, so that rounding splits none.
    """
    order = np.argsort(pairs.p_hat, kind="stable")
    level = pairs.p_hat[order].astype(float)
    start = np.flatnonzero(np.append(True, np.diff(level) > relative * level[1:]))
    excess = (pairs.weight * (pairs.p_hat - pairs.p))[order]
    return float(abs(np.add.reduceat(excess, start)).sum() / 2)


def observe(pairs: Pairs) -> Measures:
    """Return all measures of a table of pairs."""
    check_type("pairs", pairs, Pairs, "a table of pairs: tabulate(world, corpus, fit, streams)")
    return Measures(
        error(pairs),
        iiv_error(pairs),
        calibration_gap(pairs),
        *slack_parts(pairs),
        int(pairs.n_valid.max()),
        int(pairs.n_errors.min()),
        cross_entropy(pairs),
        miscalibration(pairs),
    )


def missing_mass(world: World, corpus: Corpus | Listed) -> float:
    """MM = sum of mu'(c) = mu(c) alpha_c over the facts c that the corpus never answered."""
    return _over_unseen(world, corpus, 1)


def missing_squares(world: World, corpus: Corpus | Listed) -> float:
    """Sum of mu'(c)^2 over the facts never answered: the variance term of Lemma 2 given the training data."""
    return _over_unseen(world, corpus, 2)


def _over_unseen(world: World, corpus: Corpus | Listed, power: int) -> float:
    """Sum of a power of mu'(c) over the facts never answered."""
    check_type("world", world, World, A_WORLD)
    check_type("corpus", corpus, (Corpus, Listed), A_CORPUS)
    weight = world.answered_popularity**power
    if isinstance(corpus, Listed):
        return float(weight[corpus.fact_class][corpus.times_answered == 0].sum())
    unseen = ~corpus.answered
    return float((corpus.facts[unseen] * weight[corpus.fact_class[unseen]]).sum())
