"""Stores that change below a running service. Their addresses are IPv6 where this machine has it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from redis import Redis

from benchmarks.stack import WebServer
from benchmarks.stack.proxy import database_url, postgres_socket, proxying, redis_socket
from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.configuration.redis_url import RedisServer
from tests.faults.changed_stores.stack import Stack
from tests.support.loopback import has_ipv6
from tests.support.prepared import own_stores

LOOPBACK = "::1" if has_ipv6() else "127.0.0.1"


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with ExitStack() as opened:
        stores = opened.enter_context(own_stores(folder / "data"))
        parts = RedisServer.parse(redis_url(stores.data))
        postgres = opened.enter_context(proxying(postgres_socket(stores.data), host=LOOPBACK))
        cache = opened.enter_context(proxying(redis_socket(stores.data), host=LOOPBACK))
        addresses = {
            "DATABASE_URL": database_url(postgres),
            "REDIS_URL": f"redis://:{parts.password}@{cache.address}/0",
        }
        # One process: each finds out by itself.
        log = folder / "web.log"
        web = opened.enter_context(WebServer(workers=1, output=str(log), **addresses))
        yield Stack(stores, postgres, cache, web, log)


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.web.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url(stack.stores.data), autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(stack: Stack) -> Iterator[Redis]:
    with redis.Redis.from_url(redis_url(stack.stores.data)) as connection:
        yield connection
