"""One integer -> independent named streams.

A stream is keyed by (master seed, grid point, replicate, stage) and by nothing else: neither the worker that
draws from it nor the order in which streams are opened can move a number. Adding a stage, a replicate or a grid
point leaves every other stream where it was.
"""

from __future__ import annotations

import hashlib
import json
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simlab.errors import BadInput, check_type

if TYPE_CHECKING:
    import jax


@dataclass(frozen=True)
class Streams:
    """The random streams of one replicate at one grid point.

    ``seed`` is the master seed, ``point`` names the grid point (a digest of its settings without the method:
    methods of one cell share their corpus), ``replicate`` counts from 0. Raises ``BadInput`` for a negative seed
    or replicate.
    """

    seed: int = 0
    point: str = ""
    replicate: int = 0

    def __post_init__(self) -> None:
        for name in ("seed", "replicate"):
            value = getattr(self, name)
            if not hasattr(value, "__index__") or operator.index(value) < 0:
                raise BadInput(f"{name} = {value}: must be a whole number of at least 0")
            object.__setattr__(self, name, operator.index(value))  # NumPy's integers are welcome

    def _words(self, stage: str) -> list[int]:
        """256 bits of SHA-256 over the whole key, as eight 32-bit words."""
        check_type("stage", stage, str, "the name of a stage, such as 'corpus'")
        key = json.dumps([self.seed, self.point, self.replicate, stage]).encode()
        return [int(word) for word in np.frombuffer(hashlib.sha256(key).digest(), dtype="<u4")]

    def numpy(self, stage: str) -> np.random.Generator:
        """Return a fresh NumPy generator for ``stage``; the same key gives the same draws."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self._words(stage))))

    def jax(self, stage: str) -> jax.Array:
        """Return a JAX PRNG key for ``stage`` (64 of the 256 bits of its key)."""
        from jax import random  # JAX is imported only by those who need it

        high, low = self._words(stage)[:2]
        return random.fold_in(random.key(high), low)
