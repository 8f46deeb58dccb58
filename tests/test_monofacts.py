"""Facts of six fields, chains over them, and the n-gram study: fast paths beside slow ones, laws refutable."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simlab import bounds, measures
from simlab.errors import BadInput
from simlab.models.chains import (
    Chain,
    Steps,
    fit,
    generate,
    index_steps,
    log_bins,
    number_strings,
    overlay,
    probabilities,
    walk,
)
from simlab.seeds import Streams
from simlab.sweep.loading import Source, run_source
from simlab.worlds import SixFields, films, regular, spelled

ROOT = Path(__file__).parents[1]
END = "<end>"


def rng(stage: str, replicate: int = 0) -> np.random.Generator:
    return Streams(11, "monofacts", replicate).numpy(stage)


@pytest.fixture(scope="module")
def study() -> ModuleType:
    path = ROOT / "experiments" / "monofacts.py"
    return run_source(Source(path.stem, path.read_text()))


def world_of(n: int, tokens: Any, seed: int = 0, make: Callable[..., SixFields] = films) -> tuple[SixFields, Steps]:
    facts = make(n, rng(f"facts {seed}"), tokens=tokens)
    return facts, index_steps(facts.tokens, facts.offsets)


# ---- the slow chain: dictionaries of fractions over strings that were written and split again ----


class Slow:
    """An order-2 chain as dictionaries of exact fractions."""

    def __init__(self, texts: Sequence[str], weights: Sequence[Any]) -> None:
        self.begun: dict[Any, Fraction] = defaultdict(Fraction)
        self.taken: dict[Any, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        self.add(texts, weights)

    def add(self, texts: Sequence[str], weights: Sequence[Any]) -> None:
        """Add counts, or what stands for them, and normalise."""
        for text, weight in zip(texts, weights, strict=True):
            words = [*text.split(), END]
            if weight:
                self.begun[tuple(words[:2])] += Fraction(weight)
                for i in range(len(words) - 2):
                    self.taken[tuple(words[i : i + 2])][words[i + 2]] += Fraction(weight)
        for table in (self.begun, *self.taken.values()):
            total = sum(table.values())
            for key in table:
                table[key] /= total

    def probability(self, text: str) -> Fraction:
        words = [*text.split(), END]
        chance = self.begun.get(tuple(words[:2]), Fraction(0))
        for i in range(len(words) - 2):
            chance *= self.taken.get(tuple(words[i : i + 2]), {}).get(words[i + 2], Fraction(0))
        return chance

    def strings(self, floor: float) -> dict[str, Fraction]:
        """All strings of at least that probability."""
        found, open_ends = {}, [(words, chance) for words, chance in self.begun.items()]
        while open_ends:
            words, chance = open_ends.pop()
            for word, share in self.taken[words[-2:]].items():
                if chance * share >= floor:
                    if word == END:
                        found[" ".join(words)] = chance * share
                    else:
                        open_ends.append(((*words, word), chance * share))
        return found


def weights_of(n: int, stage: str, share: float = 0.6) -> np.ndarray:
    """Counts of a small corpus, some of them 0."""
    draw = rng(stage)
    counts = np.where(draw.random(n) < share, draw.integers(1, 4, n), 0)
    counts[0] = 3
    return counts


# ---- facts ----


@pytest.mark.parametrize("tokens", ["words", "fields"])
@pytest.mark.parametrize("make", [films, regular])
def test_facts_are_distinct_strings_that_can_be_read_again(make: Any, tokens: Any) -> None:
    facts = make(3_000, rng("facts"), tokens=tokens)
    texts = spelled(facts)
    assert len(set(texts)) == facts.n_facts == 3_000
    assert len({tuple(row) for row in facts.fields.tolist()}) == 3_000
    assert (facts.fields < facts.sizes).all()
    numbers: dict[str, int] = {}
    for text, low, high in zip(texts, facts.offsets[:-1], facts.offsets[1:], strict=True):
        for word, token in zip(text.split(), facts.tokens[low:high].tolist(), strict=True):
            assert numbers.setdefault(word, token) == token
    assert len(set(numbers.values())) == len(numbers)
    assert all(len(text.split(",")) == 6 for text in texts)
    assert max(numbers.values()) < sum(size for _, _, size in facts.alphabet)


def test_a_film_fixes_its_director_genre_and_year_and_nobody_is_his_own_costar() -> None:
    facts = films(5_000, rng("facts"))
    film = facts.fields[:, 2]
    for column in (3, 4, 5):
        assert len({*zip(film.tolist(), facts.fields[:, column].tolist(), strict=True)}) == len(set(film.tolist()))
    assert (facts.fields[:, 0] != facts.fields[:, 1]).all()
    told = Counter(film.tolist())
    cast = {f: set(facts.fields[film == f][:, :2].ravel().tolist()) for f in told}
    assert all(len(cast[f]) <= 2 + math.ceil(math.sqrt(n)) for f, n in told.items())
    free = regular(5_000, rng("facts"))  # the control: where nothing goes with anything, a film fixes nothing
    pairs = {*zip(free.fields[:, 2].tolist(), free.fields[:, 3].tolist(), strict=True)}
    assert len(pairs) > 1.5 * len(set(free.fields[:, 2].tolist()))


def share_of_first_films(facts: SixFields) -> int:
    return int((facts.fields[:, 2] < facts.sizes[2] // 10).sum())


def test_films_have_the_popularity_that_is_stated() -> None:
    """The first tenth of the films has its Zipf share of the facts, within 4 standard errors; another law has not."""
    n, draws = 2_000, 40
    found = sum(share_of_first_films(films(n, rng("facts", r), exponent=0.5)) for r in range(draws))
    weight = np.arange(1.0, 2 * n // 5 + 1) ** -0.5
    expected = weight[: len(weight) // 10].sum() / weight.sum()
    margin = 4 * math.sqrt(n * draws * expected * (1 - expected))
    assert abs(found - n * draws * expected) < margin
    other = sum(share_of_first_films(films(n, rng("facts", r), exponent=0.6)) for r in range(draws))
    assert abs(other - n * draws * expected) > margin


def genre_p_value(facts: SixFields) -> float:
    return float(stats.chisquare(np.bincount(facts.fields[:, 4], minlength=facts.sizes[4])).pvalue)


def test_regular_facts_are_even_in_every_field() -> None:
    facts = regular(20_000, rng("facts"))
    for column in (0, 2, 4, 5):
        counts = np.bincount(facts.fields[:, column], minlength=facts.sizes[column])
        assert stats.chisquare(counts).pvalue > 1e-4
    assert genre_p_value(films(20_000, rng("facts"))) < 1e-10


def test_facts_come_from_their_stream_alone() -> None:
    one, again, other = (films(500, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert spelled(one) == spelled(again)
    assert spelled(one) != spelled(other)


def test_false_strings_are_all_combinations_of_fields_less_the_facts() -> None:
    facts = films(1_000, rng("facts"))
    assert facts.sizes == (250, 250, 400, 133, 20, 90)
    assert facts.n_false == 250 * 250 * 400 * 133 * 20 * 90 - 1_000
    assert films(10**5, rng("facts"), tokens="fields").n_false == 2**62 - 10**5


# ---- chains: counting, upweighting, exact probabilities ----


@pytest.mark.parametrize("tokens", ["words", "fields"])
def test_every_probability_is_that_of_the_dictionaries(tokens: Any) -> None:
    facts, steps = world_of(300, tokens)
    counts, texts = weights_of(300, "counts"), spelled(facts)
    slow = Slow(texts, counts.tolist())
    ours = probabilities(steps, fit(steps, counts.astype(float)))
    np.testing.assert_allclose(ours, [float(slow.probability(text)) for text in texts], rtol=1e-13)
    assert (ours[counts > 0] > 0).all()
    assert 0.0 < ours.sum() < 1.0


def test_a_floor_replaces_what_was_never_seen() -> None:
    facts, steps = world_of(300, "words")
    counts = weights_of(300, "counts")
    chain = fit(steps, counts.astype(float))
    floored, plain = probabilities(steps, chain, least=1e-3), probabilities(steps, chain)
    slow, texts = Slow(spelled(facts), counts.tolist()), spelled(facts)
    for i in (int(np.argmin(plain)), int(np.argmax(plain)), 17):
        words = [*texts[i].split(), END]
        factors = [slow.begun.get(tuple(words[:2]), 0)]
        factors += [slow.taken.get(tuple(words[k : k + 2]), {}).get(words[k + 2], 0) for k in range(len(words) - 2)]
        assert floored[i] == pytest.approx(math.prod(max(float(factor), 1e-3) for factor in factors), rel=1e-12)


def test_counts_added_to_probabilities_are_what_the_public_code_makes_of_them() -> None:
    facts, steps = world_of(300, "words")
    counts, texts = weights_of(300, "counts"), spelled(facts)
    chosen = np.where(np.arange(300) % 7 == 0, counts, 0)
    ours = overlay(steps, fit(steps, counts.astype(float)), chosen.astype(float))
    slow = Slow(texts, counts.tolist())
    slow.add(texts, chosen.tolist())
    np.testing.assert_allclose(
        probabilities(steps, ours), [float(slow.probability(text)) for text in texts], rtol=1e-13
    )
    k, start = chosen.sum(), fit(steps, counts.astype(float)).start
    begun = np.bincount(steps.start, chosen, minlength=steps.n_contexts)
    np.testing.assert_allclose(ours.start, (start + begun) / (1 + k), rtol=1e-13)


def test_adding_the_whole_corpus_gives_the_chain_back_and_adding_half_of_it_does_not() -> None:
    """Why the published curves end where they began, at m = N."""
    _, steps = world_of(500, "words")
    counts = weights_of(500, "counts").astype(float)
    chain = fit(steps, counts)
    whole = overlay(steps, chain, counts)
    np.testing.assert_allclose(whole.start, chain.start, rtol=1e-12)
    np.testing.assert_allclose(whole.step, chain.step, rtol=1e-12)
    half = overlay(steps, chain, np.where(np.arange(500) < 250, counts, 0.0))
    assert abs(half.start - chain.start).sum() > 0.5


def test_weights_are_repetitions() -> None:
    facts, steps = world_of(200, "words")
    counts = weights_of(200, "counts")
    written = [text for text, n in zip(spelled(facts), counts.tolist(), strict=True) for _ in range(n)]
    slow = Slow(written, [1] * len(written))
    ours = probabilities(steps, fit(steps, counts.astype(float)))
    np.testing.assert_allclose(ours, [float(slow.probability(text)) for text in spelled(facts)], rtol=1e-13)


def test_order_and_names_of_facts_do_not_matter() -> None:
    facts, steps = world_of(400, "words")
    counts = weights_of(400, "counts").astype(float)
    order = rng("order").permutation(400)
    pieces = [facts.tokens[facts.offsets[i] : facts.offsets[i + 1]] for i in order]
    names = rng("names").permutation(int(facts.tokens.max()) + 1)
    offsets = np.append(0, np.cumsum([len(piece) for piece in pieces]))
    moved = index_steps(names[np.concatenate(pieces)], offsets)
    before = probabilities(steps, fit(steps, counts))
    after = probabilities(moved, fit(moved, counts[order]))
    np.testing.assert_allclose(after, before[order], rtol=1e-13)


def test_the_n_gram_package_gives_the_same_probabilities() -> None:
    ngram = pytest.importorskip("simlab.models.ngram")
    tokens_of = pytest.importorskip("simlab.rendering.tokens")
    facts, steps = world_of(400, "words")
    counts = weights_of(400, "counts").astype(float)
    ids = np.insert(facts.tokens + 1, facts.offsets[1:], tokens_of.END)
    strings = tokens_of.Tokens(ids.astype(np.int32), facts.offsets + np.arange(401), int(ids.max()) + 1)
    model = ngram.smooth(ngram.count_ngrams(strings, 3, counts), "mle")
    theirs = np.exp(ngram.log_probability(model, strings))
    np.testing.assert_allclose(probabilities(steps, fit(steps, counts)), theirs, rtol=1e-12)


# ---- walking: all strings down to a floor ----


@pytest.mark.parametrize(("tokens", "floor"), [("fields", 1e-9), ("words", 1e-4), ("words", 2e-3)])
def test_the_walk_finds_the_strings_of_the_dictionaries(tokens: Any, floor: float) -> None:
    facts, steps = world_of(200, tokens)
    counts, texts = weights_of(200, "counts"), spelled(facts)
    chain = fit(steps, counts.astype(float))
    p_hat = probabilities(steps, chain)
    ours, found = walk(steps, chain, p_hat, floor, 0.1), Slow(texts, counts.tolist()).strings(floor)
    assert ours.strings == len(found)
    assert ours.mass == pytest.approx(float(sum(found.values())), rel=1e-12)
    level = Counter(found.values())
    for value, at in zip(ours.level, ours.at, strict=True):
        assert at == sum(n for chance, n in level.items() if abs(float(chance) / value - 1) < 1e-12)
    assert ((ours.of >= 0) == (p_hat >= floor)).all()
    np.testing.assert_allclose(ours.level[ours.of[ours.of >= 0]], p_hat[ours.of >= 0], rtol=1e-12)
    assert len(set(found) - set(texts)) == ours.strings - (ours.of >= 0).sum() > 0
    bins = np.zeros(len(ours.bins))
    for chance in found.values():
        bins[np.argmax([float(chance) >= 0.9 ** (i + 1) for i in range(len(bins) - 1)] + [True])] += float(chance)
    np.testing.assert_allclose(ours.bins, bins, rtol=1e-10, atol=1e-14)


def test_all_strings_together_have_mass_one() -> None:
    """A token a field: no string is endless, so a low floor finds all; a higher one finds less."""
    _, steps = world_of(300, "fields")
    chain = fit(steps, weights_of(300, "counts").astype(float))
    p_hat = probabilities(steps, chain)
    assert walk(steps, chain, p_hat, 1e-12).mass == pytest.approx(1.0, abs=1e-12)
    assert walk(steps, chain, p_hat, 3e-3).mass < 0.9


def test_log_bins_are_half_open_and_end_in_one_that_holds_the_rest() -> None:
    floor, epsilon = 0.05, 0.5
    values = np.array([1.0, 0.75, 0.5, 0.49, 0.25, 0.1, 0.0625, 0.06, 0.04, 0.0])
    assert log_bins(values, floor, epsilon).tolist() == [0, 0, 0, 1, 1, 3, 3, 4, 4, 4]


# ---- drawing strings ----


def p_value_of_generations(steps: Steps, chain: Chain, drawn_from: Chain, n: int = 40_000) -> float:
    """Of the facts one by one where they are probable, of all else in one lot."""
    p_hat = probabilities(steps, chain)
    number = number_strings(steps, generate(steps, drawn_from, n, rng("generations")))
    common = np.flatnonzero(p_hat * n >= 20)
    seen = np.bincount(number[number < steps.n_strings], minlength=steps.n_strings)[common]
    observed = np.append(seen, n - seen.sum())
    expected = n * np.append(p_hat[common], 1 - p_hat[common].sum())
    return float(stats.chisquare(observed, expected).pvalue)


def test_generations_follow_the_chain() -> None:
    _, steps = world_of(200, "words")
    counts = weights_of(200, "counts").astype(float)
    chain = fit(steps, counts)
    assert p_value_of_generations(steps, chain, chain) > 1e-3
    other = fit(steps, counts + (np.arange(200) < 100))
    assert p_value_of_generations(steps, chain, other) < 1e-6


def test_strings_are_numbered_by_what_they_are() -> None:
    _, steps = world_of(300, "words")
    chain = fit(steps, weights_of(300, "counts").astype(float))
    drawn = generate(steps, chain, 3_000, rng("generations"))
    number = number_strings(steps, drawn)

    def path(strings: Any, i: int) -> tuple[int, ...]:
        return (int(strings.start[i]), *strings.step[strings.offsets[i] : strings.offsets[i + 1]].tolist())

    true = {path(steps, i): i for i in range(300)}
    drawn_paths = [path(drawn, i) for i in range(3_000)]
    assert [true.get(one, -1) for one in drawn_paths] == [n if n < 300 else -1 for n in number.tolist()]
    assert len(set(number.tolist())) == len(set(drawn_paths))
    pairs = {*zip(number.tolist(), drawn_paths, strict=True)}
    assert len(pairs) == len(set(drawn_paths))


def test_generations_repeat_with_their_seed() -> None:
    _, steps = world_of(200, "words")
    chain = fit(steps, weights_of(200, "counts").astype(float))
    one, again, other = (generate(steps, chain, 100, np.random.default_rng(seed)).step.tolist() for seed in (1, 1, 2))
    assert one == again != other


# ---- the study: draws ----


def test_without_replacement_no_copy_is_drawn_twice(study: ModuleType) -> None:
    copies = np.array([1, 2, 3, 50])
    most = np.zeros(4)
    for r in range(200):
        counts = np.bincount(study.draw(copies, 30, rng("corpus", r), replace=False), minlength=4)
        assert counts.sum() == 30
        most = np.maximum(most, counts)
        assert (counts <= copies).all()
    again = [np.bincount(study.draw(copies, 30, rng("corpus", r), replace=True), minlength=4)[0] for r in range(200)]
    assert max(again) > 1


def deviation(study: ModuleType, replace: bool, draws: int, replicates: int = 400) -> float:
    """How many standard errors the mean count of the first fact is from the hypergeometric law's, and its variance."""
    copies = np.array([40, 30, 20, 10])
    counts = np.array(
        [(study.draw(copies, draws, rng("corpus", r), replace=replace) == 0).sum() for r in range(replicates)]
    )
    variance = draws * 0.4 * 0.6 * (100 - draws) / 99
    of_mean = abs(counts.mean() - draws * 0.4) / math.sqrt(variance / replicates)
    return float(max(of_mean, abs(counts.var() / variance - 1) * math.sqrt(replicates / 2)))


