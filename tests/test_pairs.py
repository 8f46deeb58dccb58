"""The fast path against its slow oracle: cells grouped from a listed corpus give every measure of the listed one."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

from simlab.corpora import Corpus, Listed, Truth, group, list_facts, sample, sample_listed, singleton_rate
from simlab.errors import BadInput
from simlab.measures import Measures, missing_mass, missing_squares, observe
from simlab.models import LEARNERS, Fit, learn
from simlab.occupancy import binomials
from simlab.pairs import ERROR, NONSENSE, VALID, Pairs, tabulate
from simlab.seeds import Streams
from simlab.worlds import World, factoids, two_level, uniform, zipf

OPTIONS = {"softmax_table": {"steps": 40, "weight_decay": 0.01}, "abstain": {"abstention": 0.4}}


def three_classes(answer_rate: Any, *, idk: bool = True) -> World:
    facts = np.array([2, 15, 60])
    popularity = np.array([0.35, 0.35, 0.3]) / facts
    return World("three classes", facts, popularity, np.array([3, 7, 21]), np.broadcast_to(answer_rate, 3), idk=idk)


WORLDS = {
    "IDK drawn": three_classes([0.9, 0.5, 0.7]),
    "IDK possible": three_classes(1.0),
    "no IDK": three_classes(1.0, idk=False),
    "a class never answered": three_classes([0.8, 0.0, 1.0]),
    "factoids": factoids(two_level(10, 50, 0.4), 300),
    "few false strings": factoids(two_level(10, 50, 0.4), 3),
}
CASES = [
    (name, method)
    for name, world in WORLDS.items()
    for method, needs in LEARNERS.items()
    if (needs.prompted if world.prompted else needs.factoids)
    and (world.idk or not needs.needs_idk)
    and not needs.listed
]


def listed_corpus(world: World, draws: int = 120, replicate: int = 0) -> tuple[Truth, Listed]:
    streams = Streams(11, "pairs", replicate)
    truth = list_facts(world, streams.numpy("facts"))
    return truth, sample_listed(truth, draws, streams.numpy("corpus"))


@dataclass(frozen=True)
class Told(Streams):
    """Streams that carry the numbers of lucky guesses which are to be told instead of drawn."""

    lucky: tuple[int, ...] = ()


@pytest.fixture(autouse=True)
def _luck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``tabulate`` take the lucky guesses from its streams, where they carry any."""

    def tell(streams: Any, facts: Any, chance: Any) -> Any:
        if not isinstance(streams, Told):
            return binomials(streams, facts, chance)
        assert len(facts) == len(chance) == len(streams.lucky)
        assert (np.array(streams.lucky) <= facts).all()
        return np.array(streams.lucky)

    monkeypatch.setattr(Told, "numpy", lambda self, _: self)
    monkeypatch.setattr("simlab.pairs.binomials", tell)


def told(truth: Truth, listed: Listed, corpus: Corpus, streams: Streams) -> Told:
    """How many facts of each never-answered cell the listed learner guesses right."""
    guess = learn("guess_one", listed, streams).p_hat[:, :-1].argmax(1)
    counts = listed.counts
    right = (guess == truth.correct) & (counts[:, :-1].sum(1) == 0)
    open_cells = np.flatnonzero(~corpus.answered)
    keys = zip(corpus.fact_class[open_cells], corpus.times_idk[open_cells], strict=True)
    of = {key: int((right & (listed.fact_class == key[0]) & (counts[:, -1] == key[1])).sum()) for key in keys}
    return Told(lucky=tuple(of.values()))


def from_listed(truth: Truth, listed: Listed, method: str, streams: Streams, **options: Any) -> Measures:
    return observe(tabulate(truth, listed, learn(method, listed, streams, **options), streams))


def from_cells(world: World, corpus: Corpus, method: str, streams: Streams, **options: Any) -> Measures:
    return observe(tabulate(world, corpus, learn(method, corpus, Streams(), **options), streams))


def assert_same(a: Measures, b: Measures, tolerance: float) -> None:
    for field in fields(Measures):
        got, expected = getattr(a, field.name), getattr(b, field.name)
        assert got == pytest.approx(expected, rel=tolerance, abs=tolerance), field.name


