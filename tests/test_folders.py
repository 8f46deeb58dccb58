"""Results folders looked at from outside: manifests, ``status``, ``export``, ``verify`` and ``--replay``."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import pdb
import re
import shutil
import signal
import struct
import sys

import duckdb
import pytest
from toys import TOY, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import inspecting, manifests, pools, replaying, run
from simlab.sweep.blocks import run_block
from simlab.sweep.cli import command
from simlab.sweep.inspecting import chosen_run, export_run, status_of_folder, verify_run
from simlab.sweep.loading import load, load_facts, run_source
from simlab.sweep.manifests import longest, recorded_in, write_manifest
from simlab.sweep.plan import code_version, make_plan
from simlab.sweep.pools import Workers
from simlab.sweep.replaying import replay
from simlab.sweep.store import Store, open_store

ODD = """
flag = Path(os.environ["FLAG"])
if config.draws == 2 and streams[0].replicate == 2 and not flag.exists():
    raise ValueError("a comma, a\\nline, a\\rreturn and a 'quote\\"")
return [{"replicate": s.replicate, "method": "a", "x": s.numpy("x").standard_normal() * 10.0 ** (30 * s.replicate),
         "odd": [math.nan, math.inf, -math.inf, -0.0][s.replicate % 4], "n": 2**60 + s.replicate,
         "yes": config.draws > 1}
        for s in streams]
"""


@pytest.fixture
def flag(tmp_path, monkeypatch):
    """A file without which the odd experiment raises in one of its blocks."""
    monkeypatch.setenv("FLAG", str(tmp_path / "flag"))
    return tmp_path / "flag"


@pytest.fixture
def odd(tmp_path, flag):
    """A run of the odd experiment, with an error block."""
    config = '    text: str = "a, \\"b\\""\n    cap: int | None = None'
    path = write(tmp_path, with_cell(ODD, config))
    return run(path, engine="serial", out=tmp_path / "out", settings={"cap": (None, 7)})


@pytest.fixture
def toy(tmp_path):
    return write(tmp_path)


@pytest.fixture
def in_this_process(monkeypatch):
    """Verify without worker processes."""
    asked = []

    def serial(engine, count, *, timeout, device):
        asked.append((engine, count, timeout, device))
        return Workers("serial")

    monkeypatch.setattr(inspecting, "Workers", serial)
    return asked


def told(function, *arguments, **options):
    with pytest.raises(BadInput) as mistake:
        function(*arguments, **options)
    return str(mistake.value)


def rewrite(path, change):
    """Alter the rows of a block's file, and its digests with them."""
    line, _, body = path.read_bytes().partition(b"\n")
    changed = change(body)
    assert changed != body
    path.write_bytes(sealed(json.loads(line) | {"sha256": hashlib.sha256(changed).hexdigest()}) + changed)


def sealed(header):
    """The first line of a block's file, with a digest of all else that it says."""
    header.pop("seal", None)
    seal = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    return json.dumps(header | {"seal": seal}).encode() + b"\n"


# manifests


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ("    cap: tuple[str, ...] = ()", ("one", "two")),
        ("    cap: tuple[tuple[int, float], ...] = ()", ((1, 0.1 + 0.2), (2, 5e-324))),
        ("    cap: int | None = 3", None),
        ("    cap: bool = False", True),
        ("    cap: float = 0.0", 0.1 + 0.2),
        ("    cap: float = 0.0", -math.inf),
        ("    cap: float = 0.0", math.nan),
        ("    cap: int = 0", 2**53 + 1),
        ("    cap: int = 0", 10**30 + 1),
        ("    cap: dict[str, int] = {}", {"b": 1, "a": 2}),
        ('    cap: str = ""', 'é\n"\\'),
    ],
)
def test_a_plan_made_again_from_its_manifest_has_the_same_keys(tmp_path, config, value):
    path = write(tmp_path, with_cell("", config))
    plan = make_plan(load(path), {"cap": (value,) if isinstance(value, tuple) else value}, seed=2**70, replicates=9)
    write_manifest(open_store(tmp_path / "out"), plan)
    (one,) = recorded_in(tmp_path / "out")
    again = one.plan()
    assert [job.key for job in again.jobs] == [job.key for job in plan.jobs]
    assert [job.point for job in again.jobs] == [job.point for job in plan.jobs]
    assert (again.name, again.blocks, again.asked, again.seed) == (plan.name, plan.blocks, 9, 2**70)
    assert repr(again.points[0].settings["cap"]) == repr(value)


def test_a_manifest_says_what_was_run_where_the_file_is_gone_or_has_changed(toy, tmp_path, in_this_process):
    first = run(toy, engine="serial", out=tmp_path / "out")
    toy.unlink()
    run_source.cache_clear()
    (one,) = recorded_in(tmp_path / "out")
    assert one.plan().jobs == first.plan.jobs
    assert verify_run(str(tmp_path / "out"), None, 0, 2, None)[1] is False
    write(tmp_path, TOY.replace("< config.rate", "<= config.rate"))
    assert one.plan().jobs == first.plan.jobs
    assert replay(tmp_path / "out", 0) == 0


