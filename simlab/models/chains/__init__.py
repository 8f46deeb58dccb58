"""Order-2 Markov chains over strings of a known world, compiled: the model of Miao & Kearns 2025 (arXiv 2502.08666).

A chain begins with a pair of tokens and draws each next token, or the end, given the last two. What it has learned is
an array over the steps that occur in the world's strings, which are numbered once (``index_steps``): then counting a
corpus, and the exact probability of every fact, cost a few operations a token and no look-up. A chain is no learner of
``simlab.models.LEARNERS``: a corpus here is how often each string of the world was written, and no response set is
enumerated. The general n-gram, with its smoothing, is that family's own.
"""

from simlab.models.chains.counting import Chain, fit, overlay, probabilities
from simlab.models.chains.indexing import STOP, Steps, index_steps
from simlab.models.chains.levels import log_bins
from simlab.models.chains.sampling import Generated, generate, number_strings
from simlab.models.chains.walking import Walk, walk

__all__ = [
    "STOP",
    "Chain",
    "Generated",
    "Steps",
    "Walk",
    "fit",
    "generate",
    "index_steps",
    "log_bins",
    "number_strings",
    "overlay",
    "probabilities",
    "walk",
]
