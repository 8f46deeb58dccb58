"""Being calibrated costs errors: error and gap trade one for one, and the gap is the slope of a loss.

The learner knows what it was told. On the rest it moves from staking everything on one guess, through calibration, to
saying "I don't know"; where it stands shows in error and delta, and whether its loss on what will be asked (L of the
world, not of its training data) would fall if it trusted what it believes most a little more or a little less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.bounds import error_from_singletons_sharp
from simlab.corpora import Corpus, sample
from simlab.measures import Measures, cross_entropy, missing_mass, observe, signed_gap, threshold
from simlab.models import Fit, learn
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.teach.demonstrations import Demonstration, Number, Scene, Slider, evenly, share
from simlab.teach.guessing import people
from simlab.teach.pictures import BLUE, GREEN, GREY, INK, ORANGE, RED, canvas
from simlab.worlds import World

DRAWS = 10**6
"""N. Every sum below is exact given the corpus, and at this N one corpus is much like another."""
ANSWER_RATE = 0.8
"""alpha: a fifth of the draws say IDK, so that IDK is above the threshold where there are more than six answers."""
WAY = np.linspace(-1.0, 1.0, 21)
"""Where the learner is measured for the curve."""
ROUNDING = 1e-12
"""A gap below this is what sums in floats leave of none."""
SCALES = np.geomspace(0.25, 4.0, 25)
"""The s at which the loss of the rescaled density is computed."""


def fitted(lean: float, corpus: Corpus, streams: Streams) -> Fit:
    """The density of a learner that leans ``lean`` away from calibration: to guessing below 0, to abstaining above.

    Of what it was never told it moves the share |lean| of the calibrated algorithm's answer mass to one answer, which
    at -1 is the learner that guesses, or to IDK, which at 1 is the one that abstains.
    """
    if lean >= 0:
        return learn("abstain", corpus, streams, abstention=lean)
    even, one = learn("calibrated", corpus, streams), learn("guess_one", corpus, streams)
    assert one.guess is not None
    kept = (1.0 + lean) * even.unseen
    return replace(one, unseen=kept, guess=kept - lean * one.guess)


def rescaled(fit: Fit, corpus: Corpus, z: float, s: float) -> Fit:
    """p_hat_s: what is above ``z`` times s, and then every prompt divided by its sum; s = 1 gives p_hat itself."""

    def scaled(values: Float[np.ndarray, " cells"]) -> Float[np.ndarray, " cells"]:
        return np.asarray(np.where(values > z, s, 1.0) * values)

    seen, unseen, idk = scaled(fit.seen), scaled(fit.unseen), scaled(fit.idk)
    one = np.where(corpus.answered, seen, unseen if fit.guess is None else scaled(fit.guess))
    total = one + (corpus.answers - 1) * unseen + idk
    guess = None if fit.guess is None else one / total
    return replace(fit, seen=seen / total, unseen=unseen / total, idk=idk / total, guess=guess)


def losses(fit: Fit, world: World, corpus: Corpus, streams: Streams) -> Float[np.ndarray, " scales"]:
    """L(p_hat_s) - L(p_hat) at each s of ``SCALES``, in nats a draw, for a finite L(p_hat)."""
    pairs = tabulate(world, corpus, fit, streams)
    z, now = float(threshold(pairs)), cross_entropy(pairs)
    after = [cross_entropy(tabulate(world, corpus, rescaled(fit, corpus, z, s), streams)) for s in SCALES]
    return np.array(after) - now


def scene(lean: float, singleton_rate: float, answers: float, corpus: float) -> Scene:
    """Where the learner stands between error and delta, and how its loss changes when A = {p_hat > 1/K} is rescaled.

    All sums are exact given the corpus and, for a guess, which guesses are right (stream ``truth``).
    """
    world = people(singleton_rate, DRAWS, int(answers), ANSWER_RATE)
    streams = Streams(0, "calibration_costs", int(corpus))
    drawn = sample(world, DRAWS, streams.numpy("corpus"), count_cap=2)
    way = [observe(tabulate(world, drawn, fitted(float(to), drawn, streams), streams)) for to in WAY]
    fit = fitted(lean, drawn, streams)
    pairs = tabulate(world, drawn, fit, streams)
    here, slope, missed = observe(pairs), float(signed_gap(pairs)), missing_mass(world, drawn)
    report = error_from_singletons_sharp(missed, here.n_errors_min, here.calibration_gap, here.error)
    err, gap = float(here.error), float(here.calibration_gap)
    floor = report.terms["expected_missing_mass"] - report.terms["valid_over_errors"]
    finite = bool(np.isfinite(here.cross_entropy))
    with canvas(2) as (figure, (trade, loss)):
        trade.set_position((0.1, 0.155, 0.4, 0.765))
        loss.set_position((0.63, 0.155, 0.345, 0.765))
        _trade(trade, way, here, floor, 1.42 * missed)
        _loss(loss, losses(fit, world, drawn, streams) if finite else None, slope, 1.6 * missed)
    least = "vacuous" if floor <= 0 else share(floor)
    numbers = (
        Number("error", "error", err, share(err)),
        Number("calibration_gap", "gap δ", gap, share(gap)),
        Number("sum", "error + δ", err + gap, share(err + gap)),
        Number("floor", "sharp: at least", floor, least),
        Number("slope", "dL/ds at s = 1", slope, share(slope) if finite else "loss is infinite"),
    )
    return Scene(figure, numbers, _sentence(lean, err, gap, finite))


def _trade(axes: Any, way: list[Measures], here: Measures, floor: float, most: float) -> None:
    """The way from guessing through calibration to abstaining, and what the sharp bound leaves no learner."""
    sides = ((way[: len(WAY) // 2], ORANGE, "v"), (way[len(WAY) // 2 + 1 :], GREEN, "^"))
    if floor > 0:
        axes.fill([0, floor, 0], [0, 0, floor], facecolor="none", edgecolor=GREY, hatch="//", lw=1.5)
    for some, colour, marker in sides:
        axes.plot(
            [m.calibration_gap for m in some],
            [m.error for m in some],
            marker,
            color=colour,
            ms=8,
            ls="none",
            clip_on=False,
        )
    even = way[len(WAY) // 2]
    axes.plot([even.calibration_gap], [even.error], "s", color=BLUE, ms=11, clip_on=False, zorder=4)
    axes.plot([here.calibration_gap], [here.error], "o", ms=17, mfc="none", mec=INK, mew=3, clip_on=False, zorder=6)
    ends = (
        (way[0], "guesses", ORANGE, "center"),
        (even, "calibrated", BLUE, "left"),
        (way[-1], "says IDK", GREEN, "left"),
    )
    for m, name, colour, side in ends:
        axes.annotate(
            name, (m.calibration_gap, m.error), (6 if side == "left" else 0, 13), textcoords="offset points",
            color=colour, ha=side, va="bottom",
        )  # fmt: skip
    axes.set(xlim=(0, most), ylim=(0, most), xlabel="gap δ", ylabel="error")
    axes.set_title("hatched: no learner, on average" if floor > 0 else "sharp bound: vacuous", fontsize=14)
    axes.locator_params(nbins=4)
    axes.tick_params(pad=9)  # the ring at the end of an axis hides no number


def _loss(axes: Any, change: Float[np.ndarray, " scales"] | None, slope: float, most: float) -> None:
    """The loss against s, with its tangent at s = 1."""
    axes.set(
        xscale="log",
        xlim=(SCALES[0], SCALES[-1]),
        ylim=(-most, most),
        xlabel="trust multiplied by s",
        ylabel="change of loss L",
    )
    axes.set_xticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
    axes.minorticks_off()
    axes.locator_params(axis="y", nbins=4)
    if change is None:
        axes.set_title("L is infinite", fontsize=14)
        axes.text(0.5, 0.7, "p̂ gives some\ntrue answers 0", ha="center", transform=axes.transAxes)
        return
    axes.axhline(0, color=GREY, lw=1)
    axes.axvline(1, color=GREY, lw=1)
    axes.plot(SCALES, slope * np.log(SCALES), "--", color=RED, lw=2.5)
    axes.plot(SCALES, change, color=BLUE)
    axes.plot([1], [0], "o", color=RED, ms=10)
    axes.set_title(f"slope at s = 1: {share(slope)}", fontsize=14, color=RED)


def _sentence(lean: float, err: float, gap: float, finite: bool) -> str:
    told = f"error {share(err)}" if lean >= 0 else f"error still {share(err)}"
    if lean == 0:
        return (
            f"Calibrated: δ = {share(gap)}, and the loss is level at s = 1: no more and no less trust would lower it. "
            f"Its {told}."
        )
    if not finite:
        worth = "It rules out some true answers altogether, so that its loss on what will be asked is infinite."
    elif gap > ROUNDING:
        worth = "The slope of its loss is δ: to trust a little less what it believes most would pay."
    else:
        worth = f"δ sees nothing of it yet: that {'IDK' if lean > 0 else 'guess'} is believed no more than 1/K."
    if lean > 0:
        return f"“I don't know” for {lean:.0%} of what it was never told: {told}, paid with δ = {share(gap)}. {worth}"
    return f"{-lean:.0%} of what it cannot know staked on one guess: {told}, and δ = {share(gap)} besides. {worth}"


def _leaning(lean: float) -> str:
    if lean == 0:
        return "calibrated"
    return f"{abs(lean):.0%} {'guess' if lean < 0 else 'IDK'}"


DEMONSTRATION = Demonstration(
    slug="calibration_costs",
    motivation="A model can stop making things up by saying “I don't know”. Then it is no longer calibrated.",
    controls=(
        Slider("lean", "guesses ↔ says IDK", evenly(-1, 1, 0.05), 0.0, _leaning),
        Slider("singleton_rate", "singleton rate, expected", evenly(0.05, 0.75, 0.05), 0.4, "{:.2f}".format),
        Slider("answers", "possible answers |R|", (4, 7, 12, 25, 50, 100, 365, 1000), 365, "{:.0f}".format),
        Slider("corpus", "corpus (sums exact given it)", tuple(float(i) for i in range(1, 21)), 1.0),
    ),
    scene=scene,
    questions=(
        (
            "Which learner has no errors, and what does it pay for each that it avoids?",
            "The one that says “I don't know” to everything it was never told. Error falls by (|R| − 1)/|R| for each "
            "unit by which δ rises (from seven possible answers on), so error + δ stays near the missing mass. Below "
            "that less k/K no learner comes, on average over what was never said.",
        ),
        (
            "Why does cross-entropy not lead a model to abstain?",
            "dL/ds at s = 1 is p̂(A) − p(A), A what it believes more than 1/K. Who abstains believes IDK more often "
            "than it is said, so the slope is δ > 0, and believing it a little less lowers the loss. (L is the loss on "
            "what will be asked, and so is δ. On the corpus alone, nothing shows what it does with the rest.)",
        ),
        (
            "Take four possible answers. Why do errors get fewer at first without any δ?",
            "With K = 3 only what is believed more than 1/3 counts for δ, and IDK starts at 0.2. Up to there "
            "abstaining is free. That is the room k/K = 2/3. The sharp bound must leave it, and so is vacuous up to a "
            "missing mass of 2/3.",
        ),
    ),
    theorems=("error_from_singletons_sharp", "error_from_iiv"),
    tests=("tests/test_measures.py", "tests/test_models.py"),
    experiments=("experiments/error_from_abstention.py", "experiments/calibration_from_posttraining.py"),
)  # fmt: skip
