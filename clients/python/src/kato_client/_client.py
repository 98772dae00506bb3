"""The two clients. `_operations.py` holds their operations, `_exchange.py` how they retry."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx

from kato_client import types
from kato_client._access import with_key
from kato_client._call import Async, Call, Sync, operation
from kato_client._drivers import AsyncDriver, Driver
from kato_client._events import AsyncEvents, Events
from kato_client._exchange import Policy, Wait, Work, exchange
from kato_client._operations import ServiceOperations
from kato_client._session import AsyncSession, Recovered, Session, Terms

T = TypeVar("T")
SessionKind = TypeVar("SessionKind", Session, AsyncSession)
EventsKind = TypeVar("EventsKind", Events, AsyncEvents)

DELAYS = (0.5, 1.0, 2.0)
FINISHED = ("done", "failed", "cancelled")
TIMEOUT = 120.0  # seconds; learning and predicting on a large node can take a while


class Service(ServiceOperations, Generic[SessionKind, EventsKind]):
    """What both clients share: everything except waiting."""

    base_url: str
    _policy: Policy

    @abstractmethod
    def _session(self, opened_with: Terms | str) -> SessionKind: ...

    @abstractmethod
    def events(self) -> EventsKind:
        """Stream the creation and end of sessions as they happen; needs the extra `events`."""

    def session(
        self,
        node_id: str,
        *,
        config: types.Config | None = None,
        metadata: Mapping[str, Any] | None = None,
        ttl_seconds: int | None = None,
        recover: bool = False,
        on_recovery: Callable[[Recovered], object] | None = None,
        keep: bool = False,
    ) -> SessionKind:
        """Return a new session on a node, for a `with` block: created on entry, deleted on exit.

        keep: leaving the block does not delete the session; it lives until it expires. recover: when the service says
        that the session is gone, rebuild it under another id from what this client observed since the last learn or
        clear. Each time, `on_recovery` is called with a `Recovered`, which is also added to the session's `recoveries`.
        """
        return self._session(
            Terms(
                node_id=node_id,
                config=config,
                metadata=metadata,
                ttl_seconds=ttl_seconds,
                recover=recover,
                on_recovery=on_recovery,
                keep=keep,
            )
        )

    def _waiting(self, job_id: str, poll: float) -> Work[types.Job]:
        asked = ServiceOperations.job
        call = asked.build(self, job_id)
        while True:
            job = yield from exchange(self._policy, asked, call, call.path)
            if job["state"] in FINISHED:
                return job
            yield Wait(poll)

    def attach(self, session_id: str) -> SessionKind:
        """Return a session that already exists. You can use it without a block; leaving a block does not delete it."""
        return self._session(session_id)


class Kato(Service[Session, Events], Sync):
    """A service and the connections to it. You can call its methods from any number of threads.

    base_url: for example `http://127.0.0.1:8000`. api_key: an access key; by default that of the environment variable
    KATO_API_KEY, if it is set. timeout: seconds without data before a request fails.
    delays: seconds before each retry of a request that was not served (408, 429, 502, 503, 504, or no connection).
    headers: sent with every request. http: a client of your own, for proxies or certificates; you close it.
    accept_unidentified: accept responses without `X-Kato-Instance`, such as those of KATO 3.10. A POST that may have
    been performed is then never retried, because KATO 3.10 does not know idempotency keys.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        delays: Sequence[float] = DELAYS,
        headers: Mapping[str, str] | None = None,
        accept_unidentified: bool = False,
        http: httpx.Client | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._policy = Policy(delays, accept_unidentified, with_key(headers, api_key, http))
        self._http = http or httpx.Client(timeout=timeout)
        self._closes_http = http is None
        self._driver = Driver(self._http, self.base_url)

    def _session(self, opened_with: Terms | str) -> Session:
        return Session(self._driver, self._policy, opened_with)

    def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return self._driver.do(exchange(self._policy, operation, call, call.path))

    def events(self) -> Events:
        """Use it as `with kato.events() as events: for event in events: …`."""
        return Events(self.base_url, self._policy)

    def wait_for_job(self, job_id: str, *, poll: float = 0.5) -> types.Job:
        """Return the job once it is done, failed or cancelled; asks every `poll` seconds."""
        return self._driver.do(self._waiting(job_id, poll))

    def close(self) -> None:
        if self._closes_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncKato(Service[AsyncSession, AsyncEvents], Async):
    """Like `Kato`, for asyncio: await the same methods, and write `async with` for `with`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        delays: Sequence[float] = DELAYS,
        headers: Mapping[str, str] | None = None,
        accept_unidentified: bool = False,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._policy = Policy(delays, accept_unidentified, with_key(headers, api_key, http))
        self._http = http or httpx.AsyncClient(timeout=timeout)
        self._closes_http = http is None
        self._driver = AsyncDriver(self._http, self.base_url)

    def _session(self, opened_with: Terms | str) -> AsyncSession:
        return AsyncSession(self._driver, self._policy, opened_with)

    async def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return await self._driver.do(exchange(self._policy, operation, call, call.path))

    def events(self) -> AsyncEvents:
        """Use it as `async with kato.events() as events: async for event in events: …`."""
        return AsyncEvents(self.base_url, self._policy)

    async def wait_for_job(self, job_id: str, *, poll: float = 0.5) -> types.Job:
        """Return the job once it is done, failed or cancelled; asks every `poll` seconds."""
        return await self._driver.do(self._waiting(job_id, poll))

    async def close(self) -> None:
        if self._closes_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
