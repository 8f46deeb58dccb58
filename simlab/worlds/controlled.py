"""Worlds with a controlled singleton rate: solve for a continuous parameter until the exact E[sr] hits the target."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simlab.errors import BadInput, unknown
from simlab.worlds import laws
from simlab.worlds.world import World, check_draws, expected_singleton_rate

TOLERANCE = 1e-9


class Family(NamedTuple):
    """A law with the parameter that is solved for and the range in which it is sought."""

    law: Callable[..., World]
    parameter: str
    grid: Any


def _logistic(low: float, high: float, points: int = 97) -> Any:
    """Points of (0, 1) that crowd towards both ends, from 10^low to 1 - 10^-high."""
    x = np.linspace(low * math.log(10), high * math.log(10), points)
    return 1.0 / (1.0 + np.exp(-x))


FAMILIES = {
    "zipf": Family(laws.zipf, "exponent", np.linspace(0.0, 6.0, 121)),
    "pareto": Family(laws.pareto, "shape", np.geomspace(0.2, 1e3, 121)),
    "geometric": Family(laws.geometric, "ratio", 1.0 - np.geomspace(0.999, 1e-15, 241)),
    "two_level": Family(laws.two_level, "rare_share", np.linspace(0.0, 1.0, 65)),
    "uniform": Family(laws.uniform, "answer_rate", np.concatenate([[0.0], _logistic(-15, 15, 241), [1.0]])),
}
ANSWER_RATE = FAMILIES["uniform"].grid


def with_singleton_rate(
    target: float, draws: int, family: str = "zipf", *, parameter: str | None = None, **fixed: Any
) -> World:
    """Return the world of ``family`` whose exact E[sr] over ``draws`` draws equals ``target`` to 1e-9.

    E[sr] = sum_c mu'(c) (1 - mu'(c))^(N-1). Solved for: the exponent of ``zipf``, the shape of ``pareto``, the
    ratio of ``geometric``, the mixture weight ``rare_share`` of ``two_level`` (a mixture of two sizes of
    uniform worlds), the answer rate of ``uniform``; or, with ``parameter="answer_rate"``, the answer rate of
    any family. ``fixed`` holds the other arguments of the family. Where several values do, the first along the
    family's range is taken. Raises ``BadInput`` for a target outside (0, 1), and for one that no value reaches
    (with what is reachable).
    """
    if not 0.0 < target < 1.0:
        raise BadInput(
            f"singleton_rate = {target:.6g}: a target must lie strictly between 0 and 1; "
            "at either end every parameter is a limit, so give a value inside"
        )
    draws = check_draws(draws)
    if family not in FAMILIES:
        raise unknown("family", family, FAMILIES)
    law, own, grid = FAMILIES[family]
    if parameter is not None and parameter not in (own, "answer_rate"):
        raise unknown("parameter", parameter, {own, "answer_rate"})
    name = own if parameter is None else parameter
    if name != own:
        grid = ANSWER_RATE

    def excess(value: float) -> float:
        return expected_singleton_rate(law(**fixed, **{name: float(value)}), draws) - target

    values = np.array([excess(v) for v in grid])
    world = law(**fixed, **{name: _root(excess, grid, values)}) if _crosses(values) else None
    if world is None or abs(expected_singleton_rate(world, draws) - target) > TOLERANCE:
        low, high = float(values.min()) + target, float(values.max()) + target
        raise BadInput(
            f"singleton_rate = {target:.6g} cannot be reached by {family} at draws = {draws:.6g}: {name} from "
            f"{grid[0]:.4g} to {grid[-1]:.4g} gives {low:.4g} to {high:.4g}; "
            "change the target, the number of facts or the draws"
        )
    return world


def _crosses(values: Any) -> bool:
    return bool(values.min() <= 0.0 <= values.max())


def _root(excess: Callable[[float], float], grid: Any, values: Any) -> float:
    """Return the first zero of ``excess`` along ``grid``."""
    from scipy.optimize import brentq

    change = int(np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) <= 0)[0])
    if values[change] == 0.0:
        return float(grid[change])
    return float(brentq(excess, grid[change], grid[change + 1], xtol=1e-300, rtol=4 * np.finfo(float).eps))
