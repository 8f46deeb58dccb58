"""A small decoder over words, trained on facts written as biographies; its responses are enumerated exactly."""

from __future__ import annotations

from typing import Any

from simlab.corpora import Listed
from simlab.fitting import fit
from simlab.models.fits import TableFit
from simlab.models.transformer.decoder import Decoder
from simlab.models.transformer.enumerating import enumerate_responses
from simlab.models.transformer.family import Sentences, Transformer
from simlab.seeds import Streams

__all__ = ["Decoder", "Sentences", "Transformer", "enumerate_responses", "table"]


def table(
    corpus: Listed,
    streams: Streams,
    *,
    layers: int = 1,
    width: int = 32,
    heads: int = 2,
    hidden: int = 0,
    tied: bool = True,
    templates: int = 1,
    **settings: Any,
) -> TableFit:
    """Write the corpus as biographies of one attribute, train, and enumerate.

    See ``Transformer`` for its sizes; ``settings`` are ``simlab.models.FITTED``, AdamW at rate 0.01
    unless they say other.
    """
    model = Transformer(layers, width, heads, hidden, tied, templates)
    settings = {"optimizer": "adamw", "learning_rate": 0.01, **settings}
    return fit(corpus, model, streams=streams, **settings).density  # type: ignore[return-value]
