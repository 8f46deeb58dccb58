"""The error of n-grams on "her mind." and "his mind." against their order: 1/2 until they reach the pronoun."""

from simlab.drawing import error_from_context as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
