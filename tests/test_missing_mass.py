"""Counts of counts, the result type, and the estimators of the missing mass itself."""

import inspect
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import SHAKESPEARE, SPIDERS

from simlab import missing_mass
from simlab.bounds import good_turing_mse, missing_mass_from_counts
from simlab.errors import BadInput, shown
from simlab.estimates import HIGHEST, LOWEST, check_probability
from simlab.missing_mass import (
    INTERVALS,
    CountsOfCounts,
    CoverageCurve,
    Estimate,
    ace,
    certificate,
    chao1,
    chao_jost,
    counts_of,
    counts_of_cells,
    coverage_curve,
    draws_until,
    frequency_exponent,
    good_mass,
    good_toulmin,
    good_turing,
    jackknife,
    power_law_draws_until,
    robbins,
    simple_good_turing,
    smoothed_good_toulmin,
)
from simlab.missing_mass.growth import SMOOTHINGS
from simlab.missing_mass.unseen import CONVENTIONS

FORMS = "give a mapping {k: f_k}, or one list with one count a fact"
ONE_TWO = np.array([1, 2])
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


@pytest.mark.parametrize("law", [*LAWS, (0.3, 0.2), (0.05,)], ids=str)
@pytest.mark.parametrize("draws", [1, 2, 4, 6])
def test_the_risk_of_robbins_by_enumeration(law: tuple[float, ...], draws: int) -> None:
    """(1/N) [sum p (1-p)^(N-1) (1 + (N-2) p) - sum_(i != j) p_i p_j (1 - p_i - p_j)^(N-1)], what lacks to 1 being IDK.

    IDK is one symbol more, left out of f_1 and of the missing mass.
    """
    rest, facts = 1 - sum(law), len(law)
    found = 0.0
    for drawn in itertools.product(range(facts + (rest > 1e-12)), repeat=draws):
        chance = math.prod((*law, rest)[i] for i in drawn)
        before = sum(law[i] for i in range(facts) if i not in drawn[:-1])
        found += chance * (before - sum(drawn.count(i) == 1 for i in range(facts)) / draws) ** 2
    pairs = sum(p * q * max(1 - p - q, 0.0) ** (draws - 1) for p, q in itertools.permutations(law, 2))
    exact = (sum(p * (1 - p) ** (draws - 1) * (1 + (draws - 2) * p) for p in law) - pairs) / draws
    assert found == pytest.approx(exact, abs=1e-13)
    assert found < 1 / draws


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_radius_of_robbins_is_that_of_chebyshev_and_cantelli(level: float) -> None:
    """From a risk below 1/N: sqrt(1/(N gamma)) on both sides, sqrt((1 - gamma)/(N gamma)) on one."""
    data = {1: 5 * 10**5, 2: 25 * 10**4}  # N = 1e6, sr = 1/2: nothing is cut
    two, lower, upper = (robbins(data, level=level, sides=sides) for sides in ("two", "lower", "upper"))
    chebyshev, cantelli = math.sqrt(1e-6 / (1 - level)), math.sqrt(1e-6 * level / (1 - level))
    assert (0.5 - two.low, two.high - 0.5) == (pytest.approx(chebyshev), pytest.approx(chebyshev))
    assert (0.5 - lower.low, upper.high - 0.5) == (pytest.approx(cantelli), pytest.approx(cantelli))
    assert (lower.high, upper.low) == (1, 0)


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
        if kind != "bootstrap"  # below, on fewer examples: each of its intervals takes 40 resamples
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


@settings(deadline=None, max_examples=25)
@given(corpora, st.integers(0, 50), st.sampled_from(["two", "lower", "upper"]))
def test_the_bootstrap_contains_its_estimate_and_grows_with_the_level(counts: list[int], idk: int, sides: str) -> None:
    """Of the same resamples: another generator at another level need not nest."""
    data, before = counts_of(counts, idk), None
    for level in (0.1, 0.5, 0.8, 0.95, 0.999):
        found = good_turing(data, interval="bootstrap", level=level, sides=sides, replicates=40)
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert found.low < found.high
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
    assert single.warnings == ("The one fact seen stands once: a de-duplicated list looks the same.",)
    listed = ("Each of the 1,000 facts seen stands once: a de-duplicated list looks the same.",)
    for idk in (0, 1, 10**6):  # IDK draws hide nothing of it
        assert good_turing(counts_of({1: 1_000}, idk)).warnings == listed
    assert good_turing(counts_of({1: 999, 2: 1})).warnings == ()
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


