"""The command line: arguments to a call of ``run``, mistakes to one sentence, outcomes to exit statuses.

0 done, all bounds held; 1 a bound failed, or a block that was verified differs; 2 bad usage or bad input; 3 finished
with error rows, blocks lost or left, or no picture; 130 interrupted (143 by SIGTERM), finished blocks kept; 141 the
reader of our output went away; 70 a crash of ours. Nothing heavy is imported before the arguments are read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simlab.errors import BadInput
from simlab.sweep.arguments import VERBS, Arguments, read_arguments
from simlab.sweep.forking import start_forkserver
from simlab.sweep.limits import limit_threads
from simlab.terminal.interruption import Interrupted
from simlab.terminal.outcomes import status_of
from simlab.terminal.output import for_a_reader

if TYPE_CHECKING:
    from simlab.sweep.loading import Experiment
    from simlab.sweep.running import Options


def command(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status."""
    return status_of(lambda: _run(argv), "simlab.sweep", argv)


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] in VERBS:
        from simlab.sweep import verbs

        return verbs.run_verb(argv[0], argv[1:])
    read = read_arguments(argv)
    return read if isinstance(read, int) else execute(read)


def execute(arguments: Arguments) -> int:
    """Run what was asked for and show it; return the exit status."""
    limit_threads(os.environ)  # before NumPy is loaded, so that --engine serial has one thread as well
    if arguments.engine == "local" and not arguments.dry_run and arguments.replay is None and os.name == "posix":
        start_forkserver()  # it loads what workers need while this process loads what it needs itself
    from simlab.sweep import display
    from simlab.sweep.declared import check_target
    from simlab.sweep.planning import PILOT, read_target
    from simlab.sweep.progress import Screen
    from simlab.sweep.running import prepare
    from simlab.terminal.options import as_typed

    if arguments.replay is not None:
        return _replay(arguments)
    target = None if arguments.plan is None else read_target("--plan", arguments.plan)
    if target and arguments.until is not None:
        raise BadInput("--plan and --until are both given: choose one of them")
    experiment, options = _experiment(arguments), _options(arguments)
    if target:
        check_target(experiment, target)
        options["replicates"] = PILOT if arguments.replicates is None else options["replicates"]
    limits = {
        "max_errors": ("--max-errors", arguments.max_errors),
        "memory": ("--memory-limit", arguments.memory),
        **{name: (f"--{name}", getattr(arguments, name)) for name in ("deadline", "timeout", "workers")},
    }
    try:
        sweep = prepare(experiment, **options)
    except BadInput as error:
        raise as_typed(error, {name: (option, text) for name, (option, text) in limits.items() if text}) from None
    if arguments.dry_run:
        sweep.rehearse()
        with for_a_reader():
            display.show_plan(sweep)
        return 0
    result = sweep.run(Screen(quiet=arguments.quiet))
    try:
        with for_a_reader():
            display.show_needs(result, target) if target else display.show(result)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted while printing: everything is in {result.folder}") from None
    return result.status


def _options(arguments: Arguments) -> Options:
    """The options of ``run`` that the arguments write."""
    from simlab.sweep.axes import parse_axes
    from simlab.sweep.planning import read_target
    from simlab.terminal.numerals import size, whole

    def integer(option: str, text: str | None) -> int | None:
        return None if text is None else whole(option, text)

    return {
        "settings": parse_axes(arguments.chosen),
        "replicates": integer("--replicates", arguments.replicates),
        "until": None if arguments.until is None else read_target("--until", arguments.until),
        "design": arguments.design,
        "points": integer("--points", arguments.points),
        "seed": whole("--seed", arguments.seed),
        "out": arguments.out,
        "engine": arguments.engine,
        "workers": integer("--workers", arguments.workers),
        "scheduler": arguments.scheduler,
        "timeout": arguments.timeout,  # judged by run
        "memory": None if arguments.memory is None else size("--memory-limit", arguments.memory),
        "deadline": arguments.deadline,
        "device": arguments.device,
        "max_errors": integer("--max-errors", arguments.max_errors),
        "fresh": arguments.fresh,
        "smoke": arguments.smoke,
        "origin": "--set",
    }


def _replay(arguments: Arguments) -> int:
    """Compute the block of a row again; the folder is that of the experiment, or ``--out``."""
    from simlab.sweep.replaying import replay
    from simlab.sweep.running import folder_of
    from simlab.terminal.numerals import positive, whole

    if arguments.memory is not None:
        raise BadInput("--memory-limit cannot be kept with --replay, which computes in this process: leave it out")
    folder = arguments.out if arguments.out is not None else folder_of(_experiment(arguments), None)
    return replay(folder, whole("--replay", str(arguments.replay)), positive("--timeout", arguments.timeout))


def _experiment(arguments: Arguments) -> Experiment:
    """The experiment that the arguments name: a file, a table of facts, or the headline."""
    from simlab.sweep.loading import load, load_facts
    from simlab.terminal.numerals import whole

    columns = dict(arguments.columns)
    if not arguments.facts:
        for name in columns:
            raise BadInput(f"--{name.replace('_', '-')} is given without --facts: it describes a table of facts")
        return load(arguments.experiment)
    if arguments.experiment is not None:
        raise BadInput(f"--facts and the experiment {arguments.experiment!r} are both given: choose one of them")
    if "n_answers" in columns:
        columns["n_answers"] = whole("--n-answers", columns["n_answers"])
    return load_facts(arguments.facts, **columns)
