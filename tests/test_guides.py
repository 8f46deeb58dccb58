"""What the guides show is what happens: their blocks run one after the other and print what stands beside them."""

import re
from pathlib import Path

import pytest

from simlab import posttraining

NUMBER = re.compile(r"(?<![\w.])-?\d+\.?\d*")
DOCS = Path(__file__).parents[1] / "docs"


def blocks(name: str) -> str:
    """The Python of a guide."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.S))


def shown(code: str) -> list[str]:
    """The lines that a guide says are printed: comments that fill a line."""
    return [line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize("name", ["grading.md"])
def test_a_guide_prints_what_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks(name)
    exec(code, {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) >= 10
    said = shown(code)
    assert [NUMBER.sub("#", line) for line in printed] == [NUMBER.sub("#", line) for line in said]
    for one, other in zip(printed, said, strict=True):  # another machine may round the last digit another way
        numbers = [[float(number) for number in NUMBER.findall(line)] for line in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], abs=0.011), other


def test_the_example_of_post_training_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """All but its imports stands in the docstring of the package."""
    example = re.findall(r"^    (.*)$", posttraining.__doc__ or "", re.M)
    names = (
        "from simlab import worlds\nfrom simlab.corpora import list_facts, sample_listed\n"
        "from simlab.grading import confidence_target\nfrom simlab.models import learn\n"
        "from simlab.posttraining import *\nfrom simlab.seeds import Streams\n"
    )
    exec(names + "\n".join(example), {})
    assert 0 < float(capsys.readouterr().out) < 0.5
