"""Theorems 3 and 4: pure multiple choice, judged at every threshold; and what so many bits can hold.

Tables of pairs are drawn in floats and in fractions, with unequal |E_c|, ties, zeros and mass outside V and E; the
checks are loops written from the definitions, and each is shown wrong theorems that it must refuse.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simlab import bounds, drawing, measures
from simlab.errors import BadInput
from simlab.pairs import ERROR, NONSENSE, VALID, Pairs
from simlab.poor_models import Optimum, iiv_error_at, iiv_errors, mean_iiv_error, observe_choices

WEIGHTS = np.array([0, 0, 1, 1, 2, 3, 7, 40])
Prompt = tuple[Any, list[Any], list[Any], list[Any]]  # mu(c), p_hat of the valid response, of each error, of nonsense


def pairs_of(prompts: list[Prompt], p: list[list[Any]] | None = None) -> Pairs:
    """The table of prompts given by their p_hat; p is 1 on the one valid response unless told."""
    rows = []
    for c, (mu, valid, errors, nonsense) in enumerate(prompts):
        one = type(valid[0])(1)
        truth = [one] if p is None else p[c]
        for kind, p_hats, true in (
            (VALID, valid, truth),
            (ERROR, errors, [0 * one] * len(errors)),
            (NONSENSE, nonsense, [0 * one] * len(nonsense)),
        ):
            for q, r in zip(p_hats, true, strict=True):
                rows.append((one, mu, r, q, kind, len(valid), len(errors)))
    columns = list(zip(*rows, strict=True))
    kind_of = object if isinstance(rows[0][3], Fraction) else float
    return Pairs(*(np.array(x, dtype=kind_of) for x in columns[:4]), *(np.array(x, dtype=int) for x in columns[4:]))


def instances(n: int, *, exact: bool, equal: bool = False, outside: bool = True, seed: int = 1) -> Iterator[Pairs]:
    """Random tables of pure multiple choice: 1 to 4 prompts, 1 to 6 errors each, weights with ties and zeros."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        prompts, n_errors = [], rng.integers(1, 7)
        shares = 1 + rng.integers(0, 9, size=rng.integers(1, 5))
        for share in shares:
            size = n_errors if equal else rng.integers(1, 7)
            weights = rng.choice(WEIGHTS, size=2 + size)
            weights[-1] *= outside and rng.random() < 0.3
            if not weights.any():
                weights[rng.integers(0, 1 + size)] = 1
            whole = [Fraction(int(w), int(weights.sum())) for w in weights]
            mu, p_hat = Fraction(int(share), int(shares.sum())), whole
            if not exact:
                mu, p_hat = float(mu), [float(q) for q in whole]
            prompts.append((mu, p_hat[:1], p_hat[1:-1], p_hat[-1:] if weights[-1] else []))
        yield pairs_of(prompts)


@dataclass(frozen=True)
class Reading:
    """What Theorem 4 is read to say; the defaults are the theorem."""

    factor: Any = 2
    fewest: Callable[[Any], int] = min  # the |E_c| that C is taken from
    judge: str = "mean"  # of err_iiv(f_t): over t, the least, the largest, or at Theorem 1's threshold
    with_nonsense: bool = True


def judged(pairs: Pairs, t: Any) -> Any:
    """err_iiv(f_t) in a plain loop."""
    total = 0 * pairs.mu[0]
    for m, mu, p, p_hat, kind, n_errors in zip(
        *(getattr(pairs, x).tolist() for x in ("multiplicity", "mu", "p", "p_hat", "kind", "n_errors")), strict=True
    ):
        if kind == VALID and not p_hat > t:
            total += m * mu * p / 2
        if kind == ERROR and p_hat > t:
            total += m * mu / (2 * n_errors)
    return total


def levels(pairs: Pairs) -> list[Any]:
    """One threshold from each step of err_iiv(f_t) on [0, 1], in plain Python."""
    zero = 0 * pairs.mu[0]
    return sorted({zero, *(min(q, zero + 1) for q in pairs.p_hat.tolist())})


def mean_by_steps(pairs: Pairs) -> Any:
    """The integral of err_iiv(f_t) over [0, 1], step by step."""
    starts = levels(pairs)
    ends = [*starts[1:], starts[0] + 1]
    return sum(((b - a) * judged(pairs, a) for a, b in zip(starts, ends, strict=True)), 0 * pairs.mu[0])


