"""The audit of evaluation logs: every number against its definition, alarms with negative controls, words and page."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from test_audit import Checked, fields_of

from simlab.audit import EvalsAudit, audit_evals
from simlab.audit.evals_ranks import leaderboard_of, shared_questions
from simlab.audit.evals_scores import CURVE, TARGETS, stated_of
from simlab.calibration.clusters import clusters_of
from simlab.errors import BadInput
from simlab.grading import confidence_target, points
from simlab.logs import ABSTAINED, CORRECT, read_logs

ROOT = Path(__file__).parents[1]
DATA = os.environ.get("SIMLAB_DATA", "")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(name: str, rows: list[tuple], columns: str = "id,grade,confidence") -> str:
    Path(name).write_text(columns + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return name


def model(name: str, n: int = 400, seed: int = 0, *, bluffs: float = 1.0, skill: float = 0.0, samples: int = 1) -> str:
    """A log of a calibrated model, right with chance q, that answers with chance ``bluffs`` where q is below .5."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        q = float(np.clip(rng.beta(2, 2) + skill, 0.01, 0.99))
        for _ in range(samples):
            silent = q < 0.5 and rng.random() >= bluffs
            grade = "NOT_ATTEMPTED" if silent else "CORRECT" if rng.random() < q else "INCORRECT"
            rows.append((i, grade, round(q, 3)))
    return table(name, rows)


def alarms(audit: EvalsAudit) -> set[str]:
    return {alarm.name for alarm in audit.alarms}


def names(audit: EvalsAudit) -> set[str]:
    return {finding.name for finding in audit.findings}


# ---- the numbers ----


def test_a_log_counted_by_hand():
    table("a.csv", [(1, 1, 0.9), (2, 1, 0.6), (3, 0, 0.8), (4, 0, 0.4), (5, "idk", 0.7), (6, "idk", 0.2), (7, "", 0.5)])
    one = audit_evals("a.csv").logs[0]
    counts = one.counts
    assert (counts.samples, counts.missing, counts.questions) == (7, 1, 6)
    assert (counts.correct, counts.wrong, counts.abstained, counts.confident) == (2, 2, 2, 4)
    rates = one.rates
    assert rates.accuracy.estimate == rates.error.estimate == rates.abstention.estimate == pytest.approx(1 / 3)
    assert (rates.coverage.estimate, rates.accuracy_answered.estimate) == (pytest.approx(2 / 3), 0.5)
    assert rates.bluffing.estimate == 0.5
    at = {target.t: target for target in one.scores.targets}
    assert tuple(at) == TARGETS
    assert [round(at[t].penalty, 12) for t in TARGETS] == [0, 1, 3, 9]
    assert at[0.75].as_answered.estimate == pytest.approx((2 - 2 * 3) / 6)
    assert at[0.5].by_confidence.estimate == pytest.approx((1 + 1 - 1) / 6)
    assert at[0.75].by_confidence.estimate == pytest.approx((1 - 3) / 6)
    assert at[0.5].answered.estimate == pytest.approx(3 / 6)
    assert at[0.5].accuracy_answered.estimate == pytest.approx(2 / 3)
    assert at[0.5].under_abstention.estimate == pytest.approx(1 / 6)  # the answer at .4
    assert at[0.5].over_abstention.estimate == pytest.approx(1 / 6)  # the abstention at .7
    assert at[0.75].over_abstention.estimate == 0
    assert at[0.0].over_abstention.estimate == pytest.approx(2 / 6)
    assert (at[0.75].best_threshold, at[0.75].best_score) == (0.8, pytest.approx(1 / 6))
    assert (at[0.5].best_threshold, at[0.5].best_score) == (0.4, pytest.approx(1 / 6))
    assert one.scores.mean_as_answered.estimate == pytest.approx((2 + 2 * 0.5) / 6)
    by = 0.9 + (1 - 0.81) / 2 + 0.6 + (1 - 0.36) / 2 + (1 - 0.64) / 2 + (1 - 0.16) / 2 + 2 * 0.5
    assert one.scores.mean_by_confidence.estimate == pytest.approx(by / 6)
    assert one.selection.auroc.estimate == 0.75


