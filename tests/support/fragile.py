"""A service whose parts a test may stop, pause and kill."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.stack import Stores, WebServer, eventually
from katoproject.configuration.locations import postgres_url, redis_url


@dataclass
class Fragile:
    """A whole service of one test file's own."""

    stores: Stores
    web: WebServer

    @property
    def redis_url(self) -> str:
        return redis_url(self.stores.data)

    @property
    def database_url(self) -> str:
        return postgres_url(self.stores.data)

    @property
    def environment(self) -> dict[str, str]:
        """For commands and workers that use its stores."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


def wait_until_they_may_die(workers: Collection[int]) -> None:
    """Web processes that die within seconds of their start end the server: Granian takes that for a crash loop."""
    eventually(lambda: all(_age(one) > 6 for one in workers), "they are no longer young")


def _age(pid: int) -> float:
    """In seconds, by the clock of the kernel; the wall clock, which psutil uses, may differ by a second."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def database_connection(fragile: Fragile) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fragile.database_url) as connection:
        yield connection
