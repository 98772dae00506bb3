"""Bodies of the errors that any route may return (http.md 0.4)."""

from typing import Any

from pydantic import BaseModel, Field


class Error(BaseModel):
    detail: str


class Problem(BaseModel):
    type: str = Field(examples=["int_parsing"])
    loc: list[str | int] = Field(
        description="`body`, `query` or `header`, then field names and list indexes.",
        examples=[["query", "ttl_seconds"]],
    )
    msg: str = Field(examples=["Input should be a valid integer, unable to parse string as an integer"])
    input: Any = Field(description="What was given.", examples=["soon"])
    ctx: dict[str, Any] = Field({}, description="With some types: the limits, or the reason.")


class Problems(BaseModel):
    detail: list[Problem] = Field(description="Every problem of the request. Nothing was changed.")
