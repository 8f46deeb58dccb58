"""Does a higher monofact rate make an n-gram model hallucinate more, and does upweighting a few examples help?

Aims: the n-gram study of Miao & Kearns 2025 (arXiv 2502.08666), read as its public code measures and as the theory of
Kalai & Vempala 2024 (arXiv 2311.14648) does. Data: 19,999 facts of six fields, each as often in the world as a Pareto
variate rounded down says, and two corpora of 5,000 from them: without replacement for the published reading, i.i.d.
for the other. The facts are those of films (mode "films"), which are not regular as the theory assumes, or six fields
drawn apart, anew in each replicate, which are (mode "iid"). Estimands: as published (measures that end so), the
distinct false strings among 5,000 generations, the miscalibration over true facts alone with p and p_hat weighted by
each fact's number of copies, and the empirical KL; in theory, the exact mass on false strings and the miscalibration
over the level sets, and over log bins, of p_hat on all strings. Methods: a chain of order 2, maximum likelihood; the
chain made calibrated as Kalai & Vempala's algorithm is ("spread"): its mass scaled down, the monofact rate even over
what it would never write; and chains that upweight the first m examples: "added" as the public code does (counts
added to probabilities, for m + 1 examples), "weighted" tenfold, "duplicated". Performance: means over corpora with
Monte Carlo standard errors; beside the sampled miscalibration that of a perfect oracle, p_hat = p, from as many
generations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, Field

from simlab import bounds, measures
from simlab.errors import BadInput
from simlab.models.chains import (
    Chain,
    Steps,
    Walk,
    fit,
    generate,
    index_steps,
    log_bins,
    number_strings,
    overlay,
    probabilities,
    walk,
)
from simlab.pairs import ERROR, NONSENSE, VALID, Pairs
from simlab.seeds import Streams
from simlab.worlds import SixFields, films, regular

Facts = Float[np.ndarray, " facts"]
Counts = Int[np.ndarray, " facts"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Facts in the order in which they were drawn, how often each was, and the maximum-likelihood chain."""

    written: Counts
    counts: Counts
    chain: Chain

    @property
    def singleton_rate(self) -> float:
        """The monofact rate: facts drawn once, over N."""
        return float((self.counts == 1).sum() / len(self.written))


@dataclass(frozen=True, eq=False)
class Model:
    """A chain, its probability of each fact, and the mass spread evenly over all strings that it never writes."""

    steps: Steps
    chain: Chain
    p_hat: Facts
    spread: float


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    shape: float = Field(1.5, ge=0.5, le=20, description="of the Pareto law of how often a fact is in the world")
    mode: Literal["films", "iid"] = Field("films", description="facts of films, or regular ones as the theory assumes")
    tokens: Literal["words", "fields"] = Field("words", description="a token a word, as published, or a field")
    facts: int = Field(19_999, ge=100, le=10**6, description="|F|, the true facts")
    draws: int = Field(5_000, ge=1, le=10**6, description="N, the training facts")
    generations: int = Field(5_000, ge=1, le=10**7, description="strings drawn from the model")
    methods: tuple[str, ...] = Field(
        ("chain", "spread", "added_250", "added_312", "weighted_250", "weighted_312", "duplicated_250"),
        min_length=1,
        description="chain, spread, and added_m, weighted_m or duplicated_m for m upweighted examples",
    )
    weight: float = Field(10.0, gt=1, le=10**6, description="of an example that is upweighted by weighted_m")
    epsilon: float = Field(0.1, ge=0.001, lt=1, description="log bins are (1 - epsilon)^i")
    floor: float = Field(1e-7, ge=1e-9, le=1e-3, description="strings less probable are not walked one by one")
    facts_seed: int = Field(1, ge=0, description="seed of the facts of films, which all corpora share")
    gamma: float | None = Field(
        None, gt=0, lt=1, description="the bound in its form at 1 - gamma; none: as published, at 99%"
    )


GRID = {
    "shape": (1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0),
    "mode": ("films", "iid"),
    "tokens": ("words", "fields"),
}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {
    "replicates": 5,
    "block": 5,
    "grid": {
        "shape": (1.25, 3.0),
        "mode": ("films", "iid"),
        "tokens": ("words", "fields"),
        "facts": (1_999,),
        "draws": (500,),
        "generations": (500,),
    },
}
SHOWN = {
    "singleton_rate_published": "monofact rate, published",
    "error_published": "error, published",
    "miscalibration_published": "miscal., published",
    "singleton_rate": "monofact rate",
    "error": "error",
    "miscalibration": "miscalibration",
    "error_from_monofacts_sharp_value": "bound",
}
MEASURES = (
    "error_distinct",
    "error_sampled",
    "kl_published",
    "miscalibration_binned",
    "miscalibration_oracle",
    "miscalibration_sampled",
    "miscalibration_unresolved",
    "missing_mass_published",
)
PICTURE = "error_against_monofacts"
UPWEIGHTED = re.compile(r"(added|weighted|duplicated)_([1-9]\d*)")


