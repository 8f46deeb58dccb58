"""How many bits of facts does a parameter store, and how long does training know none of them?

Aims: to set beside the published capacities (Allen-Zhu & Li 2024, arXiv 2404.05405: about 2 bits a parameter at
1,000 exposures of a fact, 1 bit at 100) and beside the published plateau (Zucchet et al. 2025, arXiv 2503.21676: about
linear in the number of individuals) what models of three thousand parameters do; theirs had millions, on other text, so
agreement is no replication. Data: biographies of 96 to 768 individuals, two attributes of 32 equally likely values
each, of one word and of two, in four templates; every fact is as likely as every other. Estimands: bits stored, a
parameter and a fact; error, and where the slack of Theorem 1 goes; the plateau, how many steps the training loss takes
to leave the no-knowledge baseline, mean ln|values|, by 10 %, and the exponent of that number in the number of
individuals; what is said of strangers, individuals of whom nothing was written. Methods: a bilinear table, whose
parameters grow with the facts, a key-value memory of one hidden layer between fixed random vectors, and a transformer,
each at one peak learning rate, chosen once on another seed; parameters are the numbers that are trained. Plateaus are
of fits of their own: one constant rate a method and no warm-up, so that no schedule grows with the individuals. A
plateau ends at the first look, a mean over 4 steps, from which on 5 looks in a row lie below. Performance: means and
their Monte Carlo standard errors over worlds; given a fit all but the plateau are exact sums over its table, and the
plateau is known to within a look and the noise of its batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from simlab import bounds
from simlab.corpora import MOST_ENTRIES, Listed
from simlab.errors import BadInput, unknown
from simlab.fitting import Family, Fitted, fit_many
from simlab.measures import observe
from simlab.models.bilinear import Bilinear
from simlab.models.footprint import tabular_bytes, transformer_bytes
from simlab.models.mlp import MLP
from simlab.models.transformer import Transformer
from simlab.pairs import lay_out
from simlab.remembering import accuracy, bits_stored, exponent, no_knowledge, plateau, surprises
from simlab.rendering.biographies import Register, Written
from simlab.rendering.templates import ENDINGS, Attribute
from simlab.seeds import Streams

METHODS = ("bilinear", "mlp", "transformer")
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment. On a GPU, at the published numbers of exposures, a model of 800,000 parameters:

    python -m simlab.sweep experiments/capacity.py --device gpu --set exposures=100,1000 --set methods=transformer \\
        --set populations=10000+30000+100000 --set layers=4 --set width=128 --set heads=4 --set hidden=512 \\
        --set batch=1024 --set rate_transformer=0.003
    """

    exposures: int = Field(100, ge=1, le=10**5, description="how often training reads a fact, in the mean")
    populations: tuple[Annotated[int, Field(ge=2, le=10**12)], ...] = Field(
        (96, 192, 384, 768), min_length=1, description="individuals written about"
    )
    strangers: int = Field(64, ge=1, le=10**5, description="individuals of whom nothing is written")
    values: str = Field(
        "32 8x4",
        max_length=200,
        pattern=r"^\d+(x\d+)*( \d+(x\d+)*)*$",
        description="values of each attribute; 8x4: two words, of 8 and of 4 choices",
    )
    templates: int = Field(4, ge=1, le=25, description="templates of every attribute")
    methods: tuple[str, ...] = Field(METHODS, min_length=1, description="families")
    rank: int = Field(2, ge=1, le=4096, description="rank of bilinear")
    mlp_width: int = Field(32, ge=1, le=4096, description="coordinates of the keys and values of mlp")
    mlp_hidden: int = Field(48, ge=1, le=2**20, description="hidden units of mlp")
    layers: int = Field(1, ge=1, le=12, description="blocks of transformer")
    width: int = Field(12, ge=1, le=4096, description="width of transformer")
    heads: int = Field(2, ge=1, le=64, description="heads of transformer")
    hidden: int = Field(48, ge=1, le=2**16, description="hidden units of each block of transformer")
    batch: int = Field(64, ge=1, le=2**20, description="sentences a step")
    rate_bilinear: Rate = Field(0.3, description="peak learning rate of bilinear")
    rate_mlp: Rate = Field(0.1, description="peak learning rate of mlp")
    rate_transformer: Rate = Field(0.01, description="peak learning rate of transformer")
    plateaus: int = Field(
        100, ge=1, le=10**5, description="exposures at which plateaus are measured too, and over which"
    )
    slow_bilinear: Rate = Field(0.03, description="constant learning rate of bilinear, for the plateau")
    slow_mlp: Rate = Field(0.01, description="constant learning rate of mlp, for the plateau")
    slow_transformer: Rate = Field(0.005, description="constant learning rate of transformer, for the plateau")
    look: int = Field(4, ge=1, le=10**5, description="steps over whose mean the loss is looked at")
    leave: float = Field(0.1, gt=0, lt=1, description="how far below the baseline a plateau has ended")
    stay: int = Field(5, ge=1, le=10**5, description="looks that the loss must stay there")


