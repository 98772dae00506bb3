"""Creating a session."""

import uuid
from time import time_ns
from typing import Any

from django.db import transaction

from access_app import quotas
from access_app.admission import CONFIRMED
from foundation import callers, contracts, logs
from foundation.contracts import ContractName
from foundation.postgresql.statements import Parameters, Row
from sessions_app.admitted import met
from sessions_app.expiry import ALIVE, FIRST_DEADLINE
from sessions_app.operations import announcements
from sessions_app.operations.sql import FIRST_VERSION, json_text
from sessions_app.shapes.session_info import SessionInfo
from sessions_app.stores import SESSIONS

_CREATE = f"""
    WITH session AS (
        INSERT INTO sessions_app_session
            (id, node_id, key_id, contract, created_at, ttl_seconds, expires_at, version, config, metadata,
            content_bytes)
        SELECT %(id)s, %(node_id)s, %(key_id)s, %(contract)s, now(), ttl_seconds, {FIRST_DEADLINE}, {FIRST_VERSION},
               %(config)s::jsonb, %(metadata)s::json, 0
        FROM (VALUES (%(ttl)s::bigint)) AS given (ttl_seconds)
        WHERE {CONFIRMED}
        RETURNING id, node_id, created_at, now() + make_interval(secs => ttl_seconds) AS promised
    ), announced AS ({announcements.record(announcements.Kind.CREATED, "id, node_id, created_at FROM session")})
    SELECT created_at, promised FROM session
"""

_OF_KEY = f"SELECT count(*) FROM sessions_app_session WHERE key_id = %(key_id)s AND {ALIVE}"


def new_session_id() -> str:
    """`session-` + 32 hex digits of a random UUID + `-` + the time in epoch milliseconds (http.md 2.1)."""
    return f"session-{uuid.uuid4().hex}-{time_ns() // 1_000_000}"


def create(
    *,
    node_id: str,
    ttl_seconds: int,
    config: dict[str, Any],
    metadata: dict[str, Any],
    contract: ContractName | None = None,
) -> SessionInfo:
    """Create a session that lives for `ttl_seconds` after its last access.

    config: from `config.validate`, by the rules of the contract. contract: what the session is pinned to; None for the
    service's default. Raises QuotaUsedUp.
    """
    session_id = new_session_id()
    contract = contract or contracts.default()
    logs.about(session_id=session_id)
    met(node_id=node_id, contract=contract)
    own = {key: value for key, value in config.items() if value is not None}
    given = json_text(metadata)
    parameters = {
        "id": session_id,
        "node_id": node_id,
        "key_id": callers.current().key_id,
        "contract": contract.value,
        "ttl": ttl_seconds,
        "config": json_text(own),
        "metadata": given,
    }
    if quotas.limits().sessions is None:
        row = SESSIONS.execute_one(_CREATE, parameters)
    else:
        row = _create_within_quota(parameters)
    assert row is not None  # the store has confirmed the caller, or raised
    created_at, expires_at = row
    return SessionInfo(session_id, node_id, created_at, expires_at, ttl_seconds, given.encode(), own, contract)


@transaction.atomic
def _create_within_quota(parameters: Parameters) -> Row | None:
    key_id = callers.current().key_id
    quotas.hold("sessions", key_id=key_id)
    [(living,)] = SESSIONS.execute(_OF_KEY, parameters)
    quotas.check("sessions", living, quotas.limits(), key_id=key_id)
    return SESSIONS.execute_one(_CREATE, parameters)