def check(config: Config) -> None:
    """Refuse, before anything is drawn, methods that do not exist and more draws than there may be facts."""
    for method in config.methods:
        examples(method, config.draws)
    if config.draws > config.facts:
        raise BadInput(
            f"draws = {config.draws}: must be at most facts = {config.facts}, for the published reading draws without "
            "replacement; take more facts or fewer draws"
        )


def examples(method: str, draws: int) -> int:
    """How many examples ``method`` upweights, 0 for those that do not. Raises ``BadInput`` for what is no method."""
    if method in ("chain", "spread"):
        return 0
    found = UPWEIGHTED.fullmatch(method)
    if not found:
        raise BadInput(
            f"method {method!r} is unknown: give chain, spread, added_m, weighted_m or duplicated_m (m >= 1)"
        )
    if int(found[2]) > draws:
        raise BadInput(f"method {method!r} upweights {found[2]} of draws = {draws} examples: take at most that many")
    return int(found[2])


@lru_cache(maxsize=4)
def film_world(facts: int, seed: int, tokens: Literal["words", "fields"]) -> tuple[SixFields, Steps]:
    """Return the facts of films that all corpora share, with their steps numbered; made once a process."""
    return indexed(films(facts, Streams(seed, "film facts").numpy("facts"), tokens=tokens))


