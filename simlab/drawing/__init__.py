"""From a table to ink: every figure of the project is drawn here, in one style, from summary rows alone.

A table is the long ``summary`` of a sweep: one row a (settings, method, measure) with its mean, MCSE and quantiles.
"""

from simlab.drawing.capacity import bits_against_exposures, memory_collapse
from simlab.drawing.choices import error_from_choices
from simlab.drawing.claims import (
    bounds_against_draws,
    error_from_iiv,
    error_from_monofacts,
    error_from_singletons,
    missing_mass_from_singletons,
)
from simlab.drawing.grading import rank_from_grading
from simlab.drawing.ink import publish, save
from simlab.drawing.intervals import missing_mass_intervals
from simlab.drawing.monofacts import error_against_monofacts
from simlab.drawing.posttraining import (
    abstention_from_grading,
    calibration_from_posttraining,
    consistency_from_two_samples,
    error_from_abstention,
)
from simlab.drawing.reading import read_table
from simlab.drawing.strings import error_from_context, letters_from_tokens
from simlab.drawing.training import error_from_iiv_training

PICTURES = {
    draw.__name__: draw
    for draw in (
        abstention_from_grading,
        bits_against_exposures,
        bounds_against_draws,
        calibration_from_posttraining,
        consistency_from_two_samples,
        error_against_monofacts,
        error_from_abstention,
        error_from_choices,
        error_from_context,
        error_from_iiv,
        error_from_iiv_training,
        error_from_monofacts,
        error_from_singletons,
        letters_from_tokens,
        memory_collapse,
        missing_mass_from_singletons,
        missing_mass_intervals,
        rank_from_grading,
    )
}
"""What an experiment may name as its PICTURE: functions of a summary."""

__all__ = [
    "PICTURES",
    "abstention_from_grading",
    "bits_against_exposures",
    "bounds_against_draws",
    "calibration_from_posttraining",
    "consistency_from_two_samples",
    "error_against_monofacts",
    "error_from_abstention",
    "error_from_choices",
    "error_from_context",
    "error_from_iiv",
    "error_from_iiv_training",
    "error_from_monofacts",
    "error_from_singletons",
    "letters_from_tokens",
    "memory_collapse",
    "missing_mass_from_singletons",
    "missing_mass_intervals",
    "publish",
    "rank_from_grading",
    "read_table",
    "save",
]