def test_by_confidence_abstentions_count_without_one_and_answers_do_not():
    table("a.csv", [(1, 1, 0.9), (2, 0, 0.8), (3, 1, ""), (4, "idk", ""), (5, "idk", 0.95)])
    one = audit_evals("a.csv").logs[0]
    at = next(target for target in one.scores.targets if target.t == 0.75)
    assert at.by_confidence.estimate == pytest.approx((1 - 3) / 4)  # the answer without one is left out
    assert at.answered.estimate == pytest.approx(2 / 4)
    assert at.over_abstention.estimate == pytest.approx(1 / 4)
    assert at.as_answered.estimate == pytest.approx((1 - 3 + 1) / 5)


def test_the_score_as_answered_is_its_closed_form():
    """coverage (a - t)/(1 - t), a the accuracy given an answer; it is 0 at t = a."""
    one = audit_evals(model("a.csv", bluffs=0.3)).logs[0]
    a, coverage = one.rates.accuracy_answered.estimate, one.rates.coverage.estimate
    for t, score in zip(one.scores.t, one.scores.as_answered, strict=True):
        assert score.estimate == pytest.approx(coverage * (a - t) / (1 - t), abs=1e-12)


def test_the_mean_over_all_targets_is_the_mean_of_affine_scores_and_a_brier_score():
    one = audit_evals(model("a.csv")).logs[0]
    brier, accuracy = one.calibration.brier.brier.estimate, one.rates.accuracy.estimate
    assert one.scores.mean_by_confidence.estimate == pytest.approx((1 + accuracy - brier) / 2, abs=1e-12)
    log = audit_evals(model("b.csv", bluffs=0.4)).logs[0]
    right, answered = log.log.outcome == CORRECT, log.log.outcome != ABSTAINED
    t = (np.arange(20_000) + 0.5) / 20_000
    by = np.mean([np.where(answered & (log.log.confidence > s), right, s).mean() for s in t[::20]])
    assert log.scores.mean_by_confidence.estimate == pytest.approx(by, abs=1e-3)
    assert log.scores.mean_as_answered.estimate == pytest.approx(np.where(answered, right, 0.5).mean())


def test_regrading_at_t_is_answering_above_t_and_an_abstention_scores_nothing():
    log = read_logs(model("a.csv", bluffs=0.5))[0]
    one = audit_evals("a.csv").logs[0]
    for t, score in zip(CURVE, one.scores.by_confidence, strict=True):
        answered = (log.confidence > t) & (log.outcome != ABSTAINED)
        earned = points(confidence_target(float(t)), log.outcome == CORRECT, answered)
        assert score.estimate == pytest.approx(earned.mean(), abs=1e-12)


def test_the_best_threshold_is_that_of_a_search_over_all():
    for seed in range(5):
        log = read_logs(model("a.csv", 60, seed, bluffs=0.6))[0]
        by = stated_of(log, clusters_of(log.question, log.question.size))
        for t in (0.3, 0.75, 0.9):
            tried = [(by.score(s, 0.95).estimate, s) for s in (0.0, *np.unique(by.confidence))]
            threshold, score = by.best(t)
            rule = confidence_target(t)
            worth = [(points(rule, by.right, by.above(s)).mean(), s) for _, s in tried]
            best = max(value for value, _ in worth)
            assert score == pytest.approx(best, abs=1e-12)
            assert points(rule, by.right, by.above(threshold)).mean() == pytest.approx(best, abs=1e-12)


