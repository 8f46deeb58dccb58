"""A fit, once its settings are checked: lay out the examples, run the compiled programs, look on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from simlab.corpora import A_CORPUS, Corpus, Listed
from simlab.errors import BadInput, check_type, unknown
from simlab.fitting import blockwise, layerwise, rowwise
from simlab.fitting.convex import minimise
from simlab.fitting.families import Examples, Family, Fitted, Params, finite
from simlab.fitting.memory import check_parameters, check_run
from simlab.fitting.programs import Data, Program, State, advanced, compiled
from simlab.fitting.rules import MOST_STEPS, Hyper, Settings, not_negative, positive
from simlab.fitting.stopping import Best
from simlab.models.fits import Fit, TableFit, Trace
from simlab.seeds import Streams

Snapshots = list[tuple[int, Fit | TableFit]]


def examples_of(model: Family, corpus: Corpus | Listed | Examples, name: str = "corpus") -> Examples:
    """The examples of a corpus, padded to a power of two: few shapes, few compilations.

    Raises ``BadInput`` for weights that are no counts of draws, and where the model cannot read the corpus, which a
    sentence calls ``name``.
    """
    check_type("model", model, Family, "a family of densities, such as MLP(hidden=64)")
    check_type(name, corpus, (Corpus, Listed, Examples), f"{A_CORPUS}, or examples")
    found = corpus if isinstance(corpus, Examples) else model.examples(corpus)
    n = len(found.weight)
    if n == 0 or not (np.isfinite(found.weight).all() and found.weight.min() >= 0 and found.draws > 0):
        raise BadInput("the weights of the examples must be finite, not negative, and not all zero")
    if any(np.shape(row)[:1] != (n,) for row in jax.tree.leaves(found.rows)):
        raise BadInput(f"rows of the examples: every array must have one entry for each of the {n} weights")
    return _padded(found, 1 << (n - 1).bit_length())


def _padded(examples: Examples, size: int) -> Examples:
    """Repeat the first example with weight 0 up to ``size`` examples."""
    more = size - len(examples.weight)
    if more == 0:
        return examples
    at = np.concatenate([np.arange(len(examples.weight)), np.zeros(more, dtype=int)])
    rows = jax.tree.map(lambda x: np.asarray(x)[at], examples.rows)
    return replace(examples, rows=rows, weight=np.append(examples.weight, np.zeros(more)))


def train(
    examples: Sequence[Examples],
    model: Family,
    settings: Settings,
    streams: Sequence[Streams],
    learning_rate: Sequence[float],
    weight_decay: Sequence[float],
    init: Sequence[Params | Fitted | None],
    validation: Sequence[Examples] | None,
    record: Sequence[str],
) -> list[Fitted]:
    """Fit the model to each of the examples, all in one program where there are several."""
    for rate in learning_rate:
        positive("learning_rate", rate)
    for decay in weight_decay:
        not_negative("weight_decay", decay)
    plan = settings.plan
    if plan.optimizer == "lbfgs" and not model.convex:
        raise BadInput(f"optimizer lbfgs is for convex families, and {model.name} is none: take adam or adamw")
    most = max(len(some.weight) for some in examples)
    examples = [_padded(some, most) for some in examples]
    many = len(examples) > 1 and plan.optimizer != "lbfgs"
    check_run(model, examples[0], plan.batch, plan.steps, len(examples) if many else 1)
    steps = min(1 << (plan.steps - 1).bit_length(), MOST_STEPS)  # few lengths, few compilations
    roomy = replace(plan, steps=steps)
    program = Program(model, roomy, plan.optimizer != "adamw" and any(weight_decay), many)
    hyper = [Hyper(rate, decay, plan.steps) for rate, decay in zip(learning_rate, weight_decay, strict=True)]
    data = [_data(program, *one) for one in zip(examples, streams, hyper, strict=True)]
    for one in {repr(jax.tree.map(np.shape, some.given)): some for some in examples}.values():
        check_parameters(model, one.given)
    starts = [_start(program, *one) for one in zip(init, examples, data, strict=True)]
    if record:
        _check_names(model, starts[0], examples[0], record)
    if model.frozen:
        data = [
            one._replace(frozen={k: start[k] for k in model.frozen}) for one, start in zip(data, starts, strict=True)
        ]
        starts = [{k: v for k, v in start.items() if k not in model.frozen} for start in starts]
    kept: list[Snapshots] = [[] for _ in examples]
    if plan.optimizer == "lbfgs":
        found = [_convex(program, start, one, settings) for start, one in zip(starts, data, strict=True)]
    else:
        held_out = None
        if validation is not None:
            _same_shapes(examples, validation)
            most = max(len(some.weight) for some in validation)
            held_out = _one(
                program,
                [
                    _data(program, _padded(some, most), one, Hyper(1.0, 0.0, plan.steps))._replace(frozen=own.frozen)
                    for some, one, own in zip(validation, streams, data, strict=True)
                ],
            )
        found = _descend(program, _one(program, starts), _one(program, data), held_out, settings, examples, kept)
    return [
        Fitted(model, params, trace, some, tuple(looks), _recorded(model, params, some, record))
        for (params, trace), some, looks in zip(found, examples, kept, strict=True)
    ]


def _same_shapes(examples: Sequence[Examples], validation: Sequence[Examples]) -> None:
    """Raise ``BadInput`` where held-out examples are not of the world that is learned."""
    for one, other in zip(examples, validation, strict=True):
        if jax.tree.map(np.shape, one.given) != jax.tree.map(np.shape, other.given):
            raise BadInput("validation has other prompts or responses than the corpus: draw both from one world")


def _data(program: Program, examples: Examples, streams: Streams, hyper: Hyper) -> Data:
    """The arrays of one fit, in the precision of the plan; weights and what is drawn by them in double."""
    dtype = program.plan.dtype

    def cast(x: Any) -> np.ndarray:
        array = np.asarray(x)
        with np.errstate(over="ignore"):  # a rate that single precision cannot hold diverges, and the trace says so
            return array.astype(dtype) if array.dtype.kind == "f" else array

    sizes = program.family.sizes(examples)
    if sizes is not None and program.plan.batch is not None:
        raise BadInput(f"batch = {program.plan.batch}: a batch tells facts of one cell apart: give a listed corpus")
    return Data(
        rows=jax.tree.map(cast, examples.rows),
        weight=cast(examples.weight),
        cumulative=np.cumsum(examples.weight) / examples.draws,
        given=jax.tree.map(cast, examples.given),
        frozen={},
        sizes=None if sizes is None else jax.tree.map(cast, sizes),
        scale=cast(float(program.family.scale(examples))),
        hyper=jax.tree.map(lambda x: cast(float(x)), hyper),
        key=streams.jax("fit"),
    )


def _start(program: Program, init: Params | Fitted | None, examples: Examples, data: Data) -> Params:
    """The parameters to start from. Raises ``BadInput`` where those given are not of the model's shape."""
    fresh = program.family.start(jax.random.fold_in(data.key, 0), examples.given)
    given = init.params if isinstance(init, Fitted) else init
    if given is not None:
        shapes = [jax.tree.map(jnp.shape, tree) for tree in (fresh, given)]
        if shapes[0] != shapes[1]:
            raise BadInput(
                f"init has parameters of other shapes than {program.family.name} has on this corpus: start from a fit "
                "of this model to a corpus of this world, or leave init out"
            )
        if not all(finite(leaf) for leaf in jax.tree.leaves(given)):
            raise BadInput("init has parameters that are no finite numbers: start from a fit that did not diverge")
        fresh = given
    return jax.tree.map(lambda x: np.array(x, dtype=program.plan.dtype), fresh)


