"""Admitting a read that counts as an access: the session is alive, and its deadline moves when a touch is due."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from foundation.postgresql.statements import Row
from sessions_app.admitted import met
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import TOUCH_DUE
from sessions_app.operations import touch
from sessions_app.stores import SESSIONS

# The first columns of every statement that `admit` runs.
ADMISSION = f"{TOUCH_DUE} AS touch_due, node_id, contract"


class AdmittedRow(Protocol):
    """A row by name, whose first fields are the columns of ADMISSION."""

    @property
    def touch_due(self) -> bool: ...

    @property
    def node_id(self) -> str: ...

    @property
    def contract(self) -> str | None: ...


Admitted = TypeVar("Admitted", bound=AdmittedRow)


def admit(session_id: str, statement: str, make: Callable[[Row], Admitted]) -> Admitted:
    """Run a statement that selects ADMISSION and more of one living session. Raises SessionNotFound.

    `make`: names the columns (`_make` of a NamedTuple).
    """
    columns = SESSIONS.execute_one(statement, {"id": session_id})
    if columns is None:
        raise SessionNotFound(session_id)
    row = make(columns)
    met(node_id=row.node_id, contract=row.contract)
    if row.touch_due:
        touch(session_id=session_id)
    return row
