"""Worlds: every law against its listed oracle, exact means against plain sums, controlled rates, and bad input."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simlab import bounds
from simlab.errors import BadInput
from simlab.tables import FactTable
from simlab.worlds import (
    World,
    check_draws,
    expected_missing_mass,
    expected_singleton_rate,
    factoids,
    from_counts,
    from_facts,
    from_table,
    geometric,
    pareto,
    two_level,
    uniform,
    with_singleton_rate,
    zipf,
)

# ---- Laws against their listed oracles


def worst_class(world: World, listed: np.ndarray) -> float:
    """Largest relative error of a class's total popularity against the sum over its ranks."""
    assert world.n_facts == len(listed)
    edges = np.concatenate([[0], np.cumsum(world.facts)])
    exact = [math.fsum(listed[low:high]) for low, high in itertools.pairwise(edges)]
    total = math.fsum(exact)
    mass = world.facts * world.popularity
    pairs = [(m, x / total) for m, x in zip(mass.tolist(), exact, strict=True)]
    assert all(m <= 1e-240 for m, x in pairs if x < 1e-250)  # what underflows in the oracle has no digits
    return max(abs(m / x - 1) for m, x in pairs if x >= 1e-250)


RANKED: dict[str, tuple[Callable[[int, float], World], Callable[[np.ndarray, float], np.ndarray]]] = {
    "zipf": (zipf, lambda i, s: i**-s),
    "pareto": (pareto, lambda i, shape: (i - 0.5) ** (-1 / shape)),
    "geometric": (geometric, lambda i, ratio: np.exp(i * math.log(ratio))),
}


@pytest.mark.parametrize("n_facts", [1, 2, 255, 256, 257, 300, 5000, 200_000])
@pytest.mark.parametrize(
    ("law", "parameter"),
    [
        *(("zipf", s) for s in (0.0, 0.5, 1.0, 1 + 1e-9, 1.5, 5.0)),
        *(("pareto", shape) for shape in (0.3, 1.0, 2.5, 1000.0)),
        *(("geometric", ratio) for ratio in (0.5, 0.99, 0.9999, 1 - 1e-9)),
    ],
)
def test_rank_classes_hold_the_sums_of_their_ranks(law: str, parameter: float, n_facts: int) -> None:
    make, weight = RANKED[law]
    world = make(n_facts, parameter)
    assert worst_class(world, weight(np.arange(1.0, n_facts + 1), parameter)) < 1e-12
    assert (np.diff(world.popularity) <= world.popularity[:-1] * 1e-12).all()
    assert (world.facts[:256] == 1).all()


def test_the_oracle_tells_a_wrong_law() -> None:
    ranks = np.arange(1.0, 5001)
    assert worst_class(zipf(5000), ranks**-1.0001) > 1e-4
    assert worst_class(zipf(5000), (ranks - 0.5) ** -1.0) > 1e-2
    assert worst_class(geometric(5000, 0.999), 0.9991**ranks) > 1e-4


def test_laws_that_are_classes_already() -> None:
    world = uniform(12)
    assert (world.facts.tolist(), world.popularity.tolist()) == ([12], [1 / 12])
    world = two_level(4, 60, 0.25)
    assert (world.facts.tolist(), world.popularity.tolist()) == ([4, 60], [0.75 / 4, 0.25 / 60])
    assert two_level(4, 60, 0.0).popularity.tolist() == [0.25, 0.0]
    assert two_level(4, 60, 1.0).popularity.tolist() == [0.0, 1 / 60]


HUGE = [
    zipf(10**12),
    zipf(10**18 + 1, 0.0),
    zipf(10**18, 1.2),
    pareto(10**18, 0.7),
    geometric(10**18, 0.5),
    geometric(10**18, 1 - 1e-15),
    uniform(9 * 10**18),
    two_level(10**6, 10**18, 0.5),
]


