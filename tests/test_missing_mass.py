"""Counts of counts, the result type, and the estimators of the missing mass itself."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.bounds import good_turing_mse, missing_mass_from_counts
from simlab.errors import BadInput
from simlab.missing_mass import (
    INTERVALS,
    CountsOfCounts,
    Estimate,
    certificate,
    chao_jost,
    counts_of,
    good_mass,
    good_turing,
    robbins,
)

# girdled-canopy spiders of Ellison et al. 2010, whose sample coverage is worked out by Chao & Jost 2012: n = 168,
# S = 26, f1 = 12, f2 = 4; the other ten species share 148 draws
SPIDERS = {1: 12, 2: 4, 14: 2, 15: 8}
# word types of Shakespeare, Efron & Thisted 1976: N = 884,647, S = 31,534 and f1 to f4; the rest fills up to them
SHAKESPEARE = {1: 14376, 2: 4343, 3: 2292, 4: 1463, 93: 9059, 6370: 1}

LAWS = ((0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1), (0.25,) * 4, (0.4, 0.3, 0.2, 0.1))


def outcomes(law: tuple[float, ...], draws: int) -> list[tuple[float, CountsOfCounts, float, float]]:
    """Every sequence of draws, grouped: (probability, counts, MM, MM one draw before)."""
    grouped: Counter[tuple[tuple[int, ...], int]] = Counter()
    for sequence in itertools.product(range(len(law)), repeat=draws):
        counts = tuple(sequence.count(i) for i in range(len(law)))
        grouped[counts, sequence[-1]] += 1
    found = []
    for (counts, last), number in grouped.items():
        chance = number * math.prod(p**k for p, k in zip(law, counts, strict=True))
        missing = sum(p for p, k in zip(law, counts, strict=True) if not k)
        found.append((chance, counts_of(counts), missing, missing + (law[last] if counts[last] == 1 else 0)))
    return found


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("draws", [1, 2, 4, 6])
def test_the_mean_and_the_risk_of_good_turing_by_enumeration(law: tuple[float, ...], draws: int) -> None:
    seen = [(c, good_turing(counts).estimate, mm, before) for c, counts, mm, before in outcomes(law, draws)]
    assert sum(c for c, *_ in seen) == pytest.approx(1)
    rate = sum(c * gt for c, gt, _, _ in seen)
    bias = rate - sum(c * mm for c, _, mm, _ in seen)
    assert bias == pytest.approx(sum(p**2 * (1 - p) ** (draws - 1) for p in law), abs=1e-14)
    assert 0 <= bias <= (1 - 1 / draws) ** (draws - 1) / draws + 1e-15
    mse = sum(c * (gt - mm) ** 2 for c, gt, mm, _ in seen)
    assert mse == pytest.approx(good_turing_mse(np.array(law), np.ones(len(law)), draws), abs=1e-13)
    assert rate == pytest.approx(sum(c * before for c, _, _, before in seen), abs=1e-14)  # Robbins: E sr = E MM_(N-1)


@pytest.mark.parametrize("draws", [1, 2, 3, 6])
def test_the_risk_of_robbins_is_below_one_over_n(draws: int) -> None:
    """For its own estimand, the missing mass one draw before; a tenth of that is refuted."""
    risks = [sum(c * (counts.singleton_rate - b) ** 2 for c, counts, _, b in outcomes(law, draws)) for law in LAWS]
    assert max(risks) < 1 / draws
    assert max(risks) > 0.1 / draws or draws == 1


def test_the_worst_risk_of_good_turing() -> None:
    """N times the mean squared error is .6080 at .8526 draws a fact (Rajaraman, Thangaraj & Suresh 2017)."""
    draws = 10**6
    worst = draws * good_turing_mse(*_uniform(draws, 0.8526), draws)
    assert worst == pytest.approx(0.6080, rel=0.001)
    for ratio in (0.5, 1.3):
        assert draws * good_turing_mse(*_uniform(draws, ratio), draws) < 0.98 * worst


def _uniform(draws: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    facts = round(draws / ratio)
    return np.array([1 / facts]), np.array([facts])


def test_published_values() -> None:
    spiders = counts_of(SPIDERS)
    assert (spiders.draws, spiders.seen) == (168, 26)
    assert good_turing(spiders).estimate == pytest.approx(0.0714285714, abs=1e-10)
    assert 1 - chao_jost(spiders).estimate == pytest.approx(0.9288554388, abs=1e-10)
    esty = good_turing(spiders, interval="esty")
    assert (esty.low, esty.high) == (pytest.approx(0.02038, abs=1e-5), pytest.approx(0.12247, abs=1e-5))
    shakespeare = counts_of(SHAKESPEARE)
    assert (shakespeare.draws, shakespeare.seen) == (884_647, 31_534)
    assert good_turing(shakespeare).estimate == pytest.approx(0.0162505497, abs=1e-10)


def test_esty_covers_less_than_it_says_where_the_others_do_not() -> None:
    """100 draws from 1,000 equal facts: Esty's interval, as published software uses it, covers .868 at most .95."""
    rng = np.random.default_rng(1)
    inside = dict.fromkeys(("tails", "score", "published"), 0)
    for _ in range(1_000):
        seen = np.bincount(rng.integers(0, 1000, 100), minlength=1000)
        counts, missing = counts_of(seen), float((seen == 0).mean())
        for kind in ("tails", "score"):
            found = good_turing(counts, interval=kind)
            inside[kind] += found.low <= missing <= found.high
        rate, double = counts.singleton_rate, counts.f(2)
        half = 1.96 * math.sqrt((rate * (1 - rate) + 2 * double / 100) / 100)
        inside["published"] += rate - half <= missing <= rate + half
    assert inside["tails"] >= 950
    assert inside["score"] > 930
    assert 840 < inside["published"] < 900


