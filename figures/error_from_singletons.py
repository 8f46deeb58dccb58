"""Theorem 2 against N: vacuous at first, close to the error at last."""

from simlab.drawing import bounds_against_draws as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
