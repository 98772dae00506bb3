"""Responses of the node-level endpoints (http.md 1.3)."""

from typing import Any, Literal

from pydantic import BaseModel, Field

NEXT = Field("", description="Only where there are more symbols: the `after` of the next page.", examples=["kettle"])


class KnownPattern(BaseModel):
    name: str = Field(examples=["PTRN|6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"])
    pattern_data: list[list[str]] = Field(description="The events.")
    length: int = Field(description="Symbols.", examples=[6])
    frequency: int
    emotives: list[dict[str, float]] = Field(description="The last `persistence` learnings.", examples=[[{"joy": 0.5}]])
    metadata: dict[str, list[Any]] = Field(description="All values ever learned, per name.", examples=[{"by": ["me"]}])


class Found(BaseModel):
    status: Literal["okay"]
    pattern: KnownPattern


class NotFound(BaseModel):
    status: Literal["error"]
    message: str


class PatternAnswer(BaseModel):
    pattern: Found | NotFound
    node_id: str = Field(description="The storage-style id, for display.")


class PatternCount(BaseModel):
    pattern_count: int
    node_id: str


class SymbolStatistics(BaseModel):
    name: str
    frequency: int
    pattern_member_frequency: int


class SymbolsAnswer(BaseModel):
    symbols: dict[str, SymbolStatistics] = Field(
        examples=[{"kettle": {"name": "kettle", "frequency": 2, "pattern_member_frequency": 1}}]
    )
    node_id: str
    next: str = NEXT


class AffinitiesAnswer(BaseModel):
    affinities: dict[str, dict[str, float]]
    node_id: str
    next: str = NEXT


class AffinityAnswer(BaseModel):
    symbol: str
    affinity: dict[str, float]
    node_id: str


class DeprecatedPerceptAnswer(BaseModel):
    percept_data: dict[str, Any] = Field(examples=[{}])
    node_id: str
    warning: str = Field(examples=["Deprecated: ask a session instead"])


class DeprecatedCognitionAnswer(BaseModel):
    cognition_data: dict[str, Any] = Field(description="Always empty.")
    node_id: str
    warning: str = Field(examples=["Deprecated: ask a session instead"])


class ListedNode(BaseModel):
    node_id: str = Field(description="The exact id.")
    shown_as: str = Field(description="The storage-style id, for display.", examples=["kitchen_kato"])
    finalized: bool = Field(description="Whether finalize-training has fixed its statistics.", examples=[True])
    vector_dimension: int | None = Field(examples=[768])


class NodePage(BaseModel):
    nodes: list[ListedNode]
    next: str | None = Field(description="The `after` of the next page; null on the last one.", examples=["kitchen"])


class ListedPattern(BaseModel):
    name: str = Field(examples=["PTRN|6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"])
    pattern_data: list[list[str]] = Field(description="The events.")
    length: int = Field(description="Symbols.", examples=[6])
    frequency: int
    retired: bool = Field(description="Whether the node predicts and learns it no more.", examples=[False])
    emotives: list[dict[str, float]] | None = Field(
        description="The last `persistence` learnings; null where they and the metadata are more than a page may have.",
        examples=[[{"joy": 0.5}]],
    )
    metadata: dict[str, list[Any]] | None = Field(
        description="All values ever learned, per name; null as `emotives`.", examples=[{"by": ["me"]}]
    )
    bytes: int = Field(description="Of the events, emotives and metadata, as stored.", examples=[92])


class DeletedPattern(BaseModel):
    status: Literal["deleted"]
    pattern_name: str = Field(examples=["PTRN|6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"])
    node_id: str = Field(description="The exact id.")


class PatternPage(BaseModel):
    patterns: list[ListedPattern]
    node_id: str = Field(description="The exact id.")
    next: str | None = Field(
        description="The `after` of the next page, also of an empty one; null on the last page.",
        examples=["newest.12.734.6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"],
    )
