"""`manage.py session export` and `import`: sessions as files, and back."""

import json
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from engine.stm import STM_LIMIT
from katoproject.configuration.environment import PROJECT_DIR
from sessions_app import operations
from sessions_app.files import session_files
from tests.support.commands import CommandResult, command, start_process
from tests.support.listeners import listening
from tests.support.races import at_once
from tests.support.sessions import LiveSession, NewSession, OpenSession

pytestmark = pytest.mark.usefixtures("same_database")

HEAD: dict[str, Any] = {"kato": "sessions", "version": 1}


@pytest.fixture
def import_lines(tmp_path: Path) -> Callable[..., CommandResult]:
    """Import lines, objects or text, followed by a line with the number of sessions."""

    def run(*lines: Any, options: tuple[str, ...] = ()) -> CommandResult:
        file = tmp_path / "sessions"
        given = [HEAD, *lines, {"end": True, "sessions": len(lines)}]
        file.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in given))
        return command("session", "import", str(file), *options)

    return run


def line(session_id: str, **parts: Any) -> dict[str, Any]:
    return {"session_id": session_id, "node_id": "restored", "ttl_seconds": 600, **parts}


def answers(client: httpx.Client, session_id: str) -> dict[str, Any]:
    """What clients see of a session, except for the time it has left."""
    told = {
        path: client.get(f"/sessions/{session_id}{path}").json()
        for path in ("", "/stm", "/percept-data", "/cognition-data", "/config", "/predictions")
    }
    return {**told, "": {**told[""], "expires_at": None, "ttl_seconds": None}}


def eventful(open_session: OpenSession, **config: Any) -> LiveSession:
    """A session with content in every part."""
    session = open_session(ttl_seconds=5000, metadata={"z": 1e20, "a": [1.0, {"b": None}]}, config=config)
    session.observe("x", vectors=[[1.5, 2.0]], emotives={"joy": 0.1, "fear": -1}, metadata={"by": "me", "n": 1.0})
    session.observe("z", "y", emotives={"joy": 0.7})
    session.observe("q", "p", metadata={"by": ["you", 1e20]}, vectors=[[0.1, -3e-7]])
    return session


@pytest.mark.parametrize(
    "config",
    [{}, {"sort_symbols": False, "use_token_matching": False}, {"max_pattern_length": 3, "stm_mode": "ROLLING"},
     {"max_pattern_length": 2}, {"process_predictions": False}],
    ids=["plain", "unsorted", "rolling", "learned", "without predictions"],
)  # fmt: skip
def test_a_session_that_was_deleted_comes_back_from_its_file(
    client: httpx.Client, open_session: OpenSession, tmp_path: Path, config: dict[str, Any]
) -> None:
    session = eventful(open_session, **config)
    before, file = answers(client, session.id), tmp_path / "session.ndjson"
    assert command("session", "export", session.id, "--output", str(file)).status == 0
    operations.delete(session_id=session.id)
    assert command("session", "import", str(file)) == CommandResult(0, "1 session imported\n", "")
    assert answers(client, session.id) == before
    # The waiting vectors and accumulators are restored as well: the session learns what it would have learned.
    [_, again, _] = command("session", "export", session.id).lines
    assert again == json.loads(file.read_text().splitlines()[1])
    learned = session.observe("and", "more")["auto_learned_pattern"] or session.learn()
    assert learned.startswith("PTRN|")


def test_the_documented_file_can_be_imported(client: httpx.Client) -> None:
    text = (PROJECT_DIR / "docs" / "migrating.md").read_text().partition("## Sessions")[2]
    block = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert block is not None
    assert command("session", "import", "-", stdin=block[1].encode()) == CommandResult(0, "1 session imported\n", "")
    documented = json.loads(block[1].splitlines()[1])
    assert client.get("/sessions/session-42/percept-data").json()["percept_data"] == documented["percept"]
    assert command("session", "export", "session-42").lines[1] == documented
    operations.delete(session_id="session-42")


def test_an_extension_is_kept(client: httpx.Client, new_session: NewSession, tmp_path: Path) -> None:
    session_id, file = new_session(ttl_seconds=60), tmp_path / "session.ndjson"
    client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": 5000})
    before = client.get(f"/sessions/{session_id}").json()["expires_at"]
    command("session", "export", session_id, "--output", str(file))
    operations.delete(session_id=session_id)
    command("session", "import", str(file))
    assert client.get(f"/sessions/{session_id}").json()["expires_at"] == before


