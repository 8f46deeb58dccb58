"""Which interval for the missing mass keeps its promise, and what does keeping it cost?

Aims: bias, mean squared error, coverage and width of every estimator and interval of ``simlab.missing_mass``. Data:
corpora of N = 1e2 to 1e9 draws, on cells, from nine worlds: uniform where Good-Turing is at its worst, Zipf 0.8, 1,
1.5 and 2, geometric, two-level, uniform with one singleton expected, and the frequencies of a published table.
Estimands: the missing mass of each corpus; the mass of the facts it holds once and twice; the number of facts it
lacks; how many of those N and 5 N further draws would find, in the mean given the corpus; the expected coverage of 2 N
draws, and how many draws the expected missing mass takes to halve; of Zipf worlds with an exponent a > 1 that 1/a.
Methods: "estimator, interval". Performance: bias, mean squared error, coverage and width with their Monte Carlo
standard errors; the bound in probability is judged as all bounds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds, missing_mass
from simlab.corpora import Corpus, sample
from simlab.missing_mass import CountsOfCounts, Estimate, counts_of
from simlab.seeds import Streams
from simlab.worlds import STUDIED, World, expected_missing_mass, studied_world


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=2, le=10**15, description="N, the number of draws")
    world: Literal[
        "uniform_worst",
        "zipf_0.8",
        "zipf_1",
        "zipf_1.5",
        "zipf_2",
        "geometric",
        "two_level",
        "few_singletons",
        "prosody",
    ] = Field("uniform_worst", description="the law of popularity")
    answer_rate: float = Field(1.0, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    gamma: float = Field(0.05, gt=0, lt=1, description="intervals have the level 1 - gamma")
    bootstrapped: int = Field(60, ge=0, description="replicates, the first ones, of which a bootstrap is taken")
    resamples: int = Field(99, ge=19, description="resamples of a bootstrap")


GRID: dict[str, tuple[Any, ...]] = {
    "world": STUDIED,
    "draws": (100, 1_000, 10_000, 10**6, 10**9),
}
REPLICATES = 500
BLOCK = 50
SMOKE: dict[str, Any] = {
    "replicates": 100,
    "block": 50,
    "grid": {"world": ("uniform_worst",), "draws": (100,), "resamples": (19,), "bootstrapped": (5,)},
}
EXPONENTS = {"zipf_1.5": 1 / 1.5, "zipf_2": 1 / 2}
"""The index of regular variation where a world has one: 1/a of a Zipf world with a > 1."""
SAMPLED = ("good_turing, bootstrap", "coverage_curve, bootstrap_score", "draws_until, bootstrap_score")
LARGE = 10**6
"""Beyond this N a third of the bootstraps is taken: each costs up to a second there."""
SHOWN = ("estimate", "width", "singleton_rate", "missing_mass_from_counts_slack")
PICTURE = "missing_mass_intervals"


def counts_of_corpus(corpus: Corpus) -> CountsOfCounts:
    """The counts of counts of a corpus of cells."""
    level, place = np.unique(corpus.times_answered, return_inverse=True)
    facts = np.zeros(len(level), dtype=np.int64)
    np.add.at(facts, place.reshape(-1), corpus.facts)
    idk = int((corpus.times_idk * corpus.facts).sum())
    return counts_of(dict(zip(level[level > 0].tolist(), facts[level > 0].tolist(), strict=True)), idk)


def estimands(config: Config, world: World, corpus: Corpus) -> dict[str, float]:
    """What is estimated, of one corpus: exact sums over its cells, and over the classes of its world."""
    popularity = world.answered_popularity[corpus.fact_class]
    mass = corpus.facts * popularity
    unseen = corpus.times_answered == 0
    with np.errstate(divide="ignore"):  # a fact that is the whole world is never unseen
        stay = corpus.draws * np.log1p(-popularity[unseen])
    missing, once = float(mass[unseen].sum()), float(mass[corpus.times_answered == 1].sum())
    target, halved = halving(config.world, config.draws, config.answer_rate)
    exponent = EXPONENTS.get(config.world, math.nan)
    return {
        "missing_mass": missing,
        "missing_mass_before_last": missing + once / corpus.draws,  # in the mean over which draw is the last
        "mass_seen_once": once,
        "mass_seen_twice": float(mass[corpus.times_answered == 2].sum()),
        "unseen_facts": float(corpus.facts[unseen].sum()),
        "new_facts": -float((corpus.facts[unseen] * np.expm1(stay)).sum()),
        "new_facts_in_5n": -float((corpus.facts[unseen] * np.expm1(5 * stay)).sum()),
        "coverage_of_2n": 1 - expected_missing_mass(world, 2 * corpus.draws),
        "target": target,
        "draws_until_half": halved,
        "draws_until_half_by_power_law": halved if math.isfinite(exponent) else math.nan,
        "exponent": exponent,
    }


@lru_cache(maxsize=64)
def halving(name: str, draws: int, answer_rate: float) -> tuple[float, float]:
    """Half the expected missing mass after N draws, and how many further draws it takes to fall there."""
    world = studied_world(name, draws, answer_rate)
    target = expected_missing_mass(world, draws) / 2
    if target < 1e-12:  # nothing is missing that could be halved
        return math.nan, math.nan
    low, high = draws, 2 * draws
    while high < 10**18 and expected_missing_mass(world, high) > target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected_missing_mass(world, middle) > target else (low, middle)
    return target, float(high - draws)


def _coverage_of_2n(counts: CountsOfCounts, **options: Any) -> Estimate:
    """The point of the coverage curve at 2 N draws."""
    curve = missing_mass.coverage_curve(counts, [2 * counts.draws], **options)
    ends = float(curve.coverage[0]), float(curve.low[0]), float(curve.high[0])
    return Estimate(*ends, curve.level, curve.method, curve.source, curve.promise)


Compared = list[tuple[str, Callable[[CountsOfCounts], Estimate]]]


def exact_ones(level: float, target: float) -> Compared:
    """(estimand, estimator) of all that samples nothing, by method."""
    mm = missing_mass
    kinds = [kind for kind in mm.INTERVALS if kind != "bootstrap"]
    compared: list[tuple[str, Callable[..., Estimate]]] = [
        *(("missing_mass", partial(mm.good_turing, interval=kind)) for kind in kinds),
        ("missing_mass", partial(mm.chao_jost, interval="score")),
        ("missing_mass", lambda counts, level: mm.simple_good_turing(counts, level=level).missing_mass),
        ("missing_mass_before_last", mm.robbins),
        ("mass_seen_once", partial(mm.good_mass, k=1)),
        ("mass_seen_twice", partial(mm.good_mass, k=2)),
        *(("unseen_facts", partial(mm.chao1, convention=name)) for name in ("chao", "classic", "bias_corrected")),
        ("unseen_facts", mm.ace),
        *(("unseen_facts", partial(mm.jackknife, order=order)) for order in (1, 2)),
        ("new_facts", partial(mm.good_toulmin, t=1.0)),
        *(
            ("new_facts_in_5n", partial(mm.smoothed_good_toulmin, t=5.0, smoothing=name))
            for name in ("binomial", "poisson", "efron_thisted")
        ),
        ("exponent", lambda counts, level: mm.frequency_exponent(counts, level=level).alpha),
    ]
    if math.isfinite(target):
        compared.append(("draws_until_half_by_power_law", partial(mm.power_law_draws_until, missing_mass=target)))
    return [(name, partial(estimator, level=level)) for name, estimator in compared]


def sampled_ones(config: Config, target: float, rng: np.random.Generator) -> Compared:
    """The same of all that resamples."""
    options: dict[str, Any] = {"level": 1 - config.gamma, "rng": rng, "replicates": config.resamples}
    compared = [
        ("missing_mass", partial(missing_mass.good_turing, interval="bootstrap", **options)),
        ("coverage_of_2n", partial(_coverage_of_2n, **options)),
    ]
    if math.isfinite(target):
        compared.append(("draws_until_half", partial(missing_mass.draws_until, missing_mass=target, **options)))
    return compared


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row an estimator."""
    world = studied_world(config.world, config.draws, config.answer_rate)
    return [row for one in streams for row in _rows(config, world, one)]


