"""One request and its response, with retries, without I/O: the clients do what these generators ask for.

Both clients share this code, so they retry, wait, recover and raise in the same way.
"""

import email.utils
import re
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import httpx

from kato_client import errors
from kato_client._access import HEADER, VARIABLE
from kato_client._call import Call, operation

T = TypeVar("T")

IDENTITY = "X-Kato-Instance"
_INSTANCE = re.compile(r"\(instance (\w+)")
# The service, or a proxy before it, did not perform the request, or may not have; a retry may succeed.
NOT_SERVED = (408, 429, 502, 503, 504)
# Nothing of the request was done: it did not arrive completely, or was refused before the service looked at it.
_NOTHING_DONE = (408, 429)
# What proxies say themselves, without the service's identity, besides 5xx.
_SAID_BY_PROXIES = (408, 413, 429)
LONGEST_WAIT = 30.0  # seconds; if Retry-After asks for more, the caller decides

# No response, but the next attempt may get one. A time-out while waiting for a response is not retried: it has already
# taken as long as the caller wanted to wait.
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


class Lock(Protocol):
    def acquire(self) -> Any: ...

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Send:
    """Asks the client to send this request and to pass in the response or the transport's exception."""

    method: str
    path: str
    query: Mapping[str, Any]
    body: Any
    headers: Mapping[str, str] = field(repr=False)  # the access key is one of them


