"""Does the order of the rows matter? Clustered repetition, told by how near the rows of one prompt stand.

The missing mass is estimated as if rows were exchangeable: any order of the table as likely as any other. Copied
pages, sorted extracts and crawls in bursts repeat a fact within a few rows, and then the singleton rate is too low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simlab.tables.asking import Engine, ask


@dataclass(frozen=True)
class Window:
    """What stands within ``width`` rows, that is, at row numbers that differ by at most ``width``.

    ``windowed`` is (1/N) x the draws of prompts all of whose answered rows do (a prompt answered once does): the
    windowed Good-Turing estimate, which is sr at width 0. ``twice`` counts the prompts answered exactly twice that do,
    ``oftener`` those answered three times or more. ``windowed_expected``, ``twice_expected`` and ``oftener_expected``
    are their means over all orders of the rows, the counts being what they are.
    """

    width: int
    windowed: float
    windowed_expected: float
    twice: int
    twice_expected: float
    oftener: int
    oftener_expected: float


@dataclass(frozen=True)
class Order:
    """How the rows of one prompt lie: ``rows`` of the table, the prompts answered once, twice and oftener, windows."""

    rows: int
    once: int
    twice: int
    oftener: int
    windows: tuple[Window, ...]


def widths_of(draws: int, rows: int) -> tuple[int, ...]:
    """Return the widths of the windows: 1, and sqrt(N) with a tenth and ten times of it, as far as rows go."""
    root = math.isqrt(draws)
    return tuple(sorted({width for width in (1, root // 10, root, 10 * root) if 1 <= width < rows}))


def within(times: int, width: int, rows: int) -> float:
    """Return Pr[``times`` distinct rows out of ``rows``, drawn at random, lie within ``width`` rows].

    Sets of k numbers out of R whose largest and least differ by at most w, 0 <= w < R, over all sets:
    Pr = [(R - w) C(w, k-1) + C(w, k)] / C(R, k), for k = 2 equal to w (2R - w - 1) / (R (R - 1)).
    """
    chance = 1.0  # C(w, k-1) / C(R, k-1)
    for i in range(times - 1):
        chance *= (width - i) / (rows - i)
        if chance < 1e-300:
            return 0.0
    return chance * (times * (rows - width) + width - times + 1) / (rows - times + 1)


def order_of(engine: Engine, view: str, widths: Sequence[int], rows: int, draws: int, most_answers: int) -> Order:
    """Return how the rows lie of the prompts of ``view`` with at most ``most_answers`` answers.

    ``prompt_classes`` has counted them; ``rows`` is R, ``draws`` N. The windowed estimate is in the spirit of WingIt
    (Pananjady, Muthukumar and Thangaraj, arXiv 2404.05819), which counts the draws i all of whose repetitions lie
    within w rows of i: it lies between ``windowed`` at w and at 2 w.
    """
    near = [f"sum(within_{i})::BIGINT" for i in range(len(widths))]
    classes = ask(
        engine,
        f"SELECT {', '.join(['answered', 'sum(prompts)::BIGINT', *near])} FROM {view}_classes "
        f"WHERE answered > 0 AND answers <= {most_answers} GROUP BY answered ORDER BY answered",
    )
    found = []
    for i, width in enumerate(widths, 2):
        expected = [(times, prompts * within(times, width, rows)) for times, prompts, *_ in classes]
        found.append(
            Window(
                width=width,
                windowed=sum(row[0] * row[i] for row in classes) / draws,
                windowed_expected=math.fsum(times * prompts for times, prompts in expected) / draws,
                twice=sum(row[i] for row in classes if row[0] == 2),
                twice_expected=math.fsum(prompts for times, prompts in expected if times == 2),
                oftener=sum(row[i] for row in classes if row[0] > 2),
                oftener_expected=math.fsum(prompts for times, prompts in expected if times > 2),
            )
        )
    once, twice, oftener = (
        sum(prompts for times, prompts, *_ in classes if min(times, 3) == least) for least in (1, 2, 3)
    )
    return Order(rows, once, twice, oftener, tuple(found))
