"""Alarms: each fires on what it is for, and stays silent on independent draws of many laws."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy.optimize import minimize

from simlab.audit.moments import TESTED, hump, steepest_hump, threshold
from simlab.audit.premises import deduplicated, no_singletons, too_few_rows, without_replacement
from simlab.missing_mass import certificate, counts_of, good_turing

LEVEL = 0.95


def zipf(facts: int, exponent: float) -> np.ndarray:
    weights = np.arange(1, facts + 1) ** -exponent
    return weights / weights.sum()


LAWS = {
    "equal, few": np.full(100, 0.01),
    "equal, many": np.full(3_000, 1 / 3_000),
    "zipf 0.5": zipf(5_000, 0.5),
    "zipf 1": zipf(5_000, 1.0),
    "zipf 1.5": zipf(5_000, 1.5),
    "two levels": np.concatenate([np.full(50, 0.5 / 50), np.full(5_000, 0.5 / 5_000)]),
    "geometric": 0.995 ** np.arange(4_000) / np.sum(0.995 ** np.arange(4_000)),
}
SIZES = (300, 1_000, 10_000)
SEEDS = 67  # times three sizes: 201 corpora a law


def findings(counts):
    checks = (deduplicated, no_singletons, without_replacement)
    found = [check(counts) for check in checks] + [too_few_rows(counts, LEVEL)]
    return {finding.name: finding for finding in found if finding is not None}


@pytest.mark.parametrize("law", LAWS)
def test_independent_draws_raise_no_alarm(law):
    """About one false alarm in 1e4 corpora is promised: among 201 there is none, or one by bad luck."""
    alarms = []
    for size, seed in itertools.product(SIZES, range(SEEDS)):
        rng = np.random.default_rng((seed, size))
        found = findings(counts_of(rng.multinomial(size, LAWS[law])))
        alarms += [finding.name for finding in found.values() if finding.grade == "alarm"]
    assert len(alarms) <= 1, Counter(alarms)


@pytest.mark.parametrize("law", ["zipf 1", "two levels", "equal, many"])
def test_the_same_corpora_tampered_with_do_raise_it(law):
    """The negative control of the test above: rows left out, or every row twice, fail the same check."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(10_000, LAWS[law])
        assert "no_singletons" in findings(counts_of(2 * counts))
        assert findings(counts_of(2 * counts))["no_singletons"].grade == "alarm"
        assert findings(counts_of(np.minimum(counts, 1)))["deduplicated"].grade == "alarm"
        capped = counts_of(np.minimum(counts, 2))  # half de-duplicated: nothing stands three times
        assert findings(capped)["without_replacement"].grade == "alarm"


def expectation(law, draws, k):
    """E[f_k (f_k - 1)] and E[f_(k-1) f_(k+1)] by enumeration of all corpora."""
    pairs = neighbours = 0.0
    for corpus in itertools.product(range(len(law)), repeat=draws):
        chance = math.prod(law[fact] for fact in corpus)
        times = Counter(Counter(corpus).values())
        pairs += chance * times[k] * (times[k] - 1)
        neighbours += chance * times[k - 1] * times[k + 1]
    return pairs, neighbours


@pytest.mark.parametrize("law", [(0.5, 0.5), (0.7, 0.2, 0.1), (0.25,) * 4, (0.9, 0.05, 0.05)])
def test_the_inequality_holds_for_every_law_and_is_an_equality_for_equal_facts(law):
    for draws in range(2, 7):
        for k in range(2, draws):
            pairs, neighbours = expectation(law, draws, k)
            excess = k * pairs - (k + 1) * neighbours
            assert excess <= 1e-12
            if len(set(law)) == 1:
                assert excess == pytest.approx(0, abs=1e-12)
    pairs, neighbours = expectation((0.5, 0.5), 4, 2)
    assert 2 * pairs > 2 * neighbours  # the factor k + 1 is needed


@pytest.mark.parametrize(
    ("below", "here", "above", "k"), [(40, 90, 30, 2), (0, 12, 0, 2), (0, 50, 40, 7), (5, 3, 0, 10), (1e6, 3e6, 1e5, 2)]
)
def test_the_score_is_the_likelihood_ratio(below, here, above, k):
    """Against a numerical maximum of the constrained Poisson likelihood."""

    def lost(logs):
        a, d = logs
        b = (math.log((k + 1) / k) + a + d) / 2
        means = np.exp([a, b, d])
        return float(means.sum() - below * a - here * b - above * d)

    best = minimize(lost, [math.log(below + here / 4 + 0.1), math.log(above + here / 4 + 0.1)], method="Nelder-Mead",
                    options={"xatol": 1e-12, "fatol": 1e-12, "maxiter": 10_000})  # fmt: skip
    free = sum(x - (x * math.log(x) if x else 0.0) for x in (below, here, above))
    assert hump(below, here, above, k) == pytest.approx(math.sqrt(2 * (best.fun - free)), rel=1e-4)


