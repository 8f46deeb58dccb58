"""Error and right answers where several samples must agree."""

from simlab.drawing import consistency_from_two_samples as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
