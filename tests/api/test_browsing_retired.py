"""Lists of patterns of which some are retired (http.md 1.7)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memory_app.operations.deleting import delete
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import browsing
from memory_app.reads.browsing import MOST_SORTED, Order, Wanted
from tests.support.nodes import node_path
from tests.support.sessions import LiveSession
from tests.support.taught import lesson, teach, teach_many

pytestmark = pytest.mark.usefixtures("same_database")

NEVER = "0" * 40


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture(params=["looked up", "examined"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many patterns are retired, or have a symbol, the rows of the node are examined."""
    monkeypatch.setattr(browsing, "MOST_SORTED", 0 if request.param == "examined" else MOST_SORTED)


def listed(node_id: str, *, limit: int = 10, **wanted: Any) -> Iterator[tuple[str, bool]]:
    """Of all pages: names, and whether they are retired."""
    page = browsing.page(node_id, Wanted(**wanted), limit=limit)
    while True:
        yield from ((one.name, one.is_retired) for one in page.patterns)
        if page.following is None:
            return
        page = browsing.page(node_id, Wanted(**wanted), after=page.following, limit=limit)


def test_a_node_is_there_as_soon_as_a_name_is_retired(client: httpx.Client, node: str) -> None:
    """It has something to keep, which its file has (kato-6.md 10.2: a name that was never learned is accepted)."""

    def shown() -> list[int]:
        listed = client.get("/nodes", params={"prefix": node}).json()["nodes"]
        return [len(listed), *(client.get(node_path(node, part)).status_code for part in ("patterns", "export"))]

    session = LiveSession.create(client, node)
    for kind in ("un-retire", "purge"):
        session.post(f"patterns/{kind}", {"pattern_ids": [NEVER]})
        assert shown() == [0, 404, 404]
    session.post("patterns/retire", {"pattern_ids": [NEVER]})
    assert shown() == [1, 200, 200]
    assert client.get(node_path(node, "patterns")).json()["patterns"] == []
    assert f'{{"retired":"{NEVER}"}}' in client.get(node_path(node, "export")).text.splitlines()
    assert client.delete(node_path(node, "patterns", NEVER)).status_code == 404
    for act in ("patterns/un-retire", "clear-all"):
        session.post(act, {"pattern_ids": [NEVER]})
        assert shown() == [1, 200, 200]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("order", list(Order))
def test_all_conditions_hold_together(node: str, order: Order) -> None:
    made = [lesson("a", "b"), lesson("c", "d"), lesson("d", "a", "a"), lesson("b", "c")]
    for times, one in enumerate(made, start=1):
        teach(node, one, times=times)
    first, second, third, fourth = (one.name for one in made)
    retire(node_id=node, names=[NEVER, second, third])

    def found(**wanted: Any) -> list[tuple[str, bool]]:
        return list(listed(node, order=order, **wanted))

    everything = [(fourth, False), (third, True), (second, True), (first, False)]
    assert found() == everything
    assert found(retired=True) == everything[1:3]
    assert found(retired=False) == [everything[0], everything[3]]
    assert found(symbol="a") == [(third, True), (first, False)]
    assert found(retired=True, symbol="a") == found(retired=True, min_frequency=3) == [(third, True)]
    assert found(retired=False, symbol="a") == [(first, False)]
    assert found(retired=True, prefix=second) == found(prefix=second) == [(second, True)]
    assert found(retired=True, prefix=first) == found(retired=False, prefix=second) == []
    un_retire(node_id=node, names=[third])
    assert found(retired=True) == [(second, True)]


@pytest.mark.usefixtures("way")
def test_what_was_purged_is_no_pattern_any_more(node: str) -> None:
    kept, purged = lesson("a", "b"), lesson("b", "c")
    teach(node, kept, purged)
    delete(node_id=node, name=purged.name)
    assert list(listed(node)) == list(listed(node, symbol="b")) == [(kept.name, False)]
    assert list(listed(node, retired=True)) == []


@pytest.mark.usefixtures("way")
def test_pages_have_each_pattern_once(node: str) -> None:
    known = set(teach_many(node, 100))
    retired = set(sorted(known)[::3])
    retire(node_id=node, names=sorted(retired))
    for wanted, expected in ((None, known), (True, retired), (False, known - retired)):
        names = [name for name, _ in listed(node, limit=7, retired=wanted)]
        assert len(names) == len(expected)
        assert set(names) == expected
