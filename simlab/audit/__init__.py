"""Audits: what a user's own data imply for a model that learns from them.

``python -m simlab.audit corpus FILE...`` is the command line; ``audit_corpus`` is the same from Python::

    from simlab.audit import audit_corpus

    audit = audit_corpus("facts.csv", prompt="question", answer="answer")
    print(audit.text())
    audit.floors.sharp.value, audit.missing_mass.certificate.low, [alarm.name for alarm in audit.alarms]

``python -m simlab.audit evals FILE...`` and ``audit_evals`` do the same for evaluation logs.

``corpus`` reads the table and puts a ``record`` together from ``floors``, ``outlook``, ``premises`` (with ``moments``
and ``growing``), ``runs`` and ``contents``; ``telling`` (with ``rounding``) puts it into words, ``text`` and
``corpus_page`` (in the shell of ``report``) show it. ``evals`` reads logs and puts an ``evals_record`` together from
``evals_scores``, ``evals_ranks``, ``evals_alarms`` and ``evals_notes``; ``evals_telling``, ``evals_text`` and
``evals_page`` show it. ``cli`` is the command line of both, with ``corpus_options`` and ``evals_options``. Importing
the package loads none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlab.audit.corpus import audit_corpus
    from simlab.audit.evals import audit_evals
    from simlab.audit.evals_record import EvalsAudit
    from simlab.audit.record import CorpusAudit

__all__ = ["CorpusAudit", "EvalsAudit", "audit_corpus", "audit_evals"]

_HOMES = {
    "CorpusAudit": "simlab.audit.record",
    "EvalsAudit": "simlab.audit.evals_record",
    "audit_corpus": "simlab.audit.corpus",
    "audit_evals": "simlab.audit.evals",
}


def __getattr__(name: str) -> object:
    """Load what is asked for when it is, so that ``--help`` need not wait for NumPy."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
