"""Facts as sentences about individuals: templates, multi-token values, token arrays with the value scored.

The text of Zucchet et al. 2025 (arXiv 2503.21676) and of Allen-Zhu & Li 2024 (arXiv 2404.05405) in the terms of the
theory. A fact is an (individual, attribute); its prompt is a sentence that stops before the value, its response the
tokens of a value and the end. Tokens are words: those of the templates, those that names are made of, and those of the
values. Names are compositions of few words, so that no single embedding can hold what is true of one individual.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.corpora import IDK, MOST_ENTRIES, Listed, Truth
from simlab.errors import BadInput
from simlab.records import brief
from simlab.rendering.names import ending_of, name_of
from simlab.rendering.templates import MOST_TEMPLATES, Attribute, phrases, plain_words
from simlab.rendering.tokens import END
from simlab.worlds import World

UNKNOWN = 1
"""The token of the response "unknown", IDK; END, which is 0, is also the padding behind the end."""


@dataclass(frozen=True, eq=False)
class Register:
    """Who is written about, and in which words.

    Fact f is attribute f // individuals of individual f % individuals. Individual i has the name whose words, of
    ``name_parts`` choices each, spell i in mixed radix. The first ``templates`` of an attribute's templates are
    written, the ``held_out`` ones after them are not. Raises ``BadInput`` where names or templates do not suffice.
    """

    individuals: int
    attributes: tuple[Attribute, ...]
    templates: int = 1
    held_out: int = 0
    name_parts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.individuals < 1:
            raise BadInput(f"individuals = {self.individuals}: must be at least 1")
        if not self.attributes:
            raise BadInput("attributes is empty: give at least one")
        if self.templates < 1 or self.held_out < 0 or self.templates + self.held_out > MOST_TEMPLATES:
            raise BadInput(
                f"templates = {self.templates} and held_out = {self.held_out}: must be at least 1 and 0, and at most "
                f"{MOST_TEMPLATES} together"
            )
        if not self.name_parts:
            side = round(self.individuals**0.5)
            side += side**2 < self.individuals
            object.__setattr__(self, "name_parts", (side, side))
        if np.prod(self.name_parts, dtype=float) < self.individuals:
            raise BadInput(
                f"name_parts = {self.name_parts}: make fewer names than the {self.individuals} individuals need; "
                "give more words"
            )

    @property
    def facts(self) -> int:
        """The number of (individual, attribute) pairs."""
        return self.individuals * len(self.attributes)

    @property
    def individual(self) -> Int[np.ndarray, " facts"]:
        """Whom each fact is about."""
        return np.tile(np.arange(self.individuals), len(self.attributes))

    @property
    def attribute(self) -> Int[np.ndarray, " facts"]:
        """Which attribute each fact states."""
        return np.repeat(np.arange(len(self.attributes)), self.individuals)

    @property
    def answers(self) -> Int[np.ndarray, " facts"]:
        """|R_c| of each fact."""
        return np.repeat([one.values for one in self.attributes], self.individuals)

    @property
    def vocabulary(self) -> int:
        """How many words there are, counted without making them."""
        plain = plain_words(phrases(self.attributes, self.templates + self.held_out))
        return 2 + len(plain) + sum(self.name_parts) + sum(n for one in self.attributes for n in one.parts)

    @property
    def length(self) -> int:
        """The tokens of the longest sentence, its end included."""
        said = phrases(self.attributes, self.templates + self.held_out)
        prompt = max(len(head) + len(tail) for several in said for head, tail in several)
        return prompt + len(self.name_parts) + max(len(one.parts) for one in self.attributes) + 1

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The vocabulary: the word of each token id."""
        return _vocabulary(self)[0]

    @cached_property
    def layout(self) -> Layout:
        """Where the tokens stand: everything that rendering looks up."""
        return _vocabulary(self)[1]


