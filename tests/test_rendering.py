"""Text and tokens: what is written is read back, for every string over the alphabet, and names stand for one number."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab import rendering
from simlab.corpora import IDK, list_facts, sample_listed
from simlab.errors import BadInput
from simlab.rendering import (
    END,
    Template,
    Tokens,
    character,
    check_tokens,
    corpus_tokens,
    decode,
    encode,
    flatten,
    gather,
    join,
    make_tokeniser,
    name_of,
    number_of,
    prompt_text,
    read_fact,
    render,
    response_text,
    subword,
    word,
    write,
)
from simlab.seeds import Streams
from simlab.worlds import factoids, uniform, zipf

TEXTS = ("the cat sat on the mat.", "the hat  is that cat's", "a\tthat at\nbat ")
STREAMS = Streams(seed=5, point="rendering")


def corpus(answers: int = 7, n_facts: int = 40, draws: int = 300):
    world = zipf(n_facts, answers=answers, answer_rate=0.7)
    return sample_listed(list_facts(world, STREAMS.numpy("facts")), draws, STREAMS.numpy("corpus"))


# ---- Tokenisers


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="".join(sorted({letter for text in TEXTS for letter in text})), max_size=40))
def test_what_is_encoded_is_decoded(text: str) -> None:
    for made in (character(TEXTS), subword(TEXTS, 20), subword(TEXTS, 40), word([*TEXTS, text])):
        tokens = encode(made, [text])
        assert decode(made, tokens) == [text]
        assert tokens[0][-1] == END
        assert END not in tokens[0][:-1]
        check_tokens(tokens, ended=True)


def test_another_vocabulary_reads_another_text() -> None:
    """The negative control of the round trip: the numbers of one tokeniser are no text under another."""
    tokens = encode(subword(TEXTS, 30), TEXTS)
    assert decode(subword(TEXTS, 30), tokens) == list(TEXTS)
    assert decode(subword(TEXTS[::-1], 25), Tokens(tokens.ids % 25, tokens.offsets, 25)) != list(TEXTS)


def slow_merges(texts, vocabulary: int):
    """Byte-pair encoding as it is told: count all pairs anew, merge the commonest, again."""
    words = Counter(piece for text in texts for piece in re.findall(r"\s?\S+|\s", text))
    pieces = ["", *sorted({letter for text in texts for letter in text})]
    spelled = {piece: [pieces.index(letter) for letter in piece] for piece in words}
    merges = []
    while len(pieces) < vocabulary:
        pairs = Counter()
        for piece, tokens in spelled.items():
            for pair in pairwise(tokens):
                pairs[pair] += words[piece]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        for piece, tokens in spelled.items():
            new, i = [], 0
            while i < len(tokens):
                if tuple(tokens[i : i + 2]) == best:
                    new.append(len(pieces))
                    i += 2
                else:
                    new.append(tokens[i])
                    i += 1
            spelled[piece] = new
        merges.append(best)
        pieces.append(pieces[best[0]] + pieces[best[1]])
    return pieces, merges, spelled


@pytest.mark.parametrize("vocabulary", [17, 20, 30, 200])
@pytest.mark.parametrize("texts", [TEXTS, ("aaaa aaa aa aaaaa", "abababab baba")], ids=["words", "runs"])
def test_subwords_are_those_of_the_slow_way(texts, vocabulary: int) -> None:
    pieces, merges, spelled = slow_merges(texts, vocabulary)
    made = subword(texts, vocabulary)
    assert made.pieces == tuple(pieces)
    assert made.merges == tuple(merges)
    for piece, tokens in spelled.items():
        assert encode(made, [piece], end=False)[0].tolist() == tokens


def test_ties_between_pairs_go_to_the_smaller_numbers() -> None:
    made = subword(["ab", "cd"], 6)
    assert made.pieces == ("", "a", "b", "c", "d", "ab")


def test_the_vocabulary_does_not_depend_on_the_order_of_the_texts() -> None:
    for kind in rendering.TOKENISERS:
        assert make_tokeniser(kind, TEXTS).pieces == make_tokeniser(kind, TEXTS[::-1]).pieces


def test_tokens_do_not_cross_words() -> None:
    """The tokens of a prompt and of what follows it are those of the two together, under every tokeniser."""
    texts = [prompt_text(c) + response_text(r) for c in range(9) for r in (0, 1, 2, IDK)]
    for made in (word(texts), character(texts), subword(texts, 60)):
        for c in range(9):
            heads = encode(made, [prompt_text(c)] * 4, end=False)
            tails = encode(made, [response_text(r) for r in (0, 1, 2, IDK)])
            both = join(heads, tails)
            whole = encode(made, texts[4 * c : 4 * c + 4])
            assert both.ids.tolist() == whole.ids.tolist()
            assert both.offsets.tolist() == whole.offsets.tolist()


# ---- Token arrays


def test_gather_takes_strings_as_often_as_chosen() -> None:
    tokens = flatten([[1, 2, 0], [0], [3, 0]], 4)
    chosen = np.array([2, 2, 0, 1, 2])
    found = gather(tokens, chosen)
    assert [found[i].tolist() for i in range(5)] == [tokens[int(i)].tolist() for i in chosen]
    assert found.lengths.tolist() == [2, 2, 3, 1, 2]
    assert len(gather(tokens, np.zeros(0, dtype=int))) == 0


BAD_TOKENS = {
    "no strings": (flatten([], 3), None, "0 strings over 3 tokens: there must be at least 1 of each"),
    "ids outside": (flatten([[1, 3, 0]], 3), None, "token 3 is not in the vocabulary of 3: ids begin at 0"),
    "offsets": (
        Tokens(np.array([1, 0], dtype=np.int32), np.array([0, 1]), 3),
        None,
        "offsets must rise from 0 to the number of tokens, 2: string i ends where i + 1 begins",
    ),
    "end inside": (
        flatten([[1, 0, 2, 0]], 3),
        None,
        "the end token, 0, must be the last token of its string, and stand nowhere else",
    ),
    "no end": (flatten([[1], [1, 0]], 3), True, "the end token, 0, must end every string, and stand nowhere else"),
    "empty": (flatten([[], [1, 0]], 3), True, "the end token, 0, must end every string, and stand nowhere else"),
    "ended prompt": (
        flatten([[1, 0]], 3),
        False,
        "a prompt has the end token, 0, in it: what ended does not go on; leave it out",
    ),
}


@pytest.mark.parametrize("case", BAD_TOKENS)
def test_tokens_that_are_none(case: str) -> None:
    tokens, ended, sentence = BAD_TOKENS[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        check_tokens(tokens, ended=ended)


def test_tokens_that_are_some() -> None:
    check_tokens(flatten([[1, 0], [0], [2, 2, 0]], 3), ended=True)
    check_tokens(flatten([[], [1]], 3), ended=False)
    check_tokens(flatten([[], [1, 0], [2]], 3))


# ---- Names and facts


def test_names_are_distinct_pronounceable_and_read_back() -> None:
    blocks = [0, 6_399, 6_400, 518_399, 518_400, 41_478_399, 41_478_400, 10**12]
    numbers = [*range(20_000), *blocks]
    names = [name_of(number) for number in numbers]
    assert len(set(names)) == len(set(numbers))
    assert all(re.fullmatch("([bdfghjklmnprstvz][aeiou]){2,}", name) for name in names)
    assert [number_of(name) for name in names] == numbers
    assert [number_of(name_of(number, "n").capitalize(), "n") for number in blocks] == blocks


def test_neighbours_do_not_look_alike() -> None:
    """Names of numbers in a row share few places: as few as random ones."""
    shared = [sum(a == b for a, b in zip(name_of(i), name_of(i + 1), strict=True)) for i in range(5_000)]
    assert np.mean(shared) < 1.2  # 2 in 16 and 2 in 5 by chance: .525
    assert np.mean([name_of(i)[:2] == name_of(i + 1)[:2] for i in range(5_000)]) < 0.05


def test_a_fact_rendered_and_read_back_is_the_same_fact() -> None:
    template = Template("Who wrote {}?", " It was {}!", " Nobody (knows).")
    for prompt in (0, 1, 77, 6_400, 10**6):
        for answer in (0, 5, 6_400, IDK):
            assert read_fact(prompt_text(prompt) + response_text(answer)) == (prompt, answer)
            text = prompt_text(prompt, template) + response_text(answer, template)
            assert read_fact(text, template) == (prompt, answer)
    assert prompt_text(0) + response_text(0) == "Kufe was born in Kufen."
    assert prompt_text(1) + response_text(IDK) == "Tisa was born but I do not know where."


@pytest.mark.parametrize(
    "text", ["", "Kufe was born", "Kufe was born in Kufe.", "Kufe was born in Kufen", "Kufon was born in Kufen."]
)
def test_what_states_no_fact_is_not_read(text: str) -> None:
    with pytest.raises(BadInput, match=r"states no fact: facts read 'Kufe was born in Kufen.'|names no number: names"):
        read_fact(text)


@pytest.mark.parametrize("kind", ["word", "character", "subword"])
def test_a_listed_corpus_becomes_text_and_tokens_and_comes_back(kind: str) -> None:
    listed = corpus()
    texts = write(listed)
    facts = list(zip(listed.prompt.tolist(), listed.answer.tolist(), strict=True))
    assert [read_fact(text) for text in texts] == facts
    sentences = render(listed, kind)
    tokens = corpus_tokens(listed, sentences)
    assert tokens.ids.dtype == np.int32
    assert tokens.offsets.dtype == np.int64
    check_tokens(tokens, ended=True)
    check_tokens(sentences.prompts, ended=False)
    assert decode(sentences.tokeniser, tokens) == texts
    assert encode(sentences.tokeniser, texts).ids.tolist() == tokens.ids.tolist()
    assert len(sentences.prompts) == 40
    assert len(sentences.responses) == 7 + 1


def test_without_idk_there_is_no_sentence_for_it() -> None:
    world = uniform(5, answers=3, answer_rate=1.0, idk=False)
    listed = sample_listed(list_facts(world, STREAMS.numpy("facts")), 20, STREAMS.numpy("corpus"))
    sentences = render(listed)
    assert not sentences.idk
    assert len(sentences.responses) == 3


LISTED = corpus()
STRINGS = sample_listed(list_facts(factoids(zipf(5), 5), STREAMS.numpy("facts")), 9, STREAMS.numpy("corpus"))
BAD = {
    "kind": (lambda: make_tokeniser("words", TEXTS), "tokens 'words' is unknown: did you mean 'word'?"),
    "size of words": (
        lambda: make_tokeniser("word", TEXTS, 10),
        "subwords = 10 is given with tokens 'word': only subwords have a size, so leave it out",
    ),
    "too few subwords": (
        lambda: subword(["abc"], 3),
        "subwords = 3: must be a whole number of at least 4, the end token and every character",
    ),
    "too few subwords, 60.5": (
        lambda: subword(["abc"], 60.5),
        "subwords = 60.5: must be a whole number of at least 4, the end token and every character",
    ),
    "too few subwords, math.nan": (
        lambda: subword(["abc"], math.nan),
        "subwords = nan: must be a whole number of at least 4, the end token and every character",
    ),
    "a word not known": (
        lambda: encode(word(TEXTS), ["the dog"]),
        "the word ' dog' is not in the vocabulary: make the tokeniser from texts that have it",
    ),
    "a character not known": (
        lambda: encode(subword(TEXTS, 30), ["the dog"]),
        "the character 'd' is not in the vocabulary: make the tokeniser from texts that have it",
    ),
    "strings that do not pair": (
        lambda: join(flatten([[1]], 3), flatten([[1, 0], [0]], 3)),
        "1 strings over 3 tokens and 2 over 3 cannot be joined: give as many tails as heads, of one tokeniser",
    ),
    "a negative number": (lambda: name_of(-1), "number = -1: only numbers from 0 on have names"),
    "no name": (
        lambda: number_of("Bob"),
        "'Bob' names no number: names are two or more syllables such as 'kufe'",
    ),
    "no place for a name": (
        lambda: Template(prompt="Someone was born"),
        "prompt = 'Someone was born': must hold {} once, where the name goes",
    ),
    "no space between": (
        lambda: Template(answer="in {}."),
        "a prompt must not end with a space, and answer and idk must begin with one",
    ),
    "no prompts": (lambda: render(STRINGS), "facts without prompts have no sentences: render a world with prompts"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence(case: str) -> None:
    run, sentence = BAD[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        run()


def test_too_many_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simlab.rendering.facts.MOST_TEXTS", 46)
    sentence = "40 prompts and 7 answers: at most 46 texts are written out"
    with pytest.raises(BadInput, match=rf"\A{sentence}\Z"):
        render(LISTED)
