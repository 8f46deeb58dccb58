"""A grade, however it is written: a word, a letter, a number, or a judge's "A: CORRECT".

A text is a grade as a whole or not at all. Nothing is looked for *inside* it: "NOT_ATTEMPTED" holds an A, "incorrect"
holds "correct", and a reader that searches finds both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float, Int8

from simlab.logs.eval_log import ABSTAINED, CORRECT, MISSING, WRONG

WORDS: Mapping[str, int] = {
    **dict.fromkeys(("correct", "right", "true", "yes", "pass", "passed"), CORRECT),
    **dict.fromkeys(("incorrect", "wrong", "false", "no", "fail", "failed"), WRONG),
    **dict.fromkeys(
        (
            *("not attempted", "abstained", "abstain", "abstention", "idk", "i don't know", "unanswered", "no answer"),
            *("refusal", "refused", "declined"),
        ),
        ABSTAINED,
    ),
    **dict.fromkeys(("", "nan", "none", "null", "n/a", "na", "missing"), MISSING),
}
"""Every grade that is a word, in small letters, with spaces for hyphens and underscores."""

PARTIAL = 0.5
"""What a grade of "partial" (Inspect's P) is as a score."""
PARTLY = ("partial", "partially correct", "partly correct")

LETTERS: Mapping[str, Mapping[str, int | float]] = {
    "simpleqa": {"A": CORRECT, "B": WRONG, "C": ABSTAINED},
    "inspect": {"C": CORRECT, "I": WRONG, "P": PARTIAL, "N": ABSTAINED},
    "yes or no": {"Y": CORRECT, "N": WRONG},
    "true or false": {"T": CORRECT, "F": WRONG},
}
"""Schemes of letters: C is "not attempted" in SimpleQA's gradings and "correct" in Inspect's logs."""

THREE_WAY = ("correct", "incorrect", "not attempted")
"""SimpleQA's words."""

JUDGED = re.compile(r"([abc])\s*[:.)=-]+\s*(correct|incorrect|not attempted)")
"""What SimpleQA's judge says where it gives letter and word."""


def plain(text: str) -> str:
    """The text in small letters, without quotes, brackets, asterisks and stops around it, words one space apart."""
    return re.sub(r"[\s_-]+", " ", text.replace("’", "'")).strip(" .:;,!*`'\"()[]{}").casefold()


def scheme_of(texts: Iterable[str], told: str | None = None) -> str | None:
    """The scheme of ``LETTERS`` that the letters among the texts follow; None without letters.

    ``told`` is the format, where the user said it: it decides what letters fit several schemes. Raises ``ValueError``
    with the letters, sorted, where no scheme or more than one has them all.
    """
    letters = {text.upper() for text in map(plain, texts) if len(text) == 1 and text.isalpha()}
    if not letters:
        return None
    fitting = [name for name, scheme in LETTERS.items() if letters <= set(scheme)]
    if told in fitting:
        return told
    if len(fitting) != 1:
        raise ValueError(", ".join(sorted(letters)))
    return fitting[0]


def grade_of(text: str, scheme: str | None) -> int | float | None:
    """The outcome that a text is, a score strictly between 0 and 1 for partial credit, or None for what is no grade.

    Numbers are not read here.
    """
    said = plain(text)
    if said in WORDS:
        return WORDS[said]
    if said in PARTLY:
        return PARTIAL
    judged = JUDGED.fullmatch(said)
    if judged is not None and LETTERS["simpleqa"][judged[1].upper()] == WORDS[judged[2]]:
        return WORDS[judged[2]]
    return LETTERS[scheme].get(said.upper()) if scheme is not None and len(said) == 1 else None


def is_three_way(texts: Iterable[str], scheme: str | None) -> bool:
    """Whether texts are what SimpleQA's grader says: its letters, or only its words, "not attempted" among them."""
    words = {said for said in map(plain, texts) if WORDS.get(said) != MISSING}
    return scheme == "simpleqa" or ("not attempted" in words and words <= set(THREE_WAY))


def penalty_of(scores: Float[np.ndarray, " rows"]) -> float | None:
    """The points L that a wrong answer costs, where the scores say so: they are 1, 0 and one number -L below 0.

    None where no score is below 0. Raises ``ValueError`` where one is, and the scores are not of that kind.
    """
    found = np.unique(scores[np.isfinite(scores)])
    below = found[found < 0]
    if not below.size:
        return None
    if below.size > 1 or not set(found[found >= 0].tolist()) <= {0.0, 1.0}:
        raise ValueError
    return float(-below[0])


def outcomes_of(
    scores: Float[np.ndarray, " rows"], penalty: float | None, correct_from: float
) -> Int8[np.ndarray, " rows"]:
    """The outcomes that scores are, NaN a missing one.

    Without a penalty a score of ``correct_from`` or more is CORRECT, any other WRONG; with one, 1 is CORRECT, 0 is
    ABSTAINED, and what is below 0 WRONG.
    """
    if penalty is None:
        graded = np.where(scores >= correct_from, CORRECT, WRONG)
    else:
        graded = np.where(scores < 0, WRONG, np.where(scores == 0, ABSTAINED, CORRECT))
    return np.where(np.isnan(scores), MISSING, graded).astype(np.int8)
