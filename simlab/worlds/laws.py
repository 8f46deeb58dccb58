"""The laws of popularity: zipf, pareto, geometric, uniform, two_level, and the factoids of Kalai & Vempala.

Laws without natural classes are *defined* by rank classes: head facts one by one, the tail in classes of
geometrically growing width, each with the mean popularity of its ranks. The class form is the world, and so
no error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.errors import BadInput, unknown
from simlab.worlds.world import World, count, finite, number

HEAD = 256  # ranks that are classes of their own
TAIL_CLASSES = 1024  # geometric rank classes behind them
BIRTHDAYS: dict[str, Any] = {"answers": 365, "answer_rate": 1.0, "idk": True}  # what every law takes besides its own


def _rank_edges(n_facts: int) -> Int[np.ndarray, " edges"]:
    """Edges of the rank classes (edges[i], edges[i+1]]: heads one by one, then geometric."""
    n = count("n_facts", n_facts, 1)
    head = np.arange(min(n, HEAD) + 1)
    if n <= HEAD:
        return head
    tail = np.exp(np.linspace(math.log(HEAD), math.log(n), TAIL_CLASSES + 1)).round().astype(np.int64)
    tail[-1] = n
    return np.unique(np.concatenate([head, tail[1:]]))


@np.errstate(over="ignore", invalid="ignore")  # what overflows is refused as too steep
def _power_mass(edges: Int[np.ndarray, " edges"], exponent: float, shift: float) -> Float[np.ndarray, " classes"]:
    """Sums of (i - shift)^-exponent over the ranks of each class, by the midpoint Euler-Maclaurin formula.

    sum = int f - [f'] / 24 + 7 [f'''] / 5760 + ... between the half-integers around the ranks; behind the head
    (i > 256) what is left out is below 1e-14 of the sum. Heads are single terms.
    """
    mass = np.empty(len(edges) - 1)
    single = np.diff(edges) == 1
    mass[single] = (edges[1:][single] - shift) ** -exponent
    low, high = (edge[~single] + 0.5 - shift for edge in (edges[:-1], edges[1:]))
    ratio = np.log(high / low)
    t = (1.0 - exponent) * ratio
    growth = np.where(t == 0.0, 1.0, np.expm1(t) / np.where(t == 0.0, 1.0, t))
    integral = low ** (1.0 - exponent) * ratio * growth
    s = exponent
    first = s * (high ** (-s - 1) - low ** (-s - 1)) / 24
    third = -7 * s * (s + 1) * (s + 2) * (high ** (-s - 3) - low ** (-s - 3)) / 5760
    mass[~single] = integral + first + third
    return mass


def _ranked(name: str, edges: Int[np.ndarray, " edges"], mass: Any, settings: dict[str, Any]) -> World:
    """Make a world of rank classes whose total popularity is proportional to ``mass``."""
    facts = np.diff(edges)
    if not (np.isfinite(mass).all() and mass.sum() > 0):
        raise BadInput(f"{name} is too steep for floating-point numbers: its popularities overflow; take a flatter law")
    return World(name, facts, mass / mass.sum() / facts, **birthdays(settings, len(facts)))


def birthdays(settings: dict[str, Any], classes: int) -> dict[str, Any]:
    """Fill in what every law shares, for each class: birthdays, always answered, with IDK a valid response."""
    for name in settings:
        if name not in BIRTHDAYS:
            raise unknown("setting", name, BIRTHDAYS)
    filled = BIRTHDAYS | settings
    for name in ("answers", "answer_rate"):
        if np.ndim(filled[name]) == 0:
            finite(name, filled[name])  # told of one value, not of its copies
            filled[name] = np.full(classes, filled[name])
    return filled


def zipf(n_facts: int, exponent: float = 1.0, **answers: Any) -> World:
    """Popularity of the i-th commonest fact proportional to i^-exponent.

    ``answers`` takes ``answers`` (|R_c|, default 365), ``answer_rate`` (default 1) and ``idk`` (default True), as for
    every law of this module.
    """
    s = number("exponent", exponent)
    edges = _rank_edges(n_facts)
    return _ranked(f"zipf(n_facts={n_facts:.12g}, exponent={s:.12g})", edges, _power_mass(edges, s, 0.0), answers)


def pareto(n_facts: int, shape: float = 1.0, **answers: Any) -> World:
    """Popularity proportional to Pareto(shape) quantiles: (i - 1/2)^(-1/shape) for the i-th commonest fact.

    The law of fact multiplicities in Miao & Kearns 2025 (arXiv 2502.08666), with its quantiles for its draws.
    """
    if number("shape", shape) == 0:
        raise BadInput("shape = 0: must be positive")
    edges = _rank_edges(n_facts)
    name = f"pareto(n_facts={n_facts:.12g}, shape={shape:.12g})"
    return _ranked(name, edges, _power_mass(edges, 1.0 / shape, 0.5), answers)


def geometric(n_facts: int, ratio: float | None = None, *, decay: float | None = None, **answers: Any) -> World:
    """Popularity of the i-th commonest fact proportional to ratio^i, 0 < ratio < 1.

    ``decay`` = 1 - ratio may be given instead: near 1 a ratio comes in steps of 1e-16, its decay does not.
    """
    if (ratio is None) == (decay is None):
        raise BadInput(f"ratio = {ratio} and decay = {decay}: give one of the two (decay = 1 - ratio)")
    name, value = ("ratio", ratio) if ratio is not None else ("decay", decay)
    if value is None or not 0.0 < number(name, value) < 1.0:
        raise BadInput(f"{name} = {value:.6g}: must lie strictly between 0 and 1")
    edges = _rank_edges(n_facts)
    rate = math.log(value) if name == "ratio" else math.log1p(-value)
    mass = np.exp(edges[:-1] * rate) * -np.expm1(np.diff(edges) * rate)
    return _ranked(f"geometric(n_facts={n_facts:.12g}, {name}={value:.12g})", edges, mass, answers)


def uniform(n_facts: int, **answers: Any) -> World:
    """All facts equally popular."""
    n = count("n_facts", n_facts, 1)
    return World(f"uniform(n_facts={n:.12g})", np.array([n]), np.array([1.0 / n]), **birthdays(answers, 1))


def two_level(n_common: int, n_rare: int, rare_share: float, **answers: Any) -> World:
    """``n_common`` facts share 1 - rare_share of the draws equally, ``n_rare`` facts the rest."""
    share = number("rare_share", rare_share)
    if share > 1.0:
        raise BadInput(f"rare_share = {share:.6g}: must lie between 0 and 1")
    facts = np.array([count("n_common", n_common, 1), count("n_rare", n_rare, 1)])
    name = f"two_level(n_common={n_common:.12g}, n_rare={n_rare:.12g}, rare_share={share:.12g})"
    return World(name, facts, np.array([1.0 - share, share]) / facts, **birthdays(answers, 2))


def factoids(popularity: World | Sequence[float] | Float[np.ndarray, " facts"], n_false: int) -> World:
    """The setting of Kalai & Vempala 2024 (arXiv 2311.14648): no prompts, ``n_false`` false strings.

    ``popularity`` is the law of the factoids: one probability a fact, or any world (of which only facts and
    popularity are taken). |H| = n_false; the facts are F.
    """
    n_false = count("n_false", n_false, 1)
    if isinstance(popularity, World):
        law = popularity
    else:
        level, facts = np.unique(finite("popularity", popularity), return_counts=True)
        law = World("listed", facts, level, **birthdays({}, len(facts)))
    return replace(
        law,
        name=f"factoids({law.name}, n_false={n_false})",
        answers=np.full_like(law.facts, 2),
        answer_rate=np.ones_like(law.popularity),
        idk=False,
        n_false=n_false,
    )
