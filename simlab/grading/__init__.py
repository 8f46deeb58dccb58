"""How answers are scored, and what that rewards.

``confidence_target(0.75)`` is a rule, ``points`` grades rows by it, ``answers`` is its optimal policy,
``rewarded_threshold`` finds what it really rewards, and ``check_stated`` says where its text disagrees.
"""

from simlab.grading.graders import (
    best_responses,
    binary_graders,
    expected_grades,
    is_binary,
    price_of_abstaining,
    uniform_right_answer,
)
from simlab.grading.policies import answers, expected_score, expected_score_of_confidence, optimal_value
from simlab.grading.rewards import (
    Properness,
    Stated,
    best_statement,
    check_stated,
    properness,
    rewarded_threshold,
)
from simlab.grading.rules import (
    EXAMS,
    TARGETS,
    ConfidenceRule,
    Rule,
    absolute,
    affine_target,
    binary,
    brier,
    confidence_target,
    logarithmic,
    negative_marking,
    partial_credit,
    penalised,
    penalty_of,
    points,
    points_of_confidence,
    threshold_of,
)

__all__ = [
    "EXAMS",
    "TARGETS",
    "ConfidenceRule",
    "Properness",
    "Rule",
    "Stated",
    "absolute",
    "affine_target",
    "answers",
    "best_responses",
    "best_statement",
    "binary",
    "binary_graders",
    "brier",
    "check_stated",
    "confidence_target",
    "expected_grades",
    "expected_score",
    "expected_score_of_confidence",
    "is_binary",
    "logarithmic",
    "negative_marking",
    "optimal_value",
    "partial_credit",
    "penalised",
    "penalty_of",
    "points",
    "points_of_confidence",
    "price_of_abstaining",
    "properness",
    "rewarded_threshold",
    "threshold_of",
    "uniform_right_answer",
]
