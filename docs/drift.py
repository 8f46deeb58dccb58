"""Compare the tables of a rerun with the committed ones, row by row, before they are committed.

`python docs/drift.py results` reads results/*/summary.csv and exits with 2 where a table has drifted. The same seed,
code and libraries must give the same numbers, to 1e-9; others may draw other corpora, and means must agree within
4 sqrt(2) Monte Carlo standard errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from simlab.drawing import read_table
from simlab.errors import BadInput

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "experiments" / "results"
COMPARED = {"mean": "mcse", "bias": "bias_mcse", "coverage": "coverage_mcse"}
SETTLED = ("n", "n_errors", "seed")
LOOSE = {*COMPARED, *COMPARED.values(), "q05", "q50", "q95", "n_not_converged", "version"}
LIBRARIES = ("numpy", "scipy", "numba", "jax", "jaxlib", "optax", "equinox")
RELATIVE, ABSOLUTE, ERRORS = 1e-9, 1e-15, 4 * math.sqrt(2)
SHOWN = 5  # rows of each table that are named


def as_locked() -> bool:
    """Whether the libraries that numbers come from are those of uv.lock."""
    lock = (ROOT / "uv.lock").read_text()
    return all(f'name = "{name}"\nversion = "{metadata.version(name)}"' in lock for name in LIBRARIES)


def drifted(old: dict[str, Any], new: dict[str, Any], strict: bool) -> list[str]:
    """The columns in which a rerun differs from the committed row: to 1e-9 where ``strict``, else by 4 sqrt(2) MCSE.

    Settings and counts are the same either way; what was undefined stays so.
    """
    fixed = [name for name in old if name not in LOOSE or name in SETTLED]
    wrong = [name for name in fixed if old[name] != new[name] and not (blank(old[name]) and blank(new[name]))]
    for name, error in COMPARED.items():
        if blank(old[name]) or blank(new[name]):
            wrong += [name] * (blank(old[name]) != blank(new[name]))
        elif not math.isclose(new[name], old[name], rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            spread = max(value for value in (old[error], new[error], 0.0) if not blank(value))
            if strict or not abs(new[name] - old[name]) <= ERRORS * spread:
                wrong.append(name)
    return wrong


def blank(value: Any) -> bool:
    """Whether a cell says nothing."""
    return value in ("", None) or (isinstance(value, float) and math.isnan(value))


def compare(
    committed: Sequence[dict[str, Any]], again: Sequence[dict[str, Any]], locked: bool | None = None
) -> list[str]:
    """What is different in a rerun, as sentences; none where the committed table stands."""
    if list(committed[0]) != list(again[0]):
        return ["its columns are others"]
    if [row["measure"] for row in committed] != [row["measure"] for row in again]:
        return [f"it has {len(again)} rows of {len(committed)}, or others"]
    strict = committed[0]["version"] == again[0]["version"] and (as_locked() if locked is None else locked)
    found = []
    for line, (old, new) in enumerate(zip(committed, again, strict=True), start=2):
        for column in drifted(old, new, strict):
            found.append(f"line {line}: {column} of {old['measure']} is {new[column]} and was {old[column]}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare every table of a folder of runs that has a committed one; 0, or 2 where one has drifted."""
    parser = argparse.ArgumentParser(description="Compare the tables of a rerun with the committed ones.")
    parser.add_argument("folder", type=Path, help="the folder of the runs, such as results")
    folder, drifts = parser.parse_args(arguments).folder, 0
    tables = [path for path in sorted(COMMITTED.glob("*.csv")) if (folder / path.stem / "summary.csv").exists()]
    if not tables:
        print(f"simlab: {folder} has no NAME/summary.csv of a committed table: run make results", file=sys.stderr)
        return 2
    for path in tables:
        try:
            found = compare(read_table(path), read_table(folder / path.stem / "summary.csv"))
        except BadInput as mistake:
            found = [str(mistake)]
        drifts += bool(found)
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        for sentence in found[:SHOWN] + more:
            print(f"simlab: {path.name} has drifted: {sentence}", file=sys.stderr)
    if drifts:
        print("simlab: if that is meant, make results ACCEPT=1 takes the new tables over", file=sys.stderr)
        return 2
    print(f"{len(tables)} tables agree with the committed ones")
    return 0


if __name__ == "__main__":
    sys.exit(main())
