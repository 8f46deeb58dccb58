"""What a learner returns: p_hat on the orbits of each cell, or p_hat(r|c) fact by fact, and how the fit went."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-3  # nats by which a loss in single precision may stray


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """How a gradient fit went: one entry for each step, before it, and one after the last.

    ``loss`` is the training cross-entropy in nats a draw, with the penalty where weight decay is part of it;
    ``gradient_norm`` is relative to that of the whole corpus at the start. Of a fit in batches the losses before the
    last are those of each batch, without a norm (NaN); the last are of the whole corpus. ``converged`` says whether
    the last norm is within ``tolerance``, and the last loss no sign of divergence. ``start``: the loss of the whole
    corpus before the first step, ``least``: what no loss can lie below; infinite where there is no such number.
    """

    loss: Float[np.ndarray, " steps"]
    gradient_norm: Float[np.ndarray, " steps"]
    tolerance: float
    start: float = math.inf
    least: float = -math.inf

    def __repr__(self) -> str:
        return f"<Trace of {len(self.loss) - 1} steps, loss {self.loss[-1]:.6g}, {_ended(self)}>"

    @property
    def converged(self) -> bool:
        """Whether the gradient fell to ``tolerance`` times its first norm and the loss is finite and possible.

        A loss above its start, or below the least there is, has lost its digits to parameters that ran away; their
        gradient is 0 by rounding alone. Where the loss is not convex, what has converged is at rest, not at the best.
        """
        last = self.loss[-1]
        possible = np.isfinite(last) and self.least - ROUNDING <= last <= self.start + ROUNDING
        return bool(self.gradient_norm[-1] <= self.tolerance and possible)


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A density model on cells: one entry of each array a cell, each a conditional probability p_hat(r|c).

    ``seen``: the answer that the corpus states (any number where there is none); ``unseen``: *each* answer
    never seen; ``idk``: IDK. ``guess``, for a learner that picks one unseen answer of every never-answered
    fact: that answer (``unseen`` is then each of the others). ``nonsense``: mass outside V and E. Without
    prompts (Kalai-Vempala) ``seen`` is p_hat of a string seen so often and ``string`` that of each string never
    seen. Nothing here says which unseen answer is right.
    """

    method: str
    seen: Float[np.ndarray, " cells"]
    unseen: Float[np.ndarray, " cells"]
    idk: Float[np.ndarray, " cells"]
    guess: Float[np.ndarray, " cells"] | None = None
    nonsense: Float[np.ndarray, " cells"] | None = None
    string: float | None = None
    trace: Trace | None = None

    def __repr__(self) -> str:
        return f"<Fit of {self.method}, {len(self.seen)} cells{_with(self.trace)}>"

    @property
    def finite(self) -> bool:
        """Whether this is a density at all: a fit that diverged is not."""
        return bool(np.isfinite(self.seen).all() and np.isfinite(self.unseen).all() and np.isfinite(self.idk).all())


@dataclass(frozen=True, eq=False, repr=False)
class TableFit:
    """A density model listed in full: ``p_hat`` of every response of every fact, IDK in the last column.

    Columns beyond |R_c| hold 0. Without prompts there is one row, over all strings: the facts, then the false ones.
    ``nonsense``: the mass that each prompt's row lacks, put by a model of strings outside V and E.
    """

    method: str
    p_hat: Float[np.ndarray, "facts responses"]
    trace: Trace | None = None
    nonsense: Float[np.ndarray, " facts"] | None = None

    def __repr__(self) -> str:
        rows, columns = self.p_hat.shape
        return f"<TableFit of {self.method}, {rows} facts x {columns} responses{_with(self.trace)}>"

    @property
    def finite(self) -> bool:
        """Whether this is a density at all: a fit that diverged is not."""
        return bool(np.isfinite(self.p_hat).all())


def _ended(trace: Trace) -> str:
    return "converged" if trace.converged else "not converged"


def _with(trace: Trace | None) -> str:
    return f", {_ended(trace)}" if trace is not None else ""
