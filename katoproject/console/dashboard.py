"""The first page: the state of the service now, and charts of the last hour, day or month."""

import time
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat, pluralize
from django.urls import reverse

from foundation.console.formatting import duration
from katoproject.console.charts import OPTIONS, WINDOWS, charts
from katoproject.monitoring import history
from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import Shared, Snapshot
from sessions_app.jobs import lifecycle

# A sample that is older says nothing about now. Seconds.
_FRESH = 60.0


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
            (job_id, reverse("admin:sessions_app_job_change", args=[quote(job_id)]))
            for job_id in lifecycle.failed_lately()
        ],
        "windows": [(name, name == chosen) for name in WINDOWS],
        "options": OPTIONS,
    }


def _newest(steps: list[Step], now: float) -> list[Snapshot]:
    """The last sample of each running instance."""
    newest = {step.after.instance: step.after for step in steps if now - step.after.at < _FRESH}
    return list(newest.values())


def _cards(instances: list[Snapshot]) -> list[dict[str, str]]:
    if not instances:
        return []
    return [*_session_and_request_cards(instances), *_job_cards(instances), *_process_cards(instances)]


def _session_and_request_cards(instances: list[Snapshot]) -> list[dict[str, str]]:
    shared = _shared(instances)
    minutes = [one.minute for one in instances if one.minute.seconds]
    requests = sum(60 * one.requests / one.seconds for one in minutes)
    errors = sum(60 * one.errors / one.seconds for one in minutes)
    expired = f"{shared.sessions_expired or 0:,} expired to be deleted"
    if shared.cleanup_lag_seconds:
        expired += f", the oldest since {duration(shared.cleanup_lag_seconds)}"
    return [
        _card("Active sessions", shared.sessions_active, expired),
        _card("Requests a minute", requests, f"{errors:,.0f} errors a minute"),
    ]


def _job_cards(instances: list[Snapshot]) -> list[dict[str, str]]:
    shared = _shared(instances)
    lag = shared.job_lag_seconds
    return [
        _card("Jobs waiting", shared.jobs_waiting, f"the oldest for {duration(lag)}" if lag else "none has to wait"),
        _card("Jobs running", shared.jobs_running, "in all workers"),
    ]


def _process_cards(instances: list[Snapshot]) -> list[dict[str, str]]:
    nodes = sum(one.live.index_nodes for one in instances)
    return [
        _card("Web processes", sum(one.live.workers for one in instances), "of all instances"),
        {
            "title": "Indexes",
            "value": filesizeformat(sum(one.live.index_bytes for one in instances)),
            "note": f"of {nodes:,} node{pluralize(nodes)} in memory, all processes together",
        },
    ]


def _card(title: str, value: int | float | None, note: str) -> dict[str, str]:
    return {"title": title, "value": "?" if value is None else f"{value:,.0f}", "note": note}


def _shared(instances: list[Snapshot]) -> Shared:
    """What the stores hold is the same for all instances: the latest sample knows it best."""
    return max(instances, key=lambda one: one.at).shared