def is_refuted(pairs: Pairs, tolerance: float = 1e-12, **reading: Any) -> bool:
    """Whether the table contradicts Theorem 4, were it read so: the check of this file."""
    read = Reading(**reading)
    choices = int(read.fewest(pairs.n_errors)) + 1
    every = [judged(pairs, t) for t in levels(pairs)]
    own = {
        "mean": lambda: mean_by_steps(pairs),
        "best": lambda: min(every),
        "worst": lambda: max(every),
        "theorem 1": lambda: judged(pairs, measures.threshold(pairs)),
    }[read.judge]()
    wrong = pairs.kind != VALID if read.with_nonsense else pairs.kind == ERROR
    error = (pairs.weight * pairs.p_hat)[wrong].sum()
    one = own * 0 + 1
    return bool(error < read.factor * (1 - one / choices) * own - tolerance)


# Theorem 4


def test_theorem_4_holds_on_thousands_of_instances() -> None:
    seen = dict.fromkeys(("unequal", "nonsense", "ties", "zeros", "strict"), 0)
    for pairs in instances(3000, exact=False):
        assert not is_refuted(pairs)
        assert not is_refuted(pairs, judge="best")
        seen["unequal"] += len(set(pairs.n_errors)) > 1
        seen["nonsense"] += bool((pairs.kind == NONSENSE).any())
        seen["ties"] += len(set(pairs.p_hat)) < len(pairs.p_hat)
        seen["zeros"] += bool((pairs.p_hat == 0).any())
        found = observe_choices(pairs, Optimum(0.0, 1.0, "nothing known"))
        seen["strict"] += found.unequal > 1e-3
    assert min(seen.values()) > 300, seen
    for pairs in instances(1000, exact=True, seed=2):
        assert not is_refuted(pairs, 0)


def test_theorem_4_is_an_equality() -> None:
    """Where all prompts have equally many choices and no mass lies outside."""
    for pairs in instances(2000, exact=False, equal=True, outside=False):
        choices = int(pairs.n_errors[0]) + 1
        report = bounds.error_from_choices_sharp(mean_iiv_error(pairs), choices, measures.error(pairs))
        assert abs(report.slack) <= 1e-12
    for pairs in instances(500, exact=True, equal=True, outside=False):
        choices = int(pairs.n_errors[0]) + 1
        assert measures.error(pairs) == 2 * (1 - Fraction(1, choices)) * mean_iiv_error(pairs)
    others = [observe_choices(pairs, Optimum(0, 1, "")) for pairs in instances(500, exact=True)]
    apart = [one for one in others if one.error != 2 * (1 - Fraction(1, one.choices)) * one.mean_iiv_error]
    assert len(apart) > 200  # of unequal prompts, or with mass outside, it is no equality: the check can fail


def test_the_steps_of_the_proof() -> None:
    """E_t[false positives] <= err / (2 (C - 1)), E_t[false negatives] = err / 2, a share p_hat of all t says valid."""
    for pairs in instances(1000, exact=True, seed=3):
        mass, valid = pairs.weight * measures.iiv_density(pairs), pairs.kind == VALID
        error, choices = measures.error(pairs), int(pairs.n_errors.min()) + 1
        starts = levels(pairs)
        widths = [b - a for a, b in zip(starts, [*starts[1:], Fraction(1)], strict=True)]
        called = sum(w * (pairs.p_hat > t).astype(int) for w, t in zip(widths, starts, strict=True))
        assert (called == pairs.p_hat).all()
        positives, negatives = (mass * called)[~valid].sum(), (mass * (1 - called))[valid].sum()
        assert positives <= error / (2 * (choices - 1))
        assert negatives == error / 2
        assert positives + negatives == mean_iiv_error(pairs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 2.1},
        {"factor": 2.1, "judge": "best"},
        {"fewest": max},
        {"fewest": max, "judge": "best"},
        {"judge": "worst"},
        {"judge": "theorem 1"},
        {"with_nonsense": False},
        {"with_nonsense": False, "judge": "best"},
    ],
    ids=lambda wrong: ", ".join(f"{k} {getattr(v, '__name__', v)}" for k, v in wrong.items()),
)
def test_the_check_refuses_wrong_theorems(wrong: dict[str, Any]) -> None:
    refuted = [pairs for pairs in instances(1500, exact=False, seed=4) if is_refuted(pairs, 1e-3, **wrong)]
    assert refuted
    assert not any(is_refuted(pairs) for pairs in refuted)


