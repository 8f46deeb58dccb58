"""Facts seen once bound the error on facts never seen: Theorem 2, its matching upper bound, and sharper forms.

The published lower bound loses (35 + 6 ln N)/sqrt(N), more than 1 for every N <= 7,892; the form in expectation
(``error_from_singletons_sharp``) loses nothing of the kind and says something at every N.
"""

from __future__ import annotations

import math

from simlab.bounds.domain import observed_rate, probability, rate, whole
from simlab.bounds.report import KNVZ, BoundReport, Theorem
from simlab.bounds.vacuity import draws_until

FACTOR = 6.0
"""What multiplies ln N in the deviation of Theorem 2 and Lemma 2."""
_EXPERIMENT = "experiments/error_from_singletons.py"

THEOREM_2 = Theorem(
    slug="error_from_singletons",
    name="Theorem 2",
    kind="probability",
    direction="lower",
    quantity="error",
    statement="error >= singleton_rate - 2/min|E_c| - (35 + 6 ln N)/sqrt(N) - calibration_gap with probability "
    "0.99, for every algorithm; 6 ln(3N/gamma)/sqrt(N) with probability 1 - gamma",
    source=f"{KNVZ}, Theorem 2",
    test="tests/test_bounds.py::test_published_vacuity_table_of_theorem_2",
    experiment=_EXPERIMENT,
)
THEOREM_2_UPPER = Theorem(
    slug="error_from_singletons_upper",
    name="Theorem 2, upper bound",
    kind="probability",
    direction="upper",
    quantity="error",
    statement="error <= singleton_rate - singleton_rate/(max|E_c| + 1) + 13/sqrt(N) with probability 0.99, for the "
    "calibrated algorithm; 5 sqrt(ln(5/gamma)/N) with probability 1 - gamma",
    source=f"{KNVZ}, Theorem 2 (second part)",
    test="tests/test_bounds.py::test_published_vacuity_table_of_theorem_2",
    experiment=_EXPERIMENT,
)
SHARP = Theorem(
    slug="error_from_singletons_sharp",
    name="Theorem 2 in expectation",
    kind="expectation",
    direction="lower",
    quantity="error",
    statement="E[error] >= E[missing_mass] - max|V_c|/min|E_c| - E[calibration_gap], for every algorithm and every N",
    source=f"derived from the proofs of {KNVZ}, Theorem 1 and Lemma 2 (E[gamma_c] = 1/2)",
    test="tests/test_bounds.py::test_sharp_form_takes_the_missing_mass_as_is",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)
LEMMA_2 = Theorem(
    slug="iiv_from_singletons",
    name="Lemma 2",
    kind="probability",
    direction="lower",
    quantity="2 iiv_error",
    statement="2 iiv_error >= singleton_rate - 6 ln(3N/gamma)/sqrt(N) with probability 1 - gamma, for every algorithm",
    source=f"{KNVZ}, Lemma 2",
    test="tests/test_bounds.py::test_iiv_from_singletons_precedes_theorem_2",
    experiment=_EXPERIMENT,
)
LEMMA_2_SHARP = Theorem(
    slug="iiv_from_missing_mass",
    name="Lemma 2 given the training data",
    kind="probability",
    direction="lower",
    quantity="2 iiv_error",
    statement="2 iiv_error >= missing_mass - sqrt(2 ln(1/gamma) sum of (mu alpha)^2 over unanswered prompts) with "
    "probability 1 - gamma over their answers",
    source=f"derived from the proof of {KNVZ}, Lemma 2 (Hoeffding's inequality, given the training data)",
    test="tests/test_bounds.py::test_iiv_from_missing_mass_is_hoeffding",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)


def _constant(gamma: float | None) -> float:
    """Return c of the deviation (c + 6 ln N)/sqrt(N): 35 as published, or 6 ln(3/gamma)."""
    return 35.0 if gamma is None else 6 * (math.log(3) - math.log(probability("gamma", gamma)))


def error_from_singletons(
    singleton_rate: float,
    draws: int,
    n_errors_min: int,
    calibration_gap: float,
    *,
    gamma: float | None = None,
    error: float | None = None,
) -> BoundReport:
    """Return Theorem 2: err >= sr - 2/min|E_c| - deviation - delta, for any algorithm.

    The deviation is (35 + 6 ln N)/sqrt(N) at 99% (``gamma`` None, as published) or 6 ln(3N/gamma)/sqrt(N) at
    1 - ``gamma``, jointly over the answers and the N = ``draws`` examples, IDK rows included; sr is the share of
    *all* examples whose prompt is answered exactly once. Raises ``BadInput`` outside the ranges.
    Source: arXiv 2509.04664 v1, Theorem 2.
    """
    n = whole("draws", draws)
    constant = _constant(gamma)
    singletons, gap = rate("singleton_rate", singleton_rate), rate("calibration_gap", calibration_gap)
    valid_over_errors = 2 / whole("n_errors_min", n_errors_min)
    deviation = (constant + FACTOR * math.log(n)) / math.sqrt(n)
    margin = singletons - valid_over_errors - gap
    terms = {
        "singleton_rate": singletons,
        "valid_over_errors": valid_over_errors,
        "deviation": deviation,
        "calibration_gap": gap,
    }
    return THEOREM_2.report(
        margin - deviation,
        observed_rate("error", error),
        terms,
        level=0.99 if gamma is None else 1 - gamma,
        draws_needed=draws_until(margin, constant, FACTOR),
    )


