"""Where the slack of Theorem 1 goes: over, room and gap of each learner."""

from simlab.drawing import error_from_iiv as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
