"""CPU or GPU: JAX computes on the one that was asked for, and a GPU belongs to one worker alone.

JAX takes most of a GPU's memory when it starts, so a second process on it fails, or both do. The choice is a setting
of the run and part of every block's key, because the last bits differ.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simlab.errors import BadInput, unknown

DEVICES = ("cpu", "gpu")
PLATFORM = {"cpu": "cpu", "gpu": "cuda"}
PLUGINS = ("jax-cuda13-plugin", "jax-cuda12-plugin")


def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA names them: CUDA_VISIBLE_DEVICES, else all of /dev/nvidia0, 1, ..."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1"))
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia*")]
    return tuple(sorted((name for name in found if re.fullmatch(r"\d+", name)), key=int))


JAX_SHARE = 0.75
"""What JAX takes of a GPU's memory when it starts, unless XLA_PYTHON_CLIENT_MEM_FRACTION says otherwise (its docs)."""


def gpu_memory() -> int | None:
    """Bytes that JAX takes of the smallest of our GPUs, by nvidia-smi; None where that is not there or does not say."""
    command = ["nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        share = float(os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION") or JAX_SHARE)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    found = re.findall(r"^(\d+), *(\S+), *(\d+)$", said, re.M)  # MiB
    ours = [size for index, uuid, size in found if any(name == index or uuid.startswith(name) for name in gpus())]
    sizes = [int(size) for size in ours or (size for _, _, size in found)]
    return int(min(sizes) * 2**20 * share) if sizes else None


def check_device(device: object, *, remote: bool = False) -> str:
    """Return ``device``. Raises ``BadInput`` for one that is not known or, unless it is ``remote``, not there."""
    if not isinstance(device, str) or device not in DEVICES:
        raise unknown("device", str(device), DEVICES)
    if device == "gpu" and not remote:
        if not gpus():
            raise BadInput("device = gpu: no NVIDIA GPU is visible here: use --device cpu, or see nvidia-smi")
        if not any(_installed(name) for name in PLUGINS):
            raise BadInput("device = gpu: JAX has no CUDA plugin here: pip install 'simlab[cuda]'")
    return device


def bind(device: str, gpu: str | None = None) -> None:
    """Have JAX compute on ``device`` in this process, on that ``gpu`` alone where one is named.

    Raises ``BadInput`` where JAX was started on another device before.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    jax = sys.modules.get("jax")
    if jax is None:
        os.environ["JAX_PLATFORMS"] = PLATFORM[device]
    elif not _started():
        jax.config.update("jax_platforms", PLATFORM[device])
    elif jax.default_backend() != device:
        running = jax.default_backend()
        raise BadInput(f"device = {device}: JAX runs on the {running} in this process: choose it, or start another")


@contextmanager
def bound(device: str) -> Iterator[None]:
    """Have JAX compute on ``device`` in this process; what says so is afterwards as it was, unless JAX has started."""
    before, jax = os.environ.get("JAX_PLATFORMS"), sys.modules.get("jax")
    chosen = jax.config.jax_platforms if jax else None
    bind(device)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("JAX_PLATFORMS", None)
        else:
            os.environ["JAX_PLATFORMS"] = before
        if jax and not _started():
            jax.config.update("jax_platforms", chosen)


def _started() -> bool:
    """Whether JAX has chosen its device in this process, which it does once; asking it would make it choose."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is None or bool(bridge.backends_are_initialized())


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
