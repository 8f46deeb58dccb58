"""What must not matter: names of facts and answers, the order of draws, how a class is cut, how often it is copied.

``unmoved`` compares every measure. It refuses a learner that looks at names, and a doubling that forgets the draws.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from simlab.corpora import Corpus, Listed, Truth, group, list_facts, sample_listed, singleton_rate
from simlab.measures import Measures, missing_mass, missing_squares, observe
from simlab.models import LEARNERS, Fit, TableFit, learn
from simlab.pairs import Pairs, tabulate
from simlab.seeds import Streams
from simlab.worlds import World, factoids, two_level

STREAMS = Streams(29, "symmetries")
OPTIONS: dict[str, dict[str, Any]] = {
    "softmax_table": {"steps": 40, "weight_decay": 0.01},
    "abstain": {"abstention": 0.4},
    "add_constant": {"constant": 0.3},
}
PROMPTED = [method for method, needs in LEARNERS.items() if needs.prompted and not needs.listed]
EQUIVARIANT = [method for method in PROMPTED if method != "guess_one"]  # its picks are drawn fact by fact


def unequal() -> World:
    facts = np.array([2, 15, 60])
    popularity = np.array([0.35, 0.35, 0.3]) / facts
    return World("unequal", facts, popularity, np.array([3, 7, 21]), np.array([0.9, 0.5, 0.7]))


def written(world: World, draws: int = 120) -> tuple[Truth, Listed]:
    truth = list_facts(world, STREAMS.numpy("facts"))
    return truth, sample_listed(truth, draws, STREAMS.numpy("corpus"))


def fitted(method: str, corpus: Corpus | Listed) -> Any:
    return learn(method, corpus, STREAMS, **OPTIONS.get(method, {}))


def all_measures(world: World | Truth, corpus: Any, fit: Fit | TableFit) -> dict[str, float]:
    """Every measure of a learner and of its corpus, by name."""
    seen: Measures = observe(tabulate(world, corpus, fit, STREAMS))
    law = world.world if isinstance(world, Truth) else world
    return {field.name: float(getattr(seen, field.name)) for field in fields(Measures)} | {
        "singleton_rate": singleton_rate(corpus),
        "missing_mass": missing_mass(law, corpus),
        "missing_squares": missing_squares(law, corpus),
    }


def unmoved(before: dict[str, float], after: dict[str, float], tolerance: float = 1e-11) -> bool:
    """Whether no measure moved: the check of this file."""
    return all(math.isclose(before[k], after[k], rel_tol=tolerance, abs_tol=tolerance) for k in before.keys() | after)


def renamed_facts(truth: Truth, listed: Listed) -> tuple[Truth, Listed]:
    """Facts listed in another order, across their classes."""
    order = STREAMS.numpy("order").permutation(len(truth.fact_class))
    name = np.argsort(order)
    kinds = truth.fact_class[order]
    columns = {"answers": listed.answers[order], "answer_rate": listed.answer_rate[order]}
    moved = replace(listed, prompt=name[listed.prompt], fact_class=kinds, **columns)
    return replace(truth, fact_class=kinds, correct=truth.correct[order]), moved


def renamed_answers(truth: Truth, listed: Listed) -> tuple[Truth, Listed]:
    """Each fact's plausible answers under other names; IDK keeps its own."""
    rng = STREAMS.numpy("names")
    names = np.zeros((len(listed.answers), int(listed.answers.max())), dtype=int)
    for c, n in enumerate(listed.answers):
        names[c, :n] = rng.permutation(n)
    answer = np.where(listed.answer < 0, listed.answer, names[listed.prompt, listed.answer])
    return replace(truth, correct=names[np.arange(len(names)), truth.correct]), replace(listed, answer=answer)


def shuffled(truth: Truth, listed: Listed) -> tuple[Truth, Listed]:
    """The draws in another order."""
    order = STREAMS.numpy("shuffle").permutation(listed.draws)
    return truth, replace(listed, prompt=listed.prompt[order], answer=listed.answer[order])


@pytest.mark.parametrize("method", EQUIVARIANT)
@pytest.mark.parametrize("rename", [renamed_facts, renamed_answers])
def test_names_do_not_matter(method: str, rename: Any) -> None:
    truth, listed = written(unequal())
    other, moved = rename(truth, listed)
    assert (moved.prompt != listed.prompt).any() or (moved.answer != listed.answer).any()
    before, after = (all_measures(t, c, fitted(method, c)) for t, c in ((truth, listed), (other, moved)))
    assert before["error"] > 0.01
    assert unmoved(before, after)


def biased(listed: Listed) -> TableFit:
    """A learner that knows names: where nothing was answered it bets on the first answer."""
    fit = fitted("calibrated", listed)
    unanswered = listed.counts[:, :-1].sum(1) == 0
    bet = np.zeros_like(fit.p_hat)
    bet[:, 0], bet[:, -1] = listed.answer_rate, 1 - listed.answer_rate
    return replace(fit, p_hat=np.where(unanswered[:, None], bet, fit.p_hat))


def test_the_check_refuses_a_learner_that_looks_at_names() -> None:
    truth, listed = written(unequal())
    other, moved = renamed_answers(truth, listed)
    assert not unmoved(all_measures(truth, listed, biased(listed)), all_measures(other, moved, biased(moved)), 1e-3)


@pytest.mark.parametrize("method", PROMPTED)
def test_the_order_of_the_draws_does_not_matter(method: str) -> None:
    truth, listed = written(unequal())
    _, moved = shuffled(truth, listed)
    assert (moved.prompt != listed.prompt).any()
    assert unmoved(*(all_measures(truth, c, fitted(method, c)) for c in (listed, moved)))
    ours, theirs = group(listed), group(moved)
    for field in fields(Corpus):
        np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name), strict=True)


