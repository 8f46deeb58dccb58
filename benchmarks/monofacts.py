"""The n-gram study of monofacts: one cell, the same by dictionaries, and the whole study.

`python benchmarks/monofacts.py [--smoke] [--study] [--out FILE]`. A cell draws 5,000 training facts, trains the chain,
generates 5,000 strings and measures. The same by dictionaries is the published approach written anew: Python
dictionaries over tuples of words, lists with an entry for every copy of a fact, a loop over bins for each entry; both
sides start from the same facts, copies and corpus, and their values are asserted to agree. These are seconds of the
processor. `--study` also runs the whole study, 300 shapes of 20 corpora each, in both readings, on two workers, by the
clock.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from simlab.seeds import Streams
from simlab.sweep import run
from simlab.sweep.loading import Source, run_source
from simlab.worlds import spelled

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "monofacts.py"
END = "<end>"
FLOOR = 1e-10  # what the public code gives to a step never seen
SHAPES = (1.0, 1.5, 4.0)


def study() -> ModuleType:
    return run_source(Source("monofacts", EXPERIMENT.read_text()))


def timed(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """What a call returns, and the processor's seconds of its median run: a busy machine does not stretch those."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        found = call()
        times.append(time.process_time() - start)
    return found, statistics.median(times)


class Dictionaries:
    """The chain as dictionaries over tuples of words."""

    def __init__(self, corpus: Sequence[str]) -> None:
        begun: Counter[tuple[str, ...]] = Counter()
        taken: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for fact in corpus:
            words = [*fact.split(), END]
            begun[tuple(words[:2])] += 1
            for i in range(len(words) - 2):
                taken[tuple(words[i : i + 2])][words[i + 2]] += 1
        self.begun = {pair: n / len(corpus) for pair, n in begun.items()}
        self.taken = {pair: {word: n / after.total() for word, n in after.items()} for pair, after in taken.items()}

    def log_probability(self, fact: str) -> float:
        words = [*fact.split(), END]
        total = math.log(self.begun.get(tuple(words[:2]), FLOOR))
        for i in range(len(words) - 2):
            total += math.log(self.taken.get(tuple(words[i : i + 2]), {}).get(words[i + 2], FLOOR))
        return total

    def generate(self, n: int, rng: np.random.Generator) -> list[str]:
        pairs, chances = list(self.begun), list(self.begun.values())
        made = []
        for first in rng.choice(len(pairs), size=n, p=chances):
            words = list(pairs[first])
            while words[-1] != END:
                after = self.taken[tuple(words[-2:])]
                words.append(str(rng.choice(list(after), p=list(after.values()))))
            made.append(" ".join(words[:-1]))
        return made


def binned(entries: Sequence[str], model: Dictionaries, epsilon: float) -> tuple[list[float], list[float]]:
    """The masses p and p_hat of the log bins of a list of facts that has an entry for every copy."""
    copies = Counter(entries)
    p = [copies[fact] / len(entries) for fact in entries]
    q = [math.exp(model.log_probability(fact)) for fact in entries]
    p, q = [one / sum_p for sum_p in [sum(p)] for one in p], [one / sum_q for sum_q in [sum(q)] for one in q]
    bins, i = [], 0
    while (1 - epsilon) ** (i + 1) >= FLOOR:
        if (1 - epsilon) ** i - (1 - epsilon) ** (i + 1) > FLOOR:
            bins.append(((1 - epsilon) ** (i + 1), (1 - epsilon) ** i))
        i += 1
    in_p, in_q = [0.0] * (len(bins) + 1), [0.0] * (len(bins) + 1)
    for one, other in zip(p, q, strict=True):
        place = len(bins)
        for k, (low, high) in enumerate(bins):
            if low <= other < high:
                place = k
                break
        in_p[place] += one
        in_q[place] += other
    return in_p, in_q