def test_no_hump_where_the_inequality_holds():
    assert hump(100, 50, 30, 2) == 0.0
    assert hump(0, 0, 0, 2) == 0.0
    halves = {k: 2**20 // 2**k for k in range(1, 15)}
    assert steepest_hump(counts_of(halves))[1] == 0.0
    gap = {k: f for k, f in halves.items() if k != 5}
    assert steepest_hump(counts_of(gap))[0] in (4, 6)  # what stands beside it
    assert threshold(0.025) == pytest.approx(1.95996, abs=1e-5)
    assert threshold(0.05, 2) == threshold(0.025)


def test_equal_facts_are_the_hardest_law_and_the_score_is_normal_there():
    rng = np.random.default_rng(5)
    scores = [
        hump(*(np.bincount(row, minlength=4)[1:4]), 2) for row in rng.multinomial(1500, np.full(1000, 1e-3), 3000)
    ]
    assert np.mean(np.array(scores) > threshold(0.05)) < 0.06
    assert np.mean(np.array(scores) > threshold(0.05)) > 0.01  # silent, but not asleep


def test_an_extract_without_replacement_of_a_table_of_two_rows_a_fact():
    rng = np.random.default_rng(1)
    table = np.repeat(np.arange(3000), 2)
    extract = rng.permutation(table)[:2500]
    alarm = without_replacement(counts_of(np.bincount(extract)))
    with_replacement = without_replacement(counts_of(np.bincount(rng.choice(table, 2500))))
    assert with_replacement is None
    assert alarm.evidence["k"] == 2
    assert alarm.evidence["f3"] == 0
    f1, f2, z = (alarm.evidence[name] for name in ("f1", "f2", "z"))
    assert alarm.sentence == (
        f"{f2:,} facts stand exactly 2 times, more than independent draws allow beside {f1:,} that stand 1 and 0 that "
        f"stand 3 times (z = {z:.1f}): rows drawn without replacement, or de-duplicated in part, look like this, and "
        "their singleton rate is not the missing mass"
    )


def test_an_extract_of_independent_rows_is_independent_rows():
    """Nothing can show here, and nothing does."""
    rng = np.random.default_rng(2)
    rows = rng.choice(5000, 20_000, p=LAWS["zipf 1"])
    assert without_replacement(counts_of(np.bincount(rng.permutation(rows)[:5000]))) is None


def test_de_duplicated_lists():
    once = deduplicated(counts_of({1: 500}))
    assert (once.name, once.grade, once.evidence) == ("deduplicated", "alarm", {"times": 1, "facts": 500})
    assert once.sentence == (
        "each of the 500 facts stands exactly once: in a de-duplicated list the singleton rate is 1 and says nothing; "
        "it is the missing mass only if no row was ever left out as a duplicate"
    )
    assert deduplicated(counts_of({3: 10})).sentence == (
        "each of the 10 facts stands exactly 3 times, which independent draws do not do: a repeated de-duplicated list "
        "says nothing about the missing mass"
    )
    assert deduplicated(counts_of({1: 499, 2: 1})) is None
    assert deduplicated(counts_of({3: 9})) is None
    assert deduplicated(counts_of({1: 500}, idk=100)) is not None


def test_ten_facts_that_stand_equally_often_by_chance_are_rare():
    """The claim of LIKE_FACTS, exactly: binom(M, 10) N! / (k!^10 M^N), N = 10 k, at the M that makes it largest."""

    def chance(k, facts):
        log = math.lgamma(facts + 1) - math.lgamma(11) - math.lgamma(facts - 9) + math.lgamma(10 * k + 1)
        return math.exp(log - 10 * math.lgamma(k + 1) - 10 * k * math.log(facts))

    assert max(chance(k, facts) for k in range(2, 50) for facts in range(10, 200)) < 1e-4
    assert chance(2, 10) > 1e-6


def test_counts_that_were_cut_and_counts_that_merely_begin_late():
    rng = np.random.default_rng(3)
    counts = rng.multinomial(100_000, zipf(20_000, 1.0))
    for least in (2, 3, 5, 20):
        cut = no_singletons(counts_of(counts[counts >= least]))
        assert (cut.grade, cut.evidence["least_times"]) == ("alarm", least)
        assert cut.evidence["z"] > threshold(1e-4)
    late = no_singletons(counts_of(rng.multinomial(100_000, np.full(500, 1 / 500))))
    assert (late.grade, late.name) == ("note", "no_singletons")
    assert late.sentence == (
        "no fact stands exactly once: the missing mass is estimated as 0, and only the upper end of its interval says "
        "what may be missing"
    )
    assert no_singletons(counts_of({1: 1, 2: 5})) is None
    assert no_singletons(counts_of({3: 50})) is None  # that is de-duplicated


def test_too_few_rows_names_the_rows_that_would_do():
    counts = counts_of({1: 7, 2: 2, 3: 1})
    alarm = too_few_rows(counts, LEVEL)
    assert alarm.evidence["draws"] == 14
    assert alarm.evidence["width"] > 0.5
    for name, enough in (
        ("draws_for_narrow", lambda grown: good_turing(grown).high - good_turing(grown).low < 0.1),
        ("draws_for_certificate", lambda grown: certificate(grown).low > 0),
    ):
        times = alarm.evidence[name] // 14
        assert times > 1
        assert enough(counts_of({1: 7 * times, 2: 2 * times, 3: times}))
        assert not enough(counts_of({1: 7 * (times - 1), 2: 2 * (times - 1), 3: times - 1}))
    assert alarm.sentence.startswith("at N = 14 the interval of the missing mass is ")
    assert "it is narrower than 0.1 from about N = " in alarm.sentence
    assert too_few_rows(counts_of({1: 7000, 2: 2000, 3: 1000}), LEVEL) is None
    lone = too_few_rows(counts_of({1: 1}), LEVEL)
    assert lone.evidence["draws_for_certificate"] > 1
    assert "and the certificate is above 0 from about N = " in lone.sentence


def test_a_huge_corpus_is_judged_at_once():
    counts = counts_of({1: 10**12, 2: 10**11, 3: 10**10, 4: 10**9, 5: 1})
    assert too_few_rows(counts, LEVEL) is None
    k, z = steepest_hump(counts)
    assert k in TESTED
    assert math.isfinite(z)
