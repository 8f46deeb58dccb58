"""How far is the singleton rate from the missing mass that it estimates, and how far do the theorems allow it to be?

Aims: Good-Turing: E[sr] - E[MM] lies in [0, 1/N]; the root mean square deviation is at most sqrt(.618/N); Lemma
1 of KNVZ 2025 (arXiv 2509.04664) allows 4.42 sqrt(ln(5/gamma)/N). Data: five laws of popularity from N = 1e2 to
1e15, among them the uniform law with .8526 draws a fact, where Good-Turing is at its worst. Estimand: the
missing mass of each corpus, estimated by its singleton rate. Performance: bias, mean squared error and their
Monte Carlo standard errors, beside the exact bias and the exact mean squared error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, Field

from simlab.bounds import good_turing_bias, good_turing_mse
from simlab.corpora import sample
from simlab.seeds import Streams
from simlab.trials import missing_mass_row
from simlab.worlds import studied_world


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(10_000, ge=2, le=10**16, description="N, the number of training draws")
    world: Literal["uniform_worst", "zipf_0.8", "zipf_1", "zipf_1.5", "geometric", "two_level"] = Field(
        "uniform_worst", description="the law of popularity"
    )
    answer_rate: float = Field(0.9, gt=0, le=1, description="alpha_c, the share of draws that state the answer")
    gamma: float = Field(0.01, gt=0, le=1, description="the bound in probability holds with 1 - gamma")


GRID: dict[str, tuple[Any, ...]] = {
    "world": ("uniform_worst", "zipf_0.8", "zipf_1", "zipf_1.5", "geometric", "two_level"),
    "draws": (100, 10_000, 10**6, 10**9, 10**12, 10**15),
}
REPLICATES = 200
BLOCK = 50
SMOKE: dict[str, Any] = {
    "replicates": 4,
    "block": 4,
    "grid": {"world": ("uniform_worst", "zipf_1"), "draws": (100, 10**9)},
}
SHOWN = ("singleton_rate", "missing_mass", "squared_deviation", "exact_mse", "missing_mass_from_singletons_value")
MEASURES = ("exact_bias",)
PICTURE = "missing_mass_from_singletons"


@lru_cache(maxsize=64)
def exact(name: str, draws: int, answer_rate: float) -> tuple[float, float]:
    """Exact bias and mean squared error of sr as an estimate of MM (sums over the classes of the world)."""
    here = studied_world(name, draws, answer_rate)
    law = (here.answered_popularity, here.facts, draws)
    return good_turing_bias(*law), good_turing_mse(*law)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one corpus and one row a replicate."""
    here = studied_world(config.world, config.draws, config.answer_rate)
    bias, mse = exact(config.world, config.draws, config.answer_rate)
    rows = []
    for one in streams:
        corpus = sample(here, config.draws, one.numpy("corpus"), count_cap=2)
        row = missing_mass_row(here, corpus, config.gamma)
        deviation = row["singleton_rate"] - row["missing_mass"]
        rows.append(
            {"replicate": one.replicate, "method": "good_turing", "singleton_rate_estimand": row["missing_mass"]}
            | row
            | {"squared_deviation": deviation**2, "exact_bias": bias, "exact_mse": mse}
        )
    return rows
