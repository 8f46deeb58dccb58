"""The record of a world: classes of exchangeable facts, checked when it is made, and its exact expectations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.bounds import expected_missing_mass as _expected_missing_mass
from simlab.bounds import expected_singleton_rate as _expected_singleton_rate
from simlab.errors import BadInput, shown

MOST = 9 * 10**18  # facts and draws are counted in 64-bit integers


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """What is true, as classes of exchangeable facts.

    ``facts`` (how many), ``popularity`` (mu(c) of *each*), ``answers`` (|R_c|, IDK not counted) and ``answer_rate``
    (alpha_c: the share of a prompt's draws that state the answer; the rest say IDK) have one entry a class;
    facts * popularity sums to one. With ``idk`` the valid responses are V_c = {a_c, IDK}, so k = 2 even where
    answer_rate = 1; without it k = 1. With ``n_false`` the world is that of Kalai & Vempala 2024 (arXiv 2311.14648):
    one prompt, whose valid responses are the facts and whose errors are ``n_false`` further strings.
    Raises ``BadInput`` for anything that is not such a world.
    """

    name: str
    facts: Int[np.ndarray, " classes"]
    popularity: Float[np.ndarray, " classes"]
    answers: Int[np.ndarray, " classes"]
    answer_rate: Float[np.ndarray, " classes"]
    idk: bool = True
    n_false: int | None = None

    def __post_init__(self) -> None:
        facts = whole("facts", self.facts, 1)
        n = len(facts)
        checked = {
            "facts": facts,
            "popularity": _spread("popularity", finite("popularity", self.popularity), n),
            "answers": _spread("answers", whole("answers", self.answers, 2), n),
            "answer_rate": _spread("answer_rate", finite("answer_rate", self.answer_rate), n),
        }
        for name, value in checked.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        total = float(np.sum(checked["facts"] * checked["popularity"]))
        if abs(total - 1.0) > 1e-9:
            raise BadInput(f"popularity sums to {total:.12g} over all facts: must sum to one; divide it by its sum")
        rate = checked["answer_rate"]
        if rate.max() > 1.0:
            raise BadInput(f"answer_rate = {rate.max():.6g}: must lie between 0 and 1")
        if not self.idk and rate.min() < 1.0:
            raise BadInput(f"answer_rate = {rate.min():.6g}: must be 1 in a world without IDK; set idk=True")
        if self.n_false is not None:
            object.__setattr__(self, "n_false", count("n_false", self.n_false, 1))
            if self.idk:
                raise BadInput(f"n_false = {self.n_false}: a world without prompts has no IDK; set idk=False")
        if (total_facts := sum(facts.tolist())) > MOST:  # in Python's integers: 64 bits wrap, floats round up
            raise BadInput(f"facts = {total_facts:.4g}: must be at most {MOST:.0e} in all")

    def __repr__(self) -> str:
        return f"<World {self.name}, {len(self.facts)} classes>"

    @property
    def n_facts(self) -> int:
        """The number of facts in all classes together."""
        return int(self.facts.sum())

    @property
    def prompted(self) -> bool:
        """Whether every fact is a prompt of its own (KNVZ) and not a string of one prompt (Kalai-Vempala)."""
        return self.n_false is None

    @property
    def n_errors(self) -> Int[np.ndarray, " classes"]:
        """|E_c| of each class: every plausible answer but the right one."""
        return np.asarray(self.answers - 1 if self.n_false is None else np.full(len(self.facts), self.n_false))

    @property
    def n_valid(self) -> int:
        """k = max|V_c|: the answer and IDK (or the answer alone), or all facts of the one prompt."""
        return self.n_facts if self.n_false is not None else 2 if self.idk else 1

    @property
    def answered_popularity(self) -> Float[np.ndarray, " classes"]:
        """mu'(c) = mu(c) alpha_c of each fact: the chance that one draw states its answer."""
        return np.asarray(self.popularity * self.answer_rate)


def whole(name: str, values: Any, least: int) -> Int[np.ndarray, " n"]:
    """Return ``values`` as whole numbers in a new array."""
    given = _floats(name, values)
    good = np.isfinite(given) & (given >= least) & (given <= MOST)
    good &= np.where(good, given, 0.5) % 1 == 0
    if not good.all():
        raise BadInput(f"{name} = {given[~good][0]:.6g}: must be a whole number from {least} to {MOST:.0e}")
    return np.array(values, dtype=np.int64).reshape(-1)


def finite(name: str, values: Any) -> Float[np.ndarray, " n"]:
    """Return ``values`` as finite floats of at least 0 in a new array."""
    given = _floats(name, values)
    if not np.isfinite(given).all() or given.min() < 0:
        bad = given[~(np.isfinite(given) & (given >= 0))][0]
        raise BadInput(f"{name} = {bad:.6g}: must be finite and not negative")
    return given


def _floats(name: str, values: Any) -> Float[np.ndarray, " n"]:
    """Return ``values``, at least one, as floats in a new array."""
    try:
        given = np.array(values, dtype=float).reshape(-1)
    except OverflowError:
        raise BadInput(f"{name} is too large for a floating-point number: must be at most {MOST:.0e}") from None
    except (TypeError, ValueError):
        given = None
    if given is None or np.asarray(values).dtype.kind in "USb":
        raise BadInput(f"{name} = {shown(values)}: must be numbers") from None
    if given.size == 0:
        raise BadInput(f"{name} is empty: give at least one value")
    return given


def number(name: str, value: Any) -> float:
    """Return ``value`` as one finite float of at least 0."""
    return float(_single(name, finite(name, value)))


def count(name: str, value: Any, least: int) -> int:
    """Return ``value`` as one whole number of at least ``least``."""
    return int(_single(name, whole(name, value, least)))


def _single(name: str, given: Any) -> Any:
    """The one entry of an array."""
    if given.size != 1:
        raise BadInput(f"{name} has {given.size} values: give one")
    return given[0]


def _spread(name: str, values: Any, n: int) -> Any:
    """Repeat a single value over the classes; refuse any other length."""
    if len(values) not in (1, n):
        raise BadInput(f"{name} has {len(values)} values for {n} classes: give one, or one a class")
    return np.repeat(values, n) if len(values) != n else values


def check_draws(draws: float) -> int:
    """Return N as an integer; raises ``BadInput`` unless it is a whole number from 1 to 9e18."""
    try:
        number = math.nan if isinstance(draws, (str, bytes, bool)) else float(draws)
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise BadInput(f"draws = {shown(draws)}: must be a whole number from 1 to {MOST:.0e}")
    if not (math.isfinite(number) and number == math.floor(number) and 1 <= number <= MOST):
        raise BadInput(f"draws = {number:.6g}: must be a whole number from 1 to {MOST:.0e}")
    return int(draws)


def expected_singleton_rate(world: World, draws: int) -> float:
    """E[sr] = sum_c mu'(c) (1 - mu'(c))^(N-1), exactly (THEOREMS: missing_mass_from_singletons)."""
    return _expected_singleton_rate(world.answered_popularity, world.facts, check_draws(draws))


def expected_missing_mass(world: World, draws: int) -> float:
    """E[MM] = sum_c mu'(c) (1 - mu'(c))^N, exactly."""
    return _expected_missing_mass(world.answered_popularity, world.facts, check_draws(draws))
