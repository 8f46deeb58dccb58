"""The band of a share whose spread was sampled: Wilson's interval of as many draws as would spread as much.

It stays in [0, 1], keeps its width at 0 and 1, and keeps its digits for masses whose squares are no numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float


def least_spread(draws: int, sizes: Any) -> Float[np.ndarray, " sizes"]:
    """The spread that one fact of popularity 1/N, seen or not, adds to the missing mass at a size."""
    return np.asarray(np.minimum(sizes / draws, draws / sizes) / draws)


def score_band(
    share: Float[np.ndarray, " sizes"],
    spread: Float[np.ndarray, " sizes"],
    z: float,
    floor: Float[np.ndarray, " sizes"],
) -> Float[np.ndarray, "ends sizes"]:
    """The ends p of |share - p| <= z sqrt(c p (1-p)), c = s^2 / max(share (1-share), s): Wilson's of 1/c draws."""
    s = np.maximum(spread, floor)
    k = z * z * s * (s / np.maximum(np.maximum(share * (1 - share), s), 1e-300))  # 1e-300 has no square
    root = np.sqrt(k) * np.sqrt(share * (1 - share) + k / 4)
    high = np.clip((share + k / 2 + root) / (1 + k), share, 1.0)
    low = np.clip(share * (share / np.where(high > 0, (1 + k) * high, 1.0)), 0.0, share)  # the product of the roots
    return np.array([low, high])


def coverage_band(
    mass: Float[np.ndarray, " sizes"],
    spread: Float[np.ndarray, " sizes"],
    z: float,
    floor: Float[np.ndarray, " sizes"],
) -> Float[np.ndarray, "ends sizes"]:
    """The band of the coverage 1 - mass, worked out for whichever of the two is small."""
    small, rest = score_band(mass, spread, z, floor), score_band(1 - mass, spread, z, floor)
    return np.where(mass < 0.5, 1 - small[::-1], rest)
