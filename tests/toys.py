"""Small experiments for the tests of the sweep, and what they look at."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import duckdb

TOY = '''
"""Does the coin fall as often as it should?

More prose.
"""
from __future__ import annotations
from typing import Literal
from pydantic import BaseModel, Field
import numpy as np

class Config(BaseModel, frozen=True, extra="forbid"):
    draws: int = Field(10, ge=1, description="tosses")
    rate: float = Field(0.5, gt=0, lt=1, description="chance of heads")
    mode: Literal["iid", "sticky"] = "iid"
    methods: tuple[str, ...] = ("mean", "median")
    cap: int | None = None

GRID = {"draws": (10, 100), "rate": (0.3, 0.5)}
REPLICATES = 4
BLOCK = 2
SMOKE = {"replicates": 1, "block": 1, "grid": {"draws": (10,)}}
SHOWN = ("share",)

def cell(config, streams):
    rows = []
    for one in streams:
        tosses = one.numpy("tosses").random(config.draws) < config.rate
        for method in config.methods:
            share = getattr(np, method)(tosses.astype(float))
            rows.append({"replicate": one.replicate, "method": method, "share": share, "heads": tosses.sum(),
                         "any": tosses.any(), "odds": share / (1 - share) if share < 1 else np.inf})
    return rows
'''


def write(folder: Path, text: str = TOY, name: str = "toy.py") -> Path:
    path = folder / name
    path.write_text(text.lstrip())
    return path


def with_cell(body: str, config: str = "") -> str:
    """An experiment with two blocks of two replicates a grid point, whose cell starts with ``body``."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return f'''
"""A question?"""
import os
import math
from pathlib import Path
from pydantic import BaseModel
from simlab.errors import BadInput

class Config(BaseModel, frozen=True, extra="forbid"):
    draws: int = 1
{config}
GRID = {{"draws": (1, 2)}}
REPLICATES = 4
BLOCK = 2

def cell(config, streams):
{lines}
    return [{{"replicate": s.replicate, "method": "a", "x": s.numpy("x").random()}} for s in streams]
'''


def digest(result):
    """SHA-256 over every row of the table, in order."""
    rows = duckdb.sql(f"SELECT * FROM '{result.folder / 'replicates.parquet'}'").fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def wait_until(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
