"""Abstain on everything unseen: the end of the error-delta frontier at which errors vanish and delta = MM.

Where c was answered, as the calibrated algorithm. Where it was not, a fraction ``abstention`` = q of the answer
mass moves to IDK: p_hat(IDK|c) = 1 - alpha_c (1 - q), p_hat(r|c) = alpha_c (1 - q) / |R_c|. Then err = (1 - q)
MM L / (L + 1) for constant L = |E_c|, and delta = q MM as long as p_hat(IDK|c) > 1 / min|E_c|; q = 1 never errs
(derived from KNVZ 2025, section 3.4: "hallucinations are inevitable only for base models").
"""

from __future__ import annotations

import numpy as np

from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput
from simlab.models.calibrated import memorised
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams


def cells(corpus: Corpus, streams: Streams, *, abstention: float = 1.0) -> Fit:  # noqa: ARG001
    """Fit to cells; raises ``BadInput`` unless 0 <= ``abstention`` <= 1."""
    _check(abstention)
    alpha = corpus.answer_rate
    kept = alpha * (1.0 - abstention)
    return Fit(
        "abstain",
        seen=alpha,
        unseen=np.where(corpus.answered, 0.0, kept / corpus.answers),
        idk=np.where(corpus.answered, 1.0 - alpha, 1.0 - kept),
    )


def table(corpus: Listed, streams: Streams, *, abstention: float = 1.0) -> TableFit:  # noqa: ARG001
    """Fit to a listed corpus."""
    _check(abstention)
    alpha = corpus.answer_rate[:, None]
    kept = alpha * (1.0 - abstention)
    answered = corpus.times_answered[:, None] > 0
    answers = memorised(corpus, alpha, kept / corpus.answers[:, None])
    return TableFit("abstain", np.hstack([answers, np.where(answered, 1.0 - alpha, 1.0 - kept)]))


def _check(abstention: float) -> None:
    if not 0.0 <= abstention <= 1.0:
        raise BadInput(f"abstention = {abstention:.6g}: must lie between 0 and 1")