def test_edges_of_the_certificate_and_of_robbins() -> None:
    """As their docstrings have them."""
    assert certificate({10**15: 1}).low == certificate([1]).low == 0
    for n in (100, 10**4, 10**9):
        assert certificate({1: 11, n - 11: 1}).low == 0
        assert certificate({1: 30, n - 30: 1}).low > 0
    for n, low in ((100, 0.746), (10**6, 0.997)):
        found = certificate({1: n})
        assert found.low == pytest.approx(low, abs=5e-4)
        assert found.warnings == good_turing({1: n}).warnings != ()
    assert certificate(counts_of({1: 100}, idk=100)).low < 0.5
    alone, none, idk = robbins([1]), robbins({400: 1}), robbins(counts_of({4: 50}, idk=200))
    assert (alone.low, alone.estimate, alone.high, alone.warnings) == (0, 1, 1, good_turing([1]).warnings)
    assert (none.low, none.estimate, none.high) == (0, 0, pytest.approx(math.sqrt(20 / 400)))
    assert (idk.high, idk.warnings) == (none.high, none.warnings)


def test_counts_of_cells_are_those_of_their_facts() -> None:
    times, facts = np.array([3, 0, 1, 3, 1]), np.array([2, 9, 4, 1, 2**53])
    found = counts_of_cells(times, facts, 7)
    assert (found.times.tolist(), found.facts.tolist(), found.idk) == ([1, 3], [2**53 + 4, 3], 7)
    with pytest.raises(BadInput, match=r"^counts = \[\]: no fact was seen: at least one positive count is needed$"):
        counts_of_cells(np.array([0]), np.array([5]), 7)


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


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (5, "counts = 5: must be counts: " + FORMS),
        (None, "counts = None: must be counts: " + FORMS),
        (b"\x01\x02", "counts = b'\\x01\\x02': must be counts: " + FORMS),
        ("12", "counts = '12': must be counts: " + FORMS),
        ({3}, "counts = {3}: a set drops equal counts: " + FORMS),
        (frozenset({3}), "counts = frozenset({3}): a set drops equal counts: " + FORMS),
        ([[1, 2], [3]], "count = [1, 2]: must be a whole number from 0 to 2^63 - 1"),
        ([1, True], "count = True: must be a whole number from 0 to 2^63 - 1"),
        (np.array([True, False]), "count = True: must be a whole number from 0 to 2^63 - 1"),
        ({1: True}, "f_k = True: must be a whole number from 0 to 2^63 - 1"),
        ([1, None], "count = None: must be a whole number from 0 to 2^63 - 1"),
        ([1 + 0j], "count = (1+0j): must be a whole number from 0 to 2^63 - 1"),
        (np.array([1 + 0j]), "count = (1+0j): must be a whole number from 0 to 2^63 - 1"),
        ([math.inf], "count = inf: must be a whole number from 0 to 2^63 - 1"),
        (np.float32([1.5]), "count = 1.5: must be a whole number from 0 to 2^63 - 1"),
        (
            np.array(["2020-01-01"], dtype="datetime64[ns]"),
            "count = np.datetime64('2020-01-01T00:00:00.000000000'): must be a whole number from 0 to 2^63 - 1",
        ),
        (
            np.array([3], dtype="timedelta64[s]"),
            "count = np.timedelta64(3,'s'): must be a whole number from 0 to 2^63 - 1",
        ),
        (np.ma.array([1, 2], mask=[0, 1]), "counts: some are masked: fill them in, or leave them out"),
        (np.int64(5), "count: has 0 dimensions: give one list of whole numbers"),
        ({1: 1, 0: 2.5}, "f_0 is given: the facts never seen are what is estimated: leave key 0 out"),
        ({"a": 1}, "times seen (key of the counts of counts) = 'a': must be a whole number from 0 to 2^63 - 1"),
    ],
    ids=str,
)
def test_what_are_no_counts(data, sentence: str) -> None:
    for estimator in (counts_of, good_turing, coverage_curve, frequency_exponent, simple_good_turing):
        with pytest.raises(BadInput) as caught:
            estimator(data)
        assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("times", "facts", "idk", "sentence"),
    [
        ([1, 2], [3, 4], 0, "times = [1, 2]: must be one array of whole numbers: counts_of makes one"),
        (ONE_TWO, [3, 4], 0, "facts = [3, 4]: must be one array of whole numbers: counts_of makes one"),
        (ONE_TWO, ONE_TWO * 1.0, 0, "facts = array([1., 2.]): must be one array of whole numbers: counts_of makes one"),
        (ONE_TWO[:1], ONE_TWO, 0, "times and facts: have 1 and 2 entries: give f_k for each k"),
        (ONE_TWO[:0], ONE_TWO[:0], 0, "counts = []: no fact was seen: at least one positive count is needed"),
        (ONE_TWO[::-1], ONE_TWO, 0, "times = array([2, 1]): must be positive and increasing: counts_of sorts them"),
        (ONE_TWO * 0 + 1, ONE_TWO, 0, "times = array([1, 1]): must be positive and increasing: counts_of sorts them"),
        (ONE_TWO - 1, ONE_TWO, 0, "times = array([0, 1]): must be positive and increasing: counts_of sorts them"),
        (ONE_TWO, ONE_TWO - 1, 0, "facts = array([0, 1]): must be positive: counts_of leaves the others out"),
        (ONE_TWO, ONE_TWO, -1, "idk = -1: must be a whole number from 0 to 2^63 - 1"),
        (ONE_TWO, ONE_TWO, True, "idk = True: must be a whole number from 0 to 2^63 - 1"),
        (ONE_TWO, ONE_TWO, 2**63 - 1, f"counts: add up to {2**63 + 4} draws: at most 2^63 - 1 can be counted"),
    ],
    ids=str,
)
def test_counts_of_counts_made_by_hand(times, facts, idk: int, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        CountsOfCounts(times, facts, idk)
    assert str(caught.value) == sentence
    narrow = CountsOfCounts(ONE_TWO.astype(np.uint8), np.array([200, 100], dtype=np.uint8))
    assert good_turing(narrow) == good_turing({1: 200, 2: 100})


def test_idk_draws_are_told_once() -> None:
    with pytest.raises(BadInput) as caught:
        counts_of(counts_of([1], 7), idk=100)
    assert str(caught.value) == "idk = 100: these counts of counts hold their IDK draws, 7: leave idk out"
    assert counts_of(counts_of([1], 7)).idk == 7


def test_large_counts_are_exact_beside_floats() -> None:
    """2^53 and 2^53 + 1 are one float: a list or a mapping that holds one elsewhere must not put them together."""
    counts = counts_of({2**53: 1, 2**53 + 1: 1, 1.0: 3})
    assert (counts.times.tolist(), counts.facts.tolist()) == ([1, 2**53, 2**53 + 1], [3, 1, 1])
    assert counts_of([2**53 + 1, 1.0, 2**53]).times.tolist() == [1, 2**53, 2**53 + 1]
    assert counts_of([np.int64(2**53 + 1), Fraction(2)]).draws == 2**53 + 3


MAKERS: dict[str, Callable[..., Estimate | CoverageCurve]] = {
    "ace": ace,
    "certificate": lambda data, level=0.95: certificate(data, gamma=1 - level),
    "chao1": chao1,
    "chao_jost": chao_jost,
    "coverage_curve": partial(coverage_curve, replicates=5),
    "draws_until": partial(draws_until, missing_mass=0.01, replicates=5),
    "frequency_exponent": lambda data, **more: frequency_exponent(data, **more).alpha,
    "good_mass": good_mass,
    "good_toulmin": partial(good_toulmin, t=0.5),
    "good_turing": good_turing,
    "jackknife": jackknife,
    "power_law_draws_until": partial(power_law_draws_until, missing_mass=0.01),
    "robbins": robbins,
    "simple_good_turing": lambda data, **more: simple_good_turing(data, **more).missing_mass,
    "smoothed_good_toulmin": partial(smoothed_good_toulmin, t=2.0),
}
OPTIONS: tuple[tuple[str, dict[str, object]], ...] = (
    *(("good_turing", {"interval": kind}) for kind in INTERVALS if kind != "bootstrap"),
    *(("chao_jost", {"interval": kind}) for kind in INTERVALS if kind != "bootstrap"),
    ("good_turing", {"interval": "bootstrap", "replicates": 20}),
    *(("chao1", {"convention": one}) for one in CONVENTIONS),
    *(("smoothed_good_toulmin", {"smoothing": one, "t": t}) for one in SMOOTHINGS for t in (0.5, 2)),
    *(("good_mass", {"k": k}) for k in (0, 1, 7)),
    *(("jackknife", {"order": order}) for order in (1, 5)),
    ("ace", {"rare": 1}),
)


def test_every_public_estimator_is_tried_below() -> None:
    functions = {name for name in missing_mass.__all__ if inspect.isfunction(getattr(missing_mass, name))}
    assert functions - {"counts_of", "counts_of_cells"} == set(MAKERS)


@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in MAKERS), *OPTIONS], ids=str)
@pytest.mark.parametrize("data", [SPIDERS, {1: 5}, {7: 2}], ids=str)
def test_methods_are_named_in_one_way(name: str, more: dict[str, object], data: dict[int, int]) -> None:
    """ "estimator, interval" or "estimator:option, interval", the estimator being the function's name."""
    method = MAKERS[name](data, **more).method
    assert re.fullmatch(r"[a-z0-9_]+(:[a-z0-9_]+)?, [a-z_]+", method)
    assert re.split("[:,]", method)[0] == name in missing_mass.__all__