@pytest.mark.parametrize("damage", ["cut", "altered", "empty", "other", "list"])
def test_a_damaged_manifest_is_left_out(toy, tmp_path, damage):
    run(toy, engine="serial", out=tmp_path / "out", seed=1)
    run(toy, engine="serial", out=tmp_path / "out", seed=2)
    path = recorded_in(tmp_path / "out")[0].path
    body = path.read_bytes()
    other = b"[1]"
    path.write_bytes(
        {
            "cut": body[:-100],
            "altered": body.replace(b'"seed": 2', b'"seed": 3'),
            "empty": b"",
            "other": b"\xff\n" * 9,
            "list": other + f"\n{hashlib.sha256(other).hexdigest()}\n".encode(),
        }[damage]
    )
    assert [one.seed for one in recorded_in(tmp_path / "out")] == [1]
    assert status_of_folder(str(tmp_path / "out"))[-1] == "8 block files of no run that is recorded here"
    run(toy, engine="serial", out=tmp_path / "out", seed=2)  # writes it again
    assert [one.seed for one in recorded_in(tmp_path / "out")] == [2, 1]


def altered_manifest(folder, **changes):
    """Change a manifest and its digest."""
    path = recorded_in(folder)[0].path
    record = json.loads(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[0]) | changes
    body = json.dumps(record).encode()
    path.write_bytes(body + f"\n{hashlib.sha256(body).hexdigest()}\n".encode())
    return record


def test_a_manifest_that_does_not_fit_its_name_is_a_sentence(toy, tmp_path):
    out = tmp_path / "out"
    plan = run(toy, engine="serial", out=out).plan
    record = altered_manifest(out, seed=5)
    (one,) = recorded_in(out)
    head = f"the run of toy in {out} cannot be made again: "
    assert re.fullmatch(
        re.escape(f"{head}{plan.name[:16]}.json says {plan.name[:12]}, and its settings ") + "[0-9a-f]{12}",
        told(one.plan),
    )
    lines = status_of_folder(str(out))
    assert lines[2].startswith(f"  {head}")
    assert lines[-1] == "8 block files of no run that is recorded here, or of one that cannot be made again"
    altered_manifest(out, seed=0, points=[record["points"][0] | {"draws": 0}])
    (one,) = recorded_in(out)
    assert told(one.plan) == f"{head}draws = 0 (Config of toy.py): must be greater than or equal to 1"
    altered_manifest(out, text="import nowhere_to_be_found\n")
    (one,) = recorded_in(out)
    assert told(one.plan) == "toy.py, line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert status_of_folder(str(out))[2] == f"  {told(one.plan)}"


def test_the_longest_form_of_a_run_is_remembered(toy, tmp_path):
    store = open_store(tmp_path / "out")
    experiment = load(toy)
    short, long = (make_plan(experiment, replicates=n) for n in (2, 8))
    assert longest(store, short).blocks == (1,) * 4
    write_manifest(store, long)
    write_manifest(store, short)
    assert longest(store, short).blocks == (4,) * 4
    assert [one.order for one in recorded_in(store.folder)] == [2]
    write_manifest(store, make_plan(experiment, seed=1))
    assert [(one.seed, one.order) for one in recorded_in(store.folder)] == [(1, 3), (0, 2)]


def test_of_two_who_write_the_same_manifest_the_longer_blocks_stay(toy, tmp_path, monkeypatch):
    """The other has read the folder before we wrote, and writes after us."""
    store, experiment = open_store(tmp_path / "out"), load(toy)
    long, short = (make_plan(experiment, replicates=n) for n in (8, 4))
    write_manifest(store, short)
    (other,) = [path.read_bytes() for path in store.runs.iterdir()]
    written = []

    def contended(path, data):
        written.append(data)
        write_atomically(path, other if len(written) == 1 else data)  # the other's came last

    recorded_in(store.folder)[0].path.unlink()
    write_atomically = manifests.write_atomically
    monkeypatch.setattr(manifests, "write_atomically", contended)
    write_manifest(store, long)
    assert len(written) == 2
    assert [one.record["blocks"] for one in recorded_in(store.folder)] == [[4] * 4]


def test_of_two_runs_of_the_same_order_the_last_is_that_whose_file_is_younger(toy, tmp_path):
    store, experiment = open_store(tmp_path / "out"), load(toy)
    for seed in (1, 2, 3):
        write_manifest(store, make_plan(experiment, seed=seed))
    for one in recorded_in(store.folder):
        body = json.dumps(dict(one.record) | {"order": 5}).encode()
        one.path.write_bytes(body + f"\n{hashlib.sha256(body).hexdigest()}\n".encode())
        os.utime(one.path, ns=(0, {1: 30, 2: 10, 3: 20}[one.seed]))
    assert [one.seed for one in recorded_in(store.folder)] == [1, 3, 2]


