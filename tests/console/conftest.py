"""Users of the console, and a job to show."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from katoproject.logins.models import Attempt
from sessions_app.jobs.lifecycle import accept
from sessions_app.models.jobs import Job, Kind
from tests.console.pages import LogIn


@pytest.fixture
def log_in() -> LogIn:
    def log_in(role: str) -> Client:
        user = User.objects.create_user(f"{role}-{uuid4().hex[:8]}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        browser = Client()
        browser.force_login(user)
        return browser

    return log_in


@pytest.fixture
def job() -> Job:
    return accept(kind=Kind.FINALIZE_TRAINING, node_id="a node", parameters={}, total=1)


@pytest.fixture
def no_attempts(same_database: None) -> Iterator[None]:
    """No failed login of an earlier test counts."""
    Attempt.objects.all().delete()
    yield
    Attempt.objects.all().delete()
