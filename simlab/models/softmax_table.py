"""A table of logits, one a (prompt, response), fitted by cross-entropy: the density model without any inductive bias.

p_hat(r|c) = exp(theta[c, r]) / sum over the responses of c. Started at 0, full-batch training keeps facts of
one cell, and never-seen answers of one fact, on one path, so on cells three logits a cell (the seen answer,
each unseen one, IDK) follow the training of the whole table exactly; ``table`` is that whole table.

Loss: cross-entropy of the corpus, in nats a draw, plus weight_decay / 2 times the sum of squares of all logits
over the number of prompts (without prompts: of strings). Without weight decay the optimum lies at infinity and
the training error only approaches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput
from simlab.fitting import Examples, fit
from simlab.fitting.families import Params, Tree
from simlab.models.fits import Fit, TableFit
from simlab.models.tabular import Tabular, layout
from simlab.seeds import Streams


@dataclass(frozen=True)
class SoftmaxTable(Tabular):
    """theta[prompts, responses] of a listed corpus; of cells theta[cells, orbits], one logit an orbit."""

    name: ClassVar[str] = "softmax_table"
    convex: ClassVar[bool] = True
    descent: ClassVar[str] = "rowwise"

    def examples(self, corpus: Corpus | Listed) -> Examples:
        """Lay out a listed corpus response by response, cells orbit by orbit."""
        if isinstance(corpus, Listed):
            return super().examples(corpus)
        if corpus.count_cap is not None:
            cap = corpus.count_cap
            raise BadInput(
                f"count_cap = {cap}: {self.name} tells counts above any cap apart; leave count_cap out for it"
            )
        return _strings(corpus) if corpus.n_strings is not None else _cells(corpus)

    def start(self, key: Array, given: Tree) -> Params:  # noqa: ARG002 - a symmetric start draws nothing
        """All logits 0."""
        return jnp.zeros(given["counts"].shape)

    def logits(self, params: Params, prompts: Int[Array, " rows"] | None, given: Tree) -> Float[Array, "rows columns"]:  # noqa: ARG002
        """The table itself."""
        return params if prompts is None else params[prompts]  # type: ignore[no-any-return]

    def sizes(self, examples: Examples) -> Params | None:
        """Coordinates that each logit stands for: responses of its orbit times facts of its cell."""
        given = examples.given
        return given["sizes"] * given["facts"][:, None] if "facts" in given else None

    def scale(self, examples: Examples) -> float:
        """The number of prompts, or of strings."""
        corpus, given = examples.corpus, examples.given
        if corpus is not None and corpus.n_strings is not None:
            return float(corpus.n_strings)
        return float(given["facts"].sum() if "facts" in given else len(given["counts"]))

    def density(self, params: Params, examples: Examples) -> Fit | TableFit:
        """p_hat of the orbits of cells, or of every response."""
        corpus = examples.corpus
        if not isinstance(corpus, Corpus):
            return super().density(params, examples)
        orbits = examples.given["sizes"]
        with np.errstate(invalid="ignore"):  # parameters that diverged give no density, and the trace says so
            weight = np.exp(params - np.where(orbits > 0, params, -np.inf).max(1, keepdims=True)) * (orbits > 0)
            p_hat = weight / (orbits * weight).sum(1, keepdims=True)
        zero, n = np.zeros(len(corpus.facts)), len(corpus.facts)
        if corpus.n_strings is None:
            return Fit(self.name, seen=p_hat[:n, 0], unseen=p_hat[:n, 1], idk=p_hat[:n, 2])
        seen = np.flatnonzero(corpus.answered)
        string = p_hat[0, len(seen)]
        by_cell = zero + string
        by_cell[seen] = p_hat[0, : len(seen)]
        return Fit(self.name, by_cell, zero, zero, string=float(string))


def _cells(corpus: Corpus) -> Examples:
    """One row a cell, of three orbits: the seen answer, the unseen ones, IDK."""
    answered = corpus.answered
    orbits = np.stack([answered, corpus.answers - answered, np.full(len(answered), corpus.idk)], axis=1)
    counts = np.stack([corpus.times_answered, np.zeros(len(answered)), corpus.times_idk], axis=1)
    return _orbits(orbits.astype(float), counts, corpus.facts.astype(float), corpus)


def _strings(corpus: Corpus) -> Examples:
    """One prompt: one row, whose orbits are the cells of strings seen, and all strings never seen."""
    assert corpus.n_strings is not None
    seen = np.flatnonzero(corpus.answered)
    facts = corpus.facts[seen]
    orbits = np.append(facts, corpus.n_strings - facts.sum())[None].astype(float)
    return _orbits(orbits, np.append(corpus.times_answered[seen] * facts, 0)[None].astype(float), np.ones(1), corpus)


def _orbits(orbits: np.ndarray, counts: np.ndarray, facts: np.ndarray, corpus: Corpus) -> Examples:
    """Pad to few shapes, for few compilations; an empty row would have the logarithm of nothing."""
    more = [(0, rounded(n) - n) for n in orbits.shape]
    padded = np.pad(orbits, more)
    padded[len(orbits) :, 0] = 1.0
    facts = np.pad(facts, more[0])
    examples = layout(np.pad(counts, more) * facts[:, None], None, corpus)
    examples.given.update(sizes=padded, facts=facts)
    return examples


def rounded(n: int) -> int:
    """The least number from ``n`` on that has at most three significant bits: at most a quarter is padding."""
    step = 1 << max(n.bit_length() - 3, 0)
    return -(-n // step) * step


def cells(corpus: Corpus, streams: Streams, **settings: Any) -> Fit:
    """Fit to cells; ``settings``: those of ``simlab.models.FITTED``; ``simlab.fitting.fit`` takes the rest too."""
    return fit(corpus, SoftmaxTable(), streams=streams, **settings).density  # type: ignore[return-value]


def table(corpus: Listed, streams: Streams, **settings: Any) -> TableFit:
    """Fit the whole table to a listed corpus: one logit a (prompt, response)."""
    return fit(corpus, SoftmaxTable(), streams=streams, **settings).density  # type: ignore[return-value]
