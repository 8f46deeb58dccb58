"""Memorise and spread: the algorithm behind the upper bound of Kalai & Vempala 2024 (arXiv 2311.14648, section 7).

Without prompts: the mass 1 - MF uniformly on the strings seen, the monofact rate MF uniformly on those never seen.
Its level sets are those two, so its miscalibration is |p(unseen) - MF|, the Good-Turing deviation, and its
hallucination rate MF |H| / |unseen| is at most MF. (The definition is as secondary sources give it.)
"""

from __future__ import annotations

import numpy as np

from simlab.corpora import Corpus, Listed, singleton_rate
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams


def cells(corpus: Corpus, streams: Streams) -> Fit:  # noqa: ARG001
    """Fit to cells of factoids."""
    assert corpus.n_strings is not None
    seen, string = _levels(singleton_rate(corpus), int(corpus.facts[corpus.answered].sum()), corpus.n_strings)
    zero = np.zeros(len(corpus.facts))
    return Fit("memorising", zero + seen, zero, zero, string=string)


def table(corpus: Listed, streams: Streams) -> TableFit:  # noqa: ARG001
    """Fit to a listed corpus of factoids."""
    assert corpus.n_strings is not None
    counts = np.bincount(corpus.prompt, minlength=corpus.n_strings)
    seen, string = _levels(float((counts == 1).sum() / corpus.draws), int((counts > 0).sum()), corpus.n_strings)
    return TableFit("memorising", np.where(counts > 0, seen, string)[None])


def _levels(monofact_rate: float, n_seen: int, n_strings: int) -> tuple[float, float]:
    """p_hat of each string seen and of each never seen."""
    return (1.0 - monofact_rate) / n_seen, monofact_rate / (n_strings - n_seen)
