"""An audit of a corpus as a page: what the text says, what it means, and plots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import simlab
from simlab.audit.finding import Finding
from simlab.audit.floors import floors_along
from simlab.audit.record import CorpusAudit
from simlab.audit.report import Block, Element, Grid, Key, Paragraph, Picture, Terms, page
from simlab.audit.rounding import about, at_least, rate
from simlab.audit.telling import Section, lead_of, sections_of, sentence, title_of
from simlab.audit.text import answers_shown, counted, printable
from simlab.drawing import audits
from simlab.tables import Examples, Fact

MOST_ROWS = 40
"""Rows of a table of counts of counts; the JSON has them all."""
DOTS = 200
"""Dots in a factor of ten of a logarithmic axis; more would lie on one another."""


def html_of(audit: CorpusAudit) -> str:
    """Return the whole page."""
    blocks = [findings_block(audit.findings)] if audit.findings else []
    blocks += [_block(audit, section) for section in sections_of(audit)]
    if audit.examples is not None:
        blocks += [_examples(audit, audit.examples)]
    return page(
        title_of(audit),
        lead_of(audit),
        _keys(audit),
        blocks,
        f"simlab {simlab.__version__}, python -m simlab.audit corpus. Source of the theory: Kalai, Nachum, Vempala & "
        "Zhang 2025, arXiv 2509.04664 v1.",
    )


def _keys(audit: CorpusAudit) -> list[Key]:
    mass = audit.missing_mass
    keys = []
    if audit.floors is not None:
        sharp = audit.floors.sharp
        vacuous = ": vacuous, it says nothing" if sharp.vacuous else ""
        keys.append(Key(rate(sharp.value), f"floor of the error of a calibrated model, in expectation{vacuous}"))
    keys.append(Key(rate(mass.good_turing.estimate), "missing mass (Good-Turing), the singleton rate"))
    keys.append(
        Key(f"≥ {at_least(mass.certificate.low)}", f"missing mass, certified at confidence {mass.certificate.level:g}")
    )
    more = audit.more_rows
    if more.chao_jost is not None:
        what = "floor" if audit.floors else "missing mass"
        keys.append(
            Key(
                f"≥ {about(more.chao_jost.estimate)}",
                f"more rows until the {what} is under {more.target:g}, extrapolated: the least to expect",
            )
        )
    keys.append(Key(str(len(audit.alarms)), "alarm" if len(audit.alarms) == 1 else "alarms"))
    return keys


def findings_block(findings: Sequence[Finding]) -> Block:
    """The findings as paragraphs, and the numbers that they rest on."""
    told = tuple(Paragraph(sentence(one.sentence), one.grade, one.name) for one in findings)
    evidence = tuple(
        (one.name, name, f"{value:,}" if isinstance(value, int) else f"{value:.4g}")
        for one in findings
        for name, value in one.evidence.items()
    )
    grid = Grid("Evidence", ("finding", "number", "value"), evidence, (2,), folded=True)
    return Block(counted(findings), (*told, grid))


def _block(audit: CorpusAudit, section: Section) -> Block:
    lines = tuple((line.label, line.value.replace(" >= ", " ≥ "), line.meaning) for line in section.lines)
    return Block(section.title, (Terms(lines), *_pictures(audit, section.name)))


def _pictures(audit: CorpusAudit, name: str) -> tuple[Element, ...]:
    """The plots of a section, each with the table of what it shows."""
    if name == "floor" and audit.floors is not None:
        return _floor_pictures(audit)
    if name == "singletons":
        return _counts_pictures(audit)
    if name == "coverage":
        return _coverage_pictures(audit)
    if name == "answers" and audit.conflicts is not None and audit.conflicts.prompts:
        spread = {answers: prompts for answers, prompts in audit.conflicts.distribution.items() if answers}
        return (
            Picture(
                audits.prompts_against_answers(list(spread), list(spread.values())),
                "How many prompts have how many distinct answers.",
            ),
        )
    return ()


def _floor_pictures(audit: CorpusAudit) -> tuple[Element, ...]:
    assert audit.floors is not None
    assert audit.answers is not None
    draws, points = audit.counts.draws, audit.floors.frontier
    sizes, sharp, published = floors_along(audit.singletons.singleton_rate, audit.answers, draws)
    found: list[Element] = [
        Picture(
            audits.floors_against_draws(sizes, sharp, published, draws),
            "The floor against corpus size N with the singleton rate held: the published bound says something only "
            f"where its line is above zero.{' Here the sharp form too lies below it.' if sharp.max() <= 0 else ''}",
        )
    ]
    if points[-1].calibration_gap > 0:
        found += [
            Picture(
                audits.error_against_gap(
                    [point.error for point in points],
                    [point.calibration_gap for point in points],
                    [point.abstained for point in points],
                ),
                "What abstaining buys: the error falls as far as delta, the calibration gap, rises.",
            ),
            Grid(
                "Abstaining on a share of what was never seen",
                ("share", "error", "delta"),
                tuple((f"{p.abstained:.0%}", rate(p.error), rate(p.calibration_gap)) for p in points),
                (1, 2),
                folded=True,
            ),
        ]
    return tuple(found)


def _counts_pictures(audit: CorpusAudit) -> tuple[Element, ...]:
    counts = audit.counts
    _, drawn = np.unique(np.round(DOTS * np.log10(counts.times)), return_index=True)
    rows = tuple(
        (f"{int(k):,}", f"{int(f):,}") for k, f in zip(counts.times[:MOST_ROWS], counts.facts[:MOST_ROWS], strict=True)
    )
    return (
        Picture(
            audits.facts_against_times(counts.times[drawn], counts.facts[drawn]),
            "Counts of counts: how many facts stand k times. Both axes are logarithmic.",
        ),
        Grid("Counts of counts", ("times seen", "facts"), rows, (0, 1), folded=True),
    )


def _coverage_pictures(audit: CorpusAudit) -> tuple[Element, ...]:
    if audit.counts.draws == 1:
        return ()
    curve, more = audit.coverage, audit.more_rows
    rows = tuple(
        (f"{int(size):,}", rate(float(c)), f"{rate(float(low))} to {rate(float(high))}", f"{facts:,.0f}")
        for size, c, low, high, facts in zip(
            curve.sizes, curve.coverage, curve.low, curve.high, curve.facts, strict=True
        )
    )
    wanted = None if more.there else 1 - more.missing_mass
    figure = audits.coverage_against_draws(
        curve.sizes, curve.coverage, curve.low, curve.high, audit.counts.draws, wanted
    )
    return (
        Picture(
            figure,
            "Coverage against corpus size: what fewer rows would have covered, and extrapolated to twice as many. Up "
            f"to the table's own N the band is the {curve.level:.0%} interval at each size; beyond, it is the scatter "
            "of the extrapolation and not its bias, and the line is the most to expect.",
        ),
        *(Paragraph(sentence(warning), "note") for warning in curve.warnings),
        Grid("Coverage at each size", ("draws", "coverage", "interval", "facts"), rows, (0, 1, 2, 3), folded=True),
    )


def _examples(audit: CorpusAudit, examples: Examples) -> Block:
    prompt, answer = audit.asked.prompt, audit.asked.answer or "row"
    told: list[Element] = []
    for caption, facts, with_counts in (
        ("The commonest facts", examples.commonest, True),
        ("Some facts that stand once", examples.singletons, False),
    ):
        names = (*([prompt] if prompt else []), answer, *(["rows"] if with_counts else []))
        rows = tuple(_row(fact, with_counts) for fact in facts)
        told += [Grid(caption, names, rows, (len(names) - 1,) if with_counts else ())] if rows else []
    if examples.conflicts:
        rows = tuple((printable(one.prompt), answers_shown(one)) for one in examples.conflicts)
        told.append(Grid("Some prompts with several answers", (prompt or "", "answers"), rows))
    if examples.spellings:
        rows = tuple((printable(ways[0]), " | ".join(map(printable, ways[1:]))) for ways in examples.spellings)
        told.append(Grid("Some spellings of one prompt", ("written", "also written"), rows))
    return Block("Examples", tuple(told))


def _row(fact: Fact, with_counts: bool) -> tuple[str, ...]:
    texts = [printable(text) for text in (fact.prompt, fact.answer) if text is not None]
    return (*texts, *([f"{fact.count:,}"] if with_counts else []))
