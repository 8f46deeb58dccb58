"""The tables of docs/missing-mass.md: which interval when, from the committed coverage study, and what it leaves open.

`python docs/which_interval.py` writes them anew between their marks; a test compares.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simlab.drawing import read_table
from simlab.missing_mass import INTERVALS, certificate, good_turing

HERE = Path(__file__).resolve()
PAGE = HERE.with_name("missing-mass.md")
TABLE = HERE.parents[1] / "experiments" / "results" / "missing_mass_intervals.csv"
SHORT = 4
"""Monte Carlo standard errors below the level, of a coverage at the level, from which a point counts as short of it."""
FINITE = ("certificate", "robbins", *(name for name, kind in INTERVALS.items() if kind.promise == "finite-sample"))
SPREAD = ("coverage_curve:2n", "draws_until", "chao1", "ace", "jackknife", "smoothed_good_toulmin")
SPREAD += ("frequency_exponent", "power_law_draws_until")

_ONE = "one singleton is expected, whatever N is"
_EARLY = "the doubletons and triples are few"
EXCEPTIONS: dict[tuple[str, float], str] = {
    ("few_singletons", 100): _ONE,
    ("few_singletons", 1_000): _ONE,
    ("few_singletons", 10_000): _ONE,
    ("zipf_1.5", 100): _EARLY,
    ("zipf_1.5", 10_000): "the unseen facts are taken for equal",
    ("power_law_1.5", 100): _EARLY,
    ("power_law_2", 100): _EARLY,
}
"""(world, N) at which asymptotic intervals and bootstraps are short of their level, and why."""

Row = dict[str, Any]


def promise_of(method: str) -> str:
    """What the interval of a method of the study promises."""
    estimator, _, interval = method.partition(", ")
    if method.startswith(SPREAD):
        return "spread"
    if estimator.startswith(FINITE) or (estimator.startswith("good_turing") and interval in FINITE):
        return "finite-sample"
    return "bootstrap" if "bootstrap" in interval else "asymptotic"


def judged(rows: Sequence[Row]) -> list[Row]:
    """The lines of the study that have a coverage, each with its ``promise`` and with how ``far`` below it lies."""
    level = 1 - rows[0]["gamma"]
    found = [row for row in rows if row["measure"] == "estimate" and row["n"] and row["coverage"] not in ("", None)]
    return [
        row
        | {"promise": promise_of(row["method"])}
        | {"far": (level - row["coverage"]) / math.sqrt(level * (1 - level) / row["n"])}
        for row in found
        if not math.isnan(row["coverage"])
    ]


def place(row: Row) -> str:
    """The world and N of a line."""
    return f"{row['world'].replace('_', ' ')}, N = {row['draws']:.0e}"


def intervals(rows: Sequence[Row]) -> str:
    """Promise, coverage at its worst and in the mean, and width, by interval of the missing mass."""
    level = 1 - rows[0]["gamma"]
    lines = [
        f"| interval | promises | replicates a point | mean coverage at {level:g} | least coverage | points short "
        "of it | width, score = 1 |",
        "|---|---|---|---|---|---|---|",
    ]
    widths = {(row["world"], row["draws"], row["method"]): row["mean"] for row in rows if row["measure"] == "width"}
    for name, kind in INTERVALS.items():
        method = f"good_turing, {name}"
        found = [row for row in judged(rows) if row["method"] == method]
        worst = min(found, key=lambda row: row["coverage"])
        ratios = [
            widths[row["world"], row["draws"], method] / widths[row["world"], row["draws"], "good_turing, score"]
            for row in found
        ]
        lines.append(
            f"| `{name}` | {kind.promise} | {replicates(found)} | "
            f"{statistics.mean(row['coverage'] for row in found):.3f} | "
            f"{worst['coverage']:.3f} ± {worst['coverage_mcse']:.3f} ({place(worst)}) | "
            f"{sum(row['far'] > SHORT for row in found)} of {len(found)} | "
            f"{statistics.median(ratios):.2f} (up to {max(ratios):.3g}) |"
        )
    return "\n".join(lines) + "\n"


def replicates(found: Sequence[Row]) -> str:
    """How many replicates the points rest on, the fewer ones with the N that has them."""
    least = {int(row["n"]): min(r["draws"] for r in found if r["n"] == row["n"]) for row in found}
    return "; ".join(
        f"{n}" if i == 0 else f"{n} at N = {least[n]:.0e}" for i, n in enumerate(sorted(least, reverse=True))
    )


def others(rows: Sequence[Row]) -> str:
    """Every other method of the study, by promise: mean and least coverage, and how many points are short."""
    lines = ["| promise | method | replicates a point | mean coverage | least coverage | points short of it |"]
    lines.append("|---|---|---|---|---|---|")
    found = judged(rows)
    for promise in ("finite-sample", "asymptotic", "bootstrap", "spread"):
        for method in dict.fromkeys(row["method"] for row in found if row["promise"] == promise):
            if method.removeprefix("good_turing, ") in INTERVALS:
                continue
            mine = [row for row in found if row["method"] == method]
            worst = min(mine, key=lambda row: row["coverage"])
            lines.append(
                f"| {promise} | `{method}` | {replicates(mine)} | "
                f"{statistics.mean(row['coverage'] for row in mine):.3f} | {worst['coverage']:.3f} ({place(worst)}) | "
                f"{sum(row['far'] > SHORT for row in mine)} of {len(mine)} |"
            )
    return "\n".join(lines) + "\n"


def exceptions(rows: Sequence[Row]) -> str:
    """The points at which an interval that promises a level without proof is short of it, with the reason."""
    short = [row for row in judged(rows) if row["promise"] in ("asymptotic", "bootstrap") and row["far"] > SHORT]
    lines = []
    for at, why in EXCEPTIONS.items():
        mine = [row for row in short if (row["world"], row["draws"]) == at]
        if mine:
            told = ", ".join(f"`{row['method']}` {row['coverage']:.3f}" for row in mine)
            lines.append(f"- {place(mine[0])} ({why}): {told}.")
    return "\n".join(lines) + "\n"


def least_with_chance(draws: int, gamma: float) -> int:
    """The fewest equal facts of which N draws are all different with a probability above ``gamma``."""

    def log_chance(facts: int) -> float:
        return math.lgamma(facts + 1) - math.lgamma(facts - draws + 1) - draws * math.log(facts)

    low, high = draws, draws**2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_chance(middle) > math.log(gamma) else (middle, high)
    return high


def open_gain(_: Sequence[Row]) -> str:
    """What an exact inversion could gain at most over `tails`, where one law alone limits it."""
    lines = ["| one-sided at 0.95 | N | `tails` | the best that any valid end could be |", "|---|---|---|---|"]
    for draws in (10, 100, 10_000):
        high = good_turing({draws: 1}, sides="upper").high
        lines.append(f"| upper end, one fact seen N times | {draws} | {high:.3g} | {1 - 0.05 ** (1 / draws):.3g} |")
    for draws in (10, 100, 10_000):
        low, most = certificate({1: draws}).low, 1 - draws / least_with_chance(draws, 0.05)
        lines.append(f"| lower end, N facts seen once each | {draws} | {low:.4f} | {most:.4f} |")
    return "\n".join(lines) + "\n"


WRITERS: dict[str, Callable[[Sequence[Row]], str]] = {
    "from the coverage study": intervals,
    "the exceptions of the coverage study": exceptions,
    "the rest of the coverage study": others,
    "what is left open": open_gain,
}


def replaced(page: str) -> str:
    """Return the page with each table between its marks."""
    rows = read_table(TABLE)
    for name, written in WRITERS.items():
        head, rest = page.split(f"<!-- {name} -->\n")
        _, tail = rest.split("<!-- to here -->\n", maxsplit=1)
        page = f"{head}<!-- {name} -->\n{written(rows)}<!-- to here -->\n{tail}"
    return page


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text()))
    print(PAGE)
