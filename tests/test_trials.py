"""One whole trial: what its rows hold, what a diverged fit leaves, and the modes that break an assumption."""

import re

import numpy as np
import pytest

from simlab import bounds
from simlab.corpora import BrokenAssumption, Listed, group
from simlab.errors import BadInput
from simlab.seeds import Streams
from simlab.trials import trial
from simlab.worlds import two_level, uniform

STREAMS = Streams(5, "trials")
WORLD = two_level(20, 400, 0.5, answers=9, answer_rate=0.8)


def test_methods_of_one_trial_share_their_corpus() -> None:
    rows = trial(WORLD, 500, ("calibrated", "guess_one", "abstain"), STREAMS)
    assert [row["method"] for row in rows] == ["calibrated", "guess_one", "abstain"]
    assert len({(row["singleton_rate"], row["missing_mass"]) for row in rows}) == 1
    assert "error_from_singletons_upper_slack" in rows[0]
    assert "error_from_singletons_upper_slack" not in rows[1]


def test_gamma_chooses_the_form_of_theorem_2() -> None:
    published, general = (trial(WORLD, 500, ("calibrated",), STREAMS, gamma=gamma)[0] for gamma in (None, 0.2))
    rate = published["singleton_rate"]
    assert general["error_from_singletons_value"] == bounds.error_from_singletons(rate, 500, 8, 0.0, gamma=0.2).value
    assert general["error_from_singletons_value"] > published["error_from_singletons_value"]


def test_a_fit_that_diverged_keeps_its_row_and_has_no_measures() -> None:
    options = {"softmax_table": {"learning_rate": 1e300, "optimizer": "sgd", "weight_decay": 1.0, "steps": 20}}
    (row,) = trial(WORLD, 200, ("softmax_table",), STREAMS, options=options)
    assert row["converged"] is False
    assert "error" not in row
    assert row["missing_mass"] > 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"calibratd": {}}, "method (in options) 'calibratd' is unknown: did you mean 'calibrated'?"),
        ({"softmax_table": {"step": 3}}, "option of softmax_table 'step' is unknown: did you mean 'steps'?"),
        ({"calibrated": {"steps": 3}}, "option 'steps' is given to calibrated, which has none: leave it out"),
        (
            {"softmax_table": {"tolerance": float("inf")}},
            "tolerance = inf: must lie strictly between 0 and 1",
        ),
    ],
)
def test_options_are_checked(options: dict[str, dict[str, float]], sentence: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(sentence)}$"):
        trial(WORLD, 50, ("calibrated", "softmax_table"), STREAMS, options=options)


def test_deduplication_breaks_good_turing_and_nothing_else_does_by_itself() -> None:
    """E[(MM - sr)^2] <= .6179/N holds for i.i.d. corpora and fails for de-duplicated ones, by the same check."""

    def mean_slack(mode: str) -> float:
        rows = [trial(WORLD, 500, ("calibrated",), Streams(5, "d", r), mode=mode)[0] for r in range(40)]
        return float(np.mean([row["missing_mass_from_singletons_sharp_slack"] for row in rows]))

    assert mean_slack("iid") > 0
    with pytest.warns(BrokenAssumption, match="mode 'deduplicated' counts every written fact once"):
        assert mean_slack("deduplicated") < -0.05


@pytest.mark.parametrize("mode", ["without_replacement", "noisy_labels"])
def test_listed_modes_run_and_warn(mode: str) -> None:
    with pytest.warns(BrokenAssumption, match=f"mode '{mode}'"):
        rows = trial(WORLD, 300, ("calibrated", "softmax_table", "guess_one"), STREAMS, mode=mode)
    assert all(row["error_from_iiv_slack"] >= -1e-9 for row in rows)  # Theorem 1 asks nothing of the corpus


def test_noise_makes_the_calibrated_algorithm_err_on_what_it_has_seen() -> None:
    (clean,) = trial(WORLD, 2000, ("calibrated",), STREAMS)
    with pytest.warns(BrokenAssumption):
        (noisy,) = trial(WORLD, 2000, ("calibrated",), STREAMS, mode="noisy_labels")
    assert clean["calibration_gap"] == 0
    assert noisy["calibration_gap"] > 0.01


def test_grouping_does_not_need_sorted_classes() -> None:
    listed = Listed(
        np.array([0, 1, 2]), np.zeros(3, int), np.array([1, 0, 1]), np.array([9, 3, 9]), np.array([0.5, 1.0, 0.5])
    )
    cells = group(listed)
    assert cells.answers.tolist() == [3, 9]
    assert cells.answer_rate.tolist() == [1.0, 0.5]


def test_a_mode_that_is_unknown_is_named() -> None:
    with pytest.raises(BadInput, match=r"^mode 'noisy_label' is unknown: did you mean 'noisy_labels'\?$"):
        trial(uniform(10), 5, ("calibrated",), STREAMS, mode="noisy_label")
