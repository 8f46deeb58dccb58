"""Coverage and width of every interval for the missing mass: the picture of the coverage study."""

from simlab.drawing import missing_mass_intervals as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
