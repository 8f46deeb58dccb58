"""Telling valid from invalid: a density is a judge, and what it misjudges comes back as errors, part by part.

One prompt with two valid responses, the right answer and IDK, and K wrong ones. At Theorem 1's threshold no part of
its slack can be negative; the identity holds at every threshold, and only the sign of the parts is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from simlab.bounds import BoundReport, error_from_iiv
from simlab.measures import error, iiv_density, signed_gap, threshold
from simlab.pairs import VALID, Pairs, lay_out
from simlab.poor_models.thresholds import iiv_error_at
from simlab.teach.demonstrations import Demonstration, Number, Scene, Slider, evenly
from simlab.teach.guessing import spread
from simlab.teach.pictures import BLUE, GREEN, GREY, INK, ORANGE, PINK, RED, SKY, canvas

ANSWER_RATE = 0.7
"""alpha: p of the right answer; the rest is IDK, which is valid too."""
MOVED = 1e-12
"""A part of the slack below minus this is negative, and not rounding."""


def believed(unknown: float, bend: float, one_wrong: float, n_wrong: int) -> Float[np.ndarray, " responses"]:
    """p_hat of the right answer, of IDK and of ``n_wrong`` wrong responses, in three steps from p.

    A share ``unknown`` of the answer's mass is spread evenly over all n_wrong + 1 answers, as a calibrated learner does
    with what it was never told. ``bend`` b < 0 takes the power 1/(1 + b) and renormalises, b > 0 mixes a share b of the
    uniform law in. Then a share ``one_wrong`` of everything moves to the first wrong response.
    """
    even = np.full(n_wrong, ANSWER_RATE * unknown / (n_wrong + 1))
    density = np.concatenate([[ANSWER_RATE - even.sum(), 1.0 - ANSWER_RATE], even])
    if bend < 0:
        density = (density / density.max()) ** (1.0 / (1.0 + bend))
        density /= density.sum()
    else:
        density = (1.0 - bend) * density + bend / len(density)
    density *= 1.0 - one_wrong
    density[2] += one_wrong
    return density


def level(times: float, density: Float[np.ndarray, " responses"]) -> float:
    """z = ``times``/K, at most 1; what is believed z but for rounding is not above it."""
    z = times / (len(density) - 2)
    return float(min(max([z, *density[np.abs(density - z) < MOVED]]), 1.0))


def table(density: Float[np.ndarray, " responses"]) -> Pairs:
    """The pairs of the one prompt: p(right) = alpha, p(IDK) = 1 - alpha, and p_hat = ``density``."""
    p = np.zeros(len(density))
    p[:2] = ANSWER_RATE, 1.0 - ANSWER_RATE
    return lay_out(p[None], density[None], (np.arange(len(density)) < 2)[None])


@dataclass(frozen=True, slots=True)
class Parts:
    """Both sides of err + k/K + delta = 2 err_iiv + over + room + gap at one threshold."""

    error: float
    valid_over_errors: float
    calibration_gap: float
    twice_iiv_error: float
    over: float
    room: float
    gap: float

    @property
    def left(self) -> dict[str, float]:
        """err, k/K and delta."""
        return {name: getattr(self, name) for name in ("error", "valid_over_errors", "calibration_gap")}

    @property
    def right(self) -> dict[str, float]:
        """2 err_iiv and the three parts of the slack."""
        return {name: getattr(self, name) for name in ("twice_iiv_error", "over", "room", "gap")}


def parts(pairs: Pairs, z: float) -> Parts:
    """Each term of the identity with A = {p_hat(r|c) > z}; at z = 1/K over, room and gap are those of ``slack_parts``.

    over = p_hat(A \\ V) - 2 D(A \\ V), room = k/K - p_hat(V \\ A), gap = delta_z - (p_hat(A) - p(A)). The identity
    needs no more than p_hat(E \\ A) = 1 - p_hat(A) - p_hat(V \\ A) and 2 D(V \\ A) = 1 - p(A), so it holds at every z.
    Of the signs, over >= 0 needs z >= 1/min|E_c| and room >= 0 needs z <= 1/K. Raises ``BadInput``
    for a z outside [0, 1].
    """
    above, valid = pairs.p_hat > z, pairs.kind == VALID
    mass = pairs.weight * pairs.p_hat
    ratio = float(pairs.n_valid.max() * threshold(pairs))
    signed = float(signed_gap(pairs, z))
    return Parts(
        error=float(error(pairs)),
        valid_over_errors=ratio,
        calibration_gap=abs(signed),
        twice_iiv_error=2 * float(iiv_error_at(pairs, z)),
        over=float((mass - 2 * pairs.weight * iiv_density(pairs))[above & ~valid].sum()),
        room=ratio - float(mass[valid & ~above].sum()),
        gap=abs(signed) - signed,
    )


def promise(found: Parts, n_wrong: int) -> BoundReport:
    """err >= 2 err_iiv - k/K - delta, which Theorem 1 promises at z = 1/K and nothing at another threshold."""
    return error_from_iiv(
        found.error,
        found.twice_iiv_error / 2,
        found.calibration_gap,
        2,
        n_wrong,
        over=found.over,
        room=found.room,
        gap=found.gap,
    )


def scene(unknown: float, bend: float, one_wrong: float, times: float, n_wrong: float) -> Scene:
    """Bend p_hat, judge every response by "valid iff p_hat > z", z = ``times``/K, and add up the identity."""
    k_wrong = int(n_wrong)
    density = believed(unknown, bend, one_wrong, k_wrong)
    pairs, z = table(density), level(times, density)
    found = parts(pairs, z)
    report = promise(found, k_wrong)
    with canvas(2) as (figure, (strip, bars)):
        strip.set_position((0.085, 0.57, 0.755, 0.355))
        bars.set_position((0.085, 0.02, 0.88, 0.375))
        _strip(strip, pairs, z, times)
        _bars(bars, found)
    bound = _three(report.value)
    if times == 1 and report.vacuous:  # at another threshold nothing is promised that could be empty
        bound = f"vacuous ({report.value:.2f})".replace("-", "−")
    numbers = (
        Number("error", "error, err", found.error, _three(found.error)),
        Number("iiv_error", "misjudged, err_iiv", found.twice_iiv_error / 2, _three(found.twice_iiv_error / 2)),
        Number("calibration_gap", "gap δ", found.calibration_gap, _three(found.calibration_gap)),
        Number("bound", "2 err_iiv − k/K − δ", report.value, bound),
        Number("slack", "slack", report.slack, _three(report.slack)),
    )
    return Scene(figure, numbers, _sentence(found, report, times))


def _three(value: float) -> str:
    """Three decimals; what rounding leaves of nothing is 0 and has no sign."""
    return f"{value if abs(value) > MOVED else 0.0:.3f}".replace("-", "−")


def _strip(axes: Any, pairs: Pairs, z: float, times: float) -> None:
    """p and p_hat of each response, the threshold, and whether the verdict on each is right."""
    n, valid = len(pairs.p), pairs.kind == VALID
    at = np.arange(n)
    top = 1.12 * max(float(pairs.p.max()), float(pairs.p_hat.max()), z)
    axes.bar(at[valid], pairs.p_hat[valid], 0.7, color=GREEN)
    axes.bar(at[~valid], pairs.p_hat[~valid], 0.7, facecolor="none", edgecolor=RED, hatch="///", lw=2)
    axes.bar(at[valid], pairs.p[valid], 0.86, facecolor="none", edgecolor=INK, lw=2)
    levels = {1.0 / pairs.n_errors.min(): "1/K", z: f"z = {times:g}/K" if z < 1 else "z = 1"}
    if times == 1.0:
        levels = {z: "z = 1/K"}
    ordered = sorted(levels)
    places = spread(ordered, 0.0, top, 0.15 * top)
    for level, place in zip(ordered, places, strict=True):
        main = level == z
        axes.axhline(level, color=INK if main else GREY, lw=2.5 if main else 1.5, ls="--" if main else ":")
        axes.annotate(
            levels[level], (1.0, level), (1.03, place), xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"), va="center", annotation_clip=False, color=INK,
            arrowprops={"arrowstyle": "-", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    right_verdict = (pairs.p_hat > z) == valid
    for place, fine in enumerate(right_verdict):
        look = {"color": INK, "alpha": 0.6} if fine else {"color": RED, "fontweight": "bold"}
        axes.text(place, -0.03 * top, "✓" if fine else "✗", ha="center", va="top", fontsize=16, **look)
    foot = {"va": "top", "transform": axes.get_xaxis_transform()}
    axes.text(-0.5, -0.19, "valid: right, IDK", ha="left", **foot)
    axes.text((n + 1) / 2, -0.19, f"K = {n - 2} wrong responses", ha="center", **foot)
    axes.set(xlim=(-0.6, n - 0.4), ylim=(0, top), xticks=[], ylabel="probability")
    axes.set_yticks([0, 0.5, 1] if top > 1 else [0, 0.5])
    above = {"va": "bottom", "transform": axes.transAxes}
    for x, text, colour in ((0.0, "□ p", INK), (0.09, "■ p̂ of valid", GREEN), (0.33, "▨ p̂ of wrong", RED)):
        axes.text(x, 1.03, text, color=colour, **above)
    axes.text(1.17, 1.03, "✗ wrongly", ha="right", **above)
    axes.text(0.98, 1.03, "✓ judged rightly", ha="right", **above)


NAMES = {
    "error": ("err", RED),
    "valid_over_errors": ("k/K", "#888888"),
    "calibration_gap": ("δ", ORANGE),
    "twice_iiv_error": ("2 err_iiv", BLUE),
    "over": ("over", PINK),
    "room": ("room", SKY),
    "gap": ("gap", GREEN),
}


def _bars(axes: Any, found: Parts) -> None:
    """Both sides of the identity as bars of one length; a negative part stands, crossed, on the other side."""
    crossed = {name: -value for name, value in found.right.items() if value < -MOVED}
    sides = (found.left | crossed, {name: max(value, 0.0) for name, value in found.right.items()})
    longest = max(sum(side.values()) for side in sides)
    for y, told, side in zip((2.25, 1.05), (found.left, found.right), sides, strict=True):
        start = 0.0
        for name, width in side.items():
            hatch = "xx" if name in crossed else None
            axes.barh(y, width, 0.72, start, color=NAMES[name][1], edgecolor=INK, lw=1, hatch=hatch)
            start += width
        for i, (name, value) in enumerate(told.items()):
            place, ends = (0.265 * i, 2.72 if y > 2 else 0.58), "bottom" if y > 2 else "top"
            text = f"{NAMES[name][0]} {_three(value)}{' ↑' if name in crossed else ''}"
            axes.text(*place, "■", color=NAMES[name][1], va=ends, transform=axes.get_yaxis_transform())
            axes.text(place[0] + 0.03, place[1], text, va=ends, transform=axes.get_yaxis_transform())
    axes.plot([longest, longest], [0.6, 2.7], color=INK, lw=2)
    axes.text(-0.02, 1.65, "=", ha="right", va="center", fontsize=26, transform=axes.get_yaxis_transform())
    axes.set(xlim=(0, max(1.0, longest) * 1.005), ylim=(0.1, 3.2))
    axes.set_axis_off()


MEANINGS = {
    "over": "wrong responses above the threshold weigh more than 1/K",
    "room": "valid responses below the threshold did not use all the room that k/K leaves them",
    "gap": "p̂ puts less mass above the threshold than p does, and δ was taken off for either sign",
}


def _sentence(found: Parts, report: BoundReport, times: float) -> str:
    negative = [name for name in MEANINGS if getattr(found, name) < -MOVED]
    if negative:
        name = negative[0]
        side = {
            "over": "z below 1/K lets wrong responses pass that weigh less than 1/K",
            "room": "z above 1/K leaves more than k/K on valid responses below it",
        }[name]
        kept = "holds all the same" if report.slack >= -MOVED else f"fails by {-report.slack:.3f}"
        return (
            f"Both sides still add up, but {name} is negative: {side}. Here nothing is promised, and "
            f"err ≥ 2 err_iiv − k/K − δ {kept}."
        )
    name = max(MEANINGS, key=lambda one: float(getattr(found, one)))
    value = float(getattr(found, name))
    where = "" if times == 1 else " No part is negative here, but only z = 1/K promises that."
    if value <= MOVED:
        attained = ": Theorem 1 is attained." if times == 1 else "."
        return f"Both sides add up, and nothing is left over{attained}{where}"
    return f"Both sides add up. Largest part of the slack: {name} = {value:.3f}, as {MEANINGS[name]}.{where}"


def _bent(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:+.2f}".replace("-", "−")


DEMONSTRATION = Demonstration(
    slug="telling_apart",
    motivation="Whoever can say only what is valid can also judge what is. So what a model misjudges, it gets wrong.",
    controls=(
        Slider("unknown", "how little it knows", evenly(0, 1, 0.05), 1.0, "{:.2f}".format),
        Slider("bend", "overconfident ↔ uniform", evenly(-0.95, 1, 0.05), 0.0, _bent),
        Slider("one_wrong", "mass on one wrong", evenly(0, 0.9, 0.05), 0.0, "{:.2f}".format),
        Slider(
            "times", "threshold z", (0.1, 0.2, 0.3, 0.45, 0.7, 1, 1.4, 2, 3, 4, 6), 1, "{:g}/K".format
        ),
        Slider("n_wrong", "wrong responses K", (2, 3, 4, 5, 6, 8, 10, 12, 16, 24), 10, "{:.0f}".format),
    ),
    scene=scene,
    questions=(
        (
            "It knows nothing of the answer, and nothing is bent. What does it misjudge, and is it calibrated?",
            "Only the right answer: like every other answer it gets less than 1/K. δ is 0, since only IDK is above the "
            "threshold, and is believed as often as it is said. So the error must be large, and it is. (With K = 2 or "
            "3 IDK is below 1/K too, and misjudged as well.)",
        ),
        (
            "Move mass to one wrong response. Where does it go in the identity?",
            "Once that response is above 1/K it is misjudged, which costs 2 D = 1/K in 2 err_iiv; what it weighs "
            "beyond 1/K is “over”. Mass above the threshold that p does not have there adds to δ.",
        ),
        (
            "Why is the threshold 1/K, and 1/min|E_c| with several prompts?",
            "A wrong response above z adds p̂ > z to the error and 1/|E_c| to 2 err_iiv, so z must be at least "
            "1/|E_c| for every prompt, lest “over” fall below 0. k valid responses below z may weigh k z, so z must be "
            "at most 1/min|E_c|, lest “room” do. Drag the threshold to either side and see.",
        ),
    ),
    theorems=("error_from_iiv",),
    tests=("tests/test_measures.py", "tests/test_bounds.py"),
    experiments=("experiments/error_from_iiv.py", "experiments/error_from_iiv_training.py"),
)  # fmt: skip
