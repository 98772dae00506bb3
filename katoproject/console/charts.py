"""The charts of the first page: what each one shows, and its data from the stored samples."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import Snapshot

# A value of one slice of time, from the steps in it; None where there is nothing to compute it from.
Measure = Callable[[list[Step]], float | None]


@dataclass(frozen=True, slots=True)
class Window:
    """`minutes` in slices of `slice_seconds`; `label` is the format of a slice's name on the axis."""

    minutes: int
    slice_seconds: int
    label: str


WINDOWS = {
    "hour": Window(60, 300, "%H:%M"),
    "day": Window(1440, 3600, "%H:00"),
    "month": Window(43200, 86400, "%d %b"),
}


def _grown(read: Callable[[Snapshot], float]) -> Measure:
    """The growth of a total, over all instances."""
    return lambda steps: sum(read(step.after) - (read(step.before) if step.before else 0) for step in steps)


def _highest(read: Callable[[Snapshot], float | None]) -> Measure:
    """The highest measurement of any instance."""
    return lambda steps: max((value for step in steps if (value := read(step.after)) is not None), default=None)


def _ratio(part: Measure, whole: Measure, factor: float) -> Measure:
    def ratio(steps: list[Step]) -> float | None:
        numerator, denominator = part(steps), whole(steps)
        return factor * numerator / denominator if numerator is not None and denominator else None

    return ratio


def latency(steps: list[Step], share: float = 0.95) -> float | None:
    """Milliseconds within which this share of the requests ended, interpolated within the buckets of the histogram."""
    grown: Counter[float] = Counter()
    for step in steps:
        for text, number in step.after.durations.items():
            grown[float(text)] += number - (step.before.durations.get(text, 0) if step.before else 0)
    counts = sorted(grown.items())
    wanted = share * counts[-1][1] if counts else 0.0
    lower_bound, count_below = 0.0, 0
    for bound, count in counts:
        if count >= wanted > 0:
            # Beyond the last finite bound the histogram has no upper limit to interpolate to.
            width = 0.0 if math.isinf(bound) else bound - lower_bound
            return 1000 * (lower_bound + width * (wanted - count_below) / (count - count_below))
        lower_bound, count_below = bound, count
    return None


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    kind: str
    lines: dict[str, Measure]
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
        "percent of the reads of Redis",
    ),
    Chart(
        "Latency",
        "line",
        {
            "mean": _ratio(_grown(lambda one: one.request_seconds), _grown(lambda one: one.request_count), 1000),
            "95 of 100 within": latency,
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
OPTIONS = to_json(
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


def charts(window: Window, steps: list[Step], now: float) -> list[dict[str, Any]]:
    """Each chart with its data, and the same as rows: the start of a slice, then a value for each line."""
    size = window.slice_seconds
    last = int(now // size)
    slices: dict[int, list[Step]] = {number: [] for number in range(last - window.minutes * 60 // size + 1, last + 1)}
    for step in steps:
        if (number := int(step.after.at // size)) in slices:
            slices[number].append(step)
    labels = [datetime.fromtimestamp(number * size, UTC).strftime(window.label) for number in slices]
    return [_render(chart, labels, list(slices.values())) for chart in CHARTS]


def _render(chart: Chart, labels: list[str], slices: list[list[Step]]) -> dict[str, Any]:
    lines = {
        name: [_rounded(measure(steps)) if steps else None for steps in slices] for name, measure in chart.lines.items()
    }
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
