"""What is true: a world is a list of classes of exchangeable facts.

A *fact* is a prompt c with one correct answer a_c among |R_c| plausible ones (KNVZ 2025, arXiv 2509.04664,
Definition 1). Facts of one class share their popularity mu(c), their number of answers |R_c| and their answer rate
alpha_c, so a world of 1e12 facts costs as much as its classes.
"""

from simlab.worlds.controlled import FAMILIES, with_singleton_rate
from simlab.worlds.laws import factoids, geometric, pareto, two_level, uniform, zipf
from simlab.worlds.observed import from_counts, from_counts_of_counts, from_facts, from_table
from simlab.worlds.six_fields import SixFields, films, regular, spelled
from simlab.worlds.studies import STUDIED, studied_world
from simlab.worlds.world import World, check_draws, expected_missing_mass, expected_singleton_rate

__all__ = [
    "FAMILIES",
    "STUDIED",
    "SixFields",
    "World",
    "check_draws",
    "expected_missing_mass",
    "expected_singleton_rate",
    "factoids",
    "films",
    "from_counts",
    "from_counts_of_counts",
    "from_facts",
    "from_table",
    "geometric",
    "pareto",
    "regular",
    "spelled",
    "studied_world",
    "two_level",
    "uniform",
    "with_singleton_rate",
    "zipf",
]
