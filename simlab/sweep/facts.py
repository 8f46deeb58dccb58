"""What do my own facts imply? The measurement of the headline sweep on the world of a table of facts.

Aims: how much must a model err that learns from a corpus like this one? Data: corpora of N draws from the world
of the table, popularity = observed frequency, |R_c| = the distinct answers of the whole table unless told.
Estimands: the error of each learner and the slack of each bound. Methods: as in the headline sweep. Without
answers the table gives the missing mass only. Performance: means over replicates with their Monte Carlo
standard errors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simlab import bounds
from simlab.corpora import sample
from simlab.errors import BadInput
from simlab.seeds import Streams
from simlab.sweep.headline import SHOWN as SHOWN  # the same columns
from simlab.tables import FactTable, read_facts
from simlab.trials import check_methods, missing_mass_row, trial
from simlab.worlds import World, expected_singleton_rate, from_facts


class Config(BaseModel):
    """Settings of a sweep over the user's facts; the counts of the table travel with it, outside every table."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    draws: int = Field(1000, ge=1, le=10**18, description="N, the number of training draws (default: the table's)")
    facts: FactTable | None = Field(None, exclude=True, repr=False, description="the table as it was read")
    files: str = Field(
        "", exclude=True, description="the names of the files read; the fingerprint says what is in them"
    )
    prompt: str = Field("", description="the column of prompts; empty: the whole row is the fact")
    answer: str = Field("", description="the column of answers; empty: missing mass only")
    count: str = Field("", description="the column of counts of a table that is aggregated already")
    idk: tuple[str, ...] = Field((), description="answers that mean IDK")
    conflicts: str = Field("majority", description="what becomes of prompts with several answers")
    normalize: str = Field("none", description="how spelling was normalised")
    n_answers: int | None = Field(None, ge=2, le=10**15, description="|R_c|; default: distinct answers of the table")
    fingerprint: str = Field("", description="a digest of the counts, so that other data are other results")
    methods: tuple[str, ...] = Field(
        ("calibrated", "softmax_table", "guess_one", "abstain"), min_length=1, description="learners"
    )
    steps: int = Field(300, ge=1, le=10**6, description="gradient steps of softmax_table")
    gamma: float | None = Field(
        None, gt=0, lt=1, description="Theorem 2 in its form at 1 - gamma; none: as published, at 99%"
    )


CLOSED = {  # what --set may not change, and the way to change it
    "files": "--facts",
    "prompt": "--prompt",
    "answer": "--answer",
    "count": "--count",
    "idk": "--idk",
    "conflicts": "--conflicts",
    "normalize": "--normalize",
    "n_answers": "--n-answers",
    "fingerprint": "",
}
GRID: dict[str, tuple[Any, ...]] = {}
REPLICATES = 20
MEASURES = ("table_floor", "table_singleton_rate")
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2}
PICTURE = "error_from_singletons"


def configure(
    paths: Sequence[str],
    prompt: str | None = None,
    answer: str | None = None,
    count: str | None = None,
    idk: Sequence[str] = (),
    conflicts: str = "majority",
    normalize: str = "none",
    n_answers: int | None = None,
    skip_bad_rows: bool = False,
) -> dict[str, Any]:
    """Read the table once and return the fields of ``Config``; raises ``BadInput`` as ``read_facts`` does."""
    table = read_facts(
        paths,
        prompt=prompt,
        answer=answer,
        count=count,
        idk=idk,
        conflicts=conflicts,
        normalize=normalize,
        skip_bad_rows=skip_bad_rows,
    )
    if answer is not None:
        from_facts(table, n_answers)  # a table that makes no world is refused before anything is written
    digest = hashlib.sha256()
    for counts in (table.answered, table.idk, table.valid, table.multiplicity):
        digest.update(np.ascontiguousarray(counts, dtype="<i8").tobytes())
    digest.update(str(table.distinct_answers).encode())
    if answer is None and n_answers is not None:
        raise BadInput(f"--n-answers {n_answers} is given without --answer: without answers it has no meaning")
    return {
        "draws": table.draws,
        "facts": table,
        "files": " ".join(Path(path).name for path in table.path),  # names travel, paths of one machine do not
        "prompt": prompt or "",
        "answer": answer or "",
        "count": count or "",
        "idk": tuple(idk),
        "conflicts": conflicts,
        "normalize": normalize,
        "n_answers": n_answers,
        "fingerprint": digest.hexdigest()[:16],
    }


