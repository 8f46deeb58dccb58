"""The audit of evaluation logs: is the model bluffing, does its benchmark pay it to, and what would the ranking be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simlab.audit.contents import skipped_rows
from simlab.audit.evals_alarms import different_questions, log_findings, penalty_mismatch
from simlab.audit.evals_ranks import leaderboard_of, shared_questions
from simlab.audit.evals_record import EvalsAudit, EvalsQuestion
from simlab.audit.evals_scores import TARGETS, audited
from simlab.audit.finding import Finding
from simlab.errors import BadInput
from simlab.estimates import check_level
from simlab.grading import Stated, check_stated, penalised
from simlab.grading.rules import check_target
from simlab.logs import EvalLog, read_ids, read_logs
from simlab.tables.settings import idk_of


def audit_evals(
    paths: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    id: str | None = None,
    grade: str | None = None,
    confidence: str | None = None,
    answer: str | None = None,
    model: str | None = None,
    filter: str | None = None,
    idk: Sequence[str] = (),
    correct_from: float = 1.0,
    percent: bool = False,
    choices: int | None = None,
    votes: bool = True,
    merge: str = "none",
    train: str | Path | Sequence[str | Path] = (),
    target: float | None = None,
    penalty: float | None = None,
    level: float = 0.95,
    skip_bad_rows: bool = False,
    memory_limit: str | int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> EvalsAudit:
    """Read evaluation logs and return what they say of the models, and of the grading, with every premise checked.

    - ``paths``, ``format``, the columns, ``filter``, ``idk``, ``correct_from``, ``percent``, ``choices``, ``votes``,
      ``merge``, ``skip_bad_rows``, ``memory_limit``, ``progress``: as in ``simlab.logs.read_logs``.
    - ``train``: tables of the training data, whose ids (``id`` as above) must not be among the questions.
    - ``target``: the confidence target that the questions state, which is then among the targets told; ``penalty``: the
      points that they say a wrong answer costs, by default those that the scores show. Where the two disagree is an
      alarm.
    - ``level``: of every interval; all of them count questions, and samples of one question may depend on each other.

    Scores at a target t: right 1, wrong -t/(1-t), an abstention 0 (arXiv 2509.04664 v1, section 4.2). By confidence
    an answer counts as given where its confidence is above t. Raises ``BadInput`` for a setting that breaks a rule,
    before anything is read, and as ``read_logs`` does.
    """
    reading: dict[str, Any] = {
        "format": format,
        "id": id,
        "grade": grade,
        "confidence": confidence,
        "answer": answer,
        "model": model,
        "filter": filter,
        "idk": idk_of(idk),
        "correct_from": correct_from,
        "percent": percent,
        "choices": choices,
        "votes": votes,
        "merge": merge,
    }
    asked = EvalsQuestion(
        **reading,
        train=tuple(map(str, (train,) if isinstance(train, str | Path) else train)),
        target=None if target is None else check_target(target, "target"),
        penalty=None if penalty is None else -penalised(penalty).wrong,
        level=check_level(level),
    )
    logs = read_logs(paths, **reading, skip_bad_rows=skip_bad_rows, memory_limit=memory_limit, progress=progress)
    seen = read_ids(asked.train, id=id, memory_limit=memory_limit) if asked.train else None
    targets = tuple(sorted({*TARGETS, *([] if asked.target is None else [asked.target])}))
    audits = []
    for i, log in enumerate(logs):
        if progress is not None:
            progress("Estimating", i / len(logs))
        audits.append(audited(log, targets, asked.level))
    board = leaderboard_of(logs, targets, asked.level, shared_questions(logs)) if len(logs) > 1 else None
    cost, stated = _stated(logs, asked)
    found: list[Finding | None] = [penalty_mismatch(stated, cost), different_questions(audits, board)]
    found += [finding for one in audits for finding in log_findings(one, seen, len(logs) > 1)]
    found.append(skipped_rows([one for log in logs for one in log.skipped]))
    said = [finding for finding in found if finding is not None]
    findings = tuple(sorted(said, key=lambda finding: finding.grade != "alarm"))
    return EvalsAudit(asked=asked, logs=tuple(audits), leaderboard=board, stated=stated, findings=findings)


def _stated(logs: Sequence[EvalLog], asked: EvalsQuestion) -> tuple[float | None, Stated | None]:
    """The penalty, as told or as the scores show it, and whether it agrees with the target that is stated."""
    shown = {log.penalty for log in logs if log.penalty is not None}
    if asked.penalty is None and len(shown) > 1:
        raise BadInput(f"the logs have penalties of {', '.join(f'{one:g}' for one in sorted(shown))}: audit them apart")
    cost = asked.penalty if asked.penalty is not None else next(iter(shown), None)
    if cost is None or asked.target is None:
        return cost, None
    return cost, check_stated(penalised(cost, asked.target))
