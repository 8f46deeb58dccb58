"""Names for numbers: distinct, pronounceable, and the same for every number wherever it is named.

Numbers below 80^2 have two syllables (of 16 consonants and 5 vowels), the next 80^3 have three, and so on; inside each
block the names are scattered by a multiplication modulo its size, so that neighbours do not look alike.
"""

from __future__ import annotations

import re

from simlab.errors import BadInput

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeiou"
SYLLABLES = len(CONSONANTS) * len(VOWELS)
ENDINGS = ("n", "rd", "lk", "l", "th", "x", "sk", "mp", "nt", "sh", "st", "rk")


def name_of(number: int, ending: str = "") -> str:
    """Return the name of ``number``, in small letters, with ``ending`` after it: 0 is "kufe". Raises ``BadInput``."""
    if number < 0:
        raise BadInput(f"number = {number}: only numbers from 0 on have names")
    length, size = 2, SYLLABLES**2
    while number >= size:
        number -= size
        length, size = length + 1, size * SYLLABLES
    code = (number * _factor(size) + size // 7) % size
    letters = ""
    for _ in range(length):
        code, syllable = divmod(code, SYLLABLES)
        letters += CONSONANTS[syllable // len(VOWELS)] + VOWELS[syllable % len(VOWELS)]
    return letters + ending


def ending_of(kind: int) -> str:
    """Return the ending that tells names of this ``kind`` from all others: names end in a vowel, endings have none."""
    return ENDINGS[kind % len(ENDINGS)] * (1 + kind // len(ENDINGS))


def number_of(name: str, ending: str = "") -> int:
    """Return the number that has this ``name``, capitals or not. Raises ``BadInput`` for what names no number."""
    letters = name.lower().removesuffix(ending)
    if not re.fullmatch(f"([{CONSONANTS}][{VOWELS}]){{2,}}", letters) or not name.lower().endswith(ending):
        raise BadInput(f"{name!r} names no number: names are two or more syllables such as {name_of(0, ending)!r}")
    length = len(letters) // 2
    size, code, shorter = 1, 0, 0
    for syllables in range(1, length + 1):
        shorter += size if syllables > 2 else 0
        size *= SYLLABLES
    for place in range(length - 1, -1, -1):
        syllable = CONSONANTS.index(letters[2 * place]) * len(VOWELS) + VOWELS.index(letters[2 * place + 1])
        code = code * SYLLABLES + syllable
    number = (code - size // 7) * int(pow(_factor(size), -1, size)) % size
    return number + shorter


def _factor(size: int) -> int:
    """About the golden section of ``size``, and without a common factor with it: it ends in 3, sizes are 2^a 5^b."""
    return size * 618_034 // 10_000_000 * 10 + 3
