"""What is stored, how long nothing is known, what is forgotten: the measures by hand, the claims on fits and tables."""

from __future__ import annotations

import itertools
import math
import runpy
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import linregress

from simlab import drawing
from simlab.corpora import Listed
from simlab.errors import BadInput
from simlab.models.bilinear import Bilinear
from simlab.models.footprint import tabular_bytes, transformer_bytes
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.transformer import Transformer
from simlab.remembering import accuracy, bits_stored, exponent, no_knowledge, plateau, surprises
from simlab.rendering.biographies import Register, Written
from simlab.rendering.templates import PUBLISHED, Attribute
from simlab.seeds import Streams
from simlab.sweep import run

ROOT = Path(__file__).parents[1]
CAPACITY = runpy.run_path(str(ROOT / "experiments" / "capacity.py"))
COLLAPSE = runpy.run_path(str(ROOT / "experiments" / "memory_collapse.py"))


# bits


def test_measures_by_hand() -> None:
    p_hat = np.array([[0.5, 0.25, 0.25], [0.4, 0.4, 0.2], [0.0, 0.0, 1.0]])
    correct = np.array([0, 1, 0])
    np.testing.assert_allclose(surprises(p_hat, correct)[:2], [math.log(2), -math.log(0.4)], rtol=1e-15)
    assert surprises(p_hat, correct)[2] == math.inf
    assert accuracy(p_hat, correct) == pytest.approx(1 / 3)  # the tie of the second fact is no knowledge
    assert no_knowledge(np.array([4, 8])) == pytest.approx(2.5 * math.log(2))
    gained = bits_stored(np.log([1.0, 2.0, 16.0]), np.array([4, 4, 8]), np.array([0, 0, 1]))
    assert gained == pytest.approx(3.0)  # 2 + 1 bits of one attribute; the other's -1 counts as 0


def test_the_published_attributes_have_the_published_baseline() -> None:
    """Zucchet et al. 2025: the mean of ln|values| over six attributes, 6.79 nats with 201 years of birth."""
    assert no_knowledge(Register(3, PUBLISHED).answers) == pytest.approx(6.79, abs=0.006)


@pytest.mark.parametrize("known", [0, 1, 3, 5])
def test_a_memory_of_some_bits_of_every_value_has_stored_them(known: int) -> None:
    """It knows the first bits of 32 values and spreads its belief over the rest: exactly so many bits a fact."""
    correct = np.random.default_rng(0).integers(0, 32, 200)
    group = np.arange(32) // 2 ** (5 - known)
    p_hat = (group == group[correct][:, None]) / 2 ** (5 - known)
    stored = bits_stored(surprises(p_hat, correct), np.full(200, 32), np.zeros(200, dtype=int))
    assert stored == pytest.approx(200 * known)


def test_a_guess_stores_nothing_in_the_mean_over_worlds() -> None:
    """Any density fixed before the world is drawn: mean bits are at most 0, and so is the bound, up to its floor."""
    rng = np.random.default_rng(1)
    facts, values = 400, 8
    p_hat = rng.dirichlet(np.full(values, 5.0), facts)
    attribute, answers = np.zeros(facts, dtype=int), np.full(facts, values)

    def stored(correct: np.ndarray) -> float:
        surprise = surprises(p_hat, correct)
        return bits_stored(surprise, answers, attribute) - bits_stored(
            2 * math.log(values) - surprise, answers, attribute
        )

    blind = [stored(rng.integers(0, values, facts)) for _ in range(300)]
    told = [
        stored(np.where(rng.random(facts) < 0.3, p_hat.argmax(1), rng.integers(0, values, facts))) for _ in range(300)
    ]
    assert np.mean(blind) < 4 * np.std(blind) / math.sqrt(300)
    assert np.mean(told) > 20 * np.std(told) / math.sqrt(300)  # the check would notice knowledge


def test_bits_need_one_of_each_a_fact_and_numbers() -> None:
    one = np.ones(3, dtype=int)
    with pytest.raises(BadInput) as caught:
        bits_stored(np.ones(2), one, one)
    assert str(caught.value) == "2 surprises, 3 sizes and 3 attributes: give one of each a fact"
    with pytest.raises(BadInput) as caught:
        bits_stored(np.array([0.0, math.nan, 1.0]), one, one)
    assert str(caught.value) == (
        "a surprise is not a number: the fit diverged, and has stored nothing that could be counted"
    )


