"""A fact written and read back is the same fact; templates are drawn uniformly and those held out never."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from simlab.corpora import Listed, list_facts, sample_listed
from simlab.errors import BadInput
from simlab.rendering.biographies import (
    Register,
    Written,
    ask,
    distinct,
    population,
    register_of,
    respond,
    sentences,
    spell,
    written,
)
from simlab.rendering.names import ending_of, number_of
from simlab.rendering.templates import ENDINGS, MOST_TEMPLATES, OPENINGS, PUBLISHED, Attribute
from simlab.rendering.tokens import END
from simlab.seeds import Streams
from simlab.worlds import two_level, uniform, zipf

STREAMS = Streams(41, "biographies")
SMALL = (Attribute("birth place", (5,)), Attribute("birth date", (3, 2, 4)), Attribute("major", (4,)))


def register(**options: int) -> Register:
    return Register(7, SMALL, **({"templates": 6, "held_out": 2} | options))


def corpus(register: Register, draws: int = 400) -> Listed:
    truth = list_facts(population(zipf(register.individuals), register.attributes), STREAMS.numpy("truth"))
    return sample_listed(truth, draws, STREAMS.numpy("corpus"))


def every_fact(register: Register, template: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every (fact, response), IDK among them, in one template."""
    fact = np.repeat(np.arange(register.facts), register.answers + 1)
    response = np.concatenate([[*range(n), -1] for n in register.answers])
    return fact, response, np.full(len(fact), template)


def read_back(register: Register, text: str) -> tuple[int, int]:
    """What a sentence states, found from its words alone by a parser that shares no code with the writer."""
    attribute, tail = next(
        (a, match)
        for a, one in enumerate(register.attributes)
        for ending in sorted(ENDINGS[one.name], key=len, reverse=True)
        if (match := re.search(rf"(\S+) (\S+) {ending} (.+)$", text))
    )
    words, sizes = list(register.words), register.name_parts
    first, second = (words.index(tail[i]) for i in (1, 2))
    base = words.index(next(word for word in words if word[0].isupper()))
    individual = (first - base) * sizes[1] + second - base - sizes[0]
    fact = attribute * register.individuals + individual
    if tail[3] == "unknown":
        return fact, -1
    parts, response = register.attributes[attribute].parts, 0
    for part, start, word in zip(parts, register.layout.value_start[attribute], tail[3].split(), strict=True):
        response = response * part + words.index(word) - start
    return fact, response


@pytest.mark.parametrize("template", range(8))
def test_a_fact_written_and_read_back_is_the_same_fact(template: int) -> None:
    here = register()
    fact, response, which = every_fact(here, template)
    tokens, scored = sentences(here, fact, response, which)
    found = [read_back(here, spell(here, row)) for row in tokens]
    assert found == list(zip(fact.tolist(), response.tolist(), strict=True))
    assert len({tuple(row) for row in tokens.tolist()}) == len(tokens)
    assert scored.any(1).all()


@pytest.mark.parametrize("template", [0, 5, 7])
def test_a_sentence_is_its_prompt_then_its_response(template: int) -> None:
    here = register()
    fact, response, which = every_fact(here, template)
    tokens, scored = sentences(here, fact, response, which)
    prompts, size = ask(here, fact, which)
    values, length = respond(here, here.attribute[fact], response)
    for row, mask, prompt, n, value, m in zip(tokens, scored, prompts, size, values, length, strict=True):
        assert row[:n].tolist() == prompt[:n].tolist()
        assert row[mask].tolist() == value[:m].tolist()
        assert np.flatnonzero(mask).tolist() == [*range(n, n + m)]
        assert (row[n + m - 1 :] == END).all()
        assert END not in row[: n + m - 1]
    parts = np.array([len(one.parts) for one in SMALL])[here.attribute[fact]]
    np.testing.assert_array_equal(length, np.where(response == -1, 2, parts + 1))


