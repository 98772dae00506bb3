"""The rows of sessions: windows, percepts, configurations."""

from collections.abc import Iterator

from pydantic_core import from_json

from engine.stm import STM_LIMIT
from foundation.contracts import ContractName, of_row
from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from sessions_app import config
from sessions_app.errors import InvalidConfiguration
from sessions_app.models.sessions import Stream
from sessions_app.operations.sql import NEXT_VERSION

_SEEN = "{seen}_end = {all}_end AND {seen}_start BETWEEN GREATEST(0, {seen}_end - %(limit)s) AND {seen}_end"
_SAW_STM, _SAW_EMOTIVES = _SEEN.format(seen="seen", all="stm"), _SEEN.format(seen="seen_emotives", all="emotives")
_WINDOWS = " AND ".join(
    f"0 <= {stream}_start AND {stream}_start <= {stream}_end" for stream in ("stm", "emotives", "metadata", "vectors")
)
_LONGEST = "GREATEST(stm_end - stm_start, emotives_end - emotives_start, metadata_end - metadata_start)"
_PERCEPT = """
    COALESCE(json_typeof(percept) = 'object' AND json_typeof(percept->'strings') = 'array'
        AND json_typeof(percept->'vectors') = 'array' AND json_typeof(percept->'metadata') = 'object', false)
"""
_ROWS = f"""
    SELECT id, problem, repairable FROM sessions_app_session, LATERAL (VALUES
        (version >= 1, 'its version is below 1', false),
        (ttl_seconds >= 1, 'its time to live is below one second', false),
        (json_typeof(metadata) = 'object', 'its metadata is not an object', false),
        ({_WINDOWS}, 'a window of its entries ends before it begins', false),
        ({_LONGEST} <= %(limit)s, 'a window has more than {STM_LIMIT} entries', true),
        ({_SAW_STM} AND {_SAW_EMOTIVES}, 'what the last observation saw is not within its windows', true),
        ((percept IS NULL) = (time = 0), 'it has a percept without an observation, or the reverse', false),
        (percept IS NULL OR {_PERCEPT}, 'its percept cannot be read', false)
    ) AS found (holds, problem, repairable)
    WHERE NOT holds AND {OF_NODE}
"""
_LOCK = "SELECT id FROM sessions_app_session WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_CUT = ", ".join(
    f"{stream}_start = GREATEST({stream}_start, {stream}_end - %(limit)s)" for stream in ("stm", "emotives", "metadata")
)
# What exactly the last observation saw is lost; the whole present window stands in for it.
_REPAIR_ROWS = f"""
    UPDATE sessions_app_session SET version = {NEXT_VERSION}, {_CUT},
        seen_start = CASE WHEN {_SAW_STM} THEN seen_start ELSE GREATEST(stm_start, stm_end - %(limit)s) END,
        seen_end = stm_end,
        seen_emotives_start = CASE WHEN {_SAW_EMOTIVES} THEN seen_emotives_start
            ELSE GREATEST(emotives_start, emotives_end - %(limit)s) END,
        seen_emotives_end = emotives_end
    WHERE id = ANY(%(ids)s) AND {_WINDOWS}
"""


