"""Which interval for the missing mass keeps its promise, and what does keeping it cost?

Aims: bias, mean squared error, coverage and width of every estimator and interval of ``simlab.missing_mass``. Data:
corpora of N = 1e2 to 1e9 draws, on cells, from eight worlds: uniform where Good-Turing is at its worst, Zipf 0.8, 1,
1.5 and 2, geometric, two-level, and the frequencies of a published table. Estimands: the missing mass of each corpus;
the mass of the facts it holds once; the number of facts it lacks; how many of those N and 5 N further draws would
find, in the mean given the corpus. Methods: "estimator, interval". Performance: bias,
mean squared error, coverage and width with their Monte Carlo standard errors; the bound in probability is judged as
all bounds are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds, missing_mass
from simlab.corpora import Corpus, sample
from simlab.missing_mass import CountsOfCounts, Estimate, counts_of
from simlab.seeds import Streams
from simlab.worlds import World, studied_world


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=2, le=10**15, description="N, the number of draws")
    world: Literal["uniform_worst", "zipf_0.8", "zipf_1", "zipf_1.5", "zipf_2", "geometric", "two_level", "prosody"] = (
        Field("uniform_worst", description="the law of popularity")
    )
    answer_rate: float = Field(1.0, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    gamma: float = Field(0.05, gt=0, lt=1, description="intervals have the level 1 - gamma")
    bootstrapped: int = Field(100, ge=0, description="replicates, the first ones, of which the bootstrap is taken")
    resamples: int = Field(99, ge=19, description="resamples of a bootstrap")


GRID: dict[str, tuple[Any, ...]] = {
    "world": ("uniform_worst", "zipf_0.8", "zipf_1", "zipf_1.5", "zipf_2", "geometric", "two_level", "prosody"),
    "draws": (100, 1_000, 10_000, 10**6, 10**9),
}
REPLICATES = 1_000
BLOCK = 50
SMOKE: dict[str, Any] = {
    "replicates": 100,
    "block": 50,
    "grid": {"world": ("uniform_worst",), "draws": (100,), "resamples": (19,), "bootstrapped": (5,)},
}
SHOWN = ("estimate", "width", "singleton_rate", "missing_mass_from_counts_slack")
PICTURE = "missing_mass_intervals"


def counts_of_corpus(corpus: Corpus) -> CountsOfCounts:
    """The counts of counts of a corpus of cells."""
    level, place = np.unique(corpus.times_answered, return_inverse=True)
    facts = np.zeros(len(level), dtype=np.int64)
    np.add.at(facts, place.reshape(-1), corpus.facts)
    idk = int((corpus.times_idk * corpus.facts).sum())
    return counts_of(dict(zip(level[level > 0].tolist(), facts[level > 0].tolist(), strict=True)), idk)


def masses(world: World, corpus: Corpus) -> dict[str, float]:
    """The estimands of one corpus: exact sums over its cells."""
    popularity = world.answered_popularity[corpus.fact_class]
    unseen, once = corpus.times_answered == 0, corpus.times_answered == 1
    with np.errstate(divide="ignore"):  # a fact that is the whole world is never unseen
        stay = corpus.draws * np.log1p(-popularity[unseen])
    missing = float((corpus.facts * popularity)[unseen].sum())
    seen_once = float((corpus.facts * popularity)[once].sum())
    return {
        "missing_mass": missing,
        "missing_mass_before_last": missing + seen_once / corpus.draws,  # in the mean over which draw is the last
        "mass_seen_once": seen_once,
        "unseen_facts": float(corpus.facts[unseen].sum()),
        "new_facts": -float((corpus.facts[unseen] * np.expm1(stay)).sum()),
        "new_facts_in_5n": -float((corpus.facts[unseen] * np.expm1(5 * stay)).sum()),
    }


def estimators(config: Config, rng: np.random.Generator, bootstrap: bool) -> list[tuple[str, Callable[..., Estimate]]]:
    """(estimand, estimator of counts) of everything that is compared."""
    level = 1 - config.gamma
    kinds = [kind for kind in missing_mass.INTERVALS if bootstrap or kind != "bootstrap"]
    options = {"rng": rng, "replicates": config.resamples}
    return [
        *(("missing_mass", partial(missing_mass.good_turing, level=level, interval=kind, **options)) for kind in kinds),
        ("missing_mass", partial(missing_mass.chao_jost, level=level, interval="score")),
        ("missing_mass_before_last", partial(missing_mass.robbins, level=level)),
        ("mass_seen_once", partial(missing_mass.good_mass, k=1, level=level)),
        *(
            ("unseen_facts", partial(missing_mass.chao1, convention=convention, level=level))
            for convention in ("chao", "classic", "bias_corrected")
        ),
        ("unseen_facts", partial(missing_mass.ace, level=level)),
        *(("unseen_facts", partial(missing_mass.jackknife, order=order, level=level)) for order in (1, 2)),
        ("new_facts", partial(missing_mass.good_toulmin, t=1.0, level=level)),
        ("new_facts_in_5n", partial(missing_mass.smoothed_good_toulmin, t=5.0, level=level)),
    ]


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row an estimator."""
    world = studied_world(config.world, config.draws, config.answer_rate)
    return [row for one in streams for row in _rows(config, world, one)]


def _rows(config: Config, world: World, streams: Streams) -> list[dict[str, Any]]:
    corpus = sample(world, config.draws, streams.numpy("corpus"))
    counts, true = counts_of_corpus(corpus), masses(world, corpus)
    bootstrap = streams.replicate < config.bootstrapped
    rows = [_certificate(config, counts, true["missing_mass"])]
    for estimand, estimator in estimators(config, streams.numpy("bootstrap"), bootstrap):
        found = estimator(counts)
        rows.append(
            {
                "method": found.method,
                "estimate": found.estimate,
                "estimate_estimand": true[estimand],
                "estimate_low": found.low,
                "estimate_high": found.high,
                "width": found.high - found.low,
                "squared_error": (found.estimate - true[estimand]) ** 2,
            }
        )
    if not bootstrap:  # every replicate has a row of every method; what was not measured is NaN
        rows.append(dict.fromkeys(rows[-1], math.nan) | {"method": "good_turing, bootstrap"})
    return [{"replicate": streams.replicate} | row for row in rows]


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
