"""The two clients. `_operations.py` holds their operations, `_exchange.py` how they retry."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypedDict, TypeVar, Unpack, get_args, overload

import httpx

from kato_client import types
from kato_client._access import with_key
from kato_client._call import Async, Call, Sync, operation
from kato_client._drivers import AsyncDriver, Driver
from kato_client._events import AsyncEvents, Events
from kato_client._exchange import Policy, Wait, Work, exchange
from kato_client._node_files import export
from kato_client._operations import ServiceOperations
from kato_client._session import AsyncSession, Recovered, Session, Terms
from kato_client.types import AnyPrediction, Prediction, Prediction63

T = TypeVar("T")
SessionKind = TypeVar("SessionKind")
EventsKind = TypeVar("EventsKind", Events, AsyncEvents)

DELAYS = (0.5, 1.0, 2.0)
FINISHED = ("done", "failed", "cancelled")
TIMEOUT = 120.0  # seconds; learning and predicting on a large node can take a while
CONTRACT = "X-KATO-Contract"


class Options(TypedDict, total=False):
    """What both clients take beside the contract, for the type checker."""

    api_key: str | None
    timeout: float
    delays: Sequence[float]
    headers: Mapping[str, str] | None
    accept_unidentified: bool


def _with_contract(contract: types.Contract | None) -> dict[str, str]:
    """Raises ValueError."""
    known = get_args(types.Contract)
    if contract is not None and contract not in known:
        raise ValueError(f"{contract!r} is no contract: this client knows {' and '.join(known)}")
    return {} if contract is None else {CONTRACT: contract}


class Service(ServiceOperations, Generic[SessionKind, EventsKind]):
    """What both clients share: everything except waiting."""

    base_url: str
    _policy: Policy

    @abstractmethod
    def _session(self, opened_with: Terms | str) -> SessionKind: ...

    @abstractmethod
    def events(self) -> EventsKind:
        """Stream the creation and end of sessions, and acts on patterns, as they happen; needs the extra `events`."""

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


class Kato(Service[Session[AnyPrediction], Events], Sync):
    """A service and the connections to it. You can call its methods from any number of threads.

    base_url: for example `http://127.0.0.1:8000`. contract: the version of KATO whose responses you want, "3.10" or
    "6.3"; sessions that this client creates keep it. Without one, a session's own counts, else the service's default,
    and types are those of 3.10. api_key: an access key; by default that of the environment variable
    KATO_API_KEY, if it is set. timeout: seconds without data before a request fails.
    delays: seconds before each retry of a request that was not served (408, 429, 502, 503, 504, or no connection).
    headers: sent with every request. http: a client of your own, for proxies or certificates; you close it.
    accept_unidentified: accept responses without `X-Kato-Instance`, such as those of KATO itself. A POST that may have
    been performed is then never retried, because KATO itself does not know idempotency keys.
    """

    @overload
    def __init__(
        self: "Kato[Prediction]",
        base_url: str,
        *,
        contract: Literal["3.10"] | None = None,
        http: httpx.Client | None = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: "Kato[Prediction63]",
        base_url: str,
        *,
        contract: Literal["6.3"],
        http: httpx.Client | None = None,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        base_url: str,
        *,
        contract: types.Contract | None = None,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        delays: Sequence[float] = DELAYS,
        headers: Mapping[str, str] | None = None,
        accept_unidentified: bool = False,
        http: httpx.Client | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        sent = {**with_key(headers, api_key, http), **_with_contract(contract)}
        self._policy = Policy(delays, accept_unidentified, sent)
        self._http = http or httpx.Client(timeout=timeout)
        self._closes_http = http is None
        self._driver = Driver(self._http, self.base_url)

    def _session(self, opened_with: Terms | str) -> Session[AnyPrediction]:
        return Session(self._driver, self._policy, opened_with)

    def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return self._driver.do(exchange(self._policy, operation, call, call.path))

    def events(self) -> Events:
        """Use it as `with kato.events() as events: for event in events: …`."""
        return Events(self.base_url, self._policy)

    def wait_for_job(self, job_id: str, *, poll: float = 0.5) -> types.Job:
        """Return the job once it is done, failed or cancelled; asks every `poll` seconds."""
        return self._driver.do(self._waiting(job_id, poll))

    def export_node(self, node_id: str, file: str | PathLike[str], *, resume: bool = False) -> types.NodeExported:
        """Write everything that a node knows, except vectors, to a new file.

        Uses little memory, and continues after lost connections.

        resume: continue a file that an earlier call did not complete. Raises FileExistsError without it, UnfitFile if
        the file is no export of this node, and ApiError (409) if the node has changed since: delete the file and begin
        again.
        """
        return self._driver.do(export(self._policy, node_id, file, resume=resume))

    def close(self) -> None:
        if self._closes_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncKato(Service[AsyncSession[AnyPrediction], AsyncEvents], Async):
    """Like `Kato`, for asyncio: await the same methods, write `async with` for `with` and `async for` for `for`."""

    @overload
    def __init__(
        self: "AsyncKato[Prediction]",
        base_url: str,
        *,
        contract: Literal["3.10"] | None = None,
        http: httpx.AsyncClient | None = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: "AsyncKato[Prediction63]",
        base_url: str,
        *,
        contract: Literal["6.3"],
        http: httpx.AsyncClient | None = None,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        base_url: str,
        *,
        contract: types.Contract | None = None,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        delays: Sequence[float] = DELAYS,
        headers: Mapping[str, str] | None = None,
        accept_unidentified: bool = False,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        sent = {**with_key(headers, api_key, http), **_with_contract(contract)}
        self._policy = Policy(delays, accept_unidentified, sent)
        self._http = http or httpx.AsyncClient(timeout=timeout)
        self._closes_http = http is None
        self._driver = AsyncDriver(self._http, self.base_url)

    def _session(self, opened_with: Terms | str) -> AsyncSession[AnyPrediction]:
        return AsyncSession(self._driver, self._policy, opened_with)

    async def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return await self._driver.do(exchange(self._policy, operation, call, call.path))

    def events(self) -> AsyncEvents:
        """Use it as `async with kato.events() as events: async for event in events: …`."""
        return AsyncEvents(self.base_url, self._policy)

    async def wait_for_job(self, job_id: str, *, poll: float = 0.5) -> types.Job:
        """Return the job once it is done, failed or cancelled; asks every `poll` seconds."""
        return await self._driver.do(self._waiting(job_id, poll))

    async def export_node(self, node_id: str, file: str | PathLike[str], *, resume: bool = False) -> types.NodeExported:
        """As `Kato.export_node`. It writes to the file between two parts of the response, without a thread."""
        return await self._driver.do(export(self._policy, node_id, file, resume=resume))

    async def close(self) -> None:
        if self._closes_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