def test_draws_without_replacement_are_hypergeometric(study: ModuleType) -> None:
    assert deviation(study, False, 60) < 4
    assert deviation(study, True, 60) > 4


def test_copies_are_pareto(study: ModuleType) -> None:
    """Pr[copies >= k] = k^-shape."""
    copies = study.pareto_copies(1.5, 200_000, rng("copies"))
    for k in (1, 2, 3, 10):
        chance = k**-1.5
        assert abs((copies >= k).mean() - chance) <= 4 * math.sqrt(chance * (1 - chance) / 200_000)
    assert abs((copies >= 2).mean() - 2**-1.6) > 4 * math.sqrt(0.3 * 0.7 / 200_000)


def test_good_turing_holds_for_draws_with_replacement_and_fails_without(study: ModuleType) -> None:
    config = study.Config(shape=4.0, tokens="fields", methods=("chain",))
    rows = study.cell(config, [Streams(3, "a", r) for r in range(5)])
    apart = np.array([row["singleton_rate"] - row["missing_mass"] for row in rows])
    assert abs(apart.mean()) < 4 * apart.std(ddof=1) / math.sqrt(5) + 1 / 5_000
    assert min(row["singleton_rate_published"] - row["missing_mass_published"] for row in rows) > 0.2


# ---- the study: measures ----


