"""Fits on a GPU against what the device can do: `python benchmarks/gpu.py [--smoke] [--out FILE]`.

The table, larger than any cache, by the bytes it must move against a copy; the bilinear model, the MLP and a
transformer by their operations against a matrix product in the same arithmetic (bfloat16 products for mixed
precision); the transformer at batches that grow fourfold until the fit is refused for want of memory. Copy and
products are measured in the same run. Without ``--smoke`` it needs a GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from fits import corpus, described, limits, ours, replicates, show
from run import median, write  # from the folder of this script

from simlab.errors import BadInput
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.transformer import Transformer


def products(smoke: bool) -> dict[str, float]:
    """Operations a second of a matrix product of random entries, by the precision of a fit."""
    side = 256 if smoke else 8192
    found = {}
    for precision, dtype in (("single", jnp.float32), ("mixed", jnp.bfloat16)):
        a, b = (jax.random.normal(jax.random.key(i), (side, side), dtype) for i in range(2))
        product = jax.jit(jnp.matmul)
        found[precision] = 2 * side**3 / median(lambda: product(a, b).block_until_ready(), 9)  # noqa: B023
    return found


def tables(smoke: bool, bandwidth: float) -> Iterator[dict[str, Any]]:
    """The table at sizes in and far beyond the cache; the least that a step must move."""
    for prompts, steps in ((50, 4),) if smoke else ((3_000, 40_000), (30_000, 8_000), (130_000, 2_000)):
        listed = corpus(prompts, 20 if smoke else 366, 2 * prompts)
        moved = 4 * 7 * listed.counts.size  # parameter and two moments: read and written; counts: read
        seconds = ours(SoftmaxTable(), listed, steps, 5, learning_rate=0.01)
        name = f"softmax table {prompts:,} x {listed.counts.shape[1]}, a step, {moved / 1e9:.2g} GB moved at least"
        yield {"name": name, "seconds": seconds, "of_bandwidth": moved / bandwidth / seconds}


def dense(smoke: bool, rates: dict[str, float]) -> Iterator[dict[str, Any]]:
    """The bilinear model and the MLP, full batch, in single and mixed precision."""
    prompts, responses, rank, hidden, width = (50, 20, 4, 32, 8) if smoke else (30_000, 366, 64, 4096, 512)
    listed = corpus(prompts, responses, 2 * prompts)
    for model, done in (
        (Bilinear(rank), 6 * prompts * responses * rank),
        (MLP(hidden, width), 6 * prompts * (2 * hidden * width + width * responses)),
    ):
        for precision, rate in rates.items():
            seconds = ours(
                model,
                listed,
                4 if smoke else 2_000 if model.name == "bilinear" else 200,
                5,
                learning_rate=0.01,
                precision=precision,
            )
            name = f"{model.name} {prompts:,} x {responses}, {precision} precision, a step"
            yield {"name": name, "seconds": seconds, "of_product": done / rate / seconds}


def transformers(smoke: bool, rates: dict[str, float]) -> Iterator[dict[str, Any]]:
    """A transformer at growing batches, mixed precision, until the device has no memory left.

    Of the product: 6 operations a parameter and token, forward and backward, those of attention not counted.
    """
    model = Transformer(1, 16, 2, 32) if smoke else Transformer(4, 512, 8)
    batch, most = (8, 32) if smoke else (1 << 10, 1 << 26)
    listed = corpus(20 if smoke else 8_192, 30, 20 if smoke else 8_192)
    examples = model.examples(listed)
    tokens = examples.rows["tokens"].shape[1] - 1
    start = jax.eval_shape(lambda key: model.start(key, examples.given), jax.random.key(0))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(start))
    while batch <= most:
        name = f"transformer, {parameters:,} parameters, batch {batch:,} x {tokens} tokens, a step"
        try:
            seconds = ours(model, listed, 8, 3, batch=batch, learning_rate=0.001, precision="mixed")
        except BadInput as full:
            yield {"name": f"{name}: refused, {full}", "seconds": float("nan")}
            return
        done = 6 * parameters * batch * tokens
        yield {"name": name, "seconds": seconds, "of_product": done / rates["mixed"] / seconds}
        batch *= 4


def small(smoke: bool) -> list[dict[str, Any]]:
    """64 replicates of a small model as one program."""
    listed = [corpus(100, 20, 200, i) for i in range(3 if smoke else 64)]
    return replicates("bilinear", Bilinear(8), listed, smoke, float("nan"))


def main() -> None:
    """Run all and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, on whatever device: checks that it runs")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    if not chosen.smoke:
        jax.config.update("jax_platforms", "cuda")
    bandwidth, _ = limits(chosen.smoke)
    rates = products(chosen.smoke)
    rows: list[dict[str, Any]] = [{"name": f"copy: {bandwidth / 1e9:,.0f} GB/s", "seconds": 1e9 / bandwidth}]
    rows += [
        {"name": f"matrix product, {precision} precision: {rate / 1e12:,.4g} TFLOP/s", "seconds": 1e12 / rate}
        for precision, rate in rates.items()
    ]
    rows += tables(chosen.smoke, bandwidth)
    rows += dense(chosen.smoke, rates)
    rows += small(chosen.smoke)
    rows += transformers(chosen.smoke, rates)
    show(rows)
    if chosen.out is not None:
        write(chosen.out, described(jax.devices()[0]), chosen.smoke, rows)


if __name__ == "__main__":
    main()
