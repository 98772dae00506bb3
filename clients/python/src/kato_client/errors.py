"""What can go wrong, by what a caller can do about it. All are `KatoError`; none of httpx's exceptions gets out."""

from collections.abc import Mapping
from typing import Any


class KatoError(Exception):
    """Anything that this package raises."""


class ConnectionFailed(KatoError):
    """No answer, also after the repeats.

    `performed`: False where no attempt can have reached the service, None where nobody knows.
    """

    def __init__(self, message: str, *, performed: bool | None) -> None:
        super().__init__(message)
        self.performed = performed


class ForeignServer(KatoError):
    """Something answered that is not this service: another program on the same name and port.

    The usual cause: `localhost` means `::1` and `127.0.0.1`, and two programs listen, one on each. Use the number.
    """


class ApiError(KatoError):
    """The service answered with an error. `body`: parsed where it is JSON, else text; `program`: who answered."""

    def __init__(self, message: str, *, status: int, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.trace_id = headers.get("X-Trace-ID")
        self.program = headers.get("X-Kato-Instance")


class SessionNotFound(ApiError):
    """The service looked, and the session is not there: never created, deleted or expired. Never store trouble.

    `maybe_performed`: an earlier attempt of this very call went unanswered, so it may have been performed before the
    session went. Such a call is never repeated in another session.
    """

    maybe_performed = False


class RouteNotFound(ApiError):
    """The service has no such route: it is older than this client."""


class InvalidRequest(ApiError):
    """422: `problems` lists every one, with `type`, `loc`, `msg`, `input`. Nothing was changed."""

    @property
    def problems(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["detail"]
        return found


class InvalidConfiguration(ApiError):
    """400: `problems` maps each setting to what it must be. Nothing was changed."""

    @property
    def problems(self) -> dict[str, str]:
        found: dict[str, str] = self.body["detail"]["validation_errors"]
        return found


class WrongDimension(ApiError):
    """400: a vector with another dimension than the node's. Nothing was changed."""

    @property
    def expected(self) -> int:
        return int(self.body["detail"]["expected_dimension"])

    @property
    def actual(self) -> int:
        return int(self.body["detail"]["actual_dimension"])


class EmptyStm(ApiError):
    """400: there is nothing to learn."""


class Unavailable(ApiError):
    """502, 503 or 504, also after the repeats. `retry_after`: seconds, where the service named them."""

    retry_after: float | None = None


class ServerFailure(ApiError):
    """Any other 5xx: a defect of the service."""
