"""What one log scores: rates, scores at confidence targets, calibration and selection, all with cluster intervals.

Rows of one question may depend on each other, so that every interval counts questions. A row is one sample, or one
question where its samples are votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from simlab.audit.evals_record import AtTarget, Calibration, Counts, LogAudit, Rates, Scores, Selection
from simlab.calibration import (
    aurc,
    auroc,
    brier_parts,
    e_aurc,
    ece,
    ece_debiased,
    forecasts,
    mean_score,
    rate,
    reliability_diagram,
    risk_coverage,
    smooth_ece,
    smooth_reliability,
)
from simlab.calibration.clusters import Clusters, clusters_of
from simlab.errors import BadInput
from simlab.estimates import Estimate
from simlab.grading import confidence_target, penalty_of, points
from simlab.logs import ABSTAINED, CORRECT, WRONG, EvalLog
from simlab.records import brief

TARGETS = (0.0, 0.5, 0.75, 0.9)
"""The targets whose scores are told."""
CURVE = np.linspace(0.0, 0.95, 20)
"""The targets of the curve: near 1 a wrong answer costs all there is."""


def audited(log: EvalLog, targets: tuple[float, ...], level: float) -> LogAudit:
    """Return the audit of one log. Raises ``BadInput`` for a log of one question, in which nothing varies."""
    if not (log.question != log.question[0]).any():
        raise BadInput(f"{log.files[0].path}: all samples are of one question: an interval needs at least 2 questions")
    clusters = clusters_of(log.question, log.question.size)
    answered = log.outcome != ABSTAINED
    confident = answered & np.isfinite(log.confidence)
    counts = Counts(
        samples=log.rows,
        missing=log.missing,
        questions=clusters.number,
        votes=log.votes,
        correct=int((log.outcome == CORRECT).sum()),
        wrong=int((log.outcome == WRONG).sum()),
        abstained=int((~answered).sum()),
        confident=int(confident.sum()),
    )
    calibration, selection = _of_confidences(log, confident, clusters, level)
    return LogAudit(
        log=log,
        counts=counts,
        rates=rates_of(log, clusters, level),
        scores=scores_of(log, clusters, targets, level),
        calibration=calibration,
        selection=selection,
    )


def rates_of(log: EvalLog, clusters: Clusters, level: float) -> Rates:
    """The shares of right, wrong and abstained rows, of all and of those that they are among."""
    right, answered = log.outcome == CORRECT, log.outcome != ABSTAINED

    def share(hit: Bool[np.ndarray, " rows"], among: Bool[np.ndarray, " rows"] | None = None) -> Estimate | None:
        if among is not None and not among.any():
            return None
        return rate(hit, among, clusters=clusters, level=level)

    accuracy, coverage, error, abstention = (share(hit) for hit in (right, answered, answered & ~right, ~answered))
    assert accuracy is not None
    assert coverage is not None
    assert error is not None
    assert abstention is not None
    return Rates(accuracy, coverage, share(right, answered), error, abstention, share(answered, ~right))


def scores_of(log: EvalLog, clusters: Clusters, targets: tuple[float, ...], level: float) -> Scores:
    """The scores at ``targets`` and along ``CURVE``, of the answers as they stand and, with confidences, by them."""
    right, answered = log.outcome == CORRECT, log.outcome != ABSTAINED
    by = stated_of(log, clusters)

    def as_answered(t: float) -> Estimate:
        return score_at(t, right, answered, clusters, level)

    affine = np.where(answered, right, 0.5)
    return Scores(
        targets=tuple(_at(t, as_answered(t), by, level) for t in targets),
        t=CURVE,
        as_answered=tuple(as_answered(float(t)) for t in CURVE),
        by_confidence=None if by is None else tuple(by.score(float(t), level) for t in CURVE),
        mean_as_answered=mean_score(affine, clusters=clusters, level=level, span=(0.0, 1.0)),
        mean_by_confidence=None if by is None else by.mean(level),
    )


def score_at(
    t: float, right: Bool[np.ndarray, " rows"], answered: Bool[np.ndarray, " rows"], clusters: Clusters, level: float
) -> Estimate:
    """The mean score at target t: right 1, wrong -t/(1-t), an abstention 0."""
    rule = confidence_target(t)
    return mean_score(points(rule, right, answered), clusters=clusters, level=level, span=(rule.wrong, 1.0))


@brief
@dataclass(frozen=True, eq=False)
class ByConfidence:
    """The rows of a log that count by their confidence: those that have one, and all abstentions, which score 0
    whatever theirs is (0 here where they have none)."""

    right: Bool[np.ndarray, " rows"]
    answered: Bool[np.ndarray, " rows"]
    confidence: Float[np.ndarray, " rows"]
    known: Bool[np.ndarray, " rows"]
    clusters: Clusters

    def above(self, t: float) -> Bool[np.ndarray, " rows"]:
        """Which rows count as answered at t: those answered, with a confidence above it."""
        return self.answered & (self.confidence > t)

    def score(self, t: float, level: float) -> Estimate:
        """The score at t where an answer counts if its confidence is above t."""
        return score_at(t, self.right, self.above(t), self.clusters, level)

    def share(self, hit: Bool[np.ndarray, " rows"], among: Bool[np.ndarray, " rows"] | None, level: float) -> Estimate:
        """A share of these rows."""
        return rate(hit, among, clusters=self.clusters, level=level)

    def mean(self, level: float) -> Estimate:
        """The mean over t in [0, 1) of the affine score: c y + (1 - c^2)/2 of an answer, 1/2 of an abstention.

        Of answers alone it is (1 + accuracy - Brier score) / 2: a proper score.
        """
        c = self.confidence
        value = np.where(self.answered, c * self.right + (1 - c * c) / 2, 0.5)
        return mean_score(value, clusters=self.clusters, level=level, span=(0.0, 1.0))

    @cached_property
    def descending(self) -> tuple[Float[np.ndarray, " answers"], Float[np.ndarray, " answers"]]:
        """The confidences above 0 of the answers, from the largest down, and which of them are right."""
        use = self.above(0.0)
        order = np.argsort(-self.confidence[use], kind="stable")
        return self.confidence[use][order], self.right[use][order].astype(float)

    def best(self, t: float) -> tuple[float, float]:
        """(threshold, score): the confidence above which answering would have scored most at t, of equals the least.

        Chosen on the rows that it is told of, so that its score flatters.
        """
        confidence, right = self.descending
        if not confidence.size:
            return 0.0, 0.0
        earned = np.cumsum(right - penalty_of(t) * (1 - right))
        ends = np.flatnonzero(np.diff(confidence, append=-1.0))  # the last answer of each distinct confidence
        value = np.concatenate([[0.0], earned[ends]])
        thresholds = np.concatenate([confidence[:1], confidence[ends[:-1] + 1], [0.0]])
        most = float(value.max())
        at = int(np.flatnonzero(value >= most - 1e-9 * max(1.0, abs(most)))[-1])
        return float(thresholds[at]), float(value[at] / self.right.size)


def stated_of(log: EvalLog, clusters: Clusters) -> ByConfidence | None:
    """The rows of a log that count by their confidence; None where no answer has one, or all are of one question."""
    answered = log.outcome != ABSTAINED
    known = np.isfinite(log.confidence)
    counted = known | ~answered
    part = clusters_among(clusters, counted)
    if not (answered & known).any() or part.number < 2:
        return None
    return ByConfidence(
        right=log.outcome[counted] == CORRECT,
        answered=answered[counted],
        confidence=np.nan_to_num(log.confidence[counted]),
        known=known[counted],
        clusters=part,
    )


def clusters_among(clusters: Clusters, rows: Bool[np.ndarray, " rows"]) -> Clusters:
    """The clusters of some of the rows, numbered anew."""
    size = int(np.count_nonzero(rows))
    if clusters.code is None:
        return Clusters(None, size, size)
    code = clusters.code[rows]
    held = np.bincount(code, minlength=clusters.number) > 0
    number = int(np.count_nonzero(held))
    return Clusters(None if number == size else (np.cumsum(held) - 1)[code], number, size)


def _at(t: float, as_answered: Estimate, by: ByConfidence | None, level: float) -> AtTarget:
    """Everything at one target."""
    if by is None:
        return AtTarget(t, penalty_of(t), as_answered)
    above, silent = by.above(t), ~by.answered & by.known
    threshold, score = by.best(t)
    return AtTarget(
        t=t,
        penalty=penalty_of(t),
        as_answered=as_answered,
        by_confidence=by.score(t, level),
        answered=by.share(above, None, level),
        accuracy_answered=by.share(by.right, above, level) if above.any() else None,
        under_abstention=by.share(by.answered & ~above, None, level),
        over_abstention=by.share(silent & (by.confidence > t), None, level) if silent.any() else None,
        best_threshold=threshold,
        best_score=score,
    )


def _of_confidences(
    log: EvalLog, confident: Bool[np.ndarray, " rows"], clusters: Clusters, level: float
) -> tuple[Calibration | None, Selection | None]:
    """Calibration and selection of the answers with a confidence; None where they are of fewer than two questions."""
    part = clusters_among(clusters, confident)
    if part.number < 2:
        return None, None
    data = forecasts(log.confidence[confident], log.outcome[confident] == CORRECT, part)
    several = 0 < int(data.correct.sum()) < data.rows
    calibration = Calibration(
        rows=data.rows,
        ece_width=ece(data, level=level),
        ece_mass=ece(data, binning="mass", level=level),
        ece_debiased=ece_debiased(data, level=level),
        smooth_ece=smooth_ece(data, level=level),
        brier=brier_parts(data, level=level),
        diagram=reliability_diagram(data, level=level),
        smooth=smooth_reliability(data),
    )
    selection = Selection(
        auroc=auroc(data, level=level) if several else None,
        aurc=aurc(data, level=level),
        e_aurc=e_aurc(data, level=level),
        curve=risk_coverage(data),
    )
    return calibration, selection
