"""Response bodies of errors about sessions (http.md 0.4)."""

from typing import Literal

from pydantic import BaseModel, Field


class MissingSession(BaseModel):
    code: Literal["SESSION_NOT_FOUND"]
    message: str
    session_id: str


class SessionNotFound(BaseModel):
    error: MissingSession


class InvalidSettings(BaseModel):
    error: str
    validation_errors: dict[str, str] = Field(description="Setting → what it must be.")


class InvalidConfiguration(BaseModel):
    detail: InvalidSettings


class VectorDimension(BaseModel):
    error: Literal["VectorDimensionError"]
    message: str
    expected_dimension: int
    actual_dimension: int
    vector_name: str
    observation_index: int = Field(0, description="In a sequence: of the observation.")


class WrongVector(BaseModel):
    detail: VectorDimension


class RefusedJob(BaseModel):
    detail: InvalidSettings | VectorDimension


class NothingLearned(BaseModel):
    detail: str | VectorDimension


class RetiredContext(BaseModel):
    pattern_name: str
    node_id: str


class RetiredPatternError(BaseModel):
    type: Literal["RetiredPatternError"]
    code: Literal["RETIRED_PATTERN"]
    message: str
    recoverable: Literal[True]
    context: RetiredContext


class RetiredPattern(BaseModel):
    error: RetiredPatternError


class VectorsNotAvailable(BaseModel):
    error: Literal["VectorsNotAvailable"]
    message: str


class NoVectors(BaseModel):
    detail: VectorsNotAvailable
