"""An audit as plain text, for a terminal or a file: the most important first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from simlab.audit.finding import Finding
from simlab.audit.record import CorpusAudit
from simlab.audit.telling import Line, Section, lead_of, sections_of, sentence, title_of
from simlab.tables import Conflict, Examples, Fact
from simlab.terminal.wording import plural
from simlab.terminal.wording import printable as escaped

NARROW = 34
"""Columns that a value needs beside its label; with fewer it stands below."""
LEGEND = (
    "Words: N, the rows that count, IDK rows among them; sr, the singleton rate; K, the fewest wrong answers of a "
    "prompt, and k, the most valid ones, IDK among them; delta, the calibration gap; vacuous, not above 0, so that it "
    "says nothing; certificate, a lower end that holds with the stated confidence. docs/audit.md has the rest."
)
"""The symbols of the lines, for those who see them for the first time."""
FEW = 5
"""Examples of each kind but the commonest facts; page and JSON have more."""


def text_of(audit: CorpusAudit, width: int | None = None) -> str:
    """Return the audit as text, folded at words to ``width`` columns, or not at all."""
    blocks = [[*folded(title_of(audit), "", "", width), *folded(lead_of(audit), "", "", width)]]
    if audit.findings:
        blocks.append(findings_text(audit.findings, width))
    blocks += sections_text(sections_of(audit), width)
    if audit.examples is not None:
        blocks.append(_examples(audit.examples, width))
    blocks.append(folded(LEGEND, "", "  ", width))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def folded(text: str, first: str, rest: str, width: int | None) -> list[str]:
    """A text folded at words, behind ``first`` and on further lines ``rest``; as it is without a width."""
    if width is None:
        return [first + text]
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _line(line: Line, column: int, width: int | None) -> list[str]:
    if width is not None and width - column < NARROW:
        return [f"  {line.label}", *folded(line.value, "    ", "    ", width)]
    return folded(line.value, f"  {line.label}".ljust(column), " " * column, width)


def sections_text(sections: Sequence[Section], width: int | None) -> list[list[str]]:
    """Sections as lines, their values one below the other."""
    column = max(len(line.label) for section in sections for line in section.lines) + 4
    return [
        [
            *folded(section.title, "", "  ", width),
            *(text for line in section.lines for text in _line(line, column, width)),
        ]
        for section in sections
    ]


def counted(findings: Sequence[Finding]) -> str:
    """How many alarms and notes there are."""
    alarms = sum(finding.grade == "alarm" for finding in findings)
    numbers = ((alarms, "alarm"), (len(findings) - alarms, "note"))
    return " and ".join(plural(number, noun) for number, noun in numbers if number)


def findings_text(findings: Sequence[Finding], width: int | None) -> list[str]:
    """Findings as lines, marked as alarms or notes."""
    lines = [counted(findings)]
    for finding in findings:
        mark = "!" if finding.grade == "alarm" else "-"
        lines += folded(f"{finding.name}: {sentence(finding.sentence)}", f"  {mark} ", "    ", width)
    return lines


def _examples(examples: Examples, width: int | None) -> list[str]:
    lines = ["Examples (--no-examples leaves them out)"]
    for title, facts in (("commonest facts", examples.commonest), ("some that stand once", examples.singletons[:FEW])):
        lines += [f"  {title}"] if facts else []
        counts = [f"{fact.count:,}  " if facts is examples.commonest else "" for fact in facts]
        most = max(map(len, counts), default=0)
        for fact, count in zip(facts, counts, strict=True):
            lines += folded(shown(fact), f"    {count:>{most}}", " " * (6 + most), width)
    lines += ["  some prompts with several answers"] if examples.conflicts else []
    for conflict in examples.conflicts[:FEW]:
        lines += folded(f"{printable(conflict.prompt)} -> {answers_shown(conflict)}", "    ", "      ", width)
    lines += ["  some spellings of one prompt"] if examples.spellings else []
    for ways in examples.spellings[:FEW]:
        lines += folded(" | ".join(printable(way) for way in ways), "    ", "      ", width)
    return lines


def shown(fact: Fact) -> str:
    """A fact in a line: prompt -> answer, or the whole row."""
    return printable(fact.answer) if fact.prompt is None else f"{printable(fact.prompt)} -> {printable(fact.answer)}"


def answers_shown(conflict: Conflict) -> str:
    """The commonest answers of a prompt with their counts, and how many more it has."""
    told = [f"{printable(fact.answer)} ({fact.count:,})" for fact in conflict.commonest]
    more = conflict.answers - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def printable(text: str, most: int = 80) -> str:
    """A user's text in a line of ours: control characters escaped, a long one cut."""
    clean = escaped(text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