def test_all_sessions_of_a_node_are_exported_and_announced_when_restored(
    client: httpx.Client, new_session: NewSession, node: str, tmp_path: Path
) -> None:
    ids = [new_session(node_id=node) for _ in range(120)]
    expired = new_session(node_id=node)
    operations.expire(session_id=expired)
    told = command("session", "export", "--node", node)
    assert [one["session_id"] for one in told.lines[1:-1]] == ids
    assert (told.lines[-1], told.err) == ({"end": True, "sessions": 120}, "120 sessions exported\n")
    command("session", "delete", *ids)
    with listening(str(client.base_url)) as listener:
        assert command("session", "import", "-", "--json", stdin=told.out.encode()).json == {
            "imported": 120, "living": 0, "expired": 0
        }  # fmt: skip
        created = {listener.next()["data"]["session_id"] for _ in range(120)}
    assert created == set(ids)


def test_an_active_session_is_never_overwritten(
    client: httpx.Client, new_session: NewSession, import_lines: Callable[..., CommandResult]
) -> None:
    session_id, other = new_session(metadata={"mine": 1}), f"session-{uuid4().hex}"
    lines = (line(session_id, stm=[["evil"]]), line(other, stm=[["good"]]), line(other, stm=[["second"]]))
    before = answers(client, session_id)
    told = import_lines(*lines, options=("--json",))
    assert told.status == 1
    assert told.lines == [
        {"session_id": session_id, "imported": False, "reason": "it is already active here"},
        {"session_id": other, "imported": False, "reason": "it is already active here"},
        {"imported": 1, "living": 2, "expired": 0},
    ]
    assert answers(client, session_id) == before
    assert client.get(f"/sessions/{other}/stm").json()["stm"] == [["good"]]


def test_two_imports_of_the_same_sessions_restore_each_once(
    client: httpx.Client, node: str, django_db_blocker: DjangoDbBlocker
) -> None:
    ids = [f"session-{uuid4().hex}" for _ in range(50)]
    # Each import has an order of its own.
    orders = [ids, ids[::-1], ids]

    def bring_back(order: list[str]) -> list[operations.Restored]:
        lines = [json.dumps(line(one, node_id=node, stm=[["a"], ["b"]])).encode() for one in order]
        try:
            return list(session_files.add(lines=lines, renew=False))
        finally:
            connection.close()  # this thread's

    results = at_once([partial(bring_back, order) for order in orders])
    restored = [one for result in results for batch in result for one in batch.restored]
    assert sorted(restored) == sorted(ids)
    for session_id in ids[:5]:
        assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["a"], ["b"]]


def test_an_expired_session_is_restored_only_on_demand(
    client: httpx.Client, new_session: NewSession, import_lines: Callable[..., CommandResult]
) -> None:
    session_id = new_session(ttl_seconds=600)
    [_, exported, _] = command("session", "export", session_id).lines
    operations.expire(session_id=session_id)  # its row may or may not be deleted by now
    gone = {**exported, "expires_at": "2020-01-01T00:00:00Z"}
    told = import_lines(gone)
    assert (told.status, told.out) == (1, "0 sessions imported\n")
    assert f"1 because they have expired (--renew imports those): {session_id}" in told.err
    assert import_lines(gone, options=("--renew",)).status == 0
    answer = client.get(f"/sessions/{session_id}").json()
    assert answer["created_at"] == exported["created_at"].replace("Z", "").ljust(26, "0") + "Z"
    assert 590 <= answer["ttl_seconds"] <= 600


def test_listeners_hear_of_each_life_in_order(client: httpx.Client, import_lines: Callable[..., CommandResult]) -> None:
    session_id = f"session-{uuid4().hex}"
    with listening(str(client.base_url)) as listener:
        for _ in range(3):
            assert import_lines(line(session_id)).status == 0
            operations.expire(session_id=session_id)
        told = [listener.next() for _ in range(5)]
    assert {one["data"]["session_id"] for one in told} == {session_id}
    assert [one["event_type"] for one in told] == [
        "session.created", "session.destroyed", "session.created", "session.destroyed", "session.created"
    ]  # fmt: skip


