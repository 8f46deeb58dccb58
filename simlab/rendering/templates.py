"""The words of biographies: templates in plain English, and the attributes whose values they state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simlab.errors import BadInput

OPENINGS = ("", "it is known that", "the register says that", "as friends recall ,", "few may remember that")
ENDINGS = {
    "birth place": ("was born in", "comes from", "is a native of", "has the birth place", "spent the first years in"),
    "birth date": ("was born on", "has the birthday", "first saw the light on", "came to the world on", "dates from"),
    "residence": ("lives in", "resides in", "has a home in", "can be met in", "pays taxes in"),
    "university": ("studied at", "graduated from", "has a degree from", "was a student of", "is an alumnus of"),
    "major": ("majored in", "holds a degree in", "was trained in", "wrote a thesis in", "chose the subject"),
    "employer": ("works for", "is employed by", "earns a salary from", "is on the staff of", "has a contract with"),
}
"""What stands before the name, and, for each attribute, between the name and the value: every pair is a template."""

MOST_TEMPLATES = len(OPENINGS) * 5


@dataclass(frozen=True)
class Attribute:
    """One attribute: ``parts[i]`` words to choose from at place i of its value, so that |R| is their product."""

    name: str
    parts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.name not in ENDINGS:
            raise BadInput(f"attribute {self.name!r} has no templates: choose from {', '.join(ENDINGS)}")
        if not self.parts or min(self.parts) < 1 or self.values < 2:
            raise BadInput(f"parts of {self.name} = {self.parts}: must be counts of at least 1 whose product is over 1")

    @property
    def values(self) -> int:
        """How many values the attribute can have."""
        return math.prod(self.parts)


PUBLISHED = (
    Attribute("birth place", (800,)),
    Attribute("birth date", (31, 12, 201)),
    Attribute("residence", (800,)),
    Attribute("university", (200,)),
    Attribute("major", (100,)),
    Attribute("employer", (500,)),
)
"""The attributes of Zucchet et al. 2025: 58.7 bits an individual, and ln|R_c| = 6.79 nats a fact in the mean."""


def phrases(attributes: Sequence[Attribute], templates: int) -> list[list[tuple[list[str], list[str]]]]:
    """Return the words before and after the name, of each attribute and each of its first ``templates``."""
    return [
        [(OPENINGS[t // 5].split(), ENDINGS[one.name][t % 5].split()) for t in range(templates)] for one in attributes
    ]


def plain_words(said: list[list[tuple[list[str], list[str]]]]) -> list[str]:
    """Return the distinct words of such phrases, in alphabetical order."""
    return sorted({word for several in said for pair in several for part in pair for word in part})
