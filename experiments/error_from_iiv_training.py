"""What becomes of Theorem 1 while a model is trained? Error, judging and calibration at every stage of a training.

Aims: KNVZ 2025 (arXiv 2509.04664, section 3.1) argue that cross-entropy training makes delta small, since delta is the
derivative of the loss in one direction. That derivative is of the loss that is minimised: to see whether it vanishes in
training, for a family that can follow it and for families that cannot, and what is left of it in the population. Data:
a Zipf world of 300 facts of 20 answers, IDK in 30 % of the draws; N = 200 leaves most facts unseen, N = 2,000 few.
Estimands: the terms of Theorem 1 at each step, delta under the law of the population and of the training data, and the
derivative of the training loss. Methods: a table of logits, the bilinear table of rank 1, an MLP, and a transformer on
the facts as sentences, trained by Adam on the same corpora; beside the judge that each density induces, judges of the
first three families that are trained to judge, on N examples of D or on the corpus and as many errors, and the best
judge given the training data. What the transformer puts on other strings counts as one more, wrong, response of each
prompt. Performance: means and their Monte Carlo standard errors over corpora; given a density every term is an exact
sum. Known: the table's training gap vanishes. That of rank 1 is .03 to .05 after 500 steps and still falls, and no fit
of it has converged; nor has that of most MLPs or of any transformer: their numbers are of a training on its way
(``converged``, and ``judge_converged`` of the judges). That a family which cannot follow the direction keeps a gap at
its optimum is shown exactly by a family of one parameter, in tests/test_judging.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field

from simlab import bounds
from simlab.corpora import Listed, Truth, list_facts, sample_listed
from simlab.errors import BadInput, unknown
from simlab.fitting import Family, Fitted, fit_many
from simlab.judging import (
    bayes_iiv_error,
    empirical_pairs,
    judged_error,
    judgements,
    label,
    loss_derivative,
    train_judges,
)
from simlab.measures import cross_entropy, observe, signed_gap, threshold
from simlab.models import TableFit
from simlab.models.bilinear import Bilinear
from simlab.models.footprint import tabular_bytes, transformer_bytes
from simlab.models.mlp import MLP
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.tabular import Tabular
from simlab.models.transformer import Transformer
from simlab.pairs import tabulate
from simlab.rendering.biographies import Register
from simlab.rendering.templates import Attribute
from simlab.seeds import Streams
from simlab.worlds import World, zipf


class Config(BaseModel, frozen=True, extra="forbid"):
    """Settings of this experiment."""

    draws: int = Field(200, ge=1, le=10**6, description="N, the number of training draws")
    n_facts: int = Field(300, ge=2, le=10**5, description="facts of the Zipf world")
    exponent: float = Field(1.0, ge=0, le=10, description="exponent of the Zipf world")
    answers: int = Field(20, ge=2, le=10**4, description="|R_c|, the plausible answers of a prompt")
    answer_rate: float = Field(0.7, gt=0, lt=1, description="alpha_c, the share of draws that state the answer")
    methods: tuple[str, ...] = Field(
        ("softmax_table", "bilinear", "mlp", "transformer"), min_length=1, description="families"
    )
    steps: int = Field(500, ge=1, le=10**6, description="steps of Adam on the whole corpus")
    rank: int = Field(1, ge=1, le=10**4, description="rank of the bilinear table")
    hidden: int = Field(32, ge=1, le=10**5, description="hidden units of MLP and transformer")
    width: int = Field(16, ge=1, le=10**4, description="coordinates of the MLP's keys and values, and of a token")
    layers: int = Field(1, ge=1, le=12, description="layers of the transformer")


GRID = {"draws": (200, 2_000)}
REPLICATES = 20
BLOCK = 10
SMOKE: dict[str, Any] = {"replicates": 2, "block": 2, "grid": {"draws": (60,), "n_facts": (60,), "steps": (50,)}}
ALONG = ("step",)
SHOWN = ("error", "iiv_error", "calibration_gap", "training_gap", "over", "room", "gap", "error_from_iiv_slack")
MEASURES = (
    "generalisation_gap",
    "iiv_error_bayes",
    "iiv_error_direct",
    "iiv_error_paired",
    "judge_converged",
    "loss_derivative",
    "population_excess",
    "training_cross_entropy",
    "training_excess",
)
PICTURE = "error_from_iiv_training"

RATES = {"softmax_table": 0.3, "bilinear": 0.03, "mlp": 0.01, "transformer": 0.03}
"""Learning rates of Adam. With them the table's fits converge within these steps, and few or none of the others'."""
HEADS = 2
JUDGES = {"iiv_error_direct": False, "iiv_error_paired": True}
"""Judges that are trained: on N examples of D, or on the corpus paired with as many errors."""


def family(method: str, config: Config) -> Family:
    """Return the family of that name at the sizes of a grid point."""
    if method == "bilinear":
        return Bilinear(config.rank)
    if method == "transformer":
        return Transformer(config.layers, config.width, HEADS, config.hidden)
    return MLP(config.hidden, config.width) if method == "mlp" else SoftmaxTable()


@lru_cache(maxsize=8)
def world(n_facts: int, exponent: float, answers: int, answer_rate: float) -> World:
    """Return a Zipf world, made once a process."""
    return zipf(n_facts, exponent, answers=answers, answer_rate=answer_rate)


def world_of(config: Config) -> World:
    """Return the world of a grid point."""
    return world(config.n_facts, config.exponent, config.answers, config.answer_rate)


def check(config: Config) -> None:
    """Refuse families that are not known, before anything is drawn."""
    for method in config.methods:
        if method not in RATES:
            raise unknown("method", method, RATES)
        if method == "transformer" and config.width % HEADS:
            raise BadInput(f"width = {config.width}: must be even, for the {HEADS} heads of the transformer")
        family(method, config)  # which refuses sizes that make no model


def memory(config: Config) -> int:
    """Bytes of the largest training of a block, its replicates side by side, a table kept at each look."""
    facts, kept = config.n_facts, {"looks": len(looks(config.steps))}
    widths = {"softmax_table": 1, "bilinear": config.rank, "mlp": 2 * config.width + config.hidden}
    register = Register(facts, (Attribute("major", (config.answers,)),))
    text = (register.vocabulary, register.length)
    size = 0
    for method in config.methods:
        model = family(method, config)
        if isinstance(model, Transformer):
            sentences = min(config.draws, facts * (config.answers + 1))
            needed = transformer_bytes(model, facts, config.answers, *text, sentences, **kept)
        else:
            needed = tabular_bytes(model, facts, config.answers, widths[method], facts, **kept)
        size = max(size, needed)
    return BLOCK * size


def looks(steps: int) -> list[int]:
    """The steps at which the density is kept: 0, 1, 2, 5, 10, 20, 50, ... and the last."""
    found = [m * 10**e for e in range(len(str(steps))) for m in (1, 2, 5)]
    return [0, *(step for step in found if step < steps), steps]


def measured(truth: Truth, corpus: Listed, density: TableFit, streams: Streams) -> dict[str, Any]:
    """The measures of one density: the terms of Theorem 1, and its calibration in the population and in training."""
    pairs, trained = tabulate(truth, corpus, density, streams), empirical_pairs(truth, corpus, density)
    seen, here, there = observe(pairs), signed_gap(trained), signed_gap(pairs)
    missed = 2 * bayes_iiv_error(truth.world, corpus)
    reports = (
        bounds.error_from_iiv(seen.error, seen.iiv_error, seen.calibration_gap, seen.n_valid_max, seen.n_errors_min),
        bounds.error_from_singletons_sharp(
            missed, seen.n_errors_min, seen.calibration_gap, seen.error, seen.n_valid_max
        ),
    )
    return {
        **seen.columns,
        "training_gap": abs(here),
        "loss_derivative": loss_derivative(corpus.counts / corpus.draws, density, threshold(trained)),
        "training_excess": here,
        "population_excess": there,
        "generalisation_gap": there - here,
        "training_cross_entropy": cross_entropy(trained),
        **{name: value for report in reports for name, value in report.columns().items()},
    }


def curve(
    truth: Truth, corpus: Listed, fitted: Fitted, judges: Mapping[str, Fitted], streams: Streams
) -> list[dict[str, Any]]:
    """One row a look of one training; what is of the whole training stands in the last, the trained judges too."""
    best = bayes_iiv_error(truth.world, corpus)
    rows = []
    for step, density in fitted.snapshots:
        row = {"replicate": streams.replicate, "method": fitted.model.name, "step": step}
        row |= {"iiv_error_bayes": best, "gradient_norm": float(fitted.trace.gradient_norm[step])}
        if density.finite:  # a fit that diverged is no density: its row says so and has no measures
            row |= measured(truth, corpus, density, streams)
        rows.append(row)
    rows[-1] |= {"loss": float(fitted.trace.loss[-1]), "converged": fitted.trace.converged}
    for name, judge in judges.items():
        pairs = tabulate(truth, corpus, fitted.snapshots[0][1], streams)  # for D, which all densities share
        rows[-1][name] = float(judged_error(pairs, judgements(judge)[corpus.plausible]))
    if judges:
        rows[-1]["judge_converged"] = all(judge.trace.converged for judge in judges.values())
    return rows


def cell(config: Config, streams: Sequence[Streams]) -> list[dict[str, Any]]:
    """Return the rows of one block: all replicates are trained as one program, family by family."""
    truths = [list_facts(world_of(config), one.numpy("facts")) for one in streams]
    corpora, labelled = [], {name: [] for name in JUDGES}
    for truth, one in zip(truths, streams, strict=True):
        corpora.append(sample_listed(truth, config.draws, one.numpy("corpus")))
        for name, paired in JUDGES.items():
            labelled[name].append(label(truth, corpora[-1], one.numpy("labelled"), paired=paired))
    rows = []
    for method in config.methods:
        model, settings = family(method, config), {"learning_rate": RATES[method], "steps": config.steps}
        fits = fit_many(corpora, model, streams=streams, every=looks(config.steps), **settings)
        judges: dict[str, list[Fitted]] = {}
        if isinstance(model, Tabular):  # whose logits are scores of single responses
            judges = {name: train_judges(few, model, streams=streams, **settings) for name, few in labelled.items()}
        for i, parts in enumerate(zip(truths, corpora, fits, strict=True)):
            rows += curve(*parts, {name: found[i] for name, found in judges.items()}, streams[i])
    return rows
