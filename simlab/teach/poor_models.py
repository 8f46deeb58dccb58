"""Poor models: a context that ends before the pronoun, and tokens that hide the letters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from simlab.bounds import error_from_context
from simlab.estimates import normal_quantile
from simlab.measures import observe
from simlab.models.ngram import (
    Ngram,
    count_ngrams,
    next_probabilities,
    response_probabilities,
    smooth,
    states,
)
from simlab.pairs import lay_out
from simlab.records import brief
from simlab.rendering import END, Tokeniser, character, encode, flatten, subword, word
from simlab.seeds import Streams
from simlab.teach.demonstrations import Choice, Demonstration, Number, Scene, Slider, count, evenly, share
from simlab.teach.pictures import BLUE, GREEN, INK, ORANGE, RED, canvas

PROMPTS = ("She lost it and was completely out of", "He lost it and was completely out of")
RESPONSES = (" her mind.", " his mind.")
SENTENCES = tuple(prompt + response for prompt, response in zip(PROMPTS, RESPONSES, strict=True))
WRITTEN = 1_000
"""Sentences written, each one of the two with probability 1/2."""
CONSTANT = 0.1
"""k of "add k", and the discount of Katz and Kneser and Ney, for the sentences."""
ORDERS = tuple(range(2, 13))
SMOOTHINGS = {"mle": "none", "add_constant": "add k", "katz": "Katz", "kneser_ney": "Kneser–Ney"}

LETTERS, LETTER = "EDSPKATN", "D"
"""The alphabet, commonest letter first (Zipf, exponent 1), and the letter that is counted."""
SHORTEST, LONGEST = 3, 12
SUBWORDS = 100
ASKED = 200
"""Words that are asked, none of them a training word."""
TRAINING = (50.0, 100.0, 200.0, 500.0, 1000.0)
COUNTERS = {
    "subword_at_once": ("subwords\nat once", RED, ""),
    "character_at_once": ("letters\nat once", ORANGE, "//"),
    "subword_spelled_out": ("subwords\nspelled out", BLUE, ""),
    "character_spelled_out": ("letters\nspelled out", GREEN, "//"),
}
SPELLED = "DEEPSEEK"


@lru_cache(maxsize=4)
def pronouns(smoothing: str) -> tuple[tuple[float, float], ...]:
    """(error, bound of Corollary 2) at each n of ``ORDERS``: the pronoun told from the context, over words.

    The error is among the two responses, exact given the corpus; the groups of the bound are the model's states.
    """
    of = word(SENTENCES)
    said = Streams(0, "poor_models").numpy("sentences").multinomial(WRITTEN, [0.5, 0.5])
    sentences, prompts, responses = encode(of, SENTENCES), encode(of, PROMPTS, end=False), encode(of, RESPONSES)
    longest = int(sentences.lengths.max()) + 1
    found = []
    for order in ORDERS:
        model = smooth(
            count_ngrams(sentences, min(order, longest), said), smoothing, None if smoothing == "mle" else CONSTANT
        )
        whole = response_probabilities(model, prompts, responses)
        error = observe(lay_out(np.eye(2), whole / whole.sum(1, keepdims=True), np.eye(2) > 0)).error
        found.append((error, error_from_context(error, states(model, prompts).tolist(), RESPONSES).value))
    return tuple(found)


def reached() -> list[str]:
    """The word that comes into sight at each n of ``ORDERS``: the context is n - 1 words."""
    she, he = (prompt.split()[::-1] for prompt in PROMPTS)
    words = [a if a == b else f"{a} / {b}" for a, b in zip(she, he, strict=True)]
    return [words[n - 2] if n - 2 < len(words) else "" for n in ORDERS]


@brief
@dataclass(frozen=True, eq=False)
class Counter:
    """A letter counter: its tokens, how often each of them holds the letter, and its two models.

    ``whole`` goes on after all tokens of a word and a question mark; ``step`` is p(count now | count before, token).
    """

    tokeniser: Tokeniser
    each: np.ndarray
    whole: Ngram
    step: Float[np.ndarray, "tokens counts counts"]


def draw_words(rng: np.random.Generator, n: int, length: int | None = None) -> list[str]:
    """Draw ``n`` words, of one length or of all lengths alike; letters are independent, by the Zipf law."""
    weight = 1.0 / np.arange(1.0, len(LETTERS) + 1)
    lengths = rng.integers(SHORTEST, LONGEST + 1, n) if length is None else np.full(n, length)
    letters = rng.choice(list(LETTERS), size=lengths.sum(), p=weight / weight.sum())
    ends = np.cumsum(lengths)
    return ["".join(letters[end - long : end]) for end, long in zip(ends, lengths, strict=True)]


@lru_cache(maxsize=len(TRAINING))
def training_words(draws: int) -> tuple[str, ...]:
    """The training words: N draws, without the word of the paper, which is to be unknown."""
    drawn = draw_words(Streams(0, "poor_models").numpy("words"), draws)
    return tuple(one for one in drawn if one != SPELLED)


@lru_cache(maxsize=64)
def words_asked(draws: int, length: int) -> tuple[str, ...]:
    """Distinct words of that length, drawn like the training words and none of them."""
    known, fresh = set(training_words(draws)), dict[str, None]()
    rng = Streams(0, "poor_models", length).numpy("asked")
    while len(fresh) < ASKED:
        fresh |= {one: None for one in draw_words(rng, ASKED, length) if one not in known}
    return tuple(fresh)[:ASKED]


@lru_cache(maxsize=len(TRAINING))
def tokenisers(draws: int) -> dict[str, Tokeniser]:
    """Subwords as they are learned from the training words, and letters."""
    return {"subword": subword(training_words(draws), SUBWORDS), "character": character([LETTERS])}


@lru_cache(maxsize=len(TRAINING) * len(SMOOTHINGS))
def counters(draws: int, smoothing: str) -> dict[str, Counter]:
    """Both counters, fitted to the training words."""
    return {
        kind: _counter(made, training_words(draws), smoothing) for kind, made in tokenisers(draws).items()
    }  # fmt: skip


def _counter(made: Tokeniser, training: tuple[str, ...], smoothing: str) -> Counter:
    """What is said at once: tokens, a question mark, the count; spelled out: each token and the count so far."""
    each = np.array([piece.count(LETTER) for piece in made.pieces])
    words, mark, answers = tokens_of(made, training), len(each), LONGEST + 1
    at_once = [[*one, mark, mark + 1 + int(each[one].sum()), END] for one in words]
    longest = max(map(len, at_once))
    whole = smooth(count_ngrams(flatten(at_once, mark + 1 + answers), longest), smoothing)
    steps = [[mark, *np.stack([one, mark + np.cumsum(each[one])], axis=1).ravel().tolist(), END] for one in words]
    pair = smooth(count_ngrams(flatten(steps, mark + answers), 3), smoothing)
    before = [[mark + so_far, token] for token in range(mark) for so_far in range(answers) if token != END]
    after = next_probabilities(pair, flatten(before, mark + answers))[:, mark : mark + answers]
    none = np.zeros((1, answers, answers))  # END is no token of a word
    return Counter(made, each, whole, np.concatenate([none, after.reshape(mark - 1, answers, answers)]))


def tokens_of(made: Tokeniser, words: tuple[str, ...]) -> list[list[int]]:
    """The tokens of each word."""
    tokens = encode(made, words, end=False)
    return [tokens[i].tolist() for i in range(len(tokens))]


def chance_of_right(counter: Counter, words: tuple[str, ...], *, spelled_out: bool) -> Float[np.ndarray, " words"]:
    """p_hat of the right count of each word: after the whole word, or summed over all counts on the way."""
    asked = tokens_of(counter.tokeniser, words)
    right = np.array([one.count(LETTER) for one in words])
    answers = counter.step.shape[1]
    if spelled_out:
        state = np.zeros((len(asked), answers))
        state[:, 0] = 1.0
        for place in range(max(map(len, asked))):
            here = [i for i, one in enumerate(asked) if place < len(one)]
            step = counter.step[[asked[i][place] for i in here]]
            state[here] = np.einsum("wc,wcd->wd", state[here], step)
        return np.asarray(state[np.arange(len(asked)), right])
    mark = len(counter.each)
    size = counter.whole.counts.vocabulary
    prompts = flatten([[*one, mark] for one in asked], size)
    p_hat = response_probabilities(counter.whole, prompts, flatten([[mark + 1 + c, END] for c in range(answers)], size))
    return np.asarray(p_hat[np.arange(len(asked)), right])


def scene(order: float, smoothing: str, length: float, training: float) -> Scene:
    """Lay two poor families beside each other: the error of n-grams of words, and of four letter counters.

    Left: given the corpus the error is exact; a black stroke is the bound of Corollary 2. Right: means over 200 words
    that were not in training, with one Monte Carlo standard error on the card and 1.96 in the picture; whatever is not
    the right count is an error.
    """
    along = pronouns(smoothing)
    error, bound = map(float, along[ORDERS.index(int(order))])
    asked = words_asked(int(training), int(length))
    made = counters(int(training), smoothing)
    wrong = {
        name: 1.0 - chance_of_right(made[name.split("_")[0]], asked, spelled_out=name.endswith("out"))
        for name in COUNTERS
    }
    mean = {name: float(one.mean()) for name, one in wrong.items()}
    mcse = {name: float(one.std(ddof=1) / np.sqrt(len(one))) for name, one in wrong.items()}
    with canvas(2, left=0.16, right=0.985, bottom=0.15, top=0.91, width_ratios=(1.15, 1)) as (figure, (left, right)):
        figure.subplots_adjust(wspace=0.4)
        _orders(left, along, int(order))
        _counters(right, mean, mcse)
    found = [
        Number("error", "her or his: error", error, share(error)),
        Number("bound", "Corollary 2: at least", bound, "0, vacuous" if bound == 0 else share(bound)),
    ]
    found += [
        Number(name, COUNTERS[name][0].replace("\n", ", "), mean[name], f"{mean[name]:.2f} ± {mcse[name]:.1g}")
        for name in COUNTERS
    ]
    tokens = tokens_of(made["subword"].tokeniser, (SPELLED,))[0]
    pieces = "·".join(made["subword"].tokeniser.pieces[token] for token in tokens)
    seen = "does not reach the pronoun: half of its answers are wrong" if bound else "reaches the pronoun"
    return Scene(
        figure,
        tuple(found),
        f"A context of {order - 1:g} {'word' if order == 2 else 'words'} {seen}. Subwords hide the letters: "
        f"{SPELLED} is read as {pieces}.",
    )


def _orders(axes: Axes, along: tuple[tuple[float, float], ...], order: int) -> None:
    """The error of each n as a bar beside the word that n brings into sight, and the bound as a stroke."""
    errors, bounds = zip(*along, strict=True)
    rows = np.array(ORDERS)
    axes.barh(rows, errors, 0.72, color=[(RED, 1.0 if n == order else 0.35) for n in ORDERS])
    axes.vlines(bounds, rows - 0.46, rows + 0.46, color=INK, lw=3)
    axes.set(xlim=(0, 0.85), ylim=(ORDERS[-1] + 0.6, ORDERS[0] - 0.6), xlabel="error", title="out of her mind, or his?")
    axes.set_xticks([0, 0.25, 0.5], ["0", "", "1/2"])
    axes.text(-0.02, 1.02, "in sight\u2002n", transform=axes.transAxes, ha="right", va="bottom", fontsize=14)
    axes.text(max(bounds) + 0.03, 4, "bound of\nCorollary 2", va="center", fontsize=14)
    labels = axes.set_yticks(ORDERS, [f"{seen}\u2002{n}" for n, seen in zip(ORDERS, reached(), strict=True)])
    for n, tick in zip(ORDERS, labels, strict=True):
        tick.label2.set_visible(False)
        tick.label1.set(alpha=1.0 if n <= order else 0.55, fontweight="bold" if n <= order else "normal")


def _counters(axes: Axes, mean: dict[str, float], mcse: dict[str, float]) -> None:
    """The error of each letter counter."""
    for place, (name, (_, colour, hatch)) in enumerate(COUNTERS.items()):
        axes.barh(place, mean[name], 0.6, color=colour, hatch=hatch, edgecolor=INK, lw=0)
        bar = normal_quantile(0.95) * mcse[name]
        axes.errorbar([mean[name]], [place], xerr=[bar], color=INK, capsize=6, lw=2.5)
    axes.set(xlim=(0, 1.03), ylim=(3.6, -0.6), xlabel="error", title=f"how many {LETTER}s in a new word?")
    axes.set_xticks([0, 0.5, 1], ["0", "1/2", "1"])
    axes.set_yticks(range(len(COUNTERS)), [label for label, _, _ in COUNTERS.values()])


def _prepare() -> None:
    """Compile, or load, and fit what a picture would wait for: a second, once."""
    for smoothing in SMOOTHINGS:
        pronouns(smoothing)
        for draws in TRAINING:
            counters(int(draws), smoothing)


_prepare()

DEMONSTRATION = Demonstration(
    slug="poor_models",
    motivation="Not every error is for want of data: some models cannot hold what they were told.",
    controls=(
        Slider("order", "n: the model sees n − 1 words", tuple(map(float, ORDERS)), 3.0),
        Choice("smoothing", "smoothing", SMOOTHINGS, "kneser_ney", SMOOTHINGS.__getitem__),
        Slider("length", "letters of the word asked", evenly(4, LONGEST, 1), 8.0),
        Slider("training", "words in training", TRAINING, 500.0, count),
    ),
    scene=scene,
    questions=(
        (
            "Change the smoothing while n is 8 or less. Why does nothing move?",
            "Both prompts are one to the model, so that it says “her” as often after the one as after the other, "
            "however often that is: what it gains on one prompt it loses on the other, and the error is 1/2 exactly.",
        ),
        (
            "At which n does the error fall, and would more sentences have helped before?",
            "At n = 9, where a context of 8 words reaches She or He. Before that no corpus helps: the bound is one of "
            "the family, and holds for every training set.",
        ),
        (
            "Letters at once are not much better than subwords at once. What is it that helps?",
            "Spelling out: then the state is the running count, which is short and has been met before, while a whole "
            "new word has not. With little training letters win, as there are few of them to learn about; subwords "
            "need each of their tokens at each count, and with 50 words spelling them out is worse than not.",
        ),
    ),
    theorems=("error_from_context", "error_from_family"),
    tests=("tests/test_contexts.py", "tests/test_teach_practice.py"),
    experiments=("experiments/error_from_context.py", "experiments/letters_from_tokens.py"),
)  # fmt: skip
