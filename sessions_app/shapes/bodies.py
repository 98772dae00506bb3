"""Request and response bodies of the session endpoints (http.md 1.1).

Requests are validated by them; the OpenAPI document describes all of them.
"""

from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from foundation.contracts import ContractName
from memory_app.node_ids import NodeId
from sessions_app import config
from sessions_app.limits import MAX_EVENTS, MAX_TRAINING, MAX_VECTORS, Emotives, Metadata, Symbols, Text, Vectors

Events = list[list[str]]
# `config.validate` checks these, so that every message is the one of KATO.
SettingsInForce = Annotated[dict[str, Any], WithJsonSchema(config.schema_in_force(ContractName.KATO_3_10))]
SettingsChanges = Annotated[dict[str, Any], WithJsonSchema(config.RULES[ContractName.KATO_3_10].schema_of_changes())]

MAX_ID_LENGTH = 255
MAX_TTL: int = settings.ENV.session_ttl_max


class Input(BaseModel):
    """Numbers as text and booleans as numbers are taken, unknown fields ignored: pydantic's lax mode, as in KATO."""

    model_config = ConfigDict(allow_inf_nan=False)


class CreateSession(Input):
    model_config = ConfigDict(
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"node_id": "kitchen", "ttl_seconds": 3600, "config": {"recall_threshold": 0.4}}]
        },
    )

    node_id: NodeId = Field(description="The long-term memory that this session shares with others of the same id.")
    metadata: Metadata | None = Field(None, description="Free JSON, returned as it is.")
    ttl_seconds: int | None = Field(
        None, ge=1, le=MAX_TTL, description="Life after the last access, in seconds; null: the service's default."
    )
    config: SettingsChanges | None = Field(None, description="Initial configuration, validated as in POST config.")


class ObservationInput(Input):
    model_config = ConfigDict(
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"strings": ["kettle", "on"], "emotives": {"joy": 0.5}, "metadata": {"by": "me"}}]
        },
    )

    strings: Symbols = Field(default_factory=list, description="The symbols of the event.")
    vectors: Vectors = Field(
        default_factory=list,
        description="Added into one vector, which its name and those of the nearest learned vectors stand for in the "
        "event. All vectors of a node have the same dimension.",
    )
    emotives: Emotives = Field(default_factory=dict, description="Named numbers.")
    metadata: Metadata = Field(default_factory=dict, description="Named values of any kind.")
    unique_id: Text | None = Field(None, description="Returned as it is; made by the service when absent.")


def _with_few_vectors(observations: list[ObservationInput]) -> list[ObservationInput]:
    vectors = sum(len(one.vectors) for one in observations)
    if vectors > MAX_VECTORS:
        raise _too_many("vectors", vectors, MAX_VECTORS)
    return observations


def _too_many(things: str, number: int, most: int) -> PydanticCustomError:
    return PydanticCustomError(
        f"too_many_{things}",
        f"A request should have at most {{max_length}} {things}, not {{actual_length}}",
        {"max_length": most, "actual_length": number},
    )


class ObserveSequence(Input):
    observations: Annotated[list[ObservationInput], Field(max_length=MAX_EVENTS), AfterValidator(_with_few_vectors)]
    learn_after_each: bool = Field(False, description="Learn the STM after every observation.")
    learn_at_end: bool = Field(False, description="Learn the STM once, after the last observation.")
    clear_stm_between: bool = Field(False, description="Empty the STM before every observation but the first.")


def _spelling(event: Any) -> str:
    return "symbols" if isinstance(event, list) else "observation"


def _of_bounded_length(sequences: list[list[Any]]) -> list[list[Any]]:
    events = sum(map(len, sequences))
    if events > MAX_TRAINING:
        raise _too_many("events", events, MAX_TRAINING)
    observations = (event for events in sequences for event in events if isinstance(event, ObservationInput))
    vectors = sum(len(one.vectors) for one in observations)
    if vectors > MAX_VECTORS:
        raise _too_many("vectors", vectors, MAX_VECTORS)
    return sequences


# An event is the list of its symbols, or a whole observation. The discriminator makes pydantic report errors for the
# spelling that the client used, and only for that.
TrainingEvent = Annotated[
    Annotated[Symbols, Tag("symbols")] | Annotated[ObservationInput, Tag("observation")], Discriminator(_spelling)
]

TrainingSequence = Annotated[list[TrainingEvent], Field(max_length=MAX_TRAINING)]


