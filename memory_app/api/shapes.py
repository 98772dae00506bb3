"""Answers of the node-level endpoints (http-api.md 1.3)."""

from typing import Any

from pydantic import BaseModel, Field


class PatternData(BaseModel):
    status: str = Field(examples=["okay"])
    pattern: dict[str, Any] | None = Field(
        None, description="name, pattern_data, length, frequency, emotives, metadata"
    )
    message: str | None = Field(None, description="Where the pattern is not known.")


class PatternAnswer(BaseModel):
    pattern: PatternData
    node_id: str = Field(description="The storage-style id, for display.")


class PatternCount(BaseModel):
    pattern_count: int
    node_id: str


class SymbolStatistics(BaseModel):
    name: str
    frequency: int
    pattern_member_frequency: int


class SymbolsAnswer(BaseModel):
    symbols: dict[str, SymbolStatistics]
    node_id: str


class AffinitiesAnswer(BaseModel):
    affinities: dict[str, dict[str, float]]
    node_id: str


class AffinityAnswer(BaseModel):
    symbol: str
    affinity: dict[str, float]
    node_id: str


class DeprecatedPerceptAnswer(BaseModel):
    percept_data: dict[str, Any] = Field(examples=[{}])
    node_id: str
    warning: str


class DeprecatedCognitionAnswer(BaseModel):
    cognition_data: dict[str, Any] = Field(description="Always empty.")
    node_id: str
    warning: str
