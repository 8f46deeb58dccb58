"""From which N on does Theorem 2 say anything, and how far is it from the error of the best learner it allows?

Aims: Theorem 2 (KNVZ 2025, arXiv 2509.04664) bounds the error of every learner from below by the singleton rate
less (35 + 6 ln N)/sqrt(N); it is vacuous up to N = 7,892 whatever the corpus. Data: Zipf, two-level and uniform
worlds whose exact expected singleton rate is the target at every N from 1e3 to 1e15 (facts grow with N; the
uniform world hits the target by its answer rate). Estimands: error, delta and the bounds, published and sharp.
Methods: the calibrated algorithm, for which the theorem has a matching upper bound, and the two ends of the
error-delta frontier. Performance: means over corpora with Monte Carlo standard errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, Field

from simlab.seeds import Streams
from simlab.trials import check_methods, trial
from simlab.worlds import World, with_singleton_rate


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=1, le=10**16, description="N, the number of training draws")
    world: Literal["zipf", "two_level", "uniform"] = Field("zipf", description="the law of popularity")
    target: float = Field(0.2, gt=0, lt=1, description="the exact expected singleton rate of the world")
    facts_per_draw: float = Field(10.0, gt=0, le=1000, description="how many facts there are, a draw")
    answers: int = Field(365, ge=2, le=10**9, description="|R_c|, the plausible answers of a prompt")
    methods: tuple[str, ...] = Field(("calibrated", "guess_one", "abstain"), min_length=1, description="learners")
    gamma: float | None = Field(
        None, gt=0, lt=1, description="Theorem 2 in its form at 1 - gamma; none: as published, at 99%"
    )
    count_cap: int = Field(2, ge=2, le=10**6, description="counts above it share one level")


GRID: dict[str, tuple[Any, ...]] = {
    "world": ("zipf", "two_level", "uniform"),
    "draws": (1_000, 10_000, 100_000, 10**6, 10**8, 10**10, 10**12, 10**15),
}
REPLICATES = 50
BLOCK = 25
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"world": ("zipf",), "draws": (1_000, 10**12)}}
SHOWN = {
    "singleton_rate": "singleton\nrate",
    "missing_mass": "missing\nmass",
    "error": "error",
    "calibration_gap": "delta",
    "error_from_singletons_value": "Theorem 2\nerror >=",
    "error_from_singletons_sharp_value": "sharp form\nerror >=",
    "error_from_singletons_upper_value": "Theorem 2\nerror <=",
}
MEASURES = ()
PICTURE = "bounds_against_draws"


@lru_cache(maxsize=64)
def world(family: str, target: float, draws: int, facts_per_draw: float, answers: int) -> World:
    """Return the world of ``family`` whose exact E[sr] at N = draws is the target."""
    n_facts = max(round(facts_per_draw * draws), 2)
    fixed: dict[str, Any] = {"answers": answers}
    if family == "two_level":
        fixed |= {"n_common": max(n_facts // 10**4, 1), "n_rare": n_facts}
    else:
        fixed |= {"n_facts": n_facts}
    return with_singleton_rate(target, draws, family, **fixed)


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.world, config.target, config.draws, config.facts_per_draw, config.answers)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a world that cannot be made and methods that are not defined in it."""
    check_methods(config.methods, world_of(config))


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one trial a replicate, one row a method."""
    here = world_of(config)
    return [
        row
        for one in streams
        for row in trial(here, config.draws, config.methods, one, count_cap=config.count_cap, gamma=config.gamma)
    ]
