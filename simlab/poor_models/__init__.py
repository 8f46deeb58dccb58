"""Poor models: what a family of densities cannot judge at any threshold, and what that costs it (Theorems 3 and 4).

``iiv_errors`` judges by one density at every threshold; ``opt_of_*`` is the least judging error of a whole family,
exact or between bounds; ``observe_choices`` says where the slack of Theorem 3 goes.
"""

from simlab.poor_models.examples import Examples, examples_of, lay_out_examples
from simlab.poor_models.lines import least_error_of_rank, line_of, on_a_circle, opt_of_line, opt_of_rank
from simlab.poor_models.sharing import (
    Optimum,
    commonest,
    least_error_of_classes,
    opt_of_classes,
    opt_of_fit,
    opt_of_table,
    pooled,
)
from simlab.poor_models.slack import ChoiceMeasures, observe_choices
from simlab.poor_models.thresholds import Steps, iiv_error_at, iiv_errors, mean_iiv_error

__all__ = [
    "ChoiceMeasures",
    "Examples",
    "Optimum",
    "Steps",
    "commonest",
    "examples_of",
    "iiv_error_at",
    "iiv_errors",
    "lay_out_examples",
    "least_error_of_classes",
    "least_error_of_rank",
    "line_of",
    "mean_iiv_error",
    "observe_choices",
    "on_a_circle",
    "opt_of_classes",
    "opt_of_fit",
    "opt_of_line",
    "opt_of_rank",
    "opt_of_table",
    "pooled",
]
