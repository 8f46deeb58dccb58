"""Your data: a table of facts or an evaluation log goes in, its audit comes out, and nothing is kept."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
from matplotlib.axes import Axes

from simlab.audit import CorpusAudit, EvalsAudit, audit_corpus, audit_evals
from simlab.audit.corpus_page import html_of
from simlab.audit.evals_page import evals_html
from simlab.audit.evals_record import LogAudit
from simlab.audit.evals_telling import evals_lead
from simlab.audit.finding import Finding
from simlab.audit.rounding import at_least, rate
from simlab.audit.telling import lead_of, sentence
from simlab.corpora import IDK, list_facts, sample_listed
from simlab.errors import BadInput, unknown
from simlab.estimates import Estimate
from simlab.leaderboards import Population, belief, confidence, normal_questions
from simlab.rendering import name_of
from simlab.seeds import Streams
from simlab.teach.demonstrations import Choice, Demonstration, Number, Scene
from simlab.teach.pictures import BLUE, GREY, INK, RED, canvas, drawing_lock
from simlab.teach.uploads import KINDS, laid, looks
from simlab.worlds import zipf

EXAMPLES = {"facts": "facts drawn by simlab", "log": "a log drawn by simlab"}
CHOSEN = {
    "name it with --grade COL,": "choose it as grade on this page,",
    "name another column with --grade COL": "choose another column as grade on this page",
}
"""What a page has in place of an option."""
OPTION = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*\b(?!_)")
TARGET = 0.75
LOWEST = -1.25
"""Where the picture of scores ends."""


@dataclass(frozen=True, slots=True)
class Report:
    """The audit of one file: what a page shows of it, its findings, and the whole report as one HTML page."""

    kind: str
    scene: Scene
    findings: tuple[Finding, ...]
    page: str


def report(
    data: bytes, name: str, kind: str, *, prompt: str | None = None, answer: str | None = None,
    grade: str | None = None, confidence: str | None = None,
) -> Report:  # fmt: skip
    """Audit one file as ``python -m simlab.audit`` does, with its defaults.

    ``prompt`` and ``answer`` are columns of facts (neither: whole rows are facts), ``grade`` and ``confidence`` those
    of a log (None: recognised). Raises ``BadInput`` with the audit's own sentence; it and the findings are worded for
    a page, the whole report is as the command writes it.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    try:
        with laid(data, name) as path:
            if kind == "corpus":
                facts = audit_corpus(path, prompt=prompt, answer=answer)
                found = Report(kind, _corpus_scene(facts), facts.findings, _whole(partial(html_of, facts)))
            else:
                logs = audit_evals(path, grade=grade, confidence=confidence)
                found = Report(kind, _evals_scene(logs), logs.findings, _whole(partial(evals_html, logs)))
    except BadInput as error:
        raise BadInput(on_page(str(error), kind)) from None
    told = tuple(replace(one, sentence=on_page(one.sentence, kind)) for one in found.findings)
    return replace(found, findings=told)


def on_page(told: str, kind: str) -> str:
    """A sentence of the audit for the reader of a page, where a grade is chosen from a list and no option is typed.

    Options that the page does not have are said to be the command's.
    """
    for typed, chosen in CHOSEN.items():
        told = told.replace(typed, chosen)
    options = list(dict.fromkeys(OPTION.findall(told)))
    if not options:
        return told
    are = "is an option" if len(options) == 1 else "are options"
    return (
        f"{told.removesuffix('.')} ({' and '.join(options)} {are} of the command python -m simlab.audit {kind} FILE, "
        "and not of this page)"
    )


def _whole(page: Callable[[], str]) -> str:
    """The report, whose figures are drawn while no other page's are."""
    with drawing_lock:
        return page()


