"""One whole trial: a corpus is drawn, every learner is fitted to it, and every bound is evaluated.

This is the cell that experiments, the headline sweep and benchmarks share: one row a method, with the measures
by their names in the table of symbols and, for each theorem that applies, its value, its slack and whether it
is vacuous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simlab import bounds
from simlab.corpora import (
    CELL_MODES,
    LISTED_MODES,
    Corpus,
    Listed,
    Truth,
    list_facts,
    sample,
    sample_listed,
    singleton_rate,
)
from simlab.errors import unknown
from simlab.measures import Measures, missing_mass, missing_squares, observe
from simlab.models import LEARNERS, Fit, TableFit, check_learner, learn
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.worlds import World, expected_missing_mass

Row = dict[str, Any]

MEASURES = (
    *("error", "iiv_error", "calibration_gap", "valid_over_errors", "over", "room", "gap"),
    *("cross_entropy", "miscalibration", "loss", "gradient_norm", "converged"),
    *("singleton_rate", "missing_mass", "expected_missing_mass", "total_variation"),
)
"""What a trial's rows measure, beside the bounds."""


def check_methods(methods: Sequence[str], world: World) -> None:
    """Raise ``BadInput`` for a method that is unknown or not defined in this world, before anything is drawn."""
    for name in methods:
        check_learner(name, idk=world.idk, prompted=world.prompted)


def trial(
    world: World,
    draws: int,
    methods: Sequence[str],
    streams: Streams,
    *,
    count_cap: int | None = None,
    gamma: float | None = None,
    mode: str = "iid",
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Row]:
    """Draw one corpus of N = ``draws`` and return one row a method.

    All methods see the same corpus (stream ``corpus``). ``options`` holds settings of single learners by their
    name. ``gamma`` None takes Theorem 2 as published (99%), else its form at 1 - gamma. ``mode`` breaks an assumption
    of the theorems on purpose (``simlab.corpora.LISTED_MODES``): the corpus warns. Where the mode or a method needs
    single draws the whole trial is listed, draw by draw and fact by fact. Raises ``BadInput`` where a setting, a
    method or the cap does not fit.
    """
    for name in options or {}:
        if name not in LEARNERS:
            raise unknown("method (in options)", name, LEARNERS)
    listed = any(name in LEARNERS and LEARNERS[name].listed for name in methods)
    truth, corpus = _draw(world, draws, streams, count_cap, mode, listed=listed)
    shared = missing_mass_row(world, corpus, gamma)
    rows = []
    for method in methods:
        fit: Fit | TableFit = learn(method, corpus, streams, **(options or {}).get(method, {}))
        row = {"replicate": streams.replicate, "method": method} | shared
        if fit.trace is not None:
            row |= {
                "loss": float(fit.trace.loss[-1]),
                "gradient_norm": float(fit.trace.gradient_norm[-1]),
                "converged": fit.trace.converged,
            }
        if fit.finite:  # a fit that diverged is no density: its row says so and has no measures
            seen = observe(tabulate(truth, corpus, fit, streams))
            row |= seen.columns | bound_columns(world, corpus, seen, shared, method, gamma)
        rows.append(row)
    return rows


def _draw(
    world: World, draws: int, streams: Streams, count_cap: int | None, mode: str, *, listed: bool
) -> tuple[World | Truth, Corpus | Listed]:
    """Draw the corpus as cells where mode and methods allow it, else draw by draw, with the truth it was drawn from."""
    if not listed and (mode not in LISTED_MODES or mode in CELL_MODES):
        return world, sample(world, draws, streams.numpy("corpus"), count_cap=count_cap, mode=mode)
    truth = list_facts(world, streams.numpy("facts"))
    return truth, sample_listed(truth, draws, streams.numpy("corpus"), mode=mode)


def missing_mass_row(world: World, corpus: Corpus | Listed, gamma: float | None = None) -> Row:
    """What a corpus shows before anything is learned: sr, MM, E[MM], and how far they may be apart."""
    rate, missed = singleton_rate(corpus), missing_mass(world, corpus)
    row: Row = {
        "singleton_rate": rate,
        "missing_mass": missed,
        "total_variation": corpus.total_variation if isinstance(corpus, Corpus) else 0.0,
    }
    if corpus.mode == "iid":
        row["expected_missing_mass"] = expected_missing_mass(world, corpus.draws)
    radius = bounds.missing_mass_from_singletons(rate, corpus.draws, gamma or 0.01, missed, world.idk)
    risk = bounds.missing_mass_from_singletons_sharp(rate, corpus.draws, missed)
    return row | radius.columns() | risk.columns()


def bound_columns(
    world: World, corpus: Corpus | Listed, seen: Measures, shared: Row, method: str, gamma: float | None = None
) -> Row:
    """Evaluate every bound on the error that applies to this world and method."""
    reduction = bounds.error_from_iiv if world.prompted else bounds.error_from_iiv_unprompted
    reports = [
        reduction(seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min),
    ]
    rate, n = shared["singleton_rate"], corpus.draws
    level = gamma or 0.01
    if world.prompted:
        least, most = seen.n_errors_min, int(world.n_errors.max())
        gap, err = seen.calibration_gap, seen.error
        squares = missing_squares(world, corpus)
        reports += [
            bounds.error_from_singletons(rate, n, least, gap, gamma=gamma, error=err),
            # the sharp form holds given the training data, so their own missing mass stands for its mean
            bounds.error_from_singletons_sharp(shared["missing_mass"], least, gap, err, seen.n_valid_max),
            bounds.iiv_from_singletons(rate, n, level, seen.iiv_error),
            bounds.iiv_from_missing_mass(shared["missing_mass"], squares, level, seen.iiv_error),
        ]
        if method == "calibrated":
            reports.append(bounds.error_from_singletons_upper(rate, n, most, gamma=gamma, error=err))
    else:
        sparsity = world.n_facts / (world.n_false or 1)
        reports += [
            bounds.error_from_monofacts(rate, n, seen.miscalibration, sparsity, gamma=gamma, error=seen.error),
            bounds.error_from_monofacts_sharp(shared["missing_mass"], seen.miscalibration, sparsity, seen.error),
        ]
    columns: Row = {}
    for report in reports:
        columns |= report.columns()
    return columns
