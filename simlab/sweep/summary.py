"""From replicate rows to one line a grid point, method and measure, each mean with its Monte Carlo standard error.

Where rows run along a curve, each place on it has lines of its own.

The formulas are those of Morris, White & Crowther, "Using simulation studies to evaluate statistical methods",
Statistics in Medicine 38 (2019), table 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.records import brief
from simlab.sweep.collecting import Table
from simlab.sweep.columns import ERROR_COLUMNS, RESERVED
from simlab.sweep.loading import Row

HELPERS = ("_estimand", "_low", "_high")


def mcse_mean(sd: float, n: int) -> float:
    """Monte Carlo standard error of a mean, and of a bias: sd / sqrt(n), with the replicates' sd (divisor n - 1)."""
    return sd / math.sqrt(n) if n > 1 else math.nan


def mcse_coverage(coverage: float, n: int) -> float:
    """Monte Carlo standard error of a coverage c, or of any share: sqrt(c (1 - c) / n)."""
    return math.sqrt(coverage * (1 - coverage) / n) if n else math.nan


@brief
@dataclass(frozen=True)
class Groups:
    """Rows grouped by grid point, method and place on a curve: what names each group, and its rows.

    ``settings`` holds the places on the curve beside the settings. ``points`` numbers the grid point of each group;
    ``errors`` counts its point's error rows.
    """

    settings: tuple[Row, ...]
    methods: tuple[str, ...]
    points: tuple[int, ...]
    rows: tuple[Int[np.ndarray, " _"], ...]
    errors: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.methods)


def group(table: Table, settings: Sequence[str], along: Sequence[str] = ()) -> Groups:
    """Group the rows of ``table`` by settings, then method, in order of first appearance, then ``along`` a curve.

    Error rows belong to no method and no place on a curve: they are counted for every group of their grid point. A
    point with nothing but error rows is a group with the empty method and no rows.
    """
    n = len(table["replicate"])
    failed = _present(table["error_type"]) if "error_type" in table else np.zeros(n, dtype=bool)
    points = _codes([table[name] for name in settings], n)
    errors = np.bincount(points[failed], minlength=int(points.max(initial=-1)) + 1)
    lost = [p for p in np.flatnonzero(errors) if failed[points == p].all()]
    kept = np.flatnonzero(~failed | np.isin(points, lost))
    curves = np.zeros(n, dtype=np.int64)
    curves[kept] = _codes([points[kept], table["method"][kept]], len(kept))
    codes = _codes([curves[kept], *(table[name][kept] for name in along)], len(kept))
    order = np.argsort(codes, kind="stable")
    members = np.split(kept[order], np.flatnonzero(np.diff(codes[order])) + 1) if len(kept) else []
    # a replicate that ends early or late has places that the first one lacks: along a curve the values are the order
    members.sort(key=lambda rows: (points[(i := rows[0])], curves[i], *(table[name][i] for name in along)))
    first = [int(rows[0]) for rows in members]
    return Groups(
        settings=tuple({name: plain(table[name][i]) for name in (*settings, *along)} for i in first),
        methods=tuple(str(table["method"][i]) for i in first),
        points=tuple(int(points[i]) for i in first),
        rows=tuple(rows[~failed[rows]] for rows in members),
        errors=tuple(int(errors[points[i]]) for i in first),
    )


def _codes(columns: Iterable[np.ndarray], n: int) -> Int[np.ndarray, " rows"]:
    """Number the distinct combinations of the columns' values by first appearance."""
    codes = np.zeros(n, dtype=np.int64)
    for column in columns:
        if not n or _constant(column):
            continue
        if column.dtype == object:
            numbers: dict[object, int] = {}
            new = np.array([numbers.setdefault(value, len(numbers)) for value in column.tolist()], dtype=np.int64)
        else:
            new = np.unique(column, return_inverse=True)[1]  # NaN, a setting that is none, equals itself here
        _, first, codes = np.unique(codes * (int(new.max()) + 1) + new, return_index=True, return_inverse=True)
        codes = np.argsort(np.argsort(first))[codes]
    return codes


def _constant(column: np.ndarray) -> bool:
    """Whether all values are the same; most settings do not vary, and telling so is fast."""
    same = column == column[0]
    return bool(np.all(same)) or (column.dtype.kind == "f" and bool(np.all(np.isnan(column))))


