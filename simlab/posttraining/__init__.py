"""After pretraining: a density model is asked questions, graded, and follows the grader.

    streams = Streams(seed=7)
    truth = list_facts(worlds.uniform(200, answers=8, answer_rate=0.8), streams.numpy("facts"))
    corpus = sample_listed(truth, 300, streams.numpy("corpus"))
    responses = enumerate_responses(learn("calibrated", corpus, streams), corpus)
    grader = grader_of(truth, corpus, responses, confidence_target(0.75))
    tamed = posttrain(of_table(responses), grader, streams=streams, beta=0.1)
    print(behave(truth, corpus, responses, tamed, streams=streams).error)

Truth enters by the ``Grader`` alone. A policy is a table of logits, groups of them, weights of features, or a fitted
family; it climbs by exact gradients (``posttrain``), by sampled ones (``sample_posttraining``: REINFORCE, PPO), by
preferences (``prefer``: DPO) or by imitating the best of n (``best_of``, ``imitate``); beta anchors it to the base.
``agreed`` is the rule that trains nothing: two samples that must agree. ``behave`` says what came of it.
"""

from simlab.posttraining.ascent import descend, imitate, posttrain
from simlab.posttraining.behaviour import Behaviour, behave, expected_calibration_error
from simlab.posttraining.beliefs import by_class, list_by_law, peaked, world_of_classes
from simlab.posttraining.climbs import Climb, Posttrained
from simlab.posttraining.consistency import agreed, sampled_agreement, self_consistent
from simlab.posttraining.enumeration import Responses, confidence_of, enumerate_responses, restate
from simlab.posttraining.graders import Grader, grader_of, popularity_of, right_of
from simlab.posttraining.objectives import divergence, objective_of, optimum
from simlab.posttraining.policies import Policy, by_confidence, of_family, of_features, of_groups, of_table
from simlab.posttraining.preferences import all_preferences, draw_preferences, prefer
from simlab.posttraining.rejection import best_of
from simlab.posttraining.sampled import Sampling, exact_gradient, sample_posttraining, sampled_gradients
from simlab.posttraining.targets import TargetAudit, at_each_target, audit_targets

__all__ = [
    "Behaviour",
    "Climb",
    "Grader",
    "Policy",
    "Posttrained",
    "Responses",
    "Sampling",
    "TargetAudit",
    "agreed",
    "all_preferences",
    "at_each_target",
    "audit_targets",
    "behave",
    "best_of",
    "by_class",
    "by_confidence",
    "confidence_of",
    "descend",
    "divergence",
    "draw_preferences",
    "enumerate_responses",
    "exact_gradient",
    "expected_calibration_error",
    "grader_of",
    "imitate",
    "list_by_law",
    "objective_of",
    "of_family",
    "of_features",
    "of_groups",
    "of_table",
    "optimum",
    "peaked",
    "popularity_of",
    "posttrain",
    "prefer",
    "restate",
    "right_of",
    "sample_posttraining",
    "sampled_agreement",
    "sampled_gradients",
    "self_consistent",
    "world_of_classes",
]
