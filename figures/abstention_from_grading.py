"""Where a post-trained policy abstains, by target, judge and way of training."""

from simlab.drawing import abstention_from_grading as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
