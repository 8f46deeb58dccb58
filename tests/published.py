"""Published frequency tables as {k: f_k}, each with its source: what the tests of the missing mass compare with."""

from collections import Counter

Table = dict[int, int]

# Gale & Sampson 1995, Good-Turing frequency estimation without tears, J. Quantitative Linguistics 2, 217
PROSODY: Table = (
    {1: 120, 2: 40, 3: 24, 4: 13, 5: 15, 6: 5, 7: 11, 8: 2, 9: 2, 10: 1, 12: 3, 14: 2, 15: 1, 16: 1, 17: 3, 19: 1}
    | {20: 3, 21: 2, 23: 3, 24: 3, 25: 3, 26: 2, 27: 2, 28: 1, 31: 2, 32: 2, 33: 1, 34: 2, 36: 2, 41: 3, 43: 1, 45: 3}
    | dict.fromkeys([46, 47, 50, 71, 84, 101, 105, 121, 124, 146, 162, 193, 199, 224, 226, 254, 257, 339, 421, 456], 1)
    | dict.fromkeys([481, 483, 1140, 1256, 1322, 1530, 2131, 2395, 6925, 7846], 1)
)
# a table of NLTK's tests whose slope is shallower than -1
SHALLOW: Table = {1: 2, 2: 1, 3: 1, 4: 3, 5: 2, 6: 3, 7: 2, 8: 1, 9: 1, 10: 1}
# spiders of the girdled canopy: Ellison et al. 2010, as used by Chao & Jost 2012, Ecology 93, 2533, and in the R
# package iNEXT: how often each of 26 species was caught, n = 168
SPIDERS = [46, 22, 17, 15, 15, 9, 8, 6, 6, 4, 2, 2, 2, 2, *12 * [1]]
# butterflies of Malaya: Fisher, Corbet & Williams 1943, J. Animal Ecology 12, 42: species caught 1, 2, ... 24 times
BUTTERFLIES: Table = dict(
    enumerate([118, 74, 44, 24, 29, 22, 20, 19, 20, 15, 12, 14, 6, 12, 6, 9, 9, 6, 10, 10, 11, 5, 3, 3], start=1)
)
# Shakespeare's word types: Efron & Thisted 1976, Biometrika 63, 435, table 1: those used 1, 2, ... 100 times
_SHAKESPEARE = """
14376 4343 2292 1463 1043 837 638 519 430 364 305 259 242 223 187 181 179 130 127 128
104 105 99 112 93 74 83 76 72 63 73 47 56 59 53 45 34 49 45 52
49 41 30 35 37 21 41 30 28 19 25 19 28 27 31 19 19 22 23 14
30 19 21 18 15 10 15 14 11 16 13 12 10 16 18 11 8 15 12 7
13 12 11 8 10 11 7 12 9 8 4 7 6 7 10 10 15 7 7 5
"""
SHAKESPEARE_TO_100: Table = dict(enumerate(map(int, _SHAKESPEARE.split()), start=1))


def table(draws: int, seen: int, singletons: int, doubletons: int) -> Table:
    """Counts of counts with these totals: all other facts three times but one, which takes the draws left over."""
    rest = seen - singletons - doubletons
    last = draws - singletons - 2 * doubletons - 3 * (rest - 1)
    return dict(Counter({1: singletons, 2: doubletons, 3: rest - 1}) + Counter({last: 1}))


# the rest of them, 846 types, stand for 689,980 of the N = 884,647 words; one of them takes what the others leave
SHAKESPEARE: Table = SHAKESPEARE_TO_100 | {101: 845, 884_647 - 194_667 - 101 * 845: 1}
BIRDS = table(1996, 25, 3, 2)  # Magurran's bird abundances
