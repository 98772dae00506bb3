"""The Redis cache of what is expensive to assemble: predictions, and the STM and the percept of long sessions.

The key names the database, the session, its version and the view, so an entry is correct for ever or out of reach: no
write can be wrong, whenever it arrives, and no invalidation can come too late. Deleting the replaced version on commit
only saves memory.

Redis is never trusted (P3). Every entry begins with a digest over key and payload, keyed with the service's secret. So
damaged bytes, and entries written by anything but this service, count as a miss. Any failure is a *fallback*: the
caller reads PostgreSQL. After three failures in a row the breaker skips Redis for a second, so that a slow Redis costs
a bounded time.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as memoised
from typing import TYPE_CHECKING, TypeVar, cast

from django.conf import settings
from django.db import transaction

from foundation.breaker import Breaker
from foundation.redis_names import prefix, search_prefix
from sessions_app import counters

if TYPE_CHECKING:
    from redis import Redis

Result = TypeVar("Result")

# The statement that admits a request also reads sessions with fewer entries than this: cheaper than a cache hit
# (measured; the figures are in docs/benchmarks.md).
WORTH_CACHING = 512

_LIFETIME = 3600  # seconds
_DIGEST_BYTES = 16

_DELETED_AT_ONCE = 128
_SCANNED_AT_ONCE = 1000

# Views of a session's contents, and views of its node's predictions.
SESSION_VIEWS = ("stm", "percept")
PREDICTION_VIEWS = ("predictions", "cognition")

# From the end: the id of a session that a file restored may contain anything.
_NAME = re.compile(rf"(.*):(\d+):((?:{'|'.join((*SESSION_VIEWS, *PREDICTION_VIEWS))})(?::[-\d.]+)*)", re.DOTALL)
_PREDICTION = re.compile(rf":(?:{'|'.join(PREDICTION_VIEWS)})(?::[-\d.]+)+\Z".encode())

log = logging.getLogger(__name__)

# Keys of replaced versions that this process has not deleted yet.
_replaced: list[str] = []
_replaced_lock = threading.Lock()

breaker = Breaker(failures=3, pause=1.0)


@memoised
def _redis() -> "Redis":
    from django_redis import get_redis_connection

    return cast("Redis", get_redis_connection("redis"))


def _prefix() -> str:
    return f"{prefix()}session:"


def key(session_id: str, version: int, view: str) -> str:
    return f"{_prefix()}{session_id}:{version}:{view}"


def _kind(view: str) -> str:
    """The view alone: names of predictions say more, see `predicting.view_name`."""
    return view.partition(":")[0]


@memoised
def _digest_key() -> bytes:
    """Derived from the service's secret, which Redis never sees, and a name: under another one all entries are misses.

    Entries under the name `kato-cache` may have numbers that JSON cannot spell; those under `kato-cache-2` do not say
    by which contract and with which defaults they were computed.
    """
    return hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"kato-cache-3").digest()


def _digest(name: str, payload: bytes) -> bytes:
    return hashlib.blake2b(name.encode() + b"\0" + payload, key=_digest_key(), digest_size=_DIGEST_BYTES).digest()


def _is_intact(name: str, entry: bytes) -> bool:
    return entry[:_DIGEST_BYTES] == _digest(name, entry[_DIGEST_BYTES:])


class RedisUnavailable(Exception):
    """Redis failed or the breaker is open; the caller continues without it."""


def _call(command: Callable[[], Result]) -> Result:
    """Run a Redis command. Counts and logs a failure, and raises RedisUnavailable."""
    if not breaker.admits():
        raise RedisUnavailable
    # Not at the top: the client takes a tenth of a command's start, and few commands use the cache. Here: 0.3 µs.
    from redis.exceptions import RedisError

    begun = time.perf_counter()
    try:
        result = command()
    except RedisError as error:
        breaker.failed()
        counters.redis_errors.inc()
        log.warning("Redis is unavailable, falling back to PostgreSQL: %s", error)
        raise RedisUnavailable from error
    finally:
        counters.redis.observe(time.perf_counter() - begun)
    breaker.succeeded()
    return result


def get(session_id: str, version: int, view: str) -> bytes | None:
    """The view of the session at exactly this version, or None."""
    name, kind = key(session_id, version, view), _kind(view)
    try:
        entry = cast(bytes | None, _call(lambda: _redis().get(name)))
    except RedisUnavailable:
        counters.cache_read(kind, "fallback").inc()
        return None
    if entry is not None and _is_intact(name, entry):
        counters.cache_read(kind, "hit").inc()
        return entry[_DIGEST_BYTES:]
    counters.cache_read(kind, "miss").inc()
    return None


def put(session_id: str, version: int, view: str, payload: bytes) -> None:
    """Store what one snapshot of PostgreSQL held together with `version`."""
    name = key(session_id, version, view)
    with suppress(RedisUnavailable):
        _call(lambda: _redis().set(name, _digest(name, payload) + payload, ex=_LIFETIME))
        counters.cache_write(_kind(view)).inc()


@dataclass(frozen=True, slots=True)
class CachedEntry:
    name: str
    session_id: str
    version: int
    view: str
    payload: bytes

    @property
    def kind(self) -> str:
        return _kind(self.view)


# Where this process's next sample starts: SCAN visits every entry, then starts over.
_sample_cursor = 0
_SAMPLE_SIZE = 100


def sample() -> list[CachedEntry]:
    """About a hundred entries, different ones each time."""
    global _sample_cursor
    with suppress(RedisUnavailable):
        _sample_cursor, found = _call(lambda: _scan(_sample_cursor))
        return found
    return []


def entries() -> Iterator[CachedEntry]:
    """All entries. Raises RedisError."""
    cursor, found = _scan(0)
    yield from found
    while cursor:
        cursor, found = _scan(cursor)
        yield from found


def _scan(cursor: int) -> tuple[int, list[CachedEntry]]:
    """The next cursor, and the entries at this one. Leaves out those whose digest is wrong, which count as missing."""
    shown = _redis().scan(cursor, match=f"{_prefix()}*", count=_SAMPLE_SIZE)
    cursor, names = cast(tuple[int, list[bytes]], shown)
    texts = [name.decode() for name in names]
    held = cast(list[bytes | None], _redis().mget(texts)) if texts else []
    intact = [
        _parsed(name, entry) for name, entry in zip(texts, held, strict=True) if entry and _is_intact(name, entry)
    ]
    return cursor, intact


def _parsed(name: str, entry: bytes) -> CachedEntry:
    parts = _NAME.fullmatch(name.removeprefix(_prefix()))
    assert parts is not None  # its digest is right, so this service wrote it
    return CachedEntry(name, parts[1], int(parts[2]), parts[3], entry[_DIGEST_BYTES:])


def delete(entry: CachedEntry) -> None:
    with suppress(RedisUnavailable):
        _call(lambda: _redis().unlink(entry.name))


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many entries were deleted: of sessions' contents, and predictions."""

    sessions: int
    predictions: int


