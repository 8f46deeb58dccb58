"""A results folder looked at from outside: how far its runs are, their rows as one file, and whether they repeat."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from simlab.errors import BadInput, unknown
from simlab.seeds import Streams
from simlab.sweep.blocks import Outcome
from simlab.sweep.collecting import REPLICATES, pattern, write_parquet
from simlab.sweep.devices import check_device, gpus
from simlab.sweep.engine import one_by_one, run_blocks
from simlab.sweep.manifests import Manifest, runs_of
from simlab.sweep.plan import Plan, code_version, flat
from simlab.sweep.pools import Workers
from simlab.sweep.store import Block, Store, block_of
from simlab.terminal.files import destination, written_whole
from simlab.terminal.interruption import Interrupted, stoppable
from simlab.terminal.wording import exactly, plural

FORMATS = ("csv", "parquet")
SHORT = 12
SHOWN = 5
TEMPORARY = (".*.tmp", ".collect.*", ".export.*", "blocks/.*.tmp", "runs/.*.tmp")
"""What is being written, by the names it has until it is whole."""


def status_of_folder(name: str) -> list[str]:
    """Return lines on every run of a folder, the last one first. Raises ``BadInput`` for a folder without any."""
    store, runs = runs_of(name)
    lines, known, whole = [], set[str](), True
    for one in runs:
        found, keys = _status(store, one)
        lines += [*found, ""]
        known |= keys
        whole = whole and bool(keys)
    others = sum(path.stem not in known for path in store.files())
    if others:
        rule = "recorded here" if whole else "recorded here, or of one that cannot be made again"
        lines += [f"{plural(others, 'block file')} of no run that is {rule}", ""]
    left = leftovers(store.folder)
    if left:
        held = sum(size for _, size in left)
        named = f"{plural(len(left), 'temporary file')}, {held / 1e6:.3g} MB, such as {left[0][0]}"
        lines += [f"{named}, left by a process that was killed: where no sweep is running here, delete them", ""]
    return lines[:-1]


def leftovers(folder: Path) -> list[tuple[Path, int]]:
    """What was not finished in a folder, or is being written: files and folders of temporary names, and their bytes."""
    found = []
    for path in sorted(path for names in TEMPORARY for path in folder.glob(names)):
        with suppress(OSError):  # it is finished meanwhile
            found.append((path, sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())))
    return found


def _status(store: Store, one: Manifest) -> tuple[list[str], set[str]]:
    """What there is to say of one run, and the keys of its blocks."""
    head = f"{one.path.stem[:SHORT]}  {one.slug}, seed {one.seed}, simlab {one.version}"
    try:
        plan = one.plan()
    except BadInput as error:
        return [head, f"  {one.question}", f"  {error}"], set()
    whole = store.finished(plan.jobs)
    asked = plan.with_blocks(one.record["last"])
    done = {job.key: whole[job.key] for job in asked.jobs if job.key in whole}
    damaged = sum(job.key not in whole and store.path(job.key).exists() for job in plan.jobs)
    raised = sum(block.errors > 0 for block in done.values())
    spent = sum(_seconds(block) for block in done.values())
    hosts = Counter(str(block.provenance.get("host", "")) for block in done.values())
    lines = [
        head,
        f"  {one.question}",
        *_varying(plan),
        f"  {plural(len(plan.points), 'grid point')}, {len(done) - raised:,} of {plural(len(asked.jobs), 'block')} of "
        f"{plan.block} done, {raised:,} raised, {plural(damaged, 'damaged file')}",
    ]
    if len(whole) > len(done):
        lines.append(f"  {plural(len(whole) - len(done), 'block')} more, of more replicates than were asked for last")
    if done:
        lines.append(f"  {spent:.3g} s of computing on {plural(len(hosts), 'host')}; started {_span(done)}")
    if one.version != code_version():
        lines.append(f"  stale: the code is simlab {code_version()} now, and would compute all blocks anew")
    if len(done) - raised < len(asked.jobs):
        lines.append("  the same command as before computes the rest, if its experiment has not changed")
    return lines, {job.key for job in plan.jobs}


def _varying(plan: Plan) -> list[str]:
    """The settings that vary, with their values: by these a reader knows a run again."""
    rows = [flat(point.settings) for point in plan.points]
    values = {name: list(dict.fromkeys(exactly(row[name]) for row in rows)) for name in plan.varying}
    shown = [f"{n} = {', '.join(v[:SHOWN])}{', ...' if len(v) > SHOWN else ''}" for n, v in values.items()]
    return [f"  {'; '.join(shown)}"] if shown else []


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
        names = [one.path.stem[:SHORT] for one in found or runs]
        if found:
            raise BadInput(f"run {run!r} is the beginning of several names: {', '.join(names)}")
        raise unknown("run", run, names)
    return store, found[0]


def export_run(name: str, to: str | None, out: str | None, run: str | None) -> str:
    """Write the rows of a run's finished blocks to a file, whole or not at all; return what was written.

    The default is ``replicates`` in the folder, and for a run that is not the last one ``replicates-`` and its name.
    Raises ``BadInput`` for another format than csv and parquet, a run without finished blocks, and a place that
    cannot be written.
    """
    ending = Path(out or "").suffix.lower().removeprefix(".")
    to = to or (ending if ending in FORMATS else FORMATS[0])
    if to not in FORMATS:
        raise unknown("format", to, FORMATS)
    if ending in FORMATS and ending != to:
        raise BadInput(f"--out {out}: ends with .{ending}, and --to is {to}: make them agree")
    store, one = chosen_run(name, run)
    plan = one.plan()
    done = store.finished(plan.jobs)
    if not done:
        raise _nothing(store, one, "export")
    last = one.path == runs_of(name)[1][0].path
    own = store.folder / f"replicates{'' if last else f'-{one.path.stem[:SHORT]}'}.{to}"
    path = own if out is None else _place(out, store)
    found = [done[job.key] for job in plan.jobs if job.key in done]
    try:
        if to == "parquet":
            write_parquet(path, plan, found)
        else:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export.") as scratch:
                parquet = Path(scratch) / REPLICATES
                write_parquet(parquet, plan, found)
                _write_csv(path, parquet)
    except OSError as error:
        raise BadInput(
            f"--out {path}: cannot be written ({error.strerror or error}): choose another file, or make room"
        ) from None
    part = "" if len(done) == len(plan.jobs) else f", of {len(done):,} of {plural(len(plan.jobs), 'block')}"
    return f"{path}: {plural(sum(block.rows for block in found), 'row')}{part}"


def _write_csv(path: Path, parquet: Path) -> None:
    """The rows of a Parquet file as CSV: a number reads back to the same bits, and what is missing is empty."""
    import duckdb

    with written_whole(path) as temporary, duckdb.connect() as connection:
        source = f"SELECT * FROM read_parquet({pattern(parquet)})"
        try:
            connection.execute(f"COPY ({source}) TO ? (FORMAT csv, HEADER)", [str(temporary)])
        except duckdb.IOException as error:  # a full disk
            raise OSError(str(error)) from None


def _nothing(store: Store, one: Manifest, verb: str) -> BadInput:
    return BadInput(f"run {one.path.stem[:SHORT]} in {store.folder} has no finished block: there is nothing to {verb}")


def _place(out: str, store: Store) -> Path:
    """The file that ``--out`` names. Raises ``BadInput`` for what is none: a folder, a device, a block's file."""
    path = destination("--out", out, [str(path) for path in store.files()]).path
    if path is None or (path.exists() and not path.is_file()):
        raise BadInput(f"--out {out}: is no file: name one to write")
    return path


