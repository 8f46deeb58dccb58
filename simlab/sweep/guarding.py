"""Scripts that start processes guard their top level; one that does not is told so before it starts any."""

from __future__ import annotations

import ast
import multiprocessing
import os
import sys
from types import FrameType

from simlab.errors import BadInput

ADVICE = (
    'run() starts worker processes, which load {script} anew: put the call under if __name__ == "__main__": '
    "or choose engine='serial'"
)


def refuse_unguarded() -> None:
    """Raise ``BadInput`` where the calling script's workers would run the call again: at its top level, under no if.

    Raised too for a script that is no file (standard input), which no worker could load, and in a worker that came
    to a call which was missed here.
    """
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    if script and getattr(main, "__spec__", None) is None and not os.path.exists(script):
        raise BadInput(
            f"run() starts worker processes, which cannot load {os.path.basename(script)}: put the script into a file, "
            "or choose engine='serial'"
        )
    inheriting = getattr(multiprocessing.current_process(), "_inheriting", False)
    line = _line_at_top_level()
    if inheriting or (script and line and not _under_an_if(script, line)):
        raise BadInput(ADVICE.format(script=script or "the script"))


def _line_at_top_level() -> int | None:
    """The line of ``__main__`` that is being executed at its top level, or None."""
    names = vars(sys.modules["__main__"]) if "__main__" in sys.modules else {}
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals is names and frame.f_code.co_name == "<module>":
            return frame.f_lineno
        frame = frame.f_back
    return None


def _under_an_if(script: str, line: int) -> bool:
    """Whether the line of the script is inside an ``if``; a script that cannot be read is given the benefit."""
    try:
        with open(script, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return True
    spans = [(node.lineno, node.end_lineno or 0) for node in ast.walk(tree) if isinstance(node, ast.If)]
    return any(first <= line <= last for first, last in spans)
