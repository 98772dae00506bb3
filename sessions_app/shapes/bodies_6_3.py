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


class VectorMatch(BaseModel):
    vctr_id: str
    rank: int = Field(description="From 1, the nearest.")
    raw_score: float | None = Field(description="The distance; null where there is none.")
    source: Literal["vector_index", "self_appended"]


class VectorSearch(BaseModel):
    query_vctr_id: str
    requested_limit: int
    search_performed: bool = Field(description="False with `vector_event_mode` self_only.")
    metric: Literal["euclidean"]
    score_direction: Literal["lower_is_better"]
    matches: list[VectorMatch]


class ObservedAnswer(bodies.ObservedAnswer):
    vector_search: VectorSearch | None = Field(
        description="Where the observation has vectors and `return_vector_search_results` is true; else null."
    )


class Prediction(predictions.Prediction):
    model_config = ConfigDict(title="Prediction")

    # Not a subtype: it is never used in its place.
    anomalies: list[str] = Field(  # type: ignore[assignment]
        description="What is missing, what is extra, and the observed symbols of `fuzzy_matches`, in this order."
    )


class SessionNotFound(BaseModel):
    detail: str


# By the name in the document.
REPLACED: dict[str, type[BaseModel]] = {
    shape.__name__: shape for shape in (CreateSession, SessionAnswer, ConfigAnswer, ObservedAnswer, Prediction)
} | {error_bodies.SessionNotFound.__name__: SessionNotFound}
# Fields of 3.10 alone.
GONE = {"Prediction": ("pattern_data", "length")}
