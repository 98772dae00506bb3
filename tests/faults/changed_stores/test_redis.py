"""Redis changes below a running service: its role, its replicas, what it remembers of a worker."""

import httpx
import pytest
import redis
from redis import Redis

from benchmarks.stack import Worker, eventually
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


def test_a_message_whose_acknowledgement_redis_refuses_holds_no_place_of_the_worker(store: Redis, stack: Stack) -> None:
    """There are as many as it has processes: when all were held, it took no job until it was started anew."""
    url = stack.web.environment["REDIS_URL"]
    with app.connection_for_read(url) as connection, connection.SimpleQueue("refused") as queue:
        queue.consumer.qos(prefetch_count=1)
        for body in ("first", "second"):
            queue.put(body)
        first = queue.get(timeout=5)
        store.config_set("min-replicas-to-write", "1")
        try:
            with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
                first.ack()
        finally:
            store.config_set("min-replicas-to-write", "0")
        assert queue.get(timeout=5).payload == "second"


@pytest.mark.exhaustive
def test_a_worker_notices_soon_that_redis_has_forgotten_it(stack: Stack, client: httpx.Client) -> None:
    with Worker(**stack.web.environment):
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers")
        stack.redis.forget()
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers again", seconds=40)
        train(client, "for the relay", [[["a"], ["b"]]])  # the web process, too, has been forgotten
        assert end_of(client, train(client, "forgotten", [[["a"], ["b"]]]))["state"] == "done"
