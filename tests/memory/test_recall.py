"""A prediction shows one moment of its node, although some of its data are read after the index."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from benchmarks.stack import eventually
from engine.contracts import KATO_3_10
from engine.lesson import prepare_lesson
from engine.naming import pattern_name
from engine.stopping import Stop
from memory_app import feed
from memory_app.content import Content
from memory_app.errors import PredictionRefused, RetiredPattern
from memory_app.index import indexes
from memory_app.node_index import NodeIndex, NodeView
from memory_app.operations.deleting import delete
from memory_app.operations.finalizing import finalize
from memory_app.operations.nodes import clear, delete_cleared
from memory_app.operations.patterns import learn
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import recall as recall_module
from memory_app.reads.recall import TRIES, LearnedMeanwhile, recall
from tests.support.transactions import waits_for_locks

EVENTS = [["kettle"], ["tea"]]


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A node that has learned the pattern once."""
    node_id = f"node-{uuid.uuid4().hex}"
    with django_db_blocker.unblock():
        teach(node_id, 1)
        yield node_id
        connection.close()


def teach(node_id: str, joy: float) -> None:
    lesson = prepare_lesson(EVENTS, emotives=[{"joy": joy}])
    assert lesson is not None
    with transaction.atomic():
        learn(node_id=node_id, lessons=[lesson], persistence=100)


def predicted(node_id: str, **config: Any) -> dict[str, Any]:
    made = recall(node_id, lambda memory: memory.predict(EVENTS, config, contract=KATO_3_10))
    found = json.loads(made.predictions)
    assert len(found) == 1
    return dict(found[0])


