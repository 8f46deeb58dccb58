"""What was written: a corpus of N draws, as cells or listed draw by draw.

*Cells* (class, times answered, times IDK) -> number of facts describe an i.i.d. corpus completely, because the facts
of a class are exchangeable; their cost does not grow with N. The *listed* form, one record a draw, is the slow oracle
and the home of what breaks exchangeability: noisy labels, conflicting answers. What the theory lets a learner know
(|R_c|, alpha_c) travels with the corpus; popularity and the right answers do not.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.errors import BadInput, check_type, unknown
from simlab.occupancy import sample_cells
from simlab.records import brief
from simlab.worlds import World, check_draws

IDK = -1  # the response "I don't know" in a listed corpus
NOISE = 0.1  # the share of answers that noisy labels replace, unless told
MOST_LISTED = 10**7  # facts or draws that are listed one by one
MOST_ENTRIES = 5 * 10**7  # (fact, response) pairs that are listed one by one, 400 MB an array

A_WORLD, A_CORPUS = "a world, such as zipf(1000)", "a corpus, listed or of cells"
A_RNG = "a NumPy generator, such as Streams(seed=0).numpy('corpus')"


class BrokenAssumption(UserWarning):
    """The corpus was asked to break an assumption of the theorems: its draws are not i.i.d. or not true."""


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """A corpus of ``draws`` = N draws as cells, one entry of each array a cell.

    ``facts`` facts of class ``fact_class`` were drawn ``times_answered`` times with their answer and
    ``times_idk`` times with IDK. ``answers`` = |R_c| and ``answer_rate`` = alpha_c are what a learner may know
    of them; ``idk`` says whether IDK is a response at all; ``n_strings`` is |Y| in the Kalai-Vempala setting
    (one prompt), None with prompts. Counts above ``count_cap`` (if any) share its level, which leaves the law
    of the cells within ``total_variation`` of the exact one. ``mode`` names a broken assumption ("iid" if
    none).
    """

    draws: int
    fact_class: Int[np.ndarray, " cells"]
    times_answered: Int[np.ndarray, " cells"]
    times_idk: Int[np.ndarray, " cells"]
    facts: Int[np.ndarray, " cells"]
    answers: Int[np.ndarray, " cells"]
    answer_rate: Float[np.ndarray, " cells"]
    idk: bool = True
    n_strings: int | None = None
    count_cap: int | None = None
    total_variation: float = 0.0
    mode: str = "iid"

    def __repr__(self) -> str:
        return f"<Corpus of {self.draws:.12g} draws, {len(self.facts)} cells, mode {self.mode!r}>"

    @property
    def answered(self) -> np.ndarray:
        """Which cells were answered at least once, bool[cells]."""
        return self.times_answered > 0


@brief
@dataclass(frozen=True, eq=False)
class Truth:
    """A world whose facts are listed one by one, each with its right answer a_c, uniform on R_c (Definition 1)."""

    world: World
    fact_class: Int[np.ndarray, " facts"]
    correct: Int[np.ndarray, " facts"]


@brief
@dataclass(frozen=True, eq=False)
class Listed:
    """A corpus draw by draw: ``prompt`` (which fact) and ``answer`` (0 ... |R_c| - 1, or IDK = -1).

    The arrays over facts say what a learner may know of each prompt, as in ``Corpus``.
    """

    prompt: Int[np.ndarray, " draws"]
    answer: Int[np.ndarray, " draws"]
    fact_class: Int[np.ndarray, " facts"]
    answers: Int[np.ndarray, " facts"]
    answer_rate: Float[np.ndarray, " facts"]
    idk: bool = True
    n_strings: int | None = None
    mode: str = "iid"

    @property
    def draws(self) -> int:
        """N, the number of draws."""
        return len(self.prompt)

    @property
    def times_answered(self) -> Int[np.ndarray, " facts"]:
        """How often each fact was answered, whatever the answer."""
        return np.bincount(self.prompt[self.answer != IDK], minlength=len(self.answers))

    @property
    def counts(self) -> Int[np.ndarray, "facts responses"]:
        """How often each response was written, IDK in the last column."""
        width = int(self.answers.max()) + 1
        if width * len(self.answers) > MOST_ENTRIES:
            raise BadInput(
                f"a listed corpus of {len(self.answers)} facts x {width} responses has more than {MOST_ENTRIES} "
                "entries: take fewer facts or answers, or use cells"
            )
        column = np.where(self.answer == IDK, width - 1, self.answer)
        flat = np.bincount(self.prompt * width + column, minlength=len(self.answers) * width)
        return flat.reshape(len(self.answers), width)

    @property
    def plausible(self) -> Bool[np.ndarray, "facts responses"]:
        """Which columns of a table are responses of each fact: its first |R_c|, and the last, IDK, if it is one."""
        answers = np.arange(int(self.answers.max())) < self.answers[:, None]
        return np.hstack([answers, np.full((len(answers), 1), self.idk)])


CELL_MODES = ("iid", "deduplicated")
LISTED_MODES = ("iid", "deduplicated", "without_replacement", "noisy_labels")


def _warn(mode: str, breaks: str) -> None:
    warnings.warn(f"mode {mode!r} {breaks}: the theorems do not promise their bounds here", BrokenAssumption, 3)


def sample(
    world: World, draws: int, rng: np.random.Generator, *, count_cap: int | None = None, mode: str = "iid"
) -> Corpus:
    """Draw N = ``draws`` i.i.d. draws from ``world``, as cells; exact in law (``simlab.occupancy``).

    ``count_cap`` lets facts drawn more often than any count that matters share one level (answered and IDK counts
    apart); it must be at least 2, or singletons could not be told from the rest. ``mode="deduplicated"`` keeps every
    (prompt, response) once, as web crawls are cleaned, and warns: N shrinks to what is kept. Raises ``BadInput``.
    """
    check_type("world", world, World, A_WORLD)
    draws = check_draws(draws)
    check_type("rng", rng, np.random.Generator, A_RNG)  # compiled code would answer with a page of types
    if count_cap is not None:
        if not isinstance(count_cap, (int, float, np.integer)) or not (2 <= count_cap <= 10**6 and count_cap % 1 == 0):
            raise BadInput(f"count_cap = {count_cap}: must be a whole number from 2 to 1000000, or None")
        count_cap = int(count_cap)
    if mode not in CELL_MODES:
        if mode in LISTED_MODES:
            raise BadInput(f"mode {mode!r} needs single draws: use simlab.corpora.sample_listed")
        raise unknown("mode", mode, LISTED_MODES)
    table, error = sample_cells(rng, draws, world.facts, world.popularity, world.answer_rate, count_cap)
    fact_class = table[:, 0]
    corpus = Corpus(
        draws,
        fact_class,
        table[:, 1],
        table[:, 2],
        table[:, 3],
        world.answers[fact_class],
        world.answer_rate[fact_class],
        world.idk,
        None if world.n_false is None else world.n_facts + world.n_false,
        count_cap,
        error,
    )
    return corpus if mode == "iid" else _deduplicated(corpus)


def _deduplicated(corpus: Corpus) -> Corpus:
    """Keep each (prompt, response) once; cells that then look alike become one."""
    _warn("deduplicated", "counts every written fact once")
    once = np.stack([corpus.fact_class, np.minimum(corpus.times_answered, 1), np.minimum(corpus.times_idk, 1)])
    cells, first, cell = np.unique(once, axis=1, return_index=True, return_inverse=True)
    facts = np.zeros(cells.shape[1], dtype=np.int64)
    np.add.at(facts, cell.reshape(-1), corpus.facts)
    return replace(
        corpus,
        draws=int(((cells[1] + cells[2]) * facts).sum()),
        fact_class=cells[0],
        times_answered=cells[1],
        times_idk=cells[2],
        facts=facts,
        answers=corpus.answers[first],
        answer_rate=corpus.answer_rate[first],
        mode="deduplicated",
    )


def list_facts(world: World, rng: np.random.Generator) -> Truth:
    """List the facts of ``world`` one by one and draw their right answers; for worlds of at most 1e7 facts."""
    check_type("world", world, World, A_WORLD)
    check_type("rng", rng, np.random.Generator, A_RNG)
    if world.n_facts > MOST_LISTED:
        raise BadInput(f"facts = {world.n_facts}: at most {MOST_LISTED} can be listed one by one; use cells")
    fact_class = np.repeat(np.arange(len(world.facts)), world.facts)
    correct = rng.integers(0, world.answers[fact_class])
    return Truth(world, fact_class, correct if world.prompted else np.zeros_like(correct))


def sample_listed(
    truth: Truth,
    draws: int,
    rng: np.random.Generator,
    *,
    mode: str = "iid",
    population: int | None = None,
    noise: float | None = None,
) -> Listed:
    """Draw N = ``draws`` draws one by one: the form that lists every record, and the oracle of the cells.

    Modes that break an assumption, and warn: ``"deduplicated"`` keeps every (prompt, response) once;
    ``"without_replacement"`` draws from a finite source of ``population`` documents (default 2 N) in which every fact
    stands as often as its popularity says, rounded down, at least once (so Good-Turing's premise fails);
    ``"noisy_labels"`` replaces each answer, with probability ``noise`` (default 0.1), by one uniform on R_c.
    Raises ``BadInput`` for an unknown mode or more draws than the source holds.
    """
    check_type("truth", truth, Truth, "a world whose facts are listed: list_facts(world, rng)")
    draws = check_draws(draws)
    check_type("rng", rng, np.random.Generator, A_RNG)
    if draws > MOST_LISTED:
        raise BadInput(f"draws = {draws}: at most {MOST_LISTED} can be listed one by one; use simlab.corpora.sample")
    if mode not in LISTED_MODES:
        raise unknown("mode", mode, LISTED_MODES)
    for name, value, needs in (("population", population, "without_replacement"), ("noise", noise, "noisy_labels")):
        if value is not None and mode != needs:
            raise BadInput(f"{name} = {value} is given with mode {mode!r}: it belongs to mode {needs!r}")
    world, kind = truth.world, truth.fact_class
    popularity = world.popularity[kind]
    if mode == "without_replacement":
        prompt = _without_replacement(popularity, draws, rng, 2 * draws if population is None else population)
    else:
        prompt = rng.choice(len(kind), size=draws, p=popularity / popularity.sum())
    told = rng.random(draws) < world.answer_rate[kind][prompt]
    answer = np.where(told, truth.correct[prompt], IDK)
    if mode == "noisy_labels":
        answer = _noisy(answer, world.answers[kind][prompt], rng, NOISE if noise is None else noise)
    if mode == "deduplicated":
        _warn(mode, "counts every written fact once")
        prompt, answer = np.unique(np.stack([prompt, answer]), axis=1)
    n_strings = None if world.n_false is None else world.n_facts + world.n_false
    return Listed(prompt, answer, kind, world.answers[kind], world.answer_rate[kind], world.idk, n_strings, mode)


def _without_replacement(
    popularity: Float[np.ndarray, " facts"], draws: int, rng: np.random.Generator, population: int
) -> Int[np.ndarray, " draws"]:
    """Draw from a finite multiset of documents, none of them twice."""
    _warn("without_replacement", "draws no document twice")
    copies = np.maximum(np.floor(popularity * population * (1 + 1e-12)), 1).astype(np.int64)  # .29 x 100 is 29
    if draws > copies.sum():
        raise BadInput(f"draws = {draws}: the source holds {copies.sum()} documents; give a larger population")
    return rng.permutation(np.repeat(np.arange(len(copies)), copies))[:draws]


def _noisy(
    answer: Int[np.ndarray, " draws"], answers: Int[np.ndarray, " draws"], rng: np.random.Generator, noise: float
) -> Int[np.ndarray, " draws"]:
    """Replace stated answers, with probability ``noise`` (default 0.1), by uniform ones."""
    if not 0.0 <= noise <= 1.0:
        raise BadInput(f"noise = {noise:.6g}: must lie between 0 and 1")
    _warn("noisy_labels", "writes false answers")
    wrong = (rng.random(len(answer)) < noise) & (answer != IDK)
    return np.where(wrong, rng.integers(0, answers), answer)


def group(corpus: Listed) -> Corpus:
    """Count a listed corpus into cells.

    Raises ``BadInput`` where some prompt has two different answers: its facts are no longer exchangeable.
    """
    check_type("corpus", corpus, Listed, "a corpus listed draw by draw: sample_listed(truth, draws, rng)")
    counts = corpus.counts
    if ((counts[:, :-1] > 0).sum(1) > 1).any():
        raise BadInput("a corpus with conflicting answers has no cells: keep it listed")
    keys = np.stack([corpus.fact_class, corpus.times_answered, counts[:, -1]])
    cells, facts = np.unique(keys, axis=1, return_counts=True)
    classes, one_of_each = np.unique(corpus.fact_class, return_index=True)
    first = one_of_each[np.searchsorted(classes, cells[0])]
    known = corpus.answers[first], corpus.answer_rate[first]
    return Corpus(
        corpus.draws, cells[0], cells[1], cells[2], facts, *known, corpus.idk, corpus.n_strings, mode=corpus.mode
    )


def singleton_rate(corpus: Corpus | Listed) -> float:
    """sr = #{c answered exactly once} / N (KNVZ 2025, Definition 2): IDK rows count in N, not as appearances."""
    check_type("corpus", corpus, (Corpus, Listed), A_CORPUS)
    if isinstance(corpus, Listed):
        return float((corpus.times_answered == 1).sum() / corpus.draws)
    return float(corpus.facts[corpus.times_answered == 1].sum() / corpus.draws)
