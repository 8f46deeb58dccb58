"""What theory allows: one pure function a theorem, from numbers to a report with every term.

The package is a leaf: it takes floats and NumPy arrays and knows nothing of worlds, models or tables. The reports
need no NumPy; the exact moments over classes of facts do, and are imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simlab.bounds.catalogue import THEOREMS, theorem
from simlab.bounds.grading import guessing_from_grading, score_from_confidence
from simlab.bounds.missing_mass import (
    MissingMassDeviation,
    missing_mass_deviation,
    missing_mass_from_counts,
    missing_mass_from_singletons,
    missing_mass_from_singletons_sharp,
)
from simlab.bounds.monofacts import error_from_monofacts, error_from_monofacts_sharp
from simlab.bounds.reduction import error_from_iiv, error_from_iiv_unprompted
from simlab.bounds.report import BoundReport, Direction, Kind, Theorem
from simlab.bounds.singletons import (
    error_from_singletons,
    error_from_singletons_sharp,
    error_from_singletons_upper,
    iiv_from_missing_mass,
    iiv_from_singletons,
)

if TYPE_CHECKING:
    from simlab.bounds.good_turing import expected_missing_mass, expected_singleton_rate, good_turing_bias
    from simlab.bounds.good_turing_moments import (
        good_turing_mse,
        missing_mass_variance,
        singleton_rate_variance,
    )

__all__ = [
    "THEOREMS",
    "BoundReport",
    "Direction",
    "Kind",
    "MissingMassDeviation",
    "Theorem",
    "error_from_iiv",
    "error_from_iiv_unprompted",
    "error_from_monofacts",
    "error_from_monofacts_sharp",
    "error_from_singletons",
    "error_from_singletons_sharp",
    "error_from_singletons_upper",
    "expected_missing_mass",
    "expected_singleton_rate",
    "good_turing_bias",
    "good_turing_mse",
    "guessing_from_grading",
    "iiv_from_missing_mass",
    "iiv_from_singletons",
    "missing_mass_deviation",
    "missing_mass_from_counts",
    "missing_mass_from_singletons",
    "missing_mass_from_singletons_sharp",
    "missing_mass_variance",
    "score_from_confidence",
    "singleton_rate_variance",
    "theorem",
]

_EXACT = {
    "expected_missing_mass": "good_turing",
    "expected_singleton_rate": "good_turing",
    "good_turing_bias": "good_turing",
    "good_turing_mse": "good_turing_moments",
    "missing_mass_variance": "good_turing_moments",
    "singleton_rate_variance": "good_turing_moments",
}


def __getattr__(name: str) -> Any:
    if name not in _EXACT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXACT[name]}"), name)
