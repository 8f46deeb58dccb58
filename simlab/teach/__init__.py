"""Teaching demonstrations: move a slider and see why a model must guess (``python -m simlab.teach``).

A demonstration (``simlab.teach.demonstrations``) is plain data and one pure function of its controls, in a module of
its own; its notebook of the same name in ``notebooks/`` shows it, in a browser or in an editor.
"""
