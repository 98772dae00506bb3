"""A session as one JSON text, read and written whole, with locks that exist in one process only."""

import asyncio
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field
from redis.asyncio import Redis

DEFAULT_TTL = 3600
STREAM_LIMIT = 1000
# In order of creation. As in R21, creation and deletion change it; expiry does not.
INDEX = "baseline:sessions"


class SessionConfig(BaseModel):
    max_pattern_length: int = 0
    persistence: int = 5
    recall_threshold: float = 0.1
    indexer_type: str = "VI"
    max_predictions: int = 100
    sort_symbols: bool = True
    process_predictions: bool = True
    use_token_matching: bool = True
    stm_mode: str = "CLEAR"
    rank_sort_algo: str = "potential"
    filter_pipeline: list[str] = []
    length_min_ratio: float = 0.5
    length_max_ratio: float = 2.0
    jaccard_threshold: float = 0.3
    jaccard_min_overlap: int = 2
    minhash_threshold: float = 0.7
    minhash_bands: int = 20
    minhash_rows: int = 5
    minhash_num_hashes: int = 100
    bloom_false_positive_rate: float = 0.01
    max_candidates_per_stage: int = 100000
    enable_filter_metrics: bool = True


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return f"session-{uuid.uuid4().hex}-{time.time_ns() // 1_000_000}"


class Session(BaseModel):
    session_id: str = Field(default_factory=_new_id)
    node_id: str
    created_at: datetime = Field(default_factory=_now)
    last_accessed: datetime = Field(default_factory=_now)
    access_count: int = 0
    expires_at: datetime = Field(default_factory=_now)
    ttl_seconds: int = DEFAULT_TTL
    metadata: dict[str, Any] = {}
    session_config: SessionConfig = SessionConfig()
    stm: list[list[str]] = []
    time: int = 0
    emotives_accumulator: list[dict[str, float]] = []
    metadata_accumulator: list[dict[str, Any]] = []
    percept_data: dict[str, Any] = {}
    predictions: list[dict[str, Any]] = []


def key(session_id: str) -> str:
    return f"baseline:session:{session_id}"


class SessionStore:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self, session: Session) -> None:
        await self.save(session)
        await self._redis.zadd(INDEX, {session.session_id: session.created_at.timestamp()})

    async def exists(self, session_id: str) -> bool:
        return await self._read(session_id) is not None

    async def get(self, session_id: str) -> Session | None:
        """Return the session and renew the timer of its key, but not the recorded expiry (R10)."""
        session = await self._read(session_id)
        if session is not None:
            await self._redis.expire(key(session_id), session.ttl_seconds)
        return session

    async def save(self, session: Session) -> None:
        """Save without a check that the session still exists, which brings a deleted one back (R08)."""
        session.last_accessed = _now()
        session.access_count += 1
        session.expires_at = session.last_accessed + timedelta(seconds=session.ttl_seconds)
        await self._redis.setex(key(session.session_id), session.ttl_seconds, session.model_dump_json())

    async def delete(self, session_id: str) -> bool:
        deleted = await self._redis.delete(key(session_id))
        await self._redis.zrem(INDEX, session_id)
        self.locks.pop(session_id, None)
        return bool(deleted)

    async def count(self) -> int:
        return int(await self._redis.zcard(INDEX))

    async def page(self, skip: int, limit: int) -> list[Session]:
        ids: list[Any] = await self._redis.zrange(INDEX, skip, skip + limit - 1, desc=True)
        texts = await self._redis.mget([key(name.decode()) for name in ids]) if ids else []
        return [Session.model_validate_json(text) for text in texts if text is not None]

    async def _read(self, session_id: str) -> Session | None:
        text = await self._redis.get(key(session_id))
        if text is None:
            return None
        session = Session.model_validate_json(text)
        if session.expires_at < _now():
            await self.delete(session_id)
            return None
        return session
