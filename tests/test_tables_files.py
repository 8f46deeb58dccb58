"""Which files a table is read from: patterns, mixed formats, zstd, and what is said of a file that cannot be read."""

from __future__ import annotations

import gzip
import importlib
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from simlab.errors import BadInput
from simlab.tables import FactTable, FileRead, read_facts

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

ROWS = [("x", "1"), ("x", "1"), ("y", "2"), ("z", "3")]
CSV = b"p,a\n" + b"".join(f"{p},{a}\n".encode() for p, a in ROWS)
JSON = b"".join(f'{{"p": "{p}", "a": {a}}}\n'.encode() for p, a in ROWS)


def facts(path: object, **settings: object) -> FactTable:
    return read_facts(path, prompt="p", answer="a", **settings)  # type: ignore[arg-type]


def refusal(path: object, **settings: object) -> str:
    with pytest.raises(BadInput) as caught:
        facts(path, **settings)
    return str(caught.value)


def parquet(path: Path, query: str) -> Path:
    with duckdb.connect() as con:
        con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def many(rows: int) -> bytes:
    """A CSV whose text does not pack well, so that it has many blocks when packed."""
    numbers = np.random.default_rng(1).integers(0, 2**60, rows)
    return b"p,a\n" + b"".join(b"%d,%d\n" % (n, i) for i, n in enumerate(numbers))


# ---- patterns ----


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b1.csv", "a2.csv", "a10.csv", ".hidden.csv", "sub/deep/c.csv", "sub/.git/d.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(CSV)
    (tmp_path / "b2.jsonl.gz").write_bytes(gzip.compress(JSON, mtime=0))
    (tmp_path / "folder.csv").mkdir()
    found = {
        "a*.csv": ("a10.csv", "a2.csv"),
        "?[12].*": ("a2.csv", "b1.csv", "b2.jsonl.gz"),
        "**/*.csv": ("a10.csv", "a2.csv", "b1.csv", "sub/deep/c.csv"),
        "sub/**": ("sub/deep/c.csv",),
    }
    for pattern, names in found.items():
        table = facts(tmp_path / pattern)
        assert table.path == tuple(str(tmp_path / name) for name in names), pattern
        assert (table.rows, table.prompts, table.distinct_answers) == (4 * len(names), 3, 3)
    monkeypatch.chdir(tmp_path)
    assert facts(["b1.csv", "a*.csv"]).path == ("b1.csv", "a10.csv", "a2.csv")  # in the order of the names
    (tmp_path / "a*.csv").write_bytes(CSV)  # a file of that name is meant
    assert facts("a*.csv").path == ("a*.csv",)


def test_patterns_that_cannot_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "t1.csv"
    path.write_bytes(CSV)
    pattern, other = str(tmp_path / "*.csv"), str(tmp_path / "t?.csv")
    assert refusal(tmp_path / "u*.csv") == (
        f"{tmp_path / 'u*.csv'}: no file matches this pattern: check the folder and the pattern"
    )
    twice = "its rows would count double, name it once"
    assert refusal([path, pattern]) == f"{path}: the file is named twice (by {str(path)!r} and {pattern!r}): {twice}"
    assert refusal([pattern, other]) == f"{path}: the file is named twice (by {pattern!r} and {other!r}): {twice}"
    (tmp_path / "t2.csv").symlink_to(path)
    assert refusal(pattern) == f"{tmp_path / 't2.csv'}: is the file {path} once more, through a link: {twice}"
    (tmp_path / "t2.csv").unlink()
    (tmp_path / "notes.txt").write_text("not a table")
    assert refusal(tmp_path / "*").startswith(f"{tmp_path / 'notes.txt'}: the format is told by the suffix")


