"""The console's pages of sessions: lists, searches, predictions, and acts, which call the operations."""

import json
import re
import threading
from uuid import uuid4

import httpx
import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sessions_app import operations
from sessions_app.errors import SessionNotFound
from tests.console.pages import JOBS, NODES, SESSIONS, LogIn, act, change, listed, page, with_stm
from tests.support.sessions import LiveSession, NewSession, OpenSession, observation

pytestmark = pytest.mark.usefixtures("same_database")


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


def test_sessions_are_searched_by_the_beginning_of_their_id_or_by_node(log_in: LogIn, new_session: NewSession) -> None:
    node = f"sought-{uuid4().hex}"
    session_id = new_session(node_id=node)
    browser = log_in("viewer")
    assert listed(page(browser, SESSIONS, q=session_id)) == [session_id]
    assert listed(page(browser, SESSIONS, q=session_id[:24])) == [session_id]
    assert listed(page(browser, SESSIONS, q=node)) == [session_id]
    assert listed(page(browser, SESSIONS, q="session-g")) == []


@pytest.mark.exhaustive
def test_pages_show_each_session_once_forth_and_back(
    log_in: LogIn, new_session: NewSession, database: psycopg.Connection
) -> None:
    """Most sessions were created in the same microsecond."""
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
def test_an_invalid_page_redirects_to_the_first(key: str, log_in: LogIn) -> None:
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
    with_stm(session_id, "p", "qr")
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


def test_a_missing_session_redirects_to_the_index(log_in: LogIn) -> None:
    browser = log_in("viewer")
    response = browser.get(f"{SESSIONS}session-none/change/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_predictions_colour_each_symbol_by_its_match(log_in: LogIn, open_session: OpenSession) -> None:
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


@pytest.mark.parametrize(("contract", "missing"), [("3.10", ["kettle"]), ("6.3", [])])
def test_a_session_is_shown_by_its_contract(
    log_in: LogIn, client: httpx.Client, contract: str, missing: list[str]
) -> None:
    node = uuid4().hex
    body = {"node_id": node, "config": {"fuzzy_token_threshold": 0.5}}
    created = client.post("/sessions", json=body, headers={"X-KATO-Contract": contract})
    session = LiveSession(client, created.json()["session_id"], node)
    session.observe_sequence(observation("a"), observation("kettle"), observation("b"), learn_at_end=True)
    session.observe_sequence(observation("a"), observation("ketle"), observation("b"))
    browser = log_in("viewer")
    assert f"<dt>Contract</dt><dd>{contract}</dd>" in page(browser, change(SESSIONS, session.id))
    html = page(browser, f"{change(SESSIONS, session.id).removesuffix('change/')}predictions/")
    assert re.findall(r'class="chip missing">(\w+)<', html[html.index('class="prediction"') :]) == missing
    assert '<span class="chip">ketle</span> for <span class="chip match">kettle</span>' in html


def test_acts_are_the_operations_and_are_recorded(log_in: LogIn, client: httpx.Client, new_session: NewSession) -> None:
    browser = log_in("operator")
    session_id = with_stm(new_session())
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
    assert act(browser, SESSIONS, "expire").status_code == 404
    assert browser.get(f"{SESSIONS}act/resurrect/", {"id": session_id}).status_code == 404
    assert not LogEntry.objects.filter(object_id=session_id).exists()


def test_a_missing_session_among_many_does_not_stop_the_act_on_the_others(
    log_in: LogIn, new_session: NewSession
) -> None:
    browser = log_in("operator")
    first, gone, last = (new_session() for _ in range(3))
    operations.delete(session_id=gone)
    ticked = {"action": "expire", "_selected_action": [first, last], "index": "0"}
    question = browser.post(SESSIONS, ticked).content.decode()
    assert re.findall(r'name="id" value="([^"]+)"', question) == [last, first]
    operations.touch(session_id=first)  # the first click only asks for confirmation
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
    """P4: the request's transaction has taken its `now()`, then an operator expires the session, then it continues."""
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
    first, second = (with_stm(new_session(node_id="exported", metadata={"n": 1e20}), "a", "cb") for _ in range(2))
    response = browser.get(f"{change(SESSIONS, first).removesuffix('change/')}export/")
    assert response["Content-Disposition"] == f'attachment; filename="{first}.json"'
    one = json.loads(response.content)
    assert (one["session_id"], one["stm"], one["metadata"]) == (first, [["a"], ["b", "c"]], {"n": 1e20})
    ticked = {"action": "export", "_selected_action": [first, second], "index": "0"}
    assert {one["session_id"] for one in json.loads(browser.post(SESSIONS, ticked).content)} == {first, second}
