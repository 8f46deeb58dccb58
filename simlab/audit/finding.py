"""What an audit has to say against its own numbers: a finding names its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Grade = Literal["alarm", "note"]
"""An alarm says that the rows do not look like what the theory takes them for; a note says how to read a number."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One alarm or note: its name, a sentence, and the numbers that it rests on, each by its name."""

    name: str
    grade: Grade
    sentence: str
    evidence: Mapping[str, float | int]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "name": self.name,
            "grade": self.grade,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
        }
