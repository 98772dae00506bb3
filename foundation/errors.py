"""Refusals: exceptions that know their HTTP status and body, and what a command prints."""

from typing import Any, ClassVar

Problem = dict[str, Any]


class Refusal(Exception):
    """A request that cannot be performed. Nothing was changed.

    An HTTP client receives `status` and `body()`. A command prints `explanation`, one line, and exits with
    `exit_status`.
    """

    status: ClassVar[int]
    exit_status: ClassVar[int] = 1

    @property
    def headers(self) -> dict[str, str]:
        """Of the HTTP response, besides those that every response has."""
        return {}

    @property
    def detail(self) -> Any:
        """The `detail` of the HTTP body: a text (E1), an object (E2) or a list of problems (E4)."""
        return str(self)

    def body(self) -> dict[str, Any]:
        return {"detail": self.detail}

    @property
    def explanation(self) -> str:
        return str(self)


class InvalidRequest(Refusal):
    """`problems` are entries of type, loc, msg, input and sometimes ctx."""

    status = 422
    exit_status = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the request")
        self.problems = problems

    @property
    def detail(self) -> list[Problem]:
        return self.problems

    @property
    def explanation(self) -> str:
        return explain_problems(self.problems)


class BodyTooLarge(Refusal):
    status = 413

    def __init__(self) -> None:
        super().__init__("Request body too large")


def explain_problems(problems: list[Any]) -> str:
    """Problems in pydantic's form, on one line: `observations.0.strings: Input should be a valid list`."""
    return "; ".join(f"{_path(problem['loc'])}: {problem['msg']}" for problem in problems)


def _path(location: list[str | int]) -> str:
    return ".".join(str(part) for part in location if part not in ("body", "query"))
