"""The audit of a corpus as one frozen record: everything that is shown, in text, on a page or as JSON, is in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import simlab
from simlab.audit.finding import Finding
from simlab.audit.floors import Answers, Floors
from simlab.audit.outlook import MoreRows
from simlab.estimates import strict_fields
from simlab.missing_mass import CountsOfCounts, Estimate
from simlab.missing_mass.curve import CoverageCurve
from simlab.missing_mass.exponent import FrequencyExponent
from simlab.tables import Examples, FileRead, Order, Skipped

SCHEMA = 2
"""The version of the JSON; it is raised when a field goes away or changes its meaning."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the audit was asked: columns, rules and levels, as ``audit_corpus`` takes them."""

    prompt: str | None
    answer: str | None
    count: str | None
    idk: tuple[str, ...]
    conflicts: str
    normalize: str
    n_answers: int | None
    level: float
    target: float
    seed: int
    spelling_check: bool | None


@dataclass(frozen=True, slots=True)
class Size:
    """How large the table is: rows read, those left out as missing, bad ones passed over besides; N; what differs."""

    rows: int
    missing: int
    skipped: int
    draws: int
    prompts: int
    facts: int
    distinct_answers: int


@dataclass(frozen=True, slots=True)
class Singletons:
    """Rates of what stands exactly once, each divided by N.

    ``singleton_rate`` is that of the facts as the conflict rule makes them, which the floors take; ``prompts`` that of
    prompts (arXiv 2509.04664, Definition 2), ``pairs`` that of (prompt, answer) pairs; ``respelt`` that of prompts
    after each way of normalising, "none" among them.
    """

    singleton_rate: float
    prompts: float
    pairs: float
    respelt: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class MissingMass:
    """The missing mass: Good-Turing with a finite-sample and a score interval, Chao & Jost, and the certificate."""

    good_turing: Estimate
    score: Estimate
    chao_jost: Estimate
    certificate: Estimate


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Prompts with several answers: how many, as shares of the prompts answered at all and of those answered twice or
    more (a prompt answered once cannot conflict), and how many prompts of the table have how many answers."""

    prompts: int
    rate: float
    rate_of_repeated: float
    answers_per_prompt: float
    distribution: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class CorpusAudit:
    """The audit of a corpus.

    ``answers``, ``floors`` and ``conflicts`` are None where there are no answers; ``answers`` and ``floors`` also where
    all prompts share one answer and ``n_answers`` was not told. ``order`` is None where it was not looked at,
    ``examples`` where none were wanted. ``findings`` are alarms first.
    """

    files: tuple[FileRead, ...]
    asked: Question
    size: Size
    skipped: tuple[Skipped, ...]
    counts: CountsOfCounts
    singletons: Singletons
    missing_mass: MissingMass
    answers: Answers | None
    floors: Floors | None
    conflicts: Conflicts | None
    coverage: CoverageCurve
    power_law: FrequencyExponent
    more_rows: MoreRows
    order: Order | None
    examples: Examples | None
    findings: tuple[Finding, ...]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The findings that are alarms."""
        return tuple(finding for finding in self.findings if finding.grade == "alarm")

    def as_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists and plain values, for strict JSON: NaN and infinity are None."""
        counts = self.counts
        said = {
            "simlab": simlab.__version__,
            "audit": "corpus",
            "schema": SCHEMA,
            "files": [{"name": name_of(file.path), "bytes": file.bytes} for file in self.files],
            "asked": asdict(self.asked),
            "size": asdict(self.size),
            "skipped": [asdict(one) | {"path": name_of(one.path)} for one in self.skipped],
            "counts_of_counts": {"times": counts.times.tolist(), "facts": counts.facts.tolist(), "idk": counts.idk},
            "singletons": asdict(self.singletons),
            "missing_mass": strict_fields(self.missing_mass),
            "answers": self.answers and self.answers.as_dict(),
            "floors": self.floors and self.floors.as_dict(),
            "conflicts": self.conflicts and asdict(self.conflicts),
            "coverage": self.coverage.as_dict(),
            "power_law": self.power_law.as_dict(),
            "more_rows": self.more_rows.as_dict(),
            "order": self.order and asdict(self.order),
            "examples": self.examples and asdict(self.examples),
            "findings": [finding.as_dict() for finding in self.findings],
        }
        plain: dict[str, Any] = strict(said)
        return plain

    def text(self, width: int | None = None) -> str:
        """Return the audit as plain text, folded to ``width`` columns if given: what the command line prints."""
        from simlab.audit.text import text_of

        return text_of(self, width)

    def html(self) -> str:
        """Return the audit as one self-contained HTML page with its plots."""
        from simlab.audit.corpus_page import html_of

        return html_of(self)


def name_of(path: str) -> str:
    """The name of a file, without the folders of one machine."""
    return Path(path).name


def strict(value: Any) -> Any:
    """The value in what strict JSON knows: keys are texts, tuples lists, NaN and infinity None."""
    if isinstance(value, Mapping):
        return {str(name): strict(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if hasattr(value, "item") else value
