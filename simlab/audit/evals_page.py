"""An audit of evaluation logs as a page: what the text says, what it means, and plots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import simlab
from simlab.audit.corpus_page import findings_block
from simlab.audit.evals_record import Board, EvalsAudit, Leaderboard, LogAudit
from simlab.audit.evals_telling import (
    evals_lead,
    evals_title,
    level_of,
    log_lead,
    log_sections,
    reading_lines,
    reversals,
)
from simlab.audit.report import Block, Element, Grid, Key, Paragraph, Picture, Terms, page
from simlab.audit.rounding import rate
from simlab.audit.telling import Section
from simlab.drawing import evals as drawing
from simlab.estimates import Estimate
from simlab.terminal.wording import printable

POINTS = 400
"""Points of a risk-coverage curve that are drawn."""


def evals_html(audit: EvalsAudit) -> str:
    """Return the whole page."""
    blocks = [findings_block(audit.findings)] if audit.findings else []
    if audit.leaderboard is not None and audit.leaderboard.boards:
        blocks.append(_leaderboard(audit, audit.leaderboard))
    for one in audit.logs:
        prefix = f"{printable(one.name)}: " if len(audit.logs) > 1 else ""
        read = Terms(tuple((line.label, line.value, line.meaning) for line in reading_lines(one)))
        blocks.append(Block(f"{prefix}How it was read", (Paragraph(log_lead(one)), read) if prefix else (read,)))
        blocks += [_block(one, section, prefix) for section in log_sections(one)]
    return page(
        evals_title(audit),
        evals_lead(audit),
        _keys(audit),
        blocks,
        f"{level_of(audit)} simlab {simlab.__version__}, python -m simlab.audit evals. Source of the theory: Kalai, "
        "Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1, section 4.",
    )


def _keys(audit: EvalsAudit) -> list[Key]:
    keys = []
    if len(audit.logs) == 1:
        one = audit.logs[0]
        keys.append(Key(rate(one.rates.accuracy.estimate), "accuracy, of all"))
        keys.append(Key(rate(one.rates.abstention.estimate), "abstention rate"))
        if one.rates.bluffing is not None:
            keys.append(Key(rate(one.rates.bluffing.estimate), "of what it does not get right, answered wrongly"))
        at = next(at for at in one.scores.targets if at.t >= 0.75)
        keys.append(Key(rate(at.as_answered.estimate), f"score at t = {at.t:g}, as answered"))
        if one.calibration is not None:
            keys.append(Key(rate(one.calibration.smooth_ece.estimate), "smooth calibration error"))
        if one.selection is not None and one.selection.auroc is not None:
            keys.append(Key(rate(one.selection.auroc.estimate), "AUROC of the confidences"))
    else:
        keys.append(Key(str(len(audit.logs)), "logs"))
        if audit.leaderboard is not None:
            keys.append(Key(f"{audit.leaderboard.questions:,}", "questions that all of them share"))
            firsts = {board.standings[0].log for board in audit.leaderboard.boards}
            keys.append(Key(str(len(firsts)), "different leaders, over all rules"))
    keys.append(Key(str(len(audit.alarms)), "alarm" if len(audit.alarms) == 1 else "alarms"))
    return keys


def _leaderboard(audit: EvalsAudit, found: Leaderboard) -> Block:
    """The ranks under each rule, a column a rule, and the scores along the targets."""
    how = "on the questions that all logs share" if found.paired else "each on its own questions"
    told: list[Element] = [Paragraph(reversals(found))]
    for by_confidence in (False, True):
        boards = [board for board in found.boards if board.by_confidence == by_confidence]
        told += _board_grids(boards, how) if boards else []
    curves = {printable(one.name): [e.estimate for e in one.scores.as_answered] for one in audit.logs}
    told.append(
        Picture(
            drawing.scores_against_target(audit.logs[0].scores.t, curves, "mean score, as answered"),
            f"The score of {_drawn(audit)} against the target, its answers as they stand, each on all of its own "
            "questions. Where lines cross, ranks change.",
        )
    )
    if all(one.scores.by_confidence is not None for one in audit.logs):
        by = {printable(one.name): [e.estimate for e in one.scores.by_confidence or ()] for one in audit.logs}
        told.append(
            Picture(
                drawing.scores_against_target(audit.logs[0].scores.t, by, "mean score, by confidence"),
                "The same where an answer counts as given if its confidence is above the target.",
            )
        )
    return Block("Leaderboard", tuple(told))


def _drawn(audit: EvalsAudit) -> str:
    """Which logs are in a figure of all of them."""
    most = drawing.MOST_LINES
    return "each log" if len(audit.logs) <= most else f"each of the first {most} of {len(audit.logs)} logs"


def _board_grids(boards: Sequence[Board], how: str) -> list[Element]:
    """Ranks and scores, a row a log and a column a target."""
    ranks = [{standing.log: standing for standing in board.standings} for board in boards]
    names = list(ranks[0])
    rows = tuple(
        (printable(name), *(_rank(board[name].rank, board[name].low, board[name].high) for board in ranks))
        for name in names
    )
    scores = tuple((printable(name), *(rate(board[name].score.estimate) for board in ranks)) for name in names)
    head = ("log", *(f"t = {board.t:g}" if board.t else "binary" for board in boards))
    kind = "by confidence" if boards[0].by_confidence else "as answered"
    numbers = tuple(range(1, len(head)))
    return [
        Grid(f"Ranks {kind}, and the ranks that each log may have, {how}", head, rows, numbers),
        Grid(f"Scores {kind}", head, scores, numbers, folded=True),
    ]


def _rank(rank: int, low: int, high: int) -> str:
    return f"{rank}" if low == high else f"{rank} ({low} to {high})"


def _block(one: LogAudit, section: Section, prefix: str = "") -> Block:
    return Block(f"{prefix}{section.title}", _elements(one, section))


def _elements(one: LogAudit, section: Section) -> tuple[Element, ...]:
    lines = tuple((line.label.strip(), line.value, line.meaning) for line in section.lines)
    return (Terms(lines), *_pictures(one, section.name))


def _pictures(one: LogAudit, name: str) -> tuple[Element, ...]:
    """The plots of a section, each with the table of what it shows."""
    if name == "scores":
        return _score_pictures(one)
    if name == "calibration" and one.calibration is not None:
        diagram, smooth = one.calibration.diagram, one.calibration.smooth
        dense = smooth.density > 0.02 * smooth.density.max()
        curve = (smooth.confidence, np.where(dense, smooth.accuracy, np.nan))
        rows = tuple(
            (f"{low:.3f} to {high:.3f}", f"{rows:,}", rate(float(c)), rate(float(y)))
            for low, high, rows, c, y in zip(
                diagram.low, diagram.high, diagram.rows, diagram.confidence, diagram.accuracy, strict=True
            )
        )
        return (
            Picture(
                drawing.reliability(
                    diagram.confidence,
                    diagram.accuracy,
                    diagram.accuracy_low,
                    diagram.accuracy_high,
                    diagram.rows,
                    curve,
                ),
                "Accuracy against confidence, in 15 bins of equal width and smoothed: below the diagonal the model is "
                "too sure of itself.",
            ),
            Grid("Bins", ("confidence", "answers", "mean confidence", "accuracy"), rows, (1, 2, 3), folded=True),
        )
    if name == "selection" and one.selection is not None:
        curve_of = one.selection.curve
        at = np.unique(np.linspace(0, curve_of.coverage.size - 1, POINTS).round().astype(int))
        return (
            Picture(
                drawing.risk_against_coverage(curve_of.coverage[at], curve_of.risk[at]),
                "Errors among the answers given against how many are given, the most confident first; AURC is the area "
                "below the line.",
            ),
        )
    return ()


def _score_pictures(one: LogAudit) -> tuple[Element, ...]:
    scores = one.scores
    by = None if scores.by_confidence is None else _band(scores.by_confidence)
    head = ("t", "as answered", *(("by confidence",) if scores.by_confidence is not None else ()))
    rows = tuple(
        (
            f"{t:.2f}",
            rate(scores.as_answered[i].estimate),
            *((rate(scores.by_confidence[i].estimate),) if scores.by_confidence is not None else ()),
        )
        for i, t in enumerate(scores.t)
    )
    return (
        Picture(
            drawing.score_against_target(scores.t, _band(scores.as_answered), by),
            "The score over the whole range of targets, with its interval at each. Saying I don't know to everything "
            "scores 0.",
        ),
        Grid("Score at each target", head, rows, tuple(range(len(head))), folded=True),
    )


def _band(estimates: Sequence[Estimate]) -> drawing.Band:
    return (
        [one.estimate for one in estimates],
        [one.low for one in estimates],
        [one.high for one in estimates],
    )
