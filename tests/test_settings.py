"""Settings of every type, from a plan through workers and manifests into rows and back, and those that are refused."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
from toys import digest, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.inspecting import export_run, status_of_folder, verify_run
from simlab.sweep.loading import load
from simlab.sweep.manifests import recorded_in
from simlab.sweep.plan import flat, make_plan
from simlab.sweep.replaying import replay

TYPED = '''
"""Which colour?"""
import datetime, decimal, enum, math, pathlib
from typing import Any
import numpy as np
from pydantic import BaseModel, field_serializer, field_validator

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Name(enum.StrEnum):
    ONE = "one"
    TWO = "two"

class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2

class Law(BaseModel, frozen=True):
    rate: float = math.nan
    colors: tuple[Color, ...] = (Color.RED,)

class Config(BaseModel, frozen=True, extra="forbid", strict=STRICT):
    draws: int = 1
    FIELDS

GRID = {"draws": (1, 2)}
REPLICATES = BLOCK = 2

def cell(config, streams):
    CHECK
    return [{"replicate": s.replicate, "method": METHOD, "x": s.numpy("x").random()} for s in streams]
'''


def typed(folder, fields, check="pass", method="'a'", strict=False):
    text = TYPED.replace("STRICT", str(strict)).replace("FIELDS", fields).replace("CHECK", check)
    return write(folder, text.replace("METHOD", method))


KEPT = {
    "color: Color = Color.BLUE": ("assert config.color is Color.BLUE", "blue"),
    "color: Name = Name.TWO": ("assert config.color is Name.TWO", "two"),
    "size: Size = Size.LARGE": ("assert config.size is Size.LARGE", 2),
    "day: datetime.date = datetime.date(2020, 2, 29)": ("assert config.day.day == 29", "2020-02-29"),
    "law: Law = Law()": (
        "assert config.law.colors == (Color.RED,) and math.isnan(config.law.rate)",
        '{"colors": ["red"], "rate": NaN}',
    ),
    "colors: tuple[Color, ...] = (Color.BLUE, Color.RED)": ("assert config.colors[1] is Color.RED", "blue+red"),
    "colors: dict[Color, int] = {Color.RED: 3}": ("assert config.colors[Color.RED] == 3", '{"red": 3}'),
    "where: pathlib.PurePosixPath = pathlib.PurePosixPath('a/b')": ("assert config.where.name == 'b'", "a/b"),
    "cap: decimal.Decimal = decimal.Decimal('0.10')": ("assert str(config.cap) == '0.10'", "0.10"),
    "cap: float = np.float64(0.1)": ("assert config.cap == 0.1", 0.1),
    "cap: tuple[float, ...] = (math.nan, -math.inf)": ("assert math.isnan(config.cap[0])", "nan+-inf"),
    "cap: int | None = 2**53 + 1": ("assert config.cap == 2**53 + 1", 2**53 + 1),
    "cap: int | None = None": ("assert config.cap is None", None),
    "cap: Any = math.nan": ("assert math.isnan(config.cap)", math.nan),
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("field", KEPT)
def test_a_setting_is_the_same_in_a_cell_in_its_row_and_after_the_manifest(tmp_path, field, strict):
    check, column = KEPT[field]
    name = field.partition(":")[0]
    result = run(typed(tmp_path, field, check, strict=strict), engine="serial", out=tmp_path / "out")
    assert (result.status, result.errors) == (0, 0)
    written = flat(result.plan.points[0].settings)[name]
    assert repr(written) == repr(column)
    assert type(written) in (int, float, str, type(None))
    (one,) = recorded_in(tmp_path / "out")
    assert [job.key for job in one.plan().jobs] == [job.key for job in result.plan.jobs]
    assert len(result.summary) == 2


def test_a_class_of_the_experiment_travels_to_worker_processes_and_every_verb_reads_its_run(tmp_path, capsys):
    fields = "color: Color = Color.RED\n    name: Name = Name.ONE\n    law: Law = Law()"
    check = "assert config.color in Color and config.law.colors[0] is Color.RED"
    path = typed(tmp_path, fields, check, method="config.name")
    settings = {"color": ("red", "blue")}
    out = str(tmp_path / "out")
    result = run(path, workers=2, out=out, settings=settings)
    assert (result.status, result.lost, result.computed) == (0, 0, 4)
    assert set(result.replicates["color"]) == {"red", "blue"}
    assert set(result.replicates["method"]) == {"one"}
    assert digest(run(path, engine="serial", out=tmp_path / "serial", settings=settings)) == digest(result)
    assert "4 of 4 blocks of 2 done" in status_of_folder(out)[3]
    assert export_run(out, "csv", None, None).endswith("8 rows")
    assert verify_run(out, None, 0, 1, None)[1] is False
    assert replay(out, 3) == 0
    assert "color = blue" in str(result.plan.place(result.plan.points[1].settings))


def test_a_method_or_a_measure_of_numpy_or_of_an_enum_is_a_plain_value(tmp_path):
    path = typed(tmp_path, "pass", method="np.str_('a'), 'size': Size.LARGE")
    result = run(path, engine="serial", out=tmp_path / "out")
    assert set(result.replicates["method"]) == {"a"}
    assert result.replicates["size"].tolist() == [2] * 4


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            "cap: frozenset[str] = frozenset('a')",
            "cap = frozenset({'a'}) (Config of toy.py): "
            "a set has no order, so that its rows would not repeat: make it a tuple",
        ),
        (
            "cap: dict[str, set[int]] = {'a': {1}}",
            "cap = {'a': {1}} (Config of toy.py): "
            "a set has no order, so that its rows would not repeat: make it a tuple",
        ),
        (
            "cap: Any = (1, 2)",
            "cap = (1, 2) (Config of toy.py): comes back from JSON as [1, 2]: give the setting a type that JSON keeps",
        ),
        (
            "cap: Any = Color.RED",
            "cap = <Color.RED: 'red'> (Config of toy.py): "
            "comes back from JSON as 'red': give the setting a type that JSON keeps",
        ),
        (
            "cap: Any = np.int64(3)",
            "cap = np.int64(3) (Config of toy.py): "
            "cannot be written as JSON, which is how settings travel: give the setting another type",
        ),
        (
            "cap: bytes = b'\\xff'",
            "cap = b'\\xff' (Config of toy.py): "
            "cannot be written as JSON, which is how settings travel: give the setting another type",
        ),
        (
            "cap: dict[tuple[int, int], int] = {(1, 2): 3}",
            "cap = {(1, 2): 3} (Config of toy.py): "
            "is refused by the Config when it is read back from JSON (must be a valid tuple)",
        ),
        (
            "cap: int = 3\n    twice = field_validator('cap')(lambda value: 2 * value)",
            "cap = 2 (toy): comes back from JSON as 4: give the setting a type that JSON keeps",
        ),
    ],
)
def test_a_setting_that_json_does_not_keep_is_refused_before_anything_runs(tmp_path, field, sentence):
    settings = {"cap": 1} if "twice" in field else {}
    with pytest.raises(BadInput) as mistake:
        make_plan(load(typed(tmp_path, field)), settings, origin="toy")
    assert str(mistake.value) == sentence


def test_keys_and_streams_do_not_depend_on_the_hash_seed_of_a_process(tmp_path):
    """A set is refused; what is made of one in an order of its own is kept."""
    fields = (
        "names: frozenset[str] = frozenset({'one', 'two', 'three', 'four'})\n"
        "    law: dict[str, float] = {'b': 1.0, 'a': math.inf}\n"
        "    ordered = field_serializer('names')(sorted)"
    )
    path = typed(tmp_path, fields)
    code = (
        "import sys; from simlab.sweep.loading import load; from simlab.sweep.plan import make_plan\n"
        "plan = make_plan(load(sys.argv[1])); print([(job.key, job.point, job.settings) for job in plan.jobs])"
    )
    said = set()
    for seed in "123":
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(done.stdout)
    assert len(said) == 1


def test_the_replicates_that_raise_by_themselves_are_the_guilty_ones(tmp_path):
    from simlab.sweep.blocks import run_block

    def outcome(body, **changes):
        path = write(tmp_path, with_cell(body).replace("BLOCK = 2", "BLOCK = 4"))
        return run_block(make_plan(load(path), {"draws": 1}).jobs[0], **changes)

    one = outcome("if any(s.replicate == 2 for s in streams): raise ValueError('no')")
    assert (one.errors, one.guilty) == (4, 1)
    together = outcome("if len(streams) > 1: raise ValueError('no')")
    assert (together.errors, together.guilty) == (4, 1)
    every = outcome("raise ValueError('no')")
    assert (every.errors, every.guilty) == (4, 4)
    assert outcome("").guilty == 0
    assert math.isfinite(outcome("").rows[0]["x"])