@pytest.mark.parametrize("name", MAKERS)
def test_levels_are_numbers_and_come_back_as_floats(name: str) -> None:
    for level in (np.float32(0.9), Fraction(9, 10), np.float64(0.9)):
        found = MAKERS[name](SPIDERS, level=level)
        assert type(found.level) is float
        assert found.level == pytest.approx(0.9)
        json.dumps(found.as_dict(), allow_nan=False)


NEITHER = (
    *(0, 1, -0.5, 95, math.nan, math.inf, 10**400, 1e-18, 1 - 1e-14, Fraction(1, 10**400)),
    *("0.95", None, 0.9 + 0j, True, [0.9], np.array([0.9, 0.95])),
)
NO_LEVELS = (*NEITHER, 9.9e-7, 1e-9, 1 - 9e-10)
NO_GAMMAS = (*NEITHER, 9.9e-10, 1 - 9e-7)


@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in MAKERS), *OPTIONS], ids=str)
def test_levels_out_of_range_are_refused_in_one_sentence(name: str, more: dict[str, object]) -> None:
    """From 1e-6 to 1 - 1e-9, whichever the estimator and its interval; for the certificate gamma is 1 less that."""
    if name == "certificate":
        maker, which, rule = certificate, "gamma", "from 1e-9 to 1 - 1e-6, such as 0.05"
    else:
        maker, which, rule = MAKERS[name], "level", "from 1e-6 to 1 - 1e-9, such as 0.95"
    for level in NO_GAMMAS if name == "certificate" else NO_LEVELS:
        with pytest.raises(BadInput) as caught:
            maker(SPIDERS, **{which: level}, **more)
        assert str(caught.value) == f"{which} = {shown(level)}: must be a number {rule}"


