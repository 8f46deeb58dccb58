"""What the engine costs, beside a bare loop and the standard library's pool: `python benchmarks/engine.py [--smoke]`.

Overhead: replicates of a cell that computes for a millisecond, in a bare loop, in the loop of `ProcessPoolExecutor.map`
over the same blocks (what a user would write), and in a sweep, on one worker and on two. Every sweep is a process of
its own, started cold, and its time is all of it: interpreter, imports, workers, block files, tables and summary.
Store: a folder of a million rows is opened, collected and summarised, and opened again.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simlab.seeds import Streams
from simlab.sweep.blocks import Outcome
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan
from simlab.sweep.running import prepare
from simlab.sweep.store import open_store

EXPERIMENT = '''"""A cell of {milliseconds} ms of computing."""
import time
from pydantic import BaseModel

class Config(BaseModel, frozen=True, extra="forbid"):
    draws: int = 1

GRID = {{"draws": {draws}}}
REPLICATES, BLOCK = {replicates}, {block}

def cell(config, streams):
    rows = []
    for one in streams:
        end = time.process_time() + {milliseconds} / 1000  # of the processor, not of the clock
        while time.process_time() < end:
            pass
        rows.append({{"replicate": one.replicate, "method": "a", "x": one.numpy("x").random()}})
    return rows
'''


def loop(path: str, replicates: range) -> int:
    """The cell itself, replicate by replicate, with its streams and nothing around it."""
    experiment = load(path)
    config, point = experiment.config(), "a"
    return sum(len(experiment.cell(config, [Streams(0, point, r)])) for r in replicates)


def timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def pool_map(path: str, workers: int, replicates: int, block: int) -> None:
    blocks = [range(start, start + block) for start in range(0, replicates, block)]
    with ProcessPoolExecutor(workers) as pool:
        assert sum(pool.map(partial(loop, path), blocks)) == replicates


def sweep(path: Path, folder: Path, workers: int) -> None:
    command = [sys.executable, "-m", "simlab.sweep", str(path), "--workers", str(workers), "--out", str(folder)]
    subprocess.run([*command, "--quiet", "--fresh"], check=True, stdout=subprocess.DEVNULL)


def overhead(folder: Path, replicates: int, repeats: int) -> dict[str, float]:
    """Seconds of each way to compute the replicates, medians over alternating repeats, and their ratios."""
    block = 100
    path = folder / "cell.py"
    path.write_text(EXPERIMENT.format(milliseconds=1, draws="(1,)", replicates=replicates, block=block))
    ways = {
        "loop": lambda: loop(str(path), range(replicates)),
        "pool_map_1": lambda: pool_map(str(path), 1, replicates, block),
        "pool_map_2": lambda: pool_map(str(path), 2, replicates, block),
        "sweep_1": lambda: sweep(path, folder / "one", 1),
        "sweep_2": lambda: sweep(path, folder / "two", 2),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(timed(way))
    found = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratios = [
        (one / loop, one / two)
        for one, two, loop in zip(times["sweep_1"], times["sweep_2"], times["loop"], strict=True)
    ]
    found["overhead"] = statistics.median(ratio for ratio, _ in ratios) - 1
    found["speed_up_of_2_workers"] = statistics.median(ratio for _, ratio in ratios)
    pairs = zip(times["pool_map_1"], times["pool_map_2"], strict=True)
    found["speed_up_of_pool_map"] = statistics.median(one / two for one, two in pairs)
    return found


def store(folder: Path, rows: int) -> dict[str, float]:
    """Seconds to open and summarise a folder of so many rows: the first time, and when its tables are there."""
    block, points = 1000, 10
    path, out = folder / "rows.py", folder / "rows"
    text = EXPERIMENT.format(milliseconds=0, draws=tuple(range(1, points + 1)), replicates=rows // points, block=block)
    path.write_text(text)
    plan, opened, rng = make_plan(load(path)), open_store(out), np.random.default_rng(0)
    for job in plan.jobs:
        values = rng.random((block, 4)).tolist()
        made = [
            {"replicate": r, "method": "a", "x": x, "y": y, "error": e, "error_from_iiv_slack": s}
            for r, (x, y, e, s) in zip(job.replicates, values, strict=True)
        ]
        opened.write(Outcome(job, made, provenance={"duration_s": 0.0}))
    first = timed(lambda: prepare(path, out=out, engine="serial").run())
    again = timed(lambda: prepare(path, out=out, engine="serial").run())
    return {"rows": float(rows), "first": first, "again": again}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="the smallest size")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = {
            "overhead": overhead(Path(temporary), 200 if given.smoke else 10_000, 1 if given.smoke else 3),
            "store": store(Path(temporary), 20_000 if given.smoke else 1_000_000),
        }
    for part, numbers in found.items():
        for name, value in numbers.items():
            print(f"{part:10} {name:24} {value:10.3f}")
    if given.out:
        from run import machine, save  # from the folder of this script

        save(given.out, {"machine": {"machine": platform.platform(), **machine()}, "results": found})


if __name__ == "__main__":
    main()
