"""When does a model err because it is poor? Theorem 3, err >= 2 (1 - 1/C) opt(G), where opt(G) is known, and its slack.

Aims: Theorem 3 (KNVZ 2025, arXiv 2509.04664) blames a family of models that cannot tell true from false at any
threshold; Theorem 4 is what is left of it for one model, an equality where all prompts have C choices. Data: multiple
choice without IDK, two equally popular halves of prompts, of which one may have ``spread`` times as many choices; N
draws. Estimands: the error and the parts of the slack, err = 2 (1 - 1/C) opt + family + threshold + unequal + nonsense;
the least error of any member of the family. Methods: models with a parameter for every pair (calibrated, softmax table,
rank 2 on a circle: opt = 0), with one density for m prompts at random (pooled by maximum likelihood, smoothed, or all
mass on the commonest answer, a code of log2(C)/m bits a fact), and softmax(u_c v_r) of rank 1, trained. Performance:
means and their Monte Carlo standard errors over worlds; given world and corpus every term is an exact sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field
from scipy.optimize import minimize

from simlab import bounds
from simlab.corpora import Listed, list_facts, sample_listed
from simlab.models import TableFit, Trace, learn
from simlab.pairs import tabulate
from simlab.poor_models import (
    Examples,
    Optimum,
    commonest,
    examples_of,
    least_error_of_classes,
    least_error_of_rank,
    line_of,
    observe_choices,
    on_a_circle,
    opt_of_classes,
    opt_of_rank,
    opt_of_table,
    pooled,
)
from simlab.seeds import Streams
from simlab.worlds import World, two_level

Method = Literal["calibrated", "softmax_table", "rank_2", "rank_1", "pooled", "smoothed", "commonest"]
SHARED = ("pooled", "smoothed", "commonest")


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    choices: int = Field(4, ge=2, le=10_000, description="C, the choices of the prompts that have the fewest")
    spread: int = Field(1, ge=1, le=100, description="the second half of the prompts has so many times as many choices")
    draws: int = Field(10_000, ge=1, le=10**7, description="N, the number of training draws")
    n_facts: int = Field(256, ge=4, le=10**5, description="prompts, all equally popular")
    class_sizes: tuple[Annotated[int, Field(ge=1, le=10**7)], ...] = Field(
        (2, 16, 256), min_length=1, description="m, the prompts of one density"
    )
    constant: float = Field(1.0, ge=1e-100, le=1e100, description="k of the add-constant smoothing")
    weight_decay: float = Field(1e-2, gt=0, le=1, description="penalty of rank 1, so that its optimum is finite")
    steps: int = Field(300, ge=1, le=10**5, description="gradient steps of softmax_table")
    line_steps: int = Field(2_000, ge=1, le=10**5, description="steps of L-BFGS of rank 1, at most")
    methods: tuple[Method, ...] = Field(
        ("calibrated", "softmax_table", "rank_2", "rank_1", "pooled", "smoothed", "commonest"),
        min_length=1,
        description="models",
    )


GRID: dict[str, tuple[Any, ...]] = {"choices": (2, 4, 10, 365), "spread": (1, 2), "draws": (300, 10_000)}
REPLICATES = 10
BLOCK = 5
SMOKE: dict[str, Any] = {
    "replicates": 2,
    "block": 2,
    "grid": {"choices": (2, 4), "spread": (1, 2), "draws": (1_000,), "n_facts": (64,), "class_sizes": ((2, 64),)},
}
SHOWN = ("error", "least_error", "error_from_choices_value", "part_family", "part_threshold", "part_unequal")
MEASURES = (
    "best_iiv_error",
    "best_threshold",
    "bits_per_fact",
    "mean_iiv_error",
    "opt_lower",
    "opt_upper",
    "part_nonsense",
)
PICTURE = "error_from_choices"
ARRAYS = 32
"""Arrays of prompts x responses that are held at once, at most: 31 of them while the softmax table is trained."""
TOLERANCE = 1e-3
"""A gradient that fell to this share of its first norm has converged, as for every learner that is trained."""


@lru_cache(maxsize=8)
def world(n_facts: int, choices: int, spread: int) -> World:
    """Return a world of equally popular facts, the second half of which has ``spread`` times as many choices."""
    first = n_facts // 2
    rest = n_facts - first
    return two_level(first, rest, rest / n_facts, answers=[choices, spread * choices], idk=False)


def world_of(config: Config) -> World:
    """Return the world of a grid point, made once a process."""
    return world(config.n_facts, config.choices, config.spread)


def check(config: Config) -> None:
    """Refuse, before anything is drawn, a world that cannot be made or listed."""
    examples_of(list_facts(world_of(config), Streams().numpy("facts")))


def memory(config: Config) -> int:
    """Bytes of one replicate of a block, which are computed one after the other: doubles, prompts x responses."""
    return 8 * ARRAYS * config.n_facts * (config.spread * config.choices + 1)


def of_rank_one(corpus: Listed, config: Config, rng: np.random.Generator) -> TableFit:
    """Fit softmax(u_c v_r) by L-BFGS on the cross-entropy plus weight_decay / 2 (|u|^2 / facts + |v|^2 / responses).

    The line starts with the answers written most often outermost, u at random: from nothing the product has no slope.
    The trace has one entry an evaluation.
    """
    # Not the learner bilinear: this decay is a mean over facts and responses, and Adam, which trains that one, does not
    # converge at rank 1, nor may L-BFGS be asked of a family that is not convex.
    exists = corpus.plausible[:, :-1]
    facts, width = exists.shape
    prompt, answer, n = corpus.prompt, corpus.answer, corpus.draws
    of_prompt = np.bincount(prompt, minlength=facts) / n
    line = np.argsort(line_of(np.bincount(answer, minlength=width) / n)) / (width - 1) * 2 - 1

    def density(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.where(exists, np.outer(u, v), -np.inf)
        top = logits.max(1, keepdims=True)
        weight = np.exp(np.maximum(logits - top, -700.0)) * exists  # smaller numbers would be slow, and are nothing
        total = weight.sum(1, keepdims=True)
        return weight / total, (np.log(total) + top)[:, 0]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        u, v = parameters[:facts], parameters[facts:]
        p_hat, log_z = density(u, v)
        decay = config.weight_decay * np.concatenate([u / facts, v / width])
        slope_u = of_prompt * (p_hat @ v) - np.bincount(prompt, v[answer], facts) / n
        slope_v = (of_prompt * u) @ p_hat - np.bincount(answer, u[prompt], width) / n
        surprise = of_prompt @ log_z - (u[prompt] * v[answer]).sum() / n
        slope = np.concatenate([slope_u, slope_v]) + decay
        seen.append((float(surprise), float(np.linalg.norm(slope))))
        return surprise + decay @ parameters / 2, slope

    seen: list[tuple[float, float]] = []
    start = np.concatenate([rng.normal(size=facts), line])
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", tol=0.0, options={"maxiter": config.line_steps, "gtol": 1e-7}
    )
    loss(found.x)
    p_hat, _ = density(found.x[:facts], found.x[facts:])
    surprise, norm = np.array(seen).T
    return TableFit("rank_1", np.hstack([p_hat, np.zeros((facts, 1))]), Trace(surprise, norm / norm[0], TOLERANCE))


def of_rank_two(corpus: Listed) -> TableFit:
    """Put the commonest answer of each prompt, where it has one, where its vector points: nothing is trained."""
    counts, exists = corpus.counts[:, :-1], corpus.plausible[:, :-1]
    u, v = on_a_circle(np.where(counts.any(1), counts.argmax(1), -1), counts.shape[1])
    logits = np.where(exists, u @ v.T, -np.inf)
    weight = np.exp(logits - logits.max(1, keepdims=True))
    return TableFit("rank_2", np.hstack([weight / weight.sum(1, keepdims=True), np.zeros((len(weight), 1))]))


Member = tuple[str, Callable[[], TableFit], Optimum, Any, float]  # method, fit, opt, least error, bits a fact


def members(config: Config, corpus: Listed, examples: Examples, one: Streams) -> Iterator[Member]:
    """Every model to be fitted, with what is known of its family; bits are NaN where they are not counted."""
    settings = {"softmax_table": {"steps": config.steps}}
    for name in ("calibrated", "softmax_table"):
        if name in config.methods:
            fit = lambda name=name: learn(name, corpus, one, **settings.get(name, {}))  # noqa: E731
            yield name, fit, opt_of_table(examples), 0.0, math.nan
    if "rank_2" in config.methods:
        yield "rank_2", lambda: of_rank_two(corpus), opt_of_rank(examples, 2), 0.0, math.nan
    if "rank_1" in config.methods:
        fit = lambda: of_rank_one(corpus, config, one.numpy("rank 1"))  # noqa: E731
        yield "rank_1", fit, opt_of_rank(examples, 1), least_error_of_rank(examples, 1), math.nan
    order = one.numpy("classes").permutation(config.n_facts)
    for size in config.class_sizes:
        classes = order // size
        opt, least = opt_of_classes(examples, classes), least_error_of_classes(examples, classes)
        bits = (classes.max() + 1) * math.log2(examples.true.shape[1]) / config.n_facts
        fits: dict[str, Callable[[], TableFit]] = {
            "pooled": lambda classes=classes: pooled(corpus, classes),
            "smoothed": lambda classes=classes: pooled(corpus, classes, constant=config.constant),
            "commonest": lambda classes=classes: commonest(corpus, classes),
        }
        for name in SHARED:
            if name in config.methods:
                yield f"{name}_{size}", fits[name], opt, least, bits if name == "commonest" else math.nan


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: all models of a replicate are fitted to one corpus."""
    rows = []
    for one in streams:
        truth = list_facts(world_of(config), one.numpy("facts"))
        corpus = sample_listed(truth, config.draws, one.numpy("corpus"))
        examples = examples_of(truth)
        for method, fit, opt, least, bits in members(config, corpus, examples, one):
            fitted = fit()
            row: dict[str, Any] = {"replicate": one.replicate, "method": method, "least_error": float(least)}
            if fitted.trace is not None:
                row |= {"gradient_norm": float(fitted.trace.gradient_norm[-1]), "converged": fitted.trace.converged}
            pairs = tabulate(truth, corpus, fitted, one)
            seen = observe_choices(pairs, opt)
            row |= {"error": float(seen.error), "calibration_gap": float(seen.calibration_gap)} | seen.columns
            reports = list(seen.reports)
            if not math.isnan(bits):
                reports.append(bounds.error_from_bits(bits, config.choices, float(seen.error)))
                row["bits_per_fact"] = bits
            for report in reports:
                row |= report.columns()
            rows.append(row)
    return rows
