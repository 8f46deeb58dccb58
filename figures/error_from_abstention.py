"""The exchange of errors for delta: calibrated, abstaining and guessing ends, and where grading leads."""

from simlab.drawing import error_from_abstention as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
