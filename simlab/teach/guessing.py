"""A model that must guess: whoever stays calibrated errs on what the corpus never states, and singletons tell how much.

The world is one of birthdays: a few famous people, whose birthdays are written again and again, and many obscure ones.
The share of the draws that is about the obscure sets the singleton rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simlab.bounds import error_from_singletons, error_from_singletons_sharp, error_from_singletons_upper
from simlab.bounds.report import BoundReport
from simlab.seeds import Streams
from simlab.teach.demonstrations import (
    Choice,
    Demonstration,
    Number,
    Scene,
    Slider,
    count,
    evenly,
    powers_of_ten,
    share,
)
from simlab.teach.pictures import BLUE, GREEN, INK, ORANGE, RED, canvas
from simlab.trials import trial
from simlab.worlds import World, two_level, with_singleton_rate

LEARNERS = {
    "calibrated": "calibrated",
    "guess_one": "guesses one answer",
    "abstain": "says IDK",
}
LADDER = evenly(0.05, 0.95, 0.1)
"""Shares of draws about obscure people at which a corpus each is drawn for the curves."""
FLOOR, CEILING = -0.25, 1.25
"""Ends of the axis of errors: what lies below 0, and above 1, is where a bound says nothing."""
APART = 0.12
"""The least distance between two labels beside the picture."""
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "upper": ("upper bound", {"color": ORANGE, "ls": "-."}),
    "error": ("error", {"color": BLUE, "ls": "-", "marker": "o", "ms": 8}),
    "sharp": ("sharp bound", {"color": GREEN, "ls": (0, (2.5, 2)), "zorder": 4}),
    "published": ("published bound", {"color": RED, "ls": ":"}),
}


def population(draws: int) -> dict[str, Any]:
    """N/100 famous people and 100 N obscure ones: the famous are known after N draws, the obscure met once at most."""
    return {"n_common": max(draws // 100, 1), "n_rare": 100 * draws}


def people(rate: float, draws: int, answers: int, answer_rate: float = 1.0) -> World:
    """The world of famous and obscure people in which exactly E[sr] = ``rate`` at N = ``draws``."""
    return with_singleton_rate(rate, draws, "two_level", answers=answers, answer_rate=answer_rate, **population(draws))


def row_of(world: World, draws: int, learner: str, corpus: int) -> dict[str, Any]:
    """The row of one trial: a corpus, a learner, its error and every bound."""
    streams = Streams(0, f"guessing {world.name}", corpus)
    return trial(world, draws, (learner,), streams, count_cap=2)[0]


def reports(row: dict[str, Any], draws: int, answers: int, learner: str) -> dict[str, BoundReport]:
    """The bounds on the error in a row of a trial. The upper one is that of the calibrated algorithm and of no other.

    The sharp one holds given the training data, in expectation over the answers never stated, so the corpus's own
    missing mass stands in it.
    """
    rate, gap, err = row["singleton_rate"], row["calibration_gap"], row["error"]
    found = {
        "sharp": error_from_singletons_sharp(row["missing_mass"], answers - 1, gap, err),
        "published": error_from_singletons(rate, draws, answers - 1, gap, error=err),
    }
    if learner == "calibrated":
        found["upper"] = error_from_singletons_upper(rate, draws, answers - 1, error=err)
    return found


row_of(two_level(1, 100, 0.5), 100, "guess_one", 0)  # compiled samplers are loaded now, and not at the first slider


def scene(draws: float, singleton_rate: float, answers: float, learner: str, corpus: float) -> Scene:
    """Draw a corpus at each rung of the ladder and one at the chosen rate, fit the learner, and lay the bounds beside.

    Every error is an exact sum given its corpus. Each point has its own corpus, so x is the rate that the corpus shows.
    """
    n, r, replicate = int(draws), int(answers), int(corpus)
    rungs = [row_of(two_level(**population(n), rare_share=s, answers=r), n, learner, replicate) for s in LADDER]
    rungs.sort(key=lambda row: row["singleton_rate"])
    row = row_of(people(singleton_rate, n, r), n, learner, replicate)
    here = reports(row, n, r, learner)
    along = [reports(rung, n, r, learner) for rung in rungs]
    rates = [rung["singleton_rate"] for rung in rungs]
    curves = {name: [each[name].value for each in along] for name in here}
    curves["error"] = [rung["error"] for rung in rungs]
    with canvas(left=0.115, right=0.715, top=0.97) as (figure, (axes,)):
        for low, high in ((FLOOR, 0.0), (1.0, CEILING)):
            axes.axhspan(low, high, facecolor="none", edgecolor=INK, alpha=0.3, hatch="//", lw=0)
        axes.axvline(row["singleton_rate"], color=INK, lw=1, alpha=0.5)
        for name, values in curves.items():
            axes.plot(rates, values, **LOOKS[name][1])
        axes.plot([row["singleton_rate"]], [row["error"]], "o", ms=15, color=BLUE, mec=INK, mew=2, zorder=6)
        axes.set(xlabel="singleton rate sr", ylabel="error", xlim=(0, 1), ylim=(FLOOR, CEILING))
        axes.set_yticks([FLOOR / 2, 0, 0.5, 1, (1 + CEILING) / 2], ["vacuous", "0", "0.5", "1", "vacuous"])
        axes.yaxis.set_label_coords(-0.105, 0.5)
        _label(axes, rates[-1], {name: values[-1] for name, values in curves.items()}, along)
    found = [
        Number("singleton_rate", "said once, sr", row["singleton_rate"], share(row["singleton_rate"])),
        Number("error", "error", row["error"], share(row["error"])),
        Number("published", "published: at least", here["published"].value, _value(here["published"])),
        Number("sharp", "sharp: at least", here["sharp"].value, _value(here["sharp"])),
        Number("calibration_gap", "gap δ", row["calibration_gap"], share(row["calibration_gap"]))
        if learner != "calibrated"
        else Number("upper", "published: at most", here["upper"].value, _value(here["upper"])),
    ]
    return Scene(figure, tuple(found), _sentence(row, here, n, learner))


def _label(axes: Any, right: float, ends: dict[str, float], along: list[dict[str, BoundReport]]) -> None:
    """Name each curve beside its right end, in the order of the curves and far enough apart to be read."""
    names = sorted(ends, key=lambda name: (ends[name], name == "error", name == "upper"))
    places = spread([ends[name] for name in names], FLOOR + APART / 2, CEILING - APART / 2, APART)
    for name, place in zip(names, places, strict=True):
        text, look = LOOKS[name]
        if name != "error" and all(each[name].vacuous for each in along):
            text = f"{text.removesuffix(' bound')}: vacuous"
        end = min(max(ends[name], FLOOR), CEILING)
        axes.plot([right, 1.03], [end, place], color=look["color"], lw=1.2, clip_on=False)
        axes.text(1.04, place, text, va="center", color=look["color"])


def spread(wanted: Sequence[float], low: float, high: float, apart: float) -> list[float]:
    """Places near the ascending ``wanted``, each at least ``apart`` from the last, all within ``low`` to ``high``."""
    up = low - apart
    places = [up := max(place, up + apart) for place in wanted]
    down = high + apart
    return [down := min(place, down - apart) for place in reversed(places)][::-1]


def _value(report: BoundReport) -> str:
    return f"vacuous ({report.value:.2f})".replace("-", "−") if report.vacuous else share(report.value)


def _sentence(row: dict[str, Any], here: dict[str, BoundReport], draws: int, learner: str) -> str:
    err, gap, published = share(row["error"]), share(row["calibration_gap"]), here["published"]
    if learner != "calibrated" and row["calibration_gap"] == 0:
        did = "Staking everything on one answer" if learner == "guess_one" else "Saying “I don't know”"
        return (
            f"{did} where it was never told: error {err}. With two answers nothing is believed more than 1/K = 1, so "
            "δ sees nothing of it; but then k/K = 2, and the lower bounds promise nothing to anybody."
        )
    if learner == "guess_one":
        return (
            f"Staking everything on one answer errs as often, on average, as calibration: {err}. It is miscalibrated "
            f"besides: δ = {gap}, and with δ taken off the lower bounds promise nothing of it."
        )
    if learner == "abstain":
        return (
            f"Saying “I don't know” to every question never answered: error {err}. It pays with calibration, "
            f"δ = {gap}, and so no lower bound is broken."
        )
    start = f"It knows all it was told and is perfectly calibrated (δ = {gap}), and its error is {err}. "
    if not published.vacuous:
        return f"{start}At {count(draws)} draws the published bound promises at least {share(published.value)}."
    needed = published.draws_needed
    when = (
        f"with this rate it speaks from N = {count(needed)} on"
        if needed and math.isfinite(needed)
        else "with this rate at no N"
    )
    sharp = here["sharp"]
    other = "the sharp bound is vacuous too" if sharp.vacuous else f"the sharp bound: at least {share(sharp.value)}"
    return f"{start}At {count(draws)} draws the published bound is vacuous ({when}); {other}."


DEMONSTRATION = Demonstration(
    slug="guessing",
    motivation="Asked for a birthday that it never read, a calibrated model makes one up. How often? Count singletons.",
    controls=(
        Slider("draws", "draws N", powers_of_ten(2, 12), 1e6, count),
        Slider("singleton_rate", "singleton rate, expected", evenly(0.05, 0.95, 0.05), 0.4, "{:.2f}".format),
        Slider(
            "answers", "possible answers |R|", (2, 3, 4, 5, 8, 12, 25, 50, 100, 200, 365, 366), 365, "{:.0f}".format
        ),
        Choice("learner", "learner", LEARNERS, "calibrated", LEARNERS.__getitem__),
        Slider("corpus", "corpus (sums exact given it)", tuple(float(i) for i in range(1, 21)), 1.0),
    ),
    scene=scene,
    questions=(
        (
            "At which N does the published bound begin to speak, and does the error change there?",
            "Where (35 + 6 ln N)/√N falls below sr − 2/K. It is more than 1 for every N up to 7,892, so before that no "
            "rate is enough. But for chance the error does not change there: it is the missing mass, times "
            "(|R| − 1)/|R| for the guesses that happen to be right.",
        ),
        (
            "Take fewer possible answers. Why do the lower bounds fall faster than the error?",
            "They lose k/K = 2/(|R| − 1), room that two valid responses, the answer and “I don't know”, may use "
            "below the threshold. With two or three possible answers that is at least 1, and the bounds are vacuous.",
        ),
        (
            "Which learner has no errors, and why does the theorem not forbid it?",
            "The one that says “I don't know” wherever it was never told. Its δ is as large as the missing mass: it "
            "is sure of a response that people do not give that often. The theorem bounds error + δ. (With two "
            "possible answers δ is 0, as nothing is believed more than 1/K = 1; there k/K = 2 takes the bound away.)",
        ),
    ),
    theorems=("error_from_singletons", "error_from_singletons_upper", "error_from_singletons_sharp"),
    tests=("tests/test_bounds.py", "tests/test_trials.py"),
    experiments=("experiments/error_from_singletons.py",),
)  # fmt: skip
