"""Runs: the alarm of clustered repetition fires on what is written in runs, and stays silent on shuffled tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binom

from simlab.audit import audit_corpus
from simlab.audit.runs import GROUPS, Near, clustered, tail
from simlab.tables import Order, Window
from simlab.tables.order import widths_of, within


def order_of(rows) -> Order:
    """How the rows of a table of integers lie, counted the plain way."""
    rows = np.asarray(rows)
    n, places = len(rows), np.argsort(rows, kind="stable")
    times = np.unique(rows, return_counts=True)[1]
    last = np.cumsum(times) - 1
    span = places[last] - places[last - times + 1]
    counts, facts = np.unique(times, return_counts=True)
    windows = []
    for width in widths_of(n, n):
        near = times[span <= width]
        expected = facts * np.array([within(k, width, n) for k in counts.tolist()])
        windows.append(
            Window(
                width,
                float(near.sum()) / n,
                float((counts * expected).sum()) / n,
                *(int((near == 2).sum()), float(expected[counts == 2].sum())),
                *(int((near > 2).sum()), float(expected[counts > 2].sum())),
            )
        )
    return Order(n, int((times == 1).sum()), int((times == 2).sum()), int((times > 2).sum()), tuple(windows))


def drawn(seed: int, size: int = 4000, facts: int = 3000, exponent: float = 0.7) -> np.ndarray:
    weights = np.arange(1, facts + 1) ** -exponent
    return np.random.default_rng(seed).choice(facts, size, p=weights / weights.sum())


def in_runs(rows, share: float, lengths: tuple[int, int], seed: int) -> np.ndarray:
    """The rows, a share of which is written so many times in a row."""
    rng = np.random.default_rng((seed, 1))
    long = rng.integers(lengths[0], lengths[1] + 1, len(rows))
    return np.repeat(rows, np.where(rng.random(len(rows)) < share, long, 1))


# ---- what must be seen ----


@pytest.mark.parametrize("lengths", [(2, 2), (3, 3), (5, 5), (10, 19)], ids=["pairs", "triples", "fives", "10 to 19"])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.3])
def test_draws_written_in_runs_are_seen(exponent, share, lengths):
    for seed in range(3):
        rows = drawn(seed, 20_000, 20_000, exponent)
        alarm = clustered(order_of(in_runs(rows, share, lengths, seed)), 0.2)
        assert alarm is not None
        assert alarm.grade == "alarm"
        assert alarm.evidence["windowed"] > alarm.evidence["windowed_expected"]
        (group,) = [one for one in GROUPS if one in alarm.evidence]
        assert group == "oftener" or lengths == (2, 2)
        assert alarm.evidence[f"{group}_within"] > alarm.evidence[f"{group}_expected"] + 1


@pytest.mark.parametrize("seed", range(5))
def test_rare_facts_in_long_runs_and_sorted_tables_are_seen(seed):
    rows = drawn(seed)
    common = np.random.default_rng(seed).integers(0, 40, 20_000)  # each stands some 500 times
    rare = np.repeat(np.arange(1000, 1030), np.random.default_rng(seed).integers(10, 20, 30))
    for table in (np.sort(rows), np.repeat(rows[:2000], 2), np.repeat(np.arange(500), 3), np.append(common, rare)):
        alarm = clustered(order_of(table), 0.3)
        assert alarm is not None
        assert alarm.evidence["p_value"] < 1e-4 / 8


@pytest.mark.parametrize("seed", range(5))
def test_copies_some_rows_on_are_told_with_their_evidence(seed):
    rows = drawn(seed)
    runs = rows.copy()
    copied = np.random.default_rng(seed).choice(len(rows) - 5, 120, replace=False)
    runs[copied + 4] = runs[copied]  # 3 % of the rows are repeated four rows on
    alarm = clustered(order_of(runs), 0.3)
    found = alarm.evidence
    assert found["p_value"] < 1e-4 / 8
    assert alarm.sentence == (
        f"{found['twice_within']:,} of the {found['twice']:,} prompts answered twice stand within {found['width']:,} "
        f"rows of each other, where a shuffled table has {found['twice_expected']:,.1f}: either the table is sorted, "
        "and its order says nothing (--no-order-check leaves it aside), or facts were copied in runs, and the "
        f"singleton rate 0.3000 is too low: the windowed estimate is {found['windowed']:.4f}, and "
        f"{found['windowed_expected']:.4f} in a shuffled table"
    )


def test_triples_are_told_as_such():
    found = clustered(order_of(np.repeat(np.arange(500), 3)), 0.0)
    assert found.evidence["oftener_within"] == found.evidence["oftener"] == 500
    assert found.sentence.startswith("500 of the 500 prompts answered three times or more stand within ")


# ---- what must not ----


WORLDS = {
    "zipf 0.7": lambda rng: drawn(int(rng.integers(2**31)), 2000, 1500),
    "zipf 1.3": lambda rng: drawn(int(rng.integers(2**31)), 2000, 5000, 1.3),
    "equal, few rows": lambda rng: rng.integers(0, 100, 300),
    "equal, thrice": lambda rng: rng.integers(0, 700, 2000),
    "each twice": lambda rng: rng.permutation(np.repeat(np.arange(300), 2)),
    "each five times": lambda rng: rng.permutation(np.repeat(np.arange(60), 5)),
    "runs, shuffled": lambda rng: rng.permutation(
        in_runs(drawn(int(rng.integers(2**31)), 1500), 0.1, (3, 9), int(rng.integers(2**31)))
    ),
}
SEEDS = 300


@pytest.mark.parametrize("world", WORLDS)
def test_shuffled_tables_raise_no_alarm_and_each_test_keeps_its_level(world):
    """One in 10,000 is promised; and each test by itself is below 1 % about as often as it says, or less."""
    alarms, low = 0, dict.fromkeys(itertools.product(range(4), GROUPS), 0)
    for seed in range(SEEDS):
        order = order_of(WORLDS[world](np.random.default_rng(seed)))
        alarms += clustered(order, 0.3) is not None
        for at, window in enumerate(order.windows):
            for group in GROUPS:
                low[at, group] += tail(near(order, window, group)) < 0.01
    assert alarms == 0
    assert max(low.values()) <= binom.ppf(1 - 1e-5, SEEDS, 0.01)


def near(order: Order, window: Window, group: str) -> Near:
    seen, expected = getattr(window, group), getattr(window, f"{group}_expected")
    return Near(window, group, getattr(order, group), seen, expected)


def test_a_small_excess_in_a_huge_table_is_no_alarm():
    window = Window(1000, 0.3, 0.3, 10_500_000, 10_000_000.0, 0, 0.0)
    order = Order(10**10, 5 * 10**9, 10**9, 0, (window,))
    assert tail(near(order, window, "twice")) < 1e-10
    assert clustered(order, 0.3) is None
    nothing = Window(1000, 0.3, 0.3, 0, 0.0, 0, 0.0)
    assert clustered(Order(10**10, 10**10, 0, 0, (nothing,)), 0.3) is None
    assert clustered(None, 0.3) is None


# ---- the tail ----


def test_the_tail_is_the_binomial_one():
    for prompts, seen, chance in itertools.product((1, 7, 5000), (0, 1, 7), (0.001, 0.3)):
        one = Near(Window(5, 0, 0, 0, 0, 0, 0), "twice", prompts, min(seen, prompts), chance * prompts)
        exact = binom.sf(one.seen - 1, prompts, chance)
        assert tail(one) == pytest.approx(exact if one.seen >= one.expected + 1 else 1.0, rel=1e-9)


def test_the_tail_bounds_that_of_any_sum_of_chances():
    """Against the exact law of the sum, by convolution: at most the binomial tail from the mean + 1 on."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        chances = rng.random(rng.integers(2, 30)) ** rng.integers(1, 9)
        law = np.array([1.0])
        for chance in chances:
            law = np.convolve(law, [1 - chance, chance])
        for seen in range(len(law)):
            one = Near(Window(5, 0, 0, 0, 0, 0, 0), "oftener", len(chances), seen, float(chances.sum()))
            assert law[seen:].sum() <= tail(one) * (1 + 1e-9)


# ---- beside the hump in the counts ----


def hump_and_runs(tmp_path, rows):
    path = tmp_path / "facts.csv"
    path.write_text("q,a\n" + "".join(f"q{row},a{row % 7}\n" for row in np.asarray(rows).tolist()))
    found = audit_corpus(path, prompt="q", answer="a", spelling_check=False)
    return {finding.name: finding for finding in found.findings}


def test_runs_come_before_the_hump_that_they_make_and_are_its_cause(tmp_path):
    rows = in_runs(drawn(0, 4000, 3000, 1.0), 0.6, (3, 3), 0)
    found = hump_and_runs(tmp_path, rows)
    assert list(found)[:2] == ["clustered", "without_replacement"]
    assert found["without_replacement"].sentence.endswith(
        ": the runs named above explain it, as facts written several times in a row make such a hump; if the table is "
        "merely sorted, rows drawn without replacement, or de-duplicated in part, do"
    )
    alone = hump_and_runs(tmp_path, np.random.default_rng(0).permutation(rows))
    assert list(alone) == ["without_replacement"]
    assert "the runs named above" not in alone["without_replacement"].sentence
