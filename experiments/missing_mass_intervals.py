"""Which interval for the missing mass keeps its promise, and what does keeping it cost?

Aims: bias, mean squared error, coverage and width of every estimator and interval of ``simlab.missing_mass``. Data:
corpora of N = 1e2 to 1e9 draws, on cells, from twelve worlds: uniform where Good-Turing is at its worst, Zipf 0.8, 1,
1.5 and 2 of N facts, Zipf 1.5 and 2 without an end in sight (the power laws), geometric, two-level, the same with
half of the draws IDK, uniform with one singleton expected, and the frequencies of a published table.
Estimands: the missing mass of each corpus; the mass of the facts it holds once and twice; the number of facts it
lacks; how many of those N and 5 N further draws would find, in the mean given the corpus; the expected coverage of
N/2, N and 2 N draws, and how many draws the expected missing mass takes to halve; of Zipf worlds with an exponent
a > 1 that 1/a, to which those of N facts do not belong: there it shows what a power law that ends does.
Methods: "estimator, interval", or "estimator:option, interval"; the sides are two where no option says other.
Performance: bias, mean squared error, coverage and width with their Monte Carlo standard errors; the bound in
probability is judged as all bounds are. Takes five minutes on two cores: intervals by inversion and by bootstrap are
computed anew for each of the corpora that a coverage to one per cent needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds, missing_mass
from simlab.corpora import Corpus, sample
from simlab.missing_mass import CountsOfCounts, Estimate, counts_of_cells
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
        "power_law_1.5",
        "power_law_2",
        "geometric",
        "two_level",
        "two_level_idk",
        "few_singletons",
        "prosody",
    ] = Field("uniform_worst", description="the law of popularity")
    answer_rate: float = Field(1.0, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    gamma: float = Field(0.05, ge=1e-9, le=1 - 1e-6, description="intervals have the level 1 - gamma")
    bootstrapped: int = Field(400, ge=0, description="replicates, the first ones, of which a bootstrap is taken")
    curves: int = Field(100, ge=0, description="those of which a coverage curve is taken")
    resamples: int = Field(79, ge=19, description="resamples of a bootstrap: 80 times the tails are whole ranks")


GRID: dict[str, tuple[Any, ...]] = {
    "world": STUDIED,
    "draws": (100, 1_000, 10_000, 10**6, 10**9),
}
REPLICATES = 500
BLOCK = 50
SMOKE: dict[str, Any] = {
    "replicates": 100,
    "block": 50,
    "grid": {"world": ("uniform_worst",), "draws": (100,), "resamples": (19,), "bootstrapped": (5,), "curves": (5,)},
}
EXPONENTS = {"zipf_1.5": 1 / 1.5, "zipf_2": 1 / 2, "power_law_1.5": 1 / 1.5, "power_law_2": 1 / 2}
"""The index of regular variation where a world has one, and 1/a where Zipf's law of a > 1 ends at N facts."""
SAMPLED = (
    "good_turing, bootstrap",
    "coverage_curve:half_n, bootstrap_score",
    "coverage_curve:n, bootstrap_score",
    "coverage_curve:2n, bootstrap_score",
    "draws_until, bootstrap_score",
)
LARGE, LARGEST = 10**4, 10**6
"""Beyond the one N an eighth of the bootstraps is taken, beyond the other none: each costs up to seconds there."""
ONE_SIDED = ("lower", "upper")
SHOWN = ("estimate", "width", "singleton_rate", "missing_mass_from_counts_slack")
MEASURES = ("squared_error",)
PICTURE = "missing_mass_intervals"


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
        "coverage_of_half_n": 1 - expected_missing_mass(world, corpus.draws // 2),
        "coverage_of_n": 1 - expected_missing_mass(world, corpus.draws),
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


def one_sided(estimator: Callable[..., Estimate], sides: str) -> Callable[..., Estimate]:
    """The same with all the error on one side, which its method then names."""

    def found(counts: CountsOfCounts, level: float) -> Estimate:
        one = estimator(counts, sides=sides, level=level)
        name, interval = one.method.split(", ")
        return replace(one, method=f"{name}:{sides}, {interval}")

    return found


def exact_ones(level: float, target: float) -> list[tuple[str, Callable[[CountsOfCounts], Estimate]]]:
    """(estimand, estimator) of all that samples nothing, by method."""
    mm = missing_mass
    kinds = [kind for kind in mm.INTERVALS if kind != "bootstrap"]
    # the lower side of "tails" is the certificate; knvz and mcallester_ortiz have no form of their own for one side
    sided = [("tails", "upper"), ("kv", "lower"), *((kind, side) for kind in ("score", "esty") for side in ONE_SIDED)]
    compared: list[tuple[str, Callable[..., Estimate]]] = [
        *(("missing_mass", one_sided(partial(mm.good_turing, interval=kind), side)) for kind, side in sided),
        *(("missing_mass_before_last", one_sided(mm.robbins, side)) for side in ONE_SIDED),
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


def bootstrap_of(config: Config, counts: CountsOfCounts, rng: np.random.Generator) -> list[tuple[str, Estimate]]:
    """(estimand, estimate) of the bootstrap interval."""
    options: dict[str, Any] = {"level": 1 - config.gamma, "rng": rng, "replicates": config.resamples}
    return [("missing_mass", missing_mass.good_turing(counts, interval="bootstrap", **options))]


def curve_of(
    config: Config, counts: CountsOfCounts, target: float, rng: np.random.Generator
) -> list[tuple[str, Estimate]]:
    """(estimand, estimate) of the coverage curve at three sizes, and of its inverse."""
    options: dict[str, Any] = {"level": 1 - config.gamma, "rng": rng, "replicates": config.resamples}
    sizes = {"half_n": counts.draws // 2, "n": counts.draws, "2n": 2 * counts.draws}
    curve = missing_mass.coverage_curve(counts, sizes.values(), **options)
    name, interval = curve.method.split(", ")
    found = []
    for i, size in enumerate(sizes):
        ends = float(curve.coverage[i]), float(curve.low[i]), float(curve.high[i])
        method = f"{name}:{size}, {interval}"
        found.append((f"coverage_of_{size}", Estimate(*ends, curve.level, method, curve.source, curve.promise[i])))
    if math.isfinite(target):
        found.append(("draws_until_half", missing_mass.draws_until(counts, missing_mass=target, **options)))
    return found


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus a replicate, one row an estimator."""
    world = studied_world(config.world, config.draws, config.answer_rate)
    return [row for one in streams for row in _rows(config, world, one)]


def _rows(config: Config, world: World, streams: Streams) -> list[dict[str, Any]]:
    corpus = sample(world, config.draws, streams.numpy("corpus"))
    idk = int((corpus.times_idk * corpus.facts).sum())
    counts, true = counts_of_cells(corpus.times_answered, corpus.facts, idk), estimands(config, world, corpus)
    rows = [_certificate(config, counts, true["missing_mass"])]
    rows += [_row(find(counts), true[name]) for name, find in exact_ones(1 - config.gamma, true["target"])]
    share = 1 if config.draws <= LARGE else 8 if config.draws <= LARGEST else config.draws
    sampled: list[tuple[str, Estimate]] = []
    if streams.replicate < config.bootstrapped // share:
        sampled += bootstrap_of(config, counts, streams.numpy("bootstrap"))
    if streams.replicate < config.curves // share:
        sampled += curve_of(config, counts, true["target"], streams.numpy("curve"))
    rows += [_row(found, true[name]) for name, found in sampled]
    # every replicate has a row of every method; what was not measured is NaN
    blank = dict.fromkeys(rows[-1], math.nan)
    methods = SAMPLED if math.isfinite(true["target"]) else SAMPLED[:-1]
    measured = {found.method for _, found in sampled}
    rows += [blank | {"method": method} for method in methods if method not in measured]
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
