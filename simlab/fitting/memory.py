"""How much memory a compiled program takes, as its compiler says, and how much the device has free."""

from __future__ import annotations

import os
from typing import Any

import jax.numpy as jnp


def bytes_of(compiled: Any) -> int:
    """Arguments, results and workspace of a compiled JAX program, in bytes (0 where the compiler does not say)."""
    stats = compiled.memory_analysis()
    if stats is None:
        return 0
    parts = stats.argument_size_in_bytes + stats.output_size_in_bytes + stats.temp_size_in_bytes
    return int(parts - stats.alias_size_in_bytes)


def available_memory() -> int:
    """Bytes that JAX may still take on the device it computes on: a GPU's own, else what the machine has free."""
    device = device_in_use()
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return free_memory()


def device_in_use() -> Any:
    """The device on which JAX puts new arrays here."""
    return next(iter(jnp.zeros(()).devices()))


def free_memory() -> int:
    """Bytes of main memory that a program can take without swapping."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def in_words(size: float) -> str:
    """A number of bytes as ``1.2 GB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"
