"""``fit`` and ``fit_many``: cross-entropy minimised by gradient steps, one model or many as one program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput, check_type, shown, unknown
from simlab.fitting.families import Examples, Family, Fitted, Params
from simlab.fitting.rules import Plan, Settings, names
from simlab.fitting.running import examples_of, train
from simlab.seeds import Streams


def fit(
    corpus: Corpus | Listed | Examples,
    model: Family,
    *,
    streams: Streams,
    optimizer: str = "adam",
    learning_rate: float = 0.3,
    steps: int = 300,
    batch: int | None = None,
    weight_decay: float = 0.0,
    schedule: str = "constant",
    warmup: int = 0,
    precision: str = "double",
    init: Params | Fitted | None = None,
    record: Sequence[str] = (),
    every: int | Sequence[int] | None = None,
    validation: Corpus | Listed | Examples | None = None,
    patience: int | None = None,
    tolerance: float = 1e-3,
    device: str | None = None,
) -> Fitted:
    """Minimise the cross-entropy of ``corpus`` under ``model``, -sum of ln p_hat(r|c) over the draws / N, in nats.

    ``optimizer``: adam, adamw, sgd, or lbfgs for convex families, which ignores ``learning_rate``. ``batch`` None takes
    the whole corpus in every step, else so many of its draws with replacement. ``weight_decay`` w adds w/2 times the
    sum of squares of all coordinates over the model's scale to the loss, with adamw it shrinks parameters apart from
    the gradient. ``schedule``, ``warmup`` and ``precision``: see ``Plan``. ``init`` starts from parameters, or from a
    fit, instead of from ``model.start`` (stream ``fit``). ``every`` k, or a list of steps, says when p_hat is kept;
    ``record`` names activations to keep at the end. With ``validation`` and ``patience`` = n the fit stops when the
    loss there has not improved over n looks, one at each of ``every``, and returns the best parameters. ``tolerance``:
    the fit has converged when the gradient norm over the whole corpus falls to that part of the first; the decay of
    adamw is no part of that gradient, which need not vanish where the two are in balance. ``device``: cpu or gpu, None:
    the one that JAX is on.

    Raises ``BadInput`` for bad settings and for a fit that needs more memory than there is. A fit that did not
    converge, or whose loss is not finite, says so in its trace.
    """
    settings = Settings(
        Plan(optimizer, steps, batch, schedule, warmup, precision), every, validation is not None, patience, tolerance
    )
    with _on(device):
        return train(
            [examples_of(model, corpus)],
            model,
            settings,
            [_streams(streams)],
            [learning_rate],
            [weight_decay],
            [init],
            None if validation is None else [examples_of(model, validation, "validation")],
            names("record", record),
        )[0]


def fit_many(
    corpora: Sequence[Corpus | Listed | Examples],
    model: Family,
    *,
    streams: Sequence[Streams],
    learning_rate: float | Sequence[float] = 0.3,
    weight_decay: float | Sequence[float] = 0.0,
    optimizer: str = "adam",
    steps: int = 300,
    batch: int | None = None,
    schedule: str = "constant",
    warmup: int = 0,
    precision: str = "double",
    init: Sequence[Params | Fitted | None] | None = None,
    record: Sequence[str] = (),
    every: int | Sequence[int] | None = None,
    validation: Sequence[Corpus | Listed | Examples] | None = None,
    patience: int | None = None,
    tolerance: float = 1e-3,
    device: str | None = None,
) -> list[Fitted]:
    """Fit ``model`` to each corpus, all as one program (``vmap``); see ``fit`` for the settings.

    ``streams`` is one a corpus, and ``learning_rate`` and ``weight_decay`` may be. The corpora must give arrays of
    the same shapes, as corpora of one world do (examples are padded). The last bits depend on how many fits there
    are, and on nothing else. L-BFGS runs them one after the other.
    """
    for name, several in (("corpora", corpora), ("streams", streams), ("init", init), ("validation", validation)):
        if not isinstance(several, (tuple, list)) and not (several is None and name in ("init", "validation")):
            raise BadInput(f"{name} = {shown(several)}: must be a list, with one for each fit")
    n = len(corpora)
    if n == 0:
        raise BadInput("corpora is empty: give at least one")
    settings = Settings(
        Plan(optimizer, steps, batch, schedule, warmup, precision), every, validation is not None, patience, tolerance
    )
    each: dict[str, Any] = {"learning_rate": learning_rate, "weight_decay": weight_decay}
    spread: dict[str, list[Any]] = {
        name: list(value) if isinstance(value, (tuple, list)) or np.ndim(value) else [value] * n
        for name, value in each.items()
    }
    for name, values in {**spread, "streams": streams, "init": init, "validation": validation}.items():
        if values is not None and len(values) != n:
            raise BadInput(f"{name} has {len(values)} entries for {n} corpora: give one each")
    with _on(device):
        return train(
            [examples_of(model, corpus) for corpus in corpora],
            model,
            settings,
            [_streams(one) for one in streams],
            spread["learning_rate"],
            spread["weight_decay"],
            [None] * n if init is None else init,
            None if validation is None else [examples_of(model, corpus, "validation") for corpus in validation],
            names("record", record),
        )


def _streams(value: Streams) -> Streams:
    """Return ``value``. Raises ``BadInput`` for what is no ``Streams``."""
    check_type("streams", value, Streams, "random streams, such as Streams(seed=0)")
    return value


@contextmanager
def _on(device: str | None) -> Iterator[None]:
    """Compute in 64 bits, where asked for, on the device named."""
    with jax.enable_x64(True):
        if device is None:
            yield
            return
        if device not in ("cpu", "gpu"):
            raise unknown("device", device, ("cpu", "gpu"))
        try:
            found = jax.devices(device)[0]
        except RuntimeError:
            raise BadInput(f"device = {device}: JAX sees none in this process: leave device out") from None
        with jax.default_device(found):
            yield