def error_from_singletons_upper(
    singleton_rate: float,
    draws: int,
    n_errors_max: int,
    *,
    gamma: float | None = None,
    error: float | None = None,
) -> BoundReport:
    """Return the upper bound that goes with Theorem 2, for the calibrated algorithm of its proof and for no other.

    err <= sr - sr/(max|E_c| + 1) + deviation, where the deviation is 13/sqrt(N) at 99% (``gamma`` None, as
    published) or 5 sqrt(ln(5/gamma)/N) at 1 - ``gamma``. Raises ``BadInput`` outside the ranges.
    Source: arXiv 2509.04664 v1, Theorem 2 (second part).
    """
    n = whole("draws", draws)
    constant = 13.0 if gamma is None else 5 * math.sqrt(math.log(5) - math.log(probability("gamma", gamma)))
    singletons = rate("singleton_rate", singleton_rate)
    lucky = singletons / (whole("n_errors_max", n_errors_max) + 1)
    deviation = constant / math.sqrt(n)
    return THEOREM_2_UPPER.report(
        singletons - lucky + deviation,
        observed_rate("error", error),
        {"singleton_rate": singletons, "lucky_guesses": lucky, "deviation": deviation},
        level=0.99 if gamma is None else 1 - gamma,
        draws_needed=draws_until(1 - (singletons - lucky), constant),
    )


def error_from_singletons_sharp(
    expected_missing_mass: float,
    n_errors_min: int,
    calibration_gap: float,
    error: float | None = None,
    n_valid_max: int = 2,
) -> BoundReport:
    """Return Theorem 2 in expectation: E[err] + E[delta] >= E[MM] - max|V_c|/min|E_c|, for any algorithm.

    The report of one replicate has the slack err + delta - (E[MM] - k/K), whose *mean* is at least 0; a single one
    may be negative. The replicate's own missing mass may stand for E[MM], since the statement holds given the
    training data: the slack then varies less. ``n_valid_max`` is 2 with IDK and 1 without. Raises ``BadInput``
    outside the ranges. Source: derived; given the data E[2 err_iiv] >= MM because p_hat cannot depend on an unseen
    answer (arXiv 2509.04664 v1, proof of Lemma 2), and Theorem 1 does the rest.
    """
    missing, gap = rate("expected_missing_mass", expected_missing_mass), rate("calibration_gap", calibration_gap)
    valid_over_errors = whole("n_valid_max", n_valid_max) / whole("n_errors_min", n_errors_min)
    return SHARP.report(
        missing - valid_over_errors - gap,
        observed_rate("error", error),
        {"expected_missing_mass": missing, "valid_over_errors": valid_over_errors, "calibration_gap": gap},
    )


def iiv_from_singletons(
    singleton_rate: float, draws: int, gamma: float = 0.01, iiv_error: float | None = None
) -> BoundReport:
    """Return Lemma 2: 2 err_iiv >= sr - 6 ln(3N/gamma)/sqrt(N) with probability 1 - gamma, for any algorithm.

    The report's quantity is 2 err_iiv. Raises ``BadInput`` outside the ranges.
    Source: arXiv 2509.04664 v1, Lemma 2.
    """
    n = whole("draws", draws)
    constant = _constant(gamma)
    singletons = rate("singleton_rate", singleton_rate)
    deviation = (constant + FACTOR * math.log(n)) / math.sqrt(n)
    return LEMMA_2.report(
        singletons - deviation,
        None if iiv_error is None else 2 * rate("iiv_error", iiv_error),
        {"singleton_rate": singletons, "deviation": deviation},
        level=1 - gamma,
        draws_needed=draws_until(singletons, constant, FACTOR),
    )


def iiv_from_missing_mass(
    missing_mass: float, sum_squared_unseen: float, gamma: float = 0.01, iiv_error: float | None = None
) -> BoundReport:
    """Return 2 err_iiv >= MM - sqrt(2 ln(1/gamma) S) with probability 1 - gamma over the unseen answers.

    S = ``sum_squared_unseen`` is the sum of (mu(c) alpha_c)^2 over the prompts never answered in training, MM the
    sum of mu(c) alpha_c over the same. The training data are given, so N does not enter. Raises ``BadInput``
    outside the ranges. Source: derived; Hoeffding's inequality on the proof of Lemma 2 of arXiv 2509.04664 v1.
    """
    missing = rate("missing_mass", missing_mass)
    squares = max(rate("sum_squared_unseen", sum_squared_unseen), 0.0)
    deviation = math.sqrt(-2 * math.log(probability("gamma", gamma)) * squares)
    return LEMMA_2_SHARP.report(
        missing - deviation,
        None if iiv_error is None else 2 * rate("iiv_error", iiv_error),
        {"missing_mass": missing, "deviation": deviation},
        level=1 - gamma,
    )