HARD = (
    {1: 11, 2: 5_617_401_106, 5: 1},
    {1: 142_899, 4: 1},
    {1: 1, 2**62: 1},
    {1: 10**18, 2: 1},
    {1: 1, 30: 10**17},
    {1: 7, 2: 3, 10**15: 2},
    {3: 1},
    {1: 1},
)
LEVELS = (LOWEST, 2e-6, 1e-3, 0.3, 0.5, 0.8, 0.95, 0.999, 1 - 1e-6, 1 - 2e-9, HIGHEST)


@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in MAKERS), *OPTIONS], ids=str)
@pytest.mark.parametrize("data", HARD, ids=str)
def test_every_interval_is_sound_at_every_level_there_is(
    name: str, more: dict[str, object], data: dict[int, int]
) -> None:
    """Contains its estimate, has a width, and grows with the level; the curve at all its sizes."""
    if name == "jackknife" and more.get("order", 1) > counts_of(data).draws:  # type: ignore[operator]
        more = {"order": 1}
    if name == "smoothed_good_toulmin" and counts_of(data).draws > 4 * 10**18:
        more = more | {"t": 0.5}
    before = None
    for level in LEVELS:
        found = MAKERS[name](data, level=level, **more)
        low, high = np.atleast_1d(found.low), np.atleast_1d(found.high)
        middle = np.atleast_1d(found.coverage if isinstance(found, CoverageCurve) else found.estimate)
        assert (low <= middle).all()
        assert (middle <= high).all()
        assert (low < high).all()
        if before is not None:
            assert (low <= before[0]).all()
            assert (high >= before[1]).all()
        before = low, high
    if name in ("good_turing", "chao_jost", "robbins", "good_mass"):
        for sides in ("lower", "upper"):
            for level in LEVELS:
                one = MAKERS[name](data, level=level, sides=sides, **more)
                assert one.low < one.high


@pytest.mark.parametrize("name", MAKERS)
def test_the_level_is_told_by_name(name: str) -> None:
    function = getattr(missing_mass, name)
    told = inspect.signature(function).parameters["gamma" if name == "certificate" else "level"]
    assert told.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("sides", [None, 3, ["two"], "both"], ids=str)
def test_sides_that_are_none(sides: object) -> None:
    hint = "did you mean 'two'?" if sides == ["two"] else "choose from lower, two, upper"
    for estimator in (good_turing, chao_jost, robbins, good_mass):
        with pytest.raises(BadInput) as caught:
            estimator(SPIDERS, sides=sides)
        assert str(caught.value) == f"sides {sides!r} is unknown: {hint}"


@pytest.mark.parametrize("gamma", [0, 1, 2, Fraction(1, 10**400), 1 - Fraction(1, 10**30)], ids=str)
def test_probabilities_that_are_none(gamma) -> None:
    with pytest.raises(BadInput, match=r"^gamma = .*: must lie between 0 and 1, such as 0[.]05$"):
        check_probability("gamma", gamma)


def test_counts_in_floats_that_are_whole_are_welcome() -> None:
    assert good_turing([1.0, 3.0]).estimate == 0.25
    assert good_turing({1.0: 2.0, 3: 1}) == good_turing([1, 1, 3])
