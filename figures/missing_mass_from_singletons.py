"""The singleton rate as an estimate of the missing mass, against what theory allows."""

from simlab.drawing import missing_mass_from_singletons as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
