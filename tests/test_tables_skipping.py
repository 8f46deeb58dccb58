"""Bad rows that are passed over: every one counted, by file and rule, and nothing else lost."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.errors import BadInput
from simlab.tables import FactTable, Skipped, read_facts

VALUES, QUOTE, TEXT = "wrong number of values", "a stray quote", "not UTF-8 text"
OBJECT, COUNT = "not one JSON object", "count 'n' is not a whole number"
UNREAD = "not UTF-8 text in column n"  # which is no matter unless that column is read

# a record, the lines it takes, and the rule it breaks; "" for a good one, which states that P is A
CSV_RECORDS = [
    (b"P,A,1", 1, ""),
    (b'"P","A",2', 1, ""),
    (b"P,A, 3.0", 1, ""),
    (b'P,"A\nA",1', 2, ""),
    (b"", 1, None),
    (b"P,A", 1, VALUES),
    (b"P", 1, VALUES),
    (b"P,A,1,1", 1, VALUES),
    (b'P,"A\nA",1,1', 2, VALUES),
    (b"P,A,\xff", 1, UNREAD),
    (b'"\xe9",A,1', 1, TEXT),
    (b"P,\xe9", 1, TEXT),
    (b'P,"A"A,1', 1, QUOTE),
    (b"P,A,x", 1, COUNT),
    (b"P,A,", 1, COUNT),
    (b",A,-1", 1, COUNT),
]
JSON_RECORDS = [
    (b'{"p": "P", "a": "A", "n": 1}', 1, ""),
    (b'  {"n": "2", "a": "A", "p": "P", "z": 1, "z": [2]}  ', 1, ""),
    (b'{"p": "P", "a": null, "n": 1}', 1, ""),
    (b"", 1, None),
    (b"   ", 1, None),
    (b'{"p": "P", "a": "A", "n": 1', 1, OBJECT),
    (b'{"p": "P", "a": "A", "n": 1}{}', 1, OBJECT),
    (b'{"p": "P", "p": "A", "n": 1}', 1, OBJECT),
    (b'["P", "A"]', 1, OBJECT),
    (b"P", 1, OBJECT),
    (b'"P"', 1, OBJECT),
    (b"7", 1, OBJECT),
    (b'{"p": "\\ud83d", "a": "A", "n": 1}', 1, OBJECT),
    (b'{"p": "P\tP", "a": "A", "n": 1}', 1, OBJECT),
    (b'{"p": "\xe9", "a": "A", "n": 1}', 1, TEXT),
    (b"\xff", 1, TEXT),
    (b'{"p": "P", "a": "A", "n": "x"}', 1, COUNT),
    (b'{"p": "P", "a": "A"}', 1, COUNT),
]
Records = list[tuple[bytes, int, str | None]]


def facts(path: object, **options: object) -> FactTable:
    return read_facts(path, **({"prompt": "p", "answer": "a", "count": "n"} | options))  # type: ignore[arg-type]


def everything(table: FactTable) -> dict[str, object]:
    """All that is counted."""
    left_out = ("path", "files", "skipped")
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(table).items()
        if name not in left_out
    }


def lines_of(records: Records, first: int, good: Callable[[str | None], bool]) -> tuple[bytes, dict[str, list[int]]]:
    """The good records as text, and the lines of the bad ones by rule."""
    text, bad, line = b"", {}, first
    for record, lines, rule in records:
        if good(rule):
            text += record + b"\n"
        else:
            bad.setdefault(TEXT if rule == UNREAD else str(rule), []).append(line)
        line += lines
    return text, bad


@settings(max_examples=25, deadline=None)
@given(data=st.data(), form=st.sampled_from([".csv", ".jsonl", ".csv.gz", ".jsonl.gz"]), counted=st.booleans())
def test_what_is_skipped_is_what_is_bad(data: st.DataObject, form: str, counted: bool) -> None:
    kinds = CSV_RECORDS if "csv" in form else JSON_RECORDS
    drawn: Records = data.draw(st.lists(st.sampled_from(kinds), max_size=30))
    records: Records = [
        (record.replace(b"P", b"%c" % (97 + i % 3)), n, rule) for i, (record, n, rule) in enumerate(drawn)
    ]
    records.append((kinds[0][0], 1, ""))

    def good(rule: str | None) -> bool:
        return not rule or (rule in (COUNT, UNREAD) and not counted)

    head, first = (b"p,a,n\n", 2) if "csv" in form else (b"", 1)
    clean, bad = lines_of(records, first, good)
    options = {} if counted else {"count": None}
    with tempfile.TemporaryDirectory() as folder:
        path, whole = Path(folder) / f"t{form}", head + b"".join(record + b"\n" for record, _, _ in records)
        path.write_bytes(gzip.compress(whole, mtime=0) if form.endswith(".gz") else whole)
        kept = Path(folder) / f"kept{form.removesuffix('.gz')}"
        kept.write_bytes(head + clean)
        try:
            expected: object = everything(facts(kept, **options))
        except BadInput as error:  # no row is left, or none with a prompt and an answer
            expected = str(error).replace(str(kept), str(path))
        if isinstance(expected, str):
            with pytest.raises(BadInput) as caught:
                facts(path, skip_bad_rows=True, **options)
            assert str(caught.value) == expected
            return
        table = facts(path, skip_bad_rows=True, **options)
        assert everything(table) == expected
        found = {one.rule: (one.rows, one.first) for one in table.skipped}
        assert found == {rule: (len(lines), f"line {lines[0]}") for rule, lines in bad.items()}
        assert {one.path for one in table.skipped} <= {str(path)}
        if bad:  # and without the option the first bad row is an error
            with pytest.raises(BadInput, match=r", line \d+: "):
                facts(path, **options)
        else:
            assert everything(facts(path, **options)) == expected


def test_each_file_has_its_own_list(tmp_path: Path) -> None:
    texts = {
        "a.csv": b"p,a,n\nx,1,1\nx,1\n\nx,1,no\n",
        "b.csv": b"p,a,n\nx,1,1\n",
        "c.jsonl": b'{"p": "x", "a": 1, "n": 1}\nnothing\n',
        "d.csv": b"n,p,a\nx\n\n\nx\n1,x,\xff\n1,x,1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    table = facts(tmp_path / "*", skip_bad_rows=True)
    assert (table.rows, table.draws) == (4, 4)
    assert table.skipped == (
        Skipped(str(tmp_path / "a.csv"), VALUES, 1, "line 3"),
        Skipped(str(tmp_path / "a.csv"), COUNT, 1, "line 5"),
        Skipped(str(tmp_path / "c.jsonl"), OBJECT, 1, "line 2"),
        Skipped(str(tmp_path / "d.csv"), VALUES, 2, "line 2"),
        Skipped(str(tmp_path / "d.csv"), TEXT, 1, "line 6"),
    )
    assert facts(tmp_path / "b.csv", skip_bad_rows=True).skipped == ()
    assert facts(tmp_path / "b.csv").skipped == ()


BEFORE_A_BAD_COUNT = [
    (b'x,"two\nlines",1,1\n', "line 4"),  # one record in two lines
    (b'\n\nx,"1"1,1\n', "line 5"),
    (b'"\xff",1,1\n', "line 3"),  # bad for its prompt, which is not what is looked for
    (b'"x\ny",1,1\n', "line 4"),  # a good record
]


@pytest.mark.parametrize(("before", "place"), BEFORE_A_BAD_COUNT)
def test_the_first_bad_count_behind_other_bad_rows(tmp_path: Path, before: bytes, place: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"p,a,n\n" + before + b"x,1,\nx,1,no\nx,1,1\n")
    assert facts(path, skip_bad_rows=True).skipped[-1] == Skipped(str(path), COUNT, 2, place)


def test_counts_of_parquet(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "t.parquet"
    with duckdb.connect() as con:
        values = "('x', 'y', 1.0), ('x', 'y', 0.5), ('x', 'y', 2), (NULL, 'y', NULL)"
        con.execute(f"COPY (SELECT * FROM (VALUES {values}) t(p, a, n)) TO '{path}' (FORMAT parquet)")
    table = facts(path, skip_bad_rows=True)
    assert (table.rows, table.missing, table.draws) == (2, 0, 3)
    assert table.skipped == (Skipped(str(path), COUNT, 2, "row 2"),)


QUOTED = 'a quote is not closed, or text follows the closing one: write a quote inside quotes as ""'
HIDING = "(not skipped: it may hide rows behind it)"
WHOLE_FILES = [
    ("t.csv", b'p,a,n\nx,1,1\n"x,1,1\nx,1,1\nx,1,1\n', f", line 3: {QUOTED} {HIDING}"),
    ("t.csv", b'p,a,n\nx,1,1\n"x,1,1\nx,1"1,1\nx,1,1\n', f", line 3: {QUOTED} {HIDING}"),
    (
        "t.csv",
        b"p,a,n\nx,1,1\nx," + b"2" * 2_000_001 + b",1\n",
        ", line 3: is longer than 2,000,000 bytes: close the quote if one is never closed, or save a table of such "
        f"long values as Parquet {HIDING}",
    ),
    (
        "t.csv",
        b"p,a,n\nx,1,1\r\nx\n",
        r", line 2: ends in '\r\n', line 1 in '\n': save the file with one kind of line end",
    ),
    ("t.csv", b"p,a,m\nx,1,1\n", ": column 'n' is unknown: choose from a, m, p"),
    ("t.csv", b'p,"a,n\nx,1,1\n', ", line 1: the header is not sound CSV: unexpected end of data"),
    (
        "t.csv.gz",
        gzip.compress(b"p,a,n\n" + b"x,1,1\n" * 9000, mtime=0)[:-9],
        ": the gzip data is damaged or cut short: compress the file again",
    ),
    ("t.jsonl", b"nothing\nat all\n", ": no line is a JSON object with keys: write {...} on each line"),
    (
        "t.csv",
        b"p,a,n\n\nx,1\n\xff\n",
        ": every row is bad, such as {}, line 3: wrong number of values: correct the file",
    ),
]


@pytest.mark.parametrize(("name", "data", "sentence"), WHOLE_FILES)
def test_what_is_never_skipped(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    """A file damaged as a whole, and a record that may hide the rest of it."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        facts(path, skip_bad_rows=True)
    assert str(caught.value) == f"{path}{sentence}".replace("{}", str(path))


def test_a_damaged_parquet_file_is_not_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1" + bytes(99) + b"PAR1")
    with pytest.raises(BadInput, match=r"is damaged or no Parquet file \(.+\): write it again$"):
        facts(path, skip_bad_rows=True)


def test_many_bad_rows_on_many_threads(tmp_path: Path) -> None:
    """Counted to the last one across the buffers of a parallel scan, blank lines and values of two lines among them."""
    rng = np.random.default_rng(7)
    kinds = rng.choice(len(CSV_RECORDS), 200_000)
    records: Records = [CSV_RECORDS[kind] for kind in kinds]
    path = tmp_path / "t.csv"
    path.write_bytes(b"p,a,n\n" + b"".join(record + b"\n" for record, _, _ in records))
    clean, bad = lines_of(records, 2, lambda rule: not rule)
    table = facts(path, skip_bad_rows=True)
    assert {one.rule: (one.rows, one.first) for one in table.skipped} == {
        rule: (len(lines), f"line {lines[0]}") for rule, lines in bad.items()
    }
    (tmp_path / "kept.csv").write_bytes(b"p,a,n\n" + clean)
    assert everything(table) == everything(facts(tmp_path / "kept.csv"))
