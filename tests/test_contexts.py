"""Corollary 2: what a model cannot tell apart it answers alike, on the paper's sentences and on any groups."""

from __future__ import annotations

import math
import re
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simlab.bounds import error_from_context
from simlab.bounds.report import TOLERANCE
from simlab.errors import BadInput
from simlab.measures import observe
from simlab.models.ngram import SMOOTHINGS, count_ngrams, response_probabilities, smooth, states
from simlab.pairs import lay_out
from simlab.rendering import make_tokeniser
from simlab.seeds import Streams

ROOT = Path(__file__).parents[1]
STUDY = runpy.run_path(str(ROOT / "experiments" / "error_from_context.py"))
LETTERS = runpy.run_path(str(ROOT / "experiments" / "letters_from_tokens.py"))


# ---- The bound


def cases(n: int = 200):
    """Random prompts, answers, groups, mu and densities that are alike inside a group."""
    rng = np.random.default_rng(3)
    for _ in range(n):
        prompts, answers = rng.integers(1, 12), int(rng.integers(2, 6))
        group = rng.integers(0, 4, prompts)
        right = rng.integers(0, answers, prompts)
        mu = rng.dirichlet(np.ones(prompts))
        of_group = rng.dirichlet(np.full(answers + 1, 0.3), 4)[:, :-1]  # what is left of 1 is nonsense, an error too
        yield group, right, mu, of_group


def error_of(p_hat: np.ndarray, right: np.ndarray, mu: np.ndarray) -> float:
    """1 - the mass on right answers, prompt by prompt."""
    return float(sum(mu[c] * (1 - p_hat[c, right[c]]) for c in range(len(mu))))


def test_no_answer_of_a_group_beats_the_bound() -> None:
    """No density of the groups is below it; a commonest answer of each group reaches it; a larger one is refuted."""
    refuted = 0
    for group, right, mu, of_group in cases():
        report = error_from_context(None, group.tolist(), right.tolist(), mu.tolist())
        assert error_of(of_group[group], right, mu) >= report.value - 1e-12
        best = np.zeros_like(of_group)
        for g in range(4):
            mass = np.bincount(right[group == g], mu[group == g], minlength=of_group.shape[1])
            best[g, mass.argmax()] = 1.0
        least = error_of(best[group], right, mu)
        assert least == pytest.approx(report.value, abs=1e-12)
        refuted += least < report.value + 0.01  # the negative control: the bound and a little more
    assert refuted == 200


def test_the_bound_fails_for_a_model_that_tells_the_prompts_apart() -> None:
    """The negative control: with the groups of a coarser model the same inequality is false."""
    report = error_from_context(0.0, ["same", "same"], ["her", "his"])
    assert report.value == 0.5
    assert report.slack == -0.5
    assert "violated" in report.sentence()
    assert error_from_context(0.0, ["she", "he"], ["her", "his"]).slack == 0.0


def test_corollary_2_of_the_paper_is_one_half() -> None:
    report = error_from_context(0.5, [0, 0], ["her mind.", "his mind."])
    assert (report.value, report.slack, report.vacuous) == (0.5, 0.0, False)
    assert report.terms == {"best_answers": 0.5}
    assert error_from_context(None, [0, 0], ["a", "b"], [0.9, 0.1]).value == pytest.approx(0.1, abs=1e-15)
    assert error_from_context(None, [0, 0], ["a", "a"]).value == 0.0


def test_names_of_groups_and_order_of_prompts_do_not_matter() -> None:
    for group, right, mu, _ in cases(50):
        value = error_from_context(None, group.tolist(), right.tolist(), mu.tolist()).value
        order = np.random.default_rng(0).permutation(len(mu))
        renamed = [f"group {g}" for g in group[order]]
        again = error_from_context(None, renamed, [-int(r) for r in right[order]], mu[order].tolist()).value
        assert again == pytest.approx(value, abs=1e-12)


