"""ECE, delta, abstention and error along post-training."""

from simlab.drawing import calibration_from_posttraining as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
