"""``python -m simlab.audit``: nothing heavy is imported before the command line has been read."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    from simlab.audit.cli import command

    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