# plateaus


def test_a_plateau_by_hand() -> None:
    found = plateau([10, 20, 30, 40], [5.0, 4.0, 3.0, 1.0], 4.0, below=0.5)
    assert (found.low, found.high, found.ended) == (30, 40, True)
    assert found.length == pytest.approx(35)
    back = plateau([1, 2, 3, 4], [5.0, 1.0, 4.0, 1.0], 4.0)  # who comes back has forgotten, not waited
    assert (back.low, back.high) == (1, 2)
    staying = plateau([1, 2, 3, 4, 5], [5.0, 1.0, 4.0, 1.0, 1.0], 4.0, stay=2)  # one look below is chance
    assert (staying.low, staying.high) == (3, 4)
    assert not plateau([1, 2, 3, 4], [5.0, 1.0, 4.0, 1.0], 4.0, stay=2).ended  # its last look may be chance too
    never = plateau([1, 2, 3], [5.0, 4.0, 3.7], 4.0)
    assert (never.length, never.low, never.high, never.ended) == (3, 3, math.inf, False)
    at_once = plateau([7, 9], [1.0, 0.5], 4.0)
    assert (at_once.length, at_once.low, at_once.high, at_once.ended) == (7, 0, 7, True)
    from_infinity = plateau([1, 2], [math.inf, 1.0], 4.0)
    assert (from_infinity.length, from_infinity.low) == (2, 1)


def test_a_plateau_does_not_depend_on_what_comes_before_it_or_on_units() -> None:
    steps = np.arange(1, 200)
    loss = 3.0 / (1 + np.exp((steps - 120) / 8.0))
    once = plateau(steps, loss, 3.0)
    truth = 120 - 8 * math.log(9)  # where the loss is nine tenths of the baseline
    assert once.low <= truth <= once.high
    assert once.length == pytest.approx(truth, abs=0.05)
    scaled = plateau(5 * steps, 2 * loss, 6.0)
    assert scaled.length == pytest.approx(5 * once.length)
    statistics = np.concatenate([np.linspace(9.0, 3.0, 20), loss])  # the phase in which values are learned
    assert plateau(np.arange(-19, 200), statistics, 3.0).length == pytest.approx(once.length)


