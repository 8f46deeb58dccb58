"""Does a higher monofact rate make an n-gram model hallucinate more, and does upweighting a few examples help?

Aims: the n-gram study of Miao & Kearns 2025 (arXiv 2502.08666), measured as its public code measures and as the
theory of Kalai & Vempala 2024 (arXiv 2311.14648) does. Data: 19,999 facts of six fields, each as often in the world as
a Pareto variate rounded down says, of which 5,000 are drawn: without replacement (mode "published") or i.i.d. (mode
"films"); in mode "iid" the facts are regular, too, as the theory assumes: six fields drawn apart, anew in each
replicate. Estimands: as published, the distinct false strings among 5,000 generations, the miscalibration over true
facts alone with p and p_hat weighted by each fact's number of copies, and the empirical KL; as in the theory, the
exact mass on false strings and the miscalibration over the level sets, and over log bins, of p_hat on all strings.
Methods: a chain of order 2, maximum likelihood; the chain made calibrated, as Kalai & Vempala's algorithm is: its
mass scaled down, the monofact rate spread over what it would never write; and chains that upweight the first m
examples: "added" as the public code does (counts added to probabilities, for m + 1 examples), "weighted" tenfold,
"duplicated". Performance: means over corpora with Monte Carlo standard errors; beside each sampled miscalibration
that of a perfect oracle, p_hat = p, from as many generations.
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
class Model:
    """A chain, its probability of each fact, and the mass spread evenly over all strings that it never writes."""

    steps: Steps
    chain: Chain
    p_hat: Facts
    spread: float


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    shape: float = Field(1.5, ge=0.5, le=20, description="of the Pareto law of how often a fact is in the world")
    mode: Literal["published", "films", "iid"] = Field(
        "films", description="film facts without replacement or i.i.d. (not regular), or i.i.d. regular facts"
    )
    tokens: Literal["words", "fields"] = Field("words", description="a token a word, as published, or a field")
    facts: int = Field(19_999, ge=100, le=10**6, description="|F|, the true facts")
    draws: int = Field(5_000, ge=1, le=10**7, description="N, the training facts")
    generations: int = Field(5_000, ge=1, le=10**7, description="strings drawn from the model")
    methods: tuple[str, ...] = Field(
        ("chain", "spread", "added_250", "added_312", "weighted_250", "weighted_312", "duplicated_250"),
        min_length=1,
        description="chain, spread, and added_m, weighted_m or duplicated_m for m upweighted examples",
    )
    weight: float = Field(10.0, gt=1, le=10**6, description="of an example that is upweighted by weighted_m")
    epsilon: float = Field(0.1, ge=0.001, lt=1, description="log bins are (1 - epsilon)^i")
    floor: float = Field(1e-7, ge=1e-9, le=1e-3, description="strings less probable are not walked one by one")
    facts_seed: int = Field(1, ge=0, description="seed of the film facts, which all corpora share")
    gamma: float | None = Field(
        None, gt=0, lt=1, description="the bound in its form at 1 - gamma; none: as published, at 99%"
    )


GRID = {
    "shape": (1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0),
    "mode": ("published", "films", "iid"),
    "tokens": ("words", "fields"),
}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {
    "replicates": 5,
    "block": 5,
    "grid": {
        "shape": (1.25, 3.0),
        "mode": ("published", "films", "iid"),
        "tokens": ("words", "fields"),
        "facts": (1_999,),
        "draws": (500,),
        "generations": (500,),
    },
}
SHOWN = {
    "singleton_rate": "monofact rate",
    "error_distinct": "distinct, published",
    "miscalibration_published": "miscal., published",
    "missing_mass": "missing mass",
    "error": "error",
    "miscalibration": "miscalibration",
    "error_from_monofacts_sharp_value": "bound",
}
PICTURE = "error_against_monofacts"
UPWEIGHTED = re.compile(r"(added|weighted|duplicated)_([1-9]\d*)")


def check(config: Config) -> None:
    """Refuse, before anything is drawn, methods that do not exist and more draws than there may be facts."""
    for method in config.methods:
        examples(method, config.draws)
    if config.mode == "published" and config.draws > config.facts:
        raise BadInput(
            f"draws = {config.draws}: without replacement (mode published) no more than facts = {config.facts} can be "
            "drawn for certain; take more facts, or mode films"
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
    """Return the film facts that all corpora share, with their steps numbered; made once a process."""
    return indexed(films(facts, Streams(seed, "film facts").numpy("facts"), tokens=tokens))


def indexed(facts: SixFields) -> tuple[SixFields, Steps]:
    """Return the facts with the steps of their strings numbered."""
    return facts, index_steps(facts.tokens, facts.offsets)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row a method."""
    return [row for one in streams for row in study(config, one)]


