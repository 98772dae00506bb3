"""All of it, in one temporary folder."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stack.small_disk import SmallDisk, may_mount, small_disk
from benchmarks.torture.service.hosts import First, Second
from benchmarks.torture.service.servers import Cache, Database


@dataclass(frozen=True)
class Size:
    workers: int = 2
    """Web processes of each host."""
    disk: int = 700
    """Megabytes of each PostgreSQL's disk. It is in memory, where this account may mount one."""


@dataclass
class Stack:
    folder: Path
    database: Database
    cache: Cache
    first: First
    second: Second
    disks: dict[Path, SmallDisk]
    """By the data folder that is on it; empty where no disk can be mounted."""

    @property
    def ports(self) -> list[int]:
        return [self.first.port, self.second.port]

    def revive(self) -> None:
        """Start what has ended by itself, as an init system does."""
        self.database.server.revive()
        self.first.revive()
        self.second.revive()

    @property
    def environment(self) -> dict[str, str]:
        """For commands that use its stores."""
        return {"DATABASE_URL": self.database.url, "REDIS_URL": self.cache.url, "KATO_DATA_DIR": str(self.folder)}


@contextmanager
def running_stack(folder: Path, size: Size, *, seed: int) -> Iterator[Stack]:
    disks: dict[Path, SmallDisk] = {}
    places = [folder / "one", folder / "two"]
    with ExitStack() as opened:
        if may_mount():
            for place in places:
                disks[place / "data"] = opened.enter_context(small_disk(place, megabytes=size.disk))
        database = Database(places[0] / "data", places[1] / "data", seed=seed)
        cache = Cache(folder / "redis", seed=seed)
        for store in (database, cache):
            opened.callback(store.stop)
            store.start()
        common = {
            "DATABASE_URL": database.url,
            "REDIS_URL": cache.url,
            "KATO_SECRET_KEY": secrets.token_urlsafe(48),
            "KATO_ACCESS": "open",
            "KATO_INDEX_MEMORY_MB": "64",  # so that memory is flat however many nodes there were
            "KATO_CONNECTIONS_PER_ADDRESS": "1000",
            "LOG_LEVEL": "WARNING",
        }
        first = First(folder / "first", workers=size.workers, **common)
        opened.callback(first.stop)
        second = Second(folder / "second", workers=size.workers, **common)
        opened.callback(second.stop)
        first.launch()
        second.launch()
        first.wait()
        second.wait()
        yield Stack(folder, database, cache, first, second, disks)
