"""How much must a model err on facts that it never saw? Error against the rate of facts seen once, with the bounds.

Aims: to put Theorem 1 and Theorem 2 of KNVZ 2025 (arXiv 2509.04664) to the test, from corpora of 1e4 draws, where the
published lower bound says nothing, to 1e12, where it does. Data: a two-level world of birthdays (|R_c| = 365): a
thousand common facts and four rare ones a draw, mixed so that the exact expected singleton rate hits the target.
Estimands: the generative error of each learner and the slack of each bound. Methods: the calibrated algorithm of
Theorem 2, a table of logits trained by cross-entropy, and the two ways out: guess one answer, or abstain on all unseen.
Performance: means over replicates with their Monte Carlo standard errors; everything else is an exact sum.
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
    """Settings of the headline sweep."""

    draws: int = Field(10_000, ge=1, le=10**18, description="N, the number of training draws")
    target: float = Field(0.3, gt=0, lt=1, description="the exact expected singleton rate of the world")
    answers: int = Field(365, ge=2, le=10**9, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.9, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    n_common: int = Field(1000, ge=1, le=10**6, description="how many facts are common")
    rare_per_draw: float = Field(4.0, gt=0, le=1000, description="how many rare facts there are, a draw")
    methods: tuple[str, ...] = Field(
        ("calibrated", "softmax_table", "guess_one", "abstain"), min_length=1, description="learners"
    )
    steps: int = Field(300, ge=1, le=10**6, description="gradient steps of softmax_table")
    mode: Literal["iid", "deduplicated", "without_replacement", "noisy_labels"] = Field(
        "iid", description="how the corpus is drawn; all but iid break an assumption, and want few draws and answers"
    )
    gamma: float | None = Field(
        None, gt=0, lt=1, description="Theorem 2 in its form at 1 - gamma; none: as published, at 99%"
    )


GRID = {"draws": (10_000, 1_000_000, 10**9, 10**12), "target": (0.1, 0.3, 0.5)}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"draws": (10_000, 10**9), "target": (0.3,)}}
SHOWN = {
    "singleton_rate": "singleton\nrate",
    "missing_mass": "missing\nmass",
    "error": "error",
    "iiv_error": "IIV\nerror",
    "calibration_gap": "delta",
    "error_from_iiv_value": "Theorem 1\nerror >=",
    "error_from_singletons_value": "Theorem 2\nerror >=",
    "error_from_singletons_sharp_value": "sharp form\nerror >=",
    "error_from_singletons_upper_value": "Theorem 2\nerror <=",
}
MEASURES = ()
PICTURE = "error_from_singletons"


@lru_cache(maxsize=256)
def world(draws: int, target: float, answers: int, answer_rate: float, n_common: int, rare_per_draw: float) -> World:
    """Return the two-level world whose exact E[sr] is the target."""
    return with_singleton_rate(
        target,
        draws,
        "two_level",
        n_common=n_common,
        n_rare=max(round(rare_per_draw * draws), 1),
        answers=answers,
        answer_rate=answer_rate,
    )


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.draws, config.target, config.answers, config.answer_rate, config.n_common, config.rare_per_draw)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a world that cannot be made and methods that are not defined in it."""
    check_methods(config.methods, world_of(config))


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one trial a replicate, one row a method."""
    here = world_of(config)
    options = {"softmax_table": {"steps": config.steps}}
    return [
        row
        for replicate in streams
        for row in trial(
            here, config.draws, config.methods, replicate, gamma=config.gamma, mode=config.mode, options=options
        )
    ]