def indexed(facts: SixFields) -> tuple[SixFields, Steps]:
    """Return the facts with the steps of their strings numbered."""
    return facts, index_steps(facts.tokens, facts.offsets)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row a method."""
    return [row for one in streams for row in study(config, one)]


def study(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """Draw the copies and both corpora of one replicate and measure every method in both readings."""
    if config.mode == "iid":
        facts, steps = indexed(regular(config.facts, streams.numpy("facts"), tokens=config.tokens))
    else:
        facts, steps = film_world(config.facts, config.facts_seed, config.tokens)
    copies = pareto_copies(config.shape, config.facts, streams.numpy("copies"))
    rows: list[dict[str, Any]] = [{"replicate": streams.replicate, "method": method} for method in config.methods]
    for reading in (in_theory, as_published):
        for row, found in zip(rows, reading(facts, steps, copies, config, streams), strict=True):
            row |= found
    return rows


def in_theory(
    facts: SixFields, steps: Steps, copies: Counts, config: Config, streams: Streams
) -> list[dict[str, float]]:
    """Every method on an i.i.d. corpus, measured as in the theory; one record a method."""
    corpus = corpus_of(steps, copies, config.draws, streams.numpy("corpus"), replace=True)
    p = copies / copies.sum()
    oracle = draw(copies, config.generations, streams.numpy("oracle"), replace=True)
    shared = {
        "singleton_rate": corpus.singleton_rate,
        "missing_mass": float(p[corpus.counts == 0].sum()),
        "miscalibration_oracle": sampled_miscalibration(p, oracle),
    }
    rows = []
    for method in config.methods:
        model = trained(steps, corpus, method, config)
        row = shared | {"error": 1.0 - float(believed(model, facts)[0].sum())}
        row |= miscalibrated(model, p, facts, config)
        number = shown(model, config.generations, streams, "generations")
        row["error_sampled"] = float((number >= facts.n_facts).mean())
        row["error_distinct"] = distinct_false(number, facts)
        row["miscalibration_sampled"] = sampled_miscalibration(p, number)
        rows.append(row | bounded(row, facts, config))
    return rows


def as_published(
    facts: SixFields, steps: Steps, copies: Counts, config: Config, streams: Streams
) -> list[dict[str, float]]:
    """Every method on a corpus drawn without replacement, measured as by the public code; one record a method."""
    corpus = corpus_of(steps, copies, config.draws, streams.numpy("published corpus"), replace=False)
    rows = []
    for method in config.methods:
        model = trained(steps, corpus, method, config)
        number = shown(model, config.generations, streams, "published generations")
        p_hat = (1.0 - model.spread) * probabilities(steps, model.chain, least=1e-10)  # its floor for the unseen
        p_hat = np.maximum(p_hat, believed(model, facts)[1])
        apart, kl = over_true_facts(copies, corpus.counts, p_hat, config.epsilon)
        rows.append(
            {
                "singleton_rate_published": corpus.singleton_rate,
                "missing_mass_published": float(copies[corpus.counts == 0].sum() / copies.sum()),
                "error_published": distinct_false(number, facts),
                "miscalibration_published": apart,
                "kl_published": kl,
            }
        )
    return rows


def over_true_facts(copies: Counts, counts: Counts, p_hat: Facts, epsilon: float) -> tuple[float, float]:
    """The published miscalibration over all facts, each listed once a copy, and KL over the training facts.

    1/2 sum of |p(B) - p_hat(B)|, and sum of p(B) ln(p(B) / p_hat(B)), over log bins B.
    """
    p, q, bin_of = listed(copies, p_hat, epsilon)
    apart = np.bincount(bin_of, p - q)
    seen = counts > 0
    p, q, bin_of = listed(counts[seen], p_hat[seen], epsilon)
    in_p, in_q = np.bincount(bin_of, p), np.bincount(bin_of, q)
    filled = in_p > 0
    return float(abs(apart).sum() / 2), float((in_p[filled] * np.log(in_p[filled] / in_q[filled])).sum())


def listed(copies: Counts, p_hat: Facts, epsilon: float) -> tuple[Facts, Facts, Counts]:
    """p and p_hat of facts listed once a copy, each made to sum to 1 over the list, and the log bin of p_hat.

    A fact's entries share one probability, in p its share of the list, so that p weighs a fact by the square of its
    copies. Bins narrower than 1e-10 are dropped by the public code, and what falls into none is put into its last.
    """
    each = p_hat / (copies * p_hat).sum()
    p = copies.astype(float) ** 2
    least = max(1e-10 * (1.0 - epsilon) / epsilon, 1e-10)
    return p / p.sum(), copies * each, log_bins(each, least, epsilon)


def pareto_copies(shape: float, facts: int, rng: np.random.Generator) -> Counts:
    """How often each fact is in the world: a Pareto variate of scale 1, rounded down."""
    return np.floor((1.0 - rng.random(facts)) ** (-1.0 / shape)).astype(np.int64)


def draw(copies: Counts, n: int, rng: np.random.Generator, *, replace: bool) -> Counts:
    """Draw ``n`` facts, in order, from a world that holds each in so many copies, with or without putting back."""
    upto = np.cumsum(copies)
    place = rng.integers(0, upto[-1], n)
    while not replace:  # a copy that was drawn before is passed over
        place = place[np.sort(np.unique(place, return_index=True)[1])]
        if len(place) == n:
            break
        place = np.append(place, rng.integers(0, upto[-1], n - len(place)))
    return np.searchsorted(upto, place, side="right")


def corpus_of(steps: Steps, copies: Counts, n: int, rng: np.random.Generator, *, replace: bool) -> Corpus:
    """Draw a corpus of ``n`` facts and count its chain."""
    written = draw(copies, n, rng, replace=replace)
    counts = np.bincount(written, minlength=len(copies))
    return Corpus(written, counts, fit(steps, counts.astype(float)))


def trained(steps: Steps, corpus: Corpus, method: str, config: Config) -> Model:
    """Return the model of ``method``."""
    m, chain, n = examples(method, config.draws), corpus.chain, len(corpus.counts)
    if method.startswith("added"):  # the public code takes one example more than it says
        chain = overlay(steps, chain, np.bincount(corpus.written[: m + 1], minlength=n).astype(float))
    elif m > 0:
        more = config.weight - 1.0 if method.startswith("weighted") else 1.0
        chain = fit(steps, corpus.counts + more * np.bincount(corpus.written[:m], minlength=n))
    spread = corpus.singleton_rate if method == "spread" else 0.0
    return Model(steps, chain, probabilities(steps, chain), spread)


def believed(model: Model, facts: SixFields) -> tuple[Facts, float]:
    """p_hat of every fact, and of each string that the chain never writes: ``spread`` is even over those.

    All false strings are counted among them: those that the chain does write are one in millions.
    """
    never = model.p_hat == 0
    share = model.spread / (int(never.sum()) + facts.n_false)
    return np.where(never, share, (1.0 - model.spread) * model.p_hat), share


def shown(model: Model, n: int, streams: Streams, stage: str) -> Counts:
    """Draw ``n`` strings and number them: i < |F| is fact i, equal numbers beyond are equal false strings."""
    number = number_strings(model.steps, generate(model.steps, model.chain, n, streams.numpy(stage)))
    fresh = streams.numpy(f"{stage}, fresh").random(n) < model.spread  # none is a fact, and no two are alike
    number[fresh] = model.steps.n_strings + n + np.flatnonzero(fresh)
    return number


def distinct_false(number: Counts, facts: SixFields) -> float:
    """Hallucinations as the public code counts them: distinct false strings over all generations."""
    return len(np.unique(number[number >= facts.n_facts])) / len(number)


def miscalibrated(model: Model, p: Facts, facts: SixFields, config: Config) -> dict[str, float]:
    """The miscalibration over all strings: by level sets from the table of pairs, and by log bins.

    By level sets it lies between ``miscalibration`` and that less ``miscalibration_unresolved``, the p of the facts
    whose probability is below the floor: false strings may share their level, and are not counted there.
    """
    walked = walk(model.steps, model.chain, model.p_hat, config.floor, config.epsilon)
    pairs = table(model, p, walked, facts)
    mass = (1.0 - model.spread) * walked.bins
    mass[-1] = 1.0 - mass[:-1].sum()  # what is below the floor, and what a spread chain gives to what it never writes
    bin_of = log_bins(model.p_hat, config.floor, config.epsilon)
    return {
        "miscalibration": measures.miscalibration(pairs),
        "miscalibration_unresolved": float(p[(model.p_hat > 0) & (model.p_hat < config.floor)].sum()),
        "miscalibration_binned": float(abs(np.bincount(bin_of, p, minlength=len(mass)) - mass).sum() / 2),
    }


def table(model: Model, p: Facts, walked: Walk, facts: SixFields) -> Pairs:
    """Lay p and p_hat side by side: a row a fact, one for the false strings at each fact's level, one for all others.

    Only false strings that share a level with some fact can offset it, so that all others may stand in one row, as
    nonsense does. A spread chain has one more: the false strings that it never writes, which share the facts' own.
    """
    at = walked.at - np.bincount(walked.of[walked.of >= 0], minlength=len(walked.at))
    kept, kept_mass = at > 0, float((at * walked.level).sum())
    elsewhere = max(1.0 - float(model.p_hat.sum()) - kept_mass, 0.0)
    p_hat, share = believed(model, facts)
    parts = [
        (np.ones(facts.n_facts), p_hat, VALID),
        (at[kept], (1.0 - model.spread) * walked.level[kept], ERROR),
        (np.ones(1), np.array([(1.0 - model.spread) * elsewhere]), NONSENSE),
    ]
    if model.spread > 0:
        parts.append((np.array([facts.n_false]), np.array([share]), ERROR))
    rows = sum(len(q) for _, q, _ in parts)
    return Pairs(
        multiplicity=np.concatenate([m for m, _, _ in parts]).astype(float),
        mu=np.ones(rows),
        p=np.append(p, np.zeros(rows - facts.n_facts)),
        p_hat=np.concatenate([q for _, q, _ in parts]),
        kind=np.concatenate([np.full(len(q), kind) for _, q, kind in parts]),
        n_valid=np.full(rows, facts.n_facts),
        n_errors=np.full(rows, facts.n_false),
    )


def sampled_miscalibration(p: Facts, number: Counts) -> float:
    """The miscalibration over level sets of the frequencies of a sample: string i < len(p) is fact i, others are false.

    1/2 sum over k >= 0 of |p(B_k) - k |B_k| / n|, where B_k holds the strings seen k times. A model's own sampling
    noise counts as miscalibration here, and so does that of an oracle.
    """
    found, times = np.unique(number, return_counts=True)
    fact = found < len(p)
    size = int(times.max()) + 1
    at = np.bincount(times[fact], p[found[fact]], minlength=size)
    at[0] = max(1.0 - at.sum(), 0.0)
    return float(abs(at - np.arange(size) * np.bincount(times, minlength=size) / len(number)).sum() / 2)


def bounded(row: dict[str, Any], facts: SixFields, config: Config) -> dict[str, float]:
    """Kalai and Vempala's bounds, strictest: with the least miscalibration that the walk allows."""
    least = min(max(row["miscalibration"] - row["miscalibration_unresolved"], 0.0), 1.0)
    sparsity = facts.n_facts / facts.n_false
    rate, error = row["singleton_rate"], min(row["error"], 1.0)
    reports = (
        bounds.error_from_monofacts(rate, config.draws, least, sparsity, gamma=config.gamma, error=error),
        bounds.error_from_monofacts_sharp(row["missing_mass"], least, sparsity, error),
    )
    return {name: value for report in reports for name, value in report.columns().items()}
