"""Gradient fits, side by side with PyTorch: `python benchmarks/fits.py [--smoke] [--out FILE]`.

The same table, the same bilinear model and the same MLP, in single precision, from the same start: steps a second of
one fit, and of 64 replicates of a small model. PyTorch has two threads and its fused optimiser; of the replicates it
is asked one after the other, as users do, and stacked by hand into one batched model. Losses are asserted to agree
before anything is timed, and the two take turns: a ratio is the median of those of the rounds. Beside each stands how
far it is from what the machine can do: bytes against a copy, floating point operations against a matrix product, both
measured in the same run. A step is timed as the slope between a shorter and a longer run, on both sides: neither pays
for its start there.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from run import machine, median, write  # from the folder of this script

from simlab.corpora import Listed
from simlab.fitting import Family, fit, fit_many
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.seeds import Streams

STREAMS = Streams(seed=1, point="fits")
REPLICATES = 64
AGREE = 1e-4  # losses in single precision, relative
MLP_BATCH = 128


def corpus(prompts: int, responses: int, draws: int, replicate: int = 0) -> Listed:
    """Uniform prompts, each with one answer, some of the draws IDK: the shape of all that is timed here."""
    rng = Streams(1, f"{prompts} x {responses}", replicate).numpy("corpus")
    prompt, told = rng.integers(0, prompts, draws), rng.random(draws) < 0.9
    answer = np.where(told, rng.integers(0, responses - 1, prompts)[prompt], -1)
    each = np.full(prompts, responses - 1)
    return Listed(prompt, answer, np.zeros(prompts, dtype=int), each, np.full(prompts, 0.9))


def limits(smoke: bool) -> tuple[float, float]:
    """What the device does: bytes a second of a copy (read and written), operations a second of a matrix product."""
    n = 1 << (20 if smoke else 26)
    passes = 10  # in one program, so that no new memory is asked for: page faults are no bandwidth
    copy = jax.jit(lambda x: jax.lax.fori_loop(0, passes, lambda _, y: y + 1, x), donate_argnums=0)
    held = [copy(jnp.ones(n, jnp.float32))]

    def again() -> None:
        held[0] = copy(held[0]).block_until_ready()

    seconds = median(again, 5) / passes
    side = 256 if smoke else 2048
    a = jnp.ones((side, side), jnp.float32)
    product = jax.jit(jnp.matmul)
    return 8 * n / seconds, 2 * side**3 / median(lambda: product(a, a).block_until_ready(), 5)


def slope(run: Callable[[int], Any], steps: int) -> float:
    """Seconds a step, between a run of ``steps`` and one of five eighths of them, which share a program."""
    few = steps * 5 // 8
    times = []
    for n in (steps, few):
        start = time.perf_counter()
        run(n)
        times.append(time.perf_counter() - start)
    return (times[0] - times[1]) / (steps - few)


def in_turns(runs: Sequence[Callable[[int], Any]], steps: int, rounds: int) -> np.ndarray:
    """Seconds a step of each run, a row a round: all of them in turn, for a machine drifts while it is measured.

    NaN where noise is more than the steps take, as it may be at smoke size.
    """
    for run in runs:
        run(steps)  # compiled, and its memory asked for
    found = np.array([[slope(run, steps) for run in runs] for _ in range(rounds)])
    return np.where(found > 0, found, np.nan)


def middle(values: np.ndarray) -> float:
    """The median of what was measured; NaN where nothing was."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan


def fits_of(model: Family, listed: Listed, **settings: Any) -> Callable[[int], Any]:
    """A fit of so many steps."""
    examples = model.examples(listed)
    told = {"precision": "single"} | settings
    return lambda steps: fit(examples, model, streams=STREAMS, steps=steps, **told)


def ours(model: Family, listed: Listed, steps: int, rounds: int, **settings: Any) -> float:
    """Seconds a step of one fit."""
    return middle(in_turns([fits_of(model, listed, **settings)], steps, rounds))