def _corpus_scene(audit: CorpusAudit) -> Scene:
    """What the table leaves unsaid, with its interval and certificate, and the floors of the error."""
    mass = audit.missing_mass
    lines = [
        ("never said\n(Good–Turing)", mass.good_turing.estimate, mass.good_turing.low, mass.good_turing.high),
        ("never said,\ncertified", mass.certificate.low, None, None),
    ]
    fired = len(audit.alarms)
    found = [
        Number("alarms", "alarms", float(fired), str(fired)),
        Number("draws", "rows that count, N", float(audit.counts.draws), f"{audit.counts.draws:,}"),
        Number("missing_mass", "never said: MM", mass.good_turing.estimate, rate(mass.good_turing.estimate)),
        Number("certified", "MM, certified", mass.certificate.low, f"≥ {at_least(mass.certificate.low)}"),
    ]
    if audit.floors is not None:
        sharp, published = audit.floors.sharp, audit.floors.published
        lines += [
            ("error,\nin expectation", sharp.value, None, None),
            ("error,\npublished", published.value, None, None),
        ]
        said = "vacuous" if sharp.vacuous else f"≥ {at_least(sharp.value)}"
        found.append(Number("floor", "error, in expectation", sharp.value, said))
    top = max(max(high or 0.0, value) for _, value, _, high in lines)
    with canvas(left=0.2) as (figure, (axes,)):
        for place, (_, value, low, high) in enumerate(lines):
            colour = BLUE if place < 2 else RED
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=colour, lw=9, alpha=0.35, solid_capstyle="butt")
            if value > 0 or place == 0:
                axes.plot([value], [place], "o" if place == 0 else ">", color=colour, ms=15, clip_on=False)
            else:
                axes.text(0.01, place, "vacuous: says nothing", transform=axes.get_yaxis_transform(), va="center")
        axes.set(xlim=(0, min(1.0, max(1.15 * top, 0.01))), ylim=(len(lines) - 0.4, -0.6))
        axes.set(xlabel="share of what will be asked; ▸ at least")
        axes.set_yticks(range(len(lines)), [label for label, *_ in lines])
        axes.locator_params(axis="x", nbins=6)
    return Scene(figure, tuple(found), sentence(lead_of(audit)))


def _evals_scene(audit: EvalsAudit) -> Scene:
    """The score at every confidence target, as the answers stand and as the confidences would have them."""
    one = audit.logs[0]
    rates, at = one.rates, next(at for at in one.scores.targets if at.t == TARGET)
    fired = len(audit.alarms)
    found = [
        Number("alarms", "alarms", float(fired), str(fired)),
        Number("accuracy", "accuracy, of all", rates.accuracy.estimate, rate(rates.accuracy.estimate)),
        Number("abstention", "abstentions", rates.abstention.estimate, rate(rates.abstention.estimate)),
    ]
    if rates.bluffing is not None:
        found.append(Number("bluffing", "bluffing", rates.bluffing.estimate, rate(rates.bluffing.estimate)))
    found.append(Number("score", f"score at t = {TARGET:g}", at.as_answered.estimate, _signed(at.as_answered)))
    with canvas(right=0.86) as (figure, (axes,)):
        _scores(axes, one)
    return Scene(figure, tuple(found), sentence(evals_lead(audit)))


def _signed(score: Estimate) -> str:
    return rate(score.estimate).replace("-", "−")


def _scores(axes: Axes, one: LogAudit) -> None:
    """Lines and the bands of their intervals."""
    scores = one.scores
    drawn = [("as answered", scores.as_answered, RED, "-")]
    if scores.by_confidence is not None:
        drawn.append(("answering where the confidence is above t", scores.by_confidence, BLUE, "--"))
    for label, along, colour, dash in drawn:
        axes.plot(scores.t, [each.estimate for each in along], dash, color=colour, label=label)
        low, high = ([getattr(each, end) for each in along] for end in ("low", "high"))
        axes.fill_between(scores.t, low, high, color=colour, alpha=0.2, lw=0)
    axes.axhline(0, color=INK, lw=1.5)
    axes.text(1.01, 0, "IDK to all", transform=axes.get_yaxis_transform(), va="center", fontsize=14)
    axes.axvline(TARGET, color=GREY, ls=":", lw=2)
    axes.set(xlim=(0, 0.95), ylim=(LOWEST, 1.05), xlabel="confidence target t: wrong costs t/(1−t)")
    axes.set(ylabel="score a question", yticks=[-1, -0.5, 0, 0.5, 1])
    axes.legend(loc="lower left")


