"""Which sessions a request may use: those that live, of the nodes of a caller whose access key is still valid."""

from access_app.admission import PERMITTED
from foundation import contracts, logs
from sessions_app.expiry import ALIVE

ADMITTED = f"{ALIVE} AND {PERMITTED}"


def met(*, node_id: str, contract: str | None) -> None:
    """A statement has read these of the session that the running request is about: for its log line and its answer."""
    logs.about(node_id=node_id)
    contracts.pin(contract)