def test_a_second_valid_response_breaks_both_forms() -> None:
    """IDK as a response: the model that always says it never errs, and misses every answer at every threshold."""
    shy = pairs_of([(1.0, [0.0, 1.0], [0.0, 0.0, 0.0], [])], p=[[0.8, 0.2]])
    assert measures.error(shy) == 0
    assert min(judged(shy, t) for t in levels(shy)) == 0.4
    assert is_refuted(shy, 1e-3)
    assert is_refuted(shy, 1e-3, judge="best")
    with pytest.raises(BadInput, match=r"^a prompt has 2 valid responses: .* make the world with idk=False$"):
        observe_choices(shy, Optimum(0, 1, ""))
    perfect = pairs_of([(1.0, [0.5, 0.5], [0.0], [])], p=[[0.5, 0.5]])
    assert is_refuted(perfect, 1e-3)  # judged at its best it makes no mistake, at a threshold by chance it does


def test_the_slack_has_four_parts_none_of_them_negative() -> None:
    for exact, tolerance in ((True, 0), (False, 1e-12)):
        for pairs in instances(1000, exact=exact, seed=5):
            one = pairs.mu[0] * 0 + 1
            low = iiv_errors(pairs).best * (one / 3)
            found = observe_choices(pairs, Optimum(low, 1, "some lower bound"))
            parts = (found.family, found.threshold, found.unequal, found.nonsense)
            assert min(parts) >= -tolerance
            assert abs(found.error - (2 * (1 - one / found.choices) * low + sum(parts))) <= tolerance
            assert abs(found.best_iiv_error - iiv_error_at(pairs, found.best_threshold)) <= tolerance
            theorem_3, theorem_4, _ = found.reports
            assert theorem_3.slack == pytest.approx(float(sum(parts)), abs=1e-12)
            assert theorem_4.slack == pytest.approx(float(found.unequal + found.nonsense), abs=1e-12)
            assert theorem_4.terms["best_iiv_error"] <= theorem_4.terms["mean_iiv_error"] + 1e-15


# every threshold


def test_the_steps_are_the_definition_at_every_threshold() -> None:
    rng = np.random.default_rng(6)
    for exact in (True, False):
        for pairs in instances(300, exact=exact, seed=6):
            steps, starts = iiv_errors(pairs), levels(pairs)
            near = [(a + b) / 2 for a, b in itertools.pairwise(starts)]
            some = [Fraction(int(x), 1000) if exact else x / 1000 for x in rng.integers(0, 1001, size=5)]
            for t in [*starts, *near, *some, starts[0] + 1]:
                oracle = judged(pairs, t)
                for found in (steps.at(t), iiv_error_at(pairs, t)):
                    assert (found == oracle) if exact else abs(found - oracle) <= 1e-15
            assert steps.start[0] == 0
            assert (steps.start[1:] > steps.start[:-1]).all()
            assert abs(steps.mean - mean_by_steps(pairs)) <= (0 if exact else 1e-14)
            assert abs(mean_iiv_error(pairs) - steps.mean) <= (0 if exact else 1e-14)
            assert steps.best == min(steps.iiv_error)
            assert exact or isinstance(float(steps.best), float)
            if exact:
                assert isinstance(steps.best, Fraction)
                assert isinstance(mean_iiv_error(pairs), Fraction)
            again = measures.iiv_error(pairs), iiv_error_at(pairs, measures.threshold(pairs))
            assert again[0] == pytest.approx(again[1], abs=1e-15)


def test_the_threshold_is_strict_and_the_last_step_ends_at_one() -> None:
    pairs = pairs_of([(1.0, [0.5], [0.5, 0.0], [])])
    steps = iiv_errors(pairs)
    assert steps.start.tolist() == [0.0, 0.5]
    assert steps.iiv_error.tolist() == [0.25, 0.5]  # at t = 1/2 neither lies above
    assert (steps.at(0.5), steps.at(np.nextafter(0.5, 0)), steps.at(1.0)) == (0.5, 0.25, 0.5)
    sure = pairs_of([(1.0, [1.0 + 1e-12], [0.0], [])])  # a sum that rounds above 1 is 1
    assert iiv_errors(sure).start.tolist() == [0.0, 1.0]
    assert (iiv_error_at(sure, 1.0), iiv_errors(sure).at(1.0), iiv_errors(sure).best_threshold) == (0.5, 0.5, 0.0)
    even = pairs_of([(1.0, [0.25], [0.25, 0.25, 0.25], [])])
    assert [iiv_errors(even).best, mean_iiv_error(even), measures.error(even)] == pytest.approx([0.5, 0.5, 0.75])
    tied = iiv_errors(pairs_of([(1.0, [1 / 50], [1 / 50] * 49, [])]))
    assert tied.iiv_error[1] < tied.iiv_error[0] < tied.iiv_error[1] + 1e-15  # both are 1/2, but for rounding
    assert tied.best_threshold == 0.0


