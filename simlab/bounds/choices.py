"""Poor models: what a family of models cannot judge, or cannot hold, no member of it can state (Theorems 3 and 4).

Let f_t say "valid iff p_hat(r|c) > t", err_iiv(f_t) its error on D, and opt(G) the least of these over all t in
[0, 1] and all members of a family. Where each prompt has one valid response and at least C - 1 erroneous ones
(pure multiple choice, no IDK),

    err >= 2 (1 - 1/C) E_t[err_iiv(f_t)] >= 2 (1 - 1/C) opt(G),    t uniform on [0, 1],

because a response is called valid by a share p_hat(r|c) of all t: E_t[D(false positives)] = sum of mu(c) p_hat(r|c)
/ (2 |E_c|) over errors <= err / (2 (C - 1)), and E_t[D(false negatives)] = err / 2. So the slack is known:
err - 2 (1 - 1/C) E_t[err_iiv(f_t)] = (1 - 1/C) sum of mu(c) p_hat(E_c|c) (1/(C - 1) - 1/|E_c|) + p_hat(N) / C, N the
responses outside V and E. It is 0 where all |E_c| are equal and nothing lies outside.
"""

from __future__ import annotations

import math

from simlab.bounds.domain import finite, observed_rate, rate, whole
from simlab.bounds.report import KNVZ, BoundReport, Theorem
from simlab.errors import BadInput

_EXPERIMENT = "experiments/error_from_choices.py"

THEOREM_3 = Theorem(
    slug="error_from_choices",
    name="Theorem 3",
    kind="deterministic",
    direction="lower",
    quantity="error",
    statement="error >= 2 (1 - 1/C) opt, where each prompt has one valid response and at least C - 1 others; opt is "
    "the least iiv_error of any threshold on any member of the model's family",
    source=f"{KNVZ}, Theorem 3",
    test="tests/test_choices.py::test_error_from_choices_by_hand",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)
THEOREM_4 = Theorem(
    slug="error_from_choices_sharp",
    name="Theorem 4",
    kind="deterministic",
    direction="lower",
    quantity="error",
    statement="error >= 2 (1 - 1/C) E_t[iiv_error at threshold t], t uniform on [0, 1], hence for some t, where each "
    "prompt has one valid response; an equality where all have C - 1 others",
    source=f"{KNVZ}, Theorem 4 and its proof (the equality is derived here)",
    test="tests/test_choices.py::test_theorem_4_is_an_equality",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)
FAMILY = Theorem(
    slug="error_from_family",
    name="Theorem 1 for a family",
    kind="deterministic",
    direction="lower",
    quantity="error",
    statement="error >= 2 opt - max|V_c|/min|E_c| - calibration_gap, for every member of a family with that opt",
    source=f"{KNVZ}, section 3.3.2",
    test="tests/test_choices.py::test_error_from_family_is_theorem_1",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)
BITS = Theorem(
    slug="error_from_bits",
    name="Distortion-rate bound",
    kind="expectation",
    direction="lower",
    quantity="error",
    statement="E[error] >= D, where log2 C - H(D) - D log2(C - 1) = bits_per_fact, over equally popular facts whose "
    "answers are uniform on at least C choices, for every model of so many bits",
    source="Cover & Thomas 2006, Elements of Information Theory, sections 10.2 to 10.4 and problem 10.5 (Shannon 1959)",
    test="tests/test_choices.py::test_distortion_rate_by_blahut_and_arimoto",
    experiment=_EXPERIMENT,
    assumes_iid=False,
)


def error_from_choices(opt: float, choices: int, error: float | None = None, *, n_valid_max: int = 1) -> BoundReport:
    """Return Theorem 3: err >= 2 (1 - 1/C) opt(G), for pure multiple choice.

    ``opt`` = opt(G) or any lower bound of it, a probability; ``choices`` = C = min|E_c| + 1, at least 2;
    ``n_valid_max`` = max|V_c| must be 1. The bound is vacuous where opt = 0: nothing is known of the family, or it
    judges without a mistake. Raises ``BadInput`` outside the ranges. Source: arXiv 2509.04664 v1, Theorem 3.
    """
    factor, judged = _factor(choices, n_valid_max), rate("opt", opt)
    return THEOREM_3.report(factor * judged, observed_rate("error", error), {"factor": factor, "opt": judged})