def capped(corpus: Corpus, cap: int) -> Corpus:
    """The same corpus with counts above ``cap`` on one level, cells that coincide merged."""
    keys = np.stack([corpus.fact_class, *np.minimum([corpus.times_answered, corpus.times_idk], cap)])
    cells, where = np.unique(keys, axis=1, return_inverse=True)
    facts = np.bincount(where.reshape(-1), corpus.facts).astype(np.int64)
    first = [int(np.flatnonzero(corpus.fact_class == c)[0]) for c in cells[0]]
    answers, rate = corpus.answers[first], corpus.answer_rate[first]
    columns = dict(zip(("fact_class", "times_answered", "times_idk"), cells, strict=True))
    return replace(corpus, **columns, facts=facts, answers=answers, answer_rate=rate, count_cap=cap)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_cells_give_every_measure_of_the_listed_corpus(name: str, method: str) -> None:
    world = WORLDS[name]
    options = OPTIONS.get(method, {})
    truth, listed = listed_corpus(world)
    corpus = group(listed)
    streams: Streams = Streams(11, "pairs")
    expected = from_listed(truth, listed, method, streams, **options)
    if method == "guess_one":
        streams = told(truth, listed, corpus, streams)
    found = from_cells(world, corpus, method, streams, **options)
    assert_same(found, expected, 1e-10 if method == "softmax_table" else 1e-12)
    assert 0 < found.error < 1
    assert singleton_rate(corpus) == singleton_rate(listed)
    assert missing_mass(world, corpus) == pytest.approx(missing_mass(world, listed), rel=1e-13)
    assert missing_squares(world, corpus) == pytest.approx(missing_squares(world, listed), rel=1e-13)
    if LEARNERS[method].needs_counts:
        return
    for cap in (2, 3):
        merged = capped(corpus, cap)
        assert len(merged.facts) < len(corpus.facts)
        if isinstance(streams, Told):
            streams = told(truth, listed_below(listed, cap), merged, Streams(11, "pairs"))
        assert_same(from_cells(world, merged, method, streams, **options), expected, 1e-12)
        assert singleton_rate(merged) == singleton_rate(listed)
        assert missing_mass(world, merged) == pytest.approx(missing_mass(world, listed), rel=1e-13)


def listed_below(listed: Listed, cap: int) -> Listed:
    """The listed corpus without the draws of a (prompt, response) beyond its first ``cap``."""
    seen: dict[tuple[int, int], int] = {}
    keep = []
    for key in zip(listed.prompt.tolist(), listed.answer.tolist(), strict=True):
        seen[key] = seen.get(key, 0) + 1
        keep.append(seen[key] <= cap)
    return replace(listed, prompt=listed.prompt[keep], answer=listed.answer[keep])


def test_the_comparison_refuses_a_learner_that_needs_counts_above_the_cap() -> None:
    world = WORLDS["IDK drawn"]
    truth, listed = listed_corpus(world)
    corpus = group(listed)
    merged = replace(capped(corpus, 2), count_cap=None)  # smuggled past the refusal
    expected = from_listed(truth, listed, "add_constant", Streams())
    assert_same(from_cells(world, corpus, "add_constant", Streams()), expected, 1e-12)
    with pytest.raises(AssertionError):
        assert_same(from_cells(world, merged, "add_constant", Streams()), expected, 1e-3)


def test_guesses_of_cells_follow_the_law_of_listed_ones() -> None:
    """Given the corpus, the errors are a sum of independent guesses: mean and variance are exact."""
    facts = np.array([30, 60])  # few answers: lucky guesses are common
    world = World("few answers", facts, np.array([0.3, 0.7]) / facts, np.array([3, 7]), np.array([0.9, 0.6]))
    truth, listed = listed_corpus(world, 60)
    corpus = group(listed)
    stake = world.answered_popularity[corpus.fact_class]
    chance = 1 / corpus.answers
    unseen = ~corpus.answered
    mean = float((corpus.facts * stake * (1 - chance))[unseen].sum())
    variance = float((corpus.facts * stake**2 * chance * (1 - chance))[unseen].sum())
    runs = 400
    cells, listing = np.empty(runs), np.empty(runs)
    correct = Streams(3, "truths").numpy("truth")
    unanswered = listed.counts[:, :-1].sum(1) == 0
    for r in range(runs):
        streams = Streams(12, "guesses", r)
        cells[r] = from_cells(world, corpus, "guess_one", streams).error
        fresh = np.where(unanswered, correct.integers(0, world.answers[truth.fact_class]), truth.correct)
        listing[r] = from_listed(replace(truth, correct=fresh), listed, "guess_one", streams).error
    for errors in (cells, listing):
        assert abs(errors.mean() - mean) <= 4 * np.sqrt(variance / runs)
        assert errors.var() == pytest.approx(variance, rel=0.35)
    assert abs(mean * 1.02 - cells.mean()) > 4 * np.sqrt(variance / runs)  # the test sees two per cent