def _one(program: Program, trees: Sequence[Any]) -> Any:
    """The trees as one, with a leading axis for the fits where there are many."""
    if not program.many:
        return trees[0]
    try:
        return jax.tree.map(_stack, *trees)
    except ValueError:
        raise BadInput(
            "the corpora give arrays of different shapes: fit them one by one, or draw them from one world"
        ) from None


def _stack(*leaves: Any) -> Any:
    """Stack arrays, or keys of random streams."""
    return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)


@runtime_checkable
class Descent(Protocol):
    """A module of compiled kernels that takes fits of a family through their steps."""

    def takes(self, program: Program, data: Data) -> bool:
        """Whether the fit is one of those."""

    def begin(self, program: Program, params: Any, data: Data) -> State:
        """The state before the first step."""

    def advance(self, program: Program, state: State, data: Data, first: int, last: int) -> State:
        """Steps ``first`` to ``last``."""


DESCENTS: dict[str, Descent] = {"rowwise": rowwise, "blockwise": blockwise, "layerwise": layerwise}


def descent_of(program: Program, data: Data) -> Descent | None:
    """The kernels that take this fit through its steps; None: the general program does."""
    kernels = DESCENTS.get(vars(type(program.family)).get("descent", "general"))
    return kernels if kernels is not None and kernels.takes(program, data) else None


