"""`/ws/events` reports every event once and in order, whichever process caused it (http.md 3; G12)."""

import json
import re
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta

import httpx
import psutil
import psycopg
import pytest
from websockets.exceptions import InvalidStatus

from benchmarks.stack import DEADLINE, WebServer, eventually
from sessions_app.operations import creation
from tests.support.listeners import Listener, connect_to, events_url, listening
from tests.support.sessions import NewSession, OpenSession, observe
from tests.support.transactions import locked

PROCESSES = 4
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def who_serves(server: WebServer, listener: Listener) -> int:
    """The worker process at the other end of the connection."""
    return next(
        pid
        for pid in server.worker_pids
        for one in psutil.Process(pid).net_connections("tcp")
        if one.raddr and one.raddr.port == listener.port
    )


def insert(connection: psycopg.Connection, session_id: str) -> None:
    """Create a session as the service does, in a transaction of the caller's."""
    given = {"id": session_id, "node_id": "late", "key_id": None, "ttl": 3600, "config": "{}", "metadata": "{}"}
    given["contract"] = None
    connection.execute(creation._CREATE, given)


@pytest.mark.usefixtures("steady_count")
def test_the_messages_have_the_shapes_of_kato(server: WebServer, client: httpx.Client, new_session: NewSession) -> None:
    with listening(server) as listener:
        assert re.fullmatch(MOMENT, listener.snapshot.pop("timestamp"))
        count = client.get("/sessions/count").json()["active_session_count"]
        assert listener.snapshot["data"].pop("worker_pid") in server.worker_pids
        data = {"active_sessions": count, "system_status": "healthy"}
        assert listener.snapshot == {"event_type": "state.snapshot", "data": data}

        session = client.post("/sessions", json={"node_id": "wsn"}).json()
        created = listener.next()
        assert re.fullmatch(MOMENT, created.pop("timestamp"))
        assert created == {
            "event_type": "session.created",
            "data": {
                "session_id": session["session_id"],
                "node_id": "wsn",
                "created_at": session["created_at"].replace("Z", "+00:00"),
            },
        }

        client.delete(f"/sessions/{session['session_id']}")
        destroyed = listener.next()
        assert re.fullmatch(MOMENT, destroyed.pop("timestamp"))
        assert re.fullmatch(MOMENT, destroyed["data"].pop("destroyed_at"))
        assert destroyed == {
            "event_type": "session.destroyed",
            "data": {"session_id": session["session_id"], "reason": "explicit_delete"},
        }


def test_acts_on_patterns_are_announced_once_per_act(server: WebServer, open_session: OpenSession) -> None:
    session = open_session()
    names = [f"{number:040x}" for number in range(1, 4)]
    with listening(server) as listener:
        for kind, given in [("retire", names), ("retire", names), ("un-retire", names[:1]), ("purge", names[1:])]:
            session.post(f"patterns/{kind}", {"pattern_ids": given})
        news = [listener.next() for _ in range(3)]
    assert all(re.fullmatch(MOMENT, one.pop("timestamp")) for one in news)
    assert [one["event_type"] for one in news] == ["patterns.retired", "patterns.un-retired", "patterns.purged"]
    for one, acted_on in zip(news, [names, names[:1], names[1:]], strict=True):
        assert sorted(one["data"].pop("patterns")) == acted_on
        assert one["data"] == {"node_id": session.node, "count": len(acted_on)}


def test_twenty_clients_of_all_processes_receive_a_hundred_creations_and_deletions(
    server: WebServer, client: httpx.Client, new_session: NewSession
) -> None:
    """G12, R28."""
    with ExitStack() as stack:
        listeners: list[Listener] = []
        while len(listeners) < 20 or len({who_serves(server, one) for one in listeners}) < PROCESSES:
            listeners.append(stack.enter_context(listening(server)))
        with ThreadPoolExecutor(10) as pool:
            ids = list(pool.map(lambda _: new_session(), range(100)))
            assert all(answer.is_success for answer in pool.map(lambda one: client.delete(f"/sessions/{one}"), ids))
        expected = sorted((one, kind) for one in ids for kind in ("session.created", "session.destroyed"))
        for listener in listeners:
            assert listener.snapshot["event_type"] == "state.snapshot"
            heard = [(one["data"]["session_id"], one["event_type"]) for one in listener.take(200)]
            assert sorted(heard) == expected, "each event once"
            for one in ids:
                assert heard.index((one, "session.created")) < heard.index((one, "session.destroyed"))