def _rows(config: Config, world: World, streams: Streams) -> list[dict[str, Any]]:
    corpus = sample(world, config.draws, streams.numpy("corpus"))
    counts, true = counts_of_corpus(corpus), estimands(config, world, corpus)
    rows = [_certificate(config, counts, true["missing_mass"])]
    rows += [_row(find(counts), true[name]) for name, find in exact_ones(1 - config.gamma, true["target"])]
    sampled = sampled_ones(config, true["target"], streams.numpy("bootstrap"))
    if streams.replicate < (config.bootstrapped if config.draws <= LARGE else config.bootstrapped // 3):
        rows += [_row(find(counts), true[name]) for name, find in sampled]
    else:  # every replicate has a row of every method; what was not measured is NaN
        blank = dict.fromkeys(rows[-1], math.nan)
        rows += [blank | {"method": method} for method in SAMPLED[: len(sampled)]]
    return [{"replicate": streams.replicate} | row for row in rows]


def _row(found: Estimate, true: float) -> dict[str, Any]:
    """One estimate beside what it estimates; ends beyond 64-bit counts are cut there."""
    high = min(found.high, 2.0**63)
    return {
        "method": found.method,
        "estimate": found.estimate,
        "estimate_estimand": true,
        "estimate_low": found.low,
        "estimate_high": high,
        "width": high - found.low,
        "squared_error": (found.estimate - true) ** 2,
    }


def _certificate(config: Config, counts: CountsOfCounts, true: float) -> dict[str, Any]:
    """The row of the certificate MM >= x: how often it is wrong, and how far below the truth it stays."""
    found = missing_mass.certificate(counts, gamma=config.gamma)
    report = bounds.missing_mass_from_counts(found.low, found.estimate, config.gamma, true)
    return {
        "method": "certificate",
        "estimate": found.low,
        "estimate_estimand": true,
        "estimate_low": found.low,
        "estimate_high": 1.0,
        "singleton_rate": found.estimate,
    } | report.columns()
