"""The set-up that the studies of post-training share: facts believed at every confidence, and a policy of groups."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from simlab.corpora import Truth
from simlab.posttraining.beliefs import list_by_law, peaked, world_of_classes
from simlab.posttraining.enumeration import Responses, confidence_of
from simlab.posttraining.policies import Policy, by_confidence, of_groups

TOPS = (0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 0.97)
"""Top probability of the answers of each class."""

LEVELS = np.linspace(0.05, 0.95, 19)
"""Confidences at which one group of prompts ends and the next begins."""


def list_by_tops(facts_per_class: int, answers: int, answer_rate: float, rng: np.random.Generator) -> Truth:
    """List the facts of one class for each top probability, all prompts alike popular.

    Raises ``BadInput`` for what is no world, and for too few answers: 1/|R_c| must be at most the least of ``TOPS``.
    """
    here = world_of_classes(len(TOPS), facts_per_class, answers, answer_rate)
    return list_by_law(here, peaked(np.array(TOPS), answers), rng)


def groups_of(base: Responses) -> Int[np.ndarray, "rows columns"]:
    """Which logit each response shares: that of its kind, among prompts of its level of confidence."""
    return by_confidence(base, confidence_of(base), LEVELS)


def policy_of(base: Responses) -> Policy:
    """The policy that starts from the base and tells prompts apart by its confidence alone."""
    return of_groups(base, groups_of(base), 3 * (len(LEVELS) + 1))
