"""One thread a worker: workers share the cores, and more threads would move the last bits of sums.

Imports nothing, because BLAS, numba and XLA read these variables when they are loaded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def limit_threads(environ: MutableMapping[str, str]) -> list[str]:
    """Set one thread for BLAS, numba and XLA, and a compile cache for JAX, wherever the user set nothing.

    Returns the names that were set. The cache spares each worker the compilation that another has done.
    """
    caches = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    wanted = ONE_THREAD | {
        "JAX_COMPILATION_CACHE_DIR": os.path.join(caches, "simlab", "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    added = [name for name in wanted if name not in environ]
    environ.update({name: wanted[name] for name in added})
    return added