@pytest.mark.parametrize("method", ["add_constant", "memorising", "softmax_table"])
def test_names_and_order_do_not_matter_without_prompts(method: str) -> None:
    world = factoids(two_level(5, 40, 0.5), 60)
    truth, listed = written(world, 50)
    before = all_measures(truth, listed, fitted(method, listed))
    assert before["error"] > 1e-3
    assert unmoved(before, all_measures(truth, *with_fit(shuffled(truth, listed)[1], method)))
    swapped = replace(
        listed, prompt=np.where(listed.prompt >= 5, 49 - listed.prompt, listed.prompt)
    )  # facts of one class
    assert unmoved(before, all_measures(truth, *with_fit(swapped, method)))
    across = replace(listed, prompt=np.where(listed.prompt < 45, 44 - listed.prompt, listed.prompt))
    assert not unmoved(before, all_measures(truth, *with_fit(across, method)), 1e-3)  # classes differ


def with_fit(listed: Listed, method: str) -> tuple[Listed, TableFit]:
    return listed, fitted(method, listed)


# classes


def cut_world(world: World) -> World:
    """The last class in two equal ones."""
    half = [*world.facts[:-1], world.facts[-1] // 2, world.facts[-1] // 2]
    again = [0, 1, 2, 2]
    return replace(
        world,
        facts=np.array(half),
        popularity=world.popularity[again],
        answers=world.answers[again],
        answer_rate=world.answer_rate[again],
    )


@pytest.mark.parametrize("method", PROMPTED)
def test_a_class_may_be_cut_in_two(method: str) -> None:
    world = unequal()
    truth, listed = written(world)
    cut = np.where(np.arange(77) >= 47, 3, truth.fact_class)
    pieces, listed_pieces = replace(truth, world=cut_world(world), fact_class=cut), replace(listed, fact_class=cut)
    before = all_measures(truth, listed, fitted(method, listed))
    assert unmoved(before, all_measures(pieces, listed_pieces, fitted(method, listed_pieces)))
    whole, halves = group(listed), group(listed_pieces)
    assert len(halves.facts) > len(whole.facts)
    assert halves.facts.sum() == whole.facts.sum()
    if method != "guess_one":
        one = all_measures(world, whole, fitted(method, whole))
        assert unmoved(one, all_measures(cut_world(world), halves, fitted(method, halves)))


def regrouped(pairs: Pairs, parts: int) -> Pairs:
    """The table with each row in ``parts`` rows of a fraction of its multiplicity, in another order."""
    order = STREAMS.numpy("rows").permutation(parts * len(pairs.p))
    columns = {f.name: np.tile(getattr(pairs, f.name), parts)[order] for f in fields(Pairs)}
    return replace(pairs, **columns | {"multiplicity": columns["multiplicity"] / parts})


@pytest.mark.parametrize("method", PROMPTED)
def test_rows_may_be_cut_and_moved(method: str) -> None:
    corpus = group(written(unequal())[1])
    pairs = tabulate(unequal(), corpus, fitted(method, corpus), STREAMS)
    before, after = observe(pairs), observe(regrouped(pairs, 3))
    for field in fields(Measures):
        assert getattr(after, field.name) == pytest.approx(getattr(before, field.name), rel=1e-12, abs=1e-12)


# doubling


def times(world: World, corpus: Corpus, factor: int) -> tuple[World, Corpus]:
    """``factor`` copies of every fact, each drawn as often as the first."""
    copies = replace(world, facts=world.facts * factor, popularity=world.popularity / factor)
    if world.n_false is not None:
        copies = replace(copies, n_false=world.n_false * factor)
    strings = None if corpus.n_strings is None else corpus.n_strings * factor
    return copies, replace(corpus, facts=corpus.facts * factor, draws=corpus.draws * factor, n_strings=strings)


@pytest.mark.parametrize("method", EQUIVARIANT)
@pytest.mark.parametrize("factor", [2, 10**9])
def test_copies_of_every_fact_change_nothing(method: str, factor: int) -> None:
    world = unequal()
    corpus = group(written(world)[1])
    copies, copied = times(world, corpus, factor)
    before = all_measures(world, corpus, fitted(method, corpus))
    after = all_measures(copies, copied, fitted(method, copied))
    after["missing_squares"] *= factor  # a sum of squares: the copies are smaller
    assert unmoved(before, after)


@pytest.mark.parametrize("method", ["add_constant", "memorising", "softmax_table"])
@pytest.mark.parametrize("factor", [2, 10**9])
def test_copies_of_every_string_change_nothing_but_the_scale(method: str, factor: int) -> None:
    world = factoids(two_level(5, 40, 0.5), 60)
    corpus = group(written(world, 50)[1])
    copies, copied = times(world, corpus, factor)
    before = all_measures(world, corpus, fitted(method, corpus))
    after = all_measures(copies, copied, fitted(method, copied))
    assert after.pop("cross_entropy") == pytest.approx(before.pop("cross_entropy") + math.log(factor), abs=1e-9)
    after["missing_squares"] *= factor
    for name in ("n_valid_max", "n_errors_min"):
        after[name] /= factor
    assert unmoved(before, after, 1e-9)


def test_the_check_refuses_copies_that_were_drawn_less() -> None:
    world = unequal()
    corpus = group(written(world)[1])
    copies, copied = times(world, corpus, 2)
    before = all_measures(world, corpus, fitted("calibrated", corpus))
    wrong = all_measures(copies, replace(copied, draws=corpus.draws), fitted("calibrated", copied))
    wrong["missing_squares"] *= 2
    assert not unmoved(before, wrong, 1e-3)  # the singleton rate doubles