def _descend(
    program: Program,
    start: Params,
    data: Data,
    held_out: Data | None,
    settings: Settings,
    examples: Sequence[Examples],
    kept: list[Snapshots],
) -> list[tuple[Params, Trace]]:
    """Run the steps, fill ``kept`` on the way, and return parameters and trace of each fit."""
    plan, looks = settings.plan, settings.looks
    kernels = descent_of(program, data)
    state = program.begin(jax.tree.map(jnp.asarray, start)) if kernels is None else kernels.begin(program, start, data)
    start_loss, first = _measure(program, state.params, data)
    best = Best(program, len(examples), settings.patience)
    at = 0
    for end in sorted({0, *looks, plan.steps}):
        if end > at:
            if kernels is not None:
                with np.errstate(over="ignore", invalid="ignore"):  # what diverges says so in its trace
                    state = kernels.advance(program, state, data, at, end)
            else:
                state = advanced(program, state, data, at, end)
            at = end
        if end in looks:
            for i, params in enumerate(_each(program, state.params, data, len(examples))):
                kept[i].append((end, program.family.density(params, examples[i])))
        if (
            held_out is not None
            and end in looks
            and best.look(end, _measure(program, state.params, held_out)[0], state)
        ):
            break
    params, last = (state.params, np.full(len(examples), at)) if held_out is None else (best.params, best.step)
    value, norm = _measure(program, params, data)
    losses, norms = (np.atleast_2d(np.asarray(x)) for x in (state.loss, state.norm))
    traces = []
    for i, steps in enumerate(last):
        loss = np.append(losses[i, :steps], value[i])
        relative = np.append(norms[i, :steps], norm[i]) / max(first[i], np.finfo(float).tiny)
        bounds = (float(start_loss[i]), program.family.least)
        traces.append(Trace(loss.astype(float), relative.astype(float), settings.tolerance, *bounds))
        kept[i][:] = [look for look in kept[i] if look[0] <= steps]
    return list(zip(_each(program, params, data, len(examples)), traces, strict=True))


def _measure(program: Program, params: Params, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient norm over the whole corpus, an entry a fit."""
    value, norm = compiled(program, "measure", params, data)(params, data)
    return np.atleast_1d(np.asarray(value)), np.atleast_1d(np.asarray(norm))


def _each(program: Program, params: Params, data: Data, fits: int) -> list[Params]:
    """The parameters of each fit, frozen ones too, on the host."""
    whole = jax.tree.map(np.asarray, {**params, **data.frozen} if data.frozen else params)
    return [jax.tree.map(lambda x, i=i: x[i], whole) for i in range(fits)] if program.many else [whole]


def _convex(program: Program, start: Params, data: Data, settings: Settings) -> tuple[Params, Trace]:
    """One fit by L-BFGS."""
    tolerance = settings.tolerance
    params, values, norms = minimise(program, start, data, settings.plan.steps, tolerance)
    relative = np.asarray(norms) / max(norms[0], np.finfo(float).tiny)
    trace = Trace(np.asarray(values), relative, tolerance, values[0], program.family.least)
    return jax.tree.map(np.asarray, params), trace


def _check_names(model: Family, params: Params, examples: Examples, names: Sequence[str]) -> None:
    """Raise ``BadInput``, before any step, where the model has no activation of one of these names."""
    known = jax.eval_shape(model.activations, params, examples.rows, examples.given)
    for name in names:
        if not known:
            raise BadInput(f"record = {name!r}: {model.name} has no activations: leave record out")
        if name not in known:
            raise unknown(f"activation of {model.name}", name, known)


def _recorded(model: Family, params: Params, examples: Examples, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The activations named, of every example that is no padding."""
    found = model.activations(params, examples.rows, examples.given) if names else {}
    real = examples.weight > 0
    return {name: np.asarray(found[name])[real] for name in names}
