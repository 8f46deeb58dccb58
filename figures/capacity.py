"""Bits stored a parameter, the plateau of training, and what is said of strangers."""

from simlab.drawing import bits_against_exposures as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
