"""Facts as sentences: prompt c is a person, answer j a place, the same for every prompt; IDK has its own sentence.

"Kufe was born" + " in Tisan." or, for IDK, " but I do not know where." A prompt's text goes on with a response's, so a
language model answers by going on, and what it writes is a fact or nonsense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from simlab.corpora import IDK, Listed
from simlab.errors import BadInput
from simlab.rendering.names import name_of, number_of
from simlab.rendering.tokenisers import Tokeniser, encode, make_tokeniser
from simlab.rendering.tokens import Tokens, gather, join

PLACE = "n"  # places end in a consonant, people in a vowel: no name stands for both
MOST_TEXTS = 10**6  # prompts and responses that are written out


@dataclass(frozen=True)
class Template:
    """How a fact is said: ``prompt`` and ``answer`` hold ``{}`` once, for a name; responses begin with a space."""

    prompt: str = "{} was born"
    answer: str = " in {}."
    idk: str = " but I do not know where."

    def __post_init__(self) -> None:
        for field in ("prompt", "answer"):
            if getattr(self, field).count("{}") != 1:
                raise BadInput(f"{field} = {getattr(self, field)!r}: must hold {{}} once, where the name goes")
        if self.prompt[-1:].isspace() or not re.match(r" \S", self.answer) or not re.match(r" \S", self.idk):
            raise BadInput("a prompt must not end with a space, and answer and idk must begin with one")


BIRTHPLACE = Template()


@dataclass(frozen=True, eq=False)
class Sentences:
    """All that can be said of the facts of a world, as tokens: prompts without END, responses with it.

    The responses are the answers 0, 1, ... and then, where it is a response, IDK.
    """

    tokeniser: Tokeniser
    prompts: Tokens
    responses: Tokens
    idk: bool


def prompt_text(prompt: int, template: Template = BIRTHPLACE) -> str:
    """Return the text of prompt number ``prompt``, which a response goes on from."""
    return template.prompt.format(name_of(prompt).capitalize())


def response_text(answer: int, template: Template = BIRTHPLACE) -> str:
    """Return the text of answer number ``answer``, or of IDK."""
    return template.idk if answer == IDK else template.answer.format(name_of(answer, PLACE).capitalize())


def read_fact(text: str, template: Template = BIRTHPLACE) -> tuple[int, int]:
    """Return the prompt and the answer (or IDK) that ``text`` states. Raises ``BadInput`` for what states no fact."""
    name = "([A-Z][a-z]+)"
    prompt, answer = (re.escape(part).replace(r"\{\}", name) for part in (template.prompt, template.answer))
    found = re.fullmatch(f"{prompt}(?:{answer}|{re.escape(template.idk)})", text)
    if found is None:
        raise BadInput(f"{text!r} states no fact: facts read {prompt_text(0, template) + response_text(0, template)!r}")
    return number_of(found[1]), IDK if found[2] is None else number_of(found[2], PLACE)


def write(corpus: Listed, template: Template = BIRTHPLACE) -> list[str]:
    """Return the sentence of every draw of a listed corpus, in its order."""
    people = [prompt_text(prompt, template) for prompt in range(len(corpus.answers))]
    told = {answer: response_text(answer, template) for answer in np.unique(corpus.answer).tolist()}
    return [people[c] + told[r] for c, r in zip(corpus.prompt.tolist(), corpus.answer.tolist(), strict=True)]


def render(
    corpus: Listed, tokens: str = "word", *, subwords: int | None = None, template: Template = BIRTHPLACE
) -> Sentences:
    """Return the prompts of ``corpus`` and every response that some prompt may have, as "word", "character" or
    "subword" ``tokens``, of a vocabulary that writes them all (``subwords``: of how many).

    What may be said is known of every prompt (|R_c|), so the vocabulary does not depend on the draws. Raises
    ``BadInput`` for an unknown kind of tokens, for facts without prompts and for more than 1e6 texts.
    """
    if corpus.n_strings is not None:
        raise BadInput("facts without prompts have no sentences: render a world with prompts")
    n_prompts, n_answers = len(corpus.answers), int(corpus.answers.max())
    if n_prompts + n_answers > MOST_TEXTS:
        raise BadInput(f"{n_prompts} prompts and {n_answers} answers: at most {MOST_TEXTS} texts are written out")
    prompts = [prompt_text(prompt, template) for prompt in range(n_prompts)]
    answers = [*range(n_answers), *([IDK] if corpus.idk else [])]
    responses = [response_text(answer, template) for answer in answers]
    tokeniser = make_tokeniser(tokens, prompts + responses, subwords)
    return Sentences(tokeniser, encode(tokeniser, prompts, end=False), encode(tokeniser, responses), corpus.idk)


def corpus_tokens(corpus: Listed, sentences: Sentences) -> Tokens:
    """Return the tokens of every draw of ``corpus``, in its order."""
    return fact_tokens(sentences, corpus.prompt, corpus.answer)


def fact_tokens(sentences: Sentences, prompt: np.ndarray, answer: np.ndarray) -> Tokens:
    """Return the tokens of the facts (prompt, answer or IDK), one string each."""
    column = np.where(answer == IDK, len(sentences.responses) - 1, answer)
    return join(gather(sentences.prompts, prompt), gather(sentences.responses, column))
