"""What the facts themselves show: spelling variants that pass for facts of their own, prompts with several answers."""

from __future__ import annotations

from collections.abc import Sequence

from simlab.audit.finding import Finding
from simlab.audit.floors import Answers
from simlab.audit.record import Conflicts, Question, Singletons, name_of
from simlab.missing_mass import CountsOfCounts
from simlab.tables import FactTable, Skipped
from simlab.terminal.wording import plural, printable

VARIANTS = 0.02
"""The share of the singleton rate that may go with normalising before it is an alarm."""
CONFLICTING = 0.05
"""The share of the prompts answered more than once that may have several answers before it is an alarm."""
FEWEST = 10
"""So few singletons lost, or prompts in conflict, are no alarm."""
TOLD = 5
"""How many kinds of bad rows are told; the JSON has them all."""


def spelling_variants(singletons: Singletons, normalize: str, draws: int) -> Finding | None:
    """Return an alarm where more normalising would take away ``VARIANTS`` of the singleton rate."""
    before = singletons.respelt.get(normalize)
    if before is None:
        return None
    rule, after = min(singletons.respelt.items(), key=lambda item: item[1])
    lost = before - after
    if lost * draws < FEWEST or lost < VARIANTS * before:
        return None
    return Finding(
        "spelling_variants",
        "alarm",
        f"the singleton rate falls from {before:.4f} to {after:.4f} with --normalize {rule}: spelling variants of one "
        "fact pass for facts that stand once",
        {"singleton_rate": before, "singleton_rate_respelt": after, "singletons_lost": round(lost * draws)},
    )


def spellings_left_out(table: FactTable, asked: Question, most: int) -> Finding | None:
    """Return a note where spellings were not compared, because the table is large and nobody said that they must be."""
    if table.spellings is not None or asked.spelling_check is not None:
        return None
    return Finding(
        "spellings_left_out",
        "note",
        f"spellings were not compared: that is done unasked up to {most:,} rows, since it takes longer than all else; "
        "--spelling-check asks for it",
        {"rows": table.rows, "most_rows": most},
    )


def many_conflicts(conflicts: Conflicts, rule: str) -> Finding | None:
    """Return an alarm where more than ``CONFLICTING`` of the prompts answered twice or more have several answers.

    It is none where the rule takes all of them for right ("all-valid") or leaves those prompts out ("drop").
    """
    if rule != "majority" or conflicts.prompts < FEWEST or conflicts.rate_of_repeated <= CONFLICTING:
        return None
    return Finding(
        "conflicts",
        "alarm",
        f"{conflicts.prompts:,} prompts have several answers, {conflicts.rate_of_repeated:.1%} of those answered more "
        "than once: the theory takes one answer for right, here the commonest; --conflicts drop leaves these prompts "
        "out, --conflicts all-valid takes each (prompt, answer) pair for a fact",
        {"prompts": conflicts.prompts, "rate_of_repeated": conflicts.rate_of_repeated},
    )


def one_answer(answers: Answers | None, asked: Question) -> Finding | None:
    """Return a note where no floor can be told, because all prompts share one answer."""
    if answers is not None or asked.answer is None:
        return None
    return Finding(
        "one_answer",
        "note",
        "every prompt has the same answer, so that there is none to be mistaken for and no floor: say how many answers "
        "are plausible with --n-answers N",
        {"distinct_answers": 1},
    )


def idk_unused(counts: CountsOfCounts, asked: Question) -> Finding | None:
    """Return a note where texts were said to mean IDK and no row has one of them."""
    if not asked.idk or counts.idk:
        return None
    texts = " or ".join(map(repr, asked.idk))
    return Finding(
        "idk_unused",
        "note",
        f"no row says {texts}: --idk takes the text as it is spelt, unless --normalize says otherwise",
        {"idk": 0},
    )


def skipped_rows(skipped: Sequence[Skipped]) -> Finding | None:
    """Return a note where rows were passed over as bad; it names the first of them by file and line, not its text."""
    if not skipped:
        return None
    told = [
        f"{plural(one.rows, 'row')} of {printable(name_of(one.path))} ({one.rule}), the first at {one.first}"
        for one in skipped
    ]
    more = f"; and more in {plural(len(told) - TOLD, 'other place')}" if len(told) > TOLD else ""
    return Finding(
        "skipped_rows",
        "note",
        f"passed over as bad: {'; '.join(told[:TOLD])}{more}",
        {"rows": sum(one.rows for one in skipped)},
    )
