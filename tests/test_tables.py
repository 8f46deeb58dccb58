"""The reader of fact tables: hand-computed tables, an oracle in plain Python, invariances, and every sentence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.errors import BadInput
from simlab.tables import FactTable, read_facts
from simlab.tables.asking import ask, opened

Rows = list[tuple[str, str]]


COUNTED = (
    *("path", "rows", "missing", "draws", "prompts", "facts", "distinct_answers", "conflicts", "answers_per_prompt"),
    *("singleton_rate", "singleton_rate_raw", "pair_singleton_rate"),
)


def classes(table: FactTable) -> list[tuple[int, int, int, int]]:
    return list(
        zip(*(column.tolist() for column in (table.answered, table.idk, table.valid, table.multiplicity)), strict=True)
    )


def everything(table: FactTable) -> dict[str, object]:
    """All that a table says but the names of its files, comparable with == (None for NaN)."""
    plain = {name: value for name, value in vars(table).items() if name in COUNTED}
    plain["singleton_rate_raw"] = None if math.isnan(table.singleton_rate_raw) else table.singleton_rate_raw
    return {**plain, "path": None, "classes": classes(table)}


def csv_bytes(rows: Rows, names: tuple[str, ...] = ("p", "a"), separator: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows([names, *rows])
    return text.getvalue().encode()


def json_bytes(rows: Rows) -> bytes:
    return "".join(json.dumps({"p": p, "a": a}, ensure_ascii=False) + "\n" for p, a in rows).encode()


def write(folder: Path, rows: Rows, suffix: str) -> Path:
    """The rows as a file of columns p and a."""
    path = folder / f"facts{suffix}"
    if suffix == ".parquet":
        with duckdb.connect() as con:
            con.execute("CREATE TABLE t (p VARCHAR, a VARCHAR)")
            con.executemany("INSERT INTO t VALUES (?, ?)", rows)
            con.execute(f"COPY t TO '{path}' (FORMAT parquet)")
        return path
    text = {".csv": csv_bytes(rows), ".tsv": csv_bytes(rows, separator="\t")}.get(suffix[:4], json_bytes(rows))
    path.write_bytes(gzip.compress(text, mtime=0) if suffix.endswith(".gz") else text)
    return path


def facts(path: Path | list[Path], **settings: object) -> FactTable:
    return read_facts(path, prompt="p", answer="a", **settings)  # type: ignore[arg-type]


# ---- the oracle: plain Python, one pass a rule ----


def respelt(text: str, normalize: str) -> str:
    rules = normalize.split(",")
    if "nfkc" in rules:
        text = unicodedata.normalize("NFKC", text)
    if "case" in rules:
        text = text.casefold()
    return " ".join(text.split()) if "space" in rules else text


def oracle(rows: Rows, conflicts: str, normalize: str, idk: tuple[str, ...]) -> dict[str, object] | None:
    """What ``facts`` must return for ``rows``; None where nothing is left to count."""
    spelt = [(respelt(p, normalize), respelt(a, normalize)) for p, a in rows]
    unknown = {respelt(text, normalize) for text in idk}
    present = [(p, a) for p, a in spelt if p and a]
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    silent: Counter[str] = Counter()
    for p, a in present:
        if a in unknown:
            silent[p] += 1
        else:
            answers[p][a] += 1
    prompts = sorted(set(answers) | set(silent))
    kept = [p for p in prompts if conflicts != "drop" or len(answers.get(p, ())) <= 1]
    draws = sum(silent[p] + sum(answers.get(p, Counter()).values()) for p in kept)
    if not draws:
        return None
    alike: Counter[tuple[int, int, int]] = Counter()
    for p in kept:
        seen = answers.get(p, Counter())
        if conflicts == "all-valid":
            alike.update((times, 0, len(seen)) for times in seen.values())
        else:
            alike[sum(seen.values()), silent[p], 1] += 1
    pairs = sum(len(seen) for seen in answers.values())
    raw = oracle(rows, conflicts, "none", idk) if normalize != "none" else None
    rate = sum(sum(answers.get(p, Counter()).values()) == 1 for p in kept) / draws
    return {
        "path": None,
        "rows": len(rows),
        "missing": len(rows) - len(present),
        "draws": draws,
        "prompts": len(kept),
        "facts": pairs,
        "distinct_answers": len({a for seen in answers.values() for a in seen}),
        "conflicts": sum(len(seen) > 1 for seen in answers.values()),
        "answers_per_prompt": pairs / len(answers) if answers else 0.0,
        "singleton_rate": rate,
        "singleton_rate_raw": rate if normalize == "none" else raw["singleton_rate"] if raw else None,
        "pair_singleton_rate": sum(t == 1 for p in kept for t in answers.get(p, Counter()).values()) / draws,
        "classes": [(*key, count) for key, count in sorted(alike.items())],
    }


# few letters, so that rows meet; quotes, separators and newlines; and what the normalisers join
LETTERS = ["a", "A", "é", "É", "e\u0301", "ﬁ", "fi", "ß", "ss", "1", "0", ".", " ", "\u00a0", "\t", "\n", '"', ",", "'"]
TEXTS = st.lists(st.sampled_from(LETTERS), max_size=2).map("".join)
ANSWERS = ["x", "X", "x ", "y", "idk", "IDK ", "", "ｘ"]
TABLES = st.lists(st.tuples(TEXTS, st.sampled_from(ANSWERS)), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(
    rows=TABLES,
    conflicts=st.sampled_from(["majority", "drop", "all-valid"]),
    normalize=st.sampled_from(["none", "case", "space", "nfkc", "space,nfkc,case"]),
    idk=st.sampled_from([(), ("idk",), ("idk", "y")]),
    suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz"]),
)
def test_reader_against_plain_python(
    rows: Rows, conflicts: str, normalize: str, idk: tuple[str, ...], suffix: str
) -> None:
    idk = () if conflicts == "all-valid" else idk
    expected = oracle(rows, conflicts, normalize, idk)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), rows, suffix)
        if expected is None:
            with pytest.raises(BadInput, match=r"every row lacks a prompt or an answer|leaves no row"):
                facts(path, conflicts=conflicts, normalize=normalize, idk=idk)
            return
        found = everything(facts(path, conflicts=conflicts, normalize=normalize, idk=idk))
    assert found == expected


@settings(max_examples=8, deadline=None)
@given(
    rows=TABLES.filter(lambda rows: any(p and a for p, a in rows)),
    cut=st.integers(0, 25),
    seed=st.integers(0, 9),
)
def test_neither_order_nor_files_matter(rows: Rows, cut: int, seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = everything(facts(write(folder, rows, ".csv")))
        assert everything(facts(write(folder, shuffled, ".csv"))) == whole
        parts = [write(folder, shuffled[:cut], ".jsonl.gz" if cut else ".csv"), write(folder, shuffled[cut:], ".tsv")]
        assert everything(facts(parts)) == whole
        one_more = everything(facts(write(folder, [*rows, ("new", "x")], ".csv")))
        assert one_more != whole


def test_one_table_by_hand(tmp_path: Path) -> None:
    rows = [("Rome", "IT")] * 3 + [("Rome", "US"), ("Oslo", "NO"), ("Bath", "UK"), ("Bath", "IDK"), ("Nowhere", "IDK")]
    rows += [("", "NO"), ("Oslo", "")]
    path = write(tmp_path, rows, ".csv")
    table = facts(path, idk=["IDK"])
    assert everything(table) == {
        "path": None,
        "rows": 10,
        "missing": 2,
        "draws": 8,
        "prompts": 4,
        "facts": 4,
        "distinct_answers": 4,
        "conflicts": 1,
        "answers_per_prompt": 4 / 3,
        "singleton_rate": 2 / 8,  # Oslo, and Bath: an IDK row is no appearance, and counts in N
        "singleton_rate_raw": 2 / 8,
        "pair_singleton_rate": 3 / 8,  # Oslo, Bath, and Rome in the US
        "classes": [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1), (4, 0, 1, 1)],
    }
    assert table.path == (str(path),)
    assert table.multiplicity.dtype == table.answered.dtype == np.int64

    dropped = facts(path, idk=["IDK"], conflicts="drop")
    assert classes(dropped) == [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1)]
    assert (dropped.draws, dropped.prompts, dropped.singleton_rate, dropped.pair_singleton_rate) == (4, 3, 0.5, 0.5)
    assert (dropped.facts, dropped.conflicts, dropped.distinct_answers) == (4, 1, 4)

    valid = facts(path, conflicts="all-valid")  # IDK is an answer like another unless it is named
    assert classes(valid) == [(1, 0, 1, 2), (1, 0, 2, 3), (3, 0, 2, 1)]
    assert (valid.draws, valid.prompts, valid.facts) == (8, 4, 6)
    assert (valid.singleton_rate, valid.pair_singleton_rate) == (2 / 8, 5 / 8)


def test_idk_rows_are_in_n_and_are_no_appearances(tmp_path: Path) -> None:
    rows = [("c", "x")] + [("c", "IDK")] * 5
    path = write(tmp_path, rows, ".csv")
    assert facts(path, idk="IDK").singleton_rate == 1 / 6
    assert facts(path).singleton_rate == 0  # the same rows where IDK is an answer like another
    silent = facts(write(tmp_path, rows[1:], ".csv"), idk=["IDK"])
    assert (silent.singleton_rate, silent.answers_per_prompt, classes(silent)) == (0.0, 0.0, [(0, 5, 1, 1)])


def test_every_value_stays_text(tmp_path: Path) -> None:
    prompts = ["01", "1", "1.0", "1e0", "NA", "NULL", "nan", "true", "TRUE", "2020-01-02", " 1", "#1", "\\N", "x\x00"]
    for suffix in (".csv", ".jsonl", ".parquet"):
        table = facts(write(tmp_path, [(p, "NULL") for p in prompts], suffix))
        assert (table.prompts, table.missing, table.distinct_answers) == (len(prompts), 0, 1)


SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")


def test_formats_agree(tmp_path: Path) -> None:
    rows = [('a "b", c', "é"), ('a "b", c', "é"), ("two\nlines", "'"), ("tab\there", "x"), ("", "x"), ("x", "")]
    tables = [everything(facts(write(tmp_path, rows, suffix))) for suffix in SUFFIXES]
    (tmp_path / "T.CSV.GZ").write_bytes(gzip.compress(csv_bytes(rows), mtime=0))
    tables.append(everything(facts(tmp_path / "T.CSV.GZ")))
    assert tables[0]["classes"] == [(1, 0, 1, 2), (2, 0, 1, 1)]
    assert all(table == tables[0] for table in tables)


@pytest.mark.parametrize(
    "data",
    [
        b"p,a\r\nx,1\r\ny,2\r\n",
        b"p,a\rx,1\ry,2\r",
        b"\xef\xbb\xbfp,a\nx,1\ny,2",
        b'"p","a"\n"x", 1\n\n\n"y",2\n\n',
        b'p,a\nx,"1\r"\ny,"2\r\n"\n',
    ],
)
def test_csv_dialects(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    table = facts(tmp_path / "t.csv")
    assert (table.rows, table.missing, table.facts, classes(table)) == (2, 0, 2, [(1, 0, 1, 2)])


def test_numbers_and_nulls_of_json_and_parquet(tmp_path: Path) -> None:
    lines = [
        '{"p": 1, "a": true}',
        '{"p": "1", "a": "true", "z": 0}',
        '{"p": null, "a": 1}',
        '{"a": 1}',
        "",
        '{"p": 2}',
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    table = facts(tmp_path / "t.jsonl")
    assert (table.rows, table.missing, classes(table)) == (5, 3, [(2, 0, 1, 1)])
    with duckdb.connect() as con:
        values = "(1, 'x', 2), (1, 'x', 3), (2, NULL, 1), (NULL, 'x', 1), (3, '', 1)"
        con.execute(f"COPY (SELECT * FROM (VALUES {values}) t(p, a, n)) TO '{tmp_path / 't.parquet'}' (FORMAT parquet)")
    table = facts(tmp_path / "t.parquet", count="n")
    assert (table.rows, table.missing, table.draws, classes(table)) == (5, 3, 5, [(5, 0, 1, 1)])


def test_a_key_that_comes_late_is_found(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"p": "x"}\n' * 1500 + '{"p": "x", "a": "y"}\n')
    table = facts(tmp_path / "t.jsonl")
    assert (table.rows, table.missing, table.draws) == (1501, 1500, 1)


def test_counts_weigh_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("p,a,n\nx,1,2\nx,2,1\ny,1,1.0\nz,1,0\nw,9,0\n,1,7\nv,1,+2e1\nx,1, 3 \n")
    table = facts(tmp_path / "t.csv", count="n")
    assert (table.rows, table.missing, table.draws, table.prompts, table.facts) == (8, 1, 27, 3, 4)
    assert (table.distinct_answers, table.conflicts) == (2, 1)  # 9 was never given: its count is 0
    assert classes(table) == [(1, 0, 1, 1), (6, 0, 1, 1), (20, 0, 1, 1)]
    assert (table.singleton_rate, table.pair_singleton_rate) == (1 / 27, 2 / 27)


def test_counts_equal_repeated_rows(tmp_path: Path) -> None:
    rng = random.Random(5)
    pairs = {(rng.choice("abcdef"), rng.choice("xyz")): rng.randrange(5) for _ in range(30)}
    lines = [f"{p},{a},{n}" for (p, a), n in pairs.items()]
    (tmp_path / "counts.csv").write_text("\n".join(["p,a,n", *lines]))
    rows = [pair for pair, n in pairs.items() for _ in range(n)]
    for conflicts in ("majority", "drop", "all-valid"):
        counted = everything(facts(tmp_path / "counts.csv", count="n", conflicts=conflicts))
        listed = everything(facts(write(tmp_path, rows, ".csv"), conflicts=conflicts))
        assert {**counted, "rows": len(rows)} == listed


def test_the_largest_count(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"p,a,n\nx,1,{2**63 - 2}\ny,1,1\n")
    table = facts(tmp_path / "t.csv", count="n")
    assert (table.draws, table.singleton_rate) == (2**63 - 1, 1 / (2**63 - 1))


def test_whole_rows(tmp_path: Path) -> None:
    first, second = tmp_path / "t.csv", tmp_path / "u.jsonl"
    first.write_text("p,a\nx,1\nx,1\nx,2\n,\n,1\n")
    table = read_facts(first)
    assert (table.rows, table.missing, table.draws, table.prompts, table.facts) == (5, 1, 4, 3, 3)
    assert (table.distinct_answers, table.conflicts, table.answers_per_prompt) == (0, 0, 1.0)
    assert (table.singleton_rate, table.pair_singleton_rate) == (2 / 4, 2 / 4)
    assert classes(table) == [(1, 0, 1, 2), (2, 0, 1, 1)]
    second.write_text('{"a": "2", "p": "x"}\n{"a": 1, "p": null}\n')  # columns are matched by name
    assert classes(read_facts([first, second])) == [(2, 0, 1, 3)]
    first.write_text("n,p,a\n2,x,1\n1,X,1\n")
    assert classes(read_facts(first, count="n")) == [(1, 0, 1, 1), (2, 0, 1, 1)]
    assert classes(read_facts(first, count="n", normalize="case")) == [(3, 0, 1, 1)]


def test_odd_names_of_columns_and_files(tmp_path: Path) -> None:
    rows = [("x", "1"), ("x", "1"), ("y", "2")]
    for names in (('the "city"', "it's"), ("City", "city"), ("", " "), ("select", "c0"), ("a;b", "a\nb"), ("é", "p,a")):
        path = tmp_path / "t.csv"
        path.write_bytes(csv_bytes(rows, names))
        assert classes(read_facts(path, prompt=names[0], answer=names[1])) == [(1, 0, 1, 1), (2, 0, 1, 1)]
    (tmp_path / "t.jsonl").write_text(json.dumps({'the "city"': "x", "it's": "1", "IT'S": 2}) + "\n")
    assert read_facts(tmp_path / "t.jsonl", prompt='the "city"', answer="it's").draws == 1
    (tmp_path / "a1.csv").write_bytes(csv_bytes([("not", "me")] * 9))
    for name in ("store_rejects.csv", "a[1].csv", "a?.csv", "*.csv", "it's {a,b}.csv", "back\\slash.csv"):
        (tmp_path / name).write_bytes(csv_bytes(rows))
        assert facts(tmp_path / name).draws == 3


def test_normalising_by_hand(tmp_path: Path) -> None:
    rows = [("Straße", "x"), ("STRASSE", "X"), ("New  York", "x"), (" New\u00a0York", "x"), ("ﬁt", "x"), ("fit", "x")]
    path = write(tmp_path, rows, ".csv")
    prompts = {
        rule: facts(path, normalize=rule).prompts for rule in ("none", "case", "space", "nfkc", "case,space,nfkc")
    }
    # case folding spells the ligature out as well; NFKC turns the no-break space into a space
    assert prompts == {"none": 6, "case": 4, "space": 5, "nfkc": 5, "case,space,nfkc": 3}
    both = facts(path, normalize="case,space,nfkc")
    assert (both.singleton_rate, both.singleton_rate_raw) == (0.0, 1.0)
    assert (both.distinct_answers, both.conflicts) == (1, 0)
    assert facts(path, normalize="none").singleton_rate_raw == 1.0


def test_white_space_is_that_of_unicode(tmp_path: Path) -> None:
    spaces = [chr(code) for code in range(1, 0x3001) if chr(code).isspace()]
    assert len(spaces) == 29
    table = facts(write(tmp_path, [(f"{space}a{space}{space}b", "x") for space in spaces], ".jsonl"), normalize="space")
    assert classes(table) == [(29, 0, 1, 1)]
    gone = facts(write(tmp_path, [("a", "x"), *((space, "x") for space in spaces)], ".jsonl"), normalize="space")
    assert (gone.rows, gone.missing, gone.singleton_rate, gone.singleton_rate_raw) == (30, 29, 1.0, 1.0)


def test_idk_is_compared_after_normalising(tmp_path: Path) -> None:
    path = write(tmp_path, [("c", "x"), ("c", " i don't KNOW"), ("d", "I don't know")], ".csv")
    assert classes(facts(path, idk=["I don't know"], normalize="case,space")) == [(0, 1, 1, 1), (1, 1, 1, 1)]
    assert classes(facts(path, idk=["I don't know"])) == [(0, 1, 1, 1), (2, 0, 1, 1)]


def test_raw_rate_is_nan_where_drop_leaves_no_raw_row(tmp_path: Path) -> None:
    table = facts(write(tmp_path, [("c", "x"), ("c", "X")], ".csv"), conflicts="drop", normalize="case")
    assert (table.draws, table.singleton_rate) == (2, 0.0)
    assert math.isnan(table.singleton_rate_raw)


def test_many_rows_on_many_threads_and_little_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    prompts, answers = rng.zipf(1.3, 150_000) % 10**9, rng.integers(0, 50, 150_000)
    rows = list(zip((f"prompt {p}" for p in prompts), map(str, answers), strict=True))
    expected = oracle(rows, "majority", "none", ())
    path = write(tmp_path, rows, ".csv")
    assert everything(facts(path)) == expected
    for limit in ("64MB", "64000000", 64_000_000, "62500KiB", " 64000 kB", "64000000B"):
        assert everything(facts(path, memory_limit=limit)) == expected


@pytest.mark.parametrize(
    ("limit", "held"),
    [
        ("2GB", 2 * 10**9),
        ("800MiB", 800 * 2**20),
        ("100000000", 10**8),
        (10**8, 10**8),
        ("100000000 B", 10**8),
        ("200000kB", 2 * 10**8),
        ("200000KiB", 200_000 * 2**10),
        ("0.5g", 5 * 10**8),
        (None, 10**9),
    ],
)
def test_the_memory_limit_holds_for_the_database(limit: str | int | None, held: int) -> None:
    with opened(limit) as engine:
        told = ask(engine, "SELECT current_setting('memory_limit')")[0][0]
        number, unit = told.split()
    assert float(number) * 1024 ** ["bytes", "KiB", "MiB", "GiB"].index(unit) == pytest.approx(held, rel=0.06)


@pytest.mark.parametrize("limit", ["1B", "1", 1])
def test_a_memory_limit_below_all_needs_is_too_little(limit: str | int, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        facts(write(tmp_path, [("a", "b")], ".csv"), memory_limit=limit)
    assert str(caught.value) == f"memory_limit = {limit!r}: is too little to group this table: raise it"


def test_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    path = write(tmp_path, [(f"prompt number {i}", "x") for i in range(100_000)], ".csv")
    with pytest.raises(BadInput) as caught:
        facts(path, memory_limit="5MB")
    assert str(caught.value) == "memory_limit = '5MB': is too little to group this table: raise it"
    assert facts(path, memory_limit="64MB").prompts == 100_000
    assert list(spill.iterdir()) == []


def test_airports() -> None:
    airports = pytest.importorskip("airportsdata", reason="needs the airports of the PyPI package airportsdata")
    table = read_facts(Path(airports.__file__).parent / "airports.csv", prompt="city", answer="country")
    if table.rows != 28_298:
        pytest.skip(f"another edition of airportsdata, with {table.rows} airports")
    assert (table.missing, table.draws, table.prompts, table.conflicts) == (2_825, 25_473, 16_382, 414)
    assert round(table.singleton_rate, 4) == 0.5036
    assert int((table.answered * table.multiplicity).sum()) == table.draws


def test_importing_the_reader_does_not_load_duckdb() -> None:
    code = "import sys, simlab.tables; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- sentences ----

KNOWN = (
    "the format is told by the suffix, one of .csv, .tsv, .jsonl, .ndjson, .parquet (text also with .gz or .zst): "
    "rename it"
)
COLUMNS = "1 value, where the header names 2 columns: correct the line"
QUOTE = 'a quote is not closed, or text follows the closing one: write a quote inside quotes as ""'
LONG = (
    "is longer than 2,000,000 bytes: close the quote if one is never closed, or save a table of such long values as "
    "Parquet"
)
ENDS = "save the file with one kind of line end"
GZIP = "the gzip data is damaged or cut short: compress the file again"
UTF8 = "is not UTF-8 text: save the file as UTF-8"
WHOLE = "must be a whole number from 0 to 2^63 - 1"
GOOD = b"p,a\nx,1\n"
MANY = gzip.compress(b"p,a\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(30_000)), mtime=0)

BAD_FILES = [
    ("t.txt", GOOD, f": {KNOWN}"),
    ("t.parquet.gz", GOOD, f": {KNOWN}"),
    ("nowhere.csv", None, ": no such file: check the path"),
    ("t.csv", b"", ": is empty: name a file with rows"),
    ("t.csv.gz", gzip.compress(b"", mtime=0), ": is empty: name a file with rows"),
    ("t.jsonl", b"", ": is empty: name a file with rows"),
    ("t.csv", b"p,a\n", ": holds column names and no rows: name a file with rows"),
    ("t.csv", b"\np,a\nx,1\n", ", line 1: is blank, where the column names should stand: delete it"),
    ("t.csv", b"pp,a\nx,1\n", ": column 'p' is unknown: did you mean 'pp'? (columns: a, pp)"),
    ("t.tsv", b"zeta\teta\nx\t1\n", ": column 'p' is unknown: choose from eta, zeta"),
    (
        "t.csv",
        b"p;a\nx;1\n",
        ": column 'p' is unknown: the header 'p;a' has no ',', which separates the columns of CSV: "
        "save the file with that separator",
    ),
    (
        "t.tsv",
        GOOD,
        ": column 'p' is unknown: the header 'p,a' has no '\\t', which separates the columns of TSV: "
        "save the file with that separator",
    ),
    ("t.csv", b"p,a,p\nx,1,2\n", ", line 1: the header names column 'p' twice: rename one of them"),
    ("t.csv", b'p,"a\nx,1\n', ", line 1: the header is not sound CSV: unexpected end of data"),
    ("t.csv", bytes(range(256)) * 20, f", line 1: {UTF8} CSV"),
    ("t.csv", "p,a\nx,1\n".encode("utf-16"), f", line 1: {UTF8} CSV"),
    ("t.csv", b"p,\xe9,a\nx,1,2\n", f", line 1: {UTF8} CSV"),
    ("t.csv", b'p,a\n"two\nlines",1\nz\xe9,2\n', f", line 4: {UTF8} CSV"),
    ("t.csv", b'p,a\n\n"two\nlines",1\nx\ny\n', f", line 5: {COLUMNS}"),
    ("t.csv", b"p,a\rx,1\ry\r", f", line 3: {COLUMNS}"),
    ("t.csv.gz", gzip.compress(b"p,a\nx,1\ny\n", mtime=0), f", line 3: {COLUMNS}"),
    ("t.csv", b"p,a\nx,1,2\n", ", line 2: 3 values, where the header names 2 columns: correct the line"),
    ("t.csv", b'p,a\nx,1\n"y,2\nz,3\n', f", line 3: {QUOTE}"),
    ("t.csv", b'p,a\nx,"1"1\n', f", line 2: {QUOTE}"),
    ("t.csv", b"p,a\nx,1\ny," + b"2" * 2_000_001 + b"\n", f", line 3: {LONG}"),
    ("t.csv", b"p,a\r\nx,1\ny,2\r\n", rf", line 2: ends in '\n', line 1 in '\r\n': {ENDS}"),
    ("t.csv", b"p,a\nx,1\ny,2\r\n", rf", line 3: ends in '\r\n', line 1 in '\n': {ENDS}"),
    ("t.csv.gz", GOOD, f": {GZIP}"),
    ("t.csv.gz", MANY[: len(MANY) // 2], f": {GZIP}"),
    ("t.csv.gz", MANY[:-4], f": {GZIP}"),
    ("t.jsonl.gz", gzip.compress(b'{"p": 1, "a": 2}\n' * 9000, mtime=0)[:-9], f": {GZIP}"),
    (
        "t.jsonl",
        b'{"p": 1, "a": 2}\n\n{"p": 1, "a"\n{"p": 1,\n',
        ", line 3: is not one JSON object: Expecting ':' delimiter at column 13: correct the line",
    ),
    ("t.jsonl", b'{"p": 1, "a": 2}{}\n', ", line 1: is not one JSON object: Extra data at column 17: correct the line"),
    ("t.jsonl", b'{"p": 1, "a": 2}\n[1]\n', ", line 2: is not one JSON object: write {...} on each line"),
    (
        "t.jsonl",
        b'{"p": 1, "a": 2, "p": 3}\n',
        ", line 1: is not one JSON object: the key 'p' stands twice: correct the line",
    ),
    ("t.jsonl", b'{"p": "\xe9", "a": 2}\n', f", line 1: {UTF8} JSON Lines"),
    (
        "t.jsonl",
        b'{"p": 1, "a": 2}\n{"p": "\\ud83d", "a": 2}\n',
        r", line 2: holds \ud83d, half of a pair that stands for one character: write both halves",
    ),
    ("t.jsonl", GOOD, ", line 1: is not one JSON object: Expecting value at column 1: correct the line"),
    (
        "t.jsonl",
        b'\xef\xbb\xbf{"p": 1, "a": 2}\n{\n',
        ", line 2: is not one JSON object: Expecting property name enclosed in double quotes at column 2: correct the "
        "line",
    ),
    ("t.jsonl", b"[]\n", ": no line is a JSON object with keys: write {...} on each line"),
    ("t.csv", b',"b, c"\n1,x\n', ": column 'p' is unknown: choose from '', 'b, c'"),
    ("t.jsonl", b'{"p": 1, "b": 2}\n', ": column 'a' is unknown: choose from b, p"),
    ("t.csv", b"p,a\n,1\nx,\n", ": every row lacks a prompt or an answer: name other columns"),
]


@pytest.mark.parametrize(("name", "data", "sentence"), BAD_FILES)
def test_bad_files(tmp_path: Path, name: str, data: bytes | None, sentence: str) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        facts(path)
    assert str(caught.value) == f"{path}{sentence}"


NO_COUNTS = ("-1", "nan", "inf", "many", "0x10", "1_000", "1e-3", "1.25e1", "1e19", "9223372036854775808")
BAD_COUNTS = [
    ("t.csv", b'p,a,n\n"two\nlines",1,1\n\nx,1,3.5\nx,1,-1\n', f", line 5: count 'n' is '3.5': {WHOLE}"),
    *(("t.csv", f"p,a,n\nx,1,{text}\n".encode(), f", line 2: count 'n' is {text!r}: {WHOLE}") for text in NO_COUNTS),
    ("t.csv", b"p,a,n\nx,1,\n", f", line 2: count 'n' is empty: {WHOLE}"),
    ("t.csv", b"p,a,n\nx,1,1\nx,1,\nx,1,no\n", f", line 3: count 'n' is empty: {WHOLE}"),
    ("t.csv", b"p,a,n\n,1,no\n", f", line 2: count 'n' is 'no': {WHOLE}"),
    ("t.csv", b'p,a,n\n"' + b"y" * 200_000 + b'",1,1\nx,1,no\n', f", row 2: count 'n' is 'no': {WHOLE}"),
    ("t.jsonl", b'{"p": 1, "a": 2, "n": 1}\n\n{"p": 1, "a": 2, "n": 1.5}\n', f", line 3: count 'n' is '1.5': {WHOLE}"),
    ("t.csv", b"p,a,n\nx,1,0\n", ": no row counts (count 'n' is 0 in all that are not missing): nothing to learn"),
]


@pytest.mark.parametrize(("name", "data", "sentence"), BAD_COUNTS)
def test_bad_counts(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        facts(path, count="n")
    assert str(caught.value) == f"{path}{sentence}"


def test_the_first_bad_count_is_named_whatever_the_threads(tmp_path: Path) -> None:
    lines = ["p,a,n", *(f"x{i},1,{i}" for i in range(300_000))]
    lines[250_000], lines[290_000] = "x,1,late", "x,1,later"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(BadInput) as caught:
        facts(tmp_path / "t.csv", count="n")
    assert str(caught.value) == f"{tmp_path / 't.csv'}, line 250001: count 'n' is 'late': {WHOLE}"
    lines[250_000], lines[290_000] = "short", "shorter"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(BadInput) as caught:
        facts(tmp_path / "t.csv")
    assert str(caught.value) == (
        f"{tmp_path / 't.csv'}, line 250001: 1 value, where the header names 3 columns: correct the line"
    )


def test_counts_that_add_up_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"p,a,n\nx,1,{2**63 - 1}\ny,1,1\n")
    with pytest.raises(BadInput) as caught:
        facts(tmp_path / "t.csv", count="n")
    assert str(caught.value) == f"count 'n': adds up to {2**63}: at most 2^63 - 1 draws can be counted"


def test_bad_parquet(tmp_path: Path) -> None:
    path = write(tmp_path, [("x", "1")], ".parquet")
    whole = path.read_bytes()
    damaged = whole[:8] + b"\xff" * 40 + whole[48:]
    for data in (whole[:-9], damaged, b"PAR1" + bytes(99) + b"PAR1", GOOD):
        path.write_bytes(data)
        with pytest.raises(BadInput) as caught:
            facts(path)
        sentence = rf"{re.escape(str(path))}: is damaged or no Parquet file \(.+\): write it again"
        assert re.fullmatch(sentence, str(caught.value))
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * FROM (VALUES ('x', 'y', 1.5)) t(p, a, n)) TO '{path}' (FORMAT parquet)")
    with pytest.raises(BadInput) as caught:
        facts(path, count="n")
    assert str(caught.value) == f"{path}, row 1: count 'n' is '1.5': {WHOLE}"


def test_folders_devices_and_forbidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(BadInput) as caught:
        facts(folder)
    assert str(caught.value) == f"{folder}: is a folder: name a file in it, or a pattern such as {folder}/*.csv"
    path = write(tmp_path, [("x", "1")], ".csv")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # file modes do not stop a superuser
    with pytest.raises(BadInput) as caught:
        facts(path)
    assert str(caught.value) == f"{path}: cannot be opened: Permission denied"


def test_names_that_json_columns_cannot_have(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"p": 1, "P": 2, "": 3}\n')
    for answer, rule in (("P", "'P' differs from 'p' in case only"), ("", "'' is empty")):
        with pytest.raises(BadInput) as caught:
            read_facts(path, prompt="p", answer=answer)
        assert str(caught.value) == f"{path}: the name of column {rule}: rename it"


def test_whole_rows_need_the_same_columns(tmp_path: Path) -> None:
    first, second = tmp_path / "t.csv", tmp_path / "u.csv"
    first.write_text("p,a\nx,1\n")
    second.write_text("p,b\nx,1\n")
    with pytest.raises(BadInput) as caught:
        read_facts([first, second])
    assert str(caught.value) == (
        f"{second}: column 'a' stands in only one of it and {first}: "
        "whole rows are facts only of files with the same columns"
    )
    with pytest.raises(BadInput) as caught:
        read_facts(first, count="n")
    assert str(caught.value) == f"{first}: column 'n' is unknown: choose from a, p"
    first.write_text("n\n1\n")
    with pytest.raises(BadInput) as caught:
        read_facts(first, count="n")
    assert str(caught.value) == f"{first}: has no column but the count 'n': nothing is left to be the fact"


def test_drop_that_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, [("x", "1"), ("x", "2")], ".csv")
    with pytest.raises(BadInput) as caught:
        facts(path, conflicts="drop")
    assert str(caught.value) == (
        f"{path}: conflicts = 'drop' leaves no row, every prompt has several answers: choose from majority, all-valid"
    )


BOTH = {"prompt": "p", "answer": "a"}
BAD_SETTINGS = [
    ({"prompt": "p"}, "prompt = 'p' without answer: name both columns, or neither for whole rows"),
    ({"answer": "a"}, "answer = 'a' without prompt: name both columns, or neither for whole rows"),
    ({"prompt": "p", "answer": "p"}, "prompt and answer are both 'p': name two columns"),
    ({**BOTH, "count": "a"}, "answer and count are both 'a': name two columns"),
    ({**BOTH, "conflicts": "majorty"}, "conflicts rule 'majorty' is unknown: did you mean 'majority'?"),
    ({**BOTH, "normalize": "nfc"}, "normalize rule 'nfc' is unknown: did you mean 'nfkc'?"),
    ({**BOTH, "normalize": "case;x"}, "normalize rule 'case;x' is unknown: did you mean 'case'?"),
    ({**BOTH, "idk": [""]}, "idk = '': an empty answer is missing, not IDK: name the text that means IDK"),
    (
        {**BOTH, "idk": ["no"], "conflicts": "all-valid"},
        "idk = 'no' with conflicts = 'all-valid': an IDK row belongs to no single fact: leave one out",
    ),
    ({"idk": ["no"]}, "idk = 'no' with whole rows as facts: an IDK row belongs to no single fact: leave one out"),
    ({"conflicts": "drop"}, "conflicts = 'drop' without prompt: whole rows cannot conflict: name prompt and answer"),
    *(
        ({**BOTH, "memory_limit": size}, f"memory_limit = {size!r}: is not a size: write it like '2GB' or '500MB'")
        for size in ("2 pears", "0GB", "-1GB", "", "2GB'; --", 0, -1, 1e9, True, "0.4B")
    ),
]


@pytest.mark.parametrize(("given_settings", "sentence"), BAD_SETTINGS)
def test_bad_settings(tmp_path: Path, given_settings: dict[str, object], sentence: str) -> None:
    path = write(tmp_path, [("x", "1")], ".csv")
    with pytest.raises(BadInput) as caught:
        read_facts(path, **given_settings)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_no_file_and_one_file_twice(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        facts([])
    assert str(caught.value) == "paths = []: at least one file is needed: name it"
    path = write(tmp_path, [("x", "1")], ".csv")
    again = tmp_path / "." / ".." / tmp_path.name / path.name
    with pytest.raises(BadInput) as caught:
        facts([path, again])
    assert str(caught.value) == f"{path}: the file is named twice: its rows would count double, name it once"
