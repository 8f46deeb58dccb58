"""Audits: what a user's own data imply for a model that learns from them.

``python -m simlab.audit corpus FILE...`` is the command line; ``audit_corpus`` is the same from Python::

    from simlab.audit import audit_corpus

    audit = audit_corpus("facts.csv", prompt="question", answer="answer")
    print(audit.text())
    audit.floors.sharp.value, audit.missing_mass.certificate.low, [alarm.name for alarm in audit.alarms]

``corpus`` reads the table and puts a ``record`` together from ``floors``, ``outlook``, ``premises`` (with ``moments``
and ``growing``), ``runs`` and ``contents``; ``telling`` (with ``rounding``) puts it into words, ``text`` and
``corpus_page`` (in the shell of ``report``) show it; ``cli`` is the command line. Importing the package loads none of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simlab.audit.corpus import audit_corpus
    from simlab.audit.record import CorpusAudit

__all__ = ["CorpusAudit", "audit_corpus"]


def __getattr__(name: str) -> object:
    """Load what is asked for when it is, so that ``--help`` need not wait for NumPy."""
    if name == "audit_corpus":
        from simlab.audit.corpus import audit_corpus

        return audit_corpus
    if name == "CorpusAudit":
        from simlab.audit.record import CorpusAudit

        return CorpusAudit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
