"""What grading does to a leaderboard: leaders, turned pairs, questions needed, and selection."""

from simlab.drawing import publish
from simlab.drawing import rank_from_grading as draw

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
