"""Bodies of the errors that any route may return (http.md 0.4)."""

from typing import Any, Literal

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


class KatoErrorContent(BaseModel):
    type: str = Field(examples=["DatabaseConnectionError"])
    code: str = Field(examples=["DATABASE_CONNECTION_ERROR"])
    message: str
    recoverable: bool = Field(description="Whether the client can do something about it, or try again.")
    context: dict[str, Any] = Field(description="Facts for programs, which depend on the code.", examples=[{}])
    timestamp: str


class KatoError(BaseModel):
    error: KatoErrorContent


class InternalErrorContent(BaseModel):
    code: Literal["INTERNAL_ERROR"]
    message: str
    details: dict[str, Any] = Field(examples=[{}])
    context: dict[str, str] = Field(examples=[{"exception_type": "KeyError"}])


class InternalError(BaseModel):
    error: InternalErrorContent