@pytest.mark.parametrize("world", HUGE, ids=lambda world: world.name)
def test_popularity_sums_to_one_and_no_fact_is_lost(world: World) -> None:
    assert math.fsum(world.facts * world.popularity) == pytest.approx(1.0, abs=1e-12)
    assert len(world.facts) <= 1280
    assert (world.facts >= 1).all()


def test_facts_are_counted_exactly() -> None:
    for n in (10**18 + 1, 8 * 10**18 - 1, 2**53 + 1):
        assert zipf(n).n_facts == uniform(n).n_facts == geometric(n, 0.9).n_facts == n


def test_the_most_facts_there_may_be() -> None:
    assert zipf(9 * 10**18).n_facts == 9 * 10**18


def test_every_law_shares_its_answers() -> None:
    for world in (zipf(300), pareto(300), geometric(300, 0.9), uniform(3), two_level(2, 3, 0.5), from_counts([1, 2])):
        assert (world.answers == 365).all()
        assert (world.answer_rate == 1).all()
        assert (world.n_errors == 364).all()
        assert world.idk
        assert world.prompted
        assert world.n_valid == 2
    world = zipf(300, 1.0, answers=7, answer_rate=0.25)
    assert (world.n_errors == 6).all()
    assert world.answered_popularity == pytest.approx(world.popularity / 4)
    assert uniform(3, idk=False).n_valid == 1


def test_factoids_are_one_prompt() -> None:
    world = factoids([0.5, 0.125, 0.25, 0.125, 0.0], 40)
    assert world.popularity.tolist() == [0.0, 0.125, 0.25, 0.5]
    assert world.facts.tolist() == [1, 2, 1, 1]
    assert (world.n_valid, world.prompted, world.idk) == (5, False, False)
    assert (world.n_errors == 40).all()
    world = factoids(zipf(1000, answers=9, answer_rate=0.5), 10**12)
    assert (world.answered_popularity == zipf(1000).popularity).all()
    assert world.n_valid == 1000
    assert (world.n_errors == 10**12).all()


def test_counts_become_frequencies() -> None:
    world = from_counts([4, 1, 1, 2, 1, 1])
    assert world.facts.tolist() == [4, 1, 1]
    assert world.popularity.tolist() == [0.1, 0.2, 0.4]
    assert from_counts([1, 1, 1, 1, 2, 4]).popularity.tolist() == [0.1, 0.2, 0.4]
    assert from_counts([3 * 10**18, 10**18]).popularity.tolist() == [0.25, 0.75]
    assert (from_counts(np.array([3, 4]), answers=5).answers == 5).all()


def facts_of(**changes: Any) -> FactTable:
    """A table of 10 draws of 5 prompts, one of them with two valid answers."""
    table = {
        "path": ("facts.csv",),
        "rows": 10,
        "missing": 0,
        "draws": 10,
        "prompts": 5,
        "facts": 6,
        "distinct_answers": 4,
        "conflicts": 1,
        "answers_per_prompt": 1.2,
        "singleton_rate": 0.3,
        "singleton_rate_raw": 0.3,
        "pair_singleton_rate": 0.3,
        "answered": np.array([1, 1, 3]),
        "idk": np.array([0, 1, 1]),
        "valid": np.array([1, 1, 2]),
        "multiplicity": np.array([2, 2, 1]),
    }
    return FactTable(**(table | changes))


def test_facts_of_a_table() -> None:
    world = from_facts(facts_of())
    assert world.facts.tolist() == [2, 2, 1]
    assert world.popularity.tolist() == [0.1, 0.2, 0.4]
    assert world.answers.tolist() == [4, 4, 3]
    assert world.answer_rate.tolist() == [1.0, 0.5, 0.75]
    assert from_facts(facts_of(), 20).answers.tolist() == [20, 20, 19]


