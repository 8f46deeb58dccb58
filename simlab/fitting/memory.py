"""How much memory a fit takes, by its shapes and as its compiler says, and how much the device has free."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp

from simlab import machine
from simlab.errors import BadInput
from simlab.fitting.families import Examples, Family, Tree
from simlab.terminal.wording import storage

NUMBER = 8
"""Bytes of a number in double precision."""


def bytes_of(compiled: Any) -> int:
    """Arguments, results and workspace of a compiled JAX program, in bytes (0 where the compiler does not say)."""
    stats = compiled.memory_analysis()
    if stats is None:
        return 0
    parts = stats.argument_size_in_bytes + stats.output_size_in_bytes + stats.temp_size_in_bytes
    return int(parts - stats.alias_size_in_bytes)


def available_memory() -> int | None:
    """Bytes that JAX may still take on its device: a GPU's own, else what the machine has left; None if unknown."""
    device = device_in_use()
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return machine.available_memory()


def device_in_use() -> Any:
    """The device on which JAX puts new arrays here."""
    return next(iter(jnp.zeros(()).devices()))


def check_run(model: Family, examples: Examples, batch: int | None, steps: int, fits: int) -> None:
    """Raise ``BadInput`` where the least that so many fits take is more than the device has free, before JAX is asked.

    Each example of a batch takes its row, the number that draws it and its surprise; each step keeps a loss and a norm.
    """
    if batch is not None:
        row = sum(leaf.dtype.itemsize * math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(examples.rows))
        refuse(f"batch = {batch}: {model.name} needs", fits * batch * (row + 2 * NUMBER), "take a smaller batch")
    of = f"steps = {steps}" if fits == 1 else f"steps = {steps} of {fits} fits"
    refuse(f"{of}: their losses need", fits * steps * 2 * NUMBER, "take fewer steps, and go on from init")


def check_parameters(model: Family, given: Tree) -> None:
    """Raise ``BadInput`` where the parameters alone are more than the device has free."""
    shapes = jax.eval_shape(lambda key: model.start(key, given), jax.random.key(0))
    needed = sum(NUMBER * math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    refuse(f"{_with_sizes(model)}: its parameters alone need", needed, "take a smaller model, or fewer facts")


def _with_sizes(model: Family) -> str:
    """The name of a family, with the sizes that are not those it has unless told."""
    every = [(one.name, getattr(model, one.name), one.default) for one in fields(model)]  # type: ignore[arg-type]
    sizes = [f"{name} = {value}" for name, value, usual in every if type(value) is int and value != usual]
    return f"{model.name}({', '.join(sizes)})" if sizes else model.name


def refuse(what: str, needed: int, way: str) -> None:
    """Raise ``BadInput`` where ``needed`` bytes are more than the device has free."""
    free = available_memory()
    if free is not None and needed > free:
        raise BadInput(f"{what} {storage(needed)} of {storage(free)} free: {way}")
