"""A contest: models of known competence, calibration and willingness to guess, and questions of known difficulty.

The chance q that a model of competence a answers a question of difficulty d right, and the confidence c it feels, are

    q = 1/n + (1 - 1/n) / (1 + exp(d - a)),    logit c = logit q + overconfidence

with n plausible answers; it answers where c is above its threshold, and abstains elsewhere. Questions of equal
difficulty are exchangeable: scores are sums over levels, exactly, and draws are binomial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.errors import BadInput
from simlab.estimates import check_number
from simlab.grading import Rule
from simlab.grading.rules import check_rule
from simlab.inputs import LARGEST, a_kind, chances, count, finite, generator, refuse
from simlab.records import brief

MOST_LEVELS = 10**6
"""A contest holds a few numbers a model and level."""


@brief
@dataclass(frozen=True, eq=False)
class Population:
    """One entry a model: ``competence`` and ``overconfidence`` in logits, and the ``threshold`` it must feel to answer.

    Overconfidence 0 is calibrated; threshold 0 answers everything. Lists are made arrays. Raises ``BadInput`` for
    numbers that are not finite, thresholds outside [0, 1], and arrays of unequal length or without an entry.
    """

    competence: Float[np.ndarray, " models"]
    overconfidence: Float[np.ndarray, " models"]
    threshold: Float[np.ndarray, " models"]

    def __post_init__(self) -> None:
        for name, check in (("competence", finite), ("overconfidence", finite), ("threshold", chances)):
            object.__setattr__(self, name, check(name, getattr(self, name)))
        sizes = {len(self.competence), len(self.overconfidence), len(self.threshold)}
        if len(sizes) != 1 or 0 in sizes:
            raise BadInput("population: give one competence, overconfidence and threshold a model, and at least one")


@brief
@dataclass(frozen=True, eq=False)
class Questions:
    """``number`` questions of each ``difficulty`` (in logits), with ``answers`` plausible answers each.

    Lists are made arrays. Raises ``BadInput`` for difficulties that are not finite, numbers that are not whole,
    negative or 0 everywhere, arrays of unequal length, and fewer than 2 answers.
    """

    difficulty: Float[np.ndarray, " levels"]
    number: Int[np.ndarray, " levels"]
    answers: int

    def __post_init__(self) -> None:
        where, each = finite("difficulty", self.difficulty), finite("number", self.number, least=0.0)
        if len(where) != len(each) or not len(each):
            raise BadInput("questions: give one difficulty and one number a level, and at least one level")
        refuse("number", each, each != np.floor(each), "must be a whole number of at least 0")
        if not 1 <= each.sum() <= LARGEST:
            raise BadInput(f"number sums to {each.sum():g}: there must be at least one question, and at most {LARGEST}")
        object.__setattr__(self, "difficulty", where)
        object.__setattr__(self, "number", each.astype(np.int64))
        object.__setattr__(self, "answers", count("answers", self.answers, 2))

    @property
    def share(self) -> Float[np.ndarray, " levels"]:
        """The share of the questions at each level."""
        return np.asarray(self.number / self.number.sum())


def normal_questions(
    number: int, answers: int, *, mean: float = 0.0, spread: float = 1.5, levels: int = 64
) -> Questions:
    """Return ``number`` questions whose difficulties stand at the middles of ``levels`` equal parts of a normal law.

    Raises ``BadInput`` unless there are at least as many questions as levels, at most ``MOST_LEVELS`` of those, and at
    least 2 answers.
    """
    from scipy.special import ndtri

    parts, total = count("levels", levels, 1, MOST_LEVELS), count("number", number, 1)
    if total < parts:
        raise BadInput(f"number = {total}: must be at least levels = {parts}, for each level has a question")
    middle, width = check_number("mean", mean), check_number("spread", spread, 0.0)
    where = middle + width * ndtri((np.arange(parts) + 0.5) / parts)
    each = np.diff(np.round(np.linspace(0, total, parts + 1))).astype(np.int64)
    return Questions(where, each, answers)


def belief(models: Population, questions: Questions) -> Float[np.ndarray, "models levels"]:
    """Return q, the chance that each model's best answer is right at each level."""
    from scipy.special import expit

    a_kind("models", models, Population, "a Population")
    a_kind("questions", questions, Questions, "Questions, such as normal_questions(1_000, 4)")
    chance = 1.0 / questions.answers
    known = expit(models.competence[:, None] - questions.difficulty[None, :])
    return np.asarray(chance + (1 - chance) * known)


