"""The sweep: an experiment over a grid, in blocks of replicates, on any number of workers, with the same rows.

``python -m simlab.sweep`` is the command line; ``run`` is the same from Python::

    from simlab.sweep import run

    if __name__ == "__main__":  # workers load this script anew, and must not come to the call
        result = run("experiments/error_from_iiv.py", settings={"draws": (10_000, 1_000_000)}, workers=2)

The stations: ``columns`` (what names a row), ``loading`` (an experiment's source), ``axes`` and ``designs`` (what is
asked for), ``plan`` (grid points and blocks), ``blocks`` (one of them), ``pools`` and ``cluster`` (where blocks are
computed; ``devices``, ``limits``, ``hearing`` and ``forking`` serve them, and ``memory`` says whether blocks fit),
``engine`` (the loop around a pool), ``store`` (one file a block), ``manifests`` (which run it was), ``collecting``
(from blocks to tables), ``summary``, ``planning`` (how many replicates), ``cases`` and ``verdicts``, ``sweeping``,
which puts them in a row, with ``results`` and ``telling``; ``running``, which is the call; ``inspecting`` and
``replaying`` for folders that are there; ``display``, ``progress``, ``arguments``, ``verbs`` and ``cli``.
Importing the package loads none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlab.sweep.running import Result, run

__all__ = ["Result", "run"]


def __getattr__(name: str) -> object:
    """Load ``run`` and ``Result`` when they are asked for, so that ``--help`` need not wait for NumPy."""
    if name in __all__:
        from simlab.sweep import running

        return getattr(running, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
