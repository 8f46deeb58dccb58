"""From a call to an exit status: 0 and up as the call says, else a sentence on stderr.

2 bad usage or bad input; 130 interrupted (143 by SIGTERM); 141 the reader of our output went away; 70 a crash of
ours, with its traceback and how to report it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

import simlab
from simlab.errors import BadInput
from simlab.terminal.output import ReaderGone
from simlab.terminal.wording import printable

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where the place of our output has no room left."""
UNTIMELY = "interrupted before anything was computed"


def status_of(run: Callable[[], int], program: str, argv: Sequence[str]) -> int:
    """Call ``run`` and return the exit status; ``program`` and ``argv`` are what a report of a crash names."""
    try:
        status = _told(run, program, argv)
        sys.stdout.flush()  # here, where a pipe that is closed has its own exit status
        return status
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        _give_up_output()
        return 141
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(f"simlab: the output cannot be written ({error.strerror}): make room", file=sys.stderr)
        _give_up_output()
        return 2


def _give_up_output() -> None:
    """Let what is still to be flushed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, stream.fileno())


def _told(run: Callable[[], int], program: str, argv: Sequence[str]) -> int:
    """Call ``run``, and turn what is raised into sentences on stderr and an exit status."""
    try:
        return run()
    except BadInput as error:
        for sentence in str(error).splitlines():
            print(f"simlab: {printable(sentence)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"simlab: {error.args[0] if error.args else UNTIMELY}", file=sys.stderr)
        return 128 + int(getattr(error, "signum", signal.SIGINT))
    except ReaderGone:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL and error.filename is None:
            raise  # our own output, told by the caller

        traceback.print_exc()
        print(
            f"simlab: this is a fault of simlab {simlab.__version__} and not yours: please report it with the lines "
            f"above and the command: {program} {' '.join(argv)}",
            file=sys.stderr,
        )
        return 70
