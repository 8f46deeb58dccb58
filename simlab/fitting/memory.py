"""How much memory a compiled program takes, as its compiler says, and how much the device has free."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from simlab import machine


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
