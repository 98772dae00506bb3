"""Redis that ends, stands still, refuses, forgets, or remembers too well."""

from typing import cast

from benchmarks.stack import paused
from benchmarks.torture.faults.fault import AT_ONCE, Breakage, kind

_MOST_ENTRIES = 2000


class _OfRedis(Breakage):
    breaks = frozenset({"redis"})

    def set(self, **settings: str) -> None:
        with self.stack.cache.connect() as redis:
            for name, value in settings.items():
                redis.config_set(name.replace("_", "-"), value)


@kind
class RedisKilled(_OfRedis):
    name = "Redis killed"

    def begin(self) -> None:
        self.stack.cache.server.kill()

    def end(self) -> None:
        self.stack.cache.server.start()


@kind
class RedisFlushed(_OfRedis):
    name = "Redis flushed"
    seconds = AT_ONCE

    def begin(self) -> None:
        with self.stack.cache.connect() as redis:
            redis.flushall()


@kind
class RedisFrozen(_OfRedis):
    name = "Redis frozen"
    seconds = (1.0, 6.0)

    def begin(self) -> None:
        self.until_the_end.enter_context(paused(self.stack.cache.server.pid))


@kind
class RedisPaused(_OfRedis):
    name = "Redis paused"
    seconds = AT_ONCE

    def begin(self) -> None:
        milliseconds = self.chance.randint(500, 4000)
        self.details["milliseconds"] = milliseconds
        with self.stack.cache.connect() as redis:
            redis.execute_command("CLIENT", "PAUSE", milliseconds, "ALL")

    def end(self) -> None:
        """It cannot be ended earlier: a client that tries has to wait, too."""
        with self.stack.cache.connect() as redis:
            redis.ping()


@kind
class RedisFull(_OfRedis):
    name = "Redis without memory"

    def begin(self) -> None:
        self.set(maxmemory="1", maxmemory_policy="noeviction")

    def end(self) -> None:
        self.set(maxmemory="256mb", maxmemory_policy="volatile-lru")


@kind
class RedisWithoutReplicas(_OfRedis):
    name = "Redis refusing writes"

    def begin(self) -> None:
        self.set(min_replicas_to_write="1")

    def end(self) -> None:
        self.set(min_replicas_to_write="0")


@kind
class YesterdaysSnapshot(_OfRedis):
    """All that it holds is replaced by what it held before: entries of the cache, and messages about jobs."""

    name = "Redis restored from a snapshot"
    seconds = (1.0, 5.0)  # the age of the snapshot

    def begin(self) -> None:
        with self.stack.cache.connect() as redis:
            names = cast(list[bytes], redis.keys())
            self._kept = [(name, redis.pttl(name), redis.dump(name)) for name in names]
        self.details["entries"] = len(self._kept)

    def end(self) -> None:
        with self.stack.cache.connect() as redis:
            redis.flushall()
            for name, lasts, content in self._kept:
                if content is not None:
                    redis.restore(name, max(0, cast(int, lasts)), cast(bytes, content), replace=True)


@kind
class StaleEntries(_OfRedis):
    """Entries of the cache are put back under their names, and under those of later entries of the same session."""

    name = "stale entries planted"
    seconds = (0.5, 3.0)

    def begin(self) -> None:
        self._kept = self._entries()

    def _entries(self) -> dict[bytes, bytes]:
        with self.stack.cache.connect() as redis:
            names = [name for name, _ in zip(redis.scan_iter("kato:*:session:*"), range(_MOST_ENTRIES), strict=False)]
            if not names:
                return {}
            found = zip(names, redis.mget(names), strict=True)
            return {name: content for name, content in found if content is not None}

    def end(self) -> None:
        # `kato:<database>:session:<id>:<rest>`
        of_sessions = {name.split(b":")[3]: content for name, content in self._kept.items()}
        planted = dict(self._kept)
        for name in self._entries():
            if name not in self._kept and (stale := of_sessions.get(name.split(b":")[3])):
                planted[name] = stale
        with self.stack.cache.connect() as redis:
            for name, content in planted.items():
                redis.set(name, content, ex=600)
        self.details["entries"] = len(planted)
