"""The page on fitting is true: its examples run in their order, and it names the settings that there are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from simlab.corpora import list_facts, sample_listed
from simlab.errors import BadInput
from simlab.fitting import fit
from simlab.measures import observe
from simlab.models import FITTED, LEARNERS, OF_FIT, learn
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.worlds import uniform

PAGE = (Path(__file__).parents[1] / "docs" / "fitting.md").read_text()


def test_the_examples_run_and_say_what_was_fitted(capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, found)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[:5]] == list(found["families"])
    assert [line.split(", ")[-1] for line in said[:5:4]] == ["converged", "counted"]
    truth, corpus, streams, fitted = (found[name] for name in ("truth", "corpus", "streams", "fitted"))
    errors = [observe(tabulate(truth, corpus, look, streams)).error for _, look in fitted.snapshots]
    assert said[5:8] == [f"step {step}: error {error:.3f}" for step, error in zip((0, 50, 100), errors, strict=True)]
    assert errors[2] < errors[0] / 2
    best = len(found["early"].trace.loss) - 1
    assert 0 < best < 100
    assert said[8] == f"best after {best} steps"
    before, after = (found[name].trace.loss[-1] for name in ("fitted", "more"))
    assert said[9] == f"loss {before:.4f}, then {after:.4f}"
    assert after < before
    assert said[10] == f"converged: {[one.trace.converged for one in found['many']]}"
    assert len(said) == 11


@pytest.mark.parametrize("option", OF_FIT)
def test_a_learner_says_where_the_other_settings_belong(option: str) -> None:
    streams = Streams(seed=7)
    corpus = sample_listed(list_facts(uniform(5), streams.numpy("facts")), 9, streams.numpy("corpus"))
    with pytest.raises(BadInput) as caught:
        learn("mlp", corpus, streams, **{option: None})
    said = f"option {option!r} of mlp is a setting of simlab.fitting.fit: call it with the family"
    assert str(caught.value) == said


def test_the_page_lists_every_family_and_setting() -> None:
    own = {"corpus", "model", "streams"}
    rest = sorted(inspect.signature(fit).parameters.keys() - own - set(FITTED))
    text = " ".join(PAGE.split())
    assert rest == list(OF_FIT)
    assert ", ".join(f"`{name}`" for name in FITTED[:-1]) + f" and `{FITTED[-1]}`" in text
    assert ", ".join(f"`{name}`" for name in rest[:-1]) + f" and `{rest[-1]}`" in text
    trained = {name for name, learner in LEARNERS.items() if set(FITTED) <= set(learner.options)}
    assert set(re.findall(r'^    "(\w+)": \{', PAGE, re.M)) == trained | {"ngram"}