GRID = {"exposures": (1000, 100, 10)}  # the longest first: no worker is left waiting for it at the end
ALONG = ("individuals",)
REPLICATES = 3
BLOCK = 3
SMOKE: dict[str, Any] = {
    "replicates": 2,
    "block": 2,
    "grid": {
        "exposures": (20,),
        "populations": ((8,),),
        "strangers": (4,),
        "batch": (16,),
        "values": ("4 4",),
        "templates": (1,),
        "plateaus": (20,),
        "slow_bilinear": (0.3,),
        "look": (1,),
        "stay": (2,),
    },
}
SHOWN = ("parameters", "bits_per_parameter", "accuracy", "error", "plateau", "error_from_iiv_slack")
MEASURES = (
    "baseline",
    "bits_offered",
    "bits_stored",
    "bits_stored_per_fact",
    "confidence",
    "confidence_in_strangers",
    "plateau_ended",
    "plateau_exponent",
    "plateau_exponent_error",
    "plateau_exposures",
    "surprise",
    "surprise_of_strangers",
)
PICTURE = "bits_against_exposures"


@dataclass(frozen=True)
class People:
    """The facts of one world: who is written about, what is true, and the corpus that states each fact once."""

    register: Register
    correct: np.ndarray
    written: np.ndarray
    corpus: Listed


def attributes(config: Config) -> tuple[Attribute, ...]:
    """The attributes that ``values`` spells."""
    sizes = [tuple(int(n) for n in one.split("x")) for one in config.values.split(" ")]
    for parts in sizes:
        if min(parts) < 1 or not 2 <= math.prod(parts) <= MOST_ENTRIES:
            raise BadInput(
                f"values = {config.values!r}: each attribute needs words to choose from at every place, and 2 to "
                f"{MOST_ENTRIES} values in all"
            )
    if len(sizes) > len(ENDINGS):
        raise BadInput(f"values = {config.values!r}: there are templates for {len(ENDINGS)} attributes at most")
    return tuple(Attribute(name, parts) for name, parts in zip(ENDINGS, sizes, strict=False))


def people(config: Config, individuals: int, streams: Streams) -> People:
    """Draw the values of ``individuals`` and of the strangers, who come last."""
    register = Register(individuals + config.strangers, attributes(config), config.templates)
    correct = streams.numpy(f"values of {individuals}").integers(0, register.answers)
    # who is a stranger is drawn, so that their names differ from the others' in nothing
    order = streams.numpy(f"strangers to {individuals}").permutation(register.individuals)
    written = ~np.isin(register.individual, order[individuals:])
    facts = np.flatnonzero(written)
    corpus = Listed(facts, correct[facts], register.attribute, register.answers, np.ones(register.facts), idk=False)
    return People(register, correct, written, corpus)


def family(config: Config, method: str) -> Family:
    """The model of a method."""
    if method == "bilinear":
        return Bilinear(config.rank)
    if method == "mlp":
        return MLP(config.mlp_hidden, config.mlp_width, "fixed", "fixed")
    return Transformer(config.layers, config.width, config.heads, config.hidden, templates=config.templates)


def memory(config: Config) -> int:
    """Bytes of the largest fit of a block, whose replicates are trained side by side."""
    register = Register(config.populations[-1] + config.strangers, attributes(config), config.templates)
    responses, size = max(one.values for one in register.attributes), 0
    for method in config.methods:
        model = family(config, method)
        if isinstance(model, Transformer):
            text = (register.vocabulary, register.length)
            needed = transformer_bytes(model, register.facts, responses, *text, config.batch)
        else:
            width = config.rank if method == "bilinear" else 2 * config.mlp_width + config.mlp_hidden
            needed = tabular_bytes(model, register.facts, responses, width, config.batch)
        size = max(size, needed)
    return BLOCK * size


def steps_of(config: Config, world: People, exposures: int) -> int:
    """Steps that read every fact so often in the mean."""
    return max(1, round(exposures * len(world.corpus.prompt) / config.batch))


def train(
    config: Config, method: str, worlds: Sequence[People], streams: Sequence[Streams], steps: int, **settings: Any
) -> list[Fitted]:
    """Fit one method to the corpora of all replicates, as one program."""
    model = family(config, method)
    texts = [Written(one.corpus, one.register) if method == "transformer" else one.corpus for one in worlds]
    return fit_many(
        [model.examples(text) for text in texts],
        model,
        streams=streams,
        optimizer="adamw",
        steps=steps,
        batch=config.batch,
        # the transformer enumerates in double precision anyway; what others say of strangers underflows in single
        precision="single" if method == "transformer" else "double",
        **settings,
    )


