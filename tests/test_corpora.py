"""Corpora: cells against listed draws, Definition 2 by hand, the rules of the cap, and modes that break assumptions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simlab import bounds
from simlab.corpora import (
    CELL_MODES,
    IDK,
    LISTED_MODES,
    BrokenAssumption,
    Corpus,
    Listed,
    Truth,
    group,
    list_facts,
    sample,
    sample_listed,
    singleton_rate,
)
from simlab.errors import BadInput
from simlab.worlds import World, factoids, from_counts, geometric, two_level, uniform, zipf

MIXED = World(
    "mixed",
    np.array([3, 1, 40, 2]),
    np.array([0.1, 0.3, 0.01, 0.0]),
    np.array([5, 2, 9, 4]),
    np.array([0.5, 0.9, 1.0, 0.7]),
)


def listed(prompt: list[int], answer: list[int], n_facts: int, **more: Any) -> Listed:
    """A corpus by hand: facts of one class with four answers each, unless told otherwise."""
    facts = {
        "fact_class": np.zeros(n_facts, dtype=np.int64),
        "answers": np.full(n_facts, 4),
        "answer_rate": np.full(n_facts, 0.5),
    }
    return Listed(np.array(prompt), np.array(answer), **(facts | more))


def cells(corpus: Corpus) -> dict[tuple[int, int, int, int, float], int]:
    """The cells with what is known of them, and how many facts each holds."""
    held: dict[tuple[int, int, int, int, float], int] = Counter()
    columns = (corpus.fact_class, corpus.times_answered, corpus.times_idk, corpus.answers, corpus.answer_rate)
    for *key, facts in zip(*columns, corpus.facts, strict=True):
        held[tuple(key)] += int(facts)
    return held


def cells_by_hand(corpus: Listed) -> dict[tuple[int, int, int, int, float], int]:
    """Count a listed corpus prompt by prompt and draw by draw."""
    held: dict[tuple[int, int, int, int, float], int] = Counter()
    for fact in range(len(corpus.answers)):
        written = [a for p, a in zip(corpus.prompt, corpus.answer, strict=True) if p == fact]
        told = sum(a != IDK for a in written)
        known = corpus.fact_class[fact], corpus.answers[fact], corpus.answer_rate[fact]
        held[known[0], told, len(written) - told, known[1], known[2]] += 1
    return held


def drawn(world: World, draws: int, seed: int = 0, **mode: Any) -> Listed:
    rng = np.random.default_rng(seed)
    return sample_listed(list_facts(world, rng), draws, rng, **mode)


# ---- Definition 2


def test_a_prompt_answered_once_and_idk_five_times_is_a_singleton() -> None:
    corpus = listed([0, 0, 0, 0, 0, 0], [2, IDK, IDK, IDK, IDK, IDK], 3)
    assert singleton_rate(corpus) == 1 / 6
    assert singleton_rate(group(corpus)) == 1 / 6


@pytest.mark.parametrize(
    ("prompt", "answer", "rate"),
    [
        ([0], [1], 1.0),
        ([0], [IDK], 0.0),
        ([0, 0], [1, 1], 0.0),
        ([0, 1, 2, 3], [1, 1, 1, IDK], 0.75),  # IDK rows count in N
        ([0, 1, 1, 2, 2, 2, 3], [3, 0, IDK, 1, 1, IDK, IDK], 2 / 7),
        ([3, 2, 1, 0], [0, 0, 0, 0], 1.0),
    ],
)
def test_singleton_rate_by_hand(prompt: list[int], answer: list[int], rate: float) -> None:
    corpus = listed(prompt, answer, 4)
    assert singleton_rate(corpus) == pytest.approx(rate, abs=1e-15)
    assert singleton_rate(group(corpus)) == pytest.approx(rate, abs=1e-15)


def test_a_prompt_answered_twice_is_no_singleton_even_when_the_answers_conflict() -> None:
    assert singleton_rate(listed([0, 0, 1], [1, 2, 1], 2)) == 1 / 3


# ---- Cells against listed draws


@pytest.mark.parametrize("draws", [1, 7, 300])
@pytest.mark.parametrize("world", [MIXED, uniform(1), geometric(30, 0.7), factoids([0.5, 0.25, 0.25], 4)])
def test_grouping_against_counting_by_hand(world: World, draws: int) -> None:
    corpus = drawn(world, draws)
    grouped = group(corpus)
    assert cells(grouped) == cells_by_hand(corpus)
    assert singleton_rate(grouped) == singleton_rate(corpus)
    assert grouped.draws == corpus.draws == draws
    assert ((grouped.times_answered + grouped.times_idk) * grouped.facts).sum() == draws
    assert grouped.facts.sum() == world.n_facts
    assert (grouped.idk, grouped.n_strings, grouped.mode) == (world.idk, corpus.n_strings, "iid")
    assert (grouped.count_cap, grouped.total_variation) == (None, 0.0)
    assert (grouped.answered == (grouped.times_answered > 0)).all()


def test_counts_keep_idk_in_the_last_column() -> None:
    corpus = listed([0, 0, 1, 0], [3, 3, IDK, IDK], 2)
    assert corpus.counts.tolist() == [[0, 0, 0, 2, 1], [0, 0, 0, 0, 1]]


def test_sampled_cells_know_their_world() -> None:
    corpus = sample(MIXED, 500, np.random.default_rng(0))
    assert corpus.draws == 500
    assert (corpus.answers == MIXED.answers[corpus.fact_class]).all()
    assert (corpus.answer_rate == MIXED.answer_rate[corpus.fact_class]).all()
    assert (corpus.idk, corpus.n_strings, corpus.count_cap, corpus.mode) == (True, None, None, "iid")
    unseen = corpus.fact_class == 3  # popularity 0
    assert (corpus.times_answered[unseen] + corpus.times_idk[unseen] == 0).all()
    assert corpus.facts[unseen].sum() == 2
    corpus = sample(factoids(zipf(100), 10**9), 50, np.random.default_rng(0))
    assert (corpus.idk, corpus.n_strings) == (False, 10**9 + 100)


@pytest.mark.parametrize("world", [MIXED, zipf(300, answer_rate=0.7)], ids=lambda world: world.name)
def test_both_forms_follow_one_law(world: World) -> None:
    """Means of sr and MM within 4 standard errors of the exact ones, and Kolmogorov-Smirnov between the forms."""
    draws, replicates = 60, 400
    mu, facts = world.answered_popularity, world.facts
    rng = np.random.default_rng(5)
    truth = list_facts(world, rng)

    def observed(corpus: Corpus) -> tuple[float, float]:
        missed = corpus.facts * mu[corpus.fact_class] * ~corpus.answered
        return singleton_rate(corpus), float(missed.sum())

    forms = [
        np.array([observed(sample(world, draws, rng)) for _ in range(replicates)]).T,
        np.array([observed(group(sample_listed(truth, draws, rng))) for _ in range(replicates)]).T,
    ]
    for rate, mass in forms:
        error = math.sqrt(bounds.singleton_rate_variance(mu, facts, draws) / replicates)
        assert abs(rate.mean() - bounds.expected_singleton_rate(mu, facts, draws)) < 4 * error
        error = math.sqrt(bounds.missing_mass_variance(mu, facts, draws) / replicates)
        assert abs(mass.mean() - bounds.expected_missing_mass(mu, facts, draws)) < 4 * error
    for ours, theirs in zip(*forms, strict=True):
        assert stats.ks_2samp(ours, theirs, method="asymp").pvalue > 1e-3


def test_right_answers_are_uniform_and_always_told() -> None:
    world = World("w", np.array([4000, 4000]), np.array([1 / 8000]), np.array([5, 2]), np.array([1.0]))
    truth = list_facts(world, np.random.default_rng(0))
    for kind, answers in ((0, 5), (1, 2)):
        counts = np.bincount(truth.correct[truth.fact_class == kind], minlength=answers)
        assert len(counts) == answers
        assert stats.chisquare(counts).pvalue > 1e-4
    corpus = sample_listed(truth, 1000, np.random.default_rng(1))
    assert (corpus.answer == truth.correct[corpus.prompt]).all()
    assert (list_facts(factoids([0.5, 0.5], 3), np.random.default_rng(0)).correct == 0).all()


def test_idk_is_written_at_the_answer_rate() -> None:
    corpus = drawn(uniform(10, answer_rate=0.3), 10_000)
    told = (corpus.answer != IDK).mean()
    assert abs(told - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 10_000)


# ---- Symmetries


def test_the_order_of_draws_does_not_matter() -> None:
    corpus = drawn(MIXED, 200)
    order = np.random.default_rng(1).permutation(200)
    shuffled = replace(corpus, prompt=corpus.prompt[order], answer=corpus.answer[order])
    assert cells(group(shuffled)) == cells(group(corpus))
    assert (shuffled.counts == corpus.counts).all()
    assert singleton_rate(shuffled) == singleton_rate(corpus)


def relabelled(corpus: Listed, name: np.ndarray) -> Listed:
    """Fact i is called ``name[i]``."""
    back = np.argsort(name)
    return replace(
        corpus,
        prompt=name[corpus.prompt],
        fact_class=corpus.fact_class[back],
        answers=corpus.answers[back],
        answer_rate=corpus.answer_rate[back],
    )


@pytest.mark.parametrize("across", [False, True], ids=["within classes", "across classes"])
def test_the_names_of_facts_do_not_matter(across: bool) -> None:
    corpus = drawn(MIXED, 200)
    rng = np.random.default_rng(2)
    name = rng.permutation(46)
    if not across:
        name = np.concatenate([rng.permutation(part) for part in np.split(np.arange(46), [3, 4, 44])])
    other = relabelled(corpus, name)
    assert singleton_rate(other) == singleton_rate(corpus)
    assert cells(group(other)) == cells(group(corpus))


def test_the_names_of_answers_do_not_matter() -> None:
    corpus = drawn(uniform(30, answers=6, answer_rate=0.5), 200)
    name = np.append(np.random.default_rng(3).permutation(6), IDK)  # IDK = -1 is the last and stays
    assert cells(group(replace(corpus, answer=name[corpus.answer]))) == cells(group(corpus))


# ---- The cap


def test_the_cap_merges_levels_and_nothing_else() -> None:
    world = from_counts([1] * 50 + [3] * 20 + [40] * 3, answer_rate=0.6)
    corpus = sample(world, 400, np.random.default_rng(0), count_cap=3)
    assert corpus.count_cap == 3
    assert corpus.times_answered.max() == corpus.times_idk.max() == 3
    assert corpus.facts.sum() == 73
    assert corpus.draws == 400
    assert 0.0 <= corpus.total_variation <= 1e-11
    assert sample(zipf(10**12), 10**15, np.random.default_rng(0), count_cap=32).total_variation > 0.0


@pytest.mark.parametrize("cap", [2, 32])
def test_the_cap_leaves_the_singletons_alone(cap: int) -> None:
    world, draws = two_level(20, 3000, 0.5), 2000
    capped, free = (
        [
            singleton_rate(sample(world, draws, np.random.default_rng(seed), count_cap=at))
            for seed in range(300 * k, 300 * (k + 1))
        ]
        for k, at in ((0, cap), (1, None))
    )
    assert stats.ks_2samp(capped, free, method="asymp").pvalue > 1e-3


def test_a_cap_may_be_written_as_a_whole_float() -> None:
    corpus = sample(uniform(10), 1000, np.random.default_rng(0), count_cap=4.0)
    assert corpus.times_answered.tolist() == [4]


# ---- Modes that break an assumption


def warned(mode: str, breaks: str) -> str:
    return rf"\Amode '{mode}' {breaks}: the theorems do not promise their bounds here\Z"


WITHOUT_REPLACEMENT = warned("without_replacement", "draws no document twice")
DEDUPLICATED = warned("deduplicated", "counts every written fact once")
NOISY = warned("noisy_labels", "writes false answers")


def missing(corpus: Listed, truth: Truth) -> float:
    unseen = np.ones(len(truth.fact_class), dtype=bool)
    unseen[corpus.prompt[corpus.answer != IDK]] = False
    return float(truth.world.answered_popularity[truth.fact_class][unseen].sum())


def test_without_replacement_the_singleton_rate_is_not_the_missing_mass() -> None:
    world, draws = uniform(1000), 900
    truth = list_facts(world, np.random.default_rng(0))
    spread = math.sqrt(bounds.good_turing_mse(world.popularity, world.facts, draws))
    honest = sample_listed(truth, draws, np.random.default_rng(1))
    assert abs(singleton_rate(honest) - missing(honest, truth)) < 4 * spread
    with pytest.warns(BrokenAssumption, match=WITHOUT_REPLACEMENT):
        corpus = sample_listed(truth, draws, np.random.default_rng(1), mode="without_replacement", population=1000)
    assert corpus.mode == group(corpus).mode == "without_replacement"
    assert singleton_rate(corpus) == 1.0
    assert missing(corpus, truth) == pytest.approx(0.1)
    assert len(set(corpus.prompt.tolist())) == draws


def test_the_source_holds_each_fact_as_often_as_its_popularity_says() -> None:
    world = from_counts([1, 1, 2, 6])
    with pytest.warns(BrokenAssumption, match=WITHOUT_REPLACEMENT):
        corpus = drawn(world, 14, mode="without_replacement", population=15)
    assert np.bincount(corpus.prompt).tolist() == [1, 1, 3, 9]  # 1.5, 1.5, 3 and 9


def test_deduplicated_cells_have_a_singleton_rate_of_one() -> None:
    world = zipf(10**6)
    corpus = sample(world, 10**5, np.random.default_rng(0))
    with pytest.warns(BrokenAssumption, match=DEDUPLICATED):
        once = sample(world, 10**5, np.random.default_rng(0), mode="deduplicated")
    assert once.mode == "deduplicated"
    assert once.draws == corpus.facts[corpus.answered].sum() < 10**5
    assert singleton_rate(once) == 1.0
    assert singleton_rate(corpus) < 0.5
    assert once.facts.sum() == world.n_facts


def test_deduplicated_cells_are_those_of_the_deduplicated_list() -> None:
    """IDK of a prompt is kept once too, beside its answer."""
    corpus = drawn(MIXED, 300)
    with pytest.warns(BrokenAssumption, match=DEDUPLICATED):
        once = drawn(MIXED, 300, mode="deduplicated")
    assert set(zip(once.prompt.tolist(), once.answer.tolist(), strict=True)) == set(
        zip(corpus.prompt.tolist(), corpus.answer.tolist(), strict=True)
    )
    full = group(corpus)
    flat = replace(full, times_answered=full.times_answered.clip(max=1), times_idk=full.times_idk.clip(max=1))
    assert cells(group(once)) == cells(flat)
    assert singleton_rate(once) == full.facts[full.answered].sum() / once.draws


def test_noisy_labels_conflict_and_have_no_cells() -> None:
    world, draws = uniform(50, answers=5, answer_rate=0.8), 20_000
    truth = list_facts(world, np.random.default_rng(0))
    with pytest.warns(BrokenAssumption, match=NOISY):
        corpus = sample_listed(truth, draws, np.random.default_rng(1), mode="noisy_labels", noise=0.25)
    told = corpus.answer != IDK
    wrong = (corpus.answer != truth.correct[corpus.prompt])[told]
    assert abs(wrong.mean() - 0.25 * 4 / 5) < 4 * math.sqrt(0.2 * 0.8 / told.sum())  # one in five is right by luck
    assert abs(told.mean() - 0.8) < 4 * math.sqrt(0.8 * 0.2 / draws)
    assert corpus.answer.min() == IDK
    assert corpus.answer.max() == 4
    with pytest.raises(BadInput, match=r"\Aa corpus with conflicting answers has no cells: keep it listed\Z"):
        group(corpus)


def test_noise_of_zero_and_one() -> None:
    truth = list_facts(uniform(50, answers=5), np.random.default_rng(0))
    with pytest.warns(BrokenAssumption, match=NOISY):
        corpus = sample_listed(truth, 1000, np.random.default_rng(1), mode="noisy_labels", noise=0.0)
    assert (corpus.answer == truth.correct[corpus.prompt]).all()
    with pytest.warns(BrokenAssumption, match=NOISY):
        corpus = sample_listed(truth, 5000, np.random.default_rng(1), mode="noisy_labels", noise=1.0)
    assert stats.chisquare(np.bincount(corpus.answer, minlength=5)).pvalue > 1e-4


def test_every_mode_is_a_mode_of_the_list() -> None:
    assert set(CELL_MODES) < set(LISTED_MODES)


# ---- Bad input: the whole sentence

TRUTH = list_facts(uniform(10), np.random.default_rng(0))
RNG = np.random.default_rng(0)
MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "no draws": (lambda: sample(uniform(3), 0, RNG), "draws = 0: must be a whole number from 1 to 9e+18"),
    "half a draw": (lambda: sample(uniform(3), 1.5, RNG), "draws = 1.5: must be a whole number from 1 to 9e+18"),
    "no draws to list": (lambda: sample_listed(TRUTH, 0, RNG), "draws = 0: must be a whole number from 1 to 9e+18"),
    "cap 1": (
        lambda: sample(uniform(3), 9, RNG, count_cap=1),
        "count_cap = 1: must be a whole number from 2 to 1000000, or None",
    ),
    "half a cap": (
        lambda: sample(uniform(3), 9, RNG, count_cap=2.5),
        "count_cap = 2.5: must be a whole number from 2 to 1000000, or None",
    ),
    "cap too large": (
        lambda: sample(uniform(3), 9, RNG, count_cap=10**6 + 1),
        "count_cap = 1000001: must be a whole number from 2 to 1000000, or None",
    ),
    "cap nan": (
        lambda: sample(uniform(3), 9, RNG, count_cap=math.nan),
        "count_cap = nan: must be a whole number from 2 to 1000000, or None",
    ),
    "cap infinite": (
        lambda: sample(uniform(3), 9, RNG, count_cap=math.inf),
        "count_cap = inf: must be a whole number from 2 to 1000000, or None",
    ),
    "mode of the list": (
        lambda: sample(uniform(3), 9, RNG, mode="noisy_labels"),
        "mode 'noisy_labels' needs single draws: use simlab.corpora.sample_listed",
    ),
    "misspelt mode": (
        lambda: sample(uniform(3), 9, RNG, mode="deduplicate"),
        "mode 'deduplicate' is unknown: did you mean 'deduplicated'?",
    ),
    "unknown mode": (
        lambda: sample_listed(TRUTH, 9, RNG, mode="Q"),
        "mode 'Q' is unknown: choose from deduplicated, iid, noisy_labels, without_replacement",
    ),
    "too many facts to list": (
        lambda: list_facts(uniform(10**7 + 1), RNG),
        "facts = 10000001: at most 10000000 can be listed one by one; use cells",
    ),
    "too many draws to list": (
        lambda: sample_listed(TRUTH, 10**7 + 1, RNG),
        "draws = 10000001: at most 10000000 can be listed one by one; use simlab.corpora.sample",
    ),
    "noise": (
        lambda: sample_listed(TRUTH, 9, RNG, mode="noisy_labels", noise=1.5),
        "noise = 1.5: must lie between 0 and 1",
    ),
    "noise nan": (
        lambda: sample_listed(TRUTH, 9, RNG, mode="noisy_labels", noise=math.nan),
        "noise = nan: must lie between 0 and 1",
    ),
    "too many responses to list": (
        lambda: listed([0, 1], [7, 9], 2, answers=np.array([10**13, 10**13])).counts,
        "a listed corpus of 2 facts x 10000000000001 responses has more than 50000000 entries: "
        "take fewer facts or answers, or use cells",
    ),
    "conflict": (
        lambda: group(listed([0, 0], [1, 2], 1)),
        "a corpus with conflicting answers has no cells: keep it listed",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_by_its_sentence(name: str) -> None:
    mistake, sentence = MISTAKES[name]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        mistake()


def test_a_source_that_runs_dry() -> None:
    sentence = r"\Adraws = 11: the source holds 10 documents; give a larger population\Z"
    with pytest.warns(BrokenAssumption, match=WITHOUT_REPLACEMENT), pytest.raises(BadInput, match=sentence):
        sample_listed(TRUTH, 11, RNG, mode="without_replacement", population=10)
