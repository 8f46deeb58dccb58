"""What a demonstration is: an idea in a sentence, a few controls, a picture computed anew, and three questions.

A demonstration is plain data and one pure function of its controls, so that a page, a test and a script ask the same
thing and get the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from simlab.bounds import theorem
from simlab.errors import BadInput, unknown

TITLES = {
    "unsaid": "What was never said",
    "guessing": "A model that must guess",
    "telling_apart": "Telling valid from invalid",
    "calibration_costs": "Being calibrated costs errors",
    "exam": "The exam",
    "poor_models": "Poor models",
    "your_data": "Your data",
}
"""The demonstrations in the order of the lecture; each has a module here and a notebook of that name."""

SHOWN = 40
"""Characters of a link's value that a sentence repeats."""


@dataclass(frozen=True, slots=True)
class Slider:
    """A number from an ascending list of ``values``; ``told`` writes one for a reader."""

    name: str
    label: str
    values: tuple[float, ...]
    default: float
    told: Callable[[float], str] = "{:g}".format

    def parse(self, given: str) -> float:
        """The value nearest to what a link says. Raises ``BadInput`` where that is no number from least to most."""
        try:
            wanted = float(given)
        except ValueError:
            wanted = math.nan
        least, most = self.values[0], self.values[-1]
        if not least <= wanted <= most:
            rule = "is no number" if not math.isfinite(wanted) else f"lies outside {least:g} to {most:g}"
            raise BadInput(f"{self.name} = {given[:SHOWN]!r} {rule}: give one from {least:g} to {most:g}")
        return min(self.values, key=lambda value: abs(value - wanted))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few named ``options``; ``options`` maps what a link says to what a reader reads."""

    name: str
    label: str
    options: Mapping[str, str]
    default: str
    told: Callable[[str], str] = str

    def parse(self, given: str) -> str:
        """What a link says. Raises ``BadInput`` for another word."""
        if given not in self.options:
            raise unknown(self.name, given[:SHOWN], self.options)
        return given


Control = Slider | Choice


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the picture: its name in the code, its label on the page, its value, and how it is written there."""

    name: str
    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What the controls give: a figure, its numbers, and a sentence that says what is seen."""

    figure: Figure
    numbers: tuple[Number, ...]
    sentence: str

    @property
    def values(self) -> dict[str, float]:
        """The numbers by their names."""
        return {number.name: number.value for number in self.numbers}


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One idea: ``motivation`` in a sentence, ``scene`` of the ``controls``, ``questions`` as (question, answer).

    ``theorems`` are slugs of ``simlab.bounds``; ``tests`` and ``experiments`` are files of the repository.
    """

    slug: str
    motivation: str
    controls: tuple[Control, ...]
    scene: Callable[..., Scene]
    questions: tuple[tuple[str, str], ...]
    theorems: tuple[str, ...]
    tests: tuple[str, ...]
    experiments: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name for a reader."""
        return TITLES[self.slug]

    def settings(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every control's value: what ``given`` (a link's query) says, else its default. What is unknown is left out.

        Raises ``BadInput`` where a value does not parse.
        """
        asked = given or {}
        return {
            one.name: one.parse(str(asked[one.name])) if one.name in asked else one.default for one in self.controls
        }

    def claims(self) -> list[tuple[str, str]]:
        """(slug, statement) of each theorem."""
        return [(slug, theorem(slug).statement) for slug in self.theorems]


def demonstration(slug: str) -> Demonstration:
    """Return the demonstration of that name. Raises ``BadInput`` for a name that is none."""
    if slug not in TITLES:
        raise unknown("demonstration", slug, TITLES)
    found = import_module(f"simlab.teach.{slug}").DEMONSTRATION
    assert isinstance(found, Demonstration)
    return found


def powers_of_ten(low: int, high: int, each: Sequence[int] = (1, 2, 5)) -> tuple[float, ...]:
    """The values m 10^k of a slider whose scale is logarithmic, up to 10^high."""
    return (*(float(m * 10**k) for k in range(low, high) for m in each), 10.0**high)


def evenly(low: float, high: float, step: float) -> tuple[float, ...]:
    """The values of a slider whose scale is even, both ends among them."""
    return tuple(round(low + i * step, 10) for i in range(round((high - low) / step) + 1))


def count(value: float) -> str:
    """A whole number as a reader of a slide takes it in: 20,000 or 2 × 10⁹."""
    if value < 1e6:
        return f"{value:,.0f}"
    power = math.floor(math.log10(value) + 1e-9)
    digits = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    factor = value / 10.0**power
    return f"10{digits}" if round(factor, 2) == 1 else f"{factor:.3g} × 10{digits}"


def share(value: float) -> str:
    """A probability with three decimals, or its power of ten where they would say nothing."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