def test_places_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    assert refusal(tmp_path / "loop.csv").startswith(f"{tmp_path / 'loop.csv'}: cannot be ")

    def forbidden(path: Path, *args: object, **kwargs: object) -> bool:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", forbidden)  # file modes do not stop a superuser
        assert refusal("no/*.csv") == (
            "no/*.csv: cannot be reached (Permission denied): check the path, and that its folders may be searched"
        )
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert refusal("t.csv").startswith("t.csv: cannot be reached (No such file or directory): check the path")


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        (None, "paths = None: must be a path or a list of paths, each a text or a Path"),
        (3, "paths = 3: must be a path or a list of paths, each a text or a Path"),
        (b"x.csv", "paths = b'x.csv': must be a path or a list of paths, each a text or a Path"),
        (["x.csv", 3], "paths = 3: is no path: name files by texts or Paths"),
        ("", "paths = '': is no path: name a file"),
        ("-", "-: stdin cannot be read, as a table is read more than once: name a file"),
        ("bad\udcff.csv", "'bad\\udcff.csv': the name is not UTF-8, which the reader cannot open: rename the file"),
    ],
)
def test_what_is_no_path(paths: object, sentence: str) -> None:
    assert refusal(paths) == sentence


def test_a_byte_order_mark_is_passed_over_in_json_lines_too(tmp_path: Path) -> None:
    for i in range(2):
        (tmp_path / f"t{i}.jsonl").write_bytes(b"\xef\xbb\xbf" + JSON)
    assert facts(tmp_path / "t0.jsonl").prompts == 3
    assert facts(tmp_path / "*.jsonl").draws == 8
    assert facts(tmp_path / "t1.jsonl", skip_bad_rows=True).draws == 4
    assert read_facts(tmp_path / "t0.jsonl").draws == 4


def test_values_of_json_are_the_text_that_stands_there(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        '{"p": 1, "a": true}\n{"p": "1", "a": "true"}\n{"p": 1.0, "a": true}\n{"p": [1], "a": null}\n'
    )
    table = facts(tmp_path / "t.jsonl")
    assert (table.rows, table.missing, table.prompts, table.distinct_answers) == (4, 1, 2, 1)


def test_one_bad_file_among_many_is_named(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"t{i}.csv").write_bytes(CSV)
    (tmp_path / "t2.csv").write_bytes(CSV + b"short\n")
    (tmp_path / "t3.csv").write_bytes(b"p,a\n\xff,1\n")
    rule = "1 value, where the header names 2 columns: correct the line"
    assert refusal(tmp_path / "*.csv") == f"{tmp_path / 't2.csv'}, line 6: {rule}"
    (tmp_path / "t2.csv").unlink()
    (tmp_path / "t2.csv").symlink_to(tmp_path / "nowhere.csv")
    assert refusal(tmp_path / "*.csv") == f"{tmp_path / 't2.csv'}: no such file: check the path"
    for i in range(3):
        data = gzip.compress(many(30_000), mtime=0)
        (tmp_path / f"u{i}.csv.gz").write_bytes(data if i != 1 else data[:-900])
    rule = "the gzip data is damaged or cut short: compress the file again"
    assert refusal(tmp_path / "u*") == f"{tmp_path / 'u1.csv.gz'}: {rule}"
    for i in range(3):
        (tmp_path / f"v{i}.jsonl").write_bytes(JSON + (b'{"p": 1,\n' if i else b""))
    rule = "is not one JSON object: Expecting property name enclosed in double quotes at column 9: correct the line"
    assert refusal(tmp_path / "v*") == f"{tmp_path / 'v1.jsonl'}, line 5: {rule}"


def test_a_forbidden_file_in_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(CSV)
    opened = Path.open

    def refuse(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "b.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)  # file modes do not stop a superuser
    assert refusal(tmp_path / "*.csv") == f"{tmp_path / 'b.csv'}: cannot be opened: Permission denied"


def test_a_bad_count_in_the_second_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"p,a,n\nx,1,1\n")
    (tmp_path / "b.csv").write_bytes(b"p,a,n\nx,1,1\n\ny,1,no\n")
    assert refusal([tmp_path / "a.csv", tmp_path / "b.csv"], count="n") == (
        f"{tmp_path / 'b.csv'}, line 4: count 'n' is 'no': must be a whole number from 0 to 2^63 - 1"
    )


# ---- formats ----


