"""Theorem 1 is an identity with three parts that cannot be negative, and delta is the derivative of a loss.

The measures are checked against plain loops written from the definitions, on tables of pairs that hypothesis draws
in exact rational arithmetic: unequal |E_c|, several valid answers, ties at the threshold, zero probabilities, nonsense.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from simlab import corpora, measures, worlds
from simlab.measures import observe
from simlab.pairs import ERROR, NONSENSE, VALID, Pairs

INSTANCES = 10_000
QUICK = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))

WEIGHTS = (0, 1, 1, 2, 3, 7, 40, 1000, 0)


def rows_of(multiplicities: tuple[int, ...], p_weights: tuple[int, ...]) -> list[Any]:
    """Rows (multiplicity, weight in p, weight in p_hat, tied to the threshold), each one draw: that is quick."""
    return list(itertools.product(multiplicities, p_weights, WEIGHTS, (False, False, True)))


KINDS = (  # rows of a prompt, and the least and the most of them
    (rows_of((1, 1, 2, 3), WEIGHTS), 1, 3),
    (rows_of((1, 1, 2, 5, 30), (0,)), 1, 4),
    (rows_of((1,), (0,)), 0, 1),
)
prompt = st.tuples(
    st.sampled_from(WEIGHTS),
    *(st.lists(st.sampled_from(rows), min_size=least, max_size=most) for rows, least, most in KINDS),
)
worlds_of_prompts = st.lists(prompt, min_size=1, max_size=3)


def random_world(rng: random.Random) -> list[Any]:
    """What ``worlds_of_prompts`` draws, without what it would take to shrink it: in a tenth of the time."""
    return [
        (rng.choice(WEIGHTS), *(rng.choices(rows, k=rng.randint(least, most)) for rows, least, most in KINDS))
        for _ in range(rng.randint(1, 3))
    ]


def shares(weighted: Iterable[tuple[int, int]], total: Fraction) -> list[Fraction]:
    """Split ``total`` over rows (multiplicity, weight): what each single pair of a row gets."""
    rows = list(weighted)
    if not any(m * w for m, w in rows):
        rows = [(m, 1) for m, _ in rows]
    whole = sum(m * w for m, w in rows)
    return [total * Fraction(w, whole) for _, w in rows]


def with_ties(rows: list[Any], floor: Fraction) -> list[Fraction]:
    """p_hat of one prompt: rows marked as tied lie exactly at the threshold as long as the mass lasts."""
    left, tied = Fraction(1), set()
    for i, (m, _, _, tie) in enumerate(rows[1:] + rows[:1]):
        if tie and m * floor <= left and len(tied) < len(rows) - 1:
            tied.add((i + 1) % len(rows))
            left -= m * floor
    free = shares([(m, w) for i, (m, _, w, _) in enumerate(rows) if i not in tied], left)
    return [floor if i in tied else free.pop(0) for i in range(len(rows))]


def table(drawn: list[Any]) -> tuple[Pairs, np.ndarray]:
    """The drawn prompts as exact pairs, and which prompt each row belongs to."""
    n_errors = [sum(m for m, *_ in errors) for _, _, errors, _ in drawn]
    floor = Fraction(1, min(n_errors))
    mu = shares([(1, w) for w, *_ in drawn], Fraction(1))
    columns: list[tuple[Any, ...]] = []
    for c, (_, valid, errors, nonsense) in enumerate(drawn):
        rows = valid + errors + nonsense
        p = shares([(m, w) for m, w, _, _ in valid], Fraction(1)) + [Fraction(0)] * (len(rows) - len(valid))
        kinds = [VALID] * len(valid) + [ERROR] * len(errors) + [NONSENSE] * len(nonsense)
        n_valid = sum(m for m, *_ in valid)
        for (m, *_), p_row, p_hat, kind in zip(rows, p, with_ties(rows, floor), kinds, strict=True):
            columns.append((Fraction(m), mu[c], p_row, p_hat, kind, n_valid, n_errors[c], c))
    exact, whole = ([np.array(x, dtype=t) for x in zip(*columns, strict=True)] for t in (object, float))
    ints = [x.astype(int) for x in whole[4:]]
    return Pairs(*exact[:4], *ints[:3]), ints[3]


def as_floats(pairs: Pairs) -> Pairs:
    columns = {f.name: getattr(pairs, f.name) for f in fields(Pairs)}
    return Pairs(**{k: v.astype(float) if v.dtype == object else v for k, v in columns.items()})


def pairs_of(*rows: tuple[Any, ...]) -> Pairs:
    """A hand-made table; rows are (mu, p, p_hat, kind, |V_c|, |E_c|) and, if not 1, the multiplicity."""
    mu, p, p_hat, kind, n_valid, n_errors, multiplicity = zip(*[(*r, 1)[:7] for r in rows], strict=True)
    floats = (
        np.array(x, dtype=object if isinstance(p_hat[0], Fraction) else float) for x in (multiplicity, mu, p, p_hat)
    )
    return Pairs(*floats, *(np.array(x) for x in (kind, n_valid, n_errors)))


# Theorem 1


@dataclass(frozen=True)
class Reading:
    """What Theorem 1 is read to say; the defaults are the theorem."""

    factor: float = 2
    smallest: Callable[[Any], int] = min  # the |E_c| whose inverse is the threshold
    strict: bool = True
    with_delta: bool = True
    with_ratio: bool = True


def terms(pairs: Pairs, reading: Reading) -> dict[str, Any]:
    """Every term of Theorem 1 in plain loops over the rows, from its definition."""
    one = type(pairs.p_hat[0])(1)
    z = one / int(reading.smallest(pairs.n_errors))
    sums = dict.fromkeys(("p_hat A-V", "p_hat B-V", "p_hat B&V", "D A-V", "D B&V", "p_hat A", "p A"), 0)
    names = ("multiplicity", "mu", "p", "p_hat", "kind", "n_errors")
    for m, mu, p, p_hat, kind, n_errors in zip(*(getattr(pairs, name).tolist() for name in names), strict=True):
        mass, valid = m * mu, kind == VALID
        d = p / 2 if valid else one / (2 * n_errors) if kind == ERROR else 0
        if p_hat > z or (p_hat == z and not reading.strict):
            sums["p_hat A"] += mass * p_hat
            sums["p A"] += mass * p
            if not valid:
                sums["p_hat A-V"] += mass * p_hat
                sums["D A-V"] += mass * d
        elif valid:
            sums["p_hat B&V"] += mass * p_hat
            sums["D B&V"] += mass * d
        else:
            sums["p_hat B-V"] += mass * p_hat
    signed = sums["p_hat A"] - sums["p A"]
    ratio = one * int(max(pairs.n_valid)) / int(min(pairs.n_errors))
    return sums | {
        "error": sums["p_hat A-V"] + sums["p_hat B-V"],
        "iiv_error": sums["D A-V"] + sums["D B&V"],
        "calibration_gap": abs(signed),
        "ratio": ratio,
        "over": sums["p_hat A-V"] - 2 * sums["D A-V"],
        "room": ratio - sums["p_hat B&V"],
        "gap": abs(signed) - signed,
    }


def broken(pairs: Pairs, tolerance: float = 1e-12, **reading: Any) -> set[str]:
    """Which statements of Theorem 1 the table contradicts, were it read so: the check of this file."""
    read = Reading(**reading)
    return contradicted(terms(pairs, read), read, tolerance)


def contradicted(t: dict[str, Any], read: Reading, tolerance: float) -> set[str]:
    """Which statements of Theorem 1 its terms contradict."""
    bound = read.factor * t["iiv_error"] - read.with_ratio * t["ratio"] - read.with_delta * t["calibration_gap"]
    residual = t["error"] - (bound + t["over"] + t["room"] + t["gap"])
    fails = {part: t[part] < -tolerance for part in ("over", "room", "gap")}
    fails |= {"bound": t["error"] < bound - tolerance, "identity": abs(residual) > tolerance}
    return {name for name, failed in fails.items() if failed}


def proof_steps(pairs: Pairs, t: dict[str, Any]) -> dict[str, Any]:
    """The lines of the proof (appendix A), as quantities that must be 0 (``=``) or not negative (``>=``)."""
    density = measures.iiv_density(pairs)
    z = measures.threshold(pairs)
    false_above = (pairs.kind != VALID) & (pairs.p_hat > z)
    zero = 0 * z
    p_b, p_hat_b = 1 - t["p A"], 1 - t["p_hat A"]
    return {
        "1 err =": measures.error(pairs) - (t["p_hat A-V"] + t["p_hat B-V"]),
        "1 err_iiv =": measures.iiv_error(pairs) - (t["D A-V"] + t["D B&V"]),
        "2 D of each false pair >=": min((z / 2 - density)[false_above], default=zero),
        "2 p_hat of each false pair >=": min((pairs.p_hat - z)[false_above], default=zero),
        "2 over A >=": t["p_hat A-V"] - 2 * t["D A-V"],
        "3 p(B) =": 2 * t["D B&V"] - p_b,
        "3 room >=": t["ratio"] - t["p_hat B&V"],
        "3 delta =": abs(p_b - p_hat_b) - measures.calibration_gap(pairs),
        "3 under B >=": t["p_hat B-V"] - (2 * t["D B&V"] - t["ratio"] - t["calibration_gap"]),
        "D is a distribution =": (pairs.multiplicity * pairs.mu * density).sum() - 1,
    }


def check_proof(pairs: Pairs, t: dict[str, Any], tolerance: float) -> None:
    for step, value in proof_steps(pairs, t).items():
        assert value >= -tolerance, step
        assert step.endswith(">=") or value <= tolerance, step


def test_theorem_1_is_an_identity_on_ten_thousand_instances() -> None:
    seen = {"ties": 0, "zeros": 0, "nonsense": 0, "unequal": 0, "several": 0}
    for seed in range(INSTANCES):
        pairs = as_floats(table(random_world(random.Random(seed)))[0])
        found, t = observe(pairs), terms(pairs, Reading())
        assert contradicted(t, Reading(), 1e-12) == set(), seed
        assert broken(pairs, strict=False) == set(), seed  # ties may be called valid as well
        for name in ("error", "iiv_error", "calibration_gap", "over", "room", "gap"):
            assert abs(getattr(found, name) - t[name]) <= 1e-12, (name, seed)
        below = 2 * found.iiv_error - found.valid_over_errors - found.calibration_gap
        assert abs(found.error - (below + found.over + found.room + found.gap)) <= 1e-12, seed
        assert min(found.over, found.room, found.gap) >= -1e-12, seed
        check_proof(pairs, t, 1e-12)
        seen["ties"] += bool((pairs.p_hat == measures.threshold(pairs)).any())
        seen["zeros"] += bool((pairs.p_hat == 0).any() and (pairs.p[pairs.kind == VALID] == 0).any())
        seen["nonsense"] += bool((pairs.kind == NONSENSE).any())
        seen["unequal"] += len(set(pairs.n_errors)) > 1
        seen["several"] += bool((pairs.n_valid > 1).any())
    assert min(seen.values()) >= INSTANCES // 10, seen


def test_theorem_1_is_exact_in_rational_arithmetic() -> None:
    count = 0

    @settings(QUICK, max_examples=400)
    @given(worlds_of_prompts)
    def check(drawn: list[Any]) -> None:
        nonlocal count
        pairs, prompt_of = table(drawn)
        for c in range(len(drawn)):
            assert (pairs.multiplicity * pairs.p_hat)[prompt_of == c].sum() == 1
        assert broken(pairs, 0) == set()
        check_proof(pairs, terms(pairs, Reading()), 0)
        over, room, gap = measures.slack_parts(pairs)
        err, iiv, delta = measures.error(pairs), measures.iiv_error(pairs), measures.calibration_gap(pairs)
        ratio = Fraction(int(pairs.n_valid.max()), int(pairs.n_errors.min()))
        assert all(isinstance(x, Fraction | int) for x in (over, room, gap, err, iiv, delta))
        assert err == 2 * iiv - ratio - delta + over + room + gap
        assert min(over, room, gap) >= 0
        assert gap in (0, 2 * delta)
        count += 1

    check()
    assert count >= 400


UNEQUAL = pairs_of(  # the small prompt sets the threshold
    (0.99, 1.0, 0.97, VALID, 1, 2),
    (0.99, 0.0, 0.015, ERROR, 1, 2),
    (0.99, 0.0, 0.015, ERROR, 1, 2),
    (0.01, 1.0, 1.0, VALID, 1, 100),
    (0.01, 0.0, 0.0, ERROR, 1, 100, 100),
)
ALL_FALSE = pairs_of((1.0, 1.0, 0.0, VALID, 1, 1000), (1.0, 0.0, 1e-3, ERROR, 1, 1000, 1000))
SHY = pairs_of(  # says IDK where the answer is unseen
    (1.0, 0.9, 0.0, VALID, 2, 99),
    (1.0, 0.1, 1.0, VALID, 2, 99),
    (1.0, 0.0, 0.0, ERROR, 2, 99, 99),
)
EVEN = pairs_of((1.0, 1 / 3, 1 / 6, VALID, 3, 3, 3), (1.0, 0.0, 1 / 6, ERROR, 3, 3, 3))


@pytest.mark.parametrize(
    ("pairs", "wrong", "fails"),
    [
        (ALL_FALSE, {"factor": 2.1}, {"bound", "identity"}),
        (UNEQUAL, {"smallest": max}, {"bound", "over"}),
        (SHY, {"with_delta": False}, {"bound", "identity"}),
        (EVEN, {"with_ratio": False}, {"bound", "identity"}),
    ],
    ids=["2.1 for 2", "1/max|E_c|", "no delta", "no k/K"],
)
def test_the_check_refuses_wrong_theorems(pairs: Pairs, wrong: dict[str, Any], fails: set[str]) -> None:
    assert broken(pairs) == set()
    assert broken(pairs, 1e-3, **wrong) == fails


@pytest.mark.parametrize("wrong", [{"with_delta": False}, {"with_ratio": False}], ids=["no delta", "no k/K"])
def test_a_random_search_finds_what_is_missing(wrong: dict[str, Any]) -> None:
    drawn = find(worlds_of_prompts, lambda d: "bound" in broken(table(d)[0], 0, **wrong), settings=QUICK)
    assert broken(table(drawn)[0], 0) == set()


def test_the_threshold_is_strict_and_takes_the_smallest_error_set() -> None:
    assert measures.threshold(UNEQUAL) == 0.5
    tie = pairs_of((1.0, 1.0, 0.5, VALID, 1, 2), (1.0, 0.0, 0.5, ERROR, 1, 2), (1.0, 0.0, 0.0, ERROR, 1, 2))
    assert measures.iiv_error(tie) == 0.5  # the answer at the threshold is called invalid, and so is the error
    assert measures.calibration_gap(tie) == 0.0
    assert measures.calibration_gap(tie, z=0.49) == 0.0
    assert measures.signed_gap(tie, z=0.0) == 0.0
    lower = replace(tie, p_hat=np.array([0.25, 0.5, 0.25]))
    assert measures.signed_gap(lower, z=0.3) == 0.5
    assert measures.signed_gap(lower, z=0.2) == 0.0
    assert measures.signed_gap(replace(lower, p_hat=np.array([0.9, 0.05, 0.05]))) == pytest.approx(-0.1, abs=1e-15)


# delta is a derivative


def scaled(pairs: Pairs, prompt_of: np.ndarray, s: float) -> Pairs:
    """p_hat times s on A = {p_hat > 1/K}, renormalised prompt by prompt."""
    p_hat = pairs.p_hat * np.where(pairs.p_hat > measures.threshold(pairs), s, 1.0)
    total = np.bincount(prompt_of, pairs.multiplicity * p_hat)
    return replace(pairs, p_hat=p_hat / total[prompt_of])


def slope(pairs: Pairs, prompt_of: np.ndarray, s: float, h: float = 1e-5) -> float:
    """dL/ds by central differences."""
    above, below = (measures.cross_entropy(scaled(pairs, prompt_of, x)) for x in (s + h, s - h))
    return (above - below) / (2 * h)


def positive(drawn: list[Any]) -> tuple[Pairs, np.ndarray]:
    """The drawn table with p_hat > 0 wherever p > 0: what is left at 0 gets half of what the model gives evenly."""
    pairs, prompt_of = table(drawn)
    pairs = as_floats(pairs)
    share = 1 / np.bincount(prompt_of, pairs.multiplicity)[prompt_of]
    poor = np.zeros(len(prompt_of), dtype=bool)
    np.logical_or.at(poor, prompt_of, (pairs.p > 0) & (pairs.p_hat == 0))
    return replace(pairs, p_hat=np.where(poor[prompt_of], (pairs.p_hat + share) / 2, pairs.p_hat)), prompt_of


def test_delta_is_the_derivative_of_the_loss() -> None:
    signs = []

    @settings(QUICK, max_examples=500)
    @given(worlds_of_prompts)
    def check(drawn: list[Any]) -> None:
        pairs, prompt_of = positive(drawn)
        signed = measures.signed_gap(pairs)
        assert abs(slope(pairs, prompt_of, 1.0) - signed) <= 1e-8
        assert measures.calibration_gap(pairs) == abs(signed)
        signs.append(round(float(np.sign(signed)) if abs(signed) > 1e-3 else 0))

    check()
    assert min(signs.count(x) for x in (-1, 0, 1)) >= 20


def test_prompts_are_renormalised_one_by_one() -> None:
    drawn = [(1, [(1, 1, 9, False)], [(3, 0, 1, False)], []), (3, [(1, 1, 1, False)], [(3, 0, 3, False)], [])]
    exact, prompt_of = table(drawn)
    pairs = as_floats(exact)

    def jointly(s: float) -> float:
        p_hat = scaled(pairs, prompt_of, 1.0).p_hat * np.where(pairs.p_hat > measures.threshold(pairs), s, 1.0)
        return measures.cross_entropy(replace(pairs, p_hat=p_hat / (pairs.multiplicity * pairs.mu * p_hat).sum()))

    assert slope(pairs, prompt_of, 1.0) == pytest.approx((jointly(1 + 1e-5) - jointly(1 - 1e-5)) / 2e-5, abs=1e-8)
    assert slope(pairs, prompt_of, 2.0) != pytest.approx((jointly(2 + 1e-5) - jointly(2 - 1e-5)) / 2e-5, abs=1e-2)


def test_the_slope_has_a_closed_form_without_prompts() -> None:
    @settings(QUICK, max_examples=100)
    @given(prompt, st.sampled_from((0.3, 0.7, 1.0, 2.0, 5.0)))
    def check(drawn: Any, s: float) -> None:
        pairs, prompt_of = positive([drawn])
        above = pairs.p_hat > measures.threshold(pairs)
        p_hat_a = float((pairs.multiplicity * pairs.p_hat)[above].sum())
        p_a = float((pairs.multiplicity * pairs.p)[above].sum())
        z = 1 + (s - 1) * p_hat_a
        assert slope(pairs, prompt_of, s) == pytest.approx(p_hat_a / z - p_a / s, abs=1e-8)
        if 0.01 < p_a < 0.99 and 0.01 < p_hat_a < 0.99:
            best = p_a * (1 - p_hat_a) / (p_hat_a * (1 - p_a))
            mass = (pairs.multiplicity * scaled(pairs, prompt_of, best).p_hat)[above].sum()
            assert mass == pytest.approx(p_a, abs=1e-12)  # of the set A as it was before

    check()


# exact constructions


def test_a_perfect_model_has_no_error_and_no_gap() -> None:
    @settings(QUICK, max_examples=100)
    @given(worlds_of_prompts)
    def check(drawn: list[Any]) -> None:
        pairs = table(drawn)[0]
        perfect = replace(pairs, p_hat=pairs.p)
        assert measures.error(perfect) == 0
        assert measures.calibration_gap(perfect) == 0
        assert measures.miscalibration(perfect) == 0
        entropy = as_floats(perfect)
        assert measures.cross_entropy(entropy) <= measures.cross_entropy(as_floats(pairs)) + 1e-12

    check()


@pytest.mark.parametrize("n", [1, 3, 8, 1000])
def test_the_uniform_model_errs_half_the_time(n: int) -> None:
    flat = Fraction(1, 2 * n)
    even = pairs_of((1, Fraction(1, n), flat, VALID, n, n, n), (1, Fraction(0), flat, ERROR, n, n, n))
    assert measures.error(even) == Fraction(1, 2)
    assert measures.iiv_error(even) == Fraction(1, 2)
    assert measures.calibration_gap(even) == 0
    at = replace(even, p_hat=np.array([Fraction(0), Fraction(1, n)], dtype=object))  # every error at the threshold
    assert (measures.error(at), measures.iiv_error(at)) == (1, Fraction(1, 2))
    assert measures.calibration_gap(at) == 0


def test_four_rows_by_hand() -> None:
    # prompt 1 (mu .25): a valid answer and three errors; prompt 2 (mu .75): a valid answer and two errors; 1/K = 1/2
    pairs = pairs_of(
        (0.25, 1.0, 0.25, VALID, 1, 3),
        (0.25, 0.0, 0.25, ERROR, 1, 3, 3),
        (0.75, 1.0, 0.375, VALID, 1, 2),
        (0.75, 0.0, 0.3125, ERROR, 1, 2, 2),
    )
    found = observe(pairs)
    assert found.error == 0.25 * 0.75 + 0.75 * 0.625
    assert found.iiv_error == 0.5  # nothing is above 1/2: every answer is missed, no error is let through
    assert found.calibration_gap == 0.0
    assert found.valid_over_errors == 0.5
    assert (found.over, found.gap) == (0.0, 0.0)
    assert found.room == 0.5 - (0.25 * 0.25 + 0.75 * 0.375)
    assert found.cross_entropy == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.375)), abs=1e-15)
    # levels .25, .3125, .375: p - p_hat is .25 - .25, 0 - .46875, .75 - .28125
    assert found.miscalibration == 0.46875
    sure = observe(replace(pairs, p_hat=np.array([0.1, 0.3, 0.25, 0.375])))
    assert measures.threshold(pairs) == 0.5
    assert sure.iiv_error == 0.5
    # one error of prompt 2 above the threshold
    split = pairs_of(
        (0.25, 1.0, 1.0, VALID, 1, 3),
        (0.25, 0.0, 0.0, ERROR, 1, 3, 3),
        (0.75, 1.0, 0.25, VALID, 1, 2),
        (0.75, 0.0, 0.75, ERROR, 1, 2),
        (0.75, 0.0, 0.0, ERROR, 1, 2),
    )
    found = observe(split)
    assert found.error == 0.5625
    assert found.iiv_error == 0.75 / 4 + 0.75 / 2
    assert found.calibration_gap == 0.5625  # p_hat(A) = .25 + .5625, p(A) = .25
    assert found.over == 0.5625 - 0.75 / 2
    assert found.room == 0.5 - 0.75 * 0.25
    assert found.gap == 0.0
    assert found.columns["calibration_gap"] == 0.5625


def test_nonsense_counts_as_an_error_and_is_no_part_of_iiv() -> None:
    pairs = pairs_of(
        (1.0, 1.0, 0.25, VALID, 1, 4),
        (1.0, 0.0, 0.0, ERROR, 1, 4, 4),
        (1.0, 0.0, 0.75, NONSENSE, 1, 4),
    )
    found = observe(pairs)
    assert found.error == 0.75
    assert found.iiv_error == 0.5  # only the answer, which lies at the threshold; D(nonsense) = 0
    assert found.calibration_gap == 0.75  # nonsense is thresholded as a single response
    assert found.over == 0.75
    assert broken(pairs) == set()


def test_cross_entropy_is_infinite_where_a_true_answer_is_impossible() -> None:
    assert measures.cross_entropy(SHY) == math.inf
    assert observe(SHY).columns["cross_entropy"] == math.inf
    assert measures.cross_entropy(pairs_of((1.0, 1.0, 1.0, VALID, 1, 1), (1.0, 0.0, 0.0, ERROR, 1, 1))) == 0.0


def test_rounding_splits_no_level_of_miscalibration() -> None:
    third = 1 / 3
    pairs = pairs_of((0.5, 1.0, third, VALID, 1, 2), (0.5, 0.0, third * (1 + 1e-15), ERROR, 1, 2, 2))
    assert measures.miscalibration(pairs) == pytest.approx(0.0, abs=1e-15)
    split = replace(pairs, p_hat=np.array([third * (1 - 2e-6), third * (1 + 1e-6)]))
    assert measures.miscalibration(split) == pytest.approx(third, abs=1e-5)


def test_missing_mass_by_hand() -> None:
    world = worlds.World(
        "by hand", np.array([2, 4]), np.array([0.3, 0.1]), np.array([5, 9]), np.array([0.5, 0.25]), idk=True
    )
    cells = corpora.Corpus(
        9,
        fact_class=np.array([0, 0, 1, 1, 1]),
        times_answered=np.array([0, 2, 0, 0, 1]),
        times_idk=np.array([1, 0, 0, 3, 2]),
        facts=np.array([1, 1, 2, 1, 1]),
        answers=np.array([5, 5, 9, 9, 9]),
        answer_rate=np.array([0.5, 0.5, 0.25, 0.25, 0.25]),
    )
    assert measures.missing_mass(world, cells) == pytest.approx(0.15 + 3 * 0.025, abs=1e-15)
    assert measures.missing_squares(world, cells) == pytest.approx(0.15**2 + 3 * 0.025**2, abs=1e-15)
    prompts, answers = np.array([0, 1, 1, 4, 4, 4, 5, 5, 5]), np.array([-1, 0, 0, -1, -1, -1, 7, -1, -1])
    kinds = np.array([0, 0, 1, 1, 1, 1])
    listed = corpora.Listed(prompts, answers, kinds, world.answers[kinds], world.answer_rate[kinds])
    assert measures.missing_mass(world, listed) == pytest.approx(0.225, abs=1e-15)
    assert measures.missing_squares(world, listed) == pytest.approx(0.15**2 + 3 * 0.025**2, abs=1e-15)
