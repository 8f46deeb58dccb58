"""The floors that a table implies for the error of a model trained on it, and what an abstaining model pays instead.

All take the rows for i.i.d. draws and the answers for arbitrary: uniform on |R_c| plausible ones, so that nothing but
a row of its own tells a prompt's answer. The published floor is for one table, at 99 %; the sharp form is in
expectation and loses 1/N only; the certified floor puts the certificate of the missing mass into the sharp form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from simlab import bounds
from simlab.audit.growing import draws_until
from simlab.bounds.report import BoundReport
from simlab.missing_mass import CountsOfCounts, Estimate, certificate

if TYPE_CHECKING:
    from simlab.worlds import World

ABSTAINED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares q of the answers never seen on which a model abstains, at which the frontier is told."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The sizes of the answer sets: |R_c|, min|E_c|, max|E_c|, max|V_c|, and whether |R_c| was told or counted.

    ``commonest`` is the share of the answered rows that state the commonest answer: where it is large, answers are not
    as arbitrary as the floors take them for.
    """

    answers: int
    n_errors_min: int
    n_errors_max: int
    n_valid_max: int
    told: bool
    commonest: float = 0.0

    @property
    def valid_over_errors(self) -> float:
        """k/K = max|V_c| / min|E_c|."""
        return self.n_valid_max / self.n_errors_min

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, with 1/min|E_c| and k/K."""
        return {
            "answers": self.answers,
            "told": self.told,
            "commonest": self.commonest,
            "n_errors_min": self.n_errors_min,
            "n_errors_max": self.n_errors_max,
            "n_valid_max": self.n_valid_max,
            "one_over_errors": 1 / self.n_errors_min,
            "valid_over_errors": self.valid_over_errors,
        }


@dataclass(frozen=True, slots=True)
class Idk:
    """The rows that say IDK: their share of N, and the singleton rate and every floor per answered row.

    A calibrated model answers ``1 - share`` of all prompts drawn, so that a floor for its errors among all prompts,
    divided by that, is one for its errors among its answers.
    """

    share: float
    singleton_rate: float
    sharp: float
    certified: float
    published: float


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """A model that abstains on a share ``abstained`` of what it never saw: its error, and the delta that it pays."""

    abstained: float
    error: float
    calibration_gap: float


@dataclass(frozen=True, slots=True)
class Floors:
    """Every floor of one table, all for delta = 0: see the module.

    ``sharp_draws_needed`` is the least N at which the sharp form is above 0 with sr held, ``certified_draws_needed``
    about that at which the certified one is, all counts of counts growing alike; None if there is none.
    """

    sharp: BoundReport
    sharp_draws_needed: int | None
    certified: BoundReport
    certified_draws_needed: int | None
    confidence: float
    published: BoundReport
    idk: Idk | None
    frontier: tuple[FrontierPoint, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "sharp": told(self.sharp) | {"draws_needed": self.sharp_draws_needed},
            "certified": told(self.certified)
            | {"draws_needed": self.certified_draws_needed, "confidence": self.confidence},
            "published": told(self.published),
            "idk": None if self.idk is None else {name: getattr(self.idk, name) for name in Idk.__slots__},
            "frontier": [{name: getattr(point, name) for name in FrontierPoint.__slots__} for point in self.frontier],
        }


def told(report: BoundReport) -> dict[str, Any]:
    """A report of a bound for JSON; ``draws_needed`` is None where N does not enter and where no N is enough."""
    needed = report.draws_needed
    return {
        "slug": report.slug,
        "name": report.name,
        "source": report.source,
        "value": report.value,
        "vacuous": report.vacuous,
        "level": report.level,
        "draws_needed": None if needed is None or math.isinf(needed) else int(needed),
        "terms": dict(report.terms),
        "sentence": report.sentence(),
    }


def answers_of(world: World, told: bool, commonest: float) -> Answers:
    """The sizes of the answer sets of the world of a table."""
    errors = world.n_errors
    return Answers(
        answers=int(world.answers.max()),
        n_errors_min=int(errors.min()),
        n_errors_max=int(errors.max()),
        n_valid_max=world.n_valid,
        told=told,
        commonest=commonest,
    )


def floors_of(counts: CountsOfCounts, answers: Answers, certified_mass: Estimate) -> Floors:
    """Return the floors of a table: err >= sr - 2/K - (35 + 6 ln N)/sqrt(N) - delta as published (Theorem 2),
    E[err] + E[delta] >= sr - 1/N - k/K (sharp form; E[MM] >= E[sr] - 1/N), and x - k/K with the certificate MM >= x.
    """
    draws, rate = counts.draws, counts.singleton_rate
    sharp, certified = _sharp(rate - 1 / draws, answers), _sharp(certified_mass.low, answers)
    published = bounds.error_from_singletons(rate, draws, answers.n_errors_min, 0.0)
    margin = rate - answers.valid_over_errors
    return Floors(
        sharp=sharp,
        sharp_draws_needed=_sharp_from(rate, answers) if margin > 1e-18 else None,
        certified=certified,
        certified_draws_needed=_certified_from(counts, answers, certified_mass) if margin > 1e-18 else None,
        confidence=certified_mass.level,
        published=published,
        idk=_idk(counts, sharp.value, certified.value, published.value),
        frontier=frontier(rate, answers.n_errors_max),
    )


def _sharp_from(rate: float, answers: Answers) -> int:
    """The least N at which sr - 1/N - k/K is above 0, in the arithmetic of the floor itself."""
    least = math.floor(1 / (rate - answers.valid_over_errors)) + 1
    return least + _sharp(rate - 1 / least, answers).vacuous


def _certified_from(counts: CountsOfCounts, answers: Answers, certified_mass: Estimate) -> int | None:
    """About the least N at which the certified floor is above 0, all counts of counts growing alike.

    The certificate then rises to sr, so that there is such an N where sr - k/K is above 0.
    """
    gamma, least = 1 - certified_mass.level, answers.valid_over_errors
    return draws_until(counts, lambda grown: certificate(grown, gamma=gamma).low > least)


def _idk(counts: CountsOfCounts, *floors: float) -> Idk | None:
    if not counts.idk:
        return None
    answered = 1 - counts.idk / counts.draws
    return Idk(counts.idk / counts.draws, counts.singleton_rate / answered, *(floor / answered for floor in floors))


def frontier(missing_mass: float, n_errors_max: int) -> tuple[FrontierPoint, ...]:
    """What abstaining buys: at a share q of the unseen answers' mass, err = (1 - q) MM L/(L + 1) and delta = q MM.

    L = max|E_c|. This is the calibrated algorithm of Theorem 2, moving the share q of each unseen prompt's answers to
    IDK; between the ends it takes p_hat(IDK|c) > 1/K there, which holds for q > 1/K.
    """
    lucky = n_errors_max / (n_errors_max + 1)
    return tuple(FrontierPoint(q, (1 - q) * missing_mass * lucky, q * missing_mass) for q in ABSTAINED)


def floors_along(
    singleton_rate: float, answers: Answers, draws: int
) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"]]:
    """N from 10 to beyond ``draws`` and 1e10, and there the sharp floor and the published one, all else held."""
    sizes = np.unique(np.round(np.logspace(1, max(10.0, math.log10(draws) + 1), 200)))
    sharp = [_sharp(singleton_rate - 1 / n, answers).value for n in sizes]
    published = [bounds.error_from_singletons(singleton_rate, int(n), answers.n_errors_min, 0.0).value for n in sizes]
    return sizes, np.array(sharp), np.array(published)


def _sharp(missing_mass: float, answers: Answers) -> BoundReport:
    return bounds.error_from_singletons_sharp(
        max(missing_mass, 0.0), answers.n_errors_min, 0.0, n_valid_max=answers.n_valid_max
    )
