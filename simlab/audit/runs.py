"""Do repeats come in runs? Rows copied or crawled in bursts repeat a fact within a few rows, and sr is too low."""

from __future__ import annotations

from simlab.audit.finding import Finding
from simlab.audit.premises import CHANCE
from simlab.tables import Order, Window
from simlab.terminal.wording import plural

SHARE = 0.01
"""The share of the prompts answered twice that must stand too close before it matters."""


def clustered(order: Order | None, singleton_rate: float) -> Finding | None:
    """Return an alarm where prompts answered twice stand closer together than in a shuffled table.

    In a shuffled table of R rows the two rows of a prompt lie within w of one another with a chance pi that is known,
    so that of T prompts answered twice about Binomial(T, pi) do. A width is significant where the tail of that law is
    below ``CHANCE`` over the number of widths; of those the one is told that moves the windowed estimate most, which
    counts a prompt all of whose rows lie within w rows as if it stood alone (after WingIt, Pananjady, Muthukumar &
    Thangaraj, arXiv 2404.05819).
    """
    if order is None or not order.twice:
        return None
    most = CHANCE / max(len(order.windows), 1)
    near = [
        window
        for window in order.windows
        if window.twice - window.twice_expected >= SHARE * order.twice and tail(window, order.twice) < most
    ]
    if not near:
        return None
    told = max(near, key=lambda window: window.windowed - window.windowed_expected)
    return Finding(
        "clustered",
        "alarm",
        f"{told.twice:,} of the {order.twice:,} prompts answered twice stand within {plural(told.width, 'row')} of "
        f"themselves, where a shuffled table has {told.twice_expected:,.1f}: either the table is sorted, and its order "
        "says nothing (--no-order-check leaves it aside), or facts were copied in runs, and the singleton rate "
        f"{singleton_rate:.4f} is too low: the windowed estimate is {told.windowed:.4f}, and "
        f"{told.windowed_expected:.4f} in a shuffled table",
        {
            "width": told.width,
            "twice": order.twice,
            "twice_within": told.twice,
            "twice_expected": told.twice_expected,
            "windowed": told.windowed,
            "windowed_expected": told.windowed_expected,
            "p_value": tail(told, order.twice),
        },
    )


def tail(window: Window, twice: int) -> float:
    """Pr[Binomial(T, pi) >= what was seen], T = ``twice``."""
    from scipy.special import betainc

    if window.twice == 0:
        return 1.0
    return float(betainc(window.twice, twice - window.twice + 1, window.twice_expected / twice))