BAD = {
    "lengths": (([0, 1], [0], None), "2 groups, 1 answers and 2 mu: give one of each a prompt, at least 1"),
    "nothing": (([], [], None), "0 groups, 0 answers and 0 mu: give one of each a prompt, at least 1"),
    "not normed": (([0, 1], [0, 1], [0.5, 0.4]), "mu sums to 0.9: must sum to 1 over the prompts"),
    "negative": (([0, 1], [0, 1], [1.5, -0.5]), "mu = 1.5: must be a rate from 0 to 1"),
    "not a number": (([0, 1], [0, 1], [math.nan, 0.5]), "mu = nan: must be a rate from 0 to 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence(case: str) -> None:
    (groups, answers, mu), sentence = BAD[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        error_from_context(None, groups, answers, mu)


# ---- The paper's sentences


def answered(tokens: str, order: int, smoothing: str, constant: float | None, said=(500, 500)):
    """(error among the two responses, bound): the sentences written as often as said, and one model of them."""
    sentences, prompts, responses, parting = STUDY["written"](tokens, 40)
    model = smooth(count_ngrams(sentences, order, np.array(said)), smoothing, constant)
    whole = response_probabilities(model, prompts, responses)
    p_hat = whole / whole.sum(1, keepdims=True)
    error = observe(lay_out(np.eye(2), p_hat, np.eye(2) > 0)).error
    return error, error_from_context(error, states(model, parting).tolist(), (0, 1))


CASES = [("mle", None), *((name, k) for name in SMOOTHINGS if name != "mle" for k in (0.5, 0.01))]


@pytest.mark.parametrize(("smoothing", "constant"), CASES)
@pytest.mark.parametrize("said", [(500, 500), (900, 100), (1, 2)], ids=str)
def test_error_is_one_half_until_the_context_reaches_the_pronoun(smoothing, constant, said) -> None:
    """Words: exactly 1/2 for n <= 8 for every smoothing; from n = 9 on 0 by maximum likelihood, else small."""
    for order in range(1, 13):
        error, bound = answered("word", order, smoothing, constant, said)
        if order <= 8:
            assert error == pytest.approx(0.5, abs=1e-15)
            assert bound.value == 0.5
        elif smoothing == "mle":
            assert error == 0.0
            assert bound.value == 0.0
        else:
            assert 0.0 < error < 0.5
            assert bound.value == 0.0
        assert bound.slack >= -TOLERANCE


@pytest.mark.parametrize(("tokens", "reach"), [("word", 9), ("subword", 23), ("character", 39)])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_context_that_reaches_is_counted_in_tokens(tokens: str, reach: int, smoothing: str) -> None:
    constant = None if smoothing == "mle" else 0.01
    error, bound = answered(tokens, reach - 1, smoothing, constant)
    assert error == pytest.approx(0.5, abs=1e-15)
    assert bound.value == 0.5
    error, bound = answered(tokens, reach, smoothing, constant)
    assert error < 0.001
    assert bound.value == 0.0


def test_the_reach_of_characters_is_the_length_of_the_text_between() -> None:
    """The last letter in which the prompts differ, up to the letter in which the responses do, by hand."""
    she, he = (p + r for p, r in zip(STUDY["PROMPTS"], STUDY["RESPONSES"], strict=True))
    between = len("e lost it and was completely out of h")
    assert she.endswith("e lost it and was completely out of her mind.")
    assert he.endswith("e lost it and was completely out of his mind.")
    assert between + 1 + 1 == 39  # the letter before it, and the letter told


@pytest.mark.parametrize("smoothing", [name for name in SMOOTHINGS if name != "mle"])
def test_what_the_smoothing_leaves_vanishes_with_its_constant(smoothing: str) -> None:
    """At n = 12: at least in proportion to the constant; and it is less in a larger corpus."""
    errors = [answered("word", 12, smoothing, constant)[0] for constant in (0.1, 0.01, 0.001, 0.0001)]
    assert all(small <= large / 9.9 for large, small in pairwise(errors))
    assert errors[-1] > 0.0
    assert answered("word", 12, smoothing, 0.1, (5_000, 5_000))[0] < errors[0] / 9


def test_the_committed_table_shows_it() -> None:
    from simlab.drawing import read_table

    rows = read_table(ROOT / "experiments" / "results" / "error_from_context.csv")
    errors = [row for row in rows if row["measure"] == "error" and row["tokens"] == "word"]
    below = [row for row in errors if row["order"] <= 8]
    assert len(below) == 8 * 3 * 4
    assert all(abs(row["mean"] - 0.5) < 1e-15 for row in below)
    above = [row for row in errors if row["order"] >= 9]
    assert all((row["mean"] == 0.0) == (row["method"] == "mle") for row in above)
    assert max(row["mean"] for row in above) < 0.001


# ---- Counting letters


def letters(**settings):
    return LETTERS["Config"](**settings)


def test_the_automaton_sums_over_all_counts_on_the_way() -> None:
    """The answer of the spelled-out model, by enumeration of the running counts and from whole strings."""
    config = letters(draws=60, longest=4, letters="AD", subwords=5, smoothing="add_constant", words=5)
    training = LETTERS["draw_words"](config, np.random.default_rng(0), 60)
    made = make_tokeniser("subword", training, 5)
    each = np.array([piece.count("D") for piece in made.pieces])
    said, asked = (LETTERS["spelled"](made, words) for words in (training, ["DADA", "DDA", "AAAA"]))
    p_hat, groups = LETTERS["spelled_out"](said, asked, each, 5, config)
    assert groups == [0, 1, 2]
    zero = len(each)
    strings = [
        [zero, *(x for pair in zip(word, (zero + np.cumsum(each[word])).tolist(), strict=True) for x in pair), 0]
        for word in said
    ]
    model = LETTERS["fitted"](strings, zero + 5, 3, config)
    step = LETTERS["running_counts"](model, zero, 5)
    for word, found in zip(asked, p_hat, strict=True):
        paths = {(0,): 1.0}
        for token in word:
            paths = {(*path, c): p * step[token, path[-1], c] for path, p in paths.items() for c in range(5)}
        for answer in range(5):
            by_hand = sum(p for path, p in paths.items() if path[-1] == answer)
            assert found[answer] == pytest.approx(by_hand, rel=1e-12)
    assert (p_hat.sum(1) < 1).all()


def test_characters_that_are_spelled_out_count_deepseek_right() -> None:
    """The paper's question, asked of all four models: only the counting model of letters is sure of 1."""
    config = letters(draws=3_000, letters="EDSPKATN", smoothing="mle", longest=12)
    training = [w for w in LETTERS["draw_words"](config, np.random.default_rng(1), 3_000) if w != "DEEPSEEK"]
    found = {}
    for kind in ("subword", "character"):
        made = make_tokeniser(kind, training, 100 if kind == "subword" else None)
        each = np.array([piece.count("D") for piece in made.pieces])
        said, asked = (LETTERS["spelled"](made, words) for words in (training, ["DEEPSEEK"]))
        for how in ("at_once", "spelled_out"):
            found[kind, how] = LETTERS[how](said, asked, each, 13, config)[0][0]
        if kind == "subword":
            assert len(asked[0]) < 8  # its letters are hidden in longer pieces
    assert found["character", "spelled_out"][1] == 1.0
    assert found["subword", "spelled_out"][1] > 0.99
    assert max(found["subword", "at_once"][1], found["character", "at_once"][1]) < 0.9


def test_words_that_are_held_out_are_held_out() -> None:
    config = letters(draws=500, length=4, asked="held_out")
    training = LETTERS["draw_words"](config, np.random.default_rng(2), 500)
    asked = LETTERS["words_asked"](config, training, np.random.default_rng(3))
    assert len(asked) == len(set(asked)) == 400
    assert {len(word) for word in asked} == {4}
    assert not set(asked) & set(training)
    known = LETTERS["words_asked"](letters(draws=500, length=4, asked="training"), training, np.random.default_rng(3))
    assert set(known) == {word for word in training if len(word) == 4}


def test_the_committed_table_of_letters_tells_the_tokens_from_the_spelling() -> None:
    """On words held out: spelled out, subwords err more at every point, and what is said at once is a guess."""
    from simlab.drawing import read_table

    rows = read_table(ROOT / "experiments" / "results" / "letters_from_tokens.csv")
    error = {
        (row["smoothing"], row["draws"], row["length"], row["method"]): row["mean"]
        for row in rows
        if row["measure"] == "error" and row["asked"] == "held_out"
    }
    points = {key[:3] for key in error}
    assert len(points) == 20
    for point in points:
        assert error[*point, "subword_spelled_out"] > 2 * error[*point, "character_spelled_out"]
        assert min(error[*point, "subword_at_once"], error[*point, "character_at_once"]) > 0.5
    for smoothing in ("mle", "kneser_ney"):
        long = [error[smoothing, draws, 12, "subword_spelled_out"] for draws in (200, 2_000)]
        assert long[1] < long[0] / 2  # the cost of subwords is one of data
    learned = [
        row["mean"]
        for row in rows
        if row["measure"] == "error" and row["asked"] == "training" and row["smoothing"] == "mle"
    ]
    assert max(learned) < 1e-12  # as facts they are all memorised


BAD_LETTERS = {
    "asked": ({"asked": "heldout"}, "asked 'heldout' is unknown: did you mean 'held_out'?"),
    "smoothing": ({"smoothing": "katzz"}, "smoothing 'katzz' is unknown: did you mean 'katz'?"),
    "letter": (
        {"letter": "Q"},
        "letters = 'EDSPKATN' and letter = 'Q': letters must be distinct and hold the letter",
    ),
    "too long": (
        {"length": 13, "asked": "training"},
        "length = 13 is longer than any training word (12): ask held_out words",
    ),
    "subwords": ({"subwords": 8}, "subwords = 8: must be above 8, the number of letters"),
}


@pytest.mark.parametrize("case", BAD_LETTERS)
def test_a_bad_setting_of_the_letters_is_a_sentence(case: str) -> None:
    setting, sentence = BAD_LETTERS[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        LETTERS["check"](letters(**setting))


def test_no_word_to_ask_is_a_sentence() -> None:
    config = letters(draws=1_000, letters="AD", length=3, longest=3)
    sentence = "draws = 1000: no held_out word of 3 letters was found; take other draws"
    with pytest.raises(BadInput, match=rf"\A{sentence}\Z"):
        LETTERS["cell"](config, [Streams(0)])
