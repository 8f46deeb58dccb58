"""Speed, side by side in one run with what a user would pick instead; medians and ratios, never a timed test.

`python benchmarks/run.py [--smoke] [--out FILE]` prints a table and, with --out, writes JSON with the machine named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simlab.corpora import group, list_facts, sample, sample_listed
from simlab.measures import observe
from simlab.models import learn
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.trials import trial
from simlab.worlds import uniform, zipf

STREAMS = Streams(seed=1, point="benchmarks")


def median(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the median run, after one run to warm up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def occupancy(smoke: bool) -> list[dict[str, Any]]:
    """Cells of a Zipf world (exponent 1) against N, and NumPy's multinomial over listed facts.

    The ratios of the first rows are to 1e12 draws: what more draws cost.
    """
    repeats = 3 if smoke else 31
    world, rng = zipf(10**12), STREAMS.numpy("occupancy")
    times = {e: median(lambda n=10**e: sample(world, n, rng, count_cap=32), repeats) for e in (3, 6, 9, 12, 15, 18)}
    rows: list[dict[str, Any]] = [
        {"name": f"cells, 1e{e} draws over 1e12 facts, cap 32", "seconds": seconds, "ratio": times[12] / seconds}
        for e, seconds in times.items()
    ]
    n = 10**6 if smoke else 10**8
    listed = zipf(n)
    popularity = np.repeat(listed.popularity, listed.facts)
    popularity /= popularity.sum()
    numpy_seconds = median(lambda: rng.multinomial(n, popularity), 1 if smoke else 3)
    ours = median(lambda: sample(listed, n, rng), repeats)
    name = f"{n:.0e} draws over {n:.0e} facts"
    rows.append({"name": f"numpy multinomial, {name}", "seconds": numpy_seconds})
    rows.append({"name": f"cells, {name}, no cap", "seconds": ours, "ratio": numpy_seconds / ours})
    return rows


def trials(smoke: bool) -> list[dict[str, Any]]:
    """One whole trial (sample, calibrated learner, all measures), and the same listed fact by fact."""
    repeats = 3 if smoke else 51
    large, small, n = zipf(10**12), zipf(10**4), 10**4

    def listed() -> None:
        truth = list_facts(small, STREAMS.numpy("facts"))
        corpus = sample_listed(truth, n, STREAMS.numpy("corpus"))
        observe(tabulate(truth, corpus, learn("calibrated", corpus, STREAMS), STREAMS))

    on_large = median(lambda: trial(large, 10**12, ("calibrated",), STREAMS, count_cap=32), repeats)
    on_small = median(lambda: trial(small, n, ("calibrated",), STREAMS), repeats)
    by_fact = median(listed, 1 if smoke else 7)
    return [
        {"name": "whole trial with all bounds, 1e12 draws over 1e12 facts", "seconds": on_large},
        {"name": "trial without bounds, 1e4 draws over 1e4 facts, listed", "seconds": by_fact},
        {"name": "whole trial with all bounds, the same on cells", "seconds": on_small, "ratio": by_fact / on_small},
    ]


def fits(smoke: bool) -> list[dict[str, Any]]:
    """The softmax table on cells against the same table listed in full, 300 Adam steps each."""
    n = 100 if smoke else 3_000
    world = uniform(n, answer_rate=0.9)
    truth = list_facts(world, STREAMS.numpy("facts"))
    corpus = sample_listed(truth, n, STREAMS.numpy("corpus"))
    cells = group(corpus)
    ours = median(lambda: learn("softmax_table", cells, STREAMS), 3 if smoke else 11)
    full = median(lambda: learn("softmax_table", corpus, STREAMS), 1 if smoke else 3)
    return [
        {"name": f"softmax table listed, {n} prompts x 366 responses", "seconds": full},
        {"name": "softmax table on its cells", "seconds": ours, "ratio": full / ours},
    ]


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else platform.machine()
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version()}


def main() -> None:
    """Run all benchmarks and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: checks that the benchmarks run")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    rows = [row for part in (occupancy, trials, fits) for row in part(chosen.smoke)]
    for row in rows:
        ratio = f"{row['ratio']:10.1f} x" if "ratio" in row else ""
        print(f"{row['name']:<58}{row['seconds'] * 1e3:12.3f} ms{ratio}")
    if chosen.out is not None:
        text = json.dumps({"machine": machine(), "smoke": chosen.smoke, "rows": rows}, indent=1)
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        whole = chosen.out.with_suffix(".tmp")
        whole.write_text(text + "\n")
        whole.replace(chosen.out)


if __name__ == "__main__":
    main()
