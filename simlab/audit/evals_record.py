"""The audit of evaluation logs as one frozen record: all that is shown, in text, on a page or as JSON, is in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

import simlab
from simlab.audit.finding import Finding
from simlab.audit.record import name_of, strict
from simlab.calibration import BrierParts, ReliabilityDiagram, RiskCoverage, SmoothReliability
from simlab.estimates import Estimate, strict_fields
from simlab.grading import Stated
from simlab.logs import FORMATS, EvalLog
from simlab.records import brief

SCHEMA = 1
"""The version of the JSON; it is raised when a field goes away or changes its meaning."""


@dataclass(frozen=True, slots=True)
class EvalsQuestion:
    """What the audit was asked: columns, rules and levels, as ``audit_evals`` takes them."""

    format: str | None
    id: str | None
    grade: str | None
    confidence: str | None
    answer: str | None
    model: str | None
    filter: str | None
    idk: tuple[str, ...]
    correct_from: float
    percent: bool
    choices: int | None
    votes: bool
    merge: str
    train: tuple[str, ...]
    target: float | None
    penalty: float | None
    level: float


@dataclass(frozen=True, slots=True)
class Counts:
    """The samples of a log, or its questions where samples are votes: how many are right, wrong, abstentions.

    ``samples`` were read, ``missing`` of them have no grade; ``questions`` are distinct, ``votes`` the samples that
    became votes (None without voting), ``confident`` the answers with a confidence.
    """

    samples: int
    missing: int
    questions: int
    votes: int | None
    correct: int
    wrong: int
    abstained: int
    confident: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of all samples, and of those answered (None where none is) or not right (None where all are).

    ``bluffing`` is the share of wrong answers among the samples that are not right: what is not known, and answered.
    """

    accuracy: Estimate
    coverage: Estimate
    accuracy_answered: Estimate | None
    error: Estimate
    abstention: Estimate
    bluffing: Estimate | None


@dataclass(frozen=True, slots=True)
class AtTarget:
    """Scores at a confidence target t: right 1, wrong -``penalty`` = -t/(1-t), abstention 0.

    ``as_answered`` takes the answers as they stand. The rest is None without confidences: ``by_confidence`` counts a
    sample as answered where its confidence is above t; ``answered`` is the share of those, ``accuracy_answered`` their
    accuracy (None where there is none), which behavioural calibration wants at t or above. ``under_abstention`` is the
    share of samples answered at a confidence of t or less, ``over_abstention`` that of samples abstained at more (None
    where no abstention has a confidence). ``best_score`` is the score of the threshold that would have been best for
    these very samples, ``best_threshold``: above t of a model that is too sure of itself.
    """

    t: float
    penalty: float
    as_answered: Estimate
    by_confidence: Estimate | None = None
    answered: Estimate | None = None
    accuracy_answered: Estimate | None = None
    under_abstention: Estimate | None = None
    over_abstention: Estimate | None = None
    best_threshold: float | None = None
    best_score: float | None = None