def test_a_world_from_a_file(tmp_path: Any) -> None:
    path = tmp_path / "facts.csv"
    path.write_text("city,country\nOslo,Norway\nOslo,Norway\nLima,Peru\nBern,Switzerland\n")
    world = from_table(path, "city", "country")
    assert world.facts.tolist() == [2, 1]
    assert world.popularity.tolist() == [0.25, 0.5]
    assert world.answers.tolist() == [3, 3]


def test_a_world_keeps_its_own_arrays() -> None:
    facts, popularity = np.array([2, 2]), np.array([0.25, 0.25])
    world = World("mine", facts, popularity, np.array([3]), np.array([1.0]))
    facts[0], popularity[0] = 9, 9.0
    assert world.facts.tolist() == [2, 2]
    assert world.popularity.tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match="read-only"):
        world.popularity[0] = 0.5


# ---- Exact means against a listed oracle


@pytest.mark.parametrize("draws", [1, 2, 17, 1000, 10**6])
@pytest.mark.parametrize(
    "world",
    [
        uniform(1),
        uniform(50, answer_rate=0.3),
        zipf(3000),
        pareto(700, 0.8, answer_rate=0.9),
        geometric(40, 0.5),
        two_level(3, 500, 0.4),
        two_level(3, 500, 0.0),
        from_counts([1, 1, 5, 90]),
        factoids([0.5, 0.25, 0.25], 3),
    ],
    ids=lambda world: world.name,
)
def test_exact_means_against_listed_facts(world: World, draws: int) -> None:
    listed = np.repeat(world.popularity * world.answer_rate, world.facts).tolist()
    once = math.fsum(p * (1 - p) ** (draws - 1) for p in listed)
    never = math.fsum(p * (1 - p) ** draws for p in listed)
    assert expected_singleton_rate(world, draws) == pytest.approx(once, rel=1e-9, abs=1e-300)
    assert expected_missing_mass(world, draws) == pytest.approx(never, rel=1e-9, abs=1e-300)


def test_means_do_not_depend_on_the_order_or_the_splitting_of_classes() -> None:
    world = zipf(10**9, answer_rate=0.8)
    order = np.random.default_rng(0).permutation(len(world.facts))
    mixed = World("mixed", world.facts[order], world.popularity[order], world.answers[order], world.answer_rate[order])
    split = World("split", np.array([10, 20, 70]), np.array([0.01]), np.array([9]), np.array([0.5]))
    assert expected_singleton_rate(mixed, 10**6) == pytest.approx(expected_singleton_rate(world, 10**6), rel=1e-13)
    whole = uniform(100, answers=9, answer_rate=0.5)
    assert expected_missing_mass(split, 100) == pytest.approx(expected_missing_mass(whole, 100), rel=1e-13)


# ---- Controlled singleton rates

FIXED: dict[str, dict[str, int]] = {
    "zipf": {"n_facts": 10**15},
    "pareto": {"n_facts": 10**15},
    "geometric": {"n_facts": 10**15},
    "two_level": {"n_common": 10, "n_rare": 10**15},
    "uniform": {"n_facts": 10**15},
}


def check_rate(world: World, target: float, draws: int, family: str) -> None:
    reached = bounds.expected_singleton_rate(world.popularity * world.answer_rate, world.facts, draws)
    assert abs(reached - target) <= 1e-9
    assert world.n_facts == sum(FIXED[family].values())
    assert world.name.startswith(family)