@brief
@dataclass(frozen=True, eq=False)
class Layout:
    """Prompts as patterns, and responses as trees of tokens.

    ``pattern`` has the tokens of each template's prompt, -1 - k where part k of the name stands; ``size`` its length.
    ``name_start[k]`` is the first token id of the words of part k of a name, ``value_start[a][i]`` that of the words
    at place i of attribute a. ``longest`` is the number of tokens of the longest response, the end included.
    """

    pattern: Int[np.ndarray, "attributes templates places"]
    size: Int[np.ndarray, "attributes templates"]
    name_start: Int[np.ndarray, " parts"]
    value_start: tuple[tuple[int, ...], ...]
    longest: int

    @property
    def places(self) -> int:
        """The length of the longest prompt, in tokens."""
        return int(self.pattern.shape[2])


@brief
@dataclass(frozen=True, eq=False)
class Written:
    """A listed corpus as text: draw i is written in template ``template[i]`` of its fact's attribute.

    Without ``template`` every draw is written anew, in a template drawn uniformly, each time it is read: it then
    stands for one sentence in each template, of weight 1 / templates.
    """

    corpus: Listed
    register: Register
    template: Int[np.ndarray, " draws"] | None = None

    def __post_init__(self) -> None:
        if len(self.corpus.answers) != self.register.facts or (self.corpus.answers > self.register.answers).any():
            raise BadInput(
                f"the corpus has {len(self.corpus.answers)} facts of up to {self.corpus.answers.max()} answers, the "
                f"register {self.register.facts} of up to {self.register.answers.max()}: the register must cover them"
            )

    @property
    def draws(self) -> int:
        """N, the number of draws."""
        return self.corpus.draws


def population(law: World, attributes: tuple[Attribute, ...], *, idk: bool = False) -> World:
    """Return the world of the facts of individuals whose popularity has the ``law``, in the order of a ``Register``.

    mu(individual, attribute) = mu(individual) / attributes and |R_c| = the attribute's number of values; every draw
    states the answer. Of ``law`` only facts and popularity are taken.
    """
    n = len(attributes)
    return World(
        f"population({law.name}, {n} attributes)",
        np.tile(law.facts, n),
        np.tile(law.popularity, n) / n,
        np.repeat([one.values for one in attributes], len(law.facts)),
        np.ones(n * len(law.facts)),
        idk=idk,
    )


def register_of(corpus: Listed | Truth, attributes: tuple[Attribute, ...] | None = None, **options: Any) -> Register:
    """Return a register for the facts of ``corpus``: of one attribute with as many values as its largest |R_c|.

    With ``attributes`` the facts are those of ``population``. ``options`` go to ``Register``.
    """
    n_facts = len(corpus.fact_class)
    if attributes is None:
        answers = corpus.world.answers if isinstance(corpus, Truth) else corpus.answers
        attributes = (Attribute("birth place", (int(answers.max()),)),)
    if n_facts % len(attributes):
        raise BadInput(f"the corpus has {n_facts} facts: must be a multiple of its {len(attributes)} attributes")
    return Register(n_facts // len(attributes), attributes, **options)


def written(corpus: Listed, register: Register, rng: np.random.Generator) -> Written:
    """Write every draw of ``corpus`` once, in one of the register's templates drawn uniformly."""
    return Written(corpus, register, rng.integers(0, register.templates, corpus.draws))


def ask(
    register: Register, fact: Int[np.ndarray, " n"], template: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, "n places"], Int[np.ndarray, " n"]]:
    """Return the prompts of facts in templates, as token ids from the left with END behind, and their lengths."""
    layout, attribute = register.layout, register.attribute[fact]
    tokens = layout.pattern[attribute, template]
    rest = register.individual[fact]
    for part in range(len(register.name_parts) - 1, -1, -1):
        rest, word = np.divmod(rest, register.name_parts[part])
        tokens = np.where(tokens == -1 - part, (layout.name_start[part] + word)[:, None], tokens)
    return tokens, layout.size[attribute, template]


