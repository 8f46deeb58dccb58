"""The missing mass and its kin from counts of counts: every estimator with an interval that says what it promises.

``good_turing(counts)`` is the one to start from, ``certificate(counts)`` the one to quote. Counts are one number a
fact, a mapping {k: f_k}, or ``CountsOfCounts``; 1e12 facts cost as much as their distinct counts.
"""

from simlab.estimates import Estimate
from simlab.missing_mass.concentration import CONCENTRATION
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of, counts_of_cells
from simlab.missing_mass.curve import CoverageCurve, coverage_curve, draws_until
from simlab.missing_mass.exponent import FrequencyExponent, frequency_exponent, power_law_draws_until
from simlab.missing_mass.growth import good_toulmin, smoothed_good_toulmin
from simlab.missing_mass.intervals import INTERVALS
from simlab.missing_mass.masses import certificate, chao_jost, good_turing, robbins
from simlab.missing_mass.orders import good_mass
from simlab.missing_mass.smoothing import SimpleGoodTuring, simple_good_turing
from simlab.missing_mass.unseen import ace, chao1, jackknife

__all__ = [
    "CONCENTRATION",
    "INTERVALS",
    "Counts",
    "CountsOfCounts",
    "CoverageCurve",
    "Estimate",
    "FrequencyExponent",
    "SimpleGoodTuring",
    "ace",
    "certificate",
    "chao1",
    "chao_jost",
    "counts_of",
    "counts_of_cells",
    "coverage_curve",
    "draws_until",
    "frequency_exponent",
    "good_mass",
    "good_toulmin",
    "good_turing",
    "jackknife",
    "power_law_draws_until",
    "robbins",
    "simple_good_turing",
    "smoothed_good_toulmin",
]