REFUSED: dict[str, Any] = {
    "2 steps and 1 losses: give one loss a step, and steps that increase": lambda: plateau([1, 2], [1.0], 1.0),
    "3 steps and 3 losses: give one loss a step, and steps that increase": lambda: plateau([1, 3, 2], [1.0] * 3, 1.0),
    "a loss is not a number: the fit diverged, and its plateau has no end": lambda: plateau([1], [math.nan], 1.0),
    "below = 0: must lie strictly between 0 and 1": lambda: plateau([1], [1.0], 1.0, below=0.0),
    "baseline = nan: must be positive and finite": lambda: plateau([1], [1.0], math.nan),
    "baseline = 0: must be positive and finite": lambda: plateau([1], [1.0], 0.0),
    "stay = 0: must be a whole number of at least 1": lambda: plateau([1], [1.0], 1.0, stay=0),
    "p_hat has entries that are no numbers: the fit diverged, and has no accuracy": lambda: accuracy(
        np.array([[0.5, 0.5], [math.nan, 1.0]]), np.array([0, 1])
    ),
    "answers = 0: must be a whole number of at least 1": lambda: no_knowledge(np.array([4, 0])),
    "answers is empty: give the number of values of at least one fact": lambda: no_knowledge(np.array([], dtype=int)),
    "2 sizes and 2 lengths: give three positive pairs or more": lambda: exponent([1, 2], [1, 2]),
    "3 sizes and 3 lengths: give three positive pairs or more": lambda: exponent([1, 2, 3], [1, 0, 2]),
    "sizes = [2, 2, 2]: must not all be equal": lambda: exponent([2, 2, 2], [1, 2, 3]),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_a_sentence(sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        REFUSED[sentence]()
    assert str(caught.value) == sentence


def test_exponents_are_least_squares_on_logarithms() -> None:
    sizes = np.array([10, 20, 50, 100, 400])
    slope, error = exponent(sizes, 3.0 * sizes**1.2)
    assert slope == pytest.approx(1.2, abs=1e-12)
    assert error == pytest.approx(0.0, abs=1e-7)
    noisy = 3.0 * sizes * np.exp(np.random.default_rng(0).normal(0, 0.2, 5))
    told = linregress(np.log(sizes), np.log(noisy))
    assert exponent(sizes, noisy) == pytest.approx((told.slope, told.stderr), rel=1e-10)


# fits


SMALL: dict[str, Any] = {"populations": (24,), "strangers": 8, "values": "8 4x2", "templates": 2, "batch": 16}


@pytest.mark.parametrize("method", CAPACITY["METHODS"])
def test_more_exposures_store_more_bits(method: str) -> None:
    """From nothing at 2 exposures to more than half of what is offered; strangers come to be worse than unknown."""
    settings: dict[str, Any] = {"plateaus": 1, "methods": (method,)} | SMALL  # no fits for the plateau beside these
    few, many = (
        CAPACITY["cell"](CAPACITY["Config"](exposures=e, **settings), [Streams(3, "capacity")])[0] for e in (2, 100)
    )
    assert few["bits_stored"] < 0.25 * few["bits_offered"]
    assert many["bits_stored"] > 0.5 * many["bits_offered"]
    assert many["accuracy"] > 0.7 > few["accuracy"]
    assert many["surprise_of_strangers"] > 1.2 * many["baseline"] > 1.2 * many["surprise"]
    assert many["confidence_in_strangers"] < many["confidence"]
    assert many["bits_offered"] == 24 * 2 * 3
    for row in (few, many):
        assert row["error_from_iiv_slack"] >= -1e-9
        right = 2 * row["iiv_error"] - row["valid_over_errors"] - row["calibration_gap"]
        assert row["error"] == pytest.approx(right + row["over"] + row["room"] + row["gap"], abs=1e-11)


def test_a_plateau_does_not_depend_on_how_long_training_goes_on() -> None:
    """At a constant rate the steps before its end are the same; with the schedule of the other fits they are not."""
    config = CAPACITY["Config"](plateaus=80, slow_mlp=0.02, look=2, **SMALL)
    streams = [Streams(4, "capacity", r) for r in range(2)]
    worlds = [CAPACITY["people"](config, 24, one) for one in streams]
    short, long = (
        [row["plateau"] for row in CAPACITY["waits"](config.model_copy(update=more), "mlp", worlds, streams)]
        for more in ({}, {"plateaus": 84})
    )
    assert short == long
    cosine = [
        CAPACITY["train"](config, "mlp", worlds, streams, steps, learning_rate=0.02, schedule="cosine", warmup=12)
        for steps in (240, 252)
    ]
    first, second = (fits[0].trace.loss[:200] for fits in cosine)
    assert abs(first - second).max() > 1e-6


def test_strangers_are_not_written_about() -> None:
    config = CAPACITY["Config"](**SMALL)
    one, again, other = (CAPACITY["people"](config, 24, Streams(seed)) for seed in (1, 1, 2))
    register = one.register
    assert register.individuals == 32
    assert one.written.sum() == 48
    strangers = set(register.individual[~one.written])
    assert len(strangers) == 8
    assert not strangers & set(register.individual[one.corpus.prompt])
    np.testing.assert_array_equal(one.correct, again.correct)
    assert strangers == set(again.register.individual[~again.written])
    assert strangers != set(other.register.individual[~other.written])


REFUSED_SETTINGS: dict[str, Any] = {
    "method 'ngram' is unknown: choose from bilinear, mlp, transformer": {"methods": ("ngram",)},
    "populations = 20+10: must increase": {"populations": (20, 10)},
    "width = 12: must be a multiple of heads = 5": {"heads": 5},
    **{
        f"values = {values!r}: each attribute needs words to choose from at every place, and 2 to 50000000 values "
        "in all": {"values": values}
        for values in ("4 1x1", "0x3", "9" * 20)
    },
    "values = '2 2 2 2 2 2 2': there are templates for 6 attributes at most": {"values": "2 2 2 2 2 2 2"},
}


@pytest.mark.parametrize("sentence", REFUSED_SETTINGS)
def test_settings_that_make_no_study_are_refused(sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        CAPACITY["check"](CAPACITY["Config"](**REFUSED_SETTINGS[sentence]))
    assert str(caught.value) == sentence


def collapsed(row: dict[str, float]) -> bool:
    """Whether a tenth or more of the old pairs is lost: the check of what follows."""
    return row["accuracy_old"] < 0.9


def test_new_pairs_corrupt_a_full_memory_and_seen_ones_do_not() -> None:
    """A quarter of the study: three memories of 64 units, as full; at 1,000 steps, before Adam drifts by itself."""
    config = COLLAPSE["Config"](old=2048, new=32, hidden=64, steps=4_000, looks=(0, 100, 1_000), replays=(0.0, 0.5))
    rows = COLLAPSE["cell"](config, [Streams(9, "collapse", r) for r in range(3)])
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for row in rows:
        found.setdefault((row["method"], row["step"]), []).append(row)
    assert len(rows) == 27
    for method in ("new pairs", "new pairs, replay 0.5", "seen pairs"):
        assert min(row["accuracy_old"] for row in found[method, 0]) > 0.97
        assert min(row["accuracy_taught"] for row in found[method, 1_000]) > 0.97
    assert max(row["accuracy_taught"] for row in found["new pairs", 0]) < 0.25
    assert all(collapsed(row) for row in found["new pairs", 1_000])
    assert not any(collapsed(row) for row in found["seen pairs", 1_000])
    assert not any(collapsed(row) for row in found["new pairs, replay 0.5", 1_000])


@pytest.mark.parametrize("setting", ["rate", "tuning_rate"])
def test_a_memory_that_diverged_has_flagged_rows_and_no_measures(setting: str) -> None:
    """Whether before fine-tuning or in it; each replicate by itself."""
    small = {"old": 24, "new": 4, "hidden": 8, "width": 4, "steps": 20, "looks": (0, 5), "batch": 8, "replays": (0.0,)}
    streams = [Streams(9, "collapse", r) for r in range(2)]
    rows = COLLAPSE["cell"](COLLAPSE["Config"](**small, **{setting: 1e300}), streams)
    assert [(row["method"], row["step"]) for row in rows] == [
        (method, step) for method in ("new pairs", "seen pairs") for _ in streams for step in (0, 5)
    ]
    assert all(row["converged"] is False for row in rows if row["step"] == 5)
    measured = {row["step"] for row in rows if "error" in row}
    assert measured == (set() if setting == "rate" else {0})


def test_a_sound_memory_beside_one_that_diverged_is_fine_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"old": 24, "new": 4, "hidden": 8, "width": 4, "steps": 20, "looks": (0, 5), "batch": 8, "replays": (0.0,)}
    config, streams = COLLAPSE["Config"](**small), [Streams(9, "collapse", r) for r in range(3)]
    whole = COLLAPSE["cell"](config, streams)
    teach = COLLAPSE["pretrain"]

    def teach_all_but_one(*arguments: Any) -> Any:
        found = teach(*arguments)
        lost = {name: np.full_like(value, np.nan) for name, value in found[1].params.items()}
        return [found[0], replace(found[1], params=lost), found[2]]

    monkeypatch.setitem(COLLAPSE["cell"].__globals__, "pretrain", teach_all_but_one)
    for row, other in zip(COLLAPSE["cell"](config, streams), whole, strict=True):
        if row["replicate"] == 1:
            assert "error" not in row
            continue
        assert {name: row[name] for name in ("replicate", "method", "step")} == {
            name: other[name] for name in ("replicate", "method", "step")
        }
        assert row["error"] == pytest.approx(other["error"], abs=1e-4)


def test_lessons_hold_the_shares_they_name() -> None:
    lessons = COLLAPSE["lessons"](COLLAPSE["Config"](old=512, new=64, replays=(0.0, 0.2, 0.5)))
    for method, share in (("new pairs", 0.0), ("new pairs, replay 0.2", 0.2), ("new pairs, replay 0.5", 0.5)):
        prompt, taught = lessons[method]
        assert (prompt < 512).mean() == pytest.approx(share, abs=0.01)
        np.testing.assert_array_equal(taught, np.arange(512, 576))
    prompt, taught = lessons["seen pairs"]
    np.testing.assert_array_equal(prompt, taught)
    assert taught.max() < 512


REFUSED_LESSONS: dict[str, Any] = {
    "replays = 1: must be shares of at least 0 and less than 1": {"replays": (0.0, 1.0)},
    "looks = 5+10: must increase from 0, up to 10000000": {"looks": (5, 10)},
    "looks = 0+1000000000: must increase from 0, up to 10000000": {"looks": (0, 10**9)},
    "new = 300: must be fewer than the 200 old pairs": {"old": 200, "new": 300},
}


@pytest.mark.parametrize("sentence", REFUSED_LESSONS)
def test_lessons_that_cannot_be_taught_are_refused(sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        COLLAPSE["check"](COLLAPSE["Config"](**REFUSED_LESSONS[sentence]))
    assert str(caught.value) == sentence


# the committed studies


def committed(name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of a committed table by (grid point, place on the curve, method, measure)."""
    at = {"capacity": ("exposures", "individuals"), "memory_collapse": ("old", "step")}[name]
    rows = drawing.read_table(ROOT / "experiments" / "results" / f"{name}.csv")
    return {(*(row[key] for key in at), row["method"], row["measure"]): row for row in rows}


def test_bits_a_parameter_of_the_committed_study() -> None:
    """They rise with the exposures; at the published ones they are the published 1 and 2 within a factor of 2."""
    table = committed("capacity")
    for method in CAPACITY["METHODS"]:
        bits = [table[e, 768, method, "bits_per_parameter"] for e in (10, 100, 1000)]
        for less, more in itertools.pairwise(bits):
            assert more["mean"] - less["mean"] > 4 * (more["mcse"] + less["mcse"])
        assert 1.0 < bits[2]["mean"] < 4.0
    assert 0.5 < table[100, 768, "transformer", "bits_per_parameter"]["mean"] < 2.0
    # a memory that has room stores all that it is offered, one that has not does not
    for method in ("mlp", "transformer"):
        stored, offered = (
            [table[1000, n, method, measure]["mean"] for n in (96, 768)] for measure in ("bits_stored", "bits_offered")
        )
        assert stored[0] > 0.99 * offered[0]
        assert stored[1] < 0.95 * offered[1]


def linear(row: dict[str, Any]) -> bool:
    """Whether an exponent is 1 within four Monte Carlo errors and a tenth."""
    return bool(abs(row["mean"] - 1) < 4 * row["mcse"] + 0.1)


def test_the_plateau_of_the_committed_study_is_linear_in_the_individuals() -> None:
    """At a constant rate: about linear for the transformer, not for the bilinear table."""
    table = committed("capacity")
    found = table[100, 768, "transformer", "plateau_exponent"]
    assert found["n"] == 3
    assert linear(found)
    assert not linear(table[100, 768, "bilinear", "plateau_exponent"])
    assert table[10, 768, "transformer", "accuracy"]["mean"] < 0.1  # on the plateau nothing is known


def test_strangers_of_the_committed_study_are_lied_to_once_something_is_known() -> None:
    """Surprise at what is true of them: the baseline on the plateau, above it as soon as there is knowledge."""
    table = committed("capacity")
    for method in CAPACITY["METHODS"]:
        for exposures in (100, 1000):
            row = table[exposures, 768, method, "surprise_of_strangers"]
            assert row["mean"] - 4 * row["mcse"] > table[exposures, 768, method, "baseline"]["mean"]
    row = table[10, 768, "transformer", "surprise_of_strangers"]
    assert row["mean"] == pytest.approx(table[10, 768, "transformer", "baseline"]["mean"], abs=0.1)


def test_what_the_committed_study_of_collapse_shows() -> None:
    table = committed("memory_collapse")
    steps = sorted({key[1] for key in table})

    def old(method: str, step: float, size: float = 8192) -> dict[str, Any]:
        return table[size, step, method, "accuracy_old"]

    assert old("new pairs", 4000)["mean"] + 4 * old("new pairs", 4000)["mcse"] < 0.85
    assert old("new pairs", 300)["mean"] < 0.9  # within hundreds of steps
    lowest = []
    for share in ("0.1", "0.5"):
        curve = [old(f"new pairs, replay {share}", step)["mean"] for step in steps]
        lowest.append(min(curve))
        assert curve[-1] > 0.99  # what replay saves in the end,
    assert lowest[0] + 0.02 < lowest[1] < 0.97  # and what it does not save on the way
    assert old("seen pairs", 1000)["mean"] > 0.995  # the control
    assert old("new pairs", 1000, 2048)["mean"] > 0.98  # a memory with room has nothing to overwrite
    for size in (2048, 8192):
        for method in {key[2] for key in table}:
            assert table[size, 4000, method, "accuracy_taught"]["mean"] == 1.0


# memory


def test_the_largest_population_is_refused_at_once() -> None:
    """Its bytes are told from shapes: no word is made, and no array."""
    started = time.process_time()
    told = {n: CAPACITY["memory"](CAPACITY["Config"](populations=(96, n))) for n in (10**9, 10**12)}
    assert time.process_time() - started < 1.0
    assert told[10**9] > 10**12
    assert 900 < told[10**12] / told[10**9] < 1100
    for name in ("rate_mlp", "slow_transformer"):
        with pytest.raises(ValidationError, match="finite number"):
            CAPACITY["Config"](**{name: math.inf})


def test_a_part_of_a_setting_that_is_refused_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run(ROOT / "experiments" / "capacity.py", settings={"populations": ((96, 10**30),)}, out=tmp_path)
    assert str(caught.value) == "populations = 1e30 (settings): must be less than or equal to 1e12"


CHOICES = runpy.run_path(str(ROOT / "experiments" / "error_from_choices.py"))


def test_the_bytes_of_poor_models_hold_what_is_allocated() -> None:
    """Against the peak that Python traces, of the models that are not JAX's; not more than three times it."""
    config = CHOICES["Config"](
        n_facts=400, choices=200, draws=300, line_steps=9, methods=("calibrated", "rank_1", "pooled")
    )
    tracemalloc.start()
    CHOICES["cell"](config, [Streams(1, "choices")])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < CHOICES["memory"](config) < 3 * peak


TRAINED = runpy.run_path(str(ROOT / "experiments" / "error_from_iiv_training.py"))


@pytest.mark.parametrize("study", [CAPACITY, COLLAPSE, TRAINED], ids=["capacity", "memory_collapse", "iiv_training"])
def test_studies_say_what_they_need(study: dict[str, Any]) -> None:
    """A whole number of bytes: at most 2 GB at the default size, and more for a wider model and for more facts."""
    config = study["Config"]()
    size = study["memory"](config)
    assert isinstance(size, int)
    assert 10**5 < size < 2 * 10**9
    facts = {"populations": (96, 30_000)} if study is CAPACITY else {"old": 10**5} if study is COLLAPSE else {}
    for more in ({"width": 512, "heads": 4} if study is CAPACITY else {"width": 512}, facts or {"n_facts": 3_000}):
        assert study["memory"](study["Config"](**more)) > 2 * size


def test_parameters_are_counted_several_times_and_so_are_activations_told() -> None:
    """By hand: a bilinear table of rank 2 on 10 prompts x 5 columns, a batch of 4; and the table itself."""
    arrays = 16 * 2 * (10 + 5) + 2 * 4 * (2 + 5) + 10 * 2 + 6 * 10 * 6
    assert tabular_bytes(Bilinear(2), 10, 5, 2, 4) == 8 * arrays
    assert tabular_bytes(SoftmaxTable(), 10, 5, 0, 4) == 8 * (4 * 10 * 5 + 2 * 4 * 5 + 6 * 10 * 6)
    assert tabular_bytes(Bilinear(2), 10, 5, 2, 4, looks=3) == 8 * (arrays + 2 * 10 * 6)


def test_the_bytes_told_hold_the_program_that_trains() -> None:
    """Against the compiler's own account of a step of the transformer; not more than thirty times it."""
    register = Register(32, (Attribute("major", (8,)),), templates=2)
    model = Transformer(1, 16, 2, 32, templates=2)
    facts = np.arange(32)
    corpus = Listed(facts, facts % 8, register.attribute, register.answers, np.ones(32), idk=False)
    examples = model.examples(Written(corpus, register))
    rows = {name: np.asarray(row) for name, row in examples.rows.items()}
    with jax.enable_x64(True):
        params = model.start(jax.random.key(0), examples.given)
        lowered = jax.jit(jax.grad(lambda p: model.surprise(p, rows, {}).sum())).lower(params)
        taken = lowered.compile().memory_analysis().temp_size_in_bytes
    length = rows["tokens"].shape[1]
    told = transformer_bytes(model, 32, 8, register.vocabulary, length, len(rows["tokens"]))
    assert told / 30 < taken < told
