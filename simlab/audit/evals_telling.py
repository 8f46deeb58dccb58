"""What an audit of evaluation logs says, in words and in order, once for the terminal and once for the page."""

from __future__ import annotations

from simlab.audit.evals_record import AtTarget, Board, EvalsAudit, Leaderboard, LogAudit
from simlab.audit.rounding import at_least, at_most, percent, rate
from simlab.audit.telling import Line, Section
from simlab.estimates import Estimate
from simlab.grading import threshold_of
from simlab.logs import FORMATS
from simlab.terminal.wording import plural, printable

ALL_TARGETS = "over all targets"
"""The label of the mean over t."""


def evals_title(audit: EvalsAudit) -> str:
    """The logs."""
    names = [printable(one.name) for one in audit.logs]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def evals_lead(audit: EvalsAudit) -> str:
    """How much was read, in a line."""
    if len(audit.logs) == 1:
        return log_lead(audit.logs[0])
    samples = sum(one.counts.samples for one in audit.logs)
    shared = audit.leaderboard.questions if audit.leaderboard is not None else 0
    return f"{len(audit.logs)} logs, {plural(samples, 'sample')}; {plural(shared, 'question')} in all of them"


def log_lead(one: LogAudit) -> str:
    """How large a log is, in a line."""
    counts = one.counts
    missing = f", {counts.missing:,} without a grade" if counts.missing else ""
    skipped = sum(skipped.rows for skipped in one.log.skipped)
    missing += f", {skipped:,} skipped as bad" if skipped else ""
    what = ", a vote each" if counts.votes is not None else ""
    return (
        f"{plural(counts.samples, 'sample')}{missing}{what}; {plural(counts.questions, 'question')}: "
        f"{counts.correct:,} right, {counts.wrong:,} wrong, {plural(counts.abstained, 'abstention')}"
    )


def log_sections(one: LogAudit) -> tuple[Section, ...]:
    """Everything there is to say of one log, the most important first."""
    found = [_answers(one), _scores(one), _abstaining(one), _calibration(one), _selection(one)]
    return tuple(section for section in found if section.lines)


def _answers(one: LogAudit) -> Section:
    rates = one.rates
    lines = [
        Line("accuracy", _ends(rates.accuracy), "Right answers, of all: an abstention counts as if it were wrong."),
        Line("coverage", _ends(rates.coverage), "Answers given, of all."),
    ]
    if rates.accuracy_answered is not None:
        lines.append(Line("accuracy given an answer", _ends(rates.accuracy_answered), "Right, of the answers given."))
    lines += [
        Line("error rate", _ends(rates.error), "Wrong answers, of all."),
        Line("abstention rate", _ends(rates.abstention)),
    ]
    if rates.bluffing is not None:
        lines.append(
            Line(
                "bluffing",
                f"{_ends(rates.bluffing)} of what it does not get right it answers wrongly",
                "Wrong, of all that is not right: 1 for a model that never says that it does not know.",
            )
        )
    if rates.accuracy_answered is not None:
        even = rates.accuracy_answered
        lines.append(
            Line(
                "answers pay up to",
                f"t = {_ends(even)}: at a higher target, saying I don't know to everything scores more",
                "A right answer earns 1 and a wrong one costs t/(1 - t), so that answers of accuracy a earn "
                "(a - t)/(1 - t). At t = 0, binary grading, they always pay, and guessing costs nothing.",
            )
        )
    return Section("answers", "Answers", tuple(lines))


def _scores(one: LogAudit) -> Section:
    scores = one.scores
    lines = []
    for at in scores.targets:
        by = f"; by confidence {_ends(at.by_confidence)}" if at.by_confidence is not None else ""
        lines.append(Line(_target(at), f"{_ends(at.as_answered)} as answered{by}"))
    by = f"; by confidence {_ends(scores.mean_by_confidence)}" if scores.mean_by_confidence is not None else ""
    lines.append(
        Line(
            ALL_TARGETS,
            f"{_ends(scores.mean_as_answered)} as answered{by}",
            "The mean over t, uniform from 0 to 1, of the score that is 1 for right, t for an abstention, 0 for wrong: "
            "1/2 for saying I don't know to everything. By confidence it is a proper score.",
        )
    )
    return Section("scores", "Score at a confidence target t: right 1, wrong -t/(1 - t), an abstention 0", tuple(lines))


def _target(at: AtTarget) -> str:
    """A target and its penalty, as the label of a line."""
    return f"t = {at.t:g}, penalty {at.penalty:.4g}" if at.t else "t = 0, binary grading"


def _abstaining(one: LogAudit) -> Section:
    lines = []
    for at in one.scores.targets:
        if at.answered is None or at.under_abstention is None or at.best_score is None or at.best_threshold is None:
            continue
        if not at.t:  # every confidence but 0 is above it
            continue
        right = f", {_ends(at.accuracy_answered)} of them right" if at.accuracy_answered is not None else ""
        says = f"answers {_ends(at.answered)}{right}; under-abstention {_ends(at.under_abstention)}"
        says += f", over-abstention {_ends(at.over_abstention)}" if at.over_abstention is not None else ""
        says += f"; in hindsight best above {at.best_threshold:.3g}, score {rate(at.best_score)}"
        lines.append(Line(_target(at), says))
    if lines:
        lines[0] = Line(
            lines[0].label,
            lines[0].value,
            "Under-abstention: answered at a confidence of t or less. Over-abstention: abstained at more than t. A "
            "calibrated model is right in t or more of what it answers above t, and scores best with the threshold t "
            "itself; the best threshold in hindsight was chosen on these very samples.",
        )
    return Section("abstaining", "Answering where the confidence is above t", tuple(lines))