def confidence(models: Population, questions: Questions) -> Float[np.ndarray, "models levels"]:
    """Return c, what each model feels of its best answer: logit c = logit q + overconfidence."""
    return felt(belief(models, questions), models.overconfidence[:, None])


def felt(chance: Float[np.ndarray, ...], shift: Float[np.ndarray, ...] | float) -> Float[np.ndarray, ...]:
    """Return the number whose logit is that of ``chance`` plus ``shift``; 0 and 1 stay."""
    from scipy.special import expit, logit

    return np.asarray(expit(logit(chance) + shift))


def answered(models: Population, questions: Questions) -> Bool[np.ndarray, "models levels"]:
    """Return where each model answers: its confidence is above its threshold, strictly."""
    return confidence(models, questions) > models.threshold[:, None]


def moments(
    models: Population, questions: Questions, rule: Rule
) -> tuple[Float[np.ndarray, "models levels"], Float[np.ndarray, "models levels"]]:
    """Return mean and variance of each model's points on one question of each level: Bernoulli where it answers."""
    check_rule(rule)
    q, gives = belief(models, questions), answered(models, questions)
    mean = np.where(gives, q * rule.correct + (1 - q) * rule.wrong, rule.abstain)
    return mean, np.where(gives, q * (1 - q) * (rule.correct - rule.wrong) ** 2, 0.0)


def expected_scores(models: Population, questions: Questions, rule: Rule) -> Float[np.ndarray, " models"]:
    """Return each model's expected mean score over the questions, an exact sum over levels."""
    return np.asarray(moments(models, questions, rule)[0] @ questions.share)


def score_errors(models: Population, questions: Questions, rule: Rule) -> Float[np.ndarray, " models"]:
    """Return the standard deviation of each mean score over runs of these very questions."""
    variance = moments(models, questions, rule)[1] @ questions.number
    return np.asarray(np.sqrt(variance) / questions.number.sum())


def best_scores(models: Population, questions: Questions, rule: Rule) -> Float[np.ndarray, " models"]:
    """Return what each model would score if it answered just where that pays: abstain + (correct - wrong) E[(q - q*)+].

    Under a confidence target t, E[(q - t)+]/(1 - t). Source: KNVZ 2025, section 4.2.
    """
    check_rule(rule)
    gain = np.maximum(belief(models, questions) - rule.break_even, 0.0)
    return np.asarray(rule.abstain + (rule.correct - rule.wrong) * (gain @ questions.share))


def drawn_scores(
    models: Population, questions: Questions, rule: Rule, rng: np.random.Generator
) -> Float[np.ndarray, " models"]:
    """Return the mean scores of one run: of the questions a model answers at a level, Binomial(number, q) are right."""
    check_rule(rule)
    generator(rng)
    gives = answered(models, questions)
    right = rng.binomial(np.where(gives, questions.number, 0), belief(models, questions)).sum(axis=1)
    asked, total = gives @ questions.number, questions.number.sum()
    return np.asarray((right * rule.correct + (asked - right) * rule.wrong + (total - asked) * rule.abstain) / total)


def error_rates(models: Population, questions: Questions) -> Float[np.ndarray, " models"]:
    """Return the expected share of questions that each model answers wrongly: its hallucinations."""
    return np.asarray(np.where(answered(models, questions), 1 - belief(models, questions), 0.0) @ questions.share)


def price_of_honesty(
    models: Population, questions: Questions, rule: Rule, honest_at: float
) -> Float[np.ndarray, " models"]:
    """Return what each model loses by abstaining where its confidence is at most ``honest_at``, if it answers the rest.

    Score of answering everything less that. Under binary grading it is the mean of q over what it leaves open, never
    below 0; under a target t it is E[(q - t); open]/(1 - t). Raises ``BadInput`` unless 0 <= ``honest_at`` <= 1.
    """
    check_rule(rule)
    level = check_number("honest_at", honest_at, 0.0, 1.0)
    open_ = confidence(models, questions) <= level
    q = belief(models, questions)
    gain = q * rule.correct + (1 - q) * rule.wrong - rule.abstain
    return np.asarray(np.where(open_, gain, 0.0) @ questions.share)
