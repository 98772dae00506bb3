"""Request and response bodies of retire, un-retire and purge."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from memory_app.reasons import Why
from sessions_app.shapes.bodies import Input
from sessions_app.shapes.pattern_ids import PatternIds

_PATTERN_ID = "6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"
_IDS = "Their names: 40 lowercase hexadecimal digits, with or without `PTRN|`."


class ActOnPatterns(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"pattern_ids": [_PATTERN_ID], "why": "outdated"}]})

    pattern_ids: PatternIds = Field(description=_IDS)
    why: Why | None = Field(None, description="Kept with who did it and when.")


class PurgePatterns(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"pattern_ids": [_PATTERN_ID], "why": "outdated"}]})

    pattern_ids: PatternIds | None = Field(
        None, description=f"{_IDS} Without them: all retired patterns of the node that are not purged yet."
    )
    max_patterns: int = Field(1000, ge=1, le=10_000, description="How many to purge at most; the others remain.")
    why: Why | None = Field(None, description="Kept with who did it and when.")


class _Answer(BaseModel):
    status: str = Field(examples=["okay"])
    session_id: str
    node_id: str
    requested: list[str] = Field(description="As they were sent.", examples=[[f"PTRN|{_PATTERN_ID}"]])


class RetiredAnswer(_Answer):
    retired: list[str] = Field(description="Bare names, each once, in their order.", examples=[[_PATTERN_ID]])
    already_retired: list[str] = Field(description="Also those that are purged.", examples=[[]])


class UnRetiredAnswer(_Answer):
    un_retired: list[str] = Field(description="Bare names, each once, in their order.", examples=[[_PATTERN_ID]])
    not_retired: list[str] = Field(examples=[[]])


class PurgedAnswer(BaseModel):
    status: Literal["completed", "partial", "nothing_to_purge"] = Field(
        description="`partial`: some failed. `nothing_to_purge`: there was nothing to do, and `remaining` is 0."
    )
    session_id: str
    node_id: str
    purged: list[str] = Field(examples=[[_PATTERN_ID]])
    failed: dict[str, str] = Field(description="Reasons by name.", examples=[{}])
    remaining: int = Field(description="Retired patterns of the node that are not purged.", examples=[0])
