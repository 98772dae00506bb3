"""The first page: how the service does now, and how it did in the last hour or day, from the samples it keeps."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat, pluralize
from django.urls import reverse
from pydantic_core import to_json

from foundation.console.formatting import duration
from foundation.postgresql.statements import OTHER
from katoproject.monitoring import history
from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import Snapshot

Read = Callable[[list[Step]], float | None]

_FRESH = 60.0  # seconds
_FAILED = """
    SELECT id FROM sessions_app_job WHERE finished_at > now() - interval '1 day' AND state = 'failed'
    ORDER BY finished_at DESC LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Window:
    """`minutes` in slices of `slice_seconds`; `label` says how a slice is named on the axis."""

    minutes: int
    slice_seconds: int
    label: str


WINDOWS = {
    "hour": Window(60, 300, "%H:%M"),
    "day": Window(1440, 3600, "%H:00"),
    "month": Window(43200, 86400, "%d %b"),
}


def _grown(read: Callable[[Snapshot], float]) -> Read:
    """By how much a total grew, all instances together."""
    return lambda steps: sum(read(step.after) - (read(step.before) if step.before else 0) for step in steps)


def _highest(read: Callable[[Snapshot], float | None]) -> Read:
    return lambda steps: max((value for step in steps if (value := read(step.after)) is not None), default=None)


def _ratio(part: Read, whole: Read, factor: float) -> Read:
    def read(steps: list[Step]) -> float | None:
        of, number = part(steps), whole(steps)
        return factor * of / number if of is not None and number else None

    return read


def slow(steps: list[Step], share: float = 0.95) -> float | None:
    """Milliseconds within which this share of the requests was answered, as near as the histogram tells."""
    grown: Counter[float] = Counter()
    for step in steps:
        for text, number in step.after.durations.items():
            grown[float(text)] += number - (step.before.durations.get(text, 0) if step.before else 0)
    counts = sorted(grown.items())
    wanted = share * counts[-1][1] if counts else 0.0
    below, fewer = 0.0, 0
    for bound, count in counts:
        if count >= wanted > 0:
            # Of what took longer than the last bound, nothing is known but that.
            part = 0.0 if math.isinf(bound) else (bound - below) * (wanted - fewer) / (count - fewer)
            return 1000 * (below + part)
        below, fewer = bound, count
    return None


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    kind: str
    lines: dict[str, Read]
    note: str = ""


CHARTS = (
    Chart(
        "Sessions",
        "bar",
        {
            "created": _grown(lambda one: one.session_operations.get("create", 0)),
            "deleted": _grown(lambda one: one.session_operations.get("delete", 0)),
            "expired": _grown(lambda one: one.sessions_expired),
        },
    ),
    Chart("Active sessions", "line", {"active": _highest(lambda one: one.shared.sessions_active)}),
    Chart(
        "Work",
        "bar",
        {
            "observations": _grown(lambda one: one.observations),
            "patterns learned": _grown(lambda one: one.patterns_learned),
            "predictions": _grown(lambda one: one.session_operations.get("predict", 0)),
        },
    ),
    Chart(
        "Cache hits",
        "line",
        {
            "%": _ratio(
                _grown(lambda one: one.cache_count("hit")),
                _grown(lambda one: one.cache_count("hit") + one.cache_count("miss")),
                100,
            )
        },
        "percent of what was looked up in Redis",
    ),
    Chart(
        "Latency",
        "line",
        {
            "mean": _ratio(_grown(lambda one: one.request_seconds), _grown(lambda one: one.request_count), 1000),
            "95 of 100 within": slow,
        },
        "milliseconds, all requests",
    ),
    Chart(
        "Background lag",
        "line",
        {
            "oldest waiting job": _highest(lambda one: one.shared.job_lag_seconds),
            "oldest expired session": _highest(lambda one: one.shared.cleanup_lag_seconds),
        },
        "seconds",
    ),
)
_COLORS = ("var(--color-primary-600)", "#f59e0b", "#10b981")
_TICKS = {"color": "#9ca3af", "maxRotation": 0}
_OPTIONS = to_json(
    {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {
            "legend": {
                "align": "end",
                "labels": {"boxWidth": 6, "boxHeight": 6, "usePointStyle": True, "color": "#9ca3af"},
            }
        },
        "scales": {
            "x": {"grid": {"display": False}, "ticks": _TICKS},
            "y": {"beginAtZero": True, "border": {"display": False}, "ticks": {**_TICKS, "maxTicksLimit": 5}},
        },
    }
).decode()


