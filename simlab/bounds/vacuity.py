"""From how many draws on a bound says anything: Theorem 2 is empty below 7,893 draws, whatever the corpus."""

from __future__ import annotations

import math

EXACT = 1e7
"""The largest sqrt(N) at which floats still tell N from N + 1 safely."""
LEAST = 1e-150
"""A margin below which the N needed is no float any more."""


def draws_until(margin: float, constant: float, log_factor: float = 0.0) -> float:
    """Return the least whole N with (constant + log_factor ln N)/sqrt(N) < margin, ``math.inf`` if there is none.

    That is so for a margin of at most 0 (or under 1e-150, where N is no float). With x = sqrt(N) the answer is the
    larger root of margin x - constant - 2 log_factor ln x, which is convex in x: Newton's steps from the right of
    its minimum overshoot once at most and then fall to the root. Above 1e14 draws the result is good to the digits
    of a float and no longer the very least N.
    """
    if margin < LEAST:
        return math.inf
    slope = 2 * log_factor
    x = (constant + slope * (1 + abs(math.log(slope / margin)))) / margin if slope else constant / margin
    for _ in range(50 if slope else 0):
        step = (margin * x - constant - slope * math.log(x)) / (margin - slope / x)
        x -= step
        if abs(step) <= 1e-15 * x:
            break
    if x > EXACT:
        return x * x if x * x >= 2**53 else float(math.floor(x * x) + 1)
    draws = max(1, math.floor(x * x) - 1)
    while (constant + log_factor * math.log(draws)) / math.sqrt(draws) >= margin:
        draws += 1
    return float(draws)
