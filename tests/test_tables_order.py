"""The order of the rows: how near the rows of one prompt lie, and how near they would lie in any order."""

from __future__ import annotations

import csv
import io
import itertools
import math
import random
import statistics
import tempfile
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.tables import FactTable, Order, read_facts
from simlab.tables.order import within

Rows = list[tuple[str, str]]


def write(folder: Path, rows: Rows, name: str = "t.csv") -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("p", "a"), *rows])
    (folder / name).write_text(text.getvalue(), newline="")
    return folder / name


def facts(path: object, **options: object) -> FactTable:
    return read_facts(path, prompt="p", answer="a", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [2, 3, 6, 7])
def test_chance_of_lying_near_by_enumeration(rows: int) -> None:
    for times in range(1, rows + 1):
        subsets = list(itertools.combinations(range(rows), times))
        for width in range(rows):
            near = sum(chosen[-1] - chosen[0] <= width for chosen in subsets)
            assert within(times, width, rows) == pytest.approx(near / len(subsets), abs=1e-15)


def test_chance_of_lying_near_in_large_tables() -> None:
    rows, width = 10**15, 3 * 10**7
    exact = Fraction(width * (2 * rows - width - 1), rows * (rows - 1))
    assert within(2, width, rows) == pytest.approx(float(exact), rel=1e-14)
    three = Fraction((rows - width) * math.comb(width, 2) + math.comb(width, 3), math.comb(rows, 3))
    assert within(3, width, rows) == pytest.approx(float(three), rel=1e-14)
    assert within(10**9, width, rows) == 0.0
    assert within(1, 0, 1) == 1.0


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["x", "y", "idk", ""])), max_size=60),
    conflicts=st.sampled_from(["majority", "drop"]),
)
def test_order_against_plain_python(rows: Rows, conflicts: str) -> None:
    rows = [*rows, ("sure", "x"), ("sure", "x")]
    with tempfile.TemporaryDirectory() as folder:
        cut = len(rows) // 2
        parts = [write(Path(folder), rows[:cut], "a.csv"), write(Path(folder), rows[cut:], "b.csv")]
        table = facts(parts, order=True, idk="idk", conflicts=conflicts)
    places: dict[str, list[int]] = defaultdict(list)
    answers: dict[str, set[str]] = defaultdict(set)
    for number, (p, a) in enumerate(rows):
        if a in ("x", "y"):
            places[p].append(number)
            answers[p].add(a)
    kept = {p: where for p, where in places.items() if conflicts != "drop" or len(answers[p]) == 1}
    draws = table.draws
    assert table.order is not None
    assert table.order.rows == len(rows)
    counted = [sum(min(len(where), 3) == k for where in kept.values()) for k in (1, 2, 3)]
    assert [table.order.once, table.order.twice, table.order.oftener] == counted
    sized = [window.width for window in table.order.windows]
    present = sum(bool(a) for _, a in rows)
    assert sized == sorted(
        {w for w in (1, math.isqrt(present) // 10, math.isqrt(present)) if 0 < w < len(rows)}
        | ({10 * math.isqrt(present)} if 10 * math.isqrt(present) < len(rows) else set())
    )
    for window in table.order.windows:
        near = [where for where in kept.values() if where[-1] - where[0] <= window.width]
        assert window.windowed == pytest.approx(sum(map(len, near)) / draws)
        assert window.twice == sum(len(where) == 2 for where in near)
        chances = [(len(where), within(len(where), window.width, len(rows))) for where in kept.values()]
        assert window.windowed_expected == pytest.approx(sum(k * chance for k, chance in chances) / draws)
        assert window.twice_expected == pytest.approx(sum(chance for k, chance in chances if k == 2))
        assert window.oftener == sum(len(where) > 2 for where in near)
        assert window.oftener_expected == pytest.approx(sum(chance for k, chance in chances if k > 2))


def order_of(folder: Path, rows: Rows) -> Order:
    found = facts(write(folder, rows), order=True).order
    assert found is not None
    return found


def test_shuffled_rows_are_as_near_as_expected_and_clustered_ones_nearer(tmp_path: Path) -> None:
    """A law, over shuffles of one table; the same table with repetitions side by side must fail it."""
    rng = random.Random(5)
    rows = [(f"prompt {i}", "x") for i in range(1500)] + [(f"pair {i}", "x") for i in range(500) for _ in "ab"]
    rows += [(f"triple {i}", "x") for i in range(200) for _ in "abc"]
    found = [order_of(tmp_path, rng.sample(rows, len(rows))) for _ in range(25)]

    def z(orders: list[Order], at: int) -> float:
        """Standard errors between the mean number of near pairs and its expectation."""
        twice = [order.windows[at].twice for order in orders]
        expected = orders[0].windows[at].twice_expected
        return abs(statistics.fmean(twice) - expected) / math.sqrt(expected / len(orders))

    assert [window.width for window in found[0].windows] == [1, 5, 55, 550]
    for at in range(4):
        assert z(found, at) < 4
        rates = [order.windows[at].windowed for order in found]
        expected = found[0].windows[at].windowed_expected
        assert abs(statistics.fmean(rates) - expected) < 4 * statistics.stdev(rates) / 5 + 1e-12
    assert order_of(tmp_path, rows).twice == 500
    clustered = rows
    assert all(z([order_of(tmp_path, clustered)], at) > 4 for at in range(4))


def test_windowed_rate_is_that_of_singletons_where_nothing_is_near(tmp_path: Path) -> None:
    rows = [(f"prompt {i % 60}", "x") for i in range(120)] + [("last", "x")]
    table = facts(write(tmp_path, rows), order=True)
    assert table.order is not None
    windows = {window.width: window for window in table.order.windows}
    assert windows[11].windowed == table.singleton_rate == 1 / 121
    assert windows[110].windowed == 1.0
    assert (windows[11].twice, windows[110].twice, table.order.twice) == (0, 60, 60)
    assert facts(write(tmp_path, rows)).order is None


def test_rows_are_numbered_over_files_of_all_formats(tmp_path: Path) -> None:
    import duckdb

    for i in range(3):
        with duckdb.connect() as con:
            rows = (
                f"SELECT 'own ' || {i} || i AS p, 'x' AS a FROM range(40) t(i) UNION ALL SELECT 'shared ' || {i}, 'x'"
            )
            con.execute(f"COPY ({rows}) TO '{tmp_path / f't{i}.parquet'}' (FORMAT parquet)")
        text = [(f"own {i}{j}", "x") for j in range(40)] + [(f"shared {i}", "x")]
        write(tmp_path, text, f"t{i}.csv")
    parquet, text = ([tmp_path / f"t{i}.{suffix}" for i in range(3)] for suffix in ("parquet", "csv"))
    # all prompts stand twice, 123 rows apart, whatever the formats
    for order in (
        [*parquet, *text],
        [*text, *parquet],
        [parquet[0], text[1], parquet[2], text[0], parquet[1], text[2]],
    ):
        table = facts(order, order=True)
        assert table.order is not None
        assert (table.order.rows, table.order.twice) == (246, 123)
        assert [window.twice for window in table.order.windows] == [0, 0, 123]
    one_format = facts([tmp_path / "t0.parquet", tmp_path / "t1.parquet"], order=True).order
    assert one_format is not None
    assert (one_format.rows, one_format.twice) == (82, 0)