class Rival:
    """The same models in PyTorch, as a user would write them: modules, autograd, a fused optimiser."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(2)
        self.torch = torch

    def tensor(self, x: Any) -> Any:
        return self.torch.tensor(np.asarray(x, dtype=np.float32))

    def train(self, params: list[Any], loss: Callable[[], Any], steps: int, rate: float) -> list[float]:
        """Adam; the loss before each step is kept on the device and read at the end."""
        rule = self.torch.optim.Adam(params, lr=rate, fused=True)
        values = []
        for _ in range(steps):
            rule.zero_grad(set_to_none=True)
            value = loss()
            value.backward()
            rule.step()
            values.append(value.detach())
        return [float(v) for v in values]

    def logits(self, model: Family, params: dict[str, Any] | Any, prompts: Any = None) -> Any:
        """z[c, r]; parameters by the names of our models."""
        if isinstance(model, SoftmaxTable):
            return params
        if isinstance(model, Bilinear):
            return params["prompts"] @ params["responses"].mT
        keys = params["keys"] if prompts is None else params["keys"][prompts]
        hidden = self.torch.relu(keys @ params["inward"] + params["inward_bias"])
        return (hidden @ params["outward"] + params["outward_bias"]) @ params["values"].mT

    def run(self, model: Family, start: Any, listed: list[Listed], steps: int, rate: float, batch: int | None) -> Any:
        """Train from ``start`` (stacked where there are several corpora); return the losses."""
        many, torch = len(listed) > 1, self.torch
        tree = {k: self.tensor(v) for k, v in start.items()} if isinstance(start, dict) else self.tensor(start)
        leaves = [v for k, v in tree.items() if k not in model.frozen] if isinstance(tree, dict) else [tree]
        if many:  # a bias has an axis for the rows then
            tree = {k: v[:, None] if k.endswith("_bias") else v for k, v in tree.items()}
            leaves = [v for k, v in tree.items() if k not in model.frozen]
        for leaf in leaves:
            leaf.requires_grad_()
        if batch is None:
            counts = self.tensor(np.stack([one.counts for one in listed]) if many else listed[0].counts)
            draws = counts.sum() / len(listed)

            def loss() -> Any:
                return -(counts * torch.log_softmax(self.logits(model, tree), -1)).sum() / draws

        else:
            width = listed[0].counts.shape[1]
            prompt = torch.tensor(listed[0].prompt)
            column = torch.tensor(np.where(listed[0].answer < 0, width - 1, listed[0].answer))

            def loss() -> Any:
                at = torch.randint(0, len(prompt), (batch,))
                return torch.nn.functional.cross_entropy(self.logits(model, tree, prompt[at]), column[at])

        return self.train(leaves, loss, steps, rate)


def start_of(model: Family, listed: Listed) -> Any:
    """The parameters before the first step: of a fit whose one step is too small to see."""
    return fit(listed, model, streams=STREAMS, precision="single", steps=1, learning_rate=1e-30).params


def side_by_side(
    name: str, model: Family, listed: Listed, smoke: bool, work: dict[str, float], *, batch: int | None = None
) -> list[dict[str, Any]]:
    """One fit in both; ``work``: bytes or operations of one step against what the device does in a second."""
    steps, rounds, rate = (32, 1, 0.01) if smoke else (1024 if batch is None else 8192, 9, 0.01)
    runs = [fits_of(model, listed, learning_rate=rate, batch=batch)]
    if installed():
        rival, start = Rival(), start_of(model, listed)
        agree(rival, model, start, listed, rate)
        runs.append(lambda n: rival.run(model, start, [listed], n, rate, batch))
    seconds = in_turns(runs, steps, rounds)
    ours = middle(seconds[:, 0])
    row = {"name": f"{name}, a step", "seconds": ours} | {f"of_{what}": work[what] / ours for what in work}
    if not installed():
        return [row]
    theirs = {"name": f"PyTorch, {name}, a step", "seconds": middle(seconds[:, 1])}
    return [theirs, row | {"ratio": middle(seconds[:, 1] / seconds[:, 0])}]


def agree(rival: Rival, model: Family, start: Any, listed: Listed, rate: float) -> None:
    """The first 20 full-batch steps from the same start have the same losses."""
    mine = fit(listed, model, streams=STREAMS, precision="single", steps=20, learning_rate=rate, init=start).trace.loss
    theirs = rival.run(model, start, [listed], 20, rate, None)
    scaled = isinstance(model, MLP)  # the others scale gradients, which Adam undoes but for its epsilon
    np.testing.assert_allclose(mine[:-1], theirs, rtol=AGREE if scaled else 10 * AGREE)


def replicates(name: str, model: Family, listed: list[Listed], smoke: bool, work: float) -> list[dict[str, Any]]:
    """64 fits of a small model as one program, against one after the other and against a stacked model.

    ``work``: seconds that the operations of one step of one of them take as a matrix product.
    """
    steps, repeats, rate = (10, 1, 0.01) if smoke else (300, 5, 0.01)
    streams = [Streams(1, "fits", i) for i in range(len(listed))]

    def together() -> Any:
        return fit_many(listed, model, streams=streams, steps=steps, precision="single", learning_rate=rate)

    seconds = median(together, repeats)
    n = together()[0].n_parameters
    name = f"{len(listed)} replicates of {name}, {n:,} parameters, {steps} full-batch steps"
    rows = [{"name": name, "seconds": seconds, "of_product": work * steps * len(listed) / seconds}]
    if not installed():
        return rows
    rival = Rival()
    starts = [start_of(model, one) for one in listed]
    few = range(1 if smoke else 4)
    apart = median(lambda: [rival.run(model, starts[i], [listed[i]], steps, rate, None) for i in few], repeats)
    apart *= len(listed) / len(few)
    stacked = {key: np.stack([one[key] for one in starts]) for key in starts[0]}
    batched = median(lambda: rival.run(model, stacked, listed, steps, rate, None), repeats)
    rows[0]["ratio"] = apart / seconds
    return [
        {"name": f"PyTorch one after the other, {name}", "seconds": apart},
        {"name": f"PyTorch stacked by hand, {name}", "seconds": batched, "ratio": apart / batched},
        *rows,
    ]


def installed() -> bool:
    """Whether PyTorch is there to be timed, on a CPU."""
    return importlib.util.find_spec("torch") is not None and jax.default_backend() == "cpu"


def tables(smoke: bool, bandwidth: float, product: float) -> list[dict[str, Any]]:
    """The models of one fit; the least a step must do, in bytes moved or operations."""
    rows = []
    prompts, responses = (60, 20) if smoke else (3_000, 366)
    # parameter, two moments: read and written; counts: read
    moved = 4 * 7 * prompts * responses / bandwidth
    named = f"softmax table {prompts:,} x {responses}"
    rows += side_by_side(named, SoftmaxTable(), corpus(prompts, responses, 2 * prompts), smoke, {"bandwidth": moved})
    for prompts, responses, rank in ((60, 20, 4),) if smoke else ((300, 50, 8), (2_000, 366, 32)):
        work = {"product": 6 * prompts * responses * rank / product}
        named = f"bilinear {prompts:,} x {responses}, rank {rank}"
        rows += side_by_side(named, Bilinear(rank), corpus(prompts, responses, 2 * prompts), smoke, work)
    hidden, width, values, prompts = 256, 64, 30, 100 if smoke else 8_192
    work = {"product": 6 * MLP_BATCH * (2 * hidden * width + width * values) / product}
    named = f"MLP of {hidden} hidden units, batch {MLP_BATCH}"
    model = MLP(hidden, width, keys="fixed", values="fixed")
    return rows + side_by_side(named, model, corpus(prompts, values, prompts), smoke, work, batch=MLP_BATCH)


def small(smoke: bool, product: float) -> list[dict[str, Any]]:
    """Replicates of small models."""
    n, prompts, responses, rank, hidden, width = 3 if smoke else REPLICATES, 100, 20, 8, 64, 16
    listed = [corpus(prompts, responses, 200, i) for i in range(n)]
    rows = replicates("bilinear", Bilinear(rank), listed, smoke, 6 * prompts * responses * rank / product)
    work = 6 * prompts * (2 * hidden * width + width * responses) / product
    return rows + replicates("MLP", MLP(hidden, width), listed, smoke, work)


def main() -> None:
    """Run all and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: checks that the benchmark runs")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    bandwidth, product = limits(chosen.smoke)
    rows: list[dict[str, Any]] = [
        {"name": f"copy: {bandwidth / 1e9:.1f} GB/s", "seconds": 1e9 / bandwidth},
        {"name": f"matrix product: {product / 1e9:.1f} GFLOP/s", "seconds": 1e9 / product},
    ]
    rows += tables(chosen.smoke, bandwidth, product) + small(chosen.smoke, product)
    show(rows)
    if chosen.out is not None:
        write(chosen.out, described(jax.devices()[0]), chosen.smoke, rows)


def show(rows: list[dict[str, Any]]) -> None:
    """Print a row a line."""
    for row in rows:
        ratio = f"{row['ratio']:8.1f} x" if "ratio" in row else " " * 10
        limit = "".join(f"  {value:.0%} of {name[3:]}" for name, value in row.items() if name.startswith("of_"))
        print(f"{row['name']:<90}{row['seconds'] * 1e3:12.4f} ms{ratio}{limit}")


def described(device: Any) -> dict[str, Any]:
    """What the numbers were measured on."""
    found = machine() | {"device": device.device_kind, "jax": jax.__version__}
    if installed():
        import torch

        found["torch"] = torch.__version__
    return found


if __name__ == "__main__":
    main()