def levels_by_hand(p: Sequence[Fraction], p_hat: dict[str, Fraction], texts: Sequence[str]) -> Fraction:
    """1/2 sum over level sets of |p(B) - p_hat(B)| over all strings, in fractions."""
    apart: dict[Fraction, Fraction] = defaultdict(Fraction)
    for chance in p_hat.values():
        apart[chance] -= chance
    for text, share in zip(texts, p, strict=True):
        apart[p_hat.get(text, Fraction(0))] += share
    return sum((abs(one) for one in apart.values()), Fraction(0)) / 2


def small(study: ModuleType, tokens: str, method: str = "chain", n: int = 300) -> tuple[Any, ...]:
    """A small world with everything that is measured on it."""
    config = study.Config(tokens=tokens, facts=n, draws=200, generations=500, floor=1e-5, methods=(method,))
    facts, steps = study.film_world(n, 1, tokens)
    copies = study.pareto_copies(1.5, n, rng("copies"))
    corpus = study.corpus_of(steps, copies, 200, rng("corpus"), replace=True)
    return config, facts, copies, corpus.counts, study.trained(steps, corpus, method, config)


def test_miscalibration_is_that_of_all_strings_by_hand(study: ModuleType) -> None:
    """A token a field, every string enumerated in fractions; facts alone would give another number."""
    config, facts, copies, counts, model = small(study, "fields")
    texts, total = spelled(facts), int(copies.sum())
    p = [Fraction(int(n), total) for n in copies]
    every = Slow(texts, counts.tolist()).strings(0.0)
    assert sum(every.values()) == 1
    ours = study.miscalibrated(model, copies / total, facts, config)
    assert ours["miscalibration_unresolved"] == 0
    exact = float(levels_by_hand(p, every, texts))
    assert ours["miscalibration"] == pytest.approx(exact, abs=1e-12)
    alone = {text: chance for text, chance in every.items() if text in set(texts)}
    assert abs(float(levels_by_hand(p, alone, texts)) - exact) > 1e-3
    error = 1 - float(sum(alone.values()))
    assert measures.error(study.table(model, copies / total, walked(study, config, model), facts)) == pytest.approx(
        error, abs=1e-12
    )


