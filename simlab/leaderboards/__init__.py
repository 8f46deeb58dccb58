"""Leaderboards: what a grading makes of models whose competence, calibration and willingness to guess are known.

Everything but a run is an exact sum over levels of difficulty: expected scores, the price of honesty, which pairs two
rules put the other way round, how many questions tell two models apart. ``rank_intervals`` takes points of real ones.
"""

from simlab.leaderboards.benchmarks import BENCHMARKS, Benchmark, benchmark
from simlab.leaderboards.contests import (
    Population,
    Questions,
    answered,
    belief,
    best_scores,
    confidence,
    drawn_scores,
    error_rates,
    expected_scores,
    normal_questions,
    price_of_honesty,
    score_errors,
)
from simlab.leaderboards.evolving import answers_from, generations, guessing
from simlab.leaderboards.ranks import RankIntervals, rank_correlation, rank_intervals, reversals
from simlab.leaderboards.telling_apart import difference, drawn_power, questions_needed

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "Population",
    "Questions",
    "RankIntervals",
    "answered",
    "answers_from",
    "belief",
    "benchmark",
    "best_scores",
    "confidence",
    "difference",
    "drawn_power",
    "drawn_scores",
    "error_rates",
    "expected_scores",
    "generations",
    "guessing",
    "normal_questions",
    "price_of_honesty",
    "questions_needed",
    "rank_correlation",
    "rank_intervals",
    "reversals",
    "score_errors",
]