def test_a_calibrated_model_scores_best_near_its_own_threshold_and_a_vain_one_above():
    honest = audit_evals(model("a.csv", 4000)).logs[0].scores.targets[2]
    assert honest.best_score - honest.by_confidence.estimate < 0.02
    rows = [(i, g, round(float(c) ** 0.25, 4)) for i, (_, g, c) in enumerate(
        line.split(",") for line in Path("a.csv").read_text().split()[1:]
    )]  # fmt: skip
    vain = audit_evals(table("b.csv", rows)).logs[0].scores.targets[2]
    assert vain.best_threshold > 0.85
    assert vain.best_score - vain.by_confidence.estimate > 0.2
    assert vain.accuracy_answered.high < 0.75 < honest.accuracy_answered.high


def test_intervals_count_questions_and_not_samples():
    one = audit_evals(model("a.csv", 100)).logs[0]
    rows = [line.split(",") for line in Path("a.csv").read_text().split()[1:]]
    copied = audit_evals(table("b.csv", rows * 25)).logs[0]
    width = one.rates.accuracy.high - one.rates.accuracy.low
    assert copied.rates.accuracy.high - copied.rates.accuracy.low == pytest.approx(width, rel=0.03)
    assert copied.counts.questions == 100
    distinct = audit_evals(table("c.csv", [(i, *row[1:]) for i, row in enumerate(rows * 25)])).logs[0]
    assert distinct.rates.accuracy.high - distinct.rates.accuracy.low < width / 4  # the negative control


def widths(found: object, name: str = "") -> dict[str, float]:
    """The widths of all intervals in a dictionary, those of curves included, by their places in it."""
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, dict):
        return {}
    if {"estimate", "low", "high"} <= set(found):
        ends = np.array([found["low"], found["high"]], dtype=float).reshape(2, -1)
        return {f"{name}.{i}": float(high - low) for i, (low, high) in enumerate(ends.T)}
    return {key: width for part, inner in found.items() for key, width in widths(inner, f"{name}.{part}").items()}


def test_every_interval_of_a_log_counts_questions():
    """A question written sixteen times says no more than once; of sixteen times the questions intervals are narrow."""
    once = audit_evals(model("a.csv", 120, bluffs=0.5)).logs[0]
    rows = [line.split(",") for line in Path("a.csv").read_text().split()[1:]]
    copied = audit_evals(table("b.csv", rows * 16)).logs[0]
    distinct = audit_evals(table("c.csv", [(i, *row[1:]) for i, row in enumerate(rows * 16)])).logs[0]
    one, same, less = (widths(log.as_dict()) for log in (once, copied, distinct))
    assert set(one) == set(same) == set(less)
    assert {".scores.targets.2.by_confidence.0", ".calibration.smooth_ece.0", ".selection.e_aurc.0"} < set(one)
    assert len(one) > 80
    for name, width in one.items():
        assert same[name] == pytest.approx(width, rel=0.12, abs=1e-12), name
        assert less[name] < 0.6 * width or width == 0, name


def test_without_confidences_there_is_no_calibration():
    one = audit_evals(table("a.csv", [(i, i % 2) for i in range(40)], "id,grade")).logs[0]
    assert one.calibration is one.selection is None
    assert one.scores.by_confidence is one.scores.mean_by_confidence is one.scores.targets[1].by_confidence is None


def test_edges_all_right_all_wrong_all_silent():
    right = audit_evals(table("a.csv", [(i, 1, 0.01 * i) for i in range(50)])).logs[0]
    assert right.rates.bluffing is None
    assert right.selection.auroc is None
    silent = audit_evals(table("b.csv", [(i, "idk", "") for i in range(50)])).logs[0]
    assert silent.rates.accuracy_answered is None
    assert silent.calibration is None
    assert [at.as_answered.estimate for at in silent.scores.targets] == [0] * 4
    certain = audit_evals(table("c.csv", [(i, int(i > 5), 1.0 if i % 2 else 0.5) for i in range(50)]))
    assert certain.logs[0].scores.targets[-1].answered.estimate == 0.5
    (said,) = [one for one in certain.findings if one.name == "certain_and_wrong"]
    assert dict(said.evidence) == {"wrong": 3, "certain": 25}
    nearly = table("e.csv", [(i, int(i > 5), 0.999999 if i % 2 else 0.5) for i in range(50)])
    assert "certain_and_wrong" not in names(audit_evals(nearly))
    for audit in (audit_evals("a.csv"), audit_evals("b.csv"), certain):
        json.dumps(audit.as_dict(), allow_nan=False)
        assert Checked(audit.html()).open == []
    with pytest.raises(BadInput) as error:
        audit_evals(table("d.csv", [(1, 1, 0.5), (1, 0, 0.5)]))
    assert str(error.value) == "d.csv: all samples are of one question: an interval needs at least 2 questions"


