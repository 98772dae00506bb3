"""`manage.py session …` does from the command line what clients do over HTTP."""

import re
from codecs import BOM_UTF8
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from sessions_app import operations
from tests.support.commands import CommandResult, command, process, start_process
from tests.support.listeners import listening
from tests.support.prepared import own_database
from tests.support.sessions import NewSession, OpenSession, observe

pytestmark = pytest.mark.usefixtures("same_database")


def test_sessions_are_listed_page_after_page(new_session: NewSession, node: str) -> None:
    ids = [new_session(node_id=node) for _ in range(5)]
    found: list[str] = []
    after: tuple[str, ...] = ()
    for _ in range(3):
        told = command("session", "list", "--node", node, "--limit", "2", "--json", *after)
        found += [one["session_id"] for one in told.lines]
        after = ("--after", told.lines[-1]["place"])
        if len(found) < 5:
            assert told.err == f"There are more: --after {told.lines[-1]['place']}\n"
    assert found == ids[::-1]
    assert told.err == ""


def test_a_list_can_be_limited_to_active_or_expired_sessions(new_session: NewSession, node: str) -> None:
    living, expired = new_session(node_id=node), new_session(node_id=node)
    # Just expired: the upkeep of other tests deletes those that expired first.
    operations.expire(session_id=expired)
    listed = {
        state: [one["session_id"] for one in command("session", "list", "--node", node, "--json", *state).lines]
        for state in ((), ("--state", "active"), ("--state", "expired"))
    }
    assert listed[("--state", "active")] == [living]
    assert listed[("--state", "expired")] in ([expired], [])
    assert living in listed[()]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_whatever_the_locale_the_output_is_utf_8(new_session: NewSession, encoding: str) -> None:
    node = f"nödé → {uuid4().hex}"
    session_id = new_session(node_id=node)
    shown = process("session", "list", "--node", node, PYTHONIOENCODING=encoding)
    assert (shown.status, shown.err) == (0, "")
    assert session_id in shown.out
    assert node in shown.out
    [one] = process("session", "list", "--node", node, "--json", PYTHONIOENCODING=encoding).lines
    assert one["node_id"] == node


def test_a_list_for_people_says_the_same(new_session: NewSession, node: str) -> None:
    session_id = new_session(node_id=node, ttl_seconds=7200)
    header, _, row = command("session", "list", "--node", node).out.splitlines()
    assert header.split() == ["session", "node", "state", "created", "left", "events", "observations"]
    assert row.split()[:3] == [session_id, node, "active"]
    assert row.split()[-2:] == ["0", "0"]


def test_listing_sessions_loads_neither_numpy_nor_a_compiler() -> None:
    listed = process("session", "list", "--limit", "1", PYTHONPROFILEIMPORTTIME="1")
    assert listed.status == 0
    modules = {line.rpartition("|")[2].strip() for line in listed.err.splitlines()}
    assert "sessions_app.reads.listing" in modules
    assert modules.isdisjoint({"numpy", "numba", "engine.kernels", "memory_app.index"})


def test_the_list_of_an_unknown_node_is_empty(node: str) -> None:
    assert command("session", "list", "--node", node, "--json") == CommandResult(0, "", "")


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly(new_session: NewSession, node: str) -> None:
    for _ in range(6):
        new_session(node_id=node, metadata={"long": "x" * 60_000})
    running = start_process("session", "export", "--node", node)
    assert running.stdout is not None
    assert running.stdout.readline() == '{"kato":"sessions","version":1}\n'
    running.stdout.close()
    assert running.wait(60) == 141
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()


def test_control_characters_in_a_session_do_not_reach_the_terminal(new_session: NewSession) -> None:
    name = f"\x1b[31m[bold]red\n{uuid4().hex}"
    new_session(node_id=name)
    told = command("session", "list", "--node", name)
    assert "\\x1b[31m[bold]red\\n" in told.out
    assert len(told.out.splitlines()) == 3


