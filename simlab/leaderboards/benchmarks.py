"""Ten benchmarks as they grade: the table of a published meta-evaluation, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simlab.errors import unknown
from simlab.grading import Rule, binary

KNVZ = "Kalai, Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1, table 2 and appendix F"

OPEN = 1_000
"""Plausible answers of a question that is not multiple choice: a stand-in, so that a blind guess is worth little."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """How one benchmark grades: its ``scoring``, the ``rule`` that this amounts to, and whether that is ``binary``.

    ``questions`` is how many it has, ``counted`` where that number stands. ``answers`` is how many plausible answers a
    question has here: the number of choices where all questions have one, a stand-in elsewhere (``OPEN`` where nothing
    is listed).
    """

    name: str
    scoring: str
    rule: Rule
    questions: int
    answers: int
    source: str
    counted: str

    @property
    def binary(self) -> bool:
        """Whether abstaining earns what a wrong answer earns."""
        return self.rule.abstain == self.rule.wrong


def rubric() -> Rule:
    """WildBench's rubric of 1 to 10, as (points - 1)/9: 9.5 for a right answer, 5.5 for a wrong one, 3.5 for none.

    The middles of its classes: "fair" answers with hallucinations get 5 to 6, answers that do not help 3 to 4. No
    answer is too unlikely to be worth giving. Source: KNVZ 2025, appendix F; Lin et al. 2024, arXiv 2406.04770.
    """
    return Rule("rubric", 8.5 / 9, 4.5 / 9, 2.5 / 9, f"{KNVZ}; Lin et al. 2024, arXiv 2406.04770")


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        "gpqa",
        "multiple choice",
        binary(),
        448,
        4,
        f"{KNVZ}; Rein et al. 2023, arXiv 2311.12022",
        "the main set: abstract of arXiv 2311.12022",
    ),
    Benchmark(
        "mmlu_pro",
        "multiple choice",
        binary(),
        12_032,
        10,
        f"{KNVZ}; Wang et al. 2024, arXiv 2406.01574",
        "the test split: arXiv 2406.01574, and the rows of TIGER-Lab/MMLU-Pro",
    ),
    Benchmark(
        "ifeval",
        "program checks instructions",
        binary(),
        541,
        OPEN,
        f"{KNVZ}; Zhou et al. 2023, arXiv 2311.07911",
        "arXiv 2311.07911, section 1 (its abstract rounds to 500), and the rows of google/IFEval",
    ),
    Benchmark(
        "omni_math",
        "judge of equivalence",
        binary(),
        4_428,
        OPEN,
        f"{KNVZ}; Gao et al. 2024, arXiv 2410.07985",
        "abstract of arXiv 2410.07985",
    ),
    Benchmark(
        "wildbench",
        "judge with a rubric",
        rubric(),
        1_024,
        OPEN,
        f"{KNVZ}; Lin et al. 2024, arXiv 2406.04770",
        "abstract of arXiv 2406.04770",
    ),
    Benchmark(
        "bbh",
        "multiple choice, exact match",
        binary(),
        24 * 250 + 187 + 178 + 146,
        4,
        f"{KNVZ}; Suzgun et al. 2022, arXiv 2210.09261",
        "27 subtasks of 250, but causal judgement 187, snarks 178, penguins in a table 146: arXiv 2210.09261 and its "
        "repository",
    ),
    Benchmark(
        "math_level_5",
        "judge of equivalence",
        binary(),
        1_324,
        OPEN,
        f"{KNVZ}; Hendrycks 2021, arXiv 2103.03874",
        "level 5 of the test split: arXiv 2406.07394 (451 of 1,324 solved), and the rows of lighteval/MATH-Hard",
    ),
    Benchmark(
        "musr",
        "multiple choice",
        binary(),
        250 + 256 + 250,
        3,
        f"{KNVZ}; Sprague et al. 2023, arXiv 2310.16049",
        "murder mysteries, object placements, team allocation: the rows of TAUR-Lab/MuSR",
    ),
    Benchmark(
        "swe_bench",
        "unit tests",
        binary(),
        2_294,
        OPEN,
        f"{KNVZ}; Jimenez et al. 2023, arXiv 2310.06770",
        "KNVZ 2025, appendix F, and the abstract of arXiv 2310.06770",
    ),
    Benchmark(
        "hle",
        "multiple choice, judge",
        binary(),
        2_500,
        OPEN,
        f"{KNVZ}; Phan et al. 2025, arXiv 2501.14249",
        "KNVZ 2025, appendix F, and the abstract of arXiv 2501.14249",
    ),
)
"""Nine of the ten grade in a binary way; IFEval adds binary scores of single instructions."""


def benchmark(name: str) -> Benchmark:
    """Return the benchmark of that name. Raises ``BadInput`` with the nearest name for one that is not listed."""
    for one in BENCHMARKS:
        if one.name == name:
            return one
    raise unknown("benchmark", name, (one.name for one in BENCHMARKS))


Name = Literal[
    "gpqa", "mmlu_pro", "ifeval", "omni_math", "wildbench", "bbh", "math_level_5", "musr", "swe_bench", "hle"
]
"""The names, as a type for settings."""