def test_an_interrupted_import_continues_when_it_is_repeated(
    import_lines: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(f"session-{uuid4().hex}") for _ in range(5)]
    calls = iter([True, True, False])

    def until_ctrl_c(*, sessions: list[operations.SavedSession]) -> operations.Restored:
        if not next(calls):
            raise KeyboardInterrupt
        return restore(sessions=sessions)

    restore = operations.restore
    monkeypatch.setattr(session_files, "BATCH", 2)
    with monkeypatch.context() as trouble:
        trouble.setattr(operations, "restore", until_ctrl_c)
        told = import_lines(*lines)
    assert (told.status, told.out) == (130, "")
    assert told.err == "Interrupted: 4 sessions imported; run the same command to continue\n"
    again = import_lines(*lines, options=("--json",))
    assert again.lines[-1] == {"imported": 1, "living": 4, "expired": 0}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("{", "Invalid JSON: EOF while parsing"),
        ("[]", "Input should be a valid dictionary"),
        ({"strings": ["a"]}, "a line is a JSON object with one of kato, node_id, error, end"),
        (line(""), "session_id: String should have at least 1 character"),
        (line("s", ttl_seconds=0), "ttl_seconds: Input should be greater than or equal to 1"),
        (line("s", ttl_seconds="5"), "ttl_seconds: Input should be a valid integer"),
        (line("s", node_id="n" * 513), "node_id: String should have at most 512 characters"),
        (line("s", stm=[[]]), "stm.0: List should have at least 1 item"),
        (line("s", stm=[["a"]] * (STM_LIMIT + 1)), "stm: List should have at most 1000 items"),
        (line("s", stm=[["\0"]]), "stm.0.0: Input should not contain the character U+0000"),
        (line("s", config={"persistence": 0}), "config.persistence: Must be an integer between 1 and 100"),
        (line("s", stm=[["a"]], percept_stm=[["b"]]), "percept_stm and what the session holds must end alike"),
        (line("s", created_at="2020-01-01T00:00:00"), "created_at: Input should have timezone info"),
        (line("s", waiting_vectors=[[1e39]]), "waiting_vectors.0.0: Input should be less than or equal to 3402823466"),
        (line("s", metadata="x"), "metadata: Input should be a valid dictionary"),
        (line("s", time=3), "percept must be present where time is above 0, and only there"),
        (line("s", stm=[["a"]], percept={}), "percept must be present where time is above 0, and only there"),
        ({"end": True, "sessions": 7}, "7 sessions were exported, the file has 1"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_and_nothing_is_imported(
    client: httpx.Client, import_lines: Callable[..., CommandResult], wrong: Any, problem: str
) -> None:
    first = f"session-{uuid4().hex}"
    told = import_lines(line(first), wrong)
    assert told.status == 1
    assert told.err.startswith(f"Error: line 3: {problem}")
    assert told.err.endswith("Nothing was imported\n")
    assert client.get(f"/sessions/{first}").status_code == 404


def test_a_truncated_file_is_imported_only_on_demand(client: httpx.Client, tmp_path: Path) -> None:
    session_id, file = f"session-{uuid4().hex}", tmp_path / "sessions"
    file.write_text(f"{json.dumps(line(session_id, stm=[['a']]))}\n")
    told = command("session", "import", str(file))
    assert told.err == "Error: The file has no last line, so its export was cut short; --partial imports it\n"
    assert command("session", "import", str(file), "--partial").status == 0
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["a"]]


def test_an_interrupted_export_reports_how_far_it_got(new_session: NewSession, node: str) -> None:
    for _ in range(40):
        new_session(node_id=node, metadata={"long": "x" * 20_000})
    running = start_process("session", "export", "--node", node)
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.read(1000)  # now it is running, and blocked because the pipe is full
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.startswith("Interrupted: ")
    assert err.endswith("sessions exported; the file is not complete\n")
    assert '"end"' not in out


def test_an_export_overwrites_nothing(new_session: NewSession, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    told = command("session", "export", new_session(), "--output", str(file))
    assert (told.status, told.err) == (1, f"Error: {file} already exists; nothing was exported\n")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("arguments", [(), ("--all", "--node", "n"), ("s", "--all")])
def test_an_export_is_of_one_kind_of_sessions(arguments: tuple[str, ...]) -> None:
    told = command("session", "export", *arguments)
    assert (told.status, told.out) == (2, "")
    assert "Pass either session ids, --node NODE, or --all" in told.err