FACTS = "city,country\n" + "".join(f"c{i % 7},k{i % 3}\n" for i in range(20))


@pytest.fixture
def facts(tmp_path):
    """A run over a table of facts, and the table."""
    table = tmp_path / "facts.csv"
    table.write_text(FACTS)
    experiment = load_facts([str(table)], prompt="city", answer="country")
    settings = {"methods": "calibrated"}
    result = run(experiment, engine="serial", out=tmp_path / "out", smoke=True, settings=settings)
    return result, table


def test_a_table_of_facts_is_read_again_where_blocks_are_computed(facts, tmp_path, in_this_process):
    result, _ = facts
    out = str(tmp_path / "out")
    (one,) = recorded_in(result.folder)
    assert [job.key for job in one.plan().jobs] == [job.key for job in result.plan.jobs]
    assert verify_run(out, None, 0, 1, None) == (["1 block of facts computed again: the same bits"], False)
    assert replay(out, 0) == 0


def test_a_table_of_facts_that_changed_is_told_and_one_that_is_gone_need_not_be_there_to_look(facts, tmp_path):
    result, table = facts
    out = str(tmp_path / "out")
    (one,) = recorded_in(result.folder)
    was = result.plan.points[0].settings["fingerprint"]
    table.write_text(FACTS + "c1,k9\n")
    sentence = re.escape(
        f"{table}: the table of facts is not the one that was read then (fingerprint was {was}, and is "
    )
    for read in (one.payload, lambda: verify_run(out, None, 0, 1, None), lambda: replay(out, 0)):
        assert re.fullmatch(sentence + r"[0-9a-f]{16}\): its run cannot be computed again", told(read))
    table.unlink()
    assert re.search("1 of 1 block of 2 done", status_of_folder(out)[2])
    assert export_run(out, "csv", None, None) == f"{out}/replicates.csv: 2 rows"
    assert str(table) in told(one.payload)


# status


def test_status_says_how_far_a_run_is(odd, tmp_path):
    out = tmp_path / "out"
    text = status_of_folder(str(out))
    name = odd.plan.name[:12]
    rest = "  the same command as before computes the rest, if its experiment has not changed"
    assert text[:4] == [
        f"{name}  toy, seed 0, simlab {code_version()}",
        "  A question?",
        "  draws = 1, 2; cap = none, 7",
        "  4 grid points, 6 of 8 blocks of 2 done, 2 raised, 0 damaged files",
    ]
    assert re.fullmatch(r"  [\d.e+-]+ s of computing on 1 host; started \S+( to \S+)?", text[4])
    assert text[5:] == [rest]
    paths = [Store(out).path(job.key) for job in odd.plan.jobs]
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    text = status_of_folder(str(out))
    assert text[3] == "  4 grid points, 4 of 8 blocks of 2 done, 2 raised, 1 damaged file"
    assert text[-1] == rest
    for path in paths[2:]:
        path.unlink()
    text = status_of_folder(str(out))
    assert text[3:] == ["  4 grid points, 0 of 8 blocks of 2 done, 0 raised, 1 damaged file", rest]


def test_status_tells_a_shorter_run_from_the_longer_one_before_it(toy, tmp_path):
    out = tmp_path / "out"
    run(toy, engine="serial", replicates=8, out=out)
    run(toy, engine="serial", replicates=2, out=out)
    text = status_of_folder(str(out))
    assert text[3:5] == [
        "  4 grid points, 4 of 4 blocks of 2 done, 0 raised, 0 damaged files",
        "  12 blocks more, of more replicates than were asked for last",
    ]
    assert "the same command" not in text[-1]


def test_status_names_every_run_the_last_one_first_and_foreign_files(toy, tmp_path):
    out = tmp_path / "out"
    plans = [run(toy, engine="serial", out=out, seed=seed).plan for seed in (1, 2, 1)]
    text = status_of_folder(str(out))
    heads = [line for line in text if re.match("[0-9a-f]{12}  ", line)]
    assert heads == [f"{plans[s].name[:12]}  toy, seed {plans[s].seed}, simlab {code_version()}" for s in (0, 1)]
    assert text[5] == ""
    shutil.copy(Store(out).path(plans[0].jobs[0].key), out / "blocks" / f"{'0' * 64}.jsonl")
    assert status_of_folder(str(out))[-2:] == ["", "1 block file of no run that is recorded here"]


def test_status_and_verify_tell_code_that_has_changed(toy, tmp_path, monkeypatch, in_this_process, capsys):
    out = str(tmp_path / "out")
    run(toy, engine="serial", out=out, smoke=True)
    monkeypatch.setattr(inspecting, "code_version", lambda: "9.9+new")
    monkeypatch.setattr(replaying, "code_version", lambda: "9.9+new")
    assert status_of_folder(out)[-1] == "  stale: the code is simlab 9.9+new now, and would compute all blocks anew"
    assert verify_run(out, None, 0, 1, None) == (
        [f"1 block of toy computed again: the same bits (computed by simlab {code_version()}, this is 9.9+new)"],
        False,
    )
    assert replay(out, 0) == 0
    assert capsys.readouterr().err == f"simlab: the row was computed by simlab {code_version()}, this is 9.9+new\n"


