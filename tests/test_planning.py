"""How many replicates a Monte Carlo error takes: the planner's formulas and promises, and ``--until`` to the end."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from toys import digest, with_cell, write

from simlab.errors import BadInput
from simlab.sweep import run
from simlab.sweep.cli import command
from simlab.sweep.loading import load
from simlab.sweep.plan import make_plan
from simlab.sweep.planning import Target, blocks_needed, needs, next_blocks, read_target
from simlab.sweep.store import Store

SPREAD = """
rows = []
for s in streams:
    x = config.draws * s.numpy("x").standard_normal()
    rows.append({"replicate": s.replicate, "method": "a", "x": x, "sometimes": x if x > 0 else math.nan,
                 "once": x if s.replicate == 0 else math.nan, "never": math.nan, "always": 1.0})
return rows
"""
"""Normal values whose standard deviation is the setting ``draws``."""

INTERVALS = """
rows = []
for s in streams:
    x = s.numpy("x").standard_normal()
    known = s.replicate % 2 == 0
    rows.append({"replicate": s.replicate, "method": "a", "x": x, "x_estimand": 0.0 if known else math.nan,
                 "x_low": x - 1.96, "x_high": x + 1.96})
return rows
"""


@pytest.fixture
def spread(tmp_path):
    return write(tmp_path, with_cell(SPREAD))


def plan_of(tmp_path, blocks=10, draws=1):
    """A plan of one grid point with so many blocks of two replicates."""
    settings = {"draws": draws}
    return make_plan(load(write(tmp_path, with_cell(""))), settings, replicates=2 * blocks)


def line(n=20, mean=0.0, mcse=0.1, measure="x", draws=1, **more):
    """A line of a summary."""
    row = {"draws": draws, "method": "a", "measure": measure, "mean": mean, "mcse": mcse, "n": n}
    return row | {"coverage": "", "coverage_mcse": ""} | more


def covering(hits, n):
    share = hits / n
    return line(n=n, coverage=share, coverage_mcse=math.sqrt(share * (1 - share) / n))


def told(function, *arguments, **options):
    with pytest.raises(BadInput) as mistake:
        function(*arguments, **options)
    return str(mistake.value)


def test_a_mean_needs_the_square_of_its_spread_over_the_error(tmp_path):
    plan = plan_of(tmp_path)
    (need,) = needs([line(n=20, mcse=2 / math.sqrt(20))], plan, Target(0.5))
    assert (need.n, need.replicates) == (20, 16)  # (2 / 0.5)^2
    assert need.surely == math.ceil(16 * 19 / 10.117013)  # the 5 % point of chi-square with 19 degrees of freedom
    (constant,) = needs([line(mcse=0.0)], plan, Target(0.5))
    assert (constant.replicates, constant.surely) == (2, 2)


def test_a_measure_that_is_missing_in_some_replicates_needs_more_in_proportion(tmp_path):
    plan = plan_of(tmp_path)
    (need,) = needs([line(n=5, mcse=2 / math.sqrt(5))], plan, Target(0.5))
    assert need.replicates == 16 * 4  # 5 of 20 have a value
    (single,) = needs([line(n=1, mcse=math.nan)], plan, Target(0.5))
    assert (single.replicates, single.surely) == (math.inf, math.inf)
    both = needs([line(), line(measure="y", n=0, mean=math.nan, mcse=math.nan)], plan, Target(0.5))
    assert [need.measure for need in both] == ["x"]


def test_a_target_without_a_measure_is_for_all_that_are_shown(tmp_path):
    summary = [line(measure=name) for name in ("x", "y", "z")]
    plan = plan_of(tmp_path)
    assert [need.measure for need in needs(summary, plan, Target(0.1))] == ["x", "y", "z"]
    shown = load(write(tmp_path, with_cell("") + 'SHOWN = ("z", "none", "x")\n'))
    plan = make_plan(shown, {"draws": 1}, replicates=20)
    assert [need.measure for need in needs(summary, plan, Target(0.1))] == ["x", "z"]
    assert [need.measure for need in needs(summary, plan, Target(0.1, "y"))] == ["y"]


def test_each_grid_point_needs_the_blocks_of_its_own_largest_need(tmp_path):
    plan = make_plan(load(write(tmp_path, with_cell(""))), {"draws": (1, 2, 3, 4)}, replicates=20)
    summary = [
        line(mcse=0.1),
        line(mcse=0.2, measure="y"),
        line(mcse=0.1, draws=2),
        line(n=1, mcse=math.nan, draws=3),
        line(n=0, mean=math.nan, mcse=math.nan, draws=4),
    ]
    found = needs(summary, plan, Target(0.1))
    small, large = (math.ceil(20 * factor * 19 / 10.117013) for factor in (1, 4))
    assert [need.surely for need in found] == [small, large, small, math.inf]
    assert blocks_needed(found, plan) == (math.ceil(large / 2), math.ceil(small / 2), math.inf, 0)


def replicates_needed(tmp_path, which, pilots=2000, n=20):
    """The share of normal pilots of ``n`` after which the planned replicates reach the target."""
    plan, rng, sd, target = plan_of(tmp_path), np.random.default_rng(0), 3.0, 0.05
    values = sd * rng.standard_normal((pilots, n))
    errors = np.std(values, axis=1, ddof=1) / math.sqrt(n)
    found = [needs([line(n=n, mcse=float(error))], plan, Target(target))[0] for error in errors]
    return np.mean([sd / math.sqrt(getattr(need, which)) <= target for need in found])


def test_the_sure_number_of_replicates_reaches_the_target_in_95_of_100_pilots(tmp_path):
    share = replicates_needed(tmp_path, "surely")
    assert abs(share - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_the_plain_estimate_does_so_in_about_half(tmp_path):
    """The control: a planner that took the estimate for sure would fail the test above."""
    assert 0.35 < replicates_needed(tmp_path, "replicates") < 0.55


@pytest.mark.parametrize("coverage", [0.95, 0.5, 0.8])
def test_the_sure_number_of_intervals_reaches_the_target_of_a_coverage(tmp_path, coverage):
    plan, rng, target, pilots = plan_of(tmp_path), np.random.default_rng(1), 0.01, 500
    hits = rng.binomial(40, coverage, pilots)
    found = {k: needs([covering(k, 40)], plan, Target(target, "x.coverage"))[0] for k in set(hits.tolist())}
    enough = {
        which: np.mean([getattr(found[k], which) >= 20 / 40 * coverage * (1 - coverage) / target**2 for k in hits])
        for which in ("surely", "replicates")
    }
    assert enough["surely"] > 0.95 - 4 * math.sqrt(0.95 * 0.05 / pilots)
    if coverage != 0.5:  # where c (1 - c) is flat, any estimate is good
        assert enough["replicates"] < 0.9  # the control


def test_a_coverage_of_95_at_an_error_of_half_a_hundredth_needs_1900_intervals(tmp_path):
    n = 10**8
    plan = plan_of(tmp_path, blocks=10)
    (need,) = needs([covering(0.95 * n, n)], plan, Target(0.005, "x.coverage"))
    assert need.replicates * n / 20 == pytest.approx(1900, rel=1e-4) or need.replicates == 2
    plan = make_plan(load(write(tmp_path, with_cell(""))), {"draws": 1}, replicates=10**6)
    (need,) = needs([covering(950_000, 10**6)], plan, Target(0.005, "x.coverage"))
    assert 1900 <= need.replicates <= 1901
    assert 1900 < need.surely < 1920
    assert (need.mean, need.measure) == (0.95, "x.coverage")


def test_a_pilot_without_a_miss_is_no_proof_of_full_coverage(tmp_path):
    plan = plan_of(tmp_path)
    (need,) = needs([covering(20, 20)], plan, Target(0.005, "x.coverage"))
    centre = 22 / 24
    assert need.mcse == pytest.approx(math.sqrt(centre * (1 - centre) / 20))
    assert need.replicates == math.ceil(centre * (1 - centre) / 0.005**2)
    low = 0.05 ** (1 / 20)  # Clopper and Pearson's limit
    assert need.surely == math.ceil(low * (1 - low) / 0.005**2)
    assert next_blocks([covering(20, 20)], plan, Target(0.005, "x.coverage")) == (20,)
    assert next_blocks([covering(20, 20)], plan, Target(0.1, "x.coverage")) == (10,)
    assert needs([covering(0, 20)], plan, Target(0.005, "x.coverage"))[0].surely == need.surely


def test_only_the_replicates_with_an_interval_count_for_a_coverage(tmp_path):
    result = run(write(tmp_path, with_cell(INTERVALS)), engine="serial", out=tmp_path / "out", replicates=200)
    row = next(row for row in result.summary if row["measure"] == "x")
    assert row["n"] == 200
    need = needs(result.summary, result.plan, Target(0.02, "x.coverage"))[0]
    assert need.n == 100
    centre = (row["coverage"] * 100 + 2) / 104
    assert need.replicates == math.ceil(200 / 100 * centre * (1 - centre) / 0.02**2)


def test_what_cannot_be_planned_is_a_sentence(tmp_path):
    plan = plan_of(tmp_path)
    nothing = line(n=0, mean=math.nan, mcse=math.nan)
    raised = line(n=0, mean=math.nan, mcse=math.nan, measure="")
    assert told(needs, [line()], plan, Target(0.1, "xx")) == "measure 'xx' is unknown: did you mean 'x'?"
    assert told(needs, [line(measure="error")], plan, Target(0.1, "bias")) == (
        "measure 'bias' is unknown: choose from error"
    )
    assert told(needs, [nothing], plan, Target(0.1)) == (
        "mcse 0.1: no replicate has a finite value of x: choose another measure"
    )
    assert told(needs, [line(mean=math.inf, mcse=math.nan)], plan, Target(0.1, "x")) == (
        "mcse 0.1 of x: no replicate has a finite value of x: choose another measure"
    )
    assert told(needs, [line()], plan, Target(0.1, "x.coverage")) == (
        "measure 'x.coverage' has no coverage: it needs an estimand and an interval in the rows"
    )
    empty = line(coverage=math.nan, coverage_mcse=math.nan)
    assert told(needs, [empty], plan, Target(0.1, "x.coverage")) == (
        "mcse 0.1 of x.coverage: no replicate has a finite value of x.coverage: choose another measure"
    )
    for summary in ([], [raised]):
        assert told(needs, summary, plan, Target(0.1)) == (
            "mcse 0.1: every block raised or was lost: there is no value to plan by"
        )
        assert next_blocks(summary, plan, Target(0.1)) == plan.blocks


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.005", "--until 0.005: must read mcse=0.005 or measure=error,mcse=0.005"),
        ("", "--until : must read mcse=0.005 or measure=error,mcse=0.005"),
        ("mcse=", "--until mcse=: must read mcse=0.005 or measure=error,mcse=0.005"),
        ("mcse=1,mcse=2", "--until mcse=1,mcse=2: must read mcse=0.005 or measure=error,mcse=0.005"),
        ("mcs=1", "--until part 'mcs' is unknown: did you mean 'mcse'?"),
        ("measure=x", "--until measure=x: says no mcse: write measure=x,mcse=0.005"),
        *(
            (f"mcse={x}", f"--until mcse={x}: mcse must be a number above 0, such as 0.005")
            for x in ("0", "-1", "nan", "inf", "few", "1%")
        ),
    ],
)
def test_a_target_that_is_none_is_a_sentence(text, sentence):
    assert told(read_target, "--until", text) == sentence


def test_a_target_reads_as_it_is_written():
    assert read_target("--plan", " measure = error , mcse = 5e-3") == Target(0.005, "error")
    assert read_target("--plan", "mcse=1e-2,measure=x.coverage") == Target(0.01, "x.coverage")
    assert [str(Target(0.005)), str(Target(0.5, "x"))] == ["mcse 0.005", "mcse 0.5 of x"]
    assert told(Target, 0) == "mcse = 0: must be a number above 0, such as 0.005"
    assert told(Target, "0.1") == "mcse = 0.1: must be a number above 0, such as 0.005"


def test_a_target_in_a_call_is_a_target(spread, tmp_path):
    assert told(run, spread, engine="serial", out=tmp_path / "out", until=0.1) == (
        "until = 0.1: must be a simlab.sweep.planning.Target, such as Target(0.005)"
    )


def test_until_reaches_the_target_at_every_grid_point_and_stops_there(spread, tmp_path):
    until = Target(0.25, "x")
    result = run(spread, engine="serial", out=tmp_path / "out", settings={"draws": (1, 2, 4)}, until=until)
    lines = {row["draws"]: row for row in result.summary if row["measure"] == "x"}
    assert all(row["mcse"] <= 0.25 for row in lines.values())
    assert [row["n"] for row in lines.values()] == [2 * n for n in result.plan.blocks]
    assert 20 <= lines[1]["n"] < lines[2]["n"] < lines[4]["n"] < 3 * 256  # about (sd/mcse)^2 = 16, 64, 256
    assert (result.status, result.computed, result.left) == (0, sum(result.plan.blocks), 0)
    assert next_blocks(result.summary, result.plan, until) == result.plan.blocks
    assert len(result.replicates["x"]) == 2 * sum(result.plan.blocks)


def test_a_point_grows_by_one_block_at_least_and_twofold_at_most(tmp_path):
    plan = plan_of(tmp_path, blocks=10)
    spent = {0.1: 10, 0.1001: 11, 0.11: 13, 0.12: 15, 5.0: 20, math.nan: 20}
    for mcse, blocks in spent.items():
        assert next_blocks([line(mcse=mcse)], plan, Target(0.1)) == (blocks,), mcse


def test_no_spread_is_believed_before_a_pilots_replicates(tmp_path):
    """Four normal replicates look eleven times too alike in one run of a thousand, and a constant needs no less."""
    plan = plan_of(tmp_path, blocks=2)
    for mcse in (0.0, 0.05, 5.0):
        assert next_blocks([line(n=4, mcse=mcse)], plan, Target(0.1)) == (10,)
    assert next_blocks([line(n=4), line(n=0, measure="")], plan, Target(0.1)) == (10,)


@pytest.mark.parametrize("how", ["max_errors", "deleted", "longer"])
def test_until_ends_with_the_same_blocks_after_an_interruption(tmp_path, how):
    flag = tmp_path / "flag"
    body = f"if Path({str(flag)!r}).exists() and config.draws == 2 and streams[0].replicate == 12: 1 // 0\n{SPREAD}"
    path = write(tmp_path, with_cell(body))
    options = {"engine": "serial", "until": Target(0.35, "x"), "seed": 5}
    whole = run(path, out=tmp_path / "whole", **options)
    assert len(set(whole.plan.blocks)) == 2
    out = tmp_path / "out"
    if how == "max_errors":
        flag.touch()
        stopped = run(path, out=out, max_errors=0, **options)
        assert stopped.status == 3
        assert stopped.plan.blocks != whole.plan.blocks
        flag.unlink()
    elif how == "deleted":
        first = run(path, out=out, **options)
        for job in first.plan.jobs[1::2]:
            Store(out).path(job.key).unlink()
    else:
        run(path, engine="serial", out=out, seed=5, replicates=80)
    resumed = run(path, out=out, **options)
    assert resumed.plan.blocks == whole.plan.blocks
    assert digest(resumed) == digest(whole)
    assert resumed.reused > 0


def test_until_ends_with_the_same_blocks_on_any_number_of_workers(spread, tmp_path):
    kinds = [("serial", 1), ("threads", 3), ("local", 2)]
    until = Target(0.3, "x")
    results = [run(spread, engine=e, workers=w, out=tmp_path / f"{e}{w}", until=until) for e, w in kinds]
    assert len({result.plan.blocks for result in results}) == 1
    assert len({digest(result) for result in results}) == 1
    assert 10 == min(results[0].plan.blocks) < max(results[0].plan.blocks)


def test_blocks_that_until_added_are_of_the_same_run(spread, tmp_path):
    first = run(spread, engine="serial", out=tmp_path / "out", until=Target(0.5, "x"))
    again = run(spread, engine="serial", out=tmp_path / "out")
    assert again.plan.blocks == (2, 2)
    assert again.notes == ("all 4 blocks were there already: nothing to compute (--fresh recomputes)",)
    other = run(spread, engine="serial", out=tmp_path / "out", seed=1)
    assert other.notes == (
        f"{tmp_path / 'out'} also holds {sum(first.plan.blocks)} blocks of other runs (other settings, seed or code); "
        "the tables there are overwritten by this run",
    )


def test_until_where_everything_raises_ends_with_error_rows(tmp_path):
    path = write(tmp_path, with_cell("raise ValueError('no')"))
    result = run(path, engine="serial", out=tmp_path / "out", until=Target(0.1))
    assert (result.status, result.errors, result.computed) == (3, 8, 4)


def test_until_goes_on_where_some_replicates_raise(tmp_path):
    path = write(tmp_path, with_cell("if streams[0].replicate == 2: raise ValueError('no')\n" + SPREAD))
    result = run(path, engine="serial", out=tmp_path / "out", until=Target(0.6, "x"))
    assert (result.status, result.errors) == (3, 4)
    assert all(row["mcse"] <= 0.6 for row in result.summary if row["measure"] == "x")


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ("    cap: int | None = None", (None, 5)),
        ("    cap: int | str = 0", (5, "five")),
        ("    cap: bool | str = True", (True, "x")),
        ("    cap: float = 0.5", (math.nan, 0.5)),
        ("    cap: int = 0", (2**60, 2**60 + 1)),
        ("    cap: tuple[int, ...] = ()", ((1, 2), (1,))),
    ],
)
def test_the_planner_knows_a_grid_point_whatever_its_settings(tmp_path, config, values):
    path = write(tmp_path, with_cell(SPREAD, config))
    settings = {"draws": 2, "cap": values}
    result = run(path, engine="serial", out=tmp_path / "out", settings=settings, until=Target(0.9, "x"))
    assert all(row["mcse"] <= 0.9 for row in result.summary if row["measure"] == "x")


def plain_plan(capsys, path, tmp_path, *more):
    status = command([str(path), "--engine", "serial", "--out", str(tmp_path / "out"), *more])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()


def test_plan_runs_the_pilot_alone_and_prints_a_table(spread, tmp_path, capsys):
    status, out, err = plain_plan(capsys, spread, tmp_path, "--plan", "measure=x,mcse=0.1")
    assert (status, out[0]) == (0, "A question?")
    assert err == ["simlab: toy: 2 grid points x 20 replicates, 20 blocks of 2, seed 0"]
    assert len(list((tmp_path / "out" / "blocks").iterdir())) == 20
    head = " ".join(" ".join(out[2:4]).split())
    for words in ("draws", "method", "measure", "mean", "pilot", "replicates", "needed", "at 95 %", "confidence"):
        assert words in head
    cells = [row.split() for row in out[5:7]]
    assert [row[:3] for row in cells] == [["1", "a", "x"], ["2", "a", "x"]]
    assert [row[-3] for row in cells] == ["20", "20"]
    least, most = (int(row[-1].replace(",", "")) for row in cells)
    assert least < most
    rounded = most + most % 2
    assert re.fullmatch(
        rf"{rounded:,} replicates at every grid point reach mcse 0.1 of x with 95 % confidence, in [\d.]+ s of "
        rf"computing: --replicates {rounded}; --until measure=x,mcse=0.1 stops at each point when it is reached, "
        r"in about [\d.]+ s",
        out[-1],
    )


def test_plan_with_a_pilot_of_its_own_size(spread, tmp_path, capsys):
    status, out, _ = plain_plan(capsys, spread, tmp_path, "--plan", "measure=once,mcse=0.1", "--replicates", "4")
    assert status == 0
    assert [row.split()[-3:] for row in out[5:7]] == [["1", "?", "?"], ["1", "?", "?"]]
    assert out[-1] == "one replicate has no spread: give the pilot more --replicates"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--plan", "mcse=0"], "--plan mcse=0: mcse must be a number above 0, such as 0.005"),
        (["--plan", "mcse=1", "--until", "mcse=1"], "--plan and --until are both given: choose one of them"),
        (["--plan", "measure=z,mcse=1"], "measure 'z' is unknown: choose from always, never, once, sometimes, x"),
        (["--until", "measure=z,mcse=1"], "measure 'z' is unknown: choose from always, never, once, sometimes, x"),
        (
            ["--plan", "measure=never,mcse=1"],
            "mcse 1 of never: no replicate has a finite value of never: choose another measure",
        ),
    ],
)
def test_a_target_that_cannot_be_met_is_exit_status_2(spread, tmp_path, capsys, arguments, sentence):
    status, out, err = plain_plan(capsys, spread, tmp_path, *arguments)
    assert (status, out, err[-1]) == (2, [], f"simlab: {sentence}")


def test_plan_says_what_raised_and_which_bound_failed(tmp_path, capsys):
    body = "if config.draws == 2 and streams[0].replicate == 4: raise ValueError('no')\n"
    rows = '[{"replicate": s.replicate, "method": "a", "x": 0.5, "b_slack": -1.0} for s in streams]'
    bound = """
