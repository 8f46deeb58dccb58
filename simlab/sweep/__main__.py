"""``python -m simlab.sweep``: nothing heavy is imported before the command line has been read."""

from __future__ import annotations

import os
import sys
import threading


def main() -> None:
    """Run the command line and leave with its exit status, at once though a thread may still compute a block."""
    from simlab.sweep.cli import command

    status = command(sys.argv[1:])
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if any(not thread.daemon for thread in others):  # Python would wait for it: threads cannot be stopped
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
