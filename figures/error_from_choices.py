"""Where poor models err: Theorem 3 on families whose opt(G) is known, Theorem 4, and the slack part by part."""

from simlab.drawing import error_from_choices as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw, widths=("two",))
