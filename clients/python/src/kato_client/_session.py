"""Sessions as objects: open, use and close them; if you ask for it, they are rebuilt after a loss."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from kato_client import types
from kato_client._call import Async, Call, Sync, operation
from kato_client._drivers import AsyncDriver, Driver
from kato_client._exchange import Acquire, Lock, Policy, Work, exchange
from kato_client._journal import Journal
from kato_client._operations import ServiceOperations
from kato_client._session_operations import SessionOperations
from kato_client.errors import KatoError, SessionNotFound
from kato_client.types import AnyPrediction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recovered:
    """A session was lost and has been rebuilt under another id.

    replayed: how many observations the new session received. complete: False if the lost session also held events of
    other writers, which this client cannot know. Never restored: `time`, explicit extensions, and the percept of a
    learned observation.
    """

    lost_id: str
    new_id: str
    replayed: int
    complete: bool
    reason: SessionNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The arguments that a session is opened with; `keep`: leaving its block does not delete it."""

    node_id: str
    config: types.Config | None = None
    metadata: Mapping[str, Any] | None = None
    ttl_seconds: int | None = None
    recover: bool = False
    on_recovery: Callable[[Recovered], object] | None = None
    keep: bool = False


class SessionState:
    """What both kinds of session share: everything except waiting."""

    def __init__(self, policy: Policy, lock: Lock, opened_with: Terms | str) -> None:
        self._policy = policy
        self._lock = lock
        self._terms = opened_with if isinstance(opened_with, Terms) else None
        self._id = opened_with if isinstance(opened_with, str) else None
        self._journal = Journal(self._terms.config if self._terms else None)
        self._length_at_creation = 0  # the max_pattern_length in force then
        #: One entry for each time the session was lost and rebuilt; stays empty without `recover=True`.
        self.recoveries: list[Recovered] = []

    @property
    def id(self) -> str:
        """The session's id; it changes only when the session is recovered."""
        if self._id is None:
            raise RuntimeError("The session is not open: use it in a `with` block, or call open()")
        return self._id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id or 'not open'}>"

    @property
    def _is_ours(self) -> bool:
        return self._id is not None and self._terms is not None and not self._terms.keep

    def _opening(self) -> Work[None]:
        if self._terms is None or self._id is not None:
            return
        created = yield from self._creating(self._terms, self._terms.config)
        self._length_at_creation = created["session_config"]["max_pattern_length"]
        self._id = created["session_id"]

    def _asking(self, asked: operation[..., T], call: Call[T]) -> Work[T]:
        if self._terms is None or not self._terms.recover:
            return self._asking_once(asked, call)
        return self._asking_in_turn(self._terms, asked, call)

    def _asking_once(self, asked: operation[..., T], call: Call[T]) -> Work[T]:
        return exchange(self._policy, asked, call, {"session_id": self.id})

    def _asking_in_turn(self, terms: Terms, asked: operation[..., T], call: Call[T]) -> Work[T]:
        # One call at a time, so that the journal has the order in which the service performed them.
        yield Acquire(self._lock)
        try:
            try:
                answer = yield from self._asking_once(asked, call)
            except SessionNotFound as reason:
                if asked.method == "DELETE" or reason.maybe_performed:
                    raise
                yield from self._building_again(terms, reason)
                answer = yield from self._asking_once(asked, call)
            if call.remember is not None:
                call.remember(self._journal, answer)
            return answer
        finally:
            self._lock.release()

    def _building_again(self, terms: Terms, reason: SessionNotFound) -> Work[None]:
        """Replay into a session that no other client knows yet, and switch to it only when the replay is complete."""
        config, lost_id, observations = self._journal.config, self.id, self._journal.replay()
        length = config.get("max_pattern_length", self._length_at_creation)
        # During the replay the session must not learn a second time.
        created = yield from self._creating(terms, cast(types.Config, {**config, "max_pattern_length": 0}))
        names = {"session_id": created["session_id"]}
        if observations:
            replay = SessionOperations.observe_sequence
            yield from exchange(self._policy, replay, replay.build(self, observations), names)
        if length:
            update = SessionOperations.update_config
            yield from exchange(self._policy, update, update.build(self, {"max_pattern_length": length}), names)
        self._id = created["session_id"]
        recovered = Recovered(lost_id, self._id, len(observations), self._journal.complete, reason)
        self.recoveries.append(recovered)
        if terms.on_recovery is not None:
            terms.on_recovery(recovered)

    def _creating(self, terms: Terms, config: types.Config | None) -> Work[types.SessionInfo]:
        create = ServiceOperations.create_session
        call = create.build(self, terms.node_id, config=config, metadata=terms.metadata, ttl_seconds=terms.ttl_seconds)
        return exchange(self._policy, create, call, {})

    def _note_not_deleted(self, error: BaseException, reason: KatoError) -> None:
        error.add_note(f"In addition, session {self._id} could not be deleted: {reason}")


class Session(SessionState, SessionOperations[AnyPrediction], Sync):
    """A session of `Kato`. In a `with` block: created on entry, deleted on exit."""

    def __init__(self, driver: Driver, policy: Policy, opened_with: Terms | str) -> None:
        super().__init__(policy, threading.Lock(), opened_with)
        self._driver = driver

    def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return self._driver.do(self._asking(operation, call))

    def open(self) -> Self:
        """Create the session unless it is already open."""
        self._driver.do(self._opening())
        return self

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_ours:
            return
        try:
            self.delete()
        except SessionNotFound:
            pass  # it is gone, as intended
        except KatoError as reason:
            if error is None:
                raise
            self._note_not_deleted(error, reason)


class AsyncSession(SessionState, SessionOperations[AnyPrediction], Async):
    """A session of `AsyncKato`. In an `async with` block: created on entry, deleted on exit."""

    def __init__(self, driver: AsyncDriver, policy: Policy, opened_with: Terms | str) -> None:
        super().__init__(policy, asyncio.Lock(), opened_with)
        self._driver = driver

    async def _perform(self, operation: operation[..., T], call: Call[T]) -> T:
        return await self._driver.do(self._asking(operation, call))

    async def open(self) -> Self:
        """Create the session unless it is already open."""
        await self._driver.do(self._opening())
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_ours:
            return
        try:
            await self.delete()
        except SessionNotFound:
            pass  # it is gone, as intended
        except KatoError as reason:
            if error is None:
                raise
            self._note_not_deleted(error, reason)
