"""An audit of evaluation logs as plain text, for a terminal or a file: the most important first."""

from __future__ import annotations

from simlab.audit.evals_record import EvalsAudit
from simlab.audit.evals_telling import (
    board_sections,
    evals_lead,
    evals_title,
    level_of,
    log_lead,
    log_sections,
    reading_of,
    reversals,
)
from simlab.audit.text import findings_text, folded, sections_text
from simlab.terminal.wording import printable


def text_of_evals(audit: EvalsAudit, width: int | None = None) -> str:
    """Return the audit as text, folded at words to ``width`` columns, or not at all."""
    head = [evals_title(audit), evals_lead(audit), *(reading_of(one) for one in audit.logs[:1] if len(audit.logs) == 1)]
    blocks = [[line for text in head for line in folded(text, "", "", width)]]
    if audit.findings:
        blocks.append(findings_text(audit.findings, width))
    if audit.leaderboard is not None and audit.leaderboard.boards:
        blocks.append(folded(reversals(audit.leaderboard), "", "  ", width))
        blocks += sections_text(board_sections(audit.leaderboard), width)
    for one in audit.logs:
        if len(audit.logs) > 1:
            head = [f"{printable(one.name)}: {log_lead(one)}", reading_of(one)]
            blocks.append(
                [line for i, text in enumerate(head) for line in folded(text, "   " if i else "== ", "   ", width)]
            )
        blocks += sections_text(log_sections(one), width)
    blocks.append(folded(level_of(audit), "", "  ", width))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"