def test_words_are_distinct_and_each_has_one_place() -> None:
    here = Register(64_000, PUBLISHED, templates=20, held_out=5)
    assert len(set(here.words)) == len(here.words)
    assert len(here.words) < 4000  # names are compositions: no word tells an individual
    names = here.name_parts
    prompts, size = ask(here, np.arange(64_000), np.zeros(64_000, dtype=int))
    name = prompts[:, [0, 1]]
    assert len({tuple(row) for row in name.tolist()}) == 64_000
    assert np.bincount(name[:, 0]).max() <= names[1]
    assert (size == size[0]).all()


@pytest.mark.parametrize("attributes", [SMALL, PUBLISHED])
def test_words_and_places_are_counted_without_being_made(attributes: tuple[Attribute, ...]) -> None:
    here = Register(50, attributes, templates=7, held_out=3, name_parts=(4, 3, 5))
    assert here.vocabulary == len(here.words)
    assert here.length == here.layout.places + here.layout.longest
    tokens, _ = sentences(here, np.array([0]), np.array([0]), np.array([0]))
    assert here.length == tokens.shape[1]


def test_more_parts_than_endings_still_have_words_of_their_own() -> None:
    """Words are names of numbers (``name_of``), those of one part of a name or value with an ending of their own."""
    here = Register(9, (Attribute("birth date", (2,) * 14), Attribute("major", (3,))), name_parts=(3, 3))
    assert len(set(here.words)) == len(here.words)
    coined = here.words[here.layout.name_start[0] :]
    kinds = [*np.repeat([0, 1], 3), *np.repeat(np.arange(2, 16), 2), *[16] * 3]
    numbers = [number_of(word, ending_of(kind)) for word, kind in zip(coined, kinds, strict=True)]
    assert numbers == [0, 1, 2] * 2 + [0, 1] * 14 + [0, 1, 2]


def test_templates_are_all_different() -> None:
    here = Register(3, tuple(Attribute(name, (4,)) for name in ENDINGS), templates=MOST_TEMPLATES)
    fact = np.repeat(np.arange(here.facts), MOST_TEMPLATES)
    template = np.tile(np.arange(MOST_TEMPLATES), here.facts)
    prompts, _ = ask(here, fact, template)
    assert len(OPENINGS) * len(ENDINGS["major"]) == MOST_TEMPLATES
    assert len({tuple(row) for row in prompts.tolist()}) == here.facts * MOST_TEMPLATES


def uniform_by(counts: np.ndarray) -> bool:
    """Whether counts could be of a uniform draw: chi-square within six standard deviations of its mean."""
    expected = counts.sum() / len(counts)
    statistic = ((counts - expected) ** 2 / expected).sum()
    return bool(abs(statistic - (len(counts) - 1)) < 6 * np.sqrt(2 * (len(counts) - 1)))


def test_templates_are_drawn_uniformly_and_held_out_ones_never() -> None:
    here = register()
    text = written(corpus(here, 60_000), here, STREAMS.numpy("templates"))
    counts = np.bincount(text.template, minlength=8)
    assert (counts[6:] == 0).all()
    assert uniform_by(counts[:6])
    assert not uniform_by(np.bincount(np.minimum(text.template, 4), minlength=5))  # the last two taken for one
    again = written(text.corpus, here, STREAMS.numpy("templates"))
    np.testing.assert_array_equal(text.template, again.template)
    other = written(text.corpus, here, STREAMS.numpy("other"))
    assert (text.template != other.template).mean() > 0.7