def test_status_names_what_a_killed_process_left(toy, tmp_path):
    out = tmp_path / "out"
    run(toy, engine="serial", out=out, smoke=True)
    assert "temporary" not in " ".join(status_of_folder(str(out)))
    (out / ".collect.a1b2").mkdir()
    (out / ".collect.a1b2" / "rows.jsonl").write_bytes(b"x" * 2_000_000)
    (out / "blocks" / ".0.jsonl.1.ab.tmp").write_bytes(b"x" * 500_000)
    assert status_of_folder(str(out))[-2:] == [
        "",
        f"2 temporary files, 2.5 MB, such as {out}/.collect.a1b2, left by a process that was killed: "
        "where no sweep is running here, delete them",
    ]


# export


def csv_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def bits(value):
    return struct.pack("d", float(value))


def test_an_exported_csv_reads_back_to_the_same_bits(odd, tmp_path):
    out = tmp_path / "out"
    assert export_run(str(out), "csv", None, None) == f"{out}/replicates.csv: 16 rows"
    rows = csv_of(out / "replicates.csv")
    table = duckdb.sql(f"SELECT * FROM '{out / 'replicates.parquet'}'")
    names, expected = table.columns, table.fetchall()
    assert list(rows[0]) == names
    assert len(rows) == len(expected) == 16
    for row, values in zip(rows, expected, strict=True):
        for name, value in zip(names, values, strict=True):
            if isinstance(value, bool):
                assert row[name] == str(value).lower()
            elif isinstance(value, float):
                assert bits(row[name]) == bits(value)
            else:
                assert row[name] == ("" if value is None else str(value))
    assert {row["odd"] for row in rows} == {"nan", "inf", "-inf", "-0.0", ""}
    assert {row["n"] for row in rows} == {"", *(str(2**60 + i) for i in range(4))}
    assert {row["cap"] for row in rows} == {"", "7"}
    assert {row["text"] for row in rows} == {'a, "b"'}
    assert {row["error_message"] for row in rows} == {"", "a comma, a\nline, a\rreturn and a 'quote\""}


def test_an_exported_parquet_is_what_the_sweep_wrote(odd, tmp_path):
    path = tmp_path / "rows.parquet"
    assert export_run(str(tmp_path / "out"), "parquet", str(path), None) == f"{path}: 16 rows"
    ours, theirs = (duckdb.sql(f"SELECT * FROM '{file}'") for file in (path, tmp_path / "out" / "replicates.parquet"))
    assert (ours.columns, ours.types) == (theirs.columns, theirs.types)
    assert repr(ours.fetchall()) == repr(theirs.fetchall())


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_an_unfinished_run_is_exported_as_far_as_it_is(toy, tmp_path, to):
    out = tmp_path / "out"
    whole = run(toy, engine="serial", out=out)
    for job in whole.plan.jobs[::2]:
        Store(out).path(job.key).unlink()
    assert export_run(str(out), to, None, None) == f"{out}/replicates.{to}: 16 rows, of 4 of 8 blocks"
    path = out / f"replicates.{to}"
    found = csv_of(path) if to == "csv" else duckdb.sql(f"SELECT * FROM '{path}'").fetchall()
    assert len(found) == 16
    again = run(toy, engine="serial", out=out)
    assert len(again.replicates["key"]) == 32


def test_a_folder_whose_name_is_a_pattern_is_exported(toy, tmp_path):
    out = tmp_path / "a[1]*'?"
    run(toy, engine="serial", out=out, smoke=True)
    assert export_run(str(out), "csv", None, None) == f"{out}/replicates.csv: 2 rows"
    assert len(csv_of(out / "replicates.csv")) == 2


def test_an_older_run_is_exported_by_its_name_to_a_file_of_its_own(toy, tmp_path):
    out = tmp_path / "out"
    old, new = (run(toy, engine="serial", out=out, seed=seed).plan.name[:12] for seed in (1, 2))
    assert export_run(str(out), "csv", None, new[:6]) == f"{out}/replicates.csv: 32 rows"
    assert export_run(str(out), "csv", None, old) == f"{out}/replicates-{old}.csv: 32 rows"
    assert {row["seed"] for row in csv_of(out / f"replicates-{old}.csv")} == {"1"}
    assert {row["seed"] for row in csv_of(out / "replicates.csv")} == {"2"}
    assert told(chosen_run, str(out), "zzz") == f"run 'zzz' is unknown: choose from {', '.join(sorted((old, new)))}"
    assert told(chosen_run, str(out), "") == f"run '' is the beginning of several names: {new}, {old}"