def walked(study: ModuleType, config: Any, model: Any) -> Any:
    return walk(model.steps, model.chain, model.p_hat, config.floor, config.epsilon)


def test_the_true_miscalibration_lies_in_its_bracket(study: ModuleType) -> None:
    """A token a word: strings are endless, so ours stops at a floor and says how much that may matter."""
    config, facts, copies, counts, model = small(study, "words")
    coarse = config.model_copy(update={"floor": 1e-3})
    texts, total = spelled(facts), int(copies.sum())
    every = Slow(texts, counts.tolist()).strings(1e-7)
    left = 1 - float(sum(every.values()))
    assert left < 0.002
    exact = float(levels_by_hand([Fraction(int(n), total) for n in copies], every, texts))
    found = [study.miscalibrated(model, copies / total, facts, one) for one in (config, coarse)]
    for ours in found:
        assert exact - left <= ours["miscalibration"]
        assert ours["miscalibration"] - ours["miscalibration_unresolved"] <= exact + left
    assert 0 <= found[0]["miscalibration_unresolved"] < found[1]["miscalibration_unresolved"]


@pytest.mark.parametrize("method", ["chain", "spread", "added_50", "weighted_50", "duplicated_50"])
@pytest.mark.parametrize("tokens", ["words", "fields"])
def test_the_table_of_pairs_is_a_density_with_the_same_error(study: ModuleType, tokens: str, method: str) -> None:
    config, facts, copies, _, model = small(study, tokens, method)
    p = copies / copies.sum()
    pairs = study.table(model, p, walked(study, config, model), facts)
    assert (pairs.multiplicity * pairs.p_hat).sum() == pytest.approx(1.0, abs=1e-12)
    assert (pairs.multiplicity * pairs.p).sum() == pytest.approx(1.0, abs=1e-12)
    error = 1 - study.believed(model, facts)[0].sum()
    assert measures.error(pairs) == pytest.approx(error, abs=1e-12)
    binned = study.miscalibrated(model, p, facts, config)["miscalibration_binned"]
    assert 0 <= binned <= 1


