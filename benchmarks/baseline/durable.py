"""A second baseline, which is durable: FastAPI and asyncpg, a session is one row, an observe one UPDATE … RETURNING.

`uvicorn benchmarks.baseline.durable:app`, with DATABASE_URL in the environment. It has what the first baseline lacks:
what is acknowledged is committed, and concurrent observes of one session meet at the lock of its row. It has nothing
else: no cache, no positions (an observe writes the whole STM again), no events, no settings, no learning. Reads renew
no life.
"""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
from fastapi import FastAPI, Request

from benchmarks.baseline.app import CreateSession, Observation, Observed, SessionAnswer, ShortTermMemory, missing
from benchmarks.baseline.sessions import DEFAULT_TTL, STREAM_LIMIT, Session, SessionConfig

CONNECTIONS = 16  # of each process

SCHEMA = """
    CREATE TABLE IF NOT EXISTS session (
        id text PRIMARY KEY, node_id text NOT NULL, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
        ttl_seconds int NOT NULL, metadata jsonb NOT NULL, stm jsonb NOT NULL, time bigint NOT NULL
    )
"""
INSERT = """
    INSERT INTO session (id, node_id, created_at, expires_at, ttl_seconds, metadata, stm, time)
    VALUES ($1, $2, $3, $4, $5, $6, '[]', 0)
"""
OBSERVE = f"""
    UPDATE session SET time = time + 1, expires_at = now() + make_interval(secs => ttl_seconds),
        stm = CASE WHEN jsonb_array_length(stm) < {STREAM_LIMIT} THEN stm ELSE stm - 0 END || $2::jsonb
    WHERE id = $1 AND expires_at > now() RETURNING node_id, time, jsonb_array_length(stm)
"""
GET = """
    SELECT node_id, created_at, expires_at, ttl_seconds, metadata FROM session WHERE id = $1 AND expires_at > now()
"""
STM = "SELECT stm FROM session WHERE id = $1 AND expires_at > now()"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def root() -> dict[str, int]:
    return {"pid": os.getpid()}


@app.post("/sessions")
async def create(given: CreateSession, request: Request) -> SessionAnswer:
    ttl = given.ttl_seconds or DEFAULT_TTL
    now = datetime.now(UTC)
    session = Session(
        node_id=given.node_id,
        metadata=given.metadata or {},
        ttl_seconds=ttl,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl),
    )
    metadata = json.dumps(session.metadata)
    await request.app.state.pool.execute(
        INSERT, session.session_id, session.node_id, now, session.expires_at, ttl, metadata
    )
    return SessionAnswer.model_validate(session, from_attributes=True)


@app.get("/sessions/{session_id}")
async def get(session_id: str, request: Request) -> SessionAnswer:
    row = _found(session_id, await request.app.state.pool.fetchrow(GET, session_id))
    values = {**row, "metadata": json.loads(row["metadata"])}
    return SessionAnswer(session_id=session_id, session_config=SessionConfig(), **values)


@app.post("/sessions/{session_id}/observe")
async def observe(session_id: str, given: Observation, request: Request) -> Observed:
    event = json.dumps([sorted(given.strings)] if given.strings else [])
    row = _found(session_id, await request.app.state.pool.fetchrow(OBSERVE, session_id, event))
    node_id, time, length = row.values()
    return Observed(
        status="okay",
        session_id=session_id,
        processor_id=node_id,
        stm_length=length,
        time=time,
        unique_id=f"obs-{uuid.uuid4().hex}",
        auto_learned_pattern=None,
    )


@app.get("/sessions/{session_id}/stm")
async def stm(session_id: str, request: Request) -> ShortTermMemory:
    row = _found(session_id, await request.app.state.pool.fetchrow(STM, session_id))
    events = json.loads(row["stm"])
    return ShortTermMemory(stm=events, session_id=session_id, length=len(events))


def _found(session_id: str, row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise missing(session_id)
    return row