def _calibration(one: LogAudit) -> Section:
    found = one.calibration
    if found is None:
        return Section("calibration", "Calibration", ())
    brier = found.brier
    parts = (
        Line("  + reliability", _ends(brier.reliability), "How far bins of confidence are from their accuracy."),
        Line("  - resolution", _ends(brier.resolution), "How far the accuracies of bins are from that of all."),
        Line("  + uncertainty", _ends(brier.uncertainty), "What a constant confidence, the accuracy, would score."),
        Line("  + variance in bins", _ends(brier.within_variance)),
        Line("  - covariance in bins", _ends(brier.within_covariance)),
    )
    lines = (
        Line("ECE, equal width", _ends(found.ece_width), "Expected calibration error, 15 bins of equal width."),
        Line("ECE, equal mass", _ends(found.ece_mass), "The same, 15 bins of as many answers each."),
        Line("ECE, debiased", _ends(found.ece_debiased), "Equal mass, less what noise alone adds to it."),
        Line("smooth ECE", _ends(found.smooth_ece), "No bins: residuals smoothed at the width that equals the error."),
        Line(
            "Brier score",
            _ends(brier.brier),
            "The mean of (confidence - outcome) squared: 0 is best. The parts below add up to it: those of 15 bins of "
            "equal width, and what varies within them.",
        ),
        *parts,
    )
    said = tuple(dict.fromkeys(text for est in (found.ece_width, found.smooth_ece) for text in est.warnings))
    notes = tuple(Line("note", text) for text in said)
    return Section("calibration", f"Calibration of {plural(found.rows, 'answer')} with a confidence", (*lines, *notes))


def _selection(one: LogAudit) -> Section:
    found = one.selection
    if found is None:
        return Section("selection", "Selection", ())
    lines = []
    if found.auroc is not None:
        lines.append(
            Line("AUROC", _ends(found.auroc), "The chance that a right answer is more confident than a wrong one.")
        )
    lines += [
        Line("AURC", _ends(found.aurc), "Area under the risk-coverage curve: the errors among the most confident."),
        Line("E-AURC", _ends(found.e_aurc), "AURC less that of the best order of these answers: 0 is best."),
    ]
    return Section("selection", "Selection: do confidences tell right from wrong?", tuple(lines))


def reading_lines(one: LogAudit) -> tuple[Line, ...]:
    """How a log was read: its format and by what it is told, and where each quantity comes from."""
    log = one.log
    formats = dict.fromkeys((FORMATS[file.format], file.told_by) for file in log.files)
    lines = [Line("format", f"{name} ({f'told by {by}' if by != 'as told' else by})") for name, by in formats]
    own = "none: each sample is a question of its own"
    first = {"id": own, "grade": "", "confidence": "none, and no votes of several samples: no calibration"}
    lines += [Line(role, printable(source)) for role, source in {**first, **log.sources}.items()]
    lines += [Line(name, printable(value)) for name, value in (("model", log.model), ("task", log.task)) if value]
    if log.penalty is not None:
        pays = f"answering pays above {percent(threshold_of(log.penalty))}"
        lines.append(
            Line("penalty", f"{log.penalty:g} for a wrong answer: the scores are 1, 0 and {-log.penalty:g}, and {pays}")
        )
    return tuple(lines)


def reading_of(one: LogAudit) -> str:
    """How a log was read, in a line."""
    first, *others = reading_lines(one)
    return f"read as {first.value}: {'; '.join(f'{line.label} = {line.value}' for line in others)}"


def board_title(board: Board) -> str:
    """The rule of a board."""
    rule = "binary grading" if board.t == 0 else f"t = {board.t:g}"
    return f"{rule}, {'by confidence' if board.by_confidence else 'as answered'}"


def board_sections(found: Leaderboard) -> tuple[Section, ...]:
    """The leaderboard, a section for each rule."""
    return tuple(
        Section(
            "board",
            f"Ranks: {board_title(board)}",
            tuple(
                Line(
                    f"{standing.rank}. {printable(standing.log)}",
                    f"{_ends(standing.score)}, rank {_ranks(standing.low, standing.high)}",
                )
                for standing in board.standings
            ),
        )
        for board in found.boards
    )


def reversals(found: Leaderboard) -> str:
    """What the ranking would be under other rules, in a sentence; "" where there is but one board."""
    binary = next((board for board in found.boards if board.t == 0 and not board.by_confidence), None)
    if binary is None:
        return ""
    first = binary.standings[0].log
    others = [board for board in found.boards if board is not binary]
    moved = [f"{printable(b.standings[0].log)} at {board_title(b)}" for b in others if b.standings[0].log != first]
    if not moved:
        return f"{printable(first)} leads under every rule."
    return f"{printable(first)} leads under binary grading; {'; '.join(moved)}."


def _ranks(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _ends(found: Estimate) -> str:
    """An estimate and its interval."""
    return f"{rate(found.estimate)} ({at_least(found.low)} to {at_most(found.high)})"


def level_of(audit: EvalsAudit) -> str:
    """What the intervals are, in a sentence."""
    return (
        f"Intervals in brackets: level {percent(audit.asked.level)} as the number of questions grows, counting "
        "questions and not samples. docs/evals.md has the rest."
    )
