"""A small decoder over words, trained on facts written as biographies; its responses are enumerated exactly."""

from __future__ import annotations

from typing import Any

from simlab.corpora import Listed
from simlab.fitting import fit
from simlab.models.fits import TableFit
from simlab.models.transformer.decoder import Decoder
from simlab.models.transformer.enumerating import enumerate_responses
from simlab.models.transformer.family import Transformer
from simlab.seeds import Streams

__all__ = ["Decoder", "Transformer", "enumerate_responses", "table"]

SHAPE = ("layers", "width", "heads", "hidden", "tied", "templates")


def table(
    corpus: Listed, streams: Streams, *, optimizer: str = "adamw", learning_rate: float = 0.01, **options: Any
) -> TableFit:
    """Write the corpus as biographies of one attribute, train, and enumerate.

    ``layers``, ``width``, ``heads``, ``hidden``, ``tied`` and ``templates`` go to ``Transformer``, all other options
    to ``simlab.fitting.fit``.
    """
    shape = {name: options.pop(name) for name in SHAPE if name in options}
    found = fit(
        corpus, Transformer(**shape), streams=streams, optimizer=optimizer, learning_rate=learning_rate, **options
    )
    density = found.density
    assert isinstance(density, TableFit)
    return density
