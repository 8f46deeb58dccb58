"""Theorem 1 along training: error, judging and calibration at every step, and where the slack is at the end."""

from simlab.drawing import error_from_iiv_training as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
