"""What a response means: a result, an error of the service, or that another program responded."""

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx

from kato_client import errors
from kato_client._access import HEADER, VARIABLE

IDENTITY = "X-Kato-Instance"
_INSTANCE = re.compile(r"\(instance (\w+)")
# What proxies say themselves, without the service's identity, besides 5xx.
_SAID_BY_PROXIES = (408, 413, 429)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait, from a number or a date; None if the header is missing or invalid."""
    text = headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def parsed(response: httpx.Response) -> Any:
    if response.headers.get("Content-Type", "").startswith("application/json"):
        try:
            return response.json()
        except ValueError:
            return response.text
    return response.text


def instances(response: httpx.Response, body: Any, *, accept_unidentified: bool, text: bool) -> list[str]:
    """Who responded. Raises ForeignServer if it cannot be the service (docs/investigation.md). `text`: no JSON is due.

    A 5xx without identity may come from a proxy in front of the service, and so may what concerns any HTTP request.
    """
    if IDENTITY in response.headers:
        return _INSTANCE.findall(response.headers[IDENTITY])
    if response.status_code >= 500 or response.status_code in _SAID_BY_PROXIES:
        return []
    spoken_like_kato = not _is_generic_404(response, body) and (text or isinstance(body, dict))
    if accept_unidentified and spoken_like_kato:
        return []
    beginning = response.text[:80] if response.is_stream_consumed else "…"
    raise errors.ForeignServer(
        f"{response.request.method} {response.url} returned {response.status_code} {beginning!r} without {IDENTITY}: "
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
        code=_code_in(body),
    )
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        error.retry_after = retry_after(response.headers)
    return error


def _code_in(body: Any) -> str | None:
    match body:
        case {"error": {"code": str(code)}}:
            return code
    return None


def _kind_of_error(response: httpx.Response, body: Any) -> type[errors.ApiError]:
    detail = body.get("detail") if isinstance(body, dict) else None
    match response.status_code:
        case 404 if _says_session_not_found(body):
            return errors.SessionNotFound
        case 404 if _is_generic_404(response, body):
            return errors.RouteNotFound
        case 404 if _says_pattern_not_found(detail):
            return errors.PatternNotFound
        case 409 if _code_in(body) == "RETIRED_PATTERN":
            return errors.RetiredPattern
        # KATO 6.3 alone: this service has no status of its own for a session that has expired.
        case 410:
            return errors.SessionNotFound
        case 422 if isinstance(detail, list) or _code_in(body) is not None:
            return errors.InvalidRequest
        # What the request asks for needs too much; under contract 3.10 this is a 422.
        case 507 if _code_in(body) == "RESOURCE_EXHAUSTED":
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


def _says_pattern_not_found(detail: Any) -> bool:
    return isinstance(detail, str) and detail.startswith("Pattern ") and detail.endswith(" not found")


def _reason(body: Any) -> str:
    match body:
        case {"error": {"message": str(text)}} | {"detail": str(text)} | {"detail": {"message": str(text)}}:
            return text
        case {"detail": detail}:
            return str(detail)
    return str(body)[:200]
