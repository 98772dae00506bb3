"""What large learns and sequences ask of PostgreSQL: few statements, whatever the request holds."""

import uuid
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from pytest_django import DjangoDbBlocker

from engine.lesson import Lesson, prepare_lesson
from engine.vectors import named
from foundation.postgresql.statements import Store
from memory_app.operations import affinities
from memory_app.operations.patterns import learn
from memory_app.reads import nodes
from memory_app.stores import PATTERNS
from memory_app.vectors import NodeVectors
from tests.support import taught


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock():
        yield f"node-{uuid.uuid4().hex}"
        connection.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those that are executed from now on."""
    seen: list[str] = []
    execute = Store.execute

    def watched(self: Store, sql: str, *arguments: Any, **options: Any) -> list[tuple[Any, ...]]:
        seen.append(sql)
        return execute(self, sql, *arguments, **options)

    monkeypatch.setattr(Store, "execute", watched)
    return seen


def lessons() -> list[Lesson]:
    """Lessons that share some of their symbols and emotives."""
    made = (
        prepare_lesson(
            [[f"symbol {n % 7}", f"symbol {n}", "all"]],
            emotives=[{f"emotive {n % 3}": 0.1, "all": 1e-300 * n, f"emotive {n}": -(10.0**n)}],
        )
        for n in range(20)
    )
    return [one for one in made if one]


def expected() -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, Fraction]] = {}
    for lesson in lessons():
        for symbol in lesson.symbol_counts:
            of_symbol = sums.setdefault(symbol, {})
            for emotive, value in lesson.affinities.items():
                of_symbol[emotive] = of_symbol.get(emotive, Fraction()) + Fraction(value)
    return {symbol: {name: float(value) for name, value in of_symbol.items()} for symbol, of_symbol in sums.items()}


@pytest.mark.parametrize(
    ("at_once", "parts"), [(100_000, 1), (60, 3), (20, 11), (1, sum(map(len, expected().values())))]
)
def test_affinities_are_added_exactly_in_parts_of_bounded_size(
    node: str, statements: list[str], monkeypatch: pytest.MonkeyPatch, at_once: int, parts: int
) -> None:
    monkeypatch.setattr(affinities, "_PAIRS_AT_ONCE", at_once)
    with transaction.atomic():
        learn(node_id=node, lessons=lessons(), persistence=5)
    assert nodes.affinities(node).affinities == expected()
    added = sum("memory_app_symbolaffinity" in sql and "INSERT" in sql for sql in statements)
    assert parts <= added <= parts + 2


def vectors(count: int, *, seed: int) -> list[Any]:
    return [named(values) for values in np.random.default_rng(seed).random((count, 6)).round(2)]


def test_the_neighbours_of_many_vectors_take_few_statements(node: str, statements: list[str]) -> None:
    stored, asked = NodeVectors(node), vectors(300, seed=2)
    stored.learn(vectors(400, seed=1))
    with transaction.atomic():
        learn(node_id=node, lessons=[], persistence=5, vectors=stored)
    one_by_one = [NodeVectors(node).nearest(vector) for vector in asked]
    statements.clear()
    together = NodeVectors(node)
    together.expect([*asked, *asked[:5]])
    assert [together.nearest(vector) for vector in [*asked, *asked[:5]]] == one_by_one + one_by_one[:5]
    assert len(statements) < 60


def test_vectors_that_were_not_expected_in_this_order_have_the_same_neighbours(node: str) -> None:
    stored, asked = NodeVectors(node), vectors(40, seed=4)
    stored.learn(vectors(50, seed=3))
    with transaction.atomic():
        learn(node_id=node, lessons=[], persistence=5, vectors=stored)
    surprised = NodeVectors(node)
    surprised.expect(asked[::-1])
    assert [surprised.nearest(one) for one in asked] == [NodeVectors(node).nearest(one) for one in asked]


def test_what_a_pattern_has_already_is_not_written_again(node: str, statements: list[str]) -> None:
    known = taught.lesson(["a"], ["b"], metadata=[{"source": "x" * 1000}])
    taught.learn_each(node, known)
    assert len(writes(statements)) == 1
    taught.learn_each(node, known)
    assert len(writes(statements)) == 1
    taught.learn_each(node, taught.lesson(["a"], ["b"], metadata=[{"source": "another"}]))
    assert len(writes(statements)) == 2


def writes(statements: list[str]) -> list[str]:
    return [sql for sql in statements if sql.lstrip().startswith("UPDATE memory_app_pattern")]


def test_a_result_is_not_kept_until_the_next_statement_and_a_new_connection_has_a_cursor_of_its_own(node: str) -> None:
    assert PATTERNS.execute("SELECT repeat('x', 1000000)", {}) == [("x" * 1_000_000,)]
    cursor = connections[DEFAULT_DB_ALIAS].kept_cursor()  # type: ignore[attr-defined]
    assert cursor.pgresult is not None
    assert cursor.pgresult.ntuples == 0
    connection.close()
    assert PATTERNS.execute("SELECT 1", {}) == [(1,)]
    assert connections[DEFAULT_DB_ALIAS].kept_cursor() is not cursor  # type: ignore[attr-defined]