def test_a_run_without_a_finished_block_is_told(toy, tmp_path):
    out = tmp_path / "out"
    plan = make_plan(load(toy))
    write_manifest(open_store(out), plan)
    head = f"run {plan.name[:12]} in {out} has no finished block: there is nothing to "
    assert told(export_run, str(out), "csv", None, None) == head + "export"
    assert told(verify_run, str(out), None, 0, 1, None) == head + "verify"


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("", "--out '': is no path: name a file"),
        ("/dev/null", "--out /dev/null: is no file: name one to write"),
        (
            "nowhere/rows",
            "--out nowhere/rows: cannot be written (No such file or directory): choose another file, or make room",
        ),
        ("out", "--out out: is a folder: name a file in it"),
        (
            "toy.py/rows",
            "--out toy.py/rows: cannot be written (Not a directory): choose another file, or make room",
        ),
    ],
)
@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_a_place_that_cannot_be_written_is_exit_status_2(toy, tmp_path, monkeypatch, capsys, out, sentence, to):
    monkeypatch.chdir(tmp_path)
    run(toy, engine="serial", out="out", smoke=True)
    before = sorted(tmp_path.rglob("*"))
    assert command(["export", "out", "--to", to, "--out", out]) == 2
    assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_a_disk_that_fills_up_leaves_nothing_behind(toy, tmp_path, monkeypatch, capsys, to):
    out = tmp_path / "out"
    run(toy, engine="serial", out=out, smoke=True)
    (out / "replicates.csv").write_text("as before")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert command(["export", str(out), "--to", to]) == 2
    assert capsys.readouterr() == (
        "",
        f"simlab: --out {out}/replicates.{to}: cannot be written (No space left on device): "
        "choose another file, or make room\n",
    )
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_block_is_not_written_over(toy, tmp_path):
    out = tmp_path / "out"
    block = Store(out).path(run(toy, engine="serial", out=out, smoke=True).plan.jobs[0].key)
    assert told(export_run, str(out), "csv", str(block), None) == (
        f"--out {block}: is read as input: name another file to write"
    )


# verify


def test_verify_computes_a_sample_again_and_finds_the_same_bits(odd, tmp_path, in_this_process):
    out = str(tmp_path / "out")
    assert verify_run(out, None, 0, 4, None) == (
        ["6 blocks of toy computed again: the same bits", "2 blocks that raised left aside"],
        False,
    )
    said = "2 blocks of toy (of 6, taken by --seed 7) computed again: the same bits"
    assert verify_run(out, 2, 7, 4, None, 9.0) == ([said, "2 blocks that raised left aside"], False)
    asked = [("local", 4, None, "cpu"), ("local", 2, 9.0, "cpu")]  # no more workers than blocks
    assert in_this_process == asked


def test_verify_draws_a_seed_and_says_which(toy, tmp_path, in_this_process):
    out = str(tmp_path / "out")
    run(toy, engine="serial", out=out)
    seeds = {re.search(r"taken by --seed (\d+)\)", verify_run(out, 1, None, 1, None)[0][0])[1] for _ in range(4)}
    assert len(seeds) > 1


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_verify_that_is_interrupted_says_that_it_writes_nothing(
    toy, tmp_path, in_this_process, monkeypatch, capsys, signum, status
):
    out = tmp_path / "out"
    run(toy, engine="serial", out=out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    real, calls = inspecting._differences, []

    def second(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            signal.raise_signal(signum)
        return real(*arguments)

    monkeypatch.setattr(inspecting, "_differences", second)
    assert command(["verify", str(out), "--blocks", "3", "--seed", "4"]) == status
    assert capsys.readouterr() == (
        "",
        "simlab: interrupted when 1 of 3 blocks of toy (of 8, taken by --seed 4) were compared: "
        "verify writes nothing, and nothing is changed\n",
    )
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_verify_ends_a_block_that_takes_too_long(tmp_path, capsys, monkeypatch):
    body = "import time\nif os.environ.get('SLOW'): time.sleep(60)"
    out = str(tmp_path / "out")
    run(write(tmp_path, with_cell(body)), engine="serial", out=out, settings={"draws": 1}, replicates=2)
    monkeypatch.setenv("SLOW", "1")
    monkeypatch.setattr(inspecting, "Workers", lambda *_, **__: Workers("serial"))
    monkeypatch.setattr(pools, "run_block", lambda job, given: run_block(job, 0.2, given))
    lines, differing = verify_run(out, None, 0, 1, None, 0.2)
    assert differing
    assert lines[1].endswith("the cell raised TimedOut: took longer than --timeout 0.2 s")


def test_verify_takes_another_sample_for_another_seed(toy, tmp_path, in_this_process, monkeypatch):
    out = str(tmp_path / "out")
    run(toy, engine="serial", out=out)
    taken = []

    def watched(jobs):
        taken.append(tuple(job.key for job in jobs))
        return lambda: None

    monkeypatch.setattr(inspecting, "one_by_one", watched)
    for seed in (0, 0, 1, 2):
        verify_run(out, 3, seed, 1, None)
    assert taken[0] == taken[1]
    assert len(set(taken)) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            rb'"share":[0-9.e-]+',
            b'"share":0.123',
            r"replicate \d, method '\w+': share is 0.123 and was computed as [\d.]+",
        ),
        (rb'"heads":[0-9]+', b'"heads":0.0', r"replicate \d, method '\w+': heads is 0.0 and was computed as \d+"),
        (rb'"any":(true|false)', b'"any":1', r"replicate \d, method '\w+': any is 1 and was computed as True"),
        (rb',"heads":[0-9]+', b"", r"replicate \d, method '\w+': heads is 'missing' and was computed as \d+"),
        (rb"[^\n]*\n", b"", r"has 3 rows, and 4 were computed"),
    ],
)
def test_a_block_that_was_altered_with_its_digest_is_found_and_named(toy, tmp_path, in_this_process, old, new, said):
    out = tmp_path / "out"
    result = run(toy, engine="serial", out=out)
    job = result.plan.jobs[5]

    def change(body):
        if new == b"" and b"\n" in old:
            return body.partition(b"\n")[2]
        return re.sub(old, new, body, count=1)

    if old.endswith(rb"\n"):
        rewrite(Store(out).path(job.key), lambda body: body[: body.rstrip(b"\n").rindex(b"\n") + 1])
    else:
        rewrite(Store(out).path(job.key), change)
    again = run(toy, engine="serial", out=out)  # nothing is noticed
    assert again.computed == 0
    lines, differing = verify_run(str(out), None, 0, 1, None)
    assert differing
    assert lines[0] == "1 of 8 blocks of toy computed again differ:"
    place = f"  draws = 100, rate = 0.3, {job.name}: ".replace("'missing'", "missing")
    assert lines[1].startswith(place)
    assert re.fullmatch(said.replace("'missing'", "missing"), lines[1].removeprefix(place))


