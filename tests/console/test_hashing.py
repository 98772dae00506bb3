"""Hashing passwords: one at a time on a machine, and never at the cost of the API."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from uuid import uuid4

import httpx
import psycopg
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.test import Client

from benchmarks.stack import WebServer, eventually
from katoproject.console import share
from katoproject.logins import hashing
from katoproject.logins.errors import HashingBusy
from katoproject.logins.models import Attempt
from tests.console.logins import PASSWORD, hashing_held, operator, try_over_http, try_password
from tests.console.pages import LogIn
from tests.support.races import at_once

pytestmark = pytest.mark.usefixtures("same_database", "no_attempts")

STRONG = "an entirely new password"


def test_while_passwords_wait_to_be_hashed_the_api_responds_and_further_logins_are_refused(
    server: WebServer,
) -> None:
    most_waiting = server.workers * hashing.MOST
    with ThreadPoolExecutor(24) as strangers, hashing_held():
        answers = [strangers.submit(try_over_http, server.url, f"stranger {number}") for number in range(24)]
        for done in islice(as_completed(answers), 24 - most_waiting):
            assert done.result().status_code == 503
            assert int(done.result().headers["Retry-After"]) >= 1
        for _ in range(20 * server.workers):
            assert httpx.get(f"{server.url}/sessions/count").status_code == 200
    assert {answer.result().status_code for answer in answers} <= {200, 503}


def test_however_many_requests_the_console_gets_the_api_keeps_its_slots(
    server: WebServer, database: psycopg.Connection, log_in: LogIn
) -> None:
    """Those that the console takes hold all they can: each waits for the table of users."""
    cookies = {"kato_console": log_in("viewer").cookies["kato_console"].value}
    blocked = "SELECT count(*) FROM pg_locks WHERE relation = 'auth_user'::regclass AND NOT granted"

    def look() -> httpx.Response:
        return httpx.get(f"{server.url}/admin/", cookies=cookies, timeout=60)

    with ThreadPoolExecutor(60) as operators, database.transaction():
        database.execute("LOCK TABLE auth_user")
        answers = [operators.submit(look) for _ in range(60)]
        eventually(lambda: database.execute(blocked).fetchone() == (server.workers * share.SLOTS,), "slots are taken")
        for _ in range(20 * server.workers):
            assert httpx.get(f"{server.url}/sessions/count").status_code == 200
    assert 503 in {answer.result().status_code for answer in answers}


def test_one_process_calculates_one_hash_at_a_time() -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def hash_one() -> bool:
        try:
            with hashing.turn():
                with lock:
                    running[0] += 1
                    most[0] = max(most[0], running[0])
                make_less_busy.wait(0.05)
                with lock:
                    running[0] -= 1
        except HashingBusy:
            return False
        return True

    make_less_busy = threading.Event()
    assert sum(at_once([hash_one] * 12)) >= hashing.MOST
    assert most == [1]


@pytest.mark.parametrize("page", ["login", "password_change", "auth/user/add", "auth/user/{id}/password"])
def test_each_page_that_hashes_a_password_waits_its_turn(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 0)
    name, user = uuid4().hex, operator(is_superuser=True)
    browser = Client()
    if page != "login":
        browser.force_login(user)
    fields = {
        **{"username": user.username if page == "login" else name, "password": PASSWORD, "old_password": PASSWORD},
        **{"new_password1": STRONG, "new_password2": STRONG, "password1": STRONG, "password2": STRONG},
        **{"usable_password": "true", "set-password": ""},
    }
    path = f"/admin/{page.format(id=user.pk)}/"
    with hashing_held():
        refused = browser.post(path, fields)
    assert refused.status_code == 503
    assert refused["Retry-After"] == "2"
    assert "Too many logins at once" in refused.content.decode()
    assert not User.objects.filter(username=name).exists()
    assert User.objects.get(pk=user.pk).password == user.password
    assert browser.post(path, fields).status_code == 302


def test_a_password_that_was_not_compared_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 0)
    with hashing_held():
        assert try_password("somebody", "wrong").status_code == 503
    assert not Attempt.objects.exists()


def test_passwords_of_the_time_before_are_still_right() -> None:
    assert check_password("short", PBKDF2PasswordHasher().encode("short", "salt", iterations=1000))
    assert make_password("x").startswith("pbkdf2_sha256$1000000$")