def waits(config: Config, method: str, worlds: Sequence[People], streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """The plateau of each replicate, in fits of their own: nothing in them but the number of facts depends on it.

    One constant rate and no warm-up, so that where the training ends does not matter before it; the loss is looked at
    in means over ``look`` steps.
    """
    steps, rate, look = steps_of(config, worlds[0], config.plateaus), getattr(config, f"slow_{method}"), config.look
    found: list[dict[str, Any]] = []
    for world, fitted in zip(worlds, train(config, method, worlds, streams, steps, learning_rate=rate), strict=True):
        looks = steps // look
        loss = fitted.trace.loss[: looks * look].reshape(looks, look).mean(1)
        found.append({})
        if looks and np.isfinite(loss).all():
            at = look * (np.arange(looks) + 0.5)
            baseline = no_knowledge(world.register.answers[world.written])
            wait = plateau(at, loss, baseline, below=config.leave, stay=config.stay)
            found[-1] = {"plateau_ended": wait.ended}
            if wait.ended:
                readings = config.batch / len(world.corpus.prompt)
                found[-1] |= {"plateau": wait.length, "plateau_exposures": wait.length * readings}
    return found


def measure(config: Config, method: str, world: People, fitted: Fitted) -> dict[str, Any]:
    """The row of one fit: what it stored, and what it says."""
    table, trace = fitted.density, fitted.trace
    register, told = world.register, world.written
    parameters = fitted.n_parameters
    if method == "bilinear":  # the rows of strangers have learned nothing
        parameters -= config.rank * int((~told).sum())
    row: dict[str, Any] = {
        "parameters": parameters,
        "loss": float(trace.loss[-1]),
        "gradient_norm": float(trace.gradient_norm[-1]),
        "converged": trace.converged,
    }
    if not table.finite:
        return row
    baseline = no_knowledge(register.answers[told])
    surprise = surprises(table.p_hat, world.correct)
    bits = bits_stored(surprise[told], register.answers[told], register.attribute[told])
    sure = table.p_hat[:, :-1].max(1)
    row |= {
        "bits_stored": bits,
        "bits_offered": float(np.log2(register.answers[told]).sum()),
        "bits_per_parameter": bits / parameters,
        "bits_stored_per_fact": bits / told.sum(),
        "accuracy": accuracy(table.p_hat[told], world.correct[told]),
        "baseline": baseline,
        "surprise": float(surprise[told].mean()),
        "surprise_of_strangers": float(surprise[~told].mean()),
        "confidence": float(sure[told].mean()),
        "confidence_in_strangers": float(sure[~told].mean()),
    }
    column = np.arange(table.p_hat.shape[1] - 1)
    valid = column == world.correct[told][:, None]
    exists = column < register.answers[told][:, None]
    seen = observe(
        lay_out(
            valid.astype(float),
            table.p_hat[told, :-1],
            valid,
            exists=exists,
            nonsense=None if table.nonsense is None else table.nonsense[told],
        )
    )
    report = bounds.error_from_iiv(
        seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min
    )
    row |= seen.columns | report.columns()
    return row


def check(config: Config) -> None:
    """Refuse methods and sizes that do not fit."""
    for name in config.methods:
        if name not in METHODS:
            raise unknown("method", name, METHODS)
        family(config, name)
    if list(config.populations) != sorted(set(config.populations)):
        raise BadInput(f"populations = {'+'.join(map(str, config.populations))}: must increase")
    attributes(config)


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: one a replicate, method and number of individuals."""
    rows: list[dict[str, Any]] = []
    for method in config.methods:
        curves: list[list[dict[str, Any]]] = [[] for _ in streams]
        for n in config.populations:
            worlds = [people(config, n, one) for one in streams]
            steps = steps_of(config, worlds[0], config.exposures)
            rate = {"learning_rate": getattr(config, f"rate_{method}"), "schedule": "cosine", "warmup": steps // 20}
            fits = train(config, method, worlds, streams, steps, **rate)
            for curve, world, fitted in zip(curves, worlds, fits, strict=True):
                curve.append({"individuals": n} | measure(config, method, world, fitted))
            if config.exposures == config.plateaus:
                for curve, found in zip(curves, waits(config, method, worlds, streams), strict=True):
                    curve[-1] |= found
        for one, curve in zip(streams, curves, strict=True):
            if len(curve) > 2 and all("plateau" in row for row in curve):
                found = exponent([row["individuals"] for row in curve], [row["plateau"] for row in curve])
                curve[-1] |= {"plateau_exponent": found[0], "plateau_exponent_error": found[1]}
            rows += [{"replicate": one.replicate, "method": method} | row for row in curve]
    return rows
