"""N-grams: the compiled trie against dictionaries and formulas, densities that sum to 1, samples of the right law."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simlab.corpora import IDK, Listed, list_facts, sample_listed
from simlab.errors import BadInput
from simlab.measures import observe
from simlab.models import learn
from simlab.models.ngram import (
    SMOOTHINGS,
    count_ngrams,
    log_probability,
    next_probabilities,
    response_probabilities,
    sample,
    smooth,
    states,
    token_probabilities,
)
from simlab.models.ngram.katz import turing_discounts
from simlab.models.ngram.smoothing import absolute_discount, continuations
from simlab.pairs import tabulate
from simlab.rendering import END, flatten, gather
from simlab.seeds import Streams
from simlab.trials import trial
from simlab.worlds import uniform, zipf

STREAMS = Streams(seed=11, point="ngram")
SIZE = 8  # tokens 0 (END) to 7; 6 and 7 are never written
START = -1
METHODS = [
    ("mle", None),
    ("add_constant", None),
    ("add_constant", 0.01),
    ("katz", None),
    ("katz", 0.3),
    ("katz", 0.0),
    ("kneser_ney", None),
    ("kneser_ney", 0.1),
    ("kneser_ney", 1.0),
    ("kneser_ney", 0.0),
]


def corpus(strings: int = 60, longest: int = 8, seed: int = 0, most: int = 6) -> list[list[int]]:
    """Strings whose tokens follow no law in particular, some of them repeated."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest + 1, strings)
    found = [[*(int(w) for w in (rng.random(n) ** 2 * (most - 1)).astype(int) + 1), END] for n in lengths]
    return found + found[: strings // 4]


STRINGS = corpus()
TOKENS = flatten(STRINGS, SIZE)
HISTORIES = [
    [int(w) for w in rng.integers(1, SIZE, rng.integers(0, 8))]
    for rng in [np.random.default_rng(1)]
    for _ in range(300)
] + [string[:i] for string in STRINGS[:40] for i in range(len(string))]


# ---- The oracle: dictionaries, and the formulas as they stand in the docstrings


class Slow:
    """Counts of grams as tuples, and p(w|h) by recursion; a history is a list of tokens."""

    def __init__(self, strings: list[list[int]], order: int, size: int = SIZE) -> None:
        self.order, self.size = order, size
        self.known: dict[Any, Any] = {}
        self.count: Counter[tuple[int, ...]] = Counter()
        for string in strings:
            marked = (START, *string)
            for k in range(1, order + 1):
                self.count.update(g for g in zip(*(marked[i:] for i in range(k)), strict=False) if g != (START,))
        self.follow: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        self.before: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for gram, n in self.count.items():
            self.follow[gram[:-1]][gram[-1]] = n
            self.before[gram[1:]].add(gram[0])

    def context(self, history: list[int]) -> tuple[int, ...]:
        """All that the model looks at."""
        return ((START, *history)[-(self.order - 1) :]) if self.order > 1 else ()

    def written(self, context: tuple[int, ...]) -> tuple[int, ...]:
        """The longest suffix of the context that was written."""
        while context not in self.follow:
            context = context[1:]
        return context

    def counts_of_counts(self, depth: int, adjusted: bool) -> Counter[int]:
        """How many grams of ``depth`` tokens have each count."""
        key = (depth, adjusted)
        if key not in self.known:
            grams = [g for g in self.count if len(g) == depth]
            self.known[key] = Counter(self.adjusted(g) if adjusted else self.count[g] for g in grams)
        return self.known[key]

    def mle(self, h: tuple[int, ...], _: Any) -> list[float]:
        after = self.follow[self.written(h)]
        return [after.get(w, 0) / sum(after.values()) for w in range(self.size)]

    def add_constant(self, h: tuple[int, ...], k: float | None) -> list[float]:
        k = 1.0 if k is None else k
        after = self.follow.get(h, {})
        return [(after.get(w, 0) + k) / (sum(after.values()) + k * self.size) for w in range(self.size)]

    def katz(self, h: tuple[int, ...], constant: float | None) -> list[float]:
        h = self.written(h)
        after, total = self.follow[h], sum(self.follow[h].values())
        n = self.counts_of_counts(len(h) + 1, adjusted=False)
        d = turing_discounts(np.array([n[r] for r in range(8)], dtype=float))
        off = {
            w: constant if constant is not None else c * (1 - d[c - 1]) if c <= len(d) else 0.0
            for w, c in after.items()
        }
        kept = {w: (c - off[w]) / total for w, c in after.items()}
        free = math.fsum(off.values()) / total
        lower = self.p("katz", h[1:], constant) if h else [1.0 / self.size] * self.size
        left = math.fsum(lower[w] for w in range(self.size) if w not in after)
        if left == 0.0:
            return [kept.get(w, 0.0) / math.fsum(kept.values()) for w in range(self.size)]
        return [kept[w] if w in kept else free / left * lower[w] for w in range(self.size)]

    def adjusted(self, gram: tuple[int, ...]) -> int:
        return self.count[gram] if len(gram) == self.order or gram[0] == START else len(self.before[gram])

    def kneser_ney(self, h: tuple[int, ...], constant: float | None) -> list[float]:
        h = self.written(h)
        a = {w: self.adjusted((*h, w)) for w in self.follow[h]}
        n = self.counts_of_counts(len(h) + 1, adjusted=True)
        d = constant if constant is not None else n[1] / (n[1] + 2 * n[2]) if n[1] else 0.0
        lower = self.p("kneser_ney", h[1:], constant) if h else [1.0 / self.size] * self.size
        total = sum(a.values())
        return [max(a.get(w, 0) - d, 0.0) / total + d * len(a) / total * lower[w] for w in range(self.size)]

    def p(self, smoothing: str, h: tuple[int, ...], constant: float | None) -> list[float]:
        """p(.|h) of a whole context."""
        key = (smoothing, h, constant)
        if key not in self.known:
            self.known[key] = getattr(self, smoothing)(h, constant)
        return self.known[key]


@cache  # the same corpus for every test
def slow(order: int) -> Slow:
    return Slow(STRINGS, order)


@pytest.mark.parametrize("order", range(1, 9))
def test_counts_are_those_of_a_dictionary(order: int) -> None:
    counts, expected = count_ngrams(TOKENS, order), slow(order).count

    def gram(u: int) -> tuple[int, ...]:
        words: list[int] = []
        while u:
            words.append(int(counts.token[u]))
            u = int(counts.parent[u])
        return tuple(START if w == SIZE else w for w in reversed(words))

    grams = [gram(u) for u in range(len(counts.token))]
    assert {g: n for g, n in zip(grams[1:], counts.count[1:], strict=True) if n} == dict(expected)
    assert counts.count[0] == len(TOKENS.ids)
    for u in range(1, len(grams)):
        assert grams[counts.suffix[u]] == grams[u][1:]
        children = [grams[v] for v in range(counts.child[u], counts.child[u + 1])]
        assert all(child[:-1] == grams[u] for child in children)
        assert children == sorted(children)
        assert counts.total[u] == sum(expected[child] for child in children)
    depth = np.repeat(np.arange(order + 1), np.diff(counts.level))
    assert depth.tolist() == [len(g) for g in grams]


@pytest.mark.parametrize(("smoothing", "constant"), METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_probabilities_are_those_of_the_formulas(order: int, smoothing: str, constant: float | None) -> None:
    found = next_probabilities(smooth(count_ngrams(TOKENS, order), smoothing, constant), flatten(HISTORIES[::7], SIZE))
    oracle = slow(order)
    expected = np.array([oracle.p(smoothing, oracle.context(history), constant) for history in HISTORIES[::7]])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(("smoothing", "constant"), METHODS)
@pytest.mark.parametrize("order", range(1, 9))
def test_every_context_has_a_density(order: int, smoothing: str, constant: float | None) -> None:
    """Sums to 1 to 1e-12 over the vocabulary with END, after written, half-written and never-written contexts."""
    model = smooth(count_ngrams(TOKENS, order), smoothing, constant)
    p = next_probabilities(model, flatten(HISTORIES, SIZE))
    assert (p >= 0).all()
    assert abs(p.sum(1) - 1).max() < 1e-12
    unseen = [6] * 7
    assert not any(6 in string for string in STRINGS)
    assert abs(next_probabilities(model, flatten([unseen], SIZE)).sum() - 1) < 1e-12


def test_an_unseen_context_without_a_rule_has_no_density() -> None:
    """The negative control: relative counts alone, as NLTK's MLE has them, sum to 0 where nothing was written."""
    context = slow(3).context([6, 6])
    assert context not in slow(3).follow
    assert sum(slow(3).follow.get(context, {}).values()) == 0


@pytest.mark.parametrize("constant", [None, 1e-9, 0.5, 1 - 1e-9])
def test_katz_loses_no_digits_where_nearly_all_has_followed(constant: float | None) -> None:
    """Contexts after which all but the rarest token came: 1 minus what followed would have lost its digits."""
    rng = np.random.default_rng(4)
    rare = [[1, 2, 3, 1, 2, 3, END]] * 40_000 + [[2, 1, 3, 2, END]] * 20_000 + [[3, 3, 4, 3, 1, END], [5, END]]
    strings = rare + [[int(w) for w in rng.integers(1, 4, 6)] + [END] for _ in range(200)]
    tokens = flatten(strings, 6)
    histories = flatten([list(h) for n in range(4) for h in itertools.product(range(1, 6), repeat=n)], 6)
    for order in (2, 3, 4):
        model = smooth(count_ngrams(tokens, order), "katz", constant)
        assert abs(next_probabilities(model, histories).sum(1) - 1).max() < 1e-12


def test_maximum_likelihood_hands_an_unseen_context_to_its_longest_written_suffix() -> None:
    model = smooth(count_ngrams(flatten([[1, 2, 3, END], [4, 2, 5, END]], 6), 3), "mle")
    p = next_probabilities(model, flatten([[1, 2], [4, 2], [3, 2], [3, 3]], 6))
    assert p[0].tolist() == [0, 0, 0, 1, 0, 0]
    assert p[1].tolist() == [0, 0, 0, 0, 0, 1]
    assert p[2].tolist() == [0, 0, 0, 0.5, 0, 0.5]  # after 2
    assert p[3].tolist() == [1, 0, 0, 0, 0, 0]  # after 3


# ---- Strings


@pytest.mark.parametrize(("smoothing", "constant"), METHODS)
def test_the_masses_of_all_strings_sum_to_one(smoothing: str, constant: float | None) -> None:
    """All strings of up to 7 tokens by enumeration, and the mass of those that are longer, which is small."""
    strings = [[1, 2, END], [2, END], [2, 1, 1, END], [END], [1, END], [2, 2, END]] * 5
    model = smooth(count_ngrams(flatten(strings, 3), 3), smoothing, constant)
    ended = [[*s, END] for n in range(7) for s in itertools.product((1, 2), repeat=n)]
    longer = [list(s) for s in itertools.product((1, 2), repeat=7)]
    mass = np.exp(log_probability(model, flatten(ended, 3))).sum()
    tail = np.exp(log_probability(model, flatten(longer, 3))).sum()
    assert mass + tail == pytest.approx(1.0, abs=1e-12)
    assert tail < 0.05
    assert mass + 2 * tail != pytest.approx(1.0, abs=1e-12) or tail == 0.0


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_responses_are_enumerated_exactly(order: int) -> None:
    """p of a response is that of prompt and response over that of the prompt; the rest is nonsense."""
    prompts = [history for history in HISTORIES[300:] if len(history) > 1][:25]
    responses = [[*s, END] for n in range(4) for s in itertools.product((1, 2, 5), repeat=n)]
    for smoothing, constant in METHODS:
        model = smooth(count_ngrams(TOKENS, order), smoothing, constant)
        found = response_probabilities(model, flatten(prompts, SIZE), flatten(responses, SIZE))
        whole = np.array([log_probability(model, flatten([p + r for r in responses], SIZE)) for p in prompts])
        before = log_probability(model, flatten(prompts, SIZE))
        known = np.isfinite(before)
        np.testing.assert_allclose(found[known], np.exp(whole[known] - before[known, None]), rtol=1e-11, atol=1e-300)
        assert (found.sum(1) <= 1 + 1e-12).all()


def test_prompts_of_one_state_are_one_to_the_model() -> None:
    prompts = flatten(HISTORIES, SIZE)
    for order, (smoothing, constant) in itertools.product((2, 4), METHODS):
        model = smooth(count_ngrams(TOKENS, order), smoothing, constant)
        state, p = states(model, prompts), next_probabilities(model, prompts)
        assert 1 < len(np.unique(state)) < len(state)
        for one in np.unique(state):
            assert (p[state == one] == p[state == one][0]).all()


def test_a_string_that_cannot_be_written_has_no_mass() -> None:
    model = smooth(count_ngrams(TOKENS, 3), "mle")
    assert log_probability(model, flatten([[7, END], [1, 6]], SIZE)).tolist() == [-math.inf, -math.inf]
    assert log_probability(model, flatten([[]], SIZE)).tolist() == [0.0]


# ---- Samples


def chi_square(drawn: Any, p: np.ndarray, strings: list[list[int]], n: int) -> float:
    """The p-value of the drawn strings against their probabilities; all other strings are one cell."""
    place = {tuple(string): i for i, string in enumerate(strings)}
    seen = np.zeros(len(strings) + 1)
    for i in range(n):
        seen[place.get(tuple(drawn[i].tolist()), len(strings))] += 1
    expected = n * np.append(p, max(1 - p.sum(), 0.0))
    if seen[expected == 0].any():
        return 0.0
    common = expected >= 5
    seen = np.append(seen[common], seen[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    keep = expected > 0
    return float(stats.chisquare(seen[keep], expected[keep] * seen.sum() / expected.sum()).pvalue)


SHORT = [[*s, END] for n in range(4) for s in itertools.product(range(1, SIZE), repeat=n)]


@pytest.mark.parametrize(("smoothing", "constant"), METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_samples_have_the_law_of_the_model(order: int, smoothing: str, constant: float | None) -> None:
    model = smooth(count_ngrams(TOKENS, order), smoothing, constant)
    p = np.exp(log_probability(model, flatten(SHORT, SIZE)))
    drawn = sample(model, np.random.default_rng([order, len(smoothing)]), 20_000)
    assert chi_square(drawn, p, SHORT, 20_000) > 1e-4


@pytest.mark.parametrize(("smoothing", "constant"), METHODS)
def test_samples_after_a_prompt_have_the_law_of_the_model(smoothing: str, constant: float | None) -> None:
    """Written prompts, and one that was never written."""
    model = smooth(count_ngrams(TOKENS, 4), smoothing, constant)
    for i, history in enumerate(([1], [1, 2], [5, 5], [7, 6])):
        prompt = flatten([history], SIZE)
        p = response_probabilities(model, prompt, flatten(SHORT, SIZE))[0]
        drawn = sample(model, np.random.default_rng(i), 10_000, prompt=prompt)
        assert chi_square(drawn, p, SHORT, 10_000) > 1e-4


def test_samples_of_another_model_are_noticed() -> None:
    """The negative control: the same test refuses samples of every other smoothing, and of another order."""
    counts = count_ngrams(TOKENS, 3)
    model = smooth(counts, "kneser_ney")
    p = np.exp(log_probability(model, flatten(SHORT, SIZE)))
    rng = np.random.default_rng(5)
    others = [smooth(counts, "add_constant"), smooth(counts, "katz", 0.3), smooth(counts, "kneser_ney", 0.3)]
    for other in [*others, smooth(count_ngrams(TOKENS, 2), "kneser_ney")]:
        assert chi_square(sample(other, rng, 20_000), p, SHORT, 20_000) < 1e-6


def test_same_seed_same_strings() -> None:
    model = smooth(count_ngrams(TOKENS, 3))
    one, same, other = (sample(model, Streams(seed).numpy("text"), 100) for seed in (1, 1, 2))
    assert one.ids.tolist() == same.ids.tolist()
    assert one.ids.tolist() != other.ids.tolist()


def test_a_string_too_long_is_left_unfinished() -> None:
    model = smooth(count_ngrams(flatten([[*[1] * 50, END]], 2), 2), "mle")
    drawn = sample(model, np.random.default_rng(0), 200, longest=20)
    assert drawn.lengths.max() == 20
    ended = drawn.ids[drawn.offsets[1:] - 1] == END
    assert 0 < ended.sum() < 200
    assert (drawn.lengths[~ended] == 20).all()
    assert len(sample(model, np.random.default_rng(0), 0)) == 0


# ---- Weights


@pytest.mark.parametrize("order", [1, 3, 6])
def test_whole_weights_are_repetitions(order: int) -> None:
    rng = np.random.default_rng(6)
    weights = rng.integers(0, 4, len(TOKENS))
    weighted = count_ngrams(TOKENS, order, weights)
    repeated = count_ngrams(gather(TOKENS, np.repeat(np.arange(len(TOKENS)), weights)), order)
    for name in ("level", "token", "parent", "suffix", "count", "child"):
        assert getattr(weighted, name).tolist() == getattr(repeated, name).tolist(), name


def test_fractions_scale_what_is_relative() -> None:
    """mle is the same under any scale of the weights; add_constant is that of a constant scaled back."""
    weights = np.random.default_rng(7).integers(1, 4, len(TOKENS))
    histories = flatten(HISTORIES, SIZE)
    whole, halves = count_ngrams(TOKENS, 3, weights), count_ngrams(TOKENS, 3, weights / 2)
    for smoothing, k, half in (("mle", None, None), ("add_constant", 1.0, 0.5)):
        a, b = (next_probabilities(smooth(c, smoothing, x), histories) for c, x in ((whole, k), (halves, half)))
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_order_of_strings_and_names_of_tokens_do_not_matter() -> None:
    rng = np.random.default_rng(8)
    rename = np.append(0, 1 + rng.permutation(SIZE - 1))
    shuffled = [[int(rename[w]) for w in STRINGS[i]] for i in rng.permutation(len(STRINGS))]
    histories = flatten(HISTORIES, SIZE)
    renamed = replace(histories, ids=rename[histories.ids].astype(np.int32))
    for smoothing, constant in METHODS:
        p = next_probabilities(smooth(count_ngrams(TOKENS, 3), smoothing, constant), histories)
        q = next_probabilities(smooth(count_ngrams(flatten(shuffled, SIZE), 3), smoothing, constant), renamed)
        np.testing.assert_allclose(q[:, rename], p, rtol=1e-10, atol=1e-15)


# ---- Discounts


def test_turings_discounts_by_hand() -> None:
    """n = 100, 40, 20, 12, 8, 5: Katz's formula with his cutoff of 5, and the mass that it frees: n_1."""
    n = np.array([0.0, 100, 40, 20, 12, 8, 5])
    d = turing_discounts(n)
    x = 6 * 5 / 100
    assert d == pytest.approx([(ratio - x) / (1 - x) for ratio in (0.8, 0.75, 0.8, 40 / 48, 30 / 40)], rel=1e-14)
    r = np.arange(1, 6)
    assert (n[1:6] * r * (1 - d)).sum() == pytest.approx(100, rel=1e-14)


def test_the_freed_mass_is_that_of_the_singletons_at_every_usable_cutoff() -> None:
    """sum of n_r r (1 - d_r) = n_1: Katz's condition, which Turing's own r* / r does not meet."""
    rng = np.random.default_rng(9)
    usable = Counter()
    for _ in range(300):
        n = np.append(0, rng.poisson(300 / np.arange(1.0, 7) ** rng.uniform(0.5, 2.5))).astype(float)
        d = turing_discounts(n)
        usable[len(d)] += 1
        if len(d):
            r = np.arange(1, len(d) + 1)
            assert ((d > 0) & (d < 1)).all()
            assert (n[r] * r * (1 - d)).sum() == pytest.approx(n[1], rel=1e-12)
            assert abs((n[r] * r - (r + 1) * n[r + 1]).sum() - n[1]) > 1e-9
    assert set(usable) >= {0, 2, 5}


def test_no_counts_of_counts_no_discount() -> None:
    for n in ([0, 0, 5, 3, 2, 1, 1], [0, 5, 0, 0], [0, 10, 20, 30, 40, 50, 60], [0]):
        assert len(turing_discounts(np.array(n, dtype=float))) == 0


def test_kneser_neys_counts_by_hand() -> None:
    """ "Francisco" comes often, and after one word only; "glasses" is rarer, after two: Chen & Goodman's example."""
    san, francisco, reading, old, glasses = range(1, 6)
    strings = [[san, francisco, END]] * 3 + [[reading, glasses, END], [old, glasses, END]]
    counts = count_ngrams(flatten(strings, 6), 2)
    adjusted = continuations(counts)
    assert counts.count[1 + francisco] == 3
    assert adjusted[1 + francisco] == 1
    assert adjusted[1 + glasses] == 2
    assert adjusted[1 : 1 + 6].tolist() == [2, 1, 1, 1, 1, 2]
    model = smooth(counts, "kneser_ney", 0.5)
    p = next_probabilities(model, flatten([[old, francisco, san, old]], 6))[0]
    below = [(a - 0.5) / 8 + 0.5 * 6 / 8 / 6 for a in (1, 2)]
    assert p[francisco] == pytest.approx(0.5 * below[0], rel=1e-14)
    assert p[glasses] == pytest.approx(0.5 + 0.5 * below[1], rel=1e-14)
    assert absolute_discount(3, 1) == 0.6
    assert absolute_discount(0, 4) == 0.0


# ---- NLTK


def marked(strings: list[list[int]]) -> list[list[str]]:
    return [["<s>", *(f"w{w}" if w else "</s>" for w in string)] for string in strings]


def fitted(nltk_model: Any, strings: list[list[int]]) -> Any:
    from nltk.util import everygrams

    sentences = marked(strings)
    words = [word for sentence in sentences for word in sentence]
    nltk_model.fit((everygrams(s, max_len=nltk_model.order) for s in sentences), words)
    return nltk_model


@pytest.mark.parametrize("order", [2, 3])
def test_nltk_agrees_where_the_definitions_do(order: int) -> None:
    """MLE in every written context; Kneser-Ney with one fixed discount and none of the unigrams, which NLTK leaves be.

    At order 3 NLTK has no Kneser-Ney after the start mark alone, where it divides by 0: those places are left out.
    """
    lm = pytest.importorskip("nltk.lm")
    strings = STRINGS
    tokens = flatten(strings, SIZE)
    constant = (0.0, *([0.2] * (order - 1)))
    pairs = [
        (fitted(lm.MLE(order), strings), smooth(count_ngrams(tokens, order), "mle"), 0),
        (
            fitted(lm.KneserNeyInterpolated(order, discount=0.2), strings),
            smooth(count_ngrams(tokens, order), "kneser_ney", constant),
            0 if order == 2 else 1,
        ),
    ]
    for theirs, ours, first in pairs:
        found, expected = [], []
        ours_p = token_probabilities(ours, tokens)
        for s, sentence in enumerate(marked(strings)[:25]):
            for i in range(1 + first, len(sentence)):
                expected.append(theirs.score(sentence[i], sentence[max(i - order + 1, 0) : i]))
                found.append(ours_p[tokens.offsets[s] + i - 1])
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert len(found) > 80


def test_nltk_differs_where_the_docs_say() -> None:
    """No density after unseen contexts, a division by 0 after the start mark, and a start mark that is predicted."""
    lm = pytest.importorskip("nltk.lm")
    mle = fitted(lm.MLE(3), STRINGS)
    assert sum(mle.score(word, ["w7", "w7"]) for word in mle.vocab) == 0
    kneser_ney = fitted(lm.KneserNeyInterpolated(3, discount=0.2), STRINGS)
    with pytest.raises(ZeroDivisionError):
        kneser_ney.score("w1", ["<s>"])
    from nltk.lm.preprocessing import padded_everygram_pipeline

    padded = lm.MLE(3)
    padded.fit(*padded_everygram_pipeline(3, [s[1:-1] for s in marked(STRINGS)]))
    assert padded.score("<s>") > 0


# ---- The learner


def world_corpus(draws: int = 400, **settings: Any) -> tuple[Any, Listed]:
    settings = {"answers": 6, "answer_rate": 0.8} | settings
    truth = list_facts(zipf(60, **settings), STREAMS.numpy("facts"))
    return truth, sample_listed(truth, draws, STREAMS.numpy("corpus"))


@pytest.mark.parametrize("tokens", ["word", "character", "subword"])
def test_a_learner_that_sees_the_whole_prompt_repeats_what_was_written(tokens: str) -> None:
    """Maximum likelihood at an order that reaches the name: relative counts of each prompt that was written."""
    _, corpus = world_corpus()
    order = {"word": 5, "character": 30, "subword": 25}[tokens]
    options = {"subwords": 60} if tokens == "subword" else {}
    fit = learn("ngram", corpus, STREAMS, smoothing="mle", order=order, tokens=tokens, **options)
    counts = corpus.counts
    written = counts.sum(1) > 0
    assert 20 < written.sum() < 60
    np.testing.assert_allclose(fit.p_hat[written], (counts / np.maximum(counts.sum(1, keepdims=True), 1))[written])
    assert fit.nonsense is not None
    assert abs(fit.p_hat.sum(1) + fit.nonsense - 1).max() < 1e-12
    assert fit.nonsense[written].max() < 1e-12


def test_a_learner_that_does_not_reach_the_name_answers_all_prompts_alike() -> None:
    _, corpus = world_corpus()
    fit = learn("ngram", corpus, STREAMS, order=3, smoothing="mle")
    assert (fit.p_hat == fit.p_hat[0]).all()
    answered, idk = corpus.counts[:, :-1].sum(0), corpus.counts[:, -1].sum()
    np.testing.assert_allclose(fit.p_hat[0], np.append(answered, idk) / corpus.draws)
    assert not (learn("ngram", corpus, STREAMS, order=5).p_hat == fit.p_hat[0]).all()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_answers_of_other_prompts_are_nonsense(smoothing: str) -> None:
    """Unlike |R_c|: an answer that a prompt has not goes to nonsense, and every row makes 1."""
    world = zipf(60, answers=np.full(1, 9), answer_rate=0.8)
    truth = list_facts(world, STREAMS.numpy("facts"))
    corpus = sample_listed(truth, 300, STREAMS.numpy("corpus"))
    few = replace(
        corpus, answers=np.where(np.arange(60) % 2, 9, 4), answer=np.where(corpus.answer > 3, 3, corpus.answer)
    )
    fit = learn("ngram", few, STREAMS, smoothing=smoothing, order=2)
    whole = learn("ngram", replace(few, answers=np.full(60, 9)), STREAMS, smoothing=smoothing, order=2)
    assert (fit.p_hat[::2, 4:-1] == 0).all()
    np.testing.assert_array_equal(fit.p_hat[1::2], whole.p_hat[1::2])
    np.testing.assert_allclose(fit.nonsense[::2], whole.nonsense[::2] + whole.p_hat[::2, 4:-1].sum(1), atol=1e-12)
    assert abs(fit.p_hat.sum(1) + fit.nonsense - 1).max() < 1e-12


def test_without_idk_it_is_no_response() -> None:
    _, corpus = world_corpus(answer_rate=1.0, idk=False)
    fit = learn("ngram", corpus, STREAMS, smoothing="add_constant")
    assert (fit.p_hat[:, -1] == 0).all()
    assert (corpus.answer != IDK).all()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_theorems_hold_for_the_learner(smoothing: str) -> None:
    """Theorem 1 and the identity of its slack, with nonsense among the errors."""
    few = {"constant": 0.001} if smoothing == "add_constant" else {}
    rows = [
        trial(uniform(50, answers=8, answer_rate=0.9), 150, ("ngram", "calibrated"), Streams(2, "t", r), options={
            "ngram": {"smoothing": smoothing, "order": order} | few
        })[0]
        for r in range(3)
        for order in (2, 5)
    ]  # fmt: skip
    for row in rows:
        assert row["method"] == "ngram"
        right = 2 * row["iiv_error"] - row["valid_over_errors"] - row["calibration_gap"]
        assert row["error"] == pytest.approx(right + row["over"] + row["room"] + row["gap"], abs=1e-12)
        assert row["error_from_iiv_slack"] >= -1e-12
    assert max(row["error_from_iiv_value"] for row in rows) > 0


def test_the_table_of_the_learner_is_laid_out() -> None:
    truth, corpus = world_corpus()
    seen = observe(tabulate(truth, corpus, learn("ngram", corpus, STREAMS, smoothing="add_constant"), STREAMS))
    fit = learn("ngram", corpus, STREAMS, smoothing="add_constant")
    mu = truth.world.popularity[truth.fact_class]
    right = fit.p_hat[np.arange(60), truth.correct] + fit.p_hat[:, -1]
    assert seen.error == pytest.approx(1 - mu @ right, abs=1e-12)


# ---- Bad input

COUNTS = count_ngrams(TOKENS, 3)
HALVES = count_ngrams(TOKENS, 3, np.full(len(TOKENS), 0.5))
MODEL = smooth(COUNTS)
CORPUS = world_corpus()[1]
BAD = {
    "order above the longest": (
        lambda: count_ngrams(flatten([[1, END], [1, 2, END]], 3), 5),
        "order = 5: must be a whole number from 1 to 4, the tokens of the longest string with its start and end marks",
    ),
    "order 0": (
        lambda: count_ngrams(TOKENS, 0),
        "order = 0: must be a whole number from 1 to 10, the tokens of the longest string with its start and end marks",
    ),
    "order nan": (
        lambda: count_ngrams(TOKENS, math.nan),
        "order = nan: must be a whole number from 1 to 10, the tokens of the longest string with its start and end "
        "marks",
    ),
    "half a string": (
        lambda: sample(MODEL, np.random.default_rng(0), 2.5),
        "n = 2.5: must be a whole number from 0 to 1e+08",
    ),
    "too many strings": (
        lambda: sample(MODEL, np.random.default_rng(0), 10**12),
        "n = 1000000000000: must be a whole number from 0 to 1e+08",
    ),
    "no model": (
        lambda: sample(None, np.random.default_rng(0), 5),
        "model = None: must be a smoothed n-gram model: smooth(count_ngrams(tokens, order))",
    ),
    "subwords of another kind": (
        lambda: learn("ngram", CORPUS, STREAMS, subwords=50),
        "subwords = 50 is given with tokens 'word': only subwords have a size, so leave it out",
    ),
    "no ends": (
        lambda: count_ngrams(flatten([[1, 2]], 3), 2),
        "the end token, 0, must end every string, and stand nowhere else",
    ),
    "weights that do not pair": (
        lambda: count_ngrams(TOKENS, 2, np.ones(3)),
        f"3 weights for {len(TOKENS)} strings: give one a string",
    ),
    "negative weights": (
        lambda: count_ngrams(TOKENS, 2, -np.ones(len(TOKENS))),
        "weights has the entry -1: must be finite, not negative and not all 0; leave them out to count each once",
    ),
    "smoothing": (lambda: smooth(COUNTS, "kneserney"), "smoothing 'kneserney' is unknown: did you mean 'kneser_ney'?"),
    "constant of mle": (
        lambda: smooth(COUNTS, "mle", 0.5),
        "constant = 0.5: mle has none; leave it out, or choose another smoothing",
    ),
    "order True": (
        lambda: count_ngrams(TOKENS, True),
        "order = True: must be a whole number from 1 to 10, the tokens of the longest string with its start and end "
        "marks",
    ),
    "a smoothing that is no text": (
        lambda: smooth(COUNTS, ["mle"]),  # type: ignore[arg-type]
        "smoothing ['mle'] is unknown: did you mean 'mle'?",
    ),
    "tokens that are no text": (
        lambda: learn("ngram", CORPUS, STREAMS, tokens=["word"]),
        "tokens ['word'] is unknown: did you mean 'word'?",
    ),
    "no discount": (
        lambda: learn("ngram", CORPUS, STREAMS, constant=0),
        "constant = 0: kneser_ney without a discount smooths nothing: take mle",
    ),
    "no discount at any depth": (
        lambda: learn("ngram", CORPUS, STREAMS, order=3, smoothing="katz", constant=[0.0, 0.0, 0.0]),
        "constant = [0.0, 0.0, 0.0]: katz without a discount smooths nothing: take mle",
    ),
    "a discount that is no number": (
        lambda: smooth(COUNTS, "kneser_ney", True),
        "constant = True: must be a number, or one for each depth",
    ),
    "a constant that is no number": (
        lambda: smooth(COUNTS, "add_constant", True),
        "constant = True: must be a number from 1e-100 to 1e+100",
    ),
    "constant 0": (
        lambda: smooth(COUNTS, "add_constant", 0.0),
        "constant = 0.0: must be a number from 1e-100 to 1e+100",
    ),
    "constant too large": (
        lambda: learn("ngram", CORPUS, STREAMS, smoothing="add_constant", constant=1e308),
        "constant = 1e+308: must be a number from 1e-100 to 1e+100",
    ),
    "constant too small": (
        lambda: smooth(COUNTS, "add_constant", 1e-320),
        "constant = 1e-320: must be a number from 1e-100 to 1e+100",
    ),
    "counts None": (lambda: smooth(None), "counts = None: must be counts of n-grams: count_ngrams(tokens, order)"),
    "tokens None": (
        lambda: count_ngrams(None, 2),
        "tokens = None: must be strings of token ids, such as encode(tokeniser, texts)",
    ),
    "constant text": (
        lambda: smooth(COUNTS, "add_constant", "a"),
        "constant = 'a': must be a number from 1e-100 to 1e+100",
    ),
    "discount text": (
        lambda: smooth(COUNTS, "katz", "a"),
        "constant = 'a': must be a number, or one for each depth",
    ),
    "constants": (
        lambda: smooth(COUNTS, "add_constant", (1.0, 2.0)),
        "constant = (1.0, 2.0): must be a number from 1e-100 to 1e+100",
    ),
    "nan": (
        lambda: smooth(COUNTS, "kneser_ney", math.nan),
        "constant = nan: a discount of kneser_ney must lie between 0 and 1",
    ),
    "discount above 1": (
        lambda: smooth(COUNTS, "katz", 1.5),
        "constant = 1.5: a discount of katz must lie between 0 and 1",
    ),
    "nothing left": (
        lambda: smooth(COUNTS, "katz", 1.0),
        "constant = 1.0: katz would leave nothing to what was written once; take less than 1",
    ),
    "discounts of other orders": (
        lambda: smooth(COUNTS, "kneser_ney", (0.1, 0.2)),
        "constant has 2 discounts: give kneser_ney of order 3 one, or 3",
    ),
    "fractions": (
        lambda: smooth(HALVES, "katz"),
        "katz discounts whole counts: give whole weights, or take mle or add_constant",
    ),
    "another vocabulary": (
        lambda: token_probabilities(MODEL, flatten([[1, END]], 5)),
        "strings over 5 tokens and a model of 8: use one tokeniser",
    ),
    "a prompt that ended": (
        lambda: states(MODEL, flatten([[1, END]], SIZE)),
        "a prompt has the end token, 0, in it: what ended does not go on; leave it out",
    ),
    "responses that do not end": (
        lambda: response_probabilities(MODEL, flatten([[1]], SIZE), flatten([[1]], SIZE)),
        "the end token, 0, must end every string, and stand nowhere else",
    ),
    "no length": (
        lambda: sample(MODEL, np.random.default_rng(0), 5, longest=0),
        "longest = 0: must be a whole number of at least 1",
    ),
    "no generator": (
        lambda: sample(MODEL, 7, 5),
        "rng = 7: must be a NumPy generator, such as Streams(seed=0).numpy('text')",
    ),
    "two prompts": (
        lambda: sample(MODEL, np.random.default_rng(0), 5, prompt=flatten([[1], [2]], SIZE)),
        "2 prompts are given: sample goes on after one",
    ),
    "order of the learner": (
        lambda: learn("ngram", CORPUS, STREAMS, order=20),
        "order = 20: must be a whole number from 1 to 11, the tokens of the longest string with its start and end "
        "marks",
    ),
    "tokens of the learner": (
        lambda: learn("ngram", CORPUS, STREAMS, tokens="char"),
        "tokens 'char' is unknown: did you mean 'character'?",
    ),
    "option": (
        lambda: learn("ngram", CORPUS, STREAMS, smooth="mle"),
        "option of ngram 'smooth' is unknown: did you mean 'smoothing'?",
    ),
    "a response set too large": (
        lambda: learn("ngram", replace(CORPUS, answers=np.full(60, 10**6)), STREAMS),
        "60 prompts x 1000001 responses are more than 50000000 strings to enumerate: take fewer facts or answers",
    ),
}


def test_a_constant_of_any_precision_is_a_number() -> None:
    assert (smooth(COUNTS, "add_constant", np.float32(0.5)).p == smooth(COUNTS, "add_constant", 0.5).p).all()


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence(case: str) -> None:
    run, sentence = BAD[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        run()


def test_grams_beyond_their_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simlab.models.ngram.counting.MOST_GRAMS", 1_000)
    n = len(TOKENS.ids)
    sentence = f"{n} tokens have up to {6 * n:.3g} grams of order 1 to 6, more than 1e+03: take fewer tokens or a "
    sentence += "smaller order"
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        count_ngrams(TOKENS, 6)
    monkeypatch.setattr("simlab.models.ngram.scoring.MOST_ENTRIES", 10)
    sentence = "3 prompts x 8 responses are more than 10 strings to enumerate: take fewer facts or answers"
    with pytest.raises(BadInput, match=rf"\A{sentence}\Z"):
        next_probabilities(MODEL, flatten([[1]] * 3, SIZE))


def test_the_benchmark_beside_nltk_runs_at_its_smallest_size() -> None:
    """The values of both sides are asserted in it; every comparison comes out."""
    pytest.importorskip("nltk.lm")
    script = Path(__file__).parents[1] / "benchmarks" / "ngrams.py"
    done = subprocess.run([sys.executable, str(script), "--smoke"], check=True, capture_output=True, text=True)
    ratios = [float(line.split()[-2]) for line in done.stdout.splitlines() if line.endswith(" x")]
    assert len(ratios) == 8
    assert min(ratios) > 1
