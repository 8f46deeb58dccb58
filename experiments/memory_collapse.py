"""What happens to what a model knows when it is taught something new, and what does replay save?

Aims: Zucchet et al. 2025 (arXiv 2503.21676) find that fine-tuning on new facts corrupts old ones within some hundred
steps, that replay helps in part, and that fine-tuning on facts seen before does no harm; their appendix F.4 shows it on
a key-value memory that trains in seconds, and so do we. Data: pairs of a random unit key of 64 coordinates and one of
30 values, random unit vectors too: 8,192 pairs for pre-training, about as many as the memory can hold, or 2,048, which
leave room, and 128 pairs that are new. Estimands: accuracy on the old pairs and on those that are taught, along
fine-tuning; the error on the old pairs and where the slack of Theorem 1 goes. Methods: one hidden layer of 256 ReLU
units between the fixed vectors, pre-trained by AdamW (rate .03, half a cosine, 16,000 steps of 128 pairs, weight decay
.01) and fine-tuned for 4,000 steps at rate .001: on the new pairs alone, on new pairs and a share of old ones and, as
a control, on 128 of the old pairs alone. Performance: means and their Monte Carlo standard errors over memories;
given a memory all are exact sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds
from simlab.corpora import Listed
from simlab.errors import BadInput
from simlab.fitting import Fitted, fit_many
from simlab.measures import observe
from simlab.models import TableFit
from simlab.models.footprint import tabular_bytes
from simlab.models.mlp import MLP
from simlab.pairs import lay_out
from simlab.remembering import accuracy, surprises
from simlab.seeds import Streams

SEEN = "seen pairs"
MOST_LOOKED = 10**7  # steps of fine-tuning


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    old: int = Field(8192, ge=2, le=10**6, description="pairs of pre-training")
    new: int = Field(128, ge=1, le=10**5, description="pairs of fine-tuning")
    answers: int = Field(30, ge=2, le=10**4, description="values to choose from")
    width: int = Field(64, ge=1, le=4096, description="coordinates of keys and values")
    hidden: int = Field(256, ge=1, le=2**16, description="units of the hidden layer")
    steps: int = Field(16_000, ge=1, le=10**7, description="steps of pre-training")
    rate: float = Field(0.03, gt=0, allow_inf_nan=False, description="peak learning rate of pre-training")
    looks: tuple[int, ...] = Field(
        (0, 10, 30, 60, 100, 200, 300, 600, 1_000, 2_000, 4_000), min_length=2, description="steps of fine-tuning"
    )
    tuning_rate: float = Field(0.001, gt=0, allow_inf_nan=False, description="learning rate of fine-tuning")
    batch: int = Field(128, ge=1, le=2**20, description="pairs a step")
    weight_decay: float = Field(0.01, ge=0, allow_inf_nan=False, description="weight decay of both")
    replays: tuple[float, ...] = Field(
        (0.0, 0.1, 0.5), min_length=1, description="shares of old pairs in fine-tuning on new ones"
    )


GRID = {"old": (8192, 2048)}
ALONG = ("step",)
REPLICATES = 4
BLOCK = 2
SMOKE: dict[str, Any] = {
    "replicates": 2,
    "block": 2,
    "grid": {"old": (96,), "new": (8,), "hidden": (16,), "steps": (300,), "looks": ((0, 10, 200),), "batch": (32,)},
}
SHOWN = ("accuracy_old", "accuracy_taught", "error", "calibration_gap", "error_from_iiv_slack")
MEASURES = ("confidence_old", "pretraining_converged", "surprise_old", "surprise_taught")
PICTURE = "memory_collapse"


def listed(config: Config, prompt: np.ndarray, correct: np.ndarray) -> Listed:
    """A corpus of true pairs, of as many draws as prompts are given."""
    n = config.old + config.new
    return Listed(prompt, correct[prompt], np.zeros(n, dtype=int), np.full(n, config.answers), np.ones(n), idk=False)


def lessons(config: Config) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The draws of each way to fine-tune, and the pairs that it means to teach."""
    old, new = np.arange(config.old), np.arange(config.old, config.old + config.new)
    found = {}
    for share in config.replays:
        if share:
            each = max(1, round(config.old / config.new * (1 - share) / share))  # every old pair once
            found[f"new pairs, replay {share:g}"] = (np.concatenate([np.repeat(new, each), old]), new)
        else:
            found["new pairs"] = (new, new)
    taught = old[: config.new]
    return found | {SEEN: (taught, taught)}


