"""The console's first page: charts, parts and failed jobs."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from katoproject.console.charts import WINDOWS, charts
from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import Snapshot
from sessions_app.models.jobs import Job, State
from tests.console.pages import JOBS, LogIn, change, page

pytestmark = pytest.mark.usefixtures("same_database")


def sample(at: float, **values: Any) -> Snapshot:
    empty = {"durations": {}, "session_operations": {}, "observations": 0, "patterns_learned": 0, "upkeep": {}}
    counted = {**empty, "requests": [], "cache": {}, "stores": {}, "live": {}, **values}
    return Snapshot.model_validate({"instance": "a", "started_at": 0.0, "at": at, **counted})


def test_charts_show_what_the_samples_say() -> None:
    """A slice shows the growth of totals and the worst of states, and nothing without a sample."""
    busy = {
        "session_operations": {"create": 7, "delete": 2, "predict": 30},
        "observations": 50,
        "durations": {"0.01": 80, "0.1": 100, "+Inf": 100},
        "requests": [{"method": "GET", "path": "/", "status": "2xx", "count": 100, "seconds": 0.5}],
        "cache": {"stm": {"hit": 3, "miss": 1}},
        "shared": {"sessions_active": 4, "job_lag_seconds": 12.5},
    }
    first, second, third = sample(3600.0), sample(3900.0, **busy), sample(7300.0, **busy)
    steps = [Step(None, first), Step(first, second), Step(second, third)]
    drawn = {one["chart"].title: one["rows"] for one in charts(WINDOWS["day"], steps, now=7300.0)}
    assert {len(rows) for rows in drawn.values()} == {24}
    assert drawn["Sessions"][-2:] == [("01:00", 7, 2, 0), ("02:00", 0, 0, 0)]
    assert drawn["Sessions"][0] == ("03:00", None, None, None)
    assert drawn["Work"][-2] == ("01:00", 50, 0, 30)
    assert drawn["Active sessions"][-2:] == [("01:00", 4), ("02:00", 4)]
    assert drawn["Cache hits"][-2:] == [("01:00", 75), ("02:00", None)]
    assert drawn["Latency"][-2] == ("01:00", 5, 77.5)
    assert drawn["Background lag"][-2] == ("01:00", 12.5, None)


def test_the_first_page_shows_which_parts_are_up_and_which_jobs_failed(log_in: LogIn, job: Job) -> None:
    Job.objects.filter(id=job.id).update(state=State.FAILED, finished_at=Now())
    browser = log_in("viewer")
    assert change(JOBS, job.id) in page(browser, "/admin/")
    assert page(browser, "/admin/", window="hour").count("<canvas") == 6
    parts = re.findall(r'<li class="(\w+)">\s*<strong>(\w+)<', page(browser, "/admin/parts/"))
    up = [("up", name) for name in ("database", "redis", "broker")]
    more = [("up", name) for name in ("disk", "clock", "neighbours")]
    assert parts == [*up, ("lame", "worker"), ("lame", "upkeep"), *more]


def test_a_user_in_no_group_sees_only_that_message() -> None:
    browser = Client()
    browser.force_login(User.objects.create_user(uuid4().hex, is_staff=True))
    assert "not in any of the groups" in page(browser, "/admin/")
