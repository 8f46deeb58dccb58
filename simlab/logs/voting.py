"""k samples of a question become one answer and a confidence: the commonest answer, and its share of the votes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int8, UInt64

from simlab.logs.eval_log import ABSTAINED, CORRECT, WRONG
from simlab.records import brief

ODD = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)))
"""Odd constants, which make a multiplication modulo 2^64 one to one."""


@brief
@dataclass(frozen=True, eq=False)
class Votes:
    """One entry a question, in the order in which the questions first stand: the outcome of the answer with most votes,
    its share of the votes, and ``row``, the first row of the question."""

    outcome: Int8[np.ndarray, " questions"]
    confidence: Float[np.ndarray, " questions"]
    row: Int[np.ndarray, " questions"]


def samples_per_question(question: UInt64[np.ndarray, " rows"]) -> Int[np.ndarray, " questions"]:
    """How many rows each question has."""
    return np.unique(question, return_counts=True)[1]


def counted(
    question: UInt64[np.ndarray, " rows"], answer: UInt64[np.ndarray, " rows"], outcome: Int8[np.ndarray, " rows"]
) -> Votes:
    """Count the votes: each row is a vote of its question for its answer, or for "I don't know".

    The answer with most votes is given; of several with as many, the one whose hash is the least, which depends
    neither on the order of the rows nor on what is right. Where "I don't know" has more votes than every answer the
    question is ABSTAINED, and its confidence is that of the commonest answer. Samples with one answer and two grades
    are graded by their majority, WRONG where it is even.
    """
    idk = outcome == ABSTAINED
    _, first, asked = np.unique(question, return_index=True, return_inverse=True)
    order = np.lexsort((answer, idk, asked))
    group = np.ones(order.size, dtype=bool)
    key = (asked[order], idk[order], np.where(idk, 0, answer)[order])
    group[1:] = np.logical_or.reduce([one[1:] != one[:-1] for one in key])
    starts = np.flatnonzero(group)
    count = np.diff(starts, append=order.size)
    right = np.add.reduceat((outcome[order] == CORRECT).astype(np.int64), starts)
    of, silent = key[0][starts], key[1][starts]
    total = np.bincount(asked)

    answers = np.where(silent, 0, count)
    best = np.lexsort((key[2][starts], -answers, of))  # the best group of a question comes first
    leader = best[np.r_[True, of[best][1:] != of[best][:-1]]]
    abstentions = np.bincount(of, weights=np.where(silent, count, 0), minlength=total.size)
    most = answers[leader]
    graded = np.where(2 * right[leader] > count[leader], CORRECT, WRONG)
    said = np.where(abstentions > most, ABSTAINED, graded).astype(np.int8)
    stands = np.argsort(first, kind="stable")
    return Votes(said[stands], (most / total)[stands], first[stands])


def contradictions(
    question: UInt64[np.ndarray, " rows"],
    answer: UInt64[np.ndarray, " rows"] | None,
    outcome: Int8[np.ndarray, " rows"],
) -> tuple[int, tuple[int, int] | None]:
    """How many questions have one answer graded in two ways, and the first two rows that differ; without answers, how
    many have two grades."""
    key = question if answer is None else mixed(question, answer)
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    differs = same & (outcome[order][1:] != outcome[order][:-1])
    if not differs.any():
        return 0, None
    at = np.flatnonzero(differs)
    earliest = at[np.argmin(order[at + 1])]
    pair = sorted((int(order[earliest]), int(order[earliest + 1])))
    return int(np.unique(question[order[at]]).size), (pair[0], pair[1])


def mixed(*columns: UInt64[np.ndarray, " rows"]) -> UInt64[np.ndarray, " rows"]:
    """One hash a row of several numbers: 64 bits of each are multiplied by an odd constant of its own and added up."""
    found = np.zeros(columns[0].size, dtype=np.uint64)
    for column, odd in zip(columns, ODD, strict=False):
        spread = column * odd
        found += spread ^ (spread >> np.uint64(29))
    return found
