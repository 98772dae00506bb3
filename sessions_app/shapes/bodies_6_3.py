"""Bodies of KATO 6.3 that differ from those of 3.10 (kato-6.md 12.3), under the same names in the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from foundation.contracts import ContractName
from sessions_app import config
from sessions_app.shapes import bodies, error_bodies, predictions

_SETTINGS = Annotated[dict[str, Any], WithJsonSchema(config.schema_in_force(ContractName.KATO_6_3))]
_CHANGES = Annotated[dict[str, Any], WithJsonSchema(config.RULES[ContractName.KATO_6_3].schema_of_changes())]


class CreateSession(bodies.CreateSession):
    config: _CHANGES | None = Field(None, description="Initial configuration, validated as in POST config.")


class SessionAnswer(bodies.SessionAnswer):
    session_config: _SETTINGS = Field(description="The configuration in force.")


class ConfigAnswer(bodies.ConfigAnswer):
    config: _SETTINGS


_VECTOR = "VCTR|9d58821e286eae6a77923d694a12ede7cbeabfbd"


class VectorMatch(BaseModel):
    vctr_id: str = Field(examples=[_VECTOR])
    rank: int = Field(description="From 1, the nearest.", examples=[1])
    raw_score: float | None = Field(description="The distance; null where there is none.", examples=[0.25])
    source: Literal["vector_index", "self_appended"]


class VectorSearch(BaseModel):
    query_vctr_id: str = Field(examples=[_VECTOR])
    requested_limit: int = Field(examples=[3])
    search_performed: bool = Field(description="False with `vector_event_mode` self_only.", examples=[True])
    metric: Literal["euclidean"]
    score_direction: Literal["lower_is_better"]
    matches: list[VectorMatch] = Field(
        examples=[[{"vctr_id": _VECTOR, "rank": 1, "raw_score": 0.25, "source": "vector_index"}]]
    )


class ObservedAnswer(bodies.ObservedAnswer):
    vector_search: VectorSearch | None = Field(
        description="Where the observation has vectors and `return_vector_search_results` is true; else null."
    )


class Prediction(predictions.Prediction):
    """A pattern that matches. docs/predictions.md explains every field at an example."""

    model_config = ConfigDict(title="Prediction")

    # Not a subtype: it is never used in its place.
    anomalies: list[str] = Field(  # type: ignore[assignment]
        description="What is missing, what is extra, and the observed symbols of `fuzzy_matches`, in this order."
    )


class SessionNotFound(BaseModel):
    detail: str


class RetiredPatternError(error_bodies.RetiredPatternError):
    timestamp: str


class RetiredPattern(BaseModel):
    error: RetiredPatternError


# By the name in the document.
REPLACED: dict[str, type[BaseModel]] = {
    shape.__name__: shape
    for shape in (
        *(CreateSession, SessionAnswer, ConfigAnswer, ObservedAnswer, Prediction),
        *(SessionNotFound, RetiredPattern, RetiredPatternError),
    )
}
# Fields of 3.10 alone.
GONE = {"Prediction": ("pattern_data", "length")}
