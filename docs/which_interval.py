"""The table "which interval when" of docs/missing-mass.md, from the committed coverage study.

`python docs/which_interval.py` writes it anew between its marks; a test compares.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from simlab.drawing import read_table
from simlab.missing_mass import INTERVALS

HERE = Path(__file__).resolve()
PAGE = HERE.with_name("missing-mass.md")
TABLE = HERE.parents[1] / "experiments" / "results" / "missing_mass_intervals.csv"
MARKS = ("<!-- from the coverage study -->\n", "<!-- to here -->\n")


def written() -> str:
    """Return the table in Markdown: promise, coverage at its worst and in the middle, and width, by interval."""
    rows = read_table(TABLE)
    level = 1 - rows[0]["gamma"]
    lines = [
        f"| interval | promises | least coverage at {level:g} | points below {level:g} by 3 MCSE | width, score = 1 |",
        "|---|---|---|---|---|",
    ]
    widths = {(row["world"], row["draws"], row["method"]): row["mean"] for row in rows if row["measure"] == "width"}
    for name, kind in INTERVALS.items():
        method = f"good_turing, {name}"
        found = [row for row in rows if row["method"] == method and row["measure"] == "estimate"]
        worst = min(found, key=lambda row: row["coverage"])
        below = sum(row["coverage"] < level - 3 * row["coverage_mcse"] for row in found)
        ratios = [
            widths[row["world"], row["draws"], method] / widths[row["world"], row["draws"], "good_turing, score"]
            for row in found
        ]
        lines.append(
            f"| `{name}` | {kind.promise} | {worst['coverage']:.3f} ± {worst['coverage_mcse']:.3f} "
            f"({worst['world'].replace('_', ' ')}, N = {worst['draws']:.0e}) | {below} of {len(found)} | "
            f"{statistics.median(ratios):.2f} (up to {max(ratios):.3g}) |"
        )
    return "\n".join(lines) + "\n"


def replaced(page: str) -> str:
    """Return the page with the table between its marks."""
    head, rest = page.split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    return head + MARKS[0] + written() + MARKS[1] + tail


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text()))
    print(PAGE)
