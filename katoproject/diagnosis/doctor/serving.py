"""What the running service says of its own connections to PostgreSQL: those of this command may be better."""

import http.client
from collections.abc import Iterator

from django.conf import settings

from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.diagnosis.remote import BaseUrl, Connection
from katoproject.launcher.preflight import COVERS_LOOPBACK, LOOPBACK

PATIENCE = 4.0  # seconds for one response: above those of the checks that it contains
ATTEMPTS = 3  # on connections of their own, which the kernel divides among the processes

_CHECK = "serving"


def serving() -> Iterator[Finding]:
    host, port = settings.ENV.host, settings.ENV.port
    address = LOOPBACK[0] if host in COVERS_LOOPBACK else host
    try:
        databases = [_database(address, port) for _ in range(ATTEMPTS)]
    except (OSError, http.client.HTTPException):
        return  # the check of the port reports it
    bad = next((part for part in databases if part and not part["ok"]), None)
    if bad is None:
        if any(databases):
            yield ok(_CHECK, "the service's own connections to PostgreSQL are as they must be")
    elif bad["required"]:
        yield problem(_CHECK, f"the service reports of PostgreSQL: {bad['error']}", "see database and connection above")
    else:
        yield warning(_CHECK, f"the service reports of PostgreSQL: {bad['error']}", "see database and connection above")


def _database(address: str, port: int) -> dict[str, object] | None:
    """The part `database` of the readiness of the process that responds; None for another program."""
    connection = Connection(BaseUrl("http", address, port, ""), address, timeout=PATIENCE)
    try:
        body = connection.request("GET", "/health/ready").body
    finally:
        connection.close()
    part = body.get("parts", {}).get("database") if isinstance(body, dict) else None
    return part if isinstance(part, dict) else None