def context(request: HttpRequest) -> dict[str, Any]:
    if not request.user.has_perm("sessions_app.view_session"):
        return {}
    chosen = request.GET.get("window", "day")
    window = WINDOWS.get(chosen, WINDOWS["day"])
    now = time.time()
    steps = history.steps(minutes=window.minutes, now=now)
    newest = _newest(steps, now)
    return {
        "charts": charts(window, steps, now),
        "cards": _cards(newest),
        "wrong": sum(one.cache_disagreements for one in newest),
        "failed": [
            (row[0], reverse("admin:sessions_app_job_change", args=[quote(row[0])]))
            for row in OTHER.execute(_FAILED, {})
        ],
        "windows": [(name, name == chosen) for name in WINDOWS],
        "options": _OPTIONS,
    }


def charts(window: Window, steps: list[Step], now: float) -> list[dict[str, Any]]:
    """Each chart with its data, and as rows: the beginning of a slice, then a value for each line."""
    size = window.slice_seconds
    last = int(now // size)
    slices: dict[int, list[Step]] = {number: [] for number in range(last - window.minutes * 60 // size + 1, last + 1)}
    for step in steps:
        if (number := int(step.after.at // size)) in slices:
            slices[number].append(step)
    labels = [datetime.fromtimestamp(number * size, UTC).strftime(window.label) for number in slices]
    return [_drawn(chart, labels, list(slices.values())) for chart in CHARTS]


def _drawn(chart: Chart, labels: list[str], slices: list[list[Step]]) -> dict[str, Any]:
    lines = {name: [_rounded(read(steps)) if steps else None for steps in slices] for name, read in chart.lines.items()}
    datasets = [
        {
            "label": name,
            "data": values,
            "backgroundColor": color,
            "borderColor": color,
            "pointRadius": 2,
            "maxBarThickness": 12,
        }
        for (name, values), color in zip(lines.items(), _COLORS, strict=False)
    ]
    return {
        "chart": chart,
        "data": to_json({"labels": labels, "datasets": datasets}).decode(),
        "rows": list(zip(labels, *lines.values(), strict=True)),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _newest(steps: list[Step], now: float) -> list[Snapshot]:
    """The last sample of each instance that still samples."""
    newest = {step.after.instance: step.after for step in steps if now - step.after.at < _FRESH}
    return list(newest.values())


def _cards(instances: list[Snapshot]) -> list[dict[str, str]]:
    if not instances:
        return []
    shared = max(instances, key=lambda one: one.at).shared
    minutes = [one.minute for one in instances if one.minute.seconds]
    requests = sum(60 * one.requests / one.seconds for one in minutes)
    errors = sum(60 * one.errors / one.seconds for one in minutes)

    def card(title: str, value: int | float | None, note: str) -> dict[str, str]:
        return {"title": title, "value": "?" if value is None else f"{value:,.0f}", "note": note}

    lag, behind = shared.job_lag_seconds, shared.cleanup_lag_seconds
    expired = f"{shared.sessions_expired or 0:,} expired to be deleted"
    if behind:
        expired += f", the oldest since {duration(behind)}"
    workers, nodes = sum(one.live.workers for one in instances), sum(one.live.index_nodes for one in instances)
    return [
        card("Active sessions", shared.sessions_active, expired),
        card("Requests a minute", requests, f"{errors:,.0f} errors a minute"),
        card("Jobs waiting", shared.jobs_waiting, f"the oldest for {duration(lag)}" if lag else "none is kept waiting"),
        card("Jobs running", shared.jobs_running, "in all workers"),
        card("Web processes", workers, "of all instances"),
        {
            "title": "Indexes",
            "value": filesizeformat(sum(one.live.index_bytes for one in instances)),
            "note": f"of {nodes:,} node{pluralize(nodes)} in memory, all processes together",
        },
    ]
