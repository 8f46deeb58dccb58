"""The exact count-of-counts sampler, compiled: ``sample_cells`` draws a corpus as cells, ``binomials`` its variates."""

from simlab.occupancy.throwing import NO_CAP, sample_cells
from simlab.occupancy.variates import binomial, binomials

__all__ = ["NO_CAP", "binomial", "binomials", "sample_cells"]
