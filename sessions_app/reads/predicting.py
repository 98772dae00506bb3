"""Predictions for a session: what its node predicts for its STM, computed on request.

A prediction depends on the session at one version and on the node at one version, which existed at one moment; on the
service's defaults; and on the contract that it is shown by. It is cached under all of these, so a repeated request
costs no more than a read.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from pydantic_core import from_json, to_json

from engine.contracts import CONTRACTS
from engine.observation import make_event
from engine.predict import Prediction
from engine.stm import STM_LIMIT, state
from foundation import contracts
from foundation.contracts import ContractName, of_row
from foundation.postgresql.statements import Row
from memory_app.node_index import NodeVersion
from memory_app.patience import PREDICTION_SECONDS
from memory_app.reads.recall import LearnedMeanwhile, Memory, recall
from sessions_app import cache
from sessions_app.admitted import ADMITTED
from sessions_app.config import MARKS, effective, validate
from sessions_app.errors import SessionNotFound
from sessions_app.models.sessions import Stream
from sessions_app.reads.admission import ADMISSION, admit
from sessions_app.reads.contents import SEEN_EVENTS, STM
from sessions_app.stores import SESSIONS

_STATE_COLUMNS = f"version, config, {STM} AS events"
_STATE = f"SELECT {ADMISSION}, {_STATE_COLUMNS} FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}"
_STATE_UNTOUCHED = f"SELECT false, node_id, contract, {_STATE_COLUMNS} FROM sessions_app_session WHERE id = %(id)s"
# What the last observation saw may differ from the present STM: learning empties the STM, the predictions stay.
_COGNITION_COLUMNS = f"""
    version, config, time, {STM} AS stm, {SEEN_EVENTS} AS seen,
    (SELECT value::text FROM sessions_app_entry WHERE session_id = id AND stream = {Stream.EMOTIVES}
        AND position = seen_emotives_end AND position > seen_emotives_start) AS emotives
"""
_COGNITION = f"SELECT {ADMISSION}, {_COGNITION_COLUMNS} FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}"
_COGNITION_UNTOUCHED = (
    f"SELECT false, node_id, contract, {_COGNITION_COLUMNS} FROM sessions_app_session WHERE id = %(id)s"
)
_VERSION = "SELECT version FROM sessions_app_session WHERE id = %(id)s"


class _StateRow(NamedTuple):
    """`config` is the session's own, as JSON; `events` the inside of a JSON array."""

    touch_due: bool
    node_id: str
    contract: str | None
    version: int
    config: str
    events: str


class _CognitionRow(NamedTuple):
    touch_due: bool
    node_id: str
    contract: str | None
    version: int
    config: str
    time: int
    stm: str
    seen: str
    emotives: str | None


SessionRow = TypeVar("SessionRow", _StateRow, _CognitionRow)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Cognition:
    """`emotives`: the last accumulated map (D38); `predictions`: JSON, of the state as the last observation left it."""

    node_id: str
    predictions: bytes
    emotives: dict[str, float]
    stm: list[list[str]]
    time: int

    @property
    def symbols(self) -> list[str]:
        return state(self.stm)


def predictions(session_id: str, *, asked: ContractName | None = None) -> bytes:
    """JSON of `predictions`, `future_potentials` and `count` for the present STM. Raises SessionNotFound.

    asked: the contract to show them by; None for the session's.
    """
    return _at_one_moment(
        session_id,
        lambda: admit(session_id, _STATE, _StateRow._make),
        _state_of(session_id),
        partial(_predictions, asked=asked),
    )


def preview(
    session_id: str, given: Mapping[str, Any] | None = None, *, seconds: float | None = PREDICTION_SECONDS
) -> bytes:
    """As `predictions`, but no access: of any session whose row exists, alive or expired, without extending it.

    `given`: settings to predict with, as if the session had them, by the rules of its contract. `seconds`: as in
    `recall`. Raises SessionNotFound and InvalidConfiguration.
    """
    read = _state_of(session_id)
    if not given:
        return _at_one_moment(session_id, read, read, _predictions, seconds=seconds)

    def predict(session_id: str, row: _StateRow, memory: Memory) -> bytes:
        contract = of_row(row.contract)
        changes = validate(given, contract=contract)
        in_force = effective({**from_json(row.config), **changes}, contract=contract)
        return _whole(memory.predict(from_json(f"[{row.events}]"), in_force, contract=CONTRACTS[contract]))

    return _at_one_moment(session_id, read, read, predict, seconds=seconds)


def imagine(
    *,
    node_id: str,
    config: Mapping[str, Any],
    events: Iterable[list[str]],
    contract: ContractName | None = None,
    seconds: float | None = PREDICTION_SECONDS,
) -> bytes:
    """As `predictions`, for a session of this contract that would have observed these events; nothing is stored."""
    contract = contract or contracts.default()
    in_force = effective(config, contract=contract)
    made = (make_event(strings, sort_symbols=in_force["sort_symbols"]) for strings in events)
    stm = [event for event in made if event][-STM_LIMIT:]

    def predict(memory: Memory) -> bytes:
        return _whole(memory.predict(stm, in_force, contract=CONTRACTS[contract]))

    return recall(node_id, predict, seconds=seconds)


