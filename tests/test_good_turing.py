"""Good-Turing's exact moments: against enumeration, against 120-digit arithmetic, and at published constants."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab import bounds
from simlab.bounds import good_turing_moments
from simlab.errors import BadInput

MOMENTS: dict[str, Callable[[np.ndarray, np.ndarray, int], float]] = {
    "expected_singleton_rate": bounds.expected_singleton_rate,
    "expected_missing_mass": bounds.expected_missing_mass,
    "good_turing_bias": bounds.good_turing_bias,
    "good_turing_mse": bounds.good_turing_mse,
    "singleton_rate_variance": bounds.singleton_rate_variance,
    "missing_mass_variance": bounds.missing_mass_variance,
}


def enumerated(popularity: list[Fraction], multiplicity: list[int], draws: int) -> dict[str, Fraction]:
    """Return every moment by going through all outcomes of all draws, in exact arithmetic; the rest is IDK."""
    facts = [p for p, m in zip(popularity, multiplicity, strict=True) for _ in range(m)]
    chances = [*facts, 1 - sum(facts)]
    sums = [Fraction(0)] * 5
    for outcome in itertools.product(range(len(chances)), repeat=draws):
        chance = math.prod((chances[i] for i in outcome), start=Fraction(1))
        singletons = Fraction(sum(outcome.count(i) == 1 for i in range(len(facts))), draws)
        missing = sum((p for i, p in enumerate(facts) if i not in outcome), Fraction(0))
        values = (singletons, missing, singletons**2, missing**2, (singletons - missing) ** 2)
        sums = [total + chance * value for total, value in zip(sums, values, strict=True)]
    return {
        "expected_singleton_rate": sums[0],
        "expected_missing_mass": sums[1],
        "good_turing_bias": sums[0] - sums[1],
        "good_turing_mse": sums[4],
        "singleton_rate_variance": sums[2] - sums[0] ** 2,
        "missing_mass_variance": sums[3] - sums[1] ** 2,
    }


WORLDS = {
    "one certain fact": (["1"], [1]),
    "one fact and IDK": (["1/2"], [1]),
    "two facts, p + p = 1": (["1/2"], [2]),
    "two unequal facts, p + q = 1": (["9/10", "1/10"], [1, 1]),
    "equal facts": (["1/3"], [3]),
    "unequal classes": (["1/2", "1/4"], [1, 2]),
    "unequal classes and IDK": (["1/5", "1/10"], [1, 2]),
    "rare facts and much IDK": (["1/100"], [3]),
    "an empty class": (["1/5", "1/2"], [2, 0]),
    "one class given twice": (["1/4", "1/4"], [1, 2]),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("draws", [1, 2, 3, 4, 5, 6])
def test_every_moment_against_enumeration(world: str, draws: int) -> None:
    popularity, multiplicity = [Fraction(p) for p in WORLDS[world][0]], WORLDS[world][1]
    exact = enumerated(popularity, multiplicity, draws)
    for name, moment in MOMENTS.items():
        value = moment(np.array([float(p) for p in popularity]), np.array(multiplicity), draws)
        assert value == pytest.approx(float(exact[name]), rel=1e-12, abs=1e-30), name


def test_enumeration_tells_a_wrong_formula() -> None:
    """The control: the published MSE without the factor m (m-1) for pairs within a class is not the MSE."""
    exact = float(enumerated([Fraction(1, 3)], [3], 4)["good_turing_mse"])
    p, m, n = 1 / 3, 3, 4
    single = m * p * (1 - p) ** (n - 1) / n + m * p**2 * (1 - p) ** n
    pair = p**2 * (1 - 2 * p) ** (n - 2) * ((2 * p) ** 2 - 1 / n)
    assert single + m * (m - 1) * pair == pytest.approx(exact, rel=1e-12)
    assert single + m**2 * pair != pytest.approx(exact, rel=1e-3)


def precise(popularity: list[float], multiplicity: list[float], draws: int) -> dict[str, Decimal]:
    """Return the moments by the textbook formulas in 120 digits."""
    with localcontext(prec=120):
        p, m, n = [Decimal(x) for x in popularity], [Decimal(x) for x in multiplicity], Decimal(draws)

        def power(base: Decimal, exponent: int) -> Decimal:
            return base**exponent if exponent else Decimal(1)

        single = [n * x * power(1 - x, draws - 1) for x in p]
        unseen = [power(1 - x, draws) for x in p]
        sr = sum((c * s * (1 - s) for c, s in zip(m, single, strict=True)), Decimal(0))
        mm = sum((c * x * x * h * (1 - h) for c, x, h in zip(m, p, unseen, strict=True)), Decimal(0))
        mse = sum((c * (s / n**2 + x * x * h) for c, x, s, h in zip(m, p, single, unseen, strict=True)), Decimal(0))
        for i, j in itertools.product(range(len(p)), repeat=2):
            pairs = m[i] * (m[j] - (i == j)) * p[i] * p[j]
            q = 1 - p[i] - p[j]
            sr += pairs * n * (n - 1) * power(q, draws - 2) - m[i] * (m[j] - (i == j)) * single[i] * single[j]
            mm += pairs * (power(q, draws) - unseen[i] * unseen[j])
            mse += pairs * power(q, draws - 2) * ((p[i] + p[j]) ** 2 - 1 / n)
        return {"singleton_rate_variance": sr / n**2, "missing_mass_variance": mm, "good_turing_mse": mse}


def agrees(popularity: list[float], multiplicity: list[float], draws: int) -> None:
    for name, exact in precise(popularity, multiplicity, draws).items():
        value = MOMENTS[name](np.array(popularity), np.array(multiplicity), draws)
        if exact > Decimal("1e-290"):
            assert abs(Decimal(value) / exact - 1) < Decimal("1e-12"), (name, popularity, multiplicity, draws)


@pytest.mark.parametrize("draws", [10**6, 10**12, 10**15, 10**18])
def test_variances_in_120_digits(draws: int) -> None:
    scale = 2.0 ** round(math.log2(draws))
    agrees([1 / scale], [scale], draws)  # equal facts, about one draw each
    agrees([2**-40 / scale], [2**40 * scale], draws)  # almost every draw a singleton
    agrees([16 / scale, 1 / (4 * scale), 2.0**-70], [scale / 32, scale, 2.0**68], draws)  # three tempers
    agrees([0.5, 1 / scale], [1, scale / 4], draws)  # a fact that is always seen, and IDK
    agrees([3 / draws, 1e-3 / draws], [draws // 7, draws // 11], draws)  # IDK takes more than half


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([2, 3, 4, 7, 30, 1000, 10**6, 10**10, 10**16, 10**18]),
    st.lists(st.tuples(st.integers(-9, 60), st.integers(1, 3)), min_size=1, max_size=3),
    st.booleans(),
)
def test_moments_in_120_digits_wherever_facts_are_rare_or_popular(
    draws: int, classes: list[tuple[int, int]], full: bool
) -> None:
    """Popularities are powers of 2 around 1/draws; with ``full`` the classes take the whole probability."""
    shares = {1: [0], 2: [1, 1], 3: [1, 2, 2]}[len(classes)]
    popularity, multiplicity = [], []
    for (above, third), share in zip(classes, shares, strict=True):
        exponent = max(round(math.log2(draws)) + above, 2) + share
        facts = 2.0 ** (exponent - share)
        popularity.append(2.0**-exponent)
        multiplicity.append(facts if full else max(facts * third // 4, 1.0))
    agrees(popularity, multiplicity, draws)


def test_the_naive_variance_has_no_digits_at_1e15() -> None:
    """The control: E[X^2] - E[X]^2 in floats, where the variance is 1e-15 of the squared mean."""
    n = 10**15
    p, m = 2.0**-50, 2.0**50
    exact = float(precise([p], [m], n)["missing_mass_variance"])
    mean = bounds.expected_missing_mass(np.array([p]), np.array([m]), n)
    naive = m * p**2 * math.exp(n * math.log1p(-p)) + m * (m - 1) * p**2 * math.exp(n * math.log1p(-2 * p)) - mean**2
    assert exact / mean**2 < 1e-15
    assert abs(naive / exact - 1) > 0.01
    assert bounds.missing_mass_variance(np.array([p]), np.array([m]), n) == pytest.approx(exact, rel=1e-12)


def test_the_bias_is_summed_and_not_a_difference() -> None:
    p, m, n = np.array([2.0**-50]), np.array([2.0**50]), 10**15
    bias = bounds.good_turing_bias(p, m, n)
    with localcontext(prec=60):
        exact = Decimal(2) ** -50 * (1 - Decimal(2) ** -50) ** (n - 1)
    assert bias == pytest.approx(float(exact), rel=1e-12)
    difference = bounds.expected_singleton_rate(p, m, n) - bounds.expected_missing_mass(p, m, n)
    assert abs(difference / bias - 1) > 0.01  # the control


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=5), st.integers(1, 10**6))
def test_the_bias_lies_between_0_and_1_over_n(weights: list[float], draws: int) -> None:
    p = np.array(weights) / sum(weights) * (1 - 1e-12)
    assert 0 <= bounds.good_turing_bias(p, np.ones(len(p)), draws) <= 1 / draws


# Published constants


@pytest.mark.parametrize("draws", [10**4, 10**8, 10**15])
def test_the_worst_uniform_world_has_risk_608(draws: int) -> None:
    facts = round(draws / 0.85261)
    p, m = np.array([1 / facts]), np.array([facts])
    assert draws * bounds.good_turing_mse(p, m, draws) == pytest.approx(0.60804, rel=1e-3)
    assert draws * bounds.good_turing_mse(p / 2, m, draws) != pytest.approx(0.60804, rel=1e-1)  # half of it IDK


def test_the_worst_risk_at_a_thousand_draws() -> None:
    risk = {k: 1000 * bounds.good_turing_mse(np.array([1 / k]), np.array([k]), 1000) for k in range(1100, 1250)}
    assert max(risk, key=lambda k: risk[k]) in range(1168, 1179)
    assert max(risk.values()) == pytest.approx(0.60844, abs=5e-6)


def worst_uniform(draws: int) -> float:
    return max(draws * bounds.good_turing_mse(np.array([1 / k]), np.array([k]), draws) for k in range(1, 2 * draws + 2))


def test_no_world_exceeds_the_worst_risk() -> None:
    for draws in [*range(1, 13), 30, 41, 42, 43, 60]:
        allowed = bounds.missing_mass_from_singletons_sharp(0.5, draws).terms["worst_risk"]
        assert worst_uniform(draws) <= allowed + 1e-12
    assert worst_uniform(2) == pytest.approx(1.25)
    assert worst_uniform(41) > 0.6179  # the control: the constant of large N is too small for N = 41
    assert bounds.missing_mass_from_singletons_sharp(0.5, 42).value == 0.6179 / 42


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.integers(1, 500)), min_size=1, max_size=4),
    st.integers(1, 300),
    st.floats(0.1, 1.0),
)
def test_no_mixed_world_exceeds_the_worst_risk(classes: list[tuple[float, int]], draws: int, answered: float) -> None:
    weight = np.exp([w for w, _ in classes])
    m = np.array([c for _, c in classes])
    p = weight / np.sum(weight * m) * answered
    allowed = bounds.missing_mass_from_singletons_sharp(0.5, draws).value
    assert bounds.good_turing_mse(p, m, draws) <= allowed * (1 + 1e-12)


# Symmetries


@pytest.mark.parametrize("name", MOMENTS)
def test_moments_do_not_depend_on_how_facts_are_put_in_classes(name: str) -> None:
    moment, n = MOMENTS[name], 50
    p, m = np.array([0.1, 0.01, 0.002]), np.array([3, 40, 100])
    value = moment(p, m, n)
    assert moment(p[::-1], m[::-1], n) == pytest.approx(value, rel=1e-13)
    assert moment(np.repeat(p, m), np.ones(m.sum(), dtype=int), n) == pytest.approx(value, rel=1e-12)
    assert moment(np.append(p, 0.0), np.append(m, 7), n) == value
    assert moment(np.append(p, 0.1), np.append(m, 0), n) == value


def test_row_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    p, m = rng.uniform(0, 1e-3, 61), rng.integers(1, 9, 61)
    whole = [moment(p, m, 3000) for moment in MOMENTS.values()]
    monkeypatch.setattr(good_turing_moments, "BLOCK", 500)
    assert [moment(p, m, 3000) for moment in MOMENTS.values()] == pytest.approx(whole, rel=1e-13)


@pytest.mark.parametrize(
    ("popularity", "multiplicity", "draws", "sentence"),
    [
        ([0.5, 0.5], [1], 9, "popularity has shape (2,) and multiplicity (1,): give one number a class in each"),
        ([-0.5], [1], 9, "popularity = -0.5: must be a probability from 0 to 1"),
        ([math.nan], [1], 9, "popularity = nan: must be a probability from 0 to 1"),
        ([0.5], [1.5], 9, "multiplicity = 1.5: must be a whole number of facts, at least 0"),
        ([0.5], [math.inf], 9, "multiplicity = inf: must be a whole number of facts, at least 0"),
        (
            [0.5],
            [3],
            9,
            "popularity times multiplicity sums to 1.5: must be at most 1; divide popularity by the sum",
        ),
        ([0.5], [1], 0, "draws = 0: must be a whole number of at least 1"),
    ],
)
@pytest.mark.parametrize("name", MOMENTS)
def test_bad_worlds_are_one_sentence(
    name: str, popularity: list[float], multiplicity: list[float], draws: int, sentence: str
) -> None:
    with pytest.raises(BadInput, match="^" + re.escape(sentence) + "$"):
        MOMENTS[name](np.array(popularity), np.array(multiplicity), draws)