class Bound:
    slug, name, kind = "b", "Bound", "deterministic"
THEOREMS = (Bound(),)
"""
    path = write(tmp_path, with_cell(f"{body}return {rows}") + bound)
    status, out, _ = plain_plan(capsys, path, tmp_path, "--plan", "measure=x,mcse=0.1")
    assert status == 1
    assert "Not complete: 2 replicates raised." in out
    assert "Bound (b): VIOLATED; smallest slack -1 over 38 rows at draws = 1, method a." in out


@pytest.mark.parametrize("measure", ["sahre", "replicate", "sahre.coverage"])
def test_a_measure_that_is_not_there_is_told_with_the_first_block(tmp_path, measure):
    toy = write(tmp_path)
    with pytest.raises(BadInput, match="is unknown") as mistake:
        run(toy, engine="serial", until=Target(0.1, measure), out=tmp_path / "out")
    assert str(mistake.value).startswith(f"measure {measure!r} is unknown: ")
    assert not (tmp_path / "out").exists()


def test_fresh_deletes_the_blocks_that_a_target_added(tmp_path):
    toy = write(tmp_path)
    long = run(toy, engine="serial", until=Target(0.05, "share"), out=tmp_path / "out")
    again = run(toy, engine="serial", until=Target(0.05, "share"), fresh=True, out=tmp_path / "out")
    assert len(long.plan.jobs) > 8
    assert (again.reused, again.computed) == (0, len(long.plan.jobs))