def test_files_of_all_kinds_are_one_table(tmp_path: Path) -> None:
    """Columns in another order, of other types, of other formats: matched by name, in one table."""
    (tmp_path / "a.csv").write_bytes(b"z,a,p\n0,1,x\n0,2,y\n")
    (tmp_path / "b.csv").write_bytes(b"p,a\nx,1\n")
    (tmp_path / "c.jsonl.zst").write_bytes(zstd.compress(b'{"a": 1, "p": "x"}\n{"p": "w", "q": 1, "a": "1"}\n'))
    (tmp_path / "d.tsv.gz").write_bytes(gzip.compress(b"p\ta\nx\t1\n", mtime=0))
    parquet(tmp_path / "e.parquet", "SELECT 'x' AS p, 1 AS a")
    parquet(tmp_path / "f.parquet", "SELECT 1.5 AS z, '1' AS a, 'x' AS p UNION ALL SELECT 0, '4', 'v'")
    names = sorted(tmp_path.iterdir())
    for files in (names, names[::-1], [tmp_path / "*"]):
        table = facts(files)
        assert (table.rows, table.draws, table.prompts, table.distinct_answers) == (9, 9, 4, 3)
        assert list(zip(table.answered.tolist(), table.multiplicity.tolist(), strict=True)) == [(1, 3), (6, 1)]
    sizes = [path.stat().st_size for path in names]
    rows = [None, None, None, None, 1, 2]
    assert facts(names).files == tuple(map(FileRead, map(str, names), sizes, rows))


@pytest.mark.parametrize("suffix", [".csv.zst", ".tsv.zst", ".jsonl.zst", ".ndjson.zst", ".CSV.ZST"])
def test_zstd(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    text = JSON if "json" in suffix else CSV.replace(b",", b"\t") if "tsv" in suffix else CSV
    path.write_bytes(zstd.compress(text))
    assert (facts(path).rows, facts(path).prompts) == (4, 3)
    path.write_bytes(zstd.compress(text + (b"bad\n" if "json" in suffix else b"bad\nworse\n")))
    rule = {
        "jso": "is not one JSON object: Expecting value at column 1: correct the line",
        "ndj": "is not one JSON object: Expecting value at column 1: correct the line",
    }.get(suffix[1:4], "1 value, where the header names 2 columns: correct the line")
    assert refusal(path) == f"{path}, line {5 if 'json' in suffix else 6}: {rule}"


ZSTD = "the zstd data is damaged or cut short: compress the file again"


@pytest.mark.parametrize("rows", [50, 60_000])
@pytest.mark.parametrize("checksum", [False, True])
def test_zstd_cut_anywhere_is_refused(tmp_path: Path, rows: int, checksum: bool) -> None:
    """DuckDB reads such a file up to the cut and says nothing."""
    path = tmp_path / "t.csv.zst"
    whole = zstd.compress(many(rows), options={zstd.CompressionParameter.checksum_flag: checksum})
    for data in (whole, whole + whole):
        cuts = [1, 3, 4, 8, len(data) // 3, len(data) // 2 + 7, len(data) - 9, len(data) - 4, len(data) - 1]
        for cut in cuts:
            path.write_bytes(data[:cut])
            assert refusal(path) == f"{path}: {ZSTD}", cut
        path.write_bytes(data)
        if data is whole:
            assert facts(path).rows == rows
    for data in (whole + b"more", CSV, bytes(40)):
        path.write_bytes(data)
        assert refusal(path) == f"{path}: {ZSTD}"


def test_duckdb_by_itself_reads_half_of_a_cut_zstd_file(tmp_path: Path) -> None:
    """The reason for the check; when this fails, DuckDB has learnt to see the cut."""
    path = tmp_path / "t.csv.zst"
    whole = zstd.compress(many(60_000))
    path.write_bytes(whole[: len(whole) // 2])
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT count(*) FROM read_csv('{path}', all_varchar = true)").fetchall()[0][0]
    assert 0 < rows < 60_000


def test_an_empty_zstd_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.zst"
    for data in (b"", zstd.compress(b"")):
        path.write_bytes(data)
        assert refusal(path) == f"{path}: is empty: name a file with rows"


def test_columns_that_duckdb_has_names_for(tmp_path: Path) -> None:
    """Columns named as what DuckDB tells of a row are columns like others, and rows are numbered all the same."""
    path = parquet(
        tmp_path / "t.parquet",
        "SELECT unnest(['x', 'y', 'x']) AS p, unnest([7, 7, 7]) AS file_row_number, 'a' AS filename, 1 AS file_index",
    )
    table = read_facts(path, prompt="p", answer="file_row_number", order=True)
    assert (table.prompts, table.distinct_answers) == (2, 1)
    assert table.order is not None
    assert [(window.width, window.twice) for window in table.order.windows] == [(1, 0)]
