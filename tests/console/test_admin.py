"""The operators' console: who may do what, what pages show, and that acts are operations."""

import json
import re
import stat
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from katoproject.configuration.secret import kept_secret
from katoproject.console.charts import WINDOWS, charts
from katoproject.console.groups import ADMINISTRATOR, GROUPS
from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import Snapshot
from sessions_app import operations
from sessions_app.errors import SessionNotFound
from sessions_app.jobs.lifecycle import accept
from sessions_app.models.jobs import Job, Kind, State
from sessions_app.observations import Observation
from tests.support.races import at_once
from tests.support.sessions import NewSession, OpenSession

pytestmark = pytest.mark.usefixtures("same_database")

SESSIONS = "/admin/sessions_app/session/"
JOBS = "/admin/sessions_app/job/"
NODES = "/admin/memory_app/node/"
ROLES = ("viewer", "operator", "administrator")

LogIn = Callable[[str], Client]


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


def page(browser: Client, path: str, **query: str) -> str:
    response = browser.get(path, query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def act(browser: Client, base: str, name: str, *ids: str, **fields: Any) -> Any:
    return browser.post(f"{base}act/{name}/", {"id": ids, **fields})


def change(base: str, object_id: str) -> str:
    names = {SESSIONS: "sessions_app_session", JOBS: "sessions_app_job", NODES: "memory_app_node"}
    return reverse(f"admin:{names[base]}_change", args=[quote(object_id)])


def listed(html: str) -> list[str]:
    """Ids of the sessions on a page, in order."""
    return re.findall(r'name="_selected_action" value="([^"]+)"', html)


# Who ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/admin/", SESSIONS, NODES, JOBS, f"{SESSIONS}act/expire/", f"{SESSIONS}x/export/"])
def test_whoever_is_not_logged_in_is_asked_to(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_people_who_are_no_staff_stay_outside() -> None:
    browser = Client()
    browser.force_login(User.objects.create_user(uuid4().hex))
    assert browser.get("/admin/").status_code == 302


def test_the_address_without_its_slash_leads_there() -> None:
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
        operations.learn(session_id=_with_stm(new_session(node_id="forgetful")))
    thing = {SESSIONS: new_session(), JOBS: job.id, NODES: "forgetful"}[base]
    browser = log_in(role)
    may = ROLES.index(role) >= ROLES.index(least)
    assert (f"{base}act/{name}/" in page(browser, change(base, thing))) is may
    assert browser.get(f"{base}act/{name}/", {"id": thing}).status_code == (200 if may else 403)
    assert act(browser, base, name, thing, **fields).status_code == (302 if may else 403)
    assert LogEntry.objects.filter(object_id=thing, user__username__startswith=role).exists() is may


def _with_stm(session_id: str, *events: str) -> str:
    for event in events or ("a", "b"):
        operations.observe(session_id=session_id, observation=Observation([*event], [], None, {}, {}, "u"))
    return session_id


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


def test_nothing_is_done_without_the_token_of_the_page(new_session: NewSession) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser(uuid4().hex))
    session_id = new_session()
    assert act(browser, SESSIONS, "expire", session_id).status_code == 403
    operations.touch(session_id=session_id)


def test_the_console_costs_and_tells_other_requests_nothing(client: httpx.Client, log_in: LogIn) -> None:
    answer = client.get("/sessions/count", headers={"Origin": "https://elsewhere.example"})
    assert "set-cookie" not in answer.headers
    assert "x-frame-options" not in answer.headers
    response = log_in("viewer").get("/admin/", headers={"origin": "https://elsewhere.example"})
    assert response["X-Frame-Options"] == "DENY"
    assert "Access-Control-Allow-Origin" not in response
    cookie = Client().get("/admin/login/").cookies["kato_console_csrf"]
    assert (cookie["path"], cookie["samesite"]) == ("/admin/", "Lax")


def test_all_who_start_at_the_same_moment_sign_with_one_secret(tmp_path: Path) -> None:
    for number in range(20):
        data = tmp_path / str(number)
        [secret] = set(at_once([partial(kept_secret, data)] * 8))
        assert len(secret) > 40
        [file] = data.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# Sessions ------------------------------------------------------------------------------------------------------------


def test_sessions_are_found_by_state_and_node(
    log_in: LogIn, new_session: NewSession, database: psycopg.Connection
) -> None:
    node = f"found-{uuid4().hex}"
    active, idle, expired = (new_session(node_id=node) for _ in range(3))
    database.execute("UPDATE sessions_app_session SET expires_at = now() + interval '49 min' WHERE id = %s", [idle])
    operations.expire(session_id=expired)
    browser = log_in("viewer")
    assert listed(page(browser, SESSIONS, node=node)) == [expired, idle, active]
    assert set(listed(page(browser, SESSIONS, node=node, state="active"))) == {active, idle}
    assert listed(page(browser, SESSIONS, node=node, state="idle")) == [idle]
    assert listed(page(browser, SESSIONS, node=node, state="expired")) == [expired]
    assert listed(page(browser, SESSIONS, node="no such node")) == []
    assert browser.get(SESSIONS, {"node": "\0"}).status_code == 200


def test_sessions_are_searched_by_the_beginning_of_their_id_or_by_node(log_in: LogIn, new_session: NewSession) -> None:
    node = f"sought-{uuid4().hex}"
    session_id = new_session(node_id=node)
    browser = log_in("viewer")
    assert listed(page(browser, SESSIONS, q=session_id)) == [session_id]
    assert listed(page(browser, SESSIONS, q=session_id[:24])) == [session_id]
    assert listed(page(browser, SESSIONS, q=node)) == [session_id]
    assert listed(page(browser, SESSIONS, q="session-g")) == []


def test_pages_show_each_session_once_forth_and_back(
    log_in: LogIn, new_session: NewSession, database: psycopg.Connection
) -> None:
    """Most were created in the same microsecond, and new ones come while somebody turns the pages."""
    node = f"many-{uuid4().hex}"
    ids = [new_session(node_id=node) for _ in range(120)]
    moment = "UPDATE sessions_app_session SET created_at = '2026-01-01' WHERE id = ANY(%s)"
    database.execute(moment, [ids[10:110]])
    browser = log_in("viewer")
    for order in ("", "3", "4", "-4", "5", "-5"):
        query = {"node": node, **({"o": order} if order else {})}
        forth = [page(browser, SESSIONS, **query)]
        while following := re.search(r'href="([^"]+)" rel="next"', forth[-1]):
            forth.append(page(browser, SESSIONS + following[1].replace("&amp;", "&")))
        seen = [listed(one) for one in forth]
        assert [len(one) for one in seen] == [50, 50, 20]
        assert sorted(one for ids_of_page in seen for one in ids_of_page) == sorted(ids)
        back = [forth[-1]]
        while previous := re.search(r'href="([^"]+)" rel="prev"', back[-1]):
            back.append(page(browser, SESSIONS + previous[1].replace("&amp;", "&")))
        assert [listed(one) for one in reversed(back)] == seen


@pytest.mark.parametrize("key", ["x", "[]", '["2026-01-01"]', '["never", "x"]', "{}", "3", '["2026-01-01", "\\u0000"]'])
def test_a_page_that_cannot_be_leads_to_the_first(key: str, log_in: LogIn) -> None:
    response = log_in("viewer").get(SESSIONS, {"after": key})
    assert (response.status_code, response["Location"]) == (302, f"{SESSIONS}?e=1")


def test_a_list_counts_nothing(log_in: LogIn) -> None:
    browser = log_in("viewer")
    for path in (SESSIONS, NODES, JOBS):
        with CaptureQueriesContext(connection) as queries:
            page(browser, path)
        assert not [one["sql"] for one in queries if "COUNT(" in one["sql"].upper()]


def test_the_page_of_a_session_shows_what_it_holds_and_does_not_keep_it_alive(
    log_in: LogIn, new_session: NewSession, database: psycopg.Connection
) -> None:
    session_id = new_session(node_id="shown", config={"recall_threshold": 0.25}, metadata={"client": "tablet <3>"})
    _with_stm(session_id, "p", "qr")
    database.execute(
        "UPDATE sessions_app_session SET expires_at = now() + interval '5 min' WHERE id = %s", [session_id]
    )
    deadline = "SELECT expires_at, version FROM sessions_app_session WHERE id = %s"
    before = database.execute(deadline, [session_id]).fetchone()
    browser = log_in("viewer")
    html = page(browser, change(SESSIONS, session_id))
    page(browser, f"{change(SESSIONS, session_id).removesuffix('change/')}predictions/")
    assert re.findall(r'class="chip ">(\w)<', html) == ["p", "q", "r"]
    assert re.search(r'class="own"><th scope="row">recall_threshold</th><td>0.25</td>', html)
    assert "tablet &lt;3&gt;" in html
    assert database.execute(deadline, [session_id]).fetchone() == before
    operations.expire(session_id=session_id)
    assert "expired" in page(browser, change(SESSIONS, session_id))


def test_a_session_that_is_gone_leads_back_to_the_list(log_in: LogIn) -> None:
    browser = log_in("viewer")
    for missing in ("session-none", "a%00b"):
        response = browser.get(f"{SESSIONS}{missing}/change/")
        assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_predictions_are_coloured_by_what_became_of_each_symbol(log_in: LogIn, open_session: OpenSession) -> None:
    open_session().teach("w", "k", "ct", "m", "d")
    asking = open_session()
    for event in ("k", "tp", "m"):
        asking.observe(*event)
    html = page(log_in("viewer"), f"{change(SESSIONS, asking.id).removesuffix('change/')}predictions/")
    timeline = html[html.index('class="prediction"') :]
    chips = re.findall(r'class="chip (\w+)">(\w)<', timeline)
    assert chips == [
        ("past", "w"),
        ("match", "k"),
        ("missing", "c"),
        ("match", "t"),
        ("match", "m"),
        ("future", "d"),
        ("extra", "p"),
    ]


def test_acts_are_the_operations_and_are_recorded(log_in: LogIn, client: httpx.Client, new_session: NewSession) -> None:
    browser = log_in("operator")
    session_id = _with_stm(new_session())
    assert act(browser, SESSIONS, "clear-stm", session_id)["Location"] == change(SESSIONS, session_id)
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []
    act(browser, SESSIONS, "extend", session_id, ttl_seconds=100_000)
    assert client.get(f"/sessions/{session_id}").json()["ttl_seconds"] > 99_000
    act(browser, SESSIONS, "expire", session_id)
    assert client.get(f"/sessions/{session_id}").status_code == 404
    history = page(browser, f"{change(SESSIONS, session_id).removesuffix('change/')}history/")
    assert [word for word in ("STM cleared", "Extended", "Expired") if word not in history] == []
    deleted = new_session()
    assert act(browser, SESSIONS, "delete", deleted)["Location"] == SESSIONS
    assert client.get(f"/sessions/{deleted}/exists").json() == {
        "exists": False,
        "expired": False,
        "session_id": deleted,
    }


def test_bad_input_is_explained_and_changes_nothing(log_in: LogIn, new_session: NewSession) -> None:
    browser = log_in("operator")
    session_id = new_session()
    answer = act(browser, SESSIONS, "extend", session_id, ttl_seconds=0)
    assert "greater than or equal to 1" in answer.content.decode()
    for ids in ([], ["\0"]):
        assert act(browser, SESSIONS, "expire", *ids).status_code == 404
    assert browser.get(f"{SESSIONS}act/resurrect/", {"id": session_id}).status_code == 404
    assert not LogEntry.objects.filter(object_id=session_id).exists()


def test_one_of_many_that_is_gone_does_not_hinder_the_others(log_in: LogIn, new_session: NewSession) -> None:
    browser = log_in("operator")
    first, gone, last = (new_session() for _ in range(3))
    operations.delete(session_id=gone)
    ticked = {"action": "expire", "_selected_action": [first, last], "index": "0"}
    question = browser.post(SESSIONS, ticked).content.decode()
    assert re.findall(r'name="id" value="([^"]+)"', question) == [last, first]
    operations.touch(session_id=first)  # only asked
    response = browser.post(f"{SESSIONS}act/expire/", {"id": [first, gone, last]}, follow=True)
    told = response.content.decode()
    assert "Expired: 2 of 3" in told
    assert f"Session {gone} not found or expired" in told
    for session_id in (first, last):
        with pytest.raises(SessionNotFound):
            operations.touch(session_id=session_id)


def test_nothing_can_be_done_to_all_at_once(log_in: LogIn, new_session: NewSession) -> None:
    ticked = {"action": "delete", "_selected_action": new_session(), "index": "0", "select_across": "1"}
    assert log_in("operator").post(SESSIONS, ticked).status_code == 403


def test_an_expired_session_is_not_revived_by_a_request_that_began_before(new_session: NewSession) -> None:
    """P4: the request's transaction has its `now()`, then an operator expires the session, then the request goes on."""
    session_id = new_session()

    def expire() -> None:
        operations.expire(session_id=session_id)
        connection.close()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
        operator = threading.Thread(target=expire)
        operator.start()
        operator.join()
        with pytest.raises(SessionNotFound):
            operations.touch(session_id=session_id)


def test_sessions_are_exported_one_or_many(log_in: LogIn, new_session: NewSession) -> None:
    browser = log_in("viewer")
    first, second = (_with_stm(new_session(node_id="exported", metadata={"n": 1e20}), "a", "cb") for _ in range(2))
    response = browser.get(f"{change(SESSIONS, first).removesuffix('change/')}export/")
    assert response["Content-Disposition"] == f'attachment; filename="{first}.json"'
    one = json.loads(response.content)
    assert (one["session_id"], one["stm"], one["metadata"]) == (first, [["a"], ["b", "c"]], {"n": 1e20})
    ticked = {"action": "export", "_selected_action": [first, second], "index": "0"}
    assert {one["session_id"] for one in json.loads(browser.post(SESSIONS, ticked).content)} == {first, second}


# Nodes ---------------------------------------------------------------------------------------------------------------


def test_a_node_shows_its_patterns_and_symbols(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    name = teacher.teach("k", "ct").removeprefix("PTRN|")
    teacher.teach("k", "ct")
    browser = log_in("viewer")
    base = change(NODES, teacher.node).removesuffix("change/")
    html = page(browser, f"{base}change/")
    assert "learned 2×, 3 symbols" in html
    assert "<dt>Vectors</dt><dd>0</dd>" in html
    assert f"{base}patterns/{name}/" in html
    pattern = page(browser, f"{base}patterns/{name}/")
    assert re.findall(r'class="chip ">(\w)<', pattern) == ["k", "c", "t"]
    symbols = page(browser, f"{base}symbols/")
    assert re.findall(r'class="chip">(\w)</span></td><td class="number">(\d+)', symbols) == [
        ("c", "2"),
        ("k", "2"),
        ("t", "2"),
    ]
    assert 'class="chip">k<' in page(browser, f"{base}symbols/", q="k")
    assert 'class="chip">' not in page(browser, f"{base}symbols/", q="z")
    for missing in ("0" * 40, "x", name[:39]):
        assert browser.get(f"{base}patterns/{missing}/").status_code == 404
    assert name[:12] in page(browser, f"{base}patterns/", q=f"PTRN|{name}")
    assert teacher.node in page(browser, NODES, q=teacher.node[:-3])


def test_all_patterns_are_on_the_pages_the_last_learned_first(
    log_in: LogIn, open_session: OpenSession, database: psycopg.Connection
) -> None:
    teacher = open_session()
    taught = [teacher.teach("ab", chr(ord("c") + n)) for n in range(20)]
    for place, name in (
        ("9", taught[0]),
        ("10", taught[1]),
    ):  # numbers of transactions are no texts: as texts, 9 is the greater
        learned = "UPDATE memory_app_pattern SET changed = %s::xid8 WHERE name = decode(%s, 'hex')"
        database.execute(learned, [place, name.removeprefix("PTRN|")])
    many = [{"strings": [f"s{n}", f"t{n}"]} for n in range(40)]
    teacher.post("observe-sequence", {"observations": many, "learn_after_each": True})
    browser = log_in("viewer")
    base = f"{change(NODES, teacher.node).removesuffix('change/')}patterns/"
    names: list[str] = []
    path: str | None = base
    while path:
        html = page(browser, path)
        names += re.findall(rf"{base}([0-9a-f]{{40}})/", html)
        older = re.search(r'href="(\?before=[^"]+)"', html)
        path = f"{base}{older[1]}" if older else None
    assert len(names) == len(set(names)) == 60
    assert names[40:] == [name.removeprefix("PTRN|") for name in reversed(taught)]


def test_a_node_forgets_when_an_administrator_says_so(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    browser = log_in("administrator")
    assert "cannot be undone" in page(browser, f"{NODES}act/clear/", id=teacher.node)
    assert teacher.patterns() == 1
    assert act(browser, NODES, "clear", teacher.node).status_code == 302
    assert teacher.patterns() == 0
    ticked = {"action": "clear", "_selected_action": teacher.node, "index": "0"}
    assert "cannot be undone" not in browser.post(NODES, ticked).content.decode()  # one at a time


# Jobs ----------------------------------------------------------------------------------------------------------------


def test_a_job_shows_how_far_it_is_and_why_it_failed(log_in: LogIn, job: Job) -> None:
    Job.objects.filter(id=job.id).update(state=State.FAILED, error="the disk is full", done=0, attempts=3)
    browser = log_in("viewer")
    assert "the disk is full" in page(browser, change(JOBS, job.id))
    assert job.id in page(browser, JOBS, state="failed", q=job.id)
    assert job.id not in page(browser, JOBS, state="done")
    assert job.id not in page(browser, JOBS, kind="train", node="a node")


def test_a_job_is_cancelled_and_taken_up_again(log_in: LogIn, job: Job) -> None:
    browser = log_in("operator")
    act(browser, JOBS, "cancel", job.id)
    assert Job.objects.get(id=job.id).state == State.CANCELLED
    act(browser, JOBS, "retry", job.id)
    assert Job.objects.get(id=job.id).state == State.WAITING
    Job.objects.filter(id=job.id).update(state=State.DONE)
    told = browser.post(f"{JOBS}act/cancel/", {"id": job.id}, follow=True).content.decode()
    assert f"Job {job.id} is done already" in told


# The first page ------------------------------------------------------------------------------------------------------


def sample(at: float, **values: Any) -> Snapshot:
    empty = {"durations": {}, "session_operations": {}, "observations": 0, "patterns_learned": 0, "upkeep": {}}
    counted = {**empty, "requests": [], "cache": {}, "stores": {}, "live": {}, **values}
    return Snapshot.model_validate({"instance": "a", "started_at": 0.0, "at": at, **counted})


def test_charts_show_what_the_samples_say() -> None:
    """Totals as what they grew by in a slice, states at their worst, nothing where there was no sample."""
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


def test_the_first_page_says_which_parts_serve_and_which_jobs_failed(log_in: LogIn, job: Job) -> None:
    Job.objects.filter(id=job.id).update(state=State.FAILED, finished_at=Now())
    browser = log_in("viewer")
    assert change(JOBS, job.id) in page(browser, "/admin/")
    assert page(browser, "/admin/", window="hour").count("<canvas") == 6
    parts = re.findall(r'<li class="(\w+)">\s*<strong>(\w+)<', page(browser, "/admin/parts/"))
    assert parts == [("up", "database"), ("up", "redis"), ("up", "broker"), ("lame", "worker")]


def test_whoever_is_in_no_group_sees_nothing_but_that() -> None:
    browser = Client()
    browser.force_login(User.objects.create_user(uuid4().hex, is_staff=True))
    assert "not in any of the groups" in page(browser, "/admin/")
