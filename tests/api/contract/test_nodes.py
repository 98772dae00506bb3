"""The node-level operations: how a request names its node, patterns and symbols (http.md 1.3)."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.contract.reference import API, BY_NAME, Operation
from tests.api.contract.world import World
from tests.support.sessions import create_session, observe

NODE_OPERATIONS = [operation for operation in API if operation.family == "kato-ops"]

# Every separator of a path, characters that a path may not contain, and names of operations.
AWKWARD = [
    "a|b",
    "a/b",
    "/",
    "a//b/",
    "../a",
    "a?b#c",
    "50%",
    "%2F",
    " ",
    "é",
    "日本",
    "😀",
    "'",
    '"',
    "\\",
    "affinity",
    "stats",
]


def knows(world: World, node_id: str, *symbols: str) -> str:
    """Teach the node one pattern of these symbols and `end`; return its name."""
    session_id = create_session(world.client, node_id)
    for symbol in (*symbols, "end"):
        observe(world.client, session_id, symbol, emotives={"joy": 0.5})
    name: str = world.client.post(f"/sessions/{session_id}/learn").json()["pattern_name"]
    return name


def ask(world: World, path: str, headers: dict[str, str] | None = None) -> Any:
    response = world.client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("operation", NODE_OPERATIONS, ids=lambda operation: operation.name)
def test_the_node_is_named_by_query_or_test_header_or_node_header_in_this_order(
    world: World, operation: Operation
) -> None:
    path = world.path(operation)
    everything = {"X-Node-ID": "by-header", "X-Test-ID": "run"}
    for query, headers, node in (
        ("?node_id=by-query", everything, "by_query_kato"),
        ("", everything, "test_run_kato"),
        ("", {"X-Test-ID": "test_run"}, "test_run_kato"),
        ("", {"X-Node-ID": "by-header"}, "by_header_kato"),
        ("", {}, "default_node_kato"),
    ):
        assert ask(world, path + query, headers)["node_id"] == node


def test_memory_is_that_of_the_exact_node(world: World) -> None:
    node_id = f"exact-{uuid.uuid4().hex}"
    name = knows(world, node_id, "known")
    for headers, status in (({"X-Node-ID": node_id}, "okay"), ({"X-Node-ID": node_id.upper()}, "error")):
        assert ask(world, f"/pattern/{name}", headers)["pattern"]["status"] == status
    assert ask(world, f"/symbols/known/affinity?node_id={node_id}")["affinity"] == {"joy": 0.5}
    test_name = knows(world, f"test_{node_id}", "tested")
    assert ask(world, f"/pattern/{test_name}", {"X-Test-ID": node_id})["pattern"]["status"] == "okay"


def test_a_pattern_is_found_with_and_without_its_prefix_encoded_or_not(world: World) -> None:
    bare = world.pattern_name.removeprefix("PTRN|")
    for spelled in (f"PTRN|{bare}", f"PTRN%7C{bare}", f"PTRN%7c{bare}", bare):
        answer = ask(world, f"/pattern/{spelled}", {"X-Node-ID": world.node_id})
        assert answer["pattern"]["status"] == "okay"
        pattern = answer["pattern"]["pattern"]
        assert list(pattern) == ["name", "pattern_data", "length", "frequency", "emotives", "metadata"]
        assert (pattern["name"], pattern["pattern_data"]) == (f"PTRN|{bare}", [["a"], ["b"], ["c"]])
        assert (pattern["length"], pattern["emotives"]) == (3, [{"joy": 0.5}] * 3)
        assert pattern["metadata"] == {"by": ["me"]}


def test_an_unknown_pattern_is_a_200_with_an_inner_status(world: World) -> None:
    for unknown in ("PTRN|" + 40 * "0", "nonsense"):
        answer = ask(world, f"/pattern/{quote(unknown)}", {"X-Node-ID": world.node_id})
        assert answer["pattern"] == {"status": "error", "message": f"Pattern {unknown} not found"}


@pytest.mark.parametrize("symbol", AWKWARD)
def test_any_symbol_can_be_addressed(world: World, symbol: str) -> None:
    """KATO cannot address a symbol with a slash."""
    node_id = f"awkward-{uuid.uuid4().hex}"
    knows(world, node_id, symbol)
    answer = ask(world, f"/symbols/{quote(symbol, safe='')}/affinity", {"X-Node-ID": node_id})
    assert (answer["symbol"], answer["affinity"]) == (symbol, {"joy": 0.5})


def test_an_unknown_symbol_has_no_affinity(world: World) -> None:
    answer = ask(world, "/symbols/nowhere/affinity", {"X-Node-ID": world.node_id})
    assert (answer["symbol"], answer["affinity"]) == ("nowhere", {})


def test_the_statistics_and_affinities_of_all_symbols(world: World) -> None:
    node_id = f"statistics-{uuid.uuid4().hex}"
    knows(world, node_id, "a", "a")
    headers = {"X-Node-ID": node_id}
    assert ask(world, "/symbols/stats", headers)["symbols"] == {
        "a": {"name": "a", "frequency": 2, "pattern_member_frequency": 1},
        "end": {"name": "end", "frequency": 1, "pattern_member_frequency": 1},
    }
    assert ask(world, "/symbols/affinity", headers)["affinities"] == {"a": {"joy": 0.5}, "end": {"joy": 0.5}}
    assert ask(world, "/symbols/affinity", {"X-Node-ID": "knows nothing"})["affinities"] == {}


@pytest.mark.parametrize("name", ["GET /percept-data", "GET /cognition-data"])
def test_the_deprecated_operations_are_empty_and_say_what_to_use(world: World, name: str) -> None:
    answer = world.call(BY_NAME[name]).json()
    _, path = name.split()
    assert f"/sessions/{{session_id}}{path}" in answer["warning"]
    if path == "/percept-data":
        assert answer["percept_data"] == {}
    else:
        assert answer["cognition_data"] == {
            "predictions": [],
            "emotives": {},
            "symbols": [],
            "command": "",
            "metadata": {},
            "path": [],
            "strings": [],
            "vectors": [],
            "short_term_memory": [],
        }