@pytest.mark.usefixtures("steady_count")
def test_a_snapshot_and_the_events_after_it_add_up_whenever_a_client_connects(
    server: WebServer, client: httpx.Client, new_session: NewSession
) -> None:
    """Clients connect while sessions are created: each session is in the snapshot or announced, and never in both."""
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            passing = new_session()
            new_session()
            client.delete(f"/sessions/{passing}")

    with ExitStack() as stack:
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(come_and_go)
            listeners = [stack.enter_context(listening(server)) for _ in range(20)]
            done.set()
        last = new_session()
        count = client.get("/sessions/count").json()["active_session_count"]
        numbers = []
        for listener in listeners:
            number, session_id = listener.snapshot["data"]["active_sessions"], ""
            while session_id != last:
                event = listener.next()
                number += 1 if event["event_type"] == "session.created" else -1
                session_id = event["data"]["session_id"]
            numbers.append(number)
    assert numbers == [count] * len(listeners)


def test_a_creation_that_is_rolled_back_is_never_announced(
    server: WebServer, client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """It fails after the session and its event were written, when the response is stored for repeats."""
    database.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
    database.execute(
        "CREATE TRIGGER injected BEFORE UPDATE ON sessions_app_idempotencykey FOR EACH ROW EXECUTE FUNCTION explode()"
    )
    with listening(server) as listener:
        try:
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            assert client.post("/sessions", json={"node_id": "undone"}, headers=headers).status_code == 500
        finally:
            database.execute("DROP FUNCTION explode CASCADE")
        session_id = new_session()
        assert listener.next()["data"]["session_id"] == session_id


def test_a_deletion_that_is_rolled_back_is_never_announced(
    server: WebServer, client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """It fails after the session is deleted and its event written, when its entries are deleted."""
    session_id = new_session()
    observe(client, session_id, "a")
    database.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
    database.execute(
        "CREATE TRIGGER injected BEFORE DELETE ON sessions_app_entry FOR EACH ROW EXECUTE FUNCTION explode()"
    )
    with listening(server) as listener:
        try:
            assert client.delete(f"/sessions/{session_id}").status_code == 500
        finally:
            database.execute("DROP FUNCTION explode CASCADE")
        next_one = new_session()
        assert listener.next()["data"]["session_id"] == next_one


@pytest.mark.parametrize("change", ["create", "delete"])
def test_a_change_whose_event_cannot_be_stored_does_not_happen(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection, change: str
) -> None:
    """So no session is ever created or deleted without its event."""
    session_id = new_session(node_id="silent")
    database.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
    database.execute(
        "CREATE TRIGGER injected BEFORE INSERT ON sessions_app_sessionevent FOR EACH ROW EXECUTE FUNCTION explode()"
    )
    try:
        if change == "create":
            answer = client.post("/sessions", json={"node_id": "silent"})
        else:
            answer = client.delete(f"/sessions/{session_id}")
    finally:
        database.execute("DROP FUNCTION explode CASCADE")
    assert answer.status_code == 500
    there = [one["session_id"] for one in client.get("/sessions?node_id=silent").json()["sessions"]]
    assert there == [session_id]
    client.delete(f"/sessions/{session_id}")


def test_a_transaction_that_commits_late_is_neither_skipped_nor_waited_for(
    server: WebServer, client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    late, second_late = f"session-late-{uuid.uuid4().hex}", f"session-late-{uuid.uuid4().hex}"
    with listening(server) as listener:
        with database.transaction():
            insert(database, late)
            before = [new_session() for _ in range(3)]
            assert [listener.next()["data"]["session_id"] for _ in before] == before
            with listening(server) as newcomer:  # its snapshot does not contain the late one either
                insert(database, second_late)
                between = new_session()
                assert listener.next()["data"]["session_id"] == newcomer.next()["data"]["session_id"] == between
        after = new_session()
        assert {one["data"]["session_id"] for one in listener.take(3)} == {late, second_late, after}
        client.delete(f"/sessions/{after}")
        assert listener.next()["event_type"] == "session.destroyed", "nothing comes twice"
    for session_id in (late, second_late):
        client.delete(f"/sessions/{session_id}")


def test_events_from_a_restored_database_are_not_announced(
    server: WebServer, new_session: NewSession, database: psycopg.Connection
) -> None:
    """Their transaction ids come from another cluster and are far ahead of this one's."""
    with listening(server) as listener:
        database.execute(
            "INSERT INTO sessions_app_sessionevent (changed, session_id, kind, node_id, happened_at, recorded_at) "
            "VALUES ('9000000000000', 'session-of-old', 0, 'n', now(), now() - interval '1 hour')"
        )
        for _ in range(2):
            session_id = new_session()
            assert listener.next()["data"]["session_id"] == session_id


def test_an_expiry_is_announced_within_moments(
    server: WebServer, client: httpx.Client, new_session: NewSession
) -> None:
    """No background worker takes part."""
    with listening(server) as listener:
        created = client.post("/sessions", json={"node_id": "n", "ttl_seconds": 1}).json()
        session_id = created["session_id"]
        heard = listener.take(2)
        assert [one["event_type"] for one in heard] == ["session.created", "session.destroyed"]
        assert {one["data"]["session_id"] for one in heard} == {session_id}
        assert heard[1]["data"]["reason"] == "expired"
        lived = moment(heard[1]["data"]["destroyed_at"]) - moment(created["created_at"])
        assert timedelta(seconds=1) <= lived <= timedelta(seconds=1.05), "until its deadline, whenever that was noticed"
        assert client.get(f"/sessions/{session_id}/exists").json() == {
            "exists": False,
            "expired": False,
            "session_id": session_id,
        }


def test_an_expired_session_is_not_announced_to_a_client_whose_snapshot_left_it_out(
    server: WebServer, client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """The client connects after the deadline but before the row is deleted: its snapshot leaves the session out."""
    with listening(server) as knew, ExitStack() as stack:
        ends = new_session(ttl_seconds=1)
        assert knew.next()["event_type"] == "session.created"
        with locked(database, ends):  # keeps the row
            eventually(lambda: not client.get(f"/sessions/{ends}/exists").json()["exists"], "it expires")
            newcomer = stack.enter_context(listening(server))
        told = knew.next()
        assert (told["data"]["session_id"], told["data"]["reason"]) == (ends, "expired")
        next_one = new_session()
        for listener in (knew, newcomer):
            assert listener.next()["data"]["session_id"] == next_one


def test_a_ping_is_answered_and_other_texts_are_ignored(server: WebServer, new_session: NewSession) -> None:
    with listening(server) as listener:
        for text in ("nonsense", "PING", '{"type": "ping"}', "", "ping"):
            listener.connection.send(text)
        assert listener.connection.recv(timeout=DEADLINE) == "pong"
        session_id = new_session()
        assert listener.next()["data"]["session_id"] == session_id


def test_a_binary_frame_ends_the_connection(server: WebServer) -> None:
    with listening(server) as listener:
        listener.connection.send(b"ping")
        assert listener.close_code() == 1000


@pytest.mark.parametrize("path", ["/ws", "/ws/other", "/ws/events/", "/", "/sessions"])
def test_any_other_path_is_refused_in_the_handshake(server: WebServer, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect_to(events_url(server.url).replace("/ws/events", path))
    assert refused.value.response.status_code == 403


def test_a_plain_http_request_finds_no_such_route(client: httpx.Client) -> None:
    response = client.get("/ws/events")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


def test_a_token_is_ignored(server: WebServer) -> None:
    with connect_to(f"{events_url(server.url)}?token=secret") as connection:
        assert json.loads(connection.recv(timeout=DEADLINE))["event_type"] == "state.snapshot"


@pytest.mark.exhaustive
def test_a_client_that_does_not_read_is_disconnected_and_delays_no_other(
    server: WebServer, new_session: NewSession, database: psycopg.Connection
) -> None:
    number = 15_000
    unread = socket.create_connection(("127.0.0.1", server.port))
    unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    with listening(server, sock=unread, max_queue=1) as slow, ExitStack() as stack:
        beside = stack.enter_context(listening(server))
        while who_serves(server, beside) != who_serves(server, slow):
            stack.close()  # otherwise each of these would get the burst as well
            beside = stack.enter_context(listening(server))
        # A burst larger than the queue of a client and the socket buffers together.
        database.execute(
            "INSERT INTO sessions_app_sessionevent (changed, session_id, kind, node_id, happened_at, recorded_at) "
            "SELECT pg_current_xact_id(), 'session-' || n, 0, repeat('n', 2000), now(), now() "
            "FROM generate_series(1, %s) AS n",
            [number],
        )
        assert len({one["data"]["session_id"] for one in beside.take(number)}) == number
        session_id = new_session()
        assert beside.next()["data"]["session_id"] == session_id
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        assert slow.close_code() == 1013


def test_a_client_that_disappears_is_removed(server: WebServer, new_session: NewSession) -> None:
    with listening(server) as stays:
        gone = socket.create_connection(("127.0.0.1", server.port))
        with listening(server, sock=gone):
            gone.shutdown(socket.SHUT_RDWR)
        for _ in range(3):
            session_id = new_session()
            assert stays.next()["data"]["session_id"] == session_id


def test_listeners_are_disconnected_when_events_cannot_be_followed(
    server: WebServer, new_session: NewSession, database: psycopg.Connection
) -> None:
    with listening(server) as listener:
        database.execute("ALTER TABLE sessions_app_sessionevent RENAME TO elsewhere")
        try:
            assert listener.close_code() == 1011
        finally:
            database.execute("ALTER TABLE elsewhere RENAME TO sessions_app_sessionevent")
    with listening(server) as listener:
        session_id = new_session()
        assert listener.next()["data"]["session_id"] == session_id
