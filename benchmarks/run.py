"""Speed, side by side in one run with what a user would pick instead; medians and ratios, never a timed test.

`python benchmarks/run.py [--smoke] [--out FILE]` prints a table and, with --out, writes JSON with the machine named.
"""

from __future__ import annotations

import argparse
import importlib.util
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
from simlab.missing_mass.counts import counts_of
from simlab.missing_mass.masses import good_turing
from simlab.missing_mass.orders import good_mass
from simlab.missing_mass.smoothing import SimpleGoodTuring, simple_good_turing
from simlab.missing_mass.unseen import ace, chao1
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


def missing_mass(smoke: bool) -> list[dict[str, Any]]:
    """Estimators of the missing mass on the counts of a Zipf corpus (exponent 1), against scikit-bio and NLTK.

    Each side starts from the same array, one count a fact; the values are asserted to agree before anything is timed.
    """
    repeats, facts = (3, 3_000) if smoke else (15, 1_000_000)
    # scikit-bio's esty_ci cubes N in 64-bit integers: from 2^21 draws on it returns something else
    draws = min(2 * facts, 2**21 - 1)
    popularity = 1 / np.arange(1.0, facts + 1)
    corpus = STREAMS.numpy("missing_mass").multinomial(draws, popularity / popularity.sum())
    counts = corpus[corpus > 0]
    rows = against_scikit_bio(counts, repeats) + against_nltk(counts, 1 if smoke else 3)
    known = counts_of(counts)
    vast = counts_of({k: 10**12 // (k * (k + 1)) for k in range(1, 10_001)})
    for name, given in ((f"{known.seen:,}", known), ("1e12", vast)):
        seconds = median(
            lambda given=given: [run(given) for run in (chao1, ace, good_mass, simple_good_turing)], repeats
        )
        rows.append({"name": f"ours, all four, {name} facts as counts of counts", "seconds": seconds})
    return rows


def against_scikit_bio(counts: np.ndarray, repeats: int) -> list[dict[str, Any]]:
    """Chao1, ACE, and the interval of the missing mass."""
    if not installed("scikit-bio", "skbio"):
        return []
    from skbio.diversity import alpha

    seen = counts_of(counts).seen
    esty, score = good_turing(counts, interval="esty"), good_mass(counts)
    np.testing.assert_allclose(alpha.chao1(counts), seen + chao1(counts, "bias_corrected").estimate, rtol=1e-13)
    np.testing.assert_allclose(
        alpha.chao1(counts, bias_corrected=False), seen + chao1(counts, "classic").estimate, rtol=1e-13
    )
    np.testing.assert_allclose(alpha.ace(counts), seen + ace(counts).estimate, rtol=1e-13)
    np.testing.assert_allclose(alpha.robbins(counts), score.estimate, rtol=1e-13)
    np.testing.assert_allclose(alpha.esty_ci(counts), (esty.low, esty.high), rtol=1e-8)
    np.testing.assert_allclose((score.low, score.high), (esty.low, esty.high), atol=4 / counts.sum())
    pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        ("chao1", lambda: alpha.chao1(counts), lambda: chao1(counts, "bias_corrected")),
        ("ace", lambda: alpha.ace(counts), lambda: ace(counts)),
        ("esty_ci", lambda: alpha.esty_ci(counts), lambda: good_mass(counts)),
    ]
    rows = [row for name, *both in pairs for row in side_by_side("scikit-bio", name, counts, *both, repeats)]

    def together() -> None:
        known = counts_of(counts)
        for estimator in (chao1, ace, good_mass):
            estimator(known)

    seconds, apart = median(together, repeats), sum(row["seconds"] for row in rows[::2])
    return [*rows, {"name": "ours, all three, counted once", "seconds": seconds, "ratio": apart / seconds}]


def against_nltk(counts: np.ndarray, repeats: int) -> list[dict[str, Any]]:
    """Simple Good-Turing, and the probability of one fact of every count up to 10."""
    if not installed("NLTK", "nltk"):
        return []
    from nltk.probability import FreqDist, SimpleGoodTuringProbDist

    names = FreqDist(dict(enumerate(counts.tolist())))
    examples = [int(np.argmax(counts == k)) for k in range(1, 11)]

    def theirs() -> list[float]:
        smoothed = SimpleGoodTuringProbDist(names)
        return [smoothed.prob(fact) for fact in examples]

    def ours() -> SimpleGoodTuring:
        return simple_good_turing(counts)

    np.testing.assert_allclose(ours().probability[:10], theirs(), rtol=1e-9)
    return side_by_side("NLTK", "Simple Good-Turing", counts, theirs, ours, repeats)


def side_by_side(
    rival: str, name: str, counts: np.ndarray, theirs: Callable[[], object], ours: Callable[[], object], repeats: int
) -> list[dict[str, Any]]:
    their_seconds, our_seconds = median(theirs, repeats), median(ours, repeats)
    return [
        {"name": f"{rival}, {name}, {len(counts):,} facts", "seconds": their_seconds},
        {"name": f"ours, from the same counts ({name})", "seconds": our_seconds, "ratio": their_seconds / our_seconds},
    ]


def installed(name: str, module: str) -> bool:
    """Whether a rival is there to be timed; says so, and how to get it, where it is not."""
    there = importlib.util.find_spec(module) is not None
    if not there:
        print(f"{name} is not installed and is left out: pip install 'simlab[bench]' brings it.")
    return there


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else platform.machine()
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version()}


def write(path: Path, measured_on: dict[str, Any], smoke: bool, rows: list[dict[str, Any]]) -> None:
    """Write the rows of a benchmark as JSON, whole or not at all."""
    save(path, {"machine": measured_on, "smoke": smoke, "rows": rows})


def save(path: Path, found: dict[str, Any]) -> None:
    """Write what a benchmark found as JSON, whole or not at all."""
    text = json.dumps(found, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".tmp")
    whole.write_text(text + "\n")
    whole.replace(path)


def main() -> None:
    """Run all benchmarks and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: checks that the benchmarks run")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    rows = [row for part in (occupancy, trials, fits, missing_mass) for row in part(chosen.smoke)]
    for row in rows:
        ratio = f"{row['ratio']:10.1f} x" if "ratio" in row else ""
        print(f"{row['name']:<58}{row['seconds'] * 1e3:12.3f} ms{ratio}")
    if chosen.out is not None:
        write(chosen.out, machine(), chosen.smoke, rows)


if __name__ == "__main__":
    main()
