"""The columns of a sweep's tables: which of them every row has, and which of them name a row.

Settings name a grid point. What an experiment lists in ALONG (steps of training, exposures, time) runs along a curve
within one replicate: it is treated like a setting wherever rows are grouped, and belongs to no grid point.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from simlab.errors import BadInput

RESERVED = ("experiment", "seed", "replicate", "method", "version", "key")
"""Columns that every row carries; no setting and no measure may have their names."""

SUMMARY = (
    *("measure", "mean", "mcse", "q05", "q50", "q95", "n", "n_errors", "n_not_converged"),
    *("bias", "bias_mcse", "coverage", "coverage_mcse"),
)
"""Columns of the summary; no setting may have their names."""

ERROR_COLUMNS = ("error_type", "error_message", "error_traceback", "error_alone")
"""``error_alone`` says of an error row whether its replicate raises when it is computed by itself."""


def check_along(along: object, settings: Collection[str], where: str) -> None:
    """Raise ``BadInput`` unless ``along`` lists names that are no settings, no columns of the tables, and not twice."""
    if isinstance(along, str) or not isinstance(along, Sequence) or not all(isinstance(n, str) and n for n in along):
        raise BadInput(f"{where}ALONG = {along!r}: must be a tuple of names of columns, such as ('step',)")
    for i, name in enumerate(along):
        if name in settings:
            raise BadInput(f"{where}ALONG names {name!r}, which is a setting: it must be a column of the rows alone")
        if name in (*RESERVED, *SUMMARY, *ERROR_COLUMNS):
            raise BadInput(f"{where}ALONG names {name!r}, which is a column of every table: choose another name")
        if name in along[:i]:
            raise BadInput(f"{where}ALONG names {name!r} twice: once is enough")


def place_of(row: Mapping[str, object], along: Sequence[str], where: str) -> tuple[object, ...]:
    """Where on its curve a row stands. Raises ``BadInput`` for a row that does not say so in finite numbers."""
    for name in along:
        if name not in row:
            raise BadInput(f"{where}: each row needs {name!r}, a finite number, since ALONG names it")
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise BadInput(f"{where}: {name} = {value!r}: must be a finite number, since ALONG names it")
    return tuple(row[name] for name in along)
