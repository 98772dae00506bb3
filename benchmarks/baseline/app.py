"""The routes: `uvicorn benchmarks.baseline.app:app`, with REDIS_URL in the environment."""

import os
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psutil
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.baseline.sessions import DEFAULT_TTL, STREAM_LIMIT, Session, SessionConfig, SessionStore

STARTED = time.monotonic()


class CreateSession(BaseModel):
    node_id: str
    metadata: dict[str, Any] | None = None
    ttl_seconds: int | None = None


class Observation(BaseModel):
    strings: list[str] = []
    vectors: list[list[float]] = []
    emotives: dict[str, float] = {}
    metadata: dict[str, Any] = {}


class SessionAnswer(BaseModel):
    session_id: str
    node_id: str
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    metadata: dict[str, Any]
    session_config: SessionConfig


class SessionList(BaseModel):
    sessions: list[SessionAnswer]
    total: int


class Observed(BaseModel):
    status: str
    session_id: str
    processor_id: str
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None


class ShortTermMemory(BaseModel):
    stm: list[list[str]]
    session_id: str
    length: int


router = APIRouter()


def make_app(
    store: type[SessionStore] = SessionStore, *, routers: Sequence[APIRouter] = (router,), most: int | None = None
) -> FastAPI:
    """`most`: connections to Redis in a process; a request that needs one more gets an error."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Redis.from_url(os.environ["REDIS_URL"], max_connections=most) as redis:
            app.state.redis = redis
            app.state.store = store(redis)
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(SessionLookUp)
    for each in routers:
        app.include_router(each)
    return app


def missing(session_id: str) -> HTTPException:
    return HTTPException(404, f"Session {session_id} not found or expired")


class SessionLookUp:
    """In front of the routes: look up the session that the path names, which renews its timer (http.md 0.3)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _, first, *rest = scope["path"].split("/")
            looked_up = first == "sessions" and rest and rest[0] and rest[1:] != ["exists"]
            if looked_up and not (scope["method"] == "GET" and len(rest) == 1):
                session = await scope["app"].state.store.get(rest[0])
                if session is None:
                    answer = JSONResponse({"error": {"code": "SESSION_NOT_FOUND", "session_id": rest[0]}}, 404)
                    return await answer(scope, receive, send)
        return await self._app(scope, receive, send)


@router.get("/")
async def root() -> dict[str, int]:
    return {"pid": os.getpid()}


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    memory, cpu = psutil.virtual_memory().percent, psutil.cpu_percent()
    status = "unhealthy" if memory > 90 else "degraded" if cpu > 80 else "healthy"
    return {
        "status": status,
        "service_name": "baseline",
        "uptime_seconds": time.monotonic() - STARTED,
        "active_sessions": await request.app.state.store.count(),
        "timestamp": datetime.now(UTC).isoformat(),
    }


def _answer(session: Session) -> SessionAnswer:
    return SessionAnswer.model_validate(session, from_attributes=True)


@router.post("/sessions")
async def create(given: CreateSession, request: Request) -> SessionAnswer:
    ttl = given.ttl_seconds or DEFAULT_TTL
    session = Session(node_id=given.node_id, metadata=given.metadata or {}, ttl_seconds=ttl)
    await request.app.state.store.create(session)
    return _answer(session)


@router.get("/sessions")
async def page(request: Request, skip: int = 0, limit: int = 100) -> SessionList:
    store = request.app.state.store
    return SessionList(sessions=[_answer(one) for one in await store.page(skip, limit)], total=await store.count())


@router.get("/sessions/count")
async def count(request: Request) -> dict[str, int]:
    return {"active_session_count": await request.app.state.store.count()}


@router.get("/sessions/{session_id}")
async def get(session_id: str, request: Request) -> SessionAnswer:
    session = await request.app.state.store.get(session_id)
    if session is None:
        raise missing(session_id)
    return _answer(session)


@router.get("/sessions/{session_id}/exists")
async def exists(session_id: str, request: Request) -> dict[str, Any]:
    return {"exists": await request.app.state.store.exists(session_id), "expired": False, "session_id": session_id}


@router.delete("/sessions/{session_id}")
async def delete(session_id: str, request: Request) -> dict[str, str]:
    if not await request.app.state.store.delete(session_id):
        raise missing(session_id)
    return {"status": "deleted", "session_id": session_id}


@router.post("/sessions/{session_id}/observe")
async def observe(session_id: str, given: Observation, request: Request) -> Observed:
    store: SessionStore = request.app.state.store
    async with store.locks[session_id]:
        session = await store.get(session_id)
        if session is None:
            raise missing(session_id)
        _append(session, given)
        await store.save(session)
    return Observed(
        status="okay",
        session_id=session_id,
        processor_id=session.node_id,
        stm_length=len(session.stm),
        time=session.time,
        unique_id=f"obs-{uuid.uuid4().hex}",
        auto_learned_pattern=None,
    )


def _append(session: Session, given: Observation) -> None:
    event = sorted(given.strings)
    session.time += 1
    if event:
        session.stm = [*session.stm, event][-STREAM_LIMIT:]
    if given.emotives:
        session.emotives_accumulator = [*session.emotives_accumulator, given.emotives][-STREAM_LIMIT:]
    if given.metadata:
        session.metadata_accumulator = [*session.metadata_accumulator, given.metadata][-STREAM_LIMIT:]
    session.percept_data = {"strings": event, "vectors": given.vectors, "metadata": given.metadata}


@router.get("/sessions/{session_id}/stm")
async def stm(session_id: str, request: Request) -> ShortTermMemory:
    session = await request.app.state.store.get(session_id)
    if session is None:
        raise missing(session_id)
    return ShortTermMemory(stm=session.stm, session_id=session_id, length=len(session.stm))


app = make_app()
