"""A service whose parts a test may stop, pause and kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.stack import Stores, WebServer
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


@contextmanager
def database_connection(fragile: Fragile) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fragile.database_url) as connection:
        yield connection
