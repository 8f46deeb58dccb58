"""The measures that an experiment says its rows may have, so that a misspelt one is told before anything runs.

An experiment may list in MEASURES what its cells measure beyond SHOWN, ``simlab.trials.MEASURES`` and the columns of
bounds; ``#`` in a name stands for any whole number. Its rows are then held to that. Where it lists nothing, only rows
say what there is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from simlab.bounds import THEOREMS
from simlab.errors import BadInput, unknown
from simlab.sweep.columns import RESERVED
from simlab.sweep.loading import Experiment, Row, run_source
from simlab.sweep.planning import COVERAGE, Target

BOUND = ("value", "slack", "vacuous")
BESIDE = ("_estimand", "_low", "_high")
"""Columns beside a measure: what it estimates, and the ends of its interval."""


def declared_measures(experiment: Experiment) -> tuple[str, ...] | None:
    """The names that measures of this experiment may have; None where it does not say. Raises ``BadInput``."""
    own = getattr(run_source(experiment.source), "MEASURES", None)
    if own is None:
        return None
    if isinstance(own, str) or not isinstance(own, Sequence) or not all(isinstance(name, str) and name for name in own):
        raise BadInput(f"{experiment.slug}.py: MEASURES = {own!r}: must be a tuple of names, such as ('accuracy',)")
    from simlab import trials

    slugs = [theorem.slug for theorem in (*THEOREMS, *experiment.theorems)]
    bounds = [f"{slug}_{part}" for slug in slugs for part in BOUND]
    return (*dict.fromkeys((*experiment.shown, *own, *trials.MEASURES, *bounds)),)


def check_rows_declared(experiment: Experiment, rows: Iterable[Row]) -> None:
    """Raise ``BadInput`` for a measure of a row that the experiment does not list, where it lists any."""
    known = declared_measures(experiment)
    if known is not None:
        columns = (*RESERVED, *experiment.along)
        for name in dict.fromkeys(name for row in rows for name in row if name not in columns):
            if not _among(name, known):
                where = f"the cell of {experiment.slug}.py"
                raise BadInput(f"{where}: measure {name!r} is not in MEASURES: list it there")


def check_target(experiment: Experiment, target: Target | None) -> None:
    """Raise ``BadInput``, before anything runs, for a target's measure that no row of the experiment will have."""
    known = None if target is None or target.measure is None else declared_measures(experiment)
    if target is None or target.measure is None or known is None:
        return
    name = target.measure.removesuffix(COVERAGE)
    if not _among(name, known):
        plain = [one for one in known if "#" not in one]
        near = difflib.get_close_matches(name, plain, n=1)
        raise unknown("measure", target.measure, near or experiment.shown or plain)


def _among(name: str, known: Iterable[str]) -> bool:
    """Whether a name, or what it stands beside, is one of those, or of the form of one."""
    bare = [name, *(name.removesuffix(end) for end in BESIDE if name.endswith(end))]
    return any(re.fullmatch(re.escape(form).replace(r"\#", r"\d+"), one) for form in known for one in bare)
