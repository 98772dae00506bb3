"""Learning, predicting and the smaller operations, as far as the investigation of the incident needs them.

The investigation asks when a pattern becomes visible, not which patterns match, so a prediction is any pattern of the
node that shares a symbol with the STM. Patterns are inserted up to 0.2 s after the response (decisions.md D03).
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request

from benchmarks.baseline.app import missing
from benchmarks.baseline.sessions import Session, SessionStore

INSERTED_AFTER = 0.2  # seconds

router = APIRouter()
_inserting: set[asyncio.Task[None]] = set()

Wait = Callable[[], Awaitable[object]]


def until_inserted() -> Wait:
    """What the insertion of a pattern waits for. A variant may override it."""
    return partial(asyncio.sleep, INSERTED_AFTER)


def _patterns(node_id: str) -> str:
    return f"baseline:patterns:{node_id}"


async def _session(request: Request, session_id: str) -> tuple[SessionStore, Session]:
    store: SessionStore = request.app.state.store
    session = await store.get(session_id)
    if session is None:
        raise missing(session_id)
    return store, session


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy", "service_name": "baseline"}


@router.post("/sessions/{session_id}/learn")
async def learn(session_id: str, request: Request, wait: Annotated[Wait, Depends(until_inserted)]) -> dict[str, str]:
    store, session = await _session(request, session_id)  # before the lock is held (R04)
    async with store.locks[session_id]:
        if not session.stm:
            raise HTTPException(400, "Nothing to learn")
        name = hashlib.sha1(json.dumps(session.stm).encode()).hexdigest()
        pattern = {"name": name, "events": session.stm, "emotives": session.emotives_accumulator}
        insertion = asyncio.create_task(_insert(request, session.node_id, pattern, wait))
        _inserting.add(insertion)
        insertion.add_done_callback(_inserting.discard)
        session.stm, session.emotives_accumulator = [], []
        await store.save(session)
    return {"pattern_name": f"PTRN|{name}", "session_id": session_id}


async def _insert(request: Request, node_id: str, pattern: dict[str, Any], wait: Wait) -> None:
    await wait()
    await request.app.state.redis.hset(_patterns(node_id), pattern["name"], json.dumps(pattern))


@router.get("/sessions/{session_id}/predictions")
async def predictions(session_id: str, request: Request) -> dict[str, Any]:
    _, session = await _session(request, session_id)
    texts = await request.app.state.redis.hvals(_patterns(session.node_id))
    state = {symbol for event in session.stm for symbol in event}
    found = [_prediction(json.loads(text), state) for text in texts]
    return {"predictions": [one for one in found if one], "session_id": session_id}


def _prediction(pattern: dict[str, Any], state: set[str]) -> dict[str, Any] | None:
    events = pattern["events"]
    places = [place for place, event in enumerate(events) if state & set(event)]
    if not places:
        return None
    begin, end = places[0], places[-1] + 1
    parts = {"past": events[:begin], "present": events[begin:end], "future": events[end:]}
    return {"name": pattern["name"], "emotives": pattern["emotives"], **parts}


@router.post("/sessions/{session_id}/clear-stm")
async def clear_stm(session_id: str, request: Request) -> dict[str, str]:
    """Takes no lock (R05)."""
    store, session = await _session(request, session_id)
    session.stm, session.percept_data = [], {}
    await store.save(session)
    return {"status": "cleared", "session_id": session_id}


@router.post("/sessions/{session_id}/clear-all")
async def clear_all(session_id: str, request: Request) -> dict[str, str]:
    answer = await clear_stm(session_id, request)
    _, session = await _session(request, session_id)
    await request.app.state.redis.delete(_patterns(session.node_id))
    return answer


@router.post("/sessions/{session_id}/extend")
async def extend(session_id: str, ttl_seconds: int, request: Request) -> dict[str, str]:
    """Reads and saves the whole session without a lock (R07)."""
    store, session = await _session(request, session_id)
    session.ttl_seconds = ttl_seconds
    await store.save(session)
    return {"status": "extended", "session_id": session_id}
