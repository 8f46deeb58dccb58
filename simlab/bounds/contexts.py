"""What a model cannot tell apart it answers alike: the error of a context that does not reach (Corollary 2).

A model of bounded context goes on from two prompts in one way where they differ only outside its context. With one
right answer a_c for every prompt c, let the prompts fall into groups g inside which p_hat(.|c) = p_g is the same, and
let M_g(r) be the mu-mass of the prompts of g whose answer is r. Then

    err >= 1 - sum over g of max over r of M_g(r),

because the mass put on right answers is the sum over g and r of p_g(r) M_g(r), at most sum of max M_g as each p_g sums
to at most 1 (what it lacks is an error as well). No model of these groups does better than the bound, and one does as
well: it answers a commonest answer of each group with certainty. The paper's case is one group of two prompts with mu
uniform and unlike answers: err >= 1/2; where p_hat puts all its mass on the two answers, M_g is 1/2 on both, and so
err = 1/2 exactly, whatever p_hat is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from simlab.bounds.domain import ROUNDING, observed_rate, rate
from simlab.bounds.report import KNVZ, BoundReport, Theorem
from simlab.errors import BadInput

COROLLARY_2 = Theorem(
    slug="error_from_context",
    name="Corollary 2",
    kind="deterministic",
    direction="lower",
    quantity="error",
    statement="error >= 1 - sum over groups of prompts that the model cannot tell apart of the largest mu-mass of one "
    "answer, for one right answer a prompt; two prompts, unlike answers: error >= 1/2",
    source=f"{KNVZ}, Corollary 2 (two prompts; here any groups)",
    test="tests/test_contexts.py::test_no_answer_of_a_group_beats_the_bound",
    experiment="experiments/error_from_context.py",
    assumes_iid=False,
)


def error_from_context(
    error: float | None, groups: Sequence[Hashable], answers: Sequence[Hashable], mu: Sequence[float] | None = None
) -> BoundReport:
    """Return Corollary 2 for any groups: err >= 1 - sum over g of max over r of mu{c in g: a_c = r}.

    One entry of each sequence a prompt: ``groups`` says which prompts the model cannot tell apart (equal entries),
    ``answers`` the one right answer of each; ``mu`` sums to 1 and is uniform unless told. Raises ``BadInput`` for
    sequences of unlike lengths, for no prompts and for a mu that is no distribution. Source: arXiv 2509.04664 v1,
    Corollary 2, generalised (proof above).
    """
    n = len(groups)
    mu = [1.0 / max(n, 1)] * n if mu is None else mu
    if not n or len(answers) != n or len(mu) != n:
        raise BadInput(f"{n} groups, {len(answers)} answers and {len(mu)} mu: give one of each a prompt, at least 1")
    mass: dict[Hashable, dict[Hashable, float]] = {}
    for group, answer, weight in zip(groups, answers, mu, strict=True):
        of_group = mass.setdefault(group, {})
        of_group[answer] = of_group.get(answer, 0.0) + rate("mu", weight)
    total = sum(sum(of_group.values()) for of_group in mass.values())
    if abs(total - 1.0) > ROUNDING * n:
        raise BadInput(f"mu sums to {total}: must sum to 1 over the prompts")
    best = sum(max(of_group.values()) for of_group in mass.values())
    return COROLLARY_2.report(max(1.0 - best, 0.0), observed_rate("error", error), {"best_answers": best})
