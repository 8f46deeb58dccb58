"""What a sweep says of each theorem: held, violated, vacuous or not judged, in one sentence, with the slack."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from simlab.errors import BadInput
from simlab.sweep.cases import FEW, LEAST, SUFFIX, Case, Named, cases_of, gamma_of
from simlab.sweep.collecting import Table
from simlab.sweep.summary import group
from simlab.terminal.wording import number, plural, plus_minus, settings_text

Outcome = Literal["held", "violated", "vacuous", "not judged"]


@dataclass(frozen=True)
class Verdict:
    """What the replicates say of one theorem in one mode. ``slack`` is the smallest slack, or mean slack with ``mcse``.

    ``replicates`` counts the rows that were judged, ``vacuous_points`` the grid points, of ``points``, at which
    the bound would hold for any model. ``failed`` is False in a mode that breaks an assumption on purpose.
    """

    slug: str
    outcome: Outcome
    mode: str
    slack: float
    mcse: float
    replicates: int
    points: int
    vacuous_points: int
    sentence: str
    excused: bool

    @property
    def failed(self) -> bool:
        """Whether a bound failed whose assumptions were met."""
        return self.outcome == "violated" and not self.excused


def judge(
    table: Table,
    settings: Sequence[str],
    varying: Sequence[str],
    theorems: Iterable[Named],
    along: Sequence[str] = (),
) -> tuple[Verdict, ...]:
    """Return a verdict for every theorem that has a slack column in ``table``, one a mode.

    ``settings`` names the settings among the columns, ``varying`` those to name in a sentence, and ``along`` what runs
    along a curve: a mean is taken at each place on it. Raises ``BadInput`` for a slack column of no theorem.
    """
    known = {theorem.slug: theorem for theorem in theorems}
    check_columns(table, known)
    groups = group(table, settings, along)
    modes = dict.fromkeys(str(row.get("mode", "iid")) for row in groups.settings)
    present = [theorem for slug, theorem in known.items() if slug + SUFFIX in table]
    return tuple(
        _verdict(theorem, mode, cases_of(table, groups, theorem, mode), (*varying, *along))
        for theorem in present
        for mode in modes
    )


def check_columns(columns: Iterable[str], slugs: Iterable[str]) -> None:
    """Raise ``BadInput`` for a slack column of no theorem: a bound that nobody judges would look as if it had held."""
    known = set(slugs)
    for name in columns:
        if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) not in known:
            raise BadInput(
                f"column {name!r} belongs to no theorem: name it after one that python -m simlab.bounds "
                "lists, or list its theorem in THEOREMS of the experiment"
            )


def _verdict(theorem: Named, mode: str, cases: Sequence[Case], varying: Sequence[str]) -> Verdict:
    """The verdict over all cases; the sentence names the worst of them."""
    judged = [case for case in cases if case.fails is not None]
    failing = [case for case in judged if case.fails]
    by_point: dict[int, bool] = {}
    for case in cases:
        by_point[case.point] = by_point.get(case.point, True) and case.vacuous
    vacuous = sum(by_point.values())
    outcome: Outcome = "held"
    if failing:
        outcome = "violated"
    elif not judged:
        outcome = "not judged"
    elif vacuous == len(by_point):
        outcome = "vacuous"
    worst = min(failing or judged or cases, key=lambda case: case.slack, default=None)
    sentence = _sentence(theorem, mode, outcome, cases, worst, by_point, varying)
    return Verdict(
        theorem.slug,
        outcome,
        mode,
        worst.slack if worst else math.nan,
        worst.mcse if worst else math.nan,
        sum(case.n for case in cases),
        len(by_point),
        vacuous,
        sentence,
        _excused(theorem, mode),
    )


def _excused(theorem: Named, mode: str) -> bool:
    """Whether ``mode`` breaks an assumption of the theorem: some hold given any training data, however drawn."""
    return mode != "iid" and bool(getattr(theorem, "assumes_iid", True))


def _sentence(
    theorem: Named,
    mode: str,
    outcome: Outcome,
    cases: Sequence[Case],
    worst: Case | None,
    by_point: Mapping[int, bool],
    varying: Sequence[str],
) -> str:
    broken = "" if mode == "iid" else f" in mode {mode}"
    if _excused(theorem, mode):
        broken += ", which breaks its assumptions on purpose"
    head = f"{theorem.name} ({theorem.slug}){broken}: {outcome.upper() if outcome == 'violated' else outcome}"
    if worst is None:
        return f"{head}; no row to which it applies."
    if outcome == "not judged":
        if worst.n == 1:
            return f"{head}; one replicate a grid point has no standard error, give more --replicates."
        if theorem.kind == "probability" or worst.n < LEAST:
            return f"{head}; {worst.n} replicates a grid point are too few for it to fail, give more --replicates."
        return (
            f"{head}; the slack is {number(worst.slack)} in each of {worst.n} replicates{_at(worst, varying)}, too "
            f"few to tell a constant from chance, give --replicates {FEW} or more."
        )
    vacuous, points = sum(by_point.values()), len(by_point)
    if outcome == "vacuous":
        head += f" at {'the only grid point' if points == 1 else f'all {points} grid points'}, it says nothing there"
    elif vacuous:
        head += f", {'and' if outcome == 'violated' else 'but'} vacuous at {vacuous} of {points} grid points"
        head += _range_of_vacuity(cases, by_point, varying)
    undecided = {case.point for case in cases if case.fails is None}
    if undecided:
        head += f", not judged at {len(undecided)} of {plural(points, 'grid point')} for want of replicates"
    return f"{head}; {_detail(theorem, outcome, cases, worst, varying)}."


def _detail(theorem: Named, outcome: Outcome, cases: Sequence[Case], worst: Case, varying: Sequence[str]) -> str:
    """The slack and what it was taken over; the place too where the bound failed."""
    rows = plural(sum(case.n for case in cases), "row")
    at = _at(worst, varying)
    if theorem.kind == "expectation":
        chance = ", within Monte Carlo error" if outcome != "violated" and worst.slack < 0 < worst.mcse else ""
        return f"smallest mean slack {plus_minus(worst.slack, worst.mcse)} ({worst.n} replicates{chance}){at}"
    at = at if outcome == "violated" else ""
    if theorem.kind == "deterministic":
        return f"smallest slack {number(worst.slack)} over {rows}{at}"
    allowed = f"where at most {100 * gamma_of(worst.settings):.4g}% may"
    if outcome == "violated":
        return f"{worst.violations} of {plural(worst.n, 'row')} break it{at}, {allowed}"
    broken = sum(case.violations for case in cases)
    return f"{broken} of {rows} break it, {allowed}; smallest slack {number(worst.slack)}"


def _at(case: Case, varying: Sequence[str]) -> str:
    """Where a case is: `` at draws = 10, method a``."""
    return " at " + ", ".join(filter(None, (settings_text(case.settings, varying), f"method {case.method}")))


def overall(verdicts: Sequence[Verdict]) -> str:
    """All verdicts in a line: ``8 bounds: 1 VIOLATED, 6 held, 1 vacuous everywhere``."""
    broken = "violated in a mode that breaks their assumptions on purpose"
    names = {"held": "held", "vacuous": "vacuous everywhere", "not judged": "not judged", "violated": broken}
    counts = Counter("VIOLATED" if verdict.failed else names[verdict.outcome] for verdict in verdicts)
    parts = [f"{counts[name]} {name}" for name in ("VIOLATED", *names.values()) if counts[name]]
    modes = len({verdict.mode for verdict in verdicts})
    return f"{plural(len(verdicts), 'bound' if modes == 1 else 'verdict')}: {', '.join(parts)}"


def _range_of_vacuity(cases: Sequence[Case], by_point: Mapping[int, bool], varying: Sequence[str]) -> str:
    """``(draws <= 7,892)`` where one setting tells the vacuous grid points from the others, else nothing."""
    for name in varying:
        split: dict[bool, list[float]] = {True: [], False: []}
        for case in cases:
            value = case.settings[name]
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                split[by_point[case.point]].append(value)
        if split[True] and split[False]:
            if max(split[True]) < min(split[False]):
                return f" ({name} <= {number(max(split[True]))})"
            if min(split[True]) > max(split[False]):
                return f" ({name} >= {number(min(split[True]))})"
    return ""
