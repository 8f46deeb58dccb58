"""A table of logits, one a (prompt, response), fitted by cross-entropy: the density model without any inductive bias.

p_hat(r|c) = exp(theta[c, r]) / sum over the responses of c. Started at 0, full-batch training keeps facts of
one cell, and never-seen answers of one fact, on one path, so on cells three logits a cell (the seen answer,
each unseen one, IDK) follow the training of the whole table exactly; ``table`` is that whole table.

Loss: cross-entropy of the corpus, in nats a draw, plus weight_decay / 2 times the sum of squares of all logits
over the number of prompts (without prompts: of strings). Without weight decay the optimum lies at infinity and
the training error only approaches it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput
from simlab.fitting import descend
from simlab.models.add_constant import responses
from simlab.models.fits import Fit, TableFit
from simlab.seeds import Streams


def _loss(theta: jax.Array, data: dict[str, jax.Array]) -> jax.Array:
    """Cross-entropy of rows of orbits: sum of facts (n logsumexp - sum n_r theta_r) / N, plus the penalty.

    ``sizes``: responses of one row that each logit stands for; ``counts``: draws of one fact in each orbit;
    ``facts``: rows that the row stands for.
    """
    sizes, counts, facts = data["sizes"], data["counts"], data["facts"]
    present = sizes > 0
    log_z = logsumexp(jnp.where(present, theta, 0.0), b=sizes, axis=1)
    surprise = counts.sum(1) * log_z - (counts * theta).sum(1)
    penalty = data["decay"] * jnp.sum(facts[:, None] * sizes * theta**2) / 2
    return jnp.sum(facts * surprise) / data["draws"] + penalty / data["scale"]


def _fit(orbits: Any, counts: Any, facts: Any, corpus: Corpus | Listed, decay: float, settings: dict[str, Any]) -> Any:
    """Fit one logit an orbit; return p_hat of each response in the orbits, and the trace."""
    if not (np.isfinite(decay) and decay >= 0):
        raise BadInput(f"weight_decay = {decay:.6g}: must be finite and not negative")
    rows, columns = orbits.shape
    more = [(0, (1 << (n - 1).bit_length()) - n) for n in (rows, columns)]  # few shapes, few compilations
    orbits, counts, facts = np.pad(orbits, more), np.pad(counts, more), np.pad(facts, more[0])
    orbits[rows:, 0] = 1.0  # an empty row would have the logarithm of nothing
    scale = float(facts.sum() if corpus.n_strings is None else corpus.n_strings)  # makes gradients of order one
    data = {
        "sizes": orbits,
        "counts": counts,
        "facts": facts,
        "draws": float(corpus.draws),
        "decay": float(decay),
        "scale": scale,
    }
    theta, trace = descend(_loss, np.zeros_like(orbits), data, sizes=orbits * facts[:, None], scale=scale, **settings)
    weight = np.exp(theta - theta.max(1, keepdims=True)) * (orbits > 0)
    return (weight / (orbits * weight).sum(1, keepdims=True))[:rows, :columns], trace


def cells(corpus: Corpus, streams: Streams, *, weight_decay: float = 0.0, **settings: Any) -> Fit:  # noqa: ARG001
    """Fit to cells; ``settings`` go to ``simlab.fitting.descend`` (optimizer, learning_rate, steps, tolerance)."""
    if corpus.n_strings is not None:
        return _strings(corpus, weight_decay, settings)
    answered = corpus.answered
    orbits = np.stack([answered, corpus.answers - answered, np.full(len(answered), corpus.idk)], axis=1)
    counts = np.stack([corpus.times_answered, np.zeros(len(answered)), corpus.times_idk], axis=1)
    p_hat, trace = _fit(orbits.astype(float), counts, corpus.facts, corpus, weight_decay, settings)
    return Fit("softmax_table", seen=p_hat[:, 0], unseen=p_hat[:, 1], idk=p_hat[:, 2], trace=trace)


def _strings(corpus: Corpus, weight_decay: float, settings: dict[str, Any]) -> Fit:
    """One prompt: one row, whose orbits are the cells of strings seen, and all strings never seen."""
    assert corpus.n_strings is not None
    seen = np.flatnonzero(corpus.answered)
    facts = corpus.facts[seen]
    orbits = np.append(facts, corpus.n_strings - facts.sum())[None].astype(float)
    counts = np.append(corpus.times_answered[seen] * facts, 0)[None]
    p_hat, trace = _fit(orbits, counts, np.ones(1), corpus, weight_decay, settings)
    by_cell = np.full(len(corpus.facts), p_hat[0, -1])
    by_cell[seen] = p_hat[0, :-1]
    zero = np.zeros_like(by_cell)
    return Fit("softmax_table", by_cell, zero, zero, string=float(p_hat[0, -1]), trace=trace)


def table(corpus: Listed, streams: Streams, *, weight_decay: float = 0.0, **settings: Any) -> TableFit:  # noqa: ARG001
    """Fit the whole table to a listed corpus: one logit a (prompt, response)."""
    if corpus.n_strings is not None:
        counts = np.bincount(corpus.prompt, minlength=corpus.n_strings)[None]
        orbits = np.ones_like(counts, dtype=float)
    else:
        counts, orbits = corpus.counts, responses(corpus).astype(float)
    p_hat, trace = _fit(orbits, counts, np.ones(len(counts)), corpus, weight_decay, settings)
    return TableFit("softmax_table", p_hat * orbits, trace)