ESTIMATORS: tuple[Callable[..., Estimate], ...] = (
    good_turing,
    chao_jost,
    robbins,
    *(
        lambda data, kind=kind, **more: good_turing(data, interval=kind, **more)
        for kind in INTERVALS
        if kind != "bootstrap"
    ),
)
corpora = st.lists(st.integers(1, 30) | st.just(1) | st.integers(1, 10**15), min_size=1, max_size=30)


@settings(deadline=None, max_examples=150)
@given(corpora, st.integers(0, 50), st.sampled_from(["two", "lower", "upper"]))
def test_every_interval_contains_its_estimate_and_grows_with_the_level(counts: list[int], idk: int, sides: str) -> None:
    data = counts_of(counts, idk)
    for estimator in ESTIMATORS:
        before: Estimate | None = None
        for level in (0.5, 0.8, 0.95, 0.999):
            found = estimator(data, level=level, sides=sides)
            assert 0 <= found.low <= found.estimate <= found.high <= 1
            assert found.low < found.high
            assert found.high == 1 or sides != "lower"
            assert found.low == 0 or sides != "upper"
            if before is not None:
                assert found.low <= before.low
                assert found.high >= before.high
            before = found


@settings(deadline=None, max_examples=60)
@given(corpora, st.randoms(use_true_random=False))
def test_labels_order_and_form_of_the_counts_do_not_matter(counts: list[int], random) -> None:
    shuffled = list(counts)
    random.shuffle(shuffled)
    forms = (counts, shuffled, [*counts, 0, 0], np.array(counts), dict(Counter(counts)), {**Counter(counts), 10**17: 0})
    first = good_turing(counts)
    assert all(good_turing(form) == first for form in forms)
    assert good_turing(counts_of(shuffled)) == first


def test_idk_draws_are_draws_and_no_facts() -> None:
    counts = counts_of({1: 20, 5: 16}, idk=100)
    assert counts.draws == 200
    assert good_turing(counts).estimate == 0.1
    wide, narrow = good_turing(counts), good_turing({1: 20, 5: 16})
    assert (wide.high - wide.low) < (narrow.high - narrow.low)


