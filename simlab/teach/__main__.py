"""``python -m simlab.teach``: the demonstrations in a browser. Nothing heavy is imported before the line is read.

0 closed by Ctrl-C, or the files are written; 2 bad usage or bad input; 70 a crash of ours.
"""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import typer

from simlab.errors import BadInput
from simlab.terminal.numerals import whole
from simlab.terminal.options import make_app, read_options, show_version
from simlab.terminal.outcomes import status_of
from simlab.terminal.output import for_a_reader, put, say

PROGRAM = "python -m simlab.teach"
EPILOG = (
    "The pages are served to this machine alone, and load nothing from the network. A link to settings is opened again "
    f"by {PROGRAM} 'LINK'. Exit status: 0 closed by Ctrl-C, or files written; 2 bad usage or bad input; 70 a crash of "
    "simlab."
)
app = make_app()


@dataclass(frozen=True)
class Arguments:
    """The command line, read but not yet judged."""

    what: str | None
    port: str | None
    browser: bool
    html: str | None


@app.command(epilog=EPILOG)
def parse(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="DEMONSTRATION",
            help="The one to open, or a link to its settings; default: the list.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="P", help="The port; default: the first free one from 2718 on.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address and open no browser.")] = False,
    html: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Write the demonstrations guessing and exam as files to mail, and serve none."
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> Arguments:
    """Teaching demonstrations: move a slider and see why a model must guess."""
    return Arguments(what, port, not no_browser, html)


def command(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status."""
    return status_of(lambda: _run(argv), "simlab.teach", argv)


def _run(argv: Sequence[str]) -> int:
    read = read_options(app, argv, PROGRAM)
    return read if isinstance(read, int) else execute(read)


def execute(arguments: Arguments) -> int:
    """Serve the pages until Ctrl-C, or write the files to mail; return the exit status."""
    if arguments.html is not None:
        return _write(arguments)
    port = None if arguments.port is None else whole("--port", arguments.port)
    if port is not None and not 1 <= port <= 65535:
        raise BadInput(f"--port = {port}: must be a whole number from 1 to 65535")
    missing = [name for name in ("marimo", "uvicorn", "starlette") if find_spec(name) is None]
    if missing:
        raise BadInput(f"{missing[0]} is not installed, and serves the demonstrations: pip install 'simlab[teach]'")
    from simlab.teach.serving import HOST, TOKEN, listening, place, serve

    where = place(arguments.what)
    listener, token = listening(port), secrets.token_urlsafe(24)
    address = f"http://{HOST}:{listener.getsockname()[1]}{where}{'&' if '?' in where else '?'}{TOKEN}={token}"
    with for_a_reader():
        put(address)
        sys.stdout.flush()
    say("Ctrl-C closes the demonstrations")
    if arguments.browser:
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    serve(listener, token)
    say("closed")
    return 0


def _write(arguments: Arguments) -> int:
    for name, given in (("DEMONSTRATION", arguments.what), ("--port", arguments.port)):
        if given is not None:
            raise BadInput(f"{name} = {given} and --html: the files are written and no page is served: leave one out")
    from simlab.teach.mailing import write_pages

    paths = write_pages(arguments.html or "")
    with for_a_reader():
        for path in paths:
            put(str(path))
    return 0


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        say("no browser was found: open the address yourself")


def main() -> None:
    """Run the command line and leave with its exit status."""
    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
