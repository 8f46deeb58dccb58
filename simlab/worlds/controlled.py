"""Worlds with a controlled singleton rate: solve for a continuous parameter until the exact E[sr] hits the target."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from simlab.errors import BadInput, unknown
from simlab.worlds import laws
from simlab.worlds.world import World, check_draws, expected_singleton_rate, number

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
    "geometric": Family(laws.geometric, "decay", np.geomspace(1e-18, 0.999, 241)),
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
    if not 0.0 < number("singleton_rate", target) < 1.0:
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

    if name in fixed:
        raise BadInput(f"{name} = {fixed[name]} is given and solved for: leave it out, or name another parameter")
    check_settings(law, fixed | {name: None})

    def excess(value: float) -> float:
        return expected_singleton_rate(law(**fixed, **{name: float(value)}), draws) - target

    values = np.array([excess(v) for v in grid])
    grid, values = _with_peak(excess, grid, values)
    low, high = float(values.min()), float(values.max())
    world = law(**fixed, **{name: _root(excess, grid, values)}) if low <= 0.0 <= high else None
    if world is None or abs(expected_singleton_rate(world, draws) - target) > TOLERANCE:
        raise BadInput(
            f"singleton_rate = {target:.6g} cannot be reached by {family} at draws = {draws:.6g}: {name} from "
            f"{grid[0]:.4g} to {grid[-1]:.4g} gives {low + target:.4g} to {high + target:.4g}; "
            "change the target, the number of facts or the draws"
        )
    return world


def check_settings(law: Callable[..., World], given: Mapping[str, Any]) -> None:
    """Raise ``BadInput`` for a setting that the law does not have, or one that it needs and is not given."""
    own = inspect.signature(law).parameters.values()
    known = {p.name: p for p in own if p.kind is not p.VAR_KEYWORD}
    for name in given:
        if name not in {*known, *laws.BIRTHDAYS}:
            raise unknown("setting", name, {*known, *laws.BIRTHDAYS})
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            raise BadInput(f"setting {name!r} is missing: {law.__name__} needs it")


def _with_peak(excess: Callable[[float], float], grid: Any, values: Any) -> tuple[Any, Any]:
    """Add to the grid the extreme that comes nearest to the target, where the grid itself does not pass it."""
    if values.min() <= 0.0 <= values.max():
        return grid, values
    from scipy.optimize import minimize_scalar

    sign = 1.0 if values.min() > 0.0 else -1.0
    best = int(np.argmin(sign * values))
    span = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    at = float(minimize_scalar(lambda v: sign * excess(v), bounds=span, method="bounded", options={"xatol": 0.0}).x)
    place = int(np.searchsorted(grid, at))
    return np.insert(grid, place, at), np.insert(values, place, excess(at))


def _root(excess: Callable[[float], float], grid: Any, values: Any) -> float:
    """Return the first zero of ``excess`` along ``grid``."""
    from scipy.optimize import brentq

    change = int(np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) <= 0)[0])
    if values[change] == 0.0:
        return float(grid[change])
    return float(brentq(excess, grid[change], grid[change + 1], xtol=1e-300, rtol=4 * np.finfo(float).eps))
