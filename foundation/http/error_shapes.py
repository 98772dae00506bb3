"""Bodies of the errors that any route may return (http.md 0.4)."""

from typing import Any

from pydantic import BaseModel, Field

from foundation.problems import MOST_PROBLEMS


class Error(BaseModel):
    detail: str


class Problem(BaseModel):
    type: str = Field(examples=["int_parsing"])
    loc: list[str | int] = Field(
        description="`body`, `query` or `header`, then field names and list indexes.",
        examples=[["query", "ttl_seconds"]],
    )
    msg: str = Field(examples=["Input should be a valid integer, unable to parse string as an integer"])
    input: Any = Field(description="What was given; the beginning of its JSON where that is long.", examples=["soon"])
    ctx: dict[str, Any] = Field({}, description="With some types: the limits, or the reason.")


class Problems(BaseModel):
    detail: list[Problem] = Field(
        max_length=MOST_PROBLEMS, description="Every problem of the request, or the first of them. Nothing was changed."
    )
    note: str = Field("", description="Only where problems are missing in the list.", examples=["And 12 more problems"])