@lru_cache(maxsize=len(EXAMPLES))
def example_file(which: str) -> tuple[bytes, str]:
    """Bytes and name of a file that simlab draws: 2,000 draws from a Zipf world, or 600 graded answers of a model.

    The model feels surer than it is (logit c = logit q + 1) and abstains at a confidence of 0.6 or less.
    """
    if which not in EXAMPLES:
        raise unknown("example", which, EXAMPLES)
    rng = Streams(0, "your_data").numpy(which)
    if which == "facts":
        said = sample_listed(list_facts(zipf(5_000, 1.0), rng), 2_000, rng)
        drawn = zip(said.prompt.tolist(), said.answer.tolist(), strict=True)
        rows = [(name_of(c).capitalize(), name_of(r, "n").capitalize()) for c, r in drawn if r != IDK]
        return _written(("person", "birthplace"), rows), "facts.csv"
    models, asked = Population([0.5], [1.0], [0.6]), normal_questions(600, 4)  # type: ignore[arg-type]
    q, c = (np.repeat(of(models, asked)[0], asked.number) for of in (belief, confidence))
    right = rng.random(len(q)) < q
    graded = np.where(c <= 0.6, "not attempted", np.where(right, "correct", "incorrect"))
    told = zip(graded.tolist(), c.tolist(), strict=True)
    return _written(("id", "grade", "confidence"), [(i, g, f"{p:.4f}") for i, (g, p) in enumerate(told)]), "log.csv"


def _written(names: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """The rows as CSV."""
    paper = io.StringIO(newline="")
    csv.writer(paper, lineterminator="\n").writerows([names, *rows])
    return paper.getvalue().encode()


def as_it_looks(data: bytes, name: str) -> Report:
    """Audit a file as what it looks like."""
    seen = looks(data, name)
    return report(data, name, seen.kind, prompt=seen.prompt, answer=seen.answer)


@lru_cache(maxsize=len(EXAMPLES))
def example_report(which: str) -> Report:
    """The audit of an example, made once; of a file that is given nothing is kept."""
    return as_it_looks(*example_file(which))


def scene(example: str) -> Scene:
    """Audit the file that simlab draws for the ``example``."""
    return example_report(example).scene


DEMONSTRATION = Demonstration(
    slug="your_data",
    motivation="What do your own facts, or your own evaluation, imply? The file stays on this machine.",
    controls=(Choice("example", "without a file", EXAMPLES, "facts", EXAMPLES.__getitem__),),
    scene=scene,
    questions=(
        (
            "The table is sorted, or every row of it differs. Why does the audit raise an alarm?",
            "Its numbers take rows for independent draws. Rows in runs, or without a repeat, were not drawn so: the "
            "singleton rate then says nothing about what is missing.",
        ),
        (
            "Why is the floor about models that are calibrated, and not about yours?",
            "The bound subtracts δ, the calibration gap of the model. A model that abstains where the table is silent "
            "has a large δ and need not err.",
        ),
        (
            "In a log the line by confidence lies above the line as answered. What does the model lack?",
            "Not knowledge: its confidences tell right from wrong, and it does not act on them. A grading at a target "
            "would pay it to.",
        ),
    ),
    theorems=("error_from_singletons_sharp", "missing_mass_from_counts", "score_from_confidence"),
    tests=("tests/test_audit.py", "tests/test_evals.py", "tests/test_teach_practice.py"),
    experiments=("experiments/error_from_singletons.py", "experiments/rank_from_grading.py"),
)  # fmt: skip
