"""Simple Good-Turing: the whole frequency table, smoothed, so that every fact seen has a probability too.

Good-Turing's adjusted counts r* = (r+1) f_(r+1)/f_r are noise where f_r is small. Gale & Sampson keep them for small r
and go over to a straight line through log Z_r on log r as soon as the two no longer differ by more than chance. The
missing mass itself is not smoothed: it stays f_1/N.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from simlab.estimates import Estimate, strict_fields
from simlab.missing_mass.counts import Counts, CountsOfCounts, counts_of
from simlab.missing_mass.orders import good_mass
from simlab.records import brief

SOURCE = "Gale & Sampson 1995, Journal of Quantitative Linguistics 2, 217"
DIFFERENT = 1.96
"""Standard deviations by which a Turing estimate must differ from the line's to be kept."""


@brief
@dataclass(frozen=True, eq=False)
class SimpleGoodTuring:
    """A smoothed frequency table, one entry a class of facts seen equally often.

    ``facts[i]`` facts were seen ``times[i]`` = r times each. ``adjusted`` is r* as estimated, ``renormalised`` the same
    scaled to N ``probability``, and ``probability`` that of one such fact: over all facts seen it sums to
    1 - ``missing_mass.estimate``, less the share of IDK draws. The line is log Z_r = ``intercept`` + ``slope`` log r;
    ``switch`` is the first r whose r* comes from it. ``warnings`` are sentences, those of ``missing_mass`` among them.
    """

    missing_mass: Estimate
    slope: float
    intercept: float
    switch: int
    times: Int[np.ndarray, " classes"]
    facts: Int[np.ndarray, " classes"]
    adjusted: Float[np.ndarray, " classes"]
    renormalised: Float[np.ndarray, " classes"]
    probability: Float[np.ndarray, " classes"]
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for strict JSON; ``missing_mass`` is nested, as ``Estimate.as_dict`` gives it."""
        return strict_fields(self)


def simple_good_turing(data: Counts, *, level: float = 0.95) -> SimpleGoodTuring:
    """Return the smoothed probability of every class of facts seen, and the missing mass f_1/N.

    With q, t the counts next below and above r that occur (q = 0 for the first, t = 2r - q for the last),
    Z_r = f_r / ((t - q)/2), and log Z_r is fitted on log r by least squares, with slope b. From the least r on, r* is
    Turing's (r+1) f_(r+1)/f_r while it differs from the line's r (1 + 1/r)^(b+1) by more than 1.96 of its standard
    deviations, sqrt((r+1)^2 f_(r+1)/f_r^2 (1 + f_(r+1)/f_r)); as soon as it does not, or f_(r+1) = 0, the line's is
    used for good. A fact seen r times has p_r = (1 - f_1/N) r* / (sum of f_r r*). IDK draws keep the share idk/N, which
    then leaves 1 - f_1/N - idk/N to the facts seen. The missing mass has the score interval of ``good_mass``.

    Edges: a slope above -1 is warned of, as it raises counts where Good-Turing must lower them. With one class of facts
    (one fact, or all of them singletons) no line can be drawn: the slope is put to -1, which leaves r* = r. All
    singletons give missing mass 1 and the facts seen nothing; no singletons give missing mass 0.
    Raises ``BadInput`` as ``counts_of`` does, and for a level out of range.
    Source: Gale & Sampson 1995, "Good-Turing frequency estimation without tears", J. Quantitative Linguistics 2, 217.
    """
    counts = counts_of(data)
    mass = good_mass(counts, level=level)
    mass = replace(mass, method="simple_good_turing, score", source=f"{SOURCE}; {mass.source}")
    r, f = counts.times.astype(float), counts.facts.astype(float)
    slope, intercept, drawn = _line(counts)
    adjusted, switch = _adjusted(counts, slope)
    n = counts.draws
    renormalised = float(n - counts.f(1) - counts.idk) * adjusted / np.sum(f * adjusted)
    return SimpleGoodTuring(
        missing_mass=mass,
        slope=slope,
        intercept=intercept,
        switch=int(counts.times[switch]),
        times=counts.times,
        facts=counts.facts,
        adjusted=adjusted,
        renormalised=renormalised,
        probability=renormalised / n,
        warnings=mass.warnings + _warnings(counts, slope, drawn, adjusted / r),
    )


def _line(counts: CountsOfCounts) -> tuple[float, float, bool]:
    """The slope and intercept of log Z_r on log r, and whether a line could be drawn at all."""
    gap = np.diff(counts.times, prepend=0).astype(float)  # r - q; in integers first, as floats merge counts above 2^53
    width = (gap + np.append(gap[1:], gap[-1])) / 2
    x, y = np.log(counts.times.astype(float)), np.log(counts.facts / width)
    about = x - np.mean(x)
    squares = float(np.sum(about**2))
    drawn = x[-1] > x[0]
    slope = float(np.sum(about * y)) / squares if drawn else -1.0
    return slope, float(np.mean(y) - slope * np.mean(x)), bool(drawn)


def _adjusted(counts: CountsOfCounts, slope: float) -> tuple[Float[np.ndarray, " classes"], int]:
    """r* of every class, and the index of the first class whose r* is the line's."""
    r, f = counts.times.astype(float), counts.facts.astype(float)
    line = r * np.exp((slope + 1) * np.log1p(1 / r))
    above = np.append(f[1:], 0.0) * np.append(np.diff(counts.times) == 1, False)  # f_(r+1)
    turing = (r + 1) * above / f
    spread = (r + 1) / f * np.sqrt(above * (1 + above / f))
    keep = (above > 0) & (np.abs(turing - line) > DIFFERENT * spread)
    switch = int(np.argmin(keep))  # the last class has none above it, so that the line always takes over
    return np.where(np.arange(len(r)) < switch, turing, line), switch


def _warnings(
    counts: CountsOfCounts, slope: float, drawn: bool, ratio: Float[np.ndarray, " classes"]
) -> tuple[str, ...]:
    """What the table warns of; ``ratio`` is r*/r."""
    said = []
    if not drawn:
        said.append("All facts seen stand equally often, so no line can be drawn: their counts are left as they are.")
    if slope > -1:
        said.append(
            f"The slope {slope:.3g} is above -1, so the line raises counts that Good-Turing must lower: "
            "the probabilities of rare facts are too high."
        )
    if drawn and counts.f(1) and not counts.f(2):
        said.append("No fact stands exactly twice: the adjusted count of singletons rests on the line alone.")
    if np.any(np.diff(ratio * counts.times) < 0):
        said.append("The adjusted counts do not rise with the count: facts seen more often may get less probability.")
    return tuple(said)