def test_edges_say_what_they_are() -> None:
    single = good_turing([1])
    assert (single.estimate, single.high) == (1.0, 1.0)
    assert single.warnings == ("Every one of the 1 draws is a singleton: a de-duplicated list looks the same.",)
    nothing = good_turing({10**15: 1})
    assert nothing.estimate == 0
    assert 0 < nothing.high < 1e-13
    assert nothing.warnings == (
        "No fact stands exactly once: the estimate is 0, and only the upper end says what may be missing.",
    )
    assert good_turing({1: 10, 7: 10}).warnings == ()
    assert chao_jost([1]).estimate == 0
    assert chao_jost({1: 3}).estimate == pytest.approx(2 * 2 / (2 * 2 + 2))


def test_the_certificate_is_the_one_sided_lower_end() -> None:
    data = {1: 2_000, 2: 500, 9: 400}
    found = certificate(data, gamma=0.01)
    assert found.sides == "lower"
    assert found.promise == "finite-sample"
    assert found.low == good_turing(data, level=0.99, sides="lower").low > 0.25
    report = missing_mass_from_counts(found.low, found.estimate, 0.01, missing_mass=0.3)
    assert (report.value, report.slack) == (found.low, pytest.approx(0.3 - found.low))
    assert report.level == 0.99
    assert not report.vacuous
    assert missing_mass_from_counts(0.0, 0.1).vacuous


def test_an_estimate_is_strict_json() -> None:
    plain = good_turing(SPIDERS).as_dict()
    names = ["estimate", "low", "high", "level", "method", "source", "promise", "sides", "warnings"]
    assert list(json.loads(json.dumps(plain, allow_nan=False))) == names
    sampled = good_turing(SPIDERS, interval="bootstrap", rng=np.random.default_rng(0)).as_dict()
    assert sampled["mcse"] > 0
    assert Estimate(1.0, 0.0, math.inf, 0.9, "m", "s", "asymptotic").as_dict()["high"] is None


def test_the_bootstrap_repeats_with_its_generator_and_moves_with_another() -> None:
    ends = [
        (found.low, found.high)
        for found in (good_turing(SPIDERS, interval="bootstrap", rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    ]
    assert ends[0] == ends[1] != ends[2]
    assert good_turing(SPIDERS, interval="bootstrap") == good_turing(SPIDERS, interval="bootstrap")


def test_order_zero_is_the_missing_mass() -> None:
    zero, score = good_mass(SPIDERS, 0), good_turing(SPIDERS, interval="score")
    assert (zero.estimate, zero.low, zero.high) == (score.estimate, score.low, score.high)


@pytest.mark.parametrize(
    ("data", "idk", "sentence"),
    [
        ([], 0, "counts = []: no fact was seen: at least one positive count is needed"),
        ([0, 0], 0, "counts = []: no fact was seen: at least one positive count is needed"),
        ([1, -2], 0, "count = -2: must be a whole number from 0 to 2^63 - 1"),
        ([1, 2.5], 0, "count = 2.5: must be a whole number from 0 to 2^63 - 1"),
        ([1, math.nan], 0, "count = nan: must be a whole number from 0 to 2^63 - 1"),
        (["a"], 0, "count = 'a': must be a whole number from 0 to 2^63 - 1"),
        ({1: -1}, 0, "f_k = -1: must be a whole number from 0 to 2^63 - 1"),
        ({-1: 1}, 0, "times seen (key of the counts of counts) = -1: must be a whole number from 0 to 2^63 - 1"),
        ({0: 5, 1: 1}, 0, "f_0 is given: the facts never seen are what is estimated: leave key 0 out"),
        ([2**62, 2**62], 0, f"counts: add up to {2**63} draws: at most 2^63 - 1 can be counted"),
        ([1], -1, "idk = -1: must be a whole number from 0 to 2^63 - 1"),
        (np.ones((2, 2), dtype=int), 0, "count: has 2 dimensions: give one list of whole numbers"),
    ],
    ids=str,
)
def test_bad_counts(data, idk: int, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        counts_of(data, idk)
    assert str(caught.value) == sentence


def test_counts_in_floats_that_are_whole_are_welcome() -> None:
    assert good_turing([1.0, 3.0]).estimate == 0.25
    assert good_turing({1.0: 2.0, 3: 1}) == good_turing([1, 1, 3])
