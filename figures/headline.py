"""Error against singleton rate, with the lower and upper bounds: the picture of the headline sweep."""

from simlab.drawing import error_from_singletons as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
