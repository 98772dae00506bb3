"""Redis changes below a running service: its role, its replicas, what it remembers of a worker."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from queue import Empty

import httpx
import pytest
import redis
from kombu.message import Message
from kombu.simple import SimpleQueue
from redis import Redis

from benchmarks.stack import Worker, eventually
from benchmarks.stack.proxy import FAIR, Direction, Weather
from katoproject.celery import app
from tests.faults.changed_stores.stack import Stack
from tests.support.jobs import end_of, train
from tests.support.readiness import part

pytestmark = pytest.mark.long


@pytest.mark.exhaustive
def test_a_worker_outlives_a_redis_that_is_a_replica_for_a_while(
    stack: Stack, client: httpx.Client, store: Redis
) -> None:
    with Worker(**stack.web.environment):
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers")
        store.replicaof("127.0.0.1", "1")
        try:
            for name in ("redis", "broker"):
                assert "read only replica" in part(stack.web.url, name)["error"]
            job = train(client, "meanwhile", [[["a"], ["b"]]])
            assert client.get("/health/ready").status_code == 200
        finally:
            store.replicaof("NO", "ONE")
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers again")
        assert end_of(client, train(client, "afterwards", [[["a"], ["b"]]]))["state"] == "done"
        assert client.get(f"/jobs/{job['job_id']}").json()["state"] == "waiting"  # for the relay


def test_a_redis_that_takes_no_writes_is_not_ready(stack: Stack, store: Redis) -> None:
    store.config_set("min-replicas-to-write", "1")
    try:
        assert "NOREPLICAS" in part(stack.web.url, "redis")["error"]
        assert "NOREPLICAS" in part(stack.web.url, "broker")["error"]
    finally:
        store.config_set("min-replicas-to-write", "0")
    assert part(stack.web.url, "redis")["ok"]


@contextmanager
def refusing(stack: Stack, store: Redis) -> Iterator[None]:
    store.config_set("min-replicas-to-write", "1")
    try:
        yield
    finally:
        store.config_set("min-replicas-to-write", "0")


@contextmanager
def mute(stack: Stack, store: Redis) -> Iterator[None]:
    stack.redis.change(Weather(held=frozenset({Direction.TO_CLIENT})))
    try:
        yield
    finally:
        stack.redis.change(FAIR)


@pytest.mark.parametrize(("trouble", "error"), [(refusing, redis.ResponseError), (mute, redis.TimeoutError)])
@pytest.mark.parametrize("done_with", [Message.ack, Message.reject, Message.requeue])
def test_a_message_that_redis_does_not_take_back_holds_no_place_of_the_worker(
    store: Redis,
    stack: Stack,
    trouble: Callable[[Stack, Redis], AbstractContextManager[None]],
    error: type[redis.RedisError],
    done_with: Callable[[Message], None],
) -> None:
    """There are as many as it has processes: when all were held, it took no job until it was started again."""
    url = stack.web.environment["REDIS_URL"]
    options = {"socket_timeout": 0.5}
    with app.connection_for_read(url, transport_options=options) as connection, connection.SimpleQueue("held") as queue:
        queue.clear()
        queue.consumer.qos(prefetch_count=1)
        for body in ("first", "second"):
            queue.put(body)
        first = queue.get(timeout=5)
        with trouble(stack, store), pytest.raises(error):
            done_with(first)
        assert next_in(queue) == "second"


def next_in(queue: SimpleQueue) -> str | None:
    """None if nothing comes."""
    with suppress(Empty):
        return str(queue.get(timeout=5).payload)
    return None


@pytest.mark.exhaustive
def test_a_worker_notices_soon_that_redis_has_forgotten_it(stack: Stack, client: httpx.Client) -> None:
    with Worker(**stack.web.environment):
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers")
        stack.redis.forget()
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers again", seconds=40)
        train(client, "for the relay", [[["a"], ["b"]]])  # the web process, too, has been forgotten
        assert end_of(client, train(client, "forgotten", [[["a"], ["b"]]]))["state"] == "done"
