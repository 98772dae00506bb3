"""One request and its response, with retries, without I/O: the clients do what these generators ask for.

Both clients share this code, so they retry, wait, recover and raise in the same way.
"""

import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import httpx

from kato_client import errors
from kato_client._call import Call, operation
from kato_client._responses import error_of, instances, parsed, retry_after

T = TypeVar("T")

# The service, or a proxy before it, did not perform the request, or may not have; a retry may succeed.
NOT_SERVED = (408, 429, 502, 503, 504)
# Nothing of the request was done: it did not arrive completely, or was refused before the service looked at it.
_NOTHING_DONE = (408, 429)
LONGEST_WAIT = 30.0  # seconds; if Retry-After asks for more, the caller decides

# No response, but the next attempt may get one. A time-out while waiting for a response is not retried: it has already
# taken as long as the caller wanted to wait.
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


class Lock(Protocol):
    def acquire(self) -> Any: ...

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Asks the client to send this request and to pass in the response or the transport's exception.

    in_parts: the body of a success is for `Receive`.
    """

    method: str
    path: str
    query: Mapping[str, Any]
    body: Any
    lines: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # the access key is one of them
    in_parts: bool = False


@dataclass(frozen=True, slots=True)
class Receive:
    """Asks the client for the next part of the body of the response; None at its end, or the transport's exception."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Asks the client to wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Acquire:
    """Asks the client to acquire the lock; the generator releases it."""

    lock: Lock


Outcome = httpx.Response | httpx.TransportError | bytes | None
Work = Generator[Send | Receive | Wait | Acquire, Outcome, T]


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
    response, unsure = yield from _sent(policy, asked, call, names)
    return _read(response, policy, asked, call, names, unsure=unsure)


def open_stream(policy: Policy, asked: operation[..., T], call: Call[T], names: Mapping[str, str]) -> Work[None]:
    """Perform one call whose response is then received in parts. Raises KatoError."""
    response, unsure = yield from _sent(policy, asked, call, names, in_parts=True)
    if response.is_success:
        _identify(response, "", policy, text=True)
    else:
        _read(response, policy, asked, call, names, unsure=unsure)


def _sent(
    policy: Policy, asked: operation[..., T], call: Call[T], names: Mapping[str, str], *, in_parts: bool = False
) -> Work[tuple[httpx.Response, bool]]:
    """The last response, and whether an earlier attempt may have been performed. Raises ConnectionFailed."""
    headers = {**policy.headers}
    if asked.method == "POST":
        # All attempts share one key, so the service performs the request at most once.
        headers["Idempotency-Key"] = uuid.uuid4().hex
    if call.lines is not None:
        headers["Content-Type"] = "application/x-ndjson"
    send = Send(
        method=asked.method,
        path=asked.url(names),
        query=call.query,
        body=call.body,
        lines=call.lines,
        headers=headers,
        in_parts=in_parts,
    )
    unsure = False
    outcome: httpx.Response | httpx.TransportError | None = None
    for delay in (0.0, *policy.delays):
        if outcome is not None:
            wait = _pause_before_repeat(outcome, delay, policy, asked.method, call.also_fine)
            if wait is None:
                break
            unsure = unsure or _may_have_been_performed(outcome)
            yield Wait(wait)
        came = yield send
        assert isinstance(came, httpx.Response | httpx.TransportError)
        outcome = came
    assert outcome is not None
    if isinstance(outcome, httpx.TransportError):
        raise _connection_failed(outcome, send, unsure)
    return outcome, unsure


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


def _connection_failed(error: httpx.TransportError, send: Send, unsure: bool) -> errors.ConnectionFailed:
    performed = None if unsure or not isinstance(error, _NOT_CONNECTED) else False
    failed = errors.ConnectionFailed(
        f"{send.method} {send.path}: {type(error).__name__}: {error}"
        + ("" if performed is False else " (it may have been performed)"),
        performed=performed,
    )
    failed.__cause__ = error
    return failed


def _read(
    response: httpx.Response,
    policy: Policy,
    asked: operation[..., T],
    call: Call[T],
    names: Mapping[str, str],
    *,
    unsure: bool,
) -> T:
    body = parsed(response)
    _identify(response, body, policy, text=call.text)
    if response.is_success or response.status_code in call.also_fine:
        return cast(T, body)
    error = error_of(response, body, asked.method, asked.url(names))
    is_gone = isinstance(error, errors.SessionNotFound | errors.PatternNotFound)
    if is_gone and unsure and call.deleted is not None:
        return call.deleted(names)
    if isinstance(error, errors.SessionNotFound):
        error.maybe_performed = unsure
        if len(policy.instances) > 1:
            error.add_note(
                f"Several instances have answered under this address: {', '.join(sorted(policy.instances))}. "
                "If they do not share a database, each session exists in only one of them"
            )
    raise error


def _identify(response: httpx.Response, body: Any, policy: Policy, *, text: bool) -> None:
    """Raises ForeignServer."""
    policy.instances.update(instances(response, body, accept_unidentified=policy.accept_unidentified, text=text))
