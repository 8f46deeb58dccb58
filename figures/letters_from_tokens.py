"""The error of four letter counters by the length of the word: what tokens cost, and what spelling out saves."""

from simlab.drawing import letters_from_tokens as draw
from simlab.drawing import publish

if __name__ == "__main__":
    publish(__file__, draw)
