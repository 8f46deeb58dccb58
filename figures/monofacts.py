"""Hallucination, miscalibration and upweighting against the monofact rate, as published and as in the theory."""

from simlab.drawing import error_against_monofacts as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
