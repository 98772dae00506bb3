"""A service whose parts a test may stop, pause and kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.stack import Stores, WebServer


@dataclass
class Fragile:
    """A whole service of one test file's own."""

    stores: Stores
    web: WebServer

    @property
    def redis_socket(self) -> str:
        return str(self.stores.data / "run" / "redis.sock")

    @property
    def database_url(self) -> str:
        return f"postgresql://kato@/kato?host={self.stores.data / 'run'}"

    @property
    def environment(self) -> dict[str, str]:
        """For commands and workers that use its stores."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": f"unix://{self.redis_socket}"}


@contextmanager
def database_connection(fragile: Fragile) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fragile.database_url) as connection:
        yield connection