def test_rows_that_stand_for_many_pairs_count_as_often() -> None:
    pairs = pairs_of([(0.25, [0.4], [0.2, 0.2, 0.2], []), (0.75, [0.7], [0.1, 0.1, 0.1], [])])
    rows = [0, 1, 4, 5]
    grouped = Pairs(np.array([1.0, 3.0, 1.0, 3.0]), *(getattr(pairs, x)[rows] for x in ("mu", "p", "p_hat")),
                    *(getattr(pairs, x)[rows] for x in ("kind", "n_valid", "n_errors")))  # fmt: skip
    one, other = (observe_choices(x, Optimum(0.0, 0.0, "")) for x in (pairs, grouped))
    for name in ("error", "best_iiv_error", "best_threshold", "mean_iiv_error", "threshold", "unequal"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-15), name


# the reports


def test_error_from_choices_by_hand() -> None:
    report = bounds.error_from_choices(0.25, 4, error=0.5)
    assert report.value == pytest.approx(2 * 0.75 * 0.25, abs=1e-15)
    assert report.slack == pytest.approx(0.125, abs=1e-15)
    assert report.terms == {"factor": 1.5, "opt": 0.25}
    assert bounds.error_from_choices(0.5, 2).value == 0.5  # at two choices it still says something
    assert bounds.error_from_choices(0.0, 2).vacuous
    sharp = bounds.error_from_choices_sharp(0.3, 4, 0.5, best_iiv_error=0.25, unequal=0.05, nonsense=0.0)
    assert sharp.value == pytest.approx(0.45, abs=1e-15)
    assert sharp.slack == pytest.approx(sharp.terms["unequal"] + sharp.terms["nonsense"], abs=1e-15)


def test_error_from_family_is_theorem_1() -> None:
    theorem_1 = bounds.error_from_iiv(0.6, 0.3, 0.05, 2, 20)
    family = bounds.error_from_family(0.25, 2, 20, 0.05, 0.6)
    assert family.value == pytest.approx(2 * 0.25 - 0.1 - 0.05, abs=1e-15)
    assert theorem_1.value - family.value == pytest.approx(2 * (0.3 - 0.25), abs=1e-15)
    for pairs in instances(1000, exact=False, seed=7):
        seen = measures.observe(pairs)
        opt = iiv_errors(pairs).best
        ratio = (seen.n_valid_max, seen.n_errors_min)
        assert bounds.error_from_family(opt, *ratio, seen.calibration_gap, seen.error).slack >= -1e-12
    even = pairs_of([(1.0, [0.01], [0.01] * 99, [])])
    seen = measures.observe(even)
    assert seen.error < 2.1 * iiv_errors(even).best - 1 / 99 - seen.calibration_gap  # the control: 2.1 is too much


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: bounds.error_from_choices(0.7 + 1, 4), "opt = 1.7: must be a rate from 0 to 1"),
        (lambda: bounds.error_from_choices(0.2, 1), "choices = 1: must be a whole number of at least 2"),
        (lambda: bounds.error_from_choices(0.2, 4, math.nan), "error = nan: must be a rate from 0 to 1"),
        (
            lambda: bounds.error_from_choices(0.2, 4, n_valid_max=2),
            "n_valid_max = 2: Theorems 3 and 4 are for prompts with one valid response, without IDK; "
            "use error_from_family",
        ),
        (
            lambda: bounds.error_from_choices_sharp(0.2, 4, unequal=math.inf),
            "unequal = inf: must be a finite number",
        ),
        (lambda: bounds.error_from_family(0.2, 1, 0, 0.1), "n_errors_min = 0: must be a whole number of at least 1"),
        (lambda: bounds.error_from_bits(-1.0, 4), "bits_per_fact = -1: must not be negative"),
        (lambda: bounds.error_from_bits(math.nan, 4), "bits_per_fact = nan: must be a finite number"),
        (lambda: bounds.error_from_bits("a", 4), "bits_per_fact = a: must be a finite number"),
        (lambda: bounds.error_from_bits(math.inf, 4), "bits_per_fact = inf: must be a finite number"),
        (lambda: bounds.error_from_bits(1.0, "a"), "answers = a: must be a whole number of at least 2"),
        (lambda: bounds.error_from_bits(1.0, math.nan), "answers = nan: must be a whole number of at least 2"),
        (lambda: bounds.error_from_choices("a", 4), "opt = a: must be a rate from 0 to 1"),
        (lambda: bounds.error_from_bits(1.0, 1), "answers = 1: must be a whole number of at least 2"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadInput, match="^" + re.escape(sentence) + "$"):
        call()


