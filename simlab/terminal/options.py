"""Arguments read by typer, with each mistake told in our own sentence. Nothing heavy is imported here."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import typer

import simlab
from simlab.errors import BadInput, unknown
from simlab.terminal.output import ReaderGone

# typer brings its own copy of click in some versions and imports click in others: the class is the same.
_ClickError: Any = typer.BadParameter.__mro__[2]


def make_app(*, more_arguments: bool = False) -> typer.Typer:
    """Return an app whose help is plain; ``more_arguments`` leaves what nobody declared in the context's ``args``."""
    settings: dict[str, Any] = {"help_option_names": ["--help", "-h"], "allow_extra_args": more_arguments}
    return typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=settings)


def show_version(wanted: bool) -> bool:
    """The callback of ``--version``."""
    if wanted:
        print(f"simlab {simlab.__version__}")
        raise typer.Exit
    return wanted


def read_options(app: typer.Typer, argv: Sequence[str], program: str) -> Any:
    """Return what the command of ``app`` makes of ``argv``, or a status after ``--help``.

    ``program`` is the command as a user types it. Raises ``BadInput`` for bad usage, in a sentence.
    """
    main = typer.main.get_command(app)
    _refuse_options_as_values(argv, main.params)
    try:
        return main.main(list(argv), prog_name=program, standalone_mode=False)
    except SystemExit:  # the reader of the help went away
        raise ReaderGone from None
    except _ClickError as error:
        if hasattr(error, "possibilities"):  # NoSuchOption
            options = [name for parameter in main.params for name in (*parameter.opts, *parameter.secondary_opts)]
            known = [*(name for name in options if name.startswith("--")), "--help"]
            raise unknown("option", error.option_name, known) from None
        text = error.format_message().rstrip(".")
        raise BadInput(f"{text[:1].lower()}{text[1:]}: see {program} --help") from None


def as_typed(error: BadInput, typed: Mapping[str, tuple[str, str]]) -> BadInput:
    """The sentence about a setting in the words that were typed: ``--max-errors = -1`` for ``max_errors = -1``.

    ``typed`` has the option and the text of each setting that was given.
    """
    name, _, rest = str(error).partition(" = ")
    value, colon, rule = rest.partition(": ")
    option, text = typed.get(name, ("", ""))
    more = " " in value and value != repr(text)  # than the value, before the rule
    return BadInput(f"{option} = {text}: {rule}") if option and colon and not more else error


def _refuse_options_as_values(argv: Sequence[str], parameters: Sequence[Any]) -> None:
    """Raise ``BadInput`` for ``--out --smoke``: an option that takes a value, followed by another option."""
    names = {name: parameter for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    for option, value in itertools.pairwise(argv):
        if option == "--":
            return
        takes_value = option.startswith("--") and option in names and not names[option].is_flag
        if takes_value and value.startswith("--") and (value in names or value == "--help"):
            raise BadInput(f"option {option!r} requires an argument, and {value!r} is an option: give it a value first")
