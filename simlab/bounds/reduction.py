"""Generating is at least as hard as judging: the error rate from the Is-It-Valid error (Theorem 1, Corollary 1).

With K = min|E_c|, k = max|V_c|, A = {(c, r): p_hat(r|c) > 1/K} (strictly) and delta = |p_hat(A) - p(A)|,

    err >= 2 err_iiv - k/K - delta,

for every p that is noiseless and every p_hat. The slack has three parts, none of which can be negative:
over = p_hat(A \\ V) - 2 D(A \\ V), room = k/K - p_hat(V \\ A) and gap = delta - (p_hat(A) - p(A)).
"""

from __future__ import annotations

from dataclasses import replace

from simlab.bounds.domain import finite, observed_rate, rate, whole
from simlab.bounds.report import KNVZ, BoundReport, Theorem

THEOREM_1 = Theorem(
    slug="error_from_iiv",
    name="Theorem 1",
    kind="deterministic",
    direction="lower",
    quantity="error",
    statement="error >= 2 iiv_error - max|V_c|/min|E_c| - calibration_gap, for every model; "
    "without prompts, |V|/|E| stands for the second term (Corollary 1)",
    source=f"{KNVZ}, Theorem 1 and Corollary 1",
    test="tests/test_bounds.py::test_error_from_iiv_is_the_sum_of_its_terms",
    experiment="experiments/error_from_iiv.py",
    assumes_iid=False,
)
COROLLARY_1 = replace(THEOREM_1, name="Corollary 1", source=f"{KNVZ}, Corollary 1")


def error_from_iiv(
    error: float | None,
    iiv_error: float,
    calibration_gap: float,
    n_valid_max: int,
    n_errors_min: int,
    *,
    over: float | None = None,
    room: float | None = None,
    gap: float | None = None,
) -> BoundReport:
    """Return Theorem 1: err >= 2 err_iiv - max|V_c|/min|E_c| - delta.

    ``error``, ``iiv_error`` and ``calibration_gap`` are probabilities (the gap at the threshold 1/min|E_c|);
    ``n_valid_max`` = max|V_c| and ``n_errors_min`` = min|E_c| count responses. The parts ``over``, ``room`` and
    ``gap`` of the slack, where measured, are listed among the terms: their sum is the slack. Raises
    ``BadInput`` outside these ranges. Source: arXiv 2509.04664 v1, Theorem 1.
    """
    terms = _terms(iiv_error, calibration_gap, whole("n_valid_max", n_valid_max) / whole("n_errors_min", n_errors_min))
    for name, part in (("over", over), ("room", room), ("gap", gap)):
        if part is not None:
            terms[name] = finite(name, part)
    return THEOREM_1.report(_value(terms), observed_rate("error", error), terms)


def error_from_iiv_unprompted(
    error: float | None, iiv_error: float, calibration_gap: float, n_valid: int, n_errors: int
) -> BoundReport:
    """Return Corollary 1, the case without prompts: err >= 2 err_iiv - |V|/|E| - delta.

    ``n_valid`` = |V| and ``n_errors`` = |E| count responses; the gap is that at the threshold 1/|E|. Raises
    ``BadInput`` outside the ranges. Source: arXiv 2509.04664 v1, Corollary 1.
    """
    terms = _terms(iiv_error, calibration_gap, whole("n_valid", n_valid) / whole("n_errors", n_errors))
    return COROLLARY_1.report(_value(terms), observed_rate("error", error), terms)


def _terms(iiv_error: float, calibration_gap: float, valid_over_errors: float) -> dict[str, float]:
    return {
        "twice_iiv_error": 2 * rate("iiv_error", iiv_error),
        "valid_over_errors": valid_over_errors,
        "calibration_gap": rate("calibration_gap", calibration_gap),
    }


def _value(terms: dict[str, float]) -> float:
    return terms["twice_iiv_error"] - terms["valid_over_errors"] - terms["calibration_gap"]
