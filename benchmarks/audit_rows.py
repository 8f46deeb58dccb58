"""Reading tables of many rows: time and memory beside what the same engine takes for the bare GROUP BY.

`python benchmarks/audit_rows.py [--rows 1e5] [--folder DIR] [--out FILE]` generates Parquet files with DuckDB, reads
each in a process of its own, and prints the seconds from its start to its end, its peak resident memory, and the ratio
to the process that asks for

    SELECT prompt, answer, count(*) FROM read_parquet(FILE) GROUP BY 1, 2

(consumed by an aggregate) under the same memory limit and number of threads. "command" is the whole audit as the
command line runs it. 1e5 rows are a smoke size, at which the start of a process is all there is; the figures to quote
are those of 5e7 rows, and docs/audit.md quotes ``summary`` of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from simlab.tables import read_facts
from simlab.tables.asking import MEMORY_LIMIT, ask, opened

MIXED = "(i * 2654435761 % 4294967296)"
"""Each i another number, in no order."""

KINDS = {
    "few distinct facts": (
        "'Which country is city ' || (hash(i) % 100 * (hash(i + 7) % 100)) || ' in?'",
        "'country ' || (hash(i) % 100 * (hash(i + 7) % 100) % 200 + (hash(i + 3) % 50 = 0)::INT)",
    ),
    "popularity 1/rank": (
        "'In which city was person ' || floor(pow({n} / 2, hash(i) % 1000003 / 1000003))::BIGINT || ' born?'",
        "'city ' || (hash(floor(pow({n} / 2, hash(i) % 1000003 / 1000003))) % 1000 + (hash(i + 3) % 50 = 0)::INT)",
    ),
    "distinct prompts": (
        f"'In which city was person ' || {MIXED} || ' born?'",
        "'city ' || hash(i) % 1000",
    ),
    "distinct prompts and answers": (
        f"'When was person ' || {MIXED} || ' born?'",
        "'at instant ' || (i * 2246822519 % 4294967296) || ' of time'",
    ),
}
"""Name -> SQL for the prompt and the answer of row i of n."""

READINGS: dict[str, dict[str, Any]] = {"read_facts": {}, "with order": {"order": True}}
"""What is called in Python, with its options."""

COMMANDS: dict[str, list[str]] = {"command": [], "command --spelling-check": ["--spelling-check"]}
"""What is run on the command line, with its options."""

SMALL = 1000
"""Rows of the table that tells what the command takes whatever the table."""

LONG = 10
"""Seconds from which a reading is run once, whatever the repeats."""

BARE = "SELECT count(*), sum(times) FROM (SELECT prompt, answer, count(*) AS times FROM {file} GROUP BY 1, 2)"


def generate(kind: str, rows: int, path: Path) -> None:
    """Write the rows of one kind, unless they are there."""
    if path.exists():
        return
    prompt, answer = (text.replace("{n}", f"{float(rows)}") for text in KINDS[kind])
    part = path.with_suffix(".part")
    with duckdb.connect(config={"memory_limit": "1GB"}) as con:
        con.execute(
            f"COPY (SELECT {prompt} AS prompt, {answer} AS answer FROM range({rows}) AS t(i)) "
            f"TO '{part}' (FORMAT parquet)"
        )
    part.rename(path)


def child(path: str, reading: str) -> None:
    """Read one file in this process."""
    if reading == "bare":
        with opened() as engine:
            ask(engine, BARE.format(file=f"read_parquet('{path}')"))
    else:
        read_facts(path, prompt="prompt", answer="answer", **READINGS[reading])


def timed(path: Path, reading: str) -> dict[str, float]:
    """Seconds of one process from its start to its end, of all cores together, and the most memory that it held."""
    audit = [sys.executable, "-m", "simlab.audit", "corpus", str(path), "--prompt", "prompt", "--answer", "answer"]
    asked = [*audit, "--json", "-", *COMMANDS[reading]] if reading in COMMANDS else []
    started = time.perf_counter()
    process = subprocess.Popen(
        asked or [sys.executable, __file__, "--child", str(path), reading],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)  # the only wait that tells of one child
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{reading} of {path} ended with status {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_bytes": used.ru_maxrss * unit}


def measured(path: Path, reading: str, repeats: int) -> dict[str, float]:
    """The fastest of some runs, with the largest memory of all."""
    runs = [timed(path, reading)]
    while len(runs) < repeats and runs[-1]["seconds"] < LONG:
        runs.append(timed(path, reading))
    return min(runs, key=lambda run: run["seconds"]) | {"peak_bytes": max(run["peak_bytes"] for run in runs)}


def summary(found: dict[str, Any]) -> str:
    """The results in a sentence, for the documentation."""
    ratios: dict[str, list[float]] = {}
    for row in found["results"]:
        ratios.setdefault(row["reading"], []).append(row["ratio"])
    spans = {reading: f"{min(some):.1f} to {max(some):.1f}" for reading, some in ratios.items()}
    most = max(row["peak_bytes"] for row in found["results"])
    return (
        f"On {found['results'][0]['rows']:,} rows of four kinds reading takes {spans['read_facts']} times as long as "
        f"DuckDB's bare `GROUP BY prompt, answer` under the same memory limit, with the order check "
        f"{spans['with order']}, the whole command {spans['command']} and with `--spelling-check` "
        f"{spans['command --spelling-check']}, in at most {most / 2**30:.1f} GiB. {found['start_seconds']:.1f} seconds "
        "of the command are spent on a table of any size."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=100_000, help="rows of each file")
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary folder")
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs of each short reading, of which the fastest counts"
    )
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "READING"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        small = Path(temporary) / "small.parquet"
        generate("popularity 1/rank", SMALL, small)
        start = measured(small, "command", 3)["seconds"]
        for kind in KINDS:
            path = folder / f"{kind.replace(' ', '_').replace('/', '_')}_{given.rows}.parquet"
            generate(kind, given.rows, path)
            bare = None
            for reading in ("bare", *READINGS, *COMMANDS):
                run = measured(path, reading, given.repeats)
                bare = bare or run
                ratios = {"ratio": run["seconds"] / bare["seconds"], "cpu_ratio": run["cpu"] / bare["cpu"]}
                results.append({"rows": given.rows, "kind": kind, "reading": reading} | run | ratios)
                print(
                    f"{given.rows:.0e} rows, {kind:30} {reading:24} {run['seconds']:8.2f} s  x {ratios['ratio']:5.2f}"
                    f"  cpu x {ratios['cpu_ratio']:5.2f}  {run['peak_bytes'] / 2**20:7.0f} MiB",
                    flush=True,
                )
    if given.out:
        from run import machine, save  # from the folder of this script, and here: a child's memory is measured

        here = {"machine": platform.platform(), **machine(), "duckdb": duckdb.__version__, "memory_limit": MEMORY_LIMIT}
        save(given.out, {"machine": here, "start_seconds": start, "results": results})


if __name__ == "__main__":
    main()