def test_a_threshold_and_a_density_are_checked() -> None:
    pairs = pairs_of([(1.0, [0.5], [0.5], [])])
    for judge in (iiv_errors(pairs).at, lambda t: iiv_error_at(pairs, t)):
        for t in (-0.1, 1.5, math.nan):
            with pytest.raises(BadInput, match=f"^t = {t}: a threshold must lie between 0 and 1$"):
                judge(t)
    diverged = replace(pairs, p_hat=np.array([0.5, math.nan]))
    for judge in (iiv_errors, mean_iiv_error, lambda x: iiv_error_at(x, 0.5)):
        with pytest.raises(
            BadInput, match=r"^p_hat of row 1 is nan: a model that diverged is no density; leave it out$"
        ):
            judge(diverged)


# what so many bits can hold


def blahut_arimoto(choices: int, slope: float, steps: int = 2000) -> tuple[float, float]:
    """(R in bits, D) of a uniform source of ``choices`` letters where the slope dR/dD in nats is -``slope``."""
    closeness = np.exp(-slope * (1 - np.eye(choices)))
    output = np.random.default_rng(8).dirichlet(np.ones(choices))
    for _ in range(steps):
        joint = output * closeness
        joint /= joint.sum(1, keepdims=True) * choices
        output = joint.sum(0)
    bits = float((joint * np.log2(joint * choices / output)).sum())
    return bits, float((joint * (1 - np.eye(choices))).sum())


@pytest.mark.parametrize("choices", [2, 3, 10])
def test_distortion_rate_by_blahut_and_arimoto(choices: int) -> None:
    for slope in (1.0, 2.0, 4.0, 7.0):
        bits, distortion = blahut_arimoto(choices, slope)
        assert bounds.error_from_bits(bits, choices).value == pytest.approx(distortion, abs=1e-9)
        assert 0 < distortion < 1 - 1 / choices
    entropies = [(d, -d * math.log2(d) - (1 - d) * math.log2(1 - d)) for d in (0.001, 0.1, 0.3)]
    for d, entropy in entropies:
        rate = math.log2(choices) - entropy - d * math.log2(choices - 1)
        assert bounds.error_from_bits(rate, choices).value == pytest.approx(d, rel=1e-9)


def test_distortion_rate_at_its_ends() -> None:
    for choices in (2, 3, 365, 10**18):
        assert bounds.error_from_bits(0.0, choices).value == 1 - 1 / choices
        enough = bounds.error_from_bits(math.log2(choices) + 1e-9, choices, error=0.0)
        assert enough.value == 0.0
        assert enough.vacuous
        values = [bounds.error_from_bits(x * math.log2(choices), choices).value for x in np.linspace(0, 1, 101)]
        assert all(a > b for a, b in itertools.pairwise(values))
        assert all(a - 2 * b + c >= -1e-12 for a, b, c in zip(values, values[1:], values[2:], strict=False))  # convex
    # D = 1/2 - sqrt(R ln 2 / 2) near R = 0 for two choices: below what cancellation would leave
    assert bounds.error_from_bits(1e-12, 2).value == pytest.approx(0.5 - math.sqrt(1e-12 * math.log(2) / 2), abs=1e-15)
    for few, many in itertools.pairwise((2, 3, 5, 100)):  # fewer choices make the weaker bound
        assert bounds.error_from_bits(0.4, few).value < bounds.error_from_bits(0.4, many).value


def expected_error(code: np.ndarray, choices: int) -> Fraction:
    """Mean share of wrong letters when each word, all equally likely, is replaced by the nearest of ``code``."""
    words = np.array(list(itertools.product(range(choices), repeat=code.shape[1])))
    wrong = (words[:, None] != code[None]).sum(2).min(1)
    return Fraction(int(wrong.sum()), words.size)


