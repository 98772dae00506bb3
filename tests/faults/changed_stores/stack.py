"""A web process and stores that change below it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from benchmarks.stack import Stores, WebServer, eventually
from benchmarks.stack.proxy import Proxy
from katoproject.configuration.locations import postgres_url
from tests.support.connections import fresh_connections
from tests.support.races import at_once

THREADS = 8


@dataclass
class Stack:
    stores: Stores
    postgres: Proxy
    redis: Proxy
    web: WebServer
    log: Path


def from_all_threads(stack: Stack, ask: Callable[[httpx.Client], httpx.Response]) -> list[int]:
    with fresh_connections(stack.web.url) as connected:
        return at_once([lambda: ask(connected).status_code] * 2 * THREADS)


def wait_for_all_threads(stack: Stack, database: psycopg.Connection) -> None:
    """Return when every thread has found out by itself that it must connect again: all of them wait for one lock."""

    def until_answered(one: httpx.Client) -> httpx.Response:
        response = one.get("/sessions/unknown/stm")
        while response.status_code == 503:
            response = one.get("/sessions/unknown/stm")
        return response

    # Not counting the sampler, which may wait as well.
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WHERE id = %'"
    with ThreadPoolExecutor(1) as beside:
        with psycopg.connect(postgres_url(stack.stores.data)) as holder:
            holder.execute("LOCK TABLE sessions_app_session")
            answered = beside.submit(from_all_threads, stack, until_answered)
            eventually(lambda: database.execute(waiting).fetchone() == (THREADS,), "all threads wait for the lock")
        assert set(answered.result()) == {404}
