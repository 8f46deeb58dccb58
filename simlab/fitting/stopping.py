"""When to stop: the parameters that did best on held-out examples, and how long nothing has been better."""

from __future__ import annotations

import jax
import numpy as np

from simlab.fitting.families import Params
from simlab.fitting.programs import Program, State


class Best:
    """The parameters that did best on held-out examples, fit by fit, and whether all have stopped improving."""

    def __init__(self, program: Program, fits: int, patience: int | None) -> None:
        self.many, self.patience = program.many, patience
        self.loss = np.full(fits, np.inf)
        self.step = np.zeros(fits, dtype=int)
        self.stale = np.zeros(fits, dtype=int)
        self.params: Params = None

    def look(self, step: int, loss: np.ndarray, state: State) -> bool:
        """Take in the loss after ``step`` steps; return whether no fit has improved for ``patience`` looks."""
        running = self.stale < (self.patience or 0)
        better = (loss < self.loss) & running if self.params is not None else np.ones(len(loss), dtype=bool)
        self.stale = np.where(better, 0, self.stale + 1)
        self.loss, self.step = np.where(better, loss, self.loss), np.where(better, step, self.step)
        now = jax.tree.map(np.asarray, state.params)
        if self.params is None or not self.many:
            self.params = now if better.all() else self.params
        else:
            self.params = jax.tree.map(lambda new, old: np.where(_wide(better, new), new, old), now, self.params)
        return bool((self.stale >= (self.patience or 0)).all())


def _wide(which: np.ndarray, like: np.ndarray) -> np.ndarray:
    """One entry a fit, shaped to choose among arrays with a leading axis for the fits."""
    return which.reshape(-1, *[1] * (like.ndim - 1))
