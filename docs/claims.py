"""Write the README's table of claims: theorem, bound, test, experiment, figure, and what the committed tables measure.

Run after `make results`, which does so itself. What a claim says in short stands here; all else is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simlab.bounds import THEOREMS, Theorem
from simlab.drawing import read_table

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "README.md"
HEAD = "| slug | theorem | bound | test | experiment, figure | measured |\n|---|---|---|---|---|---|\n"
TABLE = re.compile(re.escape(HEAD) + r"(\|.*\n)*")
ROUNDING, SMALL = 1e-9, 1e-6

SAYS = {
    "error_from_iiv": "err ≥ 2 err_iiv − k/K − δ, every model",
    "error_from_singletons": "err ≥ sr − 2/K − (35 + 6 ln N)/√N − δ at 99 %",
    "error_from_singletons_upper": "calibrated: err ≤ sr L/(L + 1) + 13/√N at 99 %",
    "error_from_singletons_sharp": '"sharp form": E[err] + E[δ] ≥ E[MM] − k/K',
    "iiv_from_singletons": "2 err_iiv ≥ sr − 6 ln(3N/γ)/√N",
    "iiv_from_missing_mass": "2 err_iiv ≥ MM − √(2 ln(1/γ) Σ μ′²)",
    "missing_mass_from_singletons": r"\|MM − sr\| ≤ 4.42 √(ln(5/γ)/N)",
    "missing_mass_from_singletons_sharp": "E[(MM − sr)²] ≤ .618/N, N ≥ 42 (numerical)",
    "missing_mass_from_counts": "MM ≥ x(f₁, f₂, …), every N, every law",
    "error_from_choices": "one valid response: err ≥ 2 (1 − 1/C) opt(G), C = K + 1",
    "error_from_choices_sharp": r"err ≥ 2 (1 − 1/C) E_t[err_iiv at t], equal for constant \|E_c\|",
    "error_from_context": "prompts that look alike: err ≥ 1 − mass of the best common answer",
    "error_from_family": "err ≥ 2 opt(G) − k/K − δ",
    "error_from_bits": "b bits a fact: E[err] ≥ D, log₂C − H(D) − D log₂(C − 1) = b",
    "error_from_monofacts": "without prompts, at 99 %",
    "error_from_monofacts_sharp": "without prompts, every N",
    "guessing_from_grading": "binary grading: abstaining costs ≥ 1/n, every law of graders",
    "score_from_confidence": "score ≤ E[(q − t)₊]/(1 − t), every policy",
}
"""What each bound says, as short as a cell of the table."""


def rounded(mean: float, mcse: float) -> str:
    """A mean and its Monte Carlo error, to two digits of the error; what is no more than rounding is 0."""
    if abs(mean) < ROUNDING and mcse < ROUNDING:
        return "0"
    places = max(1 - math.floor(math.log10(mcse)), 0) if mcse else 0
    if mcse < ROUNDING * abs(mean):
        text = f"{mean:.3g}"
    elif mcse < SMALL:
        text = f"{mean:.3g} ± {mcse:.1g}"
    else:
        text = f"{mean:.{places}f} ± {mcse:.{places}f}"
    return text.replace("-", "−")


def measured(theorem: Theorem, rows: Sequence[dict[str, Any]]) -> str:
    """The least mean slack of the committed table, with its error, and how often the bound says nothing.

    Raises ``LookupError`` where the table of the claim's experiment has no slack of it.
    """
    found = [row for row in rows if row["measure"] == f"{theorem.slug}_slack" and row["n"]]
    silent = [row["mean"] for row in rows if row["measure"] == f"{theorem.slug}_vacuous" and row["n"]]
    if not found or not silent:
        raise LookupError(f"{theorem.experiment} measured no slack of {theorem.slug}: run make results")
    least = min(found, key=lambda row: row["mean"])
    return f"{rounded(least['mean'], least['mcse'])}; {100 * sum(silent) / len(silent):.0f} %"


def line(theorem: Theorem) -> str:
    """One row of the table."""
    stem = Path(theorem.experiment).stem
    rows = read_table(ROOT / "experiments" / "results" / f"{stem}.csv")
    test = theorem.test.split("::")[0]
    cells = [f"`{theorem.slug}`", theorem.name, SAYS[theorem.slug], f"[test]({test})"]
    cells += [f"[`{stem}`]({theorem.experiment}), [figure](figures/{stem}.py)", measured(theorem, rows)]
    return f"| {' | '.join(cells)} |\n"


def claims() -> str:
    """The whole table, in the order of the catalogue."""
    return HEAD + "".join(line(theorem) for theorem in THEOREMS)


def replaced(page: str) -> str:
    """Return the page with its table of claims as it should be. Raises ``LookupError`` where it has none."""
    if not TABLE.search(page):
        raise LookupError(f"README.md has no table of claims that starts with {HEAD.splitlines()[0]!r}: put it back")
    return TABLE.sub(lambda _: claims(), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text()))
    print(PAGE)
