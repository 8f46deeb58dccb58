"""What fine-tuning does to what was known, with and without replay."""

from simlab.drawing import memory_collapse as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
