"""Without prompts: must a calibrated model hallucinate at the rate of facts seen once?

Aims: the bound of Kalai & Vempala 2024 (arXiv 2311.14648): hallucination >= monofact rate - miscalibration - a
sparsity term, in its published form at 99% and in expectation. Data: a Zipf law of factoids among a million
times as many false strings, so that the sparsity term does not drown the rest. Estimands: the mass put on false
strings, the miscalibration over level sets, and the slack of both forms. Methods: memorise and spread (the
algorithm behind the upper bound), add-one smoothing, and a table of logits trained by cross-entropy.
Performance: means over corpora with Monte Carlo standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field

from simlab.seeds import Streams
from simlab.trials import check_methods, trial
from simlab.worlds import World, factoids, zipf


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=1, le=10**9, description="n, the number of training documents")
    n_facts: int = Field(100_000, ge=2, le=10**9, description="|F|, the true factoids")
    false_per_fact: int = Field(10**6, ge=1, le=10**9, description="|H| / |F|, false strings for each fact")
    exponent: float = Field(1.0, ge=0, le=10, description="exponent of the Zipf law of the factoids")
    methods: tuple[str, ...] = Field(
        ("memorising", "softmax_table", "add_constant"), min_length=1, description="learners"
    )
    steps: int = Field(1000, ge=1, le=10**6, description="gradient steps of softmax_table")
    gamma: float | None = Field(
        None, gt=0, lt=1, description="the bound in its form at 1 - gamma; none: as published, at 99%"
    )


GRID = {"draws": (1_000, 10_000, 100_000, 10**6)}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"draws": (1_000,)}}
SHOWN = (
    "singleton_rate",
    "missing_mass",
    "error",
    "miscalibration",
    "error_from_monofacts_value",
    "error_from_monofacts_sharp_value",
)
MEASURES = ()
PICTURE = "error_from_monofacts"


@lru_cache(maxsize=8)
def world(n_facts: int, exponent: float, false_per_fact: int) -> World:
    """Return the world of factoids."""
    return factoids(zipf(n_facts, exponent), n_facts * false_per_fact)


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.n_facts, config.exponent, config.false_per_fact)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a world that cannot be made and methods that are not defined in it."""
    check_methods(config.methods, world_of(config))


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one trial a replicate, one row a method."""
    here = world_of(config)
    options = {"softmax_table": {"steps": config.steps}}
    return [
        row
        for one in streams
        for row in trial(here, config.draws, config.methods, one, gamma=config.gamma, options=options)
    ]
