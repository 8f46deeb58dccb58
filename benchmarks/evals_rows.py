"""Auditing evaluation logs of many rows: time and memory of the whole command, beside one bare read of the file.

`python benchmarks/evals_rows.py [--rows 1e5] [--folder DIR] [--out FILE]` writes logs with DuckDB, audits each as the
command line does, in a process of its own, and prints the seconds from its start to its end, those of all processors
together, which a busy machine stretches less, and its peak resident memory. "read" is a process that asks DuckDB for

    SELECT count(*), count(DISTINCT id) FROM FILE

as a scale for the machine. 1e5 rows are a smoke size; docs/evals.md quotes ``summary`` of 2e6.
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

CONFIDENCE = "round(pow((hash(i) % 1000003) / 1000003.0, 0.4), 4)"
RIGHT = f"(hash(i + 7) % 1000003) / 1000003.0 < 0.9 * {CONFIDENCE}"
IDK = "hash(i + 3) % 20 = 0"

GRADE = f"CASE WHEN {IDK} THEN 'NOT_ATTEMPTED' WHEN {RIGHT} THEN 'CORRECT' ELSE 'INCORRECT' END"
PAIRS = ", ".join(f"[(-(hash(i + {c}) % 997)::INT / 100.0)::VARCHAR, 'False']" for c in range(4))

LOGS = {
    "Parquet, one sample a question": (
        "parquet",
        f"'question ' || i AS id, {GRADE} AS grade, {CONFIDENCE} AS confidence",
    ),
    "CSV, four samples a question": (
        "csv",
        f"'question ' || i // 4 AS id, ({RIGHT})::INT AS correct, {CONFIDENCE} AS confidence, "
        "'answer ' || hash(i) % 5 AS answer",
    ),
    "JSON Lines, four votes a question": (
        "jsonl",
        "'question ' || i // 4 AS id, CASE WHEN hash(i) % 3 > 0 THEN 'CORRECT' ELSE 'INCORRECT' END AS grade, "
        "'answer ' || CASE WHEN hash(i) % 3 > 0 THEN 0 ELSE hash(i) % 5 END AS answer",
    ),
    "lm-evaluation-harness, four choices": (
        "samples",
        "i AS doc_id, {'question': repeat('Which of these is number ' || i || '? ', 8)} AS doc, "
        "md5(i::VARCHAR) AS doc_hash, 'none' AS \"filter\", "
        f"[{PAIRS}] AS filtered_resps, (hash(i + 9) % 3 > 0)::INT::DOUBLE AS acc",
    ),
}
"""Name -> how it is written, and SQL for row i."""

WRITTEN = {"parquet": "FORMAT parquet", "csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json", "samples": "FORMAT json"}
SUFFIX = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "samples": ".jsonl"}


def generate(kind: str, rows: int, folder: Path) -> Path:
    """Write one log, unless it is there; return its path."""
    how, sql = LOGS[kind]
    stem = f"samples_generated_{rows}" if how == "samples" else f"{how}_{rows}"
    path = folder / f"{stem}{SUFFIX[how]}"
    if not path.exists():
        part = path.with_suffix(".part")
        with duckdb.connect(config={"memory_limit": "1GB"}) as con:
            con.execute(f"COPY (SELECT {sql} FROM range({rows}) AS t(i)) TO '{part}' ({WRITTEN[how]})")
        part.rename(path)
    return path


def child(path: str) -> None:
    """Read one file in this process, the bare way."""
    reader = {".parquet": "read_parquet", ".csv": "read_csv", ".jsonl": "read_json"}[Path(path).suffix]
    with duckdb.connect(config={"memory_limit": "1GB"}) as con:
        names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {reader}('{path}')").fetchall()]
        key = "id" if "id" in names else "doc_hash"
        con.execute(f"SELECT count(*), count(DISTINCT {key}) FROM {reader}('{path}')").fetchall()


def timed(path: Path, reading: str) -> dict[str, float]:
    """Seconds of one process from its start to its end, of all cores together, and the most memory that it held."""
    audit = [sys.executable, "-m", "simlab.audit", "evals", str(path), "--json", "-", "--quiet"]
    started = time.perf_counter()
    process = subprocess.Popen(
        audit if reading == "command" else [sys.executable, __file__, "--child", str(path)],
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


def summary(found: dict[str, Any]) -> str:
    """The results in a sentence, for the documentation."""
    runs = [row for row in found["results"] if row["reading"] == "command"]
    fast, slow = min(row["cpu"] for row in runs), max(row["cpu"] for row in runs)
    return (
        f"On logs of {runs[0]['rows']:,} samples in four formats the whole command takes {fast:.0f} to {slow:.0f} "
        f"seconds of processor time, in at most {max(row['peak_bytes'] for row in runs) / 2**30:.1f} GiB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=100_000, help="rows of each log")
    parser.add_argument("--folder", type=Path, help="where the logs are kept; default: a temporary folder")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--child", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child)
        return
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in LOGS:
            path = generate(kind, given.rows, folder)
            for reading in ("read", "command"):
                run = timed(path, reading)
                results.append({"rows": given.rows, "kind": kind, "reading": reading} | run)
                print(
                    f"{given.rows:.0e} rows, {kind:36} {reading:8} {run['seconds']:7.2f} s  cpu {run['cpu']:7.2f} s  "
                    f"{run['peak_bytes'] / 2**20:7.0f} MiB",
                    flush=True,
                )
    if given.out:
        from run import machine, save  # from the folder of this script, and here: a child's memory is measured

        here = {"machine": platform.platform(), **machine(), "duckdb": duckdb.__version__}
        save(given.out, {"machine": here, "results": results})


if __name__ == "__main__":
    main()