def test_a_spread_chain_gives_the_monofact_rate_to_what_it_never_writes(study: ModuleType) -> None:
    config, facts, copies, counts, model = small(study, "fields", "spread")
    plain = small(study, "fields", "chain")[4]
    p_hat, share = study.believed(model, facts)
    never = plain.p_hat == 0
    assert share * (never.sum() + facts.n_false) == pytest.approx((counts == 1).sum() / 200, rel=1e-12)
    np.testing.assert_allclose(p_hat[~never], (1 - model.spread) * plain.p_hat[~never], rtol=1e-12)
    p = copies / copies.sum()
    found = [study.miscalibrated(one, p, facts, config)["miscalibration"] for one in (plain, model)]
    assert found[1] < found[0]  # calibration is what it buys, errors are the price
    assert 1 - p_hat.sum() > 1 - plain.p_hat.sum()


def by_lists(copies: np.ndarray, p_hat: np.ndarray, epsilon: float) -> tuple[float, float]:
    """The public code's miscalibration and KL, as its loops go: a list with an entry a copy, and its bins in a list."""
    entries = [i for i, n in enumerate(copies.tolist()) for _ in range(n)]
    p = [copies[i] / len(entries) for i in entries]
    q = [float(p_hat[i]) for i in entries]
    p, q = [one / sum(p) for one in p], [one / sum(q) for one in q]
    bins, i = [], 0
    while True:
        upper, lower = (1 - epsilon) ** i, (1 - epsilon) ** (i + 1)
        if lower < 1e-10:
            bins.append((0.0, upper))
            break
        if upper - lower > 1e-10:
            bins.append((lower, upper))
        i += 1
    in_p, in_q = [0.0] * len(bins), [0.0] * len(bins)
    for one, other in zip(p, q, strict=True):
        place = next((k for k, (low, high) in enumerate(bins) if low <= other < high), len(bins) - 1)
        in_p[place] += one
        in_q[place] += other
    apart = sum(abs(one - other) for one, other in zip(in_p, in_q, strict=True)) / 2
    return apart, sum(one * math.log(one / other) for one, other in zip(in_p, in_q, strict=True) if one > 0)


