"""Refusals: exceptions that know their HTTP status and body, and what a command prints."""

from typing import Any, ClassVar, NamedTuple

from foundation.problems import MOST_PROBLEMS, Problem, cut, explain_problems


class KatoError(NamedTuple):
    """What KATO calls a refusal since 5.1 (kato-6.md 5.1): status, code, the name of its class, and whether the client
    can do something about it."""

    status: int
    code: str
    type: str
    recoverable: bool = True


class Refusal(Exception):
    """A request that cannot be performed. Nothing was changed.

    An HTTP client receives `status` and `body()`; under newer contracts, where KATO has a name for the refusal, its
    status and its error object. A command prints `explanation`, one line, and exits with `exit_status`.
    """

    status: ClassVar[int]
    known_as: KatoError | None = None
    exit_status: ClassVar[int] = 1
    # Seconds after which it is worth trying again; None where it is not.
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of the HTTP response, besides those that every response has."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    @property
    def detail(self) -> Any:
        """The `detail` of the HTTP body: a text (E1), an object (E2) or a list of problems (E4)."""
        return str(self)

    @property
    def note(self) -> dict[str, str]:
        """What stands beside the `detail`: nothing, or a `note`."""
        return {}

    def body(self) -> dict[str, Any]:
        return {"detail": self.detail, **self.note}

    @property
    def context(self) -> dict[str, Any]:
        """The facts of the refusal, for programs, where it is `known_as` something."""
        return {}

    @property
    def explanation(self) -> str:
        return str(self)


class Unavailable(Refusal):
    """Another attempt may succeed in a second."""

    status = 503
    known_as = KatoError(503, "SERVICE_UNAVAILABLE", "ServiceUnavailableError")
    retry_after = 1


class Overloaded(Unavailable):
    def __init__(self) -> None:
        super().__init__("The service is overloaded at the moment")


class StoreUnavailable(Unavailable):
    known_as = KatoError(503, "DATABASE_CONNECTION_ERROR", "DatabaseConnectionError")

    def __init__(self, reason: str = "") -> None:
        super().__init__("The session store is not available at the moment" + (f": {reason}" if reason else ""))


class InvalidRequest(Refusal):
    """`problems` are entries of type, loc, msg, input and sometimes ctx; `complete`: whether these are all.

    A client receives the first of them, cut to a readable size, and a note that there are more.
    """

    status = 422
    exit_status = 2

    def __init__(self, problems: list[Problem], *, complete: bool = True) -> None:
        super().__init__(explain_problems(problems))
        self.problems = problems
        self.complete = complete

    @property
    def detail(self) -> list[Problem]:
        return [cut(problem) for problem in self.problems[:MOST_PROBLEMS]]

    @property
    def note(self) -> dict[str, str]:
        more = len(self.problems) - MOST_PROBLEMS
        if not self.complete:
            return {"note": "There may be more problems: only the first ones were looked for"}
        return {"note": f"And {more} more problems"} if more > 0 else {}


class BeyondLimit(InvalidRequest):
    """One problem: something is more than it may be. `numbers`: what the message says, for programs."""

    def __init__(self, kind: str, location: list[str], message: str, **numbers: float) -> None:
        super().__init__([{"type": kind, "loc": location, "msg": message, "input": None, "ctx": numbers}])

    @property
    def explanation(self) -> str:
        return explain_problems(self.problems)


def unfit_cursor(text: str, kind: str, message: str) -> InvalidRequest:
    """For an `after` that no page of the list has named."""
    return InvalidRequest([{"type": kind, "loc": ["query", "after"], "msg": message, "input": text}])


def no_cursor(text: str) -> InvalidRequest:
    return unfit_cursor(text, "after_invalid", "Input should be the `next` of a page of this list")


class BodyTooLarge(Refusal):
    """`size`: what was announced; None where the body came in chunks."""

    status = 413

    def __init__(self, *, limit: int, size: int | None = None) -> None:
        given = "this one has more" if size is None else f"this one has {size}"
        super().__init__(f"Request body too large: at most {limit} bytes are taken here, {given}")