class TrainJob(Input):
    model_config = ConfigDict(
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "kind": "train",
                    "node_id": "kitchen",
                    "sequences": [
                        [["kettle", "on"], ["boil"], ["tea"]],
                        [{"strings": ["kettle"], "emotives": {"joy": 1}}, ["boil"], ["coffee"]],
                    ],
                }
            ]
        },
    )

    kind: Literal["train"]
    node_id: NodeId = Field(description="The node that learns.")
    sequences: Annotated[list[TrainingSequence], AfterValidator(_of_bounded_length)] = Field(
        min_length=1,
        max_length=MAX_TRAINING,
        description="Each is learned as a new session would learn it with observe-sequence and learn_at_end. "
        "An event is the list of its symbols, or an observation with vectors, emotives and metadata.",
    )
    config: dict[str, Any] | None = Field(None, description="The configuration of those sessions.")


class SessionAnswer(BaseModel):
    session_id: str
    node_id: str
    created_at: str = Field(description="ISO 8601, UTC, microseconds, `Z`.")
    expires_at: str
    ttl_seconds: int = Field(description="At creation the session's TTL; later the whole seconds that are left.")
    metadata: dict[str, Any]
    session_config: SettingsInForce = Field(description="The configuration in force.")


class SessionList(BaseModel):
    sessions: list[SessionAnswer]
    total: int | None = Field(
        description="Living sessions (of the node, if one was named), whatever the page; null with `after`."
    )
    skip: int
    limit: int
    next_skip: int | None = Field(
        description="The `skip` of the next page, null on the last and with `after`. A page ends before `limit` where "
        "it gets too large."
    )
    next: str | None = Field(description="The `after` of the next page, null on the last.")


class SessionCount(BaseModel):
    active_session_count: int


class ExistsAnswer(BaseModel):
    exists: bool
    expired: bool
    session_id: str


class DeletedAnswer(BaseModel):
    status: str = Field(examples=["deleted"])
    session_id: str


class ConfigAnswer(BaseModel):
    session_id: str
    config: SettingsInForce


class ConfigUpdated(BaseModel):
    status: str = Field(examples=["okay"])
    message: str = Field(examples=["Configuration updated"])
    session_id: str


class ExtendedAnswer(BaseModel):
    status: str = Field(examples=["extended"])
    session_id: str
    ttl_seconds: int


class ClearedAnswer(BaseModel):
    status: str = Field(examples=["cleared"])
    session_id: str


class ObservedAnswer(BaseModel):
    status: str = Field(examples=["okay"])
    session_id: str
    processor_id: str = Field(description="The node id.")
    stm_length: int
    time: int = Field(description="Observations since the STM was last cleared.")
    unique_id: str
    auto_learned_pattern: str | None


class SequenceItemAnswer(BaseModel):
    status: str = Field(examples=["okay"])
    sequence_position: int
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None


class SequenceAnswer(BaseModel):
    status: str = Field(examples=["completed"])
    processor_id: str
    observations_processed: int
    initial_stm_length: int
    final_stm_length: int
    results: list[SequenceItemAnswer]
    auto_learned_patterns: list[str]
    final_learned_pattern: str | None
    isolated: bool


class StmAnswer(BaseModel):
    stm: Events
    session_id: str
    length: int


class LearnedAnswer(BaseModel):
    status: str = Field(examples=["learned"])
    pattern_name: str = Field(
        description='`PTRN|` and 40 hexadecimal digits; "" where there were fewer than two symbols.'
    )
    session_id: str
    processor_id: None
    message: str = Field(examples=["Learned pattern PTRN|6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de from 4 events"])


class FinalizedAnswer(BaseModel):
    status: str = Field(examples=["completed"])
    patterns_processed: int
    time_ms: float
    session_id: str
    node_id: str
    message: str = Field(examples=["Finalized 12 patterns"])


class ClearedAllAnswer(ClearedAnswer):
    scope: str = Field(examples=["all"])


class JobSummary(BaseModel):
    job_id: str
    kind: str = Field(examples=["observe-sequence"])
    state: str = Field(examples=["done"], description="waiting, running, done, failed or cancelled.")
    progress: float = Field(description="From 0 to 1.")
    done: int = Field(description="Units of `total` that are done: observations or sequences.")
    total: int
    node_id: str
    session_id: str | None
    error: str | None = Field(description="Why it failed, or why the last attempt did.")
    attempts: int = Field(description="How often the step at hand was begun: 1 unless something went wrong.")
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobAnswer(JobSummary):
    result: Any = Field(
        description="What the synchronous request would have answered. Of a training: `sequences` and "
        "`patterns_learned` (repetitions counted) so far; of an import `patterns`, `affinities` and `retirements`."
    )


class JobList(BaseModel):
    jobs: list[JobSummary]
    total: int = Field(description="Jobs that the filters let through, whatever the page.")
    skip: int
    limit: int


class TestAnswer(BaseModel):
    test_id: str
    message: str = Field(examples=["endpoint works"])