def test_distinct_sentences_carry_their_draws() -> None:
    here = register()
    listed = corpus(here)
    text = written(listed, here, STREAMS.numpy("templates"))
    tokens, scored, weight = distinct(text)
    one_by_one, _ = sentences(here, listed.prompt, listed.answer, text.template)
    assert Counter(map(tuple, one_by_one.tolist())) == Counter(
        dict(zip(map(tuple, tokens.tolist()), weight.astype(int).tolist(), strict=True))
    )
    assert weight.sum() == text.draws == 400
    assert scored.shape == tokens.shape
    shuffled = STREAMS.numpy("order").permutation(400)
    other = Listed(listed.prompt[shuffled], listed.answer[shuffled], *[getattr(listed, n) for n in ARRAYS])
    for before, after in zip(distinct(text), distinct(Written(other, here, text.template[shuffled])), strict=True):
        np.testing.assert_array_equal(before, after)


ARRAYS = ("fact_class", "answers", "answer_rate", "idk")


def test_a_draw_read_many_times_stands_in_every_template() -> None:
    here = register(templates=4)
    listed = corpus(here, 90)
    tokens, _, weight = distinct(Written(listed, here))
    drawn = [distinct(written(listed, here, np.random.default_rng(i))) for i in range(3000)]
    index = {tuple(row): i for i, row in enumerate(tokens.tolist())}
    mean = np.zeros(len(tokens))
    for rows, _, share in drawn:
        np.add.at(mean, [index[tuple(row)] for row in rows.tolist()], share / len(drawn))
    assert weight.sum() == pytest.approx(90)
    deviation = np.sqrt(weight * 0.75 / 3000)  # of a mean of 3000 binomials of 4 weight draws, chance 1/4
    assert (abs(mean - weight) < 5 * deviation).all()
    assert (abs(mean - 1.2 * weight) > 5 * deviation).mean() > 0.8


def test_population_and_register_agree_on_every_fact() -> None:
    law = two_level(3, 4, 0.2)
    world = population(law, SMALL)
    truth = list_facts(world, STREAMS.numpy("truth"))
    here = register_of(truth, SMALL, templates=2)
    assert here.individuals == 7
    np.testing.assert_array_equal(world.answers[truth.fact_class], here.answers)
    mu = world.popularity[truth.fact_class]
    of_individual = np.zeros(7)
    np.add.at(of_individual, here.individual, mu)
    np.testing.assert_allclose(of_individual, np.repeat(law.popularity, law.facts), rtol=1e-12)
    assert (np.bincount(here.attribute) == 7).all()
    assert not world.idk


def test_a_corpus_without_attributes_has_one() -> None:
    truth = list_facts(uniform(30, answers=9), STREAMS.numpy("truth"))
    listed = sample_listed(truth, 50, STREAMS.numpy("corpus"))
    for known in (truth, listed):
        here = register_of(known, templates=3)
        assert (here.individuals, here.attributes[0].values, here.templates) == (30, 9, 3)


REFUSED = {
    "attribute 'shoe size' has no templates: choose from birth place, birth date, residence, university, major, "
    "employer": lambda: Attribute("shoe size", (3,)),
    "parts of major = (1, 1): must be counts of at least 1 whose product is over 1": lambda: Attribute("major", (1, 1)),
    "individuals = 0: must be at least 1": lambda: Register(0, SMALL),
    "attributes is empty: give at least one": lambda: Register(3, ()),
    "templates = 24 and held_out = 2: must be at least 1 and 0, and at most 25 together": lambda: register(
        templates=24
    ),
    "name_parts = (2, 3): make fewer names than the 7 individuals need; give more words": lambda: Register(
        7, SMALL, name_parts=(2, 3)
    ),
    "the corpus has 21 facts of up to 24 answers, the register 24 of up to 24: the register must cover them": (
        lambda: Written(corpus(register()), Register(8, SMALL))
    ),
    "the corpus has 21 facts: must be a multiple of its 2 attributes": lambda: register_of(
        corpus(register()), SMALL[:2]
    ),
    "response = 5: birth place has 5 values, from 0": lambda: respond(register(), np.array([0]), np.array([5])),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_written_is_refused(sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        REFUSED[sentence]()
    assert str(caught.value) == sentence
