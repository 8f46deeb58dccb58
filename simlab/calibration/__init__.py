"""Does a model know what it knows? Calibration and selection from confidences and outcomes, with intervals.

``forecasts(confidence, correct, clusters)`` checks the data once; every measure takes it and returns an ``Estimate``
whose interval counts clusters (questions) and not rows. ``rate`` and ``mean_score`` do so for shares and scores.
"""

from simlab.calibration.binned import Binning
from simlab.calibration.brier import BrierParts, brier_parts, brier_score
from simlab.calibration.expected_error import ece, ece_debiased
from simlab.calibration.forecasts import Forecasts, forecasts
from simlab.calibration.intervals import mean_score, rate
from simlab.calibration.ranking import auroc
from simlab.calibration.reliability import ReliabilityDiagram, reliability_diagram
from simlab.calibration.selection import RiskCoverage, aurc, e_aurc, risk_coverage
from simlab.calibration.smooth import SmoothReliability, smooth_ece, smooth_reliability

__all__ = [
    "Binning",
    "BrierParts",
    "Forecasts",
    "ReliabilityDiagram",
    "RiskCoverage",
    "SmoothReliability",
    "aurc",
    "auroc",
    "brier_parts",
    "brier_score",
    "e_aurc",
    "ece",
    "ece_debiased",
    "forecasts",
    "mean_score",
    "rate",
    "reliability_diagram",
    "risk_coverage",
    "smooth_ece",
    "smooth_reliability",
]