def test_a_target_that_is_stated_is_among_those_told():
    audit = audit_evals(model("a.csv"), target=0.6)
    assert [at.t for at in audit.logs[0].scores.targets] == [0, 0.5, 0.6, 0.75, 0.9]
    for options, sentence in (
        ({"target": 1.0}, "target = 1.0: a confidence target must be a number from 0 to below 1, such as 0.75"),
        ({"penalty": -1}, "penalty = -1: must be a finite number of at least 0"),
        ({"level": 1}, "level = 1: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
    ):
        with pytest.raises(BadInput) as error:
            audit_evals("a.csv", **options)
        assert str(error.value) == sentence


# ---- ranks ----


def test_a_target_reverses_the_ranks_of_a_bluffer_and_an_honest_model():
    model("bluffer.csv", 3000, 1, bluffs=1.0, skill=0.03)
    model("honest.csv", 3000, 1, bluffs=0.0)
    board = audit_evals(["bluffer.csv", "honest.csv"]).leaderboard
    first = {(b.t, b.by_confidence): b.standings[0] for b in board.boards}
    assert (first[0.0, False].log, first[0.0, False].high) == ("bluffer.csv", 1)
    assert (first[0.75, False].log, first[0.75, False].high) == ("honest.csv", 1)
    assert set(first) == {(t, False) for t in TARGETS} | {(t, True) for t in TARGETS if t}


def test_scores_of_a_board_are_those_of_the_logs_on_the_questions_that_all_share():
    table("a.csv", [(i, i % 2, 0.5) for i in range(40)])
    table("b.csv", [(i, i % 3 == 0, 0.9) for i in range(20, 70)])
    logs = read_logs(["a.csv", "b.csv"])
    shared = shared_questions(logs)
    assert shared.size == 20
    board = leaderboard_of(logs, (0.75,), 0.95, shared)
    score = {s.log: s.score.estimate for s in board.boards[0].standings}
    rows = range(20, 40)
    assert score["a.csv"] == pytest.approx(np.mean([1 if i % 2 else -3 for i in rows]))
    assert score["b.csv"] == pytest.approx(np.mean([-3 if i % 3 else 1 for i in rows]))
    by_confidence = board.boards[1].standings[0]
    assert (by_confidence.log, by_confidence.score.estimate) == ("a.csv", 0)  # never above .75
    apart = read_logs([table("c.csv", [(f"x{i}", i % 2, 0.5) for i in range(30)]), "a.csv"])
    alone = leaderboard_of(apart, (0.0,), 0.95, shared_questions(apart))
    assert (alone.paired, alone.questions) == (False, 0)
    assert {s.score.estimate for s in alone.boards[0].standings} == {0.5}


def test_a_question_counts_by_confidence_where_all_logs_have_one_for_it():
    table("a.csv", [(i, i % 2, "" if i < 10 else 0.9) for i in range(40)])
    table("b.csv", [(i, i % 3 == 0, 0.8) for i in range(40)])
    boards = {(b.t, b.by_confidence): b for b in audit_evals(["a.csv", "b.csv"]).leaderboard.boards}
    score = {s.log: s.score.estimate for s in boards[0.75, True].standings}
    rows = range(10, 40)
    assert score["a.csv"] == pytest.approx(np.mean([1 if i % 2 else -3 for i in rows]))
    assert score["b.csv"] == pytest.approx(np.mean([-3 if i % 3 else 1 for i in rows]))
    whole = {s.log: s.score.estimate for s in boards[0.75, False].standings}
    assert whole["b.csv"] == pytest.approx(np.mean([-3 if i % 3 else 1 for i in range(40)]))


def test_samples_of_a_question_are_one_question():
    table("a.csv", [(i, 1, 0.5) for i in range(5) for _ in range(10)] + [(i, 0, 0.5) for i in range(5, 20)])
    table("b.csv", [(i, i < 6, 0.5) for i in range(20)])
    board = audit_evals(["a.csv", "b.csv"]).leaderboard.boards[0]
    assert {s.log: s.score.estimate for s in board.standings} == {"a.csv": 0.25, "b.csv": 0.3}


def test_a_board_of_many_logs_has_any_level_that_there_is():
    names = [table(f"{i}.csv", [(q, (q + i) % 2) for q in range(40)], "id,grade") for i in range(4)]
    board = audit_evals(names, level=1 - 1e-9).leaderboard.boards[0]
    assert {(one.low, one.high) for one in board.standings} == {(1, 4)}


# ---- alarms, each with a log that must not raise it ----


def test_a_sound_log_raises_no_alarm():
    audit = audit_evals(model("a.csv", 500, bluffs=0.5))
    assert names(audit) == set()


def test_an_accuracy_below_chance_is_the_parsers():
    rng = np.random.default_rng(7)

    def log(p, n=400):
        return table("a.csv", [(i, int(rng.random() < p), 4) for i in range(n)], "id,grade,choices")

    assert "below_chance" in alarms(audit_evals(log(0.10)))
    assert "below_chance" not in alarms(audit_evals(log(0.40)))
    assert not any("below_chance" in alarms(audit_evals(log(0.25, 60))) for _ in range(20))  # a blind guess
    table("b.csv", [(i, int(i % 10 == 0)) for i in range(400)], "id,grade")
    assert "below_chance" not in alarms(audit_evals("b.csv"))  # it does not say how many choices there were
    assert "below_chance" in alarms(audit_evals("b.csv", choices=4))


def test_confidences_that_are_none_are_told():
    assert "confidence_constant" in alarms(audit_evals(table("a.csv", [(i, i % 2, 0.7) for i in range(40)])))
    outside = audit_evals(table("b.csv", [(i, i % 2, 0.7 + 0.05 * i) for i in range(40)]))
    found = next(alarm for alarm in outside.alarms if alarm.name == "confidence_outside")
    assert found.evidence["rows"] == 33
    percent = audit_evals(table("c.csv", [(i, i % 2, 50 + i) for i in range(40)]))
    assert "--percent divides them by 100" in next(a.sentence for a in percent.alarms if a.name == "confidence_outside")
    assert "confidence_outside" not in alarms(audit_evals("c.csv", percent=True))


def test_one_question_with_two_grades_is_told_unless_its_answers_differ():
    rows = [(i, i % 2, "x") for i in range(40)]
    table("a.csv", [*rows, (3, 0, "x")], "id,grade,answer")
    found = next(alarm for alarm in audit_evals("a.csv").alarms if alarm.name == "conflicting_grades")
    assert found.sentence.endswith("with the same answer: the first at line 5 and line 42")
    table("b.csv", [*rows, (3, 0, "y")], "id,grade,answer")
    assert "conflicting_grades" not in alarms(audit_evals("b.csv"))
    assert "repeated_questions" in names(audit_evals("b.csv"))


def test_questions_of_the_training_data_are_told_with_the_accuracy_on_them():
    table("a.csv", [(i, int(i < 30 or i % 2)) for i in range(100)], "id,grade")
    table("train.csv", [(i,) for i in range(30)], "id")
    found = next(alarm for alarm in audit_evals("a.csv", train="train.csv").alarms if alarm.name == "train_overlap")
    assert dict(found.evidence) == {"questions": 30, "accuracy_seen": 1.0, "accuracy_unseen": 0.5}
    table("other.csv", [(i,) for i in range(100, 200)], "id")
    assert "train_overlap" not in alarms(audit_evals("a.csv", train="other.csv"))


def test_a_log_without_abstentions_is_told():
    assert "no_abstention" in alarms(audit_evals(model("a.csv", 400)))
    assert "no_abstention" not in alarms(audit_evals(model("a.csv", 400, bluffs=0.9)))


def test_a_penalty_of_2_at_a_stated_75_per_cent_is_told():
    scores = table("a.csv", [(i, (1, -2, 0)[i % 3]) for i in range(400)], "id,score")
    audit = audit_evals(scores, target=0.75)
    (found,) = [alarm for alarm in audit.alarms if alarm.name == "penalty_mismatch"]
    assert found.sentence == (
        "the text states 75% and a penalty of 2 rewards answering from 2/3 (66.67%) on: a target of 75% needs a "
        "penalty of 3"
    )
    assert audit.stated.rewarded == pytest.approx(2 / 3)
    assert "penalty_mismatch" not in alarms(audit_evals(scores, target=2 / 3))
    assert "penalty_mismatch" not in alarms(audit_evals(scores, target=0.75, penalty=3))
    assert "penalty_mismatch" in alarms(audit_evals(model("b.csv"), target=0.75, penalty=2))
    other = table("c.csv", [(i, (1, -3, 0)[i % 3]) for i in range(400)], "id,score")
    with pytest.raises(BadInput) as error:
        audit_evals([scores, other])
    assert str(error.value) == "the logs have penalties of 2, 3: audit them apart"


def test_too_few_questions_for_a_claim_are_told_with_how_many_it_takes():
    found = next(a for a in audit_evals(model("a.csv", 40)).alarms if a.name == "too_few_rows")
    needed = found.evidence["questions_needed"]
    assert 250 < needed < 500
    more = audit_evals(model("b.csv", needed))
    assert more.logs[0].rates.accuracy.high - more.logs[0].rates.accuracy.low == pytest.approx(0.1, rel=0.1)
    assert "too_few_rows" not in alarms(more)


def test_missing_grades_are_a_note_and_an_alarm_where_they_are_many():
    for missing, grade in ((4, "note"), (40, "alarm")):
        rows = [(i, i % 2 if i >= missing else "", 0.01 * (i % 100)) for i in range(400)]
        (found,) = [f for f in audit_evals(table("a.csv", rows)).findings if f.name == "missing_grades"]
        assert (found.grade, found.evidence["missing"]) == (grade, missing)


def test_logs_of_different_questions_are_told():
    table("a.csv", [(i, i % 2) for i in range(100)], "id,grade")
    for shift, told in ((5, False), (50, True), (200, True)):
        table("b.csv", [(i + shift, i % 2) for i in range(100)], "id,grade")
        audit = audit_evals(["a.csv", "b.csv"])
        assert ("different_questions" in alarms(audit)) == told
        assert audit.leaderboard.paired == (shift < 200)


def test_notes_say_what_is_left_out():
    rows = [(i if i else "", (1, 0, 0.5)[i % 3], "" if i % 7 == 0 else round(0.001 * i, 3)) for i in range(300)]
    assert {"partial_credit", "no_ids", "confidence_missing"} <= names(audit_evals(table("a.csv", rows)))
    twice = audit_evals(table("b.csv", [(i % 200, i % 2, 0.001 * (i % 200)) for i in range(400)]))
    assert "was the log written twice?" in next(f.sentence for f in twice.findings if f.name == "repeated_questions")


# ---- words, page, JSON, documentation ----


def full() -> EvalsAudit:
    """Logs that have something to say everywhere."""
    model("a.csv", 300, 1, bluffs=0.5, samples=2)
    model("b.csv", 300, 2)
    with Path("a.csv").open("a") as file:
        file.write("7,banana,0.5\n8,,0.5\n")
    return audit_evals(["a.csv", "b.csv"], target=0.75, penalty=2, skip_bad_rows=True)


def test_the_documentation_names_every_field_of_the_json():
    said = full().as_dict()
    documented = re.findall(
        r"^\| `([\w.\[\]]+)` \|", (ROOT / "docs" / "evals.md").read_text().split("## The JSON")[1], re.M
    )
    assert len(documented) == len(set(documented))
    free = {"logs[].mapping", "formats"}  # by names of their own
    found = {next((one for one in free if name.startswith(f"{one}.")), name) for name in fields_of(said)}
    assert set(documented) == found | {"logs[].calibration", "logs[].selection", "leaderboard", "stated"}


def test_the_documentation_names_every_finding():
    named = set(re.findall(r"^\| `(\w+)` \| (?:alarm|note)", (ROOT / "docs" / "evals.md").read_text(), re.M))
    sources = (ROOT / "simlab" / "audit").glob("evals*.py")
    made = {name for path in sources for name in re.findall(r'Finding\(\s*"(\w+)"', path.read_text())}
    assert named == made | {"skipped_rows"}


def test_the_documentation_names_every_option():
    from typer.main import get_command

    from simlab.audit.evals_options import app

    text = (ROOT / "docs" / "evals.md").read_text()
    options = {name for parameter in get_command(app).params for name in parameter.opts if name.startswith("--")}
    for name in options - {"--version", "--quiet", "--memory-limit", "--level"}:
        assert f"`{name}" in text or f", `{name}" in text or f" {name}" in text, name


def test_the_text_says_how_each_log_was_read_and_what_comes_first():
    lines = full().text().splitlines()
    assert lines[0] == "a.csv, b.csv"
    assert lines[1] == "2 logs, 901 samples; 300 questions in all of them"
    assert lines[3].endswith("alarms and 3 notes")
    head = "== a.csv: 601 samples, 1 without a grade, 1 skipped as bad; 300 questions:"
    assert any(line.startswith(head) for line in lines)
    read_as = [line.strip() for line in lines if line.strip().startswith("read as ")]
    assert read_as[0] == (
        "read as SimpleQA gradings (told by what its grades say): id = column 'id'; grade = column 'grade'; confidence "
        "= column 'confidence'"
    )
    assert any(line.startswith("Ranks: t = 0.75, by confidence") for line in lines)
    told = re.findall(r"^  t = 0\.5, penalty 1 +answers (.*)$", full().text(), re.M)
    ends = r"-?\d\.\d+ \(-?\d\.\d+ to -?\d\.\d+\)"
    assert re.match(rf"{ends}, {ends} of them right; under-abstention {ends}, over-abstention {ends};", told[0])
    parts = re.findall(r"^    [+-] (\w+)[\w ]*? +\S+ \(\S+ to \S+\)$", full().text(), re.M)
    assert parts == ["reliability", "resolution", "uncertainty", "variance", "covariance"] * 2
    assert lines[-1].startswith("Intervals in brackets: level 95 %")
    assert max(map(len, full().text(60).splitlines())) <= 60


def test_the_page_is_whole_and_self_contained():
    audit = full()
    text = audit.html()
    checked = Checked(text)
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))
    assert all(link.startswith("#") and link[1:] in checked.ids for link in checked.links)
    assert not re.search(r"(src|href)=\"?(http|//)|@import|url\((?!#)", text)
    assert not {"script", "link", "img", "iframe"} & set(checked.tags)
    assert checked.tags.count("svg") == 2 + 3 * 2
    assert audit.html() == text  # nothing of the clock or of chance


