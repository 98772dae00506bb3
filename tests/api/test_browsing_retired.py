"""Lists of patterns of which some are retired (http.md 1.7)."""

from collections.abc import Iterator
from typing import Any

import pytest

from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import browsing
from memory_app.reads.browsing import MOST_SORTED, Order, Wanted
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
    purge(node_id=node, names=[purged.name], limit=1, retire_first=True)
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
