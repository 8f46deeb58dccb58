"""One row again: its block is computed in this process, where a debugger can look into it."""

from __future__ import annotations

import pdb
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from simlab.errors import BadInput
from simlab.sweep.blocks import compute
from simlab.sweep.collecting import REPLICATES, read_table, stamp_in
from simlab.sweep.devices import bind
from simlab.sweep.limits import time_limit
from simlab.sweep.loading import Row
from simlab.sweep.manifests import Manifest, runs_of
from simlab.sweep.plan import Job, Plan, code_version
from simlab.sweep.summary import measures, plain
from simlab.terminal.interruption import Stopped, stoppable
from simlab.terminal.output import put, say

SAME, OTHER = 0, 1


def replay(folder: str | Path, row: int, timeout: float | None = None) -> int:
    """Compute the block of row number ``row`` of a folder's ``replicates.parquet`` again, and show the row.

    A row that has values is shown beside those computed now. An error row drops into the traceback: into the debugger
    at the place that raised where there is a terminal, else the traceback is printed. Returns 0 where the row came out
    as it was (an error row: raised again), else 1. Raises ``BadInput`` for a row that is not there.
    """
    store, runs = runs_of(folder)
    if stamp_in(store.folder / REPLICATES) is None:
        raise BadInput(
            f"{store.folder} has no {REPLICATES}, or a damaged one: run the sweep to its end, or make it by "
            "export DIR --to parquet"
        )
    table = read_table(store.folder / REPLICATES)
    rows = len(table["key"])
    if not 0 <= row < rows:
        raise BadInput(
            f"--replay {row}: {store.folder / REPLICATES} has the rows 0 to {rows - 1:,}: choose one of them"
        )
    old = {name: plain(column[row]) for name, column in table.items()}
    plan, job, given = _job(runs, str(old["key"]), store.folder)
    if plan.version != code_version():
        say(f"the row was computed by simlab {plan.version}, this is {code_version()}")
    put(f"{plan.experiment.slug}: row {row}, {', '.join(filter(None, (plan.place(job.settings), job.name)))}")
    bind(plan.device)
    try:
        with stoppable(), time_limit(timeout):
            computed = compute(job, given, job.replicates)
    except Stopped:
        raise
    except BaseException as error:
        return _raised(error, old)
    if old.get("error_type") is not None:
        put(f"the block raised {old['error_type']} then, and does not raise now")
        return OTHER
    names = ("replicate", "method", *plan.along)
    new = next((one for one in computed if all(one[name] == old[name] for name in names)), None)
    if new is None:
        where = "".join(f", {name} = {old[name]}" for name in plan.along)
        put(f"the block has no row of method {old['method']!r}{where} now")
        return OTHER
    return _compared(old, new, measures(table, plan.settings, plan.along))


def _job(runs: list[Manifest], key: str, folder: Path) -> tuple[Plan, Job, dict[str, object]]:
    """The block of that key, the plan that it belongs to, and what it is computed from beside its settings."""
    refused: list[BadInput] = []
    for one in runs:
        try:
            plan = one.plan()
        except BadInput as error:
            refused.append(error)
            continue
        for job in plan.jobs:
            if job.key == key:
                return plan, job, one.payload()
    if refused:
        raise refused[0]
    raise BadInput(f"the block {key[:12]} belongs to no run that {folder} records: run the sweep again")


def _raised(error: BaseException, old: Row) -> int:
    """Show what was raised, and stop where it was raised if somebody is there to look."""
    traceback.print_exception(error)
    if sys.stdin.isatty() and sys.stdout.isatty():
        put("the debugger is where it was raised: w shows the stack, q leaves")
        pdb.post_mortem(error.__traceback__)
    return SAME if old.get("error_type") == type(error).__name__ else OTHER


def _compared(old: Row, new: Row, names: Sequence[str]) -> int:
    """Print the row, every measure among ``names`` as it stands in the table and as it was computed now."""
    width = max(map(len, {**old, **new}))
    different = 0
    for name in {**old, **new}:
        value, again = old.get(name), new.get(name)
        measured = name in names or name not in old
        if measured and isinstance(value, float) and isinstance(again, (bool, int)):
            again = float(again)  # its column holds floats
        same = not measured or repr(value) == repr(plain(again))
        different += not same
        put(f"  {name:{width}}  {value}" + ("" if same else f"  and now {again}"))
    differ = "1 value differs" if different == 1 else f"{different:,} values differ"
    put("computed again: " + (differ if different else "the same bits"))
    return SAME if not different else OTHER
