"""Markov chains over tokens, of any order and with the classical smoothings: counted, scored and sampled compiled.

``count_ngrams`` -> ``Counts`` -> ``smooth`` -> ``Ngram``, on whole numbers alone (``simlab.rendering.tokens.Tokens``);
from the model ``token_probabilities``, ``log_probability``, ``response_probabilities`` and ``sample``.
"""

from simlab.models.ngram.counting import Counts, count_ngrams
from simlab.models.ngram.learner import table
from simlab.models.ngram.sampling import sample
from simlab.models.ngram.scoring import (
    log_probability,
    next_probabilities,
    response_probabilities,
    states,
    token_probabilities,
)
from simlab.models.ngram.smoothing import SMOOTHINGS, Ngram, smooth

__all__ = [
    "SMOOTHINGS",
    "Counts",
    "Ngram",
    "count_ngrams",
    "log_probability",
    "next_probabilities",
    "response_probabilities",
    "sample",
    "smooth",
    "states",
    "table",
    "token_probabilities",
]
