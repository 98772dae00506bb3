"""A validated observation, and the state of the session after it."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from engine.named_vectors import NamedVector


@dataclass(frozen=True, slots=True)
class Observation:
    """`vectors` as given, `vector` their sum; `metadata` is any JSON object."""

    strings: list[str]
    vectors: list[list[float]]
    vector: NamedVector | None
    emotives: dict[str, float]
    metadata: dict[str, Any]
    unique_id: str


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """How the neighbours of an observed vector were found. `found`: names and distances, the nearest first."""

    own_name: str
    requested_limit: int
    performed: bool
    found: list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Observed:
    """The state right after one observation: events in the STM, observations since the last clear.

    `auto_learned_pattern`: `PTRN|` + name of the pattern that the session learned because of it, or None.
    `vector_search`: where the observation had a vector and the session wants to know.
    """

    unique_id: str
    stm_length: int
    time: int
    auto_learned_pattern: str | None = None
    vector_search: VectorSearch | None = None


def percept_text(observation: Observation) -> str:
    """The percept as stored: without the emotives, which are computed from their stream (engine.md 2.5)."""
    percept = {"strings": sorted(observation.strings), "vectors": observation.vectors, "metadata": observation.metadata}
    return to_json(percept).decode()
