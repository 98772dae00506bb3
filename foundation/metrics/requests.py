"""Counting requests; the middleware calls this at the end of each."""

import re

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from foundation.metrics.registry import registry

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Histogram(
    "kato_request_duration_seconds",
    "Time from the first line of our code to the last, by route and class of status",
    ["method", "path", "status"],
    buckets=BUCKETS,
    registry=registry,
)
_replays = Counter(
    "kato_idempotent_replays",
    "Requests answered with the kept answer to an earlier one under the same Idempotency-Key",
    ["method", "path"],
    registry=registry,
)

# Paths without a route, and requests that ended before there was one. They share one name, for clients invent paths.
OTHER = "other"

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_durations: dict[tuple[str, str | None, int], Histogram] = {}


def count(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    method = request.method if request.method in _METHODS else OTHER
    route = request.resolver_match.route if request.resolver_match else None
    key = (method, route, response.status_code // 100)
    durations = _durations.get(key)
    if durations is None:
        durations = _durations[key] = _requests.labels(method, path_of(route), f"{key[2]}xx")
    durations.observe(seconds)
    if "Idempotency-Replayed" in response.headers:
        _replays.labels(method, path_of(route)).inc()


def path_of(route: str | None) -> str:
    """The route as the documentation spells it: `sessions/<str:session_id>` → `/sessions/{session_id}`."""
    if route is None or "^" in route or "(?" in route:
        return OTHER
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