def drop(session_id: str | None) -> Dropped:
    """Delete the entries of one session or of all; the next reads go to PostgreSQL. Raises RedisError.

    Deletes in batches, so that Redis serves other clients in between. Foreign keys in the same Redis stay.
    Those of other deployments go, too, if this process has not reached PostgreSQL yet: that costs time, never data.
    """
    whose = "" if session_id is None else re.sub(r"([*?\[\]\\^])", r"\\\1", session_id) + ":"
    pattern = f"{search_prefix()}session:{whose}*"
    dropped, cursor = {True: 0, False: 0}, 0
    while True:
        found = _redis().scan(cursor, match=pattern, count=_SCANNED_AT_ONCE)
        cursor, names = cast(tuple[int, list[bytes]], found)
        for is_prediction in (True, False):
            batch = [name for name in names if _is_prediction(name) == is_prediction]
            if batch:
                dropped[is_prediction] += _redis().unlink(*batch)
        if cursor == 0:
            return Dropped(sessions=dropped[False], predictions=dropped[True])


def _is_prediction(name: bytes) -> bool:
    return _PREDICTION.search(name) is not None


def forget_on_commit(session_id: str, version: int | None) -> None:
    """When the running transaction commits, delete what was cached under the version that it replaced."""
    if version is not None:
        names = [key(session_id, version, view) for view in SESSION_VIEWS]
        transaction.on_commit(lambda: _delete_later(names))


def _delete_later(names: list[str]) -> None:
    """Delete entries that are out of reach, many with one command: one command for each would double the cost."""
    with _replaced_lock:
        _replaced.extend(names)
        if len(_replaced) < _DELETED_AT_ONCE:
            return
        batch = _replaced.copy()
        _replaced.clear()
    with suppress(RedisUnavailable):
        _call(lambda: _redis().unlink(*batch))