def test_a_figure_of_many_logs_says_which_it_shows():
    names = [table(f"{i}.csv", [(q, (q + i) % 2) for q in range(30)], "id,grade") for i in range(13)]
    assert "The score of each of the first 12 of 13 logs against the target" in audit_evals(names).html()
    assert "The score of each log against the target" in audit_evals(names[:12]).html()


def test_names_of_files_cannot_break_the_page_or_the_text():
    evil = "<b>\x1b[2J.csv"
    table(evil, [(i, i % 2, 0.001 * i) for i in range(400)])
    audit = audit_evals(evil)
    assert "<b>" not in audit.html()
    assert "\x1b" not in audit.html() + audit.text()


def test_the_same_logs_say_the_same_whatever_their_order_of_rows():
    model("a.csv", 200, 3, bluffs=0.5)
    lines = Path("a.csv").read_text().splitlines()
    said = audit_evals("a.csv").as_dict()
    Path("a.csv").write_text("\n".join([lines[0], *np.random.default_rng(0).permutation(lines[1:])]) + "\n")
    again = audit_evals("a.csv").as_dict()
    flat, other = (json.dumps(one, sort_keys=True) for one in (said, again))
    numbers = [[float(x) for x in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", one)] for one in (flat, other)]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-9)


def test_two_million_samples_keep_their_budget_and_the_documentation_quotes_the_figures():
    """30 seconds, here of all processors together, and 2 GiB, in each format."""
    found = json.loads((ROOT / "benchmarks" / "results" / "evals_rows.json").read_text())
    runs = [row for row in found["results"] if row["reading"] == "command"]
    assert len(runs) == 4
    assert all(row["rows"] == 2_000_000 and row["peak_bytes"] <= 2 * 2**30 for row in runs)
    assert all(row["cpu"] <= 30 for row in runs)
    spec = importlib.util.spec_from_file_location("evals_rows", ROOT / "benchmarks" / "evals_rows.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    assert benchmark.summary(found) in " ".join((ROOT / "docs" / "evals.md").read_text().split())


@pytest.mark.skipif(not DATA, reason="SIMLAB_DATA names no folder with real logs")
def test_the_real_gradings_of_simpleqa():
    """Gemma-3-4B on SimpleQA-verified: 48 right, 915 wrong, 37 not attempted of 1,000."""
    path = Path(DATA) / "simpleqa_grades_gemma3_4b.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not in SIMLAB_DATA")
    audit = audit_evals(path)
    rates = audit.logs[0].rates
    assert (rates.accuracy.estimate, rates.error.estimate, rates.abstention.estimate) == (0.048, 0.915, 0.037)
    assert rates.bluffing.estimate == pytest.approx(915 / 952)
    assert [at.as_answered.estimate for at in audit.logs[0].scores.targets] == pytest.approx(
        [0.048, -0.867, -2.697, -8.187]
    )
    assert names(audit) == set()


@pytest.mark.skipif(not DATA, reason="SIMLAB_DATA names no folder with real logs")
def test_the_real_probe_of_hallucination_neurons():
    """Outcome ``label``, confidence ``probability``: AUROC .8429050, Brier .163447, ECE of 10 bins .0655."""
    from simlab.calibration import auroc, brier_score, ece, forecasts

    path = Path(DATA) / "h_neuron_probe_gemma3_4b.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not in SIMLAB_DATA")
    rows = json.loads(path.read_text())["evaluation"]["examples"]
    data = forecasts([row["probability"] for row in rows], [row["label"] for row in rows])
    assert auroc(data).estimate == pytest.approx(0.8429050, abs=5e-8)
    assert brier_score(data).estimate == pytest.approx(0.163447, abs=5e-7)
    assert ece(data, bins=10).estimate == pytest.approx(0.0655, abs=5e-5)
    lines = [(row["qid"], row["label"], repr(row["probability"])) for row in rows]
    one = audit_evals(table("probe.csv", lines, "qid,label,probability")).logs[0]
    assert one.selection.auroc.estimate == pytest.approx(0.8429050, abs=5e-8)
    assert one.calibration.brier.brier.estimate == pytest.approx(0.163447, abs=5e-7)
