"""Variants with faults that the measured baseline leaves out: decisions.md R17–R19, and R02.

`complete` adds the operations of the investigation and no fault. `forgiving` hides errors of the store as the old
service still does. `of_that_day` is the release of the incident, in which reading a session saved it. `late` inserts
a pattern after the next prediction, however long that takes to come: so one process makes D03 certain.
"""

import asyncio

from fastapi import Request, Response
from redis import RedisError
from starlette.middleware.base import RequestResponseEndpoint

from benchmarks.baseline import app, learning
from benchmarks.baseline.sessions import Session, SessionStore

MOST_CONNECTIONS = 50


class ForgivingStore(SessionStore):
    async def get(self, session_id: str) -> Session | None:
        """Report the session as not found whatever the error is (R17, R18)."""
        try:
            return await super().get(session_id)
        except RedisError:
            return None

    async def save(self, session: Session) -> None:
        """Report success even if the save failed (R19)."""
        try:
            await super().save(session)
        except RedisError:
            return


class SavingStore(SessionStore):
    async def get(self, session_id: str) -> Session | None:
        """Renew the life of the session by saving all of it, without a lock (R02)."""
        session = await self._read(session_id)
        if session is not None:
            await self.save(session)
        return session


_ROUTERS = (app.router, learning.router)
complete = app.make_app(routers=_ROUTERS)
forgiving = app.make_app(ForgivingStore, routers=_ROUTERS, most=MOST_CONNECTIONS)
of_that_day = app.make_app(SavingStore, routers=_ROUTERS)
late = app.make_app(routers=_ROUTERS)
_predicted = asyncio.Event()


def _until_predicted() -> learning.Wait:
    _predicted.clear()
    return _predicted.wait


late.dependency_overrides[learning.until_inserted] = _until_predicted


@late.middleware("http")
async def _note_predictions(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    if request.url.path.endswith("/predictions"):
        _predicted.set()
    return response
