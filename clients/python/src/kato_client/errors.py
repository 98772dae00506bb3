"""The errors, one for each thing that a caller can do about them. All are `KatoError`; httpx's never get out."""

from collections.abc import Mapping
from typing import Any


class KatoError(Exception):
    """The base of every error that this package raises."""


class ConnectionFailed(KatoError):
    """No response, even after the retries.

    `performed`: False if no attempt can have reached the service, None if that is unknown.
    """

    def __init__(self, message: str, *, performed: bool | None) -> None:
        super().__init__(message)
        self.performed = performed


class Unfit(KatoError, TypeError):
    """What a method was given is not what it takes. Nothing was sent."""


class UnfitFile(KatoError, ValueError):
    """The file that an export is to continue is not one that it can continue: no export, or that of another node."""


class ForeignServer(KatoError):
    """The response came from another program under the same name and port, not from this service.

    The usual cause: `localhost` means both `::1` and `127.0.0.1`, and a different program listens on each. Use the
    number.
    """


class ApiError(KatoError):
    """The service returned an error. `body`: parsed if it is JSON, else text; `program`: the program that responded.

    `code`: KATO's name of the error, such as `RETIRED_PATTERN`, if it has one; under contract 6.3 more errors do.
    """

    def __init__(
        self, message: str, *, status: int, body: Any, headers: Mapping[str, str], code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.code = code
        self.trace_id = headers.get("X-Trace-ID")
        self.program = headers.get("X-Kato-Instance")


class SessionNotFound(ApiError):
    """The service looked for the session and it does not exist: never created, deleted or expired.

    An unavailable store never raises this. `maybe_performed`: an earlier attempt of the same call got no response, so
    the service may have performed it while the session still existed. Recovery never repeats such a call.
    """

    maybe_performed = False


class PatternNotFound(ApiError):
    """404: the node has no such pattern. Under contract 3.10 `pattern()` returns a `status` instead."""


class RetiredPattern(ApiError):
    """409: what would be learned is retired on the node. The request changed nothing; un-retire it, and repeat."""

    @property
    def pattern_name(self) -> str:
        """With `PTRN|`; "" if the service does not say it (KATO itself may not)."""
        return str(self.body["error"].get("context", {}).get("pattern_name", ""))


class RouteNotFound(ApiError):
    """The service has no such route: it is older than this client."""


class InvalidRequest(ApiError):
    """422: `problems` lists each one, with `type`, `loc`, `msg`, `input`. The request changed nothing.

    Under contract 6.3 also 507, for what would take too much memory. An error that has a `code` has one problem.
    """

    @property
    def problems(self) -> list[dict[str, Any]]:
        match self.body:
            case {"error": {"message": message}}:
                return [{"type": self.code, "loc": [], "msg": message, "input": None}]
        found: list[dict[str, Any]] = self.body["detail"]
        return found


class InvalidConfiguration(ApiError):
    """400: `problems` maps each wrong setting to what it must be. The request changed nothing."""

    @property
    def problems(self) -> dict[str, str]:
        found: dict[str, str] = self.body["detail"]["validation_errors"]
        return found


class WrongDimension(ApiError):
    """400: the dimension of a vector differs from that of the node. The request changed nothing."""

    @property
    def expected(self) -> int:
        return int(self.body["detail"]["expected_dimension"])

    @property
    def actual(self) -> int:
        return int(self.body["detail"]["actual_dimension"])


class EmptyStm(ApiError):
    """400: there is nothing to learn."""


class TooLarge(ApiError):
    """413: the request, or the result it asks for, is larger than the service allows. The request changed nothing."""


class Unauthorized(ApiError):
    """401: the service asks for an access key, and the client has none that is valid: unknown, expired or revoked."""


class Forbidden(ApiError):
    """403: the access key lacks the scope that the request needs, or is for other nodes. The request changed nothing.

    A session of a node that the key is not for raises SessionNotFound, like one that does not exist.
    """


class TooManyRequests(ApiError):
    """429, even after the retries: a limit of the access key or of the address. The request changed nothing.

    `retry_after`: seconds, if the service named them.
    """

    retry_after: float | None = None


class Unavailable(ApiError):
    """408, 502, 503 or 504, even after the retries. `retry_after`: seconds, if the service named them."""

    retry_after: float | None = None


class ServerFailure(ApiError):
    """Any other 5xx: a defect of the service."""
