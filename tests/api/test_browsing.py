"""`GET /nodes` and `GET /nodes/{id}/patterns`: pages that take as long in the middle of a large node as at its ends."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer
from foundation.postgresql.statements import OTHER, Store
from memory_app.operations.nodes import clear
from memory_app.operations.retiring import retire
from memory_app.reads import browsing
from memory_app.reads.browsing import MOST_EXAMINED, MOST_SORTED, Order, Wanted
from tests.support.nodes import node_path
from tests.support.taught import lesson, teach, teach_many

pytestmark = [pytest.mark.usefixtures("same_database"), pytest.mark.long]

LARGE = 20_000


@pytest.fixture(scope="module")
def large(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[str, list[str]]]:
    """A node of twenty thousand patterns, and their names in the order of learning."""
    with django_db_blocker.unblock():
        names_taught = teach_many("browsed", LARGE)
        OTHER.execute("ANALYZE memory_app_pattern", {})  # as autovacuum will
        yield "browsed", names_taught
        connection.close()


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def path_of(node_id: str) -> str:
    return node_path(node_id, "patterns")


def ask(client: httpx.Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def pages(client: httpx.Client, node_id: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    page = ask(client, path_of(node_id), **query)
    yield page["patterns"]
    while page["next"] is not None:
        page = ask(client, path_of(node_id), **query, after=page["next"])
        yield page["patterns"]


def names(client: httpx.Client, node_id: str, **query: Any) -> list[str]:
    return [one["name"].removeprefix("PTRN|") for page in pages(client, node_id, **query) for one in page]


# What a pattern is shown with ----------------------------------------------------------------------------------------


def test_a_pattern_is_listed_with_all_that_is_stored_of_it(client: httpx.Client, node: str) -> None:
    known = lesson(["a", "b"], "c", emotives=[{"joy": 0.5}], metadata=[{"by": "me"}])
    teach(node, known, times=3)
    page = ask(client, path_of(node))
    assert page == {
        "patterns": [
            {
                "name": f"PTRN|{known.name}",
                "pattern_data": [["a", "b"], ["c"]],
                "length": 3,
                "frequency": 3,
                "retired": False,
                "emotives": [{"joy": 0.5}],
                "metadata": {"by": ["me"]},
                "bytes": len('[["a","b"],["c"]][{"joy":0.5}]{"by":["me"]}'),
            }
        ],
        "node_id": node,
        "next": None,
    }


def test_a_retired_pattern_says_so_and_can_be_listed_alone_or_left_out(client: httpx.Client, node: str) -> None:
    usual, retired = lesson("a", "b"), lesson("b", "c")
    teach(node, usual, retired)
    retire(node_id=node, names=[retired.name])
    listed = ask(client, path_of(node))["patterns"]
    assert {one["name"][5:]: one["retired"] for one in listed} == {usual.name: False, retired.name: True}
    assert names(client, node, retired="true") == [retired.name]
    assert names(client, node, retired="false") == [usual.name]


# Order and pages -----------------------------------------------------------------------------------------------------


def test_the_last_learned_comes_first_also_if_it_was_learned_again(client: httpx.Client, node: str) -> None:
    first, second, third = lesson("a", "b"), lesson("c", "d"), lesson("e", "f")
    for one in (first, second, third, first):
        teach(node, one)
    assert names(client, node, limit=1) == [first.name, third.name, second.name]


def test_the_most_frequent_comes_first(client: httpx.Client, node: str) -> None:
    rare, usual, common = lesson("a", "b"), lesson("c", "d"), lesson("e", "f")
    for one, times in ((common, 9), (rare, 1), (usual, 4)):
        teach(node, one, times=times)
    assert names(client, node, order="frequency", limit=1) == [common.name, usual.name, rare.name]
    assert names(client, node, order="frequency", min_frequency=4) == [common.name, usual.name]
    assert names(client, node, min_frequency=4) == [usual.name, common.name]


@pytest.mark.parametrize("order", list(Order))
def test_the_pages_of_a_large_node_have_each_pattern_once(
    client: httpx.Client, large: tuple[str, list[str]], order: str
) -> None:
    node_id, known = large
    found = names(client, node_id, order=order, limit=1000)
    assert len(found) == len(set(found)) == LARGE
    assert set(found) == set(known)


def test_pages_while_patterns_are_learned_have_no_pattern_twice_and_miss_none_that_was_left_alone(
    client: httpx.Client, node: str
) -> None:
    known = teach_many(node, 3000)
    again = [lesson(f"n{number}", "common", f"of {number % 7}") for number in range(0, 3000, 10)]
    learned_again = {one.name for one in again}

    def disturb() -> None:
        try:
            for number, one in enumerate(again):
                teach(node, one, lesson(f"new {number}", "x"))
        finally:
            connection.close()

    learner = threading.Thread(target=disturb)
    learner.start()
    found = names(client, node, limit=50)
    learner.join()
    assert len(found) == len(set(found))
    assert set(known) - learned_again <= set(found)


def test_what_was_learned_during_a_reading_is_at_the_beginning_of_the_next(client: httpx.Client, node: str) -> None:
    old, new = lesson("a", "b"), lesson("c", "d")
    teach(node, old, lesson("e", "f"))
    page = ask(client, path_of(node), limit=1)
    teach(node, new)
    assert new.name not in names(client, node, after=page["next"])
    assert names(client, node)[0] == new.name


# Searching -----------------------------------------------------------------------------------------------------------


def test_a_symbol_is_found_in_any_event_and_only_as_a_whole(client: httpx.Client, node: str) -> None:
    having = [lesson("tea", "milk"), lesson("water", ["kettle", "tea"])]
    teach(node, *having, lesson("teapot", "milk"), lesson('x","tea', "y"))
    assert set(names(client, node, symbol="tea")) == {one.name for one in having}
    assert names(client, node, symbol="coffee") == []


@pytest.mark.parametrize("symbol", ['"', "\\", '","', "é", "\n", " ", "[", "😀", '\\"', "a,b"])
def test_an_odd_symbol_is_found(client: httpx.Client, node: str, symbol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    having = lesson(symbol, "x")
    teach(node, having, lesson(f"{symbol}{symbol}", "x"), lesson(f"a{symbol}", f"{symbol}b"))
    assert names(client, node, symbol=symbol) == [having.name]
    # The same where so many patterns have it that the rows are examined.
    monkeypatch.setattr(browsing, "MOST_SORTED", 0)
    page = browsing.page(node, Wanted(symbol=symbol), limit=10)
    assert [one.name for one in page.patterns] == [having.name]


def test_a_symbol_of_many_patterns_and_one_of_few_are_found_completely(
    client: httpx.Client, large: tuple[str, list[str]]
) -> None:
    node_id, known = large
    assert LARGE > MOST_SORTED
    assert names(client, node_id, symbol="common", limit=1000) == names(client, node_id, limit=1000)
    assert names(client, node_id, symbol="n17") == [known[17]]
    assert set(names(client, node_id, symbol="of 3", limit=500)) == set(known[3::7])


@pytest.mark.parametrize("wanted", [Wanted(symbol="n5"), Wanted(symbol="common", prefix="7")], ids=["one", "some"])
def test_a_search_ends_a_page_after_so_many_rows_and_goes_on(
    large: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, wanted: Wanted
) -> None:
    """Where what it searches for is frequent: then rows are examined, not looked up."""
    monkeypatch.setattr(browsing, "MOST_SORTED", 0)
    node_id, known = large
    found: list[list[str]] = []
    following = None
    for _ in range(LARGE // MOST_EXAMINED + 2):
        page = browsing.page(node_id, wanted, after=following, limit=LARGE)
        found.append([one.name for one in page.patterns])
        following = page.following
        if following is None:
            break
    assert following is None
    assert len(found) >= LARGE // MOST_EXAMINED
    expected = known[5:6] if wanted.symbol == "n5" else [name for name in known if name[0] == "7"]
    assert sorted(name for page in found for name in page) == sorted(expected)


def test_a_name_is_found_by_its_beginning(client: httpx.Client, large: tuple[str, list[str]]) -> None:
    node_id, known = large
    for digits in (1, 2, 3, 7, 40):
        wanted = {name for name in known if name.startswith(known[5][:digits])}
        assert set(names(client, node_id, prefix=known[5][:digits], limit=1000)) == wanted
    assert names(client, node_id, prefix=f"PTRN|{known[5]}", symbol="n5", min_frequency=1) == [known[5]]
    assert names(client, node_id, prefix=known[5], symbol="n6") == []


# Plans ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "pattern_changed"),
        (Wanted(order=Order.FREQUENCY), "pattern_frequency"),
        (Wanted(order=Order.FREQUENCY, min_frequency=3), "pattern_frequency"),
        (Wanted(symbol="common"), "pattern_changed"),
        (Wanted(symbol="n17"), "memory_app_pattern_pkey"),
        (Wanted(prefix="abc"), "memory_app_pattern_pkey"),
        (Wanted(prefix="a", symbol="common"), "memory_app_pattern_pkey"),
        (Wanted(retired=True), "memory_app_pattern_pkey"),
        (Wanted(retired=False), "pattern_changed"),
        (Wanted(retired=False, order=Order.FREQUENCY), "pattern_frequency"),
    ],
    ids=str,
)
def test_a_page_is_read_from_an_index_and_sorts_no_large_node(
    large: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, wanted: Wanted, index: str
) -> None:
    node_id, _ = large
    plans: list[str] = []
    monkeypatch.setattr(Store, "execute", _explained(Store.execute, plans))
    browsing.page(node_id, wanted, limit=100)
    [plan] = [plan for plan in plans if "WindowAgg" in plan]
    assert index in plan
    assert "Seq Scan on memory_app_pattern" not in plan
    assert "hashed SubPlan" not in plan


def _explained(execute: Any, plans: list[str]) -> Any:
    def explaining(self: Store, sql: str, parameters: dict[str, Any], **options: Any) -> Any:
        if sql.lstrip().startswith("SELECT"):
            rows = execute(self, f"EXPLAIN {sql}", parameters)
            plans.append("\n".join(line for (line,) in rows))
        return execute(self, sql, parameters, **options)

    return explaining


# Bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "many"),
        ("min_frequency", "0"),
        ("min_frequency", "4294967296"),
        ("order", "oldest"),
        ("retired", "perhaps"),
        ("prefix", "xyz"),
        ("prefix", "0" * 41),
        ("prefix", "AB"),
        ("symbol", "a\0b"),
        ("after", ""),
        ("after", "newest"),
        ("after", "newest.1.2.3"),
        ("after", f"frequency.1.1.{'0' * 40}"),
        ("after", f"newest.1.{'9' * 30}.{'0' * 40}"),
        ("after", f"newest.0.1.{'0' * 40}"),
    ],
)
def test_a_wrong_parameter_is_a_422_that_names_it(client: httpx.Client, node: str, name: str, value: str) -> None:
    teach(node, lesson("a", "b"))
    response = client.get(path_of(node), params={name: value})
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert problem["loc"] == ["query", name]
    assert problem["msg"]


def test_a_page_of_another_node_cannot_be_followed(client: httpx.Client, node: str) -> None:
    teach(node, lesson("a", "b"), lesson("c", "d"))
    teach(f"{node} too", lesson("a", "b"))
    after = ask(client, path_of(node), limit=1)["next"]
    response = client.get(path_of(f"{node} too"), params={"after": after})
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert problem["type"] == "after_outdated"
    assert problem["msg"] == "This page is not of this node, or the node was cleared since: read from the beginning"


def test_a_page_of_before_a_clear_all_cannot_be_followed(client: httpx.Client, node: str) -> None:
    teach(node, lesson("a", "b"), lesson("c", "d"))
    after = ask(client, path_of(node), limit=1)["next"]
    clear(node_id=node)
    response = client.get(path_of(node), params={"after": after})
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "after_outdated"
    assert names(client, node) == []


def test_a_node_that_never_learned_is_a_404(client: httpx.Client, node: str) -> None:
    response = client.get(path_of(node))
    assert response.status_code == 404
    assert node in response.json()["detail"]


# Ids -----------------------------------------------------------------------------------------------------------------

ODD = [
    *("/", "a/b", "//", "a/", "/a", "a/patterns", "patterns", "a/export", "%2F", "50%", "?", "#", " ", "\n", "a\nb"),
    *("é", "日本", "😀", "..", ".", "'", '"', "\\", "+", "a&b=c", "x" * 512),
]


@pytest.mark.parametrize("odd", ODD)
def test_any_node_can_be_named(client: httpx.Client, odd: str) -> None:
    known = lesson("of", odd[:50])
    teach(odd, known)
    try:
        # Not the client's own idea of a path: it would take `..` out.
        response = client.get(path_of(odd) if odd.strip(".") else path_of(odd).replace(".", "%2E"))
        assert response.status_code == 200, response.text
        page = response.json()
        assert page["node_id"] == odd
        assert known.name in [one["name"][5:] for one in page["patterns"]]
    finally:
        clear(node_id=odd)


def test_an_empty_id_is_an_id(client: httpx.Client) -> None:
    teach("", lesson("of", "nobody"))
    assert ask(client, "/nodes//patterns")["node_id"] == ""
    assert ask(client, "/nodes", limit=1)["nodes"][0]["node_id"] == ""


def test_an_id_that_no_node_can_have_is_a_422(client: httpx.Client) -> None:
    for odd in ("x" * 513, "a\0b"):
        response = client.get(path_of(odd))
        assert response.status_code == 422
        assert response.json()["detail"][0]["loc"] == ["path", "node_id"]


# Nodes ---------------------------------------------------------------------------------------------------------------


def test_nodes_are_listed_by_id_in_pages(client: httpx.Client) -> None:
    made = sorted(f"listed {number}" for number in range(7))
    for node_id in made:
        teach(node_id, lesson("a", "b"))
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = ask(client, "/nodes", prefix="listed ", limit=3, **after)
        found += [one["node_id"] for one in page["nodes"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == made
    assert ask(client, "/nodes", prefix="listed 3")["nodes"] == [
        {"node_id": "listed 3", "shown_as": "listed_3_kato", "finalized": False, "vector_dimension": None}
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "0"), ("limit", "1001"), ("prefix", "x" * 513), ("after", "a\0")]
)
def test_a_wrong_parameter_of_the_list_of_nodes_is_a_422(client: httpx.Client, name: str, value: str) -> None:
    response = client.get("/nodes", params={name: value})
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query", name])
