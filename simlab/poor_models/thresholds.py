"""A density as a judge, at every threshold: f_t says "valid iff p_hat(r|c) > t", and err_iiv(f_t) is a step function.

Each response leaves the valid ones when t reaches its p_hat, so one sort gives err_iiv(f_t) at all t in [0, 1]. Its
mean over a uniform t needs none: a response is called valid by a share p_hat(r|c) of all t, so

    E_t[err_iiv(f_t)] = sum over valid pairs of D (1 - p_hat) + sum over erroneous pairs of D p_hat.

Everything is exact in the arithmetic of the table: of fractions the results are fractions. Mass outside V and E is no
example of D and is judged by nobody. Source: KNVZ 2025, arXiv 2509.04664 v1, section 3.3.2 and Appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.errors import BadInput
from simlab.measures import iiv_density
from simlab.pairs import ERROR, VALID, Pairs
from simlab.records import brief

TIE = 1e-12
"""Errors that differ by less are those of equally good thresholds, summed in another order."""


@brief
@dataclass(frozen=True, eq=False)
class Steps:
    """err_iiv(f_t) for all t in [0, 1]: ``iiv_error[i]`` from t = ``start[i]`` on, up to but not with the next start.

    The last step lasts up to t = 1 and with it.
    """

    start: Float[np.ndarray, " steps"]
    iiv_error: Float[np.ndarray, " steps"]

    @property
    def best(self) -> Any:
        """The least err_iiv(f_t) of any t in [0, 1]."""
        return self.iiv_error.min()

    @property
    def best_threshold(self) -> Any:
        """The smallest t at which err_iiv(f_t) is least; of floats, within ``TIE`` of it, lest rounding choose."""
        tie = 0 if self.iiv_error.dtype == object else TIE
        return self.start[np.flatnonzero(self.iiv_error <= self.best + tie)[0]]

    @property
    def mean(self) -> Any:
        """The integral of err_iiv(f_t) over t in [0, 1], step by step; ``mean_iiv_error`` sums it without sorting."""
        widths = np.append(self.start[1:], type(self.start[0])(1)) - self.start
        return (widths * self.iiv_error).sum()

    def at(self, t: Any) -> Any:
        """err_iiv(f_t). Raises ``BadInput`` for a t outside [0, 1]."""
        return self.iiv_error[np.searchsorted(self.start, _threshold(t), side="right") - 1]


def iiv_errors(pairs: Pairs) -> Steps:
    """Return err_iiv(f_t) at every threshold t in [0, 1], f_t = + iff p_hat(r|c) > t (strictly).

    The cost is one sort of the rows. Rows whose p_hat differ in the last digit are told apart, as the definition
    says. Raises ``BadInput`` where p_hat is not a number.
    """
    p_hat = _checked(pairs)
    density, valid = pairs.weight * iiv_density(pairs), pairs.kind == VALID
    start, step = np.unique(np.append(p_hat, type(p_hat[0])(0)), return_inverse=True)
    true, false = start * 0, start * 0
    np.add.at(true, step[:-1][valid], density[valid])
    np.add.at(false, step[:-1][~valid], density[~valid])
    missed = np.cumsum(true)  # p_hat <= start: sums of what is not negative, so that no error falls below 0
    passed = np.append(np.cumsum(false[::-1])[::-1][1:], false[0] * 0)  # p_hat > start
    return Steps(start, missed + passed)


def iiv_error_at(pairs: Pairs, t: Any) -> Any:
    """err_iiv(f_t) = D(f_t = +, not valid) + D(f_t = -, valid) at one threshold t, by its definition.

    Raises ``BadInput`` for a t outside [0, 1] and where p_hat is not a number.
    """
    wrong = (_checked(pairs) > _threshold(t)) != (pairs.kind == VALID)
    return (pairs.weight * iiv_density(pairs))[wrong].sum()


def mean_iiv_error(pairs: Pairs) -> Any:
    """E_t[err_iiv(f_t)] for t uniform on [0, 1], exactly. Raises ``BadInput`` where p_hat is not a number."""
    p_hat, density = _checked(pairs), pairs.weight * iiv_density(pairs)
    missed = (density * (1 - p_hat))[pairs.kind == VALID].sum()
    return missed + (density * p_hat)[pairs.kind == ERROR].sum()


def _checked(pairs: Pairs) -> Any:
    """p_hat, all of it numbers and none of them rounded above 1."""
    p_hat = pairs.p_hat
    if p_hat.dtype != object and not np.isfinite(p_hat).all():
        row = int(np.flatnonzero(~np.isfinite(p_hat))[0])
        raise BadInput(f"p_hat of row {row} is {p_hat[row]}: a model that diverged is no density; leave it out")
    return np.minimum(p_hat, type(p_hat[0])(1))


def _threshold(t: Any) -> Any:
    if not 0 <= t <= 1:
        raise BadInput(f"t = {t}: a threshold must lie between 0 and 1")
    return t
