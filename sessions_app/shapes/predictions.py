"""Response bodies of percepts, predictions and cognition (http.md 1.1)."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sessions_app.shapes.bodies import Events

Emotives = dict[str, float]


class Percept(BaseModel):
    strings: list[str] = Field(description="Sorted.")
    vectors: list[list[float]]
    emotives: Emotives = Field(description="Mean of all that were accumulated.")
    path: list[Any] = Field(description="Always empty.")
    metadata: dict[str, Any]


class NoPercept(BaseModel):
    """Before the first observation, and after a clear."""

    model_config = ConfigDict(extra="forbid")


class PerceptAnswer(BaseModel):
    percept_data: Percept | NoPercept
    session_id: str
    node_id: str


class FuturePotential(BaseModel):
    future: Events
    aggregate_potential: float
    supporting_patterns: int
    total_weighted_frequency: float


class FuzzyMatch(BaseModel):
    observed: str
    expected: str
    similarity: float


class Prediction(BaseModel):
    """A pattern that matches. docs/predictions.md explains every field at an example."""

    type: Literal["prototypical"]
    name: str = Field(description="Of the pattern, without `PTRN|`.")
    frequency: int
    emotives: Emotives
    matches: list[str]
    past: Events
    present: Events
    missing: Events = Field(description="One list per present event.")
    extras: Events = Field(description="One list per event of the STM.")
    anomalies: list[FuzzyMatch]
    fuzzy_matches: list[FuzzyMatch]
    potential: float
    evidence: float
    similarity: float
    fragmentation: float
    snr: float
    confluence: float
    predictive_information: float
    sequence: Events
    future: Events
    confidence: float
    weighted_similarity: float | None
    weighted_evidence: float | None
    weighted_confidence: float | None
    weighted_snr: float | None
    entropy: float
    normalized_entropy: float
    global_normalized_entropy: float
    itfdf_similarity: float
    tfidf_score: float
    pattern_probability: float
    weighted_strength: float
    bayesian_posterior: float
    bayesian_prior: float
    bayesian_likelihood: float
    pattern_data: Events = Field([], description="Only where the state is one symbol: the events of the pattern.")
    length: int = Field(0, description="Only where the state is one symbol: the symbols of the pattern.")


class PredictionsAnswer(BaseModel):
    predictions: list[Prediction] = Field(description="Best first.")
    future_potentials: list[FuturePotential] | None
    count: int
    session_id: str
    processor_id: None
    time: None
    unique_id: None


class Cognition(BaseModel):
    predictions: list[Prediction] = Field(description="Those of the last observation; none after a clear.")
    emotives: Emotives = Field(description="The last that were accumulated.")
    symbols: list[str] = Field(description="The STM as one list.")
    command: str = Field(description="Always empty.")
    metadata: dict[str, Any] = Field(description="Always empty.")
    path: list[Any] = Field(description="Always empty.")
    strings: list[str] = Field(description="Always empty.")
    vectors: list[list[float]] = Field(description="Always empty.")
    short_term_memory: Events
    time: int


class CognitionAnswer(BaseModel):
    cognition_data: Cognition
    session_id: str
    node_id: str