def respond(
    register: Register, attribute: Int[np.ndarray, " n"], response: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, "n longest"], Int[np.ndarray, " n"]]:
    """Return the tokens of responses (IDK = -1) to prompts of an ``attribute``, the end included, and their lengths."""
    tokens = np.full((len(response), register.layout.longest), END)
    length = np.full(len(response), 2)
    for a, one in enumerate(register.attributes):
        here = (attribute == a) & (response != IDK)
        rest = response[here]
        for place in range(len(one.parts) - 1, -1, -1):
            rest, word = np.divmod(rest, one.parts[place])
            tokens[here, place] = register.layout.value_start[a][place] + word
        if rest.any():
            raise BadInput(f"response = {response[here].max()}: {one.name} has {one.values} values, from 0")
        length[here] = len(one.parts) + 1
    tokens[response == IDK, 0] = UNKNOWN
    return tokens, length


def sentences(
    register: Register,
    fact: Int[np.ndarray, " n"],
    response: Int[np.ndarray, " n"],
    template: Int[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, "n length"], Bool[np.ndarray, "n length"]]:
    """Return whole sentences as token arrays of one length, and which tokens are scored: the response's, to the end."""
    prompt, start = ask(register, fact, template)
    value, length = respond(register, register.attribute[fact], response)
    n, places = prompt.shape
    tokens = np.full((n, places + value.shape[1]), END)
    tokens[:, :places] = prompt
    offset = np.arange(value.shape[1])
    np.put_along_axis(tokens, start[:, None] + offset, value, axis=1)
    at = np.arange(tokens.shape[1])
    return tokens, (at >= start[:, None]) & (at < (start + length)[:, None])


def distinct(
    text: Written,
) -> tuple[Int[np.ndarray, "n length"], Bool[np.ndarray, "n length"], Float[np.ndarray, " n"]]:
    """Return the distinct sentences of a corpus, which of their tokens are scored, and the draws each stands for."""
    corpus, register = text.corpus, text.register
    if text.template is None:
        keys, weight = np.unique(np.stack([corpus.prompt, corpus.answer]), axis=1, return_counts=True)
        fact, response = np.repeat(keys, register.templates, axis=1)
        template = np.tile(np.arange(register.templates), keys.shape[1])
        share = np.repeat(weight / register.templates, register.templates)
    else:
        stacked = np.stack([corpus.prompt, corpus.answer, text.template])
        (fact, response, template), weight = np.unique(stacked, axis=1, return_counts=True)
        share = weight.astype(float)
    longest = register.layout.places + register.layout.longest
    if len(fact) * longest > MOST_ENTRIES:
        raise BadInput(
            f"the corpus has {len(fact)} distinct sentences of {longest} tokens, more than {MOST_ENTRIES} in all: "
            "take fewer facts or templates"
        )
    tokens, scored = sentences(register, fact, response, template)
    return tokens, scored, share


def spell(register: Register, tokens: Int[np.ndarray, " length"]) -> str:
    """Return a sentence as text, up to its end."""
    ids = [int(token) for token in tokens]
    if END in ids:
        ids = ids[: ids.index(END)]
    return " ".join(register.words[token] for token in ids)


def _vocabulary(register: Register) -> tuple[tuple[str, ...], Layout]:
    """Number the words: end and unknown, those of templates, of names, of values; lay the prompts out."""
    said = phrases(register.attributes, register.templates + register.held_out)
    words = ["<end>", "unknown", *plain_words(said)]
    index = {word: i for i, word in enumerate(words)}
    name_start = []
    for part, n in enumerate(register.name_parts):
        name_start.append(len(words))
        words += [name_of(i, ending_of(part)).capitalize() for i in range(n)]
    value_start, kind = [], len(name_start)
    for one in register.attributes:
        starts = []
        for n in one.parts:
            starts.append(len(words))
            words += [name_of(i, ending_of(kind)) for i in range(n)]
            kind += 1
        value_start.append(tuple(starts))
    names = [-1 - k for k in range(len(register.name_parts))]
    prompts = [[[index[w] for w in head] + names + [index[w] for w in tail] for head, tail in one] for one in said]
    size = np.array([[len(prompt) for prompt in one] for one in prompts])
    pattern = np.full((*size.shape, size.max()), END)
    for a, several in enumerate(prompts):
        for t, prompt in enumerate(several):
            pattern[a, t, : len(prompt)] = prompt
    longest = max(len(one.parts) for one in register.attributes) + 1
    return tuple(words), Layout(pattern, size, np.array(name_start), tuple(value_start), longest)