def test_every_row_belongs_to_its_prompt() -> None:
    world = WORLDS["IDK drawn"]
    corpus = group(listed_corpus(world)[1])
    for method in ("calibrated", "abstain", "add_constant", "guess_one"):
        pairs = tabulate(world, corpus, learn(method, corpus, Streams()), Streams())
        for density in (pairs.p, pairs.p_hat):
            assert (pairs.multiplicity * pairs.mu * density).sum() == pytest.approx(1, abs=1e-12)
        for size in np.unique(pairs.n_errors):
            rows = pairs.n_errors == size
            errors, facts = rows & (pairs.kind == ERROR), world.facts[world.n_errors == size].sum()
            assert pairs.multiplicity[errors].sum() == facts * size
            assert pairs.multiplicity[rows & (pairs.kind == VALID)].sum() == facts * 2
        assert set(pairs.n_valid) == {2}


def test_nonsense_is_one_row_a_prompt() -> None:
    world = uniform(10, answers=4, answer_rate=0.5)
    corpus = Corpus(
        3,
        np.zeros(2, dtype=int),
        np.array([0, 1]),
        np.array([0, 0]),
        np.array([7, 3]),
        np.full(2, 4),
        np.full(2, 0.5),
    )
    fit = Fit(
        "babbling",
        seen=np.array([0.0, 0.5]),
        unseen=np.array([0.1, 0.0]),
        idk=np.array([0.4, 0.25]),
        nonsense=np.array([0.2, 0.25]),
    )
    pairs = tabulate(world, corpus, fit, Streams())
    nonsense = pairs.kind == NONSENSE
    assert pairs.multiplicity[nonsense].tolist() == [7.0, 3.0]
    assert pairs.p_hat[nonsense].tolist() == [0.2, 0.25]
    assert pairs.p[nonsense].tolist() == [0.0, 0.0]
    found = observe(pairs)
    assert found.error == pytest.approx(0.7 * (0.3 + 0.2) + 0.3 * 0.25, abs=1e-15)
    assert found.calibration_gap == pytest.approx(abs(0.7 * (0.4 - 0.5) + 0.3 * (0.5 - 0.5)), abs=1e-15)


def test_a_table_by_hand() -> None:
    world = uniform(4, answers=3, answer_rate=0.5)
    truth = Truth(world, np.zeros(4, dtype=int), np.array([2, 0, 1, 1]))
    listed = Listed(np.array([0, 0, 2]), np.array([2, -1, -1]), truth.fact_class, np.full(4, 3), np.full(4, 0.5))
    pairs = tabulate(truth, listed, learn("calibrated", listed, Streams()), Streams())
    by_prompt = [rows(pairs, slice(4 * c, 4 * c + 4)) for c in range(4)]
    sixth = pytest.approx(1 / 6, rel=1e-15)
    assert by_prompt[0] == [(0, 0, ERROR), (0, 0, ERROR), (0.5, 0.5, VALID), (0.5, 0.5, VALID)]
    assert by_prompt[1] == [(0.5, sixth, VALID), (0, sixth, ERROR), (0, sixth, ERROR), (0.5, 0.5, VALID)]
    assert by_prompt[2] == [(0, sixth, ERROR), (0.5, sixth, VALID), (0, sixth, ERROR), (0.5, 0.5, VALID)]
    assert (pairs.mu == 0.25).all()
    assert (pairs.multiplicity == 1).all()
    assert set(pairs.n_errors) == {2}
    grouped = tabulate(world, group(listed), learn("calibrated", group(listed), Streams()), Streams())
    assert_same(observe(grouped), observe(pairs), 1e-15)


def rows(pairs: Pairs, which: slice) -> list[tuple[float, float, int]]:
    return list(zip(pairs.p[which].tolist(), pairs.p_hat[which].tolist(), pairs.kind[which].tolist(), strict=True))


def test_corpus_world_and_fit_must_belong_together() -> None:
    world = WORLDS["IDK drawn"]
    truth, listed = listed_corpus(world)
    corpus = group(listed)
    fit, table = learn("calibrated", corpus, Streams()), learn("calibrated", listed, Streams())
    needs_truth = "a listed corpus needs the Truth it was drawn from and a fit to the listed corpus"
    needs_world = "a corpus of cells needs the World it was drawn from and a fit to its cells"
    other = "the corpus was not drawn from this world: it has classes that the world lacks"
    for what, sentence in [
        ((world, listed, table), needs_truth),
        ((truth, listed, fit), needs_truth),
        ((truth, corpus, fit), needs_world),
        ((world, corpus, table), needs_world),
        ((uniform(5), corpus, fit), other),
    ]:
        with pytest.raises(BadInput) as caught:
            tabulate(*what, Streams())
        assert str(caught.value) == sentence


def test_cells_cost_nothing_of_the_number_of_facts() -> None:
    world = zipf(10**12, answers=1000, answer_rate=0.8)
    corpus = sample(world, 10**12, Streams(5, "large").numpy("corpus"), count_cap=32)
    found = from_cells(world, corpus, "calibrated", Streams())
    assert found.error == pytest.approx(missing_mass(world, corpus) * 0.999, rel=1e-9)
    assert found.calibration_gap <= 1e-12
