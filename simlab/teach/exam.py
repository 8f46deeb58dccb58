"""The exam: under binary grading no guess costs anything; a penalty pays for honesty where it fits what is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from simlab.estimates import normal_quantile
from simlab.grading import (
    Rule,
    answers,
    binary,
    check_stated,
    confidence_target,
    expected_score,
    negative_marking,
    partial_credit,
    penalised,
    rewarded_threshold,
)
from simlab.grading.rewards import CLOSE
from simlab.leaderboards import Population, expected_scores, normal_questions, score_errors
from simlab.teach.demonstrations import Choice, Demonstration, Number, Scene, Slider, evenly
from simlab.teach.pictures import BLUE, GREEN, GREY, INK, RED, canvas

CHOICES = 4
"""Plausible answers of a question."""
QUESTIONS = normal_questions(1_000, CHOICES)
CREDIT = 0.25
"""What "I don't know" earns where it earns something: as much as a blind guess."""
RULES = {
    "binary": "binary: wrong costs nothing",
    "target": "wrong costs t/(1−t)",
    "by_hand": "wrong costs what I set",
    "negative_marking": f"wrong costs 1/{CHOICES - 1}, for {CHOICES} choices",
    "partial_credit": f"IDK earns {CREDIT:g}",
}
SHORT = {
    "binary": "binary",
    "target": "t/(1−t)",
    "by_hand": "by hand",
    "negative_marking": "negative marking",
    "partial_credit": "credit for IDK",
}
LOWEST = -1.25
"""Where the picture ends: how far below a certain error earns is not what decides."""
FITS = 0.2
"""The share of a strip that a word takes."""


def rule_of(name: str, stated: float, penalty: float) -> Rule:
    """The rule of that name in ``RULES``."""
    made: dict[str, Callable[[], Rule]] = {
        "binary": binary,
        "target": lambda: confidence_target(stated),
        "by_hand": lambda: penalised(penalty),
        "negative_marking": lambda: negative_marking(CHOICES),
        "partial_credit": lambda: partial_credit(CREDIT),
    }
    return made[name]()


def percent(t: float) -> str:
    """A confidence for a reader, 2/3 too."""
    return f"{100 * t:.3g}%"


def signed(points: float, digits: int) -> str:
    """Points with their sign."""
    return f"{points:+.{digits}f}".replace("-", "−") if abs(points) > 1e-12 else "0"


def scene(rule: str, stated: float, penalty: float, belief: float) -> Scene:
    """Lay what an answer earns at every belief q beside what abstaining earns, and say who leads.

    Left: q correct + (1 - q) wrong, exact; the break-even q* is found by search (``rewarded_threshold``). Right: two
    models of the same knowledge and calibrated, one that answers everything and one that answers where it is more than
    t = ``stated`` sure: expected scores, exact, and where 95 % of runs of 1,000 questions fall, under binary grading
    and under the rule (where that is binary: under the target t).
    """
    graded = rule_of(rule, stated, penalty)
    checked, pays_from = check_stated(graded, stated), rewarded_threshold(graded)
    worth = float(expected_score(graded, np.array([belief]))[0])
    gives = bool(answers(graded, np.array([belief]))[0])
    other, second = (confidence_target(stated), "target t") if rule == "binary" else (graded, "this rule")
    models = Population([0.0, 0.0], [0.0, 0.0], [0.0, stated])  # type: ignore[arg-type]
    scores = [expected_scores(models, QUESTIONS, one) for one in (binary(), other)]
    spread = [normal_quantile(0.95) * score_errors(models, QUESTIONS, one) for one in (binary(), other)]
    with canvas(2, width_ratios=(1.55, 1), left=0.085, right=0.985, bottom=0.19) as (figure, (left, right)):
        _earned(left, graded, stated, pays_from)
        inside = worth >= LOWEST
        at = ([belief], [max(worth, LOWEST + 0.06)], "o" if inside else "v")
        left.plot(*at, color=GREEN if gives else RED, ms=15, clip_on=False)
        _board(right, scores, spread, second)
    leads = [float(score[0] - score[1]) for score in scores]
    found = (
        Number("pays_from", "answering pays above", pays_from, percent(pays_from)),
        Number("worth", "my answer earns", worth, signed(worth, 2)),
        Number("abstaining", "abstaining earns", graded.abstain, f"{graded.abstain:g}"),
        Number("lead_binary", "guesser’s lead, binary", leads[0], signed(leads[0], 3)),
        Number("lead", f"guesser’s lead, {second}", leads[1], signed(leads[1], 3)),
    )  # fmt: skip
    said = checked.sentence[0].upper() + checked.sentence[1:]
    if graded.abstain:
        said += " (counted from what “I don’t know” earns, as a share of what a right answer adds)"
    best = f"it is best to {'answer' if gives else 'say “I don’t know”'}"
    if abs(worth - graded.abstain) <= CLOSE:
        best = "both earn the same"
    return Scene(figure, found, f"{said}. At q = {percent(belief)} {best}.")


def _earned(axes: Axes, rule: Rule, stated: float, pays_from: float) -> None:
    """The two choices along q, and two strips: where the text says to answer, and where that pays."""
    q = np.linspace(0.0, 1.0, 201)
    axes.plot(q, expected_score(rule, q), color=BLUE)
    axes.plot([0, 1], [rule.abstain] * 2, "--", color=INK)
    for height, name, where in ((1.62, "text", stated), (1.27, "points", pays_from)):
        axes.barh(height, where, 0.3, 0, color=GREY, alpha=0.35)
        axes.barh(height, 1 - where, 0.3, where, color=GREEN if name == "points" else BLUE, alpha=0.75)
        axes.text(-0.02, height, name, ha="right", va="center", fontsize=14)
        for low, high, word in ((0.0, where, "abstain"), (where, 1.0, "answer")):
            if high - low >= FITS:
                axes.text((low + high) / 2, height, word, ha="center", va="center", fontsize=14)
    axes.plot([pays_from] * 2, [LOWEST, rule.abstain], ":", color=GREEN, clip_on=False)
    if pays_from < 0.5:  # where the line of answering is not
        axes.text(0.98, rule.abstain - 0.07, "IDK", ha="right", va="top")
    else:
        axes.text(0.02, rule.abstain + 0.05, "IDK", va="bottom")
    middle = (rule.abstain + rule.correct) / 2
    axes.text((middle - rule.wrong) / (rule.correct - rule.wrong) - 0.05, middle, "answer", ha="right")
    axes.set(xlim=(0, 1), ylim=(LOWEST, 1.8), xlabel="belief q: my chance to be right (dot)", yticks=[-1, 0, 1])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    axes.set_ylabel("points, expected", y=0.4)
    axes.spines["left"].set_bounds(LOWEST, 1.1)


def _board(axes: Axes, scores: list[np.ndarray], spread: list[np.ndarray], second: str) -> None:
    """Two models under two rules, and who is first."""
    for i, (name, colour, marker) in enumerate((("guesser", RED, "s"), ("honest", BLUE, "o"))):
        at = [column + (i - 0.5) * 0.3 for column in (0, 1)]
        axes.errorbar(
            at, [one[i] for one in scores], yerr=[one[i] for one in spread], fmt=marker, color=colour, capsize=6,
            lw=2.5, label=name,
        )  # fmt: skip
    first = [
        "a tie" if abs(one[0] - one[1]) < 1e-12 else f"first: {'guesser' if one[0] > one[1] else 'honest'}"
        for one in scores
    ]
    axes.axhline(0, color=GREY, lw=1.2, zorder=0)
    low = min(0.0, *(float((one - bar).min()) for one, bar in zip(scores, spread, strict=True)))
    axes.set(xlim=(-0.5, 1.5), ylim=(low - 0.05 * (1 - low), 1 + 0.35 * (1 - low)))
    axes.set_xticks([0, 1], [f"binary\n{first[0]}", f"{second}\n{first[1]}"])
    axes.locator_params(axis="y", nbins=5)
    axes.legend(loc="upper center")
    axes.set_title("leaderboard score", fontsize=15)


DEMONSTRATION = Demonstration(
    slug="exam",
    motivation="“Answer only if you are more than t sure”, says the exam. What do its points say?",
    controls=(
        Choice("rule", "grading: right earns 1", RULES, "binary", SHORT.__getitem__),
        Slider("stated", "the text states t", tuple(sorted((*evenly(0, 0.95, 0.05), 2 / 3))), 0.75, percent),
        Slider("penalty", "penalty, if set by hand", (*evenly(0, 4, 0.25), *evenly(5, 20, 1)), 2.0),
        Slider("belief", "my belief q", evenly(0, 1, 0.01), 0.7, percent),
    ),
    scene=scene,
    questions=(
        (
            "Grade in a binary way and make your belief as small as you can. When is it best to say “I don’t know”?",
            "Never: an answer earns q and an abstention 0, so that any chance of being right is worth taking, and no "
            "chance at all costs nothing. That is Observation 1: where some answer may be right, no binary grader, nor "
            "any lottery over them, makes abstaining a best response.",
        ),
        (
            "State 75% and set a penalty of 2, as has been printed. What should a student who believes 70% do?",
            "The text says to abstain, and the points pay for answering: 0.7 − 0.3 · 2 = 0.1 > 0. A penalty L rewards "
            "answering from L/(1+L) on, which is 2/3 here; 75% needs 0.75/0.25 = 3.",
        ),
        (
            "Guesser and honest model know the same. What makes the honest one first?",
            "A rule under which answering below t loses what abstaining keeps. Binary grading cannot: whoever leaves "
            "questions open gives away the share of them that a guess would get right.",
        ),
    ),
    theorems=("guessing_from_grading", "score_from_confidence"),
    tests=("tests/test_grading.py", "tests/test_leaderboards.py", "tests/test_teach_practice.py"),
    experiments=("experiments/rank_from_grading.py",),
)  # fmt: skip