def by_dictionaries(
    texts: Sequence[str], copies: np.ndarray, written: np.ndarray, config: Any, rng: np.random.Generator
) -> dict[str, float]:
    """The published measures of one corpus."""
    corpus = [texts[i] for i in written]
    model = Dictionaries(corpus)
    entries = [text for text, n in zip(texts, copies.tolist(), strict=True) for _ in range(n)]
    false = set(model.generate(config.generations, rng)) - set(entries)
    in_p, in_q = binned(entries, model, config.epsilon)
    train_p, train_q = binned(corpus, model, config.epsilon)
    return {
        "error_published": len(false) / config.generations,
        "miscalibration_published": sum(abs(one - other) for one, other in zip(in_p, in_q, strict=True)) / 2,
        "kl_published": sum(p * math.log(p / q) for p, q in zip(train_p, train_q, strict=True) if p > 0),
    }


def side_by_side(module: ModuleType, shape: float, smoke: bool) -> list[dict[str, Any]]:
    """One cell in each reading, and the published reading by dictionaries on the same corpus."""
    sizes = {"facts": 500, "draws": 200, "generations": 200} if smoke else {}
    config = module.Config(shape=shape, methods=("chain",), **sizes)
    facts, steps = module.film_world(config.facts, config.facts_seed, config.tokens)

    def one(reading: Callable[..., Any], replicate: int) -> Any:
        streams = Streams(1, "x", replicate)
        copies = module.pareto_copies(shape, config.facts, streams.numpy("copies"))
        return reading(facts, steps, copies, config, streams)

    rows = []
    for name, reading in (("as published", module.as_published), ("as in the theory", module.in_theory)):
        one(reading, 0)
        seconds = [timed(lambda f=reading, r=r: one(f, r), 1)[1] for r in range(3 if smoke else 31)]
        rows.append({"name": f"one cell {name}, shape {shape:g}", "seconds": statistics.median(seconds)})
    replicate = typical(module, config)
    streams, texts = Streams(1, "x", replicate), spelled(facts)
    copies = module.pareto_copies(shape, config.facts, streams.numpy("copies"))
    written = module.draw(copies, config.draws, streams.numpy("published corpus"), replace=False)
    theirs, slow = timed(lambda: by_dictionaries(texts, copies, written, config, streams.numpy("dictionaries")), 1)
    (ours,) = one(module.as_published, replicate)
    for name in ("miscalibration_published", "kl_published"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-9)
    assert abs(ours["error_published"] - theirs["error_published"]) < 5 * math.sqrt(0.5 / config.generations)
    name = f"the same by dictionaries, shape {shape:g}, {copies.sum():,} copies"
    return [*rows, {"name": name, "seconds": slow, "ratio": slow / rows[0]["seconds"]}]


def typical(module: ModuleType, config: Any) -> int:
    """The replicate with the median number of copies among 11: at shape 1 their mean is infinite."""
    totals = [
        int(module.pareto_copies(config.shape, config.facts, Streams(1, "x", r).numpy("copies")).sum())
        for r in range(11)
    ]
    return totals.index(sorted(totals)[5])


def whole_study(smoke: bool) -> dict[str, Any]:
    """The whole study through the sweep, workers and all: 300 shapes, 20 corpora each, both readings."""
    shapes = (1.0, 2.0) if smoke else tuple(round(1 + i / 100, 2) for i in range(300))
    replicates = 5 if smoke else 20
    settings = {"shape": shapes, "mode": "films", "tokens": "words", "methods": (("chain",),)}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = run(EXPERIMENT, settings=settings, replicates=replicates, workers=2, out=Path(folder) / "study")
        seconds = time.perf_counter() - start
    assert result.status == 0
    name = f"whole study, {len(shapes)} shapes x {replicates} corpora, both readings, 2 workers"
    return {"name": name, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: checks that the benchmark runs")
    parser.add_argument("--study", action="store_true", help="also the whole study, some minutes")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    given = parser.parse_args()
    module = study()
    rows = [row for shape in SHAPES for row in side_by_side(module, shape, given.smoke)]
    if given.study:
        rows.append(whole_study(given.smoke))
    for row in rows:
        ratio = f"{row['ratio']:10.1f} x" if "ratio" in row else ""
        print(f"{row['name']:<72}{row['seconds'] * 1e3:12.1f} ms{ratio}")
    if given.out:
        from run import machine, write  # from the folder of this script

        write(given.out, machine(), given.smoke, rows)


if __name__ == "__main__":
    main()