@brief
@dataclass(frozen=True, eq=False)
class Scores:
    """The scores at some targets, over the whole range of targets, and its mean: with t uniform on [0, 1), of the
    affine score, which is 1 for right, t for an abstention, 0 for wrong."""

    targets: tuple[AtTarget, ...]
    t: Float[np.ndarray, " points"]
    as_answered: tuple[Estimate, ...]
    by_confidence: tuple[Estimate, ...] | None
    mean_as_answered: Estimate
    mean_by_confidence: Estimate | None


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidences against outcomes, of the answers that have a confidence."""

    rows: int
    ece_width: Estimate
    ece_mass: Estimate
    ece_debiased: Estimate
    smooth_ece: Estimate
    brier: BrierParts
    diagram: ReliabilityDiagram
    smooth: SmoothReliability


@dataclass(frozen=True, eq=False)
class Selection:
    """What the confidences tell apart; ``auroc`` is None where all answers are right, or all wrong."""

    auroc: Estimate | None
    aurc: Estimate
    e_aurc: Estimate
    curve: RiskCoverage


@dataclass(frozen=True, eq=False)
class LogAudit:
    """The audit of one log; ``calibration`` and ``selection`` are None without confidences."""

    log: EvalLog
    counts: Counts
    rates: Rates
    scores: Scores
    calibration: Calibration | None
    selection: Selection | None

    @property
    def name(self) -> str:
        """The name by which the log is told from the others."""
        return self.log.name

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON; curves of many points are thinned to what is drawn."""
        log, scores, calibration, selection = self.log, self.scores, self.calibration, self.selection
        brier = calibration and {name: one for name, one in strict_fields(calibration.brier).items() if name != "level"}
        return {
            "name": log.name,
            "model": log.model,
            "task": log.task,
            "files": [asdict(file) | {"path": name_of(file.path)} for file in log.files],
            "mapping": log.sources,
            "penalty": log.penalty,
            "skipped": [asdict(one) | {"path": name_of(one.path)} for one in log.skipped],
            "oddities": [asdict(one) for one in log.oddities],
            "counts": asdict(self.counts),
            "rates": strict_fields(self.rates),
            "scores": {
                "targets": [strict_fields(at) for at in scores.targets],
                "mean_as_answered": scores.mean_as_answered.as_dict(),
                "mean_by_confidence": scores.mean_by_confidence and scores.mean_by_confidence.as_dict(),
                "curve": {
                    "t": scores.t.tolist(),
                    "as_answered": _ends(scores.as_answered),
                    "by_confidence": scores.by_confidence and _ends(scores.by_confidence),
                },
            },
            "calibration": calibration
            and {
                "rows": calibration.rows,
                "ece_width": calibration.ece_width.as_dict(),
                "ece_mass": calibration.ece_mass.as_dict(),
                "ece_debiased": calibration.ece_debiased.as_dict(),
                "smooth_ece": calibration.smooth_ece.as_dict(),
                "brier": brier,
                "diagram": calibration.diagram.as_dict(),
            },
            "selection": selection
            and {
                "auroc": selection.auroc and selection.auroc.as_dict(),
                "aurc": selection.aurc.as_dict(),
                "e_aurc": selection.e_aurc.as_dict(),
            },
        }


def _ends(estimates: tuple[Estimate, ...]) -> dict[str, list[float]]:
    """The estimates of a curve and the ends of their intervals, each a list."""
    return {name: [getattr(one, name) for one in estimates] for name in ("estimate", "low", "high")}


@dataclass(frozen=True, slots=True)
class Standing:
    """A log under one rule: its score, its rank (1 is best, equals share the better one) and the ranks that it may
    have."""

    log: str
    score: Estimate
    rank: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Board:
    """The logs under one rule, best first: the target t, and whether an answer counts as given by its confidence."""

    t: float
    by_confidence: bool
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The logs ranked under each rule, on the ``questions`` that all of them share, or each on its own (``paired`` is
    False)."""

    questions: int
    paired: bool
    level: float
    source: str
    boards: tuple[Board, ...]


@dataclass(frozen=True, eq=False)
class EvalsAudit:
    """The audit of evaluation logs: each by itself, ``leaderboard`` where there are several, findings alarms first.

    ``stated`` says whether the penalty and the target that were told, or found in the scores, agree.
    """

    asked: EvalsQuestion
    logs: tuple[LogAudit, ...]
    leaderboard: Leaderboard | None
    stated: Stated | None
    findings: tuple[Finding, ...]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The findings that are alarms."""
        return tuple(finding for finding in self.findings if finding.grade == "alarm")

    def as_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists and plain values, for strict JSON: NaN and infinity are None."""
        board = self.leaderboard
        said = {
            "simlab": simlab.__version__,
            "audit": "evals",
            "schema": SCHEMA,
            "formats": {name: FORMATS[name] for name in {file.format for one in self.logs for file in one.log.files}},
            "asked": asdict(self.asked) | {"train": [name_of(path) for path in self.asked.train]},
            "logs": [one.as_dict() for one in self.logs],
            "leaderboard": board
            and {
                "questions": board.questions,
                "paired": board.paired,
                "level": board.level,
                "source": board.source,
                "boards": [
                    {
                        "t": one.t,
                        "by_confidence": one.by_confidence,
                        "standings": [strict_fields(standing) for standing in one.standings],
                    }
                    for one in board.boards
                ],
            },
            "stated": self.stated and asdict(self.stated),
            "findings": [finding.as_dict() for finding in self.findings],
        }
        plain: dict[str, Any] = strict(said)
        return plain

    def text(self, width: int | None = None) -> str:
        """Return the audit as plain text, folded to ``width`` columns if given: what the command line prints."""
        from simlab.audit.evals_text import text_of_evals

        return text_of_evals(self, width)

    def html(self) -> str:
        """Return the audit as one self-contained HTML page with its plots."""
        from simlab.audit.evals_page import evals_html

        return evals_html(self)
