"""A worker whose connection to Redis breaks while it holds a message."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from redis import Redis

from benchmarks.stack import Worker, eventually, paused
from benchmarks.stack.proxy import Proxy, proxying, redis_socket
from foundation.redis_names import prefix
from katoproject.celery import app
from katoproject.configuration.locations import data_dir, redis_url
from katoproject.configuration.redis_url import RedisServer
from tests.support.jobs import end_of, train

NOWHERE = Path("/nonexistent/redis.sock")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxying(redis_socket(data_dir())) as leading:
        yield leading


@pytest.fixture
def url(proxy: Proxy) -> str:
    return f"redis://:{RedisServer.parse(redis_url()).password}@{proxy.address}/0"


@pytest.fixture
def store() -> Iterator[Redis]:
    with Redis.from_url(redis_url()) as connection:
        yield connection


@pytest.fixture
def worker_of_its_own(url: str) -> Iterator[Worker]:
    app.control.purge()  # jobs of other tests, with which it would be busy
    with Worker(REDIS_URL=url) as running:
        eventually(answers, "the worker answers")
        yield running


def answers() -> bool:
    return bool(app.control.ping(timeout=0.5, limit=1))


def holds_a_task() -> bool:
    """Redis shows the message earlier, before the worker has read the reply."""
    return any((app.control.inspect(timeout=0.5).reserved() or {}).values())


def connections_ever(store: Redis) -> int:
    return int(store.info("stats")["total_connections_received"])


def lose(proxy: Proxy) -> None:
    """All connections are reset, and no new one is served."""
    proxy.lead_to(NOWHERE)
    proxy.forget()
    proxy.close_forgotten()


def test_it_connects_again(client: httpx.Client, proxy: Proxy, worker_of_its_own: Worker) -> None:
    """It ended: kombu gives up the connection first, and then returns the message through it."""
    with ExitStack() as halted:
        for process in psutil.Process(worker_of_its_own.pid).children():
            halted.enter_context(paused(process.pid))
        job = train(client, "held", [[["a"], ["b"]]])
        eventually(holds_a_task, "the worker holds the message")
        lose(proxy)
        eventually(lambda: not answers(), "the worker has lost Redis")
    proxy.lead_to(redis_socket(data_dir()))
    eventually(lambda: worker_of_its_own.has_ended or answers(), "the worker has Redis again", seconds=40)
    assert not worker_of_its_own.has_ended
    assert end_of(client, job)["state"] == "done"
    assert end_of(client, train(client, "afterwards", [[["a"], ["b"]]]))["state"] == "done"


def test_while_redis_refuses_writes_it_opens_no_more_and_more_connections(
    worker_of_its_own: Worker, proxy: Proxy, store: Redis
) -> None:
    """Each attempt to connect left one open, a dozen in a second, until the worker had no file descriptors left."""
    process = psutil.Process(worker_of_its_own.pid)
    before, opened = process.num_fds(), connections_ever(store)
    store.config_set("min-replicas-to-write", "1")
    try:
        proxy.forget()
        proxy.close_forgotten()
        eventually(lambda: connections_ever(store) > opened + 50, "the worker has tried again and again")
    finally:
        store.config_set("min-replicas-to-write", "0")
    eventually(answers, "the worker answers", seconds=40)
    # Other threads of it keep a few connections, which they open when they first need them.
    assert process.num_fds() < before + 10


def test_a_channel_that_is_closed_after_its_connection_leaves_the_message_in_redis(url: str, store: Redis) -> None:
    """Kombu does so with a channel whose first attempt to close has failed. What it raises ends a worker."""
    with app.connection_for_read(url) as connection, connection.SimpleQueue("given up") as queue:
        queue.clear()
        queue.put("held")
        channel = queue.get(timeout=5).channel
        assert channel is not None
        held = store.hlen(f"{prefix()}unacked")
        channel.connection.client = None
        assert error_of(channel.qos.restore_unacked) is None
        assert store.hlen(f"{prefix()}unacked") == held
        channel.connection.client = connection


def error_of(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except Exception as error:  # noqa: BLE001  it is what is asked for
        return error
    return None
