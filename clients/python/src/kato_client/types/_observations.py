"""What a session observes and learns."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from kato_client.types._values import Emotives, Events, Metadata


class Observation(TypedDict, total=False):
    """One item of a sequence."""

    strings: Sequence[str]
    vectors: Sequence[Sequence[float]]
    emotives: Mapping[str, float]
    metadata: Mapping[str, Any]
    unique_id: str | None


#: Where events are taken: the symbols of one, or an observation.
AnyEvent = Sequence[str] | Observation


class VectorMatch(TypedDict):
    """`rank`: from 1, the nearest. `raw_score`: the distance, if it is known."""

    vctr_id: str
    rank: int
    raw_score: float | None
    source: Literal["vector_index", "self_appended"]


class VectorSearch(TypedDict):
    query_vctr_id: str
    requested_limit: int
    search_performed: bool
    metric: str
    score_direction: Literal["lower_is_better", "higher_is_better", "unknown"]
    matches: list[VectorMatch]


class Observed(TypedDict):
    """`stm_length`: events after the observation, and after any learning that it caused.

    `vector_search`: under 6.3, for vectors in a session with `return_vector_search_results`; otherwise null or missing.
    """

    status: str
    session_id: str
    processor_id: str
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None
    vector_search: NotRequired[VectorSearch | None]


class SequenceItem(TypedDict):
    status: str
    sequence_position: int
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None


class SequenceObserved(TypedDict):
    status: str
    processor_id: str
    observations_processed: int
    initial_stm_length: int
    final_stm_length: int
    results: list[SequenceItem]
    auto_learned_patterns: list[str]
    final_learned_pattern: str | None
    isolated: bool


class Stm(TypedDict):
    stm: Events
    session_id: str
    length: int


class Percept(TypedDict, total=False):
    """The last observation; empty before the first one and after a clear."""

    strings: list[str]
    vectors: list[list[float]]
    emotives: Emotives
    path: list[str]
    metadata: Metadata


class PerceptData(TypedDict):
    percept_data: Percept
    session_id: str
    node_id: str


class Learned(TypedDict):
    """`pattern_name`: `PTRN|` and 40 hexadecimal digits; "" if there were fewer than two symbols."""

    status: str
    pattern_name: str
    session_id: str
    processor_id: str | None
    message: str


class TrainingFinalized(TypedDict):
    status: str
    patterns_processed: int
    time_ms: float
    session_id: str
    node_id: str
    message: str


class Cleared(TypedDict):
    status: str
    session_id: str


class AllCleared(Cleared):
    scope: str
