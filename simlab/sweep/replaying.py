"""One row again: its block is computed in this process, where a debugger can look into it."""

from __future__ import annotations

import pdb
import sys
import traceback
from pathlib import Path

from simlab.errors import BadInput
from simlab.sweep import blocks
from simlab.sweep.blocks import compute
from simlab.sweep.collecting import REPLICATES, Table, read_table
from simlab.sweep.devices import bind
from simlab.sweep.loading import Row
from simlab.sweep.manifests import Manifest, runs_of
from simlab.sweep.plan import Job, Plan, code_version
from simlab.sweep.summary import plain
from simlab.terminal.output import put, say

SAME, OTHER = 0, 1


def replay(folder: str | Path, row: int) -> int:
    """Compute the block of row number ``row`` of a folder's ``replicates.parquet`` again, and show the row.

    A row that has values is shown beside those computed now. An error row drops into the traceback: into the debugger
    at the place that raised where there is a terminal, else the traceback is printed. Returns 0 where the row came out
    as it was (an error row: raised again), else 1. Raises ``BadInput`` for a row that is not there.
    """
    store, runs = runs_of(folder)
    if not (store.folder / REPLICATES).is_file():
        raise BadInput(f"{store.folder} has no {REPLICATES}: run the sweep to its end, or export the folder first")
    table = read_table(store.folder / REPLICATES)
    rows = len(table["key"])
    if not 0 <= row < rows:
        raise BadInput(
            f"--replay {row}: {store.folder / REPLICATES} has the rows 0 to {rows - 1:,}: choose one of them"
        )
    old = {name: plain(column[row]) for name, column in table.items()}
    plan, job = _job(runs, str(old["key"]), store.folder)
    if plan.version != code_version():
        say(f"the row was computed by simlab {plan.version}, this is {code_version()}")
    put(f"{plan.experiment.slug}: row {row}, {', '.join(filter(None, (plan.place(job.settings), job.name)))}")
    bind(plan.device)
    given = blocks.payload | plan.experiment.payload
    try:
        computed = compute(job, given, job.replicates)
    except (Exception, SystemExit, GeneratorExit) as error:
        return _raised(error, old)
    if old.get("error_type") is not None:
        put(f"the block raised {old['error_type']} then, and does not raise now")
        return OTHER
    new = next(
        (one for one in computed if (one["replicate"], one["method"]) == (old["replicate"], old["method"])), Row()
    )
    return _compared(old, new, table)


def _job(runs: list[Manifest], key: str, folder: Path) -> tuple[Plan, Job]:
    """The block of that key, and the plan that it belongs to."""
    for one in runs:
        plan = one.plan()
        for job in plan.jobs:
            if job.key == key:
                return plan, job
    raise BadInput(f"the block {key[:12]} belongs to no run that {folder} records: run the sweep again")


def _raised(error: BaseException, old: Row) -> int:
    """Show what was raised, and stop where it was raised if somebody is there to look."""
    traceback.print_exception(error)
    if sys.stdin.isatty() and sys.stdout.isatty():
        put("the debugger is where it was raised: w shows the stack, q leaves")
        pdb.post_mortem(error.__traceback__)
    return SAME if old.get("error_type") == type(error).__name__ else OTHER


def _compared(old: Row, new: Row, table: Table) -> int:
    """Print every measure, as it stands in the table and as it was computed now."""
    width = max(map(len, table))
    different = 0
    for name, value in old.items():
        if name not in new:
            put(f"  {name:{width}}  {value}")
            continue
        again = plain(float(str(new[name])) if isinstance(value, float) else new[name])
        same = again == value
        different += not same
        put(f"  {name:{width}}  {value}" + ("" if same else f"  and now {again}"))
    put("computed again: the same bits" if not different else f"computed again: {different} values differ")
    return SAME if not different else OTHER