def _find_inconsistent(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, problem, repairable in rows(snapshot, _ROWS, node=node_id, limit=STM_LIMIT):
        yield Fault((session_id,), f"session {session_id}: {problem}", repairable)


def _repair_rows(connection: Connection, faults: list[Fault]) -> None:
    _lock_and_update(connection, faults, _REPAIR_ROWS)


def _lock_and_update(connection: Connection, faults: list[Fault], update: str) -> None:
    """Two statements: the update's snapshot is taken after the lock, so it sees what the last holder committed."""
    parameters = {"ids": [fault.key[0] for fault in faults], "limit": STM_LIMIT}
    for statement in (_LOCK, update):
        connection.execute(statement, parameters)


# Whether the last event differs from the percept. Not if there were vectors: the percept lacks their symbols.
_STRINGS_OF = 'ARRAY(SELECT one FROM json_array_elements_text({}) AS one ORDER BY one COLLATE "C")'
_DIFFERS_FROM_PERCEPT = f"""
    CASE WHEN NOT {_PERCEPT} OR json_typeof(entry.value) <> 'array' THEN false
        WHEN json_array_length(percept->'vectors') > 0 OR json_array_length(percept->'strings') = 0 THEN false
        ELSE {_STRINGS_OF.format("entry.value")} <> {_STRINGS_OF.format("percept->'strings'")} END
"""
_IS_LAST_EVENT = (
    f"entry.session_id = session.id AND entry.stream = {Stream.EVENTS} AND entry.position = session.stm_end"
)
_WRONG_PERCEPTS = f"""
    SELECT session.id FROM sessions_app_session AS session JOIN sessions_app_entry AS entry ON {_IS_LAST_EVENT}
    WHERE percept IS NOT NULL AND {_DIFFERS_FROM_PERCEPT} AND {OF_NODE}
"""
_REPAIR_PERCEPTS = f"""
    UPDATE sessions_app_session AS session SET version = {NEXT_VERSION}, percept = json_build_object(
        'strings', to_json({_STRINGS_OF.format("entry.value")}),
        'vectors', percept->'vectors', 'metadata', percept->'metadata')
    FROM sessions_app_entry AS entry
    WHERE session.id = ANY(%(ids)s) AND {_IS_LAST_EVENT} AND percept IS NOT NULL AND {_DIFFERS_FROM_PERCEPT}
"""


def _find_wrong_percepts(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for (session_id,) in rows(snapshot, _WRONG_PERCEPTS, node=node_id):
        yield Fault((session_id,), f"session {session_id}: its percept does not match its last event")


def _repair_percepts(connection: Connection, faults: list[Fault]) -> None:
    _lock_and_update(connection, faults, _REPAIR_PERCEPTS)


_TOO_SMALL = f"""
    SELECT session.id, content_bytes, sum(octet_length(value::text)) AS held
    FROM sessions_app_session AS session, LATERAL (VALUES
        ({Stream.EVENTS}, stm_start, stm_end), ({Stream.EMOTIVES}, emotives_start, emotives_end),
        ({Stream.METADATA}, metadata_start, metadata_end), ({Stream.VECTORS}, vectors_start, vectors_end)
    ) AS live (stream, after, until) JOIN sessions_app_entry AS entry ON entry.stream = live.stream
        AND entry.position > live.after AND entry.position <= live.until
    WHERE entry.session_id = session.id AND content_bytes IS NOT NULL AND {OF_NODE}
    GROUP BY session.id HAVING sum(octet_length(value::text)) > content_bytes
"""
_FORGET_SIZE = "UPDATE sessions_app_session SET content_bytes = NULL WHERE id = ANY(%(ids)s)"


def _find_too_small(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, bound, held in rows(snapshot, _TOO_SMALL, node=node_id):
        yield Fault(
            (session_id,), f"session {session_id}: it holds {held} bytes of JSON, more than its bound of {bound}"
        )


def _forget_size(connection: Connection, faults: list[Fault]) -> None:
    """The next append counts."""
    connection.execute(_FORGET_SIZE, {"ids": [fault.key[0] for fault in faults]})


_CONFIGS = f"""
    SELECT config::text, contract, min(id), count(*) FROM sessions_app_session WHERE {OF_NODE} GROUP BY config, contract
"""


def _find_invalid_configs(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for text, contract, session_id, number in rows(snapshot, _CONFIGS, node=node_id):
        for key, problem in _problems_of_config(from_json(text), contract).items():
            others = f" and {number - 1} more" if number > 1 else ""
            what = f"session {session_id}{others}: {key}: {problem}; set it with POST …/config"
            yield Fault((), what, repairable=False)


def _problems_of_config(own: object, stored: str | None) -> dict[str, str]:
    """By the rules of the session's contract. One that stores none is of 3.10: it is older than contracts."""
    if not isinstance(own, dict):
        return {"config": "Must be an object"}
    contract = ContractName.KATO_3_10 if stored is None else of_row(stored)
    try:
        config.validate(own, contract=contract)
    except InvalidConfiguration as error:
        return error.problems
    return {key: "Is not a setting" for key in own if key not in config.RULES[contract].all}


CHECKS = [
    Check("sessions", "a session's windows, version and percept are consistent", _find_inconsistent, _repair_rows),
    Check("percepts", "the percept of a session matches its last event", _find_wrong_percepts, _repair_percepts),
    Check("session-sizes", "what a session holds is at most what it is counted with", _find_too_small, _forget_size),
    Check("configurations", "a session's own settings are valid", _find_invalid_configs),
]