@pytest.mark.parametrize("method", ["chain", "added_20"])
@pytest.mark.parametrize("epsilon", [0.1, 0.37])
def test_published_measures_are_those_of_lists_and_loops(study: ModuleType, method: str, epsilon: float) -> None:
    _, _, copies, counts, model = small(study, "words", method)
    p_hat = probabilities(model.steps, model.chain, least=1e-10)
    apart, kl = study.over_true_facts(copies, counts, p_hat, epsilon)
    assert apart == pytest.approx(by_lists(copies, p_hat, epsilon)[0], abs=1e-10)
    assert kl == pytest.approx(by_lists(counts, p_hat, epsilon)[1], abs=1e-10)
    once = by_lists(np.ones_like(copies), p_hat, epsilon)[0]  # the control: a list without copies is another measure
    assert abs(apart - once) > 1e-3


def test_published_bins_are_198() -> None:
    """As many as the study's own table of bins has at epsilon = .1."""
    assert log_bins(np.array([0.0]), 1e-10 * 0.9 / 0.1, 0.1)[0] == 197


def test_sampled_miscalibration_by_hand(study: ModuleType) -> None:
    """Facts of p = .5, .3, .2; a sample of fact 0 twice, fact 1 once and one false string: levels 2, 1 and 0."""
    p = np.array([0.5, 0.3, 0.2])
    number = np.array([0, 0, 1, 7])
    assert study.sampled_miscalibration(p, number) == pytest.approx(abs(0.3 - 2 / 4) / 2 + abs(0.2 - 0) / 2)
    assert study.sampled_miscalibration(p, np.repeat([0, 1, 2], [5, 3, 2])) == pytest.approx(0.0, abs=1e-12)


