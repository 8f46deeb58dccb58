"""Rules that turn a gradient into a step: SGD, Adam and AdamW from optax, with a schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from simlab.errors import BadInput, shown, unknown

MOST_STEPS = 10**8
OPTIMISERS = ("adam", "adamw", "lbfgs", "sgd")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("double", "mixed", "single")


class Hyper(NamedTuple):
    """Hyperparameters that may differ between the fits of one program."""

    learning_rate: Any
    weight_decay: Any
    steps: Any  # of the schedule; not in the plan, so that fits of other lengths share a program


@dataclass(frozen=True)
class Plan:
    """How a fit goes, as far as the program must know: equal plans share a compiled program.

    ``optimizer`` adam, adamw (weight decay apart from the gradient), sgd or lbfgs; ``steps`` in all; ``batch``
    examples a step, drawn with replacement by their weight, or None for the whole corpus; the learning rate rises
    linearly over ``warmup`` steps and then stays ("constant") or falls to 0 along a half cosine ("cosine");
    ``precision``: double, single, or mixed (parameters single, arithmetic of the model in bfloat16).
    """

    optimizer: str = "adam"
    steps: int = 300
    batch: int | None = None
    schedule: str = "constant"
    warmup: int = 0
    precision: str = "double"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("optimizer", self.optimizer, OPTIMISERS),
            ("schedule", self.schedule, SCHEDULES),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise unknown(name, value, known)
        object.__setattr__(self, "steps", count("steps", self.steps, 1))
        if self.steps > MOST_STEPS:
            raise BadInput(
                f"steps = {self.steps}: must be at most {MOST_STEPS}, since each keeps its loss: go on from init"
            )
        object.__setattr__(self, "warmup", count("warmup", self.warmup, 0))
        if self.batch is not None:
            object.__setattr__(self, "batch", count("batch", self.batch, 1))
        if self.warmup >= self.steps and self.warmup > 0:
            raise BadInput(f"warmup = {self.warmup}: must be less than steps = {self.steps}")
        if self.optimizer == "lbfgs":
            self._check_lbfgs()

    def _check_lbfgs(self) -> None:
        for name, value, needed in (("batch", self.batch, None), ("precision", self.precision, "double")):
            if value != needed:
                raise BadInput(f"{name} = {value}: optimizer lbfgs needs the whole corpus and precision double")
        if self.schedule != "constant" or self.warmup:
            raise BadInput("optimizer lbfgs has no learning rate: leave schedule and warmup out")

    @property
    def dtype(self) -> str:
        """The type of the parameters."""
        return "float64" if self.precision == "double" else "float32"

    def rate(self, step: Array, peak: Array, steps: Array) -> Array:
        """The learning rate of a step, counted from 0, of so many ``steps``."""
        factor = jnp.minimum(1.0, (step + 1) / (self.warmup + 1))
        if self.schedule == "cosine":
            done = jnp.clip((step - self.warmup) / (steps - self.warmup), 0.0, 1.0)
            factor = factor * (1 + jnp.cos(jnp.pi * done)) / 2
        return peak * factor.astype(peak.dtype)

    def transformation(self, rate: Array, decay: Array) -> Any:
        """The optax transformation of one step; its state does not depend on the arguments."""
        if self.optimizer == "sgd":
            return optax.sgd(rate)
        return optax.adamw(rate, weight_decay=decay) if self.optimizer == "adamw" else optax.adam(rate)


@dataclass(frozen=True)
class Settings:
    """What a fit is told beside its plan: when p_hat is kept, when to stop, when it has converged."""

    plan: Plan
    every: int | Sequence[int] | None
    validated: bool
    patience: int | None
    tolerance: float

    def __post_init__(self) -> None:
        tolerance = _number(self.tolerance)
        if tolerance is None or not 0.0 < tolerance < 1.0:
            raise BadInput(f"tolerance = {_shown(self.tolerance)}: must lie strictly between 0 and 1")
        if (self.patience is not None) != self.validated:
            given = "validation is given without patience" if self.validated else f"patience = {self.patience}"
            raise BadInput(f"{given}: give patience together with a validation corpus, or leave both out")
        if self.patience is not None:
            count("patience", self.patience, 1)
            if self.every is None or np.size(self.every) == 0:
                raise BadInput("patience needs every: how many steps lie between two looks")
        if self.plan.optimizer == "lbfgs" and (self.every is not None or self.validated):
            raise BadInput("optimizer lbfgs keeps nothing along the way: leave every and validation out")

    @property
    def looks(self) -> list[int]:
        """The steps at which p_hat is kept."""
        if self.every is None:
            return []
        if np.ndim(self.every) == 0:
            return [*range(0, self.plan.steps, count("every", self.every, 1)), self.plan.steps]
        looks = sorted({count("every", step, 0) for step in np.asarray(self.every, dtype=object).tolist()})
        if looks and looks[-1] > self.plan.steps:
            raise BadInput(f"every = {looks[-1]}: lies beyond the last step, {self.plan.steps}")
        return looks


def names(setting: str, value: Any) -> list[str]:
    """Return the names that ``value`` lists, or the one that it is. Raises ``BadInput`` for anything else."""
    if not isinstance(value, (str, tuple, list)):
        raise BadInput(f"{setting} = {shown(value)}: must be a name or a list of names")
    return [value] if isinstance(value, str) else list(value)


def count(name: str, value: Any, least: int) -> int:
    """Return ``value`` as a whole number. Raises ``BadInput`` for anything else, and below ``least``."""
    number = _number(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < least:
        raise BadInput(f"{name} = {_shown(value)}: must be a whole number of at least {least}")
    return int(value)


def positive(name: str, value: Any) -> float:
    """Return ``value``. Raises ``BadInput`` unless it is a positive and finite number."""
    number = _number(value)
    if number is None or not 0.0 < number < math.inf:
        raise BadInput(f"{name} = {_shown(value)}: must be positive and finite")
    return number


def not_negative(name: str, value: Any) -> float:
    """Return ``value``. Raises ``BadInput`` unless it is a finite number of at least 0."""
    number = _number(value)
    if number is None or not 0.0 <= number < math.inf:
        raise BadInput(f"{name} = {_shown(value)}: must be finite and not negative")
    return number


def _number(value: Any) -> float | None:
    """``value`` as a number, NumPy's too; None for text, truth values and anything else."""
    real: type[Any] = Real
    if not isinstance(value, real) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number that no float holds
        return math.inf if value > 0 else -math.inf


def _shown(value: Any) -> str:
    """A number in few digits where it is no whole one, anything else as it is written."""
    number = _number(value)
    return shown(value) if number is None or isinstance(value, int) else f"{number:.6g}"
