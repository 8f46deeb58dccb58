"""The grader: the one door through which what is true reaches a policy.

It is built from a world for a named set of prompts and returns scores, exactly in the mean or drawn one by one. A judge
that errs (RLAIF: a model as the judge) marks some right answers as wrong and some wrong ones as right; IDK it always
knows. On cells, whose policy cannot tell unseen answers of a prompt apart, a score is the mean over which of them is
right: 1/|R_c| for the one that the truth has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.corpora import Corpus, Listed, Truth
from simlab.errors import BadInput, shown
from simlab.grading import Rule
from simlab.grading.rules import check_rule
from simlab.inputs import a_kind, finite, generator, outcomes, same_shape
from simlab.posttraining.enumeration import Responses, check_responses
from simlab.records import brief
from simlab.worlds import World


@brief
@dataclass(frozen=True, eq=False)
class Grader:
    """Scores of the responses to a set of prompts.

    ``asked``: how likely the next question is a prompt of each row; 0 for those never graded. ``passed``: the chance
    that one response of each column is marked correct; ``points``: what a row gives for an answer marked correct, for
    one marked wrong, and for none; ``idk``: the column that abstains. ``false_pass`` and ``false_fail``: how often the
    judge marks a wrong answer correct and a right one wrong. ``single``: every column is one response to one prompt.
    """

    asked: Float[np.ndarray, " rows"]
    passed: Float[np.ndarray, "rows columns"]
    points: Float[np.ndarray, "rows 3"]
    idk: int
    false_pass: float = 0.0
    false_fail: float = 0.0
    single: bool = True

    @property
    def mean_scores(self) -> Float[np.ndarray, "rows columns"]:
        """The expected score of each response: wrong + (correct - wrong) x the chance that it is marked correct.

        0 for prompts that are not graded, of which nothing is told.
        """
        correct, wrong, abstain = self.points.T
        score = wrong[:, None] + (correct - wrong)[:, None] * self.passed
        score[:, self.idk] = abstain
        return np.asarray(score * (self.asked > 0)[:, None])

    @property
    def break_even(self) -> Float[np.ndarray, " rows"]:
        """The belief q above which answering beats IDK under this judge: (q* - e)/(1 - e - f).

        q* is the rule's own break-even, e = ``false_pass`` and f = ``false_fail``: marked correct is what was right
        and not failed, or wrong and let pass, q(1 - f) + (1 - q) e, and that must exceed q*. A lenient judge lowers it.
        """
        correct, wrong, abstain = self.points.T
        own = (abstain - wrong) / (correct - wrong)
        return np.asarray((own - self.false_pass) / (1.0 - self.false_pass - self.false_fail))

    def draw(
        self, rng: np.random.Generator, row: Int[np.ndarray, " n"], column: Int[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """The scores of single responses, each judged anew. Raises ``BadInput`` for a prompt that is not graded."""
        generator(rng)
        if not (self.asked[row] > 0).all():
            raise BadInput(f"row {int(row[self.asked[row] == 0][0])} is not among the prompts graded: ask those alone")
        passed = rng.random(np.shape(row)) < self.passed[row, column]
        correct, wrong, abstain = self.points[row].T
        return np.asarray(np.where(column == self.idk, abstain, np.where(passed, correct, wrong)))

    def decided(self, rng: np.random.Generator) -> Grader:
        """The judge whose errors are systematic: every verdict is drawn once, and is the same whenever it is asked.

        Raises ``BadInput`` where a column stands for more than one response, as on cells.
        """
        generator(rng)
        if ((self.passed > 0) & (self.passed < 1)).any() and not self.single:
            raise BadInput("a verdict of its own for every response needs a listed corpus: cells share theirs")
        return replace(self, passed=(rng.random(self.passed.shape) < self.passed).astype(float))


def grader_of(
    truth: World | Truth,
    corpus: Corpus | Listed,
    responses: Responses,
    rule: Rule,
    *,
    prompts: Bool[np.ndarray, " rows"] | None = None,
    false_pass: float = 0.0,
    false_fail: float = 0.0,
) -> Grader:
    """Build the grader of ``rule`` for ``prompts`` (rows of ``responses``; all, unless told), asked in shares of mu.

    Raises ``BadInput`` for rates of error that are no chances or add up to 1 or more (such a judge prefers what is
    wrong), for no prompts, and for a truth that the corpus was not drawn from.
    """
    check_rule(rule)
    for name, rate in (("false_pass", false_pass), ("false_fail", false_fail)):
        if not (isinstance(rate, int | float | np.floating) and 0.0 <= rate < 1.0):
            raise BadInput(f"{name} = {shown(rate)}: must be a chance from 0 to below 1")
    if false_pass + false_fail >= 1.0:
        raise BadInput(
            f"false_pass = {false_pass:.6g} and false_fail = {false_fail:.6g}: must add up to less than 1, "
            "or the judge prefers what is wrong"
        )
    right, mu = right_of(truth, corpus, responses), popularity_of(truth, corpus)
    asked = mu * chosen_of(prompts, len(mu), "graded")
    if not asked.sum() > 0:
        raise BadInput("prompts names none: give at least one to be graded")
    passed = right * (1.0 - false_fail) + (1.0 - right) * false_pass
    passed[:, responses.idk] = 0.0
    single = bool((responses.sizes <= 1).all() and (responses.facts == 1).all())
    points = np.tile([rule.correct, rule.wrong, rule.abstain], (len(mu), 1))
    return Grader(asked / asked.sum(), passed, points, responses.idk, false_pass, false_fail, single)


def right_of(truth: World | Truth, corpus: Corpus | Listed, responses: Responses) -> Float[np.ndarray, "rows columns"]:
    """The chance that one response of each column is the right answer a_c: 0 or 1 where prompts are listed.

    On cells the seen answer is right, and each unseen one (or the one guessed) of an unanswered prompt with chance
    1/|R_c|. Raises ``BadInput`` where truth and corpus do not belong together.
    """
    check_responses(responses)
    right = np.zeros(responses.base.shape)
    if isinstance(corpus, Listed):
        if not isinstance(truth, Truth) or len(truth.correct) != len(responses.base):
            raise BadInput("a listed corpus needs the Truth it was drawn from")
        right[np.arange(len(right)), truth.correct] = 1.0
        return right
    if not isinstance(truth, World) or (len(corpus.fact_class) and corpus.fact_class.max() >= len(truth.facts)):
        raise BadInput("a corpus of cells needs the World it was drawn from")
    right[:, 0] = np.where(corpus.answered, 1.0, 1.0 / corpus.answers)
    right[:, 1] = np.where(corpus.answered, 0.0, 1.0 / corpus.answers)
    return right * (responses.sizes > 0)


def popularity_of(truth: World | Truth, corpus: Corpus | Listed) -> Float[np.ndarray, " rows"]:
    """mu of all prompts of each row together."""
    if isinstance(corpus, Listed):
        assert isinstance(truth, Truth)
        return np.asarray(truth.world.popularity[truth.fact_class])
    assert isinstance(truth, World)
    return np.asarray(truth.popularity[corpus.fact_class] * corpus.facts)


def chosen_of(prompts: Any, rows: int, what: str) -> Bool[np.ndarray, " rows"]:
    """Which rows are ``what`` (asked, graded): all where ``prompts`` is None.

    Raises ``BadInput`` for another number of entries, and for one that is neither 0 nor 1.
    """
    if prompts is None:
        return np.ones(rows, dtype=bool)
    chosen = outcomes("prompts", prompts)
    if len(chosen) != rows:
        raise BadInput(f"prompts has {len(chosen)} entries for {rows} rows: say of each row whether it is {what}")
    return chosen


def check_asked(asked: Any, responses: Responses) -> Float[np.ndarray, " rows"]:
    """Return how often each prompt is asked. Raises ``BadInput`` unless it is a share of each row, of the sum 1."""
    found = finite("asked", asked, 1, 0.0)
    same_shape("asked", found, responses.facts.shape, "the rows of responses")
    if not abs(found.sum() - 1.0) < 1e-6:
        raise BadInput(f"asked sums to {found.sum():.6g}: must be shares of the questions, that sum to 1")
    return found


def check_grader(grader: Any, responses: Responses) -> None:
    """Raise ``BadInput`` unless ``grader`` is a ``Grader`` of these responses."""
    check_responses(responses)
    a_kind("grader", grader, Grader, "a Grader, such as grader_of(truth, corpus, responses, rule)")
    if grader.passed.shape != responses.base.shape:
        raise BadInput(
            f"grader is for {grader.passed.shape} responses and these are {responses.base.shape}: "
            "make it with grader_of for the same corpus"
        )
