"""A results folder looked at from outside: how far its runs are, their rows as one file, and whether they repeat."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from simlab.errors import BadInput, unknown
from simlab.sweep.blocks import Outcome
from simlab.sweep.collecting import REPLICATES, Table, read_table, write_parquet
from simlab.sweep.engine import one_by_one, run_blocks
from simlab.sweep.manifests import Manifest, runs_of
from simlab.sweep.plan import Plan, code_version
from simlab.sweep.pools import Workers
from simlab.sweep.store import Block, Store, block_of
from simlab.terminal.files import written_whole
from simlab.terminal.wording import plural

FORMATS = ("csv", "parquet")
SHORT = 12
NOTHING = "run {run} in {folder} has no finished block: there is nothing to {verb}"


def status_of_folder(name: str) -> list[str]:
    """Return lines on every run of a folder, the last one first. Raises ``BadInput`` for a folder without any."""
    store, runs = runs_of(name)
    lines, known = [], set[str]()
    for one in runs:
        found, keys = _status(store, one)
        lines += [*found, ""]
        known |= keys
    others = sum(path.stem not in known for path in store.files())
    if others:
        lines += [f"{plural(others, 'block file')} of no run that is recorded here", ""]
    return lines[:-1]


def _status(store: Store, one: Manifest) -> tuple[list[str], set[str]]:
    """What there is to say of one run, and the keys of its blocks."""
    head = f"{one.path.stem[:SHORT]}  {one.slug}, seed {one.seed}, simlab {one.version}"
    try:
        plan = one.plan()
    except BadInput as error:
        return [head, f"  {one.question}", f"  {error}"], set()
    done = store.finished(plan.jobs)
    damaged = sum(job.key not in done and store.path(job.key).exists() for job in plan.jobs)
    errors = sum(block.errors for block in done.values())
    spent = sum(_seconds(block) for block in done.values())
    hosts = Counter(str(block.provenance.get("host", "")) for block in done.values())
    lines = [
        head,
        f"  {one.question}",
        f"  {plural(len(plan.points), 'grid point')}, {len(done):,} of {plural(len(plan.jobs), 'block')} of "
        f"{plan.block} done, {plural(errors, 'replicate')} raised, {plural(damaged, 'damaged file')}",
    ]
    if done:
        lines.append(f"  {spent:.3g} s of computing on {plural(len(hosts), 'host')}; started {_span(done)}")
    if one.version != code_version():
        lines.append(f"  stale: the code is simlab {code_version()} now, and would compute all blocks anew")
    if len(done) < len(plan.jobs):
        lines.append("  the same command as before computes the rest")
    return lines, {job.key for job in plan.jobs}


def _seconds(block: Block) -> float:
    return float(str(block.provenance.get("duration_s", 0)))


def _span(done: dict[str, Block]) -> str:
    """When the blocks were started, from the first to the last, by the clocks of those who computed them."""
    started = sorted(str(block.provenance.get("started", "")) for block in done.values())
    return f"{started[0]} to {started[-1]}" if started[0] != started[-1] else started[0]


def chosen_run(name: str, run: str | None) -> tuple[Store, Manifest]:
    """The run of a folder that a user names by the beginning of its name, or the last one."""
    store, runs = runs_of(name)
    if run is None:
        return store, runs[0]
    found = [one for one in runs if one.path.stem.startswith(run)]
    if len(found) != 1:
        names = [one.path.stem[:SHORT] for one in runs]
        if found:
            raise BadInput(f"run {run!r} is the beginning of several names: {', '.join(names)}")
        raise unknown("run", run, names)
    return store, found[0]


def export_run(name: str, to: str, out: str | None, run: str | None) -> str:
    """Write the rows of a run's finished blocks to a file, whole or not at all; return what was written.

    Raises ``BadInput`` for another format than csv and parquet, a run without finished blocks, and a place that
    cannot be written.
    """
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    store, one = chosen_run(name, run)
    plan = one.plan()
    done = store.finished(plan.jobs)
    if not done:
        raise BadInput(
            f"run {one.path.stem[:SHORT]} in {store.folder} has no finished block: there is nothing to export"
        )
    path = store.folder / f"replicates.{to}" if out is None else Path(out)
    found = [done[job.key] for job in plan.jobs if job.key in done]
    try:
        if to == "parquet":
            write_parquet(path, plan, found)
        else:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export.") as scratch:
                parquet = Path(scratch) / REPLICATES
                write_parquet(parquet, plan, found)
                _write_csv(path, read_table(parquet))
    except OSError as error:
        raise BadInput(f"--out {path}: cannot be written ({error.strerror or error}): choose another file") from None
    part = "" if len(done) == len(plan.jobs) else f", of {len(done):,} of {plural(len(plan.jobs), 'block')}"
    return f"{path}: {plural(sum(block.rows for block in found), 'row')}{part}"


def _write_csv(path: Path, table: Table) -> None:
    """The table as CSV: numbers as Python writes them, which reads back to the same bits; a missing text is empty."""
    with written_whole(path) as temporary, temporary.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))


def verify_run(name: str, number: int | None, seed: int, workers: int, run: str | None) -> tuple[list[str], bool]:
    """Compute ``number`` blocks of a run again (None: all) and compare; return lines, and whether any differs.

    Blocks that raised are left aside: the sweep computes them again anyway, and they may hang.

    The code of today computes them, under the version that stands in the rows, so that the bytes are comparable.
    """
    import numpy as np

    store, one = chosen_run(name, run)
    plan = one.plan()
    done = store.finished(plan.jobs)
    there = [job for job in plan.jobs if job.key in done and not done[job.key].errors]
    if not there:
        raise BadInput(
            f"run {one.path.stem[:SHORT]} in {store.folder} has no finished block: there is nothing to verify"
        )
    if number is not None and number < len(there):
        picked = np.random.default_rng(seed).choice(len(there), number, replace=False)
        there = [there[i] for i in sorted(picked.tolist())]
    pool = Workers("local", workers).opener(plan.experiment.payload)
    lines = [_differences(plan, done[out.job.key], out) for out in run_blocks(one_by_one(there), pool)]
    differing = [line for line in lines if line]
    stale = "" if one.version == code_version() else f" (computed by simlab {one.version}, this is {code_version()})"
    many = plural(len(there), "block")
    if not differing:
        return [f"{many} of {one.slug} computed again: the same bits{stale}"], False
    return [f"{len(differing):,} of {many} of {one.slug} computed again differ{stale}:", *differing], True


def _differences(plan: Plan, block: Block, outcome: Outcome) -> str:
    """What differs between a block's file and its rows computed again: the first value, or nothing."""
    place = ", ".join(filter(None, (plan.place(outcome.job.settings), outcome.job.name)))
    if outcome.lost or outcome.mistake:
        return f"  {place}: {outcome.lost or outcome.mistake}"
    again, body = block_of(replace(outcome, attempt=1), block.path)
    if again.sha256 == block.sha256:
        return ""
    for old, new in _lines(block.body(), body):
        for column in {**old, **new}:
            if old.get(column) != new.get(column):
                row = f"replicate {old.get('replicate')}, method {old.get('method')!r}"
                return f"  {place}: {row}: {column} is {old.get(column)} and was computed as {new.get(column)}"
    return f"  {place}: has {block.rows} rows, and {again.rows} were computed"


def _lines(one: bytes, other: bytes) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """The rows of two bodies, side by side."""
    for old, new in zip(one.splitlines(), other.splitlines(), strict=False):
        yield json.loads(old), json.loads(new)