def study(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """Draw one corpus and measure every method on it, in both readings."""
    if config.mode == "iid":
        facts, steps = indexed(regular(config.facts, streams.numpy("facts"), tokens=config.tokens))
    else:
        facts, steps = film_world(config.facts, config.facts_seed, config.tokens)
    copies = pareto_copies(config.shape, config.facts, streams.numpy("copies"))
    written = draw(copies, config.draws, streams.numpy("corpus"), replace=config.mode != "published")
    counts = np.bincount(written, minlength=config.facts)
    p = copies / copies.sum()
    oracle = draw(copies, config.generations, streams.numpy("oracle"), replace=True)
    shared = {
        "replicate": streams.replicate,
        "singleton_rate": float((counts == 1).sum() / config.draws),
        "missing_mass": float(p[counts == 0].sum()),
        "miscalibration_oracle": sampled_miscalibration(p, oracle),
    }
    plain = fit(steps, counts.astype(float))
    rows = []
    for method in config.methods:
        chain = trained(steps, plain, counts, written, method, config)
        model = Model(
            steps, chain, probabilities(steps, chain), shared["singleton_rate"] if method == "spread" else 0.0
        )
        row = shared | {"method": method, "error": 1.0 - float(believed(model, facts)[0].sum())}
        row |= as_generated(model, p, config, streams) | as_published(model, copies, counts, facts, config)
        if config.mode != "published":
            row |= as_in_theory(model, p, facts, config)
            row |= bounded(row, facts, config)
        rows.append(row)
    return rows


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


def trained(steps: Steps, plain: Chain, counts: Counts, written: Counts, method: str, config: Config) -> Chain:
    """Return the chain of ``method``, given the maximum-likelihood chain and the facts in the order of the corpus."""
    m = examples(method, config.draws)
    if m == 0:
        return plain
    if method.startswith("added"):  # the public code takes one example more than it says
        return overlay(steps, plain, np.bincount(written[: m + 1], minlength=len(counts)).astype(float))
    more = config.weight - 1.0 if method.startswith("weighted") else 1.0
    return fit(steps, counts + more * np.bincount(written[:m], minlength=len(counts)))


def believed(model: Model, facts: SixFields) -> tuple[Facts, float]:
    """p_hat of every fact, and of each string that the chain never writes: ``spread`` is even over those.

    All false strings are counted among them: those that the chain does write are one in millions.
    """
    never = model.p_hat == 0
    share = model.spread / (int(never.sum()) + facts.n_false)
    return np.where(never, share, (1.0 - model.spread) * model.p_hat), share


def as_generated(model: Model, p: Facts, config: Config, streams: Streams) -> dict[str, float]:
    """The measures from generations: false strings with their repetitions and, as published, each counted once."""
    shown = generate(model.steps, model.chain, config.generations, streams.numpy("generations"))
    number = number_strings(model.steps, shown)
    fresh = streams.numpy("fresh").random(config.generations) < model.spread  # none is a fact, and no two are alike
    number[fresh] = model.steps.n_strings + config.generations + np.flatnonzero(fresh)
    false = number >= model.steps.n_strings
    return {
        "error_sampled": float(false.mean()),
        "error_distinct": len(np.unique(number[false])) / config.generations,
        "miscalibration_sampled": sampled_miscalibration(p, number),
    }


def as_in_theory(model: Model, p: Facts, facts: SixFields, config: Config) -> dict[str, float]:
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


def as_published(model: Model, copies: Counts, counts: Counts, facts: SixFields, config: Config) -> dict[str, float]:
    """The measures of the public code: over true facts alone, each as often in the list as it has copies."""
    p_hat = (1.0 - model.spread) * probabilities(model.steps, model.chain, least=1e-10)  # its floor for the unseen
    p_hat = np.maximum(p_hat, believed(model, facts)[1])
    p, q, bin_of = listed(copies, p_hat, config.epsilon)
    apart = np.bincount(bin_of, p - q)
    seen = counts > 0
    p, q, bin_of = listed(counts[seen], p_hat[seen], config.epsilon)
    train_p, train_q = np.bincount(bin_of, p), np.bincount(bin_of, q)
    filled = train_p > 0
    return {
        "miscalibration_published": float(abs(apart).sum() / 2),
        "kl_published": float((train_p[filled] * np.log(train_p[filled] / train_q[filled])).sum()),
    }


def listed(copies: Counts, p_hat: Facts, epsilon: float) -> tuple[Facts, Facts, Counts]:
    """p and p_hat of facts listed once a copy, each made to sum to 1 over the list, and the log bin of p_hat.

    A fact's entries share one probability, in p its share of the list, so that p weighs a fact by the square of its
    copies. Bins narrower than 1e-10 are dropped by the public code, and what falls into none is put into its last.
    """
    each = p_hat / (copies * p_hat).sum()
    p = copies.astype(float) ** 2
    least = max(1e-10 * (1.0 - epsilon) / epsilon, 1e-10)
    return p / p.sum(), copies * each, log_bins(each, least, epsilon)


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