@pytest.mark.parametrize("draws", [100, 10**6, 10**9, 10**12])
@pytest.mark.parametrize("target", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("family", FIXED)
def test_every_family_hits_its_target(family: str, target: float, draws: int) -> None:
    world = with_singleton_rate(target, draws, family, **FIXED[family])
    check_rate(world, target, draws, family)
    assert family == "uniform" or (world.answer_rate == 1).all()


@pytest.mark.parametrize("draws", [100, 10**6, 10**12])
@pytest.mark.parametrize(
    ("family", "shape"),
    [("zipf", {"exponent": 0.3}), ("pareto", {"shape": 4.0}), ("two_level", {"rare_share": 0.7}), ("uniform", {})],
)
def test_the_answer_rate_hits_the_target(family: str, shape: dict[str, float], draws: int) -> None:
    world = with_singleton_rate(0.1, draws, family, parameter="answer_rate", **FIXED[family], **shape)
    check_rate(world, 0.1, draws, family)
    assert 0 < world.answer_rate[0] < 1


def test_other_settings_are_kept_and_draws_may_be_written_as_a_float() -> None:
    world = with_singleton_rate(0.3, 1e4, "zipf", n_facts=10**6, answers=7, answer_rate=0.75, idk=True)
    assert (world.answers == 7).all()
    assert (world.answer_rate == 0.75).all()
    assert abs(expected_singleton_rate(world, 10**4) - 0.3) <= 1e-9


@pytest.mark.parametrize("share", [0.9, 0.995, 0.9999])
def test_targets_just_below_the_highest_rate_are_reached(share: float) -> None:
    """E[sr] of a uniform world rises and falls with the answer rate; at rate m / N it is highest."""
    n_facts, draws = 12_345, 10**6
    highest = expected_singleton_rate(uniform(n_facts, answer_rate=n_facts / draws), draws)
    world = with_singleton_rate(share * highest, draws, "uniform", n_facts=n_facts)
    assert abs(expected_singleton_rate(world, draws) - share * highest) <= 1e-9
    assert world.answer_rate[0] <= n_facts / draws * 1.02  # the first of the two solutions


# ---- Bad input: the whole sentence


def world_of(
    facts: Any = (2,), popularity: Any = (0.5,), answers: Any = (9,), rate: Any = (1.0,), **more: Any
) -> World:
    return World("mine", facts, popularity, answers, rate, **more)


MOST = "9e+18"
# the best of a fine grid of shares: the common fact, too, is a singleton now and then
PEAK = max(expected_singleton_rate(two_level(1, 1000, 1 - step / 1e5), 100) for step in range(2000))

MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "sum": (
        lambda: world_of(popularity=(0.4,)),
        "popularity sums to 0.8 over all facts: must sum to one; divide it by its sum",
    ),
    "sum of factoids": (
        lambda: factoids([0.5, 0.6], 3),
        "popularity sums to 1.1 over all facts: must sum to one; divide it by its sum",
    ),
    "negative": (lambda: world_of(popularity=(-0.5,)), "popularity = -0.5: must be finite and not negative"),
    "nan": (lambda: world_of(popularity=(math.nan,)), "popularity = nan: must be finite and not negative"),
    "infinite": (lambda: world_of(popularity=(math.inf,)), "popularity = inf: must be finite and not negative"),
    "no popularity": (lambda: world_of(popularity=()), "popularity is empty: give at least one value"),
    "lengths": (
        lambda: world_of((1, 1), (0.2, 0.3, 0.5)),
        "popularity has 3 values for 2 classes: give one, or one a class",
    ),
    "no facts": (lambda: world_of((0,)), f"facts = 0: must be a whole number from 1 to {MOST}"),
    "half a fact": (lambda: world_of((2.5,)), f"facts = 2.5: must be a whole number from 1 to {MOST}"),
    "too many facts": (
        lambda: world_of((8 * 10**18, 8 * 10**18), (1 / 16e18,)),
        "facts = 1.6e+19: must be at most 9e+18 in all",
    ),
    "one answer": (lambda: uniform(3, answers=1), f"answers = 1: must be a whole number from 2 to {MOST}"),
    "half an answer": (lambda: uniform(3, answers=2.5), f"answers = 2.5: must be a whole number from 2 to {MOST}"),
    "answer rate above 1": (lambda: zipf(3, answer_rate=1.5), "answer_rate = 1.5: must lie between 0 and 1"),
    "answer rate below 0": (lambda: zipf(3, answer_rate=-0.1), "answer_rate = -0.1: must be finite and not negative"),
    "answer rate without IDK": (
        lambda: uniform(3, answer_rate=0.5, idk=False),
        "answer_rate = 0.5: must be 1 in a world without IDK; set idk=True",
    ),
    "false strings": (lambda: factoids([1.0], 0), f"n_false = 0: must be a whole number from 1 to {MOST}"),
    "false strings and IDK": (
        lambda: world_of(n_false=3),
        "n_false = 3: a world without prompts has no IDK; set idk=False",
    ),
    "counts": (lambda: from_counts([3, 0]), f"counts = 0: must be a whole number from 1 to {MOST}"),
    "fractional counts": (lambda: from_counts([1.5]), f"counts = 1.5: must be a whole number from 1 to {MOST}"),
    "counts beyond 64 bits": (
        lambda: from_counts([10**19]),
        f"counts = 1e+19: must be a whole number from 1 to {MOST}",
    ),
    "negative counts": (lambda: from_counts([2, -1]), "counts = -1: must be a whole number from 1 to 9e+18"),
    "words for counts": (lambda: from_counts(["two"]), "counts = ['two']: must be numbers"),
    "no counts": (lambda: from_counts([]), "counts is empty: give at least one value"),
    "n_facts": (lambda: zipf(0), f"n_facts = 0: must be a whole number from 1 to {MOST}"),
    "n_facts of uniform": (lambda: uniform(1.5), f"n_facts = 1.5: must be a whole number from 1 to {MOST}"),
    "n_facts beyond 64 bits": (lambda: pareto(1e19), f"n_facts = 1e+19: must be a whole number from 1 to {MOST}"),
    "n_rare": (lambda: two_level(1, -1, 0.5), "n_rare = -1: must be a whole number from 1 to 9e+18"),
    "n_facts -1": (lambda: zipf(-1), "n_facts = -1: must be a whole number from 1 to 9e+18"),
    "n_facts 0": (lambda: zipf(0), "n_facts = 0: must be a whole number from 1 to 9e+18"),
    "n_facts infinite": (lambda: zipf(math.inf), "n_facts = inf: must be a whole number from 1 to 9e+18"),
    "n_facts nan": (lambda: zipf(math.nan), "n_facts = nan: must be a whole number from 1 to 9e+18"),
    "n_facts above 9e18": (lambda: zipf(10**19), "n_facts = 1e+19: must be a whole number from 1 to 9e+18"),
    "answers as text": (lambda: zipf(20, answers="6"), "answers = '6': must be numbers"),
    "answer rate as text": (lambda: zipf(20, answer_rate="half"), "answer_rate = 'half': must be numbers"),
    "exponent": (lambda: zipf(9, -1.0), "exponent = -1: must be finite and not negative"),
    "exponent nan": (lambda: zipf(9, math.nan), "exponent = nan: must be finite and not negative"),
    "shape": (lambda: pareto(9, 0.0), "shape = 0: must be positive"),
    "ratio 0": (lambda: geometric(9, 0.0), "ratio = 0: must lie strictly between 0 and 1"),
    "ratio 1": (lambda: geometric(9, 1.0), "ratio = 1: must lie strictly between 0 and 1"),
    "ratio as text": (lambda: geometric(9, "a"), "ratio = 'a': must be numbers"),
    "neither ratio nor decay": (
        lambda: geometric(9),
        "ratio = None and decay = None: give one of the two (decay = 1 - ratio)",
    ),
    "two exponents": (lambda: zipf(9, [1, 2]), "exponent has 2 values: give one"),
    "too steep": (
        lambda: pareto(100, 1e-6),
        "pareto(n_facts=100, shape=1e-06) is too steep for floating-point numbers: its popularities overflow; "
        "take a flatter law",
    ),
    "misspelt setting": (lambda: zipf(9, answrs=3), "setting 'answrs' is unknown: did you mean 'answers'?"),
    "no facts to solve for": (
        lambda: with_singleton_rate(0.2, 100),
        "setting 'n_facts' is missing: zipf needs it",
    ),
    "solved for and given": (
        lambda: with_singleton_rate(0.2, 100, n_facts=9, exponent=1),
        "exponent = 1 is given and solved for: leave it out, or name another parameter",
    ),
    "ratio nan": (lambda: geometric(9, math.nan), "ratio = nan: must be finite and not negative"),
    "rare share": (lambda: two_level(1, 1, 1.5), "rare_share = 1.5: must lie between 0 and 1"),
    "no draws": (lambda: check_draws(0), f"draws = 0: must be a whole number from 1 to {MOST}"),
    "negative draws": (lambda: check_draws(-3), f"draws = -3: must be a whole number from 1 to {MOST}"),
    "fractional draws": (
        lambda: expected_singleton_rate(uniform(3), 1.5),
        f"draws = 1.5: must be a whole number from 1 to {MOST}",
    ),
    "draws nan": (lambda: check_draws(math.nan), f"draws = nan: must be a whole number from 1 to {MOST}"),
    "draws infinite": (lambda: check_draws(math.inf), f"draws = inf: must be a whole number from 1 to {MOST}"),
    "draws beyond 64 bits": (
        lambda: expected_missing_mass(uniform(3), 10**19),
        f"draws = 1e+19: must be a whole number from 1 to {MOST}",
    ),
    "target 0": (
        lambda: with_singleton_rate(0, 100, "zipf", n_facts=9),
        "singleton_rate = 0: a target must lie strictly between 0 and 1; "
        "at either end every parameter is a limit, so give a value inside",
    ),
    "target 1": (
        lambda: with_singleton_rate(1.0, 100, "uniform", n_facts=9),
        "singleton_rate = 1: a target must lie strictly between 0 and 1; "
        "at either end every parameter is a limit, so give a value inside",
    ),
    "target nan": (
        lambda: with_singleton_rate(math.nan, 100, "zipf", n_facts=9),
        "singleton_rate = nan: must be finite and not negative",
    ),
    "target and draws": (
        lambda: with_singleton_rate(0.5, 1.5, "zipf", n_facts=9),
        f"draws = 1.5: must be a whole number from 1 to {MOST}",
    ),
    "misspelt family": (
        lambda: with_singleton_rate(0.5, 100, "zpif", n_facts=9),
        "family 'zpif' is unknown: did you mean 'zipf'?",
    ),
    "unknown family": (
        lambda: with_singleton_rate(0.5, 100, "Q", n_facts=9),
        "family 'Q' is unknown: choose from geometric, pareto, two_level, uniform, zipf",
    ),
    "unknown parameter": (
        lambda: with_singleton_rate(0.5, 100, "pareto", parameter="shap", n_facts=9),
        "parameter 'shap' is unknown: did you mean 'shape'?",
    ),
    "a law's own rule": (
        lambda: with_singleton_rate(0.5, 100, "zipf", n_facts=0),
        f"n_facts = 0: must be a whole number from 1 to {MOST}",
    ),
    "target out of reach": (
        lambda: with_singleton_rate(0.95, 100, "two_level", n_common=1, n_rare=1000),
        "singleton_rate = 0.95 cannot be reached by two_level at draws = 100: rare_share from 0 to 1 "
        f"gives 0 to {PEAK:.4g}; change the target, the number of facts or the draws",
    ),
    "table with one answer": (
        lambda: from_facts(facts_of(distinct_answers=2)),
        "answers = 2: each prompt needs at least one wrong answer to be mistaken for; "
        "say how many answers are plausible with --n-answers N",
    ),
    "n_answers too small": (
        lambda: from_facts(facts_of(), 1),
        "answers = 1: each prompt needs at least one wrong answer to be mistaken for; "
        "say how many answers are plausible with --n-answers N",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_by_its_sentence(name: str) -> None:
    mistake, sentence = MISTAKES[name]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        mistake()
