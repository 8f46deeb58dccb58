"""What a sweep says while it runs, in sentences: what the folder holds, what raised, what is lost, what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simlab.sweep.blocks import Outcome
from simlab.sweep.manifests import longest
from simlab.sweep.memory import Footprint
from simlab.sweep.plan import Job, Plan
from simlab.sweep.store import Block, Store
from simlab.terminal.wording import plural

TOLD = 5
"""How many blocks that were lost, and how many grid points whose cell raised, are named; the table has them all."""
MORE_RAISED = "the cell raised at more grid points: replicates.parquet has them all (error_type)"


def remarks(
    plan: Plan, store: Store, done: Mapping[str, Block], pending: Sequence[Job], needs: Footprint | None
) -> Iterator[str]:
    """What there is to say of the folder and the size before any block is computed."""
    damaged = sum(job.key not in done and store.path(job.key).exists() for job in pending)
    raised = sum(job.key in done for job in pending)
    if not pending:
        yield f"all {plural(len(plan.jobs), 'block')} were there already: nothing to compute (--fresh recomputes)"
    if plan.replicates != plan.asked:
        yield (
            f"{plural(plan.asked, 'replicate')} a grid point rounded up to {plan.replicates:,}: "
            f"blocks hold {plan.block} and are never shortened"
        )
    if needs and pending:
        yield needs.sentence
    if damaged:
        yield f"{plural(damaged, 'block file')} cut short or altered: computed again"
    if raised:
        yield f"{plural(raised, 'block')} whose cell raised the last time: computed again"
    strangers = store.strangers(longest(store, plan).jobs)
    if strangers:
        yield (
            f"{store.folder} also holds {plural(strangers, 'block')} of other runs (other settings, seed or code); "
            "the tables there are overwritten by this run"
        )


def kept(plan: Plan, store: Store, done: int, *, fresh: bool) -> str:
    """What an interruption leaves, in a sentence that is true at every stage."""
    if not done:
        return "interrupted before a block was finished; the same command starts again"
    blocks = f"{done:,} of {plural(len(plan.jobs), 'block')}"
    return f"interrupted: {blocks} are kept in {store.folder}; {again(fresh=fresh)} resumes"


def again(*, fresh: bool) -> str:
    """The command that goes on where this one ended."""
    return "the same command without --fresh" if fresh else "the same command"


def lost_block(plan: Plan, outcome: Outcome, command: str) -> str:
    """A block that killed its worker, by name."""
    name = ", ".join(filter(None, (plan.place(outcome.job.settings), outcome.job.name)))
    return f"block lost ({name}): {outcome.lost}; {command} tries again"


def raised_cell(plan: Plan, outcome: Outcome) -> str:
    """What a cell raised, and in which replicate: the first that does so by itself, or the block as a whole."""
    guilty = [row for row in outcome.rows if row["error_alone"]]
    first, replicates = (guilty or outcome.rows)[0], outcome.job.replicates
    named = f"replicate {first['replicate']}" if guilty else f"replicates {replicates[0]} to {replicates[-1]} together"
    place = ", ".join(filter(None, (plan.place(outcome.job.settings), named)))
    message = f": {first['error_message']}" if first["error_message"] else ""
    return (
        f"the cell raised {first['error_type']} at {place}{message} "
        "(error rows, with traceback, are in replicates.parquet)"
    )
