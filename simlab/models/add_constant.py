"""Add-constant smoothing: p_hat(r|c) = (n(c, r) + k) / (n(c) + k |responses|); k = 1 is Laplace's rule.

The responses of a prompt are its |R_c| answers and, where it is a response, IDK. Without prompts the responses
are all strings. The Bayes mean under a symmetric Dirichlet(k) prior.
"""

from __future__ import annotations

import numpy as np

from simlab.bounds.domain import between
from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput, shown
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams

LEAST, MOST = 1e-100, 1e100
"""Between these no product of k with a number of responses, and no quotient of them, leaves the doubles."""


def cells(corpus: Corpus, streams: Streams, *, constant: float = 1.0) -> Fit:  # noqa: ARG001
    """Fit to cells; raises ``BadInput`` unless ``constant`` = k is a number from 1e-100 to 1e100."""
    k = check_constant(constant)
    if corpus.n_strings is not None:
        total = corpus.draws + k * corpus.n_strings
        seen = (corpus.times_answered + k) / total
        return Fit("add_constant", seen, np.zeros_like(seen), np.zeros_like(seen), string=k / total)
    total = corpus.times_answered + corpus.times_idk + k * (corpus.answers + corpus.idk)
    idk = (corpus.times_idk + k) / total if corpus.idk else np.zeros(len(total))
    return Fit("add_constant", seen=(corpus.times_answered + k) / total, unseen=k / total, idk=idk)


def table(corpus: Listed, streams: Streams, *, constant: float = 1.0) -> TableFit:  # noqa: ARG001
    """Fit to a listed corpus."""
    k = check_constant(constant)
    if corpus.n_strings is not None:
        counts = np.bincount(corpus.prompt, minlength=corpus.n_strings) + k
        return TableFit("add_constant", counts[None] / counts.sum())
    counts = (corpus.counts + k) * corpus.plausible
    return TableFit("add_constant", counts / counts.sum(1, keepdims=True))


def check_constant(constant: float) -> float:
    """Return k as a float. Raises ``BadInput`` unless it is a number from ``LEAST`` to ``MOST``."""
    plain = constant.item() if isinstance(constant, np.generic) else constant  # a short float holds no such bounds
    if not between(LEAST, plain, MOST) or isinstance(plain, bool):
        raise BadInput(f"constant = {shown(constant)}: must be a number from {LEAST:g} to {MOST:g}")
    return float(constant)
