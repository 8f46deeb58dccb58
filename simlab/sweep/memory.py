"""How much memory the blocks of a sweep need, by what the experiment says of them, and whether it is there.

An experiment may define ``memory(config)``: the bytes that one block needs at that grid point. The largest of the
blocks that are to be computed is then told before a run, and is refused, before anything runs, where the workers'
blocks together are more than the machine has left, or one of them more than a worker may hold, or a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simlab.errors import BadInput
from simlab.machine import available_memory
from simlab.sweep.carrying import read_back
from simlab.sweep.devices import gpu_memory
from simlab.sweep.loading import Experiment
from simlab.sweep.plan import Job, Plan
from simlab.sweep.pools import Workers
from simlab.terminal.wording import plural, storage


@dataclass(frozen=True)
class Footprint:
    """What the largest block needs, in bytes, and what there is for it.

    ``place`` names its grid point, ``workers`` is how many such blocks may run at once, ``free`` what their machine has
    left, ``limit`` what a worker may hold, and ``gpu`` what JAX takes of a GPU; None is unknown, or no limit.
    """

    block: float
    place: str
    workers: int
    free: int | None = None
    limit: int | None = None
    gpu: int | None = None

    @property
    def sentence(self) -> str:
        """What a user is told: the largest block needs 1.2 GB, 2 workers: 2.4 GB of 23 GB."""
        needs, of = f"the largest block needs {storage(self.block)}", ""
        if self.gpu is not None:
            return f"{needs} of the {storage(self.gpu)} that JAX takes of a GPU"
        if self.limit is not None:
            needs += f" of the {storage(self.limit)} that a worker may hold"
        if self.free is not None:
            of = f" of {storage(self.free)}"
        if self.workers == 1:
            return needs + (of if self.limit is None else "")
        return f"{needs}, {plural(self.workers, 'worker')}: {storage(self.workers * self.block)}{of}"

    def check(self) -> None:
        """Raise ``BadInput`` where the blocks do not fit."""
        at = f" ({self.place})" if self.place else ""
        needs, smaller = f"the largest block{at} needs {storage(self.block)} of memory", "take a smaller size"
        if self.gpu is not None and self.block > self.gpu:
            raise BadInput(f"{needs}, and JAX takes {storage(self.gpu)} of a GPU: {smaller}")
        if self.limit is not None and self.block > self.limit:
            raise BadInput(f"{needs}, and a worker may hold {storage(self.limit)}: raise --memory-limit, or {smaller}")
        if self.free is not None and self.block > self.free:
            raise BadInput(f"{needs}, and {storage(self.free)} are left here: {smaller}")
        if self.free is not None and self.workers * self.block > self.free:
            fit = int(self.free // self.block)
            raise BadInput(
                f"{needs}, {plural(self.workers, 'worker')} {storage(self.workers * self.block)}, and "
                f"{storage(self.free)} are left here: take --workers {fit}, or a smaller size"
            )


def footprint(plan: Plan, pending: Sequence[Job], workers: Workers, *, more: bool = False) -> Footprint | None:
    """Return what the largest block needs of those that are to be computed; None where the experiment does not say.

    ``more`` says that further blocks may follow at the same grid points, so that every worker may be busy. Workers of
    a cluster that runs elsewhere have memory that is not known here. Where nothing is to be computed it is the largest
    block of the plan. Raises ``BadInput`` where the blocks do not fit, and where ``memory`` gives no number of bytes.
    """
    if plan.experiment.memory is None:
        return None
    found = _largest(plan, pending or plan.jobs, workers, more)
    if pending:
        found.check()
    return found


def _largest(plan: Plan, jobs: Sequence[Job], workers: Workers, more: bool) -> Footprint:
    """What the largest of these blocks needs, and what there is for it."""
    one_each = {id(job.settings): job for job in jobs}.values()  # the blocks of a grid point share its settings
    block, largest = max(((_bytes_of(plan.experiment, job), job) for job in one_each), key=lambda pair: pair[0])
    place = plan.place(largest.settings)
    if workers.scheduler is not None:
        return Footprint(block, place, 1)
    if workers.device == "gpu":
        return Footprint(block, place, 1, gpu=gpu_memory())
    busy = 1 if workers.engine == "serial" else workers.count if more else min(workers.count, len(jobs))
    return Footprint(block, place, busy, available_memory(), workers.memory)


def _bytes_of(experiment: Experiment, job: Job) -> float:
    """What the experiment says of one block."""
    assert experiment.memory is not None
    size = experiment.memory(read_back(experiment.config, job.settings, experiment.payload))
    plain = size.item() if hasattr(size, "item") else size
    if isinstance(plain, bool) or not isinstance(plain, (int, float)) or not 0 <= plain < math.inf:
        raise BadInput(f"{experiment.slug}.py: memory(config) = {size!r}: must be a number of bytes, 0 or more")
    return plain
