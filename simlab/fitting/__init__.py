"""Cross-entropy, minimised by JIT-compiled gradient steps on CPU or GPU.

    fit(corpus, Bilinear(rank=8), streams=streams, optimizer="adamw", steps=1_000).density   # p_hat
    fit_many(corpora, MLP(hidden=64), streams=[...], batch=128)                              # one program

A family says what its examples, its start and its surprise are (``Family``); all else is here once: full batch or
batches drawn from the counts of the corpus, SGD, Adam, AdamW and L-BFGS, warm starts, early stopping, p_hat along the
way, many fits as one program, the memory that is needed. A fit that did not converge says so in its trace.
"""

from simlab.fitting.families import Examples, Family, Fitted
from simlab.fitting.rules import OPTIMISERS, PRECISIONS, SCHEDULES
from simlab.fitting.training import fit, fit_many

__all__ = ["OPTIMISERS", "PRECISIONS", "SCHEDULES", "Examples", "Family", "Fitted", "fit", "fit_many"]