def test_a_sign_of_zero_is_a_bit(odd, tmp_path, in_this_process):
    job = odd.plan.jobs[1]
    rewrite(Store(tmp_path / "out").path(job.key), lambda body: body.replace(b"-0.0", b"0.0"))
    assert verify_run(str(tmp_path / "out"), None, 0, 1, None)[0][1] == (
        f"  draws = 1, cap = none, {job.name}: replicate 3, method 'a': odd is 0.0 and was computed as -0.0"
    )


def test_a_cell_that_does_not_repeat_is_found(tmp_path, in_this_process):
    body = 'import os\nreturn [{"replicate": s.replicate, "method": "a", "x": os.urandom(4)[0] + 0.5 ** s.replicate * '
    body += "int.from_bytes(os.urandom(6))} for s in streams]"
    run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out")
    lines, differing = verify_run(str(tmp_path / "out"), None, 0, 1, None)
    assert differing
    assert (lines[0], len(lines)) == ("4 of 4 blocks of toy computed again differ:", 5)


def test_a_block_that_raises_now_is_named(tmp_path, flag, odd, in_this_process):
    out = tmp_path / "out"
    flag.touch()
    run(tmp_path / "toy.py", engine="serial", out=out, settings={"cap": (None, 7)})
    flag.unlink()
    lines, differing = verify_run(str(out), None, 0, 1, None)
    assert (differing, lines[0]) == (True, "2 of 8 blocks of toy computed again differ:")
    assert lines[1].startswith(f"  draws = 2, cap = none, {odd.plan.jobs[5].name}: the cell raised ValueError: a comma")


def test_the_command_verifies_in_processes(toy, tmp_path, capsys):
    out = tmp_path / "out"
    result = run(toy, engine="serial", out=out)
    arguments = ["verify", str(out), "--blocks", "all", "--workers", "2"]
    assert command(arguments) == 0
    assert capsys.readouterr() == ("8 blocks of toy computed again: the same bits\n", "")
    rewrite(Store(out).path(result.plan.jobs[0].key), lambda body: body.replace(b'"heads":', b'"heads":1'))
    assert command(arguments) == 1
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err) == ("1 of 8 blocks of toy computed again differ:", "")


# replay


def printed(capsys):
    """The lines that were printed, with single spaces."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_row_comes_out_as_it_was(odd, tmp_path, capsys):
    for row in (0, 3, 8):
        assert replay(tmp_path / "out", row) == 0
        lines = printed(capsys)
        assert lines[-1] == "computed again: the same bits"
        assert "method a" in lines
        assert not any("now" in line for line in lines)


def test_a_row_of_mixed_kinds_comes_out_as_it_was(tmp_path, capsys):
    body = """
return [{"replicate": s.replicate, "method": m, "mixed": [True, 0.5, 3][s.replicate % 3]}
        | ({"n": 2} if m == "a" else {})
        for s in streams for m in "ab"]
