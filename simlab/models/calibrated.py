"""The calibrated algorithm of Theorem 2 (KNVZ 2025, arXiv 2509.04664, section 3.3.1, the "Moreover" part).

It memorises what it saw and spreads its ignorance evenly: p_hat(IDK|c) = 1 - alpha_c for every prompt;
p_hat(a_c|c) = alpha_c where c was answered; p_hat(r|c) = alpha_c / |R_c| for every r in R_c where it was not.
Then delta_z = 0 at every threshold z, and err = sum over unanswered c of mu(c) alpha_c (|R_c| - 1) / |R_c|.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simlab.corpora import Corpus, Listed
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams


def cells(corpus: Corpus, streams: Streams) -> Fit:  # noqa: ARG001 - every learner has one signature
    """Fit the calibrated algorithm to cells; it needs no counts and draws nothing."""
    alpha = corpus.answer_rate
    unseen = np.where(corpus.answered, 0.0, alpha / corpus.answers)
    return Fit("calibrated", seen=alpha, unseen=unseen, idk=1.0 - alpha)


def table(corpus: Listed, streams: Streams) -> TableFit:  # noqa: ARG001
    """Fit it to a listed corpus; of conflicting answers the commonest is memorised (ties: the first)."""
    alpha = corpus.answer_rate[:, None]
    return TableFit("calibrated", np.hstack([memorised(corpus, alpha, alpha / corpus.answers[:, None]), 1.0 - alpha]))


def memorised(
    corpus: Listed, seen: Float[np.ndarray, "facts 1"], unseen: Float[np.ndarray, "facts 1"]
) -> Float[np.ndarray, "facts answers"]:
    """p_hat of the answers of a learner that puts ``seen`` on the commonest answer of each answered prompt, 0 on
    its others, and ``unseen`` on every answer of a prompt never answered.
    """
    counts = corpus.counts[:, :-1]
    plausible = np.arange(counts.shape[1]) < corpus.answers[:, None]
    known = np.arange(counts.shape[1]) == counts.argmax(1)[:, None]
    answered = corpus.times_answered[:, None] > 0
    return np.asarray(np.where(answered, known * seen, plausible * unseen))