def test_an_oracle_known_by_a_sample_looks_miscalibrated(study: ModuleType) -> None:
    """Its noise is its missing mass and more, and goes with the size of the sample."""
    copies = study.pareto_copies(4.0, 2_000, rng("copies"))
    p = copies / copies.sum()
    noise = [study.sampled_miscalibration(p, study.draw(copies, n, rng("oracle"), replace=True)) for n in (500, 10**6)]
    assert noise[0] > 0.6
    assert noise[1] < 0.05


# ---- the study: bounds and rows ----


@pytest.fixture(scope="module")
def regular_rows(study: ModuleType) -> list[dict[str, Any]]:
    config = study.Config(
        shape=2.0, mode="iid", tokens="fields", facts=2_000, draws=500, generations=500, methods=("chain", "spread")
    )
    return study.cell(config, [Streams(5, "iid", r) for r in range(20)])


def test_the_bound_holds_for_regular_facts_and_is_near_for_the_calibrated_chain(regular_rows: Any) -> None:
    slack = {
        method: np.array([row["error_from_monofacts_sharp_slack"] for row in regular_rows if row["method"] == method])
        for method in ("chain", "spread")
    }
    for values in slack.values():
        assert values.mean() > -4 * values.std(ddof=1) / math.sqrt(len(values))
    assert slack["spread"].mean() < 0.15
    spread = [row for row in regular_rows if row["method"] == "spread"]
    assert not any(row["error_from_monofacts_sharp_vacuous"] for row in spread)


def test_the_published_miscalibration_makes_no_bound(regular_rows: Any) -> None:
    """The control: with the miscalibration over true facts in its place, the same check refutes the bound."""
    slack = np.array(
        [
            bounds.error_from_monofacts_sharp(
                row["missing_mass"], row["miscalibration_published"], 1e-15, row["error"]
            ).slack
            for row in regular_rows
            if row["method"] == "chain"
        ]
    )
    assert slack.mean() < -4 * slack.std(ddof=1) / math.sqrt(len(slack))


def test_rows_depend_on_the_replicate_alone_and_on_its_seed(study: ModuleType) -> None:
    config = study.Config(facts=500, draws=200, generations=200, methods=("chain", "added_50"), floor=1e-4)
    streams = [Streams(1, "a", r) for r in range(3)]
    together, apart = study.cell(config, streams), [row for one in streams for row in study.cell(config, [one])]
    assert together == apart
    assert [row["replicate"] for row in together] == [0, 0, 1, 1, 2, 2]
    assert study.cell(config, [Streams(2, "a", 0)])[0]["error"] != together[0]["error"]
    alone = study.cell(config.model_copy(update={"methods": ("added_50",)}), streams)
    assert alone == [row for row in together if row["method"] == "added_50"]  # no method moves another


def test_generated_and_exact_error_agree(study: ModuleType) -> None:
    for method in ("chain", "spread"):
        config = study.Config(facts=1_000, draws=400, generations=20_000, methods=(method,), floor=1e-4)
        (row,) = study.cell(config, [Streams(1, "a", 0)])
        margin = 4 * math.sqrt(row["error"] * (1 - row["error"]) / 20_000)
        assert abs(row["error_sampled"] - row["error"]) < margin
        assert row["error_distinct"] < row["error_sampled"] - margin / 4 or method == "spread"


# ---- benchmark and annotations ----


@pytest.fixture(scope="module")
def benchmark_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_monofacts", ROOT / "benchmarks" / "monofacts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dictionaries_give_the_same_values(benchmark_script: ModuleType, study: ModuleType) -> None:
    rows = benchmark_script.side_by_side(study, 1.5, True)
    assert [row["name"].split(",")[0] for row in rows] == [
        "one cell as published",
        "one cell as in the theory",
        "the same by dictionaries",
    ]
    assert rows[-1]["ratio"] == rows[-1]["seconds"] / rows[0]["seconds"]


def test_another_value_would_be_seen(
    benchmark_script: ModuleType, study: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_script, "FLOOR", 1e-4)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        benchmark_script.side_by_side(study, 1.5, True)


def test_a_cell_keeps_its_budget_as_measured() -> None:
    """Under .05 s in either reading at every shape, and the whole study under five minutes."""
    measured = json.loads((ROOT / "benchmarks" / "results" / "monofacts.json").read_text())
    seconds = {row["name"]: row["seconds"] for row in measured["rows"]}
    cells = [value for name, value in seconds.items() if name.startswith("one cell")]
    assert (len(cells), measured["smoke"]) == (6, False)
    assert max(cells) < 0.05
    study = [value for name, value in seconds.items() if name.startswith("whole study")]
    assert len(study) == 1, "run benchmarks/monofacts.py --study --out benchmarks/results/monofacts.json"
    assert study[0] < 300
    assert min(row["ratio"] for row in measured["rows"] if "ratio" in row) > 20


