"""Do repeats come in runs? Rows copied or crawled in bursts repeat a fact within a few rows, and sr is too low."""

from __future__ import annotations

from dataclasses import dataclass

from simlab.audit.finding import Finding
from simlab.audit.premises import CHANCE
from simlab.tables import Order, Window
from simlab.terminal.wording import plural

SHARE = 0.01
"""The share of the prompts that must stand too close before it matters; see ``clustered``."""

GROUPS = {"twice": "twice", "oftener": "three times or more"}
"""The prompts that are tested together, by the name of their counts, and in words."""


@dataclass(frozen=True, slots=True)
class Near:
    """The prompts of one group at one width: how many there are, how many stand within it, how many would."""

    window: Window
    group: str
    prompts: int
    seen: int
    expected: float

    @property
    def excess(self) -> float:
        """How many more stand within the width than in a shuffled table."""
        return self.seen - self.expected


def clustered(order: Order | None, singleton_rate: float) -> Finding | None:
    """Return an alarm where repeated prompts stand closer together than in a shuffled table.

    In a shuffled table of R rows the k rows of a prompt lie within w of one another with a chance pi_k that is known
    (``simlab.tables.order.within``), so that of T prompts answered twice about Binomial(T, pi_2) do; of those answered
    three times or more the number is a sum of Bernoulli variables of different chances, and ``tail`` bounds it. Both
    are tested at every width, and one is significant where its tail is below ``CHANCE`` over the number of tests.

    It matters where the excess is at least ``SHARE`` of the prompts tested, or of those answered once or twice if they
    are fewer: a run is a singleton lost, and prompts that stand a thousand times are no measure of that.

    Of what is left the width is told that moves the windowed estimate most, which counts a prompt all of whose rows
    lie within w rows as if it stood alone (after WingIt, Pananjady, Muthukumar & Thangaraj, arXiv 2404.05819), and
    there the larger excess.
    """
    if order is None:
        return None
    tested = [
        Near(window, group, getattr(order, group), getattr(window, group), getattr(window, f"{group}_expected"))
        for window in order.windows
        for group in GROUPS
    ]
    most, rare = CHANCE / max(len(tested), 1), order.once + order.twice
    near = [one for one in tested if one.excess >= SHARE * min(one.prompts, rare) and tail(one) < most]
    if not near:
        return None
    told = max(near, key=lambda one: (one.window.windowed - one.window.windowed_expected, one.excess))
    window = told.window
    return Finding(
        "clustered",
        "alarm",
        f"{told.seen:,} of the {told.prompts:,} prompts answered {GROUPS[told.group]} stand within "
        f"{plural(window.width, 'row')} of each other, where a shuffled table has {told.expected:,.1f}: either the "
        "table is sorted, and its order says nothing (--no-order-check leaves it aside), or facts were copied in runs, "
        f"and the singleton rate {singleton_rate:.4f} is too low: the windowed estimate is {window.windowed:.4f}, and "
        f"{window.windowed_expected:.4f} in a shuffled table",
        {
            "width": window.width,
            told.group: told.prompts,
            f"{told.group}_within": told.seen,
            f"{told.group}_expected": told.expected,
            "windowed": window.windowed,
            "windowed_expected": window.windowed_expected,
            "p_value": tail(told),
        },
    )


def tail(near: Near) -> float:
    """Pr[Binomial(T, E/T) >= what was seen], T prompts of which E are expected; 1 where no more than E + 1 are seen.

    Among all sums of T independent Bernoulli variables of mean E the binomial one has the largest tail from E + 1 on
    (Hoeffding 1956, Ann. Math. Statist. 27, 713, Theorem 4), so this is a bound where the chances differ.
    """
    from scipy.special import betainc

    if near.seen < near.expected + 1:
        return 1.0
    return float(betainc(near.seen, near.prompts - near.seen + 1, near.expected / near.prompts))
