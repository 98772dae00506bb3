"""Predictions for a session: what its node predicts for its STM, computed on request.

A prediction depends on the session at one version and on the node at one version. It is cached under both, so a
repeated request costs no more than a read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from engine.observation import make_event
from engine.predict import Prediction
from engine.stm import STM_LIMIT, state
from memory_app.index import NodeVersion
from memory_app.patience import PREDICTION_SECONDS
from memory_app.reads.recall import Memory, recall
from sessions_app import cache
from sessions_app.admitted import ADMITTED
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound
from sessions_app.models.sessions import Stream
from sessions_app.reads.admission import ADMISSION, admit
from sessions_app.reads.contents import SEEN_EVENTS, STM
from sessions_app.stores import SESSIONS

_STATE_COLUMNS = f"version, config, {STM} AS events"
_STATE = f"SELECT {ADMISSION}, {_STATE_COLUMNS} FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}"
_STATE_UNTOUCHED = f"SELECT false, node_id, {_STATE_COLUMNS} FROM sessions_app_session WHERE id = %(id)s"
# What the last observation saw may differ from the present STM: learning empties the STM, the predictions stay.
_COGNITION = f"""
    SELECT {ADMISSION}, version, config, time, {STM} AS stm, {SEEN_EVENTS} AS seen,
        (SELECT value::text FROM sessions_app_entry WHERE session_id = id AND stream = {Stream.EMOTIVES}
            AND position = seen_emotives_end AND position > seen_emotives_start) AS emotives
    FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}
"""


class _StateRow(NamedTuple):
    """`config` is the session's own, as JSON; `events` the inside of a JSON array."""

    touch_due: bool
    node_id: str
    version: int
    config: str
    events: str


class _CognitionRow(NamedTuple):
    touch_due: bool
    node_id: str
    version: int
    config: str
    time: int
    stm: str
    seen: str
    emotives: str | None


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


def predictions(session_id: str) -> bytes:
    """JSON of `predictions`, `future_potentials` and `count` for the present STM. Raises SessionNotFound."""
    return _predictions(session_id, admit(session_id, _STATE, _StateRow._make))


def preview(
    session_id: str, changes: Mapping[str, Any] | None = None, *, seconds: float | None = PREDICTION_SECONDS
) -> bytes:
    """As `predictions`, but no access: of any session whose row exists, alive or expired, without extending it.

    `changes`: settings (from `config.validate`) to predict with, as if the session had them. `seconds`: as in `recall`.
    Raises SessionNotFound.
    """
    columns = SESSIONS.execute_one(_STATE_UNTOUCHED, {"id": session_id})
    if columns is None:
        raise SessionNotFound(session_id)
    row = _StateRow._make(columns)
    if not changes:
        return _predictions(session_id, row, seconds=seconds)
    stm = from_json(f"[{row.events}]")
    in_force = effective({**from_json(row.config), **changes})
    return recall(row.node_id, lambda memory: _whole(memory.predict(stm, in_force)), seconds=seconds)


def imagine(
    *, node_id: str, config: Mapping[str, Any], events: Iterable[list[str]], seconds: float | None = PREDICTION_SECONDS
) -> bytes:
    """As `predictions`, for a session that would have observed these events; nothing is stored."""
    in_force = effective(config)
    made = (make_event(strings, sort_symbols=in_force["sort_symbols"]) for strings in events)
    stm = [event for event in made if event][-STM_LIMIT:]
    return recall(node_id, lambda memory: _whole(memory.predict(stm, in_force)), seconds=seconds)


def answer(session_id: str, predictions: bytes) -> bytes:
    """The body of `GET /sessions/{id}/predictions`."""
    rest = to_json({"session_id": session_id, "processor_id": None, "time": None, "unique_id": None})
    return b"%b,%b" % (predictions.removesuffix(b"}"), rest.removeprefix(b"{"))


def cognition(session_id: str) -> Cognition:
    """Raises SessionNotFound."""
    row = admit(session_id, _COGNITION, _CognitionRow._make)
    return Cognition(
        node_id=row.node_id,
        predictions=_cached_or_computed(session_id, row.version, row.node_id, row.config, row.seen, view="cognition"),
        emotives=from_json(row.emotives) if row.emotives else {},
        stm=from_json(f"[{row.stm}]"),
        time=row.time,
    )


def _predictions(session_id: str, row: _StateRow, *, seconds: float | None = PREDICTION_SECONDS) -> bytes:
    view = "predictions"
    return _cached_or_computed(session_id, row.version, row.node_id, row.config, row.events, view=view, seconds=seconds)


def _cached_or_computed(
    session_id: str,
    version: int,
    node_id: str,
    config: str,
    events: str,
    *,
    view: str,
    seconds: float | None = PREDICTION_SECONDS,
) -> bytes:
    """What the node predicts for the events, cached as this `view` of the session."""

    def predict(memory: Memory) -> bytes:
        name = view_name(view, memory.version)
        cached = cache.get(session_id, version, name)
        if cached is not None:
            return cached
        payload = computed(memory, config, events, view=view)
        cache.put(session_id, version, name, payload)
        return payload

    return recall(node_id, predict, seconds=seconds)


def computed(memory: Memory, config: str, events: str, *, view: str) -> bytes:
    """The payload of this view, as JSON, never from the cache. `config` and `events` as they are stored.

    Raises LearnedMeanwhile.
    """
    prediction = memory.predict(from_json(f"[{events}]"), effective(from_json(config)))
    return _PAYLOADS[view](prediction)


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


def view_name(view: str, version: NodeVersion) -> str:
    """The view's part of the cache key: with the node's version, which the session's version does not cover."""
    return f"{view}:{version.memory}.{version.learned}.{version.finalized}.{version.rebuilt}"


def version_in(view_name: str) -> NodeVersion:
    """The inverse of `view_name`."""
    return NodeVersion(*map(int, view_name.partition(":")[2].split(".")))
