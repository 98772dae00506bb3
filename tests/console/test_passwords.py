"""Which passwords the console and `manage.py createsuperuser` accept."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.console.logins import PASSWORD, operator, try_password
from tests.support.commands import CommandResult, command

pytestmark = pytest.mark.usefixtures("same_database", "no_attempts")

STRONG = "an entirely new password"
# Each is refused by one of Django's four validators alone. NAME: the name of its user.
WEAK = {
    "quiet sea": "at least 12 characters",
    "qwertyqwerty": "too common",
    "839275610384": "entirely numeric",
    "NAME": "too similar to the username",
}


def create_superuser(name: str, password: str, monkeypatch: pytest.MonkeyPatch) -> CommandResult:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    return command("createsuperuser", "--noinput", "--username", name, "--email", "a@example.com")


@pytest.mark.parametrize(("weak", "reason"), WEAK.items())
def test_createsuperuser_refuses_a_weak_password_also_without_questions(
    weak: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uuid4().hex
    refused = create_superuser(name, weak.replace("NAME", name), monkeypatch)
    assert refused.status == 1
    assert reason in refused.err
    assert not User.objects.filter(username=name).exists()


def test_the_name_of_the_new_superuser_may_also_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    name = uuid4().hex
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", name)
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "a@example.com")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", name)
    assert "too similar" in command("createsuperuser", "--noinput").err
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", STRONG)
    assert command("createsuperuser", "--noinput").status == 0
    assert User.objects.get(username=name).check_password(STRONG)


@pytest.mark.parametrize(("weak", "reason"), WEAK.items())
@pytest.mark.parametrize(
    "page",
    [
        "password_change",
        pytest.param("auth/user/add", marks=pytest.mark.exhaustive),
        pytest.param("auth/user/{id}/password", marks=pytest.mark.exhaustive),
    ],
)
def test_each_page_of_the_console_refuses_a_weak_password(page: str, weak: str, reason: str) -> None:
    user, name = operator(is_superuser=True), uuid4().hex
    password = weak.replace("NAME", name if page == "auth/user/add" else user.username)
    browser = Client()
    browser.force_login(user)
    fields = {
        **{"username": name, "usable_password": "true", "set-password": "", "old_password": PASSWORD},
        **{"new_password1": password, "new_password2": password, "password1": password, "password2": password},
    }
    answer = browser.post(f"/admin/{page.format(id=user.pk)}/", fields)
    assert reason in answer.content.decode()
    assert not User.objects.filter(username=name).exists()
    assert User.objects.get(pk=user.pk).password == user.password


def test_a_weak_password_of_the_time_before_still_logs_in() -> None:
    user = User.objects.create_user(uuid4().hex, password="short", is_staff=True)
    assert try_password(user.username, "short").status_code == 302
