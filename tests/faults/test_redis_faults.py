"""P3: Redis makes the service slower, never wrong, whatever happens to it (G11)."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
import redis

from benchmarks.stack import Worker, eventually, manage, paused
from sessions_app import cache
from tests.support.fragile import Fragile, database_connection
from tests.support.jobs import end_of
from tests.support.listeners import listening
from tests.support.sessions import create_session, observation, observations, observe

pytestmark = pytest.mark.long

LENGTH = cache.WORTH_CACHING + 10


@pytest.fixture
def client(fragile: Fragile) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fragile.web.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def store(fragile: Fragile) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(fragile.redis_url, socket_timeout=5) as connected:
        yield connected


class Conversation:
    """A session long enough to be cached, and its expected STM."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.id = create_session(client)
        self.expected = [[f"s{n}"] for n in range(LENGTH)]
        batch = {"observations": observations(*self.expected)}
        client.post(f"/sessions/{self.id}/observe-sequence", json=batch)

    def read(self) -> list[list[str]]:
        response = self.client.get(f"/sessions/{self.id}/stm")
        assert response.status_code == 200, response.text
        stm: list[list[str]] = response.json()["stm"]
        return stm

    def observe(self, symbol: str) -> None:
        response = observe(self.client, self.id, symbol)
        assert response.status_code == 200, response.text
        self.expected.append([symbol])

    def check(self) -> None:
        assert self.read() == self.expected

    @property
    def keys(self) -> str:
        return f"kato:*:session:{self.id}:*"


@pytest.fixture
def conversation(client: httpx.Client) -> Conversation:
    return Conversation(client)


def test_a_long_stm_is_cached_under_its_version_and_every_commit_leaves_it_behind(
    conversation: Conversation, store: redis.Redis
) -> None:
    conversation.check()
    [first] = list(store.scan_iter(conversation.keys))
    conversation.check()
    conversation.observe("new")
    conversation.check()
    [second] = set(store.scan_iter(conversation.keys)) - {first}
    for n in range(cache._DELETED_AT_ONCE):
        conversation.observe(f"later {n}")
    assert not store.exists(first, second), "what commits replaced is deleted, some at a time"


def test_a_hit_is_really_served_from_redis(conversation: Conversation, store: redis.Redis) -> None:
    """Otherwise the other tests of this file would prove nothing."""
    conversation.check()
    [name] = list(store.scan_iter(conversation.keys))
    forged = b'[["forged"]]'
    store.set(name, cache._digest(name.decode(), forged) + forged)
    assert conversation.read() == [["forged"]]


def test_write_access_to_redis_is_not_enough_to_forge_an_answer(conversation: Conversation, store: redis.Redis) -> None:
    """The digest needs the service's secret; one over the same bytes without it counts as damaged."""
    conversation.check()
    [name] = list(store.scan_iter(conversation.keys))
    forged = b'[["forged"]]'
    store.set(name, hashlib.blake2b(name + b"\0" + forged, digest_size=16).digest() + forged)
    conversation.check()


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"[]", b"\x00" * 100, b'[["plausible"]]' * 3])
def test_garbage_counts_as_a_miss(conversation: Conversation, store: redis.Redis, garbage: bytes) -> None:
    conversation.check()
    [name] = list(store.scan_iter(conversation.keys))
    store.set(name, garbage)
    conversation.check()


def test_an_entry_of_the_wrong_type_counts_as_a_miss(conversation: Conversation, store: redis.Redis) -> None:
    conversation.check()
    [name] = list(store.scan_iter(conversation.keys))
    store.delete(name)
    store.rpush(name, "a list")
    conversation.check()


def test_an_entry_of_another_session_counts_as_a_miss(client: httpx.Client, store: redis.Redis) -> None:
    ours, other = Conversation(client), Conversation(client)
    other.observe("theirs")
    ours.check()
    other.check()
    [our_name] = list(store.scan_iter(ours.keys))
    [other_name] = list(store.scan_iter(other.keys))
    entry = store.get(other_name)
    assert entry is not None
    store.set(our_name, entry)
    ours.check()


def test_old_data_put_back_is_not_read(conversation: Conversation, store: redis.Redis) -> None:
    """As when Redis is restored from a snapshot."""
    conversation.check()
    snapshot = {name: store.get(name) for name in store.scan_iter(conversation.keys)}
    conversation.observe("later")
    conversation.check()
    store.flushall()
    for name, value in snapshot.items():
        assert value is not None
        store.set(name, value)
    conversation.check()


def test_what_a_restored_back_up_undid_is_not_read(conversation: Conversation, fragile: Fragile) -> None:
    """Redis still has it, under a version that the first write after the restore must not use again."""
    columns = "version, time, stm_start, stm_end, seen_start, seen_end"
    with database_connection(fragile) as database:
        row = database.execute(f"SELECT {columns} FROM sessions_app_session WHERE id = %s", [conversation.id])
        backup = row.fetchone()
    assert backup is not None
    conversation.observe("undone")
    conversation.check()
    with database_connection(fragile) as database:
        back = f"UPDATE sessions_app_session SET ({columns}) = (%s, %s, %s, %s, %s, %s) WHERE id = %s"
        database.execute(back, [*backup, conversation.id])
        undone = "DELETE FROM sessions_app_entry WHERE session_id = %s AND stream = 0 AND position > %s"
        assert database.execute(undone, [conversation.id, backup[3]]).rowcount == 1
    conversation.expected.pop()
    conversation.observe("written after the restore")
    conversation.check()


def test_flushing_loses_nothing(conversation: Conversation, store: redis.Redis) -> None:
    """G11."""
    conversation.check()
    store.flushall()
    conversation.check()
    conversation.observe("after the flush")
    conversation.check()


