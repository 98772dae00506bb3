"""Sessions of operators in the console: when they begin and end, and the cookie that carries them."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tests.console.logins import LOGIN, PASSWORD, operator, try_password

pytestmark = pytest.mark.usefixtures("same_database", "no_attempts")

COOKIE = "kato_console"
FRESH = "an entirely new password"


def logged_in(user: User) -> Client:
    browser = Client()
    assert try_password(user.username, PASSWORD, browser=browser).status_code == 302
    return browser


def key_of(browser: Client) -> str:
    return browser.cookies[COOKIE].value


def is_logged_in(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200


def test_a_login_gets_a_new_session_whatever_cookie_the_browser_had() -> None:
    """A key that somebody else put into the browser is worth nothing after the login."""
    user = operator()
    browser = logged_in(user)
    planted = key_of(browser)
    other = Client()
    other.cookies[COOKIE] = planted
    try_password(operator().username, PASSWORD, browser=other)
    assert key_of(other) != planted
    assert not Session.objects.filter(session_key=planted).exists()
    stranger = Client()
    stranger.cookies[COOKIE] = "a" * 32
    try_password(user.username, PASSWORD, browser=stranger)
    assert key_of(stranger) != "a" * 32


def test_a_logout_ends_the_session_on_the_server() -> None:
    browser = logged_in(operator())
    key = key_of(browser)
    assert browser.get("/admin/logout/").status_code == 405
    browser.post("/admin/logout/")
    assert not Session.objects.filter(session_key=key).exists()
    browser.cookies[COOKIE] = key
    assert not is_logged_in(browser)


def test_a_changed_password_ends_all_other_sessions_and_renews_this_one() -> None:
    user = operator()
    here, elsewhere = logged_in(user), logged_in(user)
    key = key_of(here)
    fields = {"old_password": PASSWORD, "new_password1": FRESH, "new_password2": FRESH}
    assert here.post("/admin/password_change/", fields).status_code == 302
    assert is_logged_in(here)
    assert key_of(here) != key
    assert not is_logged_in(elsewhere)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_user_who_loses_access_loses_it_at_once(change: dict[str, bool]) -> None:
    user = operator()
    browser = logged_in(user)
    User.objects.filter(pk=user.pk).update(**change)
    assert not is_logged_in(browser)


def test_a_session_ends_when_it_was_not_used_for_twelve_hours_and_each_use_renews_it() -> None:
    assert settings.SESSION_COOKIE_AGE == 12 * 3600
    browser = logged_in(operator())
    kept = Session.objects.filter(session_key=key_of(browser))
    kept.update(expire_date=timezone.now() + timedelta(minutes=1))
    assert is_logged_in(browser)
    assert kept.get().expire_date > timezone.now() + timedelta(hours=11)
    assert browser.cookies[COOKIE]["max-age"] == 12 * 3600
    kept.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_logged_in(browser)


def test_scripts_and_other_sites_do_not_get_the_cookie_of_a_session() -> None:
    cookie = logged_in(operator()).cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/admin/")


def test_strangers_leave_no_sessions() -> None:
    before = Session.objects.count()
    browser = Client()
    browser.get(LOGIN)
    browser.get("/admin/")
    try_password("somebody", "wrong", browser=browser)
    assert Session.objects.count() == before
