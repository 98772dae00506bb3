"""What a session predicts."""

from typing import TYPE_CHECKING, Generic, NotRequired, TypedDict

from kato_client.types._values import Emotives, Events, Metadata

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # with a default, which `typing` has from Python 3.13 on
else:
    from typing import TypeVar


class FuzzyMatch(TypedDict):
    observed: str
    expected: str
    similarity: float


class CommonPrediction(TypedDict):
    """What predictions of all contracts have; docs/predictions.md explains every field."""

    type: str
    name: str
    frequency: int
    emotives: Emotives
    matches: list[str]
    past: Events
    present: Events
    missing: Events
    extras: Events
    future: Events
    sequence: Events
    fuzzy_matches: list[FuzzyMatch]
    similarity: float
    evidence: float
    confidence: float
    snr: float
    fragmentation: float
    potential: float
    entropy: float
    normalized_entropy: float
    global_normalized_entropy: float
    confluence: float
    itfdf_similarity: float
    tfidf_score: float
    predictive_information: float
    pattern_probability: float
    weighted_strength: float
    bayesian_prior: float
    bayesian_likelihood: float
    bayesian_posterior: float
    weighted_similarity: float | None
    weighted_evidence: float | None
    weighted_confidence: float | None
    weighted_snr: float | None


class Prediction(CommonPrediction):
    """One learned pattern that matches, as KATO 3.10 shows it. `anomalies`: the same as `fuzzy_matches`."""

    anomalies: list[FuzzyMatch]
    # Only if the state is a single symbol.
    pattern_data: NotRequired[Events]
    length: NotRequired[int]


class Prediction63(CommonPrediction):
    """One learned pattern that matches, as KATO 6.3 shows it.

    `anomalies`: the symbols that are missing, those that are extra, and the observed ones of `fuzzy_matches`.
    """

    anomalies: list[str]


if TYPE_CHECKING:
    AnyPrediction = TypeVar("AnyPrediction", bound=CommonPrediction, default=Prediction)
else:
    AnyPrediction = TypeVar("AnyPrediction", bound=CommonPrediction)


class FuturePotential(TypedDict):
    future: Events
    aggregate_potential: float
    supporting_patterns: int
    total_weighted_frequency: float


class Predictions(TypedDict, Generic[AnyPrediction]):
    predictions: list[AnyPrediction]
    future_potentials: list[FuturePotential] | None
    count: int
    session_id: str
    processor_id: str | None
    time: int | None
    unique_id: str | None


class Cognition(TypedDict, Generic[AnyPrediction]):
    predictions: list[AnyPrediction]
    emotives: Emotives
    symbols: list[str]
    command: str
    metadata: Metadata
    path: list[str]
    strings: list[str]
    vectors: list[list[float]]
    short_term_memory: Events
    time: NotRequired[int]


class CognitionData(TypedDict, Generic[AnyPrediction]):
    cognition_data: Cognition[AnyPrediction]
    session_id: str
    node_id: str
