"""What an audit of a corpus says, in words and in order, once for the terminal and once for the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simlab.audit.floors import Floors
from simlab.audit.record import CorpusAudit, name_of
from simlab.audit.rounding import about, at_least, at_most, percent, rate, whole
from simlab.bounds.report import BoundReport
from simlab.missing_mass import Estimate
from simlab.terminal.wording import plural, printable


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity: its name, its value in words, and for the page what it means."""

    label: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title; ``name`` is what the page hangs its figures on."""

    name: str
    title: str
    lines: tuple[Line, ...]


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def title_of(audit: CorpusAudit) -> str:
    """The files, and what they were read as."""
    names = [printable(name_of(file.path)) for file in audit.files]
    named = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    asked = audit.asked
    columns = printable(f"{asked.prompt} -> {asked.answer}")
    return f"{named}: {columns if asked.prompt else 'whole rows as facts'}"


def lead_of(audit: CorpusAudit) -> str:
    """How large the table is, in a line."""
    size = audit.size
    skipped = f", {size.skipped:,} skipped as bad" if size.skipped else ""
    parts = [f"{plural(size.rows, 'row')}, {size.missing:,} missing{skipped}; N = {size.draws:,}"]
    if audit.asked.prompt:
        parts += [plural(size.prompts, "prompt"), plural(size.facts, "distinct (prompt, answer) pair")]
        parts += [plural(size.distinct_answers, "distinct answer")]
    else:
        parts += [plural(size.prompts, "distinct fact")]
    return ", ".join(parts)


def sections_of(audit: CorpusAudit) -> tuple[Section, ...]:
    """Everything there is to say in lines, the most important first; findings and examples are told elsewhere."""
    found = [_floor(audit), _missing_mass(audit), _singletons(audit), _answers(audit), _coverage(audit)]
    return tuple(section for section in found if section.lines)


def _floor(audit: CorpusAudit) -> Section:
    floors = audit.floors
    if floors is None or audit.answers is None:
        return Section("floor", "More rows", (_more_rows(audit),))
    sharp = _from(floors.sharp, floors.sharp_draws_needed, "sr and K")
    certified = _from(floors.certified, floors.certified_draws_needed, "all rates")
    published = _from(floors.published, floors.published.draws_needed, "sr and K")
    lines = [
        Line(
            "sharp form, in expectation",
            f"error + delta >= {rate(floors.sharp.value)} = sr - 1/N - k/K{sharp}",
            "Holds on average over tables like this one and over the answers, for every model. delta is the model's "
            "calibration gap: 0 for a calibrated one.",
        ),
        Line(
            f"certified, confidence {floors.confidence:g}",
            f"error + delta >= {at_least(floors.certified.value)}{certified}",
            "The sharp form with the certificate of the missing mass in place of its estimate; on average over the "
            "answers never seen.",
        ),
        Line(
            "Theorem 2 as published, 99 %",
            f"error >= {at_least(floors.published.value)}{published}",
            f"sr - 2/K - (35 + 6 ln N)/sqrt(N) for delta = 0: {floors.published.source}.",
        ),
        Line(
            "taken for granted",
            f"rows are i.i.d. draws; answers cannot be guessed, {audit.answers.answers:,} are plausible "
            f"({'as told' if audit.answers.told else 'all in the table'}), and the commonest stands in "
            f"{percent(audit.answers.commonest)} of the answered rows; delta = 0",
            "Where an answer can be guessed, from others or since it is common, less error is possible.",
        ),
        *_idk(floors),
        *_frontier(floors),
        _more_rows(audit),
    ]
    return Section("floor", "Floor of the error", tuple(lines))


def _from(report: BoundReport, needed: float | None, held: str) -> str:
    """Whether a floor is vacuous, and the N from which it says something with the rest ``held``."""
    if not report.vacuous:
        return ""
    if needed is None or math.isinf(needed):
        return ": vacuous, and so at any N with this singleton rate"
    return f": vacuous; with {held} held it says something from N = {whole(needed)} on"


def _idk(floors: Floors) -> list[Line]:
    if floors.idk is None:
        return []
    idk = floors.idk
    sharp, certified, published = (
        f"{value} {form}{' (vacuous)' if report.vacuous else ''}"
        for value, form, report in (
            (rate(idk.sharp), "in expectation", floors.sharp),
            (at_least(idk.certified), "certified", floors.certified),
            (at_least(idk.published), "as published", floors.published),
        )
    )
    return [
        Line(
            "per answered row",
            f"error + delta >= {sharp}, {certified}; error >= {published}; {percent(idk.share)} of the rows say IDK",
            "A calibrated model says IDK as often as the corpus; these are its floors among the answers that it gives.",
        )
    ]


def _frontier(floors: Floors) -> list[Line]:
    half, every = (next(p for p in floors.frontier if p.abstained == share) for share in (0.5, 1.0))
    if not every.calibration_gap:
        return []
    says = (
        f"on half of what it never saw errs {rate(half.error)} and has delta {rate(half.calibration_gap)}; "
        f"on all of it, {rate(every.error)} and {rate(every.calibration_gap)}"
    )
    return [Line("a model that abstains", says, "Of the answers to prompts that it never saw.")]


def _more_rows(audit: CorpusAudit) -> Line:
    more, what = audit.more_rows, "floor" if audit.floors else "missing mass"
    label = f"until the {what} is under {more.target:g}"
    if audit.answers is not None and audit.answers.valid_over_errors >= 1:
        plausible = plural(audit.answers.answers, "plausible answer")
        return Line(label, f"there is no floor to bring down: with {plausible} a guess is right too often for one")
    if more.there:
        return Line(label, f"no more rows are needed: it is at {rate(more.now)}{'' if more.now > 0 else ', vacuous'}")
    if more.chao_jost is None:
        return Line(label, "cannot be told: every fact stands once, so nothing shows how fast the missing mass falls")
    says = f"at least about {_rows(more.chao_jost)}, by Chao & Jost's extrapolation"
    if not more.within_twice:
        says += ", which goes far beyond the rows there are"
    if more.power_law is not None:
        says += f"; about {_rows(more.power_law)}, by the power law that fits, if it goes on"
    return Line(
        label,
        says,
        "More rows of the same kind, drawn alike: copies of these bring nothing. The scatter of an extrapolation is "
        "not its bias: where popularity varies, more rows are needed than the first says, and often more than its "
        "scatter reaches.",
    )


def _rows(estimate: Estimate) -> str:
    more = f"{about(estimate.estimate)} more row{'' if estimate.estimate == 1 else 's'}"
    return f"{more} (scatter {about(estimate.low)} to {about(estimate.high)})"


def _missing_mass(audit: CorpusAudit) -> Section:
    mass = audit.missing_mass
    what = "answers a prompt that stands nowhere in the table" if audit.asked.prompt else "is not in the table"
    return Section(
        "missing_mass",
        "Missing mass",
        (
            Line("Good-Turing", rate(mass.good_turing.estimate), f"The chance that one more row {what}."),
            Line(
                f"{percent(mass.good_turing.level)}, any N, any law",
                _between(mass.good_turing),
                f"Finite-sample: {mass.good_turing.source}.",
            ),
            Line(f"{percent(mass.score.level)}, as N grows", _between(mass.score), f"Asymptotic: {mass.score.source}."),
            Line("Chao-Jost", rate(mass.chao_jost.estimate), mass.chao_jost.source),
            Line(
                "certificate",
                f"missing mass >= {at_least(mass.certificate.low)} with confidence {mass.certificate.level:g}, "
                "for every law of i.i.d. draws",
            ),
        ),
    )


def _between(estimate: Estimate) -> str:
    return f"{at_least(estimate.low)} to {at_most(estimate.high)}"


def _singletons(audit: CorpusAudit) -> Section:
    counts, singletons = audit.counts, audit.singletons
    of_facts = f"{counts.f(1):,} of {plural(counts.draws, 'row')}"
    own = f"{rate(singletons.singleton_rate)} ({of_facts})"
    lines = [Line("singleton rate", own, "Facts that stand once, per row.")]
    if audit.asked.prompt:
        other = "prompts" if audit.asked.conflicts == "all-valid" else "pairs"
        lines.append(
            Line(
                f"of {'prompts' if other == 'prompts' else '(prompt, answer) pairs'}",
                rate(getattr(singletons, other)),
                "The same, counting these.",
            )
        )
    respelt = [f"{rate(value)} {rule}" for rule, value in singletons.respelt.items() if rule != "none"]
    if respelt:
        lines.append(Line("after normalising", "; ".join(respelt), "Spelling variants pass for facts of their own."))
    first = "; ".join(f"f{k} {counts.f(k):,}" for k in range(1, 11) if counts.f(k)) or "no fact stands so few times"
    lines.append(Line("counts of counts up to 10", first, "How many facts stand once (f1), twice (f2), ... ten times."))
    return Section("singletons", "Facts seen once", tuple(lines))


def _answers(audit: CorpusAudit) -> Section:
    lines = []
    conflicts, answers = audit.conflicts, audit.answers
    if conflicts is not None:
        lines += [
            Line(
                "prompts with several answers",
                f"{conflicts.prompts:,}: {percent(conflicts.rate)} of those answered, "
                f"{percent(conflicts.rate_of_repeated)} of those answered more than once"
                if conflicts.prompts
                else "none",
                "The theory takes one answer for right. Several are errors of the corpus, prompts that are not "
                f"precise, or facts with more than one answer (rule here: {audit.asked.conflicts}).",
            ),
            Line("answers a prompt", f"{conflicts.answers_per_prompt:.3f}"),
        ]
    if answers is not None:
        lines.append(
            Line(
                "plausible answers",
                f"|R_c| = {answers.answers:,}, 1/min|E_c| = {1 / answers.n_errors_min:.3g}",
                "k/K = max|V_c|/min|E_c| is what a lucky guess takes off the floor.",
            )
        )
    return Section("answers", "Answers", tuple(lines))


def _coverage(audit: CorpusAudit) -> Section:
    curve, draws = audit.coverage, audit.counts.draws
    if draws == 1:
        return Section("coverage", "Coverage: 1 - missing mass", (Line("1 row", "cannot be told from one row"),))
    lines = []
    for size in (draws // 2, draws, 2 * draws):
        for i in (curve.sizes == size).nonzero()[0]:
            ends, covered = f"{at_least(float(curve.low[i]))} to {at_most(float(curve.high[i]))}", curve.coverage[i]
            if size <= draws:
                lines.append(Line(plural(size, "row"), f"{rate(float(covered))} ({ends})"))
            else:
                says = f"at most about {rate(float(covered))} (scatter {ends}), extrapolated"
                lines.append(Line(plural(size, "row"), says, "The scatter is not the bias, which may be larger."))
    return Section("coverage", "Coverage: 1 - missing mass", tuple(lines))