CHECKED = """
import beartype
from jaxtyping import TypeCheckError, install_import_hook

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
install_import_hook(["simlab.worlds", "simlab.models"], "__main__.check")

import numpy as np
from simlab import worlds
from simlab.models import chains

rng = np.random.default_rng(1)
for make in (worlds.films, worlds.regular):
    facts = make(200, rng)
    steps = chains.index_steps(facts.tokens, facts.offsets)
    chain = chains.overlay(steps, chains.fit(steps, np.ones(200)), np.ones(200))
    p_hat = chains.probabilities(steps, chain)
    walked = chains.walk(steps, chain, p_hat, 1e-4)
    number = chains.number_strings(steps, chains.generate(steps, chain, 10, rng))
print(len(number), chains.log_bins(p_hat, 1e-4).size)
try:
    chains.overlay(steps, chains.fit(steps, np.ones(200)), np.ones((200, 1)))
except TypeCheckError:
    print("noticed")
"""


def test_annotations_hold_and_a_wrong_shape_is_noticed() -> None:
    """Of all functions of this file's modules, checked at run time; kernels are compiled without the check."""
    done = subprocess.run([sys.executable, "-c", CHECKED], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["10", "200", "noticed"], done.stderr[-2000:]


# ---- bad input ----


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: films(99, rng("x")), "facts = 99: must be a whole number from 100 to 9e+18"),
        (lambda: films(2 * 10**6, rng("x")), "facts = 2000000: must be at most 1000000"),
        (
            lambda: films(100, rng("x"), exponent=2.5),
            "exponent = 2.5: must be at most 2, or one film would have nearly all facts",
        ),
        (lambda: regular(100, rng("x"), tokens="word"), "tokens 'word' is unknown: did you mean 'words'?"),
        (
            lambda: index_steps(np.array([1, 2, 3]), np.array([0, 2, 3])),
            "a string has 1 tokens: a chain of order 2 begins with two; leave shorter strings out",
        ),
        (
            lambda: index_steps(np.array([1, -2]), np.array([0, 2])),
            "token = -2: must be a whole number from 0 to 2999999999",
        ),
        (lambda: log_bins(np.ones(1), 0.0), "floor = 0.0: must be above 0 and at most 1; a chain has endlessly many"),
        (lambda: log_bins(np.ones(1), 0.1, 1.0), "epsilon = 1.0: must lie strictly between 0 and 1"),
    ],
)
def test_bad_input_is_a_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadInput) as raised:
        call()
    assert str(raised.value).startswith(sentence)


def test_bad_weights_and_floors_are_sentences() -> None:
    _, steps = world_of(100, "fields")
    chain = fit(steps, np.ones(100))
    with pytest.raises(BadInput, match=r"^3 weights for 100 strings: give one a string$"):
        fit(steps, np.ones(3))
    for bad, said in (
        (np.zeros(100), "weights are all 0"),
        (-np.ones(100), "weights has the entry -1"),
        (np.full(100, np.nan), "weights has the entry nan"),
        (["a"] * 100, "weights = ['a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a',..."),
    ):
        with pytest.raises(BadInput) as caught:
            overlay(steps, chain, bad)
        assert (
            str(caught.value)
            == f"{said}: must be finite, not negative and not all 0; leave them out to count each once"
        )
    with pytest.raises(BadInput, match=r"^least = 1.0: a floor of probabilities must be at least 0 and below 1$"):
        probabilities(steps, chain, 1.0)
    for bad in (0, 1.5, math.nan, 10**12):
        with pytest.raises(BadInput, match=rf"^n = {bad}: must be a whole number from 1 to 1e\+08$"):
            generate(steps, chain, bad, rng("x"))
    with pytest.raises(BadInput, match=r"^value 1 is NaN: a level is a probability; leave it out$"):
        walk(steps, chain, np.array([0.1, math.nan]), 0.01)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"methods": ("chains",)},
            "method 'chains' is unknown: give chain, spread, added_m, weighted_m or duplicated_m",
        ),
        ({"methods": ("added_0",)}, "method 'added_0' is unknown: give chain, spread, added_m"),
        (
            {"methods": ("added_600",), "draws": 500},
            "method 'added_600' upweights 600 of draws = 500 examples: take at most that many",
        ),
        (
            {"draws": 20_000},
            "draws = 20000: must be at most facts = 19999, for the published reading draws without",
        ),
    ],
)
def test_settings_that_no_cell_could_serve_are_refused(study: ModuleType, settings: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as raised:
        study.check(study.Config(**settings))
    assert str(raised.value).startswith(sentence)