@dataclass(frozen=True, slots=True)
class Wait:
    """Asks the client to wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Acquire:
    """Asks the client to acquire the lock; the generator releases it."""

    lock: Lock


Outcome = httpx.Response | httpx.TransportError | None
Work = Generator[Send | Wait | Acquire, Outcome, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """delays: seconds before each retry. accept_unidentified: accept responses without X-Kato-Instance.

    headers: sent with every request. instances: those that have responded so far.
    """

    delays: Sequence[float]
    accept_unidentified: bool
    headers: Mapping[str, str] = field(repr=False)  # the access key is one of them
    instances: set[str] = field(default_factory=set)


def exchange(policy: Policy, asked: operation[..., T], call: Call[T], names: Mapping[str, str]) -> Work[T]:
    """Perform one call; `names` fill in the path. Raises KatoError."""
    # All attempts share one key, so the service performs the request at most once.
    key = {"Idempotency-Key": uuid.uuid4().hex} if asked.method == "POST" else {}
    headers = {**policy.headers, **key}
    send = Send(asked.method, asked.url(names), call.query, call.body, headers)
    unsure = False
    outcome: Outcome = None
    for delay in (0.0, *policy.delays):
        if outcome is not None:
            wait = _pause_before_repeat(outcome, delay, policy, asked.method, call.also_fine)
            if wait is None:
                break
            unsure = unsure or _may_have_been_performed(outcome)
            yield Wait(wait)
        outcome = yield send
    assert outcome is not None
    if isinstance(outcome, httpx.TransportError):
        raise _connection_failed(outcome, send, unsure)
    return _read(outcome, policy, send, call, unsure=unsure)


def _may_have_been_performed(outcome: httpx.Response | httpx.TransportError) -> bool:
    if isinstance(outcome, httpx.TransportError):
        return not isinstance(outcome, _NOT_CONNECTED)
    return outcome.status_code not in _NOTHING_DONE


def _pause_before_repeat(
    outcome: httpx.Response | httpx.TransportError, delay: float, policy: Policy, method: str, also_fine: Sequence[int]
) -> float | None:
    """Return the seconds to wait before a retry; None if there is nothing to retry, or a retry is not safe."""
    if isinstance(outcome, httpx.TransportError):
        # A service without idempotency keys would perform a POST again that it has already performed.
        harmless = method != "POST" or not policy.accept_unidentified or isinstance(outcome, _NOT_CONNECTED)
        return delay if isinstance(outcome, _BROKEN) and harmless else None
    if outcome.status_code not in NOT_SERVED or outcome.status_code in also_fine:
        return None
    if method == "POST" and policy.accept_unidentified and outcome.status_code not in (*_NOTHING_DONE, 503):
        return None
    wait = max(delay, retry_after(outcome.headers) or 0.0)
    return wait if wait <= LONGEST_WAIT else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from a number or a date; None if the header is missing or invalid."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _connection_failed(error: httpx.TransportError, send: Send, unsure: bool) -> errors.ConnectionFailed:
    performed = None if unsure or not isinstance(error, _NOT_CONNECTED) else False
    failed = errors.ConnectionFailed(
        f"{send.method} {send.path}: {type(error).__name__}: {error}"
        + ("" if performed is False else " (it may have been performed)"),
        performed=performed,
    )
    failed.__cause__ = error
    return failed


def _read(response: httpx.Response, policy: Policy, send: Send, call: Call[T], *, unsure: bool) -> T:
    body = parsed(response)
    _check_identity(response, body, policy, send, text=call.text)
    if response.is_success or response.status_code in call.also_fine:
        return cast(T, body)
    error = error_of(response, body, send.method, send.path)
    if isinstance(error, errors.SessionNotFound):
        if unsure and send.method == "DELETE":
            # An earlier attempt deleted the session, but its response was lost.
            return cast(T, {"status": "deleted", "session_id": body["error"]["session_id"]})
        error.maybe_performed = unsure
        if len(policy.instances) > 1:
            error.add_note(
                f"Several instances have answered under this address: {', '.join(sorted(policy.instances))}. "
                "If they do not share a database, each session exists in only one of them"
            )
    raise error


def parsed(response: httpx.Response) -> Any:
    if response.headers.get("Content-Type", "").startswith("application/json"):
        try:
            return response.json()
        except ValueError:
            return response.text
    return response.text


def _check_identity(response: httpx.Response, body: Any, policy: Policy, send: Send, *, text: bool) -> None:
    """Raise ForeignServer for a response that cannot come from the service (docs/investigation.md).

    A 5xx without identity may come from a proxy in front of the service, and so may what concerns any HTTP request.
    """
    if IDENTITY in response.headers:
        policy.instances.update(_INSTANCE.findall(response.headers[IDENTITY]))
        return
    if response.status_code >= 500 or response.status_code in _SAID_BY_PROXIES:
        return
    spoken_like_kato = not _is_generic_404(response, body) and (text or isinstance(body, dict))
    if policy.accept_unidentified and spoken_like_kato:
        return
    raise errors.ForeignServer(
        f"{send.method} {response.url} returned {response.status_code} {response.text[:80]!r} without {IDENTITY}: "
        "another program responded, not the service. Check whether two servers listen under this name and port, "
        "and use 127.0.0.1 instead of localhost"
    )


def _is_generic_404(response: httpx.Response, body: Any) -> bool:
    return response.status_code == 404 and body == {"detail": "Not Found"}


def error_of(response: httpx.Response, body: Any, method: str, path: str) -> errors.ApiError:
    kind = _kind_of_error(response, body)
    reason = _reason(body)
    if kind is errors.Unauthorized and HEADER not in response.request.headers:
        reason += f". Give the client an api_key, or set {VARIABLE}"
    error = kind(
        f"{method} {path}: {response.status_code} {reason}",
        status=response.status_code,
        body=body,
        headers=response.headers,
    )
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        error.retry_after = retry_after(response.headers)
    return error


def _kind_of_error(response: httpx.Response, body: Any) -> type[errors.ApiError]:
    detail = body.get("detail") if isinstance(body, dict) else None
    match response.status_code:
        case 404 if _says_session_not_found(body):
            return errors.SessionNotFound
        case 404 if _is_generic_404(response, body):
            return errors.RouteNotFound
        case 422 if isinstance(detail, list):
            return errors.InvalidRequest
        case 400 if isinstance(detail, dict) and "validation_errors" in detail:
            return errors.InvalidConfiguration
        case 400 if isinstance(detail, dict) and detail.get("error") == "VectorDimensionError":
            return errors.WrongDimension
        case 400 if detail == "Cannot learn from empty STM":
            return errors.EmptyStm
        case 401:
            return errors.Unauthorized
        case 403:
            return errors.Forbidden
        case 413:
            return errors.TooLarge
        case 429:
            return errors.TooManyRequests
        case 408 | 502 | 503 | 504:
            return errors.Unavailable
        case status if status >= 500:
            return errors.ServerFailure
    return errors.ApiError


def _says_session_not_found(body: Any) -> bool:
    """SESSION_NOT_FOUND in an `error` object, or a `detail` text for GET of a session; no other 404 says it is gone."""
    match body:
        case {"error": {"code": "SESSION_NOT_FOUND"}}:
            return True
        case {"detail": str(text)}:
            return text.startswith("Session ") and text.endswith(" not found or expired")
    return False


def _reason(body: Any) -> str:
    match body:
        case {"error": {"message": str(text)}} | {"detail": str(text)} | {"detail": {"message": str(text)}}:
            return text
        case {"detail": detail}:
            return str(detail)
    return str(body)[:200]
