"""Do the counts look like independent draws? De-duplicated lists, cut counts, extracts without replacement, few rows.

Each check takes counts of counts and returns a finding, or None where there is nothing to say. A check that is a
test raises a false alarm in about one of ``1 / CHANCE`` corpora of independent draws, or in fewer.
"""

from __future__ import annotations

from simlab.audit.finding import Finding
from simlab.audit.growing import draws_until
from simlab.audit.moments import TESTED, hump, steepest_hump, threshold
from simlab.missing_mass import CountsOfCounts, certificate, good_turing
from simlab.tables import FactTable

CHANCE = 1e-4
"""The chance of a false alarm, for each test."""

LIKE_FACTS = 10
"""So many facts that all stand equally often, twice or more, are no accident: under equal popularity, at the number of
facts that makes it likeliest, ten facts do so with a chance under 1e-4."""

WIDE = 0.5
"""An interval wider than this says next to nothing."""
NARROW = 0.1
"""The width that the alarm of few rows looks for."""


def deduplicated(counts: CountsOfCounts) -> Finding | None:
    """Return an alarm where every fact stands equally often, as in a list made distinct, or one repeated.

    Independent draws of which none repeats look like a list made distinct: no count can tell them apart, and the alarm
    is raised for both.
    """
    k, facts = int(counts.times[0]), counts.seen
    if len(counts.times) > 1 or facts < LIKE_FACTS:
        return None
    if k == 1:
        sentence = (
            f"each of the {facts:,} facts stands exactly once: in a de-duplicated list the singleton rate is 1 and "
            "says nothing; it is the missing mass only if no row was ever left out as a duplicate"
        )
    else:
        sentence = (
            f"each of the {facts:,} facts stands exactly {k:,} times, which independent draws do not do: a repeated "
            "de-duplicated list says nothing about the missing mass"
        )
    return Finding("deduplicated", "alarm", sentence, {"times": k, "facts": facts})


def deduplicated_pairs(table: FactTable) -> Finding | None:
    """Return an alarm where every (prompt, answer) pair stands once and some prompts have several answers.

    So looks a list made distinct over both columns: its prompts stand oftener than once only by their answers.
    """
    once = round(table.pair_singleton_rate * table.draws)
    if once < table.facts or table.facts < LIKE_FACTS or not table.conflicts:
        return None
    return Finding(
        "deduplicated",
        "alarm",
        f"each of the {table.facts:,} (prompt, answer) pairs stands exactly once, and the {table.conflicts:,} prompts "
        "that stand oftener do so by different answers: a de-duplicated list looks like this, and its singleton rate "
        "says nothing",
        {"pairs": table.facts, "conflicts": table.conflicts},
    )


def no_singletons(counts: CountsOfCounts) -> Finding | None:
    """Return an alarm where the counts begin at m > 1 as if those below were cut away, a note where they only may.

    The test is ``moments.hump`` at m, with nothing below it.
    """
    if counts.f(1) or deduplicated(counts):
        return None
    least = int(counts.times[0])
    here, above = counts.f(least), counts.f(least + 1)
    z = hump(0, here, above, least)
    evidence = {"least_times": least, f"f{least}": here, f"f{least + 1}": above, "z": z}
    if z > threshold(CHANCE):
        return Finding(
            "no_singletons",
            "alarm",
            f"no fact stands fewer than {least:,} times, yet {here:,} stand exactly so often (z = {z:.1f}): rare facts "
            "were left out, or rows repeated, and what is left does not tell the missing mass",
            evidence,
        )
    return Finding(
        "no_singletons",
        "note",
        "no fact stands exactly once: the missing mass is estimated as 0, and only the upper end of its interval says "
        "what may be missing",
        evidence,
    )


def without_replacement(counts: CountsOfCounts, in_runs: bool = False) -> Finding | None:
    """Return an alarm where a count of counts exceeds what its neighbours allow to i.i.d. draws (``moments.hump``).

    An extract without replacement of a table whose own rows were independent draws is a sample of independent draws
    itself, and nothing shows. What shows is that a fact could be drawn so many times and no more. Facts written several
    times in a row do the same; ``in_runs`` says that they were seen (``runs.clustered``), and is then named as the
    cause.
    """
    if not counts.f(1) or len(counts.times) == 1:
        return None  # told by ``no_singletons`` and ``deduplicated``
    k, z = steepest_hump(counts)
    if z <= threshold(CHANCE, len(TESTED)):
        return None
    below, here, above = (counts.f(j) for j in (k - 1, k, k + 1))
    cause = (
        "the runs named above explain it, as facts written several times in a row make such a hump; if the table is "
        "merely sorted, rows drawn without replacement, or de-duplicated in part, do"
        if in_runs
        else "rows drawn without replacement, or de-duplicated in part, look like this, and their singleton rate is "
        "not the missing mass"
    )
    return Finding(
        "without_replacement",
        "alarm",
        f"{here:,} facts stand exactly {k} times, more than independent draws allow beside {below:,} that stand "
        f"{k - 1} and {above:,} that stand {k + 1} times (z = {z:.1f}): {cause}",
        {"k": k, f"f{k - 1}": below, f"f{k}": here, f"f{k + 1}": above, "z": z},
    )


def too_few_rows(counts: CountsOfCounts, level: float) -> Finding | None:
    """Return an alarm where the finite-sample interval of the missing mass is wider than ``WIDE``.

    It names the N at which the interval would be narrower than ``NARROW``, and that at which the certificate would be
    positive, if all counts of counts grew alike.
    """
    width = _width(counts, level)
    if width <= WIDE:
        return None
    evidence: dict[str, float | int] = {"draws": counts.draws, "width": width}
    says = f"at N = {counts.draws:,} the interval of the missing mass is {width:.2f} wide, and says next to nothing"
    narrow = draws_until(counts, lambda grown: _width(grown, level) < NARROW)
    if narrow is not None:
        evidence["draws_for_narrow"] = narrow
        says += f"; at the same rates it is narrower than {NARROW:g} from about N = {narrow:,} on"
    positive = draws_until(counts, lambda grown: certificate(grown, gamma=1 - level).low > 0)
    if positive is not None and positive > counts.draws:
        evidence["draws_for_certificate"] = positive
        says += f", and the certificate is above 0 from about N = {positive:,} on"
    return Finding("too_few_rows", "alarm", says, evidence)


def _width(counts: CountsOfCounts, level: float) -> float:
    interval = good_turing(counts, level=level)
    return interval.high - interval.low
