"""What the machine has left: memory, within the control groups of containers and jobs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS = (
    ("", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Control groups of Linux, versions 2 and 1: controller, folder, limit, use, and what of it the kernel gives back."""


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that are left on this machine, and to this process's control groups (containers, jobs); None if unknown.

    A system that does not say what is left says what there is. ``root`` is where the files of the system are.
    """
    found = []
    with suppress(OSError, TypeError):
        found = [1024 * int(re.search(r"MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text())[1])]  # type: ignore[index]
    if not found:
        with suppress(OSError, ValueError):
            found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    return min([*found, *_left_to_groups(root)], default=None)


def _left_to_groups(root: Path) -> Iterator[int]:
    """What each control group of this process that has a limit leaves it; a group is bound by those around it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        for controller, top, limit, use, cached in GROUPS:
            if controller not in controllers.split(","):
                continue
            inner = Path(place.lstrip("/"))
            for folder in (root / top / inner, *(root / top / outer for outer in inner.parents)):
                with suppress(OSError, ValueError):  # "max", a group without a limit, is no number
                    held = int((folder / use).read_text())
                    spare = re.search(rf"^{cached} (\d+)$", (folder / "memory.stat").read_text(), re.M)
                    yield max(int((folder / limit).read_text()) - held + (int(spare[1]) if spare else 0), 0)
