"""Reading facts from CSV, JSON Lines and Parquet files: the one reader of the sweep and of audits, on DuckDB."""

from simlab.tables.reading import CONFLICTS, FactTable, read_facts

__all__ = ["CONFLICTS", "FactTable", "read_facts"]
