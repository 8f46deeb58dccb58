"""Guess one answer: the learner that picks one unseen answer of every never-answered prompt and stakes alpha_c on it.

Both err and delta are then about MM: guessing costs as many errors as calibration and is miscalibrated besides
(derived; compare KNVZ 2025, section 3.3.1). The pick breaks the symmetry of the unseen answers, so that cells
of this learner split in two, guessed right and guessed wrong; only ``simlab.pairs`` learns which.
"""

from __future__ import annotations

import numpy as np

from simlab.corpora import Corpus, Listed
from simlab.models.calibrated import memorised
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams


def cells(corpus: Corpus, streams: Streams) -> Fit:  # noqa: ARG001 - which one is picked is immaterial to the law
    """Fit to cells."""
    alpha, zero = corpus.answer_rate, np.zeros(len(corpus.facts))
    return Fit("guess_one", seen=alpha, unseen=zero, idk=1.0 - alpha, guess=np.where(corpus.answered, np.nan, alpha))


def table(corpus: Listed, streams: Streams) -> TableFit:
    """Fit to a listed corpus; the picks come from the stream ``guess``."""
    alpha = corpus.answer_rate[:, None]
    answers = memorised(corpus, alpha, np.zeros_like(alpha))
    pick = streams.numpy("guess").integers(0, corpus.answers)
    unanswered = np.flatnonzero(corpus.times_answered == 0)
    answers[unanswered, pick[unanswered]] = alpha[unanswered, 0]
    return TableFit("guess_one", np.hstack([answers, 1.0 - alpha]))
