"""The Redis cache of what is dear to assemble: the STM and the percept of long sessions.

The key names the session, its version and the view, so an entry is true for ever or unreachable: no fill can be wrong,
whenever it arrives, and no invalidation can come too late. Deleting the replaced version on commit only saves memory.

Redis is never trusted (P3). Every entry begins with a digest over key and payload, so foreign or damaged bytes count as
a miss. Trouble of any kind is a *fallback*: the caller reads PostgreSQL. After three failures in a row Redis is left
alone for a second, so that a slow one costs a bounded time.
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
from typing import TypeVar, cast

from django.db import transaction
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError

from foundation.breaker import Breaker
from sessions_app import counters

Result = TypeVar("Result")

# Sessions with fewer entries than this are read from PostgreSQL in the statement that admits the request: cheaper than
# a hit (measured; the figures are in docs/benchmarks.md).
WORTH_CACHING = 512

_LIFETIME = 3600  # seconds
_DIGEST_BYTES = 16

_FORGET_AT_ONCE = 128
_PREFIX = "kato:session:"
_SCANNED_AT_ONCE = 1000

# What is cached of a session, and what its node made of it.
SESSION_VIEWS = ("stm", "percept")
PREDICTION_VIEWS = ("predictions", "cognition")

log = logging.getLogger(__name__)
_replaced: list[str] = []
_forgetting = threading.Lock()


breaker = Breaker(failures=3, pause=1.0)


@memoised
def _redis() -> Redis:
    return cast(Redis, get_redis_connection("default"))


def key(session_id: str, version: int, view: str) -> str:
    return f"{_PREFIX}{session_id}:{version}:{view}"


def _kind(view: str) -> str:
    """Views of predictions name the version of the node as well: `predictions:7.120.0.0`."""
    return view.partition(":")[0]


def _digest(name: str, payload: bytes) -> bytes:
    return hashlib.blake2b(name.encode() + b"\0" + payload, digest_size=_DIGEST_BYTES).digest()


def _is_right(name: str, entry: bytes) -> bool:
    return entry[:_DIGEST_BYTES] == _digest(name, entry[_DIGEST_BYTES:])


class RedisDoesNotServe(Exception):
    """Do without."""


def _ask(question: Callable[[], Result]) -> Result:
    """The answer of Redis. Raises RedisDoesNotServe; that is counted and logged, never hidden."""
    if not breaker.admits():
        raise RedisDoesNotServe
    begun = time.perf_counter()
    try:
        answer = question()
    except RedisError as error:
        breaker.failed()
        counters.redis_errors.inc()
        log.warning("Redis does not serve, PostgreSQL answers instead: %s", error)
        raise RedisDoesNotServe from error
    finally:
        counters.redis.observe(time.perf_counter() - begun)
    breaker.succeeded()
    return answer


def get(session_id: str, version: int, view: str) -> bytes | None:
    """The view of the session at exactly this version, or None."""
    name, kind = key(session_id, version, view), _kind(view)
    try:
        entry = cast(bytes | None, _ask(lambda: _redis().get(name)))
    except RedisDoesNotServe:
        counters.cache_read(kind, "fallback").inc()
        return None
    if entry is not None and _is_right(name, entry):
        counters.cache_read(kind, "hit").inc()
        return entry[_DIGEST_BYTES:]
    counters.cache_read(kind, "miss").inc()
    return None


def put(session_id: str, version: int, view: str, payload: bytes) -> None:
    """Remember what was read from PostgreSQL in one snapshot together with `version`."""
    name = key(session_id, version, view)
    with suppress(RedisDoesNotServe):
        _ask(lambda: _redis().set(name, _digest(name, payload) + payload, ex=_LIFETIME))
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


# Where this process looks next; Redis ends where it began, having shown every entry.
_next_look = 0
_LOOKED_AT_ONCE = 100


def some() -> list[CachedEntry]:
    """About a hundred entries, each time others."""
    global _next_look
    with suppress(RedisDoesNotServe):
        _next_look, found = _ask(lambda: _entries_at(_next_look))
        return found
    return []


def entries() -> Iterator[CachedEntry]:
    """All of them. Raises RedisError."""
    cursor, found = _entries_at(0)
    yield from found
    while cursor:
        cursor, found = _entries_at(cursor)
        yield from found


def _entries_at(cursor: int) -> tuple[int, list[CachedEntry]]:
    """Those from here, and where to go on; without the ones that count as missing, for want of a right digest."""
    shown = _redis().scan(cursor, match=f"{_PREFIX}*", count=_LOOKED_AT_ONCE)
    cursor, names = cast(tuple[int, list[bytes]], shown)
    texts = [name.decode() for name in names]
    held = cast(list[bytes | None], _redis().mget(texts)) if texts else []
    right = [_parsed(name, entry) for name, entry in zip(texts, held, strict=True) if entry and _is_right(name, entry)]
    return cursor, right


def _parsed(name: str, entry: bytes) -> CachedEntry:
    session_id, version, view = name.removeprefix(_PREFIX).split(":", 2)
    return CachedEntry(name, session_id, int(version), view, entry[_DIGEST_BYTES:])


def delete(entry: CachedEntry) -> None:
    with suppress(RedisDoesNotServe):
        _ask(lambda: _redis().unlink(entry.name))


@dataclass(frozen=True, slots=True)
class Dropped:
    """Entries that were deleted: of sessions, and predictions."""

    sessions: int
    predictions: int


def drop(session_id: str | None) -> Dropped:
    """Delete the entries of one session or of all; whoever asks next reads PostgreSQL. Raises RedisError.

    In batches, so that Redis serves others meanwhile. What is not ours in the same Redis is left alone.
    """
    whose = "" if session_id is None else re.sub(r"([*?\[\]\\^])", r"\\\1", session_id) + ":"
    dropped, cursor = {True: 0, False: 0}, 0
    while True:
        found = _redis().scan(cursor, match=f"{_PREFIX}{whose}*", count=_SCANNED_AT_ONCE)
        cursor, names = cast(tuple[int, list[bytes]], found)
        for is_prediction in (True, False):
            batch = [name for name in names if _is_prediction(name) == is_prediction]
            if batch:
                dropped[is_prediction] += _redis().unlink(*batch)
        if cursor == 0:
            return Dropped(sessions=dropped[False], predictions=dropped[True])


def _is_prediction(name: bytes) -> bool:
    return name.split(b":")[4:5] in ([view.encode()] for view in PREDICTION_VIEWS)


def forget_on_commit(session_id: str, version: int | None) -> None:
    """Once the running transaction has committed, give up what was cached under the version it replaced."""
    if version is not None:
        names = [key(session_id, version, view) for view in SESSION_VIEWS]
        transaction.on_commit(lambda: _forget(names))


def _forget(names: list[str]) -> None:
    """Delete entries that nobody asks for any more, many with one command: one for each would double its cost."""
    with _forgetting:
        _replaced.extend(names)
        if len(_replaced) < _FORGET_AT_ONCE:
            return
        batch = _replaced.copy()
        _replaced.clear()
    with suppress(RedisDoesNotServe):
        _ask(lambda: _redis().unlink(*batch))
