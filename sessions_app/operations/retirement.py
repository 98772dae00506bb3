"""Retiring, un-retiring and purging patterns of a session's node, for all its sessions (engine.md 4.5)."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from memory_app.operations import purging, retiring
from memory_app.operations.purging import Purged
from memory_app.operations.retiring import ActedOn
from sessions_app.admitted import ADMITTED
from sessions_app.errors import SessionNotFound
from sessions_app.operations.changes import touch
from sessions_app.stores import SESSIONS

_NODE = f"SELECT node_id FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}"


class OfNode(NamedTuple):
    """`done`: the patterns that were retired or un-retired, and those that already were."""

    node_id: str
    done: ActedOn


class PurgedOfNode(NamedTuple):
    node_id: str
    done: Purged


@transaction.atomic
def retire(*, session_id: str, names: Sequence[str], why: str | None = None) -> OfNode:
    """Raises SessionNotFound."""
    node_id = touch(session_id=session_id)
    return OfNode(node_id, retiring.retire(node_id=node_id, names=names, why=why))


@transaction.atomic
def un_retire(*, session_id: str, names: Sequence[str], why: str | None = None) -> OfNode:
    """Raises SessionNotFound."""
    node_id = touch(session_id=session_id)
    return OfNode(node_id, retiring.un_retire(node_id=node_id, names=names, why=why))


def purge(*, session_id: str, names: Sequence[str] | None, limit: int, why: str | None = None) -> PurgedOfNode:
    """Raises SessionNotFound, PredictionTimedOut."""
    # Before the session's row is locked: others who use the session do not wait while an index is read.
    purging.read_ahead(_node_of(session_id))
    with transaction.atomic():
        node_id = touch(session_id=session_id)
        return PurgedOfNode(node_id, purging.purge(node_id=node_id, names=names, limit=limit, why=why))


def _node_of(session_id: str) -> str:
    """Raises SessionNotFound."""
    row = SESSIONS.execute_one(_NODE, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    return str(row[0])