def test_a_redis_that_refuses_writes_changes_no_result(conversation: Conversation, store: redis.Redis) -> None:
    store.config_set("maxmemory", 1)
    store.config_set("maxmemory-policy", "noeviction")
    try:
        conversation.check()
        conversation.observe("kept")
        conversation.check()
    finally:
        store.config_set("maxmemory", 256 * 1024 * 1024)
        store.config_set("maxmemory-policy", "volatile-lru")


@contextmanager
def _standing_still(fragile: Fragile) -> Iterator[None]:
    with paused(fragile.stores.running["redis"].pid):
        yield


@contextmanager
def _down(fragile: Fragile) -> Iterator[None]:
    fragile.stores.kill("redis")
    try:
        yield
    finally:
        fragile.stores.start_one("redis")


@contextmanager
def _stalled(fragile: Fragile) -> Iterator[None]:
    with redis.Redis.from_url(fragile.redis_url) as store:
        store.execute_command("CLIENT", "PAUSE", "2000", "ALL")
        yield
        store.ping()  # answered when the stall is over


@pytest.mark.parametrize("trouble", [_down, _standing_still, _stalled])
def test_redis_faults_make_responses_slower_within_bounds_and_never_wrong(
    fragile: Fragile, client: httpx.Client, trouble: Callable[[Fragile], Iterator[None]]
) -> None:
    conversation = Conversation(client)
    conversation.check()
    with trouble(fragile):  # type: ignore[attr-defined]
        begun = time.monotonic()
        for n in range(40):
            conversation.observe(f"during {n}")
            conversation.check()
        # Without a breaker each of these 40 reads would wait out two time-outs. A loose bound, not a benchmark.
        assert time.monotonic() - begun < 10
    conversation.check()


def test_events_need_no_redis(fragile: Fragile, client: httpx.Client) -> None:
    with _down(fragile), listening(fragile.web) as listener:
        session_id = create_session(client, ttl_seconds=1)
        heard = listener.take(2)
    assert [one["data"]["session_id"] for one in heard] == [session_id] * 2
    assert heard[1]["data"]["reason"] == "expired"


def test_redis_is_used_again_when_it_is_back(fragile: Fragile, client: httpx.Client) -> None:
    conversation = Conversation(client)
    with _down(fragile):
        for _ in range(10):
            conversation.check()

    def cached_again() -> bool:
        conversation.check()
        with redis.Redis.from_url(fragile.redis_url) as store:
            return bool(list(store.scan_iter(conversation.keys)))

    eventually(cached_again, "the cache is filled again")


def test_sessions_survive_kill_9_of_every_process_at_once(fragile: Fragile, client: httpx.Client) -> None:
    """G9: an acknowledged write survives everything."""
    conversation = Conversation(client)
    conversation.observe("acknowledged")
    fragile.web.kill()
    fragile.stores.kill("postgres")
    fragile.stores.kill("redis")
    fragile.stores.start()
    fragile.web.start()
    with httpx.Client(base_url=fragile.web.url, timeout=30) as fresh:
        conversation.client = fresh
        conversation.check()


@pytest.mark.exhaustive
def test_a_job_accepted_while_the_broker_is_down_is_done_afterwards(
    client: httpx.Client, conversation: Conversation, fragile: Fragile
) -> None:
    """P7: the relay finds jobs that could not be sent."""
    sequence = {"observations": [observation("later")]}
    path = f"/sessions/{conversation.id}/observe-sequence?mode=async"
    fragile.stores.stop_one("redis")
    jobs = [client.post(path, json=sequence) for _ in range(2)]
    fragile.stores.start_one("redis")
    with paused(fragile.stores.running["redis"].pid):
        jobs.append(client.post(path, json=sequence))
    assert [(job.status_code, job.json()["state"]) for job in jobs] == [(202, "waiting")] * 3
    with psycopg.connect(fragile.database_url) as database:
        database.execute("UPDATE sessions_app_job SET due_at = now()")  # the relay ignores a job for its first seconds
    assert manage("upkeep", "relay-jobs", **fragile.environment) == "relay-jobs: 3\n"
    with Worker(**fragile.environment):
        for job in jobs:
            assert end_of(client, job.json())["state"] == "done"
    conversation.expected += [["later"]] * 3
    conversation.check()


@pytest.mark.exhaustive
def test_an_entry_that_disagrees_with_its_row_is_counted_and_deleted(
    conversation: Conversation, client: httpx.Client, fragile: Fragile, store: redis.Redis
) -> None:
    """No code writes such an entry; if a fault ever did, this check would show it."""
    store.flushall()  # so that only the following entries exist
    # A percept is cached because of its emotives.
    felt = [{"emotives": {"joy": number}} for number in range(LENGTH)]
    client.post(f"/sessions/{conversation.id}/observe-sequence", json={"observations": felt})

    def cached() -> list[str]:
        for view in ("stm", "percept-data", "predictions", "cognition-data"):
            client.get(f"/sessions/{conversation.id}/{view}")
        return [name.decode() for name in store.scan_iter(conversation.keys)]

    eventually(lambda: len(cached()) == 4, "all views are cached: a process may still avoid Redis after a fault")
    names = cached()
    assert manage("upkeep", "compare-cache", **fragile.environment) == "compare-cache: 0\n"
    assert store.exists(*names) == 4
    for name in names:
        store.set(name, cache._digest(name, b'"wrong"') + b'"wrong"')
    assert manage("upkeep", "compare-cache", **fragile.environment).endswith("compare-cache: 4\n")
    assert store.exists(*names) == 0
    conversation.check()