"""
    run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out")
    assert [replay(tmp_path / "out", row) for row in range(8)] == [0] * 8


def test_a_row_that_was_altered_is_shown_beside_the_new_one(toy, tmp_path, capsys):
    out = tmp_path / "out"
    job = run(toy, engine="serial", out=out).plan.jobs[0]
    rewrite(Store(out).path(job.key), lambda body: re.sub(rb'"heads":\d+', b'"heads":77', body))
    run(toy, engine="serial", out=out)
    assert replay(out, 0) == 1
    lines = printed(capsys)
    assert lines[0] == f"toy: row 0, draws = 10, rate = 0.3, {job.name}"
    assert [line.rpartition(" ")[0] for line in lines if " and now " in line] == ["heads 77 and now"]
    assert lines[-1] == "computed again: 1 value differs"


@pytest.mark.parametrize(
    ("old", "new", "last"),
    [
        (b'"method":"mean"', b'"method":"mode"', "the block has no row of method 'mode' now"),
        (b'"any":true,', b"", "computed again: 1 value differs"),
        (b'"share":', b'"shared":1.5,"share":', "computed again: 1 value differs"),
    ],
)
def test_a_row_that_has_lost_a_value_is_not_the_same(toy, tmp_path, capsys, old, new, last):
    out = tmp_path / "out"
    job = run(toy, engine="serial", out=out).plan.jobs[2]
    path = Store(out).path(job.key)
    rewrite(path, lambda body: body.replace(old, new))
    if new == b'"shared":1.5,"share":':
        line, _, body = path.read_bytes().partition(b"\n")
        header = json.loads(line)
        header["columns"]["shared"] = "float"
        path.write_bytes(sealed(header) + body)
    table = run(toy, engine="serial", out=out).replicates
    row = table["key"].tolist().index(job.key)
    assert replay(out, row) == 1
    assert capsys.readouterr().out.splitlines()[-1] == last


def test_an_error_row_prints_the_traceback(odd, tmp_path, capsys, flag):
    row = next(i for i, kind in enumerate(odd.replicates["error_type"]) if kind)
    assert replay(tmp_path / "out", row) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith(f"toy: row {row}, draws = 2, cap = none, replicates 2 to 3, key ")
    assert "Traceback (most recent call last):" in err
    assert 'raise ValueError("a comma, a' in err
    flag.touch()
    assert replay(tmp_path / "out", row) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "the block raised ValueError then, and does not raise now"


@pytest.mark.parametrize("raised", ["SystemExit(7)", "KeyboardInterrupt()", "GeneratorExit()", "BadInput('no')"])
def test_whatever_a_cell_raises_is_shown(tmp_path, capsys, flag, monkeypatch, raised):
    body = f"if os.environ.get('RAISE') == 'other': raise {raised}\nraise ValueError('no')"
    run(write(tmp_path, with_cell(body)), engine="serial", out=tmp_path / "out")
    monkeypatch.setenv("RAISE", "other")
    assert replay(tmp_path / "out", 0) == 1
    assert raised.partition("(")[0] in capsys.readouterr().err


def test_an_error_row_enters_the_debugger_on_a_terminal(odd, tmp_path, capsys, monkeypatch):
    row = next(i for i, kind in enumerate(odd.replicates["error_type"]) if kind)
    entered = []
    monkeypatch.setattr(pdb, "post_mortem", entered.append)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert replay(tmp_path / "out", row) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "the debugger is where it was raised: w shows the stack, q leaves"
    )
    frame = entered[0]
    while frame.tb_next:
        frame = frame.tb_next
    assert frame.tb_frame.f_code.co_name == "cell"


def test_a_row_is_replayed_beside_runs_that_cannot_be_made_again(toy, tmp_path):
    out = tmp_path / "out"
    run(toy, engine="serial", out=out, seed=1)
    run(toy, engine="serial", out=out, seed=2)
    altered_manifest(out, text="import nowhere_to_be_found\n")  # seed 2's
    assert told(replay, out, 0) == "toy.py, line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    export_run(str(out), "parquet", str(out / "replicates.parquet"), recorded_in(out)[1].path.stem)
    assert replay(out, 0) == 0
    recorded_in(out)[0].path.unlink()
    run(toy, engine="serial", out=out, seed=2)
    recorded_in(out)[0].path.unlink()
    key = duckdb.sql(f"SELECT key FROM '{out / 'replicates.parquet'}'").fetchall()[0][0]
    assert told(replay, out, 0) == f"the block {key[:12]} belongs to no run that {out} records: run the sweep again"


def test_a_row_that_is_not_there_is_a_sentence(toy, tmp_path, capsys):
    out = tmp_path / "out"
    run(toy, engine="serial", out=out)
    choose = f"{out}/replicates.parquet has the rows 0 to 31: choose one of them"
    for row, sentence in {
        "32": f"--replay 32: {choose}",
        "-1": f"--replay -1: {choose}",
        "1e3": f"--replay 1000: {choose}",
        "first": "--replay = first: must be a whole number, such as 10000 or 1e4",
        "1.5": "--replay = 1.5: must be a whole number, such as 10000 or 1e4",
    }.items():
        assert command([str(toy), "--out", str(out), "--replay", row]) == 2
        assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    path = out / "replicates.parquet"
    sentence = (
        f"{out} has no replicates.parquet, or a damaged one: run the sweep to its end, or make it by "
        "export DIR --to parquet"
    )
    path.write_bytes(path.read_bytes()[:100])
    assert told(replay, out, 0) == sentence
    path.unlink()
    assert told(replay, out, 0) == sentence
    export_run(str(out), "parquet", None, None)
    assert replay(out, 31) == 0


def test_the_command_replays_in_the_folder_of_the_experiment(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(["toy.py", "--replay", "0"]) == 2
    assert capsys.readouterr().err == (
        "simlab: results folder 'results/toy' is not there: name the folder of a sweep, such as its --out\n"
    )
    run(toy, engine="serial")
    assert command(["toy.py", "--replay", "1e0"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "computed again: the same bits"


# the verbs


@pytest.mark.parametrize("verb", ["status", "export", "verify"])
def test_the_mistakes_of_a_verb_are_sentences(toy, tmp_path, capsys, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    named = "name the folder of a sweep, such as its --out"
    for arguments, sentence in {
        (): f"missing argument 'DIR': see python -m simlab.sweep {verb} --help",
        ("nowhere",): f"results folder 'nowhere' is not there: {named}",
        ("toy.py",): f"results folder 'toy.py' is no folder: {named}",
        ("empty",): f"results folder 'empty' holds no run: {named}",
        ("empty", "--hlep"): "option '--hlep' is unknown: did you mean '--help'?",
    }.items():
        assert command([verb, *arguments]) == 2
        assert capsys.readouterr() == ("", f"simlab: {sentence}\n")
    assert command([verb, "empty", "more"]) == 2
    assert re.fullmatch(  # the words are click's
        rf"simlab: got unexpected extra argument\S* \(more\): see python -m simlab.sweep {verb} --help\n",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export", "out", "--to", "cvs"], "format 'cvs' is unknown: did you mean 'csv'?"),
        (["export", "out", "--to", "json"], "format 'json' is unknown: choose from csv, parquet"),
        (["verify", "out", "--blocks", "0"], "--blocks = 0: must be a whole number of at least 1"),
        (["verify", "out", "--blocks", "most"], "--blocks = most: must be a whole number, such as 10000 or 1e4"),
        (["verify", "out", "--workers", "0"], "--workers = 0: must be a whole number of at least 1"),
        (
            ["verify", "out", "--timeout", "1e12"],
            "--timeout = 1e12: must be a number of seconds above 0 and up to 1e7, such as 30",
        ),
        (["verify", "out", "--seed", "-1"], "--seed = -1: must be a whole number of at least 0"),
        (["verify", "out", "--run"], "option '--run' requires an argument: see python -m simlab.sweep verify --help"),
    ],
)
def test_the_options_of_a_verb_are_judged(toy, tmp_path, capsys, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    run(toy, engine="serial", out="out", smoke=True)
    assert command(arguments) == 2
    assert capsys.readouterr() == ("", f"simlab: {sentence}\n")


@pytest.mark.parametrize("verb", ["status", "export", "verify"])
def test_the_help_of_a_verb_says_what_it_does(capsys, verb):
    assert command([verb, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.split()[:5] == ["Usage:", "python", "-m", "simlab.sweep", verb]
    assert "The results folder of a sweep." in " ".join(out.split())
    assert ("--run" in out) == (verb != "status")


def test_the_command_prints_status_and_export(toy, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(toy, engine="serial", out="out", smoke=True)
    assert command(["status", "out"]) == 0
    assert capsys.readouterr().out.splitlines() == status_of_folder("out")
    assert command(["export", "out"]) == 0
    assert capsys.readouterr() == ("out/replicates.csv: 2 rows\n", "")
    assert len(csv_of(tmp_path / "out" / "replicates.csv")) == 2


def test_verify_is_not_content_with_a_folder_whose_blocks_are_damaged(toy, tmp_path):
    done = run(toy, engine="serial", out=tmp_path / "out")
    path = Store(done.folder).path(done.plan.jobs[3].key)
    path.write_bytes(path.read_bytes().replace(b'"share":0', b'"share":1', 1))
    lines, differing = verify_run(done.folder, None, 0, 1, None)
    assert differing
    assert lines[-1] == "1 block file cut short or altered: the sweep computes them again"


@pytest.mark.parametrize(
    ("to", "out", "first"), [(None, "x.parquet", b"PAR1"), (None, "x.csv", b"expe"), ("parquet", "x", b"PAR1")]
)
def test_export_goes_by_the_ending_where_no_format_is_named(toy, tmp_path, to, out, first):
    folder = run(toy, engine="serial", out=tmp_path / "out").folder
    export_run(folder, to, str(tmp_path / out), None)
    assert (tmp_path / out).read_bytes()[:4] == first
    with pytest.raises(BadInput) as mistake:
        export_run(folder, "csv", str(tmp_path / "y.parquet"), None)
    assert str(mistake.value) == (
        f"--out {tmp_path / 'y.parquet'}: ends with .parquet, and --to is csv: make them agree"
    )