def pretrain(config: Config, truths: Sequence[np.ndarray], streams: Sequence[Streams]) -> list[Fitted]:
    """Teach every memory its old pairs."""
    return fit_many(
        [listed(config, np.arange(config.old), correct) for correct in truths],
        MLP(config.hidden, config.width, "fixed", "fixed"),
        streams=streams,
        optimizer="adamw",
        learning_rate=config.rate,
        weight_decay=config.weight_decay,
        schedule="cosine",
        steps=config.steps,
        batch=config.batch,
        precision="single",
    )


def tune(
    config: Config, prompt: np.ndarray, truths: Sequence[np.ndarray], streams: Sequence[Streams], start: list[Fitted]
) -> list[Fitted]:
    """Fine-tune every memory on the pairs of ``prompt``."""
    return fit_many(
        [listed(config, prompt, correct) for correct in truths],
        MLP(config.hidden, config.width, "fixed", "fixed"),
        streams=streams,
        optimizer="adamw",
        learning_rate=config.tuning_rate,
        weight_decay=config.weight_decay,
        steps=config.looks[-1],
        batch=config.batch,
        precision="single",
        init=start,
        every=config.looks,
    )


def measure(config: Config, table: TableFit, correct: np.ndarray, taught: np.ndarray) -> dict[str, Any]:
    """What a memory knows: of the old pairs that are not taught again, and of those that are taught."""
    kept = np.setdiff1d(np.arange(config.old), taught)
    p_hat = table.p_hat[:, :-1]
    valid = np.arange(config.answers) == correct[kept][:, None]
    seen = observe(lay_out(valid.astype(float), p_hat[kept], valid))
    terms = (seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min)
    return {
        "accuracy_old": accuracy(p_hat[kept], correct[kept]),
        "accuracy_taught": accuracy(p_hat[taught], correct[taught]),
        "confidence_old": float(p_hat[kept].max(1).mean()),
        "surprise_old": float(surprises(p_hat[kept], correct[kept]).mean()),
        "surprise_taught": float(surprises(p_hat[taught], correct[taught]).mean()),
        **seen.columns,
        **bounds.error_from_iiv(seen.error, *terms).columns(),
    }


def check(config: Config) -> None:
    """Refuse shares and steps that make no fine-tuning."""
    for share in config.replays:
        if not 0.0 <= share < 1.0:
            raise BadInput(f"replays = {share:.6g}: must be shares of at least 0 and less than 1")
    if config.looks[0] != 0 or list(config.looks) != sorted(set(config.looks)) or config.looks[-1] > MOST_LOOKED:
        raise BadInput(f"looks = {'+'.join(map(str, config.looks))}: must increase from 0, up to {MOST_LOOKED}")
    if config.new >= config.old:
        raise BadInput(f"new = {config.new}: must be fewer than the {config.old} old pairs")


def memory(config: Config) -> int:
    """Bytes of one fine-tuning of a block, whose memories are trained side by side, a table kept at each look."""
    model, n = MLP(config.hidden, config.width, "fixed", "fixed"), config.old + config.new
    width, looks = 2 * config.width + config.hidden, len(config.looks)
    return BLOCK * tabular_bytes(model, n, config.answers, width, config.batch, looks=looks)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a replicate, way to fine-tune and step."""
    n = config.old + config.new
    truths = [one.numpy("values").integers(0, config.answers, n) for one in streams]
    start = pretrain(config, truths, streams)
    sound = [i for i, one in enumerate(start) if one.finite]  # what diverged has nothing to be fine-tuned
    rows: list[dict[str, Any]] = []
    for method, (prompt, taught) in lessons(config).items():
        picked = ([several[i] for i in sound] for several in (truths, streams, start))
        tuned = dict(zip(sound, tune(config, prompt, *picked) if sound else (), strict=True))
        for i, (one, correct, before) in enumerate(zip(streams, truths, start, strict=True)):
            for place, step in enumerate(config.looks):
                row: dict[str, Any] = {"replicate": one.replicate, "method": method, "step": step}
                if i in tuned and (table := tuned[i].snapshots[place][1]).finite:
                    row |= measure(config, table, correct, taught)
                rows.append(row)
            converged = i in tuned and tuned[i].trace.converged
            rows[-1] |= {"converged": converged, "pretraining_converged": before.trace.converged}
    return rows
