"""Predictions for a session: what its node makes of its STM, computed when somebody asks.

Predictions depend on the session at one version and on the node at one version, so they are cached under both: asked
again, they cost what a read costs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from pydantic_core import from_json, to_json

from engine.observation import make_event
from engine.predict import Prediction
from engine.stm import STM_LIMIT, state
from memory_app.index import NodeVersion
from memory_app.reads.recall import Memory, recall
from sessions_app import cache
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import ALIVE
from sessions_app.models.sessions import Stream
from sessions_app.reads.reading import ADMISSION, admitted, window
from sessions_app.stores import SESSIONS

_STATE = f"""
    SELECT {ADMISSION}, version, config, {window(Stream.EVENTS, "stm_start", "stm_end")}
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}
"""
_STATE_OF_ANY = f"""
    SELECT version, node_id, config, {window(Stream.EVENTS, "stm_start", "stm_end")}
    FROM sessions_app_session WHERE id = %(id)s
"""
# What the last observation saw may differ from what the STM is now: learning empties the STM, the predictions stay.
_COGNITION = f"""
    SELECT {ADMISSION}, version, config, time, {window(Stream.EVENTS, "stm_start", "stm_end")},
        {window(Stream.EVENTS, "seen_start", "seen_end")},
        (SELECT value::text FROM sessions_app_entry WHERE session_id = id AND stream = {Stream.EMOTIVES}
            AND position = seen_emotives_end AND position > seen_emotives_start)
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}
"""


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
    """JSON of `predictions`, `future_potentials` and `count` for the STM as it is. Raises SessionNotFound."""
    node_id, version, config, events = admitted(session_id, SESSIONS.execute_one(_STATE, {"id": session_id}))
    return _predict(session_id, version, node_id, config, events, view="predictions")


def preview(session_id: str, changes: Mapping[str, Any] | None = None) -> bytes:
    """As `predictions`, but of any session there still is, which it does not keep alive.

    `changes`: settings (from `config.validate`) as if the session had them. Raises SessionNotFound.
    """
    row = SESSIONS.execute_one(_STATE_OF_ANY, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, node_id, config, events = row
    if not changes:
        return _predict(session_id, version, node_id, config, events, view="predictions")
    stm = from_json(f"[{events}]")
    in_force = effective({**from_json(config), **changes})
    return recall(node_id, lambda memory: _whole(memory.predict(stm, in_force)))


def imagine(*, node_id: str, config: Mapping[str, Any], events: Iterable[list[str]]) -> bytes:
    """As `predictions`, for a session that would have observed these events; nothing is stored."""
    in_force = effective(config)
    made = (make_event(strings, sort_symbols=in_force["sort_symbols"]) for strings in events)
    stm = [event for event in made if event][-STM_LIMIT:]
    return recall(node_id, lambda memory: _whole(memory.predict(stm, in_force)))


def answer(session_id: str, predictions: bytes) -> bytes:
    """The body of `GET /sessions/{id}/predictions`."""
    rest = to_json({"session_id": session_id, "processor_id": None, "time": None, "unique_id": None})
    return b"%b,%b" % (predictions.removesuffix(b"}"), rest.removeprefix(b"{"))


def cognition(session_id: str) -> Cognition:
    """Raises SessionNotFound."""
    node_id, version, config, time, events, seen, emotives = admitted(
        session_id, SESSIONS.execute_one(_COGNITION, {"id": session_id})
    )
    made = _predict(session_id, version, node_id, config, seen, view="cognition")
    return Cognition(node_id, made, from_json(emotives) if emotives else {}, from_json(f"[{events}]"), time)


def _predict(session_id: str, version: int, node_id: str, config: str, events: str, *, view: str) -> bytes:
    """What the node predicts for the events, cached as this `view` of the session."""

    def remembered_or_made(memory: Memory) -> bytes:
        name = view_name(view, memory.version)
        cached = cache.get(session_id, version, name)
        if cached is not None:
            return cached
        payload = predicted(memory, config, events, view=view)
        cache.put(session_id, version, name, payload)
        return payload

    return recall(node_id, remembered_or_made)


def predicted(memory: Memory, config: str, events: str, *, view: str) -> bytes:
    """What is cached as this view: JSON, computed now. `config` and `events` as they are stored.

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
    """Under which a prediction is cached, beside the session's version: the node has one too."""
    return f"{view}:{version.memory}.{version.learned}.{version.finalized}.{version.rebuilt}"


def version_in(view_name: str) -> NodeVersion:
    """The inverse."""
    return NodeVersion(*map(int, view_name.partition(":")[2].split(".")))
