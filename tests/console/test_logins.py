"""Logging in to the console: how often a password may be tried, and what strangers learn from the responses."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_redis import get_redis_connection

from foundation.addresses import owner_of
from katoproject.logins import attempts
from katoproject.logins.errors import TooManyFailures
from katoproject.logins.models import Attempt
from katoproject.upkeep.chores import chore
from tests.console.logins import ELSEWHERE, HERE, LOGIN, PASSWORD, operator, text_of, try_password
from tests.console.pages import LogIn, act
from tests.support.commands import command
from tests.support.races import at_once

pytestmark = pytest.mark.usefixtures("same_database", "no_attempts")

USERS = "/admin/auth/user/"


def fail(number: int, *, username: str = "somebody", network: str = HERE, minutes_ago: float = 0) -> None:
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    Attempt.objects.bulk_create(Attempt(username=username, network=network, at=moment) for _ in range(number))


# Limits --------------------------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_the_right_one_is_refused_at_this_address_only() -> None:
    user = operator()
    for _ in range(5):
        assert try_password(user.username, "wrong").status_code == 200
    refused = try_password(user.username, PASSWORD)
    assert refused.status_code == 429
    assert 890 <= int(refused["Retry-After"]) <= 900
    assert "no-store" in refused["Cache-Control"]
    assert "Too many wrong passwords" in refused.content.decode()
    assert "Try again in 15 minutes" in refused.content.decode()
    assert try_password(user.username, PASSWORD, ELSEWHERE).status_code == 302


def test_the_wait_ends_when_the_first_failure_is_old_enough() -> None:
    user = operator()
    fail(1, username=user.username, minutes_ago=10)
    fail(4, username=user.username, minutes_ago=1)
    assert 290 <= int(try_password(user.username, PASSWORD)["Retry-After"]) <= 300
    Attempt.objects.filter(at__lt=timezone.now() - timedelta(minutes=5)).update(at=timezone.now() - timedelta(hours=1))
    assert try_password(user.username, PASSWORD).status_code == 302


def test_refused_attempts_do_not_prolong_the_wait() -> None:
    fail(5)
    for _ in range(3):
        assert try_password("somebody", "wrong").status_code == 429
    assert Attempt.objects.count() == 5


def test_an_address_that_tries_many_users_is_refused_for_all_of_them() -> None:
    user = operator()
    for number in range(20):
        fail(1, username=f"user {number}")
    assert try_password(user.username, PASSWORD).status_code == 429
    assert try_password(user.username, PASSWORD, ELSEWHERE).status_code == 302


def test_many_addresses_that_try_one_user_do_not_lock_the_user_out_where_the_user_has_been() -> None:
    user = operator()
    assert try_password(user.username, PASSWORD).status_code == 302
    for number in range(20):
        fail(1, username=user.username, network=f"203.0.113.{number}")
    assert try_password(user.username, PASSWORD, ELSEWHERE).status_code == 429
    assert try_password(user.username, PASSWORD).status_code == 302
    Attempt.objects.filter(succeeded=True).update(at=timezone.now() - timedelta(days=31))
    assert try_password(user.username, PASSWORD).status_code == 429


def test_of_many_attempts_at_once_no_more_are_compared_than_the_limit_allows() -> None:
    compared = []

    def attempt() -> type[Exception]:
        try:
            with attempts.counted(username="somebody", address=HERE):
                compared.append(1)
                raise PermissionError
        except (PermissionError, TooManyFailures) as error:
            return type(error)
        finally:
            connection.close()

    outcomes = at_once([attempt] * 12)
    assert (len(compared), outcomes.count(TooManyFailures)) == (5, 7)


def test_the_right_password_clears_the_failures_of_its_user_at_its_address() -> None:
    user = operator()
    fail(4, username=user.username)
    fail(4, username="another")
    assert try_password(user.username, PASSWORD).status_code == 302
    assert list(attempts.recent_failures().values_list("username", flat=True)) == ["another"] * 4


def test_the_old_password_of_a_password_change_counts_as_a_try() -> None:
    user = operator()
    browser = Client(REMOTE_ADDR=HERE)
    browser.force_login(user)
    fields = {"old_password": "wrong", "new_password1": "a new long password", "new_password2": "a new long password"}
    assert browser.post("/admin/password_change/", fields).status_code == 200
    fail(4, username=user.username)
    assert browser.post("/admin/password_change/", {**fields, "old_password": PASSWORD}).status_code == 429
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str, network: str) -> None:
    assert owner_of(address) == network


# Unlocking -----------------------------------------------------------------------------------------------------------


def test_the_command_lists_failures_and_unlocks_users_and_addresses() -> None:
    fail(5, username="ada")
    fail(2, username="bob", network=ELSEWHERE)
    listed = command("login", "failures", "--json").lines
    assert sorted((one["user"], one["address"]) for one in listed) == [("ada", HERE)] * 5 + [("bob", ELSEWHERE)] * 2
    assert "ada" in command("login", "failures").out
    assert command("login", "unlock", "--user", "ada", "--address", ELSEWHERE, "--json").json["forgotten"] == 0
    assert "5 failed logins" in command("login", "unlock", "--user", "ada").out
    assert command("login", "unlock", "--address", ELSEWHERE, "--json").json["forgotten"] == 2
    assert command("login", "unlock").status == 2


def test_an_administrator_unlocks_a_user(log_in: LogIn) -> None:
    user = operator()
    fail(5, username=user.username)
    browser = log_in("administrator")
    assert f"{USERS}act/unlock/?id={user.pk}" in browser.get(f"{USERS}{user.pk}/change/").content.decode()
    assert "can try again at once" in browser.get(f"{USERS}act/unlock/", {"id": user.pk}).content.decode()
    assert not User.objects.get(pk=user.pk).last_login
    assert act(browser, USERS, "unlock", str(user.pk)).status_code == 302
    assert try_password(user.username, PASSWORD).status_code == 302
    assert LogEntry.objects.get(object_id=user.pk).get_change_message() == "Unlocked"


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_unlock_nobody(role: str, log_in: LogIn) -> None:
    user = operator()
    fail(5, username=user.username)
    assert act(log_in(role), USERS, "unlock", str(user.pk)).status_code == 403
    assert attempts.recent_failures().count() == 5


def test_an_administrator_does_not_unlock_a_superuser(log_in: LogIn) -> None:
    superuser = operator(is_superuser=True)
    fail(5, username=superuser.username)
    assert act(log_in("administrator"), USERS, "unlock", str(superuser.pk)).status_code == 404
    assert attempts.recent_failures().count() == 5


def test_what_no_longer_counts_is_deleted() -> None:
    fail(3, minutes_ago=16)
    fail(2, minutes_ago=14)
    Attempt.objects.create(username="ada", network=HERE, succeeded=True, at=timezone.now() - timedelta(days=29))
    Attempt.objects.create(username="bob", network=HERE, succeeded=True, at=timezone.now() - timedelta(days=31))
    assert chore("forget-logins")() == 4
    assert Attempt.objects.count() == 3
    Session.objects.create(session_key="ended", session_data="", expire_date=timezone.now() - timedelta(seconds=1))
    assert chore("forget-console-sessions")() >= 1
    assert not Session.objects.filter(session_key="ended").exists()


# What strangers learn ------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_the_answers_do_not_tell_whether_a_user_exists() -> None:
    disabled, customer = operator(is_active=False), operator()
    User.objects.filter(pk=customer.pk).update(is_staff=False)
    names = {operator().username: "wrong", "nobody": "wrong", disabled.username: PASSWORD, customer.username: PASSWORD}
    for status in [200] * 5 + [429]:
        answers = [try_password(name, password, address) for address, (name, password) in enumerate_addresses(names)]
        assert {one.status_code for one in answers} == {status}
        assert len({text_of(one.content, name) for one, name in zip(answers, names, strict=True)}) == 1


def enumerate_addresses(names: dict[str, str]) -> list[tuple[str, tuple[str, str]]]:
    return [(f"192.0.2.{number}", pair) for number, pair in enumerate(names.items(), 1)]


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/",
        *(
            pytest.param(place, marks=pytest.mark.exhaustive)
            for place in ("/\\evil.example", "https:evil.example", "javascript:alert(1)", "http:///evil.example")
        ),
    ],
)
def test_a_login_never_leads_to_another_site(place: str) -> None:
    user = operator()
    browser = Client()
    assert browser.get(LOGIN, {"next": place}).status_code == 200
    answer = browser.post(f"{LOGIN}?next={place}", {"username": user.username, "password": PASSWORD, "next": place})
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/"


def test_a_login_leads_to_the_page_that_was_asked_for() -> None:
    user = operator()
    fields = {"username": user.username, "password": PASSWORD, "next": "/admin/sessions_app/session/"}
    assert Client().post(LOGIN, fields)["Location"] == "/admin/sessions_app/session/"


def test_no_page_of_the_console_is_cached(log_in: LogIn) -> None:
    browser = log_in("administrator")
    for path in ("/admin/", USERS, "/admin/password_change/", "/admin/jsi18n/", "/admin/parts/"):
        assert "no-store" in browser.get(path)["Cache-Control"], path
    assert "no-store" in Client().get(LOGIN)["Cache-Control"]


def test_the_search_keeps_no_pickles_in_redis(log_in: LogIn) -> None:
    """Who can write to Redis would run code in the service with them."""
    assert "/admin/sessions_app/session/" in log_in("viewer").get("/admin/search/", {"s": "ses"}).content.decode()
    assert [*get_redis_connection("redis").scan_iter(":1:*")] == []