def error_from_choices_sharp(
    mean_iiv_error: float,
    choices: int,
    error: float | None = None,
    *,
    n_valid_max: int = 1,
    best_iiv_error: float | None = None,
    unequal: float | None = None,
    nonsense: float | None = None,
) -> BoundReport:
    """Return Theorem 4: err >= 2 (1 - 1/C) E_t[err_iiv(f_t)], t uniform on [0, 1].

    ``mean_iiv_error`` is that mean; ``best_iiv_error``, the least of err_iiv(f_t), is at most the mean, so the
    statement holds "for some t" as published, and is listed among the terms where given. So are the parts
    ``unequal`` and ``nonsense`` of the slack (module docstring), whose sum it is; both are 0 where all |E_c| are
    equal and no mass lies outside V and E, and then the bound is an equality. ``choices`` = C = min|E_c| + 1;
    ``n_valid_max`` = max|V_c| must be 1. Raises ``BadInput`` outside the ranges. Source: arXiv 2509.04664 v1,
    Theorem 4 and Appendix C.
    """
    factor, mean = _factor(choices, n_valid_max), rate("mean_iiv_error", mean_iiv_error)
    terms = {"factor": factor, "mean_iiv_error": mean}
    if best_iiv_error is not None:
        terms["best_iiv_error"] = rate("best_iiv_error", best_iiv_error)
    for name, part in (("unequal", unequal), ("nonsense", nonsense)):
        if part is not None:
            terms[name] = finite(name, part)
    return THEOREM_4.report(factor * mean, observed_rate("error", error), terms)


def error_from_family(
    opt: float, n_valid_max: int, n_errors_min: int, calibration_gap: float, error: float | None = None
) -> BoundReport:
    """Return err >= 2 opt(G) - max|V_c|/min|E_c| - delta: Theorem 1, since no member judges better than opt(G).

    ``opt`` may be any lower bound of opt(G), or of the least err_iiv at Theorem 1's own threshold 1/min|E_c|, which
    is larger. Unlike Theorem 3 it allows several valid responses a prompt and pays for that with the ratio and with
    ``calibration_gap`` = delta at the threshold 1/min|E_c|. Raises ``BadInput`` outside the ranges.
    Source: arXiv 2509.04664 v1, section 3.3.2.
    """
    terms = {
        "twice_opt": 2 * rate("opt", opt),
        "valid_over_errors": whole("n_valid_max", n_valid_max) / whole("n_errors_min", n_errors_min),
        "calibration_gap": rate("calibration_gap", calibration_gap),
    }
    value = terms["twice_opt"] - terms["valid_over_errors"] - terms["calibration_gap"]
    return FAMILY.report(value, observed_rate("error", error), terms)


def error_from_bits(bits_per_fact: float, answers: int, error: float | None = None) -> BoundReport:
    """Return E[err] >= D(R), the Hamming distortion-rate function of a uniform source of C letters at R bits a letter.

    F equally popular facts have independent answers, each uniform on at least C = ``answers`` choices, and all that a
    model keeps of them (its parameters, stored in B bits, or any B bits of mutual information) comes to R = B / F =
    ``bits_per_fact``, in bits. Then, for every F, the mean over worlds of err is at least the D in [0, 1 - 1/C] with

        log2 C - H(D) - D log2(C - 1) = R,    H the binary entropy,

    and at least 0 where R >= log2 C: there it is vacuous, all answers fit in. Proof: draw a guess from p_hat(.|c) for
    every prompt. Guesses depend on the answers through the model, so their mutual information is at most B; by the
    independence of the answers and the convexity of the left side it is at least F times that side at the mean
    chance of a wrong guess, and that chance is err (mass outside the choices, an error too, becomes a uniform guess,
    which errs less). IDK must not be a response, or a model of no bits errs never. ``error`` is one replicate's;
    the bound is for the mean. Raises ``BadInput`` outside the ranges. Source: Cover & Thomas 2006, problem 10.5.
    """
    bits, choices = finite("bits_per_fact", bits_per_fact), whole("answers", answers, 2)
    if bits < 0:
        raise BadInput(f"bits_per_fact = {bits:.6g}: must not be negative")
    return BITS.report(
        _distortion(bits * math.log(2), choices),
        observed_rate("error", error),
        {"bits_per_fact": bits, "bits_needed": math.log2(choices)},
    )


def _factor(choices: int, n_valid_max: int) -> float:
    """2 (1 - 1/C), for prompts with one valid response."""
    if n_valid_max != 1:
        raise BadInput(
            f"n_valid_max = {n_valid_max}: Theorems 3 and 4 are for prompts with one valid response, without IDK; "
            "use error_from_family"
        )
    return 2 * (1 - 1 / whole("choices", choices, 2))


def _distortion(nats: float, choices: int) -> float:
    """D(R): the D at which the divergence of (D, 1 - D) from blind guessing (1 - 1/C, 1/C) is R nats."""
    blind = 1 - 1 / choices
    if nats >= math.log(choices):
        return 0.0

    def divergence(gain: float) -> float:
        """log C - H(D) - D log(C - 1) at D = 1 - 1/C - gain, without the cancellation of that form near gain = 0."""
        wrong, right = blind - gain, 1 / choices + gain
        lost = wrong * math.log1p(-gain / blind) if wrong > 0 else 0.0
        return lost + right * math.log1p(gain * choices)

    low, high = 0.0, blind
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if divergence(middle) < nats else (low, middle)
    return blind - high if nats > 0 else blind  # the end that errs to the safe side