def test_no_small_model_beats_the_distortion_rate_bound() -> None:
    """Every code of 2 words of 3 bits, of 3 words of 2 trits: models of so many bits, at their best decoding."""
    for choices, length, size in ((2, 3, 2), (2, 3, 3), (3, 2, 2), (3, 2, 3), (2, 2, 2)):
        words = list(itertools.product(range(choices), repeat=length))
        errors = [expected_error(np.array(code), choices) for code in itertools.combinations(words, size)]
        bound = bounds.error_from_bits(math.log2(size) / length, choices, float(min(errors)))
        assert bound.slack >= 0
        assert not bound.vacuous
    assert expected_error(np.array([[0, 0, 0], [1, 1, 1]]), 2) == Fraction(1, 4)


def test_good_codes_come_near_and_refute_a_larger_bound() -> None:
    parity = np.array([[1, 0, 0, 0, 0, 1, 1], [0, 1, 0, 0, 1, 0, 1], [0, 0, 1, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1, 1]])
    hamming = np.array(list(itertools.product(range(2), repeat=4))) @ parity % 2
    assert expected_error(hamming, 2) == Fraction(1, 8)
    report = bounds.error_from_bits(4 / 7, 2, 1 / 8)
    assert 0 < report.slack < 0.04
    tetracode = np.array(list(itertools.product(range(3), repeat=2))) @ np.array([[1, 0, 1, 1], [0, 1, 1, 2]]) % 3
    assert expected_error(tetracode, 3) == Fraction(2, 9)
    assert 0 < bounds.error_from_bits(math.log2(3) / 2, 3, 2 / 9).slack < 0.07
    blind = bounds.error_from_bits(0.0, 4, 3 / 4)  # guessing without a bit: the bound is met
    assert blind.slack == 0.0
    assert 1.1 * blind.value > 3 / 4  # the control: a tenth more would be refuted


# the committed study


def committed() -> list[dict[str, Any]]:
    """The means of the committed table, one dictionary of measures a (setting, method)."""
    path = Path(__file__).parents[1] / "experiments" / "results" / "error_from_choices.csv"
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in drawing.read_table(path):
        key = tuple(row[name] for name in ("choices", "spread", "draws", "method"))
        groups.setdefault(key, dict(zip(("choices", "spread", "draws", "method"), key, strict=True)))
        groups[key][row["measure"]] = row["mean"]
    return list(groups.values())


def test_the_parts_of_the_committed_study_add_up_to_its_errors() -> None:
    for mean in committed():
        parts = [mean[f"part_{name}"] for name in ("family", "threshold", "unequal", "nonsense")]
        assert min(parts) >= 0
        bound = mean["error_from_choices_value"]
        assert mean["error"] == pytest.approx(bound + sum(parts), abs=1e-11)
        assert bound == pytest.approx(2 * (1 - 1 / mean["choices"]) * mean["opt_lower"], abs=1e-12)
        equality = mean["error_from_choices_sharp_slack"]
        assert equality == pytest.approx(mean["part_unequal"] + mean["part_nonsense"], abs=1e-12)
        assert (abs(equality) < 1e-12) == (mean["spread"] == 1 or mean["error"] < 1e-9)
        assert mean["opt_lower"] <= mean["opt_upper"] <= 0.5
        assert bound - 1e-12 <= mean["least_error"] <= mean["error"] + 1e-12


def test_the_committed_study_shows_poor_families_and_others() -> None:
    """Tight where a family confounds as many prompts as there are choices, next to nothing where it does not."""
    found = {(m["choices"], m["spread"], m["draws"], m["method"]): m for m in committed()}
    assert len(found) == 16 * 13
    for (choices, spread, draws, method), mean in found.items():
        rich = method in ("calibrated", "softmax_table", "rank_2")
        assert (mean["opt_upper"] == 0) == (rich or (method == "rank_1" and choices == 2 and spread == 1))
        if rich and draws == 10_000:
            assert mean["error"] < 2e-3
        if method == "pooled_256" and draws == 10_000 and spread == 1 and choices < 365:
            assert mean["error"] - mean["error_from_choices_value"] < 0.09
    large = found[365, 1, 10_000, "pooled_2"]
    assert large["error"] > 0.49
    assert large["error_from_choices_value"] < 0.003