def own_rate(config: Config) -> float:
    """The table's own singleton rate: of prompts, or of pairs where each pair is a fact of its own."""
    assert config.facts is not None
    return config.facts.pair_singleton_rate if config.conflicts == "all-valid" else config.facts.singleton_rate


def sharp_floor(config: Config, world: World) -> float:
    """The sharp form's floor for error + delta, sr - 1/N - k/K, with the table's own rate for E[sr]."""
    assert config.facts is not None
    missing = max(own_rate(config) - 1.0 / config.facts.draws, 0.0)
    least = int(world.n_errors.min())
    return bounds.error_from_singletons_sharp(missing, least, 0.0, n_valid_max=world.n_valid).value


def check(config: Config) -> None:
    """Refuse methods that are not defined, before anything is drawn."""
    if config.answer and config.facts is not None:
        check_methods(config.methods, from_facts(config.facts, config.n_answers))


def describe(config: Config) -> list[str]:
    """Say what the table itself shows, before any corpus is drawn from its world."""
    table = config.facts
    assert table is not None
    skipped = sum(one.rows for one in table.skipped)
    bad = f", {skipped:,} more passed over as bad" if skipped else ""
    lines = [
        f"{config.files}: {table.rows:,} rows{bad}, {table.missing:,} left out as missing; N = {table.draws:,}, "
        f"{table.prompts:,} prompts, {table.facts:,} distinct facts, {table.distinct_answers:,} distinct answers; "
        f"{table.conflicts:,} prompts have more than one answer (rule: {config.conflicts})",
        f"Your table: singleton rate {table.singleton_rate:.4f}, the share of rows whose prompt stands once "
        f"({table.pair_singleton_rate:.4f} counting distinct facts"
        + (f"; {table.singleton_rate_raw:.4f} before normalising spelling)" if config.normalize != "none" else ")"),
    ]
    if not config.answer:
        return [*lines, "No answers: only the missing mass can be measured."]
    world = from_facts(table, config.n_answers)
    pairs = "; here each (prompt, answer) pair counts as a prompt" if config.conflicts == "all-valid" else ""
    return [
        *lines,
        "  sharp form of Theorem 2, in expectation: "
        f"error + delta >= {sharp_floor(config, world):.4f} = sr - 1/N - k/K",
        f"  Theorem 2 as published, {_published(config, table, world)}",
        "  Both take rows for i.i.d. draws and answers for arbitrary, uniform on "
        f"{int(world.answers.max()):,} plausible ones: "
        f"where an answer can be guessed from the others, less error is possible{pairs}.",
        "Simulation: corpora redrawn from a world in which popularity is the observed frequency; their expected "
        f"singleton rate is {expected_singleton_rate(world, config.draws):.4f}.",
    ]


def _published(config: Config, table: FactTable, world: World) -> str:
    """Theorem 2 on the table's own rate, for a calibrated model: its value, and from which N on it says something."""
    report = bounds.error_from_singletons(
        own_rate(config), table.draws, int(world.n_errors.min()), 0.0, gamma=config.gamma
    )
    says = f"with probability {report.level:.4g} and for delta = 0: error >= {report.value:.4f}"
    if not report.vacuous:
        return says
    if report.draws_needed is None or math.isinf(report.draws_needed):
        return f"{says}, vacuous, and so at any N with this singleton rate"
    return f"{says}, vacuous; with this singleton rate it says something from N = {report.draws_needed:,.0f} on"


@lru_cache(maxsize=2)
def _world(fingerprint: str, n_answers: int | None, payload: FactTable) -> World:  # noqa: ARG001 - keys the cache
    return from_facts(payload, n_answers if payload.distinct_answers or n_answers else 2)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one trial a replicate; without answers one row a corpus."""
    assert config.facts is not None
    world = _world(config.fingerprint, config.n_answers, config.facts)
    if not config.answer:
        return [_missing_mass(world, config, one) for one in streams]
    options = {"softmax_table": {"steps": config.steps}}
    own = {"table_singleton_rate": own_rate(config), "table_floor": sharp_floor(config, world)}
    return [
        row | own
        for one in streams
        for row in trial(world, config.draws, config.methods, one, gamma=config.gamma, options=options)
    ]


def _missing_mass(world: World, config: Config, streams: Streams) -> dict[str, Any]:
    """The row of a corpus without answers: |R_c| plays no part in it."""
    corpus = sample(world, config.draws, streams.numpy("corpus"), count_cap=2)
    row = missing_mass_row(world, corpus, config.gamma)
    return {"replicate": streams.replicate, "method": "good_turing"} | row
