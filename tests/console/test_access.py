"""Who may see and do what in the operators' console."""

import stat
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from katoproject.configuration.secret import kept_secret
from katoproject.console.groups import ADMINISTRATOR, GROUPS
from sessions_app import operations
from sessions_app.models.jobs import Job
from tests.console.pages import JOBS, NODES, ROLES, SESSIONS, LogIn, act, change, page, with_stm
from tests.support.races import at_once
from tests.support.sessions import NewSession

pytestmark = pytest.mark.usefixtures("same_database")


@pytest.mark.parametrize("path", ["/admin/", SESSIONS, NODES, JOBS, f"{SESSIONS}act/expire/", f"{SESSIONS}x/export/"])
def test_a_visitor_without_a_login_is_sent_to_the_login_page(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_a_user_who_is_not_staff_has_no_access() -> None:
    browser = Client()
    browser.force_login(User.objects.create_user(uuid4().hex))
    assert browser.get("/admin/").status_code == 302


def test_the_address_without_a_slash_redirects() -> None:
    assert Client().get("/admin")["Location"] == "/admin/"


def test_migrate_gives_each_group_exactly_its_permissions() -> None:
    group = Group.objects.get(name="administrator")
    group.permissions.clear()
    call_command("migrate", verbosity=0)
    held = {f"{app}.{name}" for app, name in group.permissions.values_list("content_type__app_label", "codename")}
    assert held == set(ADMINISTRATOR)
    assert set(ROLES) == set(GROUPS)


PERMITTED = [
    (SESSIONS, "extend", {"ttl_seconds": 60}, "operator"),
    (SESSIONS, "clear-stm", {}, "operator"),
    (SESSIONS, "expire", {}, "operator"),
    (SESSIONS, "delete", {}, "operator"),
    (JOBS, "cancel", {}, "operator"),
    (JOBS, "retry", {}, "operator"),
    (NODES, "clear", {}, "administrator"),
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("base", "name", "fields", "least"), PERMITTED)
def test_each_act_needs_its_role(
    role: str,
    base: str,
    name: str,
    fields: dict[str, Any],
    least: str,
    log_in: LogIn,
    new_session: NewSession,
    job: Job,
) -> None:
    if base == NODES:
        operations.learn(session_id=with_stm(new_session(node_id="forgetful")))
    thing = {SESSIONS: new_session(), JOBS: job.id, NODES: "forgetful"}[base]
    browser = log_in(role)
    may = ROLES.index(role) >= ROLES.index(least)
    assert (f"{base}act/{name}/" in page(browser, change(base, thing))) is may
    assert browser.get(f"{base}act/{name}/", {"id": thing}).status_code == (200 if may else 403)
    assert act(browser, base, name, thing, **fields).status_code == (302 if may else 403)
    assert LogEntry.objects.filter(object_id=thing, user__username__startswith=role).exists() is may


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_look(role: str, log_in: LogIn, new_session: NewSession, job: Job) -> None:
    browser = log_in(role)
    session_id = new_session()
    for path in ("/admin/", SESSIONS, NODES, JOBS, change(SESSIONS, session_id), change(JOBS, job.id)):
        page(browser, path)
    assert browser.get("/admin/auth/user/").status_code == (200 if role == "administrator" else 403)
    assert browser.get("/admin/auth/group/add/").status_code == 403


@pytest.mark.parametrize("base", [SESSIONS, NODES, JOBS])
def test_there_are_no_forms_that_write_rows(base: str, new_session: NewSession) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser(uuid4().hex))
    assert browser.get(f"{base}add/").status_code == 403
    assert browser.post(f"{base}add/", {"id": "x"}).status_code == 403
    if base == SESSIONS:
        session_id = new_session()
        assert browser.post(f"{base}{session_id}/delete/", {"post": "yes"}).status_code == 403
        browser.post(change(base, session_id), {"node_id": "other"})
        browser.post(base, {"action": "delete_selected", "_selected_action": session_id, "index": "0", "post": "yes"})
        assert operations.clear_stm(session_id=session_id) == "node"


def test_an_act_without_a_csrf_token_is_refused(new_session: NewSession) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser(uuid4().hex))
    session_id = new_session()
    assert act(browser, SESSIONS, "expire", session_id).status_code == 403
    operations.touch(session_id=session_id)


def test_the_console_adds_no_cookie_to_other_requests(client: httpx.Client, log_in: LogIn) -> None:
    answer = client.get("/sessions/count", headers={"Origin": "https://elsewhere.example"})
    assert "set-cookie" not in answer.headers
    response = log_in("viewer").get("/admin/", headers={"origin": "https://elsewhere.example"})
    assert "Access-Control-Allow-Origin" not in response
    cookie = Client().get("/admin/login/").cookies["kato_console_csrf"]
    assert (cookie["path"], cookie["samesite"]) == ("/admin/", "Lax")


def test_processes_that_start_at_the_same_moment_share_one_secret(tmp_path: Path) -> None:
    for number in range(20):
        data = tmp_path / str(number)
        [secret] = set(at_once([partial(kept_secret, data)] * 8))
        assert len(secret) > 40
        [file] = data.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