def answer(session_id: str, predictions: bytes) -> bytes:
    """The body of `GET /sessions/{id}/predictions`."""
    rest = to_json({"session_id": session_id, "processor_id": None, "time": None, "unique_id": None})
    return b"%b,%b" % (predictions.removesuffix(b"}"), rest.removeprefix(b"{"))


def cognition(session_id: str, *, asked: ContractName | None = None) -> Cognition:
    """asked: as of `predictions`. Raises SessionNotFound."""
    return _at_one_moment(
        session_id,
        lambda: admit(session_id, _COGNITION, _CognitionRow._make),
        lambda: _CognitionRow._make(_untouched(session_id, _COGNITION_UNTOUCHED)),
        partial(_cognition, asked=asked),
    )


def _cognition(session_id: str, row: _CognitionRow, memory: Memory, *, asked: ContractName | None = None) -> Cognition:
    return Cognition(
        node_id=row.node_id,
        predictions=_cached_or_computed(session_id, row, row.seen, memory, view="cognition", asked=asked),
        emotives=from_json(row.emotives) if row.emotives else {},
        stm=from_json(f"[{row.stm}]"),
        time=row.time,
    )


def _predictions(session_id: str, row: _StateRow, memory: Memory, *, asked: ContractName | None = None) -> bytes:
    return _cached_or_computed(session_id, row, row.events, memory, view="predictions", asked=asked)


def _state_of(session_id: str) -> Callable[[], _StateRow]:
    return lambda: _StateRow._make(_untouched(session_id, _STATE_UNTOUCHED))


def _untouched(session_id: str, statement: str) -> Row:
    columns = SESSIONS.execute_one(statement, {"id": session_id})
    if columns is None:
        raise SessionNotFound(session_id)
    return columns


def _at_one_moment(
    session_id: str,
    read: Callable[[], SessionRow],
    read_again: Callable[[], SessionRow],
    use: Callable[[str, SessionRow, Memory], Result],
    *,
    seconds: float | None = PREDICTION_SECONDS,
) -> Result:
    """Call `use` with the session and its node's memory as they were at one moment. Raises SessionNotFound.

    The session is read before the memory. If both have changed in between, that was perhaps one learn: its pattern
    beside an STM that still holds it never existed. So the session is read again, and then the memory.
    """
    began = time.monotonic()
    row = read()

    def use_if_of_one_moment(memory: Memory) -> Result:
        nonlocal began, row
        if memory.node.known_since > began and (row.version,) != SESSIONS.execute_one(_VERSION, {"id": session_id}):
            began = time.monotonic()
            row = read_again()
            if not memory.is_held:
                raise LearnedMeanwhile
        return use(session_id, row, memory)

    return recall(row.node_id, use_if_of_one_moment, seconds=seconds)


def _cached_or_computed(
    session_id: str,
    row: _StateRow | _CognitionRow,
    events: str,
    memory: Memory,
    *,
    view: str,
    asked: ContractName | None,
) -> bytes:
    """What the memory predicts for the events, cached as this `view` of the session."""
    shown_by = asked or of_row(row.contract)
    name = view_name(view, memory.version, shown_by=shown_by, stored_contract=row.contract)
    cached = cache.get(session_id, row.version, name)
    if cached is not None:
        return cached
    payload = computed(memory, row.config, events, view=view, stored_contract=row.contract, shown_by=shown_by)
    cache.put(session_id, row.version, name, payload)
    return payload


def computed(
    memory: Memory, config: str, events: str, *, view: str, stored_contract: str | None, shown_by: ContractName
) -> bytes:
    """The payload of this view, as JSON, never from the cache.

    `config`, `events` and `stored_contract` as they are stored. Raises LearnedMeanwhile.
    """
    in_force = effective(from_json(config), contract=of_row(stored_contract))
    return _PAYLOADS[view](memory.predict(from_json(f"[{events}]"), in_force, contract=CONTRACTS[shown_by]))


def _whole(prediction: Prediction) -> bytes:
    return b'{"predictions":%b,"future_potentials":%b,"count":%d}' % (
        prediction.predictions,
        prediction.future_potentials,
        prediction.count,
    )


# The views of cache.PREDICTION_VIEWS.
_PAYLOADS: dict[str, Callable[[Prediction], bytes]] = {
    "predictions": _whole,
    "cognition": attrgetter("predictions"),
}


def view_name(view: str, version: NodeVersion, *, shown_by: ContractName, stored_contract: str | None) -> str:
    """The view's part of the cache key: with what the session's version does not cover.

    That is the contract that the predictions are shown by, the defaults of what the session does not store, and the
    node's version.
    """
    node = f"{version.memory}.{version.learned}.{version.finalized}.{version.rebuilt}.{version.acts}"
    return f"{view}:{shown_by}:{MARKS[of_row(stored_contract)]}:{node}"


def version_in(view_name: str) -> NodeVersion:
    return NodeVersion(*map(int, view_name.rpartition(":")[2].split(".")))
