"""Which runs a results folder holds: a small file a run, from which its plan can be made again.

A manifest has the experiment's text, all settings of every grid point, seed, block size and code version. So a folder
can be looked at, exported, checked and replayed where the experiment's file is gone, or has changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simlab.errors import BadInput
from simlab.sweep.axes import sentences
from simlab.sweep.carrying import read_back
from simlab.sweep.loading import Source, experiment_of, load_facts
from simlab.sweep.plan import Plan, point_of
from simlab.sweep.store import Store, open_folder
from simlab.terminal.files import write_atomically

LAYOUT = 1
TRIES = 5
"""How often a manifest is written at most, where others write it too."""


@dataclass(frozen=True)
class Manifest:
    """A run as it was asked for; ``order``, then ``written``, says which of a folder's runs was started last."""

    path: Path
    slug: str
    question: str
    version: str
    seed: int
    order: int
    written: int
    record: Mapping[str, Any]

    def plan(self) -> Plan:
        """The plan of this run, under the code version that it ran under.

        A table of facts is not read, as only computing needs it. Raises ``BadInput`` where the experiment does not run
        any more.
        """
        record = self.record
        experiment = experiment_of(Source(self.slug, record["text"]))
        lost = f"the run of {self.slug} in {self.path.parents[1]} cannot be made again"
        try:
            points = tuple(point_of(read_back(experiment.config, settings, {})) for settings in record["points"])
        except ValidationError as error:
            raise BadInput(f"{lost}: {sentences(error, {}, experiment)[0]}") from None
        plan = Plan(
            experiment,
            points,
            tuple(record["blocks"]),
            record["seed"],
            record["asked"],
            record["block"],
            record["version"],
            record["device"],
        )
        if plan.name != record["name"]:
            raise BadInput(f"{lost}: {self.path.name} says {record['name'][:12]}, and its settings {plan.name[:12]}")
        return plan

    def payload(self) -> dict[str, object]:
        """What the blocks are computed from beside their settings: the table of facts, read again from where it was.

        Raises ``BadInput`` for a table that cannot be read, or is not the one that was read then.
        """
        facts = dict(self.record["facts"])
        if not facts:
            return {}
        paths = facts.pop("paths")
        experiment = load_facts(paths, **facts)
        recorded = self.record["points"][0]
        for name in experiment.closed:
            if name in recorded and jsonable(experiment.base[name]) != recorded[name]:
                raise BadInput(
                    f"{' '.join(paths)}: the table of facts is not the one that was read then ({name} was "
                    f"{recorded[name]}, and is {experiment.base[name]}): its run cannot be computed again"
                )
        return experiment.payload


def jsonable(value: object) -> Any:
    """A value as it reads back from JSON."""
    return json.loads(json.dumps(value, default=str))


def write_manifest(store: Store, plan: Plan) -> None:
    """Say in the folder what run it holds, and that it is the last one. Raises ``BadInput`` when the disk refuses.

    Another process may write the manifest of the same run meanwhile. So it is read again when it is written, and
    written once more where it says fewer blocks than either.
    """
    experiment = plan.experiment
    record: dict[str, Any] = {
        "layout": LAYOUT,
        "name": plan.name,
        "experiment": experiment.slug,
        "question": experiment.question,
        "text": experiment.source.text,
        "version": plan.version,
        "device": plan.device,
        "seed": plan.seed,
        "block": plan.block,
        "asked": plan.asked,
        "points": [jsonable(point.settings) for point in plan.points],
        "facts": dict(experiment.asked),
        "last": list(plan.blocks),
    }
    blocks = plan.blocks
    for _ in range(TRIES):
        others = recorded_in(store.folder)
        blocks = _longer(blocks, others, plan.name)
        order = max((one.order for one in others), default=0) + 1
        with store.refusals():
            store.runs.mkdir(exist_ok=True)
            body = json.dumps(record | {"blocks": list(blocks), "order": order}, indent=1).encode()
            digest = hashlib.sha256(body).hexdigest()
            write_atomically(store.runs / f"{plan.name[:16]}.json", body + f"\n{digest}\n".encode())
        there = next((one.record["blocks"] for one in recorded_in(store.folder) if one.record["name"] == plan.name), ())
        if tuple(there) == blocks:
            return


def _longer(blocks: Sequence[int], runs: Sequence[Manifest], name: str) -> tuple[int, ...]:
    """How many blocks each grid point of the run has: so many, or more where a manifest says so."""
    for one in runs:
        if one.record["name"] == name:
            blocks = [max(pair) for pair in zip(blocks, one.record["blocks"], strict=True)]
    return tuple(blocks)


def longest(store: Store, plan: Plan) -> Plan:
    """The plan with as many blocks as this run ever had in the folder."""
    return plan.with_blocks(_longer(plan.blocks, recorded_in(store.folder), plan.name))


def recorded_in(folder: Path) -> list[Manifest]:
    """The runs of a folder, the last one first; a file that is not what was written is not among them."""
    found = []
    for path in (folder / "runs").glob("*.json"):
        try:
            written = path.stat().st_mtime_ns
            body, _, digest = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
            if hashlib.sha256(body).hexdigest() != digest.decode():
                continue
            record = json.loads(body)
            if record["layout"] == LAYOUT:
                slug, question, version = record["experiment"], record["question"], record["version"]
                found.append(Manifest(path, slug, question, version, record["seed"], record["order"], written, record))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: (-one.order, -one.written, one.path.name))


def runs_of(name: object) -> tuple[Store, list[Manifest]]:
    """The folder that a user names and its runs. Raises ``BadInput`` for one that holds none."""
    store = open_folder(name)
    found = recorded_in(store.folder)
    if not found:
        raise BadInput(
            f"results folder {str(store.folder)!r} holds no run: name the folder of a sweep, such as its --out"
        )
    return store, found
