"""Reading tables of many rows: time and memory beside what the same engine takes for the bare GROUP BY.

`python benchmarks/audit_rows.py [--rows 1e5] [--folder DIR] [--out FILE]` generates Parquet files with DuckDB, reads
each in a process of its own, and prints seconds, peak resident memory and the ratio to

    SELECT prompt, answer, count(*) FROM read_parquet(FILE) GROUP BY 1, 2

(consumed by an aggregate) under the same memory limit and number of threads. 1e5 rows are a smoke size, at which the
fixed cost of opening a database is all there is; the figures to quote are those of 5e7 rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
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

READINGS: dict[str, dict[str, Any]] = {
    "read_facts": {},
    "with order": {"order": True},
    "with spellings": {"spellings": True},
    "with all": {"order": True, "spellings": True, "examples": 10},
}

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
    """Read one file in this process and print what it took."""
    started = time.perf_counter()
    if reading == "bare":
        with opened() as engine:
            ask(engine, BARE.format(file=f"read_parquet('{path}')"))
    else:
        read_facts(path, prompt="prompt", answer="answer", **READINGS[reading])
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_bytes": used.ru_maxrss * unit}))


def measured(path: Path, reading: str, repeats: int) -> dict[str, float]:
    """The fastest of some runs, each in a fresh process, with the largest memory of all."""
    command = [sys.executable, __file__, "--child", str(path), reading]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(repeats)]
    return min(runs, key=lambda run: run["seconds"]) | {"peak_bytes": max(run["peak_bytes"] for run in runs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=100_000, help="rows of each file")
    parser.add_argument("--folder", type=Path, help="where the files are kept; default: a temporary folder")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each reading, of which the fastest counts")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "READING"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            path = folder / f"{kind.replace(' ', '_').replace('/', '_')}_{given.rows}.parquet"
            generate(kind, given.rows, path)
            bare = None
            for reading in ("bare", *READINGS):
                run = measured(path, reading, given.repeats)
                bare = bare or run
                ratios = {"ratio": run["seconds"] / bare["seconds"], "cpu_ratio": run["cpu"] / bare["cpu"]}
                results.append({"rows": given.rows, "kind": kind, "reading": reading} | run | ratios)
                print(
                    f"{given.rows:.0e} rows, {kind:30} {reading:16} {run['seconds']:8.2f} s  x {ratios['ratio']:5.2f}"
                    f"  cpu x {ratios['cpu_ratio']:5.2f}  {run['peak_bytes'] / 2**20:7.0f} MiB",
                    flush=True,
                )
    if given.out:
        machine = {
            "machine": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
            "memory_limit": MEMORY_LIMIT,
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
