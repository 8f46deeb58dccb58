"""Hallucination against the monofact rate in the Kalai-Vempala setting, with the bounds."""

from simlab.drawing import error_from_monofacts as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
