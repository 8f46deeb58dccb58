"""Where does the slack of Theorem 1 go? The identity err = 2 err_iiv - k/K - delta + over + room + gap, part by part.

Aims: Theorem 1 (KNVZ 2025, arXiv 2509.04664) is an inequality whose slack is three terms that cannot be
negative; which of them it is depends on the learner. Data: a Zipf world of 10,000 facts in which common facts
have fewer plausible answers than rare ones, so that the prompts' |E_c| differ and the theorem's single
threshold 1/min|E_c| bites. Estimands: the terms of the identity. Methods: five learners that share each corpus.
Performance: means and their Monte Carlo standard errors over corpora; given a corpus every term is an exact
sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab.seeds import Streams
from simlab.trials import check_methods, trial
from simlab.worlds import World, zipf


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=1, le=10**9, description="N, the number of training draws")
    n_facts: int = Field(10_000, ge=2, le=10**9, description="facts of the Zipf world")
    exponent: float = Field(1.0, ge=0, le=10, description="exponent of the Zipf world")
    answers: int = Field(365, ge=2, le=10**6, description="|R_c| of rare facts")
    answers_common: int = Field(50, ge=2, le=10**6, description="|R_c| of the facts that get half of all draws")
    answer_rate: float = Field(0.9, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    methods: tuple[str, ...] = Field(
        ("calibrated", "softmax_table", "add_constant", "guess_one", "abstain"), min_length=1, description="learners"
    )
    steps: int = Field(300, ge=1, le=10**6, description="gradient steps of softmax_table")


GRID = {"draws": (1_000, 10_000, 100_000)}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"draws": (1_000,)}}
SHOWN = ("error", "iiv_error", "valid_over_errors", "calibration_gap", "over", "room", "gap", "error_from_iiv_slack")
MEASURES = ()
PICTURE = "error_from_iiv"


@lru_cache(maxsize=8)
def world(n_facts: int, exponent: float, answers: int, answers_common: int, answer_rate: float) -> World:
    """Return a Zipf world whose commoner half (by draws) has its own number of answers."""
    law = zipf(n_facts, exponent, answer_rate=answer_rate)
    share = np.cumsum(law.facts * law.popularity)
    return replace(law, answers=np.where(share <= 0.5, answers_common, answers))


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.n_facts, config.exponent, config.answers, config.answers_common, config.answer_rate)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a world that cannot be made and methods that are not defined in it."""
    check_methods(config.methods, world_of(config))


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one trial a replicate, one row a method."""
    here = world_of(config)
    options = {"softmax_table": {"steps": config.steps}}
    return [row for one in streams for row in trial(here, config.draws, config.methods, one, options=options)]
