"""Reading facts from CSV, JSON Lines and Parquet files: the one reader of the sweep and of audits, on DuckDB."""

from simlab.tables.examples import Conflict, Examples, Fact
from simlab.tables.fact_table import FactTable, FileRead
from simlab.tables.order import Order, Window
from simlab.tables.reading import read_facts
from simlab.tables.settings import CONFLICTS
from simlab.tables.skipping import Skipped
from simlab.tables.variants import Spelling

__all__ = [
    "CONFLICTS",
    "Conflict",
    "Examples",
    "Fact",
    "FactTable",
    "FileRead",
    "Order",
    "Skipped",
    "Spelling",
    "Window",
    "read_facts",
]