def test_a_session_is_shown_with_all_it_holds(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(metadata={"by": "me"})
    observe(client, session_id, "b", "a", emotives={"joy": 1})
    shown = command("session", "show", session_id, "--json").json
    assert shown["stm"] == [["a", "b"]]
    assert shown["percept"]["emotives"] == {"joy": 1.0}
    assert (shown["metadata"], shown["state"]) == ({"by": "me"}, "active")
    for_people = command("session", "show", session_id).out
    assert '[["a","b"]]' in for_people
    assert re.search(r"^contract +3\.10 *$", for_people, re.MULTILINE)


def test_a_missing_session_is_named() -> None:
    assert command("session", "show", "nobody") == CommandResult(1, "", "Error: Session nobody not found or expired\n")


def test_a_created_session_equals_one_created_over_http(client: httpx.Client, node: str) -> None:
    arguments = ("--node", node, "--ttl", "600", "--config", '{"recall_threshold": 0.4}', "--metadata", '{"n": 1}')
    with listening(str(client.base_url)) as listener:
        session_id = command("session", "create", *arguments).out.strip()
        assert listener.next()["data"]["session_id"] == session_id
    answer = client.get(f"/sessions/{session_id}").json()
    assert answer["node_id"] == node
    assert answer["metadata"] == {"n": 1}
    assert answer["session_config"]["recall_threshold"] == 0.4
    as_json = command("session", "create", *arguments, "--json").json
    assert {**as_json, "session_id": "", "created_at": "", "expires_at": "", "ttl_seconds": 0} == {
        **answer,
        "session_id": "",
        "created_at": "",
        "expires_at": "",
        "ttl_seconds": 0,
    }


def test_a_session_is_created_for_a_contract(client: httpx.Client, node: str) -> None:
    session_id = command("session", "create", "--node", node, "--contract", "6.3").out.strip()
    assert client.get(f"/sessions/{session_id}").headers["X-KATO-Contract"] == "6.3"
    refused = command(
        "session", "create", "--node", node, "--contract", "6.3", "--config", '{"filter_pipeline": ["length"]}'
    )
    assert (refused.status, "config.filter_pipeline: Unknown filters: 'length'" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--node", "n", "--contract", "7"), "unknown contract, '7': valid ones are 3.10 and 6.3"),
        ((), "the following arguments are required: --node"),
        (("--node", "n", "--ttl", "0"), "ttl_seconds: Input should be greater than or equal to 1"),
        (("--node", "n", "--config", "[]"), "argument --config: not a JSON object"),
        (("--node", "n", "--config", "{"), "argument --config: not JSON: EOF while parsing"),
        (("--node", "n", "--config", '{"persistence": 0}'), "config.persistence: Must be an integer between 1 and 100"),
        (("--node", "n", "--metadata", r'{"a": "\u0000"}'), "metadata.a: Input should not contain the character"),
        (("--node", "n" * 513), "argument --node: String should have at most 512 characters"),
        (("--node", "\udce4"), "argument --node: it is not UTF-8"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, ...], reason: str) -> None:
    told = command("session", "create", *arguments)
    assert (told.status, told.out) == (2, "")
    assert reason in told.err
    assert "Traceback" not in told.err


def test_observations_are_visible_over_http(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    told = command("session", "observe", session_id, "kettle", "boil", "--emotive", "joy=0.5")
    assert told.out == "1 observed, 1 event in the STM, 0 patterns learned\n"
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["boil", "kettle"]]
    assert client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]["emotives"] == {"joy": 0.5}


def test_a_file_of_observations_is_observed_and_learned(open_session: OpenSession) -> None:
    session = open_session()
    lines = BOM_UTF8 + b'["b", "a"]\n{"strings": ["c"], "metadata": {"by": "me"}}\n' * 120
    told = command("session", "observe", session.id, "--file", "-", "--learn", "--json", stdin=lines).json
    assert (told["observations"], told["patterns_learned"]) == (240, 1)
    pattern = session.pattern(told["final_learned_pattern"])
    assert pattern["pattern_data"] == [["a", "b"], ["c"]] * 120
    assert pattern["metadata"] == {"by": ["me"]}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (b"{", "line 2: Invalid JSON: EOF while parsing an object at its end. Nothing was observed"),
        (b'["a", 1]', "line 2: symbols.1: Input should be a valid string"),
        (b'{"strings": "a"}', "line 2: observation.strings: Input should be a valid list"),
        (b'["\\u0000"]', "line 2: observation.0: Input should not contain the character U+0000"),
        (b'{"vectors": [[1, 2], [1, 2, 3]]}', "line 2: Vector dimension mismatch: expected 2, got 3"),
    ],
)
def test_a_wrong_line_of_observations_changes_nothing(
    client: httpx.Client, new_session: NewSession, wrong: bytes, problem: str
) -> None:
    session_id = new_session()
    told = command("session", "observe", session_id, "--file", "-", stdin=b'["a"]\n' + wrong + b"\n")
    assert told.status == 1
    assert told.err.startswith(f"Error: {problem}")
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []


def test_an_observation_needs_something_to_observe(new_session: NewSession) -> None:
    told = command("session", "observe", new_session())
    assert told.status == 2
    assert "Pass either symbols and emotives, or --file FILE" in told.err


@pytest.mark.parametrize("name", ["delete", "expire"])
def test_sessions_are_ended_and_missing_ones_are_named(
    client: httpx.Client, new_session: NewSession, name: str
) -> None:
    ids = [new_session() for _ in range(2)]
    told = command("session", name, ids[0], "nobody", ids[1], "--json")
    assert [one["status"] for one in told.lines] == [f"{name}d", "not found", f"{name}d"]
    assert (told.status, told.err) == (1, "Error: Not found or expired: nobody\n")
    assert {client.get(f"/sessions/{one}").status_code for one in ids} == {404}


def test_without_a_running_service_it_says_what_to_do(folder: Path) -> None:
    told = process("session", "list", KATO_DATA_DIR=str(folder), DATABASE_URL="")
    assert (told.status, told.out) == (1, "")
    [message] = told.err.splitlines()
    assert message.startswith("Error: PostgreSQL is unavailable (")
    assert "Start the service (`make run`), or set DATABASE_URL or KATO_DATA_DIR (now " in message


def test_an_empty_database_is_distinguished_from_one_without_tables(database: psycopg.Connection) -> None:
    database.execute("CREATE DATABASE nothing_yet")
    info = database.info
    url = f"postgresql://{info.user}@/nothing_yet?host={info.host}&port={info.port}"
    try:
        without_tables = process("session", "list", DATABASE_URL=url)
    finally:
        database.execute("DROP DATABASE nothing_yet WITH (FORCE)")
    with own_database("nothing_in_it") as url:
        empty = process("node", "list", "--json", DATABASE_URL=url)
        export = process("session", "export", "--all", DATABASE_URL=url)
    assert (without_tables.status, without_tables.out) == (1, "")
    assert without_tables.err.endswith("does not exist): run `manage.py migrate`\n")
    assert empty == CommandResult(0, "", "")
    assert export.lines == [{"kato": "sessions", "version": 1}, {"end": True, "sessions": 0}]
