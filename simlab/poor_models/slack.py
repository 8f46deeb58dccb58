"""Where the slack of Theorem 3 goes: four parts, none of which can be negative, that add up to it exactly.

With C = min|E_c| + 1, one valid response a prompt and w = 2 (1 - 1/C),

    err = w opt + family + threshold + unequal + nonsense,

    family = w (min_t err_iiv(f_t) - opt)               this member judges worse than the best of its family
    threshold = w (E_t[err_iiv(f_t)] - min_t err_iiv)   a density is judged at every threshold, not at its best
    unequal = w/2 sum of mu(c) p_hat(E_c|c) (1/(C - 1) - 1/|E_c|)   prompts with more choices than the fewest
    nonsense = p_hat(N) / C                             mass outside V and E is an error that D never shows

The first two are Theorem 4 (KNVZ 2025, arXiv 2509.04664 v1), the others its proof taken at its word; derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simlab.bounds import BoundReport, error_from_choices, error_from_choices_sharp, error_from_family
from simlab.errors import BadInput
from simlab.measures import calibration_gap, error
from simlab.pairs import ERROR, NONSENSE, Pairs
from simlab.poor_models.sharing import Optimum
from simlab.poor_models.thresholds import iiv_errors, mean_iiv_error

ROUNDING = 1e-12
"""A part of the slack no larger than this is what sums in floats leave of nothing; as a column it is 0."""


@dataclass(frozen=True)
class ChoiceMeasures:
    """Everything Theorems 3 and 4 speak of, for one member of a family; the parts are those of the module docstring."""

    error: Any
    choices: int
    opt: Optimum
    best_iiv_error: Any
    best_threshold: Any
    mean_iiv_error: Any
    calibration_gap: Any
    family: Any
    threshold: Any
    unequal: Any
    nonsense: Any

    @property
    def columns(self) -> dict[str, float]:
        """The measures as columns of a table of replicates."""
        names = ("best_iiv_error", "best_threshold", "mean_iiv_error")
        parts = {name: float(getattr(self, name)) for name in ("family", "threshold", "unequal", "nonsense")}
        return (
            {"opt_lower": float(self.opt.lower), "opt_upper": float(self.opt.upper)}
            | {name: float(getattr(self, name)) for name in names}
            | {f"part_{name}": part if abs(part) > ROUNDING else 0.0 for name, part in parts.items()}
        )

    @property
    def reports(self) -> tuple[BoundReport, ...]:
        """Theorem 3, Theorem 4 and Theorem 1 for a family, with the lower end of opt(G)."""
        opt, err = float(self.opt.lower), float(self.error)
        sharp = error_from_choices_sharp(
            float(self.mean_iiv_error),
            self.choices,
            err,
            best_iiv_error=float(self.best_iiv_error),
            unequal=float(self.unequal),
            nonsense=float(self.nonsense),
        )
        family = error_from_family(opt, 1, self.choices - 1, float(self.calibration_gap), err)
        return error_from_choices(opt, self.choices, err), sharp, family


def observe_choices(pairs: Pairs, opt: Optimum) -> ChoiceMeasures:
    """Return the measures of one density of a family with this ``opt``; exact where the table holds fractions.

    Where opt(G) is only bounded, ``family`` counts from its lower end. Raises ``BadInput`` where a prompt has several
    valid responses.
    """
    if pairs.n_valid.max() != 1:
        raise BadInput(
            f"a prompt has {pairs.n_valid.max()} valid responses: Theorems 3 and 4 are for one a prompt; "
            "make the world with idk=False"
        )
    choices = int(pairs.n_errors.min()) + 1
    one = type(pairs.p_hat[0])(1)  # in the arithmetic of the table
    factor = 2 * (one - one / choices)
    steps, mean = iiv_errors(pairs), mean_iiv_error(pairs)
    mass = pairs.weight * pairs.p_hat
    wrong = pairs.kind == ERROR
    short = one / (choices - 1) - one / pairs.n_errors[wrong]
    return ChoiceMeasures(
        error=error(pairs),
        choices=choices,
        opt=opt,
        best_iiv_error=steps.best,
        best_threshold=steps.best_threshold,
        mean_iiv_error=mean,
        calibration_gap=calibration_gap(pairs),
        family=factor * (steps.best - opt.lower),
        threshold=factor * (mean - steps.best),
        unequal=factor / 2 * (mass[wrong] * short).sum(),
        nonsense=one / choices * mass[pairs.kind == NONSENSE].sum(),
    )
