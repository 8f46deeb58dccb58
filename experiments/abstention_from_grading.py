"""Where does a post-trained policy abstain, and what decides that: the grading, the judge, or the way it is trained?

Aims: a rule with break-even t rewards answering iff one is right with a chance above t (KNVZ 2025, arXiv 2509.04664,
section 4). To see whether policies that start from one calibrated model get there, by gradients, by preferences and by
imitation; whether one policy that is told t serves all t at once, which without being told none can; and what a judge
that lets wrong answers pass does to it. Data: eight classes of prompts whose right answers have a law, with top
probabilities from .15 to .97; the base memorises what it read and else believes the law of the class; half of the
prompts are graded, the others are asked afterwards. Estimands: abstention on the unread prompts of each class. Methods:
exact policy gradient, REINFORCE, PPO and DPO for numbers that depend on the base's confidence alone; imitation of the
best of n; one policy told t, and one not told. Performance: means over worlds with Monte Carlo standard errors; given a
world and a policy all are exact sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab.bounds import error_from_iiv
from simlab.corpora import Listed, Truth, sample_listed
from simlab.errors import BadInput, unknown
from simlab.grading import Rule, confidence_target
from simlab.posttraining import (
    Grader,
    Posttrained,
    Responses,
    Sampling,
    all_preferences,
    at_each_target,
    audit_targets,
    behave,
    best_of,
    by_class,
    confidence_of,
    enumerate_responses,
    grader_of,
    imitate,
    of_features,
    posttrain,
    prefer,
    right_of,
    sample_posttraining,
)
from simlab.posttraining.studies import TOPS, groups_of, list_by_tops, policy_of
from simlab.seeds import Streams

METHODS = ("exact", "reinforce", "ppo", "dpo", "best_of", "told", "untold")


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    target: float = Field(0.75, ge=0, lt=1, description="t, the confidence target of the grading; 0: binary")
    false_pass: float = Field(0.0, ge=0, lt=1, description="how often the judge marks a wrong answer correct")
    facts_per_class: int = Field(300, ge=10, le=10**5, description="prompts of each class")
    draws: int = Field(2_400, ge=1, le=10**6, description="N, the number of training draws")
    answers: int = Field(10, ge=7, le=1_000, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.8, gt=0, lt=1, description="alpha_c, the share of draws that state the answer")
    targets: tuple[float, ...] = Field(
        (0.0, 0.25, 0.5, 0.75, 0.9), min_length=2, description="targets that the policy is told, one a question"
    )
    methods: tuple[str, ...] = Field(METHODS, min_length=1, description="ways of post-training")
    steps: int = Field(300, ge=1, le=10**5, description="steps of Adam, or batches")
    anchor: float = Field(0.1, gt=0, le=100, description="beta of DPO; gradients of scores have no anchor")
    best: int = Field(4, ge=1, le=10**4, description="responses of which the best is imitated")


GRID = {"target": (0.0, 0.5, 0.75, 0.9), "false_pass": (0.0, 0.2)}
REPLICATES = 10
BLOCK = 5
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"target": (0.75,), "false_pass": (0.0,)}}
SHOWN = {
    "abstention": "IDK",
    "accuracy_answered": "right, where\nanswered",
    "error": "error",
    "score": "score\nunder t",
    "misplaced": "against\nits belief",
    "calibration_gap": "delta",
    "ece": "ECE",
}
MEASURES = ("accuracy", "kept", "nested", "spared", "threshold", "abstention_at_#")
PICTURE = "abstention_from_grading"


def check(config: Config) -> None:
    """Refuse methods that there are not, targets that do not rise, and a target that the policy is not told."""
    for method in config.methods:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
    if sorted(set(config.targets)) != list(config.targets) or not 0.0 <= config.targets[0] <= config.targets[-1] < 1.0:
        raise BadInput(f"targets = {config.targets}: must rise, from at least 0 to below 1")
    if config.target not in config.targets:
        raise BadInput(f"target = {config.target:.4g}: must be one of targets = {config.targets}, which are told")


class Asked:
    """One world, its corpus, the base, and the rules that grade half of the prompts."""

    def __init__(self, config: Config, streams: Streams) -> None:
        self.config, self.streams = config, streams
        sizes = config.facts_per_class, config.answers, config.answer_rate
        self.truth: Truth = list_by_tops(*sizes, streams.numpy("facts"))
        self.corpus: Listed = sample_listed(self.truth, config.draws, streams.numpy("corpus"))
        self.base: Responses = enumerate_responses(by_class(self.corpus), self.corpus)
        self.confidence = confidence_of(self.base)
        self.graded = streams.numpy("split").random(self.truth.world.n_facts) < 0.5
        self.best = np.where(self.base.is_answer, self.base.base, -1.0).argmax(1)
        self.group = groups_of(self.base)

    def grader(self, rule: Rule) -> Grader:
        """The judge of a rule, on the prompts that are graded."""
        return grader_of(
            self.truth,
            self.corpus,
            self.base,
            rule,
            prompts=self.graded,
            false_pass=self.config.false_pass,
        )

    def trained(self, method: str, grader: Grader) -> Posttrained:
        """One policy of groups by confidence, post-trained by one of the methods."""
        policy = policy_of(self.base)
        steps, streams = self.config.steps, self.streams
        if method == "exact":
            return posttrain(policy, grader, streams=streams, optimizer="adam", learning_rate=0.1, steps=steps)
        if method in ("reinforce", "ppo"):
            sampling = Sampling(256, 4) if method == "reinforce" else Sampling(256, 4, clip=0.2, epochs=4)
            return sample_posttraining(
                policy, grader, streams=streams, sampling=sampling, learning_rate=0.1, steps=steps
            )
        if method == "dpo":
            pairs = all_preferences(self.base, grader)
            return prefer(policy, grader, pairs, self.config.anchor, streams=streams, optimizer="lbfgs", steps=steps)
        verdicts = grader.decided(streams.numpy("verdicts"))  # a response has one verdict, and is kept or not
        best = best_of(self.base, verdicts, self.config.best) * self.base.sizes
        return imitate(policy, best, grader.asked, streams=streams, optimizer="adam", learning_rate=0.1, steps=steps)

    def tables(self, told: bool) -> list[np.ndarray]:
        """One policy of features of the confidence, trained on all targets at once: its table at each of them.

        Every question is asked at every target; a policy that is told sees t - confidence, another the confidence.
        """
        targets, n = self.config.targets, len(self.confidence)
        many, grader = at_each_target(self.base, [self.grader(confidence_target(t)) for t in targets])
        sure, kind = np.tile(self.confidence, len(targets)), np.tile(self.group % 3, (len(targets), 1))
        excess = (np.repeat(targets, n) if told else 0.0) - sure
        features = np.stack([kind == 0, kind == 2, (kind == 2) * excess[:, None]], axis=2).astype(float)
        done = posttrain(
            of_features(many, features),
            grader,
            streams=self.streams,
            optimizer="adam",
            learning_rate=0.3,
            steps=self.config.steps,
        )
        return np.split(done.table, len(targets))


def rows_of(config: Config, streams: Streams) -> list[dict[str, Any]]:
    """The rows of one replicate: one a method."""
    asked = Asked(config, streams)
    rule = confidence_target(config.target)
    grader = asked.grader(rule)
    held_out, belief = ~asked.graded, asked.confidence
    right = right_of(asked.truth, asked.corpus, asked.base)
    rows = []
    for method in config.methods:
        audit = {}
        if method in ("told", "untold"):
            tables = asked.tables(method == "told")
            policy = tables[config.targets.index(config.target)]
            answered = np.stack([1.0 - table[:, -1] for table in tables])[:, held_out]
            correct = np.stack([(table * right).sum(1) for table in tables])[:, held_out]
            best = right[np.arange(len(right)), asked.best][held_out]
            found = audit_targets(config.targets, answered, correct, best, np.ones(len(best)), tolerance=0.02)
            audit = {"kept": found.kept.all(), "spared": found.spared.all(), "nested": found.nested}
        else:
            policy = asked.trained(method, grader).table
        did = behave(asked.truth, asked.corpus, asked.base, policy, streams=streams, prompts=held_out)
        idk = policy[:, asked.base.idk]
        unread = asked.corpus.times_answered == 0
        at = {}
        for place, top in enumerate(TOPS):
            own = held_out & unread & (asked.truth.fact_class == place)
            at[f"abstention_at_{round(100 * top)}"] = float(idk[own].mean()) if own.any() else float("nan")
        seen = did.measures
        bound = error_from_iiv(seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min)
        rows.append(
            {"replicate": streams.replicate, "method": method, "threshold": float(grader.break_even[0])}
            | at
            | {name: did.columns[name] for name in ("accuracy", "abstention", "accuracy_answered", "ece")}
            | {"error": seen.error, "calibration_gap": seen.calibration_gap, "score": did.score(rule)}
            | {"misplaced": float(abs((1.0 - idk) - (belief > config.target))[held_out].mean())}
            | audit
            | bound.columns()
        )
    return rows


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a (replicate, method)."""
    return [row for one in streams for row in rows_of(config, one)]
