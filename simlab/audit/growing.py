"""The same table with more rows: all counts of counts grown alike, so that every rate stays what it is."""

from __future__ import annotations

from collections.abc import Callable

from simlab.missing_mass import CountsOfCounts
from simlab.missing_mass.counts import MOST

MOST_TIMES = 2**40
"""How often a corpus is repeated at most in a search."""


def draws_until(counts: CountsOfCounts, enough: Callable[[CountsOfCounts], bool]) -> int | None:
    """The N of the least whole multiple of the counts that is ``enough``, None where none up to ``MOST_TIMES`` is.

    ``enough`` must be true of all multiples from some on.
    """

    def grown(times: int) -> CountsOfCounts:
        return CountsOfCounts(counts.times, counts.facts * times, counts.idk * times)

    too_few, times = 0, 1
    while not enough(grown(times)):
        too_few, times = times, 2 * times
        if times > MOST_TIMES or times * counts.draws > MOST:
            return None
    while times - too_few > 1:
        middle = (too_few + times) // 2
        too_few, times = (too_few, middle) if enough(grown(middle)) else (middle, times)
    return grown(times).draws