def verify_run(
    name: str, number: int | None, seed: int | None, workers: int, run: str | None, timeout: float | None = None
) -> tuple[list[str], bool]:
    """Compute ``number`` blocks of a run again (None: all) and compare; return lines, and whether any differs.

    They are taken at random by ``seed`` (None: another one each time), which is told. Blocks that raised are left
    aside: the sweep computes them again anyway, and they may hang. The code of today computes the others, under the
    version that stands in the rows, so that the bytes are comparable. Nothing is written. Raises ``Interrupted``.
    """
    store, one = chosen_run(name, run)
    plan = one.plan()
    done = store.finished(plan.jobs)
    there = [job for job in plan.jobs if job.key in done and not done[job.key].errors]
    damaged = sum(job.key not in done and store.path(job.key).exists() for job in plan.jobs)
    raised = sum(block.errors > 0 for block in done.values())
    aside = [f"{plural(raised, 'block')} that raised left aside"] if raised else []
    aside += [f"{plural(damaged, 'block file')} cut short or altered: the sweep computes them again"] if damaged else []
    if not there:
        raise _nothing(store, one, "verify")
    many = f"{plural(len(there), 'block')} of {one.slug}"
    if number is not None and number < len(there):
        seed = secrets.randbelow(10**6) if seed is None else seed
        many = f"{plural(number, 'block')} of {one.slug} (of {len(there):,}, taken by --seed {seed})"
        picked = Streams(seed, "verify").numpy("blocks").choice(len(there), number, replace=False)
        there = [there[i] for i in sorted(picked.tolist())]
    check_device(plan.device)
    most = len(there) if plan.device == "cpu" else len(gpus())
    pool = Workers("local", min(workers, most), timeout=timeout, device=plan.device).opener(one.payload())
    lines: list[str] = []
    try:
        with stoppable(), closing(run_blocks(one_by_one(there), pool)) as outcomes:
            for out in outcomes:
                lines.append(_differences(plan, done[out.job.key], out))
    except KeyboardInterrupt as error:
        text = f"interrupted when {len(lines):,} of {many} were compared: verify writes nothing, and nothing is changed"
        raise Interrupted(text, *filter(None, [getattr(error, "signum", None)])) from None
    differing = [line for line in lines if line]
    stale = "" if one.version == code_version() else f" (computed by simlab {one.version}, this is {code_version()})"
    if not differing:
        return [f"{many} computed again: the same bits{stale}", *aside], damaged > 0
    return [f"{len(differing):,} of {many} computed again differ{stale}:", *differing, *aside], True


def _differences(plan: Plan, block: Block, outcome: Outcome) -> str:
    """What differs between a block's file and its rows computed again: the first value, or nothing."""
    place = ", ".join(filter(None, (plan.place(outcome.job.settings), outcome.job.name)))
    if outcome.lost or outcome.mistake:
        return f"  {place}: {outcome.lost or outcome.mistake}"
    if outcome.errors:
        return f"  {place}: the cell raised {outcome.rows[0]['error_type']}: {outcome.rows[0]['error_message']}"
    again, body = block_of(outcome, block.path)
    if again.sha256 == block.sha256:
        return ""
    there = block.body()
    for old, new in _lines(there, body):
        for column in {**old, **new}:
            was, is_now = (repr(row[column]) if column in row else "missing" for row in (old, new))
            if was != is_now:
                row = f"replicate {old.get('replicate')}, method {old.get('method')!r}"
                row += "".join(f", {name} = {old.get(name)}" for name in plan.along)
                return f"  {place}: {row}: {column} is {was} and was computed as {is_now}"
    return f"  {place}: has {plural(len(there.splitlines()), 'row')}, and {again.rows:,} were computed"


def _lines(one: bytes, other: bytes) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """The rows of two bodies, side by side."""
    for old, new in zip(one.splitlines(), other.splitlines(), strict=False):
        yield json.loads(old), json.loads(new)