@pytest.fixture
def after_following(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Call a function between following the index and predicting, with the number of calls so far."""

    def arrange(happen: Callable[[int], None]) -> None:
        follow, times = indexes.follow, iter(range(1000))

        def followed(node_id: str, stop: Stop) -> NodeView:
            result = follow(node_id, stop)
            happen(next(times))
            return result

        monkeypatch.setattr(indexes, "follow", followed)

    return arrange


@pytest.mark.parametrize("config", [{}, {"affinity_emotive": "joy"}])
def test_a_concurrent_learn_shows_completely_or_not_at_all(
    node: str, after_following: Callable[..., None], config: dict[str, Any]
) -> None:
    after_following(lambda times: teach(node, 3) if times == 0 else None)
    prediction = predicted(node, **config)
    assert (prediction["frequency"], prediction["emotives"]) == (2, {"joy": 2.0})
    assert predicted(node, **config) == prediction


def test_affinity_learned_concurrently_shows_completely_or_not_at_all(
    node: str, after_following: Callable[..., None]
) -> None:
    """Through another pattern with the same symbols, whose emotives the prediction does not need."""
    other = prepare_lesson([["tea"], ["kettle"], ["x"], ["y"]], emotives=[{"joy": 100}])
    assert other is not None

    def learn_other(times: int) -> None:
        if times == 0:
            with transaction.atomic():
                learn(node_id=node, lessons=[other], persistence=100)

    config = {"affinity_emotive": "joy", "recall_threshold": 0.9}
    after_following(learn_other)
    assert predicted(node, **config) == predicted(node, **config)


def test_a_node_that_learns_continuously_finally_waits_for_the_prediction(
    node: str, after_following: Callable[..., None], database: psycopg.Connection
) -> None:
    teachers: list[threading.Thread] = []

    def teach_it() -> None:
        teach(node, 1 + len(teachers))
        connection.close()

    def start_teacher(times: int) -> None:
        teachers.append(threading.Thread(target=teach_it))
        teachers[-1].start()
        if times < TRIES:
            teachers[-1].join()
        else:
            eventually(lambda: waits_for_locks(database) > 0, "the teacher waits for the node")

    after_following(start_teacher)
    prediction = predicted(node)
    for teacher in teachers:
        teacher.join()
    assert len(teachers) == TRIES + 1
    assert prediction["frequency"] == 1 + TRIES
    assert prediction["emotives"] == {"joy": (1 + sum(range(2, 2 + TRIES))) / (1 + TRIES)}


def test_predictions_of_patterns_with_too_many_emotives_are_refused(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len('[{"joy":1}]')
    for most in (size, size - 1):
        enough = recall_module._EMOTIVES.replace(str(recall_module._MOST_EMOTIVES), str(most))
        with monkeypatch.context() as patch:
            patch.setattr(recall_module, "_EMOTIVES", enough)
            if most == size:
                assert predicted(node)["emotives"] == {"joy": 1.0}
            else:
                with pytest.raises(PredictionRefused, match=r"too many emotives\. Change max_predictions"):
                    predicted(node)


def test_statistics_of_a_memory_that_was_cleared_meanwhile_are_not_stored(
    node: str, after_following: Callable[..., None]
) -> None:
    after_following(lambda times: clear(node_id=node) if times == 0 else None)
    finalize(node_id=node)
    teach(node, 1)
    assert NodeIndex(node).follow().moment is None


def test_rows_from_another_life_of_the_database_are_no_later_ones(node: str, database: psycopg.Connection) -> None:
    """After a restore into a new cluster their transaction ids are far ahead of its own."""
    for table in ("memory_app_pattern", "memory_app_symbolaffinity"):
        database.execute(
            f"UPDATE {table} SET changed = '9000000000000' FROM memory_app_node AS node "
            f"WHERE node.memory = {table}.memory AND node_id = %s",
            [node],
        )
    try:
        found = predicted(node, affinity_emotive="joy")
    except LearnedMeanwhile:
        pytest.fail("they count as learned meanwhile, and always will")
    assert found["emotives"] == {"joy": 1.0}


@pytest.mark.parametrize("config", [{}, {"affinity_emotive": "joy"}])
def test_a_concurrent_purge_shows_completely_or_not_at_all(
    node: str, after_following: Callable[..., None], config: dict[str, Any]
) -> None:
    """It deletes the rows that the prediction is about to read, so those cannot say that they are newer."""
    other = prepare_lesson([["kettle"], ["tea"], ["x"]])
    assert other is not None
    with transaction.atomic():
        learn(node_id=node, lessons=[other], persistence=100)

    def purge_it(times: int) -> None:
        if times == 0:
            retire(node_id=node, names=[pattern_name(EVENTS)])
            purge(node_id=node, names=None, limit=10)

    after_following(purge_it)
    prediction = predicted(node, **config)
    assert (prediction["name"], prediction["emotives"]) == (pattern_name(other.events), {})
    assert predicted(node, **config) == prediction


def test_what_was_finalized_beside_a_purge_shows_completely_or_not_at_all(
    node: str, after_following: Callable[..., None]
) -> None:
    """Without emotives nothing else is read of the patterns but which of them existed then."""
    node_id = f"{node}, without emotives"
    lessons = [prepare_lesson([*EVENTS, *more]) for more in ([], [["x"]])]
    with transaction.atomic():
        learn(node_id=node_id, lessons=[one for one in lessons if one], persistence=100)
    finalize(node_id=node_id)

    def purge_it(times: int) -> None:
        if times == 0:
            retire(node_id=node_id, names=[pattern_name(EVENTS)])
            purge(node_id=node_id, names=None, limit=10)

    after_following(purge_it)
    assert predicted(node_id)["name"] == pattern_name([*EVENTS, ["x"]])


def test_a_clear_all_whose_rows_are_deleted_at_once_shows_completely_or_not_at_all(
    node: str, after_following: Callable[..., None]
) -> None:
    def clear_it(times: int) -> None:
        if times == 0:
            clear(node_id=node)
            while delete_cleared():
                pass

    after_following(clear_it)
    assert json.loads(recall(node, lambda memory: memory.predict(EVENTS, {}, contract=KATO_3_10)).predictions) == []


def test_a_node_that_nobody_taught_predicts_nothing_with_an_affinity(node: str) -> None:
    made = recall(
        f"{node}, unknown", lambda memory: memory.predict(EVENTS, {"affinity_emotive": "joy"}, contract=KATO_3_10)
    )
    assert json.loads(made.predictions) == []


def test_statistics_that_count_a_pattern_that_was_purged_meanwhile_are_not_stored(
    node: str, after_following: Callable[..., None]
) -> None:
    def purge_it(times: int) -> None:
        if times == 0:
            retire(node_id=node, names=[pattern_name(EVENTS)])
            purge(node_id=node, names=None, limit=10)

    after_following(purge_it)
    assert finalize(node_id=node) == 0


def test_a_learn_that_waits_for_a_retirement_is_refused(node: str, database: psycopg.Connection) -> None:
    """Its statement began before the retirement was committed."""
    refusals: list[RetiredPattern] = []

    def teach_it() -> None:
        try:
            teach(node, 1)
        except RetiredPattern as error:
            refusals.append(error)
        finally:
            connection.close()

    teacher = threading.Thread(target=teach_it)
    with transaction.atomic():
        retire(node_id=node, names=[pattern_name(EVENTS)])
        teacher.start()
        eventually(lambda: database.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount > 0, "the learn waits")
    teacher.join()
    assert [error.name for error in refusals] == [pattern_name(EVENTS)]


@pytest.mark.parametrize("has_read", [False, True])
def test_what_is_acted_on_while_an_index_is_built_is_followed(node: str, has_read: bool) -> None:
    """Also a pattern that was purged and un-retired, of which no row is left."""
    [one, other] = [prepare_lesson([[symbol], ["z"]]) for symbol in "ab"]
    assert one is not None
    assert other is not None
    with transaction.atomic():
        learn(node_id=node, lessons=[one, other], persistence=100)
    index = NodeIndex(node)
    changes = index._read_changes()
    assert changes is not None
    index.begun = Content.beginning(changes)
    if has_read:
        index.begun.read_page()
        assert len(index.begun.index.view()) == 3
    retire(node_id=node, names=[one.name, other.name])
    purge(node_id=node, names=[one.name], limit=10)
    un_retire(node_id=node, names=[one.name])
    view = index.follow().view
    assert len(view) == 2
    assert sorted(view.columns.frequency.tolist())[-2:] == [0, 1]


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_an_index_that_is_far_behind_shows_what_the_node_is_now(
    node: str, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Too many acts for one statement: four here, and a learn."""
    lessons = [lesson for symbol in "abc" if (lesson := prepare_lesson([[symbol], ["z"]])) is not None]
    with transaction.atomic():
        learn(node_id=node, lessons=lessons, persistence=100)
    index = NodeIndex(node)
    assert len(index.follow().view) == 4
    monkeypatch.setattr(feed, "MOST_ACTS", most)
    retire(node_id=node, names=[lesson.name for lesson in lessons])
    purge(node_id=node, names=[lessons[-1].name], limit=10)
    teach(node, 3)
    followed, built = index.follow(), NodeIndex(node).follow()
    assert (len(followed.view), followed.version) == (3, built.version)
    assert sorted(followed.view.columns.frequency.tolist())[-3:] == [0, 0, 2]


def test_an_index_that_is_built_later_leaves_out_what_is_retired(node: str) -> None:
    retire(node_id=node, names=[pattern_name(EVENTS)])
    view = NodeIndex(node).follow().view
    assert (len(view), view.columns.frequency.tolist()) == (1, [0])


def test_a_pattern_is_retired_and_purged_in_one_transaction_that_may_be_rolled_back(node: str) -> None:
    """The index of this process stays that of what is committed."""
    name = pattern_name(EVENTS)
    with transaction.atomic():
        delete(node_id=node, name=name)
        transaction.set_rollback(True)
    assert predicted(node)["name"] == name
    delete(node_id=node, name=name)
    assert json.loads(recall(node, lambda memory: memory.predict(EVENTS, {}, contract=KATO_3_10)).predictions) == []
