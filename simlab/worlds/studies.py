"""The worlds of the coverage studies: one of each law, with as many facts as keep its missing mass in sight at N."""

from __future__ import annotations

import math
from functools import lru_cache

from simlab.errors import unknown
from simlab.worlds.laws import geometric, two_level, uniform, zipf
from simlab.worlds.observed import from_counts_of_counts
from simlab.worlds.world import World

WORST_DRAWS_PER_FACT = 0.8526055020137255  # W(2), the root of x exp(x) = 2: where Good-Turing's risk is largest

# The prosody data of Gale & Sampson 1995 (J. Quantitative Linguistics 2, 217), as r:n for n kinds seen r times each
_PROSODY = """
1:120 2:40 3:24 4:13 5:15 6:5 7:11 8:2 9:2 10:1 12:3 14:2 15:1 16:1 17:3 19:1 20:3 21:2 23:3 24:3 25:3 26:2 27:2 28:1
31:2 32:2 33:1 34:2 36:2 41:3 43:1 45:3 46:1 47:1 50:1 71:1 84:1 101:1 105:1 121:1 124:1 146:1 162:1 193:1 199:1 224:1
226:1 254:1 257:1 339:1 421:1 456:1 481:1 483:1 1140:1 1256:1 1322:1 1530:1 2131:1 2395:1 6925:1 7846:1
"""
PROSODY = {int(times): int(kinds) for times, kinds in (pair.split(":") for pair in _PROSODY.split())}
"""Counts of counts of a real corpus: 309 kinds among N = 30,902."""
ENDLESS = 10**15
"""The facts of a power law whose end no corpus sees."""
STUDIED = (
    "uniform_worst",
    "zipf_0.8",
    "zipf_1",
    "zipf_1.5",
    "zipf_2",
    "power_law_1.5",
    "power_law_2",
    "geometric",
    "two_level",
    "two_level_idk",
    "few_singletons",
    "prosody",
)
"""The names that ``studied_world`` knows."""


@lru_cache(maxsize=64)
def studied_world(name: str, draws: int, answer_rate: float = 1.0) -> World:
    """Return the world called ``name`` for a study at N = ``draws``, every fact with the same ``answer_rate``.

    "uniform_worst" has N/.8526 facts, the Zipf worlds N; "power_law_1.5" and "power_law_2" are Zipf's with 10^15, so
    that no N studied sees their end; "geometric" has a tail that N draws just reach, "two_level" N/100 common and 10 N
    rare facts, and in "two_level_idk" half of the draws that would state one say IDK; "few_singletons" has so many
    equal facts that one singleton is expected; "prosody" has the frequencies of a published table whatever N is.
    Raises ``BadInput`` for another name.
    """
    if name not in STUDIED:
        raise unknown("world", name, STUDIED)
    if name == "uniform_worst":
        return uniform(max(round(draws * answer_rate / WORST_DRAWS_PER_FACT), 1), answer_rate=answer_rate)
    if name == "geometric":
        return geometric(draws, 1.0 - 10.0 / draws, answer_rate=answer_rate)
    if name in ("two_level", "two_level_idk"):
        rate = answer_rate if name == "two_level" else answer_rate / 2
        return two_level(max(draws // 100, 1), 10 * draws, 0.5, answer_rate=rate)
    if name == "few_singletons":
        return uniform(_facts_with_one_singleton(draws * answer_rate), answer_rate=answer_rate)
    if name == "prosody":
        return from_counts_of_counts(PROSODY, answer_rate=answer_rate)
    if name.startswith("power_law_"):
        return zipf(ENDLESS, float(name.removeprefix("power_law_")), answer_rate=answer_rate)
    return zipf(draws, float(name.removeprefix("zipf_")), answer_rate=answer_rate)


def _facts_with_one_singleton(draws: float) -> int:
    """The number k of equal facts of which one is expected to be drawn once: N e^(-N/k) = 1."""
    return max(round(draws / math.log(draws)), 1) if draws > math.e else 1
