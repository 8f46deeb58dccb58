"""simlab: the statistical theory of why language models hallucinate, as software.

Importing the package loads nothing heavy: take what you need from its modules, which stand in the order of
the theory: ``worlds`` (what is true), ``corpora`` (what was written), ``models`` (what is learned), ``pairs``
(where truth and belief meet), ``measures`` (what is observed) and ``bounds`` (what theory allows).
"""

__version__ = "0.1.0"