def _present(column: np.ndarray) -> Bool[np.ndarray, " rows"]:
    """Which texts of a column are there."""
    return np.fromiter((value is not None for value in column.tolist()), bool, len(column))


def plain(value: object) -> object:
    """A NumPy scalar as a Python value, a missing number as None."""
    return _missing(value.item() if isinstance(value, np.generic) else value)


def _missing(value: object) -> object:
    """None for NaN: a setting that is none among numbers is NaN in a column, and no NaN equals another."""
    return None if isinstance(value, float) and math.isnan(value) else value


def measures(table: Table, settings: Sequence[str], along: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of ``table`` that are measures."""
    other = {*settings, *along, *RESERVED, *ERROR_COLUMNS}
    return tuple(name for name in table if name not in other)


def summarise(table: Table, settings: Sequence[str], along: Sequence[str] = ()) -> list[Row]:
    """Return one row a grid point, method, place ``along`` a curve and measure, in the order of the table.

    ``mean`` with its ``mcse`` and the quantiles are over the ``n`` finite values (NaN says "not applicable"; n says
    how many were not); where none is finite and all that are no NaN are one infinity, that is the mean, of these n,
    without an error. A truth value's mean is a share. ``n_errors`` counts replicates that raised,
    ``n_not_converged`` rows whose ``converged`` is false. A measure X beside columns ``X_estimand``, or ``X_low`` and
    ``X_high`` too, has ``bias`` and ``coverage`` with their errors; the others leave these empty.
    """
    groups = group(table, settings, along)
    names = measures(table, settings, along)
    columns = {name: table[name].astype(float) for name in names}
    last: Row = {name: plain(table[name][0]) for name in ("seed", "version")} if len(table["seed"]) else {}
    summary: list[Row] = []
    for i, rows in enumerate(groups.rows):
        picked = {name: column[rows] for name, column in columns.items()}
        counts: Row = {
            "n_errors": groups.errors[i],
            "n_not_converged": int(np.sum(picked["converged"] == 0)) if "converged" in picked else 0,
        }
        head = groups.settings[i] | {"method": groups.methods[i]}
        if not len(rows):
            summary.append(head | {"measure": ""} | _moments(np.empty(0)) | counts | _against({}, "") | last)
        for name in names if len(rows) else ():
            line = _moments(picked[name]) | counts | _against(picked, name)
            summary.append(head | {"measure": name} | line | last)
    return summary


def _moments(values: Float[np.ndarray, " replicates"]) -> Row:
    """Mean, its MCSE, quantiles and count of the finite values, or of the infinities where there is nothing else."""
    infinite, values = values[np.isinf(values)], values[np.isfinite(values)]
    n = len(values)
    if not n and len(infinite) and np.all(infinite == infinite[0]):
        middle = float(infinite[0])
        return {"mean": middle, "mcse": math.nan, "q05": middle, "q50": middle, "q95": middle, "n": len(infinite)}
    if not n:
        nothing = math.nan
        return {"mean": nothing, "mcse": nothing, "q05": nothing, "q50": nothing, "q95": nothing, "n": 0}
    with np.errstate(over="ignore"):  # the spread of values beyond 1e154 is infinite
        sd = float(np.std(values, ddof=1)) if n > 1 else math.nan
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    mean = float(np.mean(values))
    return {"mean": mean, "mcse": mcse_mean(sd, n), "q05": low, "q50": middle, "q95": high, "n": n}


def _against(columns: Table, name: str) -> Row:
    """Bias and coverage of a measure against its estimand, empty where none is named."""
    row: Row = dict.fromkeys(("bias", "bias_mcse", "coverage", "coverage_mcse"), "")
    estimand, low, high = (columns.get(name + suffix) for suffix in HELPERS)
    if estimand is None:
        return row
    with np.errstate(invalid="ignore"):  # inf - inf is one more value that is not finite
        errors = _moments(columns[name] - estimand)
    row |= {"bias": errors["mean"], "bias_mcse": errors["mcse"]}
    if low is not None and high is not None:
        known = np.isfinite(estimand) & ~np.isnan(low) & ~np.isnan(high)
        inside = ((low <= estimand) & (estimand <= high))[known]
        share = float(np.mean(inside)) if len(inside) else math.nan
        row |= {"coverage": share, "coverage_mcse": mcse_coverage(share, len(inside))}
    return row
