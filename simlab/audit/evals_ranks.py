"""Several logs ranked under each rule, on the questions that all of them share, with the ranks that each may have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
from jaxtyping import Bool, Float, UInt64

from simlab.audit.evals_record import Board, Leaderboard, Standing
from simlab.audit.evals_scores import stated_of
from simlab.calibration import mean_score
from simlab.calibration.clusters import clusters_of
from simlab.grading import confidence_target, points
from simlab.leaderboards.ranks import SOURCE, rank_intervals
from simlab.logs import ABSTAINED, CORRECT, EvalLog

FEWEST = 2
"""Shared questions below which each log is taken on its own questions."""


def shared_questions(logs: Sequence[EvalLog]) -> UInt64[np.ndarray, " questions"]:
    """The questions that stand in every log, sorted."""
    found: UInt64[np.ndarray, " questions"] = reduce(
        lambda left, right: np.intersect1d(left, right, assume_unique=True), [np.unique(log.question) for log in logs]
    )
    return found


def leaderboard_of(
    logs: Sequence[EvalLog], targets: Sequence[float], level: float, shared: UInt64[np.ndarray, " questions"]
) -> Leaderboard:
    """Rank the logs at each target as answered and, where all have confidences, by confidence.

    A log's score is the mean over questions of the mean over its samples of a question; ``shared`` are the questions
    that stand in all logs. With fewer than ``FEWEST`` of those each log is taken on its own questions, and differences
    are those of independent logs.
    """
    paired = shared.size >= FEWEST
    boards = []
    for by_confidence in (False, True):
        columns = [_rows(log, by_confidence) for log in logs]
        if any(column is None for column in columns):
            continue
        for t in targets:
            if by_confidence and not t:  # every confidence but 0 is above it
                continue
            means = [_means(log, t, rows, shared if paired else None) for log, rows in zip(logs, columns, strict=True)]
            if paired:  # a question counts where it counts in all logs
                whole = np.isfinite(np.stack(means)).all(axis=0)
                means = [mean[whole] for mean in means]
            if min(mean.size for mean in means) < FEWEST:
                continue
            boards.append(Board(t, by_confidence, _standings([log.name for log in logs], means, t, paired, level)))
    return Leaderboard(int(shared.size), paired, level, SOURCE, tuple(boards))


def _rows(log: EvalLog, by_confidence: bool) -> tuple[Bool[np.ndarray, " rows"], Float[np.ndarray, " rows"]] | None:
    """Which rows of a log count, and from what confidence they are answered: all as if it were 1, unless by it."""
    answered = log.outcome != ABSTAINED
    if not by_confidence:
        return np.ones(answered.size, dtype=bool), np.where(answered, 1.0, -1.0)
    if stated_of(log, clusters_of(log.question, log.question.size)) is None:
        return None
    known = np.isfinite(log.confidence)
    return known | ~answered, np.where(answered & known, np.nan_to_num(log.confidence), -1.0)


def _means(
    log: EvalLog,
    t: float,
    rows: tuple[Bool[np.ndarray, " rows"], Float[np.ndarray, " rows"]] | None,
    shared: UInt64[np.ndarray, " questions"] | None,
) -> Float[np.ndarray, " questions"]:
    """The mean score of each question at t, or of each ``shared`` one in their order; NaN where no row of it counts."""
    assert rows is not None
    counted, confidence = rows
    earned = points(confidence_target(t), log.outcome == CORRECT, confidence > t)[counted]
    question = log.question[counted]
    if shared is None:
        shared = np.unique(question)
    at = np.searchsorted(shared, question)
    among = shared[np.minimum(at, shared.size - 1)] == question
    sums = np.bincount(at[among], earned[among], minlength=shared.size)
    counts = np.bincount(at[among], minlength=shared.size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), math.nan)


def _standings(
    names: Sequence[str], means: Sequence[Float[np.ndarray, " _"]], t: float, paired: bool, level: float
) -> tuple[Standing, ...]:
    """The logs with their scores and ranks, best first."""
    span = (confidence_target(t).wrong, 1.0)
    scores = [mean_score(mean, level=level, span=span) for mean in means]
    ranks = rank_intervals(means, width=span[1] - span[0], paired=paired, level=level)
    order = np.lexsort((np.arange(len(names)), -ranks.score))
    return tuple(
        Standing(names[i], scores[i], int(ranks.rank[i]), int(ranks.low[i]), int(ranks.high[i])) for i in order
    )
