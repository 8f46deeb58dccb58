"""What is learned: one density family a file; ``learn`` runs any of them by name.

A learner sees a corpus and random streams and nothing of the world. To add one: write ``simlab/models/NAME.py`` with
``cells(corpus, streams, **options) -> Fit`` and its slow twin ``table(corpus, streams, **options) -> TableFit`` for
listed corpora, and give it a line in ``LEARNERS``. A learner that treats no two facts alike has ``table`` alone.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, overload

from simlab.corpora import A_CORPUS, Corpus, Listed
from simlab.errors import BadInput, check_type, unknown
from simlab.models.fits import Fit, TableFit, Trace
from simlab.seeds import Streams

__all__ = ["LEARNERS", "Fit", "Learner", "TableFit", "Trace", "check_learner", "learn"]


class Learner(NamedTuple):
    """What a learner asks of its corpus, stated without importing its module."""

    prompted: bool  # works with prompts (KNVZ)
    factoids: bool  # works without prompts (Kalai-Vempala)
    needs_counts: bool  # tells counts above any cap apart
    needs_idk: bool  # answers "I don't know"
    listed: bool = False  # is fitted to a listed corpus only: it treats no two facts alike
    options: tuple[str, ...] = ()  # settings of its own, explained in its module


FITTED = (
    "batch",
    "learning_rate",
    "optimizer",
    "precision",
    "schedule",
    "steps",
    "tolerance",
    "warmup",
    "weight_decay",
)
"""Settings of ``simlab.fitting.fit`` that every learner takes that is trained by gradients."""
OF_FIT = ("device", "every", "init", "patience", "record", "validation")
"""Its other settings, which a learner does not take: see docs/fitting.md."""
LEARNERS = {
    "abstain": Learner(prompted=True, factoids=False, needs_counts=False, needs_idk=True, options=("abstention",)),
    "add_constant": Learner(prompted=True, factoids=True, needs_counts=True, needs_idk=False, options=("constant",)),
    "bilinear": Learner(
        prompted=True, factoids=True, needs_counts=True, needs_idk=False, listed=True, options=("rank", *FITTED)
    ),
    "calibrated": Learner(prompted=True, factoids=False, needs_counts=False, needs_idk=False),
    "guess_one": Learner(prompted=True, factoids=False, needs_counts=False, needs_idk=False),
    "memorising": Learner(prompted=False, factoids=True, needs_counts=False, needs_idk=False),
    "mlp": Learner(
        prompted=True,
        factoids=True,
        needs_counts=True,
        needs_idk=False,
        listed=True,
        options=("hidden", "keys", "values", "width", *FITTED),
    ),
    "ngram": Learner(
        prompted=True,
        factoids=False,
        needs_counts=False,
        needs_idk=False,
        listed=True,
        options=("order", "smoothing", "constant", "tokens", "subwords"),
    ),
    "softmax_table": Learner(prompted=True, factoids=True, needs_counts=True, needs_idk=False, options=FITTED),
    "transformer": Learner(
        prompted=True,
        factoids=False,
        needs_counts=True,
        needs_idk=False,
        listed=True,
        options=("heads", "hidden", "layers", "templates", "tied", "width", *FITTED),
    ),
}


def check_learner(name: str, *, idk: bool, prompted: bool) -> Learner:
    """Return what the learner ``name`` asks for; raises ``BadInput`` where a world of this kind does not give it."""
    if not isinstance(name, str) or name not in LEARNERS:
        raise unknown("method", name, LEARNERS)
    needs = LEARNERS[name]
    if needs.needs_idk and not idk:
        raise BadInput(f"method {name!r} answers IDK, which is no response in this world; set idk=True")
    if not (needs.prompted if prompted else needs.factoids):
        without = "with" if prompted else "without"
        raise BadInput(f"method {name!r} is not defined in a world {without} prompts; see simlab.models.LEARNERS")
    return needs


@overload
def learn(name: str, corpus: Corpus, streams: Streams, **options: Any) -> Fit: ...
@overload
def learn(name: str, corpus: Listed, streams: Streams, **options: Any) -> TableFit: ...
def learn(name: str, corpus: Corpus | Listed, streams: Streams, **options: Any) -> Fit | TableFit:
    """Fit the learner ``name`` to ``corpus``; cells give a ``Fit``, a listed corpus its ``TableFit``.

    ``options`` go to the learner (see its module). Raises ``BadInput`` for an unknown learner and for a corpus
    that it cannot be fitted to: capped counts, a missing IDK, factoids for a learner that needs prompts or the
    reverse, and for what is no corpus or no streams.
    """
    check_type("corpus", corpus, (Corpus, Listed), A_CORPUS)
    check_type("streams", streams, Streams, "random streams, such as Streams(seed=0)")
    needs = check_learner(name, idk=corpus.idk, prompted=corpus.n_strings is None)
    for option in options:
        if not needs.options:
            raise BadInput(f"option {option!r} is given to {name}, which has none: leave it out")
        if option in OF_FIT and set(FITTED) <= set(needs.options):
            raise BadInput(f"option {option!r} of {name} is a setting of simlab.fitting.fit: call it with the family")
        if option not in needs.options:
            raise unknown(f"option of {name}", option, needs.options)
    if needs.listed and isinstance(corpus, Corpus):
        raise BadInput(f"method {name!r} treats no two facts alike: give it a listed corpus (sample_listed)")
    cap = corpus.count_cap if isinstance(corpus, Corpus) else None
    if needs.needs_counts and cap is not None:
        raise BadInput(f"count_cap = {cap}: {name} tells counts above any cap apart; leave count_cap out for it")
    module = importlib.import_module(f"simlab.models.{name}")
    fit = module.cells if isinstance(corpus, Corpus) else module.table
    return fit(corpus, streams, **options)  # type: ignore[no-any-return]
