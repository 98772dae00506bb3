"""Variants with faults that the baseline of the measurements leaves out: decisions.md R17–R19, and R02.

`complete` has the operations of the investigation and no further fault. `forgiving` treats trouble of the store as the
old service does to this day. `of_that_day` is the release of the incident: reading a session saved it.
"""

from redis import RedisError

from benchmarks.baseline import app, learning
from benchmarks.baseline.sessions import Session, SessionStore

MOST_CONNECTIONS = 50


class ForgivingStore(SessionStore):
    async def get(self, session_id: str) -> Session | None:
        """Whatever is wrong, the session is "not found" (R17, R18)."""
        try:
            return await super().get(session_id)
        except RedisError:
            return None

    async def save(self, session: Session) -> None:
        """Whether it worked is not told to anybody (R19)."""
        try:
            await super().save(session)
        except RedisError:
            return


class SavingStore(SessionStore):
    async def get(self, session_id: str) -> Session | None:
        """Reading renews the life of a session by saving all of it, outside of any lock (R02)."""
        session = await self._read(session_id)
        if session is not None:
            await self.save(session)
        return session


_ROUTERS = (app.router, learning.router)
complete = app.make_app(routers=_ROUTERS)
forgiving = app.make_app(ForgivingStore, routers=_ROUTERS, most=MOST_CONNECTIONS)
of_that_day = app.make_app(SavingStore, routers=_ROUTERS)
